"""Trees to paragraphs."""

import pytest

from transforms.text import markup, paragraphs


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<p>One <b>two</b> three.</p><p>Four<br>five <i>six</i></p>tail",
            ["One two three.", "Four", "five six", "tail"],
        ),
        ("<ul><li>a<li>b</ul> end", ["a", "b", "end"]),
        ("<div><div>x<span>y</span></div>z</div>w", ["xy", "z", "w"]),
        ("<p>***</p><p> </p>", []),
    ],
)
def test_a_fragment_is_a_paragraph_per_block(html: str, expected: list[str]) -> None:
    tree = markup.parsed(f"<div>{html}</div>")
    assert tree is not None
    assert paragraphs.of_fragment(tree) == expected


def test_a_page_gives_its_main_text() -> None:
    text = [f"The council voted on day {n} to rebuild the eastern pier before the storms." for n in range(8)]
    html = (
        f"<body><nav><a href=/>Home</a></nav><article><p>{'</p><p>'.join(text)}</p></article><footer>Imprint</footer>"
    )
    tree = markup.parsed(html)
    assert tree is not None
    assert paragraphs.of_page(tree) == text
    assert paragraphs.of_page(tree) == text  # nothing is remembered


def test_the_marked_part_that_holds_the_prose_is_the_page() -> None:
    text = [f"The council voted on day {n} to rebuild the eastern pier before the storms." for n in range(30)]
    html = f"<body><p>Elsewhere, a ferry was launched.</p><main><p>{'</p><p>'.join(text)}</p></main></body>"
    tree = markup.parsed(html)
    assert tree is not None
    assert paragraphs.of_page(tree) == text


def test_text_that_may_be_html() -> None:
    assert paragraphs.of_either("One &amp; two.\n\nThree.") == ["One & two.", "Three."]
    assert paragraphs.of_either("<p>One &amp; two.</p><p>Three.</p>") == ["One & two.", "Three."]
