"""A WARC file (ISO 28500), compressed or not, as a source of pages.

A response, an HTML resource, or a revisit whose original stands before it in the same file, is a `Page` with source
warc; what fetch would not take from the web is refused for the same reasons. Nothing of a record is looked at that the
gate refuses, no body is taken whose headers rule it out, and no more than a page may have is ever held in memory. A
redirect is no page, but tells by which other address the page that follows it was asked for.

Positions are those of `pipeline.sources.warc_records`.
"""

import datetime as dt
import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import urljoin

from fastwarc.stream_io import BrotliReader, WarcReader, ZstdReader

from pipeline.sources.base import Found, Gate, Refused, SourceError, kept_entry, record_key
from pipeline.sources.files import identity_of, open_file, size_of
from pipeline.sources.warc_records import ZSTD_MAGIC, BrokenError, Bytes, Record, Records, fields_of, records_from
from schemas import ids
from schemas.enums import Reason, Source
from schemas.records import Page
from transforms.fetch import HTML_TYPES, VAGUE_TYPES, page_of
from transforms.outcomes import Clock, utc_now
from transforms.text.markup import BYTES_LIMIT
from transforms.web.body import GZIP_MAGIC, MAX_RATIO, RATIO_FREE_BYTES, Body, BodyError
from transforms.web.client import REASONS
from transforms.web.messages import Failure, Response
from transforms.web.urls import parse_url, redact

MAX_ORIGINALS = 50_000  # responses of one file that its revisits can stand for: 25 MB
MAX_PASSED = 100  # records of one compressed stream that are passed over to read an original again
MAX_AHEAD = dt.timedelta(days=1)  # that an archive's clock may be before ours
FIRST_YEAR = 1990  # nothing was captured before there was a web
MAX_REDIRECTS = 1_000  # remembered: a crawler follows one at once
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DECODED_BYTES = 262_144  # taken from a decoder at once

_STATUS = re.compile(r"HTTP/[0-9](?:\.[0-9])?[ \t]+([0-9]{3})(?![0-9])")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,200})?\r\n")  # its first line: RFC 9112, 7.1
_HTML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)


class WarcSource:
    """The `pipeline.sources.base.Source` of one file: gzip, zstd, lz4 or plain.

    Args:
        path: of this machine, or a URI; see `pipeline.sources.files`.
        clock: a record may not be of a time to come.

    Raises:
        SourceError: the file cannot be opened.
    """

    def __init__(self, path: str, *, clock: Clock = utc_now) -> None:
        self._path = path
        self._clock = clock
        self.name = redact(path)
        self.identity = identity_of(path)
        self.size: int | None = size_of(path)

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        """The pages from `position` on, see `Source.read`; other records are passed over in silence.

        Raises:
            SourceError: the file cannot be read, or holds no WARC record.
        """
        with open_file(self._path) as file, closing(_Originals(self._path)) as originals:
            yield from self._read(records_from(Bytes(file, self.name), position), gate, originals)

    def _read(self, records: Records, gate: Gate, originals: "_Originals") -> Iterator[Found | Refused]:
        redirects = _Redirects()
        while True:
            result: Page | Reason | _Moved | _UnusableError | None
            begun_at = records.position
            try:
                record = records.next()
                if record is None:
                    break
                try:
                    result = self._judge(record, gate, originals, redirects)
                except _UnusableError as error:
                    result = error
                records.finish()
            except BrokenError as error:
                records.recover(error)
                if records.is_no_warc:
                    break
                yield self._damage(error.at, _UnusableError(Reason.MALFORMED, error.detail), records.position)
                continue
            # After a redirect most often comes the page that it leads to: reading goes on with both.
            position = begun_at if isinstance(result, _Moved) else records.position
            if given := self._given(record, result, position):
                yield given
        if records.is_no_warc:
            raise SourceError(f"{self.name}: holds no WARC record")

    def _given(
        self, record: Record, result: "Page | Reason | _Moved | _UnusableError | None", position: int
    ) -> Found | Refused | None:
        """What is said of a record; nothing of one that is of no kind that could be a page."""
        if isinstance(result, Page):
            return Found(record=result, position=position)
        if isinstance(result, _UnusableError):
            return self._damage(record.offset, result, position)
        if isinstance(result, _Moved):
            return Refused(reason=Reason.HTTP_ERROR, position=position)
        return Refused(reason=result, position=position) if result else None

    def _damage(self, offset: int, error: "_UnusableError", position: int) -> Refused:
        place = f"{self.name} at byte {offset}"
        return Refused(reason=error.reason, position=position, place=place, detail=error.detail)

    def _judge(
        self, record: Record, gate: Gate, originals: "_Originals", redirects: "_Redirects"
    ) -> "Page | Reason | _Moved | None":
        """The record's page, why it has none, or None if it is of a kind that has none.

        Raises:
            _UnusableError: the record is damaged, the file around it is not.
            BrokenError: the file ends in it, or cannot be decompressed.
        """
        kind = record.fields.get("warc-type", "").lower()
        if kind not in {"response", "resource", "revisit"}:
            return None
        url = redact(record.url)
        observed_at = _moment(record.fields.get("warc-date", ""))
        if not url or observed_at is None or observed_at > self._clock() + MAX_AHEAD:
            raise _UnusableError(Reason.MALFORMED, "a record without an address, or without a date that can be")
        key = record_key(record.id, url, observed_at)
        if refusal := gate.refusal(key, url, observed_at):
            return refusal
        try:
            answered = str(parse_url(url).with_user(None))
        except ValueError:
            return Reason.BAD_URL
        answer = originals.answer(record) if kind == "revisit" else _answer(record, is_http=kind == "response")
        if isinstance(answer, _Moved):
            redirects.note(answered, answer.location)
        if not isinstance(answer, Response):
            return answer
        answer = replace(answer, request_url=url, url=answered, observed_at=observed_at)
        page = page_of(kept_entry(key, redirects.asked_for(answered) or url, observed_at), answer)
        if isinstance(page, Failure):
            return page.reason
        status = None if kind == "resource" else page.status
        return replace(page, source=Source.WARC, status=status, raw_ref=f"{self.name}#{record.at}")


# ── what a record says ─────────────────────────────────────────────────────────────────────────────────────────────


class _UnusableError(Exception):
    """A record that cannot be used although its frame is whole."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Moved:
    """An answer that only names another address."""

    location: str


class _Redirects:
    """Which address was asked for where another one answered: identify knows articles by both."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}

    def note(self, asked: str, location: str) -> None:
        """Note a redirect; of several in a row the first address counts."""
        try:
            target = str(parse_url(urljoin(asked, location)).with_user(None))
        except ValueError:
            return
        self._asked[target] = self._asked.pop(asked, asked)
        if len(self._asked) > MAX_REDIRECTS:
            del self._asked[next(iter(self._asked))]

    def asked_for(self, answered: str) -> str | None:
        """What was asked for when `answered` did; None if it was the same."""
        return self._asked.pop(answered, None)


def _moment(text: str) -> dt.datetime | None:
    """A WARC-Date in UTC, None if it is none that can be."""
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= FIRST_YEAR else None


def _answer(record: Record, *, is_http: bool) -> Response | Reason | _Moved:
    """The answer that a record keeps, without its address and time; or why it is no page, told by its headers.

    Raises:
        _UnusableError, BrokenError: as `WarcSource._judge`.
    """
    status, headers = 200, {"content-type": record.fields.get("content-type", "")}
    if is_http:
        kept_type = headers["content-type"]
        if kept_type and not kept_type.lower().startswith("application/http"):
            return Reason.NOT_HTML  # e.g. an answer of the name system
        head = record.take_head()
        first, headers = fields_of(head or b"")
        found = _STATUS.match(first)
        if not found:
            raise _UnusableError(Reason.NOT_HTTP, "the record's block is no HTTP answer, or its headers do not end")
        status = int(found[1])
        if status in _REDIRECTS and (location := headers.get("location")):
            return _Moved(location)
        if not 200 <= status < 300:
            return REASONS.get(status, Reason.HTTP_ERROR)
    answer = Response(request_url="", url="", status=status, headers=headers, body=b"", observed_at=ids.EPOCH)
    if answer.content_type not in HTML_TYPES and (answer.content_type not in VAGUE_TYPES or not is_http):
        return Reason.NOT_HTML
    if record.left > BYTES_LIMIT:
        raise _UnusableError(Reason.TOO_LARGE, f"larger than {BYTES_LIMIT} bytes: {record.left}")
    body = record.take(record.left)
    try:
        return replace(answer, body=_decoded(body, headers) if is_http else body)
    except BodyError as error:
        raise _UnusableError(error.reason, error.detail) from error


# ── the body ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _decoded(body: bytes, headers: dict[str, str]) -> bytes:
    """`body` without transfer and content encoding, which some archives take off and still name.

    Raises:
        BodyError: as `Body`.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower() and _CHUNK.match(body):
        body = _joined(body)
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in {"gzip", "x-gzip"} and not body.startswith(GZIP_MAGIC):
        return body
    if coding == "zstd":
        return _bounded(ZstdReader(io.BytesIO(body)), len(body)) if body.startswith(ZSTD_MAGIC) else body
    try:
        if coding == "br":
            return _bounded(BrotliReader(io.BytesIO(body)), len(body))
        decoder = Body(coding, BYTES_LIMIT)
        decoder.feed(body)
        return decoder.finish()
    except BodyError as error:
        if error.reason is Reason.BAD_ENCODING and _HTML_START.match(body):
            return body
        raise


def _joined(body: bytes) -> bytes:
    """The chunks of `body`; fastwarc's reader knows no chunk extensions.

    Raises:
        BodyError: bad_encoding.
    """
    chunks: list[bytes] = []
    at = 0
    while line := _CHUNK.match(body, at):
        length = int(line[1], 16)
        if not length:
            return b"".join(chunks)
        chunks.append(body[line.end() : line.end() + length])
        at = line.end() + length + len(b"\r\n")
    raise BodyError(Reason.BAD_ENCODING, "the chunked body ends early")


def _bounded(reader: WarcReader, sent_bytes: int) -> bytes:
    """All that `reader` decodes of so many bytes, within the bounds of `Body`.

    Raises:
        BodyError: as `Body`.
    """
    decoded = bytearray()
    try:
        while chunk := reader.read(_DECODED_BYTES):
            decoded += chunk
            if len(decoded) > BYTES_LIMIT:
                raise BodyError(Reason.TOO_LARGE, f"larger than {BYTES_LIMIT} bytes")
            if len(decoded) > max(RATIO_FREE_BYTES, MAX_RATIO * sent_bytes):
                raise BodyError(Reason.BAD_ENCODING, f"expands to more than {MAX_RATIO} times its size")
    except OSError as error:
        raise BodyError(Reason.BAD_ENCODING, f"cannot be decoded: {error}") from error
    return bytes(decoded)


# ── revisits ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Originals:
    """The answers that revisits stand for: a second reader of the file, used if there is a revisit at all.

    So what a revisit finds does not depend on where reading began, and a file without any costs nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._places: dict[int, tuple[int, int]] = {}  # by the hash of what names a response: its stream, its index

    def close(self) -> None:
        if self._file:
            self._file.close()

    def answer(self, revisit: Record) -> Response | Reason:
        """What `revisit` stands for: no_payload if it is not in the file before it.

        Raises:
            _UnusableError: as `_answer`, of the original.
        """
        if self._file is None:
            self._file = open_file(self._path)
            self._bytes = Bytes(self._file, redact(self._path))
            self._records = Records(self._bytes, 0)
        self._read_up_to(revisit.at)
        names = [("id", revisit.fields.get("warc-refers-to", ""))]
        if "server-not-modified" in revisit.fields.get("warc-profile", ""):
            names.append(("url", revisit.url))
        else:
            names.append(("digest", revisit.fields.get("warc-payload-digest", "")))
        place = next((place for name in names if (place := self._places.get(hash(name)))), None)
        if place is None or place[1] > MAX_PASSED:
            return Reason.NO_PAYLOAD
        offset, index = place
        records = Records(self._bytes, offset)
        try:
            for _ in range(index):
                records.next()
                records.finish()
            original = records.next()
            answer = _answer(original, is_http=True) if original else Reason.NO_PAYLOAD
            return Reason.NO_PAYLOAD if isinstance(answer, _Moved) else answer
        except BrokenError:
            return Reason.NO_PAYLOAD

    def _read_up_to(self, at: int) -> None:
        while self._records.position < at:
            try:
                record = self._records.next()
                if record is None:
                    return
                self._records.finish()
            except BrokenError as error:
                self._records.recover(error)
                continue
            if record.fields.get("warc-type", "").lower() == "response":
                digest = record.fields.get("warc-payload-digest", "")
                for name in (("id", record.id), ("digest", digest), ("url", record.url)):
                    self._places[hash(name)] = record.offset, record.index
            while len(self._places) > 3 * MAX_ORIGINALS:
                del self._places[next(iter(self._places))]
