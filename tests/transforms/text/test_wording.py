"""wording: a slip of the pen is told from something else being said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.wording import EDITS_LIMIT, is_slip, lasting

SLIPS = [
    ("They will recieve it.", "They will receive it."),
    ("The goverment said so.", "The government said so."),
    ("It occured on Monday.", "It occurred on Monday."),
    ("In the the harbour.", "In the harbour."),
    ("its price rose", "it's price rose"),
    ("Their opponents", "There opponents"),
    ('"Yes", he said - twice.', "“Yes”, he said — twice."),
    ("a take over of 14 000 euros", "a takeover of 14,000 euros"),
    ("eleven of them, 2.4 percent", "11 of them, 2.4 per cent"),
    ("on 1 July", "on July 1"),
    ("Jonson met her. Johnson left.", "Johnson met her. Johnson left."),
    ("die Regirung in Bern", "die Regierung in Bern"),
    ("dass das gilt", "das das gilt"),
    ("le brouilard est génant", "le brouillard est gênant"),
    ("el tunel y los voluntraios", "el túnel y los voluntarios"),
    ("un unità cinofila", "un'unità cinofila"),
    ("na segunda feira", "na segunda-feira"),
    ("اعلنت البلدية الى الجميع", "أعلنت البلدية إلى الجميع"),
    ("First.\n\nSecond thing.", "Second thing.\n\nFirst."),
]
STATEMENTS = [
    ("It cost 3.2 million.", "It cost 3.6 million."),
    ("It cost two million.", "It cost two billion."),
    ("He spoke in Iran.", "He spoke in Iraq."),
    ("It rose on Monday.", "It rose on Sunday."),
    ("on 1 June", "on 1 July"),
    ("It is legal.", "It is illegal."),
    ("It will close.", "It will not close."),
    ("Prices rose.", "Prices fell."),
    ("The fine was 5 dollars.", "The fine was 5 pounds."),
    ("They met.", "They met. Nothing came of it."),
    ("Sie kommen nicht.", "Sie kommen."),
    ("el 1 de junio", "el 1 de julio"),
    ("في يونيو", "في يوليو"),
    ("won 5-3", "won 3-5"),
    ("it was 5 degrees", "it was -5 degrees"),
]


@pytest.mark.parametrize(("old", "new"), SLIPS)
def test_a_slip_says_the_same(old: str, new: str) -> None:
    assert is_slip(old, new)


@pytest.mark.parametrize(("old", "new"), STATEMENTS)
def test_something_else_is_no_slip(old: str, new: str) -> None:
    assert not is_slip(old, new)


@given(st.text(max_size=500))
def test_a_text_says_what_it_says(text: str) -> None:
    assert is_slip(text, text)


@given(st.lists(st.sampled_from(["one", "words", "other"]), min_size=1, max_size=30), st.integers(0, 30))
def test_a_figure_more_is_no_slip(words: list[str], at: int) -> None:
    assert not is_slip(" ".join(words), " ".join([*words[:at], "1999", *words[at:]]))


def test_a_text_that_was_worked_on_is_not_read_for_slips() -> None:
    old = [f"recieve{'abcdefghij'[number % 10]}" for number in range(EDITS_LIMIT)]
    assert not is_slip(" ".join(old), " ".join(word.replace("ie", "ei") for word in old))


@pytest.mark.parametrize(
    "line",
    [
        "Updated at 14:05 GMT",
        "Last updated: 12 May 2025, 10:02",
        "1,204 views",
        "23 comments",
        "3 hours ago",
        "2 min read",
        "Stand: 12.05.2025, 10:02 Uhr",
        "Mis à jour le 12/05/2025 à 10h02",
        "Actualizado a las 10:02",
        "Ultimo aggiornamento: 12 maggio 2025, ore 10:02",
        "Atualizado às 10h02",
        "آخر تحديث: 12 مايو 2025، 10:02",
        "عدد المشاهدات: 45",
    ],
)
def test_times_and_counts_do_not_last(line: str) -> None:
    assert lasting(f"{line}\n\nThe text.\n\n{line}").strip() == "The text."


@pytest.mark.parametrize("line", ["14 dead in fire", "Updated death toll: 14", "The count is 1,204.", "May 12", "Last"])
def test_other_lines_last(line: str) -> None:
    assert lasting(line) == line
