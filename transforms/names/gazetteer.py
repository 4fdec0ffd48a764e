"""The world's known names: countries, cities, regions, organisations with their acronyms, given names, surnames.

The data are files beside this module (data/README.md says where they come from); nothing is downloaded.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.enums import EntityType

DATA = Path(__file__).parent / "data"

_LARGE = "~"
_MARKS = "?" + _LARGE  # before a form that is not sure alone
_WORD = re.compile(r"[^\W_]+(?:[-.&'\u2019][^\W_]+)*\.?|\S")


@dataclass(frozen=True, slots=True)
class Name:
    """A known name.

    Attributes:
        canonical: the full name it is counted under.
        kind: PLACE or ORG.
        id: a CURIE, or None.
        is_sure: whether the words mean this wherever they stand; "Reading" and "Jordan" need a context that says so.
        is_large: of what is not sure, whether it is a city so large that little context is enough.
    """

    canonical: str
    kind: EntityType
    id: str | None
    is_sure: bool
    is_large: bool = False


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Look-up tables; all but `common_words` are case-sensitive."""

    names: dict[str, Name]  # by form, its words joined by one space
    longest: dict[str, int]  # the most words of a form that begins with this word, or with this word's possessive
    given_names: frozenset[str]
    surnames: frozenset[str]
    common_words: frozenset[str]

    def match(self, words: Sequence[str]) -> tuple[int, Name] | None:
        """The longest known name that `words` begins with, and of how many words it is."""
        if not words:
            return None
        for count in range(min(self.longest.get(words[0], 0), len(words)), 0, -1):
            name = self.names.get(" ".join(words[:count]))
            if name is not None:
                return count, name
        return None


@cache
def load() -> Gazetteer:
    """The gazetteer of the shipped data; read once in a process (about 0.2 s)."""
    names: dict[str, Name] = {}
    for file, kind in (
        ("cities.txt.gz", EntityType.PLACE),
        ("places.txt", EntityType.PLACE),
        ("organisations.txt", EntityType.ORG),
    ):
        names.update(_names(_lines(file), kind))
    longest: dict[str, int] = {}
    for form in names:
        words = form.split(" ")
        for first in {words[0], words[0].removesuffix("'s")}:
            longest[first] = max(longest.get(first, 0), len(words))
    given = {word for line in _lines("given_names.txt") for word in line.split()}
    return Gazetteer(
        names=names,
        longest=longest,
        given_names=frozenset(given.union(_lines("given_names.txt.gz"))),
        surnames=frozenset(_lines("surnames.txt.gz")),
        common_words=frozenset(_lines("common_words.txt.gz")),
    )


def _lines(name: str) -> Iterator[str]:
    raw = (DATA / name).read_bytes()
    text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()
    return (line for line in text.splitlines() if line and not line.startswith("#"))


def _names(lines: Iterator[str], kind: EntityType) -> dict[str, Name]:
    names: dict[str, Name] = {}
    for line in lines:
        curie, *forms = line.split("|")
        canonical = forms[0].lstrip(_MARKS)
        for form in forms:
            name = Name(canonical, kind, curie or None, form[0] not in _MARKS, is_large=form[0] == _LARGE)
            for spelling in _spellings(form.lstrip(_MARKS)):
                other = names.get(spelling, name)
                if kind is EntityType.ORG and other.canonical != canonical:
                    # Two organisations share the acronym: which is meant, the article must say.
                    names[spelling] = Name(spelling, kind, None, is_sure=True)
                elif other is name or name.is_sure > other.is_sure:
                    # A country comes before a city of its name.
                    names[spelling] = name
    return names


def _spellings(form: str) -> Iterator[str]:
    words = " ".join(_WORD.findall(form))
    yield words
    british = british_spelling(words)
    if british != words:
        yield british


_BRITISH = (
    ("ization", "isation"),
    ("Center", "Centre"),
    ("Defense", "Defence"),
    ("Labor", "Labour"),
    ("Program ", "Programme "),
)


def british_spelling(name: str) -> str:
    """`name` as a British outlet writes it; what is British already stays."""
    for american, british in _BRITISH:
        if american in name and british not in name:
            name = name.replace(american, british)
    return name
