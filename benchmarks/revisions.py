"""How well changes are told, on labelled pairs of captures, and how often an ordinary article passes for a kill.

    python benchmarks/revisions.py --data ../shared/data/copies [--pages ../shared/data/extraction]

Three sets of pairs pass through `transforms.text.notices` and `transforms.revise`, as two captures of one article:

own        revisions.toml beside this script: made-up news in seven languages, one change each. A third of the pairs,
           drawn by a hash, were left unread while the rules were written; their figure stands apart.
reuters    documents that were sent again within days: resend, edited, extended or cut, correction (mined by rule,
           a few of them wrongly)
synthetic  edited copies of such documents

The last two were labelled for the linking of copies. So some of their kinds have two right answers: an edited text or
a new headline may say the same (minor) or not (update), and what was sent again as it was differs by slips at most.

Then every document, and every article on the pages, is read as a capture of its own: none of them is a kill, and those
that hold a correction are named, to be read. Last the time and the memory that a capture takes.
"""

import argparse
import datetime as dt
import gzip
import hashlib
import json
import statistics
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import codec, ids
from schemas.enums import Change, NoticeKind, Origin, PubStatus
from schemas.memory import KnownCapture
from schemas.records import Article, Capture, Entry, Notice, Page
from transforms.extract import capture_of
from transforms.revise import revise
from transforms.text import notices

OWN = Path(__file__).with_suffix(".toml")
PAGES = ("zyte", "fundus", "wcxb-dev")
START = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)  # after every page's date
HELD_OUT = 3  # one of so many
# What a set's kind of pair may be called.
MINOR, UPDATE, UNCHANGED = Change.MINOR, Change.UPDATE, Change.UNCHANGED
RIGHT = {
    "resend": {UNCHANGED, MINOR},
    "resend, other headline": {MINOR, UPDATE},
    "edited": {MINOR, UPDATE},
    "extended or cut": {UPDATE},
    "correction": {Change.CORRECTION},
    "syndicated": {MINOR, UPDATE},
    "subedited": {MINOR, UPDATE},
    **{
        kind: {UPDATE} for kind in ("headline", "figures", "trim", "added", "embedded", "excerpt", "trim+added+figures")
    },
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Captures in time order, and what the last of them is to be called.

    Args:
        name: for naming it when it is called something else.
        kind: its row in the table.
        captures: headline, text, the feed's headline and the extractor's version of each.
        right: the changes that are right.
        status: the pub_status that is right; None if any is.
        is_held_out: whether it was left unread.
    """

    name: str
    kind: str
    captures: tuple[tuple[str, str, str, str], ...]
    right: frozenset[Change]
    status: PubStatus | None = None
    is_held_out: bool = False


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets of copies")
    parser.add_argument("--pages", type=Path, help="the folder with recorded pages; beside the other by default")
    parser.add_argument("--wrong", action="store_true", help="name the pairs that are called something else")
    options = parser.parse_args()
    own = list(own_pairs(OWN))
    report("own, read", [pair for pair in own if not pair.is_held_out], is_naming=options.wrong)
    report("own, held out", [pair for pair in own if pair.is_held_out], is_naming=options.wrong)
    for name in ("reuters", "synthetic"):
        report(name, list(copied_pairs(options.data, name)), is_naming=options.wrong)
    ordinary = list(texts(options.data))
    pages = options.pages or options.data.parent / "extraction"
    report_ordinary(ordinary, list(page_captures(pages)))
    report_cost(ordinary)


# ── the pairs ──────────────────────────────────────────────────────────────────────────────────────────────────────


def own_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of our own writing."""
    for article in tomllib.loads(path.read_text(encoding="utf-8"))["articles"]:
        for number, pair in enumerate(article["pairs"]):
            name = f"{article['language']}: {article['title']} #{number}"
            title, body, feed = article["title"], article["body"].strip(), pair.get("feed", "")
            before = text_of(body, pair, "was_", "was")
            earlier = [(pair["older"], before, feed, "1")] if "older" in pair else []
            yield Pair(
                name=name,
                kind=pair["change"],
                captures=(
                    *earlier,
                    (pair.get("was_title", title), before, feed, "1"),
                    (pair.get("title", title), text_of(body, pair, "", "edit"), feed, pair.get("extractor", "1")),
                ),
                right=frozenset({Change(pair["change"])}),
                status=status_of(pair),
                is_held_out=hashlib.sha256(f"{title}{number}".encode()).digest()[0] % HELD_OUT == 0,
            )


def text_of(body: str, pair: dict[str, Any], prefix: str, edits: str) -> str:
    """One side's text."""
    for old, new in pair.get(edits, []):
        assert body.count(old) == 1, f"{old!r} does not stand once in {body!r}"
        body = body.replace(old, new)
    parts = (pair.get(f"{prefix}top"), pair.get(f"{prefix}body", body), pair.get(f"{prefix}end"))
    return "\n\n".join(part for part in parts if part)


def status_of(pair: dict[str, Any]) -> PubStatus | None:
    """The pub_status that the pair asks for."""
    if "status" in pair:
        return PubStatus(pair["status"])
    if pair["change"] in {Change.UNCHANGED, Change.EXTRACTION}:
        return None
    return PubStatus.CANCELED if pair["change"] == Change.KILL else PubStatus.USABLE


def copied_pairs(data: Path, name: str) -> Iterator[Pair]:
    """The pairs of a set of copies that are two versions of one text."""
    documents = {document["id"]: document for document in read(data / f"{name}_docs.A.jsonl.gz")}
    for pair in read(data / f"{name}_pairs.A.jsonl.gz"):
        if pair["label"] not in {"same", "revision"}:
            continue
        both = sorted((documents[pair["a"]], documents[pair["b"]]), key=place)
        is_renamed = pair["kind"] == "resend" and both[0]["title"] != both[1]["title"]
        kind = "resend, other headline" if is_renamed else pair["kind"]
        yield Pair(
            name=f"{pair['a']} {pair['b']}",
            kind=kind,
            captures=tuple((document["title"] or "", document["text"], "", "1") for document in both),
            right=frozenset(RIGHT[kind]),
        )


def place(document: dict[str, Any]) -> tuple[str, int]:
    """Its place in the stream."""
    return document.get("time") or "", document.get("order") or 0


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of a gzipped file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


# ── judging ────────────────────────────────────────────────────────────────────────────────────────────────────────


def judged(pair: Pair) -> tuple[Change, PubStatus | None]:
    """The last capture's change (unchanged if it makes no row) and pub_status."""
    known: dict[str, KnownCapture] = {}
    change, status = UNCHANGED, None
    for minute, (title, text, feed, extractor) in enumerate(pair.captures):
        seen = capture(title, text, START + dt.timedelta(minutes=minute), feed, extractor)
        judgement = revise(seen, known.values())
        known.update({each.capture_id: each for each in judgement.known})
        change, status = judgement.change or UNCHANGED, None
        if judgement.change:
            status = known[seen.article.capture_id].pub_status
    return change, status


def capture(title: str, text: str, observed_at: dt.datetime, feed: str = "", extractor: str = "1") -> Capture:
    """A capture as extract makes it."""
    content, article_id = ids.content_hash(title, text), ids.article_id("https://outlet.invalid/article")
    article = Article(
        capture_id=ids.capture_id(article_id, observed_at, content),
        article_id=article_id,
        content_hash=content,
        observed_at=observed_at,
        url="https://outlet.invalid/article",
        canonical_url="https://outlet.invalid/article",
        extractor_name="wirebeam",
        extractor_version=extractor,
        title=title,
        body=text,
        word_count=len(text.split()),
    )
    return Capture(
        article=article,
        entry_id="",
        attempt=1,
        origin=Origin.BACKFILL,
        entry_title=feed,
        notice=notices.find(title, text),
    )


def report(name: str, pairs: Sequence[Pair], *, is_naming: bool) -> None:
    """Print a set's figures."""
    table: dict[str, Counter[Change]] = defaultdict(Counter)
    right: Counter[str] = Counter()
    wrong = []
    for pair in pairs:
        change, status = judged(pair)
        table[pair.kind][change] += 1
        if change in pair.right and pair.status in {None, status}:
            right[pair.kind] += 1
        else:
            wrong.append(f"   {pair.kind} called {change} ({status or 'no status'}): {pair.name}")
    columns = [change for change in Change if any(change in row for row in table.values())]
    print(f"\n== {name}: {len(pairs)} pairs, {right.total() / len(pairs):.4f} right")
    print(f"{'kind':24}{'pairs':>6}{'right':>8}   called " + "".join(f"{change:>12}" for change in columns))
    for kind, row in table.items():
        share = right[kind] / row.total()
        print(f"{kind:24}{row.total():6}{share:8.3f}          " + "".join(f"{row[change]:12}" for change in columns))
    corrections, kills = table["correction"], table["kill"]
    print(
        f"corrections called minor: {corrections[MINOR]}; kills missed: {kills.total() - kills[Change.KILL]}; "
        f"others called kill: {sum(row[Change.KILL] for kind, row in table.items() if kind != 'kill')}"
    )
    if is_naming:
        print("\n".join(wrong))


# ── ordinary captures ──────────────────────────────────────────────────────────────────────────────────────────────


def texts(data: Path) -> Iterator[tuple[str, str, str]]:
    """Id, headline and text of every document that is nobody's edit of another."""
    for name in ("reuters", "semeval"):
        for document in read(data / f"{name}_docs.A.jsonl.gz"):
            yield document["id"], document["title"] or "", document["text"]


def page_captures(folder: Path) -> Iterator[tuple[str, Capture]]:
    """The recorded pages, extracted."""
    for name in PAGES:
        for label in read(folder / f"{name}.A.jsonl.gz"):
            entry = Entry(
                entry_id=label["id"],
                feed_id=None,
                entry_key=label["id"],
                fingerprint="",
                change_no=0,
                origin=Origin.BACKFILL,
                observed_at=START,
            )
            body = label["html"].encode("utf-8", "replace")
            found = capture_of(Page(entry=entry, observed_at=START, url=label["url"], content_type=None, body=body))
            if isinstance(found, Capture):
                yield label["id"], found


def report_ordinary(documents: Sequence[tuple[str, str, str]], pages: Sequence[tuple[str, Capture]]) -> None:
    """Print the notices that are found where hardly any is."""
    found = [(name, notices.find(title, text)) for name, title, text in documents]
    found += [(name, page.notice) for name, page in pages]
    noted: list[tuple[str, Notice]] = [(name, notice) for name, notice in found if notice]
    kills = [name for name, notice in noted if notice.kind is not NoticeKind.CORRECTION]
    corrections = [name for name, notice in noted if notice.kind is NoticeKind.CORRECTION]
    print(f"\n== {len(found):,} ordinary captures ({len(pages)} of recorded pages)")
    print(f"false kills: {len(kills)} {' '.join(kills)}")
    print(f"notices of corrections, to be read: {len(corrections)} {' '.join(corrections)}")


def report_cost(documents: Sequence[tuple[str, str, str]]) -> None:
    """Print what a capture takes: of notices, of revise without and with a neighbour of other wording, and of bytes."""
    sample = documents[:: max(1, len(documents) // 2_000)]
    started = time.process_time()
    for _, title, text in sample:
        notices.find(title, text)
    noticed = time.process_time()
    captures = [capture(title, text, START) for _, title, text in sample]
    made = time.process_time()
    first = [revise(each, ()) for each in captures]
    revised = time.process_time()
    later = START + dt.timedelta(hours=1)
    others = [capture(title, f"{text}\n\nMore was to follow.", later) for _, title, text in sample]
    begun = time.process_time()
    for each, judgement in zip(others, first, strict=True):
        revise(each, judgement.known)
    ended = time.process_time()
    sizes = sorted(len(codec.encode(known)) for judgement in first for known in judgement.known)
    count, length = len(sample), statistics.mean(len(text) for _, _, text in sample)
    print(
        f"\n== cost, over {count:,} documents of {length:,.0f} characters\n"
        f"notice {(noticed - started) / count * 1e6:.0f} us, first capture {(revised - made) / count * 1e6:.0f} us, "
        f"a changed one {(ended - begun) / count * 1e6:.0f} us; "
        f"remembered bytes: mean {statistics.mean(sizes):,.0f}, median {sizes[count // 2]:,}, "
        f"of 99 % at most {sizes[count * 99 // 100]:,}"
    )


if __name__ == "__main__":
    main()
