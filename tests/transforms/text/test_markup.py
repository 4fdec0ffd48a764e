"""Bytes to text to a bounded tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text import markup

GREETING = "Grüße aus Köln"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (GREETING.encode(), None),
        (GREETING.encode(), "iso-8859-1"),
        (GREETING.encode("cp1252"), "windows-1252"),
        (GREETING.encode("utf-16"), "utf-8"),
        (b"\xef\xbb\xbf" + GREETING.encode(), "latin1"),
        (b"<meta charset='windows-1252'>" + GREETING.encode("cp1252"), None),
    ],
    ids=["utf-8", "header wrong", "header right", "byte order mark", "mark beats header", "meta"],
)
def test_the_charset_is_found(body: bytes, charset: str | None) -> None:
    assert markup.decoded(body, charset).endswith(GREETING)


def test_japanese_in_escapes_is_not_taken_for_ascii() -> None:
    assert markup.decoded("日本語".encode("iso-2022-jp"), "iso-2022-jp") == "日本語"


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-16", "x-unknown", "big5", "idna", "hex"]))
def test_any_bytes_are_text(body: bytes, charset: str | None) -> None:
    markup.parsed(markup.decoded(body, charset))


@pytest.mark.parametrize("element", ["article", "main", "section", "div", "p"])
def test_a_page_that_leaves_out_head_and_body_has_both(element: str) -> None:
    tree = markup.parsed(
        f"<!doctype html><meta charset=utf-8><title>Pier</title><{element}>Text</{element}><p>More</p>"
    )
    assert tree is not None
    assert [child.tag for child in tree[0]] == ["meta", "title"]
    assert [child.tag for child in tree[1]] == [element, "p"]


def test_what_is_too_deep_is_merged_into_its_parent() -> None:
    tree = markup.parsed("<html><body>" + "<div>" * 1_000 + "deep <b>text</b>")
    assert tree is not None
    assert markup.words(tree) == "deep text"
    deepest = max(sum(1 for _ in element.iterancestors()) for element in tree.iter())
    assert deepest < markup.DEPTH_LIMIT


def test_a_page_of_elements_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "ELEMENT_LIMIT", 100)
    assert markup.parsed("<p>x" * 200) is None


@pytest.mark.parametrize("text", ["a&#1;b", "a\x01b", "a&#xffff;b", "a\ud800b"])
def test_characters_that_xml_lacks_are_dropped(text: str) -> None:
    tree = markup.parsed(f"<p>{text}<script>1</script>\x02</p>")
    assert tree is not None
    assert markup.words(markup.without_code(tree)) == "ab"


def test_invisible_marks_are_dropped() -> None:
    assert markup.visible("Donau\u00addampf\u200bschiff \ufeff fahrt") == "Donaudampfschiff fahrt"


def test_what_stands_around_an_article_goes_and_what_was_never_closed_stays() -> None:
    article = "<article><aside>4 May</aside><h1>Pier</h1></article>"
    tree = markup.parsed(f"<nav>Home</nav><div role=menu><dialog>Menu {article}</div><footer>End</footer>")
    assert tree is not None
    assert markup.words(markup.without_chrome(tree)) == "Menu 4 MayPier"
