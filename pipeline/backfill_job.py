"""A backfill as one bounded pipeline on a Beam runner: Flink, Dataflow, Prism, or in this process.

What differs from the local graph is around it: each source is read by one worker, its pages go to all of them; see
`pipeline.cluster` for the rest. Nothing is refused as known: a second job over the same sources makes the same rows
again.

Entries of one site are fetched by one worker, so a site is asked as politely as by a local run. What a bundle cannot
fetch (more than `MAX_PAGES`, or longer than `DEADLINE_S`) ends as deferred: a bounded job has no later cycle.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.pvalue import TaggedOutput

from pipeline.backfill import TAKEN, Filters, RecordGate, Report, damage_of
from pipeline.cluster import Cluster, ClusterError, SinkWriter, last_line, opened, parts_of, shards_of
from pipeline.engine import Settings
from pipeline.graph import StageParts, join
from pipeline.sources.base import Found, Refused, Source, SourceError
from schemas.enums import Reason
from schemas.records import Capture, Entry, Outcome, Page
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared
from transforms.text import urls
from transforms.timing import NAMESPACE
from transforms.write import COUNTED, CountOutcomes, WriteRows

MAX_PAGES = 10_000  # that a bundle fetches
DEADLINE_S = 3_600.0  # that a bundle waits for them: at one a second of a host, 3,600 of each

_REFUSED = "refused_"  # prefix of counters, before a reason
_DAMAGED, _FAILED = "damaged_places", "failed_sources"


def backfill_on(
    cluster: Cluster,
    sources: Sequence[Source],
    sinks: Sequence[str],
    settings: Settings,
    filters: Filters,
    clock: Clock = utc_now,
) -> Report:
    """Bring all that `sources` hold and `filters` ask for into the sinks' tables, and wait until that is done.

    Args:
        cluster: where.
        sources: what is read, each by one worker, which must reach its files as this process does.
        sinks: URIs; the workers open them.
        settings: http and workers, which count for each worker.
        filters: which records are taken; without a limit, which takes someone who counts all.
        clock: wall clock, of the outcomes and of the rows; it is pickled by its name.

    Raises:
        ClusterError: the job failed.
        SinkError: a sink cannot be opened, or not be shared.
    """
    if filters.limit is not None:
        raise ClusterError("a limit counts all records, and the workers of a cluster do not: take a sample")
    started = time.monotonic()
    shards = {uri: shards_of(uri, cluster) for uri in sinks}
    parts = parts_of(dataclasses.replace(settings, wanted=filters.wanted), DEADLINE_S, MAX_PAGES, clock)
    with opened(sinks, parts, clock) as writers:
        pipeline = cluster.pipeline()
        build_backfill(pipeline, sources, filters, parts, {writers[uri]: shards[uri] for uri in sinks})
        try:
            result = pipeline.run()
            result.wait_until_finish()
        except Exception as error:  # whatever a runner raises: most know RuntimeError only
            raise ClusterError(f"{cluster.runner}: the job failed: {last_line(error)}") from error
    return _report(result, time.monotonic() - started)


def build_backfill(
    root: beam.Pipeline,
    sources: Sequence[Source],
    filters: Filters,
    parts: StageParts,
    writers: Mapping[Shared[SinkWriter], int],
) -> None:
    """Join reading, the stages and writing under `root`. No side effects.

    Args:
        root: the pipeline.
        sources: what is read.
        filters: which records are taken.
        parts: what the stages are built with.
        writers: of each sink, and in how many shards it is written to.
    """
    read = root | "Read" >> ReadSources(sources, filters, parts.clock)
    entries = read.entries | "SpreadEntries" >> SpreadOut(Entry, _by_site)
    pages = read.pages | "SpreadPages" >> SpreadOut(Page, _by_id)
    rows = {"DamageOutcomes": read.damage, **join(entries, parts, pages, read.captures).rows()}
    for name, records in rows.items():
        if records.element_type is Outcome:
            records | f"Count{name}" >> beam.ParDo(CountOutcomes()).with_output_types(int)
    for number, (writer, shards) in enumerate(writers.items(), start=1):
        rows | f"WriteToSink{number}" >> WriteRows(writer, shards)


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class ReadSources(beam.PTransform):
    """Pipeline root -> main `pages`: Page; tags `entries`: Entry, `captures`: Capture, `damage`: Outcome.

    Args:
        sources: what is read; picklable.
        filters: which records are taken.
        clock: the time of outcomes.
    """

    sources: Sequence[Source]
    filters: Filters
    clock: Clock = utc_now

    def expand(self, root: beam.Pipeline) -> Any:
        """Join."""
        numbers = root | "Number" >> beam.Create(range(len(self.sources)), reshuffle=False).with_output_types(int)
        spread = numbers | "SpreadSources" >> SpreadOut(int, str)
        return spread | "ReadSource" >> beam.ParDo(
            _ReadSource(tuple(self.sources), self.filters, self.clock)
        ).with_output_types(Page, entries=Entry, captures=Capture, damage=Outcome).with_outputs(
            "entries", "captures", "damage", main="pages"
        )


@dataclass
class SpreadOut(beam.PTransform):
    """A PCollection -> the same, divided among the workers anew; what has one key goes to one of them.

    Beam's own Reshuffle has pickles on its edges.

    Args:
        kind: of the elements.
        key: of an element; a function at module level.
    """

    kind: type[Any]
    key: Callable[[Any], str]

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        """Join."""
        return (
            elements
            | "AddKey" >> beam.Map(_keyed, self.key).with_output_types(tuple[str, self.kind])  # type: ignore[name-defined]  # Beam reads it at run time
            | "GroupByKey" >> beam.GroupByKey()
            | "TakeValues" >> beam.FlatMap(_values).with_output_types(self.kind)
        )


def _keyed(element: Any, key: Callable[[Any], str]) -> tuple[str, Any]:
    return key(element), element


def _values(keyed: tuple[str, Iterable[Any]]) -> Iterable[Any]:
    return keyed[1]


def _by_site(entry: Entry) -> str:
    return urls.site(entry.url) or entry.entry_id


def _by_id(page: Page) -> str:
    return page.entry.entry_id


class _ReadSource(beam.DoFn):
    def __init__(self, sources: Sequence[Source], filters: Filters, clock: Clock) -> None:
        self._sources = sources
        self._filters = filters
        self._clock = clock

    def setup(self) -> None:
        self._gate = RecordGate(None, self._filters)

    def process(self, number: int) -> Iterator[Any]:
        source = self._sources[number]
        try:
            for found in source.read(0, self._gate):
                yield from self._outputs(found)
        except SourceError as error:  # it costs this source, as locally; the report and the ledger tell it
            _count(_FAILED)
            refused = Refused(reason=Reason.DISCONNECTED, position=0, place=source.name, detail=str(error))
            yield TaggedOutput("damage", damage_of(refused, self._clock()))

    def _outputs(self, found: Found | Refused) -> Iterator[Any]:
        if isinstance(found, Refused):
            _count(f"{_REFUSED}{found.reason}")
            if found.place:
                _count(_DAMAGED)
                yield TaggedOutput("damage", damage_of(found, self._clock()))
        elif isinstance(found.record, Page):
            _count(TAKEN)
            yield found.record
        elif isinstance(found.record, Capture):
            _count(TAKEN)
            yield TaggedOutput("captures", found.record)
        elif self._filters.want_entry(found.record):
            _count(TAKEN)
            yield TaggedOutput("entries", found.record)
        else:
            _count(f"{_REFUSED}{Reason.NOT_WANTED}")


# ── counting ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _count(name: str) -> None:
    Metrics.counter(NAMESPACE, name).inc()


def _report(result: Any, elapsed_s: float) -> Report:
    """What the job's counters say."""
    report = Report(elapsed_s=elapsed_s)
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        name, count = counter.key.metric.name, counter.result
        if name == TAKEN:
            report.taken += count
        elif name.startswith(_REFUSED):
            report.refused[name.removeprefix(_REFUSED)] += count
        elif name.startswith(COUNTED):
            report.outcomes[name.removeprefix(COUNTED).partition("_")[0]] += count
        elif name == _DAMAGED:
            report.damage.append(f"{count} places; the outcomes of stage read say where")
        elif name == _FAILED:
            report.failed.append(f"{count} sources could not be read to their end; the outcomes of stage read say why")
    return report
