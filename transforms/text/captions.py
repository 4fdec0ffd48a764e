"""Captions of pictures: taken out of the page into a list of their own, their credits told apart."""

import itertools
import re
from collections.abc import Iterable, Iterator

from lxml import html

from schemas.records import Caption
from transforms.text import markup

CAPTION_LIMIT = 50  # captions of an article that are kept
TEXT_LIMIT = 1_000  # characters; what is longer is no caption
CREDIT_LIMIT = 100  # characters
IMAGE_LIMIT = 100  # pictures whose boxes are looked at
BOX_DEPTH = 4  # elements around a picture that may be its box
BOX_PIECES = 6  # texts in a box
BOX_LIMIT = 500  # characters in a box

# Agencies and picture libraries that sign pictures the world over.
_AGENCIES = (
    r"(?:AP|AFP|EPA(?:-EFE)?|EFE|dpa|DPA|ANSA|PA|UPI|ANI|PTI|IANS|APA|ANP|NTB|TT|SIPA|Sipa|MTI|CTK|PAP|LUSA|Lusa"
    r"|REX|Rex|A\.P\.|Reuters|REUTERS|Getty|GETTY|i[Ss]tock|Shutterstock|Alamy|Bloomberg|Xinhua|TASS|Tass|Kyodo|Yonhap|Anadolu"
    r"|Keystone|KEYSTONE|Ritzau|Scanpix|Belga|BELGA|I[Mm][Aa][Gg][Oo]|imago|picture[ -]alliance|Unsplash|Pexels|Pixabay"
    r"|Flickr|Wikimedia|Wikipedia|Creative Commons|Associated Press|Agence France-Presse|Press Association|WireImage"
    r"|NurPhoto|ZUMA|Zuma|Corbis|Magnum|Depositphotos|Adobe ?Stock|Dreamstime|Freepik|Handout|HANDOUT|CC BY)"
)
_LABEL = (
    r"(?i:(?:main |file |cover |lead |featured |image |photo |picture )?(?:photo(?:graph|graphy|graphie)?|image|picture"
    r"|pic|illustration|credit|source|courtesy|foto(?:graf[ií]a)?|bild(?:quelle|nachweis|rechte)?|cr[ée]dito?|imagen|imagem"
    r"|immagine|quelle|kilde|fuente|fonte|rechte)s?)"
)
_MARK = r"(?:\s?[:\uff1a]|\s(?i:by|via|from|credits?|courtesy|courtesy of)\b\s?:?)\s?"
_BRACKETED = re.compile(r"\s*(?:\[(?P<square>[^\[\]]{2,100})\]|\((?P<round>[^()]{2,100})\))\s*\.?$")
_LABELLED = re.compile(
    rf"(?:^|(?<=[.!?\])”\"'…;,])\s?|\s?[|/\u2013\u2014]\s?|\s-\s|\s(?=[A-Z])){_LABEL}{_MARK}"
    r"(?P<credit>[^:\uff1a]{2,100})$"
)
_SIGNED = re.compile(r"\s*(?:©|\(c\)|ⓒ|&copy;)\s*(?P<credit>[^©]{2,80})$", re.IGNORECASE)
_AGENCY_END = re.compile(
    r"(?:^|(?<=[.!?”\"'])\s|\s?[|/\u2013\u2014]\s?|\s-\s)"
    rf"(?P<credit>(?:[\w.'\u2019/ -]{{0,60}}[/ ])?{_AGENCIES}\b[\w/ .-]{{0,40}})$"
)
_HAS_AGENCY = re.compile(rf"\b{_AGENCIES}\b")
_CREDIT_WORD = re.compile(rf"{_LABEL}\b")
_LABEL_START = re.compile(rf"^(?:{_LABEL}{_MARK}|©\s?|(?i:by)\s)")

_CREDIT_LINE = re.compile(
    rf"[\[(]?(?:(?i:(?:main |file |cover |lead |featured )?(?:photo(?:graph|graphy)?|image|picture|foto|bild)s?)"
    rf"{_MARK}.{{2,80}}|©\s?.{{2,60}}|(?:[\w.'\u2019-]{{1,30}}\s){{0,4}}(?:[\w.'\u2019 -]{{1,40}}\s?/\s?){{0,3}}"
    rf"{_AGENCIES}(?:\s?/\s?[\w.'\u2019 -]{{1,30}})?"
    rf"(?:\s(?i:images?|photos?|via|news agency)){{0,4}}(?:\s{_AGENCIES}(?:\s(?i:images?|photos?))?)?)[\])]?\.?"
)

_is_caption = markup.naming(
    re.compile(r"(?<![a-z])caption|(?:image|photo|picture|figure|media|bild|foto)caption", re.IGNORECASE)
)
_is_credit = markup.naming(re.compile(r"credit|photographer", re.IGNORECASE))
_TAGS = ("figcaption", "p", "div", "span", "small", "dd", "em", "cite", "li")
_BOXES = frozenset({"div", "span", "p", "figure", "section"})
_ELSEWHERE = frozenset({"nav", "footer", "aside", "a"})


def take(tree: html.HtmlElement) -> tuple[Caption, ...]:
    """The captions of the article's pictures; they and the credit lines under pictures are removed from `tree`.

    Captions in navigation, asides and links belong to other stories: they are removed and not kept.
    """
    captioned, signing = _marked(tree)
    kept: dict[str, Caption] = {}
    for caption in (*_take_captions(tree, captioned), *_take_signed(tree)):
        if any(map(str.isalnum, caption.text)) and len(kept) < CAPTION_LIMIT:
            kept.setdefault(caption.text, caption)
    for element in signing:
        if _is_in(tree, element) and len(markup.words(element)) <= CREDIT_LIMIT:
            element.drop_tree()
    return tuple(kept.values())


def split(text: str) -> Caption:
    """A caption's text and its credit: "A bridge [Getty]", "A bridge. Photo: Ann Lee/AP" and "A bridge © Ann Lee"."""
    text = " ".join(text.split())[:TEXT_LIMIT]
    found = _BRACKETED.search(text)
    if found:
        inner = found["square"] or found["round"]
        if found["square"] or _HAS_AGENCY.search(inner) or _CREDIT_WORD.match(inner):
            return Caption(text=text[: found.start()].strip(), credit=credited(inner))
    for pattern in (_LABELLED, _SIGNED, _AGENCY_END):
        found = pattern.search(text)
        if found:
            return Caption(text=text[: found.start()].strip(" |/\u2013\u2014-"), credit=credited(found["credit"]))
    return Caption(text=text)


def credited(text: str) -> str | None:
    """The name in a credit line, without "Photo:" and the like."""
    return _LABEL_START.sub("", _LABEL_START.sub("", text.strip(" []()|"))).strip(" []()|:")[:CREDIT_LIMIT] or None


def is_credit_line(line: str) -> bool:
    """Whether `line` is nothing but a picture's credit ("Photo: Ann Lee", "Bo Ek/AFP via Getty", "(Reuters)")."""
    if len(line) > CREDIT_LIMIT or line.endswith(("?", "!")):
        return False
    return bool(_CREDIT_LINE.fullmatch(line))


def _take_captions(tree: html.HtmlElement, captioned: Iterable[html.HtmlElement]) -> Iterator[Caption]:
    for element in captioned:
        text = markup.words(element)
        if len(text) > TEXT_LIMIT or _is_wrapper(element) or not _is_in(tree, element):
            continue  # a wrapper with "caption" in its name, or inside a caption already taken
        signed = ""
        for credit in _marked(element)[1]:
            if credit is not element and _is_in(element, credit):
                signed = signed or markup.words(credit)
                credit.drop_tree()
        caption = split(markup.words(element))
        if signed and caption.credit is None:
            caption = Caption(text=caption.text, credit=credited(signed))
        is_elsewhere = any(ancestor.tag in _ELSEWHERE for ancestor in element.iterancestors())
        element.drop_tree()
        if not is_elsewhere:
            yield caption


def _take_signed(tree: html.HtmlElement) -> Iterator[Caption]:
    for box in _signed_boxes(tree):
        *said, signed = _pieces(box)
        box.drop_tree()
        yield Caption(text=" ".join(said), credit=credited(signed))


def _signed_boxes(tree: html.HtmlElement) -> list[html.HtmlElement]:
    """The boxes of short text in or right under a picture's own that end in a credit, whatever they are called."""
    boxes: dict[html.HtmlElement, None] = {}
    seen: set[html.HtmlElement] = set()
    for image in itertools.islice(tree.iter("img"), IMAGE_LIMIT):
        for box in itertools.islice(image.iterancestors(), BOX_DEPTH):
            if box in seen:  # pictures that share a box: nothing in it is read twice
                break
            seen.add(box)
            under = box.getnext()
            if _is_signed(box):
                boxes[box] = None
            elif not _pieces(box) and under is not None and _is_signed(under):
                boxes[under] = None
            else:
                continue
            break
    return [
        box
        for box in boxes
        if not any(ancestor in boxes or ancestor.tag in _ELSEWHERE for ancestor in box.iterancestors())
    ]


def _is_signed(box: html.HtmlElement) -> bool:
    if box.tag not in _BOXES:
        return False
    pieces = _pieces(box)
    return 0 < len(pieces) <= BOX_PIECES and sum(map(len, pieces)) <= BOX_LIMIT and is_credit_line(pieces[-1])


def _pieces(box: html.HtmlElement) -> list[str]:
    """The first texts in `box`, one more than a picture's box may hold."""
    texts = (markup.visible(part[: BOX_LIMIT + 1]) for part in box.itertext() if not part.isspace())
    return list(itertools.islice(filter(None, texts), BOX_PIECES + 1))


def _marked(tree: html.HtmlElement) -> tuple[list[html.HtmlElement], list[html.HtmlElement]]:
    """The elements in `tree`, itself too, that are marked as captions and those that are marked as credits."""
    captioned, signing = [], []
    for element in tree.iter(*_TAGS):
        name, itemprop = element.get("class", ""), element.get("itemprop")
        if itemprop == "caption" or element.tag == "figcaption" or _is_caption(name):
            captioned.append(element)
        if itemprop == "copyrightHolder" or _is_credit(name):
            signing.append(element)
    return captioned, signing


def _is_wrapper(element: html.HtmlElement) -> bool:
    return sum(1 for _ in element.iter("p", "h1", "h2", "table")) > 4


def _is_in(tree: html.HtmlElement, element: html.HtmlElement) -> bool:
    return any(ancestor is tree for ancestor in element.iterancestors())
