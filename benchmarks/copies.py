"""How well copies are told, how fast, and in how many bytes.

    python benchmarks/copies.py --data ../shared/data/copies [--set reuters] [--out DIR]

Each set's documents (`NAME_docs.A.jsonl.gz`) pass through `transforms.link` in their order, over an index in memory, as
captures of one article each. The set's clusters go to `--out` as `NAME_clusters.jsonl` and its pairs as
`NAME_pairs.jsonl`, both as ../shared/data/score/score_copies.py reads them; if that script is beside the data, what it
prints follows. Times are processor seconds of one core; bytes are those of sketch and lineage as msgpack.
"""

import argparse
import datetime as dt
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas import codec, ids
from schemas.memory import Sketch
from schemas.records import Article
from transforms.copies.index import CopyIndex
from transforms.copies.likeness import is_copy, likeness
from transforms.link import link, sketch_of

SETS = ("reuters", "synthetic", "semeval")
START = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
PER_UNRELATED = 10_000


@dataclass
class Measured:
    """What came of one set."""

    documents: int = 0
    sketch_s: float = 0.0
    link_s: float = 0.0
    bytes: int = 0
    sketches: dict[str, Sketch] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Print the figures of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets")
    parser.add_argument("--set", choices=SETS, action="append", help="only this set; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "wirebeam-copies")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.set or SETS:
        documents = sorted(read(options.data / f"{name}_docs.A.jsonl.gz"), key=order)
        measured = run(documents)
        print(f"== {name}: {measured.documents:,} documents")
        print(
            f"sketch {measured.sketch_s / measured.documents * 1e6:.0f} us, "
            f"look-up and judging {measured.link_s / measured.documents * 1e6:.0f} us a document: "
            f"{measured.documents / (measured.sketch_s + measured.link_s):,.0f} documents per core second; "
            f"{measured.bytes / measured.documents:,.0f} bytes a document"
        )
        print(f"false originals: {unrelated(documents, measured)}")
        score(name, documents, measured, options.data, options.out)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of a gzipped file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def order(document: dict[str, Any]) -> tuple[str, int]:
    """The documents' order: their time, or their place in the stream."""
    return document.get("time") or "", document.get("order") or 0


def run(documents: list[dict[str, Any]]) -> Measured:
    """Pass the documents through link."""
    memory, measured = CopyIndex(), Measured(documents=len(documents))
    sizes: dict[str, int] = {}
    for number, document in enumerate(documents):
        article = article_of(document, number)
        started = time.process_time()
        sketch = sketch_of(article)
        sketched = time.process_time()
        measured.sketch_s += sketched - started
        if sketch is None:
            continue
        linked = link(sketch, memory)
        if linked.sketch is not None:
            memory.add(linked.sketch)
        for lineage in linked.lineages:
            memory.judge(lineage)
        measured.link_s += time.process_time() - sketched
        measured.sketches[document["id"]] = sketch
        for lineage in linked.lineages:
            sizes[lineage.article_id] = len(codec.encode(lineage))
        measured.bytes += len(codec.encode(sketch))
    measured.bytes += sum(sizes.values())
    names = {sketch.article_id: name for name, sketch in measured.sketches.items()}
    for lineage in memory.lineages(names):
        measured.clusters[names[lineage.article_id]] = names[lineage.cluster_id]
        if lineage.original_id != lineage.article_id:
            measured.originals[names[lineage.article_id]] = names[lineage.original_id]
    return measured


def article_of(document: dict[str, Any], number: int) -> Article:
    """The document as a capture; without a time, a minute after the one before it."""
    if document.get("time"):
        observed_at = dt.datetime.fromisoformat(document["time"]).replace(tzinfo=dt.UTC)
    else:
        observed_at = START + dt.timedelta(minutes=number)
    article_id, title = ids.article_id(document["id"]), document["title"] or ""
    content = ids.content_hash(title, document["text"])
    return Article(
        capture_id=ids.capture_id(article_id, observed_at, content),
        article_id=article_id,
        content_hash=content,
        observed_at=observed_at,
        url=f"https://{document['id']}.invalid/",
        canonical_url=f"https://{document['id']}.invalid/",
        language="en",
        title=title,
        body=document["text"],
    )


def unrelated(documents: list[dict[str, Any]], measured: Measured) -> str:
    """Links between documents that the truth keeps apart; some are copies that its makers did not find."""
    truth = {document["id"]: document.get("cluster") for document in documents}
    alone = sum(truth[name] is None for name in measured.sketches)
    wrong = [name for name in measured.originals if truth[name] is None]
    mixed = [
        name
        for name, original in measured.originals.items()
        if truth[name] is not None and truth[name] != truth[original]
    ]
    rate = len(wrong) / alone * PER_UNRELATED if alone else 0.0
    return f"{len(wrong)} of {alone:,} documents without a copy ({rate:.0f} per 10,000), {len(mixed)} of the others"


def score(name: str, documents: list[dict[str, Any]], measured: Measured, data: Path, out: Path) -> None:
    """Write what the scoring script reads, and print what it says."""
    clusters, pairs = out / f"{name}_clusters.jsonl", out / f"{name}_pairs.jsonl"
    clusters.write_text(
        "".join(json.dumps({"id": key, "cluster": cluster}) + "\n" for key, cluster in measured.clusters.items()),
        encoding="utf-8",
    )
    members = defaultdict(list)
    for key, cluster in measured.clusters.items():
        members[cluster].append(key)
    pairs.write_text(
        "".join(
            json.dumps({"a": one, "b": other, "copy": True}) + "\n"
            for cluster in members.values()
            for one, other in itertools.combinations(cluster, 2)
            if (seen := likeness(measured.sketches[one], measured.sketches[other])) and is_copy(seen)
        ),
        encoding="utf-8",
    )
    script = data.parent / "score" / "score_copies.py"
    if not script.exists():
        return
    truth, texts = data / f"{name}_pairs.A.jsonl.gz", data / f"{name}_docs.A.jsonl.gz"
    has_clusters = any(document.get("cluster") for document in documents)
    for label, predicted in (("pairs", pairs), ("clusters", clusters)):
        command = [sys.executable, str(script), str(predicted), str(truth)]
        command += ["--docs", str(texts)] if has_clusters else []
        print(f"-- {label}")
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
