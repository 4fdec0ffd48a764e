"""Read every recorded feed and say what was found, what was lost, and what it cost.

    python benchmarks/feeds.py --data ../shared/data/feeds

Prints the feeds whose entries differ from the manifest's count (feedparser's on the bytes alone), then entries found,
problems by reason, dates that could not be read, and milliseconds per feed beside those of feedparser as it comes.
"""

import argparse
import collections
import gzip
import io
import json
import statistics
import time
from pathlib import Path

import feedparser

from transforms.text.feeds import parse_feed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/feeds"))
    data: Path = parser.parse_args().data
    counts: collections.Counter[str] = collections.Counter()
    problems: collections.Counter[str] = collections.Counter()
    ours: list[float] = []
    stock: list[float] = []
    longest = 0
    for line in (data / "manifest.jsonl").read_text("utf-8").splitlines():
        about = json.loads(line)
        body = gzip.decompress((data / about["file"]).read_bytes())
        started = time.perf_counter()
        feed = parse_feed(body, content_type=None, url=f"https://{about['host'] or 'example.com'}/feed")
        ours.append(1000 * (time.perf_counter() - started))
        longest = max(longest, len(feed.entries))
        if feed.format and not feed.format.startswith("json"):
            started = time.perf_counter()
            feedparser.parse(io.BytesIO(body))
            stock.append(1000 * (time.perf_counter() - started))
        counts["feeds"] += 1
        counts["entries"] += len(feed.entries)
        counts["entries without a link"] += sum(not entry.url for entry in feed.entries)
        counts["entries without a date"] += sum(entry.published_raw is None for entry in feed.entries)
        counts["dates that could not be read"] += sum(
            entry.published_raw is not None and entry.published is None for entry in feed.entries
        )
        problems[feed.problem or "none"] += 1
        expected = about.get("feedparser_entries")
        if expected is None:
            expected = about.get("items") or 0
        counts["entries expected"] += expected
        if len(feed.entries) != expected:
            print(
                f"{about['file']}: {about['format']}: {len(feed.entries)} for {expected}: {feed.problem} {feed.detail}"
            )
    for what, count in counts.items():
        print(f"{what}: {count}")
    print("problems:", ", ".join(f"{reason} {count}" for reason, count in problems.most_common()))
    print(f"longest feed: {longest} entries")
    for name, milliseconds in (("this reader", ours), ("stock feedparser, XML only", stock)):
        median, mean = statistics.median(milliseconds), statistics.mean(milliseconds)
        print(f"{name}: median {median:.1f} ms, mean {mean:.1f} ms a feed")


if __name__ == "__main__":
    main()
