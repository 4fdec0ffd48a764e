"""The frame of WARC files, whole and damaged."""

import gzip
import io
import itertools
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from fastwarc.stream_io import Lz4Writer, WarcWriter, ZstdWriter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.sources.base import SourceError
from pipeline.sources.warc_records import MAX_HEAD_BYTES, BrokenError, Bytes, Records, fields_of
from tests.pipeline.sources.warcs import http, members, numbers, record

RECORDS = [record(number, http(b"<html>" + b"%d words " % number * 30)) for number in range(6)]
GZIPPED = members(*RECORDS)
ENDS = list(itertools.accumulate(len(members(each)) for each in RECORDS))


def test_positions_are_the_bytes_at_which_members_begin() -> None:
    assert numbers(GZIPPED) == ([0, 1, 2, 3, 4, 5], [], ENDS)


def test_positions_are_the_bytes_at_which_plain_records_begin() -> None:
    ends = list(itertools.accumulate(len(each) for each in RECORDS))
    assert numbers(b"".join(RECORDS)) == ([0, 1, 2, 3, 4, 5], [], ends)


def test_records_of_one_stream_are_counted_from_its_beginning() -> None:
    first = members(RECORDS[0])
    packed = gzip.compress(b"".join(RECORDS[1:5]))
    start, end = len(first), len(first) + len(packed)
    data = first + packed + members(RECORDS[5])
    assert numbers(data) == ([0, 1, 2, 3, 4, 5], [], [start, start + 1, start + 2, start + 3, end, len(data)])


def read_before(data: bytes, position: int) -> int:
    """How many records have been read when reading has come to `position`."""
    records = Records(Bytes(io.BytesIO(data), "name"), 0)
    count = 0
    while records.position < position:
        try:
            records.next()
            records.finish()
            count += 1
        except BrokenError as error:
            records.recover(error)
    return count


@pytest.mark.parametrize(
    "data",
    [
        GZIPPED,
        b"".join(RECORDS),
        gzip.compress(b"".join(RECORDS)),
        members(b"".join(RECORDS[:3]), b"".join(RECORDS[3:])),
        members(RECORDS[0]) + RECORDS[1] + members(RECORDS[2]) + RECORDS[3] + RECORDS[4] + members(RECORDS[5]),
        b"\r\n".join(RECORDS),
        members(*RECORDS[:3]) + b"no record" * 9 + members(*RECORDS[3:]),
    ],
)
def test_reading_goes_on_at_any_position(data: bytes) -> None:
    found, _, positions = numbers(data)
    assert found == [0, 1, 2, 3, 4, 5]
    for position in positions:
        assert numbers(data, position)[0] == found[read_before(data, position) :]


@pytest.mark.parametrize("writer", [ZstdWriter, Lz4Writer])
def test_other_compressions_are_read_as_one_stream(writer: type[WarcWriter]) -> None:
    packed = io.BytesIO()
    with writer(packed) as stream:  # type: ignore[call-arg]  # the abstract class has no arguments
        for each in RECORDS:
            stream.write(each)
    data = packed.getvalue()
    assert numbers(data) == ([0, 1, 2, 3, 4, 5], [], [1, 2, 3, 4, 5, len(data)])
    assert numbers(data, 3)[0] == [3, 4, 5]
    assert numbers(data[:-20])[1] == [0]


def test_mixed_members_and_plain_records() -> None:
    data = members(RECORDS[0]) + RECORDS[1] + members(RECORDS[2]) + RECORDS[3] + RECORDS[4] + members(RECORDS[5])
    assert numbers(data)[:2] == ([0, 1, 2, 3, 4, 5], [])


def test_line_ends_between_records_are_nothing() -> None:
    assert numbers(b"\r\n\r\n" + b"\n\n\n".join(RECORDS) + b"\r\n\r\n")[:2] == ([0, 1, 2, 3, 4, 5], [])


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_file_that_is_cut_short(cut: int) -> None:
    assert numbers(GZIPPED[:-cut])[:2] == ([0, 1, 2, 3, 4], [ENDS[4]])
    plain = b"".join(RECORDS)
    assert numbers(plain[: -cut - 4])[:2] == ([0, 1, 2, 3, 4], [len(plain) - len(RECORDS[5])])


@pytest.mark.parametrize("length", ["1000000", "400", "200", "40", "0", "-5", "", "7 bytes", "9" * 30, None])
def test_a_wrong_length_costs_its_record(length: str | None) -> None:
    wrong = record(1, Content_Length=length)
    start = len(members(RECORDS[0]))
    assert numbers(members(RECORDS[0], wrong, RECORDS[2]))[:2] == ([0, 2], [start])
    assert numbers(RECORDS[0] + wrong + RECORDS[2])[:2] == ([0, 2], [len(RECORDS[0])])


def test_a_wrong_length_within_a_stream_costs_its_record() -> None:
    data = gzip.compress(RECORDS[0] + record(1, Content_Length="60") + RECORDS[2])
    assert numbers(data)[:2] == ([0, 2], [0])


@pytest.mark.parametrize("at", [0, 1, 3, 15, 60, -9, -6, -1])
def test_a_broken_member_costs_its_record(at: int) -> None:
    broken = bytearray(members(RECORDS[1]))
    broken[at] ^= 0xFF
    found, damage, _ = numbers(members(RECORDS[0]) + bytes(broken) + members(*RECORDS[2:]))
    assert found == [0, 2, 3, 4, 5]
    assert damage == [ENDS[0]]


def test_a_member_that_is_cut_in_the_middle_of_the_file() -> None:
    data = members(RECORDS[0]) + members(RECORDS[1])[:-30] + members(*RECORDS[2:])
    assert numbers(data)[:2] == ([0, 2, 3, 4, 5], [ENDS[0]])


@pytest.mark.parametrize(
    "garbage", [b"\0" * 500, b"no record at all\n" * 50, b"\x1f\x8b\x08" * 100, b"WARC/1.1 or not"]
)
def test_garbage_between_records_and_after_them(garbage: bytes) -> None:
    data = members(RECORDS[0]) + garbage + members(RECORDS[1]) + garbage
    assert numbers(data)[0] == [0, 1]
    assert numbers(data)[1][0] == ENDS[0]
    assert numbers(data)[2][-1] == len(data)
    assert numbers(RECORDS[0] + garbage + RECORDS[1])[:2] == ([0, 1], [len(RECORDS[0])])


@pytest.mark.parametrize(
    "head",
    [
        b"WARC/1.1\r\n" + b"X" * 2 * MAX_HEAD_BYTES,
        b"WARC/1.1\r\n" + b"X: y\r\n" * MAX_HEAD_BYTES,
        b"WARC/1.1\r\nWARC-Type: response",
        b"WARC/9.1\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_header_block_without_an_end(head: bytes) -> None:
    assert numbers(members(RECORDS[0], head, RECORDS[2]))[:2] == ([0, 2], [ENDS[0]])
    assert numbers(RECORDS[0] + head + b"\r\n" + RECORDS[2])[0][0] == 0


def test_nothing_but_line_ends_in_a_member_is_bounded() -> None:
    packed = zlib.compressobj(wbits=31)
    bomb = (
        packed.compress(RECORDS[1]) + b"".join(packed.compress(b"\r\n" * 500_000) for _ in range(60)) + packed.flush()
    )
    assert numbers(members(RECORDS[0]) + bomb + members(RECORDS[2]))[:2] == ([0, 2], [ENDS[0]])


def test_a_large_record_is_never_held() -> None:
    block = b"\0" * 30_000_000
    data = record(0, block, kind="metadata") + RECORDS[1]
    del block
    tracemalloc.start()
    assert numbers(data)[:2] == ([0, 1], [])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_fields_are_joined_unfolded_and_bounded() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nA: 1\r\na:2\r\nB: x\r\n\ty\r\nno field\r\n z\r\nC: \xff\r\nSet-Cookie: s\r\nD: "
        + b"d" * 9_000
    )
    first, fields = fields_of(head + b"\r\n\r\n")
    assert first == "HTTP/1.1 200 OK"
    assert {**fields, "d": len(fields["d"])} == {"a": "1, 2", "b": "x y", "c": "\ufffd", "d": 8_000}


def test_a_file_that_cannot_be_read_on_is_an_error_of_the_source() -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError("gone")

    with pytest.raises(SourceError, match="name: gone"):
        Records(Bytes(Broken(), "name"), 0).next()


_UNLIKE = [record(number * 1_111, http(b"<html>" + b"%d words " % number * 30)) for number in range(6)]
_DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "insert"]), st.integers(0, 5), st.integers(0, 10_000), st.binary(max_size=40)
    ),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(damage=_DAMAGE, is_plain=st.booleans())
@example(damage=[("cut", 0, 46, b"")], is_plain=True)  # a header block that runs into the next record's
@example(damage=[("cut", 0, 244, b"")], is_plain=True)  # a block that ends with the next record's header block
@example(damage=[("cut", 0, 1, b""), ("cut", 1, 3, b"")], is_plain=False)  # the rests look like a member's beginning
def test_whatever_is_outside_the_damage_is_found(
    damage: Sequence[tuple[str, int, int, bytes]],
    is_plain: bool,  # noqa: FBT001  # given by hypothesis
) -> None:
    parts = [bytearray(each if is_plain else members(each)) for each in _UNLIKE]
    damaged: set[int] = set()
    for kind, number, at, garbage in damage:
        part = parts[number]
        damaged.add(number)
        if kind == "cut":
            del part[at % (len(part) + 1) :]
        elif kind == "flip" and part:
            part[at % len(part)] ^= garbage[0] | 1 if garbage else 0xFF
        else:
            part[at % (len(part) + 1) : 0] = garbage
    data = b"".join(parts)
    found, _, positions = numbers(data)
    intact = [number * 1_111 for number in range(len(_UNLIKE)) if number not in damaged]
    assert [number for number in found if number in intact] == intact
    assert positions == sorted(positions)
    for position in set(positions):
        assert numbers(data, position)[0] == found[read_before(data, position) :]
