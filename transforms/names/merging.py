"""Joins the mentions of one article that name the same person, organisation or place under its full name.

A shorter name of a person goes to the nearest earlier longer one that contains it, else to the nearest later one (a
headline names people before the text does); an acronym goes to the name that it was put beside in brackets, or whose
initials it is; a name that the gazetteer knows goes to its entry.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.enums import EntityType, MentionField
from transforms.names.gazetteer import british_spelling
from transforms.names.rules import Span

_BRACKETED = re.compile(r"\s?\(([A-Z][A-Za-z&.-]{1,9})\)")
_ARTICLE = re.compile(r"(?:al|el|ad|an|ar|as|ash|at|az|ul|ud)[- ]")
_PARTICLES = frozenset({"al", "el", "bin", "ibn", "de", "van", "von", "der"})
_COMPANY_SUFFIX = re.compile(r"[ ,]+(?:Inc|Corp|Ltd|LLC|PLC|Plc|Co|Company|Corporation|Limited|Group|Holdings)\.?$")


@dataclass(frozen=True, slots=True)
class Found:
    """A name where it stands in an article.

    Attributes:
        field: the text it stands in.
        span: where, and as what.
        text: the words.
    """

    field: MentionField
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The mentions of one entity, in reading order, and its full name."""

    name: str
    kind: EntityType
    id: str | None
    mentions: tuple[Found, ...]


def merge(found: Sequence[Found], texts: Mapping[MentionField, str]) -> list[Merged]:
    """The entities of an article, in order of their first mention.

    Args:
        found: every name, in reading order.
        texts: the texts that they stand in, where acronyms are explained.
    """
    acronyms = _acronyms(found, texts)
    fuller = _fuller([_parts(one.text) if one.span.kind is EntityType.PERSON else () for one in found])
    names: dict[tuple[EntityType, str], tuple[str, str | None]] = {}
    groups: dict[tuple[EntityType, str], list[Found]] = {}
    for index, one in enumerate(found):
        fullest = index
        while (longer := fuller[fullest]) is not None:
            fullest = longer
        name, curie = _full_name(found[fullest], acronyms)
        key = (one.span.kind, fold(name))
        best, known = names.get(key, (name, None))
        names[key] = (name if best.isupper() else best, known or curie)
        groups.setdefault(key, []).append(one)
    return [Merged(names[key][0], key[0], names[key][1], tuple(mentions)) for key, mentions in groups.items()]


def fold(name: str) -> str:
    """`name` for comparing: without case, accents, article and company suffix, in one spelling."""
    plain = british_spelling(name)
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return " ".join(_COMPANY_SUFFIX.sub("", plain.removeprefix("The ")).replace(".", "").casefold().split())


def _full_name(one: Found, acronyms: dict[str, str]) -> tuple[str, str | None]:
    """The name that `one` is counted under, and its id."""
    if one.span.kind is EntityType.ORG and one.text in acronyms:
        return acronyms[one.text], None
    known = one.span.name
    if known is None:
        return one.text, None
    # The article's own spelling of the full name stays: Organisation, Organization.
    is_full = fold(one.text) == fold(known.canonical) and not one.text.isupper()
    return one.text if is_full else known.canonical, known.id


# ── acronyms ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _acronyms(found: Sequence[Found], texts: Mapping[MentionField, str]) -> dict[str, str]:
    """The article's acronyms and the organisations that they stand for."""
    organisations = [one for one in found if one.span.kind is EntityType.ORG]
    short = {one.text for one in organisations if one.text.isupper() and " " not in one.text}
    acronyms: dict[str, str] = {}
    for one in organisations:
        if " " in one.text:
            bracketed = _BRACKETED.match(texts[one.field], one.span.end)
            if bracketed:
                acronyms.setdefault(bracketed[1], one.text)
            initials = "".join(word[0] for word in re.split(r"[ -]", one.text) if word[:1].isupper())
            if initials in short and len(initials) > 2:
                acronyms.setdefault(initials, one.text)
    return acronyms


# ── persons ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _parts(name: str) -> tuple[str, ...]:
    """A person's name as it is compared: folded words, without "al-" and other particles."""
    words = [_ARTICLE.sub("", word) for word in fold(name).replace("\u2019", "'").split()]
    return tuple(word for word in words if word not in _PARTICLES)


def _fuller(people: Sequence[tuple[str, ...]]) -> list[int | None]:
    """For each name the place of a longer one that it stands for: the nearest before it, else the nearest after."""
    places = range(len(people))
    before, after = _nearest_longer(people, places), _nearest_longer(people, reversed(places))
    return [after[place] if before[place] is None else before[place] for place in places]


def _nearest_longer(people: Sequence[tuple[str, ...]], places: Iterable[int]) -> dict[int, int | None]:
    """For each name the nearest of those walked over before it that has its words, in order, and more."""
    latest: dict[tuple[str, ...], int] = {}
    nearest: dict[int, int | None] = {}
    for place in places:
        name = people[place]
        nearest[place] = latest.get(name)
        for count in range(1, len(name)):
            # at most 62 shorter forms: a name has six words or fewer
            latest.update(dict.fromkeys(itertools.combinations(name, count), place))
    return nearest
