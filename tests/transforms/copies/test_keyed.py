"""The keyed state of link: an index that stands for the state at hand, whatever happened in between."""

import datetime as dt
from typing import Any

import pytest

from schemas import ids
from schemas.memory import CopyNote, Lineage, Sketch
from transforms.copies import keyed
from transforms.copies.keyed import BUCKETS, WEEK, Index, KeyedCopies
from transforms.indexes import Indexes

START = ids.EPOCH + WEEK * 2_900


@pytest.fixture(autouse=True, params=[keyed.IN_MEMORY, 0], ids=["in memory", "on disk"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test with an index of either kind."""
    monkeypatch.setattr(keyed, "IN_MEMORY", request.param)


class Cell:
    """A value cell, or a bag, of Beam."""

    def __init__(self) -> None:
        self.value: Any = None
        self.notes: list[CopyNote] = []

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value


class Bag:
    def __init__(self) -> None:
        self.notes: list[CopyNote] = []
        self.reads = 0

    def read(self) -> list[CopyNote]:
        self.reads += 1
        return list(self.notes)

    def add(self, note: CopyNote) -> None:
        self.notes.append(note)

    def clear(self) -> None:
        self.notes.clear()


class State:
    def __init__(self) -> None:
        self.cell, self.bags = Cell(), [Bag() for _ in range(BUCKETS)]

    def open(self, indexes: Indexes[Index]) -> KeyedCopies:
        return KeyedCopies("en", self.cell, self.bags, indexes)

    @property
    def reads(self) -> int:
        return sum(bag.reads for bag in self.bags)


def note(name: str, observed_at: dt.datetime) -> tuple[Sketch, list[Lineage]]:
    sketch = Sketch(capture_id=name, article_id=name, language="en", order_at=observed_at, observed_at=observed_at)
    lineage = Lineage(article_id=name, order_at=observed_at, observed_at=observed_at, original_id=name, cluster_id=name)
    return sketch, [lineage]


def names(copies: KeyedCopies) -> list[str]:
    return [name for name in ("a", "b", "c", "d") if copies.index.sketches(name)]


def test_a_process_that_keeps_the_key_reads_the_bags_once() -> None:
    state, indexes = State(), Indexes[Index]()
    for day, name in enumerate("abcd"):
        state.open(indexes).add(*note(name, START + dt.timedelta(days=day)))
    assert names(state.open(indexes)) == ["a", "b", "c", "d"]
    assert state.reads == 0


def test_another_process_builds_the_index_from_the_bags() -> None:
    state = State()
    state.open(Indexes()).add(*note("a", START))
    copies = state.open(Indexes())
    assert names(copies) == ["a"]
    assert [lineage.article_id for lineage in copies.index.members("a")] == ["a"]


def test_an_index_ahead_of_a_checkpoint_is_not_used() -> None:
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("a", START))
    checkpoint = state.cell.value
    state.open(indexes).add(*note("b", START))
    state.cell.value = checkpoint
    state.bags[2_900 % BUCKETS].notes = state.bags[2_900 % BUCKETS].notes[:2]
    assert names(state.open(indexes)) == ["a"]


def test_a_capture_that_failed_in_between_leaves_no_half_index() -> None:
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("a", START))
    state.open(indexes).index.add(note("b", START)[0])  # and never added to the state
    assert names(state.open(indexes)) == ["a"]


def test_weeks_are_dropped_when_their_bag_is_needed() -> None:
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("a", START))
    state.open(indexes).add(*note("b", START + WEEK))
    state.open(indexes).add(*note("c", START + WEEK * BUCKETS))
    assert names(state.open(indexes)) == ["b", "c"]
    assert names(state.open(Indexes())) == ["b", "c"]


def test_what_is_older_than_all_that_is_held_is_not_remembered() -> None:
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("a", START))
    state.open(indexes).add(*note("b", START - WEEK * BUCKETS))
    assert names(state.open(indexes)) == ["a"]


def test_a_lineage_is_held_as_long_as_its_article_s_newest_text() -> None:
    """A capture that comes late may change the lineage of a newer article: it does not lie in the late one's week."""
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("b", START + WEEK))
    late, changed = note("a", START), note("b", START + WEEK)[1]
    state.open(indexes).add(late[0], [*late[1], *changed])
    state.open(indexes).add(*note("c", START + WEEK * BUCKETS))  # in the bag of the late one's week
    for copies in (state.open(indexes), state.open(Indexes())):
        assert names(copies) == ["b", "c"]
        assert copies.index.members("b") == changed
        assert copies.index.members("a") == []
        copies.add(None, [])


def test_state_expires_after_its_newest_week() -> None:
    state, indexes = State(), Indexes[Index]()
    state.open(indexes).add(*note("a", START))
    state.open(indexes).add(*note("b", START - WEEK))
    assert state.open(indexes).expires_at == START + WEEK * (BUCKETS + 1)
