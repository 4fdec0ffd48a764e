"""extract: `Page, SiteProfile -> Article`. Body text, title, authors, dates, captions and language of one page.

In come pages as fetched (`source` web, warc or file), and entries whose page could not be had (`source` feed, no body),
whose text is then the feed's own. Out go captures, one per page, in the order of the pages. A page that gives no text
falls back on its entry's feed content; if that holds none either, it ends in a terminal outcome `failed`.

The body is measured on labelled pages by benchmarks/extraction.py. A page costs about 15 ms of CPU and at most
`timeout_s` seconds; it is worked on in the process pool, so that a hostile one costs itself only.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import apache_beam as beam
import trafilatura
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import ids
from schemas.enums import BodyPolicy, DateSource, Origin, Precision, Reason, Source, Stage, Zone
from schemas.records import Article, Caption, Capture, DeadLetter, Entry, Notice, Outcome, Page, SiteProfile
from transforms import outcomes
from transforms.identify import address_key, key_in_feed
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool, Task, TaskFailed
from transforms.shared import Shared
from transforms.text import (
    asides,
    boilerplate,
    canonical,
    captions,
    dateline,
    dates,
    head,
    language,
    markup,
    missing,
    notices,
    paragraphs,
    urls,
)
from transforms.timing import StageTime
from transforms.visits import SINGLE_RUN, Policy, failed

EXTRACTOR = "wirebeam"
# Ours and trafilatura's, since both make the text: captures of one version are compared, of two versions not.
EXTRACTOR_VERSION = f"2+trafilatura.{trafilatura.__version__}"
EXCERPT_WORDS = 50  # of a body whose feed allows an excerpt: a search engine's snippet and a half
BODY_LIMIT = 1_000_000  # characters; the longest live blogs stay below a third of it
# A page that shows a part only, or is filled in by a script, may hold its whole text in JSON-LD's articleBody. It is
# taken when it is this much longer: elsewhere it has lost its headings and paragraphs.
HIDDEN_MUCH_MORE = 2.0
TITLE_LIMIT = 1_000  # characters
TIMEOUT_S = 20.0  # of CPU-bound work that one page may take
FIRST_YEAR = 1990  # an earlier publication date is suspect: there was no web to publish it on
# A feed's date is finer than a day in an address, and is taken for it when both mean the same day in some time zone.
SAME_DAY = dt.timedelta(hours=38)

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/plain", ""})
_NO_PROFILE = SiteProfile(host="")
_TIME = StageTime(Stage.EXTRACT)


@dataclass(frozen=True, slots=True)
class Failed:
    """A page without an article in it: not_html or no_text."""

    reason: Reason
    detail: str


def extract(page: Page, profile: SiteProfile = _NO_PROFILE) -> Article | Failed:
    """The article on `page`: a pure function of its arguments.

    Args:
        page: a page as it came; of an entry without one (`source` feed) the entry's own content is read, else its
            summary.
        profile: what is known of the host.

    Returns:
        The article, without entities. Its `content_hash` and `word_count` are those of the full text; `body` is what
        the entry's body policy allows to keep (the first `EXCERPT_WORDS` words for an excerpt).
        `Failed` with reason not_html for a picture, a PDF and the like, no_text for a page without an article.
    """
    whole = _whole(page, profile)
    return whole if isinstance(whole, Failed) else _kept(whole, page.entry.body_policy)


def capture_of(page: Page, profile: SiteProfile = _NO_PROFILE) -> Capture | Failed:
    """`extract`, and on its way what only the whole text tells: the publisher's notice about the article."""
    whole = _whole(page, profile)
    if isinstance(whole, Failed):
        return whole
    return captured(page, _kept(whole, page.entry.body_policy), notices.find(whole.title, whole.body))


def captured(page: Page, article: Article, notice: Notice | None = None) -> Capture:
    """`article` on its way, with the entry that it answers and, for the feed's own content, why it was used."""
    entry = page.entry
    return Capture(
        article=article,
        entry_id=entry.entry_id,
        attempt=entry.attempt,
        origin=entry.origin,
        outlet=entry.outlet,
        entry_url=entry.url,
        entry_title=entry.title,
        entry_key=entry.entry_key,
        notice=notice,
        reason=page.reason,
        detail=page.detail,
        http_status=page.status,
    )


def published(article: Article, raw: str, source: DateSource, found: dates.Moment) -> Article:
    """`article` with the date of its publication: as written, where that was read, and what it says."""
    return dataclasses.replace(
        article,
        published_at=found.at,
        published_at_raw=raw[: dates.TEXT_LIMIT],
        published_at_source=source,
        published_precision=found.precision,
        published_zone=found.zone,
        published_suspect=found.at > article.observed_at or found.at.year < FIRST_YEAR,
    )


def from_feed(page: Page, failed: Failed | TaskFailed) -> Page:
    """`page` as if it could not have been had, for the reason of `failed`; the address is no front page's."""
    url = page.entry.url if canonical.is_front(page.url) else page.url
    return dataclasses.replace(page, url=url, source=Source.FEED, body=b"", reason=failed.reason, detail=failed.detail)


def begin_extraction(pool: Pool, page: Page) -> Page:
    """Have `page` extracted before `ExtractPages` is given it: what it will emit is the same.

    Returns:
        What may be given to it then, once, in place of the page: without the body, of which every edge of the graph
        would make bytes and read them again.
    """
    pool.begin(_key(page), capture_of, page, timeout_s=TIMEOUT_S)
    return dataclasses.replace(page, body=b"")


@dataclass
class ExtractPages(beam.PTransform):
    """`extract` over a PCollection of `Page`, in the process pool.

    Main output `captures`: Capture, in the order of the pages of a bundle. Tags: `outcomes`: Outcome (failed) of pages
    that hold no text and whose feed holds none either, `dead_letters`: DeadLetter.

    Args:
        pool: the processes that do the work.
        timeout_s: CPU-bound seconds that one page may take there.
        policy: how often a page is asked for.
        clock: the time of outcomes.
    """

    pool: Shared[Pool]
    timeout_s: float = TIMEOUT_S
    policy: Policy = SINGLE_RUN
    clock: Clock = utc_now

    def expand(self, pages: beam.PCollection[Page]) -> Any:
        """Join the DoFn and its outputs."""
        extracted = beam.ParDo(_ExtractPages(self.pool, self.timeout_s, self.policy, self.clock))
        extracted = extracted.with_output_types(Capture, outcomes=Outcome, dead_letters=DeadLetter)
        return pages | "ExtractPages" >> extracted.with_outputs("outcomes", "dead_letters", main="captures")


# ── the pure function's parts ──────────────────────────────────────────────────────────────────────────────────────


def _whole(page: Page, profile: SiteProfile) -> Article | Failed:
    """The article with all of its text, whatever of it may be kept."""
    if page.source is Source.FEED:
        return _of_feed(page, profile)
    if (page.content_type or "") not in _HTML_TYPES:
        return Failed(Reason.NOT_HTML, f"its type is {page.content_type}")
    text = markup.decoded(page.body, page.charset)
    if markup.is_binary(text):
        return Failed(Reason.NOT_HTML, "its bytes are no text")
    tree = markup.parsed(text)
    if tree is None:
        return Failed(Reason.NO_TEXT, "no markup that could be read")
    boxes = asides.printed(tree)
    data = head.data(tree)
    said = head.read(markup.without_chrome(tree), data, urls.site(page.url))
    pictured = captions.take(tree)
    known = _known((*said.titles, page.entry.title), (*said.authors, said.byline or ""), pictured)
    known = dataclasses.replace(
        known,
        links=boilerplate.link_texts(tree),
        headings=boilerplate.heading_texts(tree),
        site_lines=frozenset(map(boilerplate.folded, profile.boilerplate)),
    )
    found = paragraphs.of_page(boilerplate.without_teasers(tree))
    if len(said.body) > HIDDEN_MUCH_MORE * sum(map(len, found)):
        found = paragraphs.of_either(said.body)
    body = asides.with_notices(boilerplate.cleaned(found, known), boxes)
    if detail := _no_article(page, said.title or "", body):
        return Failed(Reason.NO_TEXT, detail)
    return _article(page, profile, said, body, pictured, signed=found[-1:])


def _of_feed(page: Page, profile: SiteProfile) -> Article | Failed:
    """The article that the feed itself carries."""
    entry = page.entry
    tree = markup.parsed(f"<div>{entry.content}</div>") if "<" in entry.content else None
    pictured: tuple[Caption, ...] = ()
    if tree is None:
        lines = paragraphs.of_either(entry.content)
    else:
        markup.without_code(tree)
        pictured = captions.take(tree)
        lines = paragraphs.of_fragment(tree)
    known = _known((entry.title,), entry.authors, pictured)
    body = boilerplate.cleaned(lines, known) or paragraphs.of_text(entry.summary)
    if not body:
        return Failed(Reason.NO_TEXT, "the feed holds no text of it")
    return _article(page, profile, head.Head(), body, pictured, signed=lines[-1:])


def _no_article(page: Page, title: str, body: Sequence[str]) -> str:
    """Why there is no article on a page that was read; "" if there is one."""
    if not body:
        return "no article found on the page"
    if missing.is_error_page(title, page.entry.title, body):
        return "an error page sent as a page"
    if canonical.leads_to_front(page.entry.url, page.url, page.entry.title, title):
        return "its address leads to a front page"
    return ""


def _known(titles: Iterable[str], names: Iterable[str], pictured: Iterable[Caption]) -> boilerplate.Known:
    """What is known of a page, folded for comparing."""

    def folded(texts: Iterable[str]) -> frozenset[str]:
        return frozenset(filter(None, map(boilerplate.folded, texts)))

    return boilerplate.Known(
        titles=folded(titles), names=folded(names), captions=folded(caption.text for caption in pictured)
    )


def _article(
    page: Page,
    profile: SiteProfile,
    said: head.Head,
    body: Sequence[str],
    pictured: tuple[Caption, ...],
    signed: Sequence[str] = (),
) -> Article:
    """The record; `signed` is the last line as printed, which `body` lacks where it is nothing but an agency's name."""
    entry = page.entry
    text = "\n\n".join(body)[:BODY_LIMIT]
    title = markup.visible(said.title or entry.title)[:TITLE_LIMIT]
    address = canonical.chosen(page.url, said.canonical, title)
    is_nameless = urls.is_home(address)
    article_id = key_in_feed(entry.feed_id, entry.entry_key, title) if is_nameless else address_key(address)
    content_hash = ids.content_hash(title, text)
    place, printed, credits_ = dateline.read([*body, *signed], said.byline, said.authors or entry.authors)
    modified = next((m for d in said.modified if (m := dates.moment(d.raw, entry.timezone))), None)
    article = Article(
        capture_id=ids.capture_id(article_id, page.observed_at, content_hash),
        article_id=article_id,
        content_hash=content_hash,
        observed_at=page.observed_at,
        url=page.url,
        canonical_url=address,
        feed_id=entry.feed_id,
        guid=entry.guid,
        source=page.source,
        raw_ref=page.raw_ref,
        extractor_name=EXTRACTOR,
        extractor_version=EXTRACTOR_VERSION,
        profile_version=profile.version,
        title=title,
        summary=said.summary or " ".join(entry.summary.split()) or None,
        body=text,
        word_count=len(text.split()),
        captions=pictured,
        image_url=_address(page.url, said.image_url) or entry.image_url,
        language=language.detected(f"{title}\n{text}", said.language or entry.language),
        byline=said.byline or (", ".join(entry.authors) or None),
        authors=said.authors or entry.authors,
        dateline_place=place,
        dateline_text=printed,
        credits=credits_,
        section=said.section,
        tags=said.tags or entry.tags,
        genre=said.genre,
        modified_at=modified.at if modified else entry.modified_at,
        usage_terms=said.usage_terms or entry.rights,
        copyright_holder=said.copyright_holder,
        access=said.access,
        tdm=said.tdm,
        tdm_source=said.tdm_source,
        tdm_policy_url=_address(page.url, said.tdm_policy_url),
    )
    return _dated(article, said.published, entry)


def _dated(article: Article, claims: Sequence[head.WrittenDate], entry: Entry) -> Article:
    """`article` with its publication date.

    Marked-up dates of the page come first, then the day in its address, then the feed's, then dates in the page's text
    (which may be another story's).
    """
    read = [(claim, found) for claim in claims if (found := dates.moment(claim.raw, entry.timezone))]
    marked = next(((c.raw, c.source, m) for c, m in read if c.source is not DateSource.TEXT), None)
    day = dates.in_url(article.url, entry.timezone)
    addressed = (article.url, DateSource.URL, day) if day else None
    fed = None
    if entry.published_at is not None:
        zone = entry.published_zone or Zone.ASSUMED
        moment = dates.Moment(entry.published_at, Precision.SECOND, zone)
        fed = (entry.published_at_raw or entry.published_at.isoformat(), DateSource.FEED, moment)
    if fed and day and abs(fed[2].at - day.at) < SAME_DAY:
        addressed = None
    written = next(((c.raw, c.source, m) for c, m in read), None)
    best = marked or addressed or fed or written
    if best is None:
        return article
    return published(article, *best)


def _kept(article: Article, policy: BodyPolicy) -> Article:
    """`article` with the part of its body that the policy allows to keep."""
    if policy is BodyPolicy.FULL:
        return article
    words = article.body.split() if policy is BodyPolicy.EXCERPT else []
    return dataclasses.replace(article, body=" ".join(words[:EXCERPT_WORDS]))


def _address(base: str, url: str | None) -> str | None:
    if not url:
        return None
    try:
        absolute = urljoin(base, url)
    except ValueError:
        return None
    return absolute if absolute.startswith(("http://", "https://")) and len(absolute) <= urls.URL_LIMIT else None


# ── the DoFn ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _key(page: Page) -> str:
    return f"extract {page.entry.entry_id} {page.entry.attempt} {page.source}"


def _may_fall_back(page: Page) -> bool:
    """Whether the feed's content may stand for the page's: it is nothing new to a revisit."""
    return page.source is not Source.FEED and page.entry.origin is not Origin.REVISIT


class _ExtractPages(beam.DoFn):
    """Submits pages as they come; collects, and falls back on the feeds' content, when the bundle ends."""

    def __init__(self, pool: Shared[Pool], timeout_s: float, policy: Policy, clock: Clock) -> None:
        self.pool = pool
        self.timeout_s = timeout_s
        self.policy = policy
        self.clock = clock
        self._under_way: list[tuple[Page, Timestamp, Task[Capture | Failed]]] = []

    def start_bundle(self) -> None:
        self._under_way = []

    def process(self, page: Page, timestamp: Timestamp = beam.DoFn.TimestampParam) -> None:
        begun = self.pool.get().take_begun(_key(page))
        task, (whole,) = begun or (self._submit(page), (page,))
        self._under_way.append((whole, timestamp, task))

    def finish_bundle(self) -> Iterator[Any]:
        for page, timestamp, task in self._under_way:
            used, result = page, task.result()
            _TIME.add(task.cpu_s)
            if not isinstance(result, Capture) and _may_fall_back(page) and result.reason is not Reason.BUG:
                used = from_feed(page, result)
                result = self._submit(used).result()
            for tag, record in self._outputs(page, used, result):
                output = WindowedValue(record, timestamp, (GlobalWindow(),))
                yield TaggedOutput(tag, output) if tag else output
        self._under_way = []

    def _submit(self, page: Page) -> Task[Capture | Failed]:
        return self.pool.get().submit(capture_of, page, timeout_s=self.timeout_s)

    def _outputs(
        self, page: Page, used: Page, result: Capture | Failed | TaskFailed
    ) -> Iterator[tuple[str | None, Capture | Outcome | DeadLetter]]:
        """What is emitted, with its tag: None for the main output."""
        if isinstance(result, Capture):
            yield None, result
            return
        now = self.clock()
        letter: DeadLetter | None
        if result.reason is Reason.BUG:
            outcome, letter = outcomes.bug(page, Stage.EXTRACT, RuntimeError(result.detail), now)
        else:
            reason, detail = used.reason or result.reason, used.detail or result.detail
            outcome, letter = failed(page, Stage.EXTRACT, reason, detail, now, self.policy, status=page.status)
        if letter:
            yield "dead_letters", letter
        yield "outcomes", outcome
