"""Kill a run without end with kill -9 at random moments, again and again, and compare its tables with undisturbed ones.

    python -m tests.end_to_end.crash_harness --kills 200 --seed 1

Each history goes through the newsroom's three rounds. A round goes on when everything of it was taken in, so that the
same captures can be seen however often the run was killed. At the end, the warehouse's tables must equal those of a
history without kills (as the design compares tables), and each of the other sinks must hold the warehouse's rows: none
lost, none twice.
"""

import argparse
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Newsroom
from pipeline.state import FILE_NAME
from schemas import codec, tables
from schemas.records import PollState
from tests.end_to_end.tables import assert_balanced
from tests.end_to_end.tables import tables as comparable

CHILD = Path(__file__).with_name("live_child.py")
ROUNDS = 3
KILLS_OF_HISTORY = 9
PATIENCE_S = 90.0  # for a round to be taken in by a run that nobody kills
KILL_WITHIN_S = (0.5, 6.0)  # after the start: from the imports to the idle loop

Tables = dict[str, list[tuple[Any, ...]]]


class Run:
    """`wirebeam run` over a data directory, started again after each kill."""

    def __init__(self, folder: Path, feeds: list[str]) -> None:
        self._folder = folder
        self._feeds = feeds
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "run.log").open("ab")

    def start(self) -> None:
        self._starts += 1
        command = [sys.executable, str(CHILD), str(self._folder), str(self._starts), *self._feeds]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL, f"it had ended by itself: see {self._log.name}"

    def stop(self) -> None:
        """As a service manager does it."""
        assert self._process
        self._process.terminate()
        # 1: the flaky sink lacks rows; -SIGTERM: it was still importing, and had not begun
        assert self._process.wait(30) in {0, 1, -signal.SIGTERM}, f"see {self._log.name}"

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


def polls_of_feeds(folder: Path) -> dict[str, int]:
    """How often each feed was polled, and nothing while entries wait."""
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME, timeout=30)) as state:
        if state.execute("SELECT count(*) FROM queue WHERE due_at <= ?", (int(time.time() * 1e6),)).fetchone()[0]:
            return {}
        rows = state.execute("SELECT feed_id, state FROM feeds")
        return {feed_id: codec.decode(blob, PollState).polls for feed_id, blob in rows}


def is_taken_in(folder: Path, before: dict[str, int]) -> bool:
    """Whether every feed was polled since `before`, and every entry that this brought has its outcome."""
    try:
        now = polls_of_feeds(folder)
    except sqlite3.Error:
        return False  # not made yet
    return bool(now) and all(now[feed_id] >= before.get(feed_id, 0) + 2 for feed_id in now)


def history(folder: Path, kills: int, draw: random.Random, port: int) -> Tables:
    """One history; its comparable tables."""
    with Newsroom(port=port, slow_s=0.7) as newsroom:
        run = Run(folder, newsroom.feeds)
        try:
            for number in range(ROUNDS):
                if number:
                    newsroom.advance()
                before = polls_before(folder)
                for _ in range(kills // ROUNDS + (number < kills % ROUNDS)):
                    run.start()
                    time.sleep(draw.uniform(*KILL_WITHIN_S))
                    run.kill()
                run.start()
                wait_until_taken_in(folder, before)
                if number < ROUNDS - 1:
                    run.kill()
            run.stop()
            deliver_the_rest(folder, run)
        finally:
            run.close()
        return comparable(warehouse_of(folder))


def polls_before(folder: Path) -> dict[str, int]:
    try:
        return polls_of_feeds(folder)
    except sqlite3.Error:
        return {}


def wait_until_taken_in(folder: Path, before: dict[str, int]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_taken_in(folder, before):
        assert time.monotonic() < end, f"a round was not taken in; see {folder}/run.log"
        time.sleep(0.1)


def deliver_the_rest(folder: Path, run: Run) -> None:
    """Start and stop until the flaky sink has everything too."""
    for _ in range(20):
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME, timeout=30)) as state:
            if not state.execute("SELECT count(*) FROM outbox").fetchone()[0]:
                return
        run.start()
        time.sleep(3)
        run.stop()
    raise AssertionError("the outbox was not emptied")


def assert_other_sinks_hold_the_same(folder: Path) -> None:
    with warehouse.connect(warehouse_of(folder)) as connection:
        for name, table in tables.TABLES.items():
            key = ", ".join(table.key)
            rows = connection.sql(f"SELECT {key} FROM {name}").fetchall()
            assert len(rows) == len(set(rows)), f"{name} has a row twice"
            for sink in ("jsonl", "flaky"):
                files = (folder / sink / name).glob("day=*/*.jsonl")
                found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
                assert len(found) == len(rows), f"{sink} has {len(found)} rows of {name}, the warehouse {len(rows)}"


def free_port() -> int:
    """A port for all the newsrooms of a comparison: addresses, and so ids, hold it."""
    with Newsroom() as newsroom:
        return newsroom.port


def tables_after(kills: int, draw: random.Random, port: int) -> Tables:
    """The comparable tables of one history; what every history must hold to is asserted here."""
    with tempfile.TemporaryDirectory(prefix="wirebeam-crash-") as name:
        folder = Path(name)
        found = history(folder, kills, draw, port)
        assert_balanced(warehouse_of(folder))
        assert_other_sinks_hold_the_same(folder)
        return found


def difference(found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> list[str]:
    """The rows that are in one of both only, as often as they are missing in the other."""
    left, right = Counter(map(repr, found)), Counter(map(repr, wanted))
    return [f"+ {row}" for row in (left - right).elements()] + [f"- {row}" for row in (right - left).elements()]


def main() -> None:
    """The full run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    port = free_port()
    undisturbed = tables_after(0, draw, port)
    print({name: len(rows) for name, rows in undisturbed.items()}, flush=True)
    done = 0
    while done < arguments.kills:
        kills = min(KILLS_OF_HISTORY, arguments.kills - done)
        found = tables_after(kills, draw, port)
        for name, rows in found.items():
            assert not difference(rows, undisturbed[name]), f"{name}: {difference(rows, undisturbed[name])}"
        done += kills
        print(f"{done} kills: 0 lost, 0 doubled", flush=True)


if __name__ == "__main__":
    main()
