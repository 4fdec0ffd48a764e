"""`wirebeam run`: from feeds to the warehouse."""

import contextlib
import dataclasses
import functools
import inspect
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import structlog
import typer

from pipeline.cli.stopping import Stop, stop_signals
from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error, usage_errors
from pipeline.durations import parse_duration
from pipeline.logs import LogForm, configure

if TYPE_CHECKING:
    import datetime as dt

    from pipeline.config import Config, SinkConfig
    from pipeline.deliver import Terms
    from pipeline.engine import Settings
    from pipeline.feed_source import FeedLists
    from pipeline.intake import PubSubIntake
    from pipeline.live import FeedCount, Progress, RunReport
    from pipeline.sinks.base import Sink
    from transforms.schedule import Limits
    from transforms.web.messages import HttpConfig


def read_config(context: typer.Context, given: Path | None) -> Path | None:
    """Read the configuration file before the other options: what it says stands in for those that are not given."""
    from pipeline.config import ConfigError, find_config

    if context.resilient_parsing:  # a shell asks for completions
        return given
    try:
        context.obj = find_config(given)
    except ConfigError as error:
        fail(str(error), USAGE)
    context.default_map = context.obj.options
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `run` and `poll` are told alike: each field is an option of both, and a key of the configuration file."""

    feeds: Annotated[
        list[str] | None,
        typer.Argument(help="OPML, TOML or text files of feeds, or feed URLs; beside those of `wirebeam feeds add`."),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            callback=read_config,
            is_eager=True,
            help="A file of options and sinks; wirebeam.toml in the working directory, if it is there.",
            show_default=False,
        ),
    ] = None
    data: Annotated[Path, typer.Option(help="Where state and warehouse are kept.")] = Path("wirebeam-data")
    allow_net: Annotated[
        list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")
    ] = None
    contact: Annotated[
        str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")
    ] = None
    initial: Annotated[
        str, typer.Option(help="What to take of a feed seen for the first time: all, none, or newest:N.")
    ] = "all"
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Downloads in flight.")] = 32
    host_delay: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds between two requests to one host.")
    ] = 1.0
    stop_after: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, e.g. 8h.")] = None
    min_interval: Annotated[str, typer.Option(help="The shortest time between two polls of a feed.")] = "5m"
    max_interval: Annotated[str, typer.Option(help="The longest time between two polls of a feed.")] = "6h"
    interval: Annotated[str | None, typer.Option(help="The same time between polls for every feed.")] = None
    flush: Annotated[str, typer.Option(help="The longest that rows wait for others to join their delivery.")] = "30s"
    outbox_limit: Annotated[int, typer.Option(min=1, help="Rows that a sink may lack before polling pauses.")] = (
        1_000_000
    )
    metrics: Annotated[
        str | None, typer.Option(help="Serve Prometheus metrics, /healthz and /readyz at HOST:PORT.")
    ] = None
    log: Annotated[LogForm, typer.Option(help="How events are written to standard error.")] = LogForm.CONSOLE


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a command: its options, and what only the configuration file can say."""

    options: Options
    config: "Config"

    def feeds(self) -> tuple[str, ...]:
        """Feed lists and feed URLs."""
        return tuple(self.options.feeds or self.config.feeds)

    def sinks(self, given: list[str] | None) -> "tuple[SinkConfig, ...]":
        """The sinks of the command line, else those of the file."""
        return chosen_sinks(given, self.config)


def _takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, whose first parameter is a `Call`, as typer reads one: with each of the `Options` as a parameter."""

    @functools.wraps(command)
    def called(context: typer.Context, **given: Any) -> None:
        options = Options(**{each.name: given.pop(each.name) for each in dataclasses.fields(Options)})
        configure(options.log)
        if context.obj.path:
            structlog.get_logger().info("configured", file=str(context.obj.path))
        command(Call(options, context.obj), **given)

    kind = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(each.name, kind, default=each.default, annotation=each.type)
        for each in dataclasses.fields(Options)
    ]
    _, *own = inspect.signature(command).parameters.values()
    context = inspect.Parameter("context", kind, annotation=typer.Context)
    parameters = [context, shared[0], *(each.replace(kind=kind) for each in own), *shared[1:]]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect.signature reads it
    return called


@_takes_options
def run(
    call: Call,
    once: Annotated[bool, typer.Option("--once", help="Poll every feed once, bring everything home, and end.")] = False,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Where rows go, instead of the data directory's own warehouse: iceberg:DIR, jsonl:DIR, ..."),
    ] = None,
    revisit: Annotated[
        str, typer.Option(help="Ages at which a published page is looked at again; none for never.")
    ] = "3h,24h",
    raw: Annotated[
        Path | None, typer.Option(help="A folder in which every fetched page is kept as it came, as WARC.")
    ] = None,
    raw_keep: Annotated[
        str | None, typer.Option(help="How long raw pages are kept, e.g. 90d; for ever without it.")
    ] = None,
    subscription: Annotated[
        str | None, typer.Option("--from", help="Take entries from here too: pubsub:projects/P/subscriptions/S.")
    ] = None,
) -> None:
    """Poll feeds, fetch their pages, and write one row per article that is new or has changed.

    Runs until it is stopped (SIGTERM or Ctrl-C; a second one ends it at once and loses nothing), or once with --once.
    """
    from pipeline.config import ages
    from transforms.visits import SINGLE_RUN, Policy

    with usage_errors("--revisit"):
        policy = SINGLE_RUN if once else Policy(revisits=ages(revisit))
    if subscription and once:
        fail("--from: a subscription has no end; leave --once away, and say --for TIME", USAGE)
    with usage_errors("--raw-keep"):
        keep = parse_duration(raw_keep) if raw_keep else None
    settings = dataclasses.replace(_settings(call.options, is_once=once), policy=policy, raw=raw, raw_keep=keep)
    intake = _opened_intake(subscription, settings.workers) if subscription else None
    _run(call, call.sinks(sink) or (own_sink(call.options.data),), settings, intake)


@_takes_options
def poll(
    call: Call,
    to: Annotated[list[str] | None, typer.Option(help="Where entries go: jsonl:DIR.")] = None,
) -> None:
    """Poll feeds as `run` does, and hand their new and changed entries on instead of fetching pages."""
    sinks = call.sinks(to)
    if not sinks:
        fail("--to is needed: where the entries go", USAGE)
    _run(call, sinks, dataclasses.replace(_settings(call.options, is_once=False), ends_after_poll=True))


def _settings(options: Options, *, is_once: bool) -> "Settings":
    """How to run, from what both commands are told."""
    from pipeline.config import newest
    from pipeline.engine import Settings

    with usage_errors("--initial"):
        initial = newest(options.initial)
    with usage_errors("--flush"):
        flush = parse_duration(options.flush)
    with usage_errors():
        return Settings(
            http=http_config(options.contact, options.allow_net, options.concurrency, options.host_delay),
            initial=initial,
            limits=None if is_once else _limits(options),
            flush_s=flush.total_seconds(),
            outbox_limit=options.outbox_limit,
        )


def subscription_in(uri: str) -> str:
    """The name of the subscription in `pubsub:projects/P/subscriptions/S`; for anything else the command ends."""
    form = re.fullmatch(r"pubsub:(projects/[^/]+/subscriptions/[^/]+)", uri)
    if not form:
        fail(f"--from: not pubsub:projects/P/subscriptions/S: {uri}", USAGE)
    return form[1]


def _opened_intake(uri: str, workers: int) -> "PubSubIntake":
    """The subscription that entries are taken from; without it, the command ends in words."""
    from transforms.pool import Pool
    from transforms.shared import Shared

    name = subscription_in(uri)
    try:
        from pipeline.intake import IntakeError, PubSubIntake
    except ImportError as error:
        fail(f"{uri}: needs pip install 'wirebeam[gcp]' ({error})", USAGE)
    try:
        return PubSubIntake(name, Shared(Pool, (workers,)))
    except IntakeError as error:
        fail(str(error), FAULT)


def _run(
    call: Call, wanted: "Sequence[SinkConfig]", settings: "Settings", intake: "PubSubIntake | None" = None
) -> None:
    """Run once or always, as `settings` say; say what went wrong."""
    from pipeline.data_directory import DataDirectoryError, RunnerLock
    from pipeline.feed_source import FeedLists
    from pipeline.metrics import MetricsError
    from pipeline.raw_archive import RawArchiveError
    from pipeline.sinks.base import SinkError
    from pipeline.state import StateError

    options, is_once = call.options, settings.limits is None
    with usage_errors("--for"):
        time_limit = parse_duration(options.stop_after) if options.stop_after else None
    source = FeedLists(call.feeds(), options.data)
    _check_feeds(source, options.contact, may_be_empty=not is_once, has_intake=intake is not None)
    try:
        lock = RunnerLock(options.data)
        sinks, terms = opened_sinks(wanted)
        if settings.ends_after_poll and not all(sink.takes_entries for sink in sinks):
            fail("--to: a warehouse takes no entries; use jsonl:DIR", USAGE)
        settings = dataclasses.replace(settings, terms=terms)
        with stop_signals() as stop:
            if is_once:
                failed = _run_once(options.data, source, sinks, settings, stop)
            else:
                failed = _run_always(options.data, source, sinks, settings, stop, options.metrics, time_limit, intake)
        lock.release()
    except (DataDirectoryError, StateError, SinkError, MetricsError, RawArchiveError) as error:
        fail(str(error), FAULT)
    for error_text in failed.values():
        say_error(f"{error_text}; its rows wait in {options.data} for the next run")
    if failed:
        raise typer.Exit(FAULT)


def chosen_sinks(given: "Sequence[str] | None", config: "Config") -> "tuple[SinkConfig, ...]":
    """The sinks of the command line, which take everything; else those of the file."""
    from pipeline.config import SinkConfig
    from pipeline.deliver import Terms

    return tuple(SinkConfig(uri=uri, terms=Terms()) for uri in given or ()) or config.sinks


def opened_sinks(wanted: "Sequence[SinkConfig]") -> "tuple[list[Sink], dict[str, Terms]]":
    """The sinks, and the terms of each by its URI.

    Raises:
        SinkError: one cannot be opened.
    """
    from pipeline.sinks import open_sink

    sinks = [open_sink(each.uri) for each in wanted]
    terms = {sink.uri: each.terms for sink, each in zip(sinks, wanted, strict=True)}
    if len(terms) < len(sinks):
        fail(f"a sink is named twice: {', '.join(sink.uri for sink in sinks)}", USAGE)
    return sinks, terms


def own_sink(data: Path) -> "SinkConfig":
    """The data directory's own warehouse, for want of another sink."""
    from pipeline.config import SinkConfig
    from pipeline.data_directory import warehouse_of
    from pipeline.deliver import Terms

    return SinkConfig(uri=f"iceberg:{warehouse_of(data)}", terms=Terms())


def http_config(
    contact: str | None, allow_net: Sequence[str] | None, concurrency: int, host_delay_s: float
) -> "HttpConfig":
    """How pages are downloaded.

    Raises:
        ValueError: a network cannot be read.
    """
    from transforms.web.messages import HttpConfig

    return HttpConfig(
        contact=contact, allow_net=tuple(allow_net or ()), concurrency=concurrency, host_delay_s=host_delay_s
    )


def _run_once(
    data: Path, source: "FeedLists", sinks: "Sequence[Sink]", settings: "Settings", stop: Stop
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
    stop: Stop,
    address: str | None,
    time_limit: "dt.timedelta | None",
    intake: "PubSubIntake | None",
) -> Mapping[str, str]:
    """Run until told to stop; which sinks could not take all."""
    from pipeline.live import run_always
    from pipeline.metrics import Metrics, serve
    from transforms.outcomes import utc_now

    metrics = Metrics()
    with serve(metrics, address) if address else contextlib.nullcontext():
        until = utc_now() + time_limit if time_limit else None
        return run_always(data, source, sinks, settings, stop.wait, intake=intake, metrics=metrics, until=until)


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


def _limits(options: Options) -> "Limits":
    from transforms.schedule import Limits

    return Limits(
        min_interval_s=parse_duration(options.min_interval).total_seconds(),
        max_interval_s=parse_duration(options.max_interval).total_seconds(),
        fixed_s=parse_duration(options.interval).total_seconds() if options.interval else None,
    )


def _check_feeds(source: "FeedLists", contact: str | None, *, may_be_empty: bool, has_intake: bool) -> None:
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
    if not feed_list.feeds and not has_intake:
        say_error("no feed to poll yet: add one with `wirebeam feeds add`")
    if contact is None and (has_intake or any(not _is_loopback(each.request_url) for each in feed_list.feeds)):
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


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
