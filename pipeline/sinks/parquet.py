"""parquet:DIR_OR_BUCKET: Parquet files, compressed with zstd; see `pipeline.sinks.files`.

Columns have the types of `schemas.tables.arrow_schema`. Files of an earlier version of the tables lack the columns that
have come since: readers take them by name (DuckDB's union_by_name, pyarrow's unified schemas).
"""

from collections.abc import Sequence

import pyarrow as pa
from pyarrow import parquet

from pipeline.sinks.arrow import arrow_rows
from pipeline.sinks.base import Refused, Row
from pipeline.sinks.files import FilesSink
from schemas.records import Delivery

ROW_GROUP = 10_000  # rows; a query for one article reads one group


class ParquetSink(FilesSink):
    """Exactly once per writer."""

    kind = "parquet"
    suffix = ".parquet"
    takes_entries = False

    def content(self, table: str, rows: Sequence[Row], delivery: Delivery) -> tuple[pa.Buffer | None, list[Refused]]:
        """The rows, in their sequence."""
        fresh, refused = arrow_rows(table, rows, delivery)
        return encode(fresh) if fresh.num_rows else None, refused


def encode(rows: pa.Table) -> pa.Buffer:
    """The content of a Parquet file."""
    stream = pa.BufferOutputStream()
    parquet.write_table(rows, stream, compression="zstd", row_group_size=ROW_GROUP)
    return stream.getvalue()
