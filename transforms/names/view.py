"""What can be asked of the words of a line: the questions that the rules are made of."""

import itertools
import re
from functools import cached_property

from transforms.names import words as w
from transforms.names.gazetteer import Gazetteer, Name
from transforms.names.tokens import Case, Line

ARTICLE = re.compile(r"(?:al|el|ad|an|ar|as|ash|at|az|ul|ud|bin|ben|de|la)-[A-Z]")  # al-Nur: a capital after all
_ACRONYM = re.compile(r"[A-Z]{2,7}|(?:[A-Z]\.){2,5}|[A-Z]{1,4}&[A-Z]{1,3}")
_INITIAL = re.compile(r"[A-Z]\.(?:[A-Z]\.)?")
NO_SURNAMES = w.NO_NAMES | w.TITLES | w.CALENDAR | w.ORG_HEADS  # words that are no surname
_RUN_LIMIT = 30  # tokens: a longer run of capitals is no name, and must not cost the square of its length
MATCH_WORDS = 2  # different ones in a line: a report on a match
_OWNERS = frozenset("People Workers King Queen Children Women Lord Men Farmers Writers Veterans".split())  # noqa: SIM905  # reads best as words

# Rules look at most four tokens back and three on. Past the end stands nothing, and so before the beginning, which
# negative indexes take from there.
_BEYOND = [""] * 8
_NOT_BEYOND = [False] * 8


class LineView:
    """A line's tokens, asked for by index; one before the first or a few past the last is "" and is nothing.

    Attributes:
        count: how many tokens there are.
        texts: the tokens.
        starts: their first code points.
        firsts: whether a sentence begins with one, so that its capital says nothing.
        possessives: whether an 's follows one.
        capitals: whether one has the capital of a name.
        words: the tokens as the gazetteer has them: in a line of capitals only known acronyms keep theirs.
        case: what capitals mean.
    """

    def __init__(self, line: Line, gazetteer: Gazetteer) -> None:
        _split_hyphens(line, gazetteer)
        self.case = line.case
        self.gazetteer = gazetteer
        self.count = len(line.texts)
        self.starts = line.starts
        self.texts = line.texts + _BEYOND
        self.firsts = line.firsts + _NOT_BEYOND
        self.possessives = line.possessives + _NOT_BEYOND
        self.capitals = [
            not text.islower() and (text[:1].isupper() or ("-" in text and ARTICLE.match(text) is not None))
            for text in self.texts
        ]
        self.words = [self._word(text) for text in self.texts] if line.case is Case.UPPER else self.texts
        self._known: dict[tuple[int, int], tuple[int, Name] | None] = {}

    @cached_property
    def is_match(self) -> bool:
        """Whether the line reports on a match: by two words of which one says so, or by a score and a word."""
        found = {text.lower() for text in self.texts} & w.MATCH
        return bool(found) and ((len(found) >= MATCH_WORDS and not found.isdisjoint(w.SPORT)) or self._has_score())

    def end(self, i: int) -> int:
        """The code point behind token `i`."""
        return self.starts[i] + len(self.texts[i])

    def is_acronym(self, i: int) -> bool:
        """Whether token `i` is capitals only, where others are not."""
        return self.case is not Case.UPPER and _ACRONYM.fullmatch(self.texts[i]) is not None

    def is_initial(self, i: int) -> bool:
        """Whether token `i` is a letter or two with full stops."""
        return _INITIAL.fullmatch(self.texts[i]) is not None

    def is_common(self, i: int) -> bool:
        """Whether token `i` is a word of the language."""
        return self._is_common(self.texts[i])

    def _is_common(self, text: str) -> bool:
        text = text.lower()
        return text in self.gazetteer.common_words or text in w.OPENERS

    def is_title(self, i: int) -> bool:
        """Whether token `i` is a title."""
        return self.texts[i] in w.TITLES

    def is_hard_title(self, i: int) -> bool:
        """Whether token `i` is a title that is part of no other name."""
        return self.is_title(i) and self.texts[i] not in w.SOFT_TITLES

    def is_given(self, i: int) -> bool:
        """Whether token `i` begins a person's name: a given name, or an initial before a surname."""
        if self.is_initial(i):
            return self.is_surname(i + 1) or self.is_initial(i + 1)
        text = self.texts[i]
        given = self.gazetteer.given_names
        if text not in given and text.partition("-")[0] not in given:
            return False
        return not self.firsts[i] or not self.is_common(i) or self.is_surname(i + 1)

    def is_surname(self, i: int) -> bool:
        """Whether token `i` can be a surname: a known one, or no word that means anything else."""
        text = self.words[i]
        if not self.capitals[i] or self.is_acronym(i) or text.endswith(("ans", "crats")):
            return False
        if text in NO_SURNAMES:
            return False
        return text in self.gazetteer.surnames or not self.is_common(i)

    def is_known_name_part(self, i: int) -> bool:
        """Whether token `i` is in the lists of given names or surnames."""
        return self.texts[i] in self.gazetteer.given_names or self.texts[i] in self.gazetteer.surnames

    def full_name_end(self, i: int, end: int) -> int | None:
        """Where a given name, initials and a surname that begin at `i` end."""
        if self.words[i] not in self.gazetteer.given_names:
            return None
        k = i + 1
        while k < end and self.is_initial(k):
            k += 1
        return k + 1 if k < end and self.is_surname(k) else None

    def known(self, i: int, end: int | None = None) -> tuple[int, Name] | None:
        """The longest known name that begins at `i` and ends by `end`: its own end, and its entry."""
        longest = self.gazetteer.longest.get(self.words[i])
        if longest is None:
            return None
        stop = min(self.count if end is None else end, i + longest)
        if (i, stop) not in self._known:
            self._known[i, stop] = self._longest(i, stop)
        return self._known[i, stop]

    def _longest(self, i: int, stop: int) -> tuple[int, Name] | None:
        names = self.gazetteer.names
        begun = ""
        best = None
        for k in range(i, stop):
            form = begun + self.words[k]
            name = names.get(form)
            if self.possessives[k]:
                form += "'s"
                name = names.get(form, name)
            if name is not None:
                best = k + 1, name
            begun = form + " "
        return best

    def sure(self, i: int, end: int | None = None) -> tuple[int, Name] | None:
        """As `known`, but only a name that needs no context."""
        found = self.known(i, end)
        return found if found is not None and found[1].is_sure else None

    def _has_score(self) -> bool:
        """Whether the line holds a score: 1 - 0."""
        return any(
            dash in ("-", "\u2013") and left.isdigit() and right.isdigit() and len(left) < 3 and len(right) < 3
            for left, dash, right in zip(self.texts, self.texts[1:], self.texts[2:], strict=False)
        )

    def _word(self, text: str) -> str:
        return text.title() if text not in self.gazetteer.names or self._is_common(text) else text

    def run_end(self, i: int) -> int:
        """Where the capitals that begin at `i` end; particles and "&" are among them, a possessive is the last."""
        texts = self.texts
        end = i + 1
        while end < min(self.count, i + _RUN_LIMIT):
            if self.possessives[end - 1] and texts[end - 1] not in _OWNERS:
                break
            next_capital = end
            while next_capital < end + 2 and texts[next_capital] in w.PARTICLES:
                next_capital += 1
            if texts[end] == "&":
                next_capital = end + 1
            if not self.capitals[next_capital] or self.firsts[next_capital]:
                break
            end = next_capital + 1
        return end


def _split_hyphens(line: Line, gazetteer: Gazetteer) -> None:
    """Take "Lima-based" and "US-China" apart in `line`; "Jean-Luc" and "al-Nur" stay whole."""
    hyphened = [i for i, text in enumerate(line.texts) if "-" in text and _is_compound(text, gazetteer)]
    for i in reversed(hyphened):
        parts = line.texts[i].split("-")
        starts = itertools.accumulate((len(part) + 1 for part in parts[:-1]), initial=line.starts[i])
        others = [False] * (len(parts) - 1)
        line.texts[i : i + 1] = parts
        line.starts[i : i + 1] = starts
        line.firsts[i + 1 : i + 1] = others
        line.possessives[i : i + 1] = [False, *others]


def _is_compound(text: str, gazetteer: Gazetteer) -> bool:
    if not text[0].isupper() or text in gazetteer.names:
        return False
    first, _, rest = text.partition("-")
    if rest in w.MODIFIERS:
        return True
    if first not in gazetteer.names and first not in w.DEMONYMS:
        return False
    if rest.endswith("ed") or rest in gazetteer.common_words:
        return True
    return all(part in gazetteer.names or part in w.DEMONYMS for part in rest.split("-"))
