"""What becomes of an entry whose capture is a row, and when a stream writes its rows."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import codec
from schemas.enums import Change, Origin, OutcomeKind
from schemas.memory import Bundles
from schemas.records import Article, Capture, EncodedRow
from transforms import write
from transforms.write import HeldRows, publish

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ARTICLE = Article(
    capture_id="c",
    article_id="a",
    content_hash="h",
    observed_at=NOW,
    url="https://outlet.example/1",
    canonical_url="https://outlet.example/1",
)


@pytest.mark.parametrize(
    ("change", "is_first", "kind"),
    [
        (Change.NEW, True, OutcomeKind.PUBLISHED),
        (Change.KILL, True, OutcomeKind.PUBLISHED),  # an article that was killed before it was ever seen
        (Change.KILL, False, OutcomeKind.REVISED),
        (Change.UPDATE, False, OutcomeKind.REVISED),
    ],
)
def test_the_first_capture_is_published_and_others_revise(change: Change, *, is_first: bool, kind: OutcomeKind) -> None:
    capture = Capture(article=ARTICLE, entry_id="e", attempt=1, origin=Origin.FEED, change=change, is_first=is_first)
    article, outcome = publish(capture, lambda: NOW)
    assert (article, outcome.outcome, outcome.capture_id, outcome.is_terminal) == (ARTICLE, kind, "c", True)


class Cell:
    """A value cell of Beam."""

    def __init__(self) -> None:
        self.value: Bundles | None = None

    def read(self) -> Bundles | None:
        return self.value

    def write(self, value: Bundles) -> None:
        self.value = value

    def clear(self) -> None:
        self.value = None


class Bag:
    """A bag of Beam, which counts how often it is read."""

    def __init__(self) -> None:
        self.rows: list[EncodedRow] = []
        self.reads = 0

    def read(self) -> list[EncodedRow]:
        self.reads += 1
        return list(self.rows)

    def add(self, row: EncodedRow) -> None:
        self.rows.append(row)

    def clear(self) -> None:
        self.rows.clear()


class Written:
    """A sink: the ids of the captures that it was given, call by call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def write(self, records: Sequence[Any]) -> None:
        self.calls.append([record.capture_id for record in records])


def row(capture_id: str) -> EncodedRow:
    return EncodedRow(table="articles", data=codec.encode(replace(ARTICLE, capture_id=capture_id)))


class State:
    """The state of one shard."""

    def __init__(self) -> None:
        self.bag, self.cell, self.sink = Bag(), Cell(), Written()
        self.held = HeldRows(self.bag, self.cell)

    def bring(self, bundle: str, *capture_ids: str) -> None:
        self.held.told(bundle)
        for each in capture_ids:
            self.held.add(row(each), bundle)

    def write(self, *unfinalized: str) -> bool:
        return self.held.write(frozenset(unfinalized), self.sink)


def test_rows_wait_unread_until_a_bundle_that_brought_them_is_durable() -> None:
    state = State()
    state.bring("b1", "c1", "c2")
    state.bring("b2", "c3")
    assert state.write("b1", "b2", "b3")
    assert (state.bag.reads, state.sink.calls) == (0, [])
    assert state.write("b2", "b3")
    assert state.sink.calls == [["c1", "c2"]]
    assert not state.write("b3")
    assert state.sink.calls == [["c1", "c2"], ["c3"]]
    assert (state.bag.rows, state.cell.value) == ([], None)


def test_rows_that_are_kept_are_still_known_by_their_bundle() -> None:
    state = State()
    state.bring("b1", "c1")
    state.bring("b2", "c2")
    assert state.write("b2")
    assert state.cell.value == Bundles(ids=("b2",))
    state.bring("b3", "c3")
    assert state.write("b2", "b3")
    assert state.bag.reads == 1
    assert state.write("b3")
    assert state.sink.calls == [["c1"], ["c2"]]


def test_rows_of_a_process_that_is_gone_are_written_whatever_is_known_of_their_bundles() -> None:
    state = State()
    state.bring("of the process before", "c1")
    state.bring("b1", "c2")
    assert state.write("b1")
    assert state.sink.calls == [["c1"]]
    older = State()  # of a version that kept no bundles beside the rows
    older.bag.add(row("c1"))
    assert not older.write("b1")
    assert older.sink.calls == [["c1"]]


def test_many_rows_are_written_in_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "BATCH_ROWS", 2)
    state = State()
    state.bring("b1", "c1", "c2", "c3")
    assert not state.write()
    assert state.sink.calls == [["c1", "c2"], ["c3"]]


def test_what_a_sink_refuses_is_held_for_the_next_try() -> None:
    class Failing:
        def write(self, records: Sequence[Any]) -> None:
            raise OSError(f"{len(records)} rows not taken")

    state = State()
    state.bring("b1", "c1")
    with pytest.raises(OSError, match="1 rows not taken"):
        state.held.write(frozenset(), Failing())
    assert [each.bundle for each in state.bag.rows] == ["b1"]


def test_rows_that_wait_for_a_checkpoint_too_long_are_told_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("transforms.write.time.monotonic", lambda: now[0])
    bundles = write._Unfinalized()
    bundles.add("b1")
    bundles.add("b2")
    bundles.discard("b2")
    with capture_logs() as told:
        for now[0] in (write.WAITING_S, write.WAITING_S + 1, write.WAITING_S + 2, 3 * write.WAITING_S):
            assert bundles.now() == {"b1"}
    assert [(each["event"], each["bundles"]) for each in told] == [("rows_wait_for_a_checkpoint", 1)] * 2
    bundles.discard("b1")
    with capture_logs() as told:
        assert bundles.now() == frozenset()
    assert told == []
