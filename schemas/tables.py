"""The tables, derived from the dataclasses: one source of truth for Arrow, Iceberg and JSON Schema.

A row of a table is a record of `Table.record` and the columns of `Delivery`, which the sink fills in. The golden files
of tests/schemas pin every definition; changes are additive, with a new `SCHEMA_VERSION`.
"""

import dataclasses
import datetime as dt
import enum
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, count
from typing import Any

import msgspec
import pyarrow as pa
from pyiceberg import types as ice
from pyiceberg.schema import Schema as IcebergSchema

from schemas.records import Article, DeadLetter, Delivery, Entry, Feed, Link, Outcome, Poll, Revision

_JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what one row is, what identifies it, and the column whose day partitions it.

    Args:
        judged: its columns that are judgements: another row may say otherwise later. All others are facts.
    """

    name: str
    record: type[Any]
    key: tuple[str, ...]
    time_column: str
    grain: str
    judged: frozenset[str] = frozenset()


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "articles",
            Article,
            ("capture_id",),
            "observed_at",
            "one capture that brought new content of an article: the facts.",
        ),
        Table(
            "revisions",
            Revision,
            ("capture_id", "judged_seq"),
            "observed_at",
            "one judgement of a capture against the one before it; the highest judged_seq of a capture is valid.",
            frozenset({"predecessor_id", "change", "change_note", "pub_status", "availability", "seen_until"}),
        ),
        Table(
            "links",
            Link,
            ("copy_id", "original_id", "judged_seq"),
            "observed_at",
            "one judgement of what an article is a copy of; the highest judged_seq of a copy is valid.",
            frozenset({"original_id", "kind", "similarity", "containment", "evidence", "cluster_id"}),
        ),
        Table("outcomes", Outcome, ("entry_id", "attempt"), "decided_at", "how one attempt at an entry ended."),
        Table("polls", Poll, ("feed_id", "polled_at"), "polled_at", "one look at a feed; quiet ones are counted only."),
        Table("feeds", Feed, ("feed_id", "valid_from"), "valid_from", "a feed's settings since a time."),
        Table("dead_letters", DeadLetter, ("id",), "died_at", "something that could not be used, with its raw input."),
    )
}
# What `wirebeam poll` hands on: rows of a stream, and of no warehouse.
ENTRIES = Table(
    "entries",
    Entry,
    ("entry_id", "attempt", "deferrals"),
    "observed_at",
    "an entry of a feed that is new or has changed, or is to be looked at again.",
)
ROWS: dict[str, Table] = {**TABLES, ENTRIES.name: ENTRIES}  # all that an outbox may hold
TABLE_OF: dict[type[Any], str] = {table.record: table.name for table in ROWS.values()}


@dataclass(frozen=True, slots=True)
class Column:
    """One column, or one field of a struct.

    Args:
        kind: str, int, float, bool, bytes or datetime; `list` with one element; `dict` (a struct) with its fields.
        values: the closed vocabulary of a str column, or ().
        since: the version of the tables that brought it.
    """

    name: str
    kind: type[Any]
    is_nullable: bool
    meaning: str
    fields: tuple["Column", ...] = ()
    values: tuple[str, ...] = ()
    since: int = 1


@cache
def columns(table: str) -> tuple[Column, ...]:
    """The columns of `table`, the record's first, the delivery's last."""
    return tuple(_columns(ROWS[table].record)) + tuple(_columns(Delivery))


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Arrow: times are timestamp[us, UTC], closed vocabularies are strings."""
    return pa.schema([_arrow_field(column) for column in columns(table)])


@cache
def iceberg_schema(table: str) -> IcebergSchema:
    """Iceberg, format 2; field ids count up in depth-first order of the columns."""
    ids = count(1)
    return IcebergSchema(*[_iceberg_field(column, ids) for column in columns(table)])


def json_schema(table: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one row as the jsonl sink writes it."""
    return {
        "$schema": _JSON_SCHEMA,
        "title": table,
        "description": " ".join((TABLES[table].record.__doc__ or "").split()),
        **_json_object(columns(table)),
    }


def arrow_table(table: str, rows: Sequence[object], delivery: Delivery) -> pa.Table:
    """`rows`, records of `table`, as an Arrow table that has the columns of `delivery` too."""
    of_delivery = {field.name for field in dataclasses.fields(Delivery)}
    arrays = [
        pa.repeat(pa.scalar(getattr(delivery, column.name), _ARROW[column.kind]), len(rows))
        if column.name in of_delivery
        else _arrow_array(column, rows)
        for column in columns(table)
    ]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(table))


def time_of(table: str, row: object) -> dt.datetime:
    """The event time of a row: the value of its table's time column."""
    moment: dt.datetime = getattr(row, ROWS[table].time_column)
    return moment


def key_of(table: str, row: object) -> str:
    """The values of a row's key, as one text: equal for rows of a table that fold into one."""
    values = (getattr(row, name) for name in ROWS[table].key)
    return " ".join(value.isoformat() if isinstance(value, dt.datetime) else str(value) for value in values)


def plain(record: object) -> dict[str, Any]:
    """A record as columns of plain values: str, int, float, bool, bytes, datetime, list, dict and None."""
    values: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(dt.datetime, bytes))
    return values


# ── from dataclass fields to columns ───────────────────────────────────────────────────────────────────────────────


def _columns(record: type[Any]) -> Iterator[Column]:
    hints = typing.get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        hint, meaning, *marks = hints[field.name], ""
        if typing.get_origin(hint) is typing.Annotated:  # a row of a stream only, as an entry, has no meanings
            hint, meaning, *marks = typing.get_args(hint)
        since = max((mark.version for mark in marks), default=1)
        yield dataclasses.replace(_column(field.name, hint, meaning), since=since)


def _column(name: str, hint: Any, meaning: str) -> Column:
    is_nullable = False
    if isinstance(hint, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not types.NoneType]
        if len(members) != 1:
            raise TypeError(f"{name}: a column has one type, not {hint}")
        is_nullable, hint = True, members[0]
    if typing.get_origin(hint) is tuple:
        element = _column("element", typing.get_args(hint)[0], "")
        return Column(name, list, is_nullable, meaning, (element,))
    if dataclasses.is_dataclass(hint):
        return Column(name, dict, is_nullable, meaning, tuple(_columns(typing.cast("type[Any]", hint))))
    if issubclass(hint, enum.StrEnum):
        return Column(name, str, is_nullable, meaning, (), tuple(member.value for member in hint))
    return Column(name, hint, is_nullable, meaning)


# ── from columns to each format ────────────────────────────────────────────────────────────────────────────────────

_ARROW: dict[type[Any], pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    dt.datetime: pa.timestamp("us", tz="UTC"),
}


def _arrow_field(column: Column) -> pa.Field:
    if column.kind is list:
        kind = pa.list_(_arrow_field(column.fields[0]))
    elif column.kind is dict:
        kind = pa.struct([_arrow_field(field) for field in column.fields])
    else:
        kind = _ARROW[column.kind]
    return pa.field(column.name, kind, nullable=column.is_nullable)


def _arrow_array(column: Column, records: Sequence[object]) -> pa.Array:
    """The column's value of each record. A whole column at a time: a dictionary a row takes thrice as long."""
    values = [getattr(record, column.name) for record in records]
    if column.kind is dict:
        return _struct_array(column, values)
    if column.kind is list and column.fields[0].kind is dict:
        ends = accumulate((len(value) for value in values), initial=0)
        elements = _struct_array(column.fields[0], list(chain.from_iterable(values)))
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), elements, type=_arrow_field(column).type)
    return pa.array(values, _arrow_field(column).type)


def _struct_array(column: Column, records: Sequence[object]) -> pa.Array:
    arrays = [_arrow_array(field, records) for field in column.fields]
    return pa.StructArray.from_arrays(arrays, fields=list(_arrow_field(column).type))


_ICEBERG: dict[type[Any], ice.IcebergType] = {
    str: ice.StringType(),
    int: ice.LongType(),
    float: ice.DoubleType(),
    bool: ice.BooleanType(),
    bytes: ice.BinaryType(),
    dt.datetime: ice.TimestamptzType(),
}


def _iceberg_field(column: Column, ids: "count[int]") -> ice.NestedField:
    field_id = next(ids)
    return ice.NestedField(
        field_id=field_id,
        name=column.name,
        field_type=_iceberg_type(column, ids),
        required=not column.is_nullable,
        doc=column.meaning or None,
    )


def _iceberg_type(column: Column, ids: "count[int]") -> ice.IcebergType:
    if column.kind is list:
        element_id = next(ids)
        return ice.ListType(
            element_id=element_id, element_type=_iceberg_type(column.fields[0], ids), element_required=True
        )
    if column.kind is dict:
        return ice.StructType(*[_iceberg_field(field, ids) for field in column.fields])
    return _ICEBERG[column.kind]


_JSON: dict[type[Any], dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    dt.datetime: {"type": "string", "format": "date-time"},
}


def _json_object(fields: Sequence[Column]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _json_type(field) for field in fields},
        "required": [field.name for field in fields],
    }


def _json_type(column: Column) -> dict[str, Any]:
    if column.kind is list:
        kind: dict[str, Any] = {"type": "array", "items": _json_type(column.fields[0])}
    elif column.kind is dict:
        kind = _json_object(column.fields)
    else:
        kind = dict(_JSON[column.kind])
    if column.values:
        kind["enum"] = [*column.values, None] if column.is_nullable else list(column.values)
    if column.is_nullable:
        kind["type"] = [kind["type"], "null"]
    if column.meaning:
        kind["description"] = column.meaning
    return kind
