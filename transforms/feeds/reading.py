"""A feed's body as entries, of which those whose bytes were read before are only named.

Reading a feed costs a dozen milliseconds, most of it for entries that were there at the poll before, byte for byte. So
the entries' byte ranges are found by a plain scan, and those that are known are cut out before the feed is parsed. That
is done only where it cannot make a difference: the marks must pair up, what is left must give exactly as many entries
as ranges, in a well-formed feed; else the whole body is read. Runs in the process pool.
"""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas import ids
from transforms.feeds.identity import SeenEntry, key_of
from transforms.text.feeds import ENTRIES_LIMIT, ParsedEntry, ParsedFeed, as_utf8, parse_feed

DIGITS = 16  # of the hash of an entry's bytes: 64 bits; it is compared within one feed
_OPENING = re.compile(rb"<(item|entry)(?=[\s>])")
_TAG = re.compile(rb"<[^<>]{1,2000}>")
# Outside the entries only tags with these change what an entry says: namespaces, xml:base and xml:lang, the version.
_CONTEXT = (b"xmlns", b"xml:", b"version")
_PAIRS = ((b"<![CDATA[", b"]]>"), (b"<!--", b"-->"))


@dataclass(frozen=True, slots=True)
class FeedReading:
    """A feed as it was read."""

    feed: ParsedFeed  # its `entries` are those that were parsed
    entries: tuple[ParsedEntry | SeenEntry, ...]  # all, in the feed's order
    raw: tuple[str, ...] = ()  # hashes of the parsed entries' bytes, in their order; empty if they are not known


def read_feed(body: bytes, content_type: str | None, url: str, known: Mapping[str, str]) -> FeedReading:
    """Read a feed, but for the entries that were read before.

    Args:
        body: see `parse_feed`, as the two after it.
        content_type: the Content-Type header as it came.
        url: where the body came from.
        known: the keys of entries by the hash of their bytes.
    """
    if _OPENING.search(body) is None:
        return _whole(body, content_type, url)
    # Decoded as a whole: what is cut out could decide which encoding fits. The mark says that this has been done.
    data = codecs.BOM_UTF8 + as_utf8(body, content_type)
    ranges = _ranges(data)
    if not ranges:
        return _whole(data, content_type, url)
    context = b"".join(tag for tag in _TAG.findall(data, 0, ranges[0][0]) if any(word in tag for word in _CONTEXT))
    hashes = [ids.hash_id("raw", url, context, data[start:end])[:DIGITS] for start, end in ranges]
    if known.keys().isdisjoint(hashes):
        return _whole(data, content_type, url, hashes)
    feed = parse_feed(_without(data, ranges, [name in known for name in hashes]), content_type, url)
    unknown = [name for name in hashes if name not in known]
    seen = {known[name] for name in hashes if name in known}
    is_sound = feed.problem is None and len(feed.entries) == len(unknown)
    if not is_sound or any(key_of(entry) in seen for entry in feed.entries):
        return _whole(data, content_type, url, hashes)
    parsed = iter(feed.entries)
    entries = tuple(SeenEntry(known[name]) if name in known else next(parsed) for name in hashes)
    return FeedReading(feed, entries, tuple(unknown))


def _whole(body: bytes, content_type: str | None, url: str, hashes: Sequence[str] = ()) -> FeedReading:
    feed = parse_feed(body, content_type, url)
    is_sound = feed.problem is None and len(hashes) == len(feed.entries)
    return FeedReading(feed, feed.entries, tuple(hashes) if is_sound else ())


def _ranges(data: bytes) -> list[tuple[int, int]]:
    """Where the entries of an XML feed begin and end; nothing if that is not plain to see."""
    ranges: list[tuple[int, int]] = []
    for opening in _OPENING.finditer(data):
        start, closing = opening.start(), b"</" + opening[1] + b">"
        at = data.find(closing, start)
        if at < 0 or (ranges and start < ranges[-1][1]):
            return []
        end = at + len(closing)
        if any(data.count(mark, start, end) != data.count(other, start, end) for mark, other in _PAIRS):
            return []
        ranges.append((start, end))
    return ranges if len(ranges) <= ENTRIES_LIMIT else []


def _without(data: bytes, ranges: Sequence[tuple[int, int]], are_known: Sequence[bool]) -> bytes:
    pieces, at = [], 0
    for (start, end), is_known in zip(ranges, are_known, strict=True):
        if is_known:
            pieces.append(data[at:start])
            at = end
    return b"".join([*pieces, data[at:]])
