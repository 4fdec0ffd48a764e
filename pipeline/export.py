"""A table or view of the warehouse as one file: Parquet, CSV, JSON Lines or Arrow.

Rows pass through in batches, and what a view must sort or join beyond `MEMORY` lies in files meanwhile. The file stands
in its place when it is whole, and not before.
"""

import csv
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.cells import text_of
from pipeline.formats import Dialect, FileFormat
from pipeline.views import views
from pipeline.warehouse import connect
from schemas.tables import TABLES

MEMORY = "256MB"  # of DuckDB; the process takes twice as much (36,500 articles with bodies of 4 kB: 600 MB)
ROWS_AT_ONCE = 4_096  # with bodies of 4 kB: 16 MB, and a row group of a Parquet file

NAMES = (*TABLES, *views(Dialect.DUCKDB))  # what can be exported


def export(folder: Path, name: str, to: Path, form: FileFormat) -> int:
    """Write what the table or view `name` holds now to the file `to`, over whatever stands there.

    Args:
        folder: the warehouse.
        name: one of `NAMES`.
        to: the file; beside it there is room for as much again.
        form: its kind.

    Returns:
        The number of rows.

    Raises:
        WarehouseError: there is no warehouse in `folder`.
        OSError: the file cannot be written.
    """
    with (
        tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as beside,
        connect(folder) as connection,
    ):
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET temp_directory = ?", [str(Path(beside) / "spilled")])
        connection.execute("SET preserve_insertion_order = false")
        whole = Path(beside) / "whole"
        with whole.open("wb") as file:
            rows = _WRITERS[form](file, _reader(connection, name))
            file.flush()
            os.fsync(file.fileno())
        whole.replace(to)
    return rows


def _reader(connection: duckdb.DuckDBPyConnection, name: str) -> pa.RecordBatchReader:
    query = f"SELECT * FROM {name}"  # noqa: S608  # one of `NAMES`
    return connection.sql(query).to_arrow_reader(ROWS_AT_ONCE)


def _write_parquet(file: IO[bytes], reader: pa.RecordBatchReader) -> int:
    rows = 0
    with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_arrow(file: IO[bytes], reader: pa.RecordBatchReader) -> int:
    rows = 0
    with pa.ipc.new_file(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_jsonl(file: IO[bytes], reader: pa.RecordBatchReader) -> int:
    rows = 0
    encoder = msgspec.json.Encoder(enc_hook=str)
    for batch in reader:
        file.writelines(encoder.encode(row) + b"\n" for row in batch.to_pylist())
        rows += batch.num_rows
    return rows


def _write_csv(file: IO[bytes], reader: pa.RecordBatchReader) -> int:
    rows = 0
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for batch in reader:
        writer.writerows([text_of(value) for value in row.values()] for row in batch.to_pylist())
        rows += batch.num_rows
    text.detach()  # which flushes, and leaves the file open
    return rows


_WRITERS: dict[FileFormat, Callable[[IO[bytes], pa.RecordBatchReader], int]] = {
    FileFormat.PARQUET: _write_parquet,
    FileFormat.CSV: _write_csv,
    FileFormat.JSONL: _write_jsonl,
    FileFormat.ARROW: _write_arrow,
}
