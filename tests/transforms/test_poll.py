"""What leaves poll, what is counted, and what is remembered."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import BodyPolicy, PollStatus, Reason, Zone
from schemas.records import DeadLetter, Entry, Feed, FeedDue, Poll, PollState
from transforms.coders import RecordCoder
from transforms.feeds.identity import fingerprint
from transforms.feeds.output import PollResult
from transforms.feeds.reading import FeedReading
from transforms.poll import GONE_REMEMBERED, PollFeeds, needs_reading, scheduled
from transforms.poll import poll as judge
from transforms.pool import Pool, TaskFailed
from transforms.schedule import Limits, Rule
from transforms.shared import Shared
from transforms.text.feeds import ParsedEntry, ParsedFeed
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, HttpConfig, Request, Response

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
FEED = Feed(feed_id=ids.feed_id("https://example.org/feed"), valid_from=AT, url="https://example.org/feed")


def due(state: PollState | None = None, feed: Feed = FEED) -> FeedDue:
    request_url = feed.url.replace("//", "//reader:secret@")
    return FeedDue(feed=feed, request_url=request_url, state=state or PollState(feed_id=feed.feed_id))


def response(body: bytes = b"<rss/>", status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(request_url=FEED.url, url=FEED.url, status=status, headers=named, body=body, observed_at=AT)


def poll(
    work: FeedDue, answer: Response | Failure, parsed: ParsedFeed | TaskFailed | None = None, **options: Any
) -> PollResult:
    """`judge`, for a feed that was read as a whole."""
    reading = FeedReading(parsed, parsed.entries) if isinstance(parsed, ParsedFeed) else parsed
    return judge(work, answer, reading, **options)


def entry(name: str, text: str = "", **fields: object) -> ParsedEntry:
    """An entry whose guid and link come from `name` and whose title is `text`."""
    values = {"guid": name, "url": f"https://example.org/{name}", "title": text} | fields
    written = "|".join(str(values.get(field, "")) for field in ("title", "summary", "content"))
    return ParsedEntry(content_hash=ids.hash_id(written), **values)  # type: ignore[arg-type]  # a test's shorthand


def look(entries: Sequence[ParsedEntry], state: PollState | None = None, initial: int | None = None) -> PollResult:
    """A poll that finds `entries` in a body of its own."""
    parsed = ParsedFeed(format="rss20", language="de", entries=tuple(entries))
    result = poll(due(state), response(repr(entries).encode()), parsed, initial=initial)
    assert_sum(result.poll)
    return result


def assert_sum(row: Poll) -> None:
    counts = row.entries_new + row.entries_changed + row.entries_unchanged + row.entries_invalid
    assert row.entries_seen == counts


def counts(row: Poll) -> tuple[int, int, int, int]:
    return row.entries_new, row.entries_changed, row.entries_unchanged, row.entries_invalid


# ── new, changed, unchanged ────────────────────────────────────────────────────────────────────────────────────────


def test_new_entries_leave_oldest_first_then_only_what_changed() -> None:
    first = look([entry("b", "B"), entry("a", "A")])
    assert [one.guid for one in first.entries] == ["a", "b"]
    assert counts(first.poll) == (2, 0, 0, 0)
    assert first.poll.overlap == 0
    second = look([entry("c", "C"), entry("b", "B"), entry("a", "A, updated")], first.state)
    assert [(one.guid, one.change_no) for one in second.entries] == [("a", 1), ("c", 0)]
    assert counts(second.poll) == (1, 1, 1, 0)
    assert second.poll.overlap == pytest.approx(2 / 3)
    assert second.state.polls == 2


def test_an_entry_that_changes_back_is_another_one() -> None:
    seen = [look([entry("a", "A")])]
    for title in ("B", "A"):
        seen.append(look([entry("a", title)], seen[-1].state))
    found = [one for result in seen for one in result.entries]
    assert [one.change_no for one in found] == [0, 1, 2]
    assert len({one.entry_id for one in found}) == 3


def test_an_entry_carries_what_is_configured_for_its_feed() -> None:
    feed = dataclasses.replace(
        FEED, outlet="Harbour Post", timezone="Africa/Cairo", rights="CC BY", body_policy=BodyPolicy.EXCERPT
    )
    naive = dt.datetime(2024, 1, 1, 12)  # noqa: DTZ001  # a date that names no zone
    parsed = ParsedFeed(language="ar", entries=(entry("a", published=naive, published_raw="1.1.2024 12:00"),))
    (found,) = poll(due(feed=feed), response(), parsed).entries
    assert (found.outlet, found.rights, found.body_policy) == ("Harbour Post", "CC BY", BodyPolicy.EXCERPT)
    assert (found.language, found.observed_at) == ("ar", AT)
    assert (found.published_at, found.published_zone) == (dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC), Zone.OUTLET)
    (found,) = poll(due(), response(), parsed).entries
    assert (found.published_at, found.published_zone) == (naive.replace(tzinfo=dt.UTC), Zone.ASSUMED)
    parsed = ParsedFeed(entries=(entry("a", published=AT), entry("b")))
    assert [one.published_zone for one in poll(due(), response(), parsed).entries] == [None, Zone.EXPLICIT]


# ── what identifies an entry ───────────────────────────────────────────────────────────────────────────────────────


def test_without_a_guid_the_link_identifies_without_its_tracking() -> None:
    first = look([entry("", "A", guid=None, url="https://example.org/a?utm_source=rss1")])
    second = look([entry("", "A", guid=None, url="https://example.org/a?utm_source=rss2")], first.state)
    assert counts(second.poll) == (0, 0, 1, 0)


def test_without_guid_and_link_the_text_identifies() -> None:
    bare = entry("", "Bare", guid=None, url="")
    first = look([bare])
    assert counts(first.poll) == (1, 0, 0, 0)
    assert counts(look([bare, entry("", "Other", guid=None, url="")], first.state).poll) == (1, 0, 1, 0)


def test_a_guid_for_several_links_does_not_hide_any() -> None:
    same = [entry("g", name, url=f"https://example.org/{name}") for name in ("one", "two", "three")]
    first = look(same)
    assert counts(first.poll) == (3, 0, 0, 0)
    assert counts(look(same, first.state).poll) == (0, 0, 3, 0)
    assert counts(look(same[:1], first.state).poll) == (0, 0, 1, 0)  # the others have left the feed


def test_an_entry_that_comes_to_share_its_guid_is_still_known() -> None:
    old = entry("g", "old", url="https://example.org/old")
    new = entry("g", "new", url="https://example.org/new")
    first = look([old])
    second = look([new, old], first.state)
    assert [one.title for one in second.entries] == ["new"]
    assert counts(look([new, old], second.state).poll) == (0, 0, 2, 0)


def test_a_link_for_several_titles_does_not_hide_any() -> None:
    titles = [entry("", title, guid=None, url="https://example.org/") for title in ("one", "two")]
    first = look(titles)
    assert counts(first.poll) == (2, 0, 0, 0)
    assert counts(look(titles, first.state).poll) == (0, 0, 2, 0)


def test_an_entry_shown_twice_is_one_in_its_later_version() -> None:
    late, early = entry("a", "late", modified=AT), entry("a", "early", modified=AT - dt.timedelta(hours=1))
    first = look([early, late])
    assert [one.title for one in first.entries] == ["late"]
    assert counts(first.poll) == (1, 0, 1, 0)
    assert not look([late, early], first.state).entries


# ── dates of change ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_date_of_change_alone_is_a_change() -> None:
    first = look([entry(name, modified=AT) for name in "abcd"])
    second = look(
        [entry("a", modified=AT + dt.timedelta(hours=1)), *(entry(n, modified=AT) for n in "bcd")], first.state
    )
    assert [one.guid for one in second.entries] == ["a"]


def test_a_feed_that_writes_all_its_dates_anew_says_nothing() -> None:
    state = look([entry(name, name, modified=AT) for name in "abcd"]).state
    for hour in range(1, 4):
        later = AT + dt.timedelta(hours=hour)
        result = look([entry(name, name, modified=later) for name in "abcd"], state)
        assert counts(result.poll) == (0, 0, 4, 0)
        state = result.state
    result = look([entry("a", "A", modified=AT), *(entry(name, name, modified=AT) for name in "bcd")], state)
    assert [(one.guid, one.change_no) for one in result.entries] == [("a", 1)]


# ── the first sight ────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_newest_are_taken_at_first_sight_if_so_asked() -> None:
    dated = [entry(name, published=AT + dt.timedelta(days=day)) for name, day in (("a", 1), ("b", 3), ("c", 2))]
    first = look(dated, initial=2)
    assert [one.guid for one in first.entries] == ["c", "b"]
    assert counts(first.poll) == (2, 0, 1, 0)
    second = look([*dated, entry("d")], first.state, initial=2)
    assert [one.guid for one in second.entries] == ["d"]
    assert [one.guid for one in look([entry("a"), entry("b")], initial=1).entries] == ["a"]
    assert not look(dated, initial=0).entries


def test_a_failure_is_no_first_sight() -> None:
    failed = poll(due(), Failure(request_url=FEED.url, reason=Reason.DNS, detail="no such host", observed_at=AT))
    assert not look([entry("a")], failed.state, initial=0).entries


# ── what could not be used ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_without_link_and_text_is_a_dead_letter_once() -> None:
    empty = ParsedEntry(guid="g", content_hash=ids.hash_id(""))
    first = look([empty, entry("a"), empty])
    assert counts(first.poll) == (1, 0, 0, 2)
    (letter,) = first.dead_letters
    assert (letter.reason, letter.feed_id) == (Reason.NO_LINK, FEED.feed_id)
    second = look([empty, entry("a")], first.state)
    assert (counts(second.poll), second.dead_letters) == ((0, 0, 1, 1), ())


def test_a_failed_request_leaves_the_memory_as_it_was() -> None:
    before = look([entry("a")]).state
    failure = Failure(request_url=FEED.url, reason=Reason.HTTP_ERROR, detail="HTTP 500", observed_at=AT, status=500)
    result = poll(due(before), failure, duration_s=1.5)
    assert (result.poll.status, result.poll.reason, result.poll.http_status) == (PollStatus.FAILED, failure.reason, 500)
    assert (result.poll.duration_s, result.entries, result.dead_letters) == (1.5, (), ())
    assert result.state == dataclasses.replace(before, polls=2, failures=1)
    assert look([entry("a")], result.state).state.failures == 0


def test_a_page_instead_of_a_feed_is_a_failure_that_a_304_cannot_hide() -> None:
    before = look([entry("a")]).state
    parsed = ParsedFeed(problem=Reason.NOT_A_FEED, detail="an HTML page")
    result = poll(due(before), response(b"<html>", etag='"2"'), parsed)
    assert (result.poll.status, result.poll.reason) == (PollStatus.FAILED, Reason.NOT_A_FEED)
    assert (result.state.etag, result.state.body_hash) == (before.etag, before.body_hash)


def test_a_malformed_feed_is_read_and_says_why_it_may_lack_something() -> None:
    parsed = ParsedFeed(entries=(entry("a"),), problem=Reason.MALFORMED, detail="mismatched tag")
    result = poll(due(), response(), parsed)
    assert (result.poll.status, result.poll.reason, len(result.entries)) == (PollStatus.OK, Reason.MALFORMED, 1)


def test_a_body_that_no_reader_survives_is_kept_at_the_first_failure() -> None:
    failed = TaskFailed(Reason.CPU_LIMIT, "took longer than 20 s")
    first = poll(due(), response(b"<rss>" + b"x" * 2_000_000), failed)
    (letter,) = first.dead_letters
    assert (first.poll.status, first.poll.reason, letter.reason) == (PollStatus.FAILED, failed.reason, failed.reason)
    assert len(letter.raw) == 1_000_000
    assert letter.error.endswith("was cut")
    assert not poll(due(first.state), response(b"<rss>"), failed).dead_letters


# ── the short cuts ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_validators_are_kept_and_a_304_needs_no_reading() -> None:
    parsed = ParsedFeed(entries=(entry("a"),))
    first = poll(due(), response(etag='"1"', last_modified="Wed, 01 May 2024 10:00:00 GMT"), parsed)
    assert (first.state.etag, first.state.last_modified) == ('"1"', "Wed, 01 May 2024 10:00:00 GMT")
    not_modified = response(b"", status=304)
    assert not needs_reading(first.state, not_modified)
    second = poll(due(first.state), not_modified)
    assert (second.poll.status, second.poll.entries_seen) == (PollStatus.NOT_MODIFIED, 0)
    assert second.state == dataclasses.replace(first.state, polls=2)


def test_the_same_body_needs_no_reading() -> None:
    first = poll(due(), response(b"<rss>1</rss>", etag='"1"'), ParsedFeed(entries=(entry("a"),)))
    again = response(b"<rss>1</rss>")
    assert needs_reading(PollState(feed_id="f"), again)
    assert not needs_reading(first.state, again)
    assert needs_reading(first.state, response(b"<rss>2</rss>"))
    second = poll(due(first.state), again)
    assert (second.poll.status, second.poll.size_bytes) == (PollStatus.SAME_BODY, 12)
    assert second.state.etag is None  # the server no longer gives one


def test_what_left_the_feed_is_remembered_up_to_a_bound() -> None:
    state = look([entry("old", "old")]).state
    state = look([entry("a")], state).state
    assert not look([entry("old", "old"), entry("a")], state).entries
    for start in range(0, 1_000, 100):
        state = look([entry(str(number)) for number in range(start, start + 100)], state).state
    assert len(state.fingerprints) == GONE_REMEMBERED + 100
    assert [one.guid for one in look([entry("old", "old")], state).entries] == ["old"]


# ── the schedule ───────────────────────────────────────────────────────────────────────────────────────────────────


def at(hours: float, result: PollResult, answer: Response | Failure, before: PollState, **how: Any) -> PollResult:
    options: dict[str, Any] = {"limits": Limits(), "chance": lambda: 0.5} | how
    return scheduled(result, due(before), answer, None, now=AT + dt.timedelta(hours=hours), **options)


def test_quiet_polls_are_counted_in_the_next_row_and_a_day_has_one() -> None:
    answer = response(b"<rss/>")
    state = at(0, poll(due(), answer, ParsedFeed(entries=(entry("a"),))), answer, PollState(feed_id="f")).state
    told = []
    for hour in range(1, 31):
        result = at(hour, poll(due(state), response(b"", status=304)), response(b"", status=304), state)
        state = result.state
        assert state.due_at
        if result.is_told:
            told.append((hour, result.poll.quiet_polls, result.poll.interval_rule))
    assert told == [(24, 23, Rule.QUIET)]
    assert state.quiet_polls == 6
    failure = Failure(request_url=FEED.url, reason=Reason.DNS, detail="", observed_at=AT)
    failed = at(31, poll(due(state), failure), failure, state)
    assert (failed.is_told, failed.poll.quiet_polls, failed.state.failure_weight) == (True, 6, 0.25)
    again = at(32, poll(due(failed.state), response(b"", status=304)), response(b"", status=304), failed.state)
    assert again.is_told  # it is well again


def test_a_single_run_has_a_row_for_every_poll_and_no_next_one() -> None:
    answer = response(b"<rss/>")
    state = poll(due(), answer, ParsedFeed(entries=(entry("a"),))).state
    result = at(1, poll(due(state), answer), answer, state, limits=None)
    assert (result.is_told, result.poll.interval_rule, result.poll.next_interval_s) == (True, Rule.ONCE, None)
    assert result.state.due_at is None


def test_a_distrusted_answer_is_read_though_it_is_the_same() -> None:
    answer = response(b"<rss/>", etag='"1"')
    state = poll(due(), answer, ParsedFeed(entries=(entry("a"),))).state
    result = at(1, poll(due(state), answer), answer, state, chance=lambda: 0.001)
    assert result.state.is_distrusted
    assert needs_reading(result.state, answer)
    assert not at(1, poll(due(state), answer), answer, state).state.is_distrusted


def test_a_moved_feed_is_asked_for_where_it_moved(downloads: Shared[Downloads], pool: Shared[Pool]) -> None:
    moved = dataclasses.replace(PollState(feed_id=FEED.feed_id), url="https://example.org/new", etag='"1"')
    fake = FakeDownloads({})
    downloads.put(fake)  # type: ignore[arg-type]  # a stand-in with the same methods
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | "Due" >> beam.Create([due(moved)], reshuffle=False).with_output_types(FeedDue)
            | "Poll" >> PollFeeds(downloads, pool, deadline_s=1.0, limits=Limits())
        )
    (request,) = fake.requests.values()
    assert (request.url, request.etag) == ("https://reader:secret@example.org/new", '"1"')


# ── properties ─────────────────────────────────────────────────────────────────────────────────────────────────────

SHOWN = st.builds(
    ParsedEntry,
    guid=st.sampled_from([None, "g1", "g2", "g3"]),
    url=st.sampled_from(["", "https://example.org/1", "https://example.org/2?utm_source=x", "http://example.org/3#f"]),
    title=st.sampled_from(["", "one", "two"]),
    summary=st.sampled_from(["", "sum"]),
    modified=st.sampled_from([None, AT, AT + dt.timedelta(days=1)]),
    published=st.sampled_from([None, AT]),
).map(lambda one: dataclasses.replace(one, content_hash=ids.hash_id(one.title, one.summary)))
BODIES = st.lists(st.lists(SHOWN, max_size=8), max_size=5)


def run(bodies: Sequence[Sequence[ParsedEntry]]) -> Iterator[PollResult]:
    state = None
    for entries in bodies:
        result = look(entries, state)
        state = result.state
        yield result


@given(BODIES)
def test_the_same_entries_again_give_nothing(bodies: list[list[ParsedEntry]]) -> None:
    results = list(run([*bodies, *bodies[-1:]]))
    if bodies:
        assert not results[-1].entries
        assert not results[-1].dead_letters
        assert sorted(results[-1].state.fingerprints, key=repr) == sorted(results[-2].state.fingerprints, key=repr)


@given(BODIES)
def test_no_entry_leaves_twice_under_one_id(bodies: list[list[ParsedEntry]]) -> None:
    found = [one.entry_id for result in run(bodies) for one in result.entries]
    assert len(found) == len(set(found))


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xyz")), max_size=6))
def test_each_change_of_a_text_leaves_exactly_once(bodies: list[dict[str, str]]) -> None:
    known: dict[str, str] = {}
    shown = [[entry(name, text) for name, text in body.items()] for body in bodies]
    for body, result in zip(bodies, run(shown), strict=True):
        expected = {(name, text) for name, text in body.items() if known.get(name) != text}
        assert {(one.guid, one.title) for one in result.entries} == expected
        assert len(result.entries) == len(expected)
        known |= body


@given(BODIES, st.randoms(use_true_random=False))
def test_the_order_of_a_body_does_not_matter_to_the_ids(bodies: list[list[ParsedEntry]], random: Random) -> None:
    shuffled = [random.sample(body, len(body)) for body in bodies]
    for one, other in zip(run(bodies), run(shuffled), strict=True):
        assert {entry.entry_id for entry in one.entries} == {entry.entry_id for entry in other.entries}
        assert counts(one.poll) == counts(other.poll)


@given(SHOWN)
def test_a_fingerprint_is_32_digits(shown: ParsedEntry) -> None:
    assert len(fingerprint(shown)) == 32


# ── the PTransform ─────────────────────────────────────────────────────────────────────────────────────────────────

RSS = b"<rss version='2.0'><channel><title>H</title><item><title>%s</title><link>/1</link></item></channel></rss>"


class FakeDownloads:
    """Answers by address; what has no answer stays under way."""

    def __init__(self, answers: dict[str, Response | Failure]) -> None:
        self.answers = answers
        self.requests: dict[str, Request] = {}

    def start(self, key: str, request: Request) -> None:
        self.requests.setdefault(key, request)

    def take(self, keys: Sequence[str], deadline_s: float) -> dict[str, Response | Failure]:  # noqa: ARG002  # it never waits
        asked = {key: self.requests[key].url for key in keys}
        return {key: self.answers[url] for key, url in asked.items() if url in self.answers}


@pytest.fixture(scope="module")
def pool() -> Iterator[Shared[Pool]]:
    shared = Shared(Pool, (1,))
    yield shared
    shared.get().close()
    shared.forget()


@pytest.fixture
def downloads() -> Iterator[Shared[Downloads]]:
    shared = Shared(Downloads, (HttpConfig(contact="test_poll"),))
    yield shared
    shared.forget()


def test_polling_on_a_runner(downloads: Shared[Downloads], pool: Shared[Pool]) -> None:
    feeds = {name: dataclasses.replace(FEED, feed_id=name, url=f"https://{name}.example/feed") for name in "abcd"}
    work = [due(feed=feed) for feed in feeds.values()]
    page = response(b"<html><body>Hello</body></html>", content_type="text/html")
    gone = Failure(request_url="", reason=Reason.GONE, detail="HTTP 410", observed_at=AT, status=410)
    fake = FakeDownloads(
        {
            work[0].request_url: response(RSS % b"Ferry sails", content_type="text/xml"),
            work[1].request_url: page,
            work[2].request_url: gone,
        }
    )  # the fourth has not answered yet
    downloads.put(fake)  # type: ignore[arg-type]  # a stand-in with the same methods
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        polled = (
            pipeline
            | "Due" >> beam.Create(work, reshuffle=False).with_output_types(FeedDue)
            | "Poll" >> PollFeeds(downloads, pool, deadline_s=1.0)
        )
        assert_that(polled.entries | "Titles" >> beam.Map(title), equal_to(["Ferry sails"]), label="entries")
        rows = polled.polls | "Rows" >> beam.Map(status)
        expected = [("a", "ok", None), ("b", "failed", "not_a_feed"), ("c", "failed", "gone")]
        assert_that(rows, equal_to(expected), label="polls")
        failures = polled.states | "Failures" >> beam.Map(failures_of)
        assert_that(failures, equal_to([("a", 0), ("b", 1), ("c", 1)]), label="states")
    request = fake.requests["feed a"]
    assert (request.obeys_robots, request.url) == (False, "https://reader:secret@a.example/feed")


def test_a_fault_of_our_own_costs_one_feed(downloads: Shared[Downloads], pool: Shared[Pool]) -> None:
    broken = dataclasses.replace(FEED, feed_id="broken", url="https://broken.example/f", timezone="No/Where")
    naive = RSS.replace(b"<link>", b"<pubDate>2024-05-01</pubDate><link>") % b"One"
    work = [due(feed=broken), due()]
    downloads.put(FakeDownloads({one.request_url: response(naive) for one in work}))  # type: ignore[arg-type]  # as above
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        polled = (
            pipeline
            | "Due" >> beam.Create(work, reshuffle=False).with_output_types(FeedDue)
            | "Poll" >> PollFeeds(downloads, pool, deadline_s=1.0)
        )
        expected = [("broken", "failed", "bug"), (FEED.feed_id, "ok", None)]
        assert_that(polled.polls | "Rows" >> beam.Map(status), equal_to(expected), label="polls")
        raw = polled.dead_letters | "Raw" >> beam.Map(raw_of)
        assert_that(raw, equal_to([naive]), label="letters")


def test_every_output_is_typed_and_travels_as_msgpack(downloads: Shared[Downloads], pool: Shared[Pool]) -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    polled = (
        pipeline
        | "Due" >> beam.Create([due()], reshuffle=False).with_output_types(FeedDue)
        | "Poll" >> PollFeeds(downloads, pool, deadline_s=1.0)
    )
    kinds = {tag: getattr(polled, tag).element_type.__name__ for tag in ("entries", "polls", "states", "dead_letters")}
    assert kinds == {"entries": "Entry", "polls": "Poll", "states": "PollState", "dead_letters": "DeadLetter"}
    assert isinstance(beam.coders.registry.get_coder(Entry), RecordCoder)


def title(one: Entry) -> str:
    return one.title


def status(row: Poll) -> tuple[str, str, str | None]:
    return row.feed_id, str(row.status), str(row.reason) if row.reason else None


def failures_of(state: PollState) -> tuple[str, int]:
    return state.feed_id, state.failures


def raw_of(letter: DeadLetter) -> bytes:
    return letter.raw
