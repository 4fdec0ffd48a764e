"""Notices that a page prints beside its article's text: in an aside, a footer, a box of their own.

Extraction takes such places for boilerplate, which they mostly are. What stands there counts if it is a notice about
the article (`transforms.text.notices`): then it is the most important line of the page.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from lxml import html

from transforms.text import markup, notices
from transforms.text.folding import folded

TEXT_LIMIT = 1_500  # characters of a box; longer ones are no notice but a list of them, or the page
BOXES_LIMIT = 20  # on a page
PART_LENGTH = 40  # characters from which on a paragraph that a box repeats is a part of it, and no chance

# A box that says in its class or id what it is for. Words of the languages that notices are read in.
_is_named = markup.naming(
    re.compile(
        r"correct|clarif|corrig|errat|retract|withdraw|editor.{0,2}s?.?note|korrekt|richtigstell|berichtig|rectif|rettific"
        r"|correcao|errore",
        re.IGNORECASE,
    )
)
_BOXES = ("aside", "footer", "div", "section", "p", "small")
_TEXT = {"article", "main"}
_BESIDE = {"aside", "footer"}


def printed(tree: html.HtmlElement) -> list[str]:
    """The texts of the boxes on a page that may hold a notice, bounded in number and length."""
    found = (markup.words(box) for box in islice(_boxes(tree), BOXES_LIMIT))
    return [text for text in found if text and len(text) <= TEXT_LIMIT]


def with_notices(body: Sequence[str], boxes: Sequence[str]) -> list[str]:
    """The body's paragraphs, and behind them the boxes that hold a notice about the article and are not among them.

    A box of which the body has a part only (without its label, it may say nothing of a correction) takes that part's
    place.
    """
    whole = list(body)
    for box in boxes:
        if not notices.find("", box):
            continue
        said = folded(box)
        if said in folded(" ".join(whole)):
            continue
        parts = [at for at, line in enumerate(whole) if len(line) >= PART_LENGTH and folded(line) in said]
        place = parts[0] if parts else len(whole)
        whole = [line for at, line in enumerate(whole) if at not in parts]
        whole.insert(place, box)
    return whole


def _boxes(tree: html.HtmlElement) -> Iterator[html.HtmlElement]:
    for element in tree.iter(*_BOXES):
        if element.tag in _BESIDE:
            if any(above.tag in _TEXT for above in element.iterancestors()):
                yield element
        elif _is_named(element.get("class", "")) or _is_named(element.get("id", "")):
            yield element
