"""Kill a backfill with kill -9 at random moments, again and again, and compare its tables with undisturbed ones.

    python -m tests.end_to_end.backfill_harness --kills 50 --seed 1

Each backfill reads the newsroom's archive in small chunks, is killed some times, and then comes to its end. The
warehouse's tables must equal those of a backfill that nobody killed: none lost, none twice.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Newsroom
from tests.end_to_end.crash_harness import Tables, difference
from tests.end_to_end.crawl import crawl_all
from tests.end_to_end.tables import assert_balanced
from tests.end_to_end.tables import tables as comparable

KILLS_OF_BACKFILL = 8
KILL_WITHIN_S = (1.5, 5.0)  # after the start: from the imports to the last delivery
CHUNK_RECORDS = 20  # so that there are many commits to be killed between
PATIENCE_S = 120.0
CHILD = (
    "import sys; from pipeline import backfill; from pipeline.cli.main import app;"
    f"backfill.CHUNK_RECORDS = {CHUNK_RECORDS}; app(sys.argv[1:])"
)


def started(folder: Path, archive: Path) -> "subprocess.Popen[str]":
    """A backfill of its own process."""
    command = [sys.executable, "-c", CHILD, "backfill", str(archive), "--data", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def tables_after(archive: Path, kills: int, draw: random.Random) -> tuple[Tables, int]:
    """The comparable tables of one backfill, and how often it was really killed before its end."""
    killed = 0
    with tempfile.TemporaryDirectory(prefix="wirebeam-backfill-") as name:
        folder = Path(name)
        for _ in range(kills):
            process = started(folder, archive)
            time.sleep(draw.uniform(*KILL_WITHIN_S))
            process.kill()
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        last = started(folder, archive)
        said, _ = last.communicate(timeout=PATIENCE_S)
        assert last.returncode == 0, said
        assert_balanced(warehouse_of(folder))
        return comparable(warehouse_of(folder)), killed


def main() -> None:
    """The full run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="wirebeam-archive-") as name:
        archive = Path(name) / "newsroom.warc.gz"
        with Newsroom(slow_s=0.05) as newsroom:
            crawl_all(newsroom, archive)
        undisturbed, _ = tables_after(archive, 0, draw)
        print({table: len(rows) for table, rows in undisturbed.items()}, flush=True)
        done = 0
        while done < arguments.kills:
            found, killed = tables_after(archive, KILLS_OF_BACKFILL, draw)
            for table, rows in found.items():
                assert not difference(rows, undisturbed[table]), f"{table}: {difference(rows, undisturbed[table])}"
            assert killed, "it came to its end before anyone killed it"
            done += killed
            print(f"{done} kills: 0 lost, 0 doubled", flush=True)


if __name__ == "__main__":
    main()
