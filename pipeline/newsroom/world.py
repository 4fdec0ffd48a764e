"""What the newsroom's outlets show in a round: a pure function of the seed and the round.

The texts stand in articles.toml beside this file; the seed chooses names and figures in them and the minute of each
publication. Times are fixed days in the past: nothing here reads a clock.
"""

import datetime as dt
import random
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources

import msgspec

from pipeline.newsroom.outlets import OUTLETS, Outlet
from schemas.enums import Change, PubStatus
from schemas.records import Caption

LAST_ROUND = 8
STORY = "patras-ferry-aground"  # key of the article that the demo follows
AGENCY = "Meridian News Agency"  # whom the copies credit

FIRST_ROUND_AT = dt.datetime(2025, 11, 3, 8, tzinfo=dt.UTC)
ROUND_LASTS = dt.timedelta(hours=3)
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
    slug: str
    former_slugs: tuple[str, ...]  # under which the page stood before
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
    pub_status: PubStatus
    page_status: int  # what the page answers: 200, or 404 or 410 once it has expired
    is_listed: bool  # whether it stands in the feed
    published_at: dt.datetime
    modified_at: dt.datetime
    listed_at: dt.datetime  # when the feed's entry changed last
    original: "Published | None"  # of a copy: what it was copied from, as it stood then
    is_excerpt: bool  # of a copy: whether it holds a small part only

    @property
    def id(self) -> int:
        """The outlet's own number for the article: six digits."""
        return zlib.crc32(f"{self.outlet.host}/{self.key}".encode()) % 900_000 + 100_000

    @property
    def path(self) -> str:
        """The page's path and query."""
        return self._path(self.slug)

    @property
    def former_paths(self) -> tuple[str, ...]:
        """Where the page stood before: they redirect to `path`."""
        return tuple(self._path(slug) for slug in self.former_slugs)

    @property
    def feed_path(self) -> str:
        """The path that the feed links to."""
        return f"/r/{self.id}" if self.link is Link.REDIRECT else self.path

    def _path(self, slug: str) -> str:
        return self.outlet.article_path.format(
            id=self.id, slug=slug, section=self.section.lower(), date=self.published_at
        )


@lru_cache(maxsize=64)
def edition(seed: int, round_no: int) -> tuple[Published, ...]:
    """Every article that was published up to a round, as that round shows it, newest first.

    Args:
        seed: chooses names, figures and minutes.
        round_no: 1 to `LAST_ROUND`; later rounds show what the last one shows.
    """
    script = _script()
    originals = {draft.key: draft for draft in script.article}
    shown = [_original(draft, seed, round_no) for draft in script.article if draft.version[0].round <= round_no]
    shown += [_copy(copy, originals[copy.of], seed, round_no) for copy in script.copy if copy.round <= round_no]
    return tuple(sorted(shown, key=_newest_first))


# ── articles.toml ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: str = msgspec.field(name="from")
    new: str = msgspec.field(name="to")


class _Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    round: int
    change: Change = Change.NEW
    base: int | None = None  # the round whose version this one is made from, if not the one before
    slug: str = ""
    title: str = ""
    feed_title: str = ""
    summary: str = ""
    body: str = ""
    captions: tuple[Caption, ...] | None = None
    replace: tuple[_Replacement, ...] = ()
    append: str = ""

    @property
    def is_feed_only(self) -> bool:
        return bool(self.feed_title) and not (self.title or self.body or self.replace or self.append)


class _Expiry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    round: int
    status: int
    is_listed: bool


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
    expiry: _Expiry | None = None


class _Copy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: str
    outlet: str
    round: int
    title: str
    keeps: int  # paragraphs
    credit: Credit
    author: str = AGENCY
    replace: tuple[_Replacement, ...] = ()
    is_excerpt: bool = False
    version: tuple[_Version, ...] = ()  # what becomes of it later


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    article: tuple[_Draft, ...]
    copy: tuple[_Copy, ...]


@cache
def _script() -> _Script:
    return msgspec.toml.decode(resources.files(__package__).joinpath("articles.toml").read_bytes(), type=_Script)


# ── drafts become articles ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the versions up to a round have made of an article."""

    slugs: tuple[str, ...]  # the present one last
    title: str = ""
    feed_title: str = ""
    summary: str = ""
    body: str = ""
    captions: tuple[Caption, ...] = ()
    change: Change = Change.NEW
    changed_in: int = 0
    modified_at: dt.datetime = FIRST_ROUND_AT
    listed_at: dt.datetime = FIRST_ROUND_AT


def _after(state: _State, version: _Version, at: dt.datetime, earlier: Mapping[int, _State]) -> _State:
    """The state after a version that was made at `at`; `earlier` holds those that it may be made from."""
    base = state if version.base is None else earlier[version.base]
    title = _replaced(version.title or base.title, version.replace)
    body = _replaced(version.body.strip() or base.body, version.replace)
    after = replace(
        state,
        slugs=(*state.slugs, version.slug) if version.slug else state.slugs,
        title=title,
        feed_title=version.feed_title or title,
        summary=_replaced(version.summary or base.summary, version.replace),
        body=f"{body}\n\n{version.append.strip()}" if version.append else body,
        captions=base.captions if version.captions is None else version.captions,
        listed_at=at,
    )
    if version.is_feed_only:
        return after
    return replace(after, change=version.change, changed_in=version.round, modified_at=at)


def _original(draft: _Draft, seed: int, round_no: int) -> Published:
    outlet = _OUTLETS[draft.outlet]
    words = _chosen(draft, seed)
    minutes = random.Random(f"{seed}/{draft.key}/minutes")  # noqa: S311  # an article's dice, no secret
    times = [_round_at(version.round) - dt.timedelta(minutes=minutes.randint(60, 170)) for version in draft.version]
    state = _State(slugs=(draft.key,))
    states: dict[int, _State] = {}
    for version, at in zip(draft.version, times, strict=True):
        if version.round <= round_no:
            state = states[version.round] = _after(state, version, at, states)
    expiry = draft.expiry if draft.expiry and draft.expiry.round <= round_no else None
    if expiry and not expiry.is_listed:
        state = replace(state, listed_at=_round_at(expiry.round) - dt.timedelta(minutes=60))
    paragraphs = state.body.format_map(words).split("\n\n")
    if draft.place and outlet.dateline and state.change is not Change.KILL:
        paragraphs[0] = outlet.dateline.format(place=draft.place, date=times[0]) + paragraphs[0]
    return Published(
        outlet=outlet,
        key=draft.key,
        slug=state.slugs[-1],
        former_slugs=state.slugs[:-1],
        title=state.title.format_map(words),
        feed_title=state.feed_title.format_map(words),
        summary=state.summary.format_map(words),
        section=draft.section,
        author=draft.author,
        language=draft.language,
        tags=draft.tags,
        paragraphs=tuple(paragraphs),
        captions=_filled(state.captions, words),
        link=draft.link,
        credit=None,
        change=state.change,
        changed_in=state.changed_in,
        pub_status=_status(state),
        page_status=expiry.status if expiry else 200,
        is_listed=expiry is None or expiry.is_listed,
        published_at=times[0],
        modified_at=state.modified_at,
        listed_at=state.listed_at,
        original=None,
        is_excerpt=False,
    )


def _copy(copy: _Copy, draft: _Draft, seed: int, round_no: int) -> Published:
    source = _original(draft, seed, copy.round)
    minutes = random.Random(f"{seed}/{copy.of}/{copy.outlet}")  # noqa: S311  # as above
    at = _round_at(copy.round) - dt.timedelta(minutes=minutes.randint(5, 40))
    words = _chosen(draft, seed)
    title = copy.title.format_map(words)
    title = title[:1].upper() + title[1:]
    first, *others = source.paragraphs[: copy.keeps]
    if draft.place:
        first = first.removeprefix(source.outlet.dateline.format(place=draft.place, date=source.published_at))
    if copy.credit is Credit.DATELINE:
        first = f"{draft.place} ({AGENCY}) — {first}"
    if copy.credit is Credit.TAIL:
        others.append(f"({AGENCY})")
    state = _State(
        slugs=(copy.of,),
        title=title,
        feed_title=title,
        summary=source.summary,
        body="\n\n".join(_replaced(paragraph, copy.replace) for paragraph in (first, *others)),
        captions=source.captions[:1],
        changed_in=copy.round,
        modified_at=at,
        listed_at=at,
    )
    for version in copy.version:
        if version.round <= round_no:
            changed_at = _round_at(version.round) - dt.timedelta(minutes=minutes.randint(5, 40))
            state = _after(state, version, changed_at, {})
    return Published(
        outlet=_OUTLETS[copy.outlet],
        key=copy.of,
        slug=state.slugs[-1],
        former_slugs=state.slugs[:-1],
        title=state.title,
        feed_title=state.feed_title,
        summary=state.summary,
        section=source.section,
        author=copy.author,
        language=source.language,
        tags=source.tags,
        paragraphs=tuple(state.body.format_map(words).split("\n\n")),
        captions=state.captions,
        link=Link.PAGE,
        credit=copy.credit,
        change=state.change,
        changed_in=state.changed_in,
        pub_status=_status(state),
        page_status=200,
        is_listed=True,
        published_at=at,
        modified_at=state.modified_at,
        listed_at=state.listed_at,
        original=source,
        is_excerpt=copy.is_excerpt,
    )


def _status(state: _State) -> PubStatus:
    return PubStatus.CANCELED if state.change is Change.KILL else PubStatus.USABLE


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
    return FIRST_ROUND_AT + (round_no - 1) * ROUND_LASTS


def _newest_first(article: Published) -> tuple[float, str, str]:
    return (-article.published_at.timestamp(), article.outlet.host, article.key)
