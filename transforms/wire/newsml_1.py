"""NewsML 1.x (IPTC, "NewsML 1.2 functional specification") to items.

A document holds news items; a news item holds a tree of news components, whose leaves are content items: the same text
in several languages or formats, or headline, body, contact and pictures of one release, told apart by their `Role`.
The text is the first content item whose role is a body's, else the first that is text at all. What is said of it stands
in the components around it, the nearest counts.

An item is ProviderId, DateId and NewsItemId (section "Identification"): RevisionId makes a version of it. They are put
together as RFC 3085 does, without the revision.
"""

import itertools
from collections.abc import Iterator

from lxml import html

from schemas.records import Caption, Subject
from transforms.text import captions
from transforms.wire import nitf, trees
from transforms.wire.item import NotText, WireError, WireItem

CONTENTS_LIMIT = 500  # content items of one news item that are looked at

_BRANCHES = frozenset({"NewsComponent", "ContentItem"})
_BODIES = frozenset({"main", "body", "text", "bodytext", "maintext", "article", "story", "main text"})
_NO_BODIES = frozenset({
    "stylesheet", "headline", "subheadline", "contact", "logo", "photo", "picture", "caption", "graphic", "video",
    "audio", "thumbnail", "preview", "quicklook", "copyright", "byline", "dateline", "abstract", "summary",
    "multimedia",
})  # fmt: skip
_SUMMARIES = frozenset({"abstract", "summary"})
_NO_TEXT_TYPES = ("css", "image/", "video/", "audio/", "jpeg", "script")
_MARKUP = frozenset({"nitf", "html", "body", "p", "div", "table", "ul", "body.content", "block"})
_SUBJECTS = ("Subject", "SubjectMatter", "SubjectDetail", "SubjectQualifier")
_OF_IPTC = 8  # digits of a subject code


def items_of(root: html.HtmlElement) -> Iterator[WireItem | WireError]:
    """The items of a document whose root is <NewsML>."""
    envelope = next(trees.every(root, "NewsEnvelope"), root)
    for item in trees.every(root, ".//NewsItem"):
        try:
            yield _item(item, envelope)
        except WireError as error:
            yield error


def _item(item: html.HtmlElement, envelope: html.HtmlElement) -> WireItem:
    contents = list(itertools.islice(_contents(item), CONTENTS_LIMIT))
    identity = _identity(item)
    texts = [content for content in contents if _is_text(content)]
    status = trees.attribute(item, "NewsManagement/Status", "FormalName")
    content = next((each for each in texts if _role(each) in _BODIES), None)
    if content is None:
        content = next((each for each in texts if _role(each) not in _NO_BODIES), None)
    if content is None and contents and not trees.at(item, "NewsComponent/NewsLines/HeadLine"):
        raise NotText(f"{identity}: no text in it: {_kinds(contents)}")
    around = [item] if content is None else [content, *_around(content)]
    if content is None:
        around[:0] = trees.every(item, "NewsComponent")
    return _with_content(_described(item, envelope, around, status), content, contents)


def _contents(item: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """The content items of a news item in order, not those of a news item within it."""
    waiting = [item]
    while waiting:
        element = waiting.pop()
        if element.tag == "ContentItem":
            yield element
        else:
            waiting += reversed([child for child in trees.children(element) if child.tag in _BRANCHES])


def _identity(item: html.HtmlElement) -> str:
    """The item's name without its revision."""
    identifier = next(trees.every(item, "Identification/NewsIdentifier"), item)
    parts = [trees.at(identifier, name) for name in ("ProviderId", "DateId", "NewsItemId")]
    if parts[0] and parts[2]:
        return ":".join(["urn:newsml", *parts])
    public = trees.at(identifier, "PublicIdentifier")
    named, _, revision = public.rpartition(":")
    return named if revision[:1].isdigit() and named.count(":") > 3 else public


def _described(
    item: html.HtmlElement, envelope: html.HtmlElement, around: list[html.HtmlElement], status: str
) -> WireItem:
    """What is said of an item, from the nearest to the farthest component around its text."""
    managed = next(trees.every(item, "NewsManagement"), item)
    is_embargoed = status.lower() == "embargoed"
    change = next(trees.every(managed, "StatusWillChange"), None)
    opens = change is not None and trees.attribute(change, "FutureStatus", "FormalName").lower() == "usable"
    rights = _near_texts(around, "RightsMetadata/UsageRights/UsageType", "RightsMetadata/UsageRights/Limitations")
    return WireItem(
        id=_identity(item),
        provider=_near_party(around, "AdministrativeMetadata/Provider")
        or trees.attribute(envelope, "SentFrom/Party", "FormalName")
        or trees.at(item, "Identification/NewsIdentifier/ProviderId"),
        version=trees.at(item, "Identification/NewsIdentifier/RevisionId"),
        status=status,
        signals=tuple(each.get("FormalName") or "" for each in trees.every(managed, "Instruction")),
        title=_near(around, "NewsLines/HeadLine"),
        summary=_near(around, "NewsLines/SubHeadLine"),
        language=_near_attribute(around, "DescriptiveMetadata/Language", "FormalName") or trees.language(item),
        byline=_near(around, "NewsLines/ByLine"),
        dateline=_near(around, "NewsLines/DateLine"),
        located=_located(around),
        credits=tuple(filter(None, (_near(around, "NewsLines/CreditLine"), _source(around)))),
        tags=tuple(_keywords(around)),
        subjects=tuple(_subjects(around)),
        genre=_near_attribute(around, "DescriptiveMetadata/Genre", "FormalName"),
        urgency=trees.attribute(managed, "Urgency", "FormalName"),
        published=trees.at(managed, "FirstCreated"),
        revised=trees.at(managed, "ThisRevisionCreated") or trees.at(envelope, "DateAndTime"),
        embargo=trees.at(change, "DateAndTime") if change is not None and opens else "",
        is_embargoed=is_embargoed,
        ednote="\n".join(_notes(item, managed)),
        usage_terms="\n".join(rights),
        copyright_holder=_near(around, "RightsMetadata/Copyright/CopyrightHolder")
        or _holder(_near(around, "NewsLines/CopyrightLine")),
    )


def _with_content(item: WireItem, content: html.HtmlElement | None, contents: list[html.HtmlElement]) -> WireItem:
    """`item` with the text in `content`, and with what stands beside it: a summary, captions, a picture."""
    beside = WireItem(
        summary=next((_text(each) for each in contents if _role(each) in _SUMMARIES), ""),
        captions=tuple(Caption(text=text) for each in contents if _role(each) == "caption" and (text := _text(each))),
        image_url=max(
            ((_width(each), each.get("Href") or "") for each in contents if _is_picture(each)), default=(0, "")
        )[1],
    )
    if content is None:
        return item.filled(beside)
    data = next(trees.every(content, "DataContent"), content)
    whole = next(trees.every(data, ".//nitf"), None)
    if whole is not None:
        return item.filled(beside).filled(nitf.of_tree(whole))
    if any(child.tag in _MARKUP for child in trees.children(data)):
        return item.filled(beside).filled(WireItem(html=trees.as_html(data)))
    text = "".join(data.itertext())
    return item.filled(beside).filled(WireItem(html=text) if _is_escaped_html(text, content) else WireItem(text=text))


def _is_text(content: html.HtmlElement) -> bool:
    """Whether a content item holds text: by its media type if it has one, by its format, and by its data."""
    kind = trees.attribute(content, "MediaType", "FormalName").lower()
    types = f"{trees.attribute(content, 'MimeType', 'FormalName')} {trees.attribute(content, 'Format', 'FormalName')}"
    if kind not in ("", "text") or any(mark in types.lower() for mark in _NO_TEXT_TYPES):
        return False
    encoded = next(trees.every(content, ".//Encoding"), None)
    return encoded is None and bool(trees.at(content, "DataContent"))


def _is_escaped_html(text: str, content: html.HtmlElement) -> bool:
    types = trees.attribute(content, "MimeType", "FormalName") + trees.attribute(content, "Format", "FormalName")
    return "<p" in text.lower() or "<br" in text.lower() or ("html" in types.lower() and "</" in text)


def _is_picture(content: html.HtmlElement) -> bool:
    kind = trees.attribute(content, "MediaType", "FormalName").lower()
    mime = trees.attribute(content, "MimeType", "FormalName").lower()
    return (kind in ("photo", "picture", "image") or mime.startswith("image/")) and _role(content) != "logo"


def _width(content: html.HtmlElement) -> int:
    for part in trees.every(content, "Characteristics/Property"):
        value = part.get("Value") or ""
        if (part.get("FormalName") or "").lower() in ("pixelwidth", "width") and value.isdecimal() and len(value) < 9:
            return int(value)
    return 0


def _text(content: html.HtmlElement) -> str:
    return captions.split(trees.at(content, "DataContent")).text if _is_text(content) else ""


def _role(content: html.HtmlElement) -> str:
    """The role of the nearest component that has one."""
    return next(
        (role.lower() for each in _around(content) if (role := trees.attribute(each, "Role", "FormalName"))), ""
    )


def _kinds(contents: list[html.HtmlElement]) -> str:
    kinds = (
        trees.attribute(each, "MediaType", "FormalName") or trees.attribute(each, "MimeType", "FormalName")
        for each in contents
    )
    return ", ".join(dict.fromkeys(filter(None, kinds)))[:200] or "nothing"


def _around(content: html.HtmlElement) -> list[html.HtmlElement]:
    """The components around a content item, the nearest first, up to its news item."""
    found: list[html.HtmlElement] = []
    for each in content.iterancestors("NewsComponent", "NewsItem"):
        if each.tag == "NewsItem":
            break
        found.append(each)
    return found


def _near(around: list[html.HtmlElement], path: str) -> str:
    return next((text for each in around if (text := trees.at(each, path))), "")


def _near_attribute(around: list[html.HtmlElement], path: str, name: str) -> str:
    return next((value for each in around if (value := trees.attribute(each, path, name))), "")


def _near_texts(around: list[html.HtmlElement], *paths: str) -> list[str]:
    found = (trees.words(element) for each in around for path in paths for element in trees.every(each, path))
    return list(dict.fromkeys(filter(None, found)))


def _near_party(around: list[html.HtmlElement], path: str) -> str:
    return _near_attribute(around, f"{path}/Party", "FormalName")


def _source(around: list[html.HtmlElement]) -> str:
    return _near_party(around, "AdministrativeMetadata/Source")


def _located(around: list[html.HtmlElement]) -> str:
    """The city that the text comes from: a location whose HowPresent is Origin."""
    for each in around:
        for place in trees.every(each, "DescriptiveMetadata/Location"):
            if (place.get("HowPresent") or "").lower() == "origin":
                for part in trees.every(place, "Property"):
                    if (part.get("FormalName") or "").lower() == "city":
                        return (part.get("Value") or "").strip()
    return ""


def _keywords(around: list[html.HtmlElement]) -> Iterator[str]:
    """Keyword lines, and properties that are named keywords."""
    for each in around:
        for line in trees.every(each, "NewsLines/KeywordLine"):
            yield from trees.words(line).replace(";", ",").split(",")
        for path in ("DescriptiveMetadata/Property", "Metadata/Property"):
            for part in trees.every(each, path):
                if (part.get("FormalName") or "").lower().endswith(("keyword", "keywords")):
                    yield part.get("Value") or ""


def _subjects(around: list[html.HtmlElement]) -> Iterator[Subject]:
    """Subject codes: the eight figures of IPTC's, or the words of the provider's own topics."""
    for each in around:
        for name in _SUBJECTS:
            for element in trees.every(each, f"DescriptiveMetadata/SubjectCode/{name}"):
                code = (element.get("FormalName") or "").strip()
                is_number = code.isdigit() and len(code) == _OF_IPTC
                if code:
                    yield Subject(scheme="subj", code=code) if is_number else Subject(name=code)


def _notes(item: html.HtmlElement, managed: html.HtmlElement) -> list[str]:
    """The editors' words: comments of management, lines of news whose type is a note's, comments of a revision."""
    found = [trees.words(each) for each in trees.every(managed, "Instruction/Comment")]
    found += [trees.words(each) for each in trees.every(item, "Comment")]
    for line in trees.every(item, ".//NewsLines/NewsLine"):
        kind = trees.attribute(line, "NewsLineType", "FormalName").lower()
        if any(word in kind for word in ("note", "advisory", "editor", "correction")):
            found += [trees.words(each) for each in trees.every(line, "NewsLineText")]
    return list(dict.fromkeys(filter(None, found)))


def _holder(line: str) -> str:
    """Whom a line like "Copyright 2013 Example Wire" names."""
    words = [word for word in line.split() if word.strip("()©,.").lower() not in ("copyright", "c", "", "by")]
    return " ".join(word for word in words if not word.strip("-,").isdigit())
