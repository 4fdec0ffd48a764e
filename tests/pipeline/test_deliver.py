"""Delivery: a sink that fails delays only itself, and everything arrives once when it is back."""

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import deliver as delivery
from pipeline.deliver import Deliverer, Terms
from pipeline.metrics import Metrics
from pipeline.sinks.base import Batch, Refused, Row, SinkError
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.rules import Rules
from pipeline.state import State
from schemas import codec
from schemas.enums import Reason, Stage
from schemas.examples import EXAMPLES
from schemas.records import Feed, Revision
from transforms.link import sketch_of
from transforms.outcomes import Clock, utc_now
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ARTICLE: Any = EXAMPLES["articles"]


class Recorder:
    """A sink that remembers what it was given, and fails when it is told to."""

    takes_entries = False

    def __init__(self, uri: str = "test:recorder") -> None:
        self.uri = uri
        self.batches: list[Batch] = []
        self.error: Exception | None = None
        self.refused_tables: set[str] = set()
        self.is_closed = False
        self.is_written = threading.Event()

    def write(self, batch: Batch) -> Sequence[Refused]:
        if self.error:
            raise self.error
        self.batches.append(batch)
        self.is_written.set()
        return [Refused(row, "too long") for row in batch.rows if self.refuses(row)]

    def refuses(self, row: Row) -> bool:
        return row.table in self.refused_tables

    def close(self) -> None:
        self.is_closed = True

    @property
    def seqs(self) -> list[int]:
        return [row.seq for batch in self.batches for row in batch.rows]


def feeds(*names: str) -> Sequence[tuple[Feed, str]]:
    return [(Feed(feed_id=name, valid_from=NOW, url=f"https://{name}.example/"), "") for name in names]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


def deliver(state: State, sink: Recorder, clock: Clock = utc_now) -> None:
    delivery.deliver(state, sink, Metrics(), clock)
    state.trim_outbox([sink.uri])


def test_a_refused_row_becomes_a_dead_letter_for_all_sinks_and_holds_up_nothing(state: State) -> None:
    sink = Recorder()
    state.set_feeds(feeds("a"))
    sink.refused_tables = {"feeds", "dead_letters"}
    delivery.deliver(state, sink, Metrics())
    rows = [row for batch in sink.batches for row in batch.rows]
    assert [row.table for row in rows] == ["feeds", "dead_letters"]  # and a refused letter brings no other
    letter = rows[1].record
    assert (letter.reason, letter.stage, letter.feed_id) == (Reason.REFUSED, Stage.WRITE, "a")
    assert letter.error == "test:recorder, a row of feeds: too long"
    assert codec.decode(letter.raw, Feed) == rows[0].record


def test_everything_arrives_in_sequence_and_leaves_the_outbox(state: State) -> None:
    sink = Recorder()
    state.set_feeds(feeds("a", "b", "c"))
    deliver(state, sink)
    assert sink.seqs == [1, 2, 3]
    assert state.outbox_length() == 0
    state.set_feeds(feeds("d"))
    deliver(state, sink)
    assert sink.seqs == [1, 2, 3, 4]


def test_batches_are_bounded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MAX_ROWS", 2)
    sink = Recorder()
    state.set_feeds(feeds(*"abcde"))
    deliver(state, sink)
    assert [len(batch.rows) for batch in sink.batches] == [2, 2, 1]
    assert len({batch.delivery.batch_id for batch in sink.batches}) == 3


@pytest.mark.parametrize("error", [SinkError("disk full"), RuntimeError("a bug in a library")])
def test_a_sink_that_fails_holds_up_only_itself(state: State, tmp_path: Path, error: Exception) -> None:
    good, bad = Recorder("test:good"), Recorder("test:bad")
    bad.error = error
    state.set_feeds(feeds("a", "b"))
    failed = Deliverer(tmp_path, [bad, good], Metrics(), flush_s=3600).finish()
    assert list(failed) == ["test:bad"]
    assert str(error) in str(failed["test:bad"])
    assert good.seqs == [1, 2]
    assert state.outbox_length() == 2  # kept for the one that lacks them
    bad.error = None
    assert Deliverer(tmp_path, [bad, good], Metrics(), flush_s=3600).finish() == {}
    assert (bad.seqs, good.seqs) == ([1, 2], [1, 2])
    assert state.outbox_length() == 0


def test_a_sink_that_hangs_holds_up_neither_another_nor_the_end(state: State, tmp_path: Path) -> None:
    class Hanging(Recorder):
        def write(self, batch: Batch) -> Sequence[Refused]:  # noqa: ARG002  # the protocol's signature
            let_go.wait(60)
            return ()

    let_go = threading.Event()
    good, hanging = Recorder("test:good"), Hanging("test:hanging")
    state.set_feeds(feeds("a"))
    failed = Deliverer(tmp_path, [hanging, good], Metrics(), flush_s=3600).finish(timeout_s=0.5)
    assert list(failed) == ["test:hanging"]
    assert good.seqs == [1]
    let_go.set()


def test_commit_time_never_goes_back_though_the_clock_does(state: State) -> None:
    sink = Recorder()
    for name, clock in (("a", NOW), ("b", NOW - dt.timedelta(days=1)), ("c", NOW + dt.timedelta(days=1))):
        state.set_feeds(feeds(name))
        deliver(state, sink, clock=Mock(return_value=clock))
    times = [batch.delivery.ingested_at for batch in sink.batches]
    assert times == [NOW, NOW, NOW + dt.timedelta(days=1)]


def test_a_full_batch_does_not_wait(state: State, tmp_path: Path) -> None:
    sink = Recorder()
    deliverer = Deliverer(tmp_path, [sink], Metrics(), flush_s=3600)
    state.set_feeds(feeds("a"))
    deliverer.flush()
    assert sink.is_written.wait(30)
    assert deliverer.finish() == {}
    assert sink.seqs == [1]
    assert sink.is_closed


def test_a_fault_of_our_own_reaches_whoever_waits(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("this is no database, whatever its name says")
    deliverer = Deliverer(tmp_path, [Recorder()], Metrics(), flush_s=3600)
    with pytest.raises(Exception, match="not a database"):
        deliverer.finish()


def test_what_a_sink_is_not_to_have_moves_its_cursor_all_the_same(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_ROWS", 2)
    sink = Recorder()
    state.set_feeds(feeds("a", "b", "c"))
    delivery.deliver(state, sink, Metrics(), allowed=Rules(tables=frozenset({"articles"})))
    assert sink.batches == []
    assert state.cursor(sink.uri)[0] == 3
    delivery.deliver(state, sink, Metrics(), allowed=Rules(leave_out={"feeds": frozenset({"url"})}))
    assert sink.batches == []  # what it was not to have then is not made up for
    state.set_feeds(feeds("d"))
    delivery.deliver(state, sink, Metrics(), allowed=Rules(leave_out={"feeds": frozenset({"url"})}))
    assert [(row.seq, row.record.feed_id, row.record.url) for row in sink.batches[0].rows] == [(4, "d", "")]


def test_what_belongs_to_an_article_goes_with_its_language(state: State) -> None:
    sink = Recorder()
    english = Rules(languages=frozenset({"en"}))
    for name, language in (("a", "en-GB"), ("b", "de")):
        article = replace(ARTICLE, capture_id=name, article_id=name, language=language)
        commit(state, article, sketch_of(article), judgement(name, 0))
    delivery.deliver(state, sink, Metrics(), allowed=english)
    commit(state, judgement("a", 1), judgement("b", 1), judgement("c", 1))  # of c nothing is known
    delivery.deliver(state, sink, Metrics(), allowed=english)
    rows = [(row.table, row.record.article_id) for batch in sink.batches for row in batch.rows]
    assert rows == [("articles", "a"), ("revisions", "a"), ("revisions", "a"), ("revisions", "c")]
    assert sink.seqs == [1, 2, 5, 7]


def test_each_sink_has_its_own_terms(state: State, tmp_path: Path) -> None:
    patient, quick, narrow = Recorder("test:patient"), Recorder("test:quick"), Recorder("test:narrow")
    terms = {
        quick.uri: Terms(flush_s=0.01),
        narrow.uri: Terms(flush_s=0.01, rules=Rules(tables=frozenset({"articles"}))),
    }
    deliverer = Deliverer(tmp_path, [patient, quick, narrow], Metrics(), flush_s=3600, terms=terms)
    state.set_feeds(feeds("a"))
    assert quick.is_written.wait(30)
    assert patient.seqs == []
    assert deliverer.finish() == {}
    assert (patient.seqs, quick.seqs, narrow.seqs) == ([1], [1], [])
    assert state.outbox_length() == 0


def judgement(name: str, number: int) -> Revision:
    return Revision(capture_id=name, judged_seq=number, article_id=name, observed_at=NOW)


def commit(state: State, *records: object) -> None:
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit([], gathered, NOW)


@given(
    tables=st.lists(st.sampled_from(["articles", "revisions", "feeds"]), min_size=1, max_size=12),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    allowed=st.frozensets(st.sampled_from(["articles", "revisions", "feeds"])),
)
@settings(deadline=None, max_examples=40)
def test_rules_and_crashes_between_write_and_cursor_leave_every_allowed_row_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, tables: list[str], sizes: list[int], allowed: frozenset[str]
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    state, sink, taken = State(folder), JsonlSink(str(folder / "out")), Rules(tables=allowed)
    for number, table in enumerate(tables):
        if table == "articles":
            commit(state, replace(ARTICLE, capture_id=str(number)))
        elif table == "revisions":
            commit(state, judgement("a", number))
        else:
            state.set_feeds(feeds(*(str(each) for each in range(number + 1) if tables[each] == "feeds")))
    for size in sizes:  # each delivery in other batches, and the cursor of its last one is not noted
        with patch.object(delivery, "MAX_ROWS", size), contextlib.suppress(KilledError):
            delivery.deliver(Forgetful(state), sink, Metrics(), allowed=taken)  # type: ignore[arg-type]  # stands in for it
    delivery.deliver(state, sink, Metrics(), allowed=taken)
    for table in ("articles", "revisions", "feeds"):
        files = sorted((folder / "out" / table).glob("day=*/*.jsonl"), key=lambda file: file.name)
        rows = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
        key = {"articles": "capture_id", "revisions": "judged_seq", "feeds": "feed_id"}[table]
        written = [str(number) for number, each in enumerate(tables) if each == table and table in allowed]
        assert [str(row[key]) for row in rows] == written
    state.close()


class KilledError(Exception):
    """Stands for the end of the process."""


class Forgetful:
    """A state in whose process someone pulls the plug after the first batch."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def set_cursor(self, *_: object) -> None:
        raise KilledError
