"""From a page's bytes to one bounded tree. Whatever the bytes are, this gives a tree or None, never an exception."""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from lxml import etree, html
from trafilatura.utils import detect_encoding
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

BYTES_LIMIT = 10_000_000  # of a page, as fetch's own cap; what is beyond is not read
# Nesting that is kept; deeper elements are merged into their parents. Browsers stop at 512 (WHATWG leaves it open),
# real pages stay under 100, and trafilatura's walk of a tree is recursive.
DEPTH_LIMIT = 200
ELEMENT_LIMIT = 200_000  # a page with more has no text worth the seconds
NAMES_LIMIT = 10_000  # classes and ids whose answers are remembered for one pattern
NAME_LIMIT = 200  # characters of a class or id that is remembered

# libxml2 itself stops at 2,048 levels and loses what is below: such a page is read again without its wrappers.
_PARSER_DEPTH = etree.XPath("boolean(" + "/*" * 2_000 + ")")
_WRAPPERS = re.compile(
    rb"</?(?:div|span|section|font|center|b|i|em|strong|u|ul|ol|li|dl|dd|dt|blockquote)\b[^<>]*>", re.IGNORECASE
)
# Characters that the parser lets through and lxml then refuses to move (XML 1.0, 2.2): surrogates cannot be encoded,
# the others are dropped as bytes, which is ten times as fast as a regular expression.
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r"})
_NONCHARACTERS = ("\ufffe", "\uffff")
# References that may stand for one of them: all but the commonest, of two to four digits.
_REFERENCE = re.compile(
    r"&#(?:[xX](?P<hex>[0-9a-fA-F]{1,20})|0{0,9}(?P<decimal>[12]?[0-9](?![0-9])|3[01](?![0-9])|[0-9]{5,20}));?"
)
_TOO_DEEP = etree.XPath("/*" * (DEPTH_LIMIT + 1))
_ELEMENTS = etree.XPath("count(//*)")

# Elements that begin a line of their own.
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main",
    "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip

# Zero-width joiners stay: Persian, Indic scripts and emoji are spelled with them.
_INVISIBLE = ("\u00ad", "\u200b", "\u2060", "\ufeff")
_CODE = ("script", "style", "noscript", "template", "svg", "iframe")
# Elements that trafilatura takes out of any page.
_CHROME = (
    "aside", "nav", "footer", "menu", "dialog", "button", "select", "textarea", "object", "audio", "video", "canvas",
    "map",
)  # fmt: skip
_OWN = ("aside", "footer")
_OF_HEAD = frozenset(
    {"base", "basefont", "bgsound", "link", "meta", "noscript", "script", "style", "template", "title"}
)
_SWALLOWED = ("h1", "main")  # an element that holds one of these was never closed: it is no chrome
# lxml.html asks Python for the class of each element that it hands out; nobody here needs its forms and inputs.
_ONE_CLASS = etree.ElementDefaultClassLookup(element=html.HtmlElement)


def decoded(body: bytes, charset: str | None) -> str:
    """The text of a page.

    A byte order mark wins; then UTF-8, when the bytes are valid UTF-8 (text in another encoding practically never is);
    then the header's charset, the page's own declaration, and detection. Bytes that do not fit become U+FFFD.

    Args:
        body: the page; what is beyond `BYTES_LIMIT` is not read.
        charset: what the Content-Type header says, if it says anything.
    """
    body = body[:BYTES_LIMIT]
    marked, mark = read_bom(body)
    if marked and mark:
        return _with(body[len(mark) :], marked)
    # ISO-2022-JP and UTF-16 can look like ASCII: the first has escapes, the second NUL bytes.
    if b"\x1b" not in body and b"\x00" not in body[:1_000]:
        try:
            return codecs.getincrementaldecoder("utf-8")().decode(body)  # a cut last character is no fault
        except UnicodeDecodeError:
            pass
    declared = (resolve_encoding(charset) if charset else None) or html_body_declared_encoding(body)
    if declared and declared != "utf-8":
        return _with(body, declared)
    return _with(body, next(iter(detect_encoding(body[:100_000])), "utf-8"))


def is_binary(text: str) -> bool:
    """Whether the first thousand characters are no text: more than one in fifty is a control character or U+FFFD."""
    start = text[:1_000]
    odd = sum(character == "\ufffd" or (character < " " and character not in "\t\n\r\f\x1b") for character in start)
    return odd * 50 > len(start)


def parsed(text: str) -> html.HtmlElement | None:
    """The tree of a page, without comments, at most `DEPTH_LIMIT` deep; None if there is nothing in it.

    XML entities of the page's own are never expanded: this is libxml2's HTML parser, which knows HTML's only.
    """
    tree = _parsed(body := _xml_safe(text))
    if tree is not None and _PARSER_DEPTH(tree):
        tree = _parsed(_WRAPPERS.sub(b"\n", body))
    return None if tree is None else _bounded(tree)


def without_code(tree: html.HtmlElement) -> html.HtmlElement:
    """`tree` with scripts, styles and the like taken out in place: a third of the extractor's time went there."""
    etree.strip_elements(tree, *_CODE, with_tail=False)
    return tree


def without_chrome(tree: html.HtmlElement) -> html.HtmlElement:
    """`tree` with code, and what stands around an article on any site, taken out in place: half of its elements.

    An article's own asides and footers stay: its date may be there.
    """
    for element in list(without_code(tree).iter(*_CHROME)):
        is_own = element.tag in _OWN and next(element.iterancestors("article"), None) is not None
        if not is_own and next(element.iter(*_SWALLOWED), None) is None:
            element.drop_tree()
    return tree


def elements(path: etree.XPath, tree: html.HtmlElement) -> list[html.HtmlElement]:
    """The elements that `path` selects."""
    return cast("list[html.HtmlElement]", path(tree))


def strings(path: etree.XPath, tree: html.HtmlElement) -> list[str]:
    """The texts or attribute values that `path` selects."""
    return cast("list[str]", path(tree))


def naming(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    """Whether a class or id holds `pattern`; answers are remembered, for a site's elements and pages share their names.

    Such searches, several for each element of a page, were a seventh of the time that a page takes.
    """

    @lru_cache(maxsize=NAMES_LIMIT)
    def remembered(name: str) -> bool:
        return pattern.search(name) is not None

    def is_named(name: str) -> bool:
        return name != "" and (remembered if len(name) <= NAME_LIMIT else remembered.__wrapped__)(name)

    return is_named


def words(element: html.HtmlElement) -> str:
    """All text in `element`, as `visible`."""
    return visible("".join(element.itertext()))


def visible(text: str) -> str:
    """`text` in one line: white space folded, soft hyphens and zero-width marks that steer line breaks taken out."""
    if not text.isascii():
        for character in _INVISIBLE:
            text = text.replace(character, "")
    return " ".join(text.split())


def spaced(text: str | None) -> str:
    """`text` with its white space folded, at its ends too, where the next piece of a line joins it."""
    if not text:
        return ""
    folded = " ".join(text.split())
    return f"{' ' * text[:1].isspace()}{folded}{' ' * (text[-1:].isspace() and bool(folded))}"


def lines(text: str) -> list[str]:
    """The lines of `text` that hold a letter or a figure, as `visible`."""
    return [line for line in map(visible, text.splitlines()) if any(map(str.isalnum, line))]


def _xml_safe(text: str) -> bytes:
    """`text` in UTF-8, without the characters that XML has no place for, written out or by their numbers."""
    text = _REFERENCE.sub(_xml_safe_reference, text) if "&#" in text else text
    for character in _NONCHARACTERS:
        text = text.replace(character, "")
    return text.encode("utf-8", "ignore").translate(None, _CONTROLS)


def _xml_safe_reference(reference: re.Match[str]) -> str:
    code = int(reference["hex"], 16) if reference["hex"] else int(reference["decimal"])
    is_safe = code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0xFFFF < code <= 0x10FFFF
    return reference[0] if is_safe else ""


def _with(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return body.decode("utf-8", "replace")


def _bounded(tree: html.HtmlElement) -> html.HtmlElement | None:
    if cast("float", _ELEMENTS(tree)) > ELEMENT_LIMIT:
        return None
    for top in elements(_TOO_DEEP, tree):
        for element in reversed(list(top.iter())):  # from the inside out: nothing is moved twice
            element.drop_tag()
    return tree


def _parsed(body: bytes) -> html.HtmlElement | None:
    if not body.strip():
        return None
    parser = html.HTMLParser(
        collect_ids=False,
        encoding="utf-8",
        huge_tree=True,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    parser.set_element_class_lookup(_ONE_CLASS)
    try:
        tree = html.document_fromstring(body, parser=parser, ensure_head_body=True)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError, TypeError):
        return None
    _close_head(tree)
    return tree


def _close_head(tree: html.HtmlElement) -> None:
    """End the head where text begins: libxml2 does not know that an <article> or <main> ends it (HTML, 13.1.2.4)."""
    head, body = tree.find("head"), tree.find("body")
    if head is None or body is None:
        return
    first = next((child for child in head if child.tag not in _OF_HEAD), None)
    if first is not None:
        body[:0] = [first, *first.itersiblings()]
