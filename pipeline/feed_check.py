"""check: one poll of a feed with every decision explained; discover: the feeds of a page. Neither changes anything.

In: an address, the process's downloads, and a function that reads feeds. Out: plain values for `wirebeam feeds` to
print. Everything is asked for through our own client, so that address guard, robots.txt and host gate have their say.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urldefrag, urljoin

from lxml import etree
from yarl import URL

from schemas import ids
from schemas.enums import Reason
from schemas.records import DeadLetter, Entry, FeedDue, Poll, PollState
from transforms.feeds.reading import FeedReading
from transforms.poll import ACCEPT, poll
from transforms.pool import TaskFailed
from transforms.text import urls
from transforms.text.feeds import ParsedEntry, ParsedFeed
from transforms.web.client import user_agent
from transforms.web.downloads import Downloads
from transforms.web.guard import is_refused, networks
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.web.robots import MAX_ROBOTS_BYTES, Rules, rules_from
from transforms.web.urls import parse_url, redact

Reader = Callable[[bytes, str | None, str], ParsedFeed | TaskFailed]
"""Reads a feed's body, of this Content-Type, from this address: `parse_feed`, in a process that bounds it."""

Lookup = Callable[[str], Sequence[str]]
"""The addresses of a host, in digits; raises OSError if it has none."""

WAIT_S = 60.0  # for one answer: robots.txt, five redirects and the host's own delay included
PAGES_JUDGED = 3  # pages of a feed whose robots.txt is looked at
DISCOVERED_LIMIT = 12  # addresses asked for to find the feeds of one page
LINKS_READ_BYTES = 2_000_000  # of a page: what names its feeds stands in its head
FEED_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/rdf+xml",
    "application/feed+json",
}
# Where the common publishing systems have their feeds: WordPress, Drupal, Ghost, Hugo, Jekyll, Blogger, Arc.
COMMON_PATHS = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds/posts/default")
_FEED_LINK = re.compile(r"(?:^|[/._-])(?:rss|atom|feed|feeds)(?:$|[/._?-])", re.IGNORECASE)


# ── check ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One decision, and what it rests on."""

    subject: str  # address, robots, request, answer, format, pages
    is_good: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedEntry:
    """What poll makes of one entry."""

    key: str
    verdict: str  # new, changed, unchanged
    title: str
    link: str
    date: str  # as decided, and from what


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A verbose poll."""

    url: str
    is_usable: bool
    verdicts: tuple[Verdict, ...]
    headers_sent: Mapping[str, str]
    headers_received: Mapping[str, str]
    entries: tuple[CheckedEntry, ...] = ()
    problems: tuple[str, ...] = ()
    poll: Poll | None = None  # the row that a run would write


def check(
    due: FeedDue, downloads: Downloads, config: HttpConfig, *, read: Reader, lookup: Lookup, initial: int | None = None
) -> Check:
    """Poll a feed once, without validators, and explain each decision.

    Args:
        due: the feed with what is remembered of it; it stays as it is.
        downloads: the process's downloads.
        config: what they were made with.
        read: reads the body.
        lookup: finds the host's addresses, for the explanation only.
        initial: how many of the newest entries to take of a feed seen for the first time; None for all.
    """
    url = due.request_url
    sent = _headers_sent(due.state, config)
    verdicts = [_address_verdict(url, config, lookup)]
    if not verdicts[0].is_good:
        return Check(url=redact(url), is_usable=False, verdicts=tuple(verdicts), headers_sent=sent, headers_received={})
    robots = _robots_of(url, downloads)
    refusal = robots.refusal(parse_url(url), by_name_only=True)
    words = refusal.detail if refusal else "may be polled: only a rule that names our agent would forbid a feed"
    verdicts.append(Verdict(subject="robots", is_good=refusal is None, words=words))
    answer = _get(downloads, Request(url=url, accept=ACCEPT, obeys_robots=False))
    verdicts.append(_answer_verdict(answer))
    parsed = None
    if isinstance(answer, Response):
        parsed = read(answer.body, answer.headers.get("content-type"), answer.url)
        verdicts.append(_format_verdict(parsed))
    afresh = replace(due, state=PollState(feed_id=due.feed.feed_id))
    reading = FeedReading(parsed, parsed.entries) if isinstance(parsed, ParsedFeed) else parsed
    judged = poll(replace(due, state=replace(due.state, back=None)), answer, reading, initial=initial)
    everything = poll(afresh, answer, reading)
    if everything.entries:
        verdicts += _page_verdicts(everything.entries, url, robots, downloads)
    return Check(
        url=redact(url),
        is_usable=bool(everything.entries),
        verdicts=tuple(verdicts),
        headers_sent=sent,
        headers_received=answer.headers if isinstance(answer, Response) else {},
        entries=tuple(_checked(entry, judged.entries) for entry in reversed(everything.entries)),
        problems=tuple(_problems(everything.poll, everything.entries, everything.dead_letters)),
        poll=judged.poll,
    )


def _address_verdict(url: str, config: HttpConfig, lookup: Lookup) -> Verdict:
    try:
        host = parse_url(url).host or ""
        addresses = sorted(set(lookup(host)))
    except ValueError as error:
        return Verdict(subject="address", is_good=False, words=f"no address of a feed: {error}")
    except OSError as error:
        return Verdict(subject="address", is_good=False, words=f"the host's name has no address: {error}")
    allowed = networks(config.allow_net)
    refused = [address for address in addresses if is_refused(address, allowed)]
    words = f"{host} is {', '.join(addresses) or 'nowhere'}"
    if refused:
        words += f"; refused as not public, and not in --allow-net: {', '.join(refused)}"
    return Verdict(subject="address", is_good=len(refused) < len(addresses), words=words)


def _headers_sent(state: PollState, config: HttpConfig) -> Mapping[str, str]:
    """The headers of this request, and those that a run would add."""
    headers = {"User-Agent": user_agent(config.contact), "Accept": ACCEPT}
    if state.etag:
        headers["If-None-Match (in a run)"] = state.etag
    if state.last_modified:
        headers["If-Modified-Since (in a run)"] = state.last_modified
    return headers


def _robots_of(url: str, downloads: Downloads) -> Rules:
    answer = _get(
        downloads,
        Request(
            url=f"{parse_url(url).origin()}/robots.txt",
            accept="text/plain,*/*;q=0.5",
            max_bytes=MAX_ROBOTS_BYTES,
            obeys_robots=False,
        ),
    )
    return rules_from(answer)


def _answer_verdict(answer: Response | Failure) -> Verdict:
    if isinstance(answer, Failure):
        return Verdict(subject="answer", is_good=False, words=f"{answer.reason.replace('_', ' ')}: {answer.detail}")
    words = f"HTTP status {answer.status}, {len(answer.body)} bytes of {answer.content_type or 'no known type'}"
    if answer.url != answer.request_url:
        kind = "for good" if answer.permanent_url else "for now"
        words += f", redirected {kind} to {answer.url}"
    return Verdict(subject="answer", is_good=True, words=words)


def _format_verdict(parsed: ParsedFeed | TaskFailed) -> Verdict:
    if isinstance(parsed, TaskFailed):
        return Verdict(subject="format", is_good=False, words=f"{parsed.reason.replace('_', ' ')}: {parsed.detail}")
    if parsed.problem is Reason.NOT_A_FEED:
        return Verdict(subject="format", is_good=False, words=f"no feed: {parsed.detail}")
    words = f"{parsed.format or 'a feed of no known format'}, {len(parsed.entries)} entries"
    words += f", title {parsed.title!r}" if parsed.title else ""
    words += f", language {parsed.language}" if parsed.language else ""
    words += f", wants {parsed.ttl_minutes} minutes between polls" if parsed.ttl_minutes else ""
    words += f", does not change in the hours {', '.join(map(str, parsed.skip_hours))} UTC" if parsed.skip_hours else ""
    words += f"; {parsed.problem.replace('_', ' ')}: {parsed.detail}" if parsed.problem else ""
    return Verdict(subject="format", is_good=True, words=words)


def _page_verdicts(entries: Sequence[Entry], url: str, robots: Rules, downloads: Downloads) -> Iterator[Verdict]:
    """Whether robots.txt lets the pages be fetched; looked at for the first pages."""
    rules = {str(parse_url(url).origin()): robots}
    for entry in [entry for entry in reversed(entries) if entry.url][:PAGES_JUDGED]:
        try:
            page: URL = parse_url(entry.url)
        except ValueError as error:
            yield Verdict(subject="page", is_good=False, words=f"{redact(entry.url)}: {error}")
            continue
        origin = str(page.origin())
        if origin not in rules:
            rules[origin] = _robots_of(entry.url, downloads)
        refusal = rules[origin].refusal(page, by_name_only=False)
        words = f"{refusal.detail}: the feed's own text is taken" if refusal else "may be fetched"
        yield Verdict(subject="page", is_good=refusal is None, words=f"{redact(entry.url)}: {words}")


def _checked(entry: Entry, taken: Sequence[Entry]) -> CheckedEntry:
    found = next((one for one in taken if one.entry_key == entry.entry_key), None)
    verdict = "unchanged" if found is None else "changed" if found.change_no else "new"
    if entry.published_at:
        date = f"{entry.published_at:%Y-%m-%d %H:%M} UTC (zone {entry.published_zone}; from {entry.published_at_raw!r})"
    else:
        date = f"cannot be read: {entry.published_at_raw!r}" if entry.published_at_raw else "none"
    link = redact(entry.url) or "none: its own text is taken"
    return CheckedEntry(key=entry.entry_key, verdict=verdict, title=entry.title, link=link, date=date)


def _problems(row: Poll | None, entries: Sequence[Entry], letters: Sequence[DeadLetter]) -> Iterator[str]:
    if row and row.reason:
        yield f"{row.reason.replace('_', ' ')}: {row.detail or 'no more is known'}"
    for letter in letters:
        yield f"{letter.reason.replace('_', ' ')}: {letter.error}"
    undated = sum(entry.published_at is None for entry in entries)
    if undated:
        yield f"{undated} entries without a date that can be read"
    linkless = sum(not entry.url for entry in entries)
    if linkless:
        yield f"{linkless} entries without a link"


# ── discover ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address that was asked for in search of a feed."""

    url: str
    found_by: str  # the address itself, a link of the page, a common path
    is_feed: bool
    words: str  # what it is, or why it is none
    title: str | None = None
    entries: int = 0
    newest_at: dt.datetime | None = None


def discover(url: str, downloads: Downloads, *, read: Reader) -> list[Candidate]:
    """Find the feeds of a page: is it one, does it name some, are there some where they commonly are?

    At most `DISCOVERED_LIMIT` addresses are asked for, robots.txt permitting for the page; the common paths only if
    the page names no feed.

    Args:
        url: the address of a page or a feed.
        downloads: the process's downloads.
        read: reads a body.

    Returns:
        What was asked for, in that order; a feed that answers under several addresses is listed once.
    """
    first, answer = _candidate(url, "the address itself", downloads, read, obeys_robots=True)
    if first.is_feed or isinstance(answer, Failure):
        return [first]
    found = [first]
    asked = {urldefrag(url).url, answer.url}
    bodies: set[str] = set()
    for found_by, addresses in (
        ("a link of the page", feed_links(answer.body, answer.url)),
        ("a common path", [urljoin(answer.url, path) for path in COMMON_PATHS]),
    ):
        for address in addresses:
            if address in asked or len(asked) > DISCOVERED_LIMIT:
                continue
            asked.add(address)
            one, said = _candidate(address, found_by, downloads, read, obeys_robots=False)
            body = ids.hash_id("body", said.body) if isinstance(said, Response) and one.is_feed else ""
            if body not in bodies:
                found.append(one)
                bodies |= {body} - {""}
        if bodies:
            break
    return found


def feed_links(body: bytes, base: str) -> list[str]:
    """The addresses of feeds that a page names: those it declares first, then links that look like feeds of its site.

    Args:
        body: the page, HTML.
        base: its address.
    """
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
    try:
        page = etree.fromstring(body[:LINKS_READ_BYTES], parser)
    except etree.XMLSyntaxError:
        return []
    if page is None:
        return []
    declared, likely = [], []
    base = _joined(base, next((str(one.get("href")) for one in page.iter("base") if one.get("href")), "")) or base
    for link in page.iter("link", "a"):
        address = _joined(base, str(link.get("href", "")))
        if not address:
            continue
        kind = str(link.get("type", "")).partition(";")[0].strip().lower()
        if kind in FEED_TYPES and (link.tag == "a" or "alternate" in str(link.get("rel", "")).lower().split()):
            declared.append(address)
        elif link.tag == "a" and _FEED_LINK.search(URL(address).raw_path) and urls.site(address) == urls.site(base):
            likely.append(address)
    return list(dict.fromkeys(declared + likely))


def _joined(base: str, href: str) -> str:
    """The http(s) address of a link, without its fragment; "" if it has none."""
    try:
        return str(parse_url(urljoin(base, href.strip()))) if href.strip() else ""
    except ValueError:
        return ""


def _candidate(
    url: str, found_by: str, downloads: Downloads, read: Reader, *, obeys_robots: bool
) -> tuple[Candidate, Response | Failure]:
    accept = f"{ACCEPT}, text/html;q=0.5" if obeys_robots else ACCEPT
    answer = _get(downloads, Request(url=url, accept=accept, obeys_robots=obeys_robots))
    shown = redact(url)
    if isinstance(answer, Failure):
        words = f"{answer.reason.replace('_', ' ')}: {answer.detail}"
        return Candidate(url=shown, found_by=found_by, is_feed=False, words=words), answer
    parsed = read(answer.body, answer.headers.get("content-type"), answer.url)
    verdict = _format_verdict(parsed)
    if isinstance(parsed, TaskFailed) or not verdict.is_good:
        return Candidate(url=shown, found_by=found_by, is_feed=False, words=verdict.words), answer
    one = Candidate(
        url=redact(answer.permanent_url or url),
        found_by=found_by,
        is_feed=True,
        words=verdict.words,
        title=parsed.title,
        entries=len(parsed.entries),
        newest_at=max(map(_published, parsed.entries), default=None),
    )
    return replace(one, newest_at=None if one.newest_at == ids.EPOCH else one.newest_at), answer


def _published(entry: ParsedEntry) -> dt.datetime:
    moment = entry.published or entry.modified or ids.EPOCH
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC)


def _get(downloads: Downloads, request: Request) -> Response | Failure:
    key = f"check {request.url}"
    downloads.start(key, request)
    answers = downloads.take([key], WAIT_S)
    if key in answers:
        return answers[key]
    return Failure(
        request_url=redact(request.url),
        reason=Reason.TIMEOUT,
        detail=f"no answer in {WAIT_S:g} s",
        observed_at=dt.datetime.now(dt.UTC),
    )
