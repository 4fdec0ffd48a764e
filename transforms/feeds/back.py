"""Reading a feed's archive back over a gap, to the last entry known before it: pure functions.

The archive is what the feed names, as RFC 5005 has it (`prev-archive`, and `next` of a paged feed), else a news
sitemap: the one that the feed names, or the two names under which publishers keep it. One document is read after the
other, within bounds, and only on the feed's own site. What an archive shows of a known entry is no edit; only entries
never seen are taken, and none from before the gap.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit, urlunsplit

from lxml import etree

from schemas.enums import PollStatus, Reason
from schemas.records import FeedDue, Fingerprint, Poll, PollState, ReadBack
from transforms.feeds.identity import alias_of, link_in, link_of, recognised
from transforms.feeds.output import PollResult, entry_of, is_usable, moment_of, noted
from transforms.feeds.window import last_shown
from transforms.pool import TaskFailed
from transforms.schedule import Rule
from transforms.text import urls
from transforms.text.feeds import ENTRIES_LIMIT, ParsedEntry, ParsedFeed, entry_of_sitemap, parse_feed
from transforms.web.messages import Failure, Response

DOCUMENTS = 20  # read over one gap
ENTRIES = 2_000  # taken over one gap
LANDMARKS = 50  # entries known before the gap, the newest: one of them shows that it has been read over
# Under these names publishers keep the sitemap of their latest articles, if their feed names none.
WELL_KNOWN = ("/sitemap-news.xml", "/news-sitemap.xml")
SITEMAP = "sitemap"  # the format of a document that is one
_SITEMAP_XML = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWS_XML = "http://www.google.com/schemas/sitemap-news/0.9"


@dataclass(frozen=True, slots=True)
class Step:
    """What one document of an archive gives."""

    wanted: tuple[str, ...]  # keys of entries from after what was known, in the document's order
    back: ReadBack | None  # what is left to do; None when it is over


def start(before: PollState, feed: ParsedFeed, url: str, resume_at: dt.datetime) -> ReadBack | None:
    """Where to begin after a gap.

    Args:
        before: what was remembered before it.
        feed: what the feed shows after it.
        url: where that was read.
        resume_at: when the feed itself is due again.
    """
    named = _of_site(url, [address for address in (feed.archive_url, feed.sitemap_url) if address])
    marks = last_shown(before)[-LANDMARKS:]
    links = Counter(link_in(seen.alias) for seen in last_shown(before))
    unshared = sorted({link_in(seen.alias) for seen in marks if seen.alias and links[link_in(seen.alias)] == 1})
    plan = ReadBack(
        urls=named or tuple(urljoin(url, path) for path in WELL_KNOWN),
        until=(*(seen.entry_key for seen in marks), *unshared),
        newest_at=before.newest_at,
        documents_left=DOCUMENTS,
        entries_left=ENTRIES,
        resume_at=resume_at,
    )
    return _going_on(plan)


def parse_archive(body: bytes, content_type: str | None, url: str) -> ParsedFeed:
    """Read a document of an archive: a feed of any format, or a news sitemap. Runs in the process pool."""
    feed = parse_feed(body, content_type, url)
    if feed.problem is Reason.NOT_A_FEED and b"<urlset" in body:
        return _sitemap(body)
    return feed


def step(
    back: ReadBack,
    shown: Mapping[str, ParsedEntry] | None,
    dates: Mapping[str, dt.datetime | None],
    archive_url: str | None,
) -> Step:
    """What to take of one document, and where to go on.

    Args:
        back: what is being read.
        shown: the document's entries by key, in its order; None if it could not be had or read.
        dates: their dates of publication, in UTC.
        archive_url: the document before it.
    """
    back = replace(back, documents_left=back.documents_left - 1)
    if shown is None:
        return Step((), _going_on(replace(back, urls=back.urls[1:])))
    until = set(back.until)
    wanted = []
    is_over = False
    for key, entry in shown.items():
        date = dates[key] if back.newest_at else None
        is_old = date is not None and back.newest_at is not None and date <= back.newest_at
        if key in until or is_old or (entry.url and link_of(entry.url) in until):
            is_over = True
        elif date or not is_over:  # without dates, only the order tells what came before the known ones
            wanted.append(key)
    wanted = wanted[: back.entries_left]
    following = [archive_url] if archive_url and archive_url != back.urls[0] and not is_over else []
    entries_left = back.entries_left - len(wanted)
    left = replace(back, urls=_of_site(back.urls[0], following), entries_left=entries_left)
    return Step(tuple(wanted), _going_on(left))


def read_back(
    due: FeedDue, answer: Response | Failure, document: ParsedFeed | TaskFailed | None, now: dt.datetime
) -> PollResult:
    """Take what a document of a feed's archive shows from after what was known, see `step`.

    It is no look at the feed: pace, window and validators stay. A document that brought entries has a row in which
    they are counted, under its own address.
    """
    plan = due.state.back
    if plan is None:
        raise ValueError("no archive to read back")
    row = Poll(
        feed_id=due.feed.feed_id,
        polled_at=answer.observed_at,
        url=answer.url if isinstance(answer, Response) else answer.request_url,
        status=PollStatus.FAILED,
        http_status=answer.status,
        interval_rule=Rule.READ_BACK,
    )
    if isinstance(answer, Failure) or not isinstance(document, ParsedFeed) or document.problem is Reason.NOT_A_FEED:
        taken = step(plan, None, {}, None)
        return PollResult(poll=row, state=_after_step(due.state, taken, (), now), is_told=False)
    known = {seen.entry_key: seen for seen in due.state.fingerprints}
    usable = [entry for entry in document.entries if is_usable(entry)]
    shown = {key: entry for key, entry in recognised(usable, known).items() if isinstance(entry, ParsedEntry)}
    dates = {key: moment_of(entry.published, due.feed.timezone)[0] for key, entry in shown.items()}
    taken = step(plan, shown, dates, document.archive_url)
    # A sitemap has no guids: there an entry is known by its link.
    links = {link_in(seen.alias) for seen in known.values()} if document.format == SITEMAP else set()
    fresh = [key for key in taken.wanted if key not in known and link_in(alias_of(shown[key])) not in links]
    notes = [noted(key, shown[key]) for key in reversed(fresh)]
    row = replace(
        row,
        status=PollStatus.OK,
        format=document.format,
        size_bytes=len(answer.body),
        entries_seen=len(document.entries),
        entries_new=len(fresh),
        entries_unchanged=len(usable) - len(fresh),
        entries_invalid=len(document.entries) - len(usable),
    )
    return PollResult(
        poll=row,
        state=_after_step(due.state, taken, notes, now),
        entries=tuple(entry_of(due.feed, answer, document.language, shown[one.entry_key], one) for one in notes),
        is_told=bool(fresh),
    )


def authorized(url: str, configured: str) -> str:
    """`url` with the credentials of the configured address, if it is of the same origin."""
    parts, own = urlsplit(url), urlsplit(configured)
    credentials, at, host = own.netloc.rpartition("@")
    if at and (parts.scheme, parts.netloc) == (own.scheme, host):
        return urlunsplit(parts._replace(netloc=f"{credentials}@{host}"))
    return url


def _after_step(state: PollState, taken: Step, notes: Sequence[Fingerprint], now: dt.datetime) -> PollState:
    """`state` with what the archive brought remembered as older than what the feed shows."""
    shown = last_shown(state)
    older = state.fingerprints[: len(state.fingerprints) - len(shown)]
    resume_at = state.back.resume_at if state.back else now
    return replace(
        state, fingerprints=(*older, *notes, *shown), back=taken.back, due_at=now if taken.back else resume_at
    )


def _going_on(back: ReadBack) -> ReadBack | None:
    return back if back.urls and back.documents_left > 0 and back.entries_left > 0 else None


def _of_site(url: str, candidates: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in candidates if urls.site(one) == urls.site(url)))


def _sitemap(body: bytes) -> ParsedFeed:
    """A sitemap of articles (https://www.sitemaps.org/protocol.html, with Google's extension for news)."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        return ParsedFeed(problem=Reason.NOT_A_FEED, detail="a sitemap that cannot be read")
    entries: list[ParsedEntry] = []
    for element in root.iterfind(f"{{{_SITEMAP_XML}}}url"):
        published = element.findtext(f"{{{_NEWS_XML}}}news/{{{_NEWS_XML}}}publication_date")
        # Without the extension it lists every page of the site, and its dates are those of the last change.
        if published and len(entries) < ENTRIES_LIMIT:
            address = element.findtext(f"{{{_SITEMAP_XML}}}loc") or ""
            title = element.findtext(f"{{{_NEWS_XML}}}news/{{{_NEWS_XML}}}title") or ""
            entries.append(entry_of_sitemap(address, title, published))
    return ParsedFeed(format=SITEMAP, entries=tuple(entries))
