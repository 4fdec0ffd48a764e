"""What a memory of copies must answer, and one that is an index in this process.

The index is that of one cycle locally, layered over the memory that outlives it (`Layered`), and that of a key's state
on a cluster.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from schemas.memory import Lineage, Sketch
from transforms.copies.sketch import shingles_of

POSTED = (
    64  # of a sketch's hashes, the smallest: it is found by these and asks with these, so that each finds the other
)
POSTINGS = 256  # sketches in one hash's list; a full list takes no more, so the earliest of a widely copied text stay
LEAST_HITS = 2  # posted hashes that a candidate shares: one is chance, and copies share at least eight of all
CANDIDATES = 64  # sketches given for one look-up, those that share most posted hashes first


class CopyMemory(Protocol):
    """What is remembered of texts and their copies. The limits above are part of this contract."""

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """The sketches of a language that share at least `LEAST_HITS` posted hashes with `sketch`, most first.

        At most `CANDIDATES`; those that share as many in the order of their capture_id.
        """

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """All sketches of an article."""

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """The newest lineages of these articles, of those that are known."""

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """The newest lineages of the articles whose cluster this is."""


class CopyIndex:
    """Sketches by language and hash, lineages by article and by cluster."""

    def __init__(self) -> None:
        self._sketches: dict[str, Sketch] = {}
        self._postings: dict[tuple[str, int], list[str]] = {}
        self._of_article: dict[str, list[str]] = {}
        self._lineages: dict[str, Lineage] = {}
        self._members: dict[str, set[str]] = {}

    def add(self, sketch: Sketch) -> None:
        """Take a sketch in; one that is known already changes nothing."""
        if sketch.capture_id in self._sketches:
            return
        self._sketches[sketch.capture_id] = sketch
        self._of_article.setdefault(sketch.article_id, []).append(sketch.capture_id)
        for posted in shingles_of(sketch)[:POSTED]:
            postings = self._postings.setdefault((sketch.language, posted), [])
            if len(postings) < POSTINGS:
                postings.append(sketch.capture_id)

    def judge(self, lineage: Lineage) -> None:
        """Take a lineage in; an older one than is known changes nothing."""
        known = self._lineages.get(lineage.article_id)
        if known is not None:
            if known.judged_seq > lineage.judged_seq:
                return
            self._members[known.cluster_id].discard(known.article_id)
        self._lineages[lineage.article_id] = lineage
        self._members.setdefault(lineage.cluster_id, set()).add(lineage.article_id)

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        hits: Counter[str] = Counter()
        for shingle in shingles_of(sketch)[:POSTED]:
            hits.update(self._postings.get((language, shingle), ()))
        enough = (capture_id for capture_id, count in hits.items() if count >= LEAST_HITS)
        best = sorted(enough, key=lambda capture_id: (-hits[capture_id], capture_id))[:CANDIDATES]
        return [self._sketches[capture_id] for capture_id in best]

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """See `CopyMemory`."""
        return [self._sketches[capture_id] for capture_id in self._of_article.get(article_id, ())]

    def lineages(self, article_ids: Iterable[str]) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        return [self._lineages[article_id] for article_id in article_ids if article_id in self._lineages]

    def members(self, cluster_id: str) -> Sequence[Lineage]:
        """See `CopyMemory`."""
        return [self._lineages[article_id] for article_id in sorted(self._members.get(cluster_id, ()))]


class Layered:
    """A small index in front of a memory: what the index has judged counts, the rest is the memory's."""

    def __init__(self, front: CopyIndex, back: CopyMemory) -> None:
        self._front = front
        self._back = back

    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        """Those of both; each layer keeps to its own limit."""
        found = [*self._front.candidates(language, sketch), *self._back.candidates(language, sketch)]
        return list({each.capture_id: each for each in found}.values())

    def sketches(self, article_id: str) -> Sequence[Sketch]:
        """Those of both."""
        found = [*self._front.sketches(article_id), *self._back.sketches(article_id)]
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
        return [*self._front.members(cluster_id), *(member for member in back if member.article_id not in judged)]
