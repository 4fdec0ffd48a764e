"""One contract for every sink: what is written twice, in whatever division into batches, is there once."""

import datetime as dt
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import Mock

import msgspec
import psycopg
import pyiceberg.catalog
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from pyarrow import parquet

from pipeline import deliver, sinks, warehouse
from pipeline.metrics import Metrics
from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import Batch, Row, SinkError, of_cluster
from pipeline.state import State
from schemas import ids, tables
from schemas.enums import Change, Origin, OutcomeKind, Stage
from schemas.examples import EXAMPLES
from schemas.records import SCHEMA_VERSION, Article, Delivery, Feed, Outcome, Revision
from tests.pipeline.sinks.bigquery_server import in_bigquery, read_bigquery
from tests.pipeline.sinks.postgres_server import postgres_server
from tests.pipeline.sinks.pubsub_server import in_pubsub, read_pubsub

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


def read_catalog(folder: Path, table: str) -> list[dict[str, Any]]:
    with warehouse.connect(in_catalog(folder)) as connection:
        found: list[dict[str, Any]] = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
        return found


def read_parquet(folder: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((folder / table).glob("day=*/*.parquet"))
    return [row for file in files for row in parquet.read_table(file, partitioning=None).to_pylist()]


def read_jsonl(folder: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((folder / table).glob("day=*/*.jsonl"))
    return [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]


def read_postgres(folder: Path, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(in_postgres(folder), row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


SINKS: dict[str, Reader] = {
    "iceberg": read_iceberg,
    "catalog": read_catalog,
    "parquet": read_parquet,
    "jsonl": read_jsonl,
    "postgresql": read_postgres,
    "bigquery": read_bigquery,
    "pubsub": read_pubsub,
}
each_sink = pytest.mark.parametrize("kind", SINKS)


def in_postgres(folder: Path) -> str:
    """A schema of its own for each folder."""
    server, schema = postgres_server(), f"s{ids.hash_id('schema', str(folder))}"
    with psycopg.connect(server) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    return f"{server}&options=-csearch_path%3D{schema}"


def in_catalog(folder: Path) -> iceberg.NamedCatalog:
    """A shared SQL catalog, by a name of its own for each folder; as PyIceberg's configuration file would have it."""
    name = ids.hash_id("catalog", str(folder))
    pyiceberg.catalog._ENV_CONFIG.config.setdefault("catalog", {})[name] = {  # type: ignore[index]  # it is a mapping
        "type": "sql",
        "uri": in_postgres(folder).replace("postgresql:", "postgresql+psycopg:"),
        "warehouse": str(folder / "shared"),
    }
    return iceberg.NamedCatalog(name)


def uri_of(kind: str, folder: Path) -> str:
    if kind == "catalog":
        return f"iceberg:{in_catalog(folder)}"
    own = {"postgresql": in_postgres, "bigquery": in_bigquery, "pubsub": in_pubsub}.get(kind)
    return own(folder) if own else f"{kind}:{folder}"


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
    # One that has primary keys takes a row that both bring once, and a reader of Pub/Sub folds it.
    once = kind in {"postgresql", "pubsub"}
    assert keys(kind, tmp_path, "articles") == (["003", "006"] if once else ["003", "003", "006"])


def of_job(first: int, last: int) -> Batch:
    """A cluster's batch of the rows with these numbers."""
    return of_cluster([row.record for row in rows(last)[first - 1 :]], NOW)


def test_a_cluster_s_batch_is_named_by_its_rows_in_whatever_order() -> None:
    records = [row.record for row in rows(9)]
    assert of_cluster(records, NOW) == of_cluster(records[::-1], NOW)
    later = of_cluster(records, NOW + dt.timedelta(days=1))
    assert later.delivery.batch_id == of_job(1, 9).delivery.batch_id
    assert len({of_job(1, 9).delivery.batch_id, of_job(1, 8).delivery.batch_id, of_job(2, 9).delivery.batch_id}) == 3


@each_sink
def test_a_cluster_s_batch_written_twice_is_there_once(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, of_job(1, 6), of_job(7, 9), of_job(1, 6))
    write(kind, tmp_path, of_job(1, 6))
    for table in TABLES:
        assert keys(kind, tmp_path, table) == expected(rows(9), table)


@each_sink
def test_a_cluster_s_rows_in_another_division_are_all_there(kind: str, tmp_path: Path) -> None:
    """Twice at most, and where rows have keys of their own once: the views take distinct keys."""
    write(kind, tmp_path, of_job(1, 6), of_job(4, 9), of_job(1, 9))
    for table in TABLES:
        found = keys(kind, tmp_path, table)
        assert sorted(set(found)) == expected(rows(9), table)
        if kind in {"postgresql", "pubsub"}:
            assert found == expected(rows(9), table)


@each_sink
def test_a_cluster_leaves_no_mark_that_grows(kind: str, tmp_path: Path) -> None:
    """Beside a writer that counts, neither refuses the other's rows."""
    write(kind, tmp_path, batch(rows(3)), of_job(4, 6), batch(rows(9)))
    for table in TABLES:
        assert set(keys(kind, tmp_path, table)) == set(expected(rows(9), table))


@pytest.mark.parametrize("kind", [kind for kind in SINKS if kind != "pubsub"])  # which takes rows one by one
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


class CrashAt:
    """A trace function that interrupts the program before the n-th line that it passes in the sinks' own code."""

    FOLDER = str(Path(sinks.__file__).parent)

    def __init__(self, line: int | None) -> None:
        self.line = line
        self.passed = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> "CrashAt | None":
        if not frame.f_code.co_filename.startswith(self.FOLDER):
            return None
        if event == "line":
            self.passed += 1
            if self.passed == self.line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


CRASHES = 20  # of one sink, at even distances; each costs Iceberg some commits


@each_sink
def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(kind: str, tmp_path: Path) -> None:
    whole = CrashAt(None)
    write(kind, tmp_path, batch(rows(3)))
    traced_write(kind, tmp_path, 6, whole)
    last = 6
    for line in range(1, whole.passed + 1, max(1, whole.passed // CRASHES)):
        with pytest.raises(KeyboardInterrupt):
            traced_write(kind, tmp_path, last + 3, CrashAt(line))
        write(kind, tmp_path, batch(rows(last + 5)[last:]))  # the same and more
        write(kind, tmp_path, batch(rows(last + 6)[last + 1 :]))
        last += 6
    for table in TABLES:
        assert keys(kind, tmp_path, table) == expected(rows(last), table)


def traced_write(kind: str, folder: Path, last: int, trace: CrashAt) -> None:
    """Write the three rows up to `last`."""
    sink = open_sink(uri_of(kind, folder))
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        sink.write(batch(rows(last)[-3:]))
    finally:
        sys.settrace(before)
        sink.close()


@each_sink
def test_writers_at_once_lose_and_double_nothing(kind: str, tmp_path: Path) -> None:
    uri, faults = uri_of(kind, tmp_path), []

    def deliver_all(writer: str, some: list[Row]) -> None:
        try:
            sink = open_sink(uri)
            for start in range(0, len(some), 3):
                sink.write(batch(some[max(0, start - 3) : start + 3], writer))
            sink.close()
        except BaseException as error:
            faults.append(error)
            raise

    every = rows(48)
    threads = [threading.Thread(target=deliver_all, args=(f"w{part}", every[part::2])) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    for table in TABLES:
        assert keys(kind, tmp_path, table) == expected(every, table)


@each_sink
def test_what_an_incremental_reader_filters_on_never_goes_back(kind: str, tmp_path: Path) -> None:
    """Through restarts of the run, and a clock that is set back."""
    moments = [NOW, NOW - dt.timedelta(days=1), NOW + dt.timedelta(seconds=1), NOW]
    last_seen: tuple[dt.datetime, str] = (NOW - dt.timedelta(days=9), "")
    seen: set[str] = set()
    for number, moment in enumerate(moments):
        state = State(tmp_path)
        sink = open_sink(uri_of(kind, tmp_path / "out"))
        state.set_feeds([(Feed(feed_id=f"{number}-{each}", valid_from=moment, url=""), "") for each in "ab"])
        deliver.deliver(state, sink, Metrics(), Mock(return_value=moment))
        sink.close()
        state.close()
        fresh = [row for row in SINKS[kind](tmp_path / "out", "feeds") if row["batch_id"] not in seen]
        assert fresh
        marks = [(stamp(row["ingested_at"]), row["batch_id"]) for row in fresh]
        assert min(mark[0] for mark in marks) >= last_seen[0]
        assert min(mark[1] for mark in marks) > last_seen[1]
        last_seen = max(marks)
        seen |= {row["batch_id"] for row in fresh}


def stamp(value: dt.datetime | str) -> dt.datetime:
    """A time as a sink gives it back."""
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


MANY = 100_000


@each_sink
def test_many_rows(kind: str, tmp_path: Path) -> None:
    many = MANY // 10 if kind == "pubsub" else MANY  # its emulator's time grows with the square
    every = [Row(seq, "outcomes", record("outcomes", seq)) for seq in range(1, many + 1)]
    write(kind, tmp_path, *[batch(every[start : start + 20_000]) for start in range(0, many, 20_000)])
    assert sorted(int(key) for key in keys(kind, tmp_path, "outcomes")) == list(range(1, many + 1))


@pytest.mark.parametrize("kind", ["iceberg", "jsonl", "parquet"])
def test_a_sink_that_cannot_be_opened_says_why(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        open_sink(f"{kind}:{tmp_path}/file/inside")


@pytest.mark.parametrize("uri", ["", "iceberg", "iceberg:", "floppy:a", "wirebeam-data"])
def test_an_unknown_sink_is_named_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(SinkError, match=r"known are iceberg:DIR, parquet:DIR, jsonl:DIR, postgresql://..."):
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


def test_a_reader_beside_the_making_of_a_warehouse_makes_nothing_itself(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / iceberg.CATALOG_FILE).execute("VACUUM").connection.close()  # a file, and no table yet
    with pytest.raises(warehouse.WarehouseError, match="not complete, it lacks articles"):
        warehouse.connect(tmp_path)
    write("iceberg", tmp_path, batch(rows(3)))
    assert keys("iceberg", tmp_path, "articles") == ["003"]


def test_reading_where_nothing_was_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(warehouse.WarehouseError, match="no warehouse here yet"):
        warehouse.connect(tmp_path)
