"""Pages kept as files."""

import datetime as dt
import os
from pathlib import Path

import pytest

from pipeline.sources import pages as module
from pipeline.sources.base import record_key
from pipeline.sources.pages import address_in_path, address_of
from schemas import ids
from schemas.enums import Reason, Source
from tests.pipeline.sources.reading import AskedGate, opened, pages, put, read, read_all, refused

SAVED_AT = dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def touched(path: Path) -> Path:
    os.utime(path, (SAVED_AT.timestamp(), SAVED_AT.timestamp()))
    return path


def canonical(url: str) -> str:
    return f'<!DOCTYPE html><html><head><link href="{url}" rel=canonical></head><body><p>x</body></html>'


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<link rel="canonical" href="https://a.example/1?x=1&amp;y=2">', "https://a.example/1?x=1&y=2"),
        ("<LINK HREF='https://a.example/1' REL='Canonical'>", "https://a.example/1"),
        ('<meta property="og:url" content=https://a.example/2>', "https://a.example/2"),
        (
            '<meta property="og:url" content="https://a.example/2"><link rel="canonical" href="https://a.example/1">',
            "https://a.example/1",
        ),
        ('<link rel="canonical" href="/1"><meta name="og:url" content="https://a.example/2">', "https://a.example/2"),
        ('<link rel="canonical" href="https://u:secret@a.example/1">', "https://a.example/1"),
        ('<link rel="stylesheet" href="https://a.example/1">', None),
        ('<link rel="canonical" href="javascript:x">', None),
        ("<link " + "rel=" * 100_000, None),
    ],
)
def test_a_page_tells_its_address(markup: str, expected: str | None) -> None:
    assert address_of(markup.encode()) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("example.org/2024/03/12/a story.html", "https://example.org/2024/03/12/a%20story.html"),
        ("mirror/www.example.co.uk/index.html", "https://www.example.co.uk/"),
        ("example.org/a/index.html", "https://example.org/a/"),
        ("example.org/page?id=3", "https://example.org/page?id=3"),
        ("pages.v2/story.html", None),
        ("example.org", None),
    ],
)
def test_a_path_of_a_mirror_tells_an_address(path: str, expected: str | None) -> None:
    assert address_in_path(path) == expected


def test_a_page_is_told_by_its_sidecar_first(tmp_path: Path) -> None:
    put(tmp_path, "20260301T120000Z.html.gz", canonical("https://a.example/1"))
    put(tmp_path, "20260301T120000Z.json", '{"url": "https://a.example/told", "fetched_at": "2024-01-02T03:04:05Z"}')
    [page] = pages(read_all(tmp_path))
    at = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert (page.url, page.observed_at, page.source) == ("https://a.example/told", at, Source.FILE)
    assert page.content_type == "text/html"
    assert page.body == canonical("https://a.example/1").encode()
    assert page.raw_ref == str(tmp_path / "20260301T120000Z.html.gz")
    assert page.entry.entry_id == record_key(ids.hash_id("body", page.body), page.url, at)


def test_without_a_sidecar_the_name_tells_the_time_and_else_the_files_own(tmp_path: Path) -> None:
    put(tmp_path, "b/2026-03-01_12-00/x.html", canonical("https://a.example/1"))
    touched(put(tmp_path, "a/x.html", canonical("https://a.example/2")))
    found = pages(read_all(tmp_path))
    assert [(page.url, page.observed_at) for page in found] == [
        ("https://a.example/2", SAVED_AT),
        ("https://a.example/1", dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)),
    ]


def test_in_a_mirror_the_dates_of_addresses_are_not_those_of_saving(tmp_path: Path) -> None:
    touched(put(tmp_path, "example.org/2024/03/12/story.html", "<html><body>x"))
    put(tmp_path, "20260301/example.org/2024/03/12/story.html", "<html><body>x")
    found = pages(read_all(tmp_path))
    assert {page.url for page in found} == {"https://example.org/2024/03/12/story.html"}
    assert [page.observed_at for page in found] == [SAVED_AT, dt.datetime(2026, 3, 1, tzinfo=dt.UTC)]


def test_a_folder_may_itself_be_a_hosts(tmp_path: Path) -> None:
    put(tmp_path, "example.org/a/b.html", "<html><body>x")
    assert [page.url for page in pages(read_all(tmp_path / "example.org"))] == ["https://example.org/a/b.html"]
    assert [page.url for page in pages(read_all(tmp_path / "example.org/a/b.html"))] == ["https://example.org/a/b.html"]


def test_what_cannot_be_taken_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_LIMIT_BYTES", 1_000)
    put(tmp_path, "a.html", "<p>of nowhere")
    put(tmp_path, "b.html", "x" * 1_001)
    put(tmp_path, "c.html", canonical("https://a.example/1"))
    put(tmp_path, "c.json", "{")
    put(tmp_path, "d.html", canonical("https://a.example/1"))
    put(tmp_path, "d.json", '{"fetched_at": "soon"}')
    (tmp_path / "e.html.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    found = read_all(tmp_path)
    assert sorted((place, reason) for reason, place, _ in refused(found)) == [
        ("a.html", Reason.BAD_URL),
        ("b.html", Reason.TOO_LARGE),
        ("c.html", Reason.MALFORMED),
        ("d.html", Reason.MALFORMED),
        ("e.html.gz", Reason.BAD_ENCODING),
    ]
    assert pages(found) == []


def test_reading_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path, f"2026030{number + 1}.html", canonical(f"https://a.example/{number}"))
    [source] = opened(tmp_path)
    whole = read(source)
    assert [read(source, position=each.position) for each in whole] == [whole[at:] for at in range(1, 6)]
    assert source.size == whole[-1].position == 5


def test_the_gate_is_asked_with_the_time(tmp_path: Path) -> None:
    put(tmp_path, "20260301.html", canonical("https://a.example/1"))
    gate = AskedGate({"https://a.example/1": Reason.KNOWN})
    assert refused(read_all(tmp_path, gate=gate)) == [(Reason.KNOWN, "", "")]
    assert gate.asked[0][1:] == ("https://a.example/1", dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
