"""Compaction: the same rows in fewer files, whatever happens beside it or in the middle of it."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from pyiceberg.table import Table as IcebergTable

from pipeline import warehouse
from pipeline.sinks import compact, iceberg, open_sink
from pipeline.sinks.base import Batch, Row, Sink
from pipeline.sinks.compact import GRACE, CompactError, TableReport, maintain_warehouse
from schemas import enums
from schemas.records import (
    Article,
    Caption,
    DeadLetter,
    Delivery,
    Entity,
    Feed,
    Link,
    Mention,
    Outcome,
    Poll,
    Revision,
)
from schemas.tables import TABLES

# Snapshots bear the time at which they are made, so this is about the present.
NOW = dt.datetime.now(dt.UTC).replace(hour=12)
YESTERDAY = NOW - dt.timedelta(days=1)


def records(number: int, moment: dt.datetime) -> Sequence[Any]:
    """A row of every table, of one time."""
    key, url = f"{number:04d}", f"https://outlet.example/{number}"
    moment += dt.timedelta(microseconds=number)
    return [
        Article(
            capture_id=key,
            article_id=f"{number % 5}",
            content_hash=key,
            observed_at=moment,
            url=url,
            canonical_url=url,
            title="É🎉",
            body="It rained.\n\n" * (number % 3),
            captions=(Caption(text="A bridge", credit=None),) * (number % 2),
            entities=(
                Entity(
                    key="k",
                    name="Ann",
                    type=enums.EntityType.PERSON,
                    mentions=(Mention(field=enums.MentionField.BODY, start=0, end=2, text="It"),) * number,
                ),
            ),
        ),
        Revision(capture_id=key, judged_seq=0, article_id=f"{number % 5}", observed_at=moment),
        Link(
            copy_id=key,
            original_id="0",
            judged_seq=0,
            observed_at=moment,
            kind=enums.LinkKind.EXCERPT,
            similarity=0.5,
            containment=1.0,
            evidence=("shingles",),
        ),
        Outcome(
            entry_id=key,
            attempt=1,
            origin=enums.Origin.FEED,
            stage=enums.Stage.WRITE,
            outcome=enums.OutcomeKind.PUBLISHED,
            is_terminal=True,
            decided_at=moment,
        ),
        Poll(feed_id=key, polled_at=moment, url=url, status=enums.PollStatus.OK),
        Feed(feed_id=key, valid_from=moment, url=url),
        DeadLetter(id=key, stage=enums.Stage.TAG, reason=enums.Reason.BUG, died_at=moment, raw=b"\x00\xff"),
    ]


def batch(number: int, moment: dt.datetime = YESTERDAY, count: int = 1) -> Batch:
    """The rows of the first `count` tables."""
    rows = zip(enumerate(records(number, moment)[:count], start=10 * number), TABLES, strict=False)
    delivery = Delivery(ingested_at=moment, batch_id=f"w-{number}")
    return Batch("w", tuple(Row(seq, table, record) for (seq, record), table in rows), delivery)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small numbers, for small tests."""
    monkeypatch.setattr(compact, "FEWEST", 3)
    monkeypatch.setattr(compact, "FEWEST_TODAY", 6)
    monkeypatch.setattr(iceberg, "SNAPSHOTS_KEPT", 2)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A warehouse with four small files of yesterday in one table."""
    opened = open_sink(f"iceberg:{tmp_path / 'ware house'}")
    for no in range(1, 5):
        opened.write(batch(no))
    yield opened
    opened.close()


@pytest.fixture
def folder(sink: Sink, tmp_path: Path) -> Path:
    return tmp_path / "ware house"


def rows_of(folder: Path, table: str = "articles") -> pa.Table:
    with warehouse.connect(folder) as connection:
        return connection.sql(f"SELECT * FROM {table} ORDER BY ALL").to_arrow_table()


def articles(folder: Path, now: dt.datetime = NOW) -> TableReport:
    """Maintain, and say what was done with the table that has rows."""
    return maintain_warehouse(folder, now)[0]


def test_every_row_of_every_table_is_the_same_in_fewer_files(tmp_path: Path) -> None:
    sink = open_sink(f"iceberg:{tmp_path}")
    for no in range(1, 4):
        sink.write(batch(no, count=len(TABLES)))
    before = {name: rows_of(tmp_path, name) for name in TABLES}
    reports = maintain_warehouse(tmp_path, NOW)
    assert [(one.table, one.files_before, one.files_after) for one in reports] == [(name, 3, 1) for name in TABLES]
    assert {name: rows_of(tmp_path, name) for name in TABLES} == before
    sink.write(batch(3, count=len(TABLES)))  # what was delivered is still refused
    sink.close()
    assert {name: rows_of(tmp_path, name) for name in TABLES} == before


def test_rows_are_sorted_by_article_and_time(folder: Path) -> None:
    report = articles(folder)
    assert report.bytes_after < report.bytes_before
    (file,) = (folder / "wirebeam" / "articles" / "data").rglob("compacted-*.parquet")
    written = parquet.read_table(file, columns=["article_id", "observed_at"]).to_pylist()
    assert len(written) == 4
    assert written == sorted(written, key=lambda row: (row["article_id"], row["observed_at"]))


def test_a_dry_run_says_the_same_and_changes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    (expected, *_) = maintain_warehouse(folder, NOW, is_dry_run=True)
    assert set(folder.rglob("*")) - set(before) == {folder / "maintenance.lock"}
    done = articles(folder)
    assert (expected.files_before, expected.files_after) == (done.files_before, done.files_after) == (4, 1)


def test_the_present_day_waits_for_more_files(folder: Path, sink: Sink) -> None:
    for no in range(5, 10):
        sink.write(batch(no, NOW))
    assert articles(folder).files_after == 1 + 5
    sink.write(batch(10, NOW))
    assert articles(folder).files_after == 1 + 1


def test_what_is_in_memory_together_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "TOGETHER_ROWS", 3)
    monkeypatch.setattr(compact, "SMALL_SHARE", 1)
    before = rows_of(folder)
    assert articles(folder).files_after == 2
    assert articles(folder).files_after == 2
    assert rows_of(folder) == before


def test_replaced_files_go_an_hour_after_they_were_first_seen(folder: Path) -> None:
    later = NOW + dt.timedelta(days=2)  # the snapshots are older than a day by then
    before = rows_of(folder)
    with warehouse.connect(folder) as planned_before:
        assert articles(folder, later).files_deleted == 0
        assert articles(folder, later + GRACE - dt.timedelta(microseconds=1)).files_deleted == 0
        assert planned_before.execute("SELECT count(*) FROM articles").fetchall() == [(4,)]
    assert articles(folder, later + GRACE).files_deleted >= 4
    assert len(list((folder / "wirebeam" / "articles" / "data").rglob("*.parquet"))) == 1
    assert articles(folder, later + 2 * GRACE).files_deleted == 0
    assert rows_of(folder) == before


def test_snapshots_that_are_kept_can_be_read(folder: Path) -> None:
    catalog = iceberg.open_catalog(folder)
    table = catalog.load_table("wirebeam.articles")
    table.manage_snapshots().create_tag(table.snapshots()[-2].snapshot_id, "monday").commit()
    for hours in (0, 48, 50, 52):
        articles(folder, NOW + dt.timedelta(hours=hours))
    table.refresh()
    assert [table.scan(snapshot_id=each.snapshot_id).to_arrow().num_rows for each in table.snapshots()] == [3, 4]
    catalog.close()


def test_a_table_holds_a_bounded_number_of_snapshots(folder: Path, sink: Sink) -> None:
    catalog = iceberg.open_catalog(folder)
    table = catalog.load_table("wirebeam.articles")
    for no in range(5, 10):
        sink.write(batch(no))
        assert 2 <= len(table.refresh().snapshots()) <= 3
    catalog.close()


def test_files_that_are_no_part_of_a_table_stay(folder: Path) -> None:
    stranger = folder / "wirebeam" / "articles" / "data" / "notes.txt"
    stranger.write_text("mine")
    for hours in (0, 48, 50):
        articles(folder, NOW + dt.timedelta(hours=hours))
    assert stranger.read_text() == "mine"


def test_where_a_file_is_missing_none_is_deleted(folder: Path) -> None:
    articles(folder, NOW + dt.timedelta(days=2))
    (file,) = (folder / "wirebeam" / "articles" / "data").rglob("compacted-*.parquet")
    file.rename(folder / "elsewhere.parquet")
    before = sorted(folder.rglob("*.parquet"))
    with pytest.raises(CompactError, match="1 files of the table are missing"):
        maintain_warehouse(folder, NOW + dt.timedelta(days=3))
    assert sorted(folder.rglob("*.parquet")) == before


# In the order in which they come; where is_after is true, the step itself is done.
STEPS: list[tuple[object, str, bool]] = [
    (compact, "_verify", False),
    (compact, "parquet_file_to_data_file", False),
    (compact, "writer_lock", False),
    (compact, "drop_old_snapshots", False),
    (IcebergTable, "_do_commit", False),
    (IcebergTable, "_do_commit", True),
    (compact, "sweep", False),
    (compact, "named_files", False),
    (Path, "unlink", False),
    (Path, "unlink", True),
    (compact, "_write_unnamed", False),
]


def test_a_crash_between_any_two_steps_loses_nothing(folder: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    now, no = NOW + dt.timedelta(days=2), 4
    articles(folder, now)  # there is something to delete from now on
    for owner, name, is_after in STEPS:
        no += 2
        sink.write(batch(no - 1))
        sink.write(batch(no))
        now += GRACE
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(owner, name, bomb(getattr(owner, name), is_after=is_after))
            articles(folder, now)
        sink.write(batch(no))
        assert rows_of(folder)["batch_id"].to_pylist() == [f"w-{each}" for each in range(1, no + 1)], name
    assert articles(folder, now).files_after == 1
    assert len(rows_of(folder)) == no


def bomb(real: Callable[..., Any], *, is_after: bool) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_after:
            real(*args, **kwargs)
        raise KeyboardInterrupt

    return call


def test_what_is_written_meanwhile_is_kept(folder: Path, sink: Sink) -> None:
    def write() -> None:
        for no in range(5, 25):
            sink.write(batch(no))

    writer = threading.Thread(target=write)
    writer.start()
    rounds = 0
    while writer.is_alive():
        articles(folder, NOW + rounds * GRACE)
        rounds += 1
    writer.join()
    assert rows_of(folder)["batch_id"].to_pylist() == [f"w-{no}" for no in range(1, 25)]


def test_only_one_maintains_a_warehouse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    def second(*_args: Any) -> dict[str, dt.datetime]:
        with pytest.raises(CompactError, match="another maintenance"):
            maintain_warehouse(folder, NOW)
        refused.append(True)
        return {}

    monkeypatch.setattr(compact, "_read_unnamed", second)
    maintain_warehouse(folder, NOW)
    assert refused


def test_a_rewrite_that_lost_a_row_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = parquet.write_table

    def lossy(rows: pa.Table, *args: Any, **kwargs: Any) -> None:
        real(rows.slice(1), *args, **kwargs)

    before = rows_of(folder)
    monkeypatch.setattr(parquet, "write_table", lossy)
    with pytest.raises(CompactError, match="does not hold the rows"):
        maintain_warehouse(folder, NOW)
    monkeypatch.undo()
    assert rows_of(folder) == before
