import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

import transforms.coders  # noqa: F401  # registers the records' coders
from schemas import codec
from schemas.enums import Availability, Origin, OutcomeKind, Reason, Source, Stage
from schemas.records import DeadLetter, Entry, Outcome, Page
from tests.transforms.web.site import CONFIG, reply, served
from transforms import fetch
from transforms.fetch import FetchPages, page_of, request_for, sight_of, validators_of
from transforms.shared import Shared
from transforms.visits import SINGLE_RUN, Policy
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, Request, Response

POLLED_AT = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
ANSWERED_AT = POLLED_AT + dt.timedelta(seconds=30)
DECIDED_AT = POLLED_AT + dt.timedelta(minutes=1)
ENTRY = Entry(
    entry_id="e1",
    feed_id="f1",
    entry_key="k1",
    fingerprint="p1",
    change_no=0,
    origin=Origin.FEED,
    observed_at=POLLED_AT,
    url="https://example.org/story",
    title="Harbour reopens",
    summary="The harbour is open again.",
)
BARE = dataclasses.replace(ENTRY, summary="", content="")
RESPONSE = Response(
    request_url="https://example.org/story",
    url="https://example.org/2024/story",
    status=200,
    headers={"content-type": "text/html; charset=UTF-8"},
    body=b"<p>The harbour is open again.",
    observed_at=ANSWERED_AT,
)
NOT_FOUND = Failure(
    request_url=RESPONSE.request_url,
    reason=Reason.NOT_FOUND,
    detail="HTTP status 404",
    observed_at=ANSWERED_AT,
    status=404,
)


def response(body: bytes, content_type: str | None) -> Response:
    headers = {} if content_type is None else {"content-type": content_type}
    return dataclasses.replace(RESPONSE, body=body, headers=headers)


LOOKED = dataclasses.replace(BARE, origin=Origin.REVISIT, article_id="a1", failed_looks=1)
BLOCKED = dataclasses.replace(NOT_FOUND, reason=Reason.ROBOTS, status=None)
BUSY = dataclasses.replace(NOT_FOUND, reason=Reason.HTTP_ERROR, status=503)


# ── the pure functions ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_of_an_entry_is_asked_for_by_its_link() -> None:
    request = request_for(ENTRY)
    assert isinstance(request, Request)
    assert request.url == ENTRY.url
    assert request.obeys_robots


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", Reason.NO_LINK),
        (" \n", Reason.NO_LINK),
        ("/story", Reason.BAD_URL),
        ("mailto:me@example.org", Reason.BAD_URL),
    ],
)
def test_an_entry_without_an_address_is_read_from_the_feed(url: str, reason: Reason) -> None:
    entry = dataclasses.replace(ENTRY, url=url)
    failure = request_for(entry)
    assert isinstance(failure, Failure)
    page = page_of(entry, failure)
    assert isinstance(page, Page)
    assert (page.source, page.reason, page.observed_at) == (Source.FEED, reason, POLLED_AT)


def test_a_page_of_the_web_is_handed_on_as_it_came() -> None:
    assert page_of(ENTRY, RESPONSE) == Page(
        entry=ENTRY,
        observed_at=ANSWERED_AT,
        url="https://example.org/2024/story",
        source=Source.WEB,
        status=200,
        content_type="text/html",
        charset="utf-8",
        body=b"<p>The harbour is open again.",
    )


def test_the_feeds_content_stands_in_for_a_page_that_cannot_be_had() -> None:
    assert page_of(ENTRY, NOT_FOUND) == Page(
        entry=ENTRY,
        observed_at=POLLED_AT,
        url=ENTRY.url,
        source=Source.FEED,
        status=404,
        reason=Reason.NOT_FOUND,
        detail="HTTP status 404",
    )


@pytest.mark.parametrize(
    ("entry", "answer", "availability"),
    [
        (LOOKED, NOT_FOUND, Availability.GONE),
        (LOOKED, BLOCKED, Availability.BLOCKED),
        (dataclasses.replace(LOOKED, failed_looks=0), NOT_FOUND, None),  # a second look must confirm it
        (LOOKED, BUSY, None),
        (LOOKED, RESPONSE, None),  # it was never found gone
        (dataclasses.replace(LOOKED, failed_looks=2), RESPONSE, Availability.LIVE),
        (ENTRY, NOT_FOUND, None),  # no revisit
    ],
)
def test_a_second_look_tells_whether_a_page_is_still_there(
    entry: Entry, answer: Response | Failure, availability: Availability | None
) -> None:
    sight = sight_of(entry, answer)
    assert (sight.availability if sight else None) is availability
    if sight:
        assert (sight.article_id, sight.observed_at) == ("a1", ANSWERED_AT)


def test_credentials_in_a_link_do_not_reach_a_row() -> None:
    page = page_of(dataclasses.replace(ENTRY, url="https://me:s3cret@example.org/story"), NOT_FOUND)
    assert isinstance(page, Page)
    assert page.url == "https://example.org/story"


def test_an_entry_that_has_neither_is_a_failure() -> None:
    assert page_of(BARE, NOT_FOUND) is NOT_FOUND
    assert page_of(BARE, response(b"%PDF", "application/pdf")) == dataclasses.replace(
        NOT_FOUND, reason=Reason.NOT_HTML, detail="the answer is application/pdf", status=200
    )


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"<p>text", "text/html", None),
        (b"<p>text", "Application/XHTML+XML; charset=x", None),
        (b"\n<!DOCTYPE HTML><p>text", None, None),
        (b"<html><p>text", "text/plain", None),
        (b'<?xml version="1.0"?><html xmlns="x">', "application/xml", None),
        (b"a note about <b>html</b>", "text/plain", Reason.NOT_HTML),
        (b"<rss>", "text/xml", Reason.NOT_HTML),
        (b"<html>", "application/pdf", Reason.NOT_HTML),
        (b"\x89PNG", "image/png", Reason.NOT_HTML),
        (b"{}", "application/json", Reason.NOT_HTML),
        (b"?", None, Reason.NOT_HTML),
        (b"", "text/html", Reason.NO_TEXT),
        (b" \r\n", "text/html", Reason.NO_TEXT),
    ],
)
def test_only_html_with_something_in_it_is_a_page(body: bytes, content_type: str | None, reason: Reason | None) -> None:
    page = page_of(ENTRY, response(body, content_type))
    assert isinstance(page, Page)
    assert (page.source is Source.FEED, page.reason) == (reason is not None, reason)


@given(
    st.builds(
        Response,
        request_url=st.text(),
        url=st.text(),
        status=st.sampled_from([200, 204, 299]),
        headers=st.dictionaries(st.just("content-type"), st.text()),
        body=st.binary(),
        observed_at=st.just(ANSWERED_AT),
    ),
    st.booleans(),
)
def test_whatever_is_answered_an_entry_with_text_becomes_a_page(answer: Response, has_text: bool) -> None:  # noqa: FBT001  # drawn by hypothesis
    result = page_of(ENTRY if has_text else BARE, answer)
    assert isinstance(result, Page) or not has_text
    if isinstance(result, Page):
        assert codec.decode(codec.encode(result), Page) == result


# ── the transform ──────────────────────────────────────────────────────────────────────────────────────────────────


class Canned:
    """Downloads that are finished or never will be."""

    def __init__(self, answers: dict[str, Response | Failure]) -> None:
        self.answers = answers  # by address
        self.started: dict[str, str] = {}  # key: address
        self.etags: dict[str, str | None] = {}
        self.asked: list[tuple[float, int]] = []

    def start(self, key: str, request: Request) -> None:
        if request.url.endswith("/bug"):
            raise KeyError(request.url)
        self.started[key] = request.url
        self.etags[key] = request.etag

    def take(self, keys: Sequence[str], deadline_s: float, max_bytes: int) -> dict[str, Response | Failure]:
        self.asked.append((deadline_s, max_bytes))
        return {key: self.answers[self.started[key]] for key in keys if self.started[key] in self.answers}


def _never_made() -> Any:
    raise AssertionError("the test puts it there")


def decided_at() -> dt.datetime:
    return DECIDED_AT


@pytest.fixture
def downloads() -> Iterator[Canned]:
    canned = Canned({})
    shared: Shared[Any] = Shared(_never_made)
    shared.put(canned)
    yield canned
    shared.forget()


def entry(number: int, **changes: Any) -> Entry:
    return dataclasses.replace(ENTRY, **{"entry_id": f"e{number}", "url": f"https://example.org/{number}"} | changes)


class Kept(beam.DoFn):
    """Keeps what arrives, in order, for the test to look at."""

    seen: dict[str, list[Any]] = {}  # noqa: RUF012  # shared on purpose: Beam makes the DoFn anew

    def __init__(self, name: str) -> None:
        self.name = name

    def process(self, record: Any) -> None:
        Kept.seen.setdefault(self.name, []).append(record)


def run(
    entries: list[Entry],
    max_pages: int = 100,
    downloads: Shared[Downloads] = Shared(_never_made),  # noqa: B008  # a name, made once and never changed
    deadline_s: float = 0.5,
    policy: Policy = SINGLE_RUN,
) -> tuple[list[Page], list[Outcome], list[DeadLetter]]:
    Kept.seen = {}
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        given_entries = pipeline | "Give" >> beam.Create(entries, reshuffle=False).with_output_types(Entry)
        fetched = given_entries | "Fetch" >> FetchPages(
            downloads=downloads,
            deadline_s=deadline_s,
            max_pages=max_pages,
            max_bytes=1_000,
            policy=policy,
            clock=decided_at,
        )
        fetched.pages | "KeepPages" >> beam.ParDo(Kept("pages"))
        fetched.outcomes | "KeepOutcomes" >> beam.ParDo(Kept("outcomes"))
        fetched.dead_letters | "KeepLetters" >> beam.ParDo(Kept("letters"))
        element_types = (fetched.pages.element_type, fetched.outcomes.element_type, fetched.dead_letters.element_type)
        assert element_types == (Page, Outcome, DeadLetter)
    return Kept.seen.get("pages", []), Kept.seen.get("outcomes", []), Kept.seen.get("letters", [])


def test_each_entry_becomes_a_page_or_an_outcome(downloads: Canned) -> None:
    downloads.answers = {
        "https://example.org/1": RESPONSE,
        "https://example.org/2": NOT_FOUND,
        "https://example.org/3": NOT_FOUND,
    }
    bare = entry(3, summary="")
    pages, outcomes, letters = run([entry(1), entry(2), bare, entry(4), entry(5, url="")])
    assert [(page.entry.entry_id, page.source) for page in pages] == [
        ("e1", Source.WEB),
        ("e2", Source.FEED),
        ("e5", Source.FEED),
    ]
    failed, deferred = outcomes
    assert failed == Outcome(
        entry_id="e3",
        attempt=1,
        origin=Origin.FEED,
        stage=Stage.FETCH,
        outcome=OutcomeKind.DEAD,
        is_terminal=True,
        decided_at=DECIDED_AT,
        reason=Reason.NOT_FOUND,
        detail="HTTP status 404",
        http_status=404,
        feed_id="f1",
        url=bare.url,
        title=bare.title,
    )
    assert (deferred.entry_id, deferred.outcome, deferred.reason) == ("e4", OutcomeKind.DEFERRED, Reason.IN_FLIGHT)
    assert not deferred.is_terminal
    assert deferred.retry_at is None
    assert [(letter.entry_id, letter.reason) for letter in letters] == [("e3", Reason.NOT_FOUND)]
    assert codec.decode(letters[0].raw, Entry) == bare
    assert downloads.asked == [(0.5, 1_000)]


def test_what_may_pass_is_tried_again_until_the_tries_are_over(downloads: Canned) -> None:
    failure = dataclasses.replace(NOT_FOUND, reason=Reason.TIMEOUT, status=None)
    downloads.answers = {"https://example.org/1": failure, "https://example.org/2": failure}
    first, last = entry(1, summary=""), entry(2, summary="", attempt=6)
    pages, outcomes, letters = run([first, last], policy=Policy())
    assert pages == []
    tried, dead = outcomes
    assert (tried.outcome, tried.is_terminal) == (OutcomeKind.FAILED, False)
    assert tried.retry_at is not None
    assert tried.retry_at > DECIDED_AT
    assert (dead.outcome, dead.is_terminal, dead.retry_at) == (OutcomeKind.DEAD, True, None)
    assert [letter.entry_id for letter in letters] == ["e2"]


def test_a_revisit_asks_by_what_it_knows_and_ends_where_nothing_has_changed(downloads: Canned) -> None:
    same = dataclasses.replace(RESPONSE, status=304, body=b"", headers={})
    downloads.answers = {"https://example.org/1": same, "https://example.org/2": NOT_FOUND}
    revisit = entry(1, origin=Origin.REVISIT, etag='"1"')
    gone = entry(2, origin=Origin.REVISIT)
    pages, outcomes, letters = run([revisit, gone], policy=Policy())
    assert downloads.etags == {"page e1": '"1"', "page e2": None}
    assert pages == []
    assert letters == []
    assert [(one.outcome, one.is_terminal, one.http_status) for one in outcomes] == [
        (OutcomeKind.UNCHANGED, True, 304),
        (OutcomeKind.FAILED, True, 404),
    ]
    assert validators_of(revisit, same).etag == '"1"'


def test_a_deferred_entry_finds_its_download_at_its_next_attempt(downloads: Canned) -> None:
    run([entry(1)])
    run([entry(1, attempt=2)])
    assert len(downloads.started) == 1


def test_what_is_over_the_cap_is_not_asked_for(downloads: Canned) -> None:
    downloads.answers = {f"https://example.org/{number}": RESPONSE for number in range(5)}
    pages, outcomes, _ = run([entry(number) for number in range(5)], max_pages=3)
    assert [page.entry.entry_id for page in pages] == ["e0", "e1", "e2"]
    assert [(one.entry_id, one.outcome, one.reason, one.is_terminal) for one in outcomes] == [
        ("e3", OutcomeKind.DEFERRED, Reason.OVER_CAP, False),
        ("e4", OutcomeKind.DEFERRED, Reason.OVER_CAP, False),
    ]
    assert len(downloads.started) == 3


def test_a_bug_costs_its_own_entry_only(downloads: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(RESPONSE, url="https://example.org/broken")
    downloads.answers = {"https://example.org/1": RESPONSE, "https://example.org/2": broken}

    def breaks(entry: Entry, answer: Response | Failure) -> Page | Failure:
        assert answer is not broken
        return page_of(entry, answer)

    monkeypatch.setattr(fetch, "page_of", breaks)
    pages, outcomes, letters = run([entry(1), entry(2), entry(3, url="https://example.org/bug")])
    assert [page.entry.entry_id for page in pages] == ["e1"]
    assert sorted((one.entry_id, one.outcome, one.reason) for one in outcomes) == [
        ("e2", OutcomeKind.DEAD, Reason.BUG),
        ("e3", OutcomeKind.DEAD, Reason.BUG),
    ]
    assert sorted(codec.decode(letter.raw, Entry).entry_id for letter in letters) == ["e2", "e3"]


def test_pages_keep_the_time_of_their_entries(downloads: Canned) -> None:
    downloads.answers = {"https://example.org/1": RESPONSE}
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        entries = pipeline | "Give" >> beam.Create([entry(1)], reshuffle=False).with_output_types(Entry)
        timed = entries | "Time" >> beam.ParDo(Timed()).with_output_types(Entry)
        fetched = timed | "Fetch" >> FetchPages(downloads=Shared(_never_made), deadline_s=0, max_pages=9)
        stamps = fetched.pages | "Stamps" >> beam.ParDo(Stamps())
        assert_that(stamps, equal_to([POLLED_AT.timestamp()]))


def test_pages_come_from_a_real_server() -> None:
    shared = Shared(Downloads, (CONFIG,))
    with served({"/1": reply(b"<p>text")}) as site:
        try:
            pages, outcomes, _ = run([entry(n, url=site.url(f"/{n}")) for n in (1, 2)], downloads=shared, deadline_s=20)
        finally:
            shared.get().close()
            shared.forget()
    assert [(page.body, page.reason) for page in pages] == [(b"<p>text", None), (b"", Reason.NOT_FOUND)]
    assert outcomes == []


class Timed(beam.DoFn):
    def process(self, entry: Entry) -> Iterator[beam.window.TimestampedValue]:
        yield beam.window.TimestampedValue(entry, entry.observed_at.timestamp())


class Stamps(beam.DoFn):
    def process(self, _page: Page, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[float]:
        yield float(timestamp)
