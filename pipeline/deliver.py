"""deliver: from the outbox to every sink, in sequence, each sink in a thread of its own and with its own cursor.

Each sink is given what its rules allow (`pipeline.sinks.rules`); a row that it is not to have moves its cursor all the
same. A sink that is down or slow delays only itself. A batch that was written but whose cursor was not noted is
delivered again, and the sink refuses what it has. Rows leave the outbox when every sink of this run has them.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from pipeline.metrics import Metrics
from pipeline.sinks import rules
from pipeline.sinks.base import Batch, Row, Sink, SinkError, letter_of, without_letters
from pipeline.sinks.rules import EVERYTHING, Rules
from pipeline.state import State
from schemas.records import Article, Delivery
from transforms.outcomes import Clock, utc_now

MAX_ROWS = 5_000  # of one batch: bounds memory, and makes few large commits of many small cycles
FLUSH_S = 30.0  # rows wait at most this long for others to join their commit
LONGEST_BACK_OFF_S = 300.0  # between two tries at a sink that fails
FINISH_S = 8.0  # that a run which ends waits for its sinks; what they lack by then stays in the outbox

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a sink is delivered to.

    Args:
        rules: what it is given.
        flush_s: seconds that its rows wait for others; None for as long as those of all sinks.
    """

    rules: Rules = EVERYTHING
    flush_s: float | None = None


def deliver(state: State, sink: Sink, metrics: Metrics, clock: Clock = utc_now, allowed: Rules = EVERYTHING) -> None:
    """Move what is in the outbox to `sink`, batch after batch, as far as it is allowed to have it.

    Raises:
        SinkError: the sink cannot take it now; what it has taken is noted.
    """
    state.release_embargoed(clock())
    while True:
        seq, newest = state.cursor(sink.uri)
        offered = [Row(row.seq, row.table, row.record) for row in state.outbox(seq, MAX_ROWS)]
        if not offered:
            return
        # A clock that is set back must not hide rows from a reader that asks for what came since.
        ingested_at = max(clock(), newest)
        last = offered[-1].seq
        rows = _allowed(offered, allowed, state)
        if not rows:
            state.set_cursor(sink.uri, last, ingested_at)
            continue
        started = time.monotonic()
        try:
            refused = sink.write(
                Batch(
                    writer=state.id,
                    rows=tuple(rows),
                    delivery=Delivery(ingested_at=ingested_at, batch_id=f"{state.id}-{last:012d}"),
                )
            )
        except SinkError:
            raise
        except Exception as error:  # whatever a sink's library raises delays that sink only
            raise SinkError(f"{sink.uri}: {type(error).__name__}: {error}") from error
        letters = [letter_of(sink.uri, each, clock()) for each in without_letters(refused)]
        state.set_cursor(sink.uri, last, ingested_at, letters)
        for each in refused:
            log.warning("row_refused", sink=sink.uri, table=each.row.table, error=each.error)
        metrics.delivered(sink.uri, rows, time.monotonic() - started)


def _allowed(rows: Sequence[Row], allowed: Rules, state: State) -> list[Row]:
    """The rows that the rules leave a sink, in the same order, with what they leave in them."""
    if allowed == EVERYTHING:
        return list(rows)
    languages: dict[str, str] = {}
    if allowed.languages is not None:
        languages = state.languages({each for row in rows if (each := rules.article_of(row.record))})
        articles = (row.record for row in rows if isinstance(row.record, Article))
        languages |= {each.article_id: each.language or rules.UNDETERMINED for each in articles}
    given = (
        (row, rules.apply(allowed, row.table, row.record, languages.get(rules.article_of(row.record) or "")))
        for row in rows
    )
    return [replace(row, record=record) for row, record in given if record is not None]


def _flush_s(sink: Sink, own: Terms, flush_s: float) -> float:
    """How long rows wait for others: as configured, and no less than the sink needs."""
    return max(flush_s if own.flush_s is None else own.flush_s, getattr(sink, "least_flush_s", 0.0))


class Deliverer:
    """Delivers beside the cycles, so that a slow sink holds up neither a download nor another sink.

    Args:
        folder: the data directory.
        sinks: where to; they are this object's own from now on.
        metrics: what is told of deliveries.
        flush_s: seconds that rows wait for others, unless there are `MAX_ROWS` of them.
        terms: by a sink's URI, where it has terms of its own.
        clock: commit time of the rows.
    """

    def __init__(
        self,
        folder: Path,
        sinks: Sequence[Sink],
        metrics: Metrics,
        *,
        flush_s: float = FLUSH_S,
        terms: Mapping[str, Terms] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._folder = folder
        self._sinks = sinks
        self._metrics = metrics
        self._terms = {sink.uri: (terms or {}).get(sink.uri) or Terms() for sink in sinks}
        self._flush_s = {sink.uri: _flush_s(sink, self._terms[sink.uri], flush_s) for sink in sinks}
        self._clock = clock
        self._is_stopping = threading.Event()
        self._wake = {sink.uri: threading.Event() for sink in sinks}
        self._failed: dict[str, SinkError] = {}
        self._faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(sink,), name=f"deliver {sink.uri}", daemon=True) for sink in sinks
        ]
        for thread in self._threads:
            thread.start()

    def flush(self) -> None:
        """Deliver now: the outbox holds a batch."""
        for wake in self._wake.values():
            wake.set()

    def check(self) -> None:
        """Nothing, if all threads are well.

        Raises:
            BaseException: what one of them died of: a fault of our own, such as a state.db that cannot be read.
        """
        if self._faults:
            raise self._faults[0]

    def finish(self, timeout_s: float | None = None) -> Mapping[str, SinkError]:
        """Deliver what is left, close the sinks, and say which of them could not take all.

        Args:
            timeout_s: how long to wait for the sinks together; None for as long as they need.

        Raises:
            BaseException: as `check`.
        """
        self._is_stopping.set()
        self.flush()
        end = None if timeout_s is None else time.monotonic() + timeout_s
        for sink, thread in zip(self._sinks, self._threads, strict=True):
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
            if thread.is_alive():
                self._failed[sink.uri] = SinkError(f"{sink.uri}: did not take its rows in time")
            else:
                sink.close()
        self.check()
        return self._failed

    def _run(self, sink: Sink) -> None:
        try:
            with contextlib.closing(State(self._folder)) as state:
                self._deliver_until_stopped(state, sink)
        except BaseException as error:  # noqa: BLE001  # handed to the driver's thread by `check`
            self._faults.append(error)

    def _deliver_until_stopped(self, state: State, sink: Sink) -> None:
        wait_s = self._flush_s[sink.uri]
        is_last = False
        while not is_last:
            self._wake[sink.uri].wait(wait_s)
            self._wake[sink.uri].clear()
            is_last = self._is_stopping.is_set()
            try:
                deliver(state, sink, self._metrics, self._clock, self._terms[sink.uri].rules)
            except SinkError as error:
                self._failed[sink.uri] = error
                self._metrics.sink_failed(sink.uri)
                log.warning("sink_failed", sink=sink.uri, error=str(error))
                wait_s = min(max(2 * wait_s, 1.0), LONGEST_BACK_OFF_S)
                continue
            self._failed.pop(sink.uri, None)
            wait_s = self._flush_s[sink.uri]
            try:
                state.trim_outbox([each.uri for each in self._sinks])
                self._metrics.outbox(state.outbox_length(), state.outbox_since())
            except sqlite3.OperationalError:  # the database is busy for longer than a commit takes: next time
                log.warning("outbox_not_trimmed")
