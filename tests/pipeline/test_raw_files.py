"""Raw pages as files: whatever is written is found again, by us and by any reader of WARC, wherever a file was cut."""

import dataclasses
import datetime as dt
import gzip
import io
import itertools
from pathlib import Path

import msgspec
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import raw_files
from pipeline.raw_files import Kept, RawFileError, index_of, read_index, read_page, surt
from schemas.enums import BodyPolicy, Origin
from schemas.records import Entry
from transforms.web.messages import Response

NAME = "wirebeam-20261123-00001.warc.gz"
AT = dt.datetime(2026, 11, 23, 10, 30, 5, 123456, tzinfo=dt.UTC)
ENTRY = Entry(
    entry_id="e1",
    feed_id="f1",
    entry_key="k1",
    fingerprint="",
    change_no=0,
    origin=Origin.FEED,
    observed_at=AT,
    url="https://reader:secret@outlet.example/go/1",
    title="Ferry aground – 212 aboard",
    content="<p>A ferry.</p>\r\n\r\n",
    timezone="Europe/Athens",
    body_policy=BodyPolicy.FULL,
)
PAGE = Response(
    request_url="https://outlet.example/go/1",
    url="https://www.outlet.example/ferry/?b=2&a=1",
    status=200,
    headers={
        "content-encoding": "gzip",
        "content-length": "17",
        "content-type": "text/html; charset=ISO-8859-7",
        "transfer-encoding": "chunked",
        "x-cache": "HIT, MISS",
    },
    body=b"<p>A ferry\r\n\r\nis aground.</p>\r\n\r\n",
    observed_at=AT,
    sent={"Host": "www.outlet.example", "User-Agent": "wirebeam"},
)


def pages(number: int, size: int = 0) -> list[tuple[Entry, Response]]:
    return [
        (
            dataclasses.replace(ENTRY, entry_id=f"e{each}"),
            dataclasses.replace(PAGE, url=f"https://outlet.example/{each}", body=PAGE.body + b"%d" % each * size),
        )
        for each in range(number)
    ]


def written(folder: Path, *answered: tuple[Entry, Response]) -> tuple[Path, list[Kept]]:
    """A file with these pages, and no index."""
    path = folder / NAME
    content, kept = raw_files.warcinfo(NAME, "wirebeam/0", AT), []
    for entry, response in answered:
        members, place = raw_files.page_members(entry, response, len(content))
        content += members
        kept.append(place)
    path.write_bytes(content)
    return path, kept


def test_a_page_is_read_as_it_was_answered(tmp_path: Path) -> None:
    path, (kept,) = written(tmp_path, (ENTRY, PAGE))
    entry, response = read_page(path, kept)
    assert entry == dataclasses.replace(ENTRY, url="https://outlet.example/go/1")  # no credentials
    assert dataclasses.replace(response, sent=PAGE.sent, request_url=PAGE.request_url) == dataclasses.replace(
        PAGE, headers=dict(PAGE.headers)
    )
    assert response.charset == "iso-8859-7"


def test_other_tools_read_the_file(tmp_path: Path) -> None:
    path, (kept,) = written(tmp_path, (ENTRY, PAGE))
    assert gzip.decompress(path.read_bytes()).count(b"WARC/1.1\r\n") == 4
    types, places = [], []
    for record in ArchiveIterator(path.open("rb"), parse_http=True):
        types.append(record.record_type)
        places.append(record.stream_pos)
        if record.record_type == WarcRecordType.response:
            assert record.headers["WARC-Target-URI"] == PAGE.url
            assert record.headers["WARC-Record-ID"] == f"<urn:uuid:{kept.record_id}>"
            assert record.headers["WARC-Date"] == "2026-11-23T10:30:05.123456Z"
            assert record.http_headers is not None
            assert record.http_headers.status_code == 200
            assert record.http_headers["Content-Length"] == str(len(PAGE.body))
            assert record.http_headers["X-Archive-Orig-Content-Encoding"] == "gzip"
            assert record.http_headers["X-Archive-Orig-Content-Length"] == "17"
            assert record.verify_payload_digest(consume=False)
            assert record.reader is not None
            assert record.reader.read() == PAGE.body
        if record.record_type == WarcRecordType.request:
            assert record.reader is not None
            assert record.http_headers is not None
            assert record.http_headers.status_line == "GET /ferry/?b=2&a=1 HTTP/1.1"
            assert record.http_headers["User-Agent"] == "wirebeam"
    kinds = (WarcRecordType.warcinfo, WarcRecordType.request, WarcRecordType.metadata, WarcRecordType.response)
    assert tuple(types) == kinds
    assert (kept.start, kept.offset) == (places[1], places[3])


def test_nothing_in_a_record_is_random() -> None:
    assert raw_files.page_members(ENTRY, PAGE, 5) == raw_files.page_members(ENTRY, PAGE, 5)


def test_a_header_cannot_begin_a_line_of_its_own(tmp_path: Path) -> None:
    answer = dataclasses.replace(PAGE, headers={"x-odd": "a\r\nWARC-Type: warcinfo\r\n\r\nb"})
    path, (kept,) = written(tmp_path, (ENTRY, answer))
    _, response = read_page(path, kept)
    assert response.headers == {"x-odd": "a WARC-Type: warcinfo b"}
    assert response.body == PAGE.body


@settings(max_examples=30)
@given(body=st.binary(max_size=300), status=st.integers(200, 299))
def test_any_body_comes_back(tmp_path_factory: pytest.TempPathFactory, body: bytes, status: int) -> None:
    folder = tmp_path_factory.mktemp("raw")
    path, (kept,) = written(folder, (ENTRY, dataclasses.replace(PAGE, body=body, status=status)))
    _, response = read_page(path, kept)
    assert (response.body, response.status) == (body, status)
    assert read_index(path) == [kept]


def test_each_line_of_the_index_leads_to_its_record_and_they_are_sorted(tmp_path: Path) -> None:
    path, kept = written(tmp_path, *pages(12))
    raw_files.write_index(path, kept)
    lines = index_of(path).read_bytes().splitlines()
    assert lines == sorted(lines)
    assert len(lines) == 12
    for line in lines:
        key, time, text = line.split(b" ", 2)
        facts = msgspec.json.decode(text)
        assert key.decode() == surt(facts["url"])
        assert time == b"20261123103005"
        raw = path.read_bytes()[int(facts["offset"]) :][: int(facts["length"])]
        (record,) = ArchiveIterator(io.BytesIO(raw), parse_http=False)
        assert record.headers["WARC-Target-URI"] == facts["url"]
        assert record.headers["WARC-Payload-Digest"] == facts["digest"]
        assert facts["filename"] == path.name
    assert read_index(path) == kept


@settings(max_examples=40)
@given(st.data())
def test_cut_anywhere_a_file_loses_only_what_was_not_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path, kept = written(tmp_path_factory.mktemp("raw"), *pages(4, size=100))
    index = b"".join(raw_files.line_of(each, path.name) for each in kept)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    left = [each for each in kept if each.end <= cut]
    assert read_index(path) == left  # without an index
    of_left = b"".join(raw_files.line_of(each, path.name) for each in left)
    index_of(path, raw_files.OPEN_SUFFIX).write_bytes(index[: data.draw(st.integers(0, len(of_left)))])
    assert read_index(path) == left  # with one that was cut, too


def test_an_index_that_cannot_be_read_is_no_index(tmp_path: Path) -> None:
    path, kept = written(tmp_path, *pages(3))
    index_of(path).write_bytes(b"what is this\n")
    assert read_index(path) == kept


def test_what_expands_without_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files, "MAX_MEMBER_BYTES", 100_000)
    path, kept = written(tmp_path, *pages(1))
    with path.open("ab") as file:
        file.write(gzip.compress(bytes(10_000_000)))
    assert read_index(path) == kept


def test_a_damaged_page_is_said_to_be(tmp_path: Path) -> None:
    path, kept = written(tmp_path, *pages(2))
    raw = bytearray(path.read_bytes())
    raw[(kept[0].offset + kept[0].end) // 2] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(RawFileError):
        read_page(path, kept[0])
    read_page(path, kept[1])


@pytest.mark.parametrize("gone", [*itertools.combinations(range(4), 2), (), (3,)])
def test_a_file_without_some_pages_is_else_the_same(tmp_path: Path, gone: tuple[int, ...]) -> None:
    path, kept = written(tmp_path, *pages(4))
    raw_files.write_index(path, kept)
    before = path.read_bytes()
    assert raw_files.without(path, {kept[each].record_id for each in gone})
    left = [each for number, each in enumerate(kept) if number not in gone]
    now = read_index(path)
    assert [each.record_id for each in now] == [each.record_id for each in left]
    for place, old in zip(now, left, strict=True):
        assert path.read_bytes()[place.start : place.end] == before[old.start : old.end]
    index_of(path).unlink()
    assert read_index(path) == now
    assert not [each for each in tmp_path.iterdir() if each != path]


def test_a_file_without_any_page_is_deleted(tmp_path: Path) -> None:
    path, kept = written(tmp_path, *pages(2))
    assert not raw_files.without(path, {each.record_id for each in kept})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.Outlet.example/News/", "example,outlet)/news"),
        ("http://outlet.example:80/?b=2&a=1", "example,outlet)/?a=1&b=2"),
        ("http://outlet.example:8080/a", "example,outlet:8080)/a"),
        ("https://outlet.example", "example,outlet)/"),
    ],
)
def test_addresses_are_sorted_by_host(url: str, key: str) -> None:
    assert surt(url) == key


@pytest.mark.parametrize("name", ["../wirebeam-20261123-00001.warc.gz", "wirebeam-2026-1.warc.gz", "", "x.warc.gz"])
def test_a_reference_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    assert raw_files.path_of(tmp_path, name) is None
