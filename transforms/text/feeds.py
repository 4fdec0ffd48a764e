"""From a feed's bytes to its entries: RSS 0.9x, 1.0 and 2.0, RDF, Atom 0.3 and 1.0, JSON Feed 1.0 and 1.1.

XML is read by feedparser, JSON Feed by a small reader of its own. Nothing here opens an address or a file, and no XML
entity is ever expanded. It costs CPU (a median feed 9 ms, benchmarks/feeds.py), and on hostile input time without a
bound, so it runs in the process pool.
"""

import codecs
import datetime as dt
import email.utils
import html
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.sax import SAXException

import feedparser
import msgspec
from lxml import etree
from w3lib.encoding import resolve_encoding

from schemas import ids
from schemas.enums import Reason

ENTRIES_LIMIT = 10_000  # of one feed; the longest recorded feed has 338
TITLE_LIMIT = 1_000  # characters, as the limits below
SUMMARY_LIMIT = 5_000
CONTENT_LIMIT = 500_000
NAME_LIMIT = 200  # of an author, a tag, a date as written
URL_LIMIT = 4_000
GUID_LIMIT = 1_000
NAMES_LIMIT = 50  # authors, and tags, of one entry
# A description that is longer, with no content element beside it, is the article's text and no summary of it.
FULL_TEXT_FROM = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEntry:
    """An entry as its feed shows it, cut to the limits above."""

    guid: str | None = None
    url: str = ""  # absolute, http or https; "" if it has none
    title: str = ""  # plain text
    summary: str = ""  # plain text
    content: str = ""  # HTML as it came, "" if the feed holds no more than a summary
    content_hash: str = ""  # of what a reader sees: title, summary and the text of the content
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    image_url: str | None = None
    published: dt.datetime | None = None  # aware, in UTC, if the date names its zone; else naive
    published_raw: str | None = None  # the date as written, also when it could not be read
    modified: dt.datetime | None = None  # as `published`
    modified_raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed, as far as it could be read."""

    format: str | None = None  # rss20, atom10, json11, ...: feedparser's names, and json10, json11
    title: str | None = None
    language: str | None = None  # BCP 47
    ttl_minutes: int | None = None  # <ttl>: how long it may be kept
    skip_hours: tuple[int, ...] = ()  # <skipHours>: hours of the day, in UTC, in which it does not change
    skip_days: tuple[int, ...] = ()  # <skipDays>: the same for days of the week, 0 for Monday
    archive_url: str | None = None  # the document before this one: RFC 5005's prev-archive, else its next, absolute
    sitemap_url: str | None = None  # a link of relation "sitemap", absolute
    entries: tuple[ParsedEntry, ...] = ()  # in the feed's order, mostly the newest first
    problem: Reason | None = None  # not_a_feed; malformed or too_large: what could be read is here
    detail: str | None = None


def parse_feed(body: bytes, content_type: str | None, url: str) -> ParsedFeed:
    """Read a feed.

    Args:
        body: the response's body, not compressed. Its size is bounded by the download.
        content_type: the Content-Type header as it came; its charset is believed as RFC 7303 says, with one exception
            (see `as_utf8`).
        url: where the body came from, after redirects: the base of relative links.

    Returns:
        What could be read. `problem` is `not_a_feed` for a page or anything else that is no feed, `malformed` for a
        feed with a fault (entries before and mostly also after the fault are there), `too_large` when entries beyond
        `ENTRIES_LIMIT` were left out. Expected failures never raise.
    """
    start = body.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if not start:
        return ParsedFeed(problem=Reason.NOT_A_FEED, detail="the body is empty")
    if start.startswith((b"{", b"[")):
        return _json_feed(body, url)
    return _xml_feed(body, content_type, url)


def entry_of_sitemap(url: str, title: str, published_raw: str) -> ParsedEntry:
    """What a news sitemap says of an article."""
    return _entry(
        guid="",
        url=_first_url("", [url]),
        title=plain_text(title),
        description="",
        content="",
        authors=(),
        tags=(),
        image_url=None,
        published_raw=published_raw.strip(),
        modified_raw="",
    )


def plain_text(markup: str) -> str:
    """The text of a piece of HTML: tags and comments out, entities resolved, white space folded.

    Block elements part words, inline elements do not. Plain text comes back with its white space folded.
    """
    if "<" in markup:
        try:
            tree = etree.fromstring(_BLOCK.sub(r" \g<0>", markup).encode("utf-8", "replace"), _html_parser())
        except etree.XMLSyntaxError:  # nothing but comments or white space
            return ""
        if tree is None:
            return ""
        etree.strip_elements(tree, "script", "style", with_tail=False)
        markup = "".join(map(str, tree.itertext()))
    elif "&" in markup:
        markup = html.unescape(markup)
    return " ".join(markup.split())


def read_date(raw: str) -> dt.datetime | None:
    """The moment that a feed's date names.

    ISO 8601 (as RFC 3339 and W3C-DTF profile it), RFC 822 dates with their usual faults, and day.month.year. Not left
    to feedparser, which reads +0530 as +05:00, fills in what is missing from the clock, and hides whether a zone was
    given.

    Returns:
        Aware, in UTC, if the date names a zone that is known; naive if it names none; None if it cannot be read.
    """
    raw = " ".join(raw.split())[:NAME_LIMIT]
    for reader in (_iso_date, _dotted_date, _rfc822_date):
        try:
            moment = reader(raw)
            # the first and the last year cannot be moved between zones
            if moment is not None and dt.MINYEAR < moment.year < dt.MAXYEAR:
                return moment if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except (ValueError, OverflowError, IndexError):
            continue
    return None


# ── XML ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# The first tag that opens a feed; "channel" is CDF, or RSS that lost its first line.
_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:rss|rdf|feed|channel)(?=[\s>/])", re.IGNORECASE)
_ROOT_WITHIN = 65_536  # bytes before the root element: declarations, style sheets, comments, a script's warnings
_ANY_TAG = re.compile(rb"<[A-Za-z]")
_PROLOG = b"<?xml version='1.0' encoding='utf-8'?>\n"
_DECLARED = re.compile(rb"^\s{0,100}<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.-]{1,40})")
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HOUR = re.compile(rb"<hour>\s{0,9}(\d{1,2})\s{0,9}</hour>", re.IGNORECASE)
_DAY = re.compile(rb"<day>\s{0,9}([A-Za-z]{6,9})\s{0,9}</day>", re.IGNORECASE)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SERVER_DEFAULTS = frozenset({"cp1252"})  # as w3lib resolves ISO-8859-1 and ASCII, after the WHATWG
# What the first bytes say (XML 1.0, appendix F): marks, and "<?" in UTF-16 without one.
_STARTS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    ("<?".encode("utf-16-le"), "utf-16-le"),
    ("<?".encode("utf-16-be"), "utf-16-be"),
)
# Python knows these, no feed is written in them, and some take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})


def _xml_feed(body: bytes, content_type: str | None, url: str) -> ParsedFeed:
    data = as_utf8(body, content_type)
    root = _ROOT.search(data, 0, _ROOT_WITHIN)
    if root is None:
        return ParsedFeed(problem=Reason.NOT_A_FEED, detail=_looks_like(data))
    # What stands before the root element goes: with it the document type, and so every entity that it might declare.
    # A document type further on is no well-formed XML, and the reader of malformed feeds knows HTML's entities only.
    data = _PROLOG + data[root.start() :]
    # feedparser opens what looks like an address: hence a stream. Its sanitiser and its resolver of addresses within
    # HTML are off: the content is read by our own extractor, not shown, and they double the time (benchmarks/feeds.py).
    found = feedparser.parse(
        io.BytesIO(_renamed(data)),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    entries = tuple(_xml_entry(entry, found.version, url) for entry in found.entries[:ENTRIES_LIMIT])
    if not found.version and not entries:
        return ParsedFeed(problem=Reason.NOT_A_FEED, detail=_looks_like(data))
    head = found.feed
    feed = ParsedFeed(
        format=found.version or None,
        title=_cut(plain_text(_text(head.get("title"))), TITLE_LIMIT) or None,
        language=_language(head.get("language")),
        ttl_minutes=_whole(head.get("ttl")),
        skip_hours=_skip_hours(data),
        skip_days=_skip_days(data),
        archive_url=_first_url(url, (*_related(head, "prev-archive"), *_related(head, "next"))),
        sitemap_url=_first_url(url, _related(head, "sitemap")),
        entries=entries,
    )
    if found.bozo:
        feed = replace(feed, problem=Reason.MALFORMED, detail=_words(found.bozo_exception))
    return _not_all(feed, len(found.entries))


def as_utf8(body: bytes, content_type: str | None) -> bytes:
    """`body` in UTF-8, its encoding found as RFC 7303 (3.) says: a byte order mark, the header, the XML declaration.

    One exception: a header that says ISO-8859-1 or ASCII loses to a declaration. Those are the defaults of servers
    that know nothing of the file, and every byte is valid in them, so that nobody would notice. An encoding that does
    not fit the bytes is passed over; after those come UTF-8 and windows-1252, in feedparser's order.
    """
    for start, marked in _STARTS:
        if body.startswith(start):
            return body.decode(marked, "replace").encode("utf-8", "replace")
    found = _CHARSET.search(content_type or "")
    stated = resolve_encoding(found[1]) if found else None
    found_within = _DECLARED.search(body)
    declared = resolve_encoding(found_within[1].decode()) if found_within else None
    if declared and declared.startswith(("utf-16", "utf-32")):
        declared = None  # it could not have been read as ASCII
    candidates = (declared, stated) if declared and stated in _SERVER_DEFAULTS else (stated, declared)
    for charset in (*candidates, "utf-8", "cp1252"):
        try:
            if charset and charset not in _NO_CHARSETS:
                return body.decode(charset).encode("utf-8", "replace")
        except (UnicodeDecodeError, LookupError):
            continue
    return body


def _renamed(data: bytes) -> bytes:
    """`data` with elements renamed that feedparser would take for others, or not find.

    It takes <media:description>, a picture's caption, for the entry's own description; and finds nothing in a feed that
    prefixes its elements with an "rss:" that it never declares (recorded: 35 entries of 35 lost).
    """
    data = data.replace(b"<media:description", b"<media:caption").replace(b"</media:description", b"</media:caption")
    if b"xmlns:rss" in data:
        return data
    return data.replace(b"<rss:", b"<").replace(b"</rss:", b"</")


def _skip_hours(data: bytes) -> tuple[int, ...]:
    """The hours in <skipHours>, of which feedparser keeps the last only. RSS 2.0 counts from 0, 0.91 from 1 to 24."""
    start = data.find(b"<skipHours>")
    end = data.find(b"</skipHours>", start)
    if start < 0 or end < 0:
        return ()
    return tuple(sorted({int(hour) % 24 for hour in _HOUR.findall(data, start, end)}))


def _skip_days(data: bytes) -> tuple[int, ...]:
    """The days in <skipDays>, by their English names."""
    start = data.find(b"<skipDays>")
    end = data.find(b"</skipDays>", start)
    if start < 0 or end < 0:
        return ()
    names = (name.decode().lower() for name in _DAY.findall(data, start, end))
    return tuple(sorted({_WEEK.index(name) for name in names if name in _WEEK}))


def _related(head: Mapping[str, Any], relation: str) -> list[str]:
    return [_text(link.get("href")) for link in head.get("links", ()) if link.get("rel") == relation]


def _looks_like(data: bytes) -> str:
    start = data[:_ROOT_WITHIN].lower()
    if b"<html" in start or b"<!doctype html" in start:
        return "an HTML page"
    if b"<urlset" in start or b"<sitemapindex" in start:
        return "a sitemap"
    return "XML of another kind" if _ANY_TAG.search(start) else "no XML"


def _xml_entry(entry: Mapping[str, Any], version: str, base: str) -> ParsedEntry:
    is_atom = version.startswith("atom")
    published_raw = _text(entry.get("published")) or _text(entry.get("created"))
    # feedparser answers get("updated") with the date of publication if there is no other
    modified_raw = _text(entry.get("updated")) if "updated" in entry else ""
    if not published_raw:
        # dc:date, which feedparser calls "updated", is all that RSS 1.0 has; and many Atom feeds give no other date.
        published_raw = modified_raw
        modified_raw = modified_raw if is_atom else ""
    description, is_markup = _description(entry)
    content = _content(entry, is_atom=is_atom)
    return _entry(
        guid=_text(entry.get("id")),
        url=_first_url(base, _links(entry)),
        title=_title(entry),
        description=description if is_markup else html.escape(description, quote=False),
        content="" if content == description and not is_atom else content,
        authors=(_text(author.get("name")) for author in entry.get("authors", ())),
        tags=(_text(tag.get("label")) or _text(tag.get("term")) for tag in entry.get("tags", ())),
        image_url=_first_url(base, _images(entry)),
        published_raw=published_raw,
        modified_raw=modified_raw,
    )


def _words(error: Exception) -> str:
    """The error without its place, which is counted from the root element on and would mislead."""
    message = error.getMessage() if isinstance(error, SAXException) else str(error)
    return str(message)[:NAME_LIMIT]


def _title(entry: Mapping[str, Any]) -> str:
    return plain_text(_text(entry.get("title")))


def _description(entry: Mapping[str, Any]) -> tuple[str, bool]:
    """The summary or description, and whether it is HTML."""
    detail = entry.get("summary_detail") or {}
    return _text(entry.get("summary")), detail.get("type", "text/html") != "text/plain"


def _content(entry: Mapping[str, Any], *, is_atom: bool) -> str:
    """The longest full content: content:encoded, xhtml:body or Atom's content, as HTML."""
    found = [
        _text(content.get("value"))
        if content.get("type") in _HTML_TYPES
        else paragraphs_as_html(_text(content.get("value")))
        for content in entry.get("content", ())
        # In RSS plain text comes from elements beside the content (itunes:summary), in Atom it may be the content.
        if content.get("type") in _HTML_TYPES or (is_atom and content.get("type") == "text/plain")
    ]
    return max(found, key=len, default="")


def _links(entry: Mapping[str, Any]) -> Iterator[str]:
    yield _text(entry.get("feedburner_origlink"))
    yield _text(entry.get("link"))
    for link in entry.get("links", ()):
        if link.get("rel") == "alternate":
            yield _text(link.get("href"))
    guid = _text(entry.get("id"))
    if guid.startswith(("http://", "https://")):
        yield guid


def _images(entry: Mapping[str, Any]) -> Iterator[str]:
    pictures = [
        media
        for media in entry.get("media_content", ())
        if media.get("medium") == "image" or _text(media.get("type")).startswith("image/") or _is_picture(media)
    ]
    for media in sorted(pictures, key=_width, reverse=True):
        yield _text(media.get("url"))
    for link in entry.get("links", ()):
        if link.get("rel") == "enclosure" and _text(link.get("type")).startswith("image/"):
            yield _text(link.get("href"))
    for media in sorted(entry.get("media_thumbnail", ()), key=_width, reverse=True):
        yield _text(media.get("url"))
    image = entry.get("image")
    if isinstance(image, dict):
        yield _text(image.get("href"))


def _is_picture(media: Mapping[str, Any]) -> bool:
    return _text(media.get("url")).partition("?")[0].lower().endswith((".jpg", ".jpeg", ".png", ".webp", ".gif"))


def _width(media: Mapping[str, Any]) -> int:
    return _whole(media.get("width")) or 0


# ── JSON Feed (https://www.jsonfeed.org/version/1.1/) ──────────────────────────────────────────────────────────────


def _json_feed(body: bytes, url: str) -> ParsedFeed:
    text = body.decode("utf-8-sig", "replace")
    problem, detail = None, None
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        document = _readable(text)
        problem, detail = Reason.MALFORMED, str(error)[:NAME_LIMIT]
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return ParsedFeed(problem=Reason.NOT_A_FEED, detail="JSON, but no JSON Feed")
    items = [item for item in document["items"] if isinstance(item, dict)]
    if len(items) < len(document["items"]):
        problem, detail = Reason.MALFORMED, "items that are no objects"
    version = _text(document.get("version"))
    feed = ParsedFeed(
        format="json11" if version.rstrip("/").endswith("1.1") else "json10",
        title=_cut(plain_text(_text(document.get("title"))), TITLE_LIMIT) or None,
        language=_language(document.get("language")),
        archive_url=_first_url(url, [_text(document.get("next_url"))]),
        entries=tuple(_json_entry(item, url) for item in items[:ENTRIES_LIMIT]),
        problem=problem,
        detail=detail,
    )
    return _not_all(feed, len(items))


def _readable(text: str) -> dict[str, Any] | None:
    """The items of a JSON Feed that is cut short or broken, up to the first that cannot be read."""
    start = re.search(r'"items"\s{0,99}:\s{0,99}\[', text)
    if start is None:
        return None
    items: list[Any] = []
    at, decoder = start.end(), json.JSONDecoder()
    while True:
        opening = _ITEM.match(text, at)
        if opening is None:
            return {"items": items}
        try:
            item, at = decoder.raw_decode(text, opening.end() - 1)
        except (json.JSONDecodeError, RecursionError):
            return {"items": items}
        items.append(item)


_ITEM = re.compile(r"[\s,]*+\{")


def _json_entry(item: Mapping[str, Any], base: str) -> ParsedEntry:
    authors = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    tags = item.get("tags")
    return _entry(
        guid=_text(item.get("id")),
        url=_first_url(base, (_text(item.get(name)) for name in ("url", "external_url", "id"))),
        title=plain_text(_text(item.get("title"))),
        description=html.escape(_text(item.get("summary")), quote=False),
        content=_text(item.get("content_html")) or paragraphs_as_html(_text(item.get("content_text"))),
        authors=(_text(author.get("name")) for author in authors or () if isinstance(author, dict)),
        tags=(_text(tag) for tag in tags) if isinstance(tags, list) else (),
        image_url=_first_url(base, (_text(item.get(name)) for name in ("image", "banner_image"))),
        published_raw=_text(item.get("date_published")),
        modified_raw=_text(item.get("date_modified")),
    )


# ── both ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_BLOCK = re.compile(
    r"</?(?:p|br|div|li|ul|ol|dl|dt|dd|tr|td|th|table|h[1-6]|hr|blockquote|figure|figcaption|section|article|pre)\b",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


def paragraphs_as_html(text: str) -> str:
    """Plain text as HTML: what an empty line parts becomes a paragraph."""
    blocks = (block.strip() for block in text.replace("\r\n", "\n").split("\n\n"))
    return "".join(f"<p>{html.escape(block, quote=False)}</p>" for block in blocks if block)


def _entry(
    *,
    guid: str,
    url: str | None,
    title: str,
    description: str,
    content: str,
    authors: Iterable[str],
    tags: Iterable[str],
    image_url: str | None,
    published_raw: str,
    modified_raw: str,
) -> ParsedEntry:
    """An entry within the limits; `description` and `content` are HTML."""
    content = _cut(content, CONTENT_LIMIT)
    description = _cut(description, CONTENT_LIMIT)
    summary = plain_text(description)
    text = plain_text(content)
    if not content and len(summary) > FULL_TEXT_FROM:
        content, text, summary = description, summary, ""
    elif text == summary:
        # feedparser copies the content to a summary that is missing
        summary = "" if len(text) > FULL_TEXT_FROM else summary
    title = _cut(title, TITLE_LIMIT)
    summary = _cut(summary, SUMMARY_LIMIT)
    return ParsedEntry(
        guid=_cut(guid, GUID_LIMIT) or None,
        url=url or "",
        title=title,
        summary=summary,
        content=content,
        content_hash=ids.hash_id("entry text", ids.folded(title), ids.folded(summary), ids.folded(text)),
        authors=_names(authors),
        tags=_names(tags),
        image_url=image_url,
        published=read_date(published_raw),
        published_raw=_cut(published_raw, NAME_LIMIT) or None,
        modified=read_date(modified_raw),
        modified_raw=_cut(modified_raw, NAME_LIMIT) or None,
    )


def _not_all(feed: ParsedFeed, count: int) -> ParsedFeed:
    if count <= ENTRIES_LIMIT:
        return feed
    detail = f"{count} entries, of which the first {ENTRIES_LIMIT} were read"
    return replace(feed, problem=feed.problem or Reason.TOO_LARGE, detail=detail)


def _text(value: object) -> str:
    """A string as it is, a number as its digits, anything else as nothing."""
    if isinstance(value, str):
        return value.replace("\x00", "").strip()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit].rstrip()


def _names(names: Iterable[str]) -> tuple[str, ...]:
    found = dict.fromkeys(_cut(plain_text(name[: NAME_LIMIT * 4]), NAME_LIMIT) for name in names)
    return tuple(name for name in found if name)[:NAMES_LIMIT]


def _first_url(base: str, candidates: Iterable[str]) -> str | None:
    """The first candidate that is an http(s) address, made absolute."""
    for candidate in candidates:
        if not candidate or len(candidate) > URL_LIMIT:
            continue
        try:
            url = urljoin(base, "".join(candidate.split()) if "\n" in candidate else candidate.strip())
            parts = urlsplit(url)
            if parts.scheme in ("http", "https") and parts.hostname:
                return url
        except ValueError:
            continue
    return None


def _language(value: object) -> str | None:
    tag = _text(value).replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        return None
    primary, *rest = tag.split("-")
    return "-".join([primary.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


def _whole(value: object) -> int | None:
    digits = _text(value)
    return int(digits) if digits.isdecimal() and len(digits) < 9 else None


def _html_parser() -> etree.HTMLParser:
    return etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)


def _iso_date(raw: str) -> dt.datetime | None:
    found = _ISO.fullmatch(raw)
    if found is None:
        return None
    day, clock = found[1], found[2] or ""
    if len(day) == len("2024-05"):  # a month, as W3C-DTF allows
        day += "-01"
    # "10:00:00 +0200" and "10:00:00 UTC" are common; fromisoformat wants the zone at once, and as digits or Z
    clock = clock.upper().replace("UTC", "Z").replace("GMT", "Z").replace(" ", "")
    return dt.datetime.fromisoformat(f"{day} {clock}".strip())


def _rfc822_date(raw: str) -> dt.datetime | None:
    if not _CLOCK.search(raw):
        raw = f"{raw} 00:00:00"
    words = raw.split()
    words[-1] = _ZONES.get(words[-1].upper(), words[-1])
    prefixed = _PREFIXED_OFFSET.fullmatch(words[-1])
    if prefixed:
        sign, hours, minutes = prefixed.groups()
        words[-1] = f"{sign}{hours:0>2}{minutes or '00'}"
    raw = " ".join(words)
    fields = email.utils.parsedate_tz(raw)
    if fields is None:
        return None
    moment = dt.datetime(*fields[:6])  # noqa: DTZ001  # the zone follows
    # parsedate_tz says 0 for a zone that it does not know, too
    if not _ZONE.search(raw):
        return moment
    return moment.replace(tzinfo=dt.timezone(dt.timedelta(seconds=fields[9] or 0)))


def _dotted_date(raw: str) -> dt.datetime | None:
    """31.12.2024 and 31.12.2024 23:59: with dots the day comes first wherever it is written so."""
    found = _DOTTED.fullmatch(raw)
    if found is None:
        return None
    day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
    return dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # it names no zone


_ISO = re.compile(r"(\d{4}-\d{2}(?:-\d{2})?|\d{8})(?:[Tt ](.*)|)")
_CLOCK = re.compile(r"\d:\d")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? (\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_PREFIXED_OFFSET = re.compile(r"(?:GMT|UTC)([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_ZONE = re.compile(r"(?:[+-]\d{4}|\b(?:UTC?|GMT|[ECMP][SD]T|AST|ADT))$", re.IGNORECASE)
# Names that RFC 822 lacks and feeds use; those that mean several zones (IST, CST beside America's) are left open.
_ZONES = {
    "Z": "+0000", "WET": "+0000", "WEST": "+0100", "BST": "+0100", "CET": "+0100", "MET": "+0100", "CEST": "+0200",
    "MEST": "+0200", "EET": "+0200", "EEST": "+0300", "MSK": "+0300", "JST": "+0900", "KST": "+0900", "AEST": "+1000",
    "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300",
}  # fmt: skip
