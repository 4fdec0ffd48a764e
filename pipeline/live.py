"""The local run: short bounded cycles of the graph, each followed by one commit; delivery runs beside them.

A cycle takes the feeds and the queued entries that are due, bounded in count, runs the graph on Beam's in-process
runner and hands what it gathered to `State.commit`. Downloads outlive cycles: what is not ready when a cycle ends is
found by the next one.
"""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from pipeline.deliver import Deliverer
from pipeline.graph import Parts, Work, build
from pipeline.memory import StateMemory
from pipeline.sinks.base import Sink
from pipeline.state import State
from schemas.enums import LinkKind, Source
from schemas.ids import EPOCH
from schemas.records import Article, Entry, Feed, Link, Outcome, Poll
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

MAX_FEEDS = 200  # polled in one cycle
MAX_PAGES = 200  # taken up in one cycle
LEAST_OF_HOST = 4  # of those, of one host
DEADLINE_S = 1.0  # a cycle waits this long for polls, and again for pages


class Cycle:
    """The graph, built once and run many times on the in-process runner.

    The pipeline's proto is kept: building it anew for every cycle costs three times as much as running it.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._options = PipelineOptions([])
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=self._options)
        build(pipeline, parts)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self, work: Work) -> Gathered:
        """Run the graph over `work` and give what it produced. If it raises, nothing has happened."""
        gathered = self._parts.gathered.get()
        gathered.clear()
        self._parts.work.put(work)
        FnApiRunner().run_via_runner_api(copy.deepcopy(self._proto), self._options).wait_until_finish()
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


def _max_of_host(host_delay_s: float) -> int:
    """How many pages of one host a cycle takes up: a few times what its delay lets through, more would only wait."""
    if host_delay_s * MAX_PAGES <= LEAST_OF_HOST * DEADLINE_S:
        return MAX_PAGES
    return max(LEAST_OF_HOST, int(LEAST_OF_HOST * DEADLINE_S / host_delay_s))


def _new_work() -> Work:
    return Work()


def _new_gathered(_folder: str) -> Gathered:
    return Gathered()


def run_once(
    folder: Path,
    feeds: Sequence[tuple[Feed, str]],
    sinks: Sequence[Sink],
    http: HttpConfig,
    *,
    initial: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Clock = utc_now,
    workers: int = 0,
) -> RunReport:
    """Poll every feed once, bring every entry to its outcome, deliver everything.

    Entries that an earlier run left in the queue are taken up too.

    Args:
        folder: the data directory; the caller holds its `RunnerLock`.
        feeds: each feed with the URL to request, credentials included.
        sinks: where the rows go; they are closed at the end.
        http: politeness and limits of the downloads.
        initial: how many of the newest entries to take of a feed seen for the first time; None for all.
        on_progress: called after each cycle.
        should_stop: asked before each cycle; what is committed is delivered before the run ends.
        clock: wall clock.
        workers: processes of the pool; 0 for one per core.

    Raises:
        StateError: the state file cannot be used.
    """
    state = State(folder)
    downloads = Shared(Downloads, (http,))
    pool = Shared(Pool, (workers,))
    memory: Shared[Any] = Shared(StateMemory, (str(folder),))
    parts = Parts(
        work=Shared(_new_work),
        gathered=Shared(_new_gathered, (str(folder),)),
        downloads=downloads,
        pool=pool,
        articles=memory,
        copies=memory,
        initial=initial,
        deadline_s=DEADLINE_S,
        max_pages=MAX_PAGES,
        clock=clock,
    )
    report = RunReport({feed.feed_id: FeedCount(feed) for feed, _ in feeds})
    deliverer = Deliverer(folder, sinks)
    try:
        state.set_feeds(feeds)
        cycle = Cycle(parts)
        to_poll = list(report.feeds)
        done = 0
        while not should_stop():
            due = state.feeds_due(to_poll[:MAX_FEEDS])
            entries = state.entries_due(clock(), MAX_PAGES, _max_of_host(http.host_delay_s))
            if not due and not entries:
                break
            gathered = cycle.run(Work(feeds=due, entries=entries))
            ledger = state.commit(entries, gathered, clock())
            polled = {poll.feed_id for poll in gathered.of(Poll)}
            to_poll = [feed_id for feed_id in to_poll if feed_id not in polled]
            report.count(gathered, ledger)
            done += sum(outcome.is_terminal for outcome in ledger)
            if on_progress:
                on_progress(Progress(len(to_poll), state.queue_length(), done))
    finally:
        try:
            report.sinks_failed = {uri: str(error) for uri, error in deliverer.finish().items()}
        finally:
            state.close()
            for shared in (downloads, pool, memory):
                shared.get().close()
                shared.forget()
    return report
