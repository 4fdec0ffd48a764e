"""What each stage's own work takes, as Beam counters in microseconds: `wirebeam:poll_us`, ... on every runner."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter

from schemas.enums import Stage

NAMESPACE = "wirebeam"
_SUFFIX = "_us"


class StageTime:
    """The counter of one stage; made once, when its module is loaded.

    Args:
        stage: the stage. Of poll and fetch it counts what a bundle waits for downloads, of poll, extract and tag
            the CPU seconds of the pool's workers, of the others those in their pure function.
    """

    def __init__(self, stage: Stage) -> None:
        self._counter = Metrics.counter(NAMESPACE, f"{stage}{_SUFFIX}")

    def add(self, seconds: float) -> None:
        """So many seconds more."""
        self._counter.inc(round(seconds * 1_000_000))

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what the `with` block takes of this thread's CPU."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.add(time.thread_time() - started)


def stage_seconds(result: Any) -> dict[Stage, float]:
    """The seconds of each stage in a pipeline's result (`apache_beam.runners.runner.PipelineResult`)."""
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    micros = {counter.key.metric.name: 0 for counter in counters}
    for counter in counters:  # one for each step that counts
        micros[counter.key.metric.name] += counter.result
    return {stage: micros[name] / 1_000_000 for stage in Stage if (name := f"{stage}{_SUFFIX}") in micros}
