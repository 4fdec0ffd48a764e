"""One contract for every sink: what is written twice, in whatever division into batches, is there once."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import warehouse
from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import Batch, Row, SinkError
from schemas.enums import Change, Origin, OutcomeKind, Stage
from schemas.records import Article, Delivery, Outcome, Revision

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


SINKS: dict[str, Reader] = {"iceberg": read_iceberg, "jsonl": read_jsonl}
each_sink = pytest.mark.parametrize("kind", SINKS)


def write(kind: str, folder: Path, *batches: Batch) -> None:
    sink = open_sink(f"{kind}:{folder}")
    for one in batches:
        sink.write(one)
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
    assert keys(kind, tmp_path, "articles") == ["003", "003", "006"]


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


@each_sink
def test_a_sink_that_cannot_be_opened_says_why(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        open_sink(f"{kind}:{tmp_path}/file/inside")


@pytest.mark.parametrize("uri", ["", "iceberg", "iceberg:", "floppy:a", "wirebeam-data"])
def test_an_unknown_sink_is_named_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(SinkError, match=r"known are iceberg:DIR, jsonl:DIR"):
        open_sink(uri)


def test_a_warehouse_of_a_newer_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("iceberg", tmp_path, batch(rows(3)))
    monkeypatch.setattr(iceberg, "SCHEMA_VERSION", 0)
    with pytest.raises(SinkError, match="schema version 1, this program knows 0"):
        open_sink(f"iceberg:{tmp_path}")


def test_a_reader_beside_the_making_of_a_warehouse_makes_nothing_itself(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / iceberg.CATALOG_FILE).execute("VACUUM").connection.close()  # a file, and no table yet
    with pytest.raises(warehouse.WarehouseError, match="not complete, it lacks articles"):
        warehouse.connect(tmp_path)
    write("iceberg", tmp_path, batch(rows(3)))
    assert keys("iceberg", tmp_path, "articles") == ["003"]


def test_reading_where_nothing_was_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(warehouse.WarehouseError, match="no warehouse here yet"):
        warehouse.connect(tmp_path)
