"""Embargo: rows of an article that is not to be published yet wait in state.db, and reach the outbox when it may be.

An article is embargoed from the commit of a capture that says so (`embargoed_until` lies in the future). From then on
every row that names it is held back: the captures, judgements of them, links with it on either side, outcomes (they
bear its title and its address), dead letters. When its time has come they go to the outbox in the order in which they
were made, so that each sink gets them once, like any other row. What was delivered before, and what a feed showed of it
before its article was known, cannot be taken back.

What a newer capture says of the time replaces what an older one said, in whatever order they come: an earlier time, or
one that has passed, frees the rows, a later one holds them longer. So what was said last is known for `REMEMBERED`
beyond its time. A capture that names no time changes nothing.

These are tables of state.db: `State` asks for all of this within its transactions.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from schemas import codec, ids
from schemas.enums import Stage
from schemas.records import Article, Capture, DeadLetter, Link, Outcome, Revision
from schemas.tables import ROWS, TABLE_OF

# Times are microseconds since 1970; stated_at is the event time of the capture that stated the embargo.
SCHEMA = """
CREATE TABLE IF NOT EXISTS embargoes (article_id TEXT PRIMARY KEY, until INTEGER NOT NULL, stated_at INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS embargoed (seq INTEGER PRIMARY KEY, article_id TEXT NOT NULL, tab TEXT NOT NULL,
    row BLOB NOT NULL);
"""

REMEMBERED = dt.timedelta(days=8)  # as of receive, which does this in a stream

_BEHIND_EXTRACT = frozenset({Stage.IDENTIFY, Stage.REVISE, Stage.LINK, Stage.TAG, Stage.WRITE})


def hold(
    database: sqlite3.Connection, rows: Sequence[object], now: dt.datetime, captures: Sequence[Capture] = ()
) -> list[object]:
    """Take note of the embargoes that are stated, and hold back the rows that fall under one; gives the others.

    Args:
        database: state.db, in the caller's transaction.
        rows: of the commit.
        now: when it is made.
        captures: that the commit's cycle began with: one that says nothing new has no row, and may yet name a time.
    """
    for article in _stating([*(capture.article for capture in captures), *rows]):
        until, stated_at = ids.micros(article.embargoed_until or now), ids.micros(article.observed_at)
        database.execute(
            """
            INSERT INTO embargoes VALUES (?, ?, ?) ON CONFLICT (article_id)
            DO UPDATE SET until = excluded.until, stated_at = excluded.stated_at
            WHERE excluded.stated_at >= stated_at
            """,
            (article.article_id, until, stated_at),
        )
    forgotten = "DELETE FROM embargoes WHERE until < ? AND article_id NOT IN (SELECT article_id FROM embargoed)"
    database.execute(forgotten, (ids.micros(now - REMEMBERED),))
    return _parted(database, rows, now)


def next_release(database: sqlite3.Connection) -> dt.datetime | None:
    """When the first embargo ends that holds rows back; None without one."""
    query = "SELECT min(until) FROM embargoes WHERE article_id IN (SELECT article_id FROM embargoed)"
    (until,) = database.execute(query).fetchone()
    return None if until is None else ids.EPOCH + until * ids.MICROSECOND


def release(database: sqlite3.Connection, now: dt.datetime) -> list[object]:
    """The rows whose embargo has ended and that no other one holds back; they are no longer here."""
    query = "SELECT article_id FROM embargoes WHERE until <= ? AND article_id IN (SELECT article_id FROM embargoed)"
    ended = [each for (each,) in database.execute(query, (ids.micros(now),))]
    rows: list[tuple[int, str, bytes]] = []
    for article_id in ended:
        rows += database.execute("SELECT seq, tab, row FROM embargoed WHERE article_id = ?", (article_id,))
        database.execute("DELETE FROM embargoed WHERE article_id = ?", (article_id,))
    return _parted(database, [codec.decode(row, ROWS[table].record) for _, table, row in sorted(rows)], now)


def held_back(database: sqlite3.Connection) -> list[tuple[str, Any]]:
    """The rows that are held back, each with its table; of a file to be read only, perhaps of an earlier program."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'embargoed'").fetchone():
        return []
    rows = database.execute("SELECT tab, row FROM embargoed ORDER BY seq")
    return [(table, codec.decode(row, ROWS[table].record)) for table, row in rows]


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stating(rows: Sequence[object]) -> Iterator[Article]:
    """The captures that name a time, those that ended as dead letters among them."""
    for row in rows:
        article = row if isinstance(row, Article) else _dead(row) if isinstance(row, DeadLetter) else None
        if article and article.embargoed_until:
            yield article


def _dead(letter: DeadLetter) -> Article | None:
    """The capture that a dead letter holds; None if it holds something else, or was cut."""
    if letter.stage not in _BEHIND_EXTRACT:
        return None
    try:
        return codec.decode(letter.raw, Capture).article
    except msgspec.DecodeError:
        return None


def _parted(database: sqlite3.Connection, rows: Sequence[object], now: dt.datetime) -> list[object]:
    """Store the rows that name an embargoed article, under the one that is embargoed longest; gives the others.

    Rows of an article whose embargo has ended, but that still holds others back, wait behind those.
    """
    query = """
        SELECT article_id, until FROM embargoes
        WHERE until > ? OR article_id IN (SELECT article_id FROM embargoed)
    """
    until: dict[str, int] = dict(database.execute(query, (ids.micros(now),)))
    if not until:
        return list(rows)
    article_of_entry = {row.entry_id: row.article_id for row in rows if isinstance(row, Outcome) and row.article_id}
    free: list[object] = []
    for row in rows:
        named = until.keys() & _named(row, article_of_entry)
        if not named:
            free.append(row)
            continue
        database.execute(
            "INSERT INTO embargoed (article_id, tab, row) VALUES (?, ?, ?)",
            (max(named, key=lambda each: (until[each], each)), TABLE_OF[type(row)], codec.encode(row)),
        )
    return free


def _named(row: object, article_of_entry: Mapping[str, str]) -> set[str]:
    """The ids of the articles that a row names."""
    if isinstance(row, Article | Revision):
        return {row.article_id}
    if isinstance(row, Outcome):
        return {row.article_id} if row.article_id else set()
    if isinstance(row, Link):
        return {row.copy_id, row.original_id, row.cluster_id}
    of_entry = article_of_entry.get(row.entry_id or "") if isinstance(row, DeadLetter) else None
    return {of_entry} if of_entry else set()
