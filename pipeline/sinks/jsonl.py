"""jsonl:DIR: one JSON object a line, one folder per table and day, one file per batch.

DIR/TABLE/day=YYYY-MM-DD/WRITER-FIRST-LAST.jsonl, where FIRST and LAST are sequence numbers of the batch. A file appears
whole or not at all (written beside, flushed, renamed), and its name says up to which number its folder is complete:
that is how a batch that is delivered again is refused, folder by folder.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipeline.sinks.base import Batch, Refused, Row, SinkError, behind
from schemas.tables import time_of

UNFINISHED = ".unfinished"  # the suffix of a file that is being written


class JsonlSink:
    """Exactly once per writer.

    Args:
        folder: where the tables' folders are, or will be.
    """

    takes_entries = True

    def __init__(self, folder: Path) -> None:
        self.uri = f"jsonl:{folder}"
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"{self.uri}: {error.strerror}") from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Write the rows that are new here; see `Sink.write`."""
        last = b"," + msgspec.json.encode(batch.delivery)[1:] + b"\n"
        try:
            for table, rows in batch.by_table():
                days: dict[str, list[Row]] = defaultdict(list)
                for row in rows:
                    days[time_of(table, row.record).date().isoformat()].append(row)
                for day, of_day in days.items():
                    folder = self._folder / table / f"day={day}"
                    folder.mkdir(parents=True, exist_ok=True)
                    fresh = behind(of_day, _delivered(folder, batch.writer))
                    if fresh:
                        name = f"{batch.writer}-{batch.first_seq:012d}-{batch.last_seq:012d}.jsonl"
                        write_file(folder / name, [msgspec.json.encode(row.record)[:-1] + last for row in fresh])
        except OSError as error:
            raise SinkError(f"{self.uri}: {error}") from error
        return ()

    def close(self) -> None:
        """Nothing is open between batches."""


def _delivered(folder: Path, writer: str) -> int:
    """The last sequence number of `writer` up to which `folder` is complete."""
    return max((int(path.stem.rsplit("-", 1)[1]) for path in folder.glob(f"{writer}-*.jsonl")), default=0)


def write_file(path: Path, lines: list[bytes]) -> None:
    """Write a file that appears, or takes the place of what has its name, whole or not at all."""
    unfinished = path.with_suffix(UNFINISHED)
    with unfinished.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself reaches the disk
    finally:
        os.close(folder)
