"""rebuild-state: state.db made anew from the warehouse alone, for when it was lost or is damaged.

What comes back: the feeds with their settings, the names by which identify knows articles, what revise knows of
captures, what link knows of texts and lineages. So articles keep their ids, the next run writes no row twice that says
nothing new, `judged_seq` goes on counting up, and copies are found.

The list kept by `wirebeam feeds`, and what was purged and is never to be taken in again, are taken over from the old
file, if that can be read. What the warehouse does not hold is lost: user names and passwords in other feeds' addresses,
the entries that waited for another attempt, rows that no sink had yet, and poll's memory of entries. The next poll
therefore takes every entry that a feed still shows for new: their pages are fetched again, and end as unchanged, which
the ledger then holds beside their first outcome.

The new file appears whole or not at all.
"""

import contextlib
import datetime as dt
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from pipeline import warehouse
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.feed_store import add_feeds, feed_list
from pipeline.feedlist import FeedSetting
from pipeline.maintain import ALIAS_TTL, ARTICLE_TTL, SKETCH_TTL
from pipeline.state import FILE_NAME, State
from schemas import codec, ids
from schemas.enums import Availability, Change, LinkKind, NoticeKind, Origin, PubStatus
from schemas.memory import KnownAlias, KnownCapture, Lineage, Sketch
from schemas.records import Article, Capture, Feed, Notice, PollState
from transforms.identify import aliases_of
from transforms.link import NEW_CONTENT, SKETCH_LIMIT, sketch_of
from transforms.outcomes import Clock, utc_now
from transforms.revise import KNOWN_LIMIT, remembered
from transforms.text import notices
from transforms.write import Gathered

BATCH = 1_000  # rows read at once, and committed at once
_NOTICES = {PubStatus.CANCELED: NoticeKind.KILL, PubStatus.WITHHELD: NoticeKind.WITHHELD}
UNFINISHED = "state-unfinished"  # the folder in which the new file is made

_FEEDS = """
SELECT * EXCLUDE (ingested_at, batch_id) FROM feeds
QUALIFY row_number() OVER (PARTITION BY feed_id ORDER BY valid_from DESC, ingested_at DESC) = 1 ORDER BY feed_id
"""

# What is remembered counts from its observation or from its storing, whichever is later: see `pipeline.maintain`.

# The captures of articles with one since $since, each with its valid judgement, an article's together.
_CAPTURES = """
WITH judged AS (
    SELECT capture_id, judged_seq, predecessor_id, change, change_note, pub_status, availability, seen_until
    FROM revisions
    QUALIFY row_number() OVER (PARTITION BY capture_id ORDER BY judged_seq DESC, ingested_at DESC) = 1
), lineage AS (
    SELECT copy_id, original_id, cluster_id, judged_seq AS link_seq, kind, similarity, containment, evidence FROM links
    QUALIFY row_number() OVER (PARTITION BY copy_id ORDER BY judged_seq DESC, ingested_at DESC) = 1
), captured AS (
    SELECT DISTINCT ON (capture_id) capture_id, article_id, content_hash, observed_at, url, canonical_url, source,
           extractor_name, extractor_version, profile_version, title, body, word_count, published_at,
           published_precision, published_zone, published_suspect, greatest(observed_at, ingested_at) AS since
    FROM articles WHERE observed_at >= $earliest AND observed_at < $latest
)
SELECT captured.* EXCLUDE (since), judged.* EXCLUDE (capture_id), lineage.* EXCLUDE (copy_id),
       captured.article_id IN (SELECT cluster_id FROM lineage) AS is_head
FROM captured LEFT JOIN judged USING (capture_id) LEFT JOIN lineage ON lineage.copy_id = captured.article_id
QUALIFY max(captured.since) OVER (PARTITION BY captured.article_id) >= $since
ORDER BY captured.article_id, captured.observed_at, captured.capture_id
"""

# The captures that link has taken a sketch of, the first of each article, in the order in which they came.
_TEXTS = """
WITH judged AS (
    SELECT capture_id, change FROM revisions
    QUALIFY row_number() OVER (PARTITION BY capture_id ORDER BY judged_seq DESC, ingested_at DESC) = 1
), wanted AS (
    SELECT capture_id, article_id, greatest(observed_at, ingested_at) AS since FROM articles SEMI JOIN judged
        ON judged.capture_id = articles.capture_id AND list_contains($changes, judged.change)
    WHERE observed_at >= $earliest AND observed_at < $latest
    QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY observed_at, capture_id) <= $limit
)
SELECT articles.* EXCLUDE (ingested_at, batch_id, entities, captions) FROM articles
SEMI JOIN wanted ON wanted.capture_id = articles.capture_id AND wanted.since >= $since
WHERE articles.observed_at >= $earliest AND articles.observed_at < $latest
ORDER BY articles.ingested_at, articles.observed_at, articles.capture_id
"""

# The captures and the addresses of the entries that they answered, without texts.
_NAMED = """
WITH entry AS (
    SELECT capture_id, any_value(url) AS entry_url FROM outcomes WHERE outcome IN ('published', 'revised')
    GROUP BY capture_id
)
SELECT DISTINCT ON (capture_id) articles.capture_id, article_id, content_hash, observed_at, url, canonical_url, feed_id,
       guid, source, title, published_at, published_precision, published_suspect, entry_url
FROM articles LEFT JOIN entry USING (capture_id)
WHERE greatest(observed_at, ingested_at) >= $since AND observed_at >= $earliest AND observed_at < $latest
ORDER BY observed_at, capture_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Of which captures something is remembered.

    Args:
        since: observed or stored then or later; of an article, its newest.
        earliest: observed then or later.
        latest: observed before.
    """

    since: dt.datetime = ids.EPOCH
    earliest: dt.datetime = ids.EPOCH
    latest: dt.datetime = ids.EPOCH + dt.timedelta(days=2_000_000)


class RebuildError(Exception):
    """The state cannot be made anew; the message says why, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What the new state file holds.

    Args:
        put_aside: where the old state file is now, if there was one.
        undelivered: rows in its outbox, which at least one sink lacks; None if it cannot be read.
    """

    feeds: int
    captures: int
    sketches: int
    lineages: int
    put_aside: Path | None = None
    undelivered: int | None = 0


def rebuild_state(folder: Path, *, is_forced: bool = False, clock: Clock = utc_now) -> Rebuilt:
    """Make the state.db of a data directory from its warehouse.

    Args:
        folder: the data directory.
        is_forced: put a state.db that is there aside, instead of refusing.
        clock: wall clock; what is too old to be remembered (see `pipeline.maintain`) counts from here.

    Raises:
        RebuildError: there is a state.db, and it is not forced.
        DataDirectoryError: a run is going on, or the directory cannot be written.
        WarehouseError: there is no warehouse.
    """
    place = warehouse_of(folder)
    if (folder / FILE_NAME).exists() and not is_forced:
        raise RebuildError(f"{folder / FILE_NAME} exists; with --force it is put aside")
    with warehouse.connect(place) as connection:
        lock = RunnerLock(folder)
        try:
            unfinished = folder / UNFINISHED
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            counts = _fill(unfinished, connection, place, clock())
            if added := _added_feeds(folder):
                add_feeds(unfinished, added, clock())
            _keep_suppressed(folder, unfinished)
            put_aside, undelivered = _put_aside(folder, clock())
            (unfinished / FILE_NAME).rename(folder / FILE_NAME)
            unfinished.rmdir()
        finally:
            lock.release()
    return Rebuilt(
        feeds=counts[0],
        captures=counts[1],
        sketches=counts[2],
        lineages=counts[3],
        put_aside=put_aside,
        undelivered=undelivered,
    )


def captures(connection: duckdb.DuckDBPyConnection, span: Span) -> Iterator[KnownCapture | Lineage]:
    """What revise remembers of captures, and link of their articles: an article's together, in observed order."""
    return _memories(_rows(connection, _CAPTURES, **asdict(span)))


def sketches(connection: duckdb.DuckDBPyConnection, span: Span) -> Iterator[Sketch]:
    """What link remembers of texts, in the order in which they were stored."""
    rows = _rows(connection, _TEXTS, **asdict(span), limit=SKETCH_LIMIT, changes=sorted(NEW_CONTENT))
    return (sketch for row in rows if (sketch := sketch_of(msgspec.convert(row, Article))))


def aliases(connection: duckdb.DuckDBPyConnection, span: Span) -> Iterator[KnownAlias]:
    """What identify remembers of names; of two articles of one name the one that was read there comes last."""
    for are_own in (False, True):
        yield from _aliases(_rows(connection, _NAMED, **asdict(span)), are_own=are_own)


def store(state: State, records: Iterable[object], now: dt.datetime) -> Counter[type[Any]]:
    """Commit what is to be remembered; gives how many there were of each kind."""
    stored: Counter[type[Any]] = Counter()
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        gathered = Gathered()
        for record in batch:
            gathered.add(record)
        state.commit([], gathered, now)
        stored.update(type(record) for record in batch)
    return stored


def _added_feeds(folder: Path) -> list[FeedSetting]:
    """The feeds that were added by command, credentials included: they stand in the old state.db only."""
    try:
        return [stored.setting for stored in feed_list(folder)]
    except (sqlite3.Error, msgspec.DecodeError):
        return []  # it is damaged, hence the rebuilding


def _keep_suppressed(old: Path, new: Path) -> None:
    """What was purged stands in the old state.db only: what is left of it in the warehouse has no names."""
    with contextlib.suppress(sqlite3.Error):  # it is damaged, or there is none
        with contextlib.closing(sqlite3.connect(f"{(old / FILE_NAME).absolute().as_uri()}?mode=ro", uri=True)) as state:
            rows = state.execute("SELECT key, suppressed_at FROM suppressed").fetchall()
        with contextlib.closing(sqlite3.connect(new / FILE_NAME)) as state, state:
            state.executemany("INSERT INTO suppressed VALUES (?, ?)", rows)


def _fill(
    folder: Path, connection: duckdb.DuckDBPyConnection, place: Path, now: dt.datetime
) -> tuple[int, int, int, int]:
    """Make a state.db in `folder`; gives the numbers of feeds, captures, sketches and lineages."""
    state = State(folder)
    try:
        feeds = [msgspec.convert(row, Feed) for row in _rows(connection, _FEEDS)]
        _store_feeds(folder, feeds)
        stored = store(state, captures(connection, Span(since=now - ARTICLE_TTL)), now)
        stored += store(state, sketches(connection, Span(since=now - SKETCH_TTL)), now)
        store(state, aliases(connection, Span(since=now - ALIAS_TTL)), now)
        newest = connection.execute("SELECT max(ingested_at) FROM articles").fetchone()
        if newest and newest[0]:  # what is delivered from now on bears no earlier time
            state.set_cursor(f"iceberg:{place}", 0, newest[0])
    finally:
        state.close()
    return len(feeds), stored[KnownCapture], stored[Sketch], stored[Lineage]


def _rows(connection: duckdb.DuckDBPyConnection, query: str, **values: object) -> Iterator[dict[str, Any]]:
    answer = connection.execute(query, values or None)
    names = [column[0] for column in answer.description or ()]
    while rows := answer.fetchmany(BATCH):
        yield from (dict(zip(names, row, strict=True)) for row in rows)


def _store_feeds(folder: Path, feeds: Sequence[Feed]) -> None:
    """Past `State.set_feeds`, which would write rows of settings that the warehouse has."""
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as database, database:
        database.executemany(
            "INSERT INTO feeds (feed_id, request_url, feed, state) VALUES (?, ?, ?, ?)",
            [
                (feed.feed_id, feed.url, codec.encode(feed), codec.encode(PollState(feed_id=feed.feed_id)))
                for feed in feeds
            ],
        )


def _memories(rows: Iterable[dict[str, Any]]) -> Iterator[KnownCapture | Lineage]:
    """What is remembered of the captures in `rows`, an article's together and in observed order."""
    for article_id, of_article in groupby(rows, key=itemgetter("article_id")):
        known: list[KnownCapture] = []
        judged: list[Sketch] = []
        link: dict[str, Any] = {}
        for row in of_article:
            article = msgspec.convert(row, Article)
            known.append(_known(article, row))
            # What orders articles needs no text, but without a word there is no sketch.
            sketch = sketch_of(replace(article, body="body"))
            if sketch and known[-1].change in NEW_CONTENT:
                judged.append(sketch)
            link = row
        yield from known[-KNOWN_LIMIT:]
        if judged and (lineage := _lineage(article_id, judged, link)):
            yield lineage


def _aliases(rows: Iterable[dict[str, Any]], *, are_own: bool) -> Iterator[KnownAlias]:
    """The names of the captures in `rows`: the addresses at which articles were read, or the others.

    A feed's key for its entry is no column, but it is the guid where there is one.
    """
    for row in rows:
        capture = Capture(
            article=msgspec.convert(row, Article),
            entry_id="",
            attempt=1,
            origin=Origin.FEED,
            entry_url=row["entry_url"] or "",
            entry_key=row["guid"] or "",
        )
        yield from (alias for alias in aliases_of(capture) if alias.is_own == are_own)


def _known(article: Article, row: dict[str, Any]) -> KnownCapture:
    """What revise remembers: the capture's facts, and its newest judgement."""
    if row["judged_seq"] is None:
        return remembered(article, notices.find(article.title, article.body))  # its judgement was not delivered
    availability = Availability(row["availability"])
    looked_at = row["seen_until"] or article.observed_at  # the earliest that it can have been: it is no column
    return replace(
        remembered(article, _notice(article, row)),
        sights=() if availability is Availability.LIVE else ((looked_at, availability),),
        judged_seq=row["judged_seq"],
        predecessor_id=row["predecessor_id"],
        change=Change(row["change"]),
        pub_status=PubStatus(row["pub_status"]),
        availability=availability,
        seen_until=row["seen_until"],
    )


def _notice(article: Article, row: dict[str, Any]) -> Notice | None:
    """The notice that the capture held: as it was judged, since its text may have been cut since."""
    if row["change_note"] is None:
        return notices.find(article.title, article.body)
    return Notice(kind=_NOTICES.get(PubStatus(row["pub_status"]), NoticeKind.CORRECTION), text=row["change_note"])


def _lineage(article_id: str, judged: Sequence[Sketch], link: dict[str, Any]) -> Lineage | None:
    """What link remembers: the article's place in the order, and its newest judgement if it was ever linked.

    None for an article that stands alone with one text: its sketch says it all.
    """
    lineage = Lineage(
        article_id=article_id,
        order_at=min(sketch.order_at for sketch in judged),
        observed_at=max(sketch.observed_at for sketch in judged),
        original_id=article_id,
        cluster_id=article_id,
        sketch_count=len(judged),
    )
    if link["link_seq"] is None:
        return lineage if link["is_head"] or len(judged) > 1 else None
    return replace(
        lineage,
        original_id=link["original_id"],
        cluster_id=link["cluster_id"],
        judged_seq=link["link_seq"],
        kind=LinkKind(link["kind"]),
        similarity=link["similarity"],
        containment=link["containment"],
        evidence=tuple(link["evidence"]),
    )


def _put_aside(folder: Path, now: dt.datetime) -> tuple[Path | None, int | None]:
    """Rename the old state file and what belongs to it; gives its new name and the rows in its outbox."""
    old = folder / FILE_NAME
    if not old.exists():
        return None, 0
    try:
        with contextlib.closing(sqlite3.connect(old)) as database:
            undelivered = int(database.execute("SELECT count(*) FROM outbox").fetchone()[0])
    except sqlite3.Error:
        undelivered = None  # damaged
    new = folder / f"state-{now:%Y%m%dT%H%M%S}.db"
    for suffix in ("-wal", "-shm", ""):
        part = folder / f"{FILE_NAME}{suffix}"
        if part.exists():
            part.rename(folder / f"{new.name}{suffix}")
    return new, undelivered
