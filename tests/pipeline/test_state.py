"""state.db: one commit point, and a queue in which no entry is lost."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data_directory import DataDirectoryError, RunnerLock
from pipeline.memory import StateMemory
from pipeline.state import State, StateError
from schemas import codec, ids
from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import DeadLetter, Entry, Feed, Outcome, PollState
from transforms import outcomes
from transforms.visits import Policy
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def entry(name: str, host: str = "outlet.example", attempt: int = 1) -> Entry:
    return Entry(
        entry_id=name,
        feed_id="f",
        entry_key=name,
        fingerprint="x",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW,
        attempt=attempt,
        url=f"https://{host}/{name}",
    )


def gathered(*records: object) -> Gathered:
    made = Gathered()
    for record in records:
        made.add(record)
    return made


def failed(one: Entry, reason: Reason, *, is_terminal: bool = True, retry_at: dt.datetime | None = None) -> Outcome:
    kind = OutcomeKind.FAILED if is_terminal else OutcomeKind.DEFERRED
    return outcomes.of_entry(one, Stage.FETCH, kind, NOW, is_terminal=is_terminal, reason=reason, retry_at=retry_at)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


def queued(state: State, now: dt.datetime = NOW) -> list[str]:
    return [one.entry_id for one in state.entries_due(now, 1000, 1000)]


def written(state: State, kind: type) -> list[object]:
    return [row.record for row in state.outbox(0, 1000) if isinstance(row.record, kind)]


def test_an_entry_with_a_terminal_outcome_is_in_the_ledger_and_in_no_queue(state: State) -> None:
    one = entry("a")
    state.commit([], gathered(one, failed(one, Reason.NOT_FOUND)), NOW)
    assert queued(state) == []
    assert [o.reason for o in written(state, Outcome)] == [Reason.NOT_FOUND]  # type: ignore[attr-defined]  # Outcomes


@pytest.mark.parametrize("reason", [Reason.IN_FLIGHT, Reason.OVER_CAP])
def test_an_entry_that_only_waits_stays_in_the_queue_without_a_row(state: State, reason: Reason) -> None:
    one = entry("a")
    state.commit([], gathered(one, failed(one, reason, is_terminal=False)), NOW)
    assert queued(state) == ["a"]
    assert written(state, Outcome) == []


def test_an_entry_to_be_tried_again_waits_until_its_time_as_a_further_attempt(state: State) -> None:
    one, later = entry("a"), NOW + dt.timedelta(minutes=5)
    state.commit([], gathered(one, failed(one, Reason.RATE_LIMITED, is_terminal=False, retry_at=later)), NOW)
    assert queued(state, NOW) == []
    assert [due.attempt for due in state.entries_due(later, 10, 10)] == [2]
    assert len(written(state, Outcome)) == 1


def test_an_entry_that_the_graph_loses_is_tried_again_and_then_a_dead_letter(state: State) -> None:
    one = entry("a")
    state.commit([], gathered(one), NOW)
    for _ in range(2):
        (one,) = state.entries_due(NOW, 10, 10)
        state.commit([one], gathered(), NOW)
    assert queued(state) == []
    assert [letter.tries for letter in written(state, DeadLetter)] == [3]  # type: ignore[attr-defined]  # DeadLetters
    (last,) = written(state, Outcome)
    assert isinstance(last, Outcome)
    assert (last.outcome, last.is_terminal, last.attempt) == (OutcomeKind.DEAD, True, 3)


@given(
    st.lists(
        st.sampled_from(["terminal", "waits", "later", "twice", "lost"]),
        max_size=12,
    )
)
def test_every_entry_is_either_in_the_ledger_or_in_the_queue(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str]
) -> None:
    state = State(tmp_path_factory.mktemp("state"))
    records: list[object] = []
    for number, end in enumerate(ends):
        one = entry(str(number))
        records.append(one)
        if end in {"terminal", "twice"}:
            records += [failed(one, Reason.TIMEOUT)] * (1 + (end == "twice"))
        elif end != "lost":
            reason = Reason.IN_FLIGHT if end == "waits" else Reason.RATE_LIMITED
            records.append(failed(one, reason, is_terminal=False))
    ledger = state.commit([], gathered(*records), NOW)
    done = [outcome.entry_id for outcome in ledger if outcome.is_terminal]
    assert sorted([*done, *queued(state)]) == sorted(str(number) for number in range(len(ends)))
    state.close()


def test_a_commit_that_fails_half_way_leaves_nothing(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.set_feeds([(Feed(feed_id="f", valid_from=NOW, url="https://outlet.example/feed"), "")])
    before = state.outbox_length()

    def fail(_rows: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(state, "_put_outbox", fail)
        with pytest.raises(OSError, match="disk full"):
            state.commit([], gathered(entry("a"), PollState(feed_id="f", etag="1")), NOW)
    assert queued(state) == []
    assert state.feeds_of(["f"])[0].state.etag is None
    assert state.outbox_length() == before


def test_the_queue_takes_turns_between_hosts(state: State) -> None:
    slow = [entry(f"s{n}", "slow.example") for n in range(5)]
    quick = [entry(f"q{n}", "quick.example") for n in range(2)]
    waiting = [failed(one, Reason.OVER_CAP, is_terminal=False) for one in slow + quick]
    state.commit([], gathered(*slow, *quick, *waiting), NOW)
    taken = [one.entry_id for one in state.entries_due(NOW, limit=4, per_host=3)]
    assert taken == ["s0", "q0", "s1", "q1"]
    assert [one.entry_id for one in state.entries_due(NOW, limit=100, per_host=3)].count("s3") == 0


def test_a_page_has_one_revisit_ahead_however_often_it_changes(state: State) -> None:
    published = replace(failed(entry("a"), Reason.TIMEOUT), outcome=OutcomeKind.PUBLISHED, reason=None)
    for name, later in (("a", dt.timedelta()), ("b", dt.timedelta(hours=1))):
        one = replace(entry(name), url="https://outlet.example/page")
        outcome = replace(published, entry_id=name, url=one.url)
        state.commit([], gathered(one, outcome), NOW + later, Policy(revisits=(dt.timedelta(hours=3),)))
    assert queued(state, NOW + dt.timedelta(hours=3)) == []
    assert len(queued(state, NOW + dt.timedelta(hours=4))) == 1


def test_revisits_never_crowd_out_what_is_new(state: State) -> None:
    revisits = [replace(entry(f"r{n}"), origin=Origin.REVISIT) for n in range(20)]
    fresh = [entry(f"n{n}") for n in range(20)]
    waiting = [failed(one, Reason.OVER_CAP, is_terminal=False) for one in revisits + fresh]
    state.commit([], gathered(*revisits, *fresh, *waiting), NOW)
    assert [one.entry_id for one in state.entries_due(NOW, 100, 8)] == [f"n{n}" for n in range(8)]
    state.commit(fresh, gathered(*(failed(one, Reason.NOT_FOUND) for one in fresh)), NOW)
    assert [one.entry_id for one in state.entries_due(NOW, 100, 8)] == ["r0", "r1"]


def test_a_feed_gets_a_row_when_its_settings_change_and_keeps_its_memory(state: State) -> None:
    feed = Feed(feed_id="f", valid_from=NOW, url="https://outlet.example/feed")
    state.set_feeds([(feed, "https://outlet.example/feed")])
    state.commit([], gathered(PollState(feed_id="f", etag="1")), NOW)
    later = replace(feed, valid_from=NOW + dt.timedelta(days=1))
    state.set_feeds([(later, "https://user:secret@outlet.example/feed")])
    assert len(written(state, Feed)) == 1
    state.set_feeds([(replace(later, outlet="Outlet"), "https://outlet.example/feed")])
    assert len(written(state, Feed)) == 2
    assert state.feeds_of(["f", "unknown"])[0].state.etag == "1"


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    opened = State(tmp_path)
    opened._db.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    opened.close()
    with pytest.raises(StateError, match="state version 99, this program knows 3"):
        State(tmp_path)


VERSION_2 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE feeds (feed_id TEXT PRIMARY KEY, request_url TEXT NOT NULL, feed BLOB NOT NULL, state BLOB NOT NULL,
    due_at INTEGER NOT NULL DEFAULT 0, is_active INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
CREATE TABLE queue (entry_id TEXT PRIMARY KEY, host TEXT NOT NULL, due_at INTEGER NOT NULL,
    is_revisit INTEGER NOT NULL, entry BLOB NOT NULL, url TEXT NOT NULL DEFAULT '');
CREATE TABLE replays (entry_id TEXT PRIMARY KEY, kind TEXT NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE captures (capture_id TEXT PRIMARY KEY, article_id TEXT NOT NULL, observed_at INTEGER NOT NULL,
    known BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, tab TEXT NOT NULL, row BLOB NOT NULL);
CREATE TABLE cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL, ingested_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE aliases (key TEXT PRIMARY KEY, article_id TEXT NOT NULL, observed_at INTEGER NOT NULL,
    title BLOB NOT NULL, published_at INTEGER, is_own INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE suppressed (key TEXT PRIMARY KEY, suppressed_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sketches (number INTEGER PRIMARY KEY, capture_id BLOB NOT NULL, article_id BLOB NOT NULL,
    language TEXT NOT NULL, order_at INTEGER NOT NULL, observed_at INTEGER NOT NULL, site TEXT NOT NULL,
    credits TEXT NOT NULL, word_count INTEGER NOT NULL, shingles BLOB NOT NULL, passages BLOB NOT NULL,
    title BLOB NOT NULL, names BLOB NOT NULL, figures BLOB NOT NULL);
CREATE TABLE lineages (article_id BLOB PRIMARY KEY, order_at INTEGER NOT NULL, observed_at INTEGER NOT NULL,
    original_id BLOB NOT NULL, cluster_id BLOB NOT NULL, judged_seq INTEGER NOT NULL, sketch_count INTEGER NOT NULL,
    kind TEXT NOT NULL, similarity REAL NOT NULL, containment REAL NOT NULL, evidence TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE postings (hash INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (hash, number)) WITHOUT ROWID;
INSERT INTO meta VALUES ('version', '2'), ('id', 'run');
"""


def test_a_state_of_the_version_before_is_brought_up_to_date(tmp_path: Path, state: State) -> None:
    later = NOW + dt.timedelta(hours=1)
    # As version 2 wrote it, which had no other times than the last.
    known = {"capture_id": "c", "article_id": "a", "observed_at": NOW, "content_hash": "x", "extractor": "made 1 0"}
    older = tmp_path / "older"
    older.mkdir()
    with closing(sqlite3.connect(older / "state.db")) as database, database:
        database.executescript(VERSION_2)
        database.execute("INSERT INTO queue VALUES ('e', 'outlet.example', 0, 0, ?, '')", (codec.encode(entry("e")),))
        stored = codec.encode(known | {"seen_at": later})
        database.execute("INSERT INTO captures VALUES ('c', 'a', ?, ?)", (ids.micros(NOW), stored))
    opened, memory = State(older), StateMemory(str(older))
    assert opened.id == "run"
    assert queued(opened) == ["e"]
    (capture,) = memory.neighbours("a")
    assert (capture.capture_id, capture.seen_at) == ("c", later)
    assert columns_of(opened.path) == columns_of(state.path)
    memory.close()
    opened.close()


def columns_of(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {(table, row[1]) for table in tables for row in database.execute(f"PRAGMA table_info({table})")}


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database" * 100)
    with pytest.raises(StateError, match=r"state\.db"):
        State(tmp_path)


def test_a_cursor_comes_back_with_its_time(state: State) -> None:
    assert state.cursor("s") == (0, ids.EPOCH)
    state.set_cursor("s", 7, NOW)
    assert state.cursor("s") == (7, NOW)


def test_one_runner_per_data_directory(tmp_path: Path) -> None:
    lock = RunnerLock(tmp_path / "data")
    with pytest.raises(DataDirectoryError, match="another run is using it"):
        RunnerLock(tmp_path / "data")
    lock.release()
    RunnerLock(tmp_path / "data").release()


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="file/data"):
        RunnerLock(tmp_path / "file" / "data")
