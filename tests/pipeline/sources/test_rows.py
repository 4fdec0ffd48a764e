"""Lists: text, tables and JSON lines."""

import datetime as dt
import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import streams
from pipeline.sources.base import Found, SourceError
from schemas import ids
from schemas.enums import Origin, Reason, Source, Zone
from tests.pipeline.sources.reading import NOW, AskedGate, entries, opened, pages, put, read, read_all, refused

WRITTEN_AT = dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize("name", ["list.txt", "list", "list.gz"])
def test_a_text_has_an_address_a_line(tmp_path: Path, name: str) -> None:
    text = "\ufeff# ours\n\nhttps://a.example/1#top\r\n  HTTPS://b.example/2?utm_source=x  # the second\nno address\n"
    found = read_all(put(tmp_path, name, text))
    assert [entry.url for entry in entries(found)] == ["https://a.example/1", "https://b.example/2"]
    assert refused(found) == [(Reason.BAD_URL, f"{name}, line 5", "url: neither http nor https")]


def test_an_entry_is_known_by_its_address(tmp_path: Path) -> None:
    listed = put(tmp_path, "list.txt", "https://a.example/1\n")
    table = put(tmp_path, "list.csv", "link,title\nhttps://a.example/1#x,T\n")
    one, other = entries(read_all(listed, table))
    assert one.entry_id == other.entry_id == ids.hash_id("url", "https://a.example/1")
    assert (one.origin, one.observed_at, one.feed_id) == (Origin.BACKFILL, NOW, None)


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    text = (
        "Title;LOC;date;outlet;language;feed;guid;authors;tags;other\n"
        '"two\nlines";https://a.example/1;Tue, 02 Jan 2024 10:00:00 +0100;The Post;pt_BR;'
        "https://a.example/rss;g1;Ann Lee; x|y;z\n"
    )
    text = text.replace("Ann Lee; x|y", '"Ann Lee;Bo Day";x|y')
    [entry] = entries(read_all(put(tmp_path, "list.csv", text)))
    assert (entry.title, entry.url, entry.outlet) == ("two lines", "https://a.example/1", "The Post")
    assert (entry.guid, entry.language) == ("g1", "pt-BR")
    assert (entry.authors, entry.tags) == (("Ann Lee", "Bo Day"), ("x", "y"))
    assert entry.feed_id == ids.feed_id("https://a.example/rss")
    assert entry.published_at == dt.datetime(2024, 1, 2, 9, tzinfo=dt.UTC)
    assert (entry.published_at_raw, entry.published_zone) == ("Tue, 02 Jan 2024 10:00:00 +0100", Zone.EXPLICIT)


def test_the_text_of_an_article_in_a_table_is_no_page(tmp_path: Path) -> None:
    [entry] = entries(read_all(put(tmp_path, "list.csv", "url,content,title\nhttps://a.example/1,Some words.,T\n")))
    assert (entry.url, entry.content, entry.title) == ("https://a.example/1", "", "T")


def test_a_table_without_addresses_is_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"list\.csv: its first line names no column url or link or loc"):
        read_all(put(tmp_path, "list.csv", "title,date\nx,y\n"))


def test_a_quotation_mark_that_is_never_closed_costs_no_more_than_a_field(tmp_path: Path) -> None:
    rows = "".join(f"https://a.example/{number},t\n" for number in range(10_000))
    found = read_all(put(tmp_path, "list.csv", f'url,title\nhttps://a.example/x,"t\n{rows}'))
    assert [reason for reason, _, _ in refused(found)] == [Reason.MALFORMED]
    assert len(entries(found)) > 4_000


def test_json_lines_are_addresses_or_pages(tmp_path: Path) -> None:
    rows = [
        {"url": "https://a.example/1", "title": "T", "authors": ["Ann Lee"], "unknown": {"x": 1}},
        {"url": "https://a.example/2", "html": "<p>é", "fetched_at": "2024-01-02T03:04:05+01:00", "outlet": "O"},
        {"url": "https://a.example/3", "content": "<p>", "crawled_at": 1_709_283_600, "status": 200},
        {"url": "https://a.example/4", "body": "<p>"},
    ]
    path = put(tmp_path, "l.jsonl", "\n".join(json.dumps(row) for row in rows))
    os.utime(path, (WRITTEN_AT.timestamp(), WRITTEN_AT.timestamp()))
    gate = AskedGate()
    found = read_all(path, gate=gate)
    assert [entry.title for entry in entries(found)] == ["T"]
    one, two, three = pages(found)
    assert (one.url, one.body, one.charset, one.source) == (
        "https://a.example/2",
        "<p>é".encode(),
        "utf-8",
        Source.FILE,
    )
    assert one.observed_at == one.entry.observed_at == dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=dt.UTC)
    assert one.entry.outlet == "O"
    assert two.observed_at == dt.datetime(2024, 3, 1, 9, 0, tzinfo=dt.UTC)
    assert three.observed_at == WRITTEN_AT
    assert [at for _, _, at in gate.asked] == [None, one.observed_at, two.observed_at, WRITTEN_AT]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ('{"url": "https://a.example/"', Reason.MALFORMED, "not JSON: Input data was truncated"),
        ("[1]", Reason.MALFORMED, "JSON, but no object"),
        ("{}", Reason.BAD_URL, "url: there is none"),
        ('{"url": ["https://a.example/"]}', Reason.MALFORMED, "url: neither text nor a number"),
        ('{"url": "https://a.example/", "title": {}}', Reason.MALFORMED, "title: neither text nor a number"),
        ('{"url": "https://a.example/", "tags": [1]}', Reason.MALFORMED, "tags: not a list of names"),
        ('{"url": "https://a.example/", "feed_id": "x"}', Reason.MALFORMED, "feed_id: not 32 hexadecimal digits"),
        (
            '{"url": "https://a.example/", "html": "x", "date": "soon"}',
            Reason.MALFORMED,
            "date: no time that can be read",
        ),
        ('{"url": "https://a.example/", "html": "x", "status": 999}', Reason.MALFORMED, "status: no HTTP status"),
        ('{"url": "https://a.example/", "html": "x", "status": 404}', Reason.NOT_FOUND, ""),
        ('{"url": "https://a.example/", "html": "x", "content_type": "image/png"}', Reason.NOT_HTML, ""),
        ('{"url": "https://a.example/", "html": [1]}', Reason.MALFORMED, "html: not text"),
        ("[" * 100_000, Reason.MALFORMED, "not JSON"),
    ],
)
def test_a_bad_row_is_told_with_its_field(tmp_path: Path, line: str, reason: Reason, detail: str) -> None:
    found = read_all(put(tmp_path, "l.jsonl", f'{{"url": "https://a.example/1"}}\n{line}\n'))
    [(why, place, words)] = refused(found)
    assert (why, place) == (reason, "l.jsonl, line 2" if detail else "")
    assert words.startswith(detail)
    assert len(entries(found)) == 1


@pytest.mark.parametrize(
    "written",
    [
        "20250102030405",
        "2025-01-02T03:04:05Z",
        1735787045,
        1735787045.0,
        1735787045000,
        "Thu, 02 Jan 2025 03:04:05 GMT",
    ],
)
def test_the_time_of_a_page_is_read_in_every_common_form(tmp_path: Path, written: str | float) -> None:
    row = {"url": "https://a.example/1", "html": "<p>", "observed_at": written}
    [page] = pages(read_all(put(tmp_path, "l.jsonl", json.dumps(row))))
    assert page.observed_at == WRITTEN_AT


def test_a_date_that_cannot_be_read_is_kept_as_written(tmp_path: Path) -> None:
    [entry] = entries(read_all(put(tmp_path, "l.jsonl", '{"url": "https://a.example/1", "published": "yesterday"}')))
    assert (entry.published_at, entry.published_at_raw) == (None, "yesterday")


def test_credentials_do_not_get_in(tmp_path: Path) -> None:
    found = read_all(put(tmp_path, "l.jsonl", '{"url": "https://u:secret@a.example/1", "html": "<p>"}'))
    assert "secret" not in repr(found)


def test_what_the_gate_refuses_is_only_counted(tmp_path: Path) -> None:
    path = put(tmp_path, "list.txt", "https://a.example/1\nhttps://a.example/2\n")
    found = read_all(path, gate=AskedGate({"https://a.example/1": Reason.KNOWN}))
    assert refused(found) == [(Reason.KNOWN, "", "")]
    assert [entry.url for entry in entries(found)] == ["https://a.example/2"]


@given(st.integers(0, 6), st.sampled_from(["l.csv", "l.csv.gz", "l.jsonl", "l.jsonl.gz"]))
def test_reading_goes_on_where_it_was_left(tmp_path_factory: pytest.TempPathFactory, count: int, name: str) -> None:
    if ".csv" in name:
        text = 'url,title\nhttps://a.example/1,"a\nb"\nbad,\nhttps://a.example/2,c\n\nhttps://a.example/3,"d"\n'
    else:
        text = '{"url": "https://a.example/1"}\n\nbad\n{"url": "https://a.example/2"}\n{"url": "https://a.example/3"}'
    [source] = opened(put(tmp_path_factory.mktemp("rows"), name, text))
    whole = read(source)
    position = whole[count - 1].position if 0 < count <= len(whole) else 0
    assert read(source, position=position) == (whole[count:] if position else whole)
    assert source.size in (None, whole[-1].position)


def test_a_line_beyond_all_bounds_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LINE_LIMIT_BYTES", 100)
    path = put(
        tmp_path, "l.jsonl.gz", '{"url": "https://a.example/1"}\n' + "x" * 1_000 + '\n{"url": "https://a.example/2"}'
    )
    found = read_all(path)
    assert [(reason, place) for reason, place, _ in refused(found)] == [(Reason.TOO_LARGE, "l.jsonl.gz, line 2")]
    assert len(entries(found)) == 2


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_gzip_is_read_as_far_as_it_can_be(tmp_path: Path, damage: str) -> None:
    packed = gzip.compress("".join(f"https://a.example/{ids.hash_id(str(n))}\n" for n in range(20_000)).encode())
    broken = packed[:-5_000] if damage == "cut" else packed[:-5_000] + b"\xff" * 5_000
    path = tmp_path / "list.txt.gz"
    path.write_bytes(broken)
    found = read_all(path)
    assert len(entries(found)) > 10_000
    [(reason, place, detail)] = refused(found)
    assert reason is Reason.BAD_ENCODING
    assert place.startswith("list.txt.gz, line ")
    assert "damaged" in detail


def test_bytes_that_are_no_text_cost_their_line(tmp_path: Path) -> None:
    found = read_all(put(tmp_path, "list.csv", b"url\nhttps://a.example/1\n\xff\xfe\nhttps://a.example/2\n"))
    assert [(reason, place) for reason, place, _ in refused(found)] == [(Reason.MALFORMED, "list.csv, line 3")]
    assert all(isinstance(each, Found) for each in (found[0], found[2]))
