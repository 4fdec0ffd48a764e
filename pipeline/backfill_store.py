"""What a backfill remembers, as tables of state.db: which records were taken in, and how far each source was read.

`State.commit` writes both with the rows that they belong to; so a backfill that was killed goes on behind the last
record whose rows are in the outbox, and a record that is read again is refused. A record is remembered for good, in 16
bytes.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas import codec, ids
from schemas.records import Entry, Outcome

# Times are microseconds since 1970. A job is what was asked for: its filters; counts are a dict as msgpack.
SCHEMA = """
CREATE TABLE IF NOT EXISTS known_records (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS backfills (job TEXT NOT NULL, source TEXT NOT NULL, identity TEXT NOT NULL,
    position INTEGER NOT NULL, size INTEGER, counts BLOB NOT NULL, is_done INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, PRIMARY KEY (job, source)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a source was read.

    Args:
        job: hash of what was asked for; a position counts for one job only.
        source: the source's name.
        identity: of its content; a position counts for one content only.
        position: where reading goes on.
        size: in the unit of positions, if it is known.
        counts: records so far, by what became of them at the source: `taken`, or the reason of a refusal.
        is_done: whether it was read to its end.
        changed_at: when this was noted.
    """

    job: str
    source: str
    identity: str
    position: int = 0
    size: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    is_done: bool = False
    changed_at: dt.datetime = ids.EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a backfill adds to the commit of a cycle.

    Args:
        reached: how far its source was read.
        entries: to be fetched: they go to the queue.
        damage: the outcomes of what could not be read.
    """

    reached: Reached
    entries: Sequence[Entry] = ()
    damage: Sequence[Outcome] = ()


def remember(database: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Note that these records were taken in, within the caller's transaction."""
    database.executemany("INSERT OR IGNORE INTO known_records VALUES (?)", [(bytes.fromhex(key),) for key in keys])


def knows(database: sqlite3.Connection, key: str) -> bool:
    """Whether this record was taken in."""
    query = "SELECT 1 FROM known_records WHERE key = ?"
    return database.execute(query, (bytes.fromhex(key),)).fetchone() is not None


def note(database: sqlite3.Connection, reached: Reached) -> None:
    """Note how far a source was read, within the caller's transaction."""
    database.execute(
        "REPLACE INTO backfills VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            reached.job,
            reached.source,
            reached.identity,
            reached.position,
            reached.size,
            codec.encode(dict(reached.counts)),
            reached.is_done,
            ids.micros(reached.changed_at),
        ),
    )


def reached_of(database: sqlite3.Connection, job: str, source: str) -> Reached | None:
    """How far a job has read a source; None if it never did."""
    row = database.execute("SELECT * FROM backfills WHERE job = ? AND source = ?", (job, source)).fetchone()
    return _reached(row) if row else None


def all_reached(database: sqlite3.Connection) -> list[Reached]:
    """How far each source was read, the newest last."""
    return [_reached(row) for row in database.execute("SELECT * FROM backfills ORDER BY changed_at, source")]


def _reached(row: Sequence[object]) -> Reached:
    job, source, identity, position, size, counts, is_done, changed_at = row
    assert isinstance(counts, bytes)
    assert isinstance(changed_at, int)
    return Reached(
        job=str(job),
        source=str(source),
        identity=str(identity),
        position=int(str(position)),
        size=None if size is None else int(str(size)),
        counts=codec.decode(counts, dict),
        is_done=bool(is_done),
        changed_at=ids.EPOCH + changed_at * ids.MICROSECOND,
    )
