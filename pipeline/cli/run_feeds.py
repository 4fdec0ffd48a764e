"""`wirebeam run`: from feeds to the warehouse."""

import contextlib
import ipaddress
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error
from pipeline.durations import parse_duration
from pipeline.logs import LogForm, configure

if TYPE_CHECKING:
    import datetime as dt

    from pipeline.feed_source import FeedLists
    from pipeline.live import FeedCount, Progress, RunReport, Settings
    from pipeline.sinks.base import Sink
    from transforms.schedule import Limits
    from transforms.web.messages import HttpConfig


INITIAL = re.compile(r"all|none|newest:([1-9]\d{0,5})")


Feeds = Annotated[
    list[str] | None,
    typer.Argument(help="OPML, TOML or text files of feeds, or feed URLs; beside those of `wirebeam feeds add`."),
]
Data = Annotated[Path, typer.Option(help="Where state and warehouse are kept.")]
AllowNet = Annotated[list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")]
Contact = Annotated[str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")]
Initial = Annotated[str, typer.Option(help="What to take of a feed seen for the first time: all, none, or newest:N.")]
Concurrency = Annotated[int, typer.Option(min=1, max=1000, help="Downloads in flight.")]
HostDelay = Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds between two requests to one host.")]
StopAfter = Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, e.g. 8h.")]
MinInterval = Annotated[str, typer.Option(help="The shortest time between two polls of a feed.")]
MaxInterval = Annotated[str, typer.Option(help="The longest time between two polls of a feed.")]
Interval = Annotated[str | None, typer.Option(help="The same time between polls for every feed.")]
Flush = Annotated[str, typer.Option(help="The longest that rows wait for others to join their delivery.")]
OutboxLimit = Annotated[int, typer.Option(min=1, help="Rows that a sink may lack before polling pauses.")]
MetricsAt = Annotated[str | None, typer.Option(help="Serve Prometheus metrics, /healthz and /readyz at HOST:PORT.")]
Log = Annotated[LogForm, typer.Option(help="How events are written to standard error.")]

A_MILLION = 1_000_000


def run(
    feeds: Feeds = None,
    once: Annotated[bool, typer.Option("--once", help="Poll every feed once, bring everything home, and end.")] = False,
    data: Data = Path("wirebeam-data"),
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Where rows go, instead of the data directory's own warehouse: iceberg:DIR, jsonl:DIR."),
    ] = None,
    allow_net: AllowNet = None,
    contact: Contact = None,
    initial: Initial = "all",
    concurrency: Concurrency = 32,
    host_delay: HostDelay = 1.0,
    stop_after: StopAfter = None,
    min_interval: MinInterval = "5m",
    max_interval: MaxInterval = "6h",
    interval: Interval = None,
    revisit: Annotated[
        str, typer.Option(help="Ages at which a published page is looked at again; none for never.")
    ] = "3h,24h",
    flush: Flush = "30s",
    outbox_limit: OutboxLimit = A_MILLION,
    metrics: MetricsAt = None,
    log: Log = LogForm.CONSOLE,
) -> None:
    """Poll feeds, fetch their pages, and write one row per article that is new or has changed.

    Runs until it is stopped (SIGTERM or Ctrl-C; a second one ends it at once and loses nothing), or once with --once.
    """
    from pipeline.data_directory import warehouse_of
    from pipeline.live import Settings
    from transforms.visits import SINGLE_RUN, Policy

    configure(log)
    with _usage_errors():
        settings = Settings(
            http=_http(contact, allow_net, concurrency, host_delay),
            initial=_newest(initial),
            limits=None if once else _limits(min_interval, max_interval, interval),
            policy=SINGLE_RUN if once else Policy(revisits=_ages(revisit)),
            flush_s=parse_duration(flush).total_seconds(),
            outbox_limit=outbox_limit,
        )
        time_limit = parse_duration(stop_after) if stop_after else None
    _run(feeds, data, sink or [f"iceberg:{warehouse_of(data)}"], settings, contact, metrics, time_limit)


def poll(
    feeds: Feeds = None,
    to: Annotated[list[str] | None, typer.Option(help="Where entries go: jsonl:DIR.")] = None,
    data: Data = Path("wirebeam-data"),
    allow_net: AllowNet = None,
    contact: Contact = None,
    initial: Initial = "all",
    concurrency: Concurrency = 32,
    host_delay: HostDelay = 1.0,
    stop_after: StopAfter = None,
    min_interval: MinInterval = "5m",
    max_interval: MaxInterval = "6h",
    interval: Interval = None,
    flush: Flush = "30s",
    outbox_limit: OutboxLimit = A_MILLION,
    metrics: MetricsAt = None,
    log: Log = LogForm.CONSOLE,
) -> None:
    """Poll feeds as `run` does, and hand their new and changed entries on instead of fetching pages."""
    from pipeline.live import Settings

    configure(log)
    if not to:
        fail("--to is needed: where the entries go", USAGE)
    with _usage_errors():
        settings = Settings(
            http=_http(contact, allow_net, concurrency, host_delay),
            initial=_newest(initial),
            limits=_limits(min_interval, max_interval, interval),
            flush_s=parse_duration(flush).total_seconds(),
            outbox_limit=outbox_limit,
            ends_after_poll=True,
        )
        time_limit = parse_duration(stop_after) if stop_after else None
    _run(feeds, data, to, settings, contact, metrics, time_limit)


def _run(
    feeds: list[str] | None,
    data: Path,
    uris: Sequence[str],
    settings: "Settings",
    contact: str | None,
    address: str | None,
    time_limit: "dt.timedelta | None",
) -> None:
    """Run once or always, as `settings` say; say what went wrong."""
    from pipeline.data_directory import DataDirectoryError, RunnerLock
    from pipeline.feed_source import FeedLists
    from pipeline.metrics import MetricsError
    from pipeline.sinks import open_sink
    from pipeline.sinks.base import SinkError
    from pipeline.state import StateError

    is_once = settings.limits is None
    source = FeedLists(feeds or (), data)
    _check_feeds(source, contact, may_be_empty=not is_once)
    try:
        lock = RunnerLock(data)
        sinks = [open_sink(uri) for uri in uris]
        if settings.ends_after_poll and not all(sink.takes_entries for sink in sinks):
            fail("--to: a warehouse takes no entries; use jsonl:DIR", USAGE)
        with _stop_signals() as stop:
            if is_once:
                failed = _run_once(data, source, sinks, settings, stop)
            else:
                failed = _run_always(data, source, sinks, settings, stop, address, time_limit)
        lock.release()
    except (DataDirectoryError, StateError, SinkError, MetricsError) as error:
        fail(str(error), FAULT)
    for error_text in failed.values():
        say_error(f"{error_text}; its rows wait in {data} for the next run")
    if failed:
        raise typer.Exit(FAULT)


def _http(contact: str | None, allow_net: list[str] | None, concurrency: int, host_delay: float) -> "HttpConfig":
    from transforms.web.messages import HttpConfig

    return HttpConfig(
        contact=contact, allow_net=tuple(allow_net or ()), concurrency=concurrency, host_delay_s=host_delay
    )


def _run_once(
    data: Path, source: "FeedLists", sinks: "Sequence[Sink]", settings: "Settings", stop: "_Stop"
) -> Mapping[str, str]:
    """One run with its report; which sinks could not take all."""
    from pipeline.live import run_once

    with _progress() as on_progress:
        report = run_once(data, source.feeds(), sinks, settings, on_progress=on_progress, should_stop=stop.is_asked)
    print_report(report)
    console().print("rows are in " + ", ".join(sink.uri for sink in sinks), soft_wrap=True)
    if stop.is_asked():
        say_error("stopped before the end: run it again to go on where it was")
    return report.sinks_failed


def _run_always(
    data: Path,
    source: "FeedLists",
    sinks: "Sequence[Sink]",
    settings: "Settings",
    stop: "_Stop",
    address: str | None,
    time_limit: "dt.timedelta | None",
) -> Mapping[str, str]:
    """Run until told to stop; which sinks could not take all."""
    from pipeline.live import run_always
    from pipeline.metrics import Metrics, serve
    from transforms.outcomes import utc_now

    metrics = Metrics()
    with serve(metrics, address) if address else contextlib.nullcontext():
        until = utc_now() + time_limit if time_limit else None
        return run_always(data, source, sinks, settings, stop.wait, metrics=metrics, until=until)


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


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Whatever option makes no sense ends the command with one clear line."""
    try:
        yield
    except ValueError as error:
        fail(str(error), USAGE)


def _newest(initial: str) -> int | None:
    """How many of a new feed's newest entries to take, None for all."""
    matched = INITIAL.fullmatch(initial)
    if not matched:
        raise ValueError(f"--initial {initial}: not all, none or newest:N")
    return {"all": None, "none": 0}.get(initial, int(matched[1] or 0))


def _limits(shortest: str, longest: str, fixed: str | None) -> "Limits":
    from transforms.schedule import Limits

    return Limits(
        min_interval_s=parse_duration(shortest).total_seconds(),
        max_interval_s=parse_duration(longest).total_seconds(),
        fixed_s=parse_duration(fixed).total_seconds() if fixed else None,
    )


def _ages(revisit: str) -> "tuple[dt.timedelta, ...]":
    """The ages that --revisit names, which must rise."""
    ages = () if revisit == "none" else tuple(parse_duration(age) for age in revisit.split(","))
    if list(ages) != sorted(set(ages)):
        raise ValueError(f"--revisit {revisit}: each age must be longer than the one before it")
    return ages


def _check_feeds(source: "FeedLists", contact: str | None, *, may_be_empty: bool) -> None:
    """Say what is wrong with the feeds; the rest goes on, if there is a rest."""
    from pipeline.feedlist import FeedListError

    try:
        feed_list = source.read()
    except FeedListError as error:
        fail(str(error), USAGE)
    for problem in feed_list.problems:
        say_error(str(problem))
    if not feed_list.feeds and not may_be_empty:
        fail("no feed to poll", USAGE)
    if not feed_list.feeds:
        say_error("no feed to poll yet: add one with `wirebeam feeds add`")
    if contact is None and any(not _is_loopback(setting.request_url) for setting in feed_list.feeds):
        say_error("no --contact given: sites cannot tell who polls them")


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
        self._asked = threading.Event()

    def is_asked(self) -> bool:
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        return self._asked.wait(seconds)

    def ask(self, signal_number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            os._exit(128 + signal_number)
        self._asked.set()


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
