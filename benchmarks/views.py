"""Bytes that questions to the views read of a warehouse that holds a year, one partition a day.

    python benchmarks/views.py [--days 365] [--articles 100]

Every article has one capture, and a tenth of them a second one, a day later. Prints for each question the bytes that
the process read from files (Linux counts them: `rchar` in /proc/self/io) beside the bytes of all bodies as they lie in
the Parquet files, and first what it takes to plan the files and to make the views.
"""

import argparse
import datetime as dt
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline import newest, warehouse
from pipeline.cli.latest import SHOWN
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from schemas.enums import Change
from schemas.records import Article, Delivery, Revision
from schemas.tables import TABLE_OF

FIRST = dt.datetime(2025, 1, 1, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DAYS_AT_ONCE = 30  # in one commit
WORDS = 20_000  # of which the bodies are made: they compress like prose, by about a half
WORDS_OF_BODY = 600


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--articles", type=int, default=100, help="of a day")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wirebeam-views-"))
    try:
        _fill(folder, options.days, options.articles)
        _measure(folder, options.days)
    finally:
        shutil.rmtree(folder)


def _fill(folder: Path, days: int, articles: int) -> None:
    words = random.Random(1)
    vocabulary = ["".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=words.randint(2, 11))) for _ in range(WORDS)]
    sink = open_sink(f"iceberg:{folder}")
    seq = 0
    for start in range(0, days, DAYS_AT_ONCE):
        records = [
            record
            for day in range(start, min(start + DAYS_AT_ONCE, days))
            for number in range(articles)
            for record in _records(day, number, words, vocabulary)
        ]
        rows = tuple(Row(seq + place, TABLE_OF[type(record)], record) for place, record in enumerate(records, start=1))
        seq += len(rows)
        sink.write(Batch("bench", rows, Delivery(ingested_at=FIRST + (start + 1) * DAY, batch_id=f"bench-{start}")))
    sink.close()


def _records(day: int, number: int, words: random.Random, vocabulary: list[str]) -> Iterator[Article | Revision]:
    key = f"{words.getrandbits(128):032x}"
    for version in range(2 if number % 10 == 0 else 1):
        moment = FIRST + (day + version) * DAY + number * dt.timedelta(minutes=5)
        url = f"https://outlet{number % 50}.example/{key}"
        article = Article(
            capture_id=f"{words.getrandbits(128):032x}",
            article_id=key,
            content_hash=f"{key}{version}",
            observed_at=moment,
            url=url,
            canonical_url=url,
            title=" ".join(words.choices(vocabulary, k=9)),
            body=" ".join(words.choices(vocabulary, k=WORDS_OF_BODY)),
            language="en",
        )
        yield article
        yield Revision(
            capture_id=article.capture_id,
            judged_seq=0,
            article_id=key,
            observed_at=moment,
            change=Change.UPDATE if version else Change.NEW,
        )


def _measure(folder: Path, days: int) -> None:
    files = list(folder.rglob("data/**/*.parquet"))
    bodies = sum(map(_body_bytes, files))
    print(
        f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB; bodies {bodies / 1e6:.1f} MB\n"
    )
    print(f"{'':66}{'MB read':>9}{'of the bodies':>15}{'ms':>8}")
    with warehouse.connect(folder) as connection:
        (article_id,) = connection.execute("SELECT min(article_id) FROM articles").fetchone() or ("",)
    yesterday = f"TIMESTAMPTZ '{FIRST + (days - 1) * DAY:%Y-%m-%d}'"
    _print_cost("connect", bodies, lambda: warehouse.connect(folder).close())
    for query in (
        "SELECT count(*) FROM latest",
        "SELECT title, url FROM latest",
        f"SELECT title, body FROM latest WHERE observed_at >= {yesterday}",
        f"SELECT * FROM latest WHERE article_id = '{article_id}'",
        "SELECT title, body FROM latest ORDER BY observed_at DESC LIMIT 20",
        "SELECT sum(length(body)) FROM latest",
    ):
        _print_cost(query, bodies, partial(_ask, folder, query))
    _print_cost("wirebeam latest", bodies, partial(_latest, folder, SHOWN))
    _print_cost("wirebeam latest --format jsonl", bodies, partial(_latest, folder, ("*",)))


def _body_bytes(path: Path) -> int:
    metadata = pq.read_metadata(path)
    chunks = (
        metadata.row_group(group).column(at)
        for group in range(metadata.num_row_groups)
        for at in range(metadata.num_columns)
    )
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema == "body")


def _ask(folder: Path, query: str) -> None:
    with warehouse.connect(folder) as connection:
        connection.execute(query).fetchall()


def _latest(folder: Path, columns: Sequence[str]) -> None:
    with warehouse.connect(folder) as connection:
        newest.read(connection, newest.find(connection, newest.Asked(), 20), columns)


def _print_cost(name: str, bodies: int, work: Callable[[], Any]) -> None:
    before, started = _read_bytes(), time.perf_counter()
    work()
    took, read = time.perf_counter() - started, _read_bytes() - before
    print(f"{name[:64]:66}{read / 1e6:9.1f}{read / bodies:15.1%}{1000 * took:8.0f}")


def _read_bytes() -> int:
    (line,) = [line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar")]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
