"""Text folded for being matched: accents, quotation marks and dashes as a keyboard has them."""

import re
import unicodedata

_SIGNS = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"')
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | {"\u0649": "\u064a"}  # alef maksura, which many write for yeh
)
# Accents; the vowel signs of Arabic, and the stroke that widens its words.
_MARKS = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640]")


def plain(text: str) -> str:
    """`text` without accents and vowel signs, with one kind of quotation marks and of dashes. Its case stays."""
    if text.isascii():
        return text
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.translate(_SIGNS)))


def folded(text: str) -> str:
    """`plain(text)` in small letters."""
    return plain(text).casefold()
