"""A table or view as a file: the same rows in every format, whole or not at all."""

import csv
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import export as exporting
from pipeline.export import export
from pipeline.formats import FileFormat
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.warehouse import WarehouseError
from schemas.examples import EXAMPLES
from schemas.records import Article, Delivery
from schemas.tables import arrow_schema

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ROWS = 5_000  # more than one batch
WORDS = 'Zürich 🎉 "so", said\nthe \u202bعنوان\u202c'


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    example = EXAMPLES["articles"]
    assert isinstance(example, Article)
    rows = tuple(
        Row(seq, "articles", replace(example, capture_id=f"{seq:05}", article_id=f"{seq:05}", title=WORDS))
        for seq in range(1, ROWS + 1)
    )
    sink = open_sink(f"iceberg:{folder}")
    sink.write(Batch("test", rows, Delivery(ingested_at=NOW, batch_id="b")))
    letter = EXAMPLES["dead_letters"]
    sink.write(Batch("test", (Row(ROWS + 1, "dead_letters", letter),), Delivery(ingested_at=NOW, batch_id="b")))
    sink.close()
    return folder


def read_arrow(path: Path) -> list[dict[str, Any]]:
    with pa.ipc.open_file(path) as reader:
        rows: list[dict[str, Any]] = reader.read_all().to_pylist()
    return rows


def read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_parquet(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


READERS: dict[FileFormat, Callable[[Path], list[dict[str, Any]]]] = {
    FileFormat.PARQUET: read_parquet,
    FileFormat.ARROW: read_arrow,
    FileFormat.JSONL: lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    FileFormat.CSV: read_csv,
}


@pytest.mark.parametrize("name", ["articles", "latest"])
@pytest.mark.parametrize("form", FileFormat)
def test_every_row_is_there_in_every_format(form: FileFormat, name: str, filled: Path, tmp_path: Path) -> None:
    to = tmp_path / f"file.{form}"
    assert export(filled, name, to, form) == ROWS
    rows = sorted(READERS[form](to), key=lambda row: str(row["capture_id"]))
    assert [row["capture_id"] for row in rows] == [f"{seq:05}" for seq in range(1, ROWS + 1)]
    assert {row["title"] for row in rows} == {WORDS}
    entities = rows[0]["entities"]
    assert (json.loads(entities) if form is FileFormat.CSV else entities)[0]["name"] == "Piraeus"
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


def test_types_stay_in_parquet(filled: Path, tmp_path: Path) -> None:
    export(filled, "articles", tmp_path / "file", FileFormat.PARQUET)
    found, expected = pq.read_schema(tmp_path / "file"), arrow_schema("articles")
    assert found.names == expected.names
    for name in ("observed_at", "published_suspect", "word_count", "title"):
        assert found.field(name).type == expected.field(name).type


def test_bytes_are_base64_in_csv(filled: Path, tmp_path: Path) -> None:
    export(filled, "dead_letters", tmp_path / "file", FileFormat.CSV)
    assert read_csv(tmp_path / "file")[0]["raw"] == "gqVlbnRyeYU="


@pytest.mark.parametrize("form", FileFormat)
def test_a_view_without_rows_is_a_file_too(form: FileFormat, filled: Path, tmp_path: Path) -> None:
    assert export(filled, "copies", tmp_path / "file", form) == 0
    assert READERS[form](tmp_path / "file") == []


def test_what_fails_on_the_way_leaves_what_was_there(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("before")

    def fail(file: Any, reader: Any) -> int:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exporting._WRITERS, FileFormat.CSV, fail)
    with pytest.raises(OSError, match="No space"):
        export(filled, "articles", tmp_path / "file", FileFormat.CSV)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


def test_without_a_warehouse_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(WarehouseError):
        export(tmp_path / "none", "articles", tmp_path / "out" / "file", FileFormat.CSV)
    assert list((tmp_path / "out").iterdir()) == []
