"""write: captures become rows; whatever the graph produced is handed to whoever runs it.

Comes in: `Capture` from tag. Goes out: `Article` rows, and the terminal `Outcome` of each entry (published for an
article's first capture, revised for a further one). A local run gathers all records of a cycle in memory, and commits
them when the cycle has ended (`pipeline.state`). On a cluster the rows of all tables go to a sink as they come, at
least once (`WriteRows`).
"""

import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import apache_beam as beam
from apache_beam.transforms.trigger import AccumulationMode, AfterProcessingTime, Repeatedly
from apache_beam.transforms.window import GlobalWindows

from schemas import codec
from schemas.enums import OutcomeKind, Stage
from schemas.records import Article, Capture, Outcome
from schemas.tables import ROWS, TABLE_OF, key_of
from transforms import outcomes
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared

T = TypeVar("T")

BATCH_ROWS = 5_000  # bounds memory, and makes few large commits
SHARDS = 4  # that write to a sink at once


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

    A bundle's rows are written before it ends, so a runner that commits a bundle has them written. A bundle that is
    tried again writes its rows again: sinks know the same batch, and views take distinct keys.

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
            records | f"Shard{name}" >> beam.Map(_sharded, self.shards).with_output_types(tuple[int, tuple[str, bytes]])
            for name, records in rows.items()
        ] | "FlattenRows" >> beam.Flatten()
        if self.every_s is not None:
            # By the wall clock: a window of event time would drop what comes behind its watermark.
            sharded |= "WaitForRows" >> beam.WindowInto(
                GlobalWindows(),
                trigger=Repeatedly(AfterProcessingTime(self.every_s)),
                accumulation_mode=AccumulationMode.DISCARDING,
            )
        grouped = sharded | "GroupRows" >> beam.GroupByKey()
        return grouped | "WriteRows" >> beam.ParDo(_WriteRows(self.writer)).with_output_types(int)


def _sharded(record: Any, shards: int) -> tuple[int, tuple[str, bytes]]:
    """The shard of a row, always the same one, its table, and itself."""
    table = TABLE_OF[type(record)]
    return zlib.crc32(key_of(table, record).encode()) % shards, (table, codec.encode(record))


class _WriteRows(beam.DoFn):
    def __init__(self, writer: Shared[RowWriter]) -> None:
        self._shared = writer

    def setup(self) -> None:
        self._writer = self._shared.get()

    def start_bundle(self) -> None:
        self._records: list[Any] = []

    def process(self, element: tuple[int, Iterable[tuple[str, bytes]]]) -> None:
        for table, encoded in element[1]:
            self._records.append(codec.decode(encoded, ROWS[table].record))
            if len(self._records) >= BATCH_ROWS:
                self._write()

    def finish_bundle(self) -> None:
        if self._records:
            self._write()

    def _write(self) -> None:
        self._writer.write(self._records)
        self._records = []


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
