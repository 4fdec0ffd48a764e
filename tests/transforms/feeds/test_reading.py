"""What was read before is not read again, and everything else is read as it would be beside it."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Reason
from transforms.feeds.identity import SeenEntry
from transforms.feeds.reading import FeedReading, read_feed
from transforms.text.feeds import parse_feed

URL = "https://example.org/feed"
SHARED = Path(os.environ.get("WIREBEAM_SHARED", Path(__file__).parents[3] / "../shared")) / "data" / "feeds"


def item(name: str, text: str = "") -> str:
    return f"<item><guid>{name}</guid><link>https://example.org/{name}</link><title>{text or name}</title></item>"


def rss(*items: str, head: str = "<lastBuildDate>today</lastBuildDate>", attributes: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><rss version="2.0"{attributes}><channel><title>Harbour Post</title>{head}'
        f"{' '.join(items)}</channel></rss>"
    ).encode()


def read(body: bytes, before: FeedReading | None = None) -> FeedReading:
    """Read `body`, knowing what was read `before`."""
    parsed = zip(before.raw, before.feed.entries, strict=True) if before else ()
    return read_feed(body, "text/xml", URL, {raw: entry.guid or entry.url for raw, entry in parsed})


def test_only_what_is_new_is_read() -> None:
    first = read(rss(item("b"), item("a")))
    assert len(first.raw) == 2
    second = read(
        rss(item("c"), item("b"), item("a", "A, updated"), head="<lastBuildDate>later</lastBuildDate>"), first
    )
    assert [one.entry_key if isinstance(one, SeenEntry) else one.title for one in second.entries] == [
        "c",
        "b",
        "A, updated",
    ]
    assert [one.title for one in second.feed.entries] == ["c", "A, updated"]
    assert len(second.raw) == 2


def test_a_feed_of_known_entries_alone_still_is_a_feed() -> None:
    first = read(rss(item("a")))
    second = read(rss(item("a"), head="<ttl>7</ttl>"), first)
    assert (second.entries, second.feed.format, second.feed.ttl_minutes) == ((SeenEntry("a"),), "rss20", 7)


@pytest.mark.parametrize(
    "body",
    [
        rss(item("a"), item("b"))[:-30],  # cut short: not well-formed
        rss(item("a"), item("b", "Tides & weather")),  # nor is this
        rss(item("a"), "<!--", item("b"), "-->"),
        rss(item("a"), item("b", "<![CDATA[</item>]]>")),
        rss(item("a"), item("b", "<item>within</item>")),
        rss(item("a"), "<item><title>never closed</title>"),
        rss(item("a"), item("b")).decode().encode("utf-16"),
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "a", "title": "A <item></item>"}]}',
        b"<html><item>no feed</item></html>",
        b"",
    ],
)
def test_what_is_not_plain_is_read_as_a_whole(body: bytes) -> None:
    first = read(rss(item("a")))
    reading = read(body, first)
    full = parse_feed(body, "text/xml", URL)
    if not any(isinstance(one, SeenEntry) for one in reading.entries):
        assert reading.feed == full
    assert len(reading.entries) == len(full.entries)


def test_an_entry_that_shares_the_key_of_a_known_one_is_read_beside_it() -> None:
    first = read(rss(item("a")))
    reading = read(rss(item("a", "another version"), item("a")), first)
    assert [one.title for one in reading.feed.entries] == ["another version", "a"]


@pytest.mark.parametrize("attributes", [' xml:base="https://example.org/b/"', ' xmlns:dc="urn:x"'])
def test_the_same_bytes_under_another_root_are_read_again(attributes: str) -> None:
    first = read(rss(item("a")))
    assert read(rss(item("a"), attributes=attributes), first).feed.entries


def test_the_same_bytes_from_another_address_are_read_again() -> None:
    body = rss("<item><link>/a</link></item>")
    first = read_feed(body, None, URL, {})
    assert read_feed(body, None, "https://example.com/feed", {first.raw[0]: "a"}).feed.entries[0].url.endswith("com/a")


def test_one_bad_byte_spoils_the_encoding_for_all_alike() -> None:
    good, bad = item("ö"), item("b").encode() + b"\xff"
    body = rss(good, item("b")).replace(item("b").encode(), bad)
    full = parse_feed(body, None, URL)
    first = read_feed(body, None, URL, {})
    assert first.entries == full.entries
    second = read_feed(body, None, URL, {first.raw[1]: "b"})
    assert second.entries == (full.entries[0], SeenEntry("b"))


NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(NAMES, NAMES)
def test_a_feed_read_in_part_says_the_same(before: list[str], now: list[str]) -> None:
    first = read(rss(*map(item, before)))
    reading = read(rss(*map(item, now)), first)
    full = parse_feed(rss(*map(item, now)), "text/xml", URL)
    assert len(reading.entries) == len(full.entries)
    for one, other in zip(reading.entries, full.entries, strict=True):
        assert one == (SeenEntry(other.guid or "") if other.guid in before else other)


def recordings() -> Iterator[tuple[str, bytes]]:
    for line in (SHARED / "manifest.jsonl").read_text("utf-8").splitlines()[::9]:
        name = json.loads(line)["file"]
        yield name, gzip.decompress((SHARED / name).read_bytes())


@pytest.mark.skipif(not SHARED.exists(), reason="recorded feeds are not here: set WIREBEAM_SHARED")
def test_recorded_feeds_say_the_same_with_every_other_entry_known() -> None:
    in_part = 0
    for name, body in recordings():
        full = parse_feed(body, None, URL)
        first = read_feed(body, None, URL, {})
        assert first.entries == full.entries, name
        keys = {raw: f"seen {place}" for place, raw in enumerate(first.raw)}
        known = {raw: key for raw, key in keys.items() if int(key[5:]) % 2}
        reading = read_feed(body, None, URL, known)
        in_part += reading.feed.entries != full.entries
        for one, other in zip(reading.entries, full.entries, strict=True):
            assert isinstance(one, SeenEntry) or one == other, name
        whole = read_feed(body, None, URL, keys)
        assert (whole.feed.title, whole.feed.language) == (full.title, full.language), name
        assert whole.feed.problem in {full.problem, None, Reason.MALFORMED}
    assert in_part
