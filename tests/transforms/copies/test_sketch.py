"""Sketches are the same everywhere, bounded, and made of words in any script."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.copies.sketch import FIGURES, NAMES, PASSAGES, SHINGLES, TEXT_LIMIT, TITLE_WORDS, fingerprint, unpacked

TEXT = "The harbour of Tindale was closed at 6.30 after a ferry with 120 people struck the quay, the port said."


def test_hashes_never_change() -> None:
    """State lies on disk for weeks: another value here would make every sketch in it worthless."""
    found = fingerprint("Ferry strikes quay", TEXT)
    assert unpacked(found.shingles)[:3] == (123063507, 211944694, 263193963)
    assert unpacked(found.passages)[:2] == (1435524999, 2113612462)
    assert found.title.hex() == "131c20219cca"
    assert found.names.hex() == "c7cc"
    assert found.figures.hex() == "68321746"


def test_another_process_makes_the_same_sketch() -> None:
    code = f"from transforms.copies.sketch import fingerprint; print(fingerprint('Ferry', {TEXT!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert other.stdout.strip() == str(fingerprint("Ferry", TEXT))


@given(st.text(max_size=400), st.text(max_size=2_000))
def test_any_text_has_a_bounded_sketch(title: str, body: str) -> None:
    found = fingerprint(title, body)
    for packed, limit in ((found.shingles, SHINGLES), (found.passages, PASSAGES)):
        hashes = unpacked(packed)
        assert len(hashes) <= limit
        assert list(hashes) == sorted(set(hashes))
    for packed, limit in ((found.title, TITLE_WORDS), (found.names, NAMES), (found.figures, FIGURES)):
        members = [number for (number,) in struct.iter_unpack("<H", packed)]
        assert len(members) <= limit
        assert members == sorted(set(members))


@given(st.lists(st.sampled_from(["alpha", "Beta", "12", "naïve", "ça"]), max_size=40))
def test_punctuation_case_and_spacing_make_no_shingle(words: list[str]) -> None:
    plain = fingerprint("", " ".join(words))
    dressed = fingerprint("", " \u2014 ".join(word.upper() for word in words) + "!")
    assert plain.shingles == dressed.shingles
    assert plain.passages == dressed.passages


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("… — !", 0),
        ("Don't stop", 3),
        ("港の船が岸に着いた", 9),
        ("เรือถึงท่า", 7),  # marks above and below are not counted
        ("नाव बंदरगाह पहुँची", 3),
        ("وصلت السفينة", 2),
        ("１２３ ｆｕｌｌ", 2),  # full width folds to the usual letters
        ("one\u00a0two\u2014three\u2019s\ud800four", 5),  # what is no word character parts words, half a character too
    ],
)
def test_words_of_a_script(text: str, words: int) -> None:
    assert fingerprint("", text).word_count == words


def test_names_are_words_never_written_small() -> None:
    with_name = fingerprint("", "The mayor of Tindale spoke. The mayor left.")
    same = fingerprint("", "The Mayor of Tindale spoke. The mayor left.")
    assert with_name.names == same.names
    assert fingerprint("", "the tindale mayor").names == b""


@given(st.text("aB1. ,_-\u2019", max_size=60), st.sampled_from(["", "\u2014", "\u00e9 \u2026"]))
def test_letters_beyond_ascii_change_nothing_elsewhere(text: str, beyond: str) -> None:
    """A text is read in another way when there are any."""
    plain = text.replace("\u2019", "'")
    words = fingerprint("", plain).word_count
    assert fingerprint("", f"{text} {beyond}").word_count == words + beyond.count("\u00e9")
    assert fingerprint("", f"{text} \u2014").figures == fingerprint("", plain).figures
    assert fingerprint("", f"{text} \u2014").shingles == fingerprint("", plain).shingles


@pytest.mark.parametrize(
    "text", ["killed 14 of 230", "\u0642\u062a\u0644 \u0661\u0664 \u0645\u0646 \u0662\u0663\u0660", "१४ २३०"]
)
def test_a_figure_is_the_same_in_the_digits_of_any_script(text: str) -> None:
    assert fingerprint("", text).figures == fingerprint("", "14 230").figures


def test_figures_are_numbers_with_what_stands_in_them() -> None:
    assert fingerprint("", "at 6.30, 1,200 of 3/4 (12:15).").figures == fingerprint("", "12:15 6.30 1,200 3/4").figures
    assert len(fingerprint("", "It fell. U.S. grain, too.").figures) == 0


def test_a_text_of_any_length_is_read_to_a_limit() -> None:
    long = "word " * (TEXT_LIMIT // 5)
    assert fingerprint("", long + "more words that nobody reads") == fingerprint("", long)
