"""Sitemaps, as files and as what they name."""

import datetime as dt
import gzip
from pathlib import Path

import pytest

from pipeline.sources import sitemaps as module
from pipeline.sources import streams
from schemas.enums import Origin, Reason, Zone
from tests.pipeline.sources.reading import NOW, AskedGate, Web, entries, opened, put, read, read_all, refused

XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = """
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"
 xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"
 xmlns:video="http://www.google.com/schemas/sitemap-video/1.1">
<url><image:image><image:loc>https://a.example/1.jpg</image:loc><image:title>P</image:title></image:image>
 <loc> https://a.example/1?utm_source=x </loc><lastmod>2020-01-01</lastmod>
 <video:video><video:title>V</video:title><video:publication_date>2001-01-01</video:publication_date></video:video>
 <n:news><n:publication><n:name>The Post</n:name><n:language>pt</n:language></n:publication>
 <n:publication_date>2024-01-02T03:04:05+01:00</n:publication_date><n:title>One &amp; <![CDATA[two]]></n:title></n:news>
</url>
<url><loc>https://a.example/2</loc></url>
<url><lastmod>2020-01-01</lastmod></url>
</urlset>"""


def urlset(*addresses: str) -> str:
    return f"<urlset {XMLNS}>{''.join(f'<url><loc>{each}</loc></url>' for each in addresses)}</urlset>"


def index(*addresses: str) -> str:
    named = "".join(f"<sitemap><loc>{each}</loc></sitemap>" for each in addresses)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex {XMLNS}>{named}</sitemapindex>'


@pytest.mark.parametrize("name", ["news.xml", "news.xml.gz", "news"])
def test_the_extension_for_news_is_read_and_the_others_are_not(tmp_path: Path, name: str) -> None:
    found = read_all(put(tmp_path, name, NEWS.strip()))
    one, two = entries(found)
    assert (one.url, one.title, one.outlet, one.language) == ("https://a.example/1", "One & two", "The Post", "pt")
    assert one.published_at == dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=dt.UTC)
    assert (one.published_at_raw, one.published_zone) == ("2024-01-02T03:04:05+01:00", Zone.EXPLICIT)
    assert (one.origin, one.observed_at) == (Origin.BACKFILL, NOW)
    assert (two.url, two.published_at, two.title) == ("https://a.example/2", None, "")
    assert refused(found) == [(Reason.BAD_URL, name, "url: there is none")]


def test_an_index_is_followed_each_sitemap_once(tmp_path: Path) -> None:
    web = Web(
        {
            "https://a.example/1.xml": urlset("https://a.example/1").encode(),
            "https://a.example/2.xml.gz": gzip.compress(
                index("https://a.example/1.xml", "https://a.example/3").encode()
            ),
            "https://a.example/3": urlset("https://a.example/3").encode(),
        }
    )
    path = put(
        tmp_path, "index.xml", index("https://a.example/1.xml", "https://a.example/gone", "https://a.example/2.xml.gz")
    )
    found = read_all(path, web=web)
    assert [entry.url for entry in entries(found)] == ["https://a.example/1", "https://a.example/3"]
    assert refused(found) == [(Reason.NOT_FOUND, "gone", "HTTP status 404")]
    assert len(web.asked) == 4


def test_indexes_are_followed_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = {f"https://a.example/{n}": index(f"https://a.example/{n + 1}").encode() for n in range(10)}
    web = Web(deep)
    found = read_all(put(tmp_path, "index.xml", index("https://a.example/0")), web=web)
    assert len(web.asked) == module.DEPTH_LIMIT
    assert [reason for reason, _, _ in refused(found)] == [Reason.TOO_LARGE]
    monkeypatch.setattr(module, "SITEMAPS_LIMIT", 3)
    many = Web({f"https://a.example/{n}": urlset().encode() for n in range(9)})
    read_all(put(tmp_path, "many.xml", index(*many.documents)), web=many)
    assert len(many.asked) == 2


def test_addresses_beyond_the_protocols_number_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES_LIMIT", 2)
    found = read_all(put(tmp_path, "s.xml", urlset(*(f"https://a.example/{n}" for n in range(5)))))
    assert len(entries(found)) == 2
    assert refused(found) == [(Reason.MALFORMED, "s.xml", "more than 2 addresses: the others are passed over")]


def test_a_sitemap_that_is_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    found = read_all(put(tmp_path, "s.xml", urlset("https://a.example/1", "https://a.example/2")[:-30]))
    assert [entry.url for entry in entries(found)] == ["https://a.example/1"]
    [(reason, place, detail)] = refused(found)
    assert (reason, place) == (Reason.MALFORMED, "s.xml")
    assert detail.startswith("no well-formed XML: ")


def test_no_entity_is_expanded_and_no_file_opened(tmp_path: Path) -> None:
    secret = put(tmp_path, "secret", "https://a.example/secret")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    for number, declared in enumerate(
        (f'<!ENTITY l0 "ha">{laughs}', f'<!ENTITY l11 SYSTEM "{secret.as_uri()}">', f'<!ENTITY % p "x">{laughs}')
    ):
        document = f"<!DOCTYPE urlset [{declared}]>{urlset('&l11;', 'https://a.example/1')}"
        found = read_all(put(tmp_path, f"{number}.xml", document))
        assert entries(found) == []
        assert [reason for reason, _, _ in refused(found)] == [Reason.MALFORMED]
        assert "a.example/secret" not in repr(found)


def test_nesting_has_an_end(tmp_path: Path) -> None:
    found = read_all(put(tmp_path, "s.xml", f"<urlset {XMLNS}>{'<url>' * 100_000}"))
    assert [reason for reason, _, _ in refused(found)] == [Reason.MALFORMED]


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCUMENT_LIMIT_BYTES", 10_000)
    monkeypatch.setattr(streams, "_CHUNK", 1_000)
    found = read_all(put(tmp_path, "s.xml.gz", urlset("https://a.example/1") + " " * 20_000))
    assert refused(found) == [(Reason.TOO_LARGE, "s.xml.gz", "larger than 10000 bytes")]


def test_the_gate_is_asked_without_a_time_and_reading_starts_anew(tmp_path: Path) -> None:
    [source] = opened(put(tmp_path, "s.xml", urlset("https://a.example/1", "https://a.example/2")))
    gate = AskedGate({"https://a.example/1": Reason.NOT_WANTED})
    found = read(source, gate, position=7)
    assert refused(found) == [(Reason.NOT_WANTED, "", "")]
    assert [at for _, _, at in gate.asked] == [None, None]
    assert source.size is None
