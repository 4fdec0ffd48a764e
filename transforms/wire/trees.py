"""XML documents to trees, and what all readers of XML ask of a tree.

Input is hostile. What stands before the root element goes, and with it the document type and the entities that it may
declare (NewsML 1 does, to draw in NITF's DTD): none is expanded, no DTD is looked for, and a document that needs one of
them cannot be read. libxml2's own bounds stay on (256 levels of nesting, 10 MB in one text). Names lose their
namespaces: agencies declare NITF's and XHTML's, or none, or the wrapper's own.
"""

import codecs
import html as html_entities
import re
from collections.abc import Iterator

from lxml import etree, html

from transforms.text import feeds, markup
from transforms.wire.item import WireError

SNIFFED = 65_536  # bytes before the root element's name that are looked at
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# Roots that are wire documents; those that hold no text are known, and so can be refused by name.
ROOTS = frozenset({
    "NewsML", "newsItem", "newsMessage", "packageItem", "conceptItem", "knowledgeItem", "planningItem", "catalogItem",
    "nitf",
})  # fmt: skip

_ROOT = re.compile(rb"<(?:[\w.-]{1,40}:)?(?P<name>[A-Za-z]{1,40})(?=[\s/>])")
_SUBSET_END = re.compile(rb"\]\s{0,100}>")
_ENTITY = re.compile(rb"&(?P<name>[A-Za-z][A-Za-z0-9]{1,31});")
_XML_ENTITIES = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
# Characters that no XML may hold (XML 1.0, 2.2) and that wires hold all the same.
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r"})
_ONE_CLASS = etree.ElementDefaultClassLookup(element=html.HtmlElement)

# Elements of XHTML and of NITF (3.6, "body.content") by the HTML that says the same; what is not here is inline, and
# its text is taken.
_HTML = {name: name for name in markup.BLOCKS - {"body", "html", "header", "footer", "nav"}} | {
    "body": "div", "html": "div", "body.content": "div", "block": "div", "DataContent": "div",
    "hl1": "h1", "hl2": "h2", "bq": "blockquote", "note": "div", "datasource": "p", "img": "img",
}  # fmt: skip
# What is no text of the article: heads, scripts, what XHTML puts around an article, and NITF's media, which are read
# apart, and its tables' column widths.
_DROPPED = frozenset({
    "head", "script", "style", "template", "noscript", "iframe", "object", "header", "footer", "nav", "media",
    "body.head", "body.end", "nitf-table-metadata",
})  # fmt: skip
_VOID = frozenset({"br", "hr", "img"})


def root_name(data: bytes) -> str:
    """The local name of the root element of what may be an XML document; "" if it is none. Looks at its start only."""
    start = _utf8(data[:SNIFFED])
    found = _ROOT.match(start, _prolog_end(start))
    return found["name"].decode() if found else ""


def parsed(data: bytes) -> html.HtmlElement:
    """The tree of an XML document, names without namespaces.

    Raises:
        WireError: it is no well-formed XML, uses an entity that is not HTML's, or has too many elements.
    """
    data = _utf8(data)
    start = _prolog_end(data)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    parser.set_element_class_lookup(_ONE_CLASS)
    try:
        root = etree.fromstring(_ENTITY.sub(_character, data[start:].translate(None, _CONTROLS)), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise WireError(f"XML: {str(error)[:200]}") from None
    if not isinstance(root, html.HtmlElement):
        raise WireError("XML: there is no document in it")
    for count, element in enumerate(root.iter()):
        if count >= markup.ELEMENT_LIMIT:
            raise WireError(f"XML: more than {markup.ELEMENT_LIMIT} elements")
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def words(element: html.HtmlElement | None) -> str:
    """All text in `element` in one line; "" for None."""
    return "" if element is None else markup.words(element)


def at(element: html.HtmlElement, *paths: str) -> str:
    """The text of the first element on one of `paths` that has any."""
    return next((text for path in paths for found in every(element, path) if (text := words(found))), "")


def attribute(element: html.HtmlElement, path: str, name: str) -> str:
    """The attribute `name` of the first element on `path` that has it."""
    return next((value for found in every(element, path) if (value := (found.get(name) or "").strip())), "")


def every(element: html.HtmlElement, path: str) -> Iterator[html.HtmlElement]:
    """The elements on `path`."""
    return (found for found in element.iterfind(path) if isinstance(found, html.HtmlElement))


def children(element: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """The elements right under `element`."""
    return (child for child in element if isinstance(child.tag, str))


def language(element: html.HtmlElement) -> str:
    """The language of `element` by its own xml:lang or that of what it stands in."""
    return next((tag for each in (element, *element.iterancestors()) if (tag := each.get(LANGUAGE))), "")


def code_of(qcode: str) -> tuple[str, str]:
    """Scheme alias and code of a QCode (NewsML-G2 specification, "QCodes")."""
    scheme, mark, code = qcode.partition(":")
    return (scheme, code) if mark else ("", scheme)


def as_html(element: html.HtmlElement) -> str:
    """The text in `element`, XHTML's or NITF's, as HTML with nothing but blocks in it."""
    pieces: list[str] = []
    dropped = 0
    for event, each in etree.iterwalk(element, events=("start", "end")):
        name = str(each.tag)
        is_start = event == "start"
        if name in _DROPPED:
            dropped += 1 if is_start else -1
        elif not dropped:
            pieces.append(_tag(name, each, is_start=is_start))
            pieces.append(html_entities.escape(each.text or "", quote=False) if is_start else "")
        if not is_start and not dropped and each is not element:
            pieces.append(html_entities.escape(each.tail or "", quote=False))
    return "".join(pieces)


def _utf8(data: bytes) -> bytes:
    """`data` in UTF-8. Valid UTF-8 it is, whatever it declares: agencies (AFP, PA, NTB) declare Latin-1 of old."""
    if b"\x00" not in data[:1_000] and b"\x1b" not in data:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(data)  # a cut last character is no fault
        except UnicodeDecodeError:
            pass
        else:
            return data.removeprefix(codecs.BOM_UTF8)
    return feeds.as_utf8(data, None)


def _tag(name: str, element: html.HtmlElement, *, is_start: bool) -> str:
    known = _HTML.get(name)
    if known is None:
        return ""
    if known == "img":
        return f'<img src="{html_entities.escape(element.get("src") or "")}">' if is_start else ""
    if known in _VOID:
        return f"<{known}>" if is_start else ""
    return f"<{known}>" if is_start else f"</{known}>"


def _character(entity: re.Match[bytes]) -> bytes:
    """One of HTML's named characters by its number: the DTD of NITF declares them, and it is never read."""
    name = entity["name"]
    if name in _XML_ENTITIES:
        return entity[0]
    character = html_entities.unescape(f"&{name.decode()};")
    if character.startswith("&"):
        return entity[0]
    return "".join(f"&#{ord(each)};" for each in character).encode()


def _prolog_end(data: bytes) -> int:
    """Where the root element begins: after declaration, comments, instructions and document type."""
    place = 0
    while True:
        while data[place : place + 1].isspace():
            place += 1
        if data.startswith(b"<?", place):
            end = _after(data, b"?>", place)
        elif data.startswith(b"<!--", place):
            end = _after(data, b"-->", place)
        elif data.startswith(b"<!", place):
            subset, end = data.find(b"[", place), _after(data, b">", place)
            if place < subset < end:
                closed = _SUBSET_END.search(data, subset)
                end = closed.end() if closed else 0
        else:
            return place
        if end <= place:
            return place
        place = end


def _after(data: bytes, mark: bytes, place: int) -> int:
    """The place after the next `mark`; 0 if there is none."""
    found = data.find(mark, place)
    return found + len(mark) if found >= 0 else 0
