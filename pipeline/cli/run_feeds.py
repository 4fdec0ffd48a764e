"""`wirebeam run`: from feeds to the warehouse."""

import contextlib
import ipaddress
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error

if TYPE_CHECKING:
    from pipeline.feedlist import FeedSetting
    from pipeline.live import FeedCount, Progress, RunReport

INITIAL = re.compile(r"all|none|newest:([1-9]\d{0,5})")


def run(
    feeds: Annotated[list[str], typer.Argument(help="OPML, TOML or text files of feeds, or feed URLs.")],
    once: Annotated[bool, typer.Option("--once", help="Poll every feed once, bring everything home, and end.")] = False,
    data: Annotated[Path, typer.Option(help="Where state and warehouse are kept.")] = Path("wirebeam-data"),
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Where rows go, instead of the data directory's own warehouse: iceberg:DIR, jsonl:DIR."),
    ] = None,
    allow_net: Annotated[
        list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")
    ] = None,
    initial: Annotated[
        str, typer.Option(help="What to take of a feed seen for the first time: all, none, or newest:N.")
    ] = "all",
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Downloads in flight.")] = 32,
    host_delay: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds between two requests to one host.")
    ] = 1.0,
) -> None:
    """Poll feeds, fetch their pages, and write one row per article that is new or has changed."""
    if not once:
        fail("only single runs are built so far: add --once", USAGE)
    newest = _newest(initial)
    _check_networks(allow_net or ())

    from pipeline.data_directory import DataDirectoryError, RunnerLock, warehouse_of
    from pipeline.live import run_once
    from pipeline.sinks import open_sink
    from pipeline.sinks.base import SinkError
    from pipeline.state import StateError
    from transforms.web.messages import HttpConfig

    settings = _read_feeds(feeds)
    if contact is None and any(not _is_loopback(setting.request_url) for setting in settings):
        say_error("no --contact given: sites cannot tell who polls them")
    http = HttpConfig(
        contact=contact, allow_net=tuple(allow_net or ()), concurrency=concurrency, host_delay_s=host_delay
    )
    try:
        lock = RunnerLock(data)
        sinks = [open_sink(uri) for uri in sink or [f"iceberg:{warehouse_of(data)}"]]
        with _progress() as on_progress, _stop_signals() as stop:
            report = run_once(
                data,
                [(setting.feed, setting.request_url) for setting in settings],
                sinks,
                http,
                initial=newest,
                on_progress=on_progress,
                should_stop=stop.is_asked,
            )
        lock.release()
    except (DataDirectoryError, StateError, SinkError) as error:
        fail(str(error), FAULT)
    print_report(report)
    console().print("rows are in " + ", ".join(opened.uri for opened in sinks), soft_wrap=True)
    if stop.is_asked():
        say_error("stopped before the end: run it again to go on where it was")
    for error_text in report.sinks_failed.values():
        say_error(f"{error_text}; its rows wait in {data} for the next run")
    if report.sinks_failed:
        raise typer.Exit(FAULT)


def print_report(report: "RunReport") -> None:
    """What was done, a line per feed."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="feeds", title_justify="left")
    table.add_column("feed", overflow="fold")
    table.add_column("polled")
    for name in ("new", "published", "revised", "unchanged", "copies", "dropped", "failed"):
        table.add_column(name, justify="right")
    total = [0] * 7
    for count in report.feeds.values():
        numbers = [
            count.new,
            count.outcomes["published"],
            count.outcomes["revised"],
            count.outcomes["unchanged"],
            count.copies,
            count.outcomes["dropped"],
            count.outcomes["failed"] + count.outcomes["dead"],
        ]
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        table.add_row(escape(_name(count)), escape(_polled(count)), *(str(number) for number in numbers))
    table.add_section()
    table.add_row(f"{len(report.feeds)} feeds", "", *(str(number) for number in total))
    out = console()
    out.print(table)
    from_feed = sum(count.from_feed for count in report.feeds.values())
    if from_feed:
        out.print(f"{from_feed} of these articles hold the feed's own text, since their page could not be had or read.")


def _newest(initial: str) -> int | None:
    """How many of a new feed's newest entries to take, None for all."""
    matched = INITIAL.fullmatch(initial)
    if not matched:
        fail(f"--initial {initial}: not all, none or newest:N", USAGE)
    return {"all": None, "none": 0}.get(initial, int(matched[1] or 0))


def _check_networks(networks: Sequence[str]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            fail(f"--allow-net: {error}", USAGE)


def _read_feeds(arguments: Sequence[str]) -> "Sequence[FeedSetting]":
    """The feeds to poll; what is wrong with the lists is said, and the rest goes on."""
    from pipeline.feedlist import FeedListError, read_feeds
    from transforms.outcomes import utc_now

    try:
        feed_list = read_feeds(arguments, valid_from=utc_now())
    except FeedListError as error:
        fail(str(error), USAGE)
    for problem in feed_list.problems:
        say_error(str(problem))
    if not feed_list.feeds:
        fail("no feed to poll", USAGE)
    return feed_list.feeds


def _name(count: "FeedCount") -> str:
    url = count.feed.url.removeprefix("https://").removeprefix("http://")
    return f"{count.feed.outlet} ({url})" if count.feed.outlet else url


def _polled(count: "FeedCount") -> str:
    poll = count.poll
    if poll is None:
        return "not yet"
    if poll.reason is None:
        return poll.status.replace("_", " ")
    status = f" {poll.http_status}" if poll.http_status and poll.http_status != 200 else ""  # HTTP OK
    return f"{poll.status.replace('_', ' ')}: {poll.reason.replace('_', ' ')}{status}"


@contextlib.contextmanager
def _progress() -> "Iterator[Callable[[Progress], None] | None]":
    """A line that moves, where someone is looking; else nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    with out.status("polling") as line:

        def show(progress: "Progress") -> None:
            line.update(
                f"{progress.feeds_left} feeds to poll, {progress.entries_left} entries to go, "
                f"{progress.entries_done} done"
            )

        yield show


class _Stop:
    """Whether someone asked the run to stop; asked twice, the process ends at once and loses nothing."""

    def __init__(self) -> None:
        self._asked = False

    def is_asked(self) -> bool:
        return self._asked

    def ask(self, signal_number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + signal_number)
        self._asked = True


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
