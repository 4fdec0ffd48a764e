"""status: how a data directory is, beside a run or without one.

In: the data directory, read through its `Ledger`, and the time. Out: a `Status`. Nothing here writes.
"""

import datetime as dt
import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.backfill_store import Reached, all_reached
from pipeline.data_directory import LOCK_FILE
from pipeline.embargo import held_back
from pipeline.ledger import Ledger, LedgerError
from pipeline.logs import without_secrets
from pipeline.state import FILE_NAME, outbox_since
from schemas import codec, ids
from schemas.enums import PollStatus, Reason
from schemas.records import Feed, PollState
from schemas.tables import TABLES

# What a feed's own rhythm is read from, see `is_quiet`.
HISTORY = dt.timedelta(days=42)  # six weeks: a weekly feed shows its rhythm
LEARNING = dt.timedelta(days=14)  # holds two weekends wherever it starts
LEARNING_DAYS = 5
PATIENCE = 2.0
LEAST_SILENCE = dt.timedelta(hours=2)

GAPS_SHOWN = dt.timedelta(days=7)
_FEEDS_AT_ONCE = 500  # of which the history is held in memory


def is_quiet(times_of_new_entries: Iterable[dt.datetime], now: dt.datetime) -> bool:
    """Whether a feed has brought nothing for longer than is usual for it.

    Usual is the second longest time that ever passed between two polls that brought something: nights and weekends are
    in it, while one outage that has passed is not. A feed is quiet when it has been silent for more than `PATIENCE`
    times that, and for more than `LEAST_SILENCE`. Before its times span `LEARNING` and fall on `LEARNING_DAYS`
    different days nothing is usual, and no feed is quiet.

    Args:
        times_of_new_entries: when polls brought new entries, in any order. Of several within one clock hour, the first
            and the last are enough: shorter gaps decide nothing, by the choice of `LEAST_SILENCE`.
        now: until when the feed was looked at.
    """
    times = sorted(times_of_new_entries)
    if len({moment.date() for moment in times}) < LEARNING_DAYS or times[-1] - times[0] < LEARNING:
        return False
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    return now - times[-1] > max(LEAST_SILENCE, PATIENCE * gaps[-2])


class Condition(StrEnum):
    """How a feed is."""

    HEALTHY = "healthy"
    QUIET = "quiet"  # longer than usual, see `is_quiet`
    FAILING = "failing"  # its last poll failed
    NOT_POLLED = "not_polled"  # never, so far


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """One feed."""

    feed_id: str
    url: str  # without credentials
    outlet: str | None
    condition: Condition
    since: dt.datetime | None = None  # the first failure in a row, or the last new entry of a quiet feed
    failures: int = 0  # in a row
    reason: Reason | None = None
    detail: str | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A poll after which entries may have been missed."""

    feed_id: str
    url: str
    polled_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """One sink that was ever delivered to."""

    uri: str
    rows_behind: int
    delivered_at: dt.datetime  # the last time


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a data directory is.

    Args:
        runner: process id of the run that is going on, None without one.
        written_at: when state.db was written last: the last commit or delivery.
        feeds: those that are polled.
        gaps: of the last `GAPS_SHOWN`, the newest first.
        queue_entries: entries without a terminal outcome, planned revisits and retries included.
        queue_due: those of them whose time has come.
        queue_due_since: since when the first of these has been due.
        outbox_rows: rows that at least one sink lacks.
        outbox_since: about when the oldest of them was committed.
        embargoed_rows: rows that wait for the end of an embargo.
        sinks: by name.
        backfills: how far each source was read that was touched in the last `GAPS_SHOWN`, the newest last.
        rows: of each table in the warehouse.
    """

    at: dt.datetime
    data: str
    runner: str | None
    written_at: dt.datetime
    feeds: tuple[FeedStatus, ...]
    gaps: tuple[Gap, ...]
    queue_entries: int
    queue_due: int
    queue_due_since: dt.datetime | None
    outbox_rows: int
    outbox_since: dt.datetime | None
    embargoed_rows: int
    sinks: tuple[SinkStatus, ...]
    backfills: tuple[Reached, ...]
    rows: dict[str, int]


def status(folder: Path, now: dt.datetime) -> Status:
    """How `folder` is at `now`.

    Raises:
        LedgerError: no run has left anything there, or it cannot be read; the message says why, for a person.
    """
    with Ledger(folder) as ledger:
        state = ledger.state
        if state is None:
            raise LedgerError(f"{folder}: no {FILE_NAME} here; `wirebeam run` makes one")
        runner, written_at = runner_of(folder), _written_at(folder)
        feeds = list(_feeds(ledger, state, now if runner else min(now, written_at)))
        urls = {feed.feed_id: feed.url for feed in feeds}
        queue_entries, queue_due, due_since = state.execute(
            "SELECT count(*), count(*) FILTER (WHERE due_at <= :now), min(due_at) FILTER (WHERE due_at <= :now)"
            " FROM queue",
            {"now": ids.micros(now)},
        ).fetchone()
        return Status(
            at=now,
            data=str(folder),
            runner=runner,
            written_at=written_at,
            feeds=tuple(feeds),
            gaps=tuple(_gaps(ledger, urls, now - GAPS_SHOWN)),
            queue_entries=queue_entries,
            queue_due=queue_due,
            queue_due_since=None if due_since is None else _moment(due_since),
            outbox_rows=state.execute("SELECT count(*) FROM outbox").fetchone()[0],
            outbox_since=outbox_since(state),
            embargoed_rows=len(held_back(state)),
            sinks=tuple(_sinks(state)),
            backfills=tuple(each for each in all_reached(state) if each.changed_at >= now - GAPS_SHOWN),
            rows={table: _count(ledger, table) for table in TABLES},
        )


def runner_of(folder: Path) -> str | None:
    """Process id of the run that holds the role of runner over `folder`; None without one."""
    try:
        with (folder / LOCK_FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
    except FileNotFoundError:
        pass
    return None


# ── the parts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _feeds(ledger: Ledger, state: sqlite3.Connection, looked_until: dt.datetime) -> Iterator[FeedStatus]:
    known = [
        (codec.decode(feed, Feed), codec.decode(memory, PollState))
        for feed, memory in state.execute("SELECT feed, state FROM feeds WHERE is_active ORDER BY feed_id")
    ]
    failures = _failures(ledger, {feed.feed_id: memory.failures for feed, memory in known if memory.failures})
    answering = [feed.feed_id for feed, memory in known if memory.polls and not memory.failures]
    quiet_since = dict(_quiet_feeds(ledger, answering, looked_until))
    for feed, memory in known:
        one = FeedStatus(feed_id=feed.feed_id, url=feed.url, outlet=feed.outlet, condition=Condition.HEALTHY)
        if memory.failures:
            # Without a row, which a sink of another kind took, only the number is known.
            found = failures.get(feed.feed_id, {})
            yield replace(one, condition=Condition.FAILING, failures=memory.failures, **found)
        elif not memory.polls:
            yield replace(one, condition=Condition.NOT_POLLED)
        elif feed.feed_id in quiet_since:
            yield replace(one, condition=Condition.QUIET, since=quiet_since[feed.feed_id])
        else:
            yield one


def _failures(ledger: Ledger, failures: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Since when and why feeds fail that have failed so many times in a row; every failed poll has a row."""
    found = ledger.ask(
        """
        SELECT feed_id, list(polled_at ORDER BY polled_at DESC) AS times,
               arg_max({'reason': reason, 'detail': detail, 'http_status': http_status}, polled_at) AS newest
        FROM (SELECT DISTINCT feed_id, polled_at, reason, detail, http_status FROM all_polls
              WHERE status = $failed AND list_contains($feeds, feed_id))
        GROUP BY feed_id
        """,
        {"failed": PollStatus.FAILED.value, "feeds": list(failures)},
    )
    return {
        row["feed_id"]: {
            "since": row["times"][min(failures[row["feed_id"]], len(row["times"])) - 1],
            "reason": row["newest"]["reason"] and Reason(row["newest"]["reason"]),
            "detail": row["newest"]["detail"],
            "http_status": row["newest"]["http_status"],
        }
        for row in found
    }


def _quiet_feeds(
    ledger: Ledger, feed_ids: Sequence[str], looked_until: dt.datetime
) -> Iterator[tuple[str, dt.datetime]]:
    """Those of the feeds that are quiet, each with the time of its last new entry."""
    for start in range(0, len(feed_ids), _FEEDS_AT_ONCE):
        found = ledger.ask(
            """
            SELECT feed_id, list(earliest) || list(latest) AS times FROM (
                SELECT feed_id, min(polled_at) AS earliest, max(polled_at) AS latest FROM all_polls
                WHERE entries_new > 0 AND polled_at > $since AND list_contains($feeds, feed_id)
                GROUP BY feed_id, date_trunc('hour', polled_at))
            GROUP BY feed_id
            """,
            {"since": looked_until - HISTORY, "feeds": list(feed_ids[start : start + _FEEDS_AT_ONCE])},
        )
        for row in found:
            if is_quiet(row["times"], looked_until):
                yield row["feed_id"], max(row["times"])


def _gaps(ledger: Ledger, urls: Mapping[str, str], since: dt.datetime) -> Iterator[Gap]:
    found = ledger.ask(
        "SELECT DISTINCT feed_id, polled_at FROM all_polls WHERE gap AND polled_at > $since ORDER BY polled_at DESC",
        {"since": since},
    )
    for row in found:
        if row["feed_id"] in urls:
            yield Gap(feed_id=row["feed_id"], url=urls[row["feed_id"]], polled_at=row["polled_at"])


def _sinks(state: sqlite3.Connection) -> Iterator[SinkStatus]:
    for sink, seq, ingested_at in state.execute("SELECT sink, seq, ingested_at FROM cursors ORDER BY sink").fetchall():
        (behind,) = state.execute("SELECT count(*) FROM outbox WHERE seq > ?", (seq,)).fetchone()
        yield SinkStatus(uri=without_secrets(sink), rows_behind=behind, delivered_at=_moment(ingested_at))


def _count(ledger: Ledger, table: str) -> int:
    (row,) = ledger.ask(f"SELECT count(*) AS number FROM {table}")  # noqa: S608  # the name is one of ours
    return int(row["number"])


def _written_at(folder: Path) -> dt.datetime:
    newest = max(path.stat().st_mtime for path in folder.glob(f"{FILE_NAME}*") if not path.name.endswith("-shm"))
    return dt.datetime.fromtimestamp(newest, dt.UTC)


def _moment(micros: int) -> dt.datetime:
    return ids.EPOCH + micros * ids.MICROSECOND
