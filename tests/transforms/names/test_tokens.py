"""Lines, tokens, and what a capital means in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.names.tokens import Case, lines


def words(text: str) -> list[str]:
    return [word for line in lines(text) for word in line.texts]


def test_words_keep_what_joins_them() -> None:
    assert words("U.S. troops met al-Nur, O'Neill & Co. today.") == [
        "U.S.", "troops", "met", "al-Nur", ",", "O'Neill", "&", "Co.", "today", ".",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Lima's port", "Lima’s port", "LIMA'S port", "Lima 's port"])
def test_a_possessive_is_no_part_of_the_word(text: str) -> None:
    [line] = lines(text)
    assert line.texts[0].title() == "Lima"
    assert line.possessives == [True, False]


def test_a_sentence_begins_after_a_full_stop_but_not_after_an_abbreviation() -> None:
    [line] = lines("Mr. Xu left. Then “Come” said Li")
    assert [word for word, is_first in zip(line.texts, line.firsts, strict=True) if is_first] == ["Mr.", "Then", "Come"]


@pytest.mark.parametrize(
    ("line", "case"),
    [
        ("Minister visits the northern port", Case.NORMAL),
        ("Minister Visits the Northern Port", Case.TITLE),
        ("MINISTER VISITS THE NORTHERN PORT", Case.UPPER),
        ("The port reopened after the storm.", Case.NORMAL),
    ],
)
def test_what_capitals_mean(line: str, case: Case) -> None:
    assert [read.case for read in lines(line)] == [case]


@given(st.text())
def test_offsets_are_those_of_the_text(text: str) -> None:
    for line in lines(text):
        for word, start in zip(line.texts, line.starts, strict=True):
            assert text.startswith(word, start)
