"""A text as a sketch of less than 1 KB, from which `transforms.copies.likeness` tells copies.

The sketch holds the smallest hashes of the text's word shingles (bottom-k MinHash: Broder, "On the resemblance and
containment of documents", 1997), of its passages (runs of twelve words, which a copy keeps and a template does not),
and what tells apart two texts made from one template: the title's words, the names and the figures.
A text of no more than `SHINGLES` shingles is held whole, so that what is said of two such texts is exact.

The hashes are CRC-32 and multiplications: the same in every process, on every machine and Python version.
"""

import functools
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from schemas.memory import Sketch

SHINGLE_WORDS = 5  # shorter ones glue templates, longer ones lose copies that were edited throughout
SHINGLES = 96  # hashes kept: a median wire report has 80 to 120 words and is held nearly whole
PASSAGE_WORDS = 12  # a template's fixed words seldom run that far (measured: benchmarks/copies.py)
PASSAGES = 32
TITLE_WORDS = 20
NAMES = 24
FIGURES = 24
TITLE_LIMIT = 1_000  # characters
TEXT_LIMIT = 100_000  # characters that are read: no article is longer, a hostile page may be

_WORD = re.compile(r"[^\W_]+")
_FIGURE = re.compile(r"\d[\d.,/:]*")
_NEEDS_CARE = re.compile(r"[\u0300-\u1fff\u2c00-\U0010ffff]")  # beyond Latin letters and general punctuation
# Scripts written without spaces (Thai, Lao, Myanmar, Khmer, kana, bopomofo, Han).
_UNSPACED = re.compile(
    r"[\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u109f\u1780-\u17d3\u3041-\u30ff\u3100-\u312f\u3400-\u4dbf"
    r"\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# An odd multiplier for each place in a run of words: powers of xxHash64's first prime.
_PASSAGE_PLACES = np.array([pow(0x9E3779B185EBCA87, place, 2**64) for place in range(1, PASSAGE_WORDS + 1)], np.uint64)
_SHINGLE_PLACES = _PASSAGE_PLACES[:SHINGLE_WORDS]
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's finaliser
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A text's part of a `Sketch`."""

    word_count: int
    shingles: bytes
    passages: bytes
    title: bytes
    names: bytes
    figures: bytes


def fingerprint(title: str, body: str) -> Fingerprint:
    """What a sketch holds of a text: a pure function of title and body, bounded in time and size."""
    text = _plain(body[:TEXT_LIMIT])
    words = _WORD.findall(text)
    folded = " ".join(words).casefold().encode().split()
    hashes = np.fromiter(map(zlib.crc32, folded), np.uint64, len(folded))
    small = {word for word in words if not word[0].isupper()}
    names = {word.casefold() for word in words if word[0].isupper() and word.casefold() not in small}
    return Fingerprint(
        word_count=len(words),
        shingles=_smallest(hashes, _SHINGLE_PLACES, SHINGLES),
        passages=_smallest(hashes, _PASSAGE_PLACES, PASSAGES),
        title=_word_hashes(_WORD.findall(_plain(title[:TITLE_LIMIT]).casefold()), TITLE_WORDS),
        names=_word_hashes(names, NAMES),
        figures=_word_hashes({figure.rstrip(".,/:") for figure in _FIGURE.findall(text)}, FIGURES),
    )


def shingles_of(sketch: Sketch) -> list[int]:
    """A sketch's shingle hashes, ascending; the smallest are those by which an index finds it."""
    return unpacked(sketch.shingles)


def unpacked(hashes: bytes) -> list[int]:
    """The hashes in a sketch's `shingles` or `passages`, ascending."""
    return list(struct.unpack(f"<{len(hashes) // 4}I", hashes))


def _plain(text: str) -> str:
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    if _NEEDS_CARE.search(text):
        text = _UNSPACED.sub(r" \g<0> ", _marks().sub("", text))
    return text


@functools.cache
def _marks() -> re.Pattern[str]:
    """Combining marks of the basic plane: vowel and tone signs are no word characters to `re`, and would cut words."""
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M")]
    return re.compile(f"[{''.join(marks)}]")


def _smallest(words: npt.NDArray[np.uint64], places: npt.NDArray[np.uint64], limit: int) -> bytes:
    """The smallest hashes of all runs of as many words as there are places; of a shorter text, of it as one run."""
    if not len(words):
        return b""
    if len(words) < len(places):
        words = np.concatenate([words, np.zeros(len(places) - len(words), np.uint64)])
    runs = sliding_window_view(words, len(places)) @ places  # wraps at 2^64, as wanted
    runs ^= runs >> _HALF
    runs *= _MIX
    return np.unique((runs >> _HALF).astype("<u4"))[:limit].tobytes()


def _word_hashes(words: Iterable[str], limit: int) -> bytes:
    hashes = sorted({zlib.crc32(word.encode()) & 0xFFFF for word in words})[:limit]
    return struct.pack(f"<{len(hashes)}H", *hashes)
