"""What jobs on a Beam runner have in common: which runner, what the stages are built with, the way to the sinks.

The stages are those of the local graph; identify, revise and link remember in Beam's keyed state, for as long as the
job lasts. Rows go straight to the sinks, at least once: their keys are hashes of facts, and the views take distinct
keys. There is no data directory.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import structlog
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.engine import Settings
from pipeline.graph import StageParts
from pipeline.sinks import open_sink
from pipeline.sinks.base import SinkError, letter_of, of_cluster, without_letters
from pipeline.sinks.iceberg import is_shared, place_of
from transforms.copies.index import CopyIndex
from transforms.identify import NoAliases
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.revise import NoMemory
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.write import SHARDS

IN_PROCESS = ("DirectRunner", "FnApiRunner")  # both mean Beam's in-process runner, named; what for: tests, small jobs
RUNNERS = ("FlinkRunner", "DataflowRunner", "PrismRunner", *IN_PROCESS)

# Flink ends a bundle at 1,000 elements if it is told nothing: pages are held until then, and some have megabytes.
OF_FLINK = ("--max_bundle_size=200",)
# Its workers, where no others are named: a pool of the image in deploy/ beside each task manager. The image that Beam
# would take lacks the code.
WORKERS_OF_FLINK = ("--environment_type=EXTERNAL", "--environment_config=localhost:50000")
_OTHER_WORKERS = ("--environment_", "--sdk_container_image", "--worker_harness_container_image")

log = structlog.get_logger()


class ClusterError(Exception):
    """The job cannot be made, or has failed; the message says why, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where a job runs.

    Args:
        runner: one of `RUNNERS`.
        options: Beam's own and the runner's, as --name=value.
    """

    runner: str
    options: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Raises ClusterError if the runner is none that is known."""
        if self.runner not in RUNNERS:
            raise ClusterError(f"{self.runner}: not a runner; known are {', '.join(RUNNERS)}")

    @property
    def is_in_process(self) -> bool:
        """Whether there is one worker only: this process."""
        return self.runner in IN_PROCESS

    def pipeline(self) -> beam.Pipeline:
        """An empty pipeline that runs there."""
        if self.is_in_process:
            return beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(self.options)))
        return beam.Pipeline(options=self.beam_options())

    def beam_options(self) -> PipelineOptions:
        """The options as Beam reads them; of two with one name the last counts, so ours stand first."""
        ours: tuple[str, ...] = ()
        if self.runner == "FlinkRunner":
            ours = OF_FLINK if any(map(_names_workers, self.options)) else (*OF_FLINK, *WORKERS_OF_FLINK)
        return PipelineOptions([f"--runner={self.runner}", *ours, *self.options])


def _names_workers(option: str) -> bool:
    return option.startswith(_OTHER_WORKERS)


def shards_of(uri: str, cluster: Cluster) -> int:
    """In how many shards a sink is written to: in one where each commit waits for the one before.

    Raises:
        SinkError: the sink is for one process only, and the cluster has several.
    """
    kind, _, where = uri.partition(":")
    if kind != "iceberg":
        return SHARDS
    if not cluster.is_in_process and not is_shared(place_of(where)):
        raise SinkError(
            f"{uri}: its catalog is a SQLite file, and a cluster needs one that all workers share: "
            "iceberg:catalog=NAME, described by PyIceberg's configuration on each of them as SQL on a server, or REST"
        )
    return 1


class SinkWriter:
    """A process's way to a sink: what writes a cluster's rows there.

    Args:
        uri: the sink's.
        clock: the rows' commit time. Each worker has its own, so it may go back by as much as they differ.
    """

    def __init__(self, uri: str, clock: Clock = utc_now) -> None:
        self._sink = open_sink(uri)
        self._clock = clock
        self._lock = threading.Lock()  # bundles run in several threads, and a sink is for one

    def write(self, records: Sequence[Any]) -> None:
        """See `transforms.write.RowWriter`. Of a row that the sink cannot hold, it gets a dead letter instead."""
        with self._lock:
            now = self._clock()
            refused = without_letters(self._sink.write(of_cluster(records, now)))
            for each in refused:
                log.warning("row_refused", sink=self._sink.uri, table=each.row.table, error=each.error)
            if refused:
                self._sink.write(of_cluster([letter_of(self._sink.uri, each, now) for each in refused], now))

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


@contextmanager
def opened(sinks: Sequence[str], parts: StageParts, clock: Clock) -> Iterator[Mapping[str, Shared[SinkWriter]]]:
    """The writers of this process, by the sinks' URIs, closed at the end with what the stages have used here.

    To open them makes the tables before the workers come, and says now what is wrong.

    Raises:
        SinkError: a sink cannot be opened.
    """
    writers = {uri: Shared(SinkWriter, (uri, clock)) for uri in sinks}
    held: list[Shared[Any]] = [*writers.values(), parts.downloads, parts.pool]
    try:
        for writer in writers.values():
            writer.get()
        yield writers
    finally:
        for shared in held:
            shared.close()


def parts_of(settings: Settings, deadline_s: float, max_pages: int, clock: Clock) -> StageParts:
    """What the stages are built with: no memory behind keyed state.

    Args:
        settings: http, workers, policy and wanted, for each worker.
        deadline_s: seconds that a bundle waits for its pages.
        max_pages: pages that one bundle takes.
        clock: wall clock of the outcomes; it is pickled by its name.
    """
    return StageParts(
        downloads=Shared(Downloads, (settings.http,)),
        pool=Shared(Pool, (settings.workers,)),
        aliases=Shared(NoAliases),
        articles=Shared(NoMemory),
        copies=Shared(CopyIndex),
        deadline_s=deadline_s,
        max_pages=max_pages,
        policy=settings.policy,
        wanted=settings.wanted,
        clock=clock,
    )


def last_line(error: Exception) -> str:
    """What a runner's error comes to: it ends with it."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
