"""What every older version of the tables has left is opened, read, written to and maintained by this one."""

import datetime as dt
import tarfile
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from pipeline import warehouse
from pipeline.formats import Dialect
from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.sinks.compact import maintain_warehouse
from pipeline.views import views
from schemas import tables
from schemas.examples import EXAMPLES
from schemas.records import SCHEMA_VERSION, Delivery
from schemas.tables import TABLES
from tests.pipeline.sinks.older import make

OLDER = Path(make.__file__).parent
each_version = pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
DELIVERED = 2 * len(TABLES)  # the last sequence number of an older directory


def unpacked(version: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(OLDER / f"v{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    monkeypatch.chdir(folder)  # see make.py


def now_written(uri: str) -> None:
    """What was delivered before, in another division, and a row of every table that has all columns."""
    sink = open_sink(uri)
    assert not sink.write(make.batch(1))
    fresh = [Row(DELIVERED + place, table, row) for place, (table, row) in enumerate(EXAMPLES.items(), start=1)]
    moment = make.NOW + dt.timedelta(days=2)
    old = make.batch(0).rows[-2:]
    assert not sink.write(Batch(make.WRITER, (*old, *fresh), Delivery(ingested_at=moment, batch_id="now")))
    sink.close()


def assert_complete(connection: duckdb.DuckDBPyConnection) -> None:
    """Each table has the two older rows and the new one, and every view answers."""
    for name, table in TABLES.items():
        found = connection.sql(f"SELECT * FROM {name} ORDER BY ingested_at").to_arrow_table().to_pylist()
        records = [_record(row, table.record) for row in found]
        assert records[-1] == EXAMPLES[name]
        written = [record for number in range(2) for record in make.records(number) if type(record) is table.record]
        assert [_known(record) for record in records[:-1]] == [_known(record) for record in written]
    for view in views(Dialect.DUCKDB):
        connection.sql(f"SELECT * FROM {view}").fetchall()
    assert {row[0] for row in connection.sql("SELECT article_id FROM latest").fetchall()} >= {"a0000", "a0001"}


def _record(row: dict[str, Any], kind: type[Any]) -> Any:
    return msgspec.convert({name: value for name, value in row.items() if value is not None}, kind, strict=False)


def _known(record: Any) -> dict[str, Any]:
    """But for the version that wrote it: today's record has today's by default."""
    return {**tables.plain(record), "schema_version": None}


@each_version
def test_a_warehouse(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked(version, tmp_path, monkeypatch)
    folder = tmp_path / "iceberg"
    with warehouse.connect(folder) as connection:  # before anything has been migrated
        assert connection.sql("SELECT count(*) FROM latest").fetchall() == [(2,)]
        assert connection.sql("SELECT DISTINCT schema_version FROM articles").fetchall() == [(version,)]
    now_written(f"iceberg:{folder}")
    with warehouse.connect(folder) as connection:
        assert_complete(connection)
    catalog = iceberg.open_catalog(folder)
    for name in TABLES:
        table = catalog.load_table((iceberg.NAMESPACE, name))
        assert table.properties[iceberg.VERSION] == str(SCHEMA_VERSION)
        assert len(table.sort_order().fields) == len(iceberg.sorted_by(name))
        assert {field.name: field.doc for field in table.schema().fields} == {
            field.name: field.doc for field in tables.iceberg_schema(name).fields
        }
    catalog.close()


@each_version
def test_files_of_both_are_compacted_into_one(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked(version, tmp_path, monkeypatch)
    folder = tmp_path / "iceberg"
    monkeypatch.setattr("pipeline.sinks.compact.FEWEST", 2)
    now_written(f"iceberg:{folder}")
    reports = maintain_warehouse(folder, dt.datetime.now(dt.UTC))
    assert all(report.files_after < report.files_before for report in reports if report.table != "polls")
    with warehouse.connect(folder) as connection:
        assert_complete(connection)


@each_version
def test_files(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked(version, tmp_path, monkeypatch)
    for kind in {1: ["jsonl"]}.get(version, ["jsonl", "parquet"]):
        now_written(f"{kind}:{tmp_path / kind}")
        with connected(tmp_path / kind) as connection:
            assert_complete(connection)


def connected(folder: Path) -> duckdb.DuckDBPyConnection:
    """The tables in a folder of files, and the views over them."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        connection.register(f"{name}_empty", tables.arrow_schema(name).empty_table())
        files = f"read_parquet('{folder}/{name}/*/*.parquet', union_by_name = true, hive_partitioning = false)"
        if folder.name == "jsonl":  # which has bytes as base64
            types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name}_empty)").fetchall())
            as_text = {column: "VARCHAR" if kind == "BLOB" else kind for column, kind in types.items()}
            files = f"read_json('{folder}/{name}/*/*.jsonl', columns = {as_text}, hive_partitioning = false)"
            blobs = ", ".join(f"from_base64({column}) AS {column}" for column in types if types[column] == "BLOB")
            files = f"(SELECT * REPLACE ({blobs}) FROM {files})" if blobs else files
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {name}_empty UNION ALL BY NAME SELECT * FROM {files}")
    for name, query in views(Dialect.DUCKDB).items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


@each_version
def test_every_older_version_is_kept(version: int) -> None:
    assert (OLDER / f"v{version}.tar.xz").stat().st_size < 100_000
