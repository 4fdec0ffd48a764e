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


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, or whatever stands between line breaks, as its tokens: words and marks of punctuation.

    Lists, each with one value for each token, since an object for each would cost more than finding it.

    Attributes:
        texts: the tokens.
        starts: their first code points.
        firsts: whether one begins a sentence: its capital says nothing.
        possessives: whether an 's followed, which is no part of the token.
        case: what capitals mean.
    """

    texts: list[str]
    starts: list[int]
    firsts: list[bool]
    possessives: list[bool]
    case: Case


def lines(text: str) -> Iterator[Line]:
    """The non-empty lines of `text`; offsets are code points of `text`."""
    start = 0
    for content in text.split("\n"):
        line = _line(content, start)
        if line.texts:
            yield line
        start += len(content) + 1


def _line(content: str, offset: int) -> Line:
    matches = list(_TOKEN.finditer(content))
    texts = [match[0] for match in matches]
    starts = [match.start() + offset for match in matches]
    firsts = [False] * len(texts)
    possessives = [False] * len(texts)
    joined: list[int] = []  # tokens that turn out to be parts of others
    last = -1  # the token before, of those that are no parts
    opening = 0  # the token that begins a sentence if it is a word, or -1
    for i in [i for i, text in enumerate(texts) if not text.isalpha()]:  # the few that are not just a word
        if 0 <= opening < i:
            firsts[opening] = True
        text, is_first = texts[i], opening == i
        if joined[-1:] != [i - 1]:
            last = i - 1
        opening = -1
        if text[0].isalnum():
            firsts[i] = is_first
            possessives[i] = len(text) > 2 and text[-1] in "sS" and text[-2] in _APOSTROPHES
            texts[i] = text[:-2] if possessives[i] else text
        elif text == "." and i and starts[last] + len(texts[last]) == starts[i] and _is_abbreviation(texts[last]):
            texts[last] += "."
            joined.append(i)
        elif text in _APOSTROPHES and i and texts[i + 1 : i + 2] in (["s"], ["S"]) and starts[i + 1] == starts[i] + 1:
            # "Italy 's", as some texts are spaced
            possessives[last] = True
            joined += (i, i + 1)
            opening = i + 2 if is_first else -1
        elif is_first or text in _ENDS or text in _QUOTES_AND_BULLETS:
            opening = i + 1
    if 0 <= opening < len(texts):
        firsts[opening] = True
    for i in reversed(joined):
        del texts[i], starts[i], firsts[i], possessives[i]
    return Line(texts, starts, firsts, possessives, _case(texts))


def _is_abbreviation(word: str) -> bool:
    return word in _ABBREVIATED or _DOTTED.fullmatch(word) is not None


def _case(texts: list[str]) -> Case:
    words = [text for text in texts if text[0].isalpha()]
    capitals = sum(map(str.isupper, "".join(word for word in words if not word.islower())))
    if len(words) > 2 and capitals > 0.8 * len("".join(words)):
        return Case.UPPER
    # A headline: at least four words, none of more than three letters in lower case but for one in ten.
    if len(words) >= 4 and texts[-1] not in _ENDS:
        long = [word for word in words if len(word) > 3]
        if len(long) >= 3 and sum(word[0].islower() for word in long) * 10 <= len(long):
            return Case.TITLE
    return Case.NORMAL
