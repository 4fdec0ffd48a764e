"""jsonl:DIR: one JSON object a line, in files that any tool reads as they are; see `pipeline.sinks.files`."""

from collections.abc import Sequence

import msgspec

from pipeline.sinks.base import Refused, Row
from pipeline.sinks.files import FilesSink
from schemas.records import Delivery


class JsonlSink(FilesSink):
    """Exactly once per writer. Also takes the entries that `wirebeam poll` hands on."""

    kind = "jsonl"
    suffix = ".jsonl"
    takes_entries = True

    def content(
        self,
        table: str,  # noqa: ARG002  # a line is made the same way for each
        rows: Sequence[Row],
        delivery: Delivery,
    ) -> tuple[bytearray, Sequence[Refused]]:
        """The rows, a line each; it can hold every row."""
        last = b"," + msgspec.json.encode(delivery)[1:] + b"\n"
        encoder, lines = msgspec.json.Encoder(), bytearray()
        for row in rows:
            encoder.encode_into(row.record, lines, -1)
            lines[-1:] = last  # in place of the brace
        return lines, ()
