"""How well copies are told, how fast, and in how many bytes.

    python benchmarks/copies.py --data ../shared/data/copies [--set reuters] [--scale 10000]

Each set's documents (`NAME_docs.A.jsonl.gz`, with labelled pairs in `NAME_pairs.A.jsonl.gz`) pass in their order
through `transforms.link` over an index in memory, as captures of one article each. What is printed of each:

- pairs: precision, recall and F1 over the labelled pairs; found are those that stand in one cluster, and, apart from
  that, those that are copies by their own likeness ("linked");
- B3: B-cubed over the documents that the truth puts into a cluster of two or more;
- recall by kind of copy, false links by kind of difference, and false links per 10,000 documents without a copy (some
  are copies that the makers of the set did not find);
- documents per core second, and the same for datasketch's MinHash-LSH with its usual settings (128 permutations,
  Jaccard at least 0.5, shingles as here), if it is installed.

Then, at each size of `--scale`, made-up documents of some 300 words: random walks over the words of the first set,
so that they share phrases as articles do, a fifth of them copies of earlier ones. They pass through the index, and
through a state.db in cycles of 100: costs are those of the last tenth, bytes the growth of the file.
Times are processor seconds of one core; what was read beforehand is frozen for the garbage collector, as a run does it.
"""

import argparse
import datetime as dt
import gc
import gzip
import importlib
import importlib.util
import itertools
import json
import pickle
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.memory import StateMemory
from pipeline.state import FILE_NAME, State
from schemas import codec, ids
from schemas.memory import CopyNote, Sketch
from schemas.records import Article
from transforms.copies.index import CopyIndex, CopyMemory, Layered
from transforms.copies.likeness import is_copy, likeness
from transforms.copies.sketch import SHINGLE_WORDS
from transforms.link import Linked, link, sketch_of
from transforms.write import Gathered

SETS = ("reuters", "synthetic", "semeval")
SCALES = (10_000, 100_000)
START = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
PER_UNRELATED = 10_000
MADE_WORDS = 300
WALKS = 2_000  # made at once
JUMP = 0.5  # to another place where the word stands: texts then share as many shingles as those of the set do
CYCLE = 100  # documents between two commits
PERMUTATIONS, JACCARD = 128, 0.5

Document = dict[str, Any]


@dataclass
class Told:
    """What a method made of a set's documents."""

    name: str
    clusters: Mapping[str, Hashable]
    is_linked: Callable[[str, str], bool]  # by the likeness of the two alone
    wrong: set[str]  # documents that were linked to one of another cluster, or of none
    seconds: float
    bytes: float  # a document


def _no_seconds() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclass
class Clock:
    """Processor seconds by what they were spent on."""

    seconds: defaultdict[str, float] = field(default_factory=_no_seconds)
    _last: float = field(default_factory=time.process_time)

    def start(self) -> None:
        """Count from now."""
        self._last = time.process_time()

    @property
    def total_s(self) -> float:
        """All together."""
        return sum(self.seconds.values())

    def note(self, part: str) -> None:
        """All since the last call went into `part`."""
        now = time.process_time()
        self.seconds[part] += now - self._last
        self._last = now


def main() -> None:
    """Print the figures of each set, then those of each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets")
    parser.add_argument("--set", choices=SETS, action="append", help="only this set; may be repeated")
    parser.add_argument("--scale", type=int, action="append", help="only this size, 0 for none; may be repeated")
    options = parser.parse_args()
    for name in options.set or SETS:
        documents = sorted(read(options.data / f"{name}_docs.A.jsonl.gz"), key=order)
        pairs = [pair for pair in read(options.data / f"{name}_pairs.A.jsonl.gz") if pair.get("label")]
        print(f"== {name}: {len(documents):,} documents, {len(pairs):,} pairs")
        gc.freeze()
        report(told(documents), documents, pairs)
        if importlib.util.find_spec("datasketch"):
            report(told_by_datasketch(documents), documents, pairs)
        else:
            print("-- datasketch is not installed: no reference")
    words = [word for each in read(options.data / f"{SETS[0]}_docs.A.jsonl.gz") for word in each["text"].split()]
    for count in options.scale or SCALES:
        if count:
            at_scale(words, count)


def read(path: Path) -> Iterator[Document]:
    """The JSON lines of a gzipped file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def order(document: Document) -> tuple[str, int]:
    """The documents' order: their time, or their place in the stream."""
    return document.get("time") or "", document.get("order") or 0


def article_of(document: Document, number: int) -> Article:
    """The document as a capture; without a time, some seconds after the one before it."""
    if document.get("time"):
        observed_at = dt.datetime.fromisoformat(document["time"]).replace(tzinfo=dt.UTC)
    else:
        observed_at = START + dt.timedelta(seconds=10 * number)
    article_id, title = ids.article_id(document["id"]), document["title"] or ""
    content = ids.content_hash(title, document["text"])
    return Article(
        capture_id=ids.capture_id(article_id, observed_at, content),
        article_id=article_id,
        content_hash=content,
        observed_at=observed_at,
        url=f"https://outlet{number % 400}.invalid/{document['id']}",
        canonical_url=f"https://outlet{number % 400}.invalid/{document['id']}",
        language="en",
        title=title,
        body=document["text"],
    )


# ── the sets ───────────────────────────────────────────────────────────────────────────────────────────────────────


def told(documents: Iterable[Document]) -> Told:
    """Pass the documents through link."""
    memory, clock = CopyIndex(), Clock()
    sketches: dict[str, Sketch] = {}
    names: dict[str, str] = {}
    size = 0
    for number, document in enumerate(documents):
        article = article_of(document, number)
        clock.start()
        sketch = sketch_of(article)
        clock.note("sketch")
        if sketch is None:
            continue
        linked = link(sketch, memory)
        take(memory, linked)
        clock.note("look-up and judging")
        sketches[document["id"]], names[sketch.article_id] = sketch, document["id"]
        size += sum(len(codec.encode(note)) for note in notes_of(linked))
    truth = {document["id"]: document.get("cluster") for document in documents}
    lineages = {names[lineage.article_id]: lineage for lineage in memory.lineages(names)}
    wrong = {
        name
        for name, lineage in lineages.items()
        if lineage.original_id != lineage.article_id
        and (truth[name] is None or truth[name] != truth[names[lineage.original_id]])
    }

    def is_linked(one: str, other: str) -> bool:
        if one not in sketches or other not in sketches:
            return False
        seen = likeness(sketches[one], sketches[other])
        return seen is not None and is_copy(seen)

    for part, seconds in clock.seconds.items():
        print(f"{part}: {seconds / len(sketches) * 1e6:.0f} us a document")
    clusters = {name: lineage.cluster_id for name, lineage in lineages.items()}
    return Told("wirebeam", clusters, is_linked, wrong, clock.total_s, size / len(sketches))


def take(memory: CopyIndex, linked: Linked) -> None:
    """Remember what link found."""
    if linked.sketch is not None:
        memory.add(linked.sketch)
    for lineage in linked.lineages:
        memory.judge(lineage)


def notes_of(linked: Linked) -> list[CopyNote]:
    """What keyed state would hold of it."""
    notes = [CopyNote(lineage=lineage) for lineage in linked.lineages]
    return [*notes, CopyNote(sketch=linked.sketch)] if linked.sketch else notes


def told_by_datasketch(documents: Iterable[Document]) -> Told:
    """Pass the documents through MinHash-LSH; a document joins the clusters of all that it finds."""
    datasketch = importlib.import_module("datasketch")
    lsh, clock = datasketch.MinHashLSH(threshold=JACCARD, num_perm=PERMUTATIONS), Clock()
    hashes: dict[str, Any] = {}
    above: dict[str, str] = {}  # a document of its cluster that came before it; the first is above itself

    def first(name: str) -> str:
        while above[name] != name:
            name = above[name]
        return name

    truth = {document["id"]: document.get("cluster") for document in documents}
    wrong: set[str] = set()
    for document in documents:
        name = document["id"]
        clock.start()
        words = document["text"].lower().split()
        runs = {" ".join(words[at : at + SHINGLE_WORDS]).encode() for at in range(len(words) - SHINGLE_WORDS + 1)}
        hashes[name] = datasketch.MinHash(num_perm=PERMUTATIONS)
        hashes[name].update_batch(list(runs))
        found = [other for other in lsh.query(hashes[name]) if hashes[name].jaccard(hashes[other]) >= JACCARD]
        lsh.insert(name, hashes[name])
        above[name] = name
        for other in found:
            above[first(other)] = first(name)
        clock.note("all")
        if any(truth[name] is None or truth[name] != truth[other] for other in found):
            wrong.add(name)

    def is_linked(one: str, other: str) -> bool:
        return bool(hashes[one].jaccard(hashes[other]) >= JACCARD)

    clusters = {name: first(name) for name in above}
    size = len(pickle.dumps(lsh)) + sum(each.hashvalues.nbytes for each in hashes.values())
    return Told("datasketch MinHash-LSH", clusters, is_linked, wrong, clock.total_s, size / len(hashes))


def report(told: Told, documents: list[Document], pairs: list[Document]) -> None:
    """Print what came of a set."""
    print(
        f"-- {told.name}: {len(documents) / told.seconds:,.0f} documents per core second, {told.bytes:,.0f} bytes each"
    )
    in_cluster = {
        (pair["a"], pair["b"]): told.clusters.get(pair["a"]) == told.clusters.get(pair["b"], pair["b"])
        for pair in pairs
    }
    linked = {(pair["a"], pair["b"]): told.is_linked(pair["a"], pair["b"]) for pair in pairs}
    print(f"pairs in one cluster: {shares(pairs, in_cluster)}; linked: {shares(pairs, linked)}")
    truth = {document["id"]: document.get("cluster") or ("alone", document["id"]) for document in documents}
    size = Counter(truth.values())
    if joined := [name for name, cluster in truth.items() if size[cluster] > 1]:
        print(f"B3: {bcubed(truth, told.clusters, joined)}")
    kinds: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    for pair in pairs:
        kind = pair.get("kind") or str(pair.get("story") or "")
        kinds[pair["label"] != "different", kind].append(in_cluster[pair["a"], pair["b"]])
    for is_copy_, heading in ((True, "found by kind of copy"), (False, "false by kind of difference")):
        told_kinds = [
            f"{kind} {sum(found)}/{len(found)}" for (of, kind), found in sorted(kinds.items()) if of is is_copy_
        ]
        print(f"{heading}: {', '.join(told_kinds)}")
    alone = {document["id"] for document in documents if document.get("cluster") is None}
    rate = len(told.wrong & alone) / len(alone) * PER_UNRELATED if alone else 0.0
    print(
        f"false links: {rate:.0f} per 10,000 documents without a copy ({len(told.wrong & alone)} of {len(alone):,}), "
        f"{len(told.wrong - alone)} of the others"
    )


def shares(pairs: Iterable[Document], found: Mapping[tuple[str, str], bool]) -> str:
    """Precision, recall and F1."""
    tally = Counter((pair["label"] != "different", found[pair["a"], pair["b"]]) for pair in pairs)
    return measures(
        tally[True, True] / ((tally[True, True] + tally[False, True]) or 1),
        tally[True, True] / ((tally[True, True] + tally[True, False]) or 1),
    )


def bcubed(truth: Mapping[str, Hashable], guess: Mapping[str, Hashable], names: Iterable[str]) -> str:
    """B-cubed: of each document's cluster the share that is right, and of its true cluster the share that is found."""
    true_members, members = defaultdict(set), defaultdict(set)
    for name, cluster in truth.items():
        true_members[cluster].add(name)
        members[guess.get(name, name)].add(name)
    precision, recall = [], []
    for name in names:
        true, found = true_members[truth[name]], members[guess.get(name, name)]
        precision.append(len(true & found) / len(found))
        recall.append(len(true & found) / len(true))
    return measures(sum(precision) / len(precision), sum(recall) / len(recall))


def measures(precision: float, recall: float) -> str:
    """The two and their harmonic mean."""
    both = 2 * precision * recall / ((precision + recall) or 1)
    return f"P {precision:.4f} R {recall:.4f} F1 {both:.4f}"


# ── at scale ───────────────────────────────────────────────────────────────────────────────────────────────────────


def at_scale(words: list[str], count: int) -> None:
    """Print costs and sizes at so many documents."""
    gc.freeze()
    print(f"== {count:,} made-up documents of {MADE_WORDS} words, a fifth of them copies")
    tail = count - count // 10
    index, clock = CopyIndex(), Clock()
    planted = found = unrelated = wrong = size = 0
    for number, document in enumerate(made(words, count)):
        article = article_of(document, number)
        if number == tail:
            clock.seconds.clear()
        clock.start()
        sketch = sketch_of(article)
        clock.note("sketch")
        assert sketch
        linked = link(sketch, index)
        take(index, linked)
        clock.note("look-up and judging")
        size += sum(len(codec.encode(note)) for note in notes_of(linked))
        (lineage,) = index.lineages([sketch.article_id])
        if document["of"]:
            planted += 1
            found += lineage.original_id == ids.article_id(document["of"])
        else:
            unrelated += 1
            wrong += lineage.original_id != lineage.article_id
    print_costs("in the process", clock, count - tail, size / count)
    print(
        f"copies found {found} of {planted:,}; false links {wrong / unrelated * PER_UNRELATED:.1f} per 10,000 unrelated"
    )
    with tempfile.TemporaryDirectory() as folder:
        clock, grown = in_state(made(words, count), tail, Path(folder))
    print_costs("with state.db", clock, count - tail, grown / count)


def print_costs(where: str, clock: Clock, count: int, size_bytes: float) -> None:
    """Print costs and size per document."""
    parts = ", ".join(f"{part} {seconds / count * 1e6:.0f} us" for part, seconds in clock.seconds.items())
    rate = count / clock.total_s
    print(f"{where}: {rate:,.0f} documents per core second ({parts}); {size_bytes:,.0f} bytes each")


def in_state(documents: Iterable[Document], tail: int, folder: Path) -> tuple[Clock, int]:
    """Pass the documents through link over a state.db; gives the costs from number `tail` on, and the file's growth."""
    state = State(folder)
    memory, clock = StateMemory(str(folder)), Clock()
    before = file_bytes(state, folder)
    for cycle, batch in enumerate(batched(documents)):
        if cycle * CYCLE >= tail and cycle * CYCLE < tail + CYCLE:
            clock.seconds.clear()
        articles = [article_of(document, cycle * CYCLE + place) for place, document in enumerate(batch)]
        gathered, front = Gathered(), CopyIndex()
        layered: CopyMemory = Layered(front, memory)
        clock.start()
        for article in articles:
            sketch = sketch_of(article)
            clock.note("sketch")
            assert sketch
            linked = link(sketch, layered)
            take(front, linked)
            for record in (linked.sketch, *linked.lineages):
                gathered.add(record)
            clock.note("look-up and judging")
        state.commit([], gathered, START)
        clock.note("commit")
    grown = file_bytes(state, folder) - before
    memory.close()
    state.close()
    return clock, grown


def batched(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """The documents of one cycle after the other."""
    source = iter(documents)
    while batch := list(itertools.islice(source, CYCLE)):
        yield batch


def file_bytes(state: State, folder: Path) -> int:
    """The size of state.db when all is in it."""
    state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # noqa: SLF001  # no one else asks for it
    return (folder / FILE_NAME).stat().st_size


def made(words: list[str], count: int) -> Iterator[Document]:
    """Documents of the set's words and phrases, and after every four of them a copy of an earlier one.

    One copy in two is cut to its first three fifths, the other has a paragraph more.
    """
    rng, numbers = random.Random(5), np.random.default_rng(5)
    vocabulary = {word: code for code, word in enumerate(dict.fromkeys(words))}
    codes = np.fromiter((vocabulary[word] for word in words), np.int64, len(words))
    walks = iter(walked(codes, numbers))
    known: list[Document] = []
    for number in range(count):
        if number % 5 == 4:
            of = rng.choice(known[-4_000:])
            taken = of["text"].split()
            text = (
                " ".join(taken[: len(taken) * 3 // 5])
                if number % 2
                else f"{of['text']} {' '.join(rng.choices(words, k=30))}"
            )
            yield {"id": f"m{number}", "title": of["title"], "text": text, "of": of["id"]}
            continue
        text = " ".join([words[place] for place in next(walks)])
        known.append({"id": f"m{number}", "title": " ".join(text.split()[20:28]), "text": text, "of": None})
        yield known[-1]


def walked(codes: npt.NDArray[np.int64], numbers: np.random.Generator) -> Iterator[list[int]]:
    """Walks without end, each the places of its words."""
    by_word = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    while True:
        places = np.empty((MADE_WORDS, WALKS), np.int64)
        at = numbers.integers(0, len(codes), WALKS)
        for step in range(MADE_WORDS):
            places[step] = at
            word = codes[at]
            elsewhere = by_word[starts[word] + (numbers.random(WALKS) * counts[word]).astype(np.int64)]
            at = (np.where(numbers.random(WALKS) < JUMP, elsewhere, at) + 1) % len(codes)
        yield from places.T.tolist()


if __name__ == "__main__":
    main()
