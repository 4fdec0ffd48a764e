"""Records that enter the graph at their own stage: put back by replay, of wire documents, or of a backfill.

The first two wait in state.db, each with an entry in the queue.
"""

import html
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas import codec
from schemas.enums import BodyPolicy, Origin, Source
from schemas.records import Capture, Entry, Feed, Page

_HELD = frozenset({Origin.REPLAY, Origin.WIRE})  # of the entries behind such records


@dataclass(slots=True)
class Held:
    """Records to take up at their own stage."""

    pages: list[Page] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)


def take_held(state: sqlite3.Connection, entries: Sequence[Entry]) -> tuple[list[Entry], Held]:
    """Part the entries of a cycle: those to fetch, and the records that are held for the others.

    Args:
        state: state.db.
        entries: what the cycle takes from the queue.
    """
    held = Held()
    to_fetch = []
    for entry in entries:
        row = None
        if entry.origin in _HELD:
            row = state.execute("SELECT kind, record FROM replays WHERE entry_id = ?", (entry.entry_id,)).fetchone()
        if row is None:
            to_fetch.append(entry)
        elif isinstance(record := held_record(entry, *row), Page):
            held.pages.append(record)
        else:
            held.captures.append(record)
    return to_fetch, held


def held_record(entry: Entry, kind: str, record: bytes) -> Page | Capture:
    """A record that is held for `entry`, as its next attempt; kind is page or capture."""
    if kind == "page":
        return replace(codec.decode(record, Page), entry=entry)
    return replace(codec.decode(record, Capture), attempt=entry.attempt, origin=entry.origin, change=None)


def hold(state: sqlite3.Connection, held: Mapping[str, tuple[str, bytes]]) -> None:
    """Hold records for the entries with these ids, each its kind and its msgpack, within the caller's transaction."""
    state.executemany(
        "REPLACE INTO replays VALUES (?, ?, ?)", [(entry_id, *record) for entry_id, record in held.items()]
    )


def forget_held(state: sqlite3.Connection) -> None:
    """Drop the records whose entries wait no longer; part of the transaction that settles them."""
    state.execute("DELETE FROM replays WHERE entry_id NOT IN (SELECT entry_id FROM queue)")


def entry_of(record: Entry | Page | Capture, feeds: Mapping[str, Feed]) -> Entry:
    """The entry behind a record. Of a capture it is made anew, from its article and its feed's settings."""
    if isinstance(record, Entry):
        return record
    if isinstance(record, Page):
        return record.entry
    article = record.article
    feed = feeds.get(article.feed_id or "")
    is_from_feed = article.source is Source.FEED
    return Entry(
        entry_id=record.entry_id,
        feed_id=article.feed_id,
        entry_key=record.entry_key or article.guid or article.url,
        fingerprint="",
        change_no=0,
        origin=record.origin,
        observed_at=article.observed_at,
        attempt=record.attempt,
        guid=article.guid,
        url=article.url,
        title=article.title,
        summary=article.summary or "",
        content="".join(f"<p>{html.escape(part)}</p>" for part in article.body.split("\n\n")) if is_from_feed else "",
        authors=article.authors,
        tags=article.tags,
        image_url=article.image_url,
        published_at=article.published_at,
        published_at_raw=article.published_at_raw,
        published_zone=article.published_zone,
        modified_at=article.modified_at,
        outlet=record.outlet,
        language=article.language,
        timezone=feed.timezone if feed else None,
        rights=feed.rights if feed else None,
        body_policy=feed.body_policy if feed else BodyPolicy.FULL,
    )
