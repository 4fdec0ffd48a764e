"""Captions: credits told apart, and taken out of the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Caption
from transforms.text import captions, markup


@pytest.mark.parametrize(
    ("text", "caption", "credit"),
    [
        ("The pier at night [Getty]", "The pier at night", "Getty"),
        ("The pier at night (Reuters)", "The pier at night", "Reuters"),
        ("The pier at night (AP Photo/Ann Lee)", "The pier at night", "AP Photo/Ann Lee"),
        ("The pier at night. Photo: Ann Lee/AFP", "The pier at night.", "Ann Lee/AFP"),
        ("The pier at night. Photo by Ann Lee", "The pier at night.", "Ann Lee"),
        ("The pier at night Credit: Ann Lee", "The pier at night", "Ann Lee"),
        ("The pier at night © Ann Lee", "The pier at night", "Ann Lee"),
        ("The pier at night | Reuters", "The pier at night", "Reuters"),
        ("Der Pier bei Nacht. Foto: dpa", "Der Pier bei Nacht.", "dpa"),
        ("The mayor (left) and the pier (right)", "The mayor (left) and the pier (right)", None),
        ("The picture hung in the town hall", "The picture hung in the town hall", None),
        ("Photo: Ann Lee", "", "Ann Lee"),
    ],
)
def test_a_credit_is_told_from_the_caption(text: str, caption: str, credit: str | None) -> None:
    assert captions.split(text) == Caption(text=caption, credit=credit)


@given(st.text(max_size=200))
def test_splitting_adds_nothing(text: str) -> None:
    caption = captions.split(text)
    assert len(caption.text) + len(caption.credit or "") <= len(text)


@pytest.mark.parametrize(
    ("line", "is_credit"),
    [
        ("Photo: Ann Lee", True),
        ("ANN LEE/AFP via Getty Images", True),
        ("(Reuters)", True),
        ("© Ann Lee", True),
        ("Reuters reported the vote first.", False),
        ("Credits are due at the end of June.", False),
        ("[end of the quotation]", False),
    ],
)
def test_lines_that_are_nothing_but_a_credit(line: str, is_credit: bool) -> None:  # noqa: FBT001  # a parameter
    assert captions.is_credit_line(line) is is_credit


def taken(html: str) -> tuple[tuple[Caption, ...], str]:
    tree = markup.parsed(f"<html><body>{html}</body></html>")
    assert tree is not None
    found = captions.take(tree)
    return found, markup.words(tree)


def test_captions_are_taken_out_of_the_page() -> None:
    html = (
        "<p>Before.</p><figure><img><figcaption>The pier <span class='credit'>Ann Lee</span></figcaption></figure>"
        "<div class='wp-caption'><img><p class='wp-caption-text'>The harbour [Getty]</p></div><p>After.</p>"
    )
    assert taken(html) == (
        (Caption(text="The pier", credit="Ann Lee"), Caption(text="The harbour", credit="Getty")),
        "Before.After.",
    )


@pytest.mark.parametrize(
    "html",
    [
        "<div><img><span>The pier</span><span>Ann Lee/Reuters</span></div>",
        "<figure><img></figure><p><span>The pier</span> <span>Ann Lee/Reuters</span></p>",
    ],
)
def test_a_caption_without_a_name_is_known_by_its_credit(html: str) -> None:
    assert taken(f"<p>Before.</p>{html}<p>After.</p>") == (
        (Caption(text="The pier", credit="Ann Lee/Reuters"),),
        "Before.After.",
    )


def test_text_beside_a_picture_is_no_caption() -> None:
    html = "<div><img><p>The pier is long.</p><p>It is old.</p></div>"
    assert taken(html) == ((), "The pier is long.It is old.")


def test_a_caption_in_an_aside_is_another_storys() -> None:
    assert taken("<aside><figure><figcaption>Elsewhere</figcaption></figure></aside><p>Text.</p>") == ((), "Text.")


def test_a_wrapper_with_caption_in_its_name_is_left_alone() -> None:
    html = "<div class='has-caption'>" + "<p>A paragraph of the text.</p>" * 5 + "</div>"
    assert taken(html)[0] == ()
    assert taken(html)[1].startswith("A paragraph of the text.")
