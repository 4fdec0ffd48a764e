import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text import container, markup

PARAGRAPHS = [
    f"Paragraph {number} tells what the council said of the bridge. " + "It went on. " * 30 for number in range(5)
]
PRINTED = [text.strip() for text in PARAGRAPHS]
BODY = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
LINKS = "".join(f"<li><a href='/{number}'>Another story of day {number}</a></li>" for number in range(6))


def read(page: str) -> list[str] | None:
    tree = markup.parsed(page)
    assert tree is not None
    return container.read(tree)


def test_paragraphs_side_by_side() -> None:
    assert read(f"<div>{BODY}</div><div><p>Subscribe today</p></div>") == PRINTED


def test_wrapped_paragraphs() -> None:
    wrapped = "".join(f"<div><p>{text}</p></div>" for text in PARAGRAPHS)
    assert read(f"<div>{wrapped}</div>") == PRINTED


@pytest.mark.parametrize(
    "box",
    [
        "<div class='related-stories'><p>The river rose again on Sunday.</p></div>",
        "<aside><p>The river rose again on Sunday.</p></aside>",
        "<div style='display: none'><p>The river rose again on Sunday.</p></div>",
        "<div>Text outside of any paragraph</div>",
        f"<ul>{LINKS}</ul>",
        f"<div><h3>More</h3><ul>{LINKS}</ul></div>",
        "<p><a href='/next'>The river rose again on Sunday</a></p>",
    ],
)
def test_what_else_stands_there_is_left_out(box: str) -> None:
    found = read(f"<div><p>{PARAGRAPHS[0]}</p>{box}{BODY}</div>")
    assert found is not None
    assert [line for line in found if line not in PRINTED] == []


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("<h2>What comes next</h2>", "What comes next"),
        ("<ul><li>A first point</li></ul>", "- A first point"),
        ("<blockquote>He was there.</blockquote>", "He was there."),
        ("<p>She <a href='/'>said</a>  so,\ntwice.</p>", "She said so, twice."),
    ],
)
def test_headings_lists_and_quotes_are_text(part: str, line: str) -> None:
    assert read(f"<div>{BODY}{part}{BODY}</div>") == [*PRINTED, line, *PRINTED]


def test_standfirst_above_the_container() -> None:
    standfirst = "The council has decided on the bridge after four years of talks."
    page = f"<p>{'Before the headline. ' * 4}</p><h1>Bridge</h1><p>{standfirst}</p><p>By Ann Lee</p><div>{BODY}</div>"
    assert read(page) == [standfirst, *PRINTED]


@pytest.mark.parametrize(
    "page",
    [
        "<div><p>Short.</p></div>",
        f"<div>{BODY}</div><section>{BODY}</section>",
        f"<div>{BODY}<table><tr><td>1</td></tr></table></div>",
        f"<div>{BODY}<pre>x = 1</pre></div>",
        f"<div class='page'>{BODY.replace('<p>', '<p class=promo>')}</div>",
    ],
)
def test_other_pages_are_not_for_it(page: str) -> None:
    assert read(page) is None


@given(
    st.lists(st.sampled_from(["<div>", "</div>", "<p>", "</p>", "<ul><li>", "<a>", "</a>", "text ", "<br>", "<h1>"]))
)
def test_any_markup_is_read_and_the_tree_stays_whole(parts: list[str]) -> None:
    tree = markup.parsed(f"<div>{BODY}{''.join(parts)}</div>")
    assert tree is not None
    before = markup.words(tree)
    container.read(tree)
    assert markup.words(tree) == before
