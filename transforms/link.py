"""link: captures in, the same captures out, and beside them what is a copy of what (`Link`).

Texts of one language are compared by their sketches (`transforms.copies`). From the pairs that are copies follows,
whatever the order in which the captures arrive:

- an article's original is the earliest of the articles that it is a copy of and that come before it;
- a cluster is what hangs together by copies, and is named by its earliest member.

Articles are ordered by their publication time where it can be trusted, else by when they were first observed, then by
id. When an earlier article arrives late, or a copy joins two clusters, the articles whose original or cluster that
changes get a new row with a higher `judged_seq`; nothing changes silently. A row whose original is its own article
(kind `original`) says that it is no copy, and which cluster it is in. Two bounds limit this: texts more than `WINDOW`
apart are not compared, and an index's lists are cut (`transforms.copies.index`).

Every capture with new content is judged: the first, and the updates, from which copies are taken as well.

What is known comes from Beam state, and behind it from a `CopyMemory` that outlives the run. Locally the state is empty
at each cycle's start, and lets the captures of one cycle see each other; on a cluster the state is the memory (an empty
`CopyIndex` behind it). Whoever owns a memory stores what comes out under `sketches` and `lineages`, after the run. An
article that stands alone with one text has no lineage there: its sketch says it all.

Failures: a bug costs its capture (dead letter), never the bundle.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import ids
from schemas.enums import Change, LinkKind, Precision, Stage, Zone
from schemas.memory import CopyNote, CopyVersion, Lineage, Sketch
from schemas.records import Article, Capture, DeadLetter, Link, Outcome
from transforms import outcomes
from transforms.coders import RecordCoder
from transforms.copies.index import CopyIndex, CopyMemory, Layered
from transforms.copies.keyed import Index, KeyedCopies
from transforms.copies.likeness import Likeness, evidence, is_copy, likeness
from transforms.copies.sketch import fingerprint
from transforms.indexes import Indexes
from transforms.outcomes import Clock
from transforms.shared import Shared
from transforms.text import urls
from transforms.timing import StageTime

WINDOW = dt.timedelta(days=14)  # between the observation of a text and of its copy
SKETCH_LIMIT = 16  # sketches of one article, the first: a live page changes all day, and its copies are of early states
CREDIT_LIMIT = 4
CREDIT_CHARACTERS = 40
EXCERPT_SHARE = 0.6  # an excerpt has fewer words than this share of the longer text
UNKNOWN_LANGUAGE = "und"  # BCP 47 (RFC 5646, 4.1)
NEW_CONTENT = frozenset({Change.NEW, Change.UPDATE, Change.CORRECTION, Change.RESTORED})

_TIME = StageTime(Stage.LINK)


@dataclass(frozen=True, slots=True)
class Linked:
    """What a capture changes: its sketch if it is to be remembered, lineages, and the rows that follow from them."""

    sketch: Sketch | None = None
    lineages: tuple[Lineage, ...] = ()
    links: tuple[Link, ...] = ()


def sketch_of(article: Article) -> Sketch | None:
    """A capture's sketch; None if it has no words."""
    found = fingerprint(article.title, article.body)
    if not found.word_count:
        return None
    return Sketch(
        capture_id=article.capture_id,
        article_id=article.article_id,
        language=(article.language or UNKNOWN_LANGUAGE).lower(),
        order_at=_order_at(article),
        observed_at=article.observed_at,
        site=urls.site(article.url),
        credits=tuple(ids.folded(credit).casefold()[:CREDIT_CHARACTERS] for credit in article.credits[:CREDIT_LIMIT]),
        word_count=found.word_count,
        shingles=found.shingles,
        passages=found.passages,
        title=found.title,
        names=found.names,
        figures=found.figures,
    )


def link(sketch: Sketch, memory: CopyMemory) -> Linked:
    """Find what a text is a copy of, and what is a copy of it.

    Args:
        sketch: the text; one that the memory knows already changes nothing.
        memory: all that came before; what this returns is to be added to it before the next call.
    """
    before = next(iter(memory.lineages([sketch.article_id])), None)
    earlier_sketches = memory.sketches(sketch.article_id) if before else ()
    if any(earlier.capture_id == sketch.capture_id for earlier in earlier_sketches):
        return Linked()
    ours = _with_sketch(before, sketch)
    moved_up = before is not None and ours.order_at < before.order_at  # what came before it may now be its copy
    matches = _matches([sketch, *earlier_sketches] if moved_up else [sketch], memory)
    kept = sketch if ours.sketch_count <= SKETCH_LIMIT else None
    if not matches and before is None:
        return Linked(sketch=kept)

    known = {lineage.article_id: lineage for lineage in memory.lineages(matches)}
    judged = known | {ours.article_id: ours}
    if before is not None:
        known[before.article_id] = before
    related = {related_id for each in judged.values() for related_id in (each.original_id, each.cluster_id)}
    position = _Positions([*memory.lineages(related - judged.keys()), *judged.values()])
    if position(ours.original_id) > position(ours.article_id):
        judged[ours.article_id] = _without_original(ours)
    for article_id in judged.keys() & matches.keys():
        original_id, copy_id = sorted((ours.article_id, article_id), key=position)
        if position(original_id) < position(judged[copy_id].original_id):
            judged[copy_id] = _with_original(judged[copy_id], original_id, matches[article_id])

    joining = {lineage.cluster_id for lineage in judged.values()}
    head = min(joining | judged.keys(), key=position)
    others = {member.article_id: member for cluster_id in joining - {head} for member in memory.members(cluster_id)}
    known, judged = others | known, others | judged
    changes = [_change(known.get(each), _in_cluster(judged[each], head)) for each in sorted(judged)]
    return Linked(
        sketch=kept,
        lineages=tuple(lineage for lineage, _ in changes if lineage is not None),
        links=tuple(row for _, row in changes if row is not None),
    )


_FORGOTTEN = dt.datetime.min.replace(tzinfo=dt.UTC)


class _Positions:
    """The order of articles. One whose lineage is forgotten is older than all that are known."""

    def __init__(self, lineages: Iterable[Lineage]) -> None:
        self._order_at = {lineage.article_id: lineage.order_at for lineage in lineages}

    def __call__(self, article_id: str) -> tuple[dt.datetime, str]:
        return self._order_at.get(article_id, _FORGOTTEN), article_id


@dataclass(frozen=True, slots=True)
class _Match:
    seen: Likeness
    is_same_site: bool
    is_credited: bool


def _matches(ours: Iterable[Sketch], memory: CopyMemory) -> dict[str, _Match]:
    """The articles with a text that is a copy of one of ours, each by its closest pair."""
    matches: dict[str, _Match] = {}
    for sketch in ours:
        for other in memory.candidates(sketch.language, sketch):
            if other.article_id == sketch.article_id or abs(other.observed_at - sketch.observed_at) > WINDOW:
                continue
            seen = likeness(sketch, other)
            if seen is None or not is_copy(seen):
                continue
            held = matches.get(other.article_id)
            if held is None or _closeness(held.seen) < _closeness(seen):
                matches[other.article_id] = _Match(
                    seen=seen,
                    is_same_site=bool(sketch.site) and sketch.site == other.site,
                    is_credited=not set(sketch.credits).isdisjoint(other.credits),
                )
    return matches


def _closeness(seen: Likeness) -> tuple[float, float]:
    return seen.jaccard, seen.containment


def _with_sketch(before: Lineage | None, sketch: Sketch) -> Lineage:
    """The article's lineage with one more capture counted in."""
    if before is None:
        return Lineage(
            article_id=sketch.article_id,
            order_at=sketch.order_at,
            observed_at=sketch.observed_at,
            original_id=sketch.article_id,
            cluster_id=sketch.article_id,
        )
    return dataclasses.replace(
        before,
        order_at=min(before.order_at, sketch.order_at),
        observed_at=max(before.observed_at, sketch.observed_at),
        sketch_count=before.sketch_count + 1,
    )


def _without_original(lineage: Lineage) -> Lineage:
    return dataclasses.replace(
        lineage,
        original_id=lineage.article_id,
        kind=LinkKind.ORIGINAL,
        similarity=1.0,
        containment=1.0,
        evidence=(),
    )


def _with_original(lineage: Lineage, original_id: str, match: _Match) -> Lineage:
    seen = match.seen
    if match.is_same_site:
        kind = LinkKind.REPUBLISHED
    elif seen.shorter_words < EXCERPT_SHARE * seen.longer_words:
        kind = LinkKind.EXCERPT
    else:
        kind = LinkKind.SYNDICATED
    return dataclasses.replace(
        lineage,
        original_id=original_id,
        kind=kind,
        similarity=seen.jaccard,
        containment=seen.containment,
        evidence=evidence(seen) + (("credit",) if match.is_credited else ()),
    )


def _in_cluster(lineage: Lineage, head: str) -> Lineage:
    return lineage if lineage.cluster_id == head else dataclasses.replace(lineage, cluster_id=head)


def _change(before: Lineage | None, after: Lineage) -> tuple[Lineage | None, Link | None]:
    """What to remember and what to write of an article after it was judged: nothing where nothing changed."""
    original_id, cluster_id = (before.original_id, before.cluster_id) if before else (after.article_id,) * 2
    if (original_id, cluster_id) == (after.original_id, after.cluster_id):
        # Of the first in a cluster nothing may have changed: it is remembered now, as it stands alone no more.
        return (after if before != after or after.cluster_id == after.article_id else None), None
    after = dataclasses.replace(after, judged_seq=before.judged_seq + 1 if before else 0)
    row = Link(
        copy_id=after.article_id,
        original_id=after.original_id,
        judged_seq=after.judged_seq,
        observed_at=after.observed_at,
        kind=after.kind,
        similarity=after.similarity,
        containment=after.containment,
        evidence=after.evidence,
        cluster_id=after.cluster_id,
    )
    return after, row


def _order_at(article: Article) -> dt.datetime:
    """The publisher's time if it says when, in a zone that it names; else when the article was observed.

    A date without time would put every copy of the day before its original, and an assumed zone is hours off.
    """
    published_at = article.published_at
    if published_at is None or article.published_suspect or published_at > article.observed_at:
        return article.observed_at
    if article.published_precision is Precision.DAY or article.published_zone is Zone.ASSUMED:
        return article.observed_at
    return published_at


def _empty_index() -> Shared[CopyMemory]:
    return Shared(CopyIndex)


def _indexes() -> Indexes[Index]:
    return Indexes()


@dataclass
class LinkCopies(beam.PTransform):
    """Find copies among captures, and between them and what is known.

    Out: main `captures` as they came in; tags `links`; `sketches` and `lineages` (what the memory is to store; which of
    two lineages of an article is valid says `schemas.memory.Lineage`); `outcomes` and `dead_letters` of captures that
    met a bug.

    Args:
        memory: what is known beyond this run.
        clock: for outcomes' decided_at.
    """

    memory: Shared[CopyMemory] = field(default_factory=_empty_index)
    clock: Clock = outcomes.utc_now

    def expand(self, captures: Any) -> Any:
        """See the class."""
        keyed = captures | "KeyByLanguage" >> beam.Map(_by_language).with_output_types(tuple[str, Capture])
        find = beam.ParDo(_LinkCopy(self.memory, self.clock))
        return keyed | "LinkCopies" >> find.with_output_types(
            Capture, links=Link, sketches=Sketch, lineages=Lineage, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("links", "sketches", "lineages", "outcomes", "dead_letters", main="captures")


def _by_language(capture: Capture) -> tuple[str, Capture]:
    return (capture.article.language or UNKNOWN_LANGUAGE).lower(), capture


class _LinkCopy(beam.DoFn):
    VERSION = ReadModifyWriteStateSpec("version", RecordCoder(CopyVersion))
    BUCKET_0 = BagStateSpec("bucket_0", RecordCoder(CopyNote))
    BUCKET_1 = BagStateSpec("bucket_1", RecordCoder(CopyNote))
    BUCKET_2 = BagStateSpec("bucket_2", RecordCoder(CopyNote))
    BUCKET_3 = BagStateSpec("bucket_3", RecordCoder(CopyNote))
    EXPIRY = TimerSpec("link_expiry", TimeDomain.WATERMARK)

    def __init__(self, memory: Shared[CopyMemory], clock: Clock) -> None:
        self._shared_memory = memory
        self._shared_indexes = Shared(_indexes)
        self._clock = clock

    def setup(self) -> None:
        self._memory = self._shared_memory.get()
        self._indexes = self._shared_indexes.get()

    def process(
        self,
        keyed: tuple[str, Capture],
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008  # Beam's way of declaring state
        bucket_0: Any = beam.DoFn.StateParam(BUCKET_0),  # noqa: B008  # as above
        bucket_1: Any = beam.DoFn.StateParam(BUCKET_1),  # noqa: B008  # as above
        bucket_2: Any = beam.DoFn.StateParam(BUCKET_2),  # noqa: B008  # as above
        bucket_3: Any = beam.DoFn.StateParam(BUCKET_3),  # noqa: B008  # as above
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Any]:
        language, capture = keyed
        if capture.change not in NEW_CONTENT:
            yield capture
            return
        try:
            with _TIME.measured():
                sketch = sketch_of(capture.article)
                state = KeyedCopies(language, version, (bucket_0, bucket_1, bucket_2, bucket_3), self._indexes)
                linked = link(sketch, Layered(state.index, self._memory)) if sketch else Linked()
                state.add(linked.sketch, linked.lineages)
        except Exception as error:  # noqa: BLE001  # a bug costs this capture only
            outcome, letter = outcomes.bug(capture, Stage.LINK, error, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", outcome)
            yield beam.pvalue.TaggedOutput("dead_letters", letter)
            return
        expiry.set(Timestamp(micros=ids.micros(state.expires_at)))
        if linked.sketch is not None:
            yield beam.pvalue.TaggedOutput("sketches", linked.sketch)
        for lineage in linked.lineages:
            yield beam.pvalue.TaggedOutput("lineages", lineage)
        for row in linked.links:
            yield beam.pvalue.TaggedOutput("links", row)
        yield capture

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # Beam is untyped
    def expire(
        self,
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008  # as above
        bucket_0: Any = beam.DoFn.StateParam(BUCKET_0),  # noqa: B008  # as above
        bucket_1: Any = beam.DoFn.StateParam(BUCKET_1),  # noqa: B008  # as above
        bucket_2: Any = beam.DoFn.StateParam(BUCKET_2),  # noqa: B008  # as above
        bucket_3: Any = beam.DoFn.StateParam(BUCKET_3),  # noqa: B008  # as above
    ) -> None:
        """Forget the language. Locally this happens at the end of every cycle, hence it does nothing else."""
        for cell in (version, bucket_0, bucket_1, bucket_2, bucket_3):
            cell.clear()
