"""The text of an item to paragraphs.

Agencies wrap their lines: plain text, and what they put into one <p> or <pre> from a text system, comes as lines of 60
to 80 characters, paragraphs marked by an indent, a blank line or a line that ends early. Such text is set again.
"""

import html as html_entities
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree, html

from schemas.records import Caption
from transforms.text import boilerplate, captions, markup, paragraphs

WIDTH = 100  # characters of a line; longer ones were not wrapped, each is a paragraph
EARLY = 0.75  # of the width: a line that ends before it, though the next word had found room, was ended on purpose
INDENT = 2  # columns
SLACK = 3  # columns that are not always used: a blank at the line's end
CELL_LIMIT = 200  # characters of a table's cell; what is longer is laid out in a table, not tabulated
SIGNATURE_LIMIT = 60  # characters

_PRINTED = ("p", "pre", "tr", "h1", "h2", "h3", "h4", "h5", "h6")
_AROUND = ("header", "footer", "nav")
_TABULATED = re.compile(r"\S {3,}\S")
_ENDED = re.compile(r"[.!?:;\"\u201d\u00bb')\]\u3002]\s*$")
_BULLET = re.compile(r"\s{0,20}[*\u2022] ")
_OPENS = re.compile(r"[\"\u201c\u201e\u00ab'(\[\d\u2013\u2014-]|\w")
# "&amp;quot;" that an XML parser has made "&quot;", and "&lt;x&gt;...&lt;/x&gt;": escaped once more than it should be.
_ESCAPED = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_ESCAPED_PAIR = re.compile(r"<(?P<name>[a-z]{1,20})>(?P<text>[^<>]{0,200})</(?P=name)>")
# Who wrote, edited and sent it, in initials (AFP "hh/ph/ts/hd", EFE "gr/bp"); the agency's name between slashes
# (Ritzau); the end of the text (PA "ends", AP "-0-").
_SIGNATURE = re.compile(
    r"[a-z]{2,5}(?:[-/][a-z]{1,5}){1,8}(?:[/.]\w{1,8})?|/[\w.-]{2,20}/|\W{0,3}(?:ends?|ENDS?)\W{0,3}|-\s?[03]0?\s?-"
)


@dataclass(frozen=True, slots=True)
class Text:
    """What a text holds."""

    lines: tuple[str, ...] = ()  # paragraphs, headings, rows of tables, items of lists
    captions: tuple[Caption, ...] = ()
    image_url: str = ""
    printed: frozenset[str] = frozenset()  # lines that are marked as text, as `boilerplate.folded`: no mere labels


def read(markup_text: str, plain: str) -> Text:
    """The text of an item: of its HTML if that holds any, else of its plain text."""
    found = of_html(markup_text) if markup_text.strip() else Text()
    if found.lines or not plain.strip():
        return found
    lines = tuple(_lines(wrapped(plain)))
    return Text(lines, found.captions, found.image_url, frozenset(map(boilerplate.folded, lines)))


def of_html(text: str) -> Text:
    """The text of a piece of HTML or of a page."""
    is_page = text.lstrip()[:9].lower().startswith(("<html", "<!doctype", "<body"))
    tree = markup.parsed(text if is_page else f"<div>{text}</div>")
    if tree is None:
        return Text()
    etree.strip_elements(tree, "head", with_tail=False)
    for element in list(markup.without_code(tree).iter(*_AROUND)):
        element.drop_tree()
    image_url = next((source for image in tree.iter("img") if (source := image.get("src"))), "")
    pictured = captions.take(tree)
    for row in reversed(list(tree.iter("tr"))):
        _set_row(row)
    for block in list(tree.iter("p", "pre", "div", "body", "section", "article", "td")):
        _set_block(block)
    marked = (line for block in tree.iter(*_PRINTED) for line in _printed(block))
    lines = tuple(_lines(paragraphs.of_fragment(tree)))
    return Text(lines, pictured, image_url, frozenset(map(boilerplate.folded, marked)))


def without_signature(lines: Sequence[str]) -> list[str]:
    """`lines` less the initials and marks that end an agency's text, if there is another line."""
    kept = list(lines)
    while len(kept) > 1 and len(kept[-1]) <= SIGNATURE_LIMIT and _SIGNATURE.fullmatch(kept[-1]):
        kept.pop()
    return kept


def wrapped(text: str) -> list[str]:
    """The paragraphs of plain text, whose lines may have been wrapped."""
    lines = _undented(text)
    width = max(map(len, lines), default=0)
    if width > WIDTH:
        return [line for line in lines if line.strip()]

    def is_new(before: str, line: str) -> bool:
        if _TABULATED.search(line) or _TABULATED.search(before) or _BULLET.match(line):
            return True
        is_indented = _indent(line) >= INDENT and _indent(line) > _indent(before)
        return (is_indented and bool(_ENDED.search(before))) or _is_early(before, line, width)

    return _joined(lines, is_new)


def marked_up(text: str) -> list[str]:
    """The paragraphs of the text in one <p>, where a line's end is white space unless it is plainly an agency's.

    So it is before an indented line after a sentence's end, at an empty line (not one of blanks, which an inline
    element's tag leaves), and in a text with columns; after a line that ended early only if the others are not indented
    at all, as pretty-printed markup is.
    """
    text = "\n".join(line for line in text.splitlines() if not line or line.strip())
    lines = _undented(text)
    if sum(1 for line in lines if _TABULATED.search(line)) > 1:
        return wrapped(text)
    width = max(map(len, lines), default=0)
    is_set = width <= WIDTH and any(line[:1].strip() for line in text.splitlines()[1:])

    def is_new(before: str, line: str) -> bool:
        if _BULLET.match(line):
            return True
        is_after_end = bool(_ENDED.search(before)) or (is_set and _is_early(before, line, width))
        return _indent(line) >= INDENT and is_after_end and bool(_OPENS.match(line.lstrip()))

    return _joined(lines, is_new)


def _is_early(before: str, line: str, width: int) -> bool:
    """Whether a line ends where the next line's first word had still found room, and not by an editor's change."""
    reach = len(before) + 1 + len(line.split(maxsplit=1)[0])
    return reach + SLACK <= width and (bool(_ENDED.search(before)) or reach <= EARLY * width)


def _undented(text: str) -> list[str]:
    """The lines of `text`, less the indent that all of them have: the first stands after a tag and may lack it."""
    lines = [line.rstrip() for line in text.expandtabs(4).replace("\u00a0", " ").splitlines()]
    least = min((_indent(line) for line in lines[1:] if line), default=0)
    return [line[min(least, _indent(line)) :] for line in lines]


def _joined(lines: Sequence[str], is_new: Callable[[str, str], bool]) -> list[str]:
    """Lines joined to paragraphs, which end at blank lines and where `is_new` says so of a line and the next."""
    found: list[list[str]] = []
    before = ""
    for line in lines:
        printed = line.rstrip()
        if printed and before and not is_new(before, printed):
            found[-1].append(printed.strip())
        elif printed:
            found.append([printed.strip()])
        before = printed
    return [" ".join(parts) for parts in found]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _lines(found: Sequence[str]) -> list[str]:
    """Lines as `markup.lines` has them, what was escaped twice put right."""
    return [line for each in found for line in markup.lines(_unescaped(each))]


def _unescaped(line: str) -> str:
    if "&" in line and _ESCAPED.search(line):
        line = html_entities.unescape(line)
    return _ESCAPED_PAIR.sub(r"\g<text>", line) if "</" in line else line


def _printed(block: html.HtmlElement) -> list[str]:
    """The lines in a block that holds no other."""
    if block.tag == "tr" and len(block):
        return []
    return paragraphs.of_fragment(block)


def _set_row(row: html.HtmlElement) -> None:
    """A table's row as one line; one that is used for layout stays as it is."""
    cells = [cell for cell in row if cell.tag in ("td", "th")]
    texts = [markup.words(cell) for cell in cells]
    if cells and max(map(len, texts)) <= CELL_LIMIT:
        _fill(row, [" | ".join(filter(None, texts))])


def _set_block(block: html.HtmlElement) -> None:
    """A block of nothing but text and line breaks, set again."""
    if any(child.tag != "br" for child in block):
        return
    pieces = [block.text or "", *(child.tail or "" for child in block)]
    if len(block) and block.tag == "p":
        _fill(block, _unbroken([" ".join(piece.split()) for piece in pieces]))
    elif not len(block) and "\n" in pieces[0].strip():
        _fill(block, marked_up(pieces[0]) if block.tag == "p" else wrapped(pieces[0]))


def _unbroken(lines: Sequence[str]) -> list[str]:
    """The lines that <br> parts, joined where they look wrapped (AAP): none is long, all but the last are full."""
    width = max(map(len, lines), default=0)
    is_wrapped = WIDTH // 2 <= width <= WIDTH

    def is_new(before: str, line: str) -> bool:
        return not is_wrapped or _is_early(before, line, width)

    return _joined(lines, is_new)


def _fill(block: html.HtmlElement, lines: Sequence[str]) -> None:
    """Put `lines` in the place of what is in `block`."""
    tail, tag = block.tail, block.tag
    block.clear()
    block.tag, block.tail = tag, tail
    block.text = lines[0] if lines else ""
    for line in lines[1:]:
        etree.SubElement(block, "br").tail = line
