"""Pages from WARC files."""

import datetime as dt
import gzip
import io
import itertools
import zlib
from pathlib import Path

import pytest
from fastwarc.stream_io import BrotliWriter, WarcWriter, ZstdWriter

from pipeline.sources import warc
from pipeline.sources.base import Found, Refused, SourceError, record_key
from pipeline.sources.warc import WarcSource
from schemas.enums import Origin, Reason, Source
from tests.pipeline.sources.reading import AskedGate, pages, read, refused
from tests.pipeline.sources.warcs import HTML, PAGE, http, members, record

OBSERVED_AT = dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
CLOCK = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
WARCINFO = record(100, b"software: none\r\n", kind="warcinfo")
REQUEST = record(101, b"GET / HTTP/1.1\r\n\r\n", kind="request")


def source(folder: Path, data: bytes) -> WarcSource:
    path = folder / "a.warc.gz"
    path.write_bytes(data)
    return WarcSource(str(path), clock=lambda: CLOCK)


def results(folder: Path, *records: bytes, gate: AskedGate | None = None) -> list[Found | Refused]:
    return read(source(folder, members(*records)), gate)


def only(folder: Path, one: bytes) -> Reason | bytes:
    """The body of the page that a record gives, or why it gives none."""
    [result] = results(folder, WARCINFO, one)
    return result.reason if isinstance(result, Refused) else pages([result])[0].body


def packed(writer: type[WarcWriter], body: bytes) -> bytes:
    sent = io.BytesIO()
    with writer(sent) as stream:  # type: ignore[call-arg]  # the abstract class has no arguments
        stream.write(body)
    return sent.getvalue()


def test_a_response_is_a_page_as_fetch_gives_it(tmp_path: Path) -> None:
    first, one = members(WARCINFO), record(1, http(PAGE, "Content-Type: Text/HTML; Charset=ISO-8859-1"))
    given = source(tmp_path, first + members(one, REQUEST))
    [found] = read(given)
    [page] = pages([found])
    assert found.position == len(first + members(one))
    assert (page.url, page.observed_at, page.status, page.body) == ("https://example.com/1", OBSERVED_AT, 200, PAGE)
    assert (page.content_type, page.charset, page.source) == ("text/html", "iso-8859-1", Source.WARC)
    assert page.raw_ref == f"{given.name}#{len(first)}"
    assert page.entry.entry_id == record_key("<urn:uuid:1>", page.url, OBSERVED_AT)
    assert (page.entry.origin, page.entry.url, page.entry.observed_at) == (Origin.BACKFILL, page.url, OBSERVED_AT)
    assert given.size == len(first + members(one, REQUEST))


def test_a_resource_of_html_is_a_page_without_status(tmp_path: Path) -> None:
    html = record(1, PAGE, kind="resource", Content_Type="text/html")
    text = record(2, PAGE, kind="resource", Content_Type="text/plain")
    found = results(tmp_path, html, text)
    assert [(page.body, page.status) for page in pages(found)] == [(PAGE, None)]
    assert refused(found) == [(Reason.NOT_HTML, "", "")]


def test_the_gate_is_asked_before_anything_is_looked_at(tmp_path: Path) -> None:
    gate = AskedGate({"https://example.com/1": Reason.KNOWN})
    found = results(tmp_path, WARCINFO, record(1, b"nothing of HTTP"), record(2), gate=gate)
    assert refused(found) == [(Reason.KNOWN, "", "")]
    assert gate.asked[0] == (
        record_key("<urn:uuid:1>", "https://example.com/1", OBSERVED_AT),
        "https://example.com/1",
        OBSERVED_AT,
    )
    assert len(pages(found)) == 1


def test_an_address_in_angle_brackets_and_with_credentials(tmp_path: Path) -> None:
    [page] = pages(results(tmp_path, record(1, WARC_Target_URI="<https://user:secret@example.com/a#top>")))
    assert page.url == "https://example.com/a"
    assert page.entry.url == "https://example.com/a#top"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2024-05-01T12:00:00+02:00", OBSERVED_AT),
        ("2024-05-01T10:00:00.123456Z", OBSERVED_AT.replace(microsecond=123_456)),
        ("2024-05-01T10:00:00.123456789Z", OBSERVED_AT.replace(microsecond=123_456)),
        ("2024-05-01", OBSERVED_AT.replace(hour=0)),
    ],
)
def test_dates_of_any_precision(tmp_path: Path, date: str, moment: dt.datetime) -> None:
    assert [page.observed_at for page in pages(results(tmp_path, record(1, WARC_Date=date)))] == [moment]


@pytest.mark.parametrize(
    "date", [None, "", "2024-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-01-01", "1970-01-01"]
)
def test_a_date_that_cannot_be_is_damage(tmp_path: Path, date: str | None) -> None:
    found = results(tmp_path, record(0), record(1, WARC_Date=date))
    detail = "a record without an address, or without a date that can be"
    assert refused(found) == [(Reason.MALFORMED, f"a.warc.gz at byte {len(members(record(0)))}", detail)]


def test_two_records_without_ids_are_two(tmp_path: Path) -> None:
    one, other = (record(number, WARC_Record_ID=None) for number in (1, 2))
    assert len({page.entry.entry_id for page in pages(results(tmp_path, one, other))}) == 2


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (record(1, http(status="HTTP/1.1 404 Not Found")), Reason.NOT_FOUND),
        (record(1, http(status="HTTP/1.0 301")), Reason.HTTP_ERROR),
        (record(1, http(status="HTTP/2 403")), Reason.FORBIDDEN),
        (record(1, http(status="HTTP/1.1 500 ")), Reason.HTTP_ERROR),
        (record(1, http(PAGE, "Content-Type: image/png")), Reason.NOT_HTML),
        (record(1, http(b"just text", "Content-Type: text/plain")), Reason.NOT_HTML),
        (record(1, http(b"  \n")), Reason.NO_TEXT),
        (record(1, b"HTTP/1.1 200 OK\r\nContent-Type: text/html"), Reason.NO_TEXT),
        (record(1, b"answer", Content_Type="text/dns"), Reason.NOT_HTML),
        (record(1, WARC_Target_URI="ftp://example.com/1"), Reason.BAD_URL),
    ],
)
def test_what_is_no_page_is_refused_without_a_place(tmp_path: Path, one: bytes, reason: Reason) -> None:
    assert refused(results(tmp_path, one)) == [(reason, "", "")]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (record(1, b"no answer of HTTP at all"), Reason.NOT_HTTP),
        (record(1, b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000), Reason.NOT_HTTP),
        (record(1, http(b"a" * 10_000_001)), Reason.TOO_LARGE),
        (record(1, http(gzip.compress(PAGE)[:-9], HTML, "Content-Encoding: gzip")), Reason.BAD_ENCODING),
        (record(1, http(gzip.compress(b"a" * 9_000_000), HTML, "Content-Encoding: gzip")), Reason.BAD_ENCODING),
        (record(1, http(packed(BrotliWriter, b"a" * 30_000_000), HTML, "Content-Encoding: br")), Reason.BAD_ENCODING),
        (record(1, http(packed(ZstdWriter, PAGE)[:-5], HTML, "Content-Encoding: zstd")), Reason.BAD_ENCODING),
        (record(1, http(b"7fffffff\r\nabc", HTML, "Transfer-Encoding: chunked")), Reason.BAD_ENCODING),
        (record(1, WARC_Target_URI=None), Reason.MALFORMED),
    ],
)
def test_a_damaged_record_is_refused_with_its_place(tmp_path: Path, one: bytes, reason: Reason) -> None:
    found = results(tmp_path, record(0), one, record(2))
    [(why, place, detail)] = refused(found)
    assert (why, place) == (reason, f"a.warc.gz at byte {len(members(record(0)))}")
    assert detail
    assert len(pages(found)) == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(PAGE), ["Content-Encoding: gzip"]),
        (PAGE, ["Content-Encoding: gzip"]),
        (zlib.compress(PAGE), ["Content-Encoding: deflate"]),
        (PAGE, ["Content-Encoding: deflate"]),
        (packed(BrotliWriter, PAGE), ["Content-Encoding: br"]),
        (PAGE, ["Content-Encoding: br"]),
        (packed(ZstdWriter, PAGE), ["Content-Encoding: zstd"]),
        (PAGE, ["Content-Encoding: zstd"]),
        (PAGE, ["Content-Encoding: dcb"]),
        (PAGE, ["X-Crawler-Content-Encoding: gzip"]),
        (
            b"5;a=b\r\n" + PAGE[:5] + b"\r\n%X  \r\n" % len(PAGE[5:]) + PAGE[5:] + b"\r\n0\r\n\r\n",
            ["Transfer-Encoding: chunked"],
        ),
        (PAGE, ["Transfer-Encoding: chunked"]),
    ],
)
def test_encodings_are_taken_off_if_they_are_there(tmp_path: Path, body: bytes, headers: list[str]) -> None:
    assert only(tmp_path, record(1, http(body, HTML, *headers))) == PAGE


IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
LATER = "2024-05-02T10:00:00Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"WARC_Profile": IDENTICAL, "WARC_Payload_Digest": "sha1:A"},
        {"WARC_Profile": IDENTICAL, "WARC_Refers_To": "<urn:uuid:1>"},
        {"WARC_Profile": NOT_MODIFIED, "WARC_Target_URI": "https://example.com/1"},
    ],
)
@pytest.mark.parametrize("is_one_stream", [False, True])
def test_a_revisit_has_its_originals_body(tmp_path: Path, fields: dict[str, str | None], is_one_stream: bool) -> None:  # noqa: FBT001
    original = record(1, WARC_Payload_Digest="sha1:A")
    other = record(2, http(b"<html>other"), WARC_Payload_Digest="sha1:B")
    revisit = record(3, b"HTTP/1.1 304 \r\n\r\n", kind="revisit", WARC_Date=LATER, **fields)
    records = (WARCINFO, original, other, revisit)
    given = source(tmp_path, gzip.compress(b"".join(records)) if is_one_stream else members(*records))
    found = read(given)
    page = pages(found)[-1]
    assert (page.body, page.status, page.observed_at.day) == (PAGE, 200, 2)
    assert page.url == (fields.get("WARC_Target_URI") or "https://example.com/3")
    assert read(given, position=found[1].position) == found[2:]


def test_a_revisit_without_an_original_has_no_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revisit = record(3, b"", kind="revisit", WARC_Profile=IDENTICAL, WARC_Payload_Digest="sha1:A")
    original = record(1, WARC_Payload_Digest="sha1:A")
    assert refused(results(tmp_path, revisit, original)) == [(Reason.NO_PAYLOAD, "", "")]
    monkeypatch.setattr(warc, "MAX_ORIGINALS", 1)
    assert refused(results(tmp_path, original, record(2), revisit)) == [(Reason.NO_PAYLOAD, "", "")]


def test_a_redirect_tells_what_the_page_behind_it_was_asked_for_by(tmp_path: Path) -> None:
    moved = http(b"", "Location: /3", status="HTTP/1.1 301 Moved Permanently")
    again = http(b"", "Location: https://example.com/2", status="HTTP/1.1 308 Permanent Redirect")
    page, other = pages(results(tmp_path, record(1, again), record(2, moved), record(3), record(4)))
    assert (page.url, page.entry.url) == ("https://example.com/3", "https://example.com/1")
    assert (other.url, other.entry.url) == ("https://example.com/4", "https://example.com/4")


def test_reading_in_two_parts_is_reading_in_one(tmp_path: Path) -> None:
    records = [record(number, http(b"<html>%d" % number)) for number in range(5)]
    broken = members(records[1])[:-20]
    for data in (
        members(*records),
        b"".join(records),
        gzip.compress(b"".join(records)),
        members(records[0]) + broken + members(*records[2:]) + b"garbage",
    ):
        given = source(tmp_path, data)
        found = read(given)
        for done, result in enumerate(found, start=1):
            assert read(given, position=result.position) == found[done:]


def test_a_broken_member_is_counted_with_its_offset(tmp_path: Path) -> None:
    records = [members(record(number)) for number in range(3)]
    found = read(source(tmp_path, records[0] + records[1][:-20] + records[2]))
    assert [(reason, place) for reason, place, _ in refused(found)] == [
        (Reason.MALFORMED, f"a.warc.gz at byte {len(records[0])}")
    ]
    assert [page.url for page in pages(found)] == ["https://example.com/0", "https://example.com/2"]
    assert [result.position for result in found] == list(
        itertools.accumulate([len(records[0]), len(records[1]) - 20, len(records[2])])
    )


@pytest.mark.parametrize("data", [b"no archive\n" * 100, gzip.compress(b"no archive"), b"\0" * 300_000])
def test_a_file_that_is_no_warc_is_an_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError, match="holds no WARC record"):
        read(source(tmp_path, data))


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert read(source(tmp_path, b"")) == []


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        WarcSource(str(tmp_path / "none.warc"))
