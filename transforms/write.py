"""write: captures become rows; whatever the graph produced is handed to whoever runs it.

Comes in: `Capture` from tag. Goes out: `Article` rows, and the terminal `Outcome` of each entry (published for an
article's first capture, revised for a further one). A local run gathers all records of a cycle in memory, and commits
them when the cycle has ended (`pipeline.state`).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import apache_beam as beam

from schemas.enums import OutcomeKind, Stage
from schemas.records import Article, Capture, Outcome
from transforms import outcomes
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared

T = TypeVar("T")


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
