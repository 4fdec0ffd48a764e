"""diff: what changed between two captures of an article, paragraph by paragraph, and word by word where one changed.

In: a `Ledger` and an article's id. Out: its `Version`s in order of time, and what any two of them differ in. Texts are
hostile: how much is compared is bounded by the constants below, beyond which a passage counts as replaced.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from pipeline.durations import read_since
from pipeline.ledger import Ledger
from schemas.enums import Availability, Change, PubStatus
from schemas.records import Article, Revision

PAIRS_LIMIT = 10_000  # of replaced and replacing paragraphs that are compared for likeness
WORDS_LIMIT = 2_000  # of a paragraph whose words are marked
LIKE = 0.4  # of the words of two paragraphs that they share, so that the one is the other, changed
ID_DIGITS = 8  # of a capture's id: at least so many name it

# A word with the white space behind it; scripts that put none between words go letter by letter.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]\s*|[^\s\u3040-\u30ff\u3400-\u9fff]+\s*|\s+")


class DiffError(Exception):
    """There is no such capture; the message says why, for a person."""


class PartKind(StrEnum):
    """What became of a paragraph, or of words in it."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What an article said from a time on.

    Args:
        number: 1 for the first of the article.
        seen_at: when it was seen; of a text that was seen again after another, that time.
        change: None if its judgement has not come yet.
    """

    number: int
    seen_at: dt.datetime
    capture_id: str
    change: Change | None
    change_note: str | None
    pub_status: PubStatus
    availability: Availability
    url: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Words:
    """Words in a row of which the same became: same, removed or added."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; of one that changed its words, old and new, in reading order."""

    kind: PartKind
    words: tuple[Words, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What two versions of an article differ in."""

    before: Version
    after: Version
    title: Paragraph
    body: tuple[Paragraph, ...]


def versions(ledger: Ledger, article_id: str) -> list[Version]:
    """The versions of an article in order of time, numbered as in the view `history`, delivered or not."""
    articles = {row.record.capture_id: row.record for row in ledger.rows(Article, "article_id = ?", [article_id])}
    revisions = [row.record for row in ledger.rows(Revision, "article_id = ?", [article_id])]
    judged = {each.capture_id: each for each in sorted(revisions, key=_judged_seq)}
    seen: list[tuple[dt.datetime, str, bool]] = []
    superseded = {
        (each.predecessor_id, each.observed_at) for each in judged.values() if each.change is not Change.UNCHANGED
    }
    for capture_id, article in articles.items():
        judgement = judged.get(capture_id)
        if judgement and judgement.change is Change.UNCHANGED:
            continue
        if (capture_id, article.observed_at) not in superseded:  # by what a newer extractor made of the same page
            seen.append((article.observed_at, capture_id, False))
        if judgement and judgement.seen_until:
            seen.append((judgement.seen_until, capture_id, True))
    returns = {seen_at for seen_at, _, is_return in seen if is_return}
    found: list[Version] = []
    said: tuple[str, PubStatus, Availability] | None = None
    for seen_at, capture_id, is_return in sorted(seen):
        if seen_at in returns and not is_return:
            continue  # of one moment, what was seen again was the newest extractor's
        article, judgement = articles[capture_id], judged.get(capture_id)
        status = judgement.pub_status if judgement else PubStatus.USABLE
        availability = judgement.availability if judgement else Availability.LIVE
        before, said = said, (article.content_hash, status, availability)
        if said == before:
            continue
        change = judgement.change if judgement else None
        if is_return:
            was_withdrawn = before is not None and before[1] is not PubStatus.USABLE
            change = Change.RESTORED if was_withdrawn and status is PubStatus.USABLE else Change.UPDATE
        found.append(
            Version(
                number=len(found) + 1,
                seen_at=seen_at,
                capture_id=capture_id,
                change=change,
                change_note=judgement.change_note if judgement and not is_return else None,
                pub_status=status,
                availability=availability,
                url=article.url,
                title=article.title,
                body=article.body,
            )
        )
    return found


def pick(known: Sequence[Version], text: str, now: dt.datetime) -> Version:
    """The version that a person means.

    Args:
        known: the versions of an article; not empty.
        text: a version's number, a capture's id or its first digits, or a time (`durations.read_since`), which means
            the version that stood then.
        now: what a time ago is counted from.

    Raises:
        DiffError: there is none.
    """
    text = text.strip()
    if text.isdecimal() and len(text) < ID_DIGITS:
        if not 1 <= int(text) <= len(known):
            raise DiffError(f"{text}: the article has {len(known)} captures, counted from 1")
        return known[int(text) - 1]
    if len(text) >= ID_DIGITS:
        named = [version for version in known if version.capture_id.startswith(text.lower())]
        if named:
            return named[-1]
    try:
        moment = read_since(text, now)
    except ValueError:
        raise DiffError(f"{text!r} is no capture of this article: its number, its id or a time was expected") from None
    seen = [version for version in known if version.seen_at <= moment]
    if not seen:
        raise DiffError(f"{text}: the article was first seen at {known[0].seen_at:%Y-%m-%d %H:%M:%S} UTC")
    return seen[-1]


def difference(before: Version, after: Version) -> Difference:
    """What `after` says otherwise than `before`."""
    return Difference(
        before=before,
        after=after,
        title=_changed(before.title, after.title),
        body=tuple(compared(before.body.split("\n\n"), after.body.split("\n\n"))),
    )


def compared(before: Sequence[str], after: Sequence[str]) -> list[Paragraph]:
    """The paragraphs of two texts in one order, those that became one another as one.

    Kept and removed ones together are `before`, kept and added ones `after`, but for white space.
    """
    old = [text for text in map(_folded, before) if text]
    new = [text for text in map(_folded, after) if text]
    found: list[Paragraph] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            found += [_whole(PartKind.SAME, text) for text in old[start:end]]
        else:
            found += _replaced(old[start:end], new[new_start:new_end])
    return found


# ── paragraphs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _replaced(old: Sequence[str], new: Sequence[str]) -> list[Paragraph]:
    """Paragraphs in place of others: what is alike is paired, in order."""
    found: list[Paragraph] = []
    at = new_at = 0
    for left, right in [*_pairs(old, new), (len(old), len(new))]:
        found += [_whole(PartKind.REMOVED, text) for text in old[at:left]]
        found += [_whole(PartKind.ADDED, text) for text in new[new_at:right]]
        if left < len(old):
            found.append(_changed(old[left], new[right]))
        at, new_at = left + 1, right + 1
    return found


def _pairs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Which of `old` became which of `new`, both ascending: the pairs that share most in sum."""
    if len(old) * len(new) > PAIRS_LIMIT:
        return []
    old_words, new_words = ([Counter(map(str.strip, _words(text))) for text in texts] for texts in (old, new))
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]  # of the paragraphs from here on
    likeness = [[_likeness(left, right) for right in new_words] for left in old_words]
    for left in reversed(range(len(old))):
        for right in reversed(range(len(new))):
            paired = likeness[left][right] + best[left + 1][right + 1] if likeness[left][right] >= LIKE else 0.0
            best[left][right] = max(paired, best[left + 1][right], best[left][right + 1])
    pairs = []
    left = right = 0
    while left < len(old) and right < len(new):
        if best[left][right] == best[left + 1][right]:
            left += 1
        elif best[left][right] == best[left][right + 1]:
            right += 1
        else:
            pairs.append((left, right))
            left, right = left + 1, right + 1
    return pairs


def _likeness(left: Counter[str], right: Counter[str]) -> float:
    """Share of the words of both that both have (Dice's coefficient)."""
    return 2 * (left & right).total() / max(1, left.total() + right.total())


def _changed(old: str, new: str) -> Paragraph:
    """A paragraph with its words marked."""
    old, new = _folded(old), _folded(new)
    before, after = _words(old), _words(new)
    keys, new_keys = list(map(str.strip, before)), list(map(str.strip, after))
    if keys == new_keys:
        return _whole(PartKind.SAME, new)
    if len(before) > WORDS_LIMIT or len(after) > WORDS_LIMIT:
        return Paragraph(PartKind.CHANGED, (Words(PartKind.REMOVED, old), Words(PartKind.ADDED, new)))
    marked: list[Words] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, keys, new_keys).get_opcodes():
        if tag == "equal":
            both = zip(before[start:end], after[new_start:new_end], strict=True)
            # The last word of a paragraph has no white space behind it, and may stand within the other.
            marked.append(Words(PartKind.SAME, "".join(max(words, key=len) for words in both)))
            continue
        marked += [Words(PartKind.REMOVED, "".join(before[start:end]))] * (start < end)
        marked += [Words(PartKind.ADDED, "".join(after[new_start:new_end]))] * (new_start < new_end)
    return Paragraph(PartKind.CHANGED, tuple(marked))


def _whole(kind: PartKind, text: str) -> Paragraph:
    return Paragraph(kind, (Words(kind, text),))


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _judged_seq(revision: Revision) -> int:
    return revision.judged_seq
