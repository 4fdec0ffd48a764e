"""All recorded pages and feeds through the whole pipeline, as a user would run it.

    python benchmarks/real_input.py --data ../shared/data [--keep DIR]

Serves the recordings on loopback, calls `wirebeam run --once` on all of them, and prints: how long it took, the
outcomes by reason, whether every entry has exactly one terminal outcome, and the body F1 of each set by its own
scorer, beside the figures of stock trafilatura that come with the recordings.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Recordings

SETS = ("zyte.A", "fundus.A", "wcxb-dev.A")
STOCK = "stock_trafilatura_2.3.1.A.pred.jsonl.gz"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds extraction/, feeds/ and score/")
    parser.add_argument("--keep", type=Path, help="keep state and warehouse in this folder")
    arguments = parser.parse_args()
    pages = [arguments.data / "extraction" / f"{name}.jsonl.gz" for name in SETS]
    with (
        tempfile.TemporaryDirectory() as temporary,
        Recordings(pages, arguments.data / "feeds") as recordings,
    ):
        folder = arguments.keep or Path(temporary) / "data"
        feeds = Path(temporary) / "feeds.txt"
        with urllib.request.urlopen(f"http://127.0.0.1:{recordings.port}/feeds.txt") as answer:
            feeds.write_bytes(answer.read())
        started = time.monotonic()
        command = [sys.executable, "-m", "pipeline", "run", str(feeds), "--once", "--data", str(folder)]
        done = subprocess.run(
            [*command, "--allow-net", "127.0.0.0/8", "--host-delay", "0"], capture_output=True, text=True, check=False
        )
        print(f"wirebeam run: exit {done.returncode} after {time.monotonic() - started:.0f} s")
        print("\n".join(done.stdout.splitlines()[-6:]))
        print(done.stderr[-2000:], file=sys.stderr)
        report(folder, arguments.data, Path(temporary))


def report(folder: Path, data: Path, temporary: Path) -> None:
    """Print what the tables say of the run."""
    with warehouse.connect(warehouse_of(folder)) as connection:

        def show(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        (polls,) = show("SELECT count(*), sum(entries_new + entries_changed), sum(entries_invalid) FROM polls")
        print(f"polls {polls[0]}, entries that left poll {polls[1]}, invalid {polls[2]}")
        print("polls by status:", show("SELECT status, reason, count(*) FROM polls GROUP BY ALL ORDER BY 3 DESC"))
        (balance,) = show("SELECT count(*) FILTER (is_terminal), count(DISTINCT entry_id) FROM outcomes")
        verdict = "balanced" if balance[0] == balance[1] == polls[1] else "NOT BALANCED"
        print(f"terminal outcomes {balance[0]}, entries with an outcome {balance[1]}: {verdict}")
        for row in show("SELECT outcome, reason, count(*) FROM outcomes GROUP BY ALL ORDER BY 3 DESC"):
            print("  ", *row)
        print("dead letters:", show("SELECT stage, reason, error, count(*) FROM dead_letters GROUP BY ALL"))
        bodies = show("SELECT guid, body, title, authors, published_at FROM articles WHERE source = 'web'")
    predictions = temporary / "pred.jsonl"
    with predictions.open("w") as file:
        for guid, body, title, authors, published in bodies:
            day = published.isoformat() if published else None
            prediction = {"id": guid, "text": body, "title": title, "author": authors, "published": day}
            file.write(json.dumps(prediction) + "\n")
    for name in SETS:
        truth = data / "extraction" / f"{name}.jsonl.gz"
        for label, path in (("wirebeam", predictions), ("stock trafilatura", data / "extraction" / STOCK)):
            print(f"{name} {label}: {score(data, only(path, truth, temporary), truth)}")


def only(predictions: Path, truth: Path, temporary: Path) -> Path:
    """The predictions for the pages of one set."""
    with gzip.open(truth, "rt") as file:
        wanted = {json.loads(line)["id"] for line in file}
    opened = gzip.open if predictions.suffix == ".gz" else open
    path = temporary / "only.jsonl"
    with opened(predictions, "rt") as file, path.open("w") as out:
        out.writelines(line for line in file if json.loads(line)["id"] in wanted)
    return path


def score(data: Path, predictions: Path, truth: Path) -> str:
    """The scorer's own line."""
    scorer = data / "score" / "score_extraction.py"
    done = subprocess.run(
        [sys.executable, str(scorer), str(predictions), str(truth)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
