"""The text of a page that keeps its paragraphs together, side by side in one element, as most articles do.

What else stands in that element is told apart by what it is: boxes by their names, lists of links by their links, and
text outside of paragraphs, headings and lists is no text of the article. On the labelled pages of
benchmarks/extraction.py, two of three news pages are of this kind; on them this is more exact than trafilatura's
general search and takes a quarter of its time.
"""

import re
from typing import NamedTuple

from lxml import etree, html

from transforms.text import markup

# Swept on labelled pages from 0.6 to 0.95: below 0.75 other stories come in, above it fewer pages are of this kind.
MOST = 0.75  # of the page's prose that the element's own paragraphs hold
LEFT = 0.7  # of the page's prose that comes out; if less does, the page's names mean something else
PROSE = 1_000  # characters; pages with less keep it in other elements
HOLDERS_LIMIT = 1_000  # elements with paragraphs: more are a list of stories
LEADS_LIMIT = 3  # paragraphs of a standfirst
ABOVE_LIMIT = 20  # paragraphs between headline and container that may be one
LEAD = 50  # characters of such a paragraph; a shorter one is a byline
SHORT_BOX = 300  # characters
LINKED = 0.8  # of a short box that is links: a list of them
FARM = 4  # links and
FARM_LINKED = 0.9  # of a long box, and
CARD = 100  # characters a link: a catalogue's, whose links hold its text

_TEXT = frozenset({
    "blockquote", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "q", "summary",
})  # fmt: skip
_LEADS = ("h2", "p")
_NO_TEXT = frozenset({"aside", "fieldset", "figure", "footer", "form", "label", "math", "nav", "time"})
_OTHERWISE = ("td", "pre")  # tables and code have a layout of their own
_NAMED = frozenset({"div", "dl", "li", "ol", "p", "section", "span", "ul"})
_LINK_LISTS = frozenset({"div", "dl", "ol", "p", "ul"})
# Words in the class or id of what is no text of the article; publishing systems name boxes in English everywhere.
_is_named_furniture = markup.naming(
    re.compile(
        r"^ad-|^nav|^shar|\bad\b|-ad-|-icon|-stories|article-infos|author|avigation|banner|blurred|bread-?crumb|button|byline"
        r"|caption|comments?(?:[-_\s]|$)|consent|cookie|criteo|disqus|embed|expand|footer|hidden|infinite-?scroll|menu"
        r"|message-container|modal|more-on|most-popular|navba?r|navbox|newsletter|next-|noprint|notloaded|outbrain|overlay"
        r"|paid-?content|permission|premium|promo|rating|recommend|related|share-|sidebar|signup|sociable|social|subnav"
        r"|subscri|syndication|taboola|tags|timestamp|user-info|user-profile|viral|widget",
        re.IGNORECASE,
    )
)


def read(tree: html.HtmlElement) -> list[str] | None:
    """The paragraphs of a page, with the standfirst above them; None if they do not stand together in one element.

    Args:
        tree: a page without chrome, captions and inline markup; it stays whole. Read in linear time.
    """
    container, prose = _container(tree)
    if container is None:
        return None
    found = [*_leads(tree, container), *_written(container)]
    return found if sum(map(len, found)) >= LEFT * prose else None


def _container(tree: html.HtmlElement) -> tuple[html.HtmlElement | None, int]:
    """The element whose own paragraphs hold most of the page's prose, and the characters of all prose."""
    holders: dict[html.HtmlElement, int] = {}
    for paragraph in tree.iter("p"):
        holder = paragraph.getparent()
        is_alone = paragraph.getprevious() is None and paragraph.getnext() is None  # len() would count all children
        if holder is not None and is_alone and holder.tag == "div":
            holder = holder.getparent()  # some systems wrap each paragraph
        if holder is not None:
            # Links aside: what is in them is mostly no prose.
            length = len(paragraph.text or "") + sum(len(child.tail or "") for child in paragraph)
            holders[holder] = holders.get(holder, 0) + length
    prose = sum(holders.values())
    if prose < PROSE or len(holders) > HOLDERS_LIMIT:
        return None, prose
    container = max(holders, key=holders.__getitem__)
    is_clear = holders[container] >= MOST * prose and next(container.iter(*_OTHERWISE), None) is None
    return (container if is_clear else None), prose


def _leads(tree: html.HtmlElement, container: html.HtmlElement) -> list[str]:
    """The paragraphs between the headline and `container`."""
    above: list[html.HtmlElement] | None = None
    for element in tree.iter("h1", *_LEADS, str(container.tag)):
        if element is container:
            break
        if element.tag == "h1":
            above = []
        elif above is not None and element.tag in _LEADS and len(above) < ABOVE_LIMIT:
            above.append(element)
    around = frozenset(container.iterancestors())
    found = [
        markup.words(element)
        for element in above or ()
        if next(element.iter("a"), None) is None
        and not any(_is_furniture(box) for box in (element, *element.iterancestors()) if box not in around)
    ]
    return [text for text in found[:LEADS_LIMIT] if len(text) >= LEAD]


def _is_furniture(element: html.HtmlElement) -> bool:
    if element.tag in _NO_TEXT:
        return True
    if element.tag not in _NAMED or not element.attrib:
        return False
    return bool(
        _is_named_furniture(element.get("class", ""))
        or _is_named_furniture(element.get("id", ""))
        or element.get("aria-hidden") == "true"
        or "display:none" in element.get("style", "").replace(" ", "")
    )


def _written(container: html.HtmlElement) -> list[str]:
    """The text in `container`, a paragraph per block element."""
    pieces: list[str] = []
    texts = 0  # open elements whose text counts
    met = _Met(0, 0, 0, 0)
    opened: list[_Met | None] = []  # what was met before each open element; None for furniture
    walk = etree.iterwalk(container, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if tag in markup.BLOCKS:
            pieces.append("\n")
        if event == "start" and element is not container and _is_furniture(element):
            walk.skip_subtree()
            opened.append(None)
            continue
        if event == "start":
            opened.append(met._replace(pieces=len(pieces)))
            texts += tag in _TEXT
            text = markup.spaced(element.text)
            if tag == "li":
                text = f"- {text}"
        else:
            before = opened.pop()
            if before is not None:
                texts -= tag in _TEXT
                if tag == "a":
                    met = met._replace(links=met.links + 1, linked=met.linked + met.characters - before.characters)
                elif tag in _LINK_LISTS and not texts and element is not container and _is_link_list(before, met):
                    del pieces[before.pieces :]
            text = "" if element is container else markup.spaced(element.tail)
        if texts and text:
            pieces.append(text)
        met = met._replace(characters=met.characters + len(text))
    return markup.lines("".join(pieces))


class _Met(NamedTuple):
    """What was met up to some place of the page."""

    pieces: int
    characters: int
    links: int
    linked: int  # characters in links


def _is_link_list(before: _Met, after: _Met) -> bool:
    characters, links, linked = (after[place] - before[place] for place in (1, 2, 3))
    if characters < SHORT_BOX:
        return linked > LINKED * characters
    return links > FARM and linked > FARM_LINKED * characters and linked < CARD * links
