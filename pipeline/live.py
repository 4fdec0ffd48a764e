"""The local run over feeds, once or without end: turns of the engine, each with the feeds and entries that are due.

A single run ends when nothing is left to do; one without end sleeps until the next feed or entry is due, and maintains
its data directory meanwhile.
"""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from pipeline.deliver import FINISH_S
from pipeline.engine import MAX_PAGES, Engine, Settings
from pipeline.maintain import Task, maintain, maintain_due
from pipeline.metrics import Metrics
from pipeline.sinks.base import Sink
from schemas.enums import LinkKind, Source
from schemas.ids import EPOCH
from schemas.records import Article, DeadLetter, Entry, Feed, Link, Outcome, Poll, PollState
from transforms.outcomes import Clock, utc_now
from transforms.schedule import first_due
from transforms.write import Gathered

if TYPE_CHECKING:
    from pipeline.intake import Intake  # its library is an extra

MAX_FEEDS = 200  # polled in one cycle
SHORTEST_SLEEP_S, LONGEST_SLEEP_S = 0.05, 5.0  # between two turns of a loop with nothing due: feed lists are looked at
HOUSEKEEPING = "housekeeping"  # name of the thread that maintains the data directory beside a run
HOUSEKEEPING_LOOK = dt.timedelta(minutes=1)
CYCLE_TRIES = 5  # cycles in a row that may fail by a fault of our own before the run gives up
PERIOD_S = 0.5  # between the starts of two cycles that are not full: a cycle costs the same for one feed and for thirty


log = structlog.get_logger()


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


class FeedSource(Protocol):
    """Where a run without end has its feeds from; it is asked again and again, so that changes need no restart."""

    def version(self) -> object:
        """What changes when the feeds may have changed; cheap."""

    def feeds(self) -> Sequence[tuple[Feed, str]]:
        """The feeds to poll, each with the URL to request."""


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
    engine = Engine(folder, sinks, settings, Metrics(clock), clock)
    _note_keep(engine, settings)
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
    intake: "Intake | None" = None,
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
        intake: where it has entries from beside the feeds; closed at the end.
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
    engine = Engine(folder, sinks, settings, metrics, clock)
    _note_keep(engine, settings)
    loop = _Loop(engine, source, settings, intake, clock)
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
        if intake:
            intake.close()
        failed = engine.close(FINISH_S)
    return failed


def _note_keep(engine: Engine, settings: Settings) -> None:
    """Tell maintenance how long raw pages are kept."""
    if settings.raw:
        engine.state.note_raw_keep(settings.raw, settings.raw_keep)


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

    def __init__(
        self, engine: Engine, source: FeedSource, settings: Settings, intake: "Intake | None", clock: Clock
    ) -> None:
        self._engine = engine
        self._source = source
        self._settings = settings
        self._intake = intake
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
        if len(entries) < MAX_PAGES and self._take_in(now):
            entries = self._engine.entries_due()
        if feeds or entries:
            started = time.monotonic()
            self._engine.run_cycle(feeds, entries)
            is_full = len(feeds) == MAX_FEEDS or len(entries) == MAX_PAGES
            return 0.0 if is_full else max(0.0, PERIOD_S - (time.monotonic() - started))
        longest_s = PERIOD_S if self._intake else LONGEST_SLEEP_S
        due_at = self._engine.state.next_due(with_queue=not self._settings.ends_after_poll)
        if due_at is None:
            return longest_s
        return min(max((due_at - now).total_seconds(), SHORTEST_SLEEP_S), longest_s)

    def _take_in(self, now: dt.datetime) -> bool:
        """Commit what the intake has to the queue, and acknowledge it; whether there was anything."""
        taken = self._intake.take() if self._intake else None
        if not self._intake or not taken or not taken.ack_ids:
            return False
        self._engine.state.take_in(taken.entries, taken.refused, now, taken.captures)
        for each in taken.refused:
            if isinstance(each, DeadLetter):
                log.warning("message_malformed", dead_letter=each.id, error=each.error)
        self._intake.acknowledge(taken)
        return True

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
