"""A response body as it arrives: decoded and bounded, before anything is kept of it."""

import zlib

from schemas.enums import Reason

ACCEPT_ENCODING = "gzip, deflate"  # what is decoded here with a bound on every step; so nothing else is asked for
UNREADABLE_ENCODINGS = {"br", "zstd", "compress", "x-compress", "dcb", "dcz"}  # codings that we never ask for
MAX_RATIO = 250  # decoded to sent; HTML rarely passes 20, deflate's limit is 1,032 (https://zlib.net/zlib_tech.html)
RATIO_FREE_BYTES = 1_000_000  # decoded bytes below which the ratio does not matter
MAX_MEMBERS = 16  # of a gzip stream; writers in use make one
GZIP_MAGIC = b"\x1f\x8b"
CM_DEFLATE = 8  # the low half of the first byte of a zlib stream: RFC 1950, 2.2


class BodyError(Exception):
    """The body cannot be used: too_large or bad_encoding, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Body:
    """Takes the bytes of one body as they come from the wire.

    Args:
        content_encoding: the header's value. A coding that does not exist is taken for none, as browsers do.
        max_bytes: of the body, as it is sent and as it is decoded.

    Raises:
        BodyError: for a coding that is not read here.
    """

    def __init__(self, content_encoding: str, max_bytes: int) -> None:
        coding = content_encoding.strip().lower()
        if coding in UNREADABLE_ENCODINGS or "," in coding:
            raise BodyError(Reason.BAD_ENCODING, f"content-encoding {content_encoding[:50]!r} was not asked for")
        self._is_gzip = coding in {"gzip", "x-gzip"}
        self._is_deflate = coding == "deflate"
        self._max_bytes = max_bytes
        self._stream: zlib._Decompress | None = None
        self._members = 0
        self._sent_bytes = 0
        self._decoded = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; at most `max_bytes` + 1 decoded bytes are ever held.

        Raises:
            BodyError: if the body becomes too large, expands too much, or cannot be decoded.
        """
        self._sent_bytes += len(chunk)
        if not (self._is_gzip or self._is_deflate):
            self._decoded += chunk[: self._room()]
        else:
            try:
                self._inflate(chunk)
            except zlib.error as error:
                raise BodyError(Reason.BAD_ENCODING, f"cannot be decompressed: {error}") from error
        # what is sent is bounded, too: compressed bytes can mean nothing at all, for ever
        if max(len(self._decoded), self._sent_bytes) > self._max_bytes:
            raise BodyError(Reason.TOO_LARGE, f"larger than {self._max_bytes} bytes")

    def finish(self) -> bytes:
        """The whole body, after its last byte.

        Raises:
            BodyError: if the compressed stream is not complete.
        """
        if self._stream is not None and not self._stream.eof:
            raise BodyError(Reason.BAD_ENCODING, "the compressed body ends early")
        return bytes(self._decoded)

    def cut(self) -> bytes:
        """The first `max_bytes` of what has come, complete or not."""
        return bytes(self._decoded[: self._max_bytes])

    def _room(self) -> int:
        return self._max_bytes + 1 - len(self._decoded)

    def _inflate(self, chunk: bytes) -> None:
        while chunk and self._room():
            if self._stream is None or self._stream.eof:
                if self._stream is not None and not (self._is_gzip and chunk.startswith(GZIP_MAGIC)):
                    return  # what follows the stream is none of it: ignored, as browsers do
                self._stream = self._next_stream(chunk)
            self._decoded += self._stream.decompress(chunk, self._room())
            if len(self._decoded) > max(RATIO_FREE_BYTES, MAX_RATIO * self._sent_bytes):
                raise BodyError(Reason.BAD_ENCODING, f"expands to more than {MAX_RATIO} times its size")
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def _next_stream(self, chunk: bytes) -> "zlib._Decompress":
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise BodyError(Reason.BAD_ENCODING, f"more than {MAX_MEMBERS} compressed streams")
        if self._is_gzip:
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        # "deflate" is a zlib stream (RFC 9110, 8.4.1.2); many servers send it without its wrapper
        return zlib.decompressobj(zlib.MAX_WBITS if chunk[0] & 0x0F == CM_DEFLATE else -zlib.MAX_WBITS)
