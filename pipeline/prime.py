"""prime: what state.db has forgotten of old articles is known again, before a backfill judges captures of their days.

A capture is judged against its neighbours in observed time, and state.db forgets them (`pipeline.maintain`). Judged
without them, a capture that the warehouse has already would be new a second time. So what the data directory's own
warehouse holds around these days is remembered again, as after `rebuild-state`, but for what state.db knows better.
Rows that went to other sinks only are not found.
"""

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import duckdb

from pipeline import rebuild, warehouse
from pipeline.data_directory import warehouse_of
from pipeline.maintain import SKETCH_TTL
from pipeline.memory import StateMemory
from pipeline.rebuild import Span
from pipeline.sinks.compact import is_warehouse
from pipeline.state import State
from schemas.memory import KnownAlias, KnownCapture, Lineage
from transforms import link

AROUND = link.WINDOW  # before and after a day: what lies further apart is no neighbour
DAY = dt.timedelta(days=1)


class Primer:
    """Remembers which days are primed; one for each backfill.

    Args:
        state: the open state.db.
        folder: the data directory that it is of.
    """

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._primed: set[dt.date] = set()  # those around the days that were asked for too

    def prime(self, days: Iterable[dt.date], now: dt.datetime) -> int:
        """Make known what was observed around these days; gives how many captures state.db had forgotten.

        Args:
            days: of event time, in UTC. Days that are young or primed already cost nothing.
            now: what is forgotten counts from here.

        Raises:
            WarehouseError: there is a warehouse, and it cannot be read.
        """
        old = {day for day in days if day <= (now - SKETCH_TTL + AROUND).date()}
        around = {day + dt.timedelta(days=apart) for day in old for apart in range(-AROUND.days, AROUND.days + 1)}
        new = around - self._primed
        place = warehouse_of(self._folder)
        if not new or not is_warehouse(place):
            return 0
        found = 0
        with warehouse.connect(place) as connection, contextlib.closing(StateMemory(str(self._folder))) as memory:
            for span in _spans(new):
                if not _is_any_forgotten(connection, span, now):
                    continue
                known = _unknown_captures(rebuild.captures(connection, span), memory)
                found += rebuild.store(self._state, known, now)[KnownCapture]
                rebuild.store(self._state, rebuild.sketches(connection, span), now)
                rebuild.store(self._state, _unknown_aliases(rebuild.aliases(connection, span), memory), now)
        self._primed |= new
        return found


def _spans(days: Iterable[dt.date]) -> list[Span]:
    """The times of these days, those that follow one another as one."""
    spans: list[Span] = []
    for day in sorted(days):
        earliest = dt.datetime.combine(day, dt.time(), dt.UTC)
        latest = earliest + DAY
        if spans and earliest == spans[-1].latest:
            earliest = spans.pop().earliest
        spans.append(Span(earliest=earliest, latest=latest))
    return spans


def _is_any_forgotten(connection: duckdb.DuckDBPyConnection, span: Span, now: dt.datetime) -> bool:
    """Whether anything of a span was stored so long ago that state.db may have forgotten it: no text is read for that.

    What a backfill has brought itself of the days before is none of it.
    """
    query = "SELECT 1 FROM articles WHERE ingested_at < ? AND observed_at >= ? AND observed_at < ? LIMIT 1"
    return connection.execute(query, (now - SKETCH_TTL, span.earliest, span.latest)).fetchone() is not None


def _unknown_captures(
    records: Iterable[KnownCapture | Lineage], memory: StateMemory
) -> Iterator[KnownCapture | Lineage]:
    """Those that state.db does not have: its own are newer."""
    for record in records:
        if isinstance(record, Lineage):
            is_known = bool(memory.lineages([record.article_id]))
        else:
            is_known = any(known.capture_id == record.capture_id for known in memory.neighbours(record.article_id))
        if not is_known:
            yield record


def _unknown_aliases(records: Iterable[KnownAlias], memory: StateMemory) -> Iterator[KnownAlias]:
    """Those whose names state.db does not know."""
    remaining = iter(records)
    while batch := list(islice(remaining, rebuild.BATCH)):
        known = {alias.key for alias in memory.known([alias.key for alias in batch])}
        yield from (alias for alias in batch if alias.key not in known)
