"""What is the file sinks' own: object stores, versions, rows that a format cannot hold, and what stands in a folder."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import fs, parquet

from pipeline.sinks import open_sink
from pipeline.sinks.base import Row, SinkError
from pipeline.sinks.files import VERSION_FILE
from schemas.records import SCHEMA_VERSION, Article
from tests.pipeline.sinks.test_sinks import batch, expected, read_jsonl, read_parquet, record, rows, write

each_kind = pytest.mark.parametrize("kind", ["jsonl", "parquet"])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryFileSystem:
    """Behind any URI: an object store, in which a folder is but a part of a name."""
    memory = MemoryFileSystem()
    memory.store.clear()
    opened = fs.PyFileSystem(fs.FSSpecHandler(memory))
    found = SimpleNamespace(from_uri=lambda uri: (opened, uri.partition("://")[2]))
    monkeypatch.setattr("pipeline.sinks.files.fs", SimpleNamespace(FileSystem=found, FileSelector=fs.FileSelector))
    return memory


@each_kind
def test_an_object_store_holds_each_row_once(kind: str, store: MemoryFileSystem) -> None:
    for last in (4, 9):
        sink = open_sink(f"{kind}:s3://bucket/news")
        assert sink.uri == f"{kind}:s3://bucket/news"
        assert not sink.write(batch(rows(last)))
        assert not sink.write(batch(rows(9)))
    names = sorted(name for name in store.store if "/articles/" in name)
    assert [name.removeprefix("/bucket/news/articles/").rsplit("-", 2)[0] for name in names] == [
        "day=2026-03-02/w1",
        "day=2026-03-02/w1",
    ]
    if kind == "parquet":
        found = [
            row["capture_id"]
            for name in names
            for row in parquet.read_table(pa.BufferReader(store.cat_file(name))).to_pylist()
        ]
        assert found == expected(rows(9), "articles")


@each_kind
def test_files_are_named_by_what_they_hold_and_nothing_else_is_left(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, batch(rows(2)), batch(rows(4)))
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        VERSION_FILE,
        f"articles/day=2026-03-02/w1-000000000001-000000000004.{kind}",
        f"outcomes/day=2026-03-01/w1-000000000001-000000000002.{kind}",
        f"revisions/day=2026-03-01/w1-000000000001-000000000002.{kind}",
        f"revisions/day=2026-03-01/w1-000000000001-000000000004.{kind}",
    }


@each_kind
def test_a_folder_of_a_newer_schema_is_refused(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path, batch(rows(3)))
    (tmp_path / VERSION_FILE).write_text(f"{SCHEMA_VERSION + 1}\n")
    with pytest.raises(SinkError, match=f"schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
        open_sink(f"{kind}:{tmp_path}")


@pytest.mark.parametrize("kind", ["iceberg", "parquet"])
def test_a_row_that_the_format_cannot_hold_is_refused_and_the_others_are_written(kind: str, tmp_path: Path) -> None:
    large = record("articles", 1)
    assert isinstance(large, Article)
    sink = open_sink(f"{kind}:{tmp_path}")
    one = batch([Row(1, "articles", replace(large, urgency=2**63)), Row(2, "articles", record("articles", 2))])
    (refused,) = sink.write(one)
    assert refused.row.seq == 1
    assert refused.error
    assert not sink.write(batch([Row(3, "articles", record("articles", 3))]))
    (again,) = sink.write(batch([Row(4, "articles", replace(large, urgency=2**63))]))  # and nothing is left of them
    assert again.row.seq == 4
    sink.close()


def test_two_kinds_in_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    for kind in ("jsonl", "parquet"):
        write(kind, tmp_path, batch(rows(9)))
    for table in ("articles", "outcomes"):
        assert len(read_jsonl(tmp_path, table)) == len(read_parquet(tmp_path, table)) == 3


def test_a_file_uri_is_a_folder(tmp_path: Path) -> None:
    sink = open_sink(f"parquet:file://{tmp_path}/a%20b")
    assert sink.uri == f"parquet:{tmp_path}/a b"
    sink.write(batch(rows(3)))
    assert len(read_parquet(tmp_path / "a b", "articles")) == 1
