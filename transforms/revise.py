"""revise: captures in, captures with their change out, and beside them the judgements (`Revision`).

A capture is judged against its neighbours in observed time, not in the order of arrival. One that is equal in content
to the capture before it makes no row: its entry ends here, unchanged. One that arrives late is judged in its place, and
those after it again, with a higher `judged_seq`, as far as anything changes for them. The feed's own text, taken for
want of the page, says nothing new of an article whose page is known: such a capture is dropped.

What is known of an article comes from Beam state, and behind it from an `ArticleMemory` that outlives the run. Locally
the state is empty at each cycle's start, and only lets two captures of one cycle see each other; on a cluster the state
is the memory (`NoMemory` behind it). Whoever owns a memory stores what comes out under `known`, after the run.

Failures: a bug costs its capture (dead letter), never the bundle.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import ids
from schemas.enums import Change, OutcomeKind, Source, Stage
from schemas.memory import KnownCapture, KnownCaptures
from schemas.records import Article, Capture, DeadLetter, Outcome, Revision
from transforms import outcomes
from transforms.coders import RecordCoder
from transforms.outcomes import Clock
from transforms.shared import Shared

KNOWN_LIMIT = 64  # captures remembered of one article, the newest: a live page has more, and only neighbours matter
TTL = dt.timedelta(days=60)  # of keyed state, after the article's newest capture


class ArticleMemory(Protocol):
    """What is remembered of articles beyond this run."""

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        """The captures known of an article, the newest `KNOWN_LIMIT` at most, in observed order."""


class NoMemory:
    """For a cluster, where keyed state holds all."""

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:  # noqa: ARG002  # the protocol's signature
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a capture was found to be.

    Args:
        change: what changed since the capture before it; None if it makes no row.
        same_as: the capture_id that it equals; None without a row if the feed's text stands against the page's.
        revisions: the judgement of the capture, and of later ones that are judged again.
        known: what to remember, one for each revision.
    """

    change: Change | None
    same_as: str | None = None
    revisions: tuple[Revision, ...] = ()
    known: tuple[KnownCapture, ...] = ()


def revise(article: Article, known: Iterable[KnownCapture]) -> Judgement:
    """Judge a capture.

    A pure function; the same captures, in any order of arrival, end with the same newest judgements (of those that
    have a row: a capture that was equal to its predecessor when it arrived has none).

    Args:
        article: the capture's facts.
        known: what is known of the article's captures; of two that share an id the higher `judged_seq` counts.
    """
    chain = _in_order(known)
    ours = KnownCapture(
        capture_id=article.capture_id,
        article_id=article.article_id,
        observed_at=article.observed_at,
        content_hash=article.content_hash,
        source=article.source,
        extractor=f"{article.extractor_name} {article.extractor_version} {article.profile_version}",
    )
    if any(capture.capture_id == ours.capture_id for capture in chain):
        return Judgement(change=None, same_as=ours.capture_id)
    before = [capture for capture in chain if _order(capture) < _order(ours) and capture.change is not Change.UNCHANGED]
    after = [capture for capture in chain if _order(capture) > _order(ours)]
    predecessor = before[-1] if before else None
    if predecessor is not None and predecessor.content_hash == ours.content_hash:
        return Judgement(change=None, same_as=predecessor.capture_id)
    if ours.source is Source.FEED and any(capture.source is not Source.FEED for capture in before):
        return Judgement(change=None)
    is_first = not before and (not after or after[0].change is Change.NEW)  # else older ones are forgotten
    ours = _judged(ours, predecessor) if before or is_first else dataclasses.replace(ours, change=Change.UPDATE)

    judged, predecessor = [ours], ours
    for capture in after:
        again = _judged(capture, predecessor)
        if again == capture and again.change is not Change.UNCHANGED:
            break  # nothing changes from here on
        if again != capture:
            again = dataclasses.replace(again, judged_seq=capture.judged_seq + 1)
            judged.append(again)
        if again.change is not Change.UNCHANGED:
            predecessor = again
    return Judgement(change=ours.change, revisions=tuple(map(_revision, judged)), known=tuple(judged))


def _judged(capture: KnownCapture, predecessor: KnownCapture | None) -> KnownCapture:
    """The capture with its change against its predecessor."""
    if predecessor is None:
        return dataclasses.replace(capture, predecessor_id=None, change=Change.NEW)
    if capture.content_hash == predecessor.content_hash:
        change = Change.UNCHANGED
    elif capture.extractor != predecessor.extractor:
        change = Change.EXTRACTION
    else:
        change = Change.UPDATE
    return dataclasses.replace(capture, predecessor_id=predecessor.capture_id, change=change)


def _revision(known: KnownCapture) -> Revision:
    return Revision(
        capture_id=known.capture_id,
        judged_seq=known.judged_seq,
        article_id=known.article_id,
        observed_at=known.observed_at,
        predecessor_id=known.predecessor_id,
        change=known.change,
        pub_status=known.pub_status,
    )


def _order(capture: KnownCapture) -> tuple[dt.datetime, str]:
    return capture.observed_at, capture.capture_id


def _in_order(known: Iterable[KnownCapture]) -> list[KnownCapture]:
    """Each capture once, by its newest judgement, in observed order."""
    newest: dict[str, KnownCapture] = {}
    for capture in known:
        held = newest.get(capture.capture_id)
        if held is None or held.judged_seq < capture.judged_seq:
            newest[capture.capture_id] = capture
    return sorted(newest.values(), key=_order)


def _no_memory() -> Shared[ArticleMemory]:
    return Shared(NoMemory)


@dataclass
class ReviseCaptures(beam.PTransform):
    """Judge captures against what is known of their articles.

    Out: main `captures` (with `change` set); tags `revisions`, `known` (what the memory is to store: of two with one
    capture_id the higher judged_seq), `outcomes` (entries that end here), `dead_letters`.

    Args:
        memory: what is known beyond this run.
        clock: for outcomes' decided_at.
    """

    memory: Shared[ArticleMemory] = field(default_factory=_no_memory)
    clock: Clock = outcomes.utc_now

    def expand(self, captures: Any) -> Any:
        """See the class."""
        keyed = captures | "KeyByArticle" >> beam.Map(_by_article).with_output_types(tuple[str, Capture])
        judge = beam.ParDo(_ReviseCapture(self.memory, self.clock))
        return keyed | "ReviseCaptures" >> judge.with_output_types(
            Capture, revisions=Revision, known=KnownCapture, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("revisions", "known", "outcomes", "dead_letters", main="captures")


def _by_article(capture: Capture) -> tuple[str, Capture]:
    return capture.article.article_id, capture


class _ReviseCapture(beam.DoFn):
    KNOWN = ReadModifyWriteStateSpec("known", RecordCoder(KnownCaptures))
    EXPIRY = TimerSpec("expiry", TimeDomain.WATERMARK)

    def __init__(self, memory: Shared[ArticleMemory], clock: Clock) -> None:
        self._shared_memory = memory
        self._clock = clock

    def setup(self) -> None:
        self._memory = self._shared_memory.get()

    def process(
        self,
        keyed: tuple[str, Capture],
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # Beam's way of declaring state
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Any]:
        article_id, capture = keyed
        try:
            held = known_state.read() or KnownCaptures()
            known = [*self._memory.neighbours(article_id), *held.captures]
            judgement = revise(capture.article, known)
        except Exception as error:  # noqa: BLE001  # a bug costs this capture only
            outcome, letter = outcomes.bug(capture, Stage.REVISE, error, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", outcome)
            yield beam.pvalue.TaggedOutput("dead_letters", letter)
            return
        if judgement.change is None:
            kind = OutcomeKind.UNCHANGED if judgement.same_as else OutcomeKind.DROPPED
            outcome = outcomes.of_capture(capture, Stage.REVISE, kind, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", dataclasses.replace(outcome, capture_id=judgement.same_as))
            return
        newest = _in_order([*held.captures, *judgement.known])[-KNOWN_LIMIT:]
        known_state.write(KnownCaptures(captures=tuple(newest)))
        expiry.set(Timestamp(micros=ids.micros(newest[-1].observed_at + TTL)))
        for revision in judgement.revisions:
            yield beam.pvalue.TaggedOutput("revisions", revision)
        for remembered in judgement.known:
            yield beam.pvalue.TaggedOutput("known", remembered)
        yield dataclasses.replace(capture, change=judgement.change)

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # Beam is untyped
    def expire(self, known_state: Any = beam.DoFn.StateParam(KNOWN)) -> None:  # noqa: B008  # as above
        """Forget the article. Locally this happens at the end of every cycle, hence it does nothing else."""
        known_state.clear()
