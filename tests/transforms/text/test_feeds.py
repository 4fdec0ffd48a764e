"""What each feed format says, and what is left of broken and hostile ones."""

import datetime as dt
import gzip
import itertools
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Reason
from transforms.text.feeds import (
    CONTENT_LIMIT,
    ENTRIES_LIMIT,
    FULL_TEXT_FROM,
    SUMMARY_LIMIT,
    ParsedFeed,
    parse_feed,
    plain_text,
    read_date,
)

URL = "https://feeds.example.org/world/rss.xml"


def read(text: str | bytes, content_type: str | None = None) -> ParsedFeed:
    return parse_feed(text.encode() if isinstance(text, str) else text, content_type, URL)


def rss(*entries: str, version: str = "2.0", head: str = "") -> str:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><rss version="{version}" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom" '
        'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0">'
        f"<channel><title>Harbour Post</title>{head}{items}</channel></rss>"
    )


def atom(*entries: str, attributes: str = "") -> str:
    inner = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom"{attributes}><title>Harbour Post</title>{inner}</feed>'


# ── formats ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rss_20() -> None:
    feed = read(
        rss(
            "<title>Ferry &amp; tram strike ends</title><link>https://example.org/a?x=1&amp;y=2</link>"
            '<guid isPermaLink="false">a-1</guid>'
            "<description>&lt;p&gt;Crews &lt;b&gt;re&lt;/b&gt;turn.&lt;/p&gt;</description>"
            "<content:encoded><![CDATA[<p>Crews return.</p><p>Boats sail.</p>]]></content:encoded>"
            "<dc:creator>Ada Holm</dc:creator><category>Transport</category><category>Labour</category>"
            '<media:content url="https://example.org/s.jpg" medium="image" width="200"/>'
            '<media:content url="https://example.org/l.jpg" medium="image" width="900"/>'
            "<pubDate>Wed, 01 May 2024 10:00:00 +0200</pubDate>",
            head="<language>en-us</language><ttl>30</ttl><skipHours><hour>0</hour><hour>3</hour></skipHours>",
        )
    )
    assert (feed.format, feed.title, feed.language, feed.ttl_minutes) == ("rss20", "Harbour Post", "en-US", 30)
    assert feed.skip_hours == (0, 3)
    assert feed.problem is None
    (entry,) = feed.entries
    assert (entry.guid, entry.url) == ("a-1", "https://example.org/a?x=1&y=2")
    assert (entry.title, entry.summary) == ("Ferry & tram strike ends", "Crews return.")
    assert entry.content == "<p>Crews return.</p><p>Boats sail.</p>"
    assert (entry.authors, entry.tags) == (("Ada Holm",), ("Transport", "Labour"))
    assert entry.image_url == "https://example.org/l.jpg"
    assert entry.published == dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
    assert entry.published_raw == "Wed, 01 May 2024 10:00:00 +0200"
    assert entry.modified is None


@pytest.mark.parametrize(
    ("version", "expected"), [("0.91", "rss091u"), ("0.92", "rss092"), ("0.93", "rss093"), ("0.94", "rss094")]
)
def test_rss_09x(version: str, expected: str) -> None:
    feed = read(rss("<title>One</title><link>https://example.org/1</link>", version=version))
    assert feed.format == expected
    assert [entry.url for entry in feed.entries] == ["https://example.org/1"]


def test_rdf_takes_dc_date_for_the_date_of_publication() -> None:
    feed = read(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>H</title></channel>'
        '<item rdf:about="https://example.org/1"><title>One</title><link>https://example.org/1</link>'
        "<dc:date>2024-05-01T10:00:00+05:30</dc:date></item></rdf:RDF>"
    )
    assert feed.format == "rss10"
    (entry,) = feed.entries
    assert entry.guid == "https://example.org/1"
    assert entry.published == dt.datetime(2024, 5, 1, 4, 30, tzinfo=dt.UTC)
    assert entry.modified is None


def test_atom_10() -> None:
    feed = read(
        atom(
            '<id>tag:example.org,2024:1</id><title type="html">A &amp;lt;b&amp;gt; &lt;i&gt;title&lt;/i&gt;</title>'
            '<link rel="self" href="/api/1"/><link rel="enclosure" type="audio/mpeg" href="/1.mp3"/>'
            '<link rel="alternate" href="1.html"/><summary>Short.</summary>'
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Long.</p></div></content>'
            "<author><name>Ada Holm</name></author><author><name>Bo Lind</name></author>"
            "<published>2024-05-01T10:00:00Z</published><updated>2024-05-02T10:00:00Z</updated>",
            attributes=' xml:base="https://example.org/news/" xml:lang="sv"',
        )
    )
    assert (feed.format, feed.language) == ("atom10", "sv")
    (entry,) = feed.entries
    assert (entry.guid, entry.url) == ("tag:example.org,2024:1", "https://example.org/news/1.html")
    assert (entry.title, entry.summary, entry.content) == ("A <b> title", "Short.", "<p>Long.</p>")
    assert entry.authors == ("Ada Holm", "Bo Lind")
    assert entry.published == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert entry.modified == dt.datetime(2024, 5, 2, 10, tzinfo=dt.UTC)


def test_atom_03() -> None:
    feed = read(
        '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>H</title><entry><title>One</title>'
        '<link rel="alternate" type="text/html" href="https://example.org/1"/><id>1</id>'
        "<issued>2004-05-01T10:00:00Z</issued><modified>2004-05-01T11:00:00Z</modified></entry></feed>"
    )
    assert feed.format == "atom03"
    (entry,) = feed.entries
    assert (entry.url, entry.published_raw, entry.modified_raw) == (
        "https://example.org/1",
        "2004-05-01T10:00:00Z",
        "2004-05-01T11:00:00Z",
    )


@pytest.mark.parametrize("version", ["1", "1.1"])
def test_json_feed(version: str) -> None:
    author = {"name": "Ada Holm"}
    item = {
        "id": 7,
        "url": "/7",
        "title": "Seven & <eight>",
        "summary": "Is 3 < 4?",
        "content_text": "First.\n\nSecond & last.",
        "image": "/7.jpg",
        "date_published": "2024-05-01T10:00:00Z",
        "date_modified": "2024-05-01T12:00:00Z",
        "tags": ["Sea", 5, None],
    } | ({"authors": [author]} if version == "1.1" else {"author": author})
    document = {"version": f"https://jsonfeed.org/version/{version}", "title": "H", "language": "de", "items": [item]}
    feed = read("\ufeff" + json.dumps(document))
    assert (feed.format, feed.language, feed.problem) == (f"json{version.replace('.', ''):0<2}", "de", None)
    (entry,) = feed.entries
    assert (entry.guid, entry.url) == ("7", "https://feeds.example.org/7")
    assert (entry.summary, entry.content) == ("Is 3 < 4?", "<p>First.</p><p>Second &amp; last.</p>")
    assert (entry.authors, entry.tags, entry.image_url) == (
        ("Ada Holm",),
        ("Sea", "5"),
        "https://feeds.example.org/7.jpg",
    )
    assert entry.modified == dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


# ── what feeds do with their elements ──────────────────────────────────────────────────────────────────────────────


def test_an_entry_with_nothing_but_a_title_is_kept() -> None:
    (entry,) = read(rss("<title>Bare</title>")).entries
    assert (entry.guid, entry.url, entry.title, entry.published, entry.published_raw) == (None, "", "Bare", None, None)


def test_a_guid_that_is_an_address_is_the_link_when_there_is_no_other() -> None:
    (entry,) = read(rss("<guid>https://example.org/p</guid>")).entries
    assert (entry.guid, entry.url) == ("https://example.org/p", "https://example.org/p")


def test_the_original_link_is_preferred_and_other_schemes_are_none() -> None:
    (entry,) = read(
        rss("<link>https://proxy.example/r</link><feedburner:origLink>https://example.org/o</feedburner:origLink>")
    ).entries
    assert entry.url == "https://example.org/o"
    (entry,) = read(rss("<title>x</title><link>javascript:alert(1)</link>")).entries
    assert entry.url == ""


def test_a_picture_caption_is_no_description() -> None:
    (entry,) = read(
        rss(
            '<media:content url="https://example.org/p.jpg"><media:description type="plain">A boat.</media:description>'
            "</media:content><title>T</title><description>The news.</description>"
        )
    ).entries
    assert (entry.summary, entry.content, entry.image_url) == ("The news.", "", "https://example.org/p.jpg")


def test_a_long_description_is_the_content() -> None:
    text = "<p>" + "Words that go on. " * FULL_TEXT_FROM + "</p>"
    (entry,) = read(rss(f"<title>T</title><description><![CDATA[{text}]]></description>")).entries
    assert entry.content == text
    assert entry.summary == ""


def test_markup_does_not_count_in_the_content_hash_but_words_do() -> None:
    def hash_of(content: str) -> str:
        return (
            read(rss(f"<title>T</title><content:encoded><![CDATA[{content}]]></content:encoded>"))
            .entries[0]
            .content_hash
        )

    assert hash_of('<p class="x1">The news.</p>') == hash_of('<p class="x2">The \n news.</p>')
    assert hash_of("<p>The news.</p>") != hash_of("<p>The new news.</p>")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2024-05-01T10:00:00+0530", "2024-05-01T04:30:00+00:00"),
        ("2024-05-01 10:00:00 UTC", "2024-05-01T10:00:00+00:00"),
        ("Wed, 01 May 2024 10:00:00 EST", "2024-05-01T15:00:00+00:00"),
        ("Wed, 1 May 2024 10:00 CEST", "2024-05-01T08:00:00+00:00"),
        ("Wed, 01 May 2024 10:00:00 GMT+2", "2024-05-01T08:00:00+00:00"),
        ("Wed, 01 May 2024 10:00:00", "2024-05-01T10:00:00"),
        ("Wed, 01 May 2024", "2024-05-01T00:00:00"),
        ("2024-05-01", "2024-05-01T00:00:00"),
        ("01.05.2024, 10:30", "2024-05-01T10:30:00"),
        ("0001-01-01T00:00:00+05:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(raw: str, expected: str | None) -> None:
    moment = read_date(raw)
    assert (moment.isoformat() if moment else None) == expected


@given(st.datetimes(min_value=dt.datetime(1970, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  # hypothesis' own rule
def test_an_iso_date_is_read_back(moment: dt.datetime) -> None:
    if moment.year < dt.MAXYEAR:
        assert read_date(moment.isoformat()) == moment.astimezone(dt.UTC)


@given(st.text())
def test_no_text_breaks_the_readers_of_dates_and_markup(text: str) -> None:
    read_date(text)
    once = plain_text(text)
    assert once == " ".join(once.split())


def test_plain_text() -> None:
    assert plain_text("<p>Un<b>bold</b></p><p>A&nbsp;&amp; B<br>C<script>x</script><!-- y --></p>") == "Unbold A & B C"
    assert plain_text("1 < 2 &amp; 3") == "1 < 2 & 3"
    assert plain_text("<!-- only -->") == ""


# ── encodings ──────────────────────────────────────────────────────────────────────────────────────────────────────

RUSSIAN = "Паром вернулся"


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-16", "utf-16", None),
        ("utf-16", None, "application/xml"),
        ("utf-8-sig", None, "text/xml"),
        ("utf-8", None, "text/xml"),
        ("windows-1251", "windows-1251", "text/xml"),
        ("windows-1251", "windows-1251", "application/rss+xml; charset=utf-8"),
        ("windows-1251", "windows-1251", "text/xml; charset=ISO-8859-1"),
        ("windows-1251", None, "text/xml; charset=windows-1251"),
        ("koi8-r", "utf-8", "text/xml; charset=koi8-r"),
    ],
)
def test_encodings(encoding: str, declared: str | None, content_type: str | None) -> None:
    xml = rss(f"<title>{RUSSIAN}</title>").partition("?>")[2]
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    feed = read((declaration + xml).encode(encoding), content_type)
    assert [entry.title for entry in feed.entries] == [RUSSIAN]


# ── broken and hostile ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_malformed_feed_yields_what_can_be_read_and_a_reason() -> None:
    whole = rss("<title>One</title>", "<title>Two & a half</title>", "<title>Three</title>")
    feed = read(whole)
    assert (feed.problem, [entry.title for entry in feed.entries]) == (
        Reason.MALFORMED,
        ["One", "Two & a half", "Three"],
    )
    feed = read(whole[: whole.index("Three")])
    assert feed.problem is Reason.MALFORMED
    assert [entry.title for entry in feed.entries][:2] == ["One", "Two & a half"]


def test_a_warning_before_the_feed_does_not_hide_it() -> None:
    feed = read("<b>Warning</b>: date() in /srv/x.php on line 3\n" + rss("<title>One</title>"))
    assert [entry.title for entry in feed.entries] == ["One"]


def test_a_prefix_that_is_never_declared_hides_nothing() -> None:
    feed = read("<rss rss:version=2.0><rss:channel><rss:item><rss:title>One</rss:title></rss:item></rss:channel></rss>")
    assert [entry.title for entry in feed.entries] == ["One"]


def test_json_that_is_cut_short_yields_the_items_before() -> None:
    whole = json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}
    )
    feed = read(whole[:-12])
    assert (feed.problem, [entry.guid for entry in feed.entries]) == (Reason.MALFORMED, ["1", "2"])


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("<!DOCTYPE html><html><head><title>News</title></head><body><p>Hello</p></body></html>", "an HTML page"),
        ('<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>', "a sitemap"),
        ("<note><to>Bo</to></note>", "XML of another kind"),
        ("", "the body is empty"),
        ("  \n", "the body is empty"),
        ("not found", "no XML"),
        ('{"error": "no such feed"}', "JSON, but no JSON Feed"),
        ("[1, 2]", "JSON, but no JSON Feed"),
        ("{" * 100_000, "JSON, but no JSON Feed"),
    ],
)
def test_what_is_no_feed(body: str, detail: str) -> None:
    feed = read(body, "text/html; charset=utf-8")
    assert (feed.problem, feed.detail, feed.entries) == (Reason.NOT_A_FEED, detail, ())


@pytest.mark.parametrize("gap", ["", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_never_expanded(gap: str, encoding: str) -> None:
    names = "abcdefghij"
    declared = f'{gap}<!ENTITY a "ha">' + "".join(
        f'{gap}<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise(names)
    )
    secret = f'{gap}<!ENTITY f SYSTEM "file:///etc/hostname">'
    xml = rss("<title>&j;</title><description>&f;</description>").partition("?>")[2]
    feed = read(f'<?xml version="1.0"?>{gap}<!DOCTYPE rss [{declared}{secret}{gap}]>{xml}'.encode(encoding))
    assert len(feed.entries) == 1
    assert len(feed.entries[0].title) < 10
    assert len(feed.entries[0].summary) < 10


def test_html_entities_are_read() -> None:
    (entry,) = read(rss("<title>Caf&eacute; &ndash; open</title>")).entries
    assert entry.title == "Café – open"


def test_ten_thousand_entries_are_read_and_no_more() -> None:
    feed = read(rss(*(f"<title>t{n}</title>" for n in range(ENTRIES_LIMIT))))
    assert (len(feed.entries), feed.problem) == (ENTRIES_LIMIT, None)
    items = [{"id": str(number)} for number in range(ENTRIES_LIMIT + 5)]
    feed = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}))
    assert (len(feed.entries), feed.problem) == (ENTRIES_LIMIT, Reason.TOO_LARGE)


def test_fields_are_bounded() -> None:
    long = "word " * CONTENT_LIMIT
    (entry,) = read(rss(f"<title>{long}</title><guid>{long}</guid><description>{long}</description>")).entries
    assert len(entry.title) <= SUMMARY_LIMIT
    assert len(entry.guid or "") <= SUMMARY_LIMIT
    assert len(entry.summary) + len(entry.content) <= SUMMARY_LIMIT + CONTENT_LIMIT


@pytest.mark.parametrize(("depth", "summary"), [(1_000, "deep"), (100_000, "")])
def test_deep_nesting_costs_at_most_its_own_text(depth: int, summary: str) -> None:
    nested = "<div>" * depth + "deep" + "</div>" * depth
    (entry,) = read(rss(f"<title>T</title><description><![CDATA[{nested}]]></description>")).entries
    assert (entry.title, entry.summary) == ("T", summary)


@given(st.binary(max_size=200), st.sampled_from([None, "text/xml", "application/json; charset=x-none"]))
def test_no_bytes_raise(body: bytes, content_type: str | None) -> None:
    for start in (b"", b"{", b'<rss version="2.0"><channel><item>'):
        parse_feed(start + body, content_type, URL)


def test_the_reader_and_its_result_can_be_sent_to_a_process() -> None:
    feed = read(rss("<title>One</title>"))
    assert pickle.loads(pickle.dumps(feed)) == feed
    assert pickle.loads(pickle.dumps(parse_feed)) is parse_feed


def test_no_entry_of_the_recorded_feeds_is_lost(shared_data: Path) -> None:
    manifest = shared_data / "feeds" / "manifest.jsonl"
    for line in manifest.read_text("utf-8").splitlines()[::8]:
        about = json.loads(line)
        body = gzip.decompress((manifest.parent / about["file"]).read_bytes())
        feed = read(body)
        assert len(feed.entries) >= (about.get("feedparser_entries") or 0), about["file"]
