"""NewsML-G2 (IPTC, "NewsML-G2 specification" 2.x) to items.

A document is a newsItem, or a newsMessage with any number of items in its itemSet. An item is text if its itemClass is
(NewsCodes "ninature"), or if it has none of another nature and holds text. The guid identifies it through all versions;
`version` counts them (section "Identification"). Agencies' own conventions that are read: Reuters' edStat signals (its
API documentation: C correction, D deletion), editors' notes that are marked as not public.
"""

from collections.abc import Iterable, Iterator

from lxml import html

from schemas.records import Subject
from transforms.wire import nitf, trees
from transforms.wire.item import NotText, WireError, WireItem

_ITEMS = ("newsItem", "packageItem", "conceptItem", "knowledgeItem", "planningItem", "catalogItem")
_TEXT = "text"
_COMPOSITE = frozenset({"composite", ""})
_SCHEMES = {"mediatopic": "medtop", "subjectcode": "subj"}  # aliases of http://cv.iptc.org/newscodes/...
_CATEGORIES = frozenset({"cat", "category", "department"})
# Roles of names that are no names to read, of notes that are an appendix or an address, of descriptions of pictures.
_NO_NAMES = ("mnemonic", "short")
_NO_NOTES = ("contact", "closingline", "notepad", "picture")
_SUMMARIES = frozenset({"", "summary", "abstract", "description", "standfirst", "intro"})
_PLAIN = ("text/plain", "")


def items_of(root: html.HtmlElement) -> Iterator[WireItem | WireError]:
    """The items of a document whose root is one of G2's items, or a newsMessage."""
    items = [root] if root.tag in _ITEMS else list(_in_message(root))
    sent = trees.at(root, "header/sent")
    for item in items:
        try:
            yield _item(item, sent)
        except WireError as error:
            yield error


def _in_message(root: html.HtmlElement) -> Iterator[html.HtmlElement]:
    for item_set in trees.every(root, "itemSet"):
        yield from (item for item in trees.children(item_set) if item.tag in _ITEMS)


def _item(item: html.HtmlElement, sent: str) -> WireItem:
    guid = " ".join((item.get("guid") or "").split())
    if item.tag != "newsItem":
        raise NotText(f"{guid}: no text in it: a {item.tag}")
    nature = _nature(item)
    text = _content(item)
    if nature not in (_TEXT, *_COMPOSITE) or (nature in _COMPOSITE and text == WireItem()):
        raise NotText(f"{guid}: no text in it: its itemClass is {nature or 'not given'}")
    meta = next(trees.every(item, "itemMeta"), item)
    content = next(trees.every(item, "contentMeta"), item)
    language = trees.attribute(content, "language", "tag") or trees.language(item)
    embargo = next(trees.every(meta, "embargoed"), None)
    described = WireItem(
        id=guid,
        provider=_name_at(meta, "provider", language),
        version=(item.get("version") or "").strip(),
        status=trees.code_of(_reference(next(trees.every(meta, "pubStatus"), meta)))[1],
        signals=tuple(map(_reference, trees.every(meta, "signal"))),
        title=_chosen(_without_role(trees.every(content, "headline")), language) or trees.at(meta, "title"),
        summary=_chosen((each for each in trees.every(content, "description") if _is_summary(each)), language),
        language=language,
        byline=trees.at(content, "by"),
        authors=tuple(_people(content, language)),
        dateline=trees.at(content, "dateline"),
        located=_name_at(content, "located", language, coded=False),
        credits=tuple(trees.words(each) for each in trees.every(content, "creditline")),
        section=_section(meta, content, language),
        tags=tuple(map(trees.words, trees.every(content, "keyword"))),
        subjects=tuple(_subject(each, language) for each in trees.every(content, "subject")),
        genre=next((name for each in trees.every(content, "genre") if (name := _name(each, language))), ""),
        urgency=trees.at(content, "urgency"),
        published=trees.at(meta, "firstCreated") or trees.at(content, "contentCreated"),
        revised=trees.at(meta, "versionCreated") or trees.at(content, "contentModified") or sent,
        embargo=trees.words(embargo),
        is_embargoed=embargo is not None,
        ednote="\n".join(_notes(meta)),
        usage_terms=_chosen(trees.every(item, "rightsInfo/usageTerms"), language),
        copyright_holder=_name_at(item, "rightsInfo/copyrightHolder", language),
    )
    return described.filled(text)


def _nature(item: html.HtmlElement) -> str:
    """The code of the item's class: "text", "picture", ..."""
    element = next(trees.every(item, "itemMeta/itemClass"), None)
    if element is None:
        return ""
    return trees.code_of(_reference(element))[1].rsplit("/", 1)[-1].strip().lower()


def _content(item: html.HtmlElement) -> WireItem:
    """The text in the item's content set: of several renditions the first that holds any."""
    for content in trees.every(item, "contentSet/*"):
        found = WireItem()
        if content.tag == "inlineXML":
            found = _inline_xml(content)
        elif content.tag == "inlineData" and content.get("encoding") is None:
            found = _inline_data(content)
        if found.html.strip() or found.text.strip():
            return found
    return WireItem()


def _inline_xml(content: html.HtmlElement) -> WireItem:
    whole = next(trees.every(content, ".//nitf"), None)
    if whole is not None:
        return nitf.of_tree(whole)
    return WireItem(html=trees.as_html(content)) if trees.words(content) else WireItem()


def _inline_data(content: html.HtmlElement) -> WireItem:
    """Text of a type that is said, and is often another: ANSA's plain text is a paragraph of HTML."""
    text = "".join(content.itertext()).strip()
    kind = (content.get("contenttype") or "").partition(";")[0].strip().lower()
    if "html" in kind or (kind in _PLAIN and text.startswith("<") and text.endswith(">")):
        return WireItem(html=text)
    return WireItem(text=text) if kind in _PLAIN or kind.startswith("text/") else WireItem()


def _reference(element: html.HtmlElement) -> str:
    """A property's qcode, else its URI, else its literal."""
    return (element.get("qcode") or element.get("uri") or element.get("literal") or "").strip()


def _role(element: html.HtmlElement) -> str:
    return trees.code_of(element.get("role") or "")[1].lower()


def _without_role(headlines: Iterable[html.HtmlElement]) -> list[html.HtmlElement]:
    """The headlines, those first that have no role or a main one's."""
    found = list(headlines)
    return [each for each in found if _role(each) in ("", "main", "headline")] or found


def _is_summary(description: html.HtmlElement) -> bool:
    return _role(description) in _SUMMARIES


def _chosen(elements: Iterable[html.HtmlElement], language: str) -> str:
    """The text of the first element in `language`, else of the first without one, else of the first."""
    found = [(trees.words(each), each.get(trees.LANGUAGE) or "") for each in elements]
    base = language.partition("-")[0].lower()
    ranked = sorted(
        (text for text in found if text[0]),
        key=lambda text: 0 if base and text[1].partition("-")[0].lower() == base else 1 if not text[1] else 2,
    )
    return ranked[0][0] if ranked else ""


def _name(element: html.HtmlElement, language: str, *, coded: bool = False) -> str:
    """A concept's name in `language`; without one its literal, or if asked for, its code."""
    names = [each for each in trees.every(element, "name") if not _role(each).startswith(_NO_NAMES)]
    named = _chosen(names, language) or _chosen(trees.every(element, "name"), language)
    literal = (element.get("literal") or "").strip()
    return named or literal or (trees.code_of(element.get("qcode") or "")[1] if coded else "")


def _name_at(element: html.HtmlElement, path: str, language: str, *, coded: bool = True) -> str:
    return next((name for each in trees.every(element, path) if (name := _name(each, language, coded=coded))), "")


def _people(content: html.HtmlElement, language: str) -> Iterator[str]:
    """The creators who have a person's name: two words or more, no user's name or agency's."""
    for creator in trees.every(content, "creator"):
        name = _name(creator, language)
        if " " in name and name != name.lower() and not (creator.get("role") or "").endswith("source"):
            yield name


def _section(meta: html.HtmlElement, content: html.HtmlElement, language: str) -> str:
    """The subject that is a category or a department, else the service if the item is sent by one only."""
    for subject in trees.every(content, "subject"):
        kind = trees.code_of(subject.get("type") or "")[1].lower()
        scheme = trees.code_of(subject.get("qcode") or "")[0].lower()
        if (kind in _CATEGORIES or scheme.endswith("department")) and (name := _name(subject, language)):
            return name
    services = list(trees.every(meta, "service"))
    return _name(services[0], language) if len(services) == 1 else ""


def _subject(element: html.HtmlElement, language: str) -> Subject:
    name = _name(element, language) or None
    uri = (element.get("uri") or "").strip()
    if uri and not element.get("qcode"):
        scheme, _, code = uri.rpartition("/")
        return Subject(scheme=_SCHEMES.get(scheme.rsplit("/", 1)[-1], scheme) or None, code=code or None, name=name)
    alias, code = trees.code_of(element.get("qcode") or "")
    return Subject(scheme=alias or None, code=code or None, name=name)


def _notes(meta: html.HtmlElement) -> list[str]:
    """The editors' notes, less those that are not to leave the newsroom: names and addresses of its staff."""
    notes = [
        note
        for note in trees.every(meta, "edNote")
        if not note.get("pubconstraint") and not any(mark in _role(note) for mark in _NO_NOTES)
    ]
    return list(dict.fromkeys(filter(None, map(trees.words, notes))))
