"""What a sink is: a plain class that takes batches of rows. It knows nothing of Beam."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.records import Delivery
from schemas.tables import ROWS


class SinkError(Exception):
    """A sink cannot be used, or refused a batch; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its sequence number, which counts up within one writer."""

    seq: int
    table: str
    record: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that a sink cannot hold, now or ever, with its words."""

    row: Row
    error: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of several tables that are delivered together.

    Args:
        writer: the id of the state.db that they come from.
        rows: in sequence; never empty.
        delivery: the columns that every row gets from its delivery.
    """

    writer: str
    rows: tuple[Row, ...]
    delivery: Delivery

    @property
    def first_seq(self) -> int:
        """Sequence number of the first row."""
        return self.rows[0].seq

    @property
    def last_seq(self) -> int:
        """Sequence number of the last row."""
        return self.rows[-1].seq

    def by_table(self) -> Iterator[tuple[str, list[Row]]]:
        """The rows of each table that has some, in the order of `ROWS`."""
        for table in ROWS:
            rows = [row for row in self.rows if row.table == table]
            if rows:
                yield table, rows


def behind(rows: Iterable[Row], seq: int) -> list[Row]:
    """The rows that whoever has everything up to `seq` lacks."""
    return [row for row in rows if row.seq > seq]


class Sink(Protocol):
    """Where rows are written to.

    One that takes few deliveries a day has `least_flush_s` too: the seconds that rows wait for others at least.
    """

    uri: str
    """What names the sink; its cursor is kept under this name."""

    takes_entries: bool
    """Whether it can be what `wirebeam poll` hands its entries to."""

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Write `batch` durably; a row whose sequence number the sink already has from this writer is left out.

        A crash at any point of a write, and then a write of the same rows in the same or in another division into
        batches, leaves every row in the sink once.

        Returns:
            The rows that it cannot hold; all others are written.

        Raises:
            SinkError: the sink cannot take it now.
        """

    def close(self) -> None:
        """Let go of what is open."""
