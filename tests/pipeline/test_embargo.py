"""Embargo: what must not be out yet waits, holds up nothing else, and arrives once when its time has come."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.deliver import deliver
from pipeline.embargo import REMEMBERED
from pipeline.ledger import Ledger
from pipeline.metrics import Metrics
from pipeline.purge import plan, purge
from pipeline.sinks.jsonl import JsonlSink
from pipeline.state import FILE_NAME, State
from pipeline.status import status
from pipeline.why import why
from schemas.enums import LinkKind, Origin, OutcomeKind, Stage
from schemas.records import Article, Capture, DeadLetter, Entry, Link, Outcome, Revision
from transforms import outcomes
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


def article(name: str, number: int = 1, until: dt.datetime | None = None) -> Article:
    return Article(
        capture_id=f"{name}{number}",
        article_id=name,
        content_hash=f"{name}{number}",
        observed_at=NOW + number * dt.timedelta(seconds=1),
        url=f"https://outlet.example/{name}",
        canonical_url=f"https://outlet.example/{name}",
        title=f"Title {name}",
        embargoed_until=until,
    )


def entry(name: str, number: int = 1) -> Entry:
    return Entry(
        entry_id=f"entry of {name}{number}",
        feed_id="f",
        entry_key=name,
        fingerprint="",
        change_no=0,
        origin=Origin.WIRE,
        observed_at=NOW,
        url=f"https://outlet.example/{name}",
    )


def capture(name: str, number: int = 1, until: dt.datetime | None = None) -> Capture:
    made = article(name, number, until)
    return Capture(article=made, entry_id=f"entry of {name}{number}", attempt=1, origin=Origin.WIRE)


def commit(state: State, *records: object, now: dt.datetime = NOW) -> None:
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit([], gathered, now)


def publish(state: State, name: str, number: int = 1, until: dt.datetime | None = None, now: dt.datetime = NOW) -> None:
    """Commit a capture with its entry, its outcome and its judgement."""
    made = capture(name, number, until)
    commit(
        state,
        entry(name, number),
        made.article,
        outcomes.of_capture(made, Stage.WRITE, OutcomeKind.PUBLISHED, NOW),
        Revision(capture_id=f"{name}{number}", judged_seq=0, article_id=name, observed_at=made.article.observed_at),
        now=now,
    )


def link(copy: str, original: str) -> Link:
    return Link(
        copy_id=copy, original_id=original, judged_seq=0, observed_at=NOW, kind=LinkKind.SYNDICATED, similarity=1.0,
        containment=1.0, cluster_id=original,
    )  # fmt: skip


def out(state: State, now: dt.datetime = NOW) -> list[Any]:
    """The records in the outbox at `now`."""
    state.release_embargoed(now)
    return [row.record for row in state.outbox(0, 1000)]


def names(records: list[Any]) -> list[str]:
    return [f"{type(each).__name__} {getattr(each, 'capture_id', None) or ''}".strip() for each in records]


ALL_OF_A = ["Article a1", "Outcome a1", "Revision a1"]


def test_an_embargoed_article_waits_with_all_that_names_it_and_holds_up_nothing(state: State) -> None:
    publish(state, "a", until=NOW + HOUR)
    publish(state, "b")
    commit(state, link("b", "a"))
    assert names(out(state)) == ["Article b1", "Outcome b1", "Revision b1"]
    assert names(out(state, NOW + HOUR))[3:] == [*ALL_OF_A, "Link"]
    assert len(out(state, NOW + 2 * HOUR)) == 7  # once


def test_an_embargo_that_is_over_holds_nothing_back(state: State) -> None:
    publish(state, "a", until=NOW)
    assert names(out(state)) == ALL_OF_A


def test_what_is_found_of_it_later_waits_too(state: State) -> None:
    publish(state, "a", until=NOW + HOUR)
    seen_again = outcomes.of_capture(capture("a", 2), Stage.REVISE, OutcomeKind.UNCHANGED, NOW)
    commit(state, entry("a", 2), seen_again)
    assert out(state) == []
    assert names(out(state, NOW + HOUR)) == [*ALL_OF_A, "Outcome a2"]


@pytest.mark.parametrize(
    ("said", "waits_until"),
    [
        (NOW, NOW),  # lifted
        (NOW + HOUR / 2, NOW + HOUR / 2),
        (NOW + 2 * HOUR, NOW + 2 * HOUR),
        (None, NOW + HOUR),  # nothing is said of it
    ],
)
def test_a_newer_capture_has_the_last_word(state: State, said: dt.datetime | None, waits_until: dt.datetime) -> None:
    publish(state, "a", 1, NOW + HOUR)
    publish(state, "a", 2, said)
    assert out(state, waits_until - dt.timedelta(microseconds=1)) == []
    assert names(out(state, waits_until)) == [*ALL_OF_A, "Article a2", "Outcome a2", "Revision a2"]


def test_an_older_capture_that_arrives_late_lifts_nothing(state: State) -> None:
    publish(state, "a", 2, NOW + HOUR)
    publish(state, "a", 1, NOW)
    assert out(state) == []


def test_an_older_capture_that_arrives_late_holds_nothing(state: State) -> None:
    publish(state, "a", 2, NOW)  # may be published: no embargo was known
    publish(state, "a", 1, NOW + HOUR)
    assert names(out(state)) == ["Article a2", "Outcome a2", "Revision a2", *ALL_OF_A]
    publish(state, "b", 2, NOW + HOUR)
    assert len(out(state, NOW + HOUR)) == 9  # its time has come
    publish(state, "b", 1, NOW + 3 * HOUR, now=NOW + 2 * HOUR)
    assert len(out(state, NOW + 2 * HOUR)) == 12
    publish(state, "b", 3, NOW + 4 * HOUR, now=NOW + 2 * HOUR)  # a newer one holds again
    assert len(out(state, NOW + 3 * HOUR)) == 12


def test_of_two_captures_of_one_commit_the_newer_one_counts(state: State) -> None:
    commit(state, article("a", 2, NOW), article("a", 1, NOW + HOUR))
    commit(state, article("b", 1, NOW), article("b", 2, NOW + HOUR))
    assert names(out(state)) == ["Article a2", "Article a1"]


def test_what_was_said_of_a_time_that_is_long_past_is_forgotten(state: State, tmp_path: Path) -> None:
    publish(state, "a", 1, NOW)
    publish(state, "b", 1, NOW + HOUR)
    out(state, NOW + HOUR)
    publish(state, "c", now=NOW + REMEMBERED + 2 * HOUR)
    (known,) = sqlite3.connect(tmp_path / FILE_NAME).execute("SELECT count(*) FROM embargoes").fetchone()
    assert known == 0


def test_a_link_waits_for_the_later_of_two_embargoes(state: State) -> None:
    publish(state, "a", until=NOW + HOUR)
    publish(state, "b", until=NOW + 2 * HOUR)
    commit(state, link("b", "a"))
    publish(state, "a", 2, NOW + 3 * HOUR)  # the other one is later now
    assert not [one for one in out(state, NOW + 2 * HOUR) if isinstance(one, Link)]
    assert [one for one in out(state, NOW + 3 * HOUR) if isinstance(one, Link)]


def test_a_capture_that_died_under_embargo_waits_with_its_letter(state: State) -> None:
    outcome, letter = outcomes.bug(capture("a", until=NOW + HOUR), Stage.TAG, ValueError("a"), NOW)
    commit(state, entry("a"), outcome, letter)
    assert out(state) == []
    assert [type(each) for each in out(state, NOW + HOUR)] == [DeadLetter, Outcome]


def test_a_letter_of_something_else_is_no_trouble(state: State) -> None:
    outcome, letter = outcomes.bug(entry("b"), Stage.WRITE, ValueError("b"), NOW)
    commit(state, entry("b"), outcome, replace(letter, raw=letter.raw[:-5]))
    assert [type(each) for each in out(state)] == [DeadLetter, Outcome]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    embargoes=st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(-2, 5)), min_size=1, max_size=8),
    looks=st.lists(st.integers(0, 6), max_size=4),
)
def test_every_row_reaches_a_sink_once_and_none_before_its_time(
    tmp_path_factory: pytest.TempPathFactory, embargoes: list[tuple[str, int | None]], looks: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("embargo")
    state, sink = State(folder), JsonlSink(str(folder / "out"))
    for number, (name, hours) in enumerate(embargoes):
        publish(state, name, number, None if hours is None else NOW + hours * HOUR)
    for hours in [*sorted(looks), 100]:
        deliver(state, sink, Metrics(), Mock(return_value=NOW + hours * HOUR))
        expected = sorted(f"{name}{number}" for number, name in enumerate_out(embargoes, hours))
        for table in ("articles", "outcomes", "revisions"):
            files = (folder / "out" / table).glob("*/*.jsonl")
            rows = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
            assert sorted(row["capture_id"] for row in rows) == expected
    state.close()


def enumerate_out(embargoes: list[tuple[str, int | None]], hours: int) -> Iterator[tuple[int, str]]:
    """The captures that are out after so many hours: those before an article's first embargo, and those that ended."""
    for number, (name, _) in enumerate(embargoes):
        said = [(at, each) for at, (other, each) in enumerate(embargoes) if other == name and each is not None]
        is_held = any(at <= number and each > 0 for at, each in said)
        if not is_held or said[-1][1] <= hours:
            yield number, name


def test_why_and_status_tell_of_it_and_purge_reaches_it(tmp_path: Path, state: State) -> None:
    publish(state, "a", until=NOW + HOUR)
    with Ledger(tmp_path) as ledger:
        story = why(ledger, "https://outlet.example/a", NOW).story
    assert story
    assert story.steps[-1].words == "capture a1: held back from every sink by an embargo until 2026-03-01 13:00:00 UTC"
    assert status(tmp_path, NOW).embargoed_rows == 3

    planned = plan(tmp_path, "https://outlet.example/a", NOW)
    purge(tmp_path, planned, NOW)
    freed = out(state, NOW + HOUR)
    assert names(freed) == ["Outcome a1", "Revision a1"]
    assert freed[0].title is None


def test_a_state_without_the_tables_gets_them_and_is_read_without(tmp_path: Path, state: State) -> None:
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.executescript("DROP TABLE embargoes; DROP TABLE embargoed")  # as an earlier program leaves it
    database.close()
    assert status(tmp_path, NOW).embargoed_rows == 0
    again = State(tmp_path)
    publish(again, "a", until=NOW + HOUR)
    assert out(again) == []
    again.close()
