"""What is Iceberg's own: commits of others in between, shared catalogs, and the order that a table declares."""

from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import Table as IcebergTable

from pipeline import warehouse
from pipeline.sinks import iceberg, open_sink
from pipeline.sinks.base import SinkError
from schemas.tables import TABLES
from tests.pipeline.sinks.test_sinks import batch, expected, in_catalog, keys, read_catalog, rows, uri_of, write


def test_the_same_rows_brought_by_two_at_once_are_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second commits after the first has read how far the table is, and before it commits."""
    first, second = (open_sink(uri_of("catalog", tmp_path)) for _ in range(2))
    real = IcebergTable._do_commit
    is_nested: list[bool] = []

    def commit(self: IcebergTable, *args: Any, **kwargs: Any) -> None:
        if not is_nested:
            is_nested.append(True)
            second.write(batch(rows(9)))
        real(self, *args, **kwargs)

    monkeypatch.setattr(IcebergTable, "_do_commit", commit)
    first.write(batch(rows(12)))
    for table in ("articles", "revisions", "outcomes"):
        assert keys("catalog", tmp_path, table) == expected(rows(12), table)
    first.close()
    second.close()


def test_a_commit_that_landed_though_its_answer_was_lost_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = open_sink(uri_of("catalog", tmp_path))
    real = IcebergTable._do_commit

    def lost(self: IcebergTable, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        raise ConnectionError("no answer")

    with monkeypatch.context() as patch, pytest.raises(SinkError, match="no answer"):
        patch.setattr(IcebergTable, "_do_commit", lost)
        sink.write(batch(rows(3)))
    sink.write(batch(rows(6)))
    sink.close()
    assert keys("catalog", tmp_path, "articles") == expected(rows(6), "articles")


def test_others_may_go_on_trying_again(tmp_path: Path) -> None:
    write("catalog", tmp_path, batch(rows(3)))
    catalog = iceberg.open_catalog(in_catalog(tmp_path))
    assert not [key for key in catalog.load_table("wirebeam.articles").properties if key.startswith("commit.retry")]
    catalog.close()


def test_every_table_declares_its_order(tmp_path: Path) -> None:
    write("iceberg", tmp_path, batch(rows(3)))
    catalog = iceberg.open_catalog(tmp_path)
    for name in TABLES:
        table = catalog.load_table((iceberg.NAMESPACE, name))
        columns = tuple(table.schema().find_column_name(field.source_id) for field in table.sort_order().fields)
        assert columns == iceberg.sorted_by(name)
    catalog.close()


def test_files_in_an_object_store_are_read_through_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("catalog", tmp_path, batch(rows(9)))
    before = read_catalog(tmp_path, "articles")
    monkeypatch.setattr(warehouse, "_LOCAL", ("none", ""))
    assert read_catalog(tmp_path, "articles") == before
    with warehouse.connect(in_catalog(tmp_path)) as connection:
        assert connection.sql("SELECT count(*) FROM latest WHERE title LIKE 'É%'").fetchall() == [(3,)]


def test_a_catalog_that_nobody_has_described_says_so(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="PYICEBERG_CATALOG__NOWHERE__URI"):
        open_sink("iceberg:catalog=nowhere")
    with pytest.raises(warehouse.WarehouseError, match="PYICEBERG_CATALOG__NOWHERE__URI"):
        warehouse.connect(iceberg.place_of("catalog=nowhere"))
    with pytest.raises(warehouse.WarehouseError, match="does not exist"):
        warehouse.connect(in_catalog(tmp_path))
