"""What a memory of copies must answer, and one that is an index in this process.

The index is that of one cycle locally, layered over the memory that outlives it (`Layered`), and that of a key's state
on a cluster.

How a text finds another: each is posted under the smallest of its shingle hashes, and asks with the smallest of its
own. Both are full samples of the hashes up to some limit, so that a part finds the whole and the whole finds the part,
whichever comes first. A long text is posted under more hashes than a short one, since an excerpt of an eighth of it
holds only an eighth of them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Protocol

from schemas.enums import LinkKind
from schemas.memory import Lineage, Sketch
from transforms.copies.sketch import unpacked

WORDS_PER_POSTING = 20  # more postings find shorter excerpts and take more state (benchmarks/copies.py)
LEAST_POSTED, MOST_POSTED = 14, 32
ASKED = 24  # fewer miss copies, more find common phrases (as above)
POSTINGS = 64  # sketches in one hash's list; a full list takes no more, so the earliest of a widely copied text stay
RARE = 4  # a hash with no more sketches than this is no common phrase: sharing one is enough, else it must be two
CANDIDATES = 32  # sketches given for one look-up


class CopyMemory(Protocol):
    """What is remembered of texts and their copies. The limits above are part of this contract."""

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """The sketches of a language that `best` finds behind the hashes with which `sketch` asks."""

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """All sketches of an article, in the order in which they came."""

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """The newest lineages of these articles, of those that are known; see `alone`."""

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """The newest lineages of a cluster's articles, by article_id; maybe none of a cluster of one (see `alone`)."""


def posted(sketch: Sketch) -> tuple[int, ...]:
    """The hashes that a sketch is posted under."""
    count = min(max(LEAST_POSTED, sketch.word_count // WORDS_PER_POSTING), MOST_POSTED)
    return unpacked(sketch.shingles[: 4 * count])


def asked(sketch: Sketch) -> tuple[int, ...]:
    """The hashes with which a sketch asks."""
    return unpacked(sketch.shingles[: 4 * ASKED])


def best(lists: Sequence[Sequence[int]]) -> list[int]:
    """The sketches worth comparing, at most `CANDIDATES`: those in most lists first, of these the earliest.

    Args:
        lists: for each hash asked for the numbers of the sketches posted under it; they count up as sketches arrive.
    """
    hits = Counter(chain.from_iterable(lists))
    rare = set(chain.from_iterable(numbers for numbers in lists if len(numbers) <= RARE))
    found = [(-count, number) for number, count in hits.items() if count > 1 or number in rare]
    return [number for _, number in sorted(found)[:CANDIDATES]]


def alone(sketch: Sketch) -> Lineage:
    """The lineage of an article with one text and no copies. It is not remembered: the sketch says it all."""
    return Lineage(
        article_id=sketch.article_id,
        order_at=sketch.order_at,
        observed_at=sketch.observed_at,
        original_id=sketch.article_id,
        cluster_id=sketch.article_id,
        kind=LinkKind.ORIGINAL,
    )


def is_newer(lineage: Lineage, known: Lineage) -> bool:
    """Which of two lineages of an article is valid: both numbers only rise."""
    return (lineage.judged_seq, lineage.sketch_count) >= (known.judged_seq, known.sketch_count)


class CopyIndex:
    """Sketches by language and hash, lineages by article and by cluster."""

    def __init__(self) -> None:
        self._sketches: list[Sketch] = []  # a sketch's number is its place
        # Tuples: most hold one number, and are half the size of a list with room to grow.
        self._numbers: dict[str, tuple[int, ...]] = {}  # by article
        self._postings: dict[str, dict[int, tuple[int, ...]]] = {}  # by language and hash
        self._lineages: dict[str, Lineage] = {}
        self._members: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """How many sketches it holds."""
        return len(self._sketches)

    def all_sketches(self) -> Sequence[Sketch]:
        """All sketches, in the order in which they came."""
        return self._sketches

    def all_lineages(self) -> Collection[Lineage]:
        """The newest lineage of each article."""
        return self._lineages.values()

    def add(self, sketch: Sketch) -> None:
        """Take a sketch in; one that is known already changes nothing."""
        if any(known.capture_id == sketch.capture_id for known in self.sketches(sketch.article_id)):
            return
        number = len(self._sketches)
        self._sketches.append(sketch)
        self._numbers[sketch.article_id] = (*self._numbers.get(sketch.article_id, ()), number)
        postings = self._postings.setdefault(sketch.language, {})
        for shingle in posted(sketch):
            numbers = postings.get(shingle, ())
            if len(numbers) < POSTINGS:
                postings[shingle] = (*numbers, number)

    def judge(self, lineage: Lineage) -> None:
        """Take a lineage in; an older one than is known changes nothing."""
        known = self._lineages.get(lineage.article_id)
        if known is not None:
            if not is_newer(lineage, known):
                return
            self._members[known.cluster_id].discard(known.article_id)
        self._lineages[lineage.article_id] = lineage
        self._members.setdefault(lineage.cluster_id, set()).add(lineage.article_id)

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        postings = self._postings.get(language, {})
        lists = [postings[shingle] for shingle in asked(sketch) if shingle in postings]
        return [self._sketches[number] for number in best(lists)]

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        return [self._sketches[number] for number in self._numbers.get(article_id, ())]

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        found = []
        for article_id in article_ids:
            if article_id in self._lineages:
                found.append(self._lineages[article_id])
            elif article_id in self._numbers:
                found.append(alone(self._sketches[self._numbers[article_id][0]]))
        return found

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        return [self._lineages[article_id] for article_id in sorted(self._members.get(cluster_id, ()))]


class Layered:
    """A small index in front of a memory: what the index has judged counts, the rest is the memory's."""

    def __init__(self, front: CopyMemory, back: CopyMemory) -> None:
        self._front = front
        self._back = back

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """Those of both; each layer keeps to its own limit."""
        found = [*self._back.candidates(language, sketch), *self._front.candidates(language, sketch)]
        return list({each.capture_id: each for each in found}.values())

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """Those of both."""
        found = [*self._back.sketches(article_id), *self._front.sketches(article_id)]
        return list({each.capture_id: each for each in found}.values())

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """The front's where it has one."""
        wanted = set(article_ids)
        front = self._front.lineages(wanted)
        return [*front, *self._back.lineages(wanted - {lineage.article_id for lineage in front})]

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """Both's, without those of the back that the front has put into another cluster."""
        back = self._back.members(cluster_id)
        judged = {lineage.article_id for lineage in self._front.lineages(member.article_id for member in back)}
        found = [*self._front.members(cluster_id), *(member for member in back if member.article_id not in judged)]
        return sorted(found, key=_article_id)


def _article_id(lineage: Lineage) -> str:
    return lineage.article_id
