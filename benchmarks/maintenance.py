"""Many small commits to an Iceberg warehouse: what they cost, what they leave, and what maintenance makes of it.

    python benchmarks/maintenance.py [--commits 300] [--articles 20] [--flush 30]

Every commit brings the rows of so many articles to each of four tables, one flush later than the one before. Prints the
cost of a commit as the table grows, then, as the commits left it, after maintenance, and after the maintenance that
follows `GRACE` later: files and bytes on disk, and the time of two queries. Last, state.db: how long a transaction of
forgetting keeps others from writing.
"""

import argparse
import datetime as dt
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import warehouse
from pipeline.maintain import SKETCH_TTL, Task, maintain
from pipeline.sinks import compact, open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.state import State
from schemas.enums import LinkKind, Origin, OutcomeKind, Stage
from schemas.records import Article, Delivery, Link, Outcome, Revision
from schemas.tables import TABLE_OF
from transforms.link import sketch_of
from transforms.write import Gathered

WORDS = [
    f"{start}{end}" for start in ("har", "cou", "ti", "fer", "pri", "wint") for end in ("bour", "ncil", "de", "ry")
]
SKETCHES = 20_000  # forgotten in the last measurement
COMMIT_GROUPS = 6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=300)
    parser.add_argument("--articles", type=int, default=20, help="of one commit")
    parser.add_argument("--flush", type=float, default=30.0, help="seconds between two commits, as the rows have it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wirebeam-maintenance-"))
    try:
        _measure_warehouse(folder / "warehouse", options.commits, options.articles, options.flush)
        _measure_state(folder)
    finally:
        shutil.rmtree(folder)


def _measure_warehouse(folder: Path, commits: int, articles: int, flush_s: float) -> None:
    now = dt.datetime.now(dt.UTC)
    first = now - dt.timedelta(days=2)
    sink = open_sink(f"iceberg:{folder}")
    seconds = []
    seq = 0
    for number in range(commits):
        moment = first + number * dt.timedelta(seconds=flush_s)
        records = [record for each in range(articles) for record in _records(number * articles + each, moment)]
        rows = tuple(Row(seq + place, TABLE_OF[type(record)], record) for place, record in enumerate(records, start=1))
        seq += len(rows)
        started = time.perf_counter()
        sink.write(Batch("bench", rows, Delivery(ingested_at=moment, batch_id=f"bench-{number}")))
        seconds.append(time.perf_counter() - started)
    sink.close()
    part = max(1, commits // COMMIT_GROUPS)
    print(f"{commits} commits of {len(records)} rows in 4 tables; milliseconds of a commit, by their number:")
    for start in range(0, commits, part):
        some = seconds[start : start + part]
        print(f"  {start + 1:5} to {start + len(some):5}: {1000 * statistics.median(some):6.0f}")
    print(f"\n{'':24}{'data files':>11}{'MB':>8}{'metadata files':>16}{'MB':>8}{'count(*) ms':>13}{'latest ms':>11}")
    _print_state("as committed", folder)
    took = _timed(lambda: compact.maintain_warehouse(folder, now))
    _print_state(f"maintained ({took:.1f} s)", folder)
    later = now + 2 * compact.SNAPSHOT_AGE  # the snapshots of the commits, made just now, are old by then
    took = _timed(lambda: compact.maintain_warehouse(folder, later))
    took += _timed(lambda: compact.maintain_warehouse(folder, later + compact.GRACE))
    _print_state(f"later ({took:.1f} s)", folder)


def _records(number: int, moment: dt.datetime) -> list[Any]:
    key = f"{number:032x}"
    url = f"https://outlet{number % 50}.example/{number}"
    words = random.Random(number)
    article = Article(
        capture_id=key,
        article_id=key[::-1],
        content_hash=key,
        observed_at=moment,
        url=url,
        canonical_url=url,
        title=" ".join(words.choices(WORDS, k=9)),
        body="\n\n".join(" ".join(words.choices(WORDS, k=60)) for _ in range(8)),
        language="en",
    )
    return [
        article,
        Revision(capture_id=key, judged_seq=0, article_id=article.article_id, observed_at=moment),
        Link(
            copy_id=article.article_id,
            original_id=article.article_id,
            judged_seq=0,
            observed_at=moment,
            kind=LinkKind.ORIGINAL,
            similarity=1.0,
            containment=1.0,
            cluster_id=article.article_id,
        ),
        Outcome(
            entry_id=key,
            attempt=1,
            origin=Origin.FEED,
            stage=Stage.WRITE,
            outcome=OutcomeKind.PUBLISHED,
            is_terminal=True,
            decided_at=moment,
            url=url,
            title=article.title,
        ),
    ]


def _print_state(name: str, folder: Path) -> None:
    data = [path.stat().st_size for path in folder.rglob("data/**/*.parquet")]
    metadata = [path.stat().st_size for path in folder.rglob("metadata/*") if path.is_file()]
    count = min(_query_ms(folder, "SELECT count(*) FROM articles") for _ in range(3))
    latest = min(_query_ms(folder, "SELECT count(*), max(title), sum(word_count) FROM latest") for _ in range(3))
    print(
        f"{name:24}{len(data):11}{sum(data) / 1e6:8.1f}{len(metadata):16}{sum(metadata) / 1e6:8.1f}"
        f"{count:13.0f}{latest:11.0f}"
    )


def _query_ms(folder: Path, query: str) -> float:
    def ask() -> None:
        with warehouse.connect(folder) as connection:
            connection.execute(query).fetchall()

    return 1000 * _timed(ask)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _measure_state(folder: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    state = State(folder)
    for start in range(0, SKETCHES, 1000):
        gathered = Gathered()
        for number in range(start, start + 1000):
            sketch = sketch_of(_records(number, now - 2 * SKETCH_TTL)[0])
            assert sketch
            gathered.add(sketch)
        state.commit([], gathered, now)
    steps: list[float] = []
    last = started = time.perf_counter()

    def pause(seconds: float) -> None:
        nonlocal last
        steps.append(time.perf_counter() - last)
        time.sleep(seconds)
        last = time.perf_counter()

    report = maintain(folder, frozenset({Task.STATE}), clock=lambda: now, sleep=pause).state
    took = time.perf_counter() - started
    state.close()
    assert report
    print(
        f"\nstate.db: {report.sketches} sketches forgotten in {took:.1f} s, {report.bytes_before / 1e6:.1f} MB before, "
        f"{report.bytes_after / 1e6:.1f} MB after; a transaction took {1000 * statistics.median(steps):.0f} ms, "
        f"{1000 * max(steps):.0f} ms at most"
    )


if __name__ == "__main__":
    main()
