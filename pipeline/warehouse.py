"""Reading the Iceberg warehouse with DuckDB: the tables, and the views over them.

PyIceberg plans which files make up each table, and DuckDB reads them, those in object stores through pyarrow: no
extension is downloaded, filters reach the files, and a run that is writing meanwhile disturbs nobody, since a planned
file never changes.
"""

import contextlib
import sqlite3
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow.dataset as ds
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table as IcebergTable

from pipeline.formats import Dialect
from pipeline.sinks.iceberg import CATALOG_FILE, NAMESPACE, Place, open_catalog
from pipeline.views import views
from schemas import tables

_LOCAL = ("file", "")
BUSY_TIMEOUT_S = 30.0  # for which a commit to the catalog is waited


class WarehouseError(Exception):
    """The warehouse cannot be read; the message says why, for a person."""


def connect(place: Place) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that sees the warehouse at `place` as it is now: every table, and the views over them.

    Raises:
        WarehouseError: there is no warehouse at `place`.
    """
    if isinstance(place, Path):
        if not (place / CATALOG_FILE).is_file():
            raise WarehouseError(f"{place}: no warehouse here yet; `wirebeam run` makes one")
        if missing := tables.TABLES.keys() - _known_tables(place / CATALOG_FILE):
            raise WarehouseError(f"{place}: the warehouse is not complete, it lacks {', '.join(sorted(missing))}")
    try:
        with contextlib.closing(open_catalog(place)) as catalog:
            known = {name: catalog.load_table((NAMESPACE, name)) for name in tables.TABLES}
    except (NoSuchTableError, ValueError) as error:
        raise WarehouseError(f"{place}: {error}") from error
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    # A view asks its tables several times over, and the files never change: their footers are read once.
    connection.execute("SET parquet_metadata_cache = true")
    for name, table in known.items():
        _create_view(connection, name, table)
    for name, query in views(Dialect.DUCKDB).items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def _known_tables(catalog_file: Path) -> set[str]:
    """The tables that the catalog has: a run that has just begun is still making them."""
    with contextlib.closing(sqlite3.connect(catalog_file, timeout=BUSY_TIMEOUT_S)) as catalog:
        if not catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone():
            return set()
        rows = catalog.execute("SELECT table_name FROM iceberg_tables WHERE table_namespace = ?", (NAMESPACE,))
        return {name for (name,) in rows}


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, table: IcebergTable) -> None:
    # The empty table gives the columns and their types, also where no file has them yet.
    connection.register(f"{name}_empty", tables.arrow_schema(name).empty_table())
    union = f"SELECT * FROM {name}_empty"  # noqa: S608  # the name is one of ours
    here, elsewhere = _data_files(table)
    if here:
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in here)
        files = f"read_parquet([{quoted}], union_by_name = true, hive_partitioning = false)"
        union += f" UNION ALL BY NAME SELECT * FROM {files}"  # noqa: S608  # the paths are quoted
    for number, dataset in enumerate(elsewhere):
        connection.register(f"{name}_elsewhere_{number}", dataset)
        union += f" UNION ALL BY NAME SELECT * FROM {name}_elsewhere_{number}"  # noqa: S608  # as above
    connection.execute(f"CREATE VIEW {name} AS {union}")


def _data_files(table: IcebergTable) -> tuple[list[str], list[ds.Dataset]]:
    """The table's files: paths on this machine, and those in object stores by store, read with PyIceberg's access."""
    stores: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task in table.scan().plan_files():
        scheme, host, path = PyArrowFileIO.parse_location(task.file.file_path)
        stores[scheme, host].append(unquote(path) if task.file.file_path.startswith("file:") else path)
    here = stores.pop(_LOCAL, [])
    schema, access = tables.arrow_schema(table.name()[-1]), PyArrowFileIO(table.io.properties)
    elsewhere = [
        ds.dataset(paths, schema=schema, filesystem=access.fs_by_scheme(scheme, host), format="parquet")
        for (scheme, host), paths in stores.items()
    ]
    return here, elsewhere
