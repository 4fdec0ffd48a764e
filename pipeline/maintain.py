"""maintain: keep the state file, the warehouse and the raw archive small, beside a run or without one.

state.db forgets what nobody asks for any more (the constants below), in transactions short enough that the commit of a
cycle does not wait for long, gives free pages back to the disk, and empties its write-ahead log. Warehouses are
compacted (`pipeline.sinks.compact`). Raw pages are kept as long as the run that kept them was told (`--raw-keep`), by
whole days; rows go on naming pages that are gone. Poll's fingerprints are bounded by poll itself, the outbox by
delivery; files of the jsonl sink are the user's own.

A time to be remembered counts from the observation, or from the day of storing if that is later: what a backfill brings
of years ago is known to its next chunk, and as long as anything else.

What forgetting costs: an article that a feed shows again, changed, later than `ARTICLE_TTL` after its newest capture is
judged as new, with one more row even if its text is the same; its earlier rows, and its row in `latest`, stay right. A
text observed later than `SKETCH_TTL` after its original is not found to be a copy (link compares within `link.WINDOW`
anyway). A cluster whose first article is forgotten keeps its name: what is forgotten counts as the oldest. An article
that comes under a new address later than `ALIAS_TTL` after it was last seen under its old ones is a new article.
"""

import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from pipeline import raw_folders
from pipeline.data_directory import DataDirectoryError, RunnerLock, warehouse_of
from pipeline.raw_archive import forget_days
from pipeline.sinks.compact import CompactError, TableReport, is_warehouse, maintain_warehouse
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME, StateError
from schemas import ids
from transforms import identify, link, revise
from transforms.copies import copy_store
from transforms.outcomes import Clock, utc_now

ARTICLE_TTL = revise.TTL  # of an article's captures and its lineage, after the newest capture; as on a cluster
ALIAS_TTL = identify.TTL  # of a name, after an article was last seen under it
SKETCH_TTL = link.WINDOW + dt.timedelta(days=7)  # after it was observed; a week for captures that come late
CAPTURES_KEPT = revise.KNOWN_LIMIT  # of one article, the newest: revise asks for no more

BATCH = 1_000  # rows looked at between two looks at the clock
SKETCHES_AT_ONCE = 25  # forgotten in one transaction, each with up to 32 postings: 10 ms (benchmarks/maintenance.py)
PAGES_AT_ONCE = 250  # of 4 KiB, given back in one transaction
FREE_SHARE = 0.1  # of the file that may be free pages: the next rows go there
PAUSE_S = 0.02  # between two transactions, for others that wait to write
CHECKPOINT_TIMEOUT_S = 0.1  # how long readers may keep the write-ahead log from being emptied; writers wait meanwhile


class Task(StrEnum):
    """What there is to maintain."""

    STATE = "state"
    WAREHOUSE = "warehouse"
    RAW = "raw"


# In rows of state.db: from when its time counts, in microseconds since 1970.
_SINCE = f"max(observed_at, stored_on * {dt.timedelta(days=1) // ids.MICROSECOND})"

# The warehouse gets 120 files an hour and table, and each makes queries slower (benchmarks/maintenance.py).
EVERY = {Task.STATE: dt.timedelta(days=1), Task.WAREHOUSE: dt.timedelta(hours=1), Task.RAW: dt.timedelta(hours=1)}
ALL = frozenset(Task)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """What was forgotten, or would be, and the size of the file and its write-ahead log."""

    captures: int
    sketches: int
    lineages: int
    aliases: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done.

    Args:
        state: None if there is no state file, or it was not due.
        warehouses: each with its tables.
        raw: the folders of raw pages that are kept for a time, and the bytes that were freed in each.
        failed: why a warehouse or a folder could not be maintained; a warehouse's rows are as they were.
    """

    state: StateReport | None
    warehouses: dict[Path, tuple[TableReport, ...]]
    raw: dict[Path, int]
    failed: dict[Path, str]


def maintain_due(folder: Path, now: dt.datetime) -> frozenset[Task]:
    """What is due in the data directory `folder`: empty most of the time.

    Raises:
        StateError: the state file cannot be read.
    """
    if not (folder / FILE_NAME).is_file():
        return frozenset()
    with _Database(folder) as database:
        last = {task: database.maintained_at(task) for task in Task}
    # A time in the future was noted by a clock that was wrong.
    return frozenset(task for task, at in last.items() if at is None or not at <= now < at + EVERY[task])


def maintain(
    folder: Path,
    tasks: frozenset[Task] = ALL,
    *,
    clock: Clock = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    is_dry_run: bool = False,
) -> Report:
    """Maintain a data directory, and the Iceberg warehouses that its runs have delivered to.

    It may take minutes: beside a run it belongs into a thread of its own. Ended at any moment it has lost nothing, and
    what it has not done is done next time.

    Args:
        folder: the data directory.
        tasks: what to maintain.
        clock: wall clock; what is too old counts from here.
        sleep: waits between transactions, in seconds.
        is_dry_run: change nothing, only say what would be done.

    Raises:
        StateError: the state file cannot be used.
    """
    state = None
    sinks: list[str] = []
    kept: dict[Path, dt.timedelta | None] = {}
    if (folder / FILE_NAME).is_file():
        with _Database(folder) as database:
            sinks, kept = database.sinks(), database.raw_folders()
            if not is_dry_run:
                for task in tasks:
                    database.note_maintained(task, clock())  # before the work: what fails is not tried all the time
            if Task.STATE in tasks:
                state = _expected(database, clock()) if is_dry_run else _forget(folder, database, clock(), sleep)
    done: dict[Path, tuple[TableReport, ...]] = {}
    freed, failed = _forget_raw(kept if Task.RAW in tasks else {}, clock(), is_dry_run=is_dry_run)
    if Task.WAREHOUSE in tasks:
        for warehouse in _warehouses(folder, sinks):
            try:
                done[warehouse] = maintain_warehouse(warehouse, clock(), is_dry_run=is_dry_run)
            except CompactError as error:
                failed[warehouse] = str(error)
            except Exception as error:  # noqa: BLE001  # whatever a library raises costs that warehouse's turn only
                failed[warehouse] = f"{warehouse}: {type(error).__name__}: {error}"
    return Report(state=state, warehouses=done, raw=freed, failed=failed)


def _forget_raw(
    kept: Mapping[Path, dt.timedelta | None], now: dt.datetime, *, is_dry_run: bool
) -> tuple[dict[Path, int], dict[Path, str]]:
    """Of each raw archive that is kept for a time the bytes freed, or why they could not be."""
    freed: dict[Path, int] = {}
    failed: dict[Path, str] = {}
    for folder, keep in kept.items():
        if keep is None:
            continue
        try:
            freed[folder] = forget_days(folder, keep, now, is_dry_run=is_dry_run)
        except OSError as error:
            failed[folder] = f"{folder}: {error}"
    return freed, failed


def _warehouses(folder: Path, sinks: Sequence[str]) -> list[Path]:
    """Where the warehouses are: the data directory's own, and those delivered to."""
    named = [Path(uri.removeprefix("iceberg:")).expanduser() for uri in sinks if uri.startswith("iceberg:")]
    found = {path.resolve(): path for path in [*named, warehouse_of(folder)] if is_warehouse(path)}
    return list(found.values())


# ── state.db ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _forget(folder: Path, database: "_Database", now: dt.datetime, sleep: Callable[[float], None]) -> StateReport:
    before = database.size_bytes()
    forgotten = []
    for batches in (
        database.forget_captures(now - ARTICLE_TTL),
        database.forget_sketches(now - SKETCH_TTL),
        database.forget_old("lineages", "article_id", now - ARTICLE_TTL),
        database.forget_old("aliases", "key", now - ALIAS_TTL),
        database.give_back(folder),
    ):
        rows = 0
        for count in batches:
            rows += count
            sleep(PAUSE_S)
        forgotten.append(rows)
    database.checkpoint()
    captures, sketches, lineages, aliases, _ = forgotten
    return StateReport(
        captures=captures,
        sketches=sketches,
        lineages=lineages,
        aliases=aliases,
        bytes_before=before,
        bytes_after=database.size_bytes(),
    )


def _expected(database: "_Database", now: dt.datetime) -> StateReport:
    old, old_sketch, old_alias = (ids.micros(now - ttl) for ttl in (ARTICLE_TTL, SKETCH_TTL, ALIAS_TTL))
    size = database.size_bytes()
    return StateReport(
        captures=database.number(
            f"""
            SELECT count(*) FROM (
                SELECT max({_SINCE}) OVER (PARTITION BY article_id) AS newest,
                       row_number() OVER (PARTITION BY article_id ORDER BY observed_at DESC, capture_id DESC) AS place
                FROM captures)
            WHERE newest < ? OR place > ?
            """,  # noqa: S608  # joined of constants, as are the next
            old,
            CAPTURES_KEPT,
        ),
        sketches=database.number(f"SELECT count(*) FROM sketches WHERE {_SINCE} < ?", old_sketch),  # noqa: S608
        lineages=database.number(f"SELECT count(*) FROM lineages WHERE {_SINCE} < ?", old),  # noqa: S608
        aliases=database.number(f"SELECT count(*) FROM aliases WHERE {_SINCE} < ?", old_alias),  # noqa: S608
        bytes_before=size,
        bytes_after=size,
    )


class _Database:
    """state.db for maintenance. Each of its iterators does a short transaction a step and gives the rows forgotten."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        try:
            self._db = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise StateError(f"{self._path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            raise StateError(f"{self._path}: {error}") from error

    def maintained_at(self, task: Task) -> dt.datetime | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (f"maintained.{task}",)).fetchone()
        return dt.datetime.fromisoformat(row[0]) if row else None

    def note_maintained(self, task: Task, now: dt.datetime) -> None:
        self._db.execute("REPLACE INTO meta VALUES (?, ?)", (f"maintained.{task}", now.isoformat()))

    def sinks(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT sink FROM cursors ORDER BY sink")]

    def raw_folders(self) -> dict[Path, dt.timedelta | None]:
        return raw_folders.noted(self._db)

    def number(self, query: str, *values: int) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def size_bytes(self) -> int:
        parts = (self._path, self._path.with_name(f"{FILE_NAME}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def forget_captures(self, before: dt.datetime) -> Iterator[int]:
        """Of articles whose newest capture is older all, of the others those beyond the newest that are asked for."""
        last = ""
        while True:
            articles = self._db.execute(
                f"""
                SELECT article_id, max({_SINCE}) < ? OR count(*) > ? FROM captures WHERE article_id > ?
                GROUP BY article_id ORDER BY article_id LIMIT ?
                """,  # noqa: S608  # as above
                (ids.micros(before), CAPTURES_KEPT, last, BATCH),
            ).fetchall()
            if not articles:
                return
            if any(is_over for _, is_over in articles):
                yield self._delete(
                    f"""
                    DELETE FROM captures WHERE capture_id IN (
                        SELECT capture_id FROM (
                            SELECT capture_id, max({_SINCE}) OVER (PARTITION BY article_id) AS newest,
                                   row_number() OVER (
                                       PARTITION BY article_id ORDER BY observed_at DESC, capture_id DESC) AS place
                            FROM captures WHERE article_id > ? AND article_id <= ?)
                        WHERE newest < ? OR place > ?)
                    """,  # noqa: S608  # as above
                    [(last, articles[-1][0], ids.micros(before), CAPTURES_KEPT)],
                )
            last = articles[-1][0]

    def forget_sketches(self, before: dt.datetime) -> Iterator[int]:
        """From the first that was stored, until nothing is old enough: one that came late goes when its turn comes."""
        last = 0
        while True:
            rows = self._db.execute(
                f"SELECT number, {_SINCE} < ? FROM sketches WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608
                (ids.micros(before), last, BATCH),
            ).fetchall()
            old = [number for number, is_old in rows if is_old]
            if not old:
                return
            for start in range(0, len(old), SKETCHES_AT_ONCE):
                yield self._forget_sketches(old[start : start + SKETCHES_AT_ONCE])
            last = rows[-1][0]

    def forget_old(self, table: str, key: str, before: dt.datetime) -> Iterator[int]:
        """Rows of a table that were observed before, in the order of its primary key."""
        last = ""
        while True:
            rows = self._db.execute(
                f"SELECT {key}, {_SINCE} < ? FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?",  # noqa: S608  # ours
                (ids.micros(before), last, BATCH),
            ).fetchall()
            if not rows:
                return
            old = [name for name, is_old in rows if is_old]
            if old:  # unless it was stored anew meanwhile
                yield self._delete(
                    f"DELETE FROM {table} WHERE {key} = ? AND {_SINCE} < ?",  # noqa: S608  # as above
                    [(name, ids.micros(before)) for name in old],
                )
            last = rows[-1][0]

    def give_back(self, folder: Path) -> Iterator[int]:
        """Free pages, to the disk. A file that was not made for it is written anew, which needs it for itself."""
        if self.number("PRAGMA auto_vacuum") != _INCREMENTAL:
            try:
                lock = RunnerLock(folder)
            except DataDirectoryError:
                return  # a run is going on: another time
            try:
                self._db.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
                self._db.execute("VACUUM")
            finally:
                lock.release()
            return
        while self.number("PRAGMA freelist_count") > FREE_SHARE * self.number("PRAGMA page_count"):
            # A script runs to its end; `execute` stops after the first page.
            self._db.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            yield 0

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, and empty it unless someone reads in it."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # the most of it, while others write
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * CHECKPOINT_TIMEOUT_S)}")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._db.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_S)}")

    def _forget_sketches(self, numbers: Sequence[int]) -> int:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            forgotten = copy_store.forget(self._db, numbers)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return forgotten

    def _delete(self, statement: str, values: Sequence[tuple[object, ...]]) -> int:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            deleted = self._db.executemany(statement, values).rowcount
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return deleted


_INCREMENTAL = 2  # SQLite's number for auto_vacuum = INCREMENTAL
