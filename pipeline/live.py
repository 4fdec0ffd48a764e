"""The local run, once or without end: short bounded cycles of the graph, each followed by one commit.

A cycle takes the feeds and the queued entries that are due, bounded in count, runs the graph on Beam's in-process
runner and hands what it gathered to `State.commit`. Downloads outlive cycles: what is not ready when a cycle ends is
found by the next one. Delivery runs beside the cycles. A single run ends when nothing is left to do; one without end
sleeps until the next feed or entry is due.
"""

import copy
import datetime as dt
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam
import structlog
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.transforms import userstate
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from pipeline.deliver import FINISH_S, FLUSH_S, MAX_ROWS, Deliverer, Terms
from pipeline.graph import Parts, Work, build
from pipeline.maintain import Task, maintain, maintain_due
from pipeline.memory import StateMemory
from pipeline.metrics import Metrics
from pipeline.sinks.base import Sink
from pipeline.state import State
from schemas.enums import LinkKind, Source
from schemas.ids import EPOCH
from schemas.records import Article, Entry, Feed, FeedDue, Link, Outcome, Poll, PollState
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.schedule import Limits, first_due
from transforms.shared import Shared
from transforms.timing import stage_seconds
from transforms.visits import SINGLE_RUN, Policy
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

MAX_FEEDS = 200  # polled in one cycle
MAX_PAGES = 200  # taken up in one cycle
LEAST_OF_HOST = 4  # of those, of one host
SHORTEST_SLEEP_S, LONGEST_SLEEP_S = 0.05, 5.0  # between two turns of a loop with nothing due: feed lists are looked at
HOUSEKEEPING = "housekeeping"  # name of the thread that maintains the data directory beside a run
HOUSEKEEPING_LOOK = dt.timedelta(minutes=1)
CYCLE_TRIES = 5  # cycles in a row that may fail by a fault of our own before the run gives up
DEADLINE_S = 1.0  # a cycle waits this long for polls, and again for pages
PERIOD_S = 0.5  # between the starts of two cycles that are not full: a cycle costs the same for one feed and for thirty


log = structlog.get_logger()

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


@dataclass
class FeedCount:
    """What a run did with one feed, for the table at its end."""

    feed: Feed
    poll: Poll | None = None
    new: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    from_feed: int = 0
    copies: int = 0


@dataclass
class RunReport:
    """What a run did: per feed, and which sinks could not take all."""

    feeds: dict[str, FeedCount]
    sinks_failed: dict[str, str] = field(default_factory=dict)

    def count(self, gathered: Gathered, ledger: Sequence[Outcome]) -> None:
        """Add one cycle."""
        for poll in gathered.of(Poll):
            self._of(poll.feed_id).poll = poll
        for entry in gathered.of(Entry):
            self._of(entry.feed_id).new += 1
        for outcome in ledger:
            self._of(outcome.feed_id).outcomes[outcome.outcome] += 1
        articles = {article.article_id: article for article in gathered.of(Article)}
        for article in articles.values():
            self._of(article.feed_id).from_feed += article.source is Source.FEED
        copies = {link.copy_id for link in gathered.of(Link) if link.kind is not LinkKind.ORIGINAL}
        for copy_id in copies & articles.keys():
            self._of(articles[copy_id].feed_id).copies += 1

    def _of(self, feed_id: str | None) -> FeedCount:
        """The count of a feed; one that is not among this run's feeds left entries in the queue."""
        if feed_id not in self.feeds:
            return FeedCount(Feed(feed_id="", valid_from=EPOCH, url=""))
        return self.feeds[feed_id]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    feeds_left: int
    entries_left: int
    entries_done: int


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


class FeedSource(Protocol):
    """Where a run without end has its feeds from; it is asked again and again, so that changes need no restart."""

    def version(self) -> object:
        """What changes when the feeds may have changed; cheap."""

    def feeds(self) -> Sequence[tuple[Feed, str]]:
        """The feeds to poll, each with the URL to request."""


def _max_of_host(host_delay_s: float) -> int:
    """How many pages of one host a cycle takes up: a few times what its delay lets through, more would only wait."""
    if host_delay_s * MAX_PAGES <= LEAST_OF_HOST * DEADLINE_S:
        return MAX_PAGES
    return max(LEAST_OF_HOST, int(LEAST_OF_HOST * DEADLINE_S / host_delay_s))


def _new_work() -> Work:
    return Work()


def _new_gathered(_folder: str) -> Gathered:
    return Gathered()


class _Engine:
    """What both kinds of run drive: state, graph, downloads, pool, memory and delivery, opened and closed together."""

    def __init__(self, folder: Path, sinks: Sequence[Sink], settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self.state = State(folder)
        self.metrics = metrics
        self._settings = settings
        self._clock = clock
        self._downloads = Shared(Downloads, (settings.http,))
        self._pool = Shared(Pool, (settings.workers,))
        self._memory: Shared[Any] = Shared(StateMemory, (str(folder),))
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
                deadline_s=DEADLINE_S,
                max_pages=MAX_PAGES,
                clock=clock,
            ),
            ends_after_poll=settings.ends_after_poll,
        )
        self._deliverer = Deliverer(folder, sinks, metrics, flush_s=settings.flush_s, terms=settings.terms, clock=clock)

    def entries_due(self) -> list[Entry]:
        """The queued entries for the next cycle."""
        if self._settings.ends_after_poll:
            return []
        return self.state.entries_due(self._clock(), MAX_PAGES, self._max_of_host)

    def run_cycle(self, feeds: Sequence[FeedDue], entries: Sequence[Entry]) -> tuple[Gathered, list[Outcome]]:
        """One cycle and its commit; what it produced, and the rows of the ledger."""
        self._deliverer.check()
        started = time.monotonic()
        to_fetch, held = self.state.take_held(entries)
        gathered = self._cycle.run(Work(feeds=feeds, entries=to_fetch, pages=held.pages, captures=held.captures))
        ran = time.monotonic()
        ledger: list[Outcome] = []
        if self._settings.ends_after_poll:
            self.state.hand_on(gathered)
        else:
            ledger = self.state.commit(entries, gathered, self._clock(), self._settings.policy)
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
            for shared in (self._downloads, self._pool, self._memory):
                shared.get().close()
                shared.forget()


def run_once(
    folder: Path,
    feeds: Sequence[tuple[Feed, str]],
    sinks: Sequence[Sink],
    settings: Settings,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Clock = utc_now,
) -> RunReport:
    """Poll every feed once, bring every entry to its outcome, deliver everything.

    Entries that an earlier run left in the queue are taken up too, as far as they are due.

    Args:
        folder: the data directory; the caller holds its `RunnerLock`.
        feeds: each feed with the URL to request, credentials included.
        sinks: where the rows go; they are closed at the end.
        settings: how it works; `limits` is None, `policy` is `SINGLE_RUN`.
        on_progress: called after each cycle.
        should_stop: asked before each cycle; what is committed is delivered before the run ends.
        clock: wall clock.

    Raises:
        StateError: the state file cannot be used.
    """
    engine = _Engine(folder, sinks, settings, Metrics(clock), clock)
    report = RunReport({feed.feed_id: FeedCount(feed) for feed, _ in feeds})
    try:
        engine.state.set_feeds(feeds)
        to_poll = list(report.feeds)
        done = 0
        while not should_stop():
            due, entries = engine.state.feeds_of(to_poll[:MAX_FEEDS]), engine.entries_due()
            if not due and not entries:
                break
            gathered, ledger = engine.run_cycle(due, entries)
            polled = {state.feed_id for state in gathered.of(PollState)}
            to_poll = [feed_id for feed_id in to_poll if feed_id not in polled]
            report.count(gathered, ledger)
            done += sum(outcome.is_terminal for outcome in ledger)
            if on_progress:
                on_progress(Progress(len(to_poll), engine.state.queue_length(), done))
    finally:
        report.sinks_failed = engine.close()
    return report


def run_always(
    folder: Path,
    source: FeedSource,
    sinks: Sequence[Sink],
    settings: Settings,
    wait: Callable[[float], bool],
    *,
    metrics: Metrics | None = None,
    until: dt.datetime | None = None,
    clock: Clock = utc_now,
) -> dict[str, str]:
    """Poll each feed at its own pace and keep everything else going, until it is told to stop.

    Args:
        folder: the data directory; the caller holds its `RunnerLock`.
        source: the feeds.
        sinks: where the rows go; they are closed at the end.
        settings: how it works.
        wait: sleeps for so many seconds at most, and returns whether the run is to stop; with 0 it only tells.
        metrics: what is told of the run.
        until: when to stop by itself.
        clock: wall clock.

    Returns:
        For each sink that could not take all before the end: why. Its rows wait in the outbox.

    Raises:
        StateError: the state file cannot be used.
        Exception: a fault of our own that did not pass after `CYCLE_TRIES` cycles; nothing of them was committed.
    """
    metrics = metrics or Metrics(clock)
    engine = _Engine(folder, sinks, settings, metrics, clock)
    loop = _Loop(engine, source, settings, clock)
    housekeeper = _Housekeeper(folder, clock)
    failures = 0
    try:
        while not wait(0) and (until is None or clock() < until):
            try:
                pause_s = loop.turn()
                housekeeper.look()
                failures = 0
            except Exception as error:  # whatever it is, nothing of the cycle was committed
                failures += 1
                metrics.cycle_failed()
                if failures >= CYCLE_TRIES:
                    raise
                log.exception("cycle_failed", error=str(error), tries=failures)
                pause_s = float(failures)
            if pause_s > 0:
                metrics.sleeping(pause_s)
                wait(pause_s)
    finally:
        failed = engine.close(FINISH_S)
    return failed


class _Housekeeper:
    """Maintains the data directory beside the run, when it is due, in a thread of its own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._look_at = clock()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin what is due, if nothing is under way; cheap, and looks once a minute."""
        now = self._clock()
        if now < self._look_at or (self._thread and self._thread.is_alive()):
            return
        self._look_at = now + HOUSEKEEPING_LOOK
        due = maintain_due(self._folder, now)
        if due:
            # Whatever it is doing when the process ends is done next time.
            self._thread = threading.Thread(target=self._maintain, args=(due,), name=HOUSEKEEPING, daemon=True)
            self._thread.start()

    def _maintain(self, due: frozenset[Task]) -> None:
        try:
            report = maintain(self._folder, due, clock=self._clock)
        except Exception as error:  # noqa: BLE001  # it is tried again when it is due again; the run goes on
            log.warning("maintenance_failed", error=str(error))
            return
        for message in report.failed.values():
            log.warning("maintenance_failed", error=message)
        log.info("maintained", tasks=sorted(due))


class _Loop:
    """The turns of a run without end."""

    def __init__(self, engine: _Engine, source: FeedSource, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._source = source
        self._settings = settings
        self._clock = clock
        self._version: object = None
        self._is_paused = False

    def turn(self) -> float:
        """Do what is due; the seconds to sleep until there may be more."""
        self._take_feed_changes()
        if self._has_to_pause():
            return LONGEST_SLEEP_S
        now = self._clock()
        feeds, entries = self._engine.state.feeds_due(now, MAX_FEEDS), self._engine.entries_due()
        if feeds or entries:
            started = time.monotonic()
            self._engine.run_cycle(feeds, entries)
            is_full = len(feeds) == MAX_FEEDS or len(entries) == MAX_PAGES
            return 0.0 if is_full else max(0.0, PERIOD_S - (time.monotonic() - started))
        due_at = self._engine.state.next_due(with_queue=not self._settings.ends_after_poll)
        if due_at is None:
            return LONGEST_SLEEP_S
        return min(max((due_at - now).total_seconds(), SHORTEST_SLEEP_S), LONGEST_SLEEP_S)

    def _take_feed_changes(self) -> None:
        version = self._source.version()
        if version == self._version:
            return
        feeds = self._source.feeds()
        self._engine.state.set_feeds(feeds)
        interval_s = self._settings.limits.min_interval_s if self._settings.limits else 0.0
        now = self._clock()
        self._engine.state.set_due(
            {feed.feed_id: first_due(feed.feed_id, now, interval_s, len(feeds)) for feed, _ in feeds}
        )
        log.info("feeds_taken", feeds=len(feeds))
        self._version = version

    def _has_to_pause(self) -> bool:
        is_full = self._engine.is_full()
        if is_full != self._is_paused:
            self._is_paused = is_full
            log.warning("paused_outbox_full" if is_full else "resumed", limit=self._settings.outbox_limit)
        self._engine.metrics.ready(not is_full)
        return is_full
