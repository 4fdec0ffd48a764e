"""write: captures become rows; whatever the graph produced is handed to whoever runs it.

Comes in: `Capture` from tag. Goes out: `Article` rows, and the terminal `Outcome` of each entry (published for an
article's first capture, revised for a further one). A local run gathers all records of a cycle in memory, and commits
them when the cycle has ended (`pipeline.state`). On a cluster the rows of all tables go to a sink as they come, at
least once (`WriteRows`).
"""

import threading
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import apache_beam as beam
import structlog
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import codec
from schemas.enums import OutcomeKind, Stage
from schemas.memory import Bundles
from schemas.records import Article, Capture, EncodedRow, Outcome
from schemas.tables import ROWS, TABLE_OF, key_of
from transforms import outcomes
from transforms.coders import RecordCoder
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared
from transforms.timing import NAMESPACE

T = TypeVar("T")

BATCH_ROWS = 5_000  # bounds memory, and makes few large commits
COUNTED = "outcomes_"  # prefix of counters, before an outcome and its reason
SHARDS = 4  # that write to a sink at once
WAITING_S = 600.0  # that rows may wait for a checkpoint before a worker says so, and says so again

log = structlog.get_logger()


def publish(capture: Capture, clock: Clock) -> tuple[Article, Outcome]:
    """The row that `capture` becomes and the outcome of its entry."""
    kind = OutcomeKind.PUBLISHED if capture.is_first else OutcomeKind.REVISED
    return capture.article, outcomes.of_capture(capture, Stage.WRITE, kind, clock())


class Gathered:
    """The records of one cycle, by type. Bundles may run in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[type[Any], list[Any]] = {}
        self.stage_s: dict[Stage, float] = {}  # what each stage took, set by whoever ran the graph

    def add(self, record: object) -> None:
        """Take one record."""
        with self._lock:
            self._records.setdefault(type(record), []).append(record)

    def of(self, kind: type[T]) -> list[T]:
        """The records of type `kind`, in the order in which they came."""
        with self._lock:
            return list(self._records.get(kind, ()))

    def clear(self) -> None:
        """Forget everything: a new cycle begins."""
        with self._lock:
            self._records.clear()


class RowWriter(Protocol):
    """What writes rows to a sink."""

    def write(self, records: Sequence[Any]) -> None:
        """Write records of any tables, at least one; when this returns they are durable.

        Raises:
            Exception: the sink cannot take them now; the runner tries the bundle again.
        """


@dataclass
class PublishCaptures(beam.PTransform):
    """PCollection[Capture] -> `articles`: Article; tag `outcomes`: Outcome."""

    clock: Clock = utc_now

    def expand(self, captures: beam.PCollection) -> Any:
        """Join."""
        return captures | "PublishCaptures" >> beam.ParDo(_Publish(self.clock)).with_output_types(
            Article, outcomes=Outcome
        ).with_outputs("outcomes", main="articles")


@dataclass
class GatherRecords(beam.PTransform):
    """Any records -> the process's `Gathered`; nothing goes out."""

    into: Shared[Gathered]

    def expand(self, gathered: beam.PCollection) -> beam.PCollection:
        """Join."""
        return gathered | "GatherRecords" >> beam.ParDo(_Gather(self.into)).with_output_types(int)


@dataclass
class WriteRows(beam.PTransform):
    """PCollections of rows, by name (a mapping) -> the sink behind `writer`, at least once; nothing goes out.

    Of a bounded run, a bundle's rows are written before it ends, so a runner that commits a bundle has them written; in
    a stream they are held in state until a checkpoint has them. A bundle that is tried again writes its rows again:
    sinks know the same batch, and views take distinct keys.

    Args:
        writer: the process's writer to the sink.
        shards: how many bundles write at once; 1 where commits wait for each other.
        every_s: in a stream, whole seconds that rows wait for others to join their batch; None for a bounded run, whose
            rows are written when all of them are there.
    """

    writer: Shared[RowWriter]
    shards: int = SHARDS
    every_s: int | None = None

    def expand(self, rows: Any) -> beam.PCollection:
        """Join."""
        sharded = [
            records | f"Shard{name}" >> beam.Map(_sharded, self.shards).with_output_types(tuple[str, EncodedRow])
            for name, records in rows.items()
        ] | "FlattenRows" >> beam.Flatten()
        if self.every_s is not None:
            return sharded | "WriteDurableRows" >> beam.ParDo(
                _WriteDurable(self.writer, self.every_s)
            ).with_output_types(int)
        grouped = sharded | "GroupRows" >> beam.GroupByKey()
        return grouped | "WriteRows" >> beam.ParDo(_WriteRows(self.writer)).with_output_types(int)


class CountOutcomes(beam.DoFn):
    """Counts outcomes as `outcomes_OUTCOME_REASON` ("none" without one), as `wirebeam_outcomes_total` is labelled."""

    def process(self, outcome: Outcome) -> None:
        """Count one."""
        Metrics.counter(NAMESPACE, f"{COUNTED}{outcome.outcome}_{outcome.reason or 'none'}").inc()


def _sharded(record: Any, shards: int) -> tuple[str, EncodedRow]:
    """The shard of a row, always the same one, and the row."""
    table = TABLE_OF[type(record)]
    shard = zlib.crc32(key_of(table, record).encode()) % shards
    return str(shard), EncodedRow(table=table, data=codec.encode(record))


def _decoded(row: EncodedRow) -> Any:
    return codec.decode(row.data, ROWS[row.table].record)


class _WriteRows(beam.DoFn):
    def __init__(self, writer: Shared[RowWriter]) -> None:
        self._shared = writer

    def setup(self) -> None:
        self._writer = self._shared.get()

    def start_bundle(self) -> None:
        self._records: list[Any] = []

    def process(self, element: tuple[str, Iterable[EncodedRow]]) -> None:
        for row in element[1]:
            self._records.append(_decoded(row))
            if len(self._records) >= BATCH_ROWS:
                self._write()

    def finish_bundle(self) -> None:
        if self._records:
            self._write()

    def _write(self) -> None:
        self._writer.write(self._records)
        self._records = []


class _Unfinalized:
    """The bundles of this process whose output a failure could still undo. Bundles run in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}  # when, by the bundle
        self._warn_at = 0.0

    def add(self, bundle: str) -> None:
        with self._lock:
            self._begun[bundle] = time.monotonic()

    def discard(self, bundle: str) -> None:
        with self._lock:
            self._begun.pop(bundle, None)

    def now(self) -> frozenset[str]:
        with self._lock:
            self._warn()
            return frozenset(self._begun)

    def _warn(self) -> None:
        """Say so if checkpoints fail: rows wait for as long as they do."""
        now = time.monotonic()
        oldest_s = now - min(self._begun.values(), default=now)
        if oldest_s > WAITING_S and now >= self._warn_at:
            log.warning("rows_wait_for_a_checkpoint", bundles=len(self._begun), longest_s=round(oldest_s))
            self._warn_at = now + WAITING_S


class HeldRows:
    """The rows of one shard in keyed state: in a bag, each with the bundle that brought it.

    Args:
        bag: of `EncodedRow`.
        cell: of `Bundles`: those that brought the rows, so that these need not be read to know.
    """

    def __init__(self, bag: Any, cell: Any) -> None:
        self._bag = bag
        self._cell = cell

    def told(self, bundle: str) -> None:
        """Rows of this bundle are to be added."""
        before = self._cell.read() or Bundles()
        self._cell.write(Bundles(ids=(*before.ids, bundle)))

    def add(self, row: EncodedRow, bundle: str) -> None:
        """Hold a row."""
        self._bag.add(replace(row, bundle=bundle))

    def write(self, unfinalized: frozenset[str], writer: RowWriter) -> bool:
        """Write the rows of all other bundles than these, `BATCH_ROWS` at once; whether any row is still held.

        Rows that state held when it was restored are of no bundle of this process. While all that brought rows may
        still be undone, the rows are not so much as read.
        """
        told = self._cell.read()
        if told and unfinalized.issuperset(told.ids):
            return True
        kept: list[EncodedRow] = []
        ready: list[Any] = []
        for row in self._bag.read():
            if row.bundle in unfinalized:
                kept.append(row)
                continue
            ready.append(_decoded(row))
            if len(ready) >= BATCH_ROWS:
                writer.write(ready)
                ready = []
        if ready:
            writer.write(ready)
        self._bag.clear()
        self._cell.clear()
        for row in kept:
            self._bag.add(row)
        if kept:
            self._cell.write(Bundles(ids=tuple(dict.fromkeys(row.bundle for row in kept))))
        return bool(kept)


class _WriteDurable(beam.DoFn):
    """Holds rows in keyed state until a checkpoint has them, and writes them then.

    A page that is fetched again after a failure is another capture. So a row may be in a sink only once no failure can
    undo that it was made: when the runner has finalized the bundle that brought it.
    """

    HELD = BagStateSpec("held", RecordCoder(EncodedRow))
    BUNDLES = ReadModifyWriteStateSpec("bundles", RecordCoder(Bundles))
    DUE = TimerSpec("write_due", TimeDomain.REAL_TIME)

    def __init__(self, writer: Shared[RowWriter], every_s: int) -> None:
        self._shared = writer
        self._shared_unfinalized = Shared(_Unfinalized)
        self._every_s = every_s

    def setup(self) -> None:
        self._writer = self._shared.get()
        self._unfinalized = self._shared_unfinalized.get()

    def start_bundle(self) -> None:
        self._bundle = ""
        self._shards: set[str] = set()  # that were told of this bundle

    def process(
        self,
        element: tuple[str, EncodedRow],
        bag: Any = beam.DoFn.StateParam(HELD),  # noqa: B008  # Beam's way of declaring state
        cell: Any = beam.DoFn.StateParam(BUNDLES),  # noqa: B008  # as above
        due: Any = beam.DoFn.TimerParam(DUE),  # noqa: B008  # as above
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
    ) -> None:
        shard, row = element
        if not self._bundle:
            self._bundle = uuid.uuid4().hex
            self._unfinalized.add(self._bundle)
            finalizer.register(partial(self._unfinalized.discard, self._bundle))
        held = HeldRows(bag, cell)
        if shard not in self._shards:
            self._shards.add(shard)
            held.told(self._bundle)
            due.set(self._next())
        held.add(row, self._bundle)

    @on_timer(DUE)  # type: ignore[untyped-decorator]  # Beam is untyped
    def write(
        self,
        bag: Any = beam.DoFn.StateParam(HELD),  # noqa: B008  # as above
        cell: Any = beam.DoFn.StateParam(BUNDLES),  # noqa: B008  # as above
        due: Any = beam.DoFn.TimerParam(DUE),  # noqa: B008  # as above
    ) -> None:
        """Write what no failure can undo, and hold on to the rest."""
        if HeldRows(bag, cell).write(self._unfinalized.now(), self._writer):
            due.set(self._next())

    def _next(self) -> Timestamp:
        """The same for all rows of an interval: a timer that is set anew for each would never be due."""
        return Timestamp((int(time.time()) // self._every_s + 1) * self._every_s)


class _Publish(beam.DoFn):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def process(self, element: Capture) -> Iterator[Any]:
        article, outcome = publish(element, self._clock)
        yield article
        yield beam.pvalue.TaggedOutput("outcomes", outcome)


class _Gather(beam.DoFn):
    def __init__(self, into: Shared[Gathered]) -> None:
        self._into = into

    def process(self, element: object) -> None:
        self._into.get().add(element)
