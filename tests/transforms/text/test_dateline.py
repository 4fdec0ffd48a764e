"""Datelines and credited agencies."""

import pytest

from transforms.text import dateline


@pytest.mark.parametrize(
    ("opening", "place", "printed", "credited"),
    [
        ("CAIRO (Reuters) - The talks went on.", "CAIRO", "CAIRO (Reuters)", ("Reuters",)),
        ("PORT LOUIS (AP) — The harbour grew.", "PORT LOUIS", "PORT LOUIS (AP)", ("AP",)),
        ("Berlin (dpa/AFP) - Die Gespräche gehen weiter.", "Berlin", "Berlin (dpa/AFP)", ("AFP", "dpa")),
        ("ADDIS ABABA, Ethiopia — The talks went on.", "ADDIS ABABA, Ethiopia", "ADDIS ABABA, Ethiopia", ()),
        ("(AFP) - The talks went on.", None, None, ("AFP",)),
        ("The talks (in Cairo) went on.", None, None, ()),
        ("The UN said that talks - all of them - went on.", None, None, ()),
    ],
)
def test_a_dateline_is_read(opening: str, place: str | None, printed: str | None, credited: tuple[str, ...]) -> None:
    assert dateline.read([opening, "More."], None, ()) == (place, printed, credited)


def test_an_agency_signs_in_the_byline_or_at_the_end() -> None:
    assert dateline.read(["Text.", "(Reuters, AFP)"], "By the Associated Press", ())[2] == ("AP", "AFP", "Reuters")


@pytest.mark.parametrize(
    ("lines", "byline", "credited"),
    [
        (["OSLO (Northern News Agency) - The talks went on."], None, ("Northern News Agency",)),
        (["OSLO (Northern Press) - The talks went on."], None, ("Northern Press",)),
        (["Text.", "The talks went on, he said. (Northern Press)"], None, ("Northern Press",)),
        (["Text.", "Northern News Agency"], None, ("Northern News Agency",)),
        (["Text."], "By Ann Lee, Northern News Agency", ("Northern News Agency",)),
        (["Text."], "By Ann Lee, Harbour Free Press", ()),
        (["Text.", "He met the press. (This was on Monday.)"], None, ()),
    ],
)
def test_an_agency_that_calls_itself_one(lines: list[str], byline: str | None, credited: tuple[str, ...]) -> None:
    assert dateline.read(lines, byline, ())[2] == credited


def test_no_text_has_no_dateline() -> None:
    assert dateline.read([], None, ()) == (None, None, ())
