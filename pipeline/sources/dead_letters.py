"""Dead letters as a source: what can be put back of a data directory's own goes through the graph again.

`wirebeam replay` does the same beside a run, which then takes them up.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.ledger import LedgerError
from pipeline.replay import replayable
from pipeline.sources.base import Found, Gate, Refused, SourceError

NAME = "dead-letters:"


class DeadLetterSource:
    """The `Source` of a data directory's dead letters.

    Its positions count for one reading only: which letters are left, changes with every record that comes to its end.

    Args:
        folder: the data directory.
    """

    def __init__(self, folder: Path) -> None:
        self.name = NAME
        self.identity = ""
        self.size: int | None = None
        self._folder = folder

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:  # noqa: ARG002  # what is known goes again
        """The records, from their stage on.

        Raises:
            SourceError: nothing is there to read.
        """
        try:
            records = replayable(self._folder)
        except LedgerError as error:
            raise SourceError(str(error)) from error
        for record in records:
            yield Found(record=record, position=0)
