"""What a sink costs beside a bare writer of its format: python benchmarks/sinks.py [--batches 6] [--rows 5000].

Every sink gets the same batches: as many articles with a body of 500 words as revisions and outcomes. The bare writer
gets the same rows as the plain values that its library takes, made before the clock starts: lines of the records by
msgspec, a pyarrow table from dictionaries written with zstd, that table appended by PyIceberg to tables that are not
partitioned, a COPY by psycopg into tables without keys. Pub/Sub and BigQuery are their emulators, which set the pace;
there is no bare writer beside them. CPU is this process's own
(a server's is not in it); the first batch, which imports and opens, is not counted.
"""

import argparse
import dataclasses
import datetime as dt
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from pyarrow import parquet
from pyiceberg.catalog.sql import SqlCatalog

from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from schemas import dialects, tables
from schemas.examples import EXAMPLES
from schemas.records import Delivery
from tests.pipeline.sinks.bigquery_server import in_bigquery
from tests.pipeline.sinks.postgres_server import postgres_server
from tests.pipeline.sinks.pubsub_server import Topic

TABLES = ("articles", "revisions", "outcomes")
WORDS = 500
EMULATED = 3  # batches for an emulator, the first of them not counted
MOMENT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
VOCABULARY = [f"{a}{b}" for a in ("har", "cou", "ti", "fer", "pri", "wint") for b in ("bour", "ncil", "de", "ry", "ce")]

Writer = Callable[[Batch], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--rows", type=int, default=5_000, help="of one batch")
    options = parser.parse_args()
    batches = [batch(number, options.rows) for number in range(options.batches + 1)]
    print(f"{options.batches} batches of {options.rows} rows\n")
    print(f"{'':34}{'rows/s':>10}{'CPU ms per 1,000 rows':>24}{'of the bare writer':>20}")
    with tempfile.TemporaryDirectory(prefix="wirebeam-sinks-") as name:
        folder = Path(name)
        lines = measured("bare lines (msgspec)", batches, bare_lines(folder / "bare"))
        measured_sink(f"jsonl:{folder / 'jsonl'}", batches, lines)
        written = measured("bare Parquet (pyarrow)", batches, bare_parquet(folder / "bare"))
        measured_sink(f"parquet:{folder / 'parquet'}", batches, written)
        appended = measured("bare append (PyIceberg)", batches, bare_append(folder / "appended"))
        measured_sink(f"iceberg:{folder / 'iceberg'}", batches, appended)
    try:
        server = postgres_server()
    except pytest.skip.Exception as error:
        print(f"postgresql: skipped, {error}")
    else:
        with bare_copy(server) as write:
            copied = measured("bare COPY (psycopg)", batches, write)
        measured_sink(server, batches, copied)
    for open_uri in (pubsub_uri, bigquery_uri):
        try:
            measured_sink(open_uri(), batches[:EMULATED], None)
        except pytest.skip.Exception as error:
            print(f"{open_uri.__name__.removesuffix('_uri')}: skipped, {error}")


def pubsub_uri() -> str:
    """A topic of the emulator, which sets the pace."""
    return f"pubsub:{Topic('bench').name}"


def bigquery_uri() -> str:
    """A dataset of the emulator, which sets the pace."""
    return in_bigquery(Path("bench"))


def measured_sink(uri: str, batches: Sequence[Batch], bare: float | None) -> None:
    """Print the cost of a sink."""
    sink = open_sink(uri)
    try:
        measured(uri.partition(":")[0], batches, sink.write, bare)
    finally:
        sink.close()


def measured(name: str, batches: Sequence[Batch], write: Writer, bare: float | None = None) -> float:
    """Print the cost of a writer, and give its CPU seconds per row."""
    prepare = getattr(write, "prepare", None)
    work = [prepare(each) for each in batches] if prepare else batches
    write(work[0])
    rows = sum(len(each.rows) for each in batches[1:])
    started_at, cpu = time.perf_counter(), time.process_time()
    for each in work[1:]:
        write(each)
    took, cpu = time.perf_counter() - started_at, (time.process_time() - cpu) / rows
    ratio = f"{cpu / bare:20.2f}" if bare else ""
    print(f"{name:34}{rows / took:10,.0f}{1e6 * cpu:24.1f}{ratio}")
    return cpu


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def batch(number: int, rows: int) -> Batch:
    """The `number`th delivery."""
    first = 1 + number * rows
    made = tuple(Row(seq, TABLES[seq % 3], record(TABLES[seq % 3], seq)) for seq in range(first, first + rows))
    return Batch("bench", made, Delivery(ingested_at=MOMENT, batch_id=f"bench-{number}"))


def record(table: str, number: int) -> Any:
    """The example of the table, with ids and a text of its own."""
    key, example = f"{number:032x}", cast("Any", EXAMPLES[table])
    if table == "articles":
        words = random.Random(number).choices(VOCABULARY, k=WORDS)
        return dataclasses.replace(example, capture_id=key, article_id=key, body=" ".join(words))
    if table == "revisions":
        return dataclasses.replace(example, capture_id=key, article_id=key)
    return dataclasses.replace(example, entry_id=key)


def dictionaries(batch_: Batch) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows of each table, as plain values."""
    last = tables.plain(batch_.delivery)
    for table, rows in batch_.by_table():
        yield table, [tables.plain(row.record) | last for row in rows]


# ── bare writers ───────────────────────────────────────────────────────────────────────────────────────────────────


class Bare:
    """A writer of what `prepare` makes of a batch."""

    def __init__(self, prepare: Callable[[Batch], Any], write: Callable[[Any], object]) -> None:
        self.prepare = prepare
        self._write = write

    def __call__(self, prepared: Any) -> object:
        """Write it."""
        return self._write(prepared)


def bare_lines(folder: Path) -> Bare:
    """A new file a table and batch, flushed to the disk."""
    folder.mkdir(exist_ok=True)
    number = itertools.count()

    def write(prepared: Sequence[tuple[str, list[Any]]]) -> None:
        for table, rows in prepared:
            with (folder / f"{table}-{next(number)}.jsonl").open("wb") as file:
                file.write(msgspec.json.Encoder().encode_lines(rows))
                file.flush()
                os.fsync(file.fileno())

    return Bare(lambda each: [(table, [row.record for row in rows]) for table, rows in each.by_table()], write)


def bare_parquet(folder: Path) -> Bare:
    """As `bare_lines`."""
    folder.mkdir(exist_ok=True)
    number = itertools.count()

    def write(prepared: Sequence[tuple[str, list[dict[str, Any]]]]) -> None:
        for table, rows in prepared:
            with (folder / f"{table}-{next(number)}.parquet").open("wb") as file:
                arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(table))
                parquet.write_table(arrow, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())

    return Bare(lambda each: list(dictionaries(each)), write)


def bare_append(folder: Path) -> Bare:
    """A commit a table, to a SQLite catalog."""
    folder.mkdir()
    catalog = SqlCatalog("bare", uri=f"sqlite:///{folder}/catalog.db", warehouse=str(folder))
    catalog.create_namespace("bare")
    made = {table: catalog.create_table(("bare", table), tables.iceberg_schema(table)) for table in TABLES}

    def write(prepared: Sequence[tuple[str, list[dict[str, Any]]]]) -> None:
        for table, rows in prepared:
            made[table].append(pa.Table.from_pylist(rows, schema=tables.arrow_schema(table)))

    return Bare(lambda each: list(dictionaries(each)), write)


@contextmanager
def bare_copy(server: str) -> Iterator[Bare]:
    """COPY into tables that have neither keys nor indexes."""
    with psycopg.connect(f"{server}&options=-csearch_path%3Dbare", autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bare")
        for table in TABLES:
            columns = [
                sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(dialects.postgres_type(column)))
                for column in tables.columns(table)
            ]
            connection.execute(
                sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table), sql.SQL(", ").join(columns))
            )

        def prepare(each: Batch) -> list[tuple[str, list[list[Any]]]]:
            return [
                (table, [[_copied(column, row[column.name]) for column in tables.columns(table)] for row in rows])
                for table, rows in dictionaries(each)
            ]

        def write(prepared: Sequence[tuple[str, list[list[Any]]]]) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                for table, rows in prepared:
                    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                        for row in rows:
                            copy.write_row(row)

        yield Bare(prepare, write)


def _copied(column: tables.Column, value: Any) -> Any:
    if value is None:
        return None
    kind = dialects.postgres_type(column)
    return Jsonb(value) if kind == "jsonb" else list(value) if kind == "text[]" else value


if __name__ == "__main__":
    main()
