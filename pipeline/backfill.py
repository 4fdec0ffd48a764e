"""The local backfill: sources are read in chunks, each run through the graph and committed with the position behind it.

What a chunk holds is bounded in records and bytes, so memory does not grow with a source. The next chunks' pages are
extracted by the pool while one is judged, so every core has work. Killed at any moment, it goes on behind the last
commit when it is run again; run again after its end, it refuses each record that it knows before working on it.

Beside a run it works in the same data directory: the two take turns at judging and committing, and the run delivers.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.backfill_store import Reached, Step
from pipeline.engine import Engine, Settings
from pipeline.metrics import Metrics
from pipeline.prime import Primer
from pipeline.sinks.base import Sink
from pipeline.sources.base import Found, Refused, Source, SourceError
from pipeline.state import FILE_NAME, State
from schemas import ids
from schemas.enums import BodyPolicy, Origin, OutcomeKind, Reason, Stage
from schemas.records import Capture, Entry, Feed, Outcome, Page
from transforms.extract import TIMEOUT_S, capture_of
from transforms.outcomes import DETAIL_LIMIT, Clock, utc_now
from transforms.pool import Pool
from transforms.text import urls
from transforms.wanted import Wanted

CHUNK_RECORDS = 200  # that enter the graph at once
CHUNK_BYTES = 32_000_000  # of their pages
CHUNK_REFUSED = 20_000  # records between two notes of the position where nothing enters
AHEAD = 2  # chunks that are extracted while one is judged
QUEUE_LIMIT = 2_000  # entries to fetch before no more are read
PAUSE_S = 0.1  # while a queue or the outbox is full
SURVEYED = 40  # pages that a dry run extracts to tell how long it would take

TAKEN = "taken"  # the count of records that entered the graph, beside the reasons of refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which records a backfill takes.

    Args:
        since: not those captured before; a record that is still to be fetched has no such time.
        until: not those captured then or later.
        hosts: of these hosts, and of hosts under them; empty for all.
        match: whose address this is found in; None for all.
        sample: the share of articles, drawn by their addresses: the same each time.
        limit: the first so many that are asked for, known ones among them; None for all.
        wanted: what is asked of the text.
    """

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    hosts: frozenset[str] = frozenset()
    match: re.Pattern[str] | None = None
    sample: float = 1.0
    limit: int | None = None
    wanted: Wanted = field(default_factory=Wanted)

    def job(self) -> str:
        """What tells this backfill from another over the same sources."""
        asked = (self.since, self.until, sorted(self.hosts), self.match and self.match.pattern, self.sample, self.limit)
        wanted = (sorted(self.wanted.languages), self.wanted.published_since, self.wanted.published_until)
        return ids.hash_id("job", repr(asked), repr(wanted))

    def want(self, url: str, observed_at: dt.datetime | None) -> bool:
        """Whether a record is asked for, as far as its address and its time of capture tell."""
        if observed_at is not None and (
            (self.since is not None and observed_at < self.since)
            or (self.until is not None and observed_at >= self.until)
        ):
            return False
        if self.match is not None and not self.match.search(url):
            return False
        if self.hosts and not any(host in self.hosts for host in _hosts_over(url)):
            return False
        return self.sample >= 1.0 or _draw(url) < self.sample

    def want_entry(self, entry: Entry) -> bool:
        """Whether an entry is asked for, as far as its date of publication tells: it need not be fetched to know."""
        at, wanted = entry.published_at, self.wanted
        if at is None:
            return True
        is_early = wanted.published_since is not None and at < wanted.published_since
        return not is_early and (wanted.published_until is None or at < wanted.published_until)


class RecordGate:
    """What the sources of a backfill ask of each record; see `pipeline.sources.base.Gate`.

    Args:
        state: which records are known; None where nobody knows.
        filters: which are asked for.
    """

    def __init__(self, state: State | None, filters: Filters) -> None:
        self._state = state
        self._filters = filters

    def refusal(self, key: str, url: str, observed_at: dt.datetime | None) -> Reason | None:
        """Why the record does not enter."""
        if not self._filters.want(url, observed_at):
            return Reason.NOT_WANTED
        return Reason.KNOWN if self._state and self._state.knows_record(key) else None


def damage_of(refused: Refused, now: dt.datetime) -> Outcome:
    """The row of the ledger for what cannot be read."""
    return Outcome(
        entry_id=ids.hash_id("damage", refused.place, refused.reason),
        attempt=1,
        origin=Origin.BACKFILL,
        stage=Stage.READ,
        outcome=OutcomeKind.FAILED,
        is_terminal=True,
        decided_at=now,
        reason=refused.reason,
        detail=f"{refused.place}: {refused.detail}"[:DETAIL_LIMIT],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a backfill stands.

    Args:
        source: the name of the source that is being read; "" if all are.
        share: how much of all sources is read, 0 to 1; None if a size is not known.
        waiting: entries that wait to be fetched.
        report: what was done so far.
        elapsed_s: seconds since this call began.
    """

    source: str
    share: float | None
    waiting: int
    report: "Report"
    elapsed_s: float


@dataclass
class Report:
    """What a backfill did in this call.

    Args:
        taken: records that entered the graph.
        refused: those that did not, by reason; `known` among them.
        outcomes: how many ended how.
        damage: where sources could not be read, in words, the first of them.
        failed: which sources could not be read, or not to their end, and why.
        is_stopped: whether it was told to stop before its end.
        sinks_failed: for each sink that could not take all: why.
        elapsed_s: how long it took, in seconds.
    """

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    damage: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_stopped: bool = False
    sinks_failed: dict[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a backfill would do.

    Args:
        pages: that would be extracted.
        entries: that would be fetched first.
        page_bytes: of those pages.
        refused: records that would not enter, by reason.
        page_s: seconds of a core that a page takes until it is a capture, measured on the first; None without pages.
    """

    pages: int
    entries: int
    page_bytes: int
    refused: Counter[str]
    page_s: float | None


DAMAGE_TOLD = 20  # of the places where a source is damaged


def backfill(
    folder: Path,
    sources: Sequence[Source],
    sinks: Sequence[Sink],
    settings: Settings,
    filters: Filters,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
    clock: Clock = utc_now,
) -> Report:
    """Bring all that `sources` hold and `filters` ask for into the tables.

    Args:
        folder: the data directory; the caller holds its `BackfillLock`, and its `RunnerLock` unless a run does.
        sources: what is read, one after the other.
        sinks: where the rows go; they are closed at the end. None beside a run, which delivers them to its own.
        settings: how it works; `limits` is None, `policy` is `SINGLE_RUN`, `wanted` that of `filters`.
        filters: which records are taken.
        on_progress: called after each commit.
        should_stop: asked before each cycle; what is committed is delivered before this returns.
        sleep: waits so many seconds.
        clock: wall clock.

    Raises:
        StateError: the state file cannot be used.
    """
    engine = Engine(folder, sinks, settings, Metrics(clock), clock)
    try:
        work = _Backfill(folder, engine, sources, filters, on_progress, should_stop, sleep, clock)
        work.run()
    finally:
        failed = engine.close()
    work.report.sinks_failed = failed
    return work.report


def survey(folder: Path, sources: Sequence[Source], filters: Filters, pool: Pool) -> Survey:
    """Read all sources as a backfill would, and change nothing.

    Raises:
        SourceError: a source cannot be read.
        StateError: the state file cannot be used.
    """
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    cpu_s: list[float] = []
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(contextlib.closing(State(folder))) if (folder / FILE_NAME).is_file() else None
        gate = RecordGate(state, filters)
        for found in itertools.chain.from_iterable(source.read(0, gate) for source in sources):
            if isinstance(found, Refused):
                refused[found.reason] += 1
                continue
            if isinstance(found.record, Page):
                counts["page"] += 1
                counts["bytes"] += len(found.record.body)
                if len(cpu_s) < SURVEYED:
                    task = pool.submit(capture_of, found.record, timeout_s=TIMEOUT_S)
                    task.result()
                    cpu_s.append(task.cpu_s)
            else:
                counts["entry"] += 1
            if counts["page"] + counts["entry"] + refused[Reason.KNOWN] == filters.limit:
                break
    return Survey(
        pages=counts["page"],
        entries=counts["entry"],
        page_bytes=counts["bytes"],
        refused=refused,
        page_s=sum(cpu_s) / len(cpu_s) if cpu_s else None,
    )


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Chunk:
    """What is committed at once, and how far its source is read then."""

    source: Source
    reached: Reached
    records: list[Entry | Page | Capture] = field(default_factory=list)
    damage: list[Outcome] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    page_bytes: int = 0

    def is_full(self) -> bool:
        return (
            len(self.records) >= CHUNK_RECORDS
            or self.page_bytes >= CHUNK_BYTES
            or self.refused.total() >= CHUNK_REFUSED
        )

    def pages(self) -> list[Page]:
        return [record for record in self.records if isinstance(record, Page)]

    def captures(self) -> list[Capture]:
        return [record for record in self.records if isinstance(record, Capture)]

    def entries(self) -> list[Entry]:
        return [record for record in self.records if isinstance(record, Entry)]

    def read_to(self, position: int, *, is_done: bool = False) -> None:
        """Note how far the source is read."""
        self.reached = dataclasses.replace(self.reached, position=position, is_done=is_done)

    def wanted(self) -> int:
        """Records that the filters asked for, here and in the chunks before: taken now, or known."""
        before = self.reached.counts
        return before.get(TAKEN, 0) + before.get(Reason.KNOWN, 0) + len(self.records) + self.refused[Reason.KNOWN]

    def step(self, now: dt.datetime) -> Step:
        """What the commit gets: the counts of the chunks before and of this one."""
        counts = Counter(self.reached.counts) + self.refused + Counter({TAKEN: len(self.records)})
        reached = dataclasses.replace(self.reached, counts=counts, changed_at=now)
        return Step(reached=reached, entries=self.entries(), damage=self.damage)

    def following(self) -> "_Chunk":
        """An empty chunk behind this one."""
        return _Chunk(self.source, self.step(self.reached.changed_at).reached)


class _Backfill:
    """One call of `backfill`."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        sources: Sequence[Source],
        filters: Filters,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool],
        sleep: Callable[[float], None],
        clock: Clock,
    ) -> None:
        self.report = Report()
        self._engine = engine
        self._sources = sources
        self._filters = filters
        self._job = filters.job()
        self._gate = RecordGate(engine.state, filters)
        self._outlets = _outlets(engine.state.known_feeds())
        self._primer = Primer(engine.state, folder)
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._sleep = sleep
        self._clock = clock
        self._started = time.monotonic()

    def run(self) -> None:
        """Take in everything, or as much as there is time for."""
        ahead: deque[_Chunk] = deque()
        chunks = self._chunks()
        while not self._should_stop():
            chunk = next(chunks, None)
            if chunk:
                self._engine.begin(chunk.pages())
                ahead.append(chunk)
            elif not ahead:
                break
            if len(ahead) > AHEAD or not chunk:
                self._commit(ahead.popleft())
        while self._waiting() and not self._should_stop():
            self._fetch()
        self.report.is_stopped = self._should_stop()
        self.report.elapsed_s = time.monotonic() - self._started

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _chunks(self) -> Iterator[_Chunk]:
        left = self._filters.limit
        for source in self._sources:
            before = self._engine.state.reached(self._job, source.name)
            if before is None or before.identity != source.identity or before.is_done:
                before = Reached(job=self._job, source=source.name, identity=source.identity, size=source.size)
            chunk = _Chunk(source, before)
            try:
                for found in source.read(before.position, self._gate):
                    if left is not None and chunk.wanted() >= left:
                        break
                    if chunk.is_full():
                        yield chunk
                        chunk = chunk.following()
                    self._add(chunk, found)
            except SourceError as error:
                self.report.failed.append(str(error))
            else:
                chunk.read_to(chunk.reached.position, is_done=True)
            if left is not None:  # what an earlier call took counts
                left -= chunk.wanted()
            yield chunk

    def _add(self, chunk: _Chunk, found: Found | Refused) -> None:
        """Put a record into the chunk, or count it."""
        chunk.read_to(found.position)
        if isinstance(found, Refused):
            chunk.refused[found.reason] += 1
            if found.place:
                self._add_damage(chunk, found)
        elif isinstance(found.record, Entry) and not self._filters.want_entry(found.record):
            chunk.refused[Reason.NOT_WANTED] += 1
        else:
            record = self._with_outlet(found.record)
            chunk.records.append(record)
            chunk.page_bytes += len(record.body) if isinstance(record, Page) else 0

    def _add_damage(self, chunk: _Chunk, refused: Refused) -> None:
        """A row of the ledger for what cannot be read, once."""
        outcome = damage_of(refused, self._clock())
        if len(self.report.damage) < DAMAGE_TOLD:
            self.report.damage.append(outcome.detail or "")
        if not self._engine.state.knows_record(outcome.entry_id):
            chunk.damage.append(outcome)

    def _with_outlet(self, record: Entry | Page | Capture) -> Entry | Page | Capture:
        """The record with what is configured for its site, if no feed is named that says it."""
        if isinstance(record, Capture):
            return record
        entry = record if isinstance(record, Entry) else record.entry
        feed = self._outlets.get(urls.site(entry.url))
        if entry.feed_id or feed is None:
            return record
        entry = dataclasses.replace(
            entry,
            outlet=entry.outlet or feed.outlet,
            language=entry.language or feed.language,
            timezone=entry.timezone or feed.timezone,
            rights=entry.rights or feed.rights,
            body_policy=feed.body_policy,
        )
        return entry if isinstance(record, Entry) else dataclasses.replace(record, entry=entry)

    # ── working ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _commit(self, chunk: _Chunk) -> None:
        """Run a chunk through the graph with what is due of the queue, and commit it."""
        self._wait_for_room()
        pages, captures, step = chunk.pages(), chunk.captures(), chunk.step(self._clock())
        due = self._engine.entries_due(of_backfill=True)
        if pages or captures or due:
            days = {page.observed_at.date() for page in pages} | {one.article.observed_at.date() for one in captures}
            self._primer.prime(days, self._clock())
            self._count(self._engine.run_cycle((), due, pages, captures, step)[1])
        else:
            self._engine.commit(step)
        self.report.taken += len(chunk.records)
        self.report.refused += chunk.refused
        self._tell(chunk)

    def _fetch(self) -> None:
        """One cycle over the entries that are due."""
        due = self._engine.entries_due(of_backfill=True)
        if due:
            self._count(self._engine.run_cycle((), due)[1])
            self._tell(None)
        else:
            self._sleep(PAUSE_S)

    def _wait_for_room(self) -> None:
        """Let what waits to be fetched, or delivered, become less."""
        while self._waiting() >= QUEUE_LIMIT and not self._should_stop():
            self._fetch()
        while self._engine.is_full() and not self._should_stop():
            self._sleep(PAUSE_S)

    def _waiting(self) -> int:
        return self._engine.state.queue_length(of_backfill=True)

    def _count(self, ledger: Iterable[Outcome]) -> None:
        self.report.outcomes.update(str(outcome.outcome) for outcome in ledger if outcome.is_terminal)

    def _tell(self, chunk: _Chunk | None) -> None:
        if self._on_progress is None:
            return
        self._on_progress(
            Progress(
                source=chunk.source.name if chunk else "",
                share=self._share(chunk) if chunk else 1.0,
                waiting=self._waiting(),
                report=self.report,
                elapsed_s=time.monotonic() - self._started,
            )
        )

    def _share(self, chunk: _Chunk) -> float | None:
        """How much of all sources is read, by their sizes where they are all known."""
        at = self._sources.index(chunk.source)
        sizes = [source.size for source in self._sources]
        if any(size is None for size in sizes):
            return None
        known = [size or 0 for size in sizes]
        return (sum(known[:at]) + min(chunk.reached.position, known[at])) / max(sum(known), 1)


def _outlets(feeds: Iterable[Feed]) -> dict[str, Feed]:
    """By site, what its feeds agree on; of what they do not agree on nothing, but the strictest body policy."""
    of_site: dict[str, list[Feed]] = defaultdict(list)
    for feed in feeds:
        of_site[urls.site(feed.url)].append(feed)
    return {site: _agreed(feeds) for site, feeds in of_site.items() if site}


def _agreed(feeds: Sequence[Feed]) -> Feed:
    def common(values: Iterable[str | None]) -> str | None:
        found = set(values)
        return found.pop() if len(found) == 1 else None

    return dataclasses.replace(
        feeds[0],
        outlet=common(feed.outlet for feed in feeds),
        language=common(feed.language for feed in feeds),
        timezone=common(feed.timezone for feed in feeds),
        rights=common(feed.rights for feed in feeds),
        body_policy=max((feed.body_policy for feed in feeds), key=_STRICTNESS.index),
    )


_STRICTNESS = [BodyPolicy.FULL, BodyPolicy.EXCERPT, BodyPolicy.NONE]


def _hosts_over(url: str) -> Iterator[str]:
    """The host of an address, and those that it stands under."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    while host:
        yield host
        host = host.partition(".")[2]


def _draw(url: str) -> float:
    """A number from 0 to 1 that an article's address always gives."""
    return int(ids.hash_id("sample", urls.identity(url))[:8], 16) / 0x100000000
