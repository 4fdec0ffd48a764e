"""From a tree to paragraphs.

Of a page that keeps them together by `transforms.text.container`, of any other by trafilatura, of a fragment that is
all text by its block elements.
"""

import logging
from html import unescape

from lxml import etree, html
from trafilatura import bare_extraction

from transforms.text import container, markup

# Swept on labelled pages: any SHORT from 3,000 and any MUCH_MORE from 1.5 to 3 give the same F1 to within 0.001,
# 0.004 above none at all; no second look at more than a sixth of the page was ever taken.
SHORT = 3_000  # characters
SHARE = 0.25  # of the page's characters
MUCH_MORE = 2.0
LONG = 100_000  # characters of a page that is looked at once only: twice the longest whose second look was taken
# Swept as well: from 0.8 to 0.9 F1 is the same, below it falls; pages with less prose keep it in other elements.
MOST = 0.8  # of the prose of the page
PROSE = 1_500  # characters
PART_LIMIT = 20  # parts of a page that are measured

_INLINE = ("b", "i", "em", "u", "strong", "font", "small", "img", "picture", "cite", "abbr", "mark")
_HOLLOW = ("div", "span", "a", "li", "ul", "section", "figure", "label", "input", "form", "time", "p", "header")
_PARTS = etree.XPath("descendant::*[self::article or self::main or @itemprop = 'articleBody' or @role = 'main']")

# The library reports each page that it gives up on as an error of its own; here that is a value.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def of_page(tree: html.HtmlElement) -> list[str]:
    """The main text of a page, most boilerplate taken out; empty if there is none.

    Of `tree`, what does not matter to the text is taken out in place.

    Recall is favoured: what is too much is taken out by our own rules, what is missing cannot be put back. A short
    text that is but a small part of its page is looked for a second time with the library's own escalations, which
    are slower and elsewhere lose whole sections; they are taken if they find much more.
    """
    etree.strip_elements(tree, "head", with_tail=False)
    etree.strip_tags(tree, *_INLINE)
    if together := container.read(tree):
        return together
    _narrow(tree)
    _drop_empty(tree)
    lines = _extracted(tree, is_first=True)
    length = sum(map(len, lines))
    if length < SHORT and length < SHARE * (page_length := _text_length(tree)) and page_length < LONG:
        others = _extracted(tree, is_first=False)
        if sum(map(len, others)) > MUCH_MORE * length:
            return others
    return lines


def of_fragment(tree: html.HtmlElement) -> list[str]:
    """All text of `tree`, a paragraph per block element and per line break."""
    pieces: list[str] = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if element.tag in markup.BLOCKS:
            pieces.append("\n")
        pieces.append(markup.spaced(element.text if event == "start" else element.tail))
    return markup.lines("".join(pieces))


def of_text(text: str) -> list[str]:
    """The lines of plain text that are not empty."""
    return markup.lines(text)


def of_either(text: str) -> list[str]:
    """The paragraphs of what may be plain text or HTML."""
    tree = markup.parsed(f"<div>{text}</div>") if "<" in text else None
    return of_text(unescape(text)) if tree is None else of_fragment(tree)


def _narrow(tree: html.HtmlElement) -> None:
    """Leave of the page only the innermost marked part that holds most of its prose, if there is one.

    The library goes over all of a page a dozen times, and would take this part of it.
    """
    total = _prose_length(tree)
    if total < PROSE:
        return
    holding = [part for part in markup.elements(_PARTS, tree)[:PART_LIMIT] if _prose_length(part) > MOST * total]
    body = tree.find("body")
    if holding and body is not None:
        body.clear()
        body.append(holding[-1])


def _drop_empty(tree: html.HtmlElement) -> None:
    """Take out the elements that hold nothing any more: one in five, each as dear to the library as one with text."""
    for element in reversed(list(tree.iter(*_HOLLOW))):
        if len(element) == 0 and not (element.text and not element.text.isspace()):
            element.drop_tree()


def _text_length(tree: html.HtmlElement) -> int:
    return sum(len(text) for text in tree.itertext() if not text.isspace())


def _prose_length(part: html.HtmlElement) -> int:
    """The characters of the paragraphs in `part`, links and the like aside."""
    # Not by XPath: "p//text()" takes time as the square of the paragraphs.
    return sum(
        len(paragraph.text or "") + sum(len(child.tail or "") for child in paragraph) for paragraph in part.iter("p")
    )


def _extracted(tree: html.HtmlElement, *, is_first: bool) -> list[str]:
    # Never with `deduplicate`: it remembers texts across calls.
    try:
        document = bare_extraction(tree, fast=is_first, favor_recall=is_first, include_comments=False)
    except Exception:  # noqa: BLE001  # whatever a hostile tree does to the library: there is no text
        return []
    text = getattr(document, "text", None)  # None, or the library's own untyped document
    return markup.lines(text) if isinstance(text, str) else []
