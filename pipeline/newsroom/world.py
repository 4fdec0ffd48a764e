"""What the newsroom's outlets show in a round: a pure function of the seed and the round.

The texts stand in articles.toml beside this file; the seed chooses names and figures in them and the minute of each
publication. Times are fixed days in the past: nothing here reads a clock.
"""

import datetime as dt
import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources

import msgspec

from pipeline.newsroom.outlets import OUTLETS, Outlet
from schemas.enums import Change
from schemas.records import Caption

LAST_ROUND = 3
STORY = "patras-ferry-aground"  # key of the article that the demo follows
AGENCY = "Meridian News Agency"  # whom the copies credit

_FIRST_ROUND_AT = dt.datetime(2025, 11, 3, 8, tzinfo=dt.UTC)
_ROUND_LASTS = dt.timedelta(hours=3)
_OUTLETS = {outlet.host: outlet for outlet in OUTLETS}


class Credit(StrEnum):
    """Where a copy names the agency."""

    DATELINE = "dateline"  # before the first words
    BYLINE = "byline"  # as the author, and nowhere else
    TAIL = "tail"  # in a line of its own that ends the text


class Link(StrEnum):
    """What a feed's link to an article leads to."""

    PAGE = "page"
    REDIRECT = "redirect"  # an address that redirects to the page
    MISSING = "missing"  # 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An article as its outlet shows it in one round."""

    outlet: Outlet
    key: str
    title: str
    feed_title: str  # what the feed calls it
    summary: str
    section: str
    author: str
    language: str
    tags: tuple[str, ...]
    paragraphs: tuple[str, ...]  # dateline, corrections and agency line are part of the text
    captions: tuple[Caption, ...]
    link: Link
    credit: Credit | None  # where a copy names the agency
    change: Change  # what the newest version of the page is
    changed_in: int  # the round that brought that version
    published_at: dt.datetime
    modified_at: dt.datetime
    listed_at: dt.datetime  # when the feed's entry changed last
    original: "Published | None"  # of a copy: what it was copied from, as it stood then

    @property
    def id(self) -> int:
        """The outlet's own number for the article: six digits."""
        return zlib.crc32(f"{self.outlet.host}/{self.key}".encode()) % 900_000 + 100_000

    @property
    def path(self) -> str:
        """The page's path and query."""
        return self.outlet.article_path.format(
            id=self.id, slug=self.key, section=self.section.lower(), date=self.published_at
        )

    @property
    def feed_path(self) -> str:
        """The path that the feed links to."""
        return f"/r/{self.id}" if self.link is Link.REDIRECT else self.path


@lru_cache(maxsize=64)
def edition(seed: int, round_no: int) -> tuple[Published, ...]:
    """Every article that can be seen in a round, newest first.

    Args:
        seed: chooses names, figures and minutes.
        round_no: 1 to `LAST_ROUND`; later rounds show what the last one shows.
    """
    script = _script()
    originals = {draft.key: draft for draft in script.article}
    shown = [_original(draft, seed, round_no) for draft in script.article if draft.version[0].round <= round_no]
    shown += [_copy(copy, originals[copy.of], seed) for copy in script.copy if copy.round <= round_no]
    return tuple(sorted(shown, key=_newest_first))


# ── articles.toml ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: str = msgspec.field(name="from")
    new: str = msgspec.field(name="to")


class _Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    round: int
    change: Change = Change.NEW
    title: str = ""
    feed_title: str = ""
    summary: str = ""
    body: str = ""
    captions: tuple[Caption, ...] = ()
    replace: tuple[_Replacement, ...] = ()
    append: str = ""

    @property
    def is_feed_only(self) -> bool:
        return bool(self.feed_title) and not (self.title or self.body or self.replace or self.append)


class _Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    outlet: str
    section: str
    author: str
    version: tuple[_Version, ...]
    language: str = "en"
    place: str = ""
    tags: tuple[str, ...] = ()
    link: Link = Link.PAGE
    slots: dict[str, tuple[str, ...]] = {}


class _Copy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: str
    outlet: str
    round: int
    title: str
    keeps: int  # paragraphs
    credit: Credit
    author: str = AGENCY
    replace: tuple[_Replacement, ...] = ()


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    article: tuple[_Draft, ...]
    copy: tuple[_Copy, ...]


@cache
def _script() -> _Script:
    return msgspec.toml.decode(resources.files(__package__).joinpath("articles.toml").read_bytes(), type=_Script)


# ── drafts become articles ─────────────────────────────────────────────────────────────────────────────────────────


def _original(draft: _Draft, seed: int, round_no: int) -> Published:
    outlet = _OUTLETS[draft.outlet]
    words = _chosen(draft, seed)
    minutes = random.Random(f"{seed}/{draft.key}/minutes")  # noqa: S311  # an article's dice, no secret
    title = feed_title = summary = body = ""
    captions: tuple[Caption, ...] = ()
    change, changed_in = Change.NEW, 0
    published_at = modified_at = listed_at = _FIRST_ROUND_AT
    for version in draft.version:
        at = _round_at(version.round) - dt.timedelta(minutes=minutes.randint(60, 170))
        if version.round > round_no:
            break
        title = _replaced(version.title or title, version.replace)
        summary = _replaced(version.summary or summary, version.replace)
        body = _replaced(version.body.strip() or body, version.replace)
        if version.append:
            body = f"{body}\n\n{version.append.strip()}"
        captions = version.captions or captions
        feed_title = version.feed_title or title
        listed_at = at
        if not version.is_feed_only:
            change, changed_in, modified_at = version.change, version.round, at
        if version is draft.version[0]:
            published_at = at
    paragraphs = body.format_map(words).split("\n\n")
    if draft.place and outlet.dateline:
        paragraphs[0] = outlet.dateline.format(place=draft.place, date=published_at) + paragraphs[0]
    return Published(
        outlet=outlet,
        key=draft.key,
        title=title.format_map(words),
        feed_title=feed_title.format_map(words),
        summary=summary.format_map(words),
        section=draft.section,
        author=draft.author,
        language=draft.language,
        tags=draft.tags,
        paragraphs=tuple(paragraphs),
        captions=_filled(captions, words),
        link=draft.link,
        credit=None,
        change=change,
        changed_in=changed_in,
        published_at=published_at,
        modified_at=modified_at,
        listed_at=listed_at,
        original=None,
    )


def _copy(copy: _Copy, draft: _Draft, seed: int) -> Published:
    source = _original(draft, seed, copy.round)
    minutes = random.Random(f"{seed}/{copy.of}/{copy.outlet}").randint(5, 40)  # noqa: S311  # as above
    at = _round_at(copy.round) - dt.timedelta(minutes=minutes)
    title = copy.title.format_map(_chosen(draft, seed))
    title = title[:1].upper() + title[1:]
    first, *others = source.paragraphs[: copy.keeps]
    if draft.place:
        first = first.removeprefix(source.outlet.dateline.format(place=draft.place, date=source.published_at))
    if copy.credit is Credit.DATELINE:
        first = f"{draft.place} ({AGENCY}) — {first}"
    if copy.credit is Credit.TAIL:
        others.append(f"({AGENCY})")
    return Published(
        outlet=_OUTLETS[copy.outlet],
        key=copy.of,
        title=title,
        feed_title=title,
        summary=source.summary,
        section=source.section,
        author=copy.author,
        language=source.language,
        tags=source.tags,
        paragraphs=tuple(_replaced(paragraph, copy.replace) for paragraph in (first, *others)),
        captions=source.captions[:1],
        link=Link.PAGE,
        credit=copy.credit,
        change=Change.NEW,
        changed_in=copy.round,
        published_at=at,
        modified_at=at,
        listed_at=at,
        original=source,
    )


def _chosen(draft: _Draft, seed: int) -> dict[str, str]:
    dice = random.Random(f"{seed}/{draft.key}")  # noqa: S311  # as above
    words: dict[str, str] = {}
    for slot, choices in sorted(draft.slots.items()):
        words[slot] = dice.choice(choices)
        words[f"{slot}_last"] = words[slot].rsplit(" ", 1)[-1]
    return words


def _filled(captions: Iterable[Caption], words: dict[str, str]) -> tuple[Caption, ...]:
    return tuple(Caption(text=caption.text.format_map(words), credit=caption.credit) for caption in captions)


def _replaced(words: str, replacements: Iterable[_Replacement]) -> str:
    for replacement in replacements:
        words = words.replace(replacement.old, replacement.new)
    return words


def _round_at(round_no: int) -> dt.datetime:
    return _FIRST_ROUND_AT + (round_no - 1) * _ROUND_LASTS


def _newest_first(article: Published) -> tuple[float, str, str]:
    return (-article.published_at.timestamp(), article.outlet.host, article.key)
