"""Reading the Iceberg warehouse with DuckDB: the tables, and the views over them.

PyIceberg plans which files make up each table, and DuckDB reads them: no extension is downloaded, filters reach the
files, and a run that is writing meanwhile disturbs nobody, since a planned file never changes.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
from pyiceberg.table import Table as IcebergTable

from pipeline.sinks.iceberg import CATALOG_FILE, NAMESPACE, open_catalog
from pipeline.views import VIEWS
from schemas import tables

BUSY_TIMEOUT_S = 30.0  # for which a commit to the catalog is waited


class WarehouseError(Exception):
    """The warehouse cannot be read; the message says why, for a person."""


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that sees the warehouse in `folder` as it is now: every table, and the views over them.

    Raises:
        WarehouseError: there is no warehouse in `folder`.
    """
    if not (folder / CATALOG_FILE).is_file():
        raise WarehouseError(f"{folder}: no warehouse here yet; `wirebeam run` makes one")
    if missing := tables.TABLES.keys() - _known_tables(folder / CATALOG_FILE):
        raise WarehouseError(f"{folder}: the warehouse is not complete, it lacks {', '.join(sorted(missing))}")
    catalog = open_catalog(folder)
    try:
        files = {name: list(_data_files(catalog.load_table((NAMESPACE, name)))) for name in tables.TABLES}
    finally:
        catalog.close()
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    for name, paths in files.items():
        _create_view(connection, name, paths)
    for name, query in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def _known_tables(catalog_file: Path) -> set[str]:
    """The tables that the catalog has: a run that has just begun is still making them."""
    with contextlib.closing(sqlite3.connect(catalog_file, timeout=BUSY_TIMEOUT_S)) as catalog:
        if not catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone():
            return set()
        rows = catalog.execute("SELECT table_name FROM iceberg_tables WHERE table_namespace = ?", (NAMESPACE,))
        return {name for (name,) in rows}


def _data_files(table: IcebergTable) -> Iterator[str]:
    for task in table.scan().plan_files():
        path = task.file.file_path
        yield unquote(urlsplit(path).path) if path.startswith("file:") else path


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[str]) -> None:
    # The empty table gives the columns and their types, also where no file has them yet.
    connection.register(f"{name}_empty", tables.arrow_schema(name).empty_table())
    union = f"SELECT * FROM {name}_empty"  # noqa: S608  # the name is one of ours
    if paths:
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        files = f"read_parquet([{quoted}], union_by_name = true)"
        union += f" UNION ALL BY NAME SELECT * FROM {files}"  # noqa: S608  # the paths are quoted
    connection.execute(f"CREATE VIEW {name} AS {union}")
