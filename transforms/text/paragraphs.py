"""From a tree to paragraphs: of a whole page by trafilatura, of a fragment that is all text by its block elements."""

import logging
from html import unescape

from lxml import etree, html
from trafilatura import bare_extraction

from transforms.text import markup

# Swept on labelled pages: any SHORT from 3,000 and any MUCH_MORE from 1.5 to 3 give the same F1 to within 0.001,
# 0.004 above none at all.
SHORT = 3_000  # characters
SHARE = 0.5  # of the page's characters
MUCH_MORE = 2.0

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main",
    "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip

# The library reports each page that it gives up on as an error of its own; here that is a value.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def of_page(tree: html.HtmlElement) -> list[str]:
    """The main text of a page, boilerplate that trafilatura knows taken out; empty if it finds none.

    Recall is favoured: what is too much is taken out by our own rules, what is missing cannot be put back. A short
    text that is but a small part of its page is looked for a second time with the library's own escalations, which
    are slower and elsewhere lose whole sections; they are taken if they find much more.
    """
    lines = _extracted(tree, favor_recall=True)
    length = sum(map(len, lines))
    if length < SHORT and length < SHARE * sum(len(text) for text in tree.itertext() if not text.isspace()):
        others = _extracted(tree, favor_recall=False)
        if sum(map(len, others)) > MUCH_MORE * length:
            return others
    return lines


def of_fragment(tree: html.HtmlElement) -> list[str]:
    """All text of `tree`, a paragraph per block element and per line break."""
    pieces: list[str] = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if element.tag in _BLOCKS:
            pieces.append("\n")
        pieces.append(_folded(element.text if event == "start" else element.tail))
    return _lines("".join(pieces))


def of_text(text: str) -> list[str]:
    """The lines of plain text that are not empty."""
    return _lines(text)


def of_either(text: str) -> list[str]:
    """The paragraphs of what may be plain text or HTML."""
    tree = markup.parsed(f"<div>{text}</div>") if "<" in text else None
    return of_text(unescape(text)) if tree is None else of_fragment(tree)


def _extracted(tree: html.HtmlElement, *, favor_recall: bool) -> list[str]:
    # Never with `deduplicate`: it remembers texts across calls.
    try:
        document = bare_extraction(tree, favor_recall=favor_recall, include_comments=False)
    except Exception:  # noqa: BLE001  # whatever a hostile tree does to the library: there is no text
        return []
    text = getattr(document, "text", None)  # None, or the library's own untyped document
    return _lines(text) if isinstance(text, str) else []


def _folded(text: str | None) -> str:
    if not text:
        return ""
    folded = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{folded}{' ' * (text[-1:].isspace() and bool(folded))}"


def _lines(text: str) -> list[str]:
    lines = map(markup.visible, text.splitlines())
    return [line for line in lines if any(character.isalnum() for character in line)]
