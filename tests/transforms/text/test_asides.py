"""Notices beside the text reach the body; other boxes do not."""

import pytest

from tests.transforms.test_extract import page
from transforms.extract import Failed, capture_of
from transforms.text import asides, markup

STORY = "".join(
    f"<p>The ferry company said on day {day} that it would add two sailings to its winter timetable, and that crews "
    "had agreed to the new hours after long talks with their union.</p>"
    for day in range(1, 6)
)
NOTICE = "Correction: An earlier version of this article gave the wrong number of sailings. There are two, not three."
ABOUT = "Follow our newsletter for more stories about corrections in the tax law, every morning at seven."


def body_of(inside: str = "", outside: str = "") -> str:
    html = f"<html><head><title>Ferries</title></head><body><article><h1>More ferries in winter</h1>{STORY}{inside}"
    found = capture_of(page(f"{html}</article>{outside}</body></html>"))
    assert not isinstance(found, Failed)
    return found.article.body


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (f"<aside>{NOTICE}</aside>", ""),
        (f"<footer><p>{NOTICE}</p></footer>", ""),
        (f'<div class="c-article__correction-box"><p>{NOTICE}</p></div>', ""),
        ("", f'<section id="editors-note"><p>{NOTICE}</p></section>'),
        (f'<div class="correction"><b>Correction:</b> <span class="correction-text">{NOTICE[12:]}</span></div>', ""),
    ],
)
def test_a_notice_in_a_box_is_a_paragraph_once(inside: str, outside: str) -> None:
    assert body_of(inside, outside).count(NOTICE[12:]) == 1
    assert body_of(inside, outside).count("sailings to its winter timetable") == 5


@pytest.mark.parametrize("box", [f"<aside>{ABOUT}</aside>", f'<div class="corrections-policy">{ABOUT}</div>'])
def test_another_box_is_none(box: str) -> None:
    assert ABOUT not in body_of(box)


def test_a_box_takes_the_place_of_a_part_of_it() -> None:
    part = "The number of sailings has been changed from three to two throughout."
    box = f"Correction: {part}"
    assert asides.with_notices(["First.", part, "Last."], [box, box]) == ["First.", box, "Last."]
    assert asides.with_notices([], [box]) == [box]


def test_boxes_are_bounded() -> None:
    boxes = f"<aside>{NOTICE}</aside>" * 50 + f"<aside>{'word ' * 1000}</aside>"
    tree = markup.parsed(f"<html><body><article>{boxes}</article></body></html>")
    assert tree is not None
    assert asides.printed(tree) == [NOTICE] * asides.BOXES_LIMIT
