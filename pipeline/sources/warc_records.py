"""The records of a WARC file (ISO 28500), whatever has happened to it: read as far as they can be, in bounded memory.

The framing is read here and not by fastwarc's iterator, which ends at the first damage, reads a record whose length is
too long into the next gzip member, and does not tell where a record stands in a compressed stream (version 2.0.1).

A file is a row of streams: gzip members, mostly of one record each, and plain stretches. After damage reading goes on
at the next byte at which a record can be read: in the same stream if it can still be decompressed, else in the file.

Positions are bytes of the file: where the next gzip member, or the next plain record, begins. In a compressed stream of
many records they are the stream's beginning plus the number of records read; going on there means passing over what
was read.

Most of the time that a known record takes goes into gunzip: isal's is one and a half times as fast as zlib's.
"""

import io
import re
from typing import BinaryIO, Protocol

from fastwarc.stream_io import Lz4Reader, ZstdReader
from isal import isal_zlib
from isal.igzip_lib import IsalError

from pipeline.sources.base import SourceError
from schemas import ids
from transforms.text.markup import BYTES_LIMIT
from transforms.web.body import GZIP_MAGIC, MAX_RATIO
from transforms.web.client import MAX_VALUE_LENGTH

MAX_HEAD_BYTES = 65_536  # of a record's or an answer's header block; real ones stay below a tenth of it
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1
_LZ4_MAGIC = b"\x04\x22\x4d\x18"  # of lz4's frame format
_GZIP_MEMBER = GZIP_MAGIC + b"\x08"
_GZIP_WBITS = 16 + isal_zlib.MAX_WBITS
_BLOCK_BYTES = 1_000_000  # read from the file at once
_CHUNK_BYTES = 32_768  # given to the decompressor at once
_DECODED_BYTES = 262_144  # taken from the decompressor at once: most pages in one piece
_MEMBER_FREE_BYTES = 2 * BYTES_LIMIT  # decoded bytes of a stream below which its ratio does not matter
_SNIFFED_BYTES = 4_096  # of what looks like a gzip member: enough for its first words

_VERSION = re.compile(rb"WARC/[01]\.[0-9]{1,3}\r?\n")
_STARTS = re.compile(rb"\x1f\x8b\x08(?=[\x00-\x1f])|" + _VERSION.pattern)  # RFC 1952, 2.3.1: five flags, the rest 0
_LONGEST_START = 16  # bytes that `_STARTS` needs to see
_LINE_ENDS = re.compile(rb"[\r\n]*")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,15}")


class BrokenError(Exception):
    """The file is damaged.

    Args:
        at: the byte at which the record, or the compressed stream, begins that cannot be read.
        detail: what is wrong.
        is_stream: whether it is the compressed stream: then nothing more can be had from it.
    """

    def __init__(self, at: int, detail: str, *, is_stream: bool = False) -> None:
        super().__init__(detail)
        self.at = at
        self.detail = detail
        self.is_stream = is_stream


class Bytes:
    """The bytes of a file by their offset, a block at a time.

    Args:
        file: it.
        name: what messages call it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._start = 0
        self._block = b""

    def size(self) -> int:
        """The length of the file."""
        return self._file.seek(0, io.SEEK_END)

    def at(self, offset: int, length: int) -> bytes:
        """So many bytes from `offset` on; fewer, or none, at the end of the file.

        Raises:
            SourceError: the file cannot be read.
        """
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._block):
            try:
                self._file.seek(offset)
                self._block = self._file.read(_BLOCK_BYTES)
            except OSError as error:
                raise SourceError(f"{self._name}: {error}") from error
            self._start, begin = offset, 0
        return self._block[begin : begin + length]


class Record:
    """One record; its block must be taken before the next record is asked for.

    Args:
        at: its position.
        offset: the byte of the file at which it, or the compressed stream that it is in, begins.
        index: how many records precede it in that stream.
        head: its header block.
        content: where its block is read from.

    Raises:
        BrokenError: it does not say how long its block is.
    """

    def __init__(self, at: int, offset: int, index: int, head: bytes, content: "_Content") -> None:
        self.at = at
        self.offset = offset
        self.index = index
        self._head = head
        self._content = content
        self.fields = fields_of(head)[1]
        length = self.fields.get("content-length", "")
        if not _LENGTH.fullmatch(length):
            raise BrokenError(offset, "the record's length is missing or no number")
        self.left = int(length)  # bytes of its block that nobody has taken yet

    @property
    def id(self) -> str:
        """The archive's own id for it, else a hash of its header block."""
        return self.fields.get("warc-record-id") or ids.hash_id(self._head)

    @property
    def url(self) -> str:
        """The address that answered, "" if it does not say."""
        return _bare(self.fields.get("warc-target-uri", ""))

    def take(self, length: int) -> bytes:
        """The next bytes of its block, as many as there are up to `length`."""
        taken = self._content.take(min(length, self.left))
        self.left -= len(taken)
        return taken

    def take_head(self) -> bytes | None:
        """The header block that its block begins with; None if it does not end."""
        head = self._content.take_head(min(self.left, MAX_HEAD_BYTES))
        if head is None and self.left <= MAX_HEAD_BYTES:
            head = self._content.take(self.left)  # nothing but headers
        self.left -= len(head or b"")
        return head


class Records:
    """The records of a file from some byte on: `next` and `finish` in turn, `recover` when one of them raised."""

    def __init__(self, data: Bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._offset = start  # where the stream that is read begins, or where the next one will
        self._content: _Content | None = None
        self._index = 0
        self._record: Record | None = None
        self._has_records = False

    @property
    def position(self) -> int:
        """Where the next record begins."""
        if self._content is None:
            return self._offset
        return self._offset + (self._content.taken if self._is_plain else self._index)

    @property
    def is_no_warc(self) -> bool:
        """Whether the whole file has been read, was not empty, and had no record in it."""
        is_read = self._start == 0 and self._content is None and not self._data.at(self._offset, 1)
        return is_read and self._offset > 0 and not self._has_records

    def next(self) -> Record | None:
        """The next record, None at the end of the file.

        Raises:
            BrokenError: there is something that is none.
        """
        content = self._next_content()
        if content is None:
            return None
        at = self.position
        offset = at if self._is_plain else self._offset
        index = 0 if self._is_plain else self._index
        self._index += 1
        head = content.take_head(MAX_HEAD_BYTES) if _VERSION.match(content.peek(_LONGEST_START)) else None
        if head is None or _VERSION.search(head, 1):  # a block that was cut runs into the next record's
            raise BrokenError(offset, "no record's header, or one that does not end")
        self._has_records = True
        record = Record(at, offset, index, head, content)
        self._record = record
        return record

    def finish(self) -> None:
        """Pass over what is left of the record.

        Raises:
            BrokenError: it does not end where it says.
        """
        record, content = self._record, self._content
        assert record
        assert content
        if content.skip(record.left) < record.left:
            raise BrokenError(record.offset, "the file, or the compressed stream, ends before the record does")
        is_closed = content.peek(4) == b"\r\n\r\n"
        if not content.skip_blank():
            self._close(content)
        elif not self._is_start(content) and not (is_closed and self._is_alone(record)):
            raise BrokenError(record.offset, "the record's length does not lead to its end")

    def recover(self, error: BrokenError) -> None:
        """Go to the next record that can be read: in the same stream if it can be read on, else in the file."""
        content, self._record = self._content, None
        if content and not self._is_plain and not error.is_stream:
            try:
                if not content.find_record():
                    self._close(content)
            except BrokenError:
                pass
            else:
                return
        is_over = content is not None and isinstance(content.stream, _Frames)  # its bytes hold words of their content
        self._content = None
        self._offset = self._data.size() if is_over else _next_start(self._data, error.at + 1)

    def _next_content(self) -> "_Content | None":
        """The content, at something that should be a record; None at the end of the file."""
        while True:
            if self._content is None:
                start = self._data.at(self._offset, _LONGEST_START)
                if not start:
                    return None
                self._content = _Content(_stream(self._data, self._offset, start))
                self._is_plain = isinstance(self._content.stream, _Plain)
                self._index = 0
            content = self._content
            if not content.skip_blank():
                self._close(content)
            elif self._is_plain and content.taken and content.peek(3) == _GZIP_MEMBER:
                self._offset += content.taken
                self._content = None
            else:
                return content

    def _close(self, content: "_Content") -> None:
        self._offset = content.stream.end
        self._content = None

    def _is_alone(self, record: Record) -> bool:
        """Whether no other record begins in this one, as it does when a part of this one is lost."""
        return not self._is_plain or _next_start(self._data, record.offset + 1) >= self.position

    def _is_start(self, content: "_Content") -> bool:
        start = content.peek(_LONGEST_START)
        return bool(_VERSION.match(start)) or (self._is_plain and start.startswith(_GZIP_MEMBER))


def records_from(data: Bytes, position: int) -> Records:
    """The records from a position on: of a position within a compressed stream, all before it are passed over."""
    if position == 0 or _is_start(data, position) or not data.at(position, 1):
        return Records(data, position)
    records = Records(data, 0)
    while records.position < position:
        try:
            if records.next() is None:
                break
            records.finish()
        except BrokenError as error:
            records.recover(error)
    return records


def fields_of(head: bytes) -> tuple[str, dict[str, str]]:
    """The first line of a header block, and its fields by their names in lower case; repeated ones are joined."""
    first, *lines = head.decode("utf-8", "replace").replace("\x00", "").splitlines() or [""]
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:  # a folded line
            fields[name] = f"{fields[name]} {line.strip()}"[:MAX_VALUE_LENGTH]
            continue
        name, separator, value = line.partition(":")
        name = name.strip().lower()
        if separator and name != "set-cookie":
            value = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
            fields[name] = value[:MAX_VALUE_LENGTH]
        else:
            name = ""
    return first, fields


# ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Stream(Protocol):
    """What records are in: a gzip member, a whole file of another compression, or the plain file from some byte on."""

    @property
    def end(self) -> int:
        """The byte of the file at which what follows the stream begins; known once the stream has ended."""

    def read(self) -> bytes:
        """The next bytes, none at the end.

        Raises:
            BrokenError: it cannot be decompressed.
        """

    def skip(self, length: int) -> int:
        """Leave out the next bytes if that is less work than reading them; how many were."""


class _Plain:
    """The plain file from some byte on."""

    def __init__(self, data: Bytes, start: int) -> None:
        self._data = data
        self.end = start

    def read(self) -> bytes:
        chunk = self._data.at(self.end, _DECODED_BYTES)
        self.end += len(chunk)
        return chunk

    def skip(self, length: int) -> int:
        if length < _BLOCK_BYTES or not self._data.at(self.end + length - 1, 1):
            return 0
        self.end += length
        return length


class _Member:
    """A gzip member."""

    def __init__(self, data: Bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._decompressor = isal_zlib.decompressobj(_GZIP_WBITS)
        self._decoded_bytes = 0
        self.end = start

    def read(self) -> bytes:
        decoded = b""
        while not decoded and not self._decompressor.eof:
            chunk = self._data.at(self.end, _CHUNK_BYTES)
            try:
                decoded = self._decompressor.decompress(chunk, _DECODED_BYTES)
            except IsalError as error:  # type: ignore[misc]  # its stub does not say that it is an exception
                raise BrokenError(self._start, f"cannot be decompressed: {error}", is_stream=True) from error
            left = self._decompressor.unused_data if self._decompressor.eof else self._decompressor.unconsumed_tail
            self.end += len(chunk) - len(left)
            if not chunk and not decoded and not self._decompressor.eof:
                raise BrokenError(self._start, "the file ends within a gzip member", is_stream=True)
        self._decoded_bytes += len(decoded)
        if self._decoded_bytes > max(_MEMBER_FREE_BYTES, MAX_RATIO * (self.end - self._start)):
            raise BrokenError(self._start, f"expands to more than {MAX_RATIO} times its size", is_stream=True)
        return decoded

    def skip(self, _: int) -> int:
        return 0


class _Frames:
    """All frames of a zstd or lz4 file."""

    def __init__(self, data: Bytes, kind: type[ZstdReader] | type[Lz4Reader]) -> None:
        self._file = _FromStart(data)
        self._reader = kind(self._file)
        self._decoded_bytes = 0

    @property
    def end(self) -> int:
        return self._file.offset

    def read(self) -> bytes:
        try:
            decoded = self._reader.read(_DECODED_BYTES)
        except OSError as error:
            raise BrokenError(0, f"cannot be decompressed: {error}", is_stream=True) from error
        self._decoded_bytes += len(decoded)
        if self._decoded_bytes > max(_MEMBER_FREE_BYTES, MAX_RATIO * self.end):
            raise BrokenError(0, f"expands to more than {MAX_RATIO} times its size", is_stream=True)
        return decoded

    def skip(self, _: int) -> int:
        return 0


class _FromStart(io.RawIOBase):
    """A file's bytes as fastwarc reads them."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self.offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.offset = offset + (self.offset if whence == io.SEEK_CUR else 0)
        return self.offset

    def read(self, size: int = -1) -> bytes:
        chunk = self._data.at(self.offset, min(size, _BLOCK_BYTES) if size >= 0 else _BLOCK_BYTES)
        self.offset += len(chunk)
        return chunk


class _Content:
    """What is in a stream, with a look ahead."""

    def __init__(self, stream: _Stream) -> None:
        self.stream = stream
        self.taken = 0  # bytes so far
        self._buffer = b""
        self._used = 0

    def peek(self, length: int) -> bytes:
        """The next bytes, which stay; fewer only at the end."""
        while len(self._buffer) - self._used < length and self._more():
            pass
        return self._buffer[self._used : self._used + length]

    def take(self, length: int) -> bytes:
        """The next bytes; fewer only at the end."""
        parts: list[bytes] = []
        while length and (self._used < len(self._buffer) or self._more()):
            parts.append(self._buffer[self._used : self._used + length])
            self._pass(len(parts[-1]))
            length -= len(parts[-1])
        return b"".join(parts)

    def skip(self, length: int) -> int:
        """Pass over the next bytes; how many there were."""
        left = length
        while left and (self._used < len(self._buffer) or self._more()):
            passed = min(left, len(self._buffer) - self._used)
            self._pass(passed)
            left -= passed
            if left:
                skipped = self.stream.skip(left)
                self.taken += skipped
                left -= skipped
        return length - left

    def take_head(self, limit: int) -> bytes | None:
        """A header block and the blank line that ends it; None if there is none in the next `limit` bytes."""
        for length in (min(4_096, limit), limit):
            if found := _BLANK_LINE.search(self.peek(length)):
                return self.take(found.end())
        return None

    def skip_blank(self) -> bool:
        """Pass over line ends; whether something follows."""
        while self._used < len(self._buffer) or self._more():
            blank = _LINE_ENDS.match(self._buffer, self._used)
            self._pass(blank.end() - self._used if blank else 0)
            if self._used < len(self._buffer):
                return True
        return False

    def find_record(self) -> bool:
        """Pass over all, a byte at least, that stands before the next record's version line; whether there is one."""
        self.skip(1)
        while True:
            start = self.peek(_DECODED_BYTES)
            if found := _VERSION.search(start):
                self._pass(found.start())
                return True
            if len(start) < _DECODED_BYTES:
                return False
            self._pass(len(start) - _LONGEST_START)

    def _more(self) -> bool:
        chunk = self.stream.read()
        self._buffer = self._buffer[self._used :] + chunk
        self._used = 0
        return bool(chunk)

    def _pass(self, length: int) -> None:
        self._used += length
        self.taken += length


def _stream(data: Bytes, offset: int, start: bytes) -> _Stream:
    """The stream that begins at `offset` with `start`."""
    if start.startswith(_GZIP_MEMBER):
        return _Member(data, offset)
    if offset == 0 and start.startswith((ZSTD_MAGIC, _LZ4_MAGIC)):
        return _Frames(data, ZstdReader if start.startswith(ZSTD_MAGIC) else Lz4Reader)
    return _Plain(data, offset)


def _next_start(data: Bytes, offset: int) -> int:
    """The byte, from `offset` on, at which a record can be read again; the end of the file if there is none."""
    while window := data.at(offset, _DECODED_BYTES):
        for found in _STARTS.finditer(window):
            if _is_start(data, offset + found.start()):
                return offset + found.start()
        if len(window) < _DECODED_BYTES:
            return offset + len(window)
        offset += _DECODED_BYTES - _LONGEST_START
    return offset


def _is_start(data: Bytes, offset: int) -> bool:
    start = data.at(offset, _SNIFFED_BYTES)
    if start.startswith(_GZIP_MEMBER):
        try:
            start = isal_zlib.decompressobj(_GZIP_WBITS).decompress(start, _SNIFFED_BYTES).lstrip(b"\r\n")
        except IsalError:  # type: ignore[misc]  # its stub does not say that it is an exception
            return False
    return bool(_VERSION.match(start))


def _bare(value: str) -> str:
    """`value` without the angle brackets that WARC 1.0's grammar puts around an address."""
    return value[1:-1] if value.startswith("<") and value.endswith(">") else value
