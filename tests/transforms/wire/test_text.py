"""text: wrapped lines are set again, deliberate ones stay; statuses as wires write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.wire import status, text

WRAPPED = """    The council of Ostermoor voted on Monday to rebuild the old
ferry landing, which a storm carried away in March.
    "We have waited long enough," said the mayor, who hopes for
the first boats before the winter comes.
    Work is to begin in August."""
SET = [
    "The council of Ostermoor voted on Monday to rebuild the old ferry landing, which a storm carried away in March.",
    '"We have waited long enough," said the mayor, who hopes for the first boats before the winter comes.',
    "Work is to begin in August.",
]


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        (f"<p>{WRAPPED}</p>", ""),
        (f"<pre>{WRAPPED}</pre>", ""),
        ("", WRAPPED),
        ("", WRAPPED.replace("\n    ", "\n\n")),
        (f"<p>{WRAPPED.replace(chr(10), '<br/>')}</p>", ""),
        ("".join(f"<p>{line}</p>" for line in SET), ""),
        ("", "\n".join(SET)),
        ("<div>" + "<br><br>".join(SET) + "</div>", ""),
    ],
    ids=["p", "pre", "plain", "blank lines", "br", "paragraphs", "long lines", "br in div"],
)
def test_paragraphs_are_found_however_they_are_marked(html: str, plain: str) -> None:
    assert list(text.read(html, plain).lines) == SET


def test_pretty_printed_markup_is_no_wrapped_text() -> None:
    html = (
        "<div>\n  <p>\n      The council of Ostermoor voted.\n      It was\n"
        "      late, and <a>the\n            mayor</a> went home.\n  </p>\n</div>"
    )
    assert text.read(html, "").lines == ("The council of Ostermoor voted. It was late, and the mayor went home.",)
    plain = "<p>The council of Ostermoor voted.\n        It was late.\n        The mayor went home.</p>"
    assert text.read(plain, "").lines == ("The council of Ostermoor voted. It was late. The mayor went home.",)


def test_what_an_inline_element_leaves_is_no_empty_line() -> None:
    printed = "\n      The timetable is at\n                www.fen.example/ferry\n             \n      from Monday.\n"
    assert text.read(f"<p>{printed}</p>", "").lines == ("The timetable is at www.fen.example/ferry from Monday.",)


def test_a_line_that_lacks_a_column_or_two_was_wrapped_all_the_same() -> None:
    lines = (
        "<p>Brook had her first win for the rowers of Fenby two weeks ago. <br/>A "
        "class race at Holt followed, and a place in the May final here. <br/>She rows again on Sunday.</p>"
    )
    assert len(text.read(lines, "").lines) == 1


def test_lines_that_end_early_stay_lines() -> None:
    address = "Fen Wire<br>7 Harbour Street<br>Ostermoor"
    assert text.read(f"<p>{address}</p>", "").lines == ("Fen Wire", "7 Harbour Street", "Ostermoor")
    columns = (
        "Results on Sunday\nOstermoor          2   Fenby              0\nHolt               1   Moorside           1"
    )
    assert text.read(f"<p>{columns}</p>", "").lines == (
        "Results on Sunday",
        "Ostermoor 2 Fenby 0",
        "Holt 1 Moorside 1",
    )


@pytest.mark.parametrize("signature", ["hh/ph/ts", "ab-cd/ef", "gr/bp", "/fenwire/", "ends", "ENDS", "ab/cd/ef.pt"])
def test_signatures_end_no_text(signature: str) -> None:
    assert text.without_signature([*SET, signature]) == SET
    assert text.without_signature([signature]) == [signature]


@pytest.mark.parametrize("line", ["He said yes/no.", "The end of it", "2/3", "Ostermoor/Fenby", "and/or more"])
def test_lines_that_are_no_signature(line: str) -> None:
    assert text.without_signature([*SET, line]) == [*SET, line]


def test_what_was_escaped_twice_is_put_right() -> None:
    lines = text.read("<p>Fenby &amp;amp; Holt: 35&lt;dash&gt;-&lt;/dash&gt;40 o&amp;#39;clock</p>", "").lines
    assert lines == ("Fenby & Holt: 35-40 o'clock",)
    assert text.read("<p>AT&amp;T, if 3 &lt; 4 and 5 &gt; 4</p>", "").lines == ("AT&T, if 3 < 4 and 5 > 4",)


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N", "Zs", "P"]), max_size=80), max_size=12))
def test_no_word_of_plain_text_is_lost(lines: list[str]) -> None:
    printed = "\n".join(lines)
    assert " ".join(" ".join(text.wrapped(printed)).split()) == " ".join(printed.split())


@pytest.mark.parametrize(
    ("note", "is_told"),
    [
        ("CORRECTS spelling of Brook throughout", True),
        ("Eds: Corrected version.", True),
        ("Updates with reaction; corrects day in lead", True),
        ("Refiles to fix date in paragraph 2", True),
        ("Berichtigt wird die Zahl im zweiten Absatz", True),
        ("Corrige le nombre de voix", True),
        ("The Department of Corrections has a picture of it", False),
        ("Adds picture of the correction facility", False),
        ("Sees no correction of the price", False),
    ],
)
def test_notes_that_tell_a_correction(note: str, *, is_told: bool) -> None:
    found = status.notice_of(status="usable", signals=(), ednote=note, title="", body="")
    assert (found is not None) == is_told


def test_a_note_s_words_are_cut() -> None:
    found = status.notice_of(status="canceled", signals=(), ednote="Kill this. " * 1_000, title="", body="")
    assert found is not None
    assert len(found.text) == 1_000
