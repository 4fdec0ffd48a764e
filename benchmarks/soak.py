"""Days of a run without end, in minutes: whether it stays small, and whether its tables say what was published.

    python benchmarks/soak.py [--days 7] [--feeds 500] [--per-day 3] [--grain 600] [--flush 5] [--seed 1]

Time is simulated: where the run would wait, the clock jumps to when something is due, and at least `--grain` seconds
on, so that one cycle takes what is due within them; it stands while maintenance is going on. Everything else is what
`wirebeam run` uses: HTTP over loopback against a site in this process (`soak_site`), the pool of workers, state.db, the
Iceberg warehouse. Three things are not as in real time: deliveries come every `--flush` real seconds, which is some
twenty a day instead of 2,880; the HTTP client's own clocks (robots.txt, pauses of hosts) stand almost still; and
outlets publish `--per-day` entries a day, fewer than many real ones. The workers are larger than those of
`wirebeam run`, since each loads this script.

Prints what the run holds every 6 simulated hours, and at the end what became of every entry and page that the site has
shown; Ctrl-C ends it early, with all that. Exits with 1 if something was lost, doubled, or wrongly called a gap.
"""

import argparse
import contextlib
import datetime as dt
import gc
import logging
import os
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from benchmarks.soak_site import CLOCK, SimulatedDownloads, Site, now
from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import MAX_PAGES, Settings
from pipeline.live import HOUSEKEEPING, MAX_FEEDS, run_always
from pipeline.metrics import Metrics
from pipeline.newsroom.loopback import LoopbackServer
from pipeline.sinks import open_sink
from pipeline.sinks.base import Row
from pipeline.state import FILE_NAME, State
from schemas import ids
from schemas.records import Entry, Feed, Outcome
from transforms.schedule import Limits
from transforms.shared import Shared
from transforms.visits import Policy
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

HOST = "127.0.0.1"
SAMPLE_EVERY = dt.timedelta(hours=6)
WARM_UP = dt.timedelta(days=1)  # caches fill, libraries are loaded: growth is counted from here
WORKERS = 2
LISTED = 5  # examples of what is wrong


def main() -> int:
    """Run, measure, print; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--per-day", type=float, default=3.0, help="entries of one feed a day, on average")
    parser.add_argument("--grain", type=float, default=600.0, help="simulated seconds of one wait, at least")
    parser.add_argument("--flush", type=float, default=5.0, help="real seconds between two deliveries")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Beam's
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = Path(tempfile.mkdtemp(prefix="wirebeam-soak-"))
    site = Site(options.feeds, options.per_day, now(), options.days, options.seed)
    server = LoopbackServer(site.answer, HOST, 0)
    server.start()
    try:
        soak = Soak(folder, site, dt.timedelta(seconds=options.grain), now() + dt.timedelta(days=options.days))
        soak.run(server, options.flush)
        soak.print_growth()
        return 1 if print_book(folder, site) else 0
    finally:
        server.stop()
        shutil.rmtree(folder)


class Meter(Metrics):
    """What the run tells of its work, added up until `take` is called."""

    def __init__(self) -> None:
        super().__init__(now)
        self._sums: Counter[str] = Counter()
        self._lock = threading.Lock()

    def cycle(
        self, gathered: Gathered, ledger: Sequence[Outcome], seconds: float, *, taken: Sequence[Entry] = ()
    ) -> None:
        """See `Metrics`."""
        super().cycle(gathered, ledger, seconds, taken=taken)
        self._add(cycles=1, cycle_s=seconds, entries=len(gathered.of(Entry)))

    def committed(self, seconds: float) -> None:
        """See `Metrics`."""
        super().committed(seconds)
        self._add(commit_s=seconds)

    def delivered(self, sink_uri: str, rows: Sequence[Row], seconds: float) -> None:
        """See `Metrics`."""
        super().delivered(sink_uri, rows, seconds)
        self._add(rows=len(rows), deliveries=1, deliver_s=seconds)

    def cycle_failed(self) -> None:
        """See `Metrics`."""
        super().cycle_failed()
        self._add(failures=1)

    def take(self) -> Counter[str]:
        """The sums since the last call."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        return sums

    def _add(self, **amounts: float) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self._sums[name] += amount  # type: ignore[assignment]  # a Counter adds up seconds as well


@dataclass(frozen=True, slots=True)
class Sample:
    """What the run holds at one moment, and what it has done since the sample before; the fields are the columns."""

    day: float
    wall_s: float
    cpu_s: float  # of all processes
    rss_mb: float
    pool_mb: float  # the workers' and their server's
    objects_k: float  # that Python's collector tracks
    threads: int
    files_open: int
    state_mb: float
    wal_mb: float
    feeds_mb: float  # what is remembered of the feeds: fingerprints
    queue: int
    look_ms: float  # to find what is due, when everything waiting is
    outbox: int
    data: int  # files of the warehouse
    meta: int
    disk_mb: float
    polls: int
    entries: int
    rows: int
    cycles: int
    cycle_ms: float
    commit_ms: float
    flush_ms: float
    maint_s: float  # that the clock stood for maintenance


class Soak:
    """One run against `site`, looked at from where it waits.

    Args:
        folder: its data directory.
        site: what it is to follow.
        grain: the least that the clock jumps.
        until: when it ends.
    """

    def __init__(self, folder: Path, site: Site, grain: dt.timedelta, until: dt.datetime) -> None:
        self._folder = folder
        self._site = site
        self._grain = grain
        self._started_at = now()
        self._until = until
        self._is_over = False
        self._sample_at = self._started_at
        self._meter = Meter()
        self._samples: list[Sample] = []
        self._wall, self._cpu, self._polls, self._maintained_s = time.monotonic(), _cpu_s(), 0, 0.0

    def run(self, server: LoopbackServer, flush_s: float) -> None:
        """Run to the end, and print a line for each sample."""
        http = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0)
        Shared(Downloads, (http,)).put(SimulatedDownloads(http))
        settings = Settings(http, limits=Limits(), policy=Policy(), flush_s=flush_s, workers=WORKERS)
        signal.signal(signal.SIGINT, self._stop)
        sink = open_sink(f"iceberg:{warehouse_of(self._folder)}")
        with contextlib.closing(State(self._folder)) as self._state:
            print(" ".join(f"{column.name:>{_width(column.name)}}" for column in fields(Sample)), flush=True)
            source = _Feeds(self._site, server)
            failed = run_always(self._folder, source, [sink], settings, self._wait, metrics=self._meter, clock=now)
        for uri, why in failed.items():
            print(f"NOT DELIVERED: {uri}: {why}")

    def print_growth(self) -> None:
        """What grew after the first day, by day."""
        first, last = self._samples[0], self._samples[-1]
        days = max(last.day, 0.01)
        cpu_s = sum(sample.cpu_s for sample in self._samples)
        polls = sum(sample.polls for sample in self._samples)
        print(f"\n{days:g} days in {last.wall_s - first.wall_s:.0f} s; {cpu_s / days:.0f} CPU seconds a day, ", end="")
        print(f"{polls / days / len(self._site.outlets):.1f} polls of a feed a day")
        warm = [sample for sample in self._samples if sample.day >= WARM_UP / dt.timedelta(days=1)]
        if len(warm) < 4:
            print("too short to tell what grows")
            return
        print(f"\n{'growth a day, from day 1 on':28}{'first':>10}{'last':>10}{'most':>10}{'a day':>10}")
        for name in (
            "rss_mb",
            "pool_mb",
            "objects_k",
            "threads",
            "files_open",
            "state_mb",
            "wal_mb",
            "feeds_mb",
            "queue",
            "look_ms",
            "outbox",
            "data",
            "meta",
            "disk_mb",
            "cycle_ms",
            "commit_ms",
            "flush_ms",
        ):
            values = [float(getattr(sample, name)) for sample in warm]
            slope = statistics.linear_regression([sample.day for sample in warm], values).slope
            print(f"{name:28}{values[0]:10.1f}{values[-1]:10.1f}{max(values):10.1f}{slope:+10.2f}")

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._until = now()

    def _wait(self, seconds: float) -> bool:
        """Where the run sleeps: time passes here."""
        if now() >= self._until:
            if not self._is_over:
                self._is_over = True
                self._print_sample()
            return True
        if seconds <= 0:
            return False
        if now() >= self._sample_at:
            self._sample_at += SAMPLE_EVERY
            self._print_sample()
        self._await_housekeeping()
        due_at = self._state.next_due() or now()
        CLOCK.get().moment = min(max(due_at, now() + self._grain), self._until, self._sample_at)
        return False

    def _await_housekeeping(self) -> None:
        started = time.monotonic()
        for thread in threading.enumerate():
            if thread.name == HOUSEKEEPING:
                thread.join()
        self._maintained_s += time.monotonic() - started

    def _print_sample(self) -> None:
        sums = self._meter.take()
        wall, cpu, polls = time.monotonic(), _cpu_s(), sum(outlet.asked for outlet in self._site.outlets)
        gc.collect()
        data: list[int] = []
        metadata: list[int] = []
        for path in warehouse_of(self._folder).rglob("*"):
            if path.is_file():
                (data if path.suffix == ".parquet" else metadata).append(path.stat().st_size)
        sample = Sample(
            day=(now() - self._started_at) / dt.timedelta(days=1),
            wall_s=wall - self._wall,
            cpu_s=cpu - self._cpu,
            rss_mb=_rss_mb(os.getpid()),
            pool_mb=sum(map(_rss_mb, _descendants())),
            objects_k=len(gc.get_objects()) / 1000,
            threads=threading.active_count(),
            files_open=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            state_mb=_size_mb(self._folder / FILE_NAME),
            wal_mb=_size_mb(self._folder / f"{FILE_NAME}-wal"),
            feeds_mb=self._number("SELECT coalesce(sum(length(state)), 0) FROM feeds") / 1e6,
            queue=self._state.queue_length(),
            look_ms=self._look_ms(),
            outbox=self._state.outbox_length(),
            data=len(data),
            meta=len(metadata),
            disk_mb=(sum(data) + sum(metadata)) / 1e6,
            polls=polls - self._polls,
            entries=int(sums["entries"]),
            rows=int(sums["rows"]),
            cycles=int(sums["cycles"]),
            cycle_ms=1000 * sums["cycle_s"] / max(1, sums["cycles"]),
            commit_ms=1000 * sums["commit_s"] / max(1, sums["cycles"]),
            flush_ms=1000 * sums["deliver_s"] / max(1, sums["deliveries"]),
            maint_s=self._maintained_s,
        )
        self._cpu, self._polls, self._maintained_s = cpu, polls, 0.0
        self._samples.append(sample)
        cells = ((column.name, getattr(sample, column.name)) for column in fields(Sample))
        print(
            " ".join(
                f"{value:>{_width(name)}.{2 if name == 'day' else 1}f}"
                if isinstance(value, float)
                else f"{value:>{_width(name)}}"
                for name, value in cells
            ),
            flush=True,
        )
        if sums["failures"]:
            print(f"CYCLES FAILED: {sums['failures']}")

    def _look_ms(self) -> float:
        later = now() + dt.timedelta(days=2)
        started = time.perf_counter()
        self._state.entries_due(later, MAX_PAGES, MAX_PAGES)
        self._state.feeds_due(later, MAX_FEEDS)
        return 1000 * (time.perf_counter() - started)

    def _number(self, query: str) -> int:
        return int(_rows(self._folder, query)[0][0])


class _Feeds:
    """`pipeline.live.FeedSource` over the site's outlets, which never change."""

    def __init__(self, site: Site, server: LoopbackServer) -> None:
        urls = [f"{server.origin(outlet.host)}/feed" for outlet in site.outlets]
        self._feeds = [(Feed(feed_id=ids.feed_id(url), valid_from=now(), url=url, language="en"), url) for url in urls]

    def version(self) -> object:
        """See the protocol."""
        return 1

    def feeds(self) -> Sequence[tuple[Feed, str]]:
        """See the protocol."""
        return self._feeds


# ── what the tables must say ───────────────────────────────────────────────────────────────────────────────────────


def print_book(folder: Path, site: Site) -> int:
    """Hold the warehouse against the site's book; how much is wrong."""
    with warehouse.connect(warehouse_of(folder)) as tables:
        ended = tables.execute("SELECT guid, title FROM outcomes WHERE origin = 'feed' AND is_terminal").fetchall()
        attempts = tables.execute("SELECT entry_id, count(*) FILTER (is_terminal) FROM outcomes GROUP BY 1").fetchall()
        articles = tables.execute("SELECT guid, title, source FROM articles").fetchall()
        gaps = tables.execute("SELECT url, polled_at FROM polls WHERE gap").fetchall()
        counts = tables.execute("SELECT origin, outcome, count(*) FROM outcomes GROUP BY ALL ORDER BY ALL").fetchall()
        links = tables.execute("SELECT count(DISTINCT copy_id) FROM links WHERE kind <> 'original'").fetchone()
        polled = tables.execute("SELECT count(*), sum(quiet_polls) FROM polls").fetchone()
        letters = tables.execute("SELECT stage, reason, count(*) FROM dead_letters GROUP BY ALL").fetchall()
    with contextlib.closing(State(folder)) as state:
        waiting = {entry.entry_id: entry for entry in state.entries_due(now() + dt.timedelta(days=9), 10**9, 10**9)}
    print("\noutcomes: " + ", ".join(f"{origin} {outcome} {count}" for origin, outcome, count in counts))
    print(f"dead letters: {letters}")
    copies = sum(bool(entry.copy_of and entry.shown) for entry in site.entries)
    print(f"copies: {copies} shown, {links[0] if links else 0} found")
    print(f"polls: {sum(outlet.asked for outlet in site.outlets)} asked for, {polled} rows and quiet ones in them")

    shown = Counter((entry.key, entry.title(bit)) for entry in site.entries for bit in (1, 2) if entry.shown & bit)
    queued = Counter((entry.guid, entry.title) for entry in waiting.values() if entry.origin == "feed")
    wrong = _print_difference("entries shown, and their one terminal outcome", shown, Counter(ended) + queued)
    never = sum(bool(entry.published_at <= now() and not entry.shown) for entry in site.entries)
    print(f"  of them {sum(queued.values())} still wait; {never} more were published and no poll saw them")
    several = [entry_id for entry_id, terminal in attempts if terminal > 1]
    nowhere = [entry_id for entry_id, terminal in attempts if not terminal and entry_id not in waiting]
    print(f"attempts: {len(several)} entries with several ends, {len(nowhere)} with none that do not wait")
    pages = Counter(
        (entry.key, entry.title(bit), "web") for entry in site.entries for bit in (1, 2) if entry.served & bit
    )
    pages += Counter((entry.key, entry.title(1), "feed") for entry in site.entries if entry.was_refused)
    wrong += _print_difference("pages shown, and their one row in articles", pages, Counter(articles))

    missed = {(outlet.host, at) for outlet in site.outlets for at in outlet.missed_at}
    said = {(url.split("//")[1].split(".")[0], at) for url, at in gaps}
    turned = {(outlet.host, at) for outlet in site.outlets for at in outlet.turned_at}
    # A feed that was filled anew to the brim between two polls cannot be told from one that has lost entries.
    false = said - missed - turned
    print(f"gaps: {len(missed)} true, {len(said)} said; {len(said - missed - false)} of these just full, ", end="")
    print(f"{len(false)} false {sorted(false)[:LISTED] or ''}")
    return wrong + len(several) + len(nowhere) + len(false)


def _print_difference(what: str, wanted: Counter[Any], found: Counter[Any]) -> int:
    lost, more = wanted - found, found - wanted
    print(f"{what}: {sum(wanted.values())}; lost {sum(lost.values())}, doubled or strange {sum(more.values())}")
    for name, some in (("lost", lost), ("more", more)):
        for key in list(some)[:LISTED]:
            print(f"  {name}: {key}")
    return sum(lost.values()) + sum(more.values())


# ── what the machine says ──────────────────────────────────────────────────────────────────────────────────────────


def _width(name: str) -> int:
    return max(6, len(name))


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return db.execute(query).fetchall()


def _size_mb(path: Path) -> float:
    return path.stat().st_size / 1e6 if path.exists() else 0.0


def _rss_mb(process: int) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0  # it has just ended
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _status(process: int) -> list[str]:
    """The fields of /proc/N/stat behind the name: state, parent, ..."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _descendants() -> list[int]:
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                parents[int(path.name)] = int(_status(int(path.name))[1])
    found = [os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def _cpu_s() -> float:
    """User and system time of this process and all below it, those that have ended included."""
    ticks = 0
    for process in (os.getpid(), *_descendants()):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _status(process)[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
