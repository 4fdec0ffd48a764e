"""What can be asked of the words of a line: the questions that the rules are made of."""

import re
from collections.abc import Iterator, Sequence

from transforms.names import words as w
from transforms.names.gazetteer import Gazetteer, Name
from transforms.names.tokens import Case, Line, Token

ARTICLE = re.compile(r"(?:al|el|ad|an|ar|as|ash|at|az|ul|ud|bin|ben|de|la)-[A-Z]")  # al-Nur: a capital after all
_ACRONYM = re.compile(r"[A-Z]{2,7}|(?:[A-Z]\.){2,5}|[A-Z]{1,4}&[A-Z]{1,3}")
_INITIAL = re.compile(r"[A-Z]\.(?:[A-Z]\.)?")
_RUN_LIMIT = 30  # tokens: a longer run of capitals is no name, and must not cost the square of its length
MATCH_WORDS = 2  # different ones in a line: a report on a match
_OWNERS = frozenset("People Workers King Queen Children Women Lord Men Farmers Writers Veterans".split())  # noqa: SIM905  # reads best as words


class LineView:
    """A line's tokens, asked for by index; an index past the end has the text "" and is nothing."""

    def __init__(self, line: Line, gazetteer: Gazetteer) -> None:
        self.tokens = list(_split_hyphens(line.tokens, gazetteer))
        self.case = line.case
        self.gazetteer = gazetteer
        self.is_match = self._is_match()

    def text(self, i: int) -> str:
        """The words of token `i`."""
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def word(self, i: int) -> str:
        """Token `i` as the gazetteer has it: in a line of capitals only known acronyms keep theirs."""
        text = self.text(i)
        if self.case is Case.UPPER and (text not in self.gazetteer.names or self.is_common(i)):
            return text.title()
        return text

    def is_first(self, i: int) -> bool:
        """Whether a sentence begins with token `i`, so that its capital says nothing."""
        return i < len(self.tokens) and self.tokens[i].is_first

    def is_capital(self, i: int) -> bool:
        """Whether token `i` has the capital of a name."""
        text = self.text(i)
        return text[:1].isupper() or ARTICLE.match(text) is not None

    def is_acronym(self, i: int) -> bool:
        """Whether token `i` is capitals only, where others are not."""
        return self.case is not Case.UPPER and _ACRONYM.fullmatch(self.text(i)) is not None

    def is_initial(self, i: int) -> bool:
        """Whether token `i` is a letter or two with full stops."""
        return _INITIAL.fullmatch(self.text(i)) is not None

    def is_common(self, i: int) -> bool:
        """Whether token `i` is a word of the language."""
        text = self.text(i).lower()
        return text in self.gazetteer.common_words or text in w.OPENERS

    def is_title(self, i: int) -> bool:
        """Whether token `i` is a title."""
        return self.text(i) in w.TITLES

    def is_hard_title(self, i: int) -> bool:
        """Whether token `i` is a title that is part of no other name."""
        return self.is_title(i) and self.text(i) not in w.SOFT_TITLES

    def is_given(self, i: int) -> bool:
        """Whether token `i` begins a person's name: a given name, or an initial before a surname."""
        if self.is_initial(i):
            return self.is_surname(i + 1) or self.is_initial(i + 1)
        text = self.text(i)
        given = self.gazetteer.given_names
        if text not in given and text.partition("-")[0] not in given:
            return False
        return not self.is_first(i) or not self.is_common(i) or self.is_surname(i + 1)

    def is_surname(self, i: int) -> bool:
        """Whether token `i` can be a surname: a known one, or no word that means anything else."""
        text = self.word(i)
        if not self.is_capital(i) or self.is_acronym(i) or text.endswith(("ans", "crats")):
            return False
        if any(text in words for words in (w.NO_NAMES, w.TITLES, w.CALENDAR, w.ORG_HEADS)):
            return False
        return text in self.gazetteer.surnames or not self.is_common(i)

    def is_known_name_part(self, i: int) -> bool:
        """Whether token `i` is in the lists of given names or surnames."""
        return self.text(i) in self.gazetteer.given_names or self.text(i) in self.gazetteer.surnames

    def full_name_end(self, i: int, end: int) -> int | None:
        """Where a given name, initials and a surname that begin at `i` end."""
        if self.word(i) not in self.gazetteer.given_names:
            return None
        k = i + 1
        while k < end and self.is_initial(k):
            k += 1
        return k + 1 if k < end and self.is_surname(k) else None

    def known(self, i: int, end: int | None = None) -> tuple[int, Name] | None:
        """The longest known name that begins at `i` and ends by `end`: its own end, and its entry."""
        first = self.word(i)
        longest = max(self.gazetteer.longest.get(first, 0), self.gazetteer.longest.get(first + "'s", 0))
        stop = min(len(self.tokens) if end is None else end, i + longest)
        words: list[str] = []
        best = None
        for k in range(i, stop):
            name = self.gazetteer.names.get(" ".join([*words, self.word(k)]))
            words.append(self.word(k) + "'s" if self.tokens[k].is_possessive else self.word(k))
            if self.tokens[k].is_possessive:
                name = self.gazetteer.names.get(" ".join(words), name)
            if name is not None:
                best = k + 1, name
        return best

    def sure(self, i: int, end: int | None = None) -> tuple[int, Name] | None:
        """As `known`, but only a name that needs no context."""
        found = self.known(i, end)
        return found if found is not None and found[1].is_sure else None

    def _is_match(self) -> bool:
        """Whether the line reports on a match: by two words of which one says so, or by a score and a word."""
        found = {token.text.lower() for token in self.tokens} & w.MATCH
        return bool(found) and ((len(found) >= MATCH_WORDS and not found.isdisjoint(w.SPORT)) or self._has_score())

    def _has_score(self) -> bool:
        """Whether the line holds a score: 1 - 0."""
        texts = [token.text for token in self.tokens]
        return any(
            dash in ("-", "\u2013") and left.isdigit() and right.isdigit() and len(left) < 3 and len(right) < 3
            for left, dash, right in zip(texts, texts[1:], texts[2:], strict=False)
        )

    def run_end(self, i: int) -> int:
        """Where the capitals that begin at `i` end; particles and "&" are among them, a possessive is the last."""
        end = i + 1
        while end < min(len(self.tokens), i + _RUN_LIMIT):
            before = self.tokens[end - 1]
            if before.is_possessive and before.text not in _OWNERS:
                break
            next_capital = end
            while next_capital < end + 2 and self.text(next_capital) in w.PARTICLES:
                next_capital += 1
            if self.text(end) == "&":
                next_capital = end + 1
            if not self.is_capital(next_capital) or self.is_first(next_capital):
                break
            end = next_capital + 1
        return end


def _split_hyphens(tokens: Sequence[Token], gazetteer: Gazetteer) -> Iterator[Token]:
    """The tokens, with "Lima-based" and "US-China" taken apart; "Jean-Luc" and "al-Nur" stay whole."""
    for token in tokens:
        if "-" in token.text and _is_compound(token.text, gazetteer):
            start = token.start
            for index, part in enumerate(token.text.split("-")):
                yield Token(part, start, start + len(part), is_first=token.is_first and index == 0, is_glued=index > 0)
                start += len(part) + 1
        else:
            yield token


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
