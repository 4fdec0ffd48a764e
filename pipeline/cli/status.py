"""`wirebeam status`: how a data directory is, for a person or for a script."""

import datetime as dt
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.cli.terminal import USAGE, console, fail
from pipeline.formats import TableFormat

if TYPE_CHECKING:
    from pipeline.status import FeedStatus, Status

BACKFILLS_SHOWN = 5  # sources, the newest
LINES_LIMIT = 30  # feeds and gaps listed in the table format; JSON has all


def status(
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[TableFormat, typer.Option("--format", help="For a person, or for a script.")] = TableFormat.TABLE,
) -> None:
    """Say how things are, beside a run or without one: feeds, gaps, queue, outbox, sinks, rows."""
    from pipeline.ledger import LedgerError
    from pipeline.status import status as ask
    from transforms.outcomes import utc_now

    try:
        found = ask(data, utc_now())
    except LedgerError as error:
        fail(str(error), USAGE)
    if form is TableFormat.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        _print(found)


def _print(found: "Status") -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    summary = Table(box=None, show_header=False, pad_edge=False)
    summary.add_column(style="bold", no_wrap=True)
    summary.add_column(overflow="fold")
    for name, words in _summary(found):
        summary.add_row(name, escape(words))
    out.print(summary)
    troubled = list(_troubles(found))
    if troubled:
        table = Table("feed", "is", "since", "why", title_justify="left")
        for row in troubled[:LINES_LIMIT]:
            table.add_row(*(escape(cell) for cell in row))
        out.print(table)
    if len(troubled) > LINES_LIMIT:
        out.print(f"and {len(troubled) - LINES_LIMIT} more: --format json has all")


def _summary(found: "Status") -> Iterator[tuple[str, str]]:
    from pipeline.status import GAPS_SHOWN, Condition

    def ago(moment: dt.datetime) -> str:
        return f"{_span(found.at - moment)} ago"

    yield "run", f"going on, process {found.runner}" if found.runner else "none is going on"
    yield "state", f"written {ago(found.written_at)}"
    conditions = Counter(feed.condition for feed in found.feeds)
    words = {
        Condition.HEALTHY: "healthy",
        Condition.FAILING: "failing",
        Condition.QUIET: "quiet longer than usual",
        Condition.NOT_POLLED: "not polled yet",
    }
    counts = [f"{conditions[one]} {words[one]}" for one in words if conditions[one]]
    yield "feeds", f"{len(found.feeds)}: {', '.join(counts)}" if counts else "none"
    yield "gaps", f"{len(found.gaps)} in {GAPS_SHOWN.days} days"
    since = found.queue_due_since
    due = f", {found.queue_due} of them due, the first for {_span(found.at - since)}" if since else ""
    yield "queue", f"{found.queue_entries} entries wait{due}"
    waiting = f", the oldest for {_span(found.at - found.outbox_since)}" if found.outbox_since else ""
    yield "outbox", f"{found.outbox_rows} rows wait{waiting}"
    if found.embargoed_rows:
        yield "embargo", f"{found.embargoed_rows} rows are held back from every sink"
    for sink in found.sinks:
        has = f"lacks {sink.rows_behind} rows" if sink.rows_behind else "has all rows"
        yield "sink", f"{sink.uri} {has}, last delivery {ago(sink.delivered_at)}"
    for read in found.backfills[-BACKFILLS_SHOWN:]:
        share = f"at {read.position / read.size:.0%}" if read.size else "not at its end"
        records = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(read.counts.items()))
        is_at = "done" if read.is_done else share
        yield "backfill", f"{read.source} {is_at}, {ago(read.changed_at)}: {records or 'no records'}"
    yield "rows", ", ".join(f"{number} {table}" for table, number in found.rows.items())


def _troubles(found: "Status") -> Iterator[tuple[str, str, str, str]]:
    """What a person should look at: name of the feed, what is with it, since when, why."""
    from pipeline.status import Condition

    for feed in found.feeds:
        since = f"{feed.since:%Y-%m-%d %H:%M}" if feed.since else ""
        if feed.condition is Condition.FAILING:
            yield _name(feed), f"failing, {feed.failures} in a row", since, _why(feed)
        elif feed.condition is Condition.QUIET:
            yield _name(feed), "quiet", since, "silent for longer than is usual for it"
    for gap in found.gaps:
        yield gap.url, "gap", f"{gap.polled_at:%Y-%m-%d %H:%M}", "no entry of the poll before was still there"


def _name(feed: "FeedStatus") -> str:
    return f"{feed.outlet} ({feed.url})" if feed.outlet else feed.url


def _why(feed: "FeedStatus") -> str:
    if feed.reason is None:
        return ""
    status_code = f" {feed.http_status}" if feed.http_status else ""
    detail = f": {feed.detail}" if feed.detail else ""
    return f"{feed.reason.replace('_', ' ')}{status_code}{detail}"


def _span(span: dt.timedelta) -> str:
    """A span of time in its largest unit, as a person says it."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
