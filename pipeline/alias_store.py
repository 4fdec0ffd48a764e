"""What identify remembers, as tables of state.db: `State.commit` writes, `StateMemory` reads, maintenance forgets.

Besides the aliases there is what was purged (`pipeline.purge`): article ids and keys of names that are never taken in
again, and never forgotten.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable, Sequence

from schemas import ids
from schemas.memory import KnownAlias

# Times are microseconds since 1970; `stored_on` is the day of the newest write, in days since 1970.
SCHEMA = """
CREATE TABLE aliases (key TEXT PRIMARY KEY, article_id TEXT NOT NULL, observed_at INTEGER NOT NULL,
    title BLOB NOT NULL, published_at INTEGER, is_own INTEGER NOT NULL, stored_on INTEGER NOT NULL DEFAULT 0)
    WITHOUT ROWID;
CREATE TABLE suppressed (key TEXT PRIMARY KEY, suppressed_at INTEGER NOT NULL) WITHOUT ROWID;
"""


def remember(database: sqlite3.Connection, aliases: Iterable[KnownAlias], now: dt.datetime) -> None:
    """Store what identify found, within the caller's transaction; of two aliases with one key the later stays."""
    database.executemany(
        "REPLACE INTO aliases VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                alias.key,
                alias.article_id,
                ids.micros(alias.observed_at),
                alias.title,
                ids.micros(alias.published_at) if alias.published_at else None,
                alias.is_own,
                ids.day_number(now),
            )
            for alias in aliases
        ],
    )


def known(database: sqlite3.Connection, keys: Sequence[str]) -> list[KnownAlias]:
    """See `transforms.identify.AliasMemory`."""
    rows = database.execute(f"SELECT * FROM aliases WHERE key IN ({_marks(keys)})", keys)  # noqa: S608  # only marks
    return [
        KnownAlias(
            key=key,
            article_id=article_id,
            observed_at=ids.EPOCH + observed_at * ids.MICROSECOND,
            title=title,
            published_at=None if published_at is None else ids.EPOCH + published_at * ids.MICROSECOND,
            is_own=bool(is_own),
        )
        for key, article_id, observed_at, title, published_at, is_own, _ in rows
    ]


def own_keys(database: sqlite3.Connection, article_id: str) -> list[str]:
    """The keys of the addresses at which an article was read."""
    rows = database.execute("SELECT key FROM aliases WHERE article_id = ? AND is_own", (article_id,))
    return [key for (key,) in rows]


def suppress(database: sqlite3.Connection, keys: Iterable[str], now: dt.datetime) -> None:
    """Note article ids and keys of names that are never taken in again, within the caller's transaction."""
    database.executemany("INSERT OR IGNORE INTO suppressed VALUES (?, ?)", [(key, ids.micros(now)) for key in keys])


def is_suppressed(database: sqlite3.Connection, keys: Sequence[str]) -> bool:
    """See `transforms.identify.AliasMemory`."""
    query = f"SELECT 1 FROM suppressed WHERE key IN ({_marks(keys)})"  # noqa: S608  # only question marks
    return database.execute(query, keys).fetchone() is not None


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
