"""Text as lines of tokens with offsets: what the recogniser reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_APOSTROPHES = "'\u2019"
# A word keeps its inner hyphens, apostrophes and full stops (al-Nur, O'Neill, U.S.); any other character is a token of
# its own. What joins is no part of words, so no two ways lead to one match: linear time.
_TOKEN = re.compile(rf"[^\W_]+(?:[-.&{_APOSTROPHES}][^\W_]+)*|\S")
_ENDS = ".!?\u2026:"
_QUOTES_AND_BULLETS = '"\u201c\u2018\u00ab\u00bb\u2022*>'  # the word after one may have its capital from it
_DOTTED = re.compile(r"[A-Z](?:\.[A-Z])*", re.ASCII)
_ABBREVIATED = frozenset(
    "Mr Mrs Ms Dr Prof Rev Fr Sr Jr St Mt Ft Gen Rep Reps Sen Sens Gov Col Maj Adm Hon Capt Lt Sgt Cpl Pvt Brig Cmdr "  # noqa: SIM905  # reads best as words
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec No vs Inc Corp Ltd Co Bros Ave".split()
)


class Case(Enum):
    """What capitals mean in a line."""

    NORMAL = "normal"
    TITLE = "title"  # Most Words Are Capitalised: a capital says nothing
    UPPER = "upper"  # ALL ARE


@dataclass(slots=True)
class Token:
    """A word or a mark of punctuation."""

    text: str
    start: int
    end: int
    is_first: bool  # of a sentence: its capital says nothing
    is_glued: bool  # no white space before it
    is_possessive: bool = False  # an 's followed; it is not part of the text


@dataclass(slots=True)
class Line:
    """A paragraph, or whatever stands between line breaks."""

    tokens: list[Token]
    case: Case


def lines(text: str) -> Iterator[Line]:
    """The non-empty lines of `text`; offsets are code points of `text`."""
    start = 0
    for content in text.split("\n"):
        tokens = _tokens(content, start)
        if tokens:
            yield Line(tokens, _case(tokens))
        start += len(content) + 1


def _tokens(content: str, offset: int) -> list[Token]:
    tokens: list[Token] = []
    is_first = True
    for match in _TOKEN.finditer(content):
        word = match.group()
        start, end = match.start() + offset, match.end() + offset
        is_glued = bool(tokens) and tokens[-1].end == start
        if word == "." and is_glued and _is_abbreviation(tokens[-1].text):
            tokens[-1].text += "."
            tokens[-1].end = end
            continue
        if word in ("s", "S") and is_glued and len(tokens) > 1 and tokens[-1].text in _APOSTROPHES:
            # "Italy 's", as some texts are spaced
            tokens.pop()
            tokens[-1].is_possessive = True
            continue
        token = Token(word, start, end, is_first=is_first and word[0].isalnum(), is_glued=is_glued)
        if len(word) > 2 and word[-1] in "sS" and word[-2] in _APOSTROPHES:
            token.text, token.end, token.is_possessive = word[:-2], end - 2, True
        tokens.append(token)
        is_first = word in _ENDS or word in _QUOTES_AND_BULLETS or (is_first and not word[0].isalnum())
    return tokens


def _is_abbreviation(word: str) -> bool:
    return word in _ABBREVIATED or _DOTTED.fullmatch(word) is not None


def _case(tokens: list[Token]) -> Case:
    words = [token for token in tokens if token.text[0].isalpha()]
    letters = "".join(token.text for token in words)
    if len(words) > 2 and sum(map(str.isupper, letters)) > 0.8 * len(letters):
        return Case.UPPER
    # A headline: at least four words, none of more than three letters in lower case but for one in ten.
    long = [token for token in words if len(token.text) > 3]
    lower = sum(token.text[0].islower() for token in long)
    ends = tokens[-1].text in _ENDS
    if len(words) >= 4 and len(long) >= 3 and not ends and lower * 10 <= len(long):
        return Case.TITLE
    return Case.NORMAL
