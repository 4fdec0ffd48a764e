"""The files of a raw archive: fetched pages as WARC (ISO 28500:2017, version 1.1), each file with an index beside it.

DIR/2026-11-23/wirebeam-20261123-00001.warc.gz holds a warcinfo record, and of each page three records, each a gzip
member of its own: a request; a metadata record with the `Entry` that it answered, as JSON; a response. The body is as
it was decoded, so that headers about its encoding and length bear the prefix `x-archive-orig-`, as in CC-NEWS. Names of
headers are in lower case, several of one name are joined, and cookies and credentials are left out.

The response comes last: a page whose response is whole is whole, wherever the file was cut short.

DIR/2026-11-23/wirebeam-20261123-00001.cdxj is the index, a line for each response, sorted. While its file is written
its lines stand in the order of writing, and its name ends in `.open`; whatever it lacks is read from the WARC file.

Records are written and parted here and not by a WARC library, since where each gzip member begins and ends must be
known to the byte.
"""

import base64
import datetime as dt
import fcntl
import gzip
import hashlib
import io
import os
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec
from yarl import URL

from pipeline.sinks.files import UNFINISHED, write_file
from schemas import ids
from schemas.records import Entry
from transforms.web.messages import Response
from transforms.web.urls import redact

SUFFIX, INDEX_SUFFIX, OPEN_SUFFIX = ".warc.gz", ".cdxj", ".cdxj.open"
LEVEL = 4  # of gzip: 6 takes 60 % more time for 5 % less (docs/raw.md)
ORIGINAL = "x-archive-orig-"  # as Heritrix and CC-NEWS name what is no longer true of the body that is kept
_UNTRUE = frozenset({"content-encoding", "transfer-encoding", "content-length"})
MAX_MEMBER_BYTES = 64_000_000  # decompressed; a page has at most 10 MB, and its entry what a feed may have
_CHUNK_BYTES = 65_536
_NAME = re.compile(r"wirebeam-(\d{4})(\d\d)(\d\d)-\d{5,}\.warc\.gz")
_END = b"\r\n\r\n"


class RawFileError(Exception):
    """A page cannot be read from its file; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A page in a file.

    Args:
        record_id: of its response record, without `urn:uuid:`.
        url: the address that answered.
        observed_at: when it did.
        entry_id: of the entry that it answered.
        mime: the media type; None if there was none.
        status: of HTTP.
        digest: of its body, `sha1:` and base 32.
        start: where its first record begins, in bytes.
        offset: where its response begins.
        end: where that ends.
    """

    record_id: str
    url: str
    observed_at: dt.datetime
    entry_id: str
    mime: str | None
    status: int
    digest: str
    start: int
    offset: int
    end: int


def record_id_of(url: str, observed_at: dt.datetime, body: bytes) -> str:
    """The id of a page's response record: nothing in it is random."""
    return str(uuid.UUID(ids.hash_id("raw page", url, str(ids.micros(observed_at)), body), version=5))


def warcinfo(name: str, software: str, at: dt.datetime) -> bytes:
    """The first member of the file `name`."""
    block = f"software: {software}\r\nformat: WARC File Format 1.1\r\n".encode()
    record_id = str(uuid.UUID(ids.hash_id("raw file", name, str(ids.micros(at))), version=5))
    fields = {"WARC-Filename": name, "Content-Type": "application/warc-fields"}
    return _member("warcinfo", record_id, at, fields, block)


def page_members(entry: Entry, response: Response, at: int) -> tuple[bytes, Kept]:
    """A page's three members, and its place if they are written at byte `at`."""
    record_id = record_id_of(response.url, response.observed_at, response.body)
    digest = f"sha1:{base64.b32encode(hashlib.sha1(response.body, usedforsecurity=False).digest()).decode()}"
    of_page = {"WARC-Target-URI": response.url}
    beside = of_page | {"WARC-Concurrent-To": f"<urn:uuid:{record_id}>"}
    request = _member(
        "request",
        _part_id(record_id, "request"),
        response.observed_at,
        beside | {"Content-Type": "application/http; msgtype=request"},
        _with_head(f"GET {URL(response.url).raw_path_qs} HTTP/1.1", response.sent),
    )
    metadata = _member(
        "metadata",
        _part_id(record_id, "metadata"),
        response.observed_at,
        beside | {"Content-Type": "application/json"},
        msgspec.json.encode(replace(entry, url=redact(entry.url))),
    )
    answer = _member(
        "response",
        record_id,
        response.observed_at,
        of_page | {"Content-Type": "application/http; msgtype=response", "WARC-Payload-Digest": digest},
        _with_head(_status_line(response.status), _true_headers(response)) + response.body,
    )
    offset = at + len(request) + len(metadata)
    kept = Kept(
        record_id=record_id,
        url=response.url,
        observed_at=response.observed_at,
        entry_id=entry.entry_id,
        mime=response.content_type,
        status=response.status,
        digest=digest,
        start=at,
        offset=offset,
        end=offset + len(answer),
    )
    return request + metadata + answer, kept


def line_of(kept: Kept, name: str) -> bytes:
    """The line of the index for a page of the file `name`."""
    facts = {
        "url": kept.url,
        "mime": kept.mime or _NO_MIME,
        "status": str(kept.status),
        "digest": kept.digest,
        "length": str(kept.end - kept.offset),
        "offset": str(kept.offset),
        "filename": name,
        # ours, beside the usual ones
        "record": kept.record_id,
        "observed": _written(kept.observed_at),
        "entry": kept.entry_id,
        "start": str(kept.start),
    }
    return f"{surt(kept.url)} {kept.observed_at:%Y%m%d%H%M%S} {msgspec.json.encode(facts).decode()}\n".encode()


def surt(url: str) -> str:
    """The key that an address is sorted and searched by: `com,example)/path?a=1&b=2`, in lower case.

    As the indexes of the Wayback Machine have it: without scheme, `www.`, a default port and a slash at the end, and
    with sorted parameters; their session ids, which they leave out as well, stay.
    """
    parts = urlsplit(url.lower())
    host = re.sub(r"^www\d*\.", "", parts.hostname or "")
    port = f":{parts.port}" if parts.port and (parts.scheme, parts.port) not in _DEFAULT_PORTS else ""
    query = "&".join(sorted(parts.query.split("&")))
    name = ",".join(reversed(host.split(".")))
    return f"{name}{port})/{parts.path.strip('/')}{'?' if query else ''}{query}"


def path_of(folder: Path, name: str) -> Path | None:
    """Where the file `name` of the archive in `folder` is, or was; None if no archive has files of such a name."""
    day = _NAME.fullmatch(name)
    return folder / "-".join(day.groups()) / name if day else None


def files_of(folder: Path) -> list[Path]:
    """The files of the archive in `folder`, in the order in which they were begun."""
    return sorted(path for path in folder.glob(f"*/*{SUFFIX}") if path == path_of(folder, path.name))


def index_of(path: Path, suffix: str = INDEX_SUFFIX) -> Path:
    """Where the index of a file is."""
    return path.with_name(path.name.removesuffix(SUFFIX) + suffix)


def read_index(path: Path) -> list[Kept]:
    """The pages of a file, in their order; what its index lacks is read from the file itself.

    Raises:
        OSError: it cannot be read.
    """
    found: list[Kept] = []
    for index in (index_of(path), index_of(path, OPEN_SUFFIX)):
        if index.exists():
            found = _listed(index.read_bytes())
            break
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = [kept for kept in found if kept.end <= size]  # a power cut may leave the file shorter than its index
        found += _scanned(file, found[-1].end if found else 0)
    return found


def write_index(path: Path, pages: Sequence[Kept]) -> None:
    """Write the index of a file that is finished.

    Raises:
        OSError: it cannot be written.
    """
    write_file(index_of(path), b"".join(sorted(line_of(kept, path.name) for kept in pages)))
    index_of(path, OPEN_SUFFIX).unlink(missing_ok=True)


def read_page(path: Path, kept: Kept) -> tuple[Entry, Response]:
    """What a page of a file answered, and the answer.

    Raises:
        RawFileError: it is not there, or damaged.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(kept.start)
        content = file.read(kept.end - kept.start)
    records = {record.kind: record for record in (_parted(raw) for _, _, raw in _members(io.BytesIO(content), 0))}
    metadata, answer = records.get("metadata"), records.get("response")
    if metadata is None or answer is None or answer.record_id != kept.record_id:
        raise RawFileError("cannot be decompressed, or is not the page that the index says")
    try:
        entry = msgspec.json.decode(metadata.block, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RawFileError(f"its entry cannot be read: {error}") from error
    status, headers, body = _answer(answer.block)
    response = Response(
        request_url=entry.url, url=kept.url, status=status, headers=headers, body=body, observed_at=kept.observed_at
    )
    return entry, response


def is_in_use(path: Path) -> bool:
    """Whether someone is writing the file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def without(path: Path, gone: AbstractSet[str]) -> bool:
    """Write a file anew without the pages of these record ids, byte by byte as it was else.

    Returns:
        Whether the file is left: one without pages is deleted.

    Raises:
        OSError: it cannot be written; it is then as it was, or its index is missing.
    """
    found = read_index(path)
    unfinished = path.with_name(path.name + UNFINISHED)
    left = []
    with path.open("rb") as old, unfinished.open("wb") as new:
        new.write(old.read(found[0].start))  # what the file says of itself
        for kept in found:
            if kept.record_id in gone:
                continue
            moved = new.tell() - kept.start
            left.append(replace(kept, start=kept.start + moved, offset=kept.offset + moved, end=kept.end + moved))
            old.seek(kept.start)
            new.write(old.read(kept.end - kept.start))
        new.flush()
        os.fsync(new.fileno())
    for suffix in (INDEX_SUFFIX, OPEN_SUFFIX):
        index_of(path, suffix).unlink(missing_ok=True)  # first: an index that does not fit its file is worse than none
    if left:
        unfinished.rename(path)
        write_index(path, left)
    else:
        path.unlink()
        unfinished.unlink()
    return bool(left)


# ── records as bytes, and back ─────────────────────────────────────────────────────────────────────────────────────

_DEFAULT_PORTS = {("http", 80), ("https", 443)}


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of a WARC file."""

    kind: str
    fields: Mapping[str, str]
    block: bytes

    @property
    def record_id(self) -> str:
        return self.fields.get("WARC-Record-ID", "").removeprefix("<urn:uuid:").removesuffix(">")


def _member(kind: str, record_id: str, at: dt.datetime, fields: Mapping[str, str], block: bytes) -> bytes:
    head = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{record_id}>",
        "WARC-Date": _written(at),
        **fields,
        "Content-Length": str(len(block)),
    }
    return gzip.compress(_with_head("WARC/1.1", head) + block + _END, LEVEL, mtime=0)


def _part_id(record_id: str, kind: str) -> str:
    return str(uuid.UUID(ids.hash_id(record_id, kind), version=5))


def _written(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _with_head(first: str, fields: Mapping[str, str]) -> bytes:
    lines = (first, *(f"{name}: {_LINE_ENDS.sub(' ', value)}" for name, value in fields.items()))
    return "\r\n".join(lines).encode() + _END


_LINE_ENDS = re.compile(r"[\r\n]+")


def _status_line(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
    return f"HTTP/1.1 {status} {phrase}"


_STATUSES = frozenset(HTTPStatus)


def _true_headers(response: Response) -> dict[str, str]:
    """The headers, with those renamed that do not hold of the body as it is kept."""
    headers = {(ORIGINAL + name if name in _UNTRUE else name): value for name, value in response.headers.items()}
    return headers | {"content-length": str(len(response.body))}


def _parted(raw: bytes) -> _Record:
    first_lines, _, rest = raw.partition(_END)
    _, fields = _fields(first_lines)
    return _Record(fields.get("WARC-Type", ""), fields, rest.removesuffix(_END))


def _answer(block: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers as they came, and body of a response record's block."""
    first_lines, _, body = block.partition(_END)
    first, fields = _fields(first_lines)
    headers = {name: value for name, value in fields.items() if name not in _UNTRUE}
    return int(first.split()[1]), {name.removeprefix(ORIGINAL): value for name, value in headers.items()}, body


def _fields(first_lines: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = first_lines.decode("utf-8", "replace").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines if ": " in line)


def _members(file: BinaryIO, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Each gzip member from byte `at` on: where it begins and ends, and its content. The first broken one ends it."""
    file.seek(at)
    start, fresh = at, b""
    while True:
        inflate, content = zlib.decompressobj(zlib.MAX_WBITS | 16), bytearray()  # 16: gzip
        while not inflate.eof:
            fresh = fresh or file.read(_CHUNK_BYTES)
            try:
                content += inflate.decompress(fresh, MAX_MEMBER_BYTES - len(content))
            except zlib.error:
                return
            if not fresh or len(content) >= MAX_MEMBER_BYTES:
                return
            fresh = inflate.unconsumed_tail
        fresh = inflate.unused_data
        end = file.tell() - len(fresh)
        yield start, end, bytes(content)
        start = end


# ── the index, and what it lacks ───────────────────────────────────────────────────────────────────────────────────


class _Facts(msgspec.Struct):
    """The JSON in a line of the index."""

    url: str
    mime: str
    status: str
    digest: str
    length: str
    offset: str
    record: str
    observed: dt.datetime
    entry: str
    start: str


_decoder = msgspec.json.Decoder(_Facts)


def _listed(index: bytes) -> list[Kept]:
    """The pages in an index by their places; none if it cannot be read. A last line cut short does not count."""
    found = []
    try:
        for line in index[: index.rfind(b"\n") + 1].splitlines():
            facts = _decoder.decode(line.split(b" ", 2)[2])
            offset = int(facts.offset)
            found.append(
                Kept(
                    record_id=facts.record,
                    url=facts.url,
                    observed_at=facts.observed,
                    entry_id=facts.entry,
                    mime=facts.mime if facts.mime != _NO_MIME else None,
                    status=int(facts.status),
                    digest=facts.digest,
                    start=int(facts.start),
                    offset=offset,
                    end=offset + int(facts.length),
                )
            )
    except (msgspec.DecodeError, IndexError, ValueError):
        return []
    return sorted(found, key=_start)


_NO_MIME = "unk"  # as the Wayback Machine's indexes say it


def _start(kept: Kept) -> int:
    return kept.start


def _scanned(file: BinaryIO, at: int) -> Iterator[Kept]:
    """The pages from byte `at` on, as far as they are whole."""
    parts: dict[str, tuple[int, _Record]] = {}
    for start, end, raw in _members(file, at):
        record = _parted(raw)
        parts[record.kind] = (start, record)
        if record.kind != "response" or not {"request", "metadata"} <= parts.keys():
            continue
        status, headers, body = _answer(record.block)
        response = Response(
            request_url="",
            url=record.fields["WARC-Target-URI"],
            status=status,
            headers=headers,
            body=body,
            observed_at=dt.datetime.fromisoformat(record.fields["WARC-Date"]),
        )
        yield Kept(
            record_id=record.record_id,
            url=response.url,
            observed_at=response.observed_at,
            entry_id=msgspec.json.decode(parts["metadata"][1].block, type=_Named).entry_id,
            mime=response.content_type,
            status=status,
            digest=record.fields["WARC-Payload-Digest"],
            start=parts["request"][0],
            offset=start,
            end=end,
        )
        parts = {}


class _Named(msgspec.Struct):
    """Of an entry no more than its id."""

    entry_id: str
