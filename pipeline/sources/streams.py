"""Files as bytes that can be worked on: gzip undone, everything bounded."""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from pipeline.sources.base import SourceError
from pipeline.sources.files import open_file
from schemas.enums import Reason
from transforms.web.urls import redact

LINE_LIMIT_BYTES = 20_000_000
_GZIP = b"\x1f\x8b"
_CHUNK = 1_000_000


class DamagedError(Exception):
    """Content that cannot be read, or not any further.

    Args:
        reason: bad_encoding or too_large.
        detail: it in words.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file."""

    number: int  # from 1
    end: int  # offset of the byte after it, gzip undone
    raw: bytes | None  # without its line feed; None if it is longer than `LINE_LIMIT_BYTES`


def lines_of(path: str) -> Iterator[Line]:
    """The lines of a file.

    Raises:
        DamagedError: what follows the lines before cannot be unpacked.
        SourceError: it cannot be opened, or not read any further.
    """
    with _opened(path) as file:
        number, end = 0, 0
        while piece := file.readline(LINE_LIMIT_BYTES + 1):
            number += 1
            end += len(piece)
            raw: bytes | None = piece
            while len(piece) > LINE_LIMIT_BYTES and not piece.endswith(b"\n"):
                raw, piece = None, file.readline(LINE_LIMIT_BYTES + 1)
                end += len(piece)
            yield Line(number, end, raw.rstrip(b"\r\n") if raw is not None else None)


def whole_of(path: str, limit_bytes: int) -> bytes:
    """All of a file.

    Raises:
        DamagedError: it is longer than `limit_bytes`, or cannot be unpacked.
        SourceError: it cannot be opened or read.
    """
    with _opened(path) as file:
        return _within(file, limit_bytes)


def head_of(path: str, size_bytes: int) -> bytes:
    """The beginning of a file; raises as `whole_of` does."""
    with _opened(path) as file:
        return file.read(size_bytes)


def unpacked(data: bytes, limit_bytes: int) -> bytes:
    """`data` with gzip undone, if it is packed.

    Raises:
        DamagedError: as of `whole_of`.
    """
    with _damage_told():
        return _within(_plain(io.BytesIO(data)), limit_bytes)


def _within(file: BinaryIO, limit_bytes: int) -> bytes:
    pieces, size_bytes = [], 0
    while piece := file.read(_CHUNK):
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise DamagedError(Reason.TOO_LARGE, f"larger than {limit_bytes} bytes")
    return b"".join(pieces)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with open_file(path) as file, _damage_told():
        try:
            yield _plain(file)
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            raise SourceError(f"{redact(path)}: {error.strerror or error}") from error


def _plain(file: BinaryIO) -> BinaryIO:
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_packed else file


@contextlib.contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedError(Reason.BAD_ENCODING, f"its compression is damaged: {error}") from error
