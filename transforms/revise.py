"""revise: captures in, captures with their change out, and beside them the judgements (`Revision`).

A capture is judged against its neighbours in observed time, not in the order of arrival. One that says nothing that the
capture before it did not say makes no row: equal content, but for counters and "updated at" lines; a headline under
test; the feed's own text, taken for want of the page, of an article whose page is known. Its entry ends here. A capture
that arrives late is judged in its place, and those after it again, with a higher `judged_seq`, as far as anything
changes for them. So the same captures in any order of arrival end with the same valid judgements.

One thing is lost with a capture that makes no row: that it was there. If B arrives late and lies between two sights of
A, then A gets a new judgement whose `seen_until` says when it was seen again: A is the latest, and not B.

What it is:
  new         the first capture
  kill        it holds a notice that the article is withdrawn (pub_status canceled) or taken away for now (withheld)
  restored    the notice has gone, the article is back
  correction  it holds a notice of a correction that the one before lacked
  extraction  another version of the extractor made it: the two texts are not compared
  minor       spelling, punctuation, layout
  update      anything else

Beside captures come `Sight`s: looks at a page's address that brought none. They say whether the article is still there
(`availability`), which has nothing to do with whether it may be used (`pub_status`): addresses expire. A sight belongs
to the newest capture before it, whose judgement is written again if it changes; of an article that is not known it says
nothing.

What is known of an article comes from Beam state, and behind it from an `ArticleMemory` that outlives the run. Locally
the state is empty at each cycle's start, and only lets two captures of one cycle see each other; on a cluster the state
is the memory (`NoMemory` behind it). Whoever owns a memory stores what comes out under `known`, after the run.

Failures: a bug costs its capture (dead letter), never the bundle.
"""

import datetime as dt
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import codec, ids
from schemas.enums import Availability, Change, NoticeKind, OutcomeKind, PubStatus, Reason, Source, Stage
from schemas.memory import KnownCapture, KnownCaptures
from schemas.records import Article, Capture, DeadLetter, Notice, Observation, Outcome, Revision, Sight
from transforms import outcomes
from transforms.coders import RecordCoder
from transforms.outcomes import Clock
from transforms.shared import Shared
from transforms.text import wording
from transforms.timing import StageTime

KNOWN_LIMIT = 64  # captures remembered of one article, the newest: a live page has more, and only neighbours matter
SIGHTS_LIMIT = 16  # looks remembered of one capture, the newest
TEXT_LIMIT = 30_000  # characters of a body that are remembered; nineteen of twenty articles have a third of it
TTL = dt.timedelta(days=60)  # of keyed state, after the article's newest capture

_TIME = StageTime(Stage.REVISE)
_STATUS = {NoticeKind.KILL: PubStatus.CANCELED, NoticeKind.WITHHELD: PubStatus.WITHHELD}


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
    """What a capture was found to be, or what a sight changed.

    Args:
        change: what changed since the capture before it; None if it makes no row, or is a sight.
        same_as: the capture_id that says the same; None without a row if the feed's text stands against the page's.
        revisions: the judgement of the capture, and of others that are judged again, in observed order.
        known: what to remember.
    """

    change: Change | None = None
    same_as: str | None = None
    revisions: tuple[Revision, ...] = ()
    known: tuple[KnownCapture, ...] = ()


def revise(seen: Capture | Sight, known: Iterable[KnownCapture]) -> Judgement:
    """Judge a capture, or take note of a sight.

    A pure function; the same captures and sights, in any order of arrival, end with the same valid judgements (of those
    that have a row), unless one of them has a `seen_until`: then the latest content is the same.

    Args:
        seen: what was seen, with the capture's notice and its feed's title.
        known: what is known of the article; of two that share a capture_id the higher `judged_seq` counts, of two of
            those the later.
    """
    before = _in_order(known)
    if isinstance(seen, Sight):
        return _changed(before, _rejudged(_with_sight(before, seen)))
    ours = remembered(seen.article, seen.notice, seen.entry_title)
    if any(capture.capture_id == ours.capture_id for capture in before):
        return Judgement(same_as=ours.capture_id)
    ours, predecessor = _verdict(ours, before)
    if ours.change is not Change.UNCHANGED:
        after = _rejudged(sorted([*before, ours], key=_order))
        return replace(_changed(before, after), change=ours.change)
    if predecessor is None or not _has_same_content(ours, predecessor):
        return Judgement()  # the feed's text stands against the page's
    again = _seen_again(predecessor, ours, before)
    after = _rejudged([again if capture is predecessor else capture for capture in before])
    return replace(_changed(before, after), same_as=predecessor.capture_id)


def remembered(article: Article, notice: Notice | None = None, feed_title: str = "") -> KnownCapture:
    """What is remembered of a capture, before it is judged."""
    is_whole = len(article.body.split()) >= article.word_count
    return KnownCapture(
        capture_id=article.capture_id,
        article_id=article.article_id,
        observed_at=article.observed_at,
        content_hash=article.content_hash,
        source=article.source,
        page_at=None if article.source is Source.FEED else article.observed_at,
        extractor=f"{article.extractor_name} {article.extractor_version} {article.profile_version}",
        title=article.title,
        feed_title=feed_title,
        lasting_hash=ids.content_hash("", wording.lasting(article.body)) if is_whole else "",
        text=zlib.compress(article.body[:TEXT_LIMIT].encode("utf-8", "surrogatepass")),
        notice=notice,
    )


# ── the pure function's parts ──────────────────────────────────────────────────────────────────────────────────────


def _order(capture: KnownCapture) -> tuple[dt.datetime, str]:
    return capture.observed_at, capture.capture_id


def _in_order(known: Iterable[KnownCapture]) -> list[KnownCapture]:
    """Each capture once, by its newest judgement, in observed order."""
    newest: dict[str, KnownCapture] = {}
    for capture in known:
        held = newest.get(capture.capture_id)
        if held is None or held.judged_seq <= capture.judged_seq:
            newest[capture.capture_id] = capture
    return sorted(newest.values(), key=_order)


def _seen_again(capture: KnownCapture, again: KnownCapture, captures: Sequence[KnownCapture]) -> KnownCapture:
    """The capture, which remembers when the same content was seen `again`; in the feed it counts until the page is."""
    if again.page_at and not capture.page_at:
        return replace(capture, seen_at=again.observed_at, page_at=again.page_at)
    if _is_outdone(again, again.observed_at, captures):
        return capture
    page_at = min(capture.page_at, again.page_at) if capture.page_at and again.page_at else capture.page_at
    return replace(capture, seen_at=max(again.observed_at, capture.seen_at or again.observed_at), page_at=page_at)


def _is_outdone(capture: KnownCapture, moment: dt.datetime, captures: Iterable[KnownCapture]) -> bool:
    """Whether it is the feed's text, seen at `moment`, and the page had been seen before. A kill always counts."""
    if capture.page_at or _status(capture) is not PubStatus.USABLE:
        return False
    return any(one.page_at and one.page_at < moment for one in captures)


def _with_sight(captures: Sequence[KnownCapture], sight: Sight) -> list[KnownCapture]:
    """The captures, one of which remembers the sight: the newest before it, else the first."""
    at = max((i for i, capture in enumerate(captures) if capture.observed_at <= sight.observed_at), default=0)
    seen = (sight.observed_at, sight.availability)
    return [
        replace(capture, sights=tuple(sorted({*capture.sights, seen})[-SIGHTS_LIMIT:])) if i == at else capture
        for i, capture in enumerate(captures)
    ]


def _verdict(ours: KnownCapture, captures: Sequence[KnownCapture]) -> tuple[KnownCapture, KnownCapture | None]:
    """A new capture judged in its place among those that are, and its predecessor."""
    predecessor = None
    for moment, capture in _places(captures):
        if (moment, capture.capture_id) < _order(ours) and capture.change is not Change.UNCHANGED:
            predecessor = capture
    if predecessor is None and _has_forgotten(captures):
        ours = replace(ours, change=Change.UPDATE)
    return _judged(ours, predecessor, captures), predecessor


def _rejudged(captures: Sequence[KnownCapture]) -> list[KnownCapture]:
    """The captures, each judged in its place; in and out in observed order."""
    judged = {capture.capture_id: _reaching(capture, captures) for capture in captures}
    predecessor = None
    for moment, place in _places(list(judged.values())):
        capture = judged[place.capture_id]
        if moment == capture.observed_at:
            capture = judged[place.capture_id] = _judged(capture, predecessor, captures)
        if capture.change is not Change.UNCHANGED:
            predecessor = capture
    return _with_availability(list(judged.values()))


def _places(captures: Sequence[KnownCapture]) -> list[tuple[dt.datetime, KnownCapture]]:
    """When each capture stood there: when it was observed, and at its `seen_until` again."""
    places = [(capture.observed_at, capture) for capture in captures]
    places += [(capture.seen_until, capture) for capture in captures if capture.seen_until]
    return sorted(places, key=lambda place: (place[0], place[1].capture_id))


def _reaching(capture: KnownCapture, captures: Sequence[KnownCapture]) -> KnownCapture:
    """The capture, with a `seen_until` behind those that lie between two sights of it."""
    if capture.seen_at is None or _is_outdone(capture, capture.seen_at, captures):
        return capture
    reach = capture.seen_until or capture.observed_at
    if any(reach < other.observed_at < capture.seen_at and not _has_same_content(capture, other) for other in captures):
        return replace(capture, seen_until=capture.seen_at)
    return capture


def _has_forgotten(captures: Sequence[KnownCapture]) -> bool:
    """Whether there were captures before these, of which nothing is known any more."""
    ids_ = {capture.capture_id for capture in captures}
    return any(capture.predecessor_id and capture.predecessor_id not in ids_ for capture in captures)


def _judged(capture: KnownCapture, predecessor: KnownCapture | None, captures: Sequence[KnownCapture]) -> KnownCapture:
    """The capture with its judgement.

    Args:
        capture: it.
        predecessor: the capture before it that has a row.
        captures: the article's.
    """
    status = _status(capture)
    if predecessor is None:
        if capture.predecessor_id or capture.change not in {Change.NEW, Change.KILL}:
            return capture  # it was judged against one that is forgotten
        return replace(capture, change=Change.NEW if status is PubStatus.USABLE else Change.KILL, pub_status=status)
    change = _change(capture, predecessor, captures)
    if change in {Change.UNCHANGED, Change.EXTRACTION}:
        status = predecessor.pub_status
    return replace(capture, predecessor_id=predecessor.capture_id, change=change, pub_status=status)


def _status(capture: KnownCapture) -> PubStatus:
    return _STATUS.get(capture.notice.kind, PubStatus.USABLE) if capture.notice else PubStatus.USABLE


def _change(capture: KnownCapture, predecessor: KnownCapture, captures: Sequence[KnownCapture]) -> Change:
    """What changed from `predecessor` to `capture`."""
    if _says_nothing(capture, predecessor, captures):
        return Change.UNCHANGED
    return _by_notice(capture, predecessor) or _by_text(capture, predecessor)


def _says_nothing(capture: KnownCapture, predecessor: KnownCapture, captures: Sequence[KnownCapture]) -> bool:
    """Whether the capture makes no row."""
    if _is_outdone(capture, capture.observed_at, captures):
        return True
    if _status(capture) is not _status(predecessor) or not _has_same_content(capture, predecessor):
        return False
    return _has_same_title(capture, predecessor) or _is_headline_test(capture, predecessor, captures)


def _has_same_content(one: KnownCapture, other: KnownCapture) -> bool:
    """Whether two captures have the same body, and perhaps another headline."""
    return one.content_hash == other.content_hash or (bool(one.lasting_hash) and one.lasting_hash == other.lasting_hash)


def _has_same_title(one: KnownCapture, other: KnownCapture) -> bool:
    return one.content_hash == other.content_hash or ids.folded(one.title) == ids.folded(other.title)


def _is_headline_test(capture: KnownCapture, predecessor: KnownCapture, captures: Sequence[KnownCapture]) -> bool:
    """Whether the headline, which alone differs, is an old one, or one that the outlet's own feed does not know."""
    if capture.extractor != predecessor.extractor or (capture.notice and not _holds(predecessor, capture.notice)):
        return False
    if capture.feed_title and capture.feed_title == predecessor.feed_title:
        return True
    return any(
        _order(one) < _order(capture) and _has_same_content(capture, one) and _has_same_title(capture, one)
        for one in captures
    )


def _by_notice(capture: KnownCapture, predecessor: KnownCapture) -> Change | None:
    """The change that a notice tells, or its absence."""
    status = _status(capture)
    is_told = capture.notice is not None and not _holds(predecessor, capture.notice)
    if status is not PubStatus.USABLE:
        return Change.KILL if is_told or predecessor.pub_status is not status else None
    if predecessor.pub_status is not PubStatus.USABLE:
        is_other_extractor = capture.extractor != predecessor.extractor
        is_missed = is_other_extractor and predecessor.notice and _holds(capture, predecessor.notice)
        return Change.EXTRACTION if is_missed else Change.RESTORED
    return Change.CORRECTION if is_told else None


def _by_text(capture: KnownCapture, predecessor: KnownCapture) -> Change:
    """The change that the text shows."""
    if capture.extractor != predecessor.extractor:
        return Change.EXTRACTION
    if capture.predecessor_id == predecessor.capture_id and capture.change in {Change.MINOR, Change.UPDATE}:
        return capture.change  # the texts were compared before
    return Change.MINOR if _is_slip(capture, predecessor) else Change.UPDATE


def _holds(capture: KnownCapture, notice: Notice) -> bool:
    """Whether a notice's words, each line of them, stand in a capture."""
    ours = notice.text.split("\n")
    theirs = [capture.title, _text(capture), capture.notice.text if capture.notice else ""]
    whole = " ".join(" ".join(theirs).split())
    return all(" ".join(line.split()) in whole for line in ours)


def _is_slip(capture: KnownCapture, predecessor: KnownCapture) -> bool:
    before, after = _text(predecessor), _text(capture)
    is_whole = capture.lasting_hash and predecessor.lasting_hash and max(len(before), len(after)) < TEXT_LIMIT
    return (
        bool(is_whole)
        and wording.is_slip(predecessor.title, capture.title)
        and wording.is_slip(wording.lasting(before), wording.lasting(after))
    )


def _text(capture: KnownCapture) -> str:
    return zlib.decompress(capture.text).decode("utf-8", "surrogatepass") if capture.text else ""


def _with_availability(captures: Sequence[KnownCapture]) -> list[KnownCapture]:
    """The captures, each with what the newest look before the next one found."""
    looks = sorted({look for capture in captures for look in capture.sights} | set(_answers(captures)))
    rows = [(at, capture) for at, capture in _places(captures) if capture.change is not Change.UNCHANGED]
    found = dict.fromkeys((capture.capture_id for capture in captures), Availability.LIVE)
    for at, availability in looks:
        owner = next((capture for since, capture in reversed(rows) if since <= at), None)
        if owner:
            found[owner.capture_id] = availability
    return [replace(capture, availability=found[capture.capture_id]) for capture in captures]


def _answers(captures: Sequence[KnownCapture]) -> Iterator[tuple[dt.datetime, Availability]]:
    """When the page itself answered, with nothing new."""
    for capture in captures:
        if capture.page_at:
            yield capture.seen_at or capture.page_at, Availability.LIVE
            yield capture.page_at, Availability.LIVE


def _changed(before: Iterable[KnownCapture], after: Iterable[KnownCapture]) -> Judgement:
    """What differs of the captures, as rows and for the memory."""
    held = {capture.capture_id: capture for capture in before}
    revisions, known = [], []
    for capture in after:
        old = held.get(capture.capture_id)
        if old == capture:
            continue
        again = capture
        if old is None or _revision(old) != _revision(capture):
            again = replace(capture, judged_seq=old.judged_seq + 1) if old else capture
            revisions.append(_revision(again))
        known.append(again)
    return Judgement(revisions=tuple(revisions), known=tuple(known))


def _revision(known: KnownCapture) -> Revision:
    is_noted = known.change in {Change.NEW, Change.CORRECTION, Change.KILL, Change.RESTORED}
    return Revision(
        capture_id=known.capture_id,
        judged_seq=known.judged_seq,
        article_id=known.article_id,
        observed_at=known.observed_at,
        predecessor_id=known.predecessor_id,
        change=known.change,
        change_note=known.notice.text if known.notice and is_noted else None,
        pub_status=known.pub_status,
        availability=known.availability,
        seen_until=known.seen_until,
    )


# ── the PTransform ─────────────────────────────────────────────────────────────────────────────────────────────────


def _no_memory() -> Shared[ArticleMemory]:
    return Shared(NoMemory)


@dataclass
class ReviseCaptures(beam.PTransform):
    """Judge captures against what is known of their articles.

    In: `(captures, sights)`, PCollections of `Capture` and of `Sight`. Out: main `captures` (with `change` set); tags
    `revisions`, `known` (what the memory is to store: of two with one capture_id the higher judged_seq, of two of those
    the later), `outcomes` (entries that end here; the entry of a sight has its outcome from fetch), `dead_letters`.

    Args:
        memory: what is known beyond this run.
        clock: for outcomes' decided_at.
    """

    memory: Shared[ArticleMemory] = field(default_factory=_no_memory)
    clock: Clock = outcomes.utc_now

    def expand(self, captures_and_sights: Any) -> Any:
        """See the class."""
        captures, sights = captures_and_sights
        keyed = (
            captures | "KeyCaptures" >> beam.Map(_capture_by_article).with_output_types(tuple[str, Observation]),
            sights | "KeySights" >> beam.Map(_sight_by_article).with_output_types(tuple[str, Observation]),
        ) | "FlattenObservations" >> beam.Flatten()
        judge = beam.ParDo(_ReviseCapture(self.memory, self.clock))
        return keyed | "ReviseCaptures" >> judge.with_output_types(
            Capture, revisions=Revision, known=KnownCapture, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("revisions", "known", "outcomes", "dead_letters", main="captures")


def _capture_by_article(capture: Capture) -> tuple[str, Observation]:
    return capture.article.article_id, Observation(capture=capture)


def _sight_by_article(sight: Sight) -> tuple[str, Observation]:
    return sight.article_id, Observation(sight=sight)


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
        keyed: tuple[str, Observation],
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # Beam's way of declaring state
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Any]:
        article_id, observation = keyed
        seen = observation.capture or observation.sight
        assert seen
        try:
            held = known_state.read() or KnownCaptures()
            known = [*self._memory.neighbours(article_id), *held.captures]
            with _TIME.measured():
                judgement = revise(seen, known)
        except Exception as error:  # noqa: BLE001  # a bug costs this capture only
            yield from self._bug(seen, error)
            return
        if judgement.known:
            newest = _in_order([*held.captures, *judgement.known])[-KNOWN_LIMIT:]
            known_state.write(KnownCaptures(captures=tuple(newest)))
            expiry.set(Timestamp(micros=ids.micros(newest[-1].observed_at + TTL)))
        for revision in judgement.revisions:
            yield beam.pvalue.TaggedOutput("revisions", revision)
        for remembered_capture in judgement.known:
            yield beam.pvalue.TaggedOutput("known", remembered_capture)
        if not observation.capture:
            return
        if judgement.change is None:
            kind = OutcomeKind.UNCHANGED if judgement.same_as else OutcomeKind.DROPPED
            outcome = outcomes.of_capture(observation.capture, Stage.REVISE, kind, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", replace(outcome, capture_id=judgement.same_as))
        else:
            ours = observation.capture.article.capture_id
            is_first = any(each.capture_id == ours and each.predecessor_id is None for each in judgement.revisions)
            yield replace(observation.capture, change=judgement.change, is_first=is_first)

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # Beam is untyped
    def expire(self, known_state: Any = beam.DoFn.StateParam(KNOWN)) -> None:  # noqa: B008  # as above
        """Forget the article. Locally this happens at the end of every cycle, hence it does nothing else."""
        known_state.clear()

    def _bug(self, seen: Capture | Sight, error: Exception) -> Iterator[Any]:
        if isinstance(seen, Capture):
            outcome, letter = outcomes.bug(seen, Stage.REVISE, error, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", outcome)
        else:  # the entry whose page was looked for has its outcome
            raw = codec.encode(seen)
            letter = DeadLetter(
                id=ids.hash_id("dead", Stage.REVISE, Reason.BUG, raw),
                stage=Stage.REVISE,
                reason=Reason.BUG,
                died_at=self._clock(),
                error=f"{type(error).__name__}: {error}",
                raw=raw,
            )
        yield beam.pvalue.TaggedOutput("dead_letters", letter)
