"""One contract for every sink: what is written twice, in whatever division into batches, is there once."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from pyiceberg.schema import Schema as IcebergSchema

from pipeline import warehouse
from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import Batch, Row, SinkError
from pipeline.sinks.compact import compact
from schemas import ids, tables
from schemas.enums import Change, Origin, OutcomeKind, Stage
from schemas.examples import EXAMPLES
from schemas.records import SCHEMA_VERSION, Article, Delivery, Outcome, Revision
from tests.pipeline.sinks.postgres_server import postgres_server

NOW = dt.datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=dt.UTC)
DELIVERY = Delivery(ingested_at=NOW, batch_id="test-1")
TABLES = ("articles", "revisions", "outcomes")

Reader = Callable[[Path, str], list[dict[str, Any]]]


def record(table: str, number: int) -> Article | Revision | Outcome:
    """A record of `table`; every third one is of the next day."""
    key, moment = f"{number:03d}", NOW + dt.timedelta(days=number % 3 == 0)
    if table == "articles":
        url = f"https://outlet.example/{key}"
        return Article(
            capture_id=key,
            article_id=key,
            content_hash=key,
            observed_at=moment,
            url=url,
            canonical_url=url,
            title="É🎉",
        )
    if table == "revisions":
        return Revision(capture_id=key, judged_seq=0, article_id=key, observed_at=moment, change=Change.UPDATE)
    return Outcome(
        entry_id=key,
        attempt=1,
        origin=Origin.FEED,
        stage=Stage.WRITE,
        outcome=OutcomeKind.PUBLISHED,
        is_terminal=True,
        decided_at=moment,
    )


def rows(count: int) -> list[Row]:
    """`count` rows, the tables mixed."""
    return [Row(seq, TABLES[seq % 3], record(TABLES[seq % 3], seq)) for seq in range(1, count + 1)]


def batch(some: list[Row], writer: str = "w1", delivery: Delivery = DELIVERY) -> Batch:
    return Batch(writer, tuple(some), delivery)


def read_iceberg(folder: Path, table: str) -> list[dict[str, Any]]:
    with warehouse.connect(folder) as connection:
        found: list[dict[str, Any]] = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
        return found


def read_jsonl(folder: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((folder / table).glob("day=*/*.jsonl"))
    assert not list(folder.rglob("*.unfinished"))
    return [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]


def read_postgres(folder: Path, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(in_postgres(folder), row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


SINKS: dict[str, Reader] = {"iceberg": read_iceberg, "jsonl": read_jsonl, "postgresql": read_postgres}
each_sink = pytest.mark.parametrize("kind", SINKS)


def in_postgres(folder: Path) -> str:
    """A schema of its own for each folder."""
    server, schema = postgres_server(), f"s{ids.hash_id('schema', str(folder))}"
    with psycopg.connect(server) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    return f"{server}&options=-csearch_path%3D{schema}"


def uri_of(kind: str, folder: Path) -> str:
    return in_postgres(folder) if kind == "postgresql" else f"{kind}:{folder}"


def write(kind: str, folder: Path, *batches: Batch) -> None:
    sink = open_sink(uri_of(kind, folder))
    for one in batches:
        assert not sink.write(one)
    sink.close()


def keys(kind: str, folder: Path, table: str) -> list[str]:
    key = {"outcomes": "entry_id"}.get(table, "capture_id")
    return sorted(row[key] for row in SINKS[kind](folder, table))


def expected(some: list[Row], table: str) -> list[str]:
    return [f"{row.seq:03d}" for row in some if row.table == table]


@each_sink
def test_a_row_comes_back_as_it_went(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, batch(rows(9)))
    (row,) = (row for row in SINKS[kind](tmp_path, "articles") if row["capture_id"] == "003")
    assert row.pop("batch_id") == "test-1"
    row.pop("ingested_at")
    assert msgspec.convert(row, Article) == record("articles", 3)


EXTREMES = Article(
    capture_id="extreme",
    article_id="extreme",
    content_hash="",
    observed_at=NOW,
    url="https://outlet.example/%F0%9F",
    canonical_url="",
    title='\u202bعنوان\u202c 🎉 \\ "quoted" \t',
    body="line\n\n" + "é" * 500_000,
    published_at=dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    modified_at=dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    authors=("", 'O"Neil, {A}', "NULL"),
    urgency=-(2**63),
)


@each_sink
def test_extremes_and_every_column_come_back(kind: str, tmp_path: Path) -> None:
    written = {**EXAMPLES, "articles": EXTREMES}
    more = [Row(seq, table, row) for seq, (table, row) in enumerate(written.items(), start=1)]
    write(kind, tmp_path, batch([*more, Row(99, "articles", EXAMPLES["articles"])]))
    for table, row in [*written.items(), ("articles", EXAMPLES["articles"])]:
        found = [msgspec.convert(each, tables.TABLES[table].record) for each in SINKS[kind](tmp_path, table)]
        assert row in found


@each_sink
def test_a_batch_written_twice_is_there_once(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, batch(rows(9)), batch(rows(9)))
    write(kind, tmp_path, batch(rows(9)))
    assert {table: keys(kind, tmp_path, table) for table in TABLES} == {
        table: expected(rows(9), table) for table in TABLES
    }


@each_sink
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), max_size=4))
def test_any_division_into_batches_gives_the_same_rows(
    kind: str, tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp(kind)
    everything, reached = rows(12), 0
    batches = []
    for start, length in cuts:
        part = everything[min(start, reached) : min(start, reached) + length]  # never leaves a gap, as an outbox
        batches.append(batch(part))
        reached = max(reached, part[-1].seq)
    batches.append(batch(everything[reached:])) if reached < len(everything) else None
    write(kind, folder, *batches)
    for table in TABLES:
        assert keys(kind, folder, table) == expected(everything, table)


@each_sink
def test_two_writers_do_not_refuse_each_other(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, batch(rows(3), "w1"), batch(rows(6), "w2"))
    # One that has primary keys takes a row that both bring once.
    assert keys(kind, tmp_path, "articles") == (["003", "006"] if kind == "postgresql" else ["003", "003", "006"])


@each_sink
def test_a_crash_between_two_tables_loses_and_doubles_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Batch.by_table

    def interrupted(self: Batch) -> Any:
        for number, part in enumerate(real(self)):
            if number == 1:
                raise KeyboardInterrupt
            yield part

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Batch, "by_table", interrupted)
        write(kind, tmp_path, batch(rows(9)))
    write(kind, tmp_path, batch(rows(12)))
    for table in TABLES:
        assert keys(kind, tmp_path, table) == expected(rows(12), table)


@pytest.mark.parametrize("kind", ["iceberg", "jsonl"])
def test_a_sink_that_cannot_be_opened_says_why(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        open_sink(f"{kind}:{tmp_path}/file/inside")


@pytest.mark.parametrize("uri", ["", "iceberg", "iceberg:", "floppy:a", "wirebeam-data"])
def test_an_unknown_sink_is_named_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(SinkError, match=r"known are iceberg:DIR, jsonl:DIR, postgresql://..."):
        open_sink(uri)


def test_a_warehouse_of_a_newer_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = open_sink(f"iceberg:{tmp_path}")
    monkeypatch.setattr(iceberg, "SCHEMA_VERSION", 0)
    refused = f"table articles has schema version {SCHEMA_VERSION}, this program knows 0"
    with pytest.raises(SinkError, match=refused):
        open_sink(f"iceberg:{tmp_path}")
    with pytest.raises(SinkError, match=refused):  # also if it was changed after it was opened
        sink.write(batch(rows(3)))
    sink.close()


def test_a_table_of_an_earlier_schema_gets_the_columns_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrow_schema, iceberg_schema = tables.arrow_schema, tables.iceberg_schema

    def arrow_before(name: str) -> pa.Schema:
        return pa.schema([field for field in arrow_schema(name) if field.name != "seen_until"])

    def iceberg_before(name: str) -> IcebergSchema:
        return IcebergSchema(*[field for field in iceberg_schema(name).fields if field.name != "seen_until"])

    with monkeypatch.context() as patch:
        patch.setattr(iceberg, "SCHEMA_VERSION", 1)
        patch.setitem(iceberg._PROPERTIES, iceberg.VERSION, "1")
        patch.setattr(tables, "iceberg_schema", iceberg_before)
        patch.setattr(tables, "arrow_schema", arrow_before)
        write("iceberg", tmp_path, batch(rows(3)))
    older = expected(rows(3), "revisions")
    assert read_iceberg(tmp_path, "revisions")[0]["seen_until"] is None  # read before anything is written
    revision = record("revisions", 4)
    assert isinstance(revision, Revision)
    write("iceberg", tmp_path, batch([Row(4, "revisions", replace(revision, seen_until=NOW))]))
    write("iceberg", tmp_path, batch(rows(7)))
    seen_until = {row["capture_id"]: row["seen_until"] for row in read_iceberg(tmp_path, "revisions")}
    assert seen_until == {**dict.fromkeys([*older, "007"]), "004": NOW}
    table = iceberg.open_catalog(tmp_path).load_table((iceberg.NAMESPACE, "revisions"))
    compact(tmp_path, "revisions", table, list(table.scan().plan_files()))  # of files of both
    seen_again = {row["capture_id"]: row["seen_until"] for row in read_iceberg(tmp_path, "revisions")}
    assert seen_again == seen_until
    assert table.properties[iceberg.VERSION] == str(SCHEMA_VERSION)
    assert table.schema().find_field("seen_until").doc


def test_a_reader_beside_the_making_of_a_warehouse_makes_nothing_itself(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / iceberg.CATALOG_FILE).execute("VACUUM").connection.close()  # a file, and no table yet
    with pytest.raises(warehouse.WarehouseError, match="not complete, it lacks articles"):
        warehouse.connect(tmp_path)
    write("iceberg", tmp_path, batch(rows(3)))
    assert keys("iceberg", tmp_path, "articles") == ["003"]


def test_reading_where_nothing_was_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(warehouse.WarehouseError, match="no warehouse here yet"):
        warehouse.connect(tmp_path)
