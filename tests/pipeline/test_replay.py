"""replay: what a dead letter holds stands in the queue again, once, as its entry's next attempt."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.held import forget_held, take_held
from pipeline.replay import Replayed, replay
from pipeline.state import FILE_NAME, State
from schemas import codec, ids
from schemas.enums import BodyPolicy, Change, Origin, OutcomeKind, Reason, Source, Stage
from schemas.records import Article, Capture, DeadLetter, Entry, Feed, Outcome, Page
from transforms import outcomes
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FEED = Feed(feed_id="f", valid_from=NOW, url="https://outlet.example/rss", body_policy=BodyPolicy.EXCERPT, rights="r")


def entry(name: str, attempt: int = 1) -> Entry:
    return Entry(
        entry_id=ids.hash_id(name),
        feed_id="f",
        entry_key=name,
        fingerprint="x",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW,
        attempt=attempt,
        url=f"https://outlet.example/{name}",
        title=name,
    )


def page(name: str) -> Page:
    return Page(entry=entry(name), observed_at=NOW, url=f"https://outlet.example/{name}", body=b"<p>text</p>")


def capture(name: str, source: Source = Source.WEB) -> Capture:
    article = Article(
        capture_id=ids.hash_id("capture", name),
        article_id=ids.hash_id("article", name),
        content_hash="h",
        observed_at=NOW,
        url=f"https://outlet.example/{name}",
        canonical_url=f"https://outlet.example/{name}",
        feed_id="f",
        source=source,
        title=name,
        body="One & two.\n\nThree.",
    )
    return Capture(
        article=article, entry_id=ids.hash_id(name), attempt=1, origin=Origin.FEED, change=Change.NEW, outlet="O"
    )


def died(record: Entry | Page | Capture, stage: Stage, at: dt.datetime = NOW) -> tuple[Outcome, DeadLetter]:
    return outcomes.bug(record, stage, ValueError("nonsense"), at)


def commit(state: State, *records: object) -> None:
    entries = [
        replace(entry(""), entry_id=one.entry_id, attempt=one.attempt) for one in records if isinstance(one, Outcome)
    ]
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit(entries, gathered, NOW)


def queued(state: State) -> list[Entry]:
    return state.entries_due(NOW, 1000, 1000)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    opened.set_feeds([(FEED, FEED.url)])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("record", "stage"),
    [
        (entry("a"), Stage.FETCH),
        (page("a"), Stage.EXTRACT),
        (capture("a"), Stage.REVISE),
        (capture("a"), Stage.TAG),
        (entry("a"), Stage.WRITE),
    ],
)
def test_a_letter_of_any_stage_becomes_the_next_attempt(
    record: Entry | Page | Capture, stage: Stage, state: State, tmp_path: Path
) -> None:
    commit(state, *died(record, stage))
    done = replay(tmp_path, NOW)
    assert not done.left
    (again,) = queued(state)
    assert (again.entry_id, again.attempt, again.origin) == (ids.hash_id("a"), 2, Origin.REPLAY)
    assert (again.url, again.title) == ("https://outlet.example/a", "a")
    assert done.entries == (again,)
    # and once only
    assert replay(tmp_path, NOW).left[0].why == "its entry waits for its next attempt already"
    assert queued(state) == [again]


def test_a_page_and_a_capture_are_held_for_their_own_stage(state: State, tmp_path: Path) -> None:
    for record, stage in ((entry("a"), Stage.FETCH), (page("b"), Stage.EXTRACT), (capture("c"), Stage.LINK)):
        commit(state, *died(record, stage))
    replay(tmp_path, NOW)
    taken = queued(state)
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        to_fetch, held = take_held(db, taken)
        assert [one.entry_key for one in to_fetch] == ["a"]
        (again,) = held.pages
        assert again == replace(page("b"), entry=again.entry)
        assert (again.entry.attempt, again.entry.origin) == (2, Origin.REPLAY)
        (judged_anew,) = held.captures
        assert judged_anew == replace(capture("c"), attempt=2, origin=Origin.REPLAY, change=None)
        forget_held(db)
        assert take_held(db, taken)[1] == held
        db.execute("DELETE FROM queue")
        forget_held(db)
        assert take_held(db, taken)[0] == taken


def test_without_a_replay_every_entry_is_fetched(state: State, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        forget_held(db)
        assert take_held(db, [entry("a")])[0] == [entry("a")]


def test_an_entry_made_from_a_capture_keeps_the_feeds_terms_and_text(state: State, tmp_path: Path) -> None:
    commit(state, *died(capture("a", Source.FEED), Stage.TAG))
    replay(tmp_path, NOW)
    (again,) = queued(state)
    assert (again.body_policy, again.rights, again.outlet) == (BodyPolicy.EXCERPT, "r", "O")
    assert again.content == "<p>One &amp; two.</p><p>Three.</p>"


def test_what_cannot_be_replayed_is_named(state: State, tmp_path: Path) -> None:
    outcome, letter = died(page("cut"), Stage.EXTRACT)
    cut = replace(letter, id="cut", raw=letter.raw[:50], error="x; the input of 2000000 bytes was cut")
    commit(state, outcome, cut)
    outcome, letter = died(entry("broken"), Stage.FETCH)
    commit(state, outcome, replace(letter, id="broken", raw=b"\xff"))
    outcome, letter = died(entry("other"), Stage.FETCH)
    commit(state, outcome, replace(letter, id="other", raw=codec.encode({"a": 1})))
    commit(state, replace(letter, id="poll", stage=Stage.POLL, entry_id=None, raw=b"<rss>"))
    done = replay(tmp_path, NOW)
    assert not done.entries
    assert not queued(state)
    said = {left.letter_id: left.why for left in done.left}
    assert said.keys() == {"cut", "broken", "other", "poll"}
    assert said["cut"] == "its input was cut"
    assert "cannot be read" in said["broken"]
    assert "cannot be read" in said["other"]
    assert "each poll reads its feed anew" in said["poll"]


def test_what_has_come_to_another_end_since_is_left(state: State, tmp_path: Path) -> None:
    commit(state, *died(entry("a"), Stage.FETCH))
    commit(state, outcomes.of_entry(entry("a", attempt=2), Stage.WRITE, OutcomeKind.PUBLISHED, NOW))
    assert replay(tmp_path, NOW).left[0].why == "its entry has ended since: published"


def test_letters_are_chosen_by_stage_reason_and_time(state: State, tmp_path: Path) -> None:
    hour = dt.timedelta(hours=1)
    commit(state, *died(entry("a"), Stage.FETCH, NOW - 2 * hour))
    commit(state, *died(page("b"), Stage.EXTRACT, NOW))
    outcome, letter = outcomes.dead(entry("c"), Stage.FETCH, Reason.DNS, "no address", NOW)
    commit(state, outcome, letter)

    def titles(done: Replayed) -> list[str]:
        return sorted(one.title for one in done.entries)

    assert titles(replay(tmp_path, NOW, is_dry=True)) == ["a", "b", "c"]
    assert titles(replay(tmp_path, NOW, stage=Stage.EXTRACT, is_dry=True)) == ["b"]
    assert titles(replay(tmp_path, NOW, reason=Reason.DNS, is_dry=True)) == ["c"]
    assert titles(replay(tmp_path, NOW, since=NOW - hour, is_dry=True)) == ["b", "c"]
    assert not queued(state)
