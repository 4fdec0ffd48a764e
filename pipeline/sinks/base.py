"""What a sink is: a plain class that takes batches of rows. It knows nothing of Beam."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas import codec, ids
from schemas.enums import Reason, Stage
from schemas.records import DeadLetter, Delivery
from schemas.tables import ROWS, TABLE_OF, key_of
from transforms.outcomes import DETAIL_LIMIT, RAW_LIMIT_BYTES


class SinkError(Exception):
    """A sink cannot be used, or refused a batch; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its sequence number, which counts up within one writer; of a cluster: within one batch."""

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
        writer: the id of the state.db that they come from. None: of a cluster, where nobody counts its rows; the batch
            is known by its id, see `of_cluster`.
        rows: in sequence; never empty.
        delivery: the columns that every row gets from its delivery.
    """

    writer: str | None
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


def of_cluster(records: Iterable[Any], now: dt.datetime) -> Batch:
    """A batch of rows that come without sequence numbers.

    Its id is the hash of its rows' keys: the same rows are the same batch, in whatever order they come.

    Args:
        records: of any tables, at least one.
        now: the commit time.
    """
    keyed = sorted(((TABLE_OF[type(record)], record) for record in records), key=_sort_key)
    batch_id = ids.hash_id("batch", *(part for pair in map(_sort_key, keyed) for part in pair))
    rows = tuple(Row(seq, table, record) for seq, (table, record) in enumerate(keyed, start=1))
    return Batch(writer=None, rows=rows, delivery=Delivery(ingested_at=now, batch_id=batch_id))


def _sort_key(keyed: tuple[str, Any]) -> tuple[str, str]:
    return keyed[0], key_of(*keyed)


def letter_of(uri: str, refused: Refused, now: dt.datetime) -> DeadLetter:
    """What is kept of a row that the sink named `uri` cannot hold."""
    raw = codec.encode(refused.row.record)
    return DeadLetter(
        id=ids.hash_id("refused", uri, refused.row.table, raw),
        stage=Stage.WRITE,
        reason=Reason.REFUSED,
        died_at=now,
        error=f"{uri}, a row of {refused.row.table}: {refused.error}"[:DETAIL_LIMIT].replace("\0", ""),
        raw=raw[:RAW_LIMIT_BYTES],
        entry_id=getattr(refused.row.record, "entry_id", None),
        feed_id=getattr(refused.row.record, "feed_id", None),
    )


def without_letters(refused: Iterable[Refused]) -> list[Refused]:
    """Those of which a dead letter is made: one that is refused itself would bring another."""
    return [each for each in refused if each.row.table != TABLE_OF[DeadLetter]]


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
        batches, leaves every row in the sink once. Of a cluster's batches only the same one is left out: its rows in
        another division may be there twice, where the sink has no keys of its own, and the views show them once.

        Returns:
            The rows that it cannot hold; all others are written.

        Raises:
            SinkError: the sink cannot take it now.
        """

    def close(self) -> None:
        """Let go of what is open."""
