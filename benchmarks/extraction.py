"""Quality and speed of the article extraction on labelled pages, beside stock trafilatura in the same run.

    python benchmarks/extraction.py --data ../shared/data/extraction [--limit N]

DIR holds zyte, fundus and wcxb-dev pages (`NAME.A.jsonl.gz`: id, url, html, text, title, author, published); the scorer
is DIR/../score/score_extraction.py. Printed for each set: what the scorer prints (F1, P and R on four-word shingles;
share of wanted and unwanted snippets found; title, author and day exactly right) for us and for stock, then CPU
milliseconds a page of both and their ratio. Each page is timed for both by the same process, one after the other.
"""

import argparse
import datetime as dt
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import trafilatura

from schemas.enums import Origin
from schemas.records import Article, Entry, Page
from transforms.extract import extract
from transforms.pool import Pool, TaskFailed

SETS = ("zyte", "fundus", "wcxb-dev")
OBSERVED = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)  # after every page's date
TIMEOUT_S = 60.0
WORKERS = 2


def measured(label: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One labelled page by both extractors: a line for the scorer each, with the CPU seconds that it took."""
    entry = Entry(
        entry_id=label["id"],
        feed_id=None,
        entry_key=label["id"],
        fingerprint="",
        change_no=0,
        origin=Origin.BACKFILL,
        observed_at=OBSERVED,
    )
    body = label["html"].encode("utf-8", "replace")
    page = Page(entry=entry, observed_at=OBSERVED, url=label["url"], content_type="text/html", body=body)
    started = time.process_time()
    ours = extract(page)
    between = time.process_time()
    stock = trafilatura.extract(label["html"], include_comments=False)
    ended = time.process_time()
    lines: dict[str, dict[str, Any]] = {
        "ours": {"id": label["id"], "text": "", "cpu_s": between - started},
        "stock": {"id": label["id"], "text": stock or "", "cpu_s": ended - between},
    }
    if isinstance(ours, Article):
        lines["ours"] |= {
            "text": ours.body,
            "title": ours.title,
            "author": list(ours.authors),
            "published": _day(ours),
        }
    return lines


def _day(article: Article) -> str | None:
    """The day as the page writes it: labels count days in the page's own time zone."""
    if article.published_at is None:
        return None
    written = re.match(r"\d{4}-\d{2}-\d{2}", article.published_at_raw or "")
    return written[0] if written else article.published_at.date().isoformat()


def labels(path: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    """The labelled pages of a file, the first `limit` of them."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if limit is not None and number >= limit:
                return
            yield json.loads(line)


def run(pages: Sequence[dict[str, Any]], pool: Pool) -> list[dict[str, dict[str, Any]]]:
    """Both extractors over `pages`; a page on which the pool gives up is reported and left out."""
    tasks = [(page["id"], pool.submit(measured, page, timeout_s=TIMEOUT_S)) for page in pages]
    results = []
    for page_id, task in tasks:
        result = task.result()
        if isinstance(result, TaskFailed):
            print(f"{page_id}: {result.reason}: {result.detail}")
        else:
            results.append(result)
    return results


def score(
    name: str, results: Sequence[dict[str, dict[str, Any]]], pages: Sequence[dict[str, Any]], scorer: Path
) -> None:
    """Print the scorer's figures and the speeds for one set."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder) / "truth.jsonl.gz"
        with gzip.open(truth, "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(page) + "\n" for page in pages)
        for who in ("ours", "stock"):
            predicted = Path(folder) / f"{who}.jsonl"
            predicted.write_text("".join(json.dumps(result[who]) + "\n" for result in results), encoding="utf-8")
            printed = subprocess.run(
                [sys.executable, scorer, predicted, truth], check=True, capture_output=True, text=True
            ).stdout
            print(f"{name} {who}: {printed.strip()}")
    ours, stock = (1000 * sum(result[who]["cpu_s"] for result in results) / len(results) for who in ("ours", "stock"))
    print(f"{name} CPU ms/page: ours {ours:.1f}, stock text only {stock:.1f}, ratio {ours / stock:.2f}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled pages")
    parser.add_argument("--limit", type=int, help="pages of each set")
    options = parser.parse_args()
    pool = Pool(WORKERS)
    warm_up = list(labels(options.data / f"{SETS[0]}.A.jsonl.gz", 20))
    run(warm_up, pool)  # both extractors load models and word lists at their first pages
    for name in SETS:
        pages = list(labels(options.data / f"{name}.A.jsonl.gz", options.limit))
        score(name, run(pages, pool), pages, options.data.parent / "score" / "score_extraction.py")
    pool.close()


if __name__ == "__main__":
    main()
