"""What two sketches say about each other, and the rule that tells a copy."""

import functools
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from schemas.memory import Sketch
from transforms.copies.sketch import PASSAGES, SHINGLES, unpacked

HASH_SPACE = 2**32
LEAST_SAMPLED = 8  # shared hashes: with fewer, shares are chance
LEAST_CONTAINMENT = 0.3
BULLETIN_WORDS = 50  # shorter ones are mostly template: they must be near-identical
REPORT_WORDS = 80  # from here on names and figures are enough in number to tell


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two sketches have in common. Shares are 0 to 1; None where one side has nothing to compare."""

    shorter_words: int
    longer_words: int
    jaccard: float  # shared shingles by all shingles
    containment: float  # shared shingles by those of the text that has fewer
    shared: float  # shared shingles of the whole texts; an estimate where a sketch is cut
    passages: float  # containment of passages
    title: float | None  # shared words by those of the shorter title
    names: float | None
    figures: float | None


def likeness(one: Sketch, other: Sketch) -> Likeness | None:
    """What the two have in common, the same whichever comes first; None if too little for copies in any case."""
    shingles = _overlap(one.shingles, other.shingles, SHINGLES, LEAST_SAMPLED)
    if shingles is None or shingles.containment < LEAST_CONTAINMENT:
        return None
    passages = _overlap(one.passages, other.passages, PASSAGES)
    return Likeness(
        shorter_words=min(one.word_count, other.word_count),
        longer_words=max(one.word_count, other.word_count),
        jaccard=shingles.jaccard,
        containment=shingles.containment,
        shared=shingles.sampled / shingles.rate,
        passages=passages.containment if passages else 0.0,
        title=_share(one.title, other.title),
        names=_share(one.names, other.names),
        figures=_share(one.figures, other.figures),
    )


def is_copy(seen: Likeness) -> bool:
    """Whether the two are copies: of one text, or one of a part of the other.

    Shared shingles alone glue unrelated reports that were made from one template (dividends, results, bond issues,
    market reports). So the less two texts share, the more else must agree: the headline's words, the names and the
    figures; or what they share must lie in whole passages, which templates break at every name and figure.
    All thresholds were measured on the sets of benchmarks/copies.py.
    """
    if seen.shorter_words < BULLETIN_WORDS:
        is_same = seen.jaccard >= 0.8 and _agree(seen.names, 0.9) and _agree(seen.figures, 0.9)
        is_part = seen.longer_words >= REPORT_WORDS and seen.containment >= 0.75 and seen.shared >= 15
        is_part = is_part and _agree(seen.names, 0.5) and _agree(seen.figures, 0.6)
        return (is_same or is_part) and _agree(seen.title, 0.6)
    if seen.containment >= 0.66:
        agreeing = _agree(seen.title, 0.5) + _agree(seen.names, 0.5) + _agree(seen.figures, 0.5)
        return seen.shared >= 24 and (agreeing >= 2 or seen.passages >= 0.6)
    if not _agree(seen.title, 0.6) or _is_recurring(seen):
        return False
    if seen.shorter_words < REPORT_WORDS:
        return seen.passages >= 0.85 * seen.containment
    return (_agree(seen.figures, 0.6) and _agree(seen.names, 0.5)) or seen.passages >= 0.4 * seen.containment


def _is_recurring(seen: Likeness) -> bool:
    """Whether a headline stays while the figures change: a report of another day, not the same one edited."""
    stays = seen.title is not None and seen.title >= 0.9
    return stays and not _agree(seen.figures, 0.3) and seen.containment < 0.6


def evidence(seen: Likeness) -> tuple[str, ...]:
    """What speaks for a copy, strongest first: each of shingles, passages, title, names, figures that agrees."""
    signs = {
        "shingles": seen.containment >= 0.66,
        "passages": seen.passages >= 0.6,
        "title": seen.title is not None and seen.title >= 0.6,
        "names": seen.names is not None and seen.names >= 0.5,
        "figures": seen.figures is not None and seen.figures >= 0.6,
    }
    return tuple(sign for sign, speaks in signs.items() if speaks)


def _agree(share: float | None, least: float) -> bool:
    """Where one side has no headline, no names or no figures, nothing speaks against."""
    return share is None or share >= least


class _Overlap(NamedTuple):
    sampled: int  # hashes that both hold
    jaccard: float
    containment: float
    rate: float  # of the whole texts' hashes, the share that was compared


def _overlap(one: bytes, other: bytes, size: int, least: int = 1) -> _Overlap | None:
    """Two samples compared; None if they share fewer than `least` hashes.

    A sample that is cut holds all hashes up to its last. So both are compared up to the lesser last one: there each is
    a full sample of its text, from which containment can be told as well as resemblance.
    """
    ours, members, our_limit = _ready(one, size)
    theirs = unpacked(other)
    sampled = len(members.intersection(theirs))  # none of them is beyond the limit below
    if sampled < least:
        return None
    limit = min(our_limit, _limit(theirs, size))
    our_count, their_count = bisect_right(ours, limit), bisect_right(theirs, limit)
    return _Overlap(
        sampled=sampled,
        jaccard=sampled / (our_count + their_count - sampled),
        containment=sampled / min(our_count, their_count),
        rate=(limit + 1) / HASH_SPACE,
    )


@functools.lru_cache(maxsize=4)  # one text is compared with many, one after another
def _ready(packed: bytes, size: int) -> tuple[tuple[int, ...], frozenset[int], int]:
    hashes = unpacked(packed)
    return hashes, frozenset(hashes), _limit(hashes, size)


def _limit(hashes: tuple[int, ...], size: int) -> int:
    """Up to where a sample holds all hashes of its text."""
    return hashes[-1] if len(hashes) >= size else HASH_SPACE - 1


def _share(one: bytes, other: bytes) -> float | None:
    """Shared members of two packed sets of 2-byte hashes by those of the smaller set."""
    if not one or not other:
        return None
    ours, theirs = _word_hashes(one), _word_hashes(other)
    return len(ours & theirs) / min(len(ours), len(theirs))


@functools.lru_cache(maxsize=8)  # as above; the other's go in and out
def _word_hashes(packed: bytes) -> frozenset[int]:
    return frozenset(memoryview(packed).cast("H"))
