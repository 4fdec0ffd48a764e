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


def test_no_text_has_no_dateline() -> None:
    assert dateline.read([], None, ()) == (None, None, ())
