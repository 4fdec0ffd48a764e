"""revise: captures in, captures with their change out, and beside them the judgements (`Revision`).

A capture is judged against its neighbours in observed time, not in the order of arrival. One that says nothing that the
capture before it did not say makes no row: equal content, but for counters and "updated at" lines; a headline under
test; the feed's own text, taken for want of the page, of an article whose page is known. Its entry ends here. A capture
that arrives late is judged in its place, and those after it again, with a higher `judged_seq`, as far as anything
changes for them. So the same captures in any order of arrival end with the same valid judgements.

Of a capture that makes no row its time is remembered (the newest `SEEN_LIMIT` of each extractor), and judged with the
others. If B arrives late and lies between two sights of A, then A gets a new judgement whose `seen_until` says since
when it stands there again: A is the latest, and not B. What is lost is its headline and counters, and returns before
the last one; so where contents come back, the latest text is the same in any order of arrival, and not each row. Where
an older extractor follows a newer one (a rollback), nothing of this is promised: what was folded depends on arrival.

An extractor newer than the one that made a capture may make another of the same page: same article, same `observed_at`.
Those of one moment are ordered by extractor; the newest says what was there. It is judged against the one before it at
its moment: `extraction`, unless it alone finds a notice. Any other capture is judged against the moment before it as
its own extractor saw that, or the newest older one: what newer ones say is no past of an older one. So with two pages
A and B by two extractors, B1 is an update of A1, and A2 and B2 are extractions of A1 and B1.

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
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
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
SEEN_LIMIT = 16  # times that one capture's content was seen again by one extractor, the newest
SIGHTS_LIMIT = 16  # looks remembered of one capture, the newest
TEXT_LIMIT = 30_000  # characters of a body that are remembered; nineteen of twenty articles have a third of it
EXTRACTORS_LIMIT = 4  # remembered as having made one text, besides its own
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
    if _has_forgotten(before):
        ours = replace(ours, change=Change.UPDATE)
    same = next((capture for capture in before if capture.capture_id == ours.capture_id), None)
    if same is None:
        after = _rejudged([*before, ours])
        change = next(capture.change for capture in after if capture.capture_id == ours.capture_id)
        if change is not Change.UNCHANGED:
            return replace(_changed(before, after), change=change)
        same = _bearer(ours, [capture for capture in before if capture.observed_at <= ours.observed_at])
        if same is None:
            return Judgement()  # the feed's text stands against the page's
    again = same if _is_outdone(ours, before) else _seen_again(same, ours)
    after = _rejudged([again if capture is same else capture for capture in before])
    return replace(_changed(before, after), same_as=same.capture_id)


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


@lru_cache(maxsize=1024)
def extractor_order(extractor: str) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """What puts extractors in order, older ones first.

    Args:
        extractor: name, version and profile version, as a `KnownCapture` has them. Of the versions all numbers count,
            from the left: `1+library.2.10.0` is newer than `1+library.2.9.3`.
    """
    name, _, versions = extractor.partition(" ")
    version, _, profile = versions.rpartition(" ")
    return _numbers(version), _numbers(profile), name


# ── the pure function's parts ──────────────────────────────────────────────────────────────────────────────────────


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)))


_Place = tuple[dt.datetime, KnownCapture]
_Seen = tuple[dt.datetime, bool, str]


def _order(place: _Place) -> tuple[Any, ...]:
    """Places by their time, those of one moment by extractor: of that the newest is what was there."""
    moment, capture = place
    return moment, extractor_order(capture.extractor), capture.capture_id


def _extractor_order(capture: KnownCapture) -> tuple[Any, ...]:
    return extractor_order(capture.extractor)


def _by(capture: KnownCapture) -> frozenset[str]:
    """The extractors that made the capture's text."""
    return frozenset((capture.extractor, *capture.also_by))


def _are_comparable(one: KnownCapture, other: KnownCapture) -> bool:
    return not _by(one).isdisjoint(_by(other))


def _is_visible(capture: KnownCapture, extractor: str) -> bool:
    """Whether `extractor` or an older one made the capture's text: what newer ones say is no past of an older one."""
    return min(map(extractor_order, _by(capture))) <= extractor_order(extractor)


def _in_order(known: Iterable[KnownCapture]) -> list[KnownCapture]:
    """Each capture once, by its newest judgement, in observed order."""
    newest: dict[str, KnownCapture] = {}
    for capture in known:
        held = newest.get(capture.capture_id)
        if held is None or held.judged_seq <= capture.judged_seq:
            newest[capture.capture_id] = capture
    return [capture for _, capture in sorted(_observed(newest.values()), key=_order)]


def _seen(capture: KnownCapture) -> set[_Seen]:
    """When the capture's content was seen again; what is remembered by a time alone, by the capture's extractor."""
    seen = {(at, is_page, extractor or capture.extractor) for at, is_page, extractor in capture.again}
    times = {at for at, _, _ in seen} | {capture.observed_at}
    for at in (capture.page_at, capture.seen_at, capture.seen_until):
        if at and at not in times:
            seen.add((at, capture.page_at is not None and capture.page_at <= at, capture.extractor))
    return seen


def _seen_again(capture: KnownCapture, again: KnownCapture) -> KnownCapture:
    """The capture, which remembers that the same content was seen `again`."""
    seen = _seen(capture) | {(again.observed_at, bool(again.page_at), again.extractor)}
    if again.observed_at == capture.observed_at:
        seen.add((capture.observed_at, bool(capture.page_at), capture.extractor))
        by = max(capture, again, key=_extractor_order)  # a newer extractor may find a notice in the same text
        capture = replace(capture, extractor=by.extractor, notice=by.notice)
    pages = [at for at in (capture.page_at, again.page_at) if at]
    kept = []
    for extractor in sorted({by for _, _, by in seen}, key=extractor_order)[-EXTRACTORS_LIMIT:]:
        times = sorted((at, is_page) for at, is_page, by in seen if by == extractor)[-SEEN_LIMIT:]
        kept += [(at, is_page, "" if extractor == capture.extractor else extractor) for at, is_page in times]
    return replace(capture, again=tuple(sorted(kept)), seen_at=None, page_at=min(pages, default=None))


def _also_by(capture: KnownCapture, others: Iterable[str]) -> KnownCapture:
    """The capture, which remembers that other extractors made the same text."""
    by = sorted((_by(capture) | set(others)) - {capture.extractor}, key=extractor_order)
    return replace(capture, also_by=tuple(by[-EXTRACTORS_LIMIT:]))


def _is_outdone(capture: KnownCapture, captures: Iterable[KnownCapture]) -> bool:
    """Whether it is the feed's text, and the page had been seen before. A kill always counts."""
    if capture.page_at or _status(capture) is not PubStatus.USABLE:
        return False
    return any(one.page_at and one.page_at < capture.observed_at for one in captures)


def _bearer(capture: KnownCapture, rows: Sequence[KnownCapture]) -> KnownCapture | None:
    """The newest of the captures before that has a row and the same content, if possible under the same headline."""
    same = [
        row
        for row in rows
        if row.change is not Change.UNCHANGED and _has_same_content(row, capture) and _status(row) is _status(capture)
    ]
    exact = [row for row in same if row.content_hash == capture.content_hash]
    return next(reversed(exact or same), None)


def _with_sight(captures: Sequence[KnownCapture], sight: Sight) -> list[KnownCapture]:
    """The captures, one of which remembers the sight: the newest before it, else the first."""
    at = max((i for i, capture in enumerate(captures) if capture.observed_at <= sight.observed_at), default=0)
    seen = (sight.observed_at, sight.availability)
    return [
        replace(capture, sights=tuple(sorted({*capture.sights, seen})[-SIGHTS_LIMIT:])) if i == at else capture
        for i, capture in enumerate(captures)
    ]


def _rejudged(captures: Sequence[KnownCapture]) -> list[KnownCapture]:
    """The captures, each judged in its place among all that was seen; out in observed order."""
    judged = {
        capture.capture_id: _also_by(
            replace(capture, also_by=(), seen_until=None),
            (extractor for at, _, extractor in _seen(capture) if at == capture.observed_at),
        )
        for capture in captures
    }
    rows: list[_Place] = []
    for moment, place in _places(captures):
        capture = judged[place.capture_id]
        if place.observed_at == capture.observed_at:
            past = _past((moment, capture), rows)
            capture = judged[capture.capture_id] = _judged(capture, past, captures)
            row = None if capture.change is Change.UNCHANGED else capture
        else:
            capture = replace(capture, observed_at=moment, extractor=place.extractor, also_by=(), page_at=place.page_at)
            past = _past((moment, capture), rows)
            is_unchanged = past is None or _says_nothing(capture, past, captures)
            row = None if is_unchanged else _bearer(capture, [row for _, row in rows])
        if row is capture:
            rows.append((moment, row))
        elif row:
            rows.append((moment, replace(row, extractor=capture.extractor, also_by=())))
        elif past and _tells_extractor(capture, past.predecessor, captures):
            also = _also_by(past.predecessor, _by(capture))
            rows = [(at, also if row is past.predecessor else row) for at, row in rows]
    for moment, row in dict(rows).items():  # of one moment the newest extractor's
        if moment != judged[row.capture_id].observed_at:
            judged[row.capture_id] = replace(judged[row.capture_id], seen_until=moment)
    return _in_order(_with_availability(list(judged.values()), rows))


def _tells_extractor(capture: KnownCapture, predecessor: KnownCapture, captures: Sequence[KnownCapture]) -> bool:
    """Whether a capture without a row tells that one more extractor made its predecessor's text.

    The feed's text against a known page tells nothing: had it come later, it would not be remembered.
    """
    if _is_outdone(capture, captures) or _by(capture) <= _by(predecessor):
        return False
    return _has_same_content(capture, predecessor)


def _observed(captures: Iterable[KnownCapture]) -> list[_Place]:
    return [(capture.observed_at, capture) for capture in captures]


def _places(captures: Iterable[KnownCapture]) -> list[_Place]:
    """When each capture's content was seen, in order: when it was observed, and again.

    The feed's text that came after the page stands where the page had it.
    """
    held = list(captures)
    places: list[_Place] = []
    for capture in held:
        is_outdone = _is_outdone(replace(capture, page_at=None), held)
        places.append((capture.page_at if is_outdone and capture.page_at else capture.observed_at, capture))
        for at, is_page, extractor in _seen(capture):
            if at != capture.observed_at:
                page_at = at if is_page else None
                places.append((at, replace(capture, observed_at=at, extractor=extractor, page_at=page_at)))
    return sorted(places, key=_order)


@dataclass(frozen=True, slots=True)
class _Past:
    """What a capture is judged against.

    Args:
        predecessor: the capture before it, with which its text is compared.
        before: the captures of the moment before, to which a notice must be new; the first says how the article stood.
        is_same_moment: the predecessor is what an older extractor made of the same page.
        is_outlasted: a newer extractor found since the predecessor that the article was withdrawn, or was back.
    """

    predecessor: KnownCapture
    before: tuple[KnownCapture, ...] = ()
    is_same_moment: bool = False
    is_outlasted: bool = False


def _past(here: _Place, rows: Sequence[_Place]) -> _Past | None:
    """What a capture is judged against, of the rows before it in order; None if there is nothing."""
    moment, capture = here
    earlier = [place for place in rows if place[0] < moment]
    past = _past_moment(capture, earlier) if earlier else None
    if len(earlier) == len(rows):
        return past
    at_that_moment = [place[1] for place in rows[len(earlier) :]]
    own = [row for row in at_that_moment if row.observed_at == moment]
    beside = (own or at_that_moment)[-1]  # rather one that has its row then: the views see by that which is older
    if beside.extractor == capture.extractor:  # two pages in one moment
        return _Past(beside, (beside,))
    return _Past(beside, past.before if past else (), is_same_moment=True)


def _past_moment(capture: KnownCapture, earlier: Sequence[_Place]) -> _Past:
    """What a capture is judged against, of the rows of earlier moments."""
    newest_at, newest = earlier[-1]
    if _is_repeated(newest, capture):
        return _Past(newest, (newest,))
    visible = [place for place in earlier if _is_visible(place[1], capture.extractor)] or earlier
    last, newest_visible = visible[-1]
    own = (row for at, row in reversed(visible) if at == last and capture.extractor in _by(row))
    predecessor = next(own, newest_visible)
    is_outlasted = newest_at > last and newest.pub_status is not predecessor.pub_status
    return _Past(predecessor, (newest, predecessor), is_outlasted=is_outlasted)


def _has_forgotten(captures: Sequence[KnownCapture]) -> bool:
    """Whether there were captures before these, of which nothing is known any more."""
    return any(_is_orphan(capture, captures) for capture in captures)


def _is_orphan(capture: KnownCapture, captures: Sequence[KnownCapture]) -> bool:
    """Whether the capture was judged against one that is forgotten."""
    before = capture.predecessor_id
    return before is not None and all(other.capture_id != before for other in captures)


def _judged(capture: KnownCapture, past: _Past | None, captures: Sequence[KnownCapture]) -> KnownCapture:
    """The capture with its judgement.

    Args:
        capture: it.
        past: what it is judged against.
        captures: the article's.
    """
    status = _status(capture)
    if past is None:
        is_forgotten = capture.predecessor_id is None and capture.change not in {Change.NEW, Change.KILL}
        if is_forgotten or _is_orphan(capture, captures):
            return capture
        change = Change.NEW if status is PubStatus.USABLE else Change.KILL
        return replace(capture, predecessor_id=None, change=change, pub_status=status)
    change = _change(capture, past, captures)
    if change is Change.UNCHANGED:
        status = past.predecessor.pub_status
    elif past.before and _is_missed(capture, past.before[0]):
        status = past.before[0].pub_status
    return replace(capture, predecessor_id=past.predecessor.capture_id, change=change, pub_status=status)


def _status(capture: KnownCapture) -> PubStatus:
    return _STATUS.get(capture.notice.kind, PubStatus.USABLE) if capture.notice else PubStatus.USABLE


def _change(capture: KnownCapture, past: _Past, captures: Sequence[KnownCapture]) -> Change:
    """What changed from what is past to `capture`."""
    if _says_nothing(capture, past, captures):
        return Change.UNCHANGED
    told = _by_notice(capture, past)
    if past.is_same_moment:
        return Change.EXTRACTION if told in {None, past.predecessor.change} else told
    return told or _by_text(capture, past.predecessor)


def _says_nothing(capture: KnownCapture, past: _Past, captures: Sequence[KnownCapture]) -> bool:
    """Whether the capture makes no row."""
    predecessor = past.predecessor
    if _is_outdone(capture, captures):
        return True
    if past.is_outlasted and not _is_missed(capture, past.before[0]):
        return False
    if _status(capture) is not _status(predecessor) or not _has_same_content(capture, predecessor):
        return False
    return _has_same_title(capture, predecessor) or _is_headline_test(capture, predecessor, captures)


def _is_repeated(capture: KnownCapture, again: KnownCapture) -> bool:
    is_same = _has_same_content(capture, again) and _has_same_title(capture, again)
    return is_same and _status(capture) is _status(again)


def _has_same_content(one: KnownCapture, other: KnownCapture) -> bool:
    """Whether two captures have the same body, and perhaps another headline."""
    return one.content_hash == other.content_hash or (bool(one.lasting_hash) and one.lasting_hash == other.lasting_hash)


def _has_same_title(one: KnownCapture, other: KnownCapture) -> bool:
    return one.content_hash == other.content_hash or ids.folded(one.title) == ids.folded(other.title)


def _is_headline_test(capture: KnownCapture, predecessor: KnownCapture, captures: Sequence[KnownCapture]) -> bool:
    """Whether the headline, which alone differs, is an old one, or one that the outlet's own feed does not know."""
    if not _are_comparable(capture, predecessor) or (capture.notice and not _holds(predecessor, capture.notice)):
        return False
    if capture.feed_title and capture.feed_title == predecessor.feed_title:
        return True
    return any(
        one.observed_at < capture.observed_at and _has_same_content(capture, one) and _has_same_title(capture, one)
        for one in captures
    )


def _by_notice(capture: KnownCapture, past: _Past) -> Change | None:
    """The change that a notice tells, or its absence."""
    status = _status(capture)
    if not past.before:  # there was no notice in the first place
        return None if status is PubStatus.USABLE else Change.KILL
    is_told = capture.notice is not None and not any(_holds(one, capture.notice) for one in past.before)
    before = past.before[0]
    if status is not PubStatus.USABLE:
        return Change.KILL if is_told or before.pub_status is not status else None
    if before.pub_status is not PubStatus.USABLE:
        return None if _is_missed(capture, before) else Change.RESTORED
    return Change.CORRECTION if is_told else None


def _is_missed(capture: KnownCapture, before: KnownCapture) -> bool:
    """Whether the notice that the article is withdrawn stands in the capture still, unseen by its extractor."""
    is_lost = _status(capture) is PubStatus.USABLE and before.pub_status is not PubStatus.USABLE
    return is_lost and not _are_comparable(capture, before) and bool(before.notice and _holds(capture, before.notice))


def _by_text(capture: KnownCapture, predecessor: KnownCapture) -> Change:
    """The change that the text shows."""
    if not _are_comparable(capture, predecessor):
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


def _with_availability(captures: Sequence[KnownCapture], rows: Sequence[_Place]) -> list[KnownCapture]:
    """The captures, each with what the newest look before the next one found."""
    looks = sorted({look for capture in captures for look in capture.sights} | set(_answers(captures)))
    found = dict.fromkeys((capture.capture_id for capture in captures), Availability.LIVE)
    for at, availability in looks:
        owner = next((capture for since, capture in reversed(rows) if since <= at), None)
        if owner:
            found[owner.capture_id] = availability
    return [replace(capture, availability=found[capture.capture_id]) for capture in captures]


def _answers(captures: Sequence[KnownCapture]) -> Iterator[tuple[dt.datetime, Availability]]:
    """When the page itself answered."""
    for capture in captures:
        if capture.source is not Source.FEED:
            yield capture.observed_at, Availability.LIVE
        yield from ((at, Availability.LIVE) for at, is_page, _ in _seen(capture) if is_page)


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
    EXPIRY = TimerSpec("revise_expiry", TimeDomain.WATERMARK)

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
