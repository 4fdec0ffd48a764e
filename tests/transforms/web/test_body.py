import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Reason
from transforms.web.body import Body, BodyError


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def decoded(sent: bytes, encoding: str, chunk_bytes: int = 65_536, max_bytes: int = 10_000_000) -> bytes:
    body = Body(encoding, max_bytes)
    for start in range(0, len(sent), chunk_bytes):
        body.feed(sent[start : start + chunk_bytes])
    return body.finish()


@given(st.binary(max_size=500), st.integers(1, 600))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(data: bytes, chunk_bytes: int) -> None:
    assert decoded(data, "", chunk_bytes) == data
    assert decoded(data, "identity", chunk_bytes) == data
    assert decoded(gzip.compress(data), "gzip", chunk_bytes) == data
    assert decoded(gzip.compress(data), " X-GZIP", chunk_bytes) == data
    assert decoded(zlib.compress(data), "deflate", chunk_bytes) == data
    assert decoded(raw_deflate(data), "deflate", chunk_bytes) == data


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=10))
def test_the_members_of_a_gzip_stream_are_joined(parts: list[bytes]) -> None:
    sent = b"".join(gzip.compress(part) for part in parts)
    assert decoded(sent, "gzip", len(sent)) == b"".join(parts)


def test_what_follows_a_compressed_stream_is_ignored() -> None:
    assert decoded(gzip.compress(b"page") + b"\0\0garbage", "gzip") == b"page"


def test_an_unknown_coding_is_none() -> None:
    assert decoded(b"page", "utf-8") == b"page"


def test_an_empty_body_is_empty_in_any_coding() -> None:
    assert decoded(b"", "gzip") == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "BR"])
def test_a_coding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BodyError, match="not asked for") as raised:
        Body(encoding, 100)
    assert raised.value.reason is Reason.BAD_ENCODING


@pytest.mark.parametrize(
    ("sent", "encoding", "reason"),
    [
        (b"x" * 101, "", Reason.TOO_LARGE),
        (gzip.compress(b"x" * 101), "gzip", Reason.TOO_LARGE),
        (gzip.compress(bytes(range(50)))[:-9], "gzip", Reason.BAD_ENCODING),
        (zlib.compress(bytes(range(100)))[:20], "deflate", Reason.BAD_ENCODING),
        (b"<html>", "gzip", Reason.BAD_ENCODING),
        (b"<html>", "deflate", Reason.BAD_ENCODING),
        (gzip.compress(b"") * 17, "gzip", Reason.BAD_ENCODING),
    ],
)
def test_a_body_that_cannot_be_used_has_a_reason(sent: bytes, encoding: str, reason: Reason) -> None:
    with pytest.raises(BodyError) as raised:
        decoded(sent, encoding, max_bytes=100)
    assert raised.value.reason is reason


def test_a_body_of_exactly_the_bound_is_taken() -> None:
    assert decoded(gzip.compress(b"x" * 100), "gzip", max_bytes=100) == b"x" * 100


def test_no_more_than_the_bound_is_ever_held() -> None:
    body = Body("gzip", 1_000)
    with pytest.raises(BodyError):
        body.feed(gzip.compress(bytes(900_000)))
    assert len(body.cut()) == 1_000
    assert len(body._decoded) == 1_001


def test_compressed_bytes_that_mean_nothing_do_not_go_on_for_ever() -> None:
    packer = zlib.compressobj(wbits=31)
    body = Body("gzip", 1_000)
    body.feed(packer.compress(b"x") + packer.flush(zlib.Z_FULL_FLUSH))
    with pytest.raises(BodyError, match="larger"):
        body.feed(b"\0\0\0\xff\xff" * 300)


def test_an_expansion_beyond_reason_is_refused_before_the_bound() -> None:
    with pytest.raises(BodyError, match="times its size") as raised:
        decoded(gzip.compress(bytes(5_000_000)), "gzip")
    assert raised.value.reason is Reason.BAD_ENCODING
