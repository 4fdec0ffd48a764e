"""What every local run drives: the graph in short cycles, each followed by one commit, and delivery beside them.

A cycle takes what is due, bounded in count, runs the graph on Beam's in-process runner and hands what it gathered to
`State.commit`. Downloads and extractions outlive cycles: what is not ready when a cycle ends is found by the next one.
A cycle reads the memories and commits in its turn (`Turns`): a backfill may run beside a live run.
"""

import copy
import datetime as dt
import gc
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.transforms import userstate
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from pipeline.backfill_store import Step
from pipeline.data_directory import Turns
from pipeline.deliver import FLUSH_S, MAX_ROWS, Deliverer, Terms
from pipeline.graph import Parts, Work, build
from pipeline.held import entry_of
from pipeline.memory import StateMemory
from pipeline.metrics import Metrics
from pipeline.raw_archive import RawArchive
from pipeline.sinks.base import Sink
from pipeline.state import State
from schemas.records import Capture, Entry, FeedDue, Outcome, Page
from transforms.extract import begin_extraction
from transforms.outcomes import Clock
from transforms.pool import Pool
from transforms.schedule import Limits
from transforms.shared import Shared
from transforms.timing import stage_seconds
from transforms.visits import SINGLE_RUN, Policy
from transforms.wanted import Wanted
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

MAX_PAGES = 200  # taken up in one cycle
LEAST_OF_HOST = 4  # of those, of one host
DEADLINE_S = 1.0  # a cycle waits this long for polls, and again for pages


# The in-process worker would cache keyed state, and weigh each value by walking all that it refers to: a fifth of a
# cycle's CPU (benchmarks/live.py). Locally state lives for a cycle only, and is in this process anyway.
worker_handlers.STATE_CACHE_SIZE_MB = 0


# The state and timers that a DoFn declares stand in its class (in a Map's function they could not): Beam looks through
# every method of every DoFn for them, several times a cycle, which took half the CPU of a cycle without work.
_specs_of: dict[type[beam.DoFn], Any] = {}
_read_specs = userstate.get_dofn_specs


def _known_specs(dofn: beam.DoFn) -> Any:
    kind = type(dofn)
    if kind not in _specs_of:
        _specs_of[kind] = _read_specs(dofn)
    return _specs_of[kind]


userstate.get_dofn_specs = _known_specs


class Cycle:
    """The graph, built once and run many times on the in-process runner.

    The pipeline's proto is kept: building it anew for every cycle costs three times as much as running it.
    """

    def __init__(self, parts: Parts, *, ends_after_poll: bool = False) -> None:
        self._parts = parts
        self._options = PipelineOptions([])
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=self._options)
        build(pipeline, parts, ends_after_poll=ends_after_poll)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self, work: Work) -> Gathered:
        """Run the graph over `work` and give what it produced. If it raises, nothing has happened."""
        gathered = self._parts.gathered.get()
        gathered.clear()
        self._parts.work.put(work)
        result = FnApiRunner().run_via_runner_api(copy.deepcopy(self._proto), self._options)
        result.wait_until_finish()
        gathered.stage_s = stage_seconds(result)
        return gathered


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run works.

    Args:
        http: politeness and limits of the downloads.
        initial: how many of the newest entries to take of a feed seen for the first time; None for all.
        limits: between which intervals a feed is polled; None for a single run.
        policy: how often a page is asked for.
        flush_s: seconds that rows wait for others to join their delivery.
        terms: of the sinks that have terms of their own, by URI.
        outbox_limit: rows that a sink may lack before the run takes up no more work.
        workers: processes of the pool; 0 for one per core.
        ends_after_poll: hand the entries on to the sinks, and do nothing else with them.
        wanted: of a backfill, which captures go on; None for all.
        raw: the folder in which fetched pages are kept as they came; None for nowhere.
        raw_keep: of a run, how long they are kept; None for ever. A backfill leaves it as it is.
    """

    http: HttpConfig
    initial: int | None = None
    limits: Limits | None = None
    policy: Policy = SINGLE_RUN
    flush_s: float = FLUSH_S
    terms: Mapping[str, Terms] = field(default_factory=dict)
    outbox_limit: int = 1_000_000
    workers: int = 0
    ends_after_poll: bool = False
    wanted: Wanted | None = None
    raw: Path | None = None
    raw_keep: dt.timedelta | None = None


def _max_of_host(host_delay_s: float) -> int:
    """How many pages of one host a cycle takes up: a few times what its delay lets through, more would only wait."""
    if host_delay_s * MAX_PAGES <= LEAST_OF_HOST * DEADLINE_S:
        return MAX_PAGES
    return max(LEAST_OF_HOST, int(LEAST_OF_HOST * DEADLINE_S / host_delay_s))


def _new_work() -> Work:
    return Work()


def _new_gathered(_folder: str) -> Gathered:
    return Gathered()


class Engine:
    """What both kinds of run drive: state, graph, downloads, pool, memory and delivery, opened and closed together."""

    def __init__(self, folder: Path, sinks: Sequence[Sink], settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self.state = State(folder)
        self.metrics = metrics
        self._settings = settings
        self._clock = clock
        self._downloads = Shared(Downloads, (settings.http,))
        self._pool = Shared(Pool, (settings.workers,))
        self._memory: Shared[Any] = Shared(StateMemory, (str(folder),))
        self._turns = Turns(folder)
        self._archive = self._raw_archive()
        self._max_of_host = _max_of_host(settings.http.host_delay_s)
        self._is_warm = False
        self._cycle = Cycle(
            Parts(
                work=Shared(_new_work),
                gathered=Shared(_new_gathered, (str(folder),)),
                downloads=self._downloads,
                pool=self._pool,
                aliases=self._memory,
                articles=self._memory,
                copies=self._memory,
                initial=settings.initial,
                limits=settings.limits,
                policy=settings.policy,
                archive=self._archive,
                wanted=settings.wanted,
                deadline_s=DEADLINE_S,
                max_pages=MAX_PAGES,
                clock=clock,
            ),
            ends_after_poll=settings.ends_after_poll,
        )
        self._deliverer = Deliverer(folder, sinks, metrics, flush_s=settings.flush_s, terms=settings.terms, clock=clock)

    def entries_due(self, *, of_backfill: bool = False) -> list[Entry]:
        """The queued entries for the next cycle."""
        if self._settings.ends_after_poll:
            return []
        return self.state.entries_due(self._clock(), MAX_PAGES, self._max_of_host, of_backfill=of_backfill)

    def begin(self, pages: Iterable[Page]) -> None:
        """Have pages extracted that a later cycle will take, so that the pool always has work."""
        for page in pages:
            begin_extraction(self._pool.get(), page)

    def run_cycle(
        self,
        feeds: Sequence[FeedDue],
        entries: Sequence[Entry],
        pages: Sequence[Page] = (),
        captures: Sequence[Capture] = (),
        step: Step | None = None,
    ) -> tuple[Gathered, list[Outcome]]:
        """One cycle and its commit.

        Args:
            feeds: to poll.
            entries: from the queue.
            pages: of a backfill, to be extracted.
            captures: of a backfill, to be identified.
            step: what a backfill adds to the commit.

        Returns:
            What it produced, and the rows of the ledger.
        """
        self._deliverer.check()
        with self._turns.taken():
            started = time.monotonic()
            to_fetch, held = self.state.take_held(entries)
            # A source may hold a record twice: one entry has one page in a cycle.
            each = {page.entry.entry_id: page for page in (*held.pages, *pages)}
            work = Work(
                feeds=feeds,
                entries=to_fetch,
                pages=[begin_extraction(self._pool.get(), page) for page in each.values()],
                captures=[*held.captures, *captures],
            )
            gathered = self._cycle.run(work)
            ran = time.monotonic()
            ledger: list[Outcome] = []
            if self._settings.ends_after_poll:
                self.state.hand_on(gathered)
            else:
                taken = [*entries, *(page.entry for page in pages), *(entry_of(capture, {}) for capture in captures)]
                ledger = self.state.commit(taken, gathered, self._clock(), self._settings.policy, step, work.captures)
        if not self._is_warm:
            # All that lasts is loaded now: the collector need not walk the gazetteers again and again (a seventh of a
            # run's CPU went there: benchmarks/live.py).
            gc.collect()
            gc.freeze()
            self._is_warm = True
        self.metrics.committed(time.monotonic() - ran)
        self.metrics.cycle(gathered, ledger, ran - started, taken=entries)
        self.metrics.queue(self.state.queue_length())
        rows = self.state.outbox_length()
        self.metrics.outbox(rows, self.state.outbox_since())
        if rows >= MAX_ROWS:
            self._deliverer.flush()
        return gathered, ledger

    def commit(self, step: Step) -> None:
        """The commit of a backfill's step that brings no work for the graph."""
        with self._turns.taken():
            self.state.commit((), Gathered(), self._clock(), self._settings.policy, step)

    def is_full(self) -> bool:
        """Whether a sink lacks so many rows that no more work is taken up."""
        return self.state.outbox_length() >= self._settings.outbox_limit

    def close(self, timeout_s: float | None = None) -> dict[str, str]:
        """Deliver what is left and close everything; for each sink that could not take all, why."""
        try:
            failed = self._deliverer.finish(timeout_s)
            return {uri: str(error) for uri, error in failed.items()}
        finally:
            self.state.close()
            self._turns.close()
            for shared in (self._downloads, self._pool, self._memory, self._archive):
                if shared:
                    shared.close()
            gc.unfreeze()

    def _raw_archive(self) -> Shared[Any] | None:
        """The archive, opened now: a folder that cannot be used is said before the run begins."""
        if not self._settings.raw:
            return None
        archive = Shared(RawArchive, (self._settings.raw,))
        archive.get()
        self.state.note_raw(self._settings.raw)
        return archive
