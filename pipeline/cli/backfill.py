"""`wirebeam backfill`: the past into the tables, from archives."""

import contextlib
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.run_feeds import chosen_sinks, http_config, opened_sinks, own_sink, read_config
from pipeline.cli.stopping import stop_signals
from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error, usage_errors
from pipeline.formats import TimeMeant
from pipeline.logs import LogForm, configure

if TYPE_CHECKING:
    from pipeline.backfill import Filters, Progress, Report
    from pipeline.config import Config
    from pipeline.data_directory import RunnerLock
    from pipeline.engine import Settings
    from pipeline.sinks.base import Sink
    from pipeline.sources.base import Source
    from transforms.web.messages import HttpConfig

RAW = "raw:"
OUTBOX_LIMIT = 200_000  # rows that a sink may lack before the backfill waits for it


def backfill(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="WARC files, lists of URLs, sitemaps, feeds, pages kept as HTML or JSONL; folders of these, patterns, "
            "s3: and gs: paths, http(s) addresses of sitemaps and feeds; raw: and dead-letters: for our own.",
        ),
    ],
    config: Annotated[  # noqa: ARG001  # its callback reads it, before the other options
        Path | None,
        typer.Option(
            callback=read_config,
            is_eager=True,
            help="A file of options and sinks; wirebeam.toml in the working directory, if it is there.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[Path, typer.Option(help="Where state and warehouse are kept.")] = Path("wirebeam-data"),
    sink: Annotated[
        list[str] | None, typer.Option(help="Where rows go, as for `wirebeam run`; not beside a run, which delivers.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only what is of this time or later: 2026-03-01, 30d.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what is of before this time.")] = None,
    by: Annotated[
        TimeMeant, typer.Option(help="Which time --since and --until mean: of the capture, or of publication.")
    ] = TimeMeant.CAPTURED,
    host: Annotated[list[str] | None, typer.Option(help="Only of this host and those under it.")] = None,
    lang: Annotated[list[str] | None, typer.Option(help="Only in this language, e.g. en.")] = None,
    match: Annotated[str | None, typer.Option(help="Only if this regular expression is found in the address.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many records that are wanted.")] = None,
    sample: Annotated[str, typer.Option(help="A share of the articles, the same each time: 1%.")] = "100%",
    reextract: Annotated[
        bool, typer.Option("--reextract", help="With raw: extract kept pages again, once per version of the extractor.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and estimate; change nothing.")] = False,
    raw: Annotated[
        Path | None, typer.Option(help="Where fetched pages are kept as WARC, and read from by raw:.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that extract; 0 for one per core.")] = 0,
    allow_net: Annotated[
        list[str] | None, typer.Option(help="A network (CIDR) that may be reached though it is private.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Mail or URL by which a site can reach you; part of the User-Agent.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Downloads in flight.")] = 32,
    host_delay: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds between two requests to one host.")
    ] = 1.0,
    runner: Annotated[
        str | None,
        typer.Option(
            help="As one job there: FlinkRunner, DataflowRunner, PrismRunner; DirectRunner for in this process. "
            "Its options, and Beam's, stand beside ours as --name=value.",
            show_default=False,
        ),
    ] = None,
    log: Annotated[LogForm, typer.Option(help="How events are written to standard error.")] = LogForm.CONSOLE,
) -> None:
    """Bring the past into the same tables, by the same graph and with the same ids.

    Run again, or beside `wirebeam run`, it changes nothing that is there. Stopped or killed, it goes on where it was.
    """
    configure(log)
    filters = _filters(since, until, by, host, lang, match, limit, sample)
    with usage_errors():
        http = http_config(contact, allow_net, concurrency, host_delay)
    options = [each for each in sources if each.startswith("-")]  # an option that we do not know comes as an argument
    if options and runner is None:
        fail(f"no such option: {options[0]}; those of a runner need --runner", USAGE)
    sources = [each for each in sources if not each.startswith("-")]
    if not sources:
        fail("no source is named", USAGE)
    from pipeline.cluster import ClusterError
    from pipeline.data_directory import DataDirectoryError
    from pipeline.engine import Settings
    from pipeline.raw_archive import RawArchiveError
    from pipeline.sinks.base import SinkError
    from pipeline.sources.base import SourceError
    from pipeline.state import StateError

    try:
        opened = _open(data, sources, http, workers, raw, is_reextraction=reextract)
        if dry_run:
            _survey(data, opened, filters, workers)
            return
        settings = Settings(http=http, workers=workers, outbox_limit=OUTBOX_LIMIT, wanted=filters.wanted, raw=raw)
        if runner is None:
            report = _run(data, opened, sink, context.obj, settings, filters)
        else:
            report = _run_on(runner, options, data, opened, sink, context.obj, settings, filters)
    except (ClusterError, DataDirectoryError, StateError, SinkError, SourceError, RawArchiveError) as error:
        fail(str(error), FAULT)
    _print(report)
    for error_text in (*report.failed, *report.sinks_failed.values()):
        say_error(error_text)
    if report.is_stopped:
        say_error("stopped before the end: run it again to go on where it was")
    if report.failed or report.sinks_failed:
        raise typer.Exit(FAULT)


def _run(
    data: Path,
    opened: "Sequence[Source]",
    sink: Sequence[str] | None,
    config: "Config",
    settings: "Settings",
    filters: "Filters",
) -> "Report":
    """Do it, in the role that is free."""
    from pipeline.backfill import backfill as run_backfill
    from pipeline.data_directory import BackfillLock

    lock = BackfillLock(data)
    runner = _runner(data, sink)
    sinks: list[Sink] = []
    if runner:
        sinks, terms = opened_sinks(chosen_sinks(sink, config) or (own_sink(data),))
        settings = dataclasses.replace(settings, terms=terms)
    with stop_signals() as stop, _progress() as on_progress:
        report = run_backfill(
            data, opened, sinks, settings, filters, on_progress=on_progress, should_stop=stop.is_asked
        )
    where = ", ".join(each.uri for each in sinks)
    console().print(f"rows are in {where}" if runner else "the run in this data directory delivers", soft_wrap=True)
    if runner:
        runner.release()
    lock.release()
    return report


def _run_on(
    runner: str,
    options: Sequence[str],
    data: Path,
    opened: "Sequence[Source]",
    sink: Sequence[str] | None,
    config: "Config",
    settings: "Settings",
    filters: "Filters",
) -> "Report":
    """Do it as a job, which has no data directory: it knows nothing of what was taken in before."""
    from pipeline.backfill_job import backfill_on
    from pipeline.cluster import Cluster
    from pipeline.sinks.rules import EVERYTHING
    from pipeline.sources.dead_letters import DeadLetterSource
    from transforms.web.urls import redact

    if settings.raw:
        fail("--raw: the workers of a runner keep no pages", USAGE)
    if any(isinstance(source, DeadLetterSource) for source in opened):
        fail("dead-letters: lie in the data directory, which the workers of a runner do not read", USAGE)
    wanted = chosen_sinks(sink, config) or (own_sink(data),)
    if any(each.terms.rules != EVERYTHING for each in wanted):
        fail("a sink has rules in the configuration file, which a job on a runner does not follow", USAGE)
    report = backfill_on(
        Cluster(runner=runner, options=options), opened, [each.uri for each in wanted], settings, filters
    )
    console().print(f"rows are in {', '.join(redact(each.uri) for each in wanted)}", soft_wrap=True)
    return report


def _filters(
    since: str | None,
    until: str | None,
    by: TimeMeant,
    host: Sequence[str] | None,
    lang: Sequence[str] | None,
    match: str | None,
    limit: int | None,
    sample: str,
) -> "Filters":
    """What is asked for."""
    import re

    from pipeline.backfill import Filters
    from pipeline.durations import read_since
    from transforms.outcomes import utc_now
    from transforms.wanted import Wanted

    now = utc_now()
    with usage_errors("--since"):
        start = read_since(since, now) if since else None
    with usage_errors("--until"):
        end = read_since(until, now) if until else None
    with usage_errors("--sample"):
        share = _share(sample)
    try:
        pattern = re.compile(match) if match else None
    except re.error as error:
        fail(f"--match: {match!r} is no regular expression: {error}", USAGE)
    is_captured = by is TimeMeant.CAPTURED
    return Filters(
        since=start if is_captured else None,
        until=end if is_captured else None,
        hosts=frozenset(each.lower().removeprefix("www.") for each in host or ()),
        match=pattern,
        sample=share,
        limit=limit,
        wanted=Wanted(
            languages=frozenset(each.lower() for each in lang or ()),
            published_since=None if is_captured else start,
            published_until=None if is_captured else end,
        ),
    )


def _share(text: str) -> float:
    """The share that `1%` means.

    Raises:
        ValueError: if it is none; the message says so.
    """
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 < share <= 1 or not text.strip().endswith("%"):
        raise ValueError(f"{text!r} is no share: 1% was expected")
    return share


def _open(
    data: Path, given: Sequence[str], http: "HttpConfig", workers: int, raw: Path | None, *, is_reextraction: bool
) -> "list[Source]":
    """The sources, in the order given."""
    from pipeline.sources import Means, open_sources
    from pipeline.sources.dead_letters import NAME, DeadLetterSource
    from pipeline.sources.raw import raw_sources
    from pipeline.sources.web import WebFetch
    from transforms.pool import Pool
    from transforms.shared import Shared
    from transforms.web.downloads import Downloads

    if is_reextraction and any(each != RAW for each in given):
        fail("--reextract: only kept pages (raw:) can be extracted again", USAGE)
    means = Means(fetch=WebFetch(Shared(Downloads, (http,))), pool=Shared(Pool, (workers,)))
    opened: list[Source] = []
    # Files that stand together are opened together: the snapshots of one feed are one source.
    for own, group in itertools.groupby(given, key=lambda each: each if each in {RAW, NAME} else None):
        if own == NAME:
            opened.append(DeadLetterSource(data))
        elif own == RAW:
            for folder in [raw] if raw else _raw_folders(data):
                opened += raw_sources(folder, is_reextraction=is_reextraction)
        else:
            opened += open_sources(list(group), means)
    return opened


def _raw_folders(data: Path) -> list[Path]:
    """Where the runs of a data directory keep raw pages."""
    from pipeline.state import State

    with contextlib.closing(State(data)) as state:
        folders = state.raw_folders()
    if not folders:
        fail("raw: no run has kept pages here; name the archive by --raw", USAGE)
    return folders


def _runner(data: Path, sink: Sequence[str] | None) -> "RunnerLock | None":
    """The role of runner; None if a run has it, which delivers then."""
    from pipeline.data_directory import InUseError, RunnerLock

    try:
        return RunnerLock(data)
    except InUseError:
        if sink:
            fail("--sink: a run is going on in this data directory, and delivers to its own sinks", USAGE)
        return None


def _survey(data: Path, opened: "Sequence[Source]", filters: "Filters", workers: int) -> None:
    """Say what a backfill would do."""
    from pipeline.backfill import survey
    from transforms.pool import Pool
    from transforms.shared import Shared

    pool = Shared(Pool, (workers,)).get()
    found = survey(data, opened, filters, pool)
    out = console()
    out.print(f"{found.pages:,} pages ({found.page_bytes / 1e6:,.1f} MB) and {found.entries:,} entries to fetch")
    _print_refused(found.refused)
    if found.page_s is not None:
        seconds = found.pages * found.page_s / pool.workers
        out.print(
            f"a page takes {1000 * found.page_s:.1f} ms of a core to extract: "
            f"about {_time(seconds)} with {pool.workers} processes, and a third more for all the rest"
        )
    pool.close()


def _print(report: "Report") -> None:
    """What was done."""
    out = console()
    rate = report.taken / report.elapsed_s if report.elapsed_s else 0.0
    out.print(f"{report.taken:,} records taken in {_time(report.elapsed_s)} ({rate:,.1f} a second)")
    for outcome, count in sorted(report.outcomes.items()):
        out.print(f"  {count:>9,} {outcome}")
    _print_refused(report.refused)
    for place in report.damage:
        out.print(f"  damaged: {place}", soft_wrap=True, markup=False)


def _print_refused(refused: Counter[str]) -> None:
    """The records that did not enter, and why."""
    if not refused:
        return
    out = console()
    out.print(f"{refused.total():,} records did not enter:")
    for reason, count in sorted(refused.items()):
        out.print(f"  {count:>9,} {reason.replace('_', ' ')}")


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


@contextlib.contextmanager
def _progress() -> "Iterator[Callable[[Progress], None] | None]":
    """A bar that moves, where someone is looking; else nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=out, transient=True) as bars:
        bar = bars.add_task("reading", total=None)

        def show(progress: "Progress") -> None:
            report = progress.report
            rate = report.taken / progress.elapsed_s if progress.elapsed_s else 0.0
            ended = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.outcomes.items()))
            waiting = f", {progress.waiting:,} to fetch" if progress.waiting else ""
            bars.update(
                bar,
                description=f"{report.taken:,} taken ({rate:,.0f}/s), {report.refused.total():,} not{waiting}: {ended}",
                total=None if progress.share is None else 1.0,
                completed=progress.share or 0.0,
            )

        yield show
