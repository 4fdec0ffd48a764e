"""Rows as an Arrow table, without those that Arrow cannot hold."""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.sinks.base import Refused, Row
from schemas import tables
from schemas.records import Delivery

_CANNOT = (pa.ArrowInvalid, OverflowError, UnicodeError)  # what pyarrow raises on a number or a text out of range


def arrow_rows(table: str, rows: Sequence[Row], delivery: Delivery) -> tuple[pa.Table, list[Refused]]:
    """The rows that can be in `table`, and those that cannot, with pyarrow's words."""
    try:
        return tables.arrow_table(table, [row.record for row in rows], delivery), []
    except _CANNOT:
        pass
    refused = []
    for row in rows:
        try:
            tables.arrow_table(table, [row.record], delivery)
        except _CANNOT as error:
            refused.append(Refused(row, " ".join(str(error).split())))
    left = [row.record for row in rows if all(row is not each.row for each in refused)]
    return tables.arrow_table(table, left, delivery), refused
