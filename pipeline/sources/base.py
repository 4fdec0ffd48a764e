"""What every source of a backfill gives: records that enter the graph, and word of those that do not.

A source is read in one order only, which is the same each time. So a backfill that was stopped goes on at the position
that it had reached, and one that is run again is refused record by record before anything of it is worked on.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from schemas import ids
from schemas.enums import Origin, Reason
from schemas.records import Capture, Entry, Page


class SourceError(Exception):
    """A source cannot be read at all; the message names it and says why, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record that enters the graph: at fetch an `Entry`, at extract a `Page`, at identify a `Capture`.

    Args:
        record: it; its entry's id is what it is known by when it is read again.
        position: where reading goes on once this one is done.
    """

    record: Entry | Page | Capture
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that does not enter the graph.

    Args:
        reason: why.
        position: as of `Found`.
        place: of damage only: the file, and the byte or line at which it was met; it gets a row in the ledger.
        detail: of damage only: what is wrong, in words.
    """

    reason: Reason
    position: int
    place: str = ""
    detail: str = ""


class Gate(Protocol):
    """What is asked of each record before it is worked on: as soon as these three are known of it."""

    def refusal(self, key: str, url: str, observed_at: dt.datetime | None) -> Reason | None:
        """Why the record does not enter: known or not_wanted. None if it does.

        Args:
            key: the id of its entry.
            url: its address.
            observed_at: when it was captured; None if that is to come.
        """


class Source(Protocol):
    """Where a backfill has its records from.

    Attributes:
        name: as it was given, or a file's path; without secrets. Messages, positions and counts go by it.
        identity: changes when its content does: a position counts for one identity only.
        size: in the unit of its positions, for telling how far it is; None if it is not known beforehand.
    """

    name: str
    identity: str
    size: int | None

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        """The records from `position` on (0: all), in their order.

        Raises:
            SourceError: it cannot be opened, or not read any further.
        """


def record_key(record_id: str, url: str, observed_at: dt.datetime) -> str:
    """The id of the entry that a kept page counts as.

    Args:
        record_id: the archive's own id for it, else a hash of its bytes; some archives use one id twice.
        url: the address that answered.
        observed_at: when it was captured.
    """
    return ids.hash_id("record", record_id, url, str(ids.micros(observed_at)))


def raw_key_of(raw_ref: str, url: str, observed_at: dt.datetime) -> str:
    """The id of the entry that a row's page counts as when the archive is read; see `record_key`."""
    return record_key(f"<urn:uuid:{raw_ref.partition('#')[2]}>", url, observed_at)


def kept_entry(key: str, url: str, observed_at: dt.datetime) -> Entry:
    """The entry that a kept page counts as."""
    return Entry(
        entry_id=key,
        feed_id=None,
        entry_key="",
        fingerprint="",
        change_no=0,
        origin=Origin.BACKFILL,
        observed_at=observed_at,
        url=url,
    )
