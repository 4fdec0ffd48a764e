"""postgresql://...: tables in PostgreSQL, written by COPY into a staging table and one INSERT each.

What was delivered stands in a table of its own, `wirebeam_deliveries`, and is written in the same transaction as the
rows: exactly once. Rows that another writer has brought already (the same key) are left alone; of a cluster's batches
that is all that is asked. One advisory lock of the database keeps two writers from each other's way.

Tables and views are made, and older tables get the columns that they lack, when the sink is opened; tables of a later
version are refused. A row that PostgreSQL cannot hold (a NUL in a text) is refused; the others go in.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from pipeline.formats import Dialect
from pipeline.sinks.base import Batch, Refused, Row, SinkError, behind
from pipeline.views import views
from schemas import dialects, ids, tables
from schemas.records import SCHEMA_VERSION, Delivery
from schemas.tables import Column
from transforms.web.urls import redact

LOCK = 0x77697265  # "wire": the advisory lock of whoever writes
_PASSWORD = re.compile(r"(?<=[?&])password=[^&]*&?")
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 120  # of one statement: a lock that somebody else holds must not stop the sink for ever

Insert = Callable[["psycopg.Connection[Any]", str, Sequence[Row], Delivery], list[Refused]]

_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS wirebeam_deliveries (writer text PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS wirebeam_schema (version bigint NOT NULL);
CREATE TABLE IF NOT EXISTS wirebeam_views (fingerprint text NOT NULL);
"""


class PostgresSink:
    """Exactly once.

    Args:
        uri: as libpq takes it, e.g. postgresql://user@host/database?options=-csearch_path%3Dnews; a password is better
            in PGPASSWORD or a password file. The tables lie in the first schema of the search path.
    """

    takes_entries = False

    def __init__(self, uri: str) -> None:
        self.uri = _PASSWORD.sub("", redact(uri))
        self._conninfo = uri
        self._connection: psycopg.Connection[Any] | None = None
        try:
            connection = self._connected()
            with connection.transaction():
                _lock(connection)
                self._migrate(connection)
        except psycopg.Error as error:
            raise self._failed(error) from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Write the rows that are new here, in one transaction; see `Sink.write`."""
        try:
            connection = self._connected()
            try:
                return self._write(connection, batch, _in_bulk)
            except (psycopg.DataError, psycopg.IntegrityError):
                return self._write(connection, batch, _one_by_one)
        except psycopg.Error as error:
            self.close()  # the next try begins with a new connection
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="wirebeam",
                autocommit=True,
            )
            self._connection.execute(sql.SQL("SET statement_timeout = {}").format(STATEMENT_TIMEOUT_S * 1_000))
            self._connection.execute("SET client_min_messages = warning")
        return self._connection

    def _failed(self, error: psycopg.Error) -> SinkError:
        words = " ".join(str(error).replace(self._conninfo, self.uri).split())
        return SinkError(f"{self.uri}: {words or type(error).__name__}")

    def _migrate(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(_OWN_TABLES)
        row = connection.execute("SELECT max(version) FROM wirebeam_schema").fetchone()
        version = (row and row[0]) or 0
        if version > SCHEMA_VERSION:
            raise SinkError(
                f"{self.uri}: its tables have schema version {version}, this program knows {SCHEMA_VERSION}"
            )
        if version < SCHEMA_VERSION:
            for name in tables.TABLES:
                connection.execute(dialects.postgres_ddl(name))
            connection.execute("INSERT INTO wirebeam_schema VALUES (%s)", (SCHEMA_VERSION,))
        _make_views(connection)

    def _write(self, connection: psycopg.Connection[Any], batch: Batch, insert: Insert) -> list[Refused]:
        refused: list[Refused] = []
        with connection.transaction():
            _lock(connection)
            row = connection.execute(
                "SELECT seq FROM wirebeam_deliveries WHERE writer = %s", (batch.writer,)
            ).fetchone()
            for name, rows in batch.by_table():
                refused += insert(connection, name, behind(rows, row[0] if row else 0), batch.delivery)
            if batch.writer is not None:
                connection.execute(
                    """
                    INSERT INTO wirebeam_deliveries VALUES (%s, %s)
                    ON CONFLICT (writer) DO UPDATE SET seq = greatest(wirebeam_deliveries.seq, excluded.seq)
                    """,
                    (batch.writer, batch.last_seq),
                )
        return refused


def _make_views(connection: psycopg.Connection[Any]) -> None:
    """Make them anew where their text has changed: that locks out who reads them, so not at every start."""
    queries = views(Dialect.POSTGRES)
    fingerprint = ids.hash_id("views", *queries.values())
    if connection.execute("SELECT 1 FROM wirebeam_views WHERE fingerprint = %s", (fingerprint,)).fetchone():
        return
    try:
        with connection.transaction():
            for name, query in queries.items():
                connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
    except psycopg.errors.InvalidTableDefinition:  # one with other columns cannot be replaced
        for name in reversed(queries):
            connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(name)))
        for name, query in queries.items():
            connection.execute(f"CREATE VIEW {name} AS {query}")
    connection.execute("DELETE FROM wirebeam_views")
    connection.execute("INSERT INTO wirebeam_views VALUES (%s)", (fingerprint,))


# ── rows of one table ──────────────────────────────────────────────────────────────────────────────────────────────


def _in_bulk(connection: psycopg.Connection[Any], name: str, rows: Sequence[Row], delivery: Delivery) -> list[Refused]:
    """All rows by one COPY; those whose text holds a NUL are refused beforehand."""
    fresh, refused = [], []
    for row in rows:
        values = _values(name, row.record, delivery)
        if _holds_nul(name, values):
            refused.append(Refused(row, "PostgreSQL holds no text with a NUL in it"))
        else:
            fresh.append(values)
    if fresh:
        staging, table = sql.Identifier(f"{name}_staging"), sql.Identifier(name)
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in tables.columns(name))
        connection.execute(sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DROP").format(staging, table))
        with connection.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staging, names)) as copy:
                for values in fresh:
                    copy.write_row(values)
            cursor.execute(
                sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(
                    table, names, names, staging
                )
            )
    return refused


def _one_by_one(
    connection: psycopg.Connection[Any], name: str, rows: Sequence[Row], delivery: Delivery
) -> list[Refused]:
    """Each row for itself, so that what the server refuses is known by its words."""
    fields = tables.columns(name)
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.Identifier(name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in fields),
        sql.SQL(", ").join(sql.Placeholder() for _ in fields),
    )
    refused = []
    for row in rows:
        try:
            with connection.transaction():
                connection.execute(insert, _values(name, row.record, delivery))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            refused.append(Refused(row, " ".join(str(error).split())))
    return refused


def _values(name: str, record: object, delivery: Delivery) -> list[Any]:
    """What psycopg takes for each column: nested values as the text of their JSON."""
    return [read(record) for read in _readers(name)] + [delivery.ingested_at, delivery.batch_id]


@cache
def _readers(name: str) -> tuple[Callable[[object], Any], ...]:
    """For each column of a table's record what reads its value."""
    in_record = {field.name for field in dataclasses.fields(tables.TABLES[name].record)}
    return tuple(_reader(column) for column in tables.columns(name) if column.name in in_record)


def _reader(column: Column) -> Callable[[object], Any]:
    kind, read = dialects.postgres_type(column), attrgetter(column.name)
    if kind == "jsonb":
        return lambda record: msgspec.json.encode(read(record)).decode()
    if kind == "text[]":
        return lambda record: [*map(str, read(record))]
    if column.values:  # an enumeration
        return lambda record: None if read(record) is None else str(read(record))
    return read


def _holds_nul(name: str, values: Iterable[Any]) -> bool:
    return any(map(_has_nul, _are_json(name), values))


@cache
def _are_json(name: str) -> tuple[bool, ...]:
    """For each column of a table whether it is jsonb."""
    return tuple(dialects.postgres_type(column) == "jsonb" for column in tables.columns(name))


def _has_nul(is_json: bool, value: Any) -> bool:  # noqa: FBT001  # mapped over columns
    if isinstance(value, list):
        return "\0" in "".join(value)
    if not isinstance(value, str):
        return False
    if is_json:  # not one that only speaks of the escape
        return "\\u0000" in value and "\\u0000" in value.replace("\\\\", "")
    return "\0" in value


def _lock(connection: psycopg.Connection[Any]) -> None:
    """Until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
