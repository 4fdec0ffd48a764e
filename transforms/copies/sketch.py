"""A text as a sketch of half a KB, from which `transforms.copies.likeness` tells copies.

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

SHINGLE_WORDS = 5  # shorter ones glue templates, longer ones lose copies that were edited throughout
SHINGLES = 80  # hashes kept: a short wire report is held whole (measured: benchmarks/copies.py)
PASSAGE_WORDS = 12  # a template's fixed words seldom run that far (measured: benchmarks/copies.py)
PASSAGES = 24
TITLE_WORDS = 20
NAMES = 24
FIGURES = 24
TITLE_LIMIT = 1_000  # characters
TEXT_LIMIT = 100_000  # characters that are read: no article is longer, a hostile page may be

_BETWEEN_WORDS = re.compile(r"[^\w\x00-\x7f]+")  # beyond ASCII; in ASCII the tables below do it
_NEEDS_CARE = re.compile(r"[\u0300-\u1fff\u2c00-\U0010ffff]")  # beyond Latin letters and general punctuation
# Scripts written without spaces (Thai, Lao, Myanmar, Khmer, kana, bopomofo, Han).
_UNSPACED = re.compile(
    r"[\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u109f\u1780-\u17d3\u3041-\u30ff\u3100-\u312f\u3400-\u4dbf"
    r"\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Of UTF-8, each byte as it is or as a space: what words are made of, and figures.
_WORD_BYTES = bytes(byte if byte >= 0x80 or chr(byte).isalnum() else 0x20 for byte in range(256))
_FIGURE_BYTES = bytes(byte if byte in b"0123456789.,/:" else 0x20 for byte in range(256))
_PLACE = 0x9E3779B185EBCA87  # xxHash64's first prime: a word counts by its power, so that the order of words counts
_PLACE_1, _PLACE_2, _PLACE_4 = (np.uint64(pow(_PLACE, words, 2**64)) for words in (1, 2, 4))
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
    written = text.encode()
    words, folded = _words(written), _words(text.casefold().encode())
    runs, passages = _runs(folded)
    small = dict(zip(words, folded, strict=False))  # each word as it is written, and in small letters
    names = {low for word, low in small.items() if word != low and low not in small}
    figures = {figure.strip(b".,/:") for figure in written.translate(_FIGURE_BYTES).split()} - {b""}
    return Fingerprint(
        word_count=len(folded),
        shingles=_smallest(runs, SHINGLES),
        passages=_smallest(passages, PASSAGES),
        title=title_hashes(title),
        names=_word_hashes(names, NAMES),
        figures=_word_hashes(figures, FIGURES),
    )


def title_hashes(title: str) -> bytes:
    """What a sketch holds of a title alone."""
    return _word_hashes(_words(_plain(title[:TITLE_LIMIT]).casefold().encode()), TITLE_WORDS)


def unpacked(hashes: bytes) -> tuple[int, ...]:
    """The hashes in a sketch's `shingles` or `passages`, ascending."""
    return struct.unpack(f"<{len(hashes) // 4}I", hashes)


def _plain(text: str) -> str:
    """The text with nothing but words beyond ASCII, and the words of unspaced scripts apart."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    if _NEEDS_CARE.search(text):
        text = _UNSPACED.sub(r" \g<0> ", text.translate(_marks_and_digits()))
    return _BETWEEN_WORDS.sub(" ", text)


@functools.cache
def _marks_and_digits() -> dict[int, str | None]:
    """Of the basic plane, combining marks, which would cut words, as nothing, and digits of any script as 0 to 9."""
    found: dict[int, str | None] = {}
    for code in range(0x300, 0x10000):
        category = unicodedata.category(chr(code))
        if category.startswith("M"):
            found[code] = None
        elif category == "Nd":
            found[code] = str(unicodedata.digit(chr(code)))
    return found


def _words(text: bytes) -> list[bytes]:
    return text.translate(_WORD_BYTES).split()


def _runs(words: list[bytes]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """A number for each shingle, and one for each passage; a text that is shorter is one run, filled up with zeros."""
    count = max(len(words), PASSAGE_WORDS) if words else 0
    ones = np.zeros(count, np.uint64)
    ones[: len(words)] = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))
    twos = ones[:-1] * _PLACE_1 + ones[1:]  # wraps at 2^64, as wanted
    fours = twos[:-2] * _PLACE_2 + twos[2:]
    eights = fours[:-4] * _PLACE_4 + fours[4:]
    shingles = fours[:-1] * _PLACE_1 + ones[4:]
    return shingles[: max(1, len(words) - SHINGLE_WORDS + 1)], eights[:-4] * _PLACE_4 + fours[8:]


def _smallest(runs: npt.NDArray[np.uint64], limit: int) -> bytes:
    """The smallest hashes of the runs, without repeats."""
    mixed = (runs ^ (runs >> _HALF)) * _MIX
    hashes = (mixed >> _HALF).astype("<u4")
    hashes.sort()
    is_first = np.ones(len(hashes), np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=is_first[1:])
    return hashes[is_first][:limit].tobytes()


def _word_hashes(words: Iterable[bytes], limit: int) -> bytes:
    hashes = sorted({zlib.crc32(word) & 0xFFFF for word in words})[:limit]
    return struct.pack(f"<{len(hashes)}H", *hashes)
