"""Lines that are not of the article, and lines that only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text import boilerplate, markup
from transforms.text.boilerplate import Known, cleaned, folded, kind

NOTHING = Known()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("6 min read", "reading_time"),
        ("Reading time: 4 minutes", "reading_time"),
        ("Lesezeit: 3 Minuten", "reading_time"),
        ("Tempo de leitura: 7 minutos", "reading_time"),
        ("By Ann Lee and Bo Ek", "byline"),
        ("Von Ann Lee", "byline"),
        ("07 June, 2021", "date"),
        ("Last updated on 4 May at noon", "stamp"),
        ("Share on Facebook", "share"),
        ("Facebook Twitter Email", "share"),
        ("Auf Facebook teilen", None),  # a loss that is accepted: the verb stands last
        ("Sign up for our newsletter to get the latest headlines.", "newsletter"),
        ("Get the day's news delivered to your inbox every morning.", "newsletter"),
        ("Read more", "teaser"),
        ("Read more: A pier for all", "teaser"),
        ("Lesen Sie auch: Ein Pier für alle", "teaser"),
        ("Related stories", "teaser"),
        ("Advertisement", "furniture"),
        ("Story continues below advertisement", "furniture"),
        ("Tags: pier, storm", "furniture"),
        ("12 comments", "furniture"),
        ("Photo: Ann Lee", "credit"),
        ("Copyright © 2029 The Paper. All rights reserved.", "rights"),
    ],
)
def test_kinds_of_furniture(line: str, expected: str | None) -> None:
    assert kind(line, 0, 1, NOTHING) == expected


@pytest.mark.parametrize(
    "line",
    [
        "The meeting took 45 minutes.",
        "By Tuesday, the water had reached the second floor of the town hall.",
        "Share prices fell by a third on Monday.",
        "She sends the newsletter herself, every night.",
        "Related species live in the north.",
        "Read more slowly, the teacher said, and you will see it.",
        "See the harbour at dawn.",
        "More than 900 schools have closed since December.",
        "“Comments like that do not help,” he said.",
        "Yes.",
    ],
)
def test_text_is_left_alone(line: str) -> None:
    assert kind(line, 0, 1, NOTHING) is None


def test_bylines_and_dates_go_at_the_edges_only() -> None:
    lines = [f"Sentence number {n} of the text." for n in range(30)]
    lines[15:15] = ["By Ann Lee", "9 May 2019"]
    assert cleaned(["By Ann Lee", "9 May 2019", *lines], NOTHING) == lines


def test_a_date_behind_the_authors_name_goes() -> None:
    known = Known(names=frozenset({folded("Ann Marie van der Lee")}))
    assert cleaned(["Ann Marie van der Lee, 3 November 2025, 06:44 GMT", "The vote was close."], known) == [
        "The vote was close."
    ]


def test_echoes_of_the_page_go() -> None:
    known = Known(
        titles=frozenset({folded("Pier to be rebuilt")}),
        names=frozenset({folded("The Paper Staff")}),
        captions=frozenset({folded("The pier at night")}),
        links=frozenset({folded("A ferry nobody wanted")}),
    )
    lines = [
        "Pier to be Rebuilt!",
        "The Paper staff",
        "The vote was close.",
        "The pier at night",
        "A ferry nobody wanted",
    ]
    assert cleaned(lines, known) == ["The vote was close."]


def test_labels_above_the_text_go_and_headings_stay() -> None:
    text = "The council voted on Monday to rebuild the eastern pier before the winter storms arrive from the west."
    known = Known(headings=frozenset({folded("Key points")}))
    lines = ["World news", "Key points", "Jane Miller", text, "World news"]
    assert cleaned(lines, known) == ["Key points", text, "World news"]
    assert cleaned(["World news", "Jane Miller"], known) == ["World news", "Jane Miller"]


def test_calls_to_other_pages_go() -> None:
    known = Known(links=frozenset({folded("See the five longest piers")}))
    assert kind("Read our full coverage here", 3, 9, NOTHING) == "teaser"
    assert kind("See the five longest piers", 3, 9, known) == "teaser"
    assert kind("See the five longest piers", 3, 9, NOTHING) is None


def test_a_repeated_paragraph_stands_once_a_short_line_as_often_as_printed() -> None:
    long = "The council voted on Monday to rebuild the eastern pier."
    assert cleaned([long, "Why?", long + " ", "Why?", long.upper()], NOTHING) == [long, "Why?", "Why?"]


@given(st.lists(st.text(max_size=80), max_size=20))
def test_nothing_is_added_or_moved(paragraphs: list[str]) -> None:
    rest = iter(paragraphs)
    assert all(line in rest for line in cleaned(paragraphs, NOTHING))


def test_teasers_are_taken_out_and_a_teaser_that_holds_the_story_is_not() -> None:
    story = "<p>" + "The pier is long. " * 60 + "</p>"
    boxes = f"<div class='teaser'><a href='/b'>A ferry</a></div><div class='teaser-story'>{story}<a>x</a></div>"
    tree = markup.parsed(f"<body>{boxes}</body>")
    assert tree is not None
    text = markup.words(boilerplate.without_teasers(tree))
    assert "A ferry" not in text
    assert "The pier is long." in text
