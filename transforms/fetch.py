"""fetch: an entry's page from the web, or the reason why the feed's own content must do.

In: `Entry`. Out: `Page`, either of the web (source web: the bytes that the server sent) or of the feed (source feed:
no body, and `reason` says why), or an `Outcome` for an entry that has neither. Times are UTC: a page of the web was
observed when its server answered, one of the feed when the feed did. A revisit brings the page again if it has changed,
and an outcome if it has not or cannot be had; the feed's own content is nothing new to it. One that finds the page gone
or blocked, or there again after that, also brings a `Sight` for the judgement of the article.

Failures of the network, of HTTP and of the content are values with a `Reason`; nothing here raises for what a server
does. What may pass is tried again (`transforms.visits`), what is final is a dead letter. A download that is not
finished by the bundle's deadline goes on: its entry is deferred and finds it next time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas.enums import Availability, Origin, OutcomeKind, Reason, Source, Stage
from schemas.records import DeadLetter, Entry, Outcome, Page, Sight, Validators
from transforms import outcomes
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared
from transforms.timing import StageTime
from transforms.visits import LOOKS, SINGLE_RUN, UNAVAILABLE, Policy, failed
from transforms.web.downloads import MAX_TAKEN_BYTES, Downloads
from transforms.web.messages import Failure, Request, Response
from transforms.web.urls import parse_url, redact

_TIME = StageTime(Stage.FETCH)

ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
HTML_TYPES = {"text/html", "application/xhtml+xml"}
# Types under which pages are sent by mistake: then the first bytes decide.
VAGUE_TYPES = {None, "text/plain", "text/xml", "application/xml", "application/octet-stream"}
HTML_MARKS = (b"<!doctype html", b"<html", b"<head", b"<body")  # some of the marks in WHATWG MIME Sniffing, 7.1
NOT_MODIFIED = 304
SNIFFED_BYTES = 1_445  # of the body: that standard's resource header


def request_for(entry: Entry) -> Request | Failure:
    """What to ask for to get the page of `entry`; a failure (no_link, bad_url) if there is nothing to ask for."""
    if not entry.url.strip():
        return _no_request(entry, Reason.NO_LINK, "the entry has no link")
    try:
        parse_url(entry.url)
    except ValueError as error:
        return _no_request(entry, Reason.BAD_URL, str(error))
    return Request(url=entry.url, accept=ACCEPT, etag=entry.etag, last_modified=entry.last_modified)


def page_of(entry: Entry, answer: Response | Failure) -> Page | Failure:
    """The page that extract reads.

    Returns:
        The page of the web, if `answer` holds one; else one that stands for the feed's own content and says why; else,
        if the entry has neither content nor summary, or is a revisit, the failure. A status 2xx that brings no HTML (a
        picture, a PDF, nothing at all) is a failure: not_html or no_text.
    """
    failure = answer if isinstance(answer, Failure) else _unusable(answer)
    if isinstance(answer, Response) and not failure:
        return Page(
            entry=entry,
            observed_at=answer.observed_at,
            url=answer.url,
            status=answer.status,
            content_type=answer.content_type,
            charset=answer.charset,
            body=answer.body,
        )
    assert failure
    if entry.origin is Origin.REVISIT or not (entry.content.strip() or entry.summary.strip()):
        return failure
    return Page(
        entry=entry,
        observed_at=entry.observed_at,
        url=redact(entry.url),
        source=Source.FEED,
        status=failure.status,
        reason=failure.reason,
        detail=failure.detail,
    )


def sight_of(entry: Entry, answer: Response | Failure) -> Sight | None:
    """What a revisit learned of the article's availability; None where it is no news, or a second look must confirm."""
    if entry.article_id is None:
        return None
    availability = None
    if isinstance(answer, Failure) and entry.failed_looks + 1 >= LOOKS:
        availability = UNAVAILABLE.get(answer.reason)
    elif isinstance(answer, Response) and entry.failed_looks >= LOOKS:
        availability = Availability.LIVE
    if availability is None:
        return None
    return Sight(article_id=entry.article_id, observed_at=answer.observed_at, availability=availability)


class PageArchive(Protocol):
    """Where pages are kept as they came. Neither method raises for what a disk does."""

    def keep(self, entry: Entry, response: Response) -> str | None:
        """Keep a page; its reference, for `Page.raw_ref`, or None if it is not kept."""

    def sync(self) -> None:
        """Return when what was kept has reached the disk, or cannot."""


@dataclass
class FetchPages(beam.PTransform):
    """`request_for`, a download, and `page_of`, over a PCollection of `Entry`.

    Main output `pages`: Page, in the order of the entries of a bundle. Tags: `validators`: Validators of each page that
    was had; `sights`: Sight, of revisits; `outcomes`: Outcome, for entries without page and content (failed, to be
    tried again, or dead) and, deferred (over_cap, in_flight; at once again), for those whose turn did not come;
    `dead_letters`: DeadLetter.

    Args:
        downloads: the process's downloads.
        deadline_s: how long the end of a bundle waits for what is under way, in seconds.
        max_pages: entries that one bundle takes; the others are deferred before anything is asked for.
        max_bytes: of bodies that one bundle takes; what is finished beyond that is kept for the next one.
        policy: how often a page is asked for.
        archive: where the pages of the web are kept, before they are emitted; None for nowhere.
        clock: the time of outcomes.
    """

    downloads: Shared[Downloads]
    deadline_s: float
    max_pages: int
    max_bytes: int = MAX_TAKEN_BYTES
    policy: Policy = SINGLE_RUN
    archive: Shared[PageArchive] | None = None
    clock: Clock = utc_now

    def expand(self, entries: beam.PCollection[Entry]) -> Any:
        """Join the DoFn and its outputs."""
        fetched = beam.ParDo(_FetchPages(self))
        fetched = fetched.with_output_types(
            Page, validators=Validators, sights=Sight, outcomes=Outcome, dead_letters=DeadLetter
        )
        return entries | "FetchPages" >> fetched.with_outputs(
            "validators", "sights", "outcomes", "dead_letters", main="pages"
        )


def validators_of(entry: Entry, answer: Response) -> Validators:
    """What to ask by when the page of `entry` is looked at again."""
    etag, last_modified = answer.validators(entry.etag, entry.last_modified)
    return Validators(entry_id=entry.entry_id, etag=etag, last_modified=last_modified)


# ── the pure functions' parts ──────────────────────────────────────────────────────────────────────────────────────


def _no_request(entry: Entry, reason: Reason, detail: str) -> Failure:
    return Failure(request_url=redact(entry.url), reason=reason, detail=detail, observed_at=entry.observed_at)


def _unusable(answer: Response) -> Failure | None:
    """Why an answer is no page, or None if it is one."""
    if not answer.body.strip():
        reason, detail = Reason.NO_TEXT, "the body is empty"
    elif not _is_html(answer):
        reason, detail = Reason.NOT_HTML, f"the answer is {(answer.content_type or 'of no known type')[:100]}"
    else:
        return None
    return Failure(
        request_url=answer.request_url,
        reason=reason,
        detail=detail,
        observed_at=answer.observed_at,
        status=answer.status,
    )


def _is_html(answer: Response) -> bool:
    if answer.content_type in VAGUE_TYPES:
        start = answer.body[:SNIFFED_BYTES].lower()
        return any(mark in start for mark in HTML_MARKS)
    return answer.content_type in HTML_TYPES


# ── the DoFn ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Taken:
    """An entry that the bundle took, and why there is no download for it, if there is none."""

    entry: Entry
    timestamp: Timestamp
    failure: Failure | None


class _FetchPages(beam.DoFn):
    """Starts downloads as entries come, and collects what is finished when the bundle ends."""

    def __init__(self, settings: FetchPages) -> None:
        self._shared = settings.downloads
        self._deadline_s = settings.deadline_s
        self._max_pages = settings.max_pages
        self._max_bytes = settings.max_bytes
        self._policy = settings.policy
        self._shared_archive = settings.archive
        self._clock = settings.clock

    def setup(self) -> None:
        self._downloads = self._shared.get()
        self._archive = self._shared_archive.get() if self._shared_archive else None

    def start_bundle(self) -> None:
        self._taken: list[_Taken] = []

    def process(self, entry: Entry, timestamp: Timestamp = beam.DoFn.TimestampParam) -> Iterator[Any]:
        if len(self._taken) >= self._max_pages:
            yield TaggedOutput("outcomes", self._deferred(entry, Reason.OVER_CAP))
            return
        try:
            request = request_for(entry)
            if isinstance(request, Request):
                self._downloads.start(_download_key(entry), request)
        except Exception as error:  # noqa: BLE001  # a fault of ours costs this entry, never the cycle
            yield from self._bug(entry, error)
            return
        self._taken.append(_Taken(entry, timestamp, request if isinstance(request, Failure) else None))

    def finish_bundle(self) -> Iterator[Any]:
        awaited = [_download_key(one.entry) for one in self._taken if one.failure is None]
        with _TIME.measured():
            answers = self._downloads.take(awaited, self._deadline_s, self._max_bytes)
        for one in self._taken:
            for output in self._outputs(one.entry, one.failure or answers.get(_download_key(one.entry))):
                if isinstance(output, TaggedOutput):
                    yield TaggedOutput(output.tag, WindowedValue(output.value, one.timestamp, (GlobalWindow(),)))
                else:
                    yield WindowedValue(output, one.timestamp, (GlobalWindow(),))
        if self._archive:
            self._archive.sync()

    def _outputs(self, entry: Entry, answer: Response | Failure | None) -> Iterator[Page | TaggedOutput]:
        if answer is None:
            yield TaggedOutput("outcomes", self._deferred(entry, Reason.IN_FLIGHT))
            return
        try:
            page, sight = page_of(entry, answer), sight_of(entry, answer)
            if self._archive and isinstance(page, Page) and isinstance(answer, Response) and page.source is Source.WEB:
                page = replace(page, raw_ref=self._archive.keep(entry, answer))
        except Exception as error:  # noqa: BLE001  # as above
            yield from self._bug(entry, error)
            return
        if sight:
            yield TaggedOutput("sights", sight)
        if isinstance(answer, Response):
            yield TaggedOutput("validators", validators_of(entry, answer))
        if isinstance(answer, Response) and answer.status == NOT_MODIFIED:
            yield TaggedOutput("outcomes", self._end(entry, OutcomeKind.UNCHANGED, http_status=answer.status))
        elif isinstance(page, Page):
            yield page
        else:
            yield from self._failed(entry, page)

    def _failed(self, entry: Entry, failure: Failure) -> Iterator[TaggedOutput]:
        outcome, letter = failed(
            entry,
            Stage.FETCH,
            failure.reason,
            failure.detail,
            self._clock(),
            self._policy,
            status=failure.status,
            retry_after_s=failure.retry_after_s,
        )
        yield TaggedOutput("outcomes", outcome)
        if letter:
            yield TaggedOutput("dead_letters", letter)

    def _end(self, entry: Entry, kind: OutcomeKind, http_status: int) -> Outcome:
        return outcomes.of_entry(entry, Stage.FETCH, kind, self._clock(), http_status=http_status)

    def _deferred(self, entry: Entry, reason: Reason) -> Outcome:
        return outcomes.of_entry(
            entry, Stage.FETCH, OutcomeKind.DEFERRED, self._clock(), is_terminal=False, reason=reason
        )

    def _bug(self, entry: Entry, error: Exception) -> Iterator[TaggedOutput]:
        outcome, letter = outcomes.bug(entry, Stage.FETCH, error, self._clock())
        yield TaggedOutput("outcomes", outcome)
        yield TaggedOutput("dead_letters", letter)


def _download_key(entry: Entry) -> str:
    """Without the attempt: a deferred entry comes back as the next attempt, and must find its download."""
    return f"page {entry.entry_id}"
