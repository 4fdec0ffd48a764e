"""The tables in the languages of warehouses and queues: BigQuery, PostgreSQL, Avro; and as a data dictionary.

Like Arrow, Iceberg and JSON Schema (`schemas.tables`) they are derived from the records, and pinned by golden files.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.examples import EXAMPLES
from schemas.tables import ROWS, TABLES, Column, Table, columns, plain

_EXAMPLE_LIMIT = 60  # characters of an example in the dictionary


# ── BigQuery ───────────────────────────────────────────────────────────────────────────────────────────────────────

_BIGQUERY: dict[type[Any], str] = {
    str: "STRING",
    int: "INTEGER",
    float: "FLOAT",
    bool: "BOOLEAN",
    bytes: "BYTES",
    dt.datetime: "TIMESTAMP",
}


def bigquery_schema(table: str) -> list[dict[str, Any]]:
    """The fields as BigQuery's TableFieldSchema, for `bq mk --schema` and for its API."""
    return [_bigquery_field(column) for column in columns(table)]


def _bigquery_field(column: Column) -> dict[str, Any]:
    inner = column.fields[0] if column.kind is list else column
    mode = "REPEATED" if column.kind is list else "NULLABLE" if column.is_nullable else "REQUIRED"
    field: dict[str, Any] = {
        "name": column.name,
        "type": "RECORD" if inner.kind is dict else _BIGQUERY[inner.kind],
        "mode": mode,
        "description": column.meaning,
    }
    if inner.kind is dict:
        field["fields"] = [_bigquery_field(each) for each in inner.fields]
    return field


# ── PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────────────────────

_POSTGRES: dict[type[Any], str] = {
    str: "text",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    bytes: "bytea",
    dt.datetime: "timestamptz",
    dict: "jsonb",
}


def postgres_type(column: Column) -> str:
    """A column's type: a list of texts is an array, whatever else is nested is jsonb."""
    if column.kind is list:
        return "text[]" if column.fields[0].kind is str else "jsonb"
    return _POSTGRES[column.kind]


def postgres_ddl(table: str) -> str:
    """Makes the table with its key, indexes and comments; given to an older one it adds the columns that it lacks."""
    lines = [
        f"    {column.name} {postgres_type(column)}{'' if column.is_nullable else ' NOT NULL'}"
        for column in columns(table)
    ]
    lines.append(f"    PRIMARY KEY ({', '.join(TABLES[table].key)})")
    comments = "".join(
        f"COMMENT ON COLUMN {table}.{column.name} IS '{column.meaning.replace(chr(39), chr(39) * 2)}';\n"
        for column in columns(table)
    )
    indexed = (TABLES[table].time_column, "ingested_at")
    indexes = "".join(f"CREATE INDEX IF NOT EXISTS {table}_{name} ON {table} ({name});\n" for name in indexed)
    added = "".join(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.name} {postgres_type(column)};\n"
        for column in columns(table)
        if column.since > 1
    )
    return f"CREATE TABLE IF NOT EXISTS {table} (\n" + ",\n".join(lines) + f"\n);\n{added}{indexes}{comments}"


# ── Avro ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_AVRO: dict[type[Any], Any] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    dt.datetime: {"type": "long", "logicalType": "timestamp-micros"},
}


def avro_schema(table: str) -> dict[str, Any]:
    """An Avro record (specification 1.11); closed vocabularies are strings, so that a new value breaks no reader."""
    return _avro_record(table, columns(table)) | {"namespace": "wirebeam", "doc": _doc(ROWS[table])}


def _avro_record(name: str, fields: tuple[Column, ...]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [_avro_field(name, column) for column in fields]}


def _avro_field(record: str, column: Column) -> dict[str, Any]:
    kind = _avro_type(f"{record}_{column.name}", column)
    if not column.is_nullable:
        return {"name": column.name, "type": kind, "doc": column.meaning}
    return {"name": column.name, "type": ["null", kind], "default": None, "doc": column.meaning}


def _avro_type(name: str, column: Column) -> Any:
    if column.kind is list:
        return {"type": "array", "items": _avro_type(name, column.fields[0])}
    if column.kind is dict:
        return _avro_record(name, column.fields)
    return _AVRO[column.kind]


# ── the data dictionary ────────────────────────────────────────────────────────────────────────────────────────────

_PLAIN: dict[type[Any], str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    bytes: "bytes",
    dt.datetime: "time, UTC, µs",
}
_UNITS = {"_s": "seconds", "_bytes": "bytes"}  # by the ending of a column's name


def dictionary(table: str) -> str:
    """The data dictionary of one table in Markdown: grain, key, and for every column all that an analyst asks."""
    described = TABLES[table]
    example = plain(EXAMPLES[table])
    example |= {"ingested_at": dt.datetime(2026, 3, 1, 6, 12, 35, tzinfo=dt.UTC), "batch_id": "5f0c7a-000000000042"}
    lines = [
        f"## {table}",
        "",
        f"One row is: {described.grain}",
        f"Key: {', '.join(described.key)}. Partitioned by the day of {described.time_column}.",
        "",
        "| column | type | null | kind | since | meaning | example |",
        "|---|---|---|---|---|---|---|",
    ]
    for column, depth in _flat(columns(table)):
        name = "&nbsp;" * 2 * depth + column.name
        kind = "judgement" if column.name in described.judged and not depth else "fact"
        shown = _shown(example.get(column.name)) if not depth else ""
        nullable = "yes" if column.is_nullable else "no"
        meaning = column.meaning + (f" ({', '.join(column.values)})" if column.values else "")
        lines.append(
            f"| {name} | {_type_words(column)} | {nullable} | {kind} | {column.since} | {_cell(meaning)} | {shown} |"
        )
    return "\n".join(lines) + "\n"


def _flat(fields: tuple[Column, ...], depth: int = 0) -> Iterator[tuple[Column, int]]:
    for column in fields:
        yield column, depth
        inner = column.fields[0] if column.kind is list else column
        if inner.kind is dict:
            yield from _flat(inner.fields, depth + 1)


def _type_words(column: Column) -> str:
    if column.kind is list:
        return f"list of {_type_words(column.fields[0])}"
    if column.kind is dict:
        return "struct"
    unit = next((words for ending, words in _UNITS.items() if column.name.endswith(ending)), "")
    return f"{_PLAIN[column.kind]}, {unit}" if unit else _PLAIN[column.kind]


def _shown(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, dt.datetime):
        text = value.isoformat()
    elif isinstance(value, bytes):
        text = repr(value)
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text.split())
    return f"`{_cell(text if len(text) <= _EXAMPLE_LIMIT else text[: _EXAMPLE_LIMIT - 1] + '…')}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _doc(table: Table) -> str:
    return " ".join((table.record.__doc__ or "").split())
