"""Records as bytes, and back: msgpack, one small codec for what passes between workers and for what lies in state."""

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

Record = TypeVar("Record")

_encoder = msgspec.msgpack.Encoder()


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def encode(record: object) -> bytes:
    """A record as msgpack: a map of field names, so that a reader of a newer version finds what it knows."""
    return _encoder.encode(record)


def decode(data: bytes, kind: type[Record]) -> Record:
    """The record of type `kind` in `data`.

    Fields that `kind` lacks are ignored, fields that `data` lacks take their default.

    Raises:
        msgspec.ValidationError: if `data` is no such record; the message names the field.
    """
    record: Record = _decoder(cast("Any", kind)).decode(data)
    return record
