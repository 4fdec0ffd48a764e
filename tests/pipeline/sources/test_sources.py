"""What arguments stand for: files, folders, patterns and addresses, of which kind."""

from pathlib import Path

import pytest

from pipeline.sources import READERS
from pipeline.sources.base import SourceError
from pipeline.sources.sniffing import HEAD_BYTES, Kind, kind_of_content, kind_of_name
from schemas.enums import Reason
from tests.pipeline.sources.reading import entries, opened, put, read, read_all, refused
from tests.pipeline.sources.test_sitemaps import urlset
from tests.pipeline.sources.test_snapshots import rss

LIST = "https://a.example/1\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("WARC/1.1\r\n", Kind.WARC),
        (urlset(), Kind.SITEMAP),
        ("\ufeff <?xml version='1.0'?>\n<!-- html --><sitemapindex>", Kind.SITEMAP),
        (rss({}), Kind.FEED),
        ('<rdf:RDF xmlns:rdf="x">', Kind.FEED),
        ('<feed xmlns="http://www.w3.org/2005/Atom"><title type="html">&lt;html></title>', Kind.FEED),
        ("<!doctype html><title>RSS</title>", Kind.PAGE),
        ('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', Kind.PAGE),
        ("<opml><head/><body/></opml>", None),
        ("<nitf><body/></nitf>", None),
        ('{"version": "https://jsonfeed.org/version/1", "items": []}', Kind.FEED),
        ('{\n "title": "x",\n "items": [\n', Kind.FEED),
        ('{"url": "https://a.example/"}\n{"u', Kind.JSON_LINES),
        ('{"html": "' + "x" * HEAD_BYTES, Kind.JSON_LINES),
        ('{\n "url": "https://a.example/"\n}', None),
        ("# ours\n\n  HTTPS://a.example/\n", Kind.ADDRESSES),
        ("User-agent: *\n", None),
        ("", None),
        ("\x89PNG", None),
    ],
)
def test_the_first_bytes_tell_a_kind(head: str, expected: Kind | None) -> None:
    assert kind_of_content(head.encode()) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.warc.gz", Kind.WARC),
        ("b.CSV", Kind.TABLE),
        ("x.tsv.gz", Kind.TABLE),
        ("x.jsonl", Kind.JSON_LINES),
        ("s3://bucket/x.htm", Kind.PAGE),
        ("x.atom", Kind.FEED),
        ("x.xml", None),
        ("x.json.gz", None),
        ("x.txt", None),
        ("html", None),
        ("a.html/b", None),
    ],
)
def test_a_name_tells_a_kind_where_it_is_certain(name: str, expected: Kind | None) -> None:
    assert kind_of_name(name) == expected


def test_every_kind_has_a_reader() -> None:
    assert set(READERS) == set(Kind)


def test_order_is_kept_and_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    b, a = put(tmp_path, "b.txt", LIST), put(tmp_path, "a.xml", urlset())
    names = [source.name for source in opened(b, a, tmp_path / "." / "b.txt", tmp_path, "https://c.example/")]
    assert names == [str(b), str(a), "https://c.example/"]


def test_a_folder_is_read_with_its_folders_but_not_what_is_hidden(tmp_path: Path) -> None:
    put(tmp_path, "b/list.txt", LIST)
    put(tmp_path, "a.csv.gz", "url\nhttps://a.example/2\n")
    put(tmp_path, ".hidden/list.txt", LIST)
    put(tmp_path, "b/.list.txt", LIST)
    put(tmp_path, "one.rss", rss({"1": "x"}))
    put(tmp_path, "two.rss", rss({"1": "x"}))
    put(tmp_path, "page.html", "<p>")
    names = [source.name.removeprefix(f"{tmp_path}") for source in opened(tmp_path)]
    assert names == ["/a.csv.gz", "/b/list.txt", ": feeds", "/page.html"]


def test_a_pattern_stands_for_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.csv", "[x].txt"):
        put(tmp_path, name, LIST)
    assert [source.name for source in opened(tmp_path / "[ab].txt")] == [str(tmp_path / n) for n in ("a.txt", "b.txt")]
    assert [source.name for source in opened(tmp_path / "[x].txt")] == [str(tmp_path / "[x].txt")]
    with pytest.raises(SourceError, match="no such file"):
        opened(tmp_path / "*.warc")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.bin", b"\x00\x01", "neither its name nor its content is that of a WARC, "),
        ("x.json", b"[]", "neither its name nor its content"),
        ("x.xml.gz", b"", "neither its name nor its content"),
        ("feeds.opml", b"<opml><body/></opml>", "a list of feeds"),
    ],
)
def test_a_file_that_is_named_must_be_of_a_known_kind(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = put(tmp_path, name, content)
    with pytest.raises(SourceError, match=f"{name}: {message}"):
        opened(path)


def test_a_damaged_file_that_is_named_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    with pytest.raises(SourceError, match=r"x\.gz: its compression is damaged"):
        opened(tmp_path / "x.gz")


def test_files_of_no_known_kind_are_told_once_for_a_folder(tmp_path: Path) -> None:
    for number in range(9):
        put(tmp_path, f"{number}.css", "p {}")
    put(tmp_path, "list.txt", LIST)
    (tmp_path / "x.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    found = read_all(tmp_path)
    detail = "10 files of no known kind: 0.css, 1.css, 2.css, 3.css, 4.css, ..."
    assert refused(found) == [(Reason.NOT_HTML, f"{tmp_path.name}: other files", detail)]
    assert len(entries(found)) == 1
    assert read(opened(tmp_path)[0], position=1) == []


def test_an_identity_changes_with_the_content(tmp_path: Path) -> None:
    for name, content in (("l.txt", LIST), ("s.xml", urlset()), ("20260301.rss", rss({})), ("p.html", "<p>")):
        before = [source.identity for source in opened(put(tmp_path, name, content))]
        assert [source.identity for source in opened(tmp_path / name)] == before
        after = [source.identity for source in opened(put(tmp_path, name, content + "<!-- more -->"))]
        assert before != after
