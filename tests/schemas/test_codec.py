"""Records as bytes: the inverse holds for every record, and versions can read each other."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from transforms.coders import RECORDS, RecordCoder

st.register_type_strategy(int, st.integers(min_value=-(2**63), max_value=2**63 - 1))
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(dt.datetime, st.datetimes(timezones=st.just(dt.UTC)))


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_decode_undoes_encode(kind: type[Any], data: st.DataObject) -> None:
    record = data.draw(st.from_type(kind))
    assert codec.decode(codec.encode(record), kind) == record
    assert RecordCoder(kind).decode(RecordCoder(kind).encode(record)) == record


def test_a_newer_field_is_ignored_and_an_older_record_gets_the_default() -> None:
    @dataclass(frozen=True)
    class Older:
        name: str

    @dataclass(frozen=True)
    class Newer:
        name: str
        note: str = "none"

    assert codec.decode(codec.encode(Newer("a", "b")), Older) == Older("a")
    assert codec.decode(codec.encode(Older("a")), Newer) == Newer("a")


def test_wrong_bytes_name_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="entry_id"):
        codec.decode(msgspec.msgpack.encode({"attempt": 1}), RECORDS[3])
