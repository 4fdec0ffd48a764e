"""deliver: from the outbox to every sink, in sequence, each sink with its own cursor.

A sink that is down delays only itself. A batch that was written but whose cursor was not noted is delivered again, and
the sink refuses what it has. Rows leave the outbox when every sink of this run has them.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from pipeline.sinks.base import Batch, Row, Sink, SinkError
from pipeline.state import State
from schemas.records import Delivery
from transforms.outcomes import Clock, utc_now

MAX_ROWS = 5_000  # of one batch: bounds memory, and makes few large commits of many small cycles
FLUSH_S = 30.0  # rows wait at most this long for others to join their commit

log = structlog.get_logger()


def deliver(state: State, sinks: Sequence[Sink], clock: Clock = utc_now) -> Mapping[str, SinkError]:
    """Move what is in the outbox to `sinks`.

    Returns:
        For each sink that could not take all: why. The others have everything that was in the outbox.
    """
    failed: dict[str, SinkError] = {}
    reached = []
    for sink in sinks:
        try:
            _catch_up(state, sink, clock)
        except SinkError as error:
            failed[sink.uri] = error
        except sqlite3.Error:
            raise  # our own state: no sink's fault
        except Exception as error:  # noqa: BLE001  # whatever a sink's library raises delays that sink only
            failed[sink.uri] = SinkError(f"{sink.uri}: {type(error).__name__}: {error}")
        reached.append(state.cursor(sink.uri)[0])
    if reached:
        state.trim_outbox(min(reached))
    return failed


def _catch_up(state: State, sink: Sink, clock: Clock) -> None:
    """Deliver batch after batch until `sink` has all that is in the outbox."""
    while True:
        seq, newest = state.cursor(sink.uri)
        rows = state.outbox(seq, MAX_ROWS)
        if not rows:
            return
        # A clock that is set back must not hide rows from a reader that asks for what came since.
        ingested_at = max(clock(), newest)
        last = rows[-1].seq
        sink.write(
            Batch(
                writer=state.id,
                rows=tuple(Row(row.seq, row.table, row.record) for row in rows),
                delivery=Delivery(ingested_at=ingested_at, batch_id=f"{state.id}-{last:012d}"),
            )
        )
        state.set_cursor(sink.uri, last, ingested_at)


class Deliverer:
    """Delivers beside the cycles, in a thread of its own, so that a slow sink holds up no download.

    Args:
        folder: the data directory.
        sinks: where to; they are this object's own from now on.
        flush_s: seconds between deliveries.
    """

    def __init__(self, folder: Path, sinks: Sequence[Sink], *, flush_s: float = FLUSH_S) -> None:
        self._folder = folder
        self._sinks = sinks
        self._flush_s = flush_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliver", daemon=True)
        self.failed: Mapping[str, SinkError] = {}
        self.fault: BaseException | None = None
        self._thread.start()

    def finish(self) -> Mapping[str, SinkError]:
        """Deliver what is left, close the sinks, and say which of them could not take all.

        Raises:
            BaseException: what the thread died of, if it did: a fault of our own.
        """
        self._stopping.set()
        self._thread.join()
        for sink in self._sinks:
            sink.close()
        if self.fault:
            raise self.fault
        return self.failed

    def _run(self) -> None:
        try:
            state = State(self._folder)
            try:
                is_last = False
                while not is_last:
                    is_last = self._stopping.wait(self._flush_s)
                    self.failed = deliver(state, self._sinks)
                    for uri, error in self.failed.items():
                        log.warning("sink_failed", sink=uri, error=str(error))
            finally:
                state.close()
        except BaseException as error:  # noqa: BLE001  # handed to the driver's thread by `finish`
            self.fault = error
