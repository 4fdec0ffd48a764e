"""why: the story of an item from what lies in the outbox, in the queue and in the warehouse, each row once."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.data_directory import warehouse_of
from pipeline.ledger import Ledger
from pipeline.sinks.base import Batch, Row
from pipeline.sinks.iceberg import IcebergSink
from pipeline.state import State
from pipeline.why import Answer, StepKind, why
from schemas import ids
from schemas.enums import Change, LinkKind, Origin, OutcomeKind, PollStatus, Reason, Source, Stage
from schemas.memory import KnownAlias
from schemas.records import Article, Delivery, Entry, Feed, Fingerprint, Link, Outcome, Poll, PollState, Revision
from transforms import outcomes
from transforms.identify import address_key
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
FEED = Feed(feed_id=ids.feed_id("https://outlet.example/rss"), valid_from=NOW, url="https://outlet.example/rss")


def entry(name: str) -> Entry:
    return Entry(
        entry_id=ids.hash_id("entry", name),
        feed_id=FEED.feed_id,
        entry_key=name,
        fingerprint="x",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW,
        guid=f"tag:{name}",
        url=f"https://outlet.example/news/{name}",
        title=f"The {name} of Samarkand",
    )


def article(one: Entry, version: int = 1) -> Article:
    article_id = ids.hash_id("article", one.entry_key)
    return Article(
        capture_id=ids.hash_id("capture", one.entry_key, str(version)),
        article_id=article_id,
        content_hash=str(version),
        observed_at=NOW + version * MINUTE,
        url=one.url,
        canonical_url=one.url,
        feed_id=one.feed_id,
        guid=one.guid,
        title=one.title,
        word_count=100 * version,
        extractor_name="reader",
        extractor_version="7",
    )


def published(one: Entry, row: Article) -> Outcome:
    outcome = outcomes.of_entry(one, Stage.WRITE, OutcomeKind.PUBLISHED, row.observed_at + MINUTE)
    return replace(outcome, article_id=row.article_id, capture_id=row.capture_id)


def poll() -> Poll:
    return Poll(feed_id=FEED.feed_id, polled_at=NOW, url=FEED.url, status=PollStatus.OK, entries_seen=9, entries_new=3)


def commit(state: State, entries: list[Entry], *records: object) -> None:
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit(entries, gathered, NOW)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    opened.set_feeds([(FEED, FEED.url)])
    yield opened
    opened.close()


def ask(folder: Path, query: str) -> Answer:
    with Ledger(folder) as ledger:
        return why(ledger, query, NOW + 10 * MINUTE)


def words(answer: Answer, kind: StepKind) -> list[str]:
    assert answer.story, answer
    return [step.words for step in answer.story.steps if step.kind is kind]


def publish(state: State, name: str = "bridge", version: int = 1) -> Article:
    row = article(entry(name), version)
    one = replace(entry(name), entry_id=ids.hash_id("entry", name, str(version)))
    revision = Revision(capture_id=row.capture_id, judged_seq=0, article_id=row.article_id, observed_at=row.observed_at)
    commit(state, [one], poll(), row, revision, published(one, row))
    return row


@pytest.mark.parametrize(
    "query",
    [
        "https://outlet.example/news/bridge",
        "http://outlet.example/news/bridge/?utm_source=rss#top",
        "outlet.example/news/bridge",
        "tag:bridge",
        ids.hash_id("entry", "bridge", "1"),
        ids.hash_id("article", "bridge")[:8],
        ids.hash_id("capture", "bridge", "1")[:12].upper(),
        "samarkand BRIDGE",
    ],
)
def test_an_item_is_found_by_whatever_names_it(query: str, state: State, tmp_path: Path) -> None:
    publish(state)
    publish(state, "tunnel")
    answer = ask(tmp_path, query)
    assert answer.story
    assert answer.story.item.title == "The bridge of Samarkand"
    assert not answer.others


def test_an_article_is_found_by_an_address_that_no_row_has(state: State, tmp_path: Path) -> None:
    row = publish(state)
    publish(state, "tunnel")
    old = "https://outlet.example/news/bridge-as-it-was-first-called"
    commit(state, [], KnownAlias(key=address_key(old), article_id=row.article_id, observed_at=NOW))
    answer = ask(tmp_path, old)
    assert (answer.matched_by, len(answer.others)) == ("address", 0)
    assert answer.story
    assert answer.story.item.id == row.article_id
    assert words(answer, StepKind.NAMES) == []


def test_the_addresses_of_an_article_are_told_each_once(state: State, tmp_path: Path) -> None:
    row = publish(state)
    moved = replace(
        row, capture_id="2", url="https://outlet.example/new", canonical_url="http://www.outlet.example/new/"
    )
    commit(state, [], moved)
    (told,) = words(ask(tmp_path, row.article_id), StepKind.NAMES)
    assert told == f"known as http://www.outlet.example/new/, {row.url}"


def test_the_story_is_told_in_order_before_anything_is_delivered(state: State, tmp_path: Path) -> None:
    row = publish(state)
    again = replace(article(entry("bridge"), 2), title="The bridge of Samarkand reopens")
    changed = replace(entry("bridge"), entry_id=ids.hash_id("second"), change_no=1)
    revision = Revision(
        capture_id=again.capture_id,
        judged_seq=1,
        article_id=again.article_id,
        observed_at=again.observed_at,
        predecessor_id=row.capture_id,
        change=Change.CORRECTION,
        change_note="it is longer",
    )
    copy = article(entry("copied"))
    link = Link(
        copy_id=copy.article_id,
        original_id=row.article_id,
        judged_seq=0,
        observed_at=NOW,
        kind=LinkKind.SYNDICATED,
        similarity=0.5,
        containment=0.9,
    )
    commit(state, [changed], again, replace(revision, judged_seq=0, change=Change.UPDATE), revision, link, copy)
    commit(state, [changed], replace(published(changed, again), outcome=OutcomeKind.REVISED))
    answer = ask(tmp_path, "bridge samarkand")
    assert answer.story
    kinds = [step.kind.value for step in answer.story.steps if step.kind is not StepKind.DELIVERED]
    assert kinds == ["seen", "seen", "copy", "attempt", "row", "judged", "attempt", "row", "judged"]
    assert words(answer, StepKind.SEEN)[0].endswith("9 entries, 3 new, 0 changed")
    assert words(answer, StepKind.SEEN)[1].startswith("seen again, changed, in feed https://outlet.example/rss")
    assert "100 words, source web, extracted by reader 7" in words(answer, StepKind.ROW)[0]
    assert "judged correction of capture" in words(answer, StepKind.JUDGED)[1]
    assert "(it is longer)" in words(answer, StepKind.JUDGED)[1]
    assert "The copied of Samarkand" in words(answer, StepKind.COPY)[0]
    assert all("waits for its first delivery" in told for told in words(answer, StepKind.DELIVERED))
    assert "copy of 'The bridge" in words(ask(tmp_path, copy.article_id), StepKind.COPY)[0]


def test_a_sink_that_lacks_the_row_is_named_and_the_row_is_told_once(state: State, tmp_path: Path) -> None:
    publish(state)
    sink = IcebergSink(warehouse_of(tmp_path))
    rows = tuple(Row(row.seq, row.table, row.record) for row in state.outbox(0, 1_000))
    sink.write(Batch(writer=state.id, rows=rows, delivery=Delivery(ingested_at=NOW, batch_id="b")))
    state.set_cursor(sink.uri, rows[-1].seq, NOW)
    state.set_cursor("down:here", 0, NOW)
    answer = ask(tmp_path, "tag:bridge")
    assert len(words(answer, StepKind.ROW)) == len(words(answer, StepKind.ATTEMPT)) == 1
    in_warehouse, in_outbox = words(answer, StepKind.DELIVERED)
    assert "in the warehouse since 2026-03-01 12:00:00 UTC" in in_warehouse
    assert f"delivered to {sink.uri}, waits for down:here" in in_outbox
    state.trim_outbox([sink.uri])
    assert words(ask(tmp_path, "tag:bridge"), StepKind.DELIVERED) == [in_warehouse]
    sink.close()


def test_an_entry_that_waits_says_why_and_until_when(state: State, tmp_path: Path) -> None:
    one = entry("bridge")
    commit(
        state,
        [one],
        outcomes.of_entry(
            one,
            Stage.FETCH,
            OutcomeKind.DEFERRED,
            NOW,
            is_terminal=False,
            reason=Reason.TIMEOUT,
            detail="not finished in 20 s",
            retry_at=NOW + 30 * MINUTE,
        ),
    )
    for query in (one.url, "tag:bridge", one.entry_id[:8], "bridge"):
        answer = ask(tmp_path, query)
        (attempt,) = words(answer, StepKind.ATTEMPT)
        assert attempt.startswith("attempt 1, fetch: put off: the answer took too long - not finished in 20 s;")
        assert attempt.endswith("next attempt at 2026-03-01 12:30:00 UTC")
        assert words(answer, StepKind.WAITING) == ["attempt 2 is due at 2026-03-01 12:30:00 UTC"]


def test_an_entry_that_no_attempt_was_made_at_is_known(state: State, tmp_path: Path) -> None:
    one = entry("bridge")
    commit(
        state,
        [one],
        outcomes.of_entry(one, Stage.FETCH, OutcomeKind.DEFERRED, NOW, is_terminal=False, reason=Reason.OVER_CAP),
    )
    answer = ask(tmp_path, "http://outlet.example/news/bridge")
    assert words(answer, StepKind.WAITING) == ["attempt 1 is due now"]


def test_a_dead_letter_is_part_of_the_story(state: State, tmp_path: Path) -> None:
    one = entry("bridge")
    commit(state, [one], *outcomes.bug(one, Stage.TAG, ValueError("nonsense"), NOW))
    (told,) = words(ask(tmp_path, one.url), StepKind.DEAD_LETTER)
    assert told.startswith("dead letter of tag after 1 tries: a fault of this program - ValueError: nonsense")


def test_several_items_are_listed_and_the_newest_is_told(state: State, tmp_path: Path) -> None:
    publish(state, "bridge", 1)
    publish(state, "tunnel", 3)
    publish(state, "station", 2)
    answer = ask(tmp_path, "of samarkand")
    assert answer.story
    assert answer.matched_by == "title"
    assert [one.title for one in (answer.story.item, *answer.others)] == [
        "The tunnel of Samarkand",
        "The station of Samarkand",
        "The bridge of Samarkand",
    ]
    assert ask(tmp_path, answer.others[0].id).story.item == answer.others[0]  # type: ignore[union-attr]  # it has one


def test_a_feed_has_a_story_of_its_own(state: State, tmp_path: Path) -> None:
    publish(state)
    for query in (FEED.url, FEED.feed_id[:8]):
        answer = ask(tmp_path, query)
        assert answer.matched_by == "feed"
        assert words(answer, StepKind.POLL) == ["ok: 9 entries, 3 new, 0 changed"]
        assert words(answer, StepKind.SUMMARY) == ["of its entries: 1 published"]


def test_of_what_is_not_known_the_site_is_told(state: State, tmp_path: Path) -> None:
    publish(state)
    answer = ask(tmp_path, "https://outlet.example/news/other")
    assert answer.story is None
    assert answer.hints == (
        "feed https://outlet.example/rss: polled 2026-03-01 12:00:00 UTC: ok: 9 entries, 3 new, 0 changed",
        "of their entries: 1 published",
    )
    (hint,) = ask(tmp_path, "https://elsewhere.example/news").hints
    assert hint.startswith("no feed of elsewhere.example was ever polled")
    assert ask(tmp_path, "no such words").hints == ()
    assert ask(tmp_path, "").story is None


def test_an_entry_that_was_not_asked_for_at_first_sight_is_remembered(state: State, tmp_path: Path) -> None:
    commit(
        state,
        [],
        PollState(feed_id=FEED.feed_id, fingerprints=(Fingerprint(entry_key="tag:old", content="x"),)),
    )
    (hint,) = ask(tmp_path, "tag:old").hints
    assert "was not asked for (--initial)" in hint


def test_the_feeds_own_text_is_said_to_be_that(state: State, tmp_path: Path) -> None:
    one = entry("bridge")
    row = replace(article(one), source=Source.FEED)
    commit(state, [one], row, replace(published(one, row), reason=Reason.ROBOTS))
    answer = ask(tmp_path, one.url)
    assert "the feed's own text" in words(answer, StepKind.ROW)[0]
    assert "published, with the feed's own text: robots.txt disallows the address" in words(answer, StepKind.ATTEMPT)[0]
