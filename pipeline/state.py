"""state.db: all that a local run must remember, in one SQLite file with one commit point.

`State.commit` writes what a cycle produced in one transaction: poll states, the queue of entries, the memories of
identify, revise and link, and the rows in the outbox. Before it nothing has happened, after it everything has: that is
why a process can be killed at any moment. Each thread that uses the file opens a `State` of its own; SQLite's WAL keeps
them apart.
"""

import datetime as dt
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline import alias_store, backfill_store, embargo, raw_folders
from pipeline.backfill_store import Reached, Step
from pipeline.held import Held, entry_of, forget_held, hold, take_held
from pipeline.sources.base import raw_key_of
from schemas import codec, ids
from schemas.enums import Origin, OutcomeKind, Source
from schemas.memory import KnownAlias, KnownCapture, Lineage, Sketch
from schemas.records import (
    Article,
    Capture,
    DeadLetter,
    Entry,
    Feed,
    FeedDue,
    Outcome,
    Poll,
    PollState,
    Revision,
    Validators,
)
from schemas.tables import ROWS, TABLE_OF, TABLES, time_of
from transforms.copies import copy_store
from transforms.visits import SINGLE_RUN, Policy, settle
from transforms.write import Gathered

STATE_VERSION = 3
FILE_NAME = "state.db"
BUSY_TIMEOUT_S = 30.0  # a reader beside the run waits this long for the commit of a cycle

# Times are microseconds since 1970, blobs are records as msgpack.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE feeds (feed_id TEXT PRIMARY KEY, request_url TEXT NOT NULL, feed BLOB NOT NULL, state BLOB NOT NULL,
    due_at INTEGER NOT NULL DEFAULT 0, is_active INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
CREATE INDEX feeds_due ON feeds (due_at) WHERE is_active;
CREATE TABLE queue (entry_id TEXT PRIMARY KEY, host TEXT NOT NULL, due_at INTEGER NOT NULL,
    is_revisit INTEGER NOT NULL, entry BLOB NOT NULL, url TEXT NOT NULL DEFAULT '',
    is_backfill INTEGER NOT NULL DEFAULT 0);
CREATE INDEX queue_due ON queue (due_at);
CREATE INDEX queue_turns ON queue (host, is_revisit, due_at);
CREATE INDEX queue_revisits ON queue (url) WHERE is_revisit;
CREATE TABLE replays (entry_id TEXT PRIMARY KEY, kind TEXT NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE captures (capture_id TEXT PRIMARY KEY, article_id TEXT NOT NULL, observed_at INTEGER NOT NULL,
    known BLOB NOT NULL, stored_on INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX captures_of_article ON captures (article_id, observed_at);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, tab TEXT NOT NULL, row BLOB NOT NULL);
CREATE TABLE cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL, ingested_at INTEGER NOT NULL) WITHOUT ROWID;
"""

# What each version brought: a file of the version before is brought up to date when it is opened.
_MIGRATIONS = {
    "2": (
        "ALTER TABLE queue ADD COLUMN is_backfill INTEGER NOT NULL DEFAULT 0;"  # version 3
        "ALTER TABLE captures ADD COLUMN stored_on INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE aliases ADD COLUMN stored_on INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE sketches ADD COLUMN stored_on INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE lineages ADD COLUMN stored_on INTEGER NOT NULL DEFAULT 0;"
    ),
}


class StateError(Exception):
    """state.db cannot be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row on its way to the sinks; `seq` counts up by one commit after the other."""

    seq: int
    table: str
    record: Any


class State:
    """An open state.db.

    Args:
        folder: the data directory; it must exist.

    Raises:
        StateError: the file is damaged, or of a version that this program does not know.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        try:
            self._db = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts for a new file only
            self._db.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit has reached the disk when it returns, so that a power cut loses no more than a kill.
            self._db.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                    self._create()
                self._migrate()
                for statement in (embargo.SCHEMA + backfill_store.SCHEMA).split(";"):
                    self._db.execute(statement)
            version = self._meta("version")
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path}: {error}") from error
        if version != str(STATE_VERSION):
            self.close()
            raise StateError(
                f"{self.path}: written by state version {version}, this program knows {STATE_VERSION}; "
                "`wirebeam rebuild-state --force` makes it anew from the warehouse"
            )
        self.id = self._meta("id")

    def close(self) -> None:
        """Close the file; whatever was committed stays."""
        self._db.close()

    # ── feeds ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def set_feeds(self, feeds: Iterable[tuple[Feed, str]]) -> None:
        """Make `feeds`, each with its request URL, the feeds to poll; what changed becomes a row of table `feeds`.

        A feed keeps its `valid_from` while its settings stay the same, and its memory while it is not among them.
        """
        with self._transaction():
            rows = []
            self._db.execute("UPDATE feeds SET is_active = 0")
            for feed, request_url in feeds:
                known = self._db.execute("SELECT feed FROM feeds WHERE feed_id = ?", (feed.feed_id,)).fetchone()
                if known:
                    before = codec.decode(known[0], Feed)
                    if replace(before, valid_from=feed.valid_from) == feed:
                        self._db.execute(
                            "UPDATE feeds SET request_url = ?, is_active = 1 WHERE feed_id = ?",
                            (request_url, feed.feed_id),
                        )
                        continue
                    self._db.execute(
                        "UPDATE feeds SET feed = ?, request_url = ?, is_active = 1 WHERE feed_id = ?",
                        (codec.encode(feed), request_url, feed.feed_id),
                    )
                else:
                    state = PollState(feed_id=feed.feed_id)
                    self._db.execute(
                        "INSERT INTO feeds (feed_id, request_url, feed, state) VALUES (?, ?, ?, ?)",
                        (feed.feed_id, request_url, codec.encode(feed), codec.encode(state)),
                    )
                rows.append(feed)
            self._put_outbox(rows)

    def feeds_of(self, feed_ids: Sequence[str]) -> list[FeedDue]:
        """The feeds of these ids with what is remembered of them, in the same order."""
        rows = (
            self._db.execute("SELECT feed, request_url, state FROM feeds WHERE feed_id = ?", (feed_id,)).fetchone()
            for feed_id in feed_ids
        )
        return [_feed_due(*row) for row in rows if row]

    def known_feeds(self) -> list[Feed]:
        """All feeds, those too that are no longer polled."""
        return [codec.decode(row[0], Feed) for row in self._db.execute("SELECT feed FROM feeds ORDER BY feed_id")]

    def feeds_due(self, now: dt.datetime, limit: int) -> list[FeedDue]:
        """The feeds whose time has come, with what is remembered of them, the longest waiting first."""
        rows = self._db.execute(
            "SELECT feed, request_url, state FROM feeds WHERE is_active AND due_at <= ? ORDER BY due_at LIMIT ?",
            (ids.micros(now), limit),
        )
        return [_feed_due(*row) for row in rows]

    def set_due(self, times: Mapping[str, dt.datetime]) -> None:
        """Say when these feeds are due, by feed id, if they were never polled."""
        with self._transaction():
            self._db.executemany(
                "UPDATE feeds SET due_at = ? WHERE feed_id = ? AND due_at = 0",
                [(ids.micros(due_at), feed_id) for feed_id, due_at in times.items()],
            )

    def next_due(self, *, with_queue: bool = True) -> dt.datetime | None:
        """When the next feed is due, or the next entry in a run's queue; None if there is none."""
        row = self._db.execute(
            """
            SELECT min(due_at) FROM (
                SELECT min(due_at) AS due_at FROM feeds WHERE is_active
                UNION ALL SELECT min(due_at) FROM queue WHERE NOT is_backfill AND ?)
            """,
            (with_queue,),
        ).fetchone()
        return None if row[0] is None else ids.EPOCH + row[0] * ids.MICROSECOND

    # ── the queue of entries without a terminal outcome ────────────────────────────────────────────────────────────

    def entries_due(self, now: dt.datetime, limit: int, per_host: int, *, of_backfill: bool = False) -> list[Entry]:
        """Entries whose time has come: at most `per_host` of one host and `limit` in all, the longest waiting first.

        The bound per host lets the entries of a slow host wait without keeping those of others from their turn.
        Revisits stand behind a host's other entries, and take a quarter of its places at most: they never crowd out
        what is new. A run and a backfill beside it have queues of their own.
        """
        rows = self._db.execute(
            """
            SELECT entry FROM queue JOIN (
                SELECT arrival, place FROM (
                    SELECT rowid AS arrival, is_revisit,
                           row_number() OVER (PARTITION BY host ORDER BY is_revisit, due_at, rowid) AS place,
                           row_number() OVER (PARTITION BY host, is_revisit ORDER BY due_at, rowid) AS place_of_kind
                    FROM queue WHERE due_at <= ? AND is_backfill = ?)
                WHERE place <= ? AND (NOT is_revisit OR place_of_kind <= ?) ORDER BY place, arrival LIMIT ?
            ) ON queue.rowid = arrival ORDER BY place, arrival
            """,
            (ids.micros(now), of_backfill, per_host, max(1, per_host // 4), limit),
        )
        return [codec.decode(row[0], Entry) for row in rows]

    def take_held(self, entries: Sequence[Entry]) -> tuple[list[Entry], Held]:
        """Part the entries of a cycle: those to fetch, and the records that are held for the others."""
        return take_held(self._db, entries)

    def queue_length(self, *, of_backfill: bool = False) -> int:
        """How many entries of a run, or of a backfill, wait for a terminal outcome."""
        query = "SELECT count(*) FROM queue WHERE is_backfill = ?"
        return int(self._db.execute(query, (of_backfill,)).fetchone()[0])

    # ── backfills ──────────────────────────────────────────────────────────────────────────────────────────────────

    def knows_record(self, key: str) -> bool:
        """Whether a backfill has taken in this record, or a run whose raw pages it was read from."""
        return backfill_store.knows(self._db, key)

    def reached(self, job: str, source: str) -> Reached | None:
        """How far a backfill has read a source; None if it never did."""
        return backfill_store.reached_of(self._db, job, source)

    # ── the commit ─────────────────────────────────────────────────────────────────────────────────────────────────

    def commit(
        self,
        taken: Sequence[Entry],
        gathered: Gathered,
        now: dt.datetime,
        policy: Policy = SINGLE_RUN,
        step: Step | None = None,
        captures: Sequence[Capture] = (),
    ) -> list[Outcome]:
        """Write all that a cycle produced, in one transaction.

        Args:
            taken: the queued entries that the cycle was given.
            gathered: what its graph produced.
            now: when it is committed.
            policy: which pages are looked at again.
            step: what a backfill adds.
            captures: that the cycle began with, for what they say of embargoes.

        Returns:
            The outcomes written to the ledger, for counting.
        """
        entries = {entry.entry_id: entry for entry in (*taken, *gathered.of(Entry))}
        ledger, letters, waiting = _settle(entries, gathered, now, policy)
        # What died behind revise leaves no trace there: put back, it must be as new as it was.
        died = {outcome.capture_id for outcome in ledger if outcome.outcome is OutcomeKind.DEAD} - {None}
        rows: list[Any] = []
        for table in TABLES.values():
            rows += gathered.of(table.record) if table.record not in {Outcome, Revision} else []
        rows += [*ledger, *(each for each in gathered.of(Revision) if each.capture_id not in died)]
        records = {each.entry_id for each in ledger if each.origin is Origin.BACKFILL and each.is_terminal}
        # A run's own pages are known to a backfill from the raw archive.
        records |= {
            raw_key_of(article.raw_ref, article.url, article.observed_at)
            for article in gathered.of(Article)
            if article.raw_ref and article.source is Source.WEB
        }
        queued: dict[str, Entry] = {}
        if step:
            rows += step.damage
            queued = {entry.entry_id: entry for entry in step.entries}
            records |= queued.keys() | {outcome.entry_id for outcome in step.damage}
            waiting |= {entry_id: (entry, now) for entry_id, entry in queued.items()}
        with self._transaction():
            self._remember_polls(gathered.of(PollState))
            self._db.executemany(
                "DELETE FROM queue WHERE entry_id = ?",
                [(entry_id,) for entry_id in entries if entry_id not in waiting],
            )
            # A page that has changed again is revisited at its new age, and not at the old one too.
            self._db.executemany(
                "DELETE FROM queue WHERE is_revisit AND url = ?",
                [(entry.url,) for entry, _ in waiting.values() if entry.origin is Origin.REVISIT],
            )
            self._db.executemany(
                """
                INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (entry_id) DO UPDATE SET due_at = excluded.due_at, entry = excluded.entry
                """,
                [
                    (
                        entry.entry_id,
                        host_of(entry.url),
                        ids.micros(due_at),
                        entry.origin is Origin.REVISIT,
                        codec.encode(entry),
                        entry.url,
                        entry.entry_id in queued or entry.origin is Origin.BACKFILL,
                    )
                    for entry, due_at in waiting.values()
                ],
            )
            forget_held(self._db)
            known = (each for each in gathered.of(KnownCapture) if each.capture_id not in died)
            self._remember_captures(known, now)
            sketches = (sketch for sketch in gathered.of(Sketch) if sketch.capture_id not in died)
            copy_store.remember(self._db, sketches, gathered.of(Lineage), now)
            alias_store.remember(self._db, gathered.of(KnownAlias), now)
            backfill_store.remember(self._db, records)
            if step:
                backfill_store.note(self._db, step.reached)
            self._put_outbox(embargo.hold(self._db, rows + letters, now, captures))
        return ledger

    def take_in(
        self,
        entries: Sequence[Entry],
        refused: Sequence[Outcome | DeadLetter],
        now: dt.datetime,
        captures: Sequence[Capture] = (),
    ) -> None:
        """The commit of what came from outside: into the queue and the outbox; what is known is left out.

        A capture (of a wire document) is held for the entry that it counts as, which waits for no host.
        """
        with self._transaction():
            said = {each.id if isinstance(each, DeadLetter) else each.entry_id: each for each in refused}
            said = {key: each for key, each in said.items() if not self.knows_record(key)}
            new = {each.entry_id: each for each in entries if not self.knows_record(each.entry_id)}
            held = {each.entry_id: each for each in captures if not self.knows_record(each.entry_id)}
            waiting = [(host_of(entry.url), entry) for entry in new.values()]
            waiting += [
                (entry_id, replace(entry_of(capture, {}), article_id=capture.article.article_id))
                for entry_id, capture in held.items()
            ]
            self._db.executemany(
                "INSERT OR IGNORE INTO queue VALUES (?, ?, ?, 0, ?, ?, 0)",
                [
                    (entry.entry_id, host, ids.micros(entry.not_before or now), codec.encode(entry), entry.url)
                    for host, entry in waiting
                ],
            )
            hold(self._db, {entry_id: ("capture", codec.encode(capture)) for entry_id, capture in held.items()})
            backfill_store.remember(self._db, [*new, *held, *said])
            self._put_outbox(said.values())

    def hand_on(self, gathered: Gathered) -> None:
        """The commit of a run that ends after poll: its entries go to the outbox, and no stage here waits for them."""
        with self._transaction():
            self._remember_polls(gathered.of(PollState))
            self._put_outbox([*gathered.of(Poll), *gathered.of(DeadLetter), *gathered.of(Entry)])

    # ── the outbox ─────────────────────────────────────────────────────────────────────────────────────────────────

    def outbox(self, after: int, limit: int) -> list[OutboxRow]:
        """The next rows behind sequence number `after`, at most `limit`, in sequence."""
        rows = self._db.execute("SELECT seq, tab, row FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        return [OutboxRow(seq, table, codec.decode(row, ROWS[table].record)) for seq, table, row in rows]

    def release_embargoed(self, now: dt.datetime) -> None:
        """Put the rows into the outbox whose embargo has ended; see `pipeline.embargo`."""
        until = embargo.next_release(self._db)
        if until is None or until > now:
            return
        with self._transaction():
            self._put_outbox(embargo.release(self._db, now))

    def languages(self, article_ids: Iterable[str]) -> dict[str, str]:
        """The language of each of these articles, as far as link remembers it."""
        return copy_store.languages_of(self._db, article_ids)

    def outbox_length(self) -> int:
        """How many rows at least one sink lacks; no row is ever taken out of the middle."""
        row = self._db.execute("SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM outbox").fetchone()
        return int(row[0])

    def outbox_since(self) -> dt.datetime | None:
        """Since when a sink lacks rows: the time of the oldest of the first rows whose table tells it."""
        return outbox_since(self._db)

    def cursor(self, sink: str) -> tuple[int, dt.datetime]:
        """The sequence number that `sink` has, and the commit time of its newest delivery."""
        row = self._db.execute("SELECT seq, ingested_at FROM cursors WHERE sink = ?", (sink,)).fetchone()
        seq, moment = row or (0, 0)
        return seq, ids.EPOCH + moment * ids.MICROSECOND

    def set_cursor(self, sink: str, seq: int, ingested_at: dt.datetime, letters: Sequence[DeadLetter] = ()) -> None:
        """Note that `sink` has everything up to `seq`, but for what it refused: `letters`, new rows for all sinks."""
        with self._transaction():
            self._put_outbox(letters)
            self._db.execute("REPLACE INTO cursors VALUES (?, ?, ?)", (sink, seq, ids.micros(ingested_at)))

    def trim_outbox(self, sinks: Sequence[str]) -> None:
        """Forget the rows that every one of `sinks` has."""
        with self._transaction():
            seq = min(self.cursor(sink)[0] for sink in sinks)
            self._db.execute("DELETE FROM outbox WHERE seq <= ?", (seq,))

    def raw_folders(self) -> list[Path]:
        """The folders in which runs keep raw pages."""
        return list(raw_folders.noted(self._db))

    def note_raw(self, folder: Path) -> None:
        """Note where pages are kept as they came."""
        with self._transaction():
            raw_folders.note(self._db, folder)

    def note_raw_keep(self, folder: Path, keep: dt.timedelta | None) -> None:
        """Note how long pages are kept there; None for ever."""
        with self._transaction():
            raw_folders.note_keep(self._db, folder, keep)

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self) -> None:
        for statement in (_SCHEMA + alias_store.SCHEMA + copy_store.SCHEMA).split(";"):
            self._db.execute(statement)
        # The id only tells the deliveries of two data directories apart in one warehouse; no row's key hangs on it.
        self._db.executemany(
            "INSERT INTO meta VALUES (?, ?)", [("version", str(STATE_VERSION)), ("id", secrets.token_hex(4))]
        )

    def _migrate(self) -> None:
        statements = _MIGRATIONS.get(self._meta("version"))
        if statements is None:
            return
        for statement in statements.split(";"):
            self._db.execute(statement)
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(STATE_VERSION),))

    def _meta(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _put_outbox(self, rows: Iterable[object]) -> None:
        self._db.executemany(
            "INSERT INTO outbox (tab, row) VALUES (?, ?)", [(TABLE_OF[type(row)], codec.encode(row)) for row in rows]
        )

    def _remember_polls(self, states: Iterable[PollState]) -> None:
        self._db.executemany(
            "UPDATE feeds SET state = ?, due_at = ? WHERE feed_id = ?",
            [(codec.encode(state), ids.micros(state.due_at) if state.due_at else 0, state.feed_id) for state in states],
        )

    def _remember_captures(self, captures: Iterable[KnownCapture], now: dt.datetime) -> None:
        stored_on = ids.day_number(now)
        self._db.executemany(
            "REPLACE INTO captures VALUES (?, ?, ?, ?, ?)",
            [
                (known.capture_id, known.article_id, ids.micros(known.observed_at), codec.encode(known), stored_on)
                for known in sorted(captures, key=_judged_seq)  # of two of a capture the later judgement stays
            ],
        )


def outbox_since(state: sqlite3.Connection) -> dt.datetime | None:
    """About when the oldest row was committed: these tables' times are those of the cycle that wrote them."""
    row = state.execute(
        """
        SELECT tab, row FROM (SELECT seq, tab, row FROM outbox ORDER BY seq LIMIT 1000)
        WHERE tab IN ('outcomes', 'polls', 'dead_letters') ORDER BY seq LIMIT 1
        """
    ).fetchone()
    return time_of(row[0], codec.decode(row[1], TABLES[row[0]].record)) if row else None


def _feed_due(feed: bytes, request_url: str, state: bytes) -> FeedDue:
    return FeedDue(feed=codec.decode(feed, Feed), request_url=request_url, state=codec.decode(state, PollState))


def host_of(url: str) -> str:
    """What the queue takes turns by; an address that is none waits for nobody."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _judged_seq(known: KnownCapture) -> int:
    return known.judged_seq


def _settle(
    entries: Mapping[str, Entry], gathered: Gathered, now: dt.datetime, policy: Policy
) -> tuple[list[Outcome], list[DeadLetter], dict[str, tuple[Entry, dt.datetime]]]:
    """Give every entry its one outcome.

    Returns:
        The rows of the ledger, the dead letters of entries that the graph lost, and by their ids the entries that go on
        waiting, each with the time at which it is due.
    """
    said: dict[str, Outcome] = {}
    for outcome in gathered.of(Outcome):
        # An entry may have been read from two places in one cycle: the first outcome stands.
        said.setdefault(outcome.entry_id, outcome)
    validators = {each.entry_id: each for each in gathered.of(Validators)}
    settled = [
        settle(entry, said.get(entry_id), validators.get(entry_id), now, policy) for entry_id, entry in entries.items()
    ]
    return (
        [each.outcome for each in settled if each.outcome],
        [each.letter for each in settled if each.letter],
        {each.again[0].entry_id: each.again for each in settled if each.again},
    )
