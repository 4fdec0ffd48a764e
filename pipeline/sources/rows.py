"""Lists, row by row: addresses as text, tables (CSV, TSV), and JSON lines, of addresses or of whole pages.

A JSON object with the content of a page (`html`, `body` or `content`) is a page that was kept: it was captured at the
time that it names, else when its file was last changed. Any other row is an address that is to be fetched.
"""

import csv
import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.sources.base import Found, Gate, Refused, SourceError, record_key
from pipeline.sources.fields import URL_NAMES, FieldError, address_in, entry_of, moment_in
from pipeline.sources.files import changed_at, identity_of, size_of
from pipeline.sources.saved import TIME_NAMES
from pipeline.sources.streams import LINE_LIMIT_BYTES, DamagedError, Line, lines_of
from schemas import ids
from schemas.enums import Reason, Source
from schemas.records import Entry, Page
from transforms.fetch import HTML_TYPES
from transforms.outcomes import Clock
from transforms.web.client import REASONS
from transforms.web.urls import redact

CONTENT_NAMES = ("html", "body", "content")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_DELIMITERS = "\t;,|"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be taken."""

    reason: Reason
    detail: str  # its field, and what is wrong with it


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a list."""

    number: int  # of its last line
    end: int  # offset of the byte after it
    fields: Mapping[str, object] | Problem


class HeaderError(Exception):
    """A table cannot be read for want of a header; the message says what it lacks."""


Reading = Callable[[Iterator[Line]], Iterator[Row]]


def addresses(lines: Iterator[Line]) -> Iterator[Row]:
    """The rows of a text: an address a line; what follows white space and # is a comment, as is a line with # first."""
    for line in lines:
        text = _text(line)
        if isinstance(text, Problem):
            yield Row(line.number, line.end, text)
        elif address := _COMMENT.sub("", text).strip():
            yield Row(line.number, line.end, {"url": address})


def table(lines: Iterator[Line]) -> Iterator[Row]:
    """The rows of a table with a header; commas, semicolons, tabs or bars part its columns.

    Text of articles in its columns is passed over: it is no page, and the page is to be fetched.

    Raises:
        HeaderError: its first line names no column of addresses.
    """
    first = next(lines, None)
    header = _text(first) if first else ""
    if isinstance(header, Problem):
        raise HeaderError(header.detail)
    delimiter = max(_DELIMITERS, key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    if not set(URL_NAMES) & set(names):
        raise HeaderError(f"its first line names no column {' or '.join(URL_NAMES)}")
    known = set(names) - set(CONTENT_NAMES)
    texts = _Texts(lines)
    while True:
        reader = csv.reader(texts, delimiter=delimiter)  # anew after a row that it cannot read
        try:
            for values in reader:
                if values:
                    fields = {name: value for name, value in zip(names, values, strict=False) if name in known}
                    yield Row(texts.number, texts.end, fields)
        except csv.Error as error:
            yield Row(texts.number, texts.end, Problem(Reason.MALFORMED, str(error)))
        else:
            return


def objects(lines: Iterator[Line]) -> Iterator[Row]:
    """The rows of JSON lines: an object a line."""
    for line in lines:
        text = _text(line)
        if isinstance(text, Problem):
            yield Row(line.number, line.end, text)
        elif text.strip():
            yield Row(line.number, line.end, _object(text))


def page_of(fields: Mapping[str, object], content: str, otherwise_at: dt.datetime) -> Page:
    """The page that a row holds.

    Args:
        fields: the row.
        content: the name of the field with the page's HTML.
        otherwise_at: when it was captured, if the row does not say.

    Raises:
        FieldError: a field cannot be used.
    """
    html = fields[content]
    if not isinstance(html, str):
        raise FieldError(content, "not text")
    body = html.encode("utf-8", "replace")
    url = address_in(fields)
    observed_at = moment_in(fields, *TIME_NAMES) or otherwise_at
    said = {name: value for name, value in fields.items() if name not in TIME_NAMES}
    status = fields.get("status")
    if status is not None and not (isinstance(status, int) and 100 <= status <= 599):
        raise FieldError("status", "no HTTP status")
    media_type = fields.get("content_type") or "text/html"
    if not isinstance(media_type, str):
        raise FieldError("content_type", "not text")
    key = record_key(ids.hash_id("body", body), url, observed_at)
    return Page(
        entry=dataclasses.replace(entry_of(said, observed_at), entry_id=key, url=url),
        observed_at=observed_at,
        url=url,
        source=Source.FILE,
        status=status,
        content_type=media_type.partition(";")[0].strip().lower(),
        charset="utf-8",
        body=body,
    )


class RowSource:
    """A list.

    Positions are offsets of bytes, gzip undone. A list that is taken up again is read through to where it was left.

    Args:
        path: the file.
        reading: how its rows are read.
        clock: when it is opened: that is when its addresses were seen.
    """

    def __init__(self, path: str, reading: Reading, clock: Clock) -> None:
        self.name = redact(path)
        self.identity = identity_of(path)
        self.size: int | None = None if path.endswith(".gz") else size_of(path)
        self._path = path
        self._reading = reading
        self._opened_at = clock()
        self._changed_at = changed_at(path)

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        """See `Source.read`."""
        lines = _Lines(self._path, position)
        try:
            for row in self._reading(lines):
                if row.end > position:
                    yield self._judged(row, gate)
        except DamagedError as error:
            place = f"{self.name}, line {lines.number + 1}"
            yield Refused(reason=error.reason, position=lines.end, place=place, detail=error.detail)
        except HeaderError as error:
            raise SourceError(f"{self.name}: {error}") from error

    def _judged(self, row: Row, gate: Gate) -> Found | Refused:
        found = row.fields if isinstance(row.fields, Problem) else self._record(row.fields)
        if isinstance(found, Problem):
            place = f"{self.name}, line {row.number}"
            return Refused(reason=found.reason, position=row.end, place=place, detail=found.detail)
        if isinstance(found, Page):
            refusal = _status_refusal(found) or gate.refusal(found.entry.entry_id, found.url, found.observed_at)
        else:
            refusal = gate.refusal(found.entry_id, found.url, None)
        return Refused(reason=refusal, position=row.end) if refusal else Found(record=found, position=row.end)

    def _record(self, fields: Mapping[str, object]) -> Entry | Page | Problem:
        content = next((name for name in CONTENT_NAMES if fields.get(name)), None)
        try:
            if content:
                return page_of(fields, content, self._changed_at)
            return entry_of(fields, self._opened_at)
        except FieldError as error:
            return Problem(error.reason, str(error))


class _Lines:
    """The lines of a file from a position on, and always the first one, which may be a header."""

    def __init__(self, path: str, position: int) -> None:
        self.number = 0
        self.end = 0
        self._lines = self._after(lines_of(path), position)

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        return next(self._lines)

    def _after(self, lines: Iterator[Line], position: int) -> Iterator[Line]:
        for line in lines:
            self.number, self.end = line.number, line.end
            if line.number == 1 or line.end > position:
                yield line


class _Texts:
    """Lines as a CSV reader wants them, and the place of the last one that it took."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self.number = 0
        self.end = 0
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number, self.end = line.number, line.end
        text = _text(line)
        if isinstance(text, Problem):
            raise csv.Error(text.detail)
        return f"{text}\n"


def _text(line: Line) -> str | Problem:
    if line.raw is None:
        return Problem(Reason.TOO_LARGE, f"longer than {LINE_LIMIT_BYTES} bytes")
    try:
        return line.raw.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Problem(Reason.MALFORMED, f"not UTF-8 at its byte {error.start}")


def _object(text: str) -> dict[str, object] | Problem:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return Problem(Reason.MALFORMED, f"not JSON: {error}")
    if not isinstance(found, dict):
        return Problem(Reason.MALFORMED, "JSON, but no object")
    return {name.lower(): value for name, value in found.items()}


def _status_refusal(page: Page) -> Reason | None:
    """Why a page is none, as fetch would say it."""
    if page.status is not None and not 200 <= page.status <= 299:
        return REASONS.get(page.status, Reason.HTTP_ERROR)
    return None if page.content_type in HTML_TYPES else Reason.NOT_HTML
