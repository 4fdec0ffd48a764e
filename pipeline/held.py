"""Records that were put back by `wirebeam replay`, and wait in state.db to be taken up at their own stage."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from schemas import codec
from schemas.enums import Origin
from schemas.records import Capture, Entry, Page


@dataclass(slots=True)
class Held:
    """Records to take up at their own stage."""

    pages: list[Page] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)


def take_held(state: sqlite3.Connection, entries: Sequence[Entry]) -> tuple[list[Entry], Held]:
    """Part the entries of a cycle: those to fetch, and the records that are held for the others.

    Args:
        state: state.db.
        entries: what the cycle takes from the queue.
    """
    held = Held()
    to_fetch = []
    for entry in entries:
        row = None
        if entry.origin is Origin.REPLAY:
            row = state.execute("SELECT kind, record FROM replays WHERE entry_id = ?", (entry.entry_id,)).fetchone()
        if row is None:
            to_fetch.append(entry)
        elif row[0] == "page":
            held.pages.append(replace(codec.decode(row[1], Page), entry=entry))
        else:
            capture = codec.decode(row[1], Capture)
            held.captures.append(replace(capture, attempt=entry.attempt, origin=entry.origin, change=None))
    return to_fetch, held


def forget_held(state: sqlite3.Connection) -> None:
    """Drop the records whose entries wait no longer; part of the transaction that settles them."""
    state.execute("DELETE FROM replays WHERE entry_id NOT IN (SELECT entry_id FROM queue)")
