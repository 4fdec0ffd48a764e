"""ninjs (IPTC, "News in JSON" 1.0 to 3.x) and what resembles it (Superdesk's exports, AP's media API) to items.

Versions differ in how names are spelt (`versioncreated`, `versionCreated`) and in shape: 1.x has a property per text
(`headline`, `body_html`, `description_text`: the schema's pattern properties), 2.x and 3.x lists of texts with a role
and a type (`headlines`, `bodies`). Both are read whatever version is stated. A field of another type than the schema's
is as good as missing. JSON is only looked at in fixed places, however deep it is.

Superdesk's `priority` is a place in a queue, no urgency; its `guid` is ninjs' `uri`. AP's `uri` is an address with the
request's token in it: its `altids.itemid` identifies the item.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.records import Caption, Subject
from transforms.text import captions, feeds
from transforms.wire.item import NotText, WireError, WireItem

WRAPPERS = ("item", "items", "_items", "data", "results", "newsitems")  # of lists and single objects, as folded
WRAPPED = 4  # wrappers around an item
PROPERTIES_LIMIT = 1_000  # of one object, that are looked at
VALUES_LIMIT = 500  # of one list

# An object with an identity and one of these is an item. None of them is a field of an `Entry`, or of {"url": ...}.
_MARKS = frozenset({
    "versioncreated", "headline", "headlines", "bodies", "bodytext", "bodyhtml", "bodyxhtml", "pubstatus", "renditions",
    "descriptions", "descriptiontext", "eventdetails", "standard", "slugline", "usageterms", "associations",
})  # fmt: skip
_IDS = ("uri", "guid")
_TEXTS = frozenset({"", "text", "story", "article", "preformatted", "composite", "news", "liveblog"})
_NO_BODIES = frozenset({"summary", "abstract", "caption", "teaser", "headline", "note", "ednote", "description"})
_PICTURES = frozenset({"picture", "image", "photo", "graphic"})
_NO_AUTHORS = frozenset({"editor", "subeditor", "photographer", "photo", "translator", "producer", "video"})
_CATEGORY_RELATIONS = frozenset({"category"})


def is_item(raw: Any) -> bool:
    """Whether a JSON value has ninjs' marks."""
    if not isinstance(raw, dict) or "entry_id" in raw:
        return False
    names = {_folded(name) for name in itertools.islice(raw, PROPERTIES_LIMIT)}
    return not names.isdisjoint(_IDS) and not names.isdisjoint(_MARKS)


def found_in(document: Any, depth: int = 0) -> Iterator[Any]:
    """What stands for an item in a document: the object itself, or what a list or a wrapper around it holds."""
    wrapped: list[Any] = []
    if isinstance(document, list):
        wrapped = document
    elif isinstance(document, dict) and not is_item(document):
        names = {_folded(name): name for name in itertools.islice(document, PROPERTIES_LIMIT)}
        values = (document.get(names.get(name, "")) for name in WRAPPERS)
        wrapped = [value for value in values if isinstance(value, list | dict) and value]
    if depth < WRAPPED and (wrapped or isinstance(document, list)):
        for value in wrapped:
            yield from found_in(value, depth + 1)
    else:
        yield document


def items_of(document: Any) -> Iterator[WireItem | WireError]:
    """The items of a document, in its order."""
    for place, raw in enumerate(found_in(document), start=1):
        try:
            yield _item(raw)
        except WireError as error:
            yield type(error)(f"item {place}: {error}") if place > 1 else error


class Fields:
    """A JSON object by its folded names: without case and underscores, the first of two that fold to one."""

    def __init__(self, raw: Mapping[Any, Any]) -> None:
        self._values: dict[str, Any] = {}
        for name, value in itertools.islice(raw.items(), PROPERTIES_LIMIT):
            if value is not None:
                self._values.setdefault(_folded(name), value)

    def text(self, *names: str) -> str:
        """The first of these fields that holds a text, a number or an object with a name."""
        return next((text for name in names if (text := _text(self._values.get(name)))), "")

    def texts(self, *names: str) -> list[str]:
        """All texts of the first of these fields that has any: a text, or a list of texts and of objects with names."""
        for name in names:
            value = self._values.get(name)
            values = value[:VALUES_LIMIT] if isinstance(value, list) else [value]
            if texts := list(filter(None, map(_text, values))):
                return texts
        return []

    def objects(self, *names: str) -> list["Fields"]:
        """The objects in the first of these fields that has any: one, a list of them, or an object of them."""
        for name in names:
            value = self._values.get(name)
            if isinstance(value, dict) and value and all(isinstance(each, dict | None) for each in value.values()):
                value = list(value.values())
            values = value[:VALUES_LIMIT] if isinstance(value, list) else [value]
            if objects := [Fields(each) for each in values if isinstance(each, dict)]:
                return objects
        return []

    def family(self, stem: str) -> dict[str, str]:
        """The texts whose names begin with `stem`, by what follows it ("body_html" by "html")."""
        return {
            name.removeprefix(stem): text
            for name, value in self._values.items()
            if name.startswith(stem) and isinstance(value, str) and (text := value.strip())
        }

    def is_true(self, *names: str) -> bool:
        """Whether one of these fields is true."""
        return any(self._values.get(name) is True for name in names)

    def has(self, *names: str) -> bool:
        """Whether one of these fields is there and not empty."""
        return any(self._values.get(name) for name in names)


def _item(raw: Any) -> WireItem:
    if not is_item(raw):
        raise WireError("JSON: no ninjs object: it has no uri or guid, or no headline, body or date")
    fields = Fields(raw)
    identity = _identity(fields)
    kind = fields.text("type").lower()
    html, text = _body(fields)
    is_event = fields.has("eventdetails", "eventsdetails", "dates") and not (html or text)
    # A composite is a package, unless it brings a text of its own, as releases with pictures do.
    if is_event or (kind not in _TEXTS and not (html and kind not in _KINDS)) or (kind == "composite" and not html):
        raise NotText(f"{identity}: no text in it: its type is {'event' if is_event else kind}")
    embargo = fields.text("embargoed", "embargo", "embargoeddate", "embargoeduntil", "embargodate")
    pictures = [each for each in fields.objects("associations") if each.text("type").lower() in _PICTURES]
    pictures.sort(key=_is_graphic)  # photographs first, logos last
    status = fields.text("pubstatus")
    return WireItem(
        id=identity,
        provider=_provider(fields),
        version=fields.text("version"),
        status=status,
        signals=_signals(fields),
        title=_one_of(fields, "headline", ("main", "")) or fields.text("title", "name"),
        summary=_one_of(fields, "description", ("summary", "abstract", "main", "text", "")),
        html=html,
        text=text,
        captions=tuple(filter(None, map(_caption, pictures))),
        image_url=next(filter(None, map(_picture, pictures)), ""),
        url=fields.text("canonicalurl", "articleurl", "weburl", "publicurl", "permalink", "url"),
        language=fields.text("language"),
        byline=fields.text("byline", "by")
        or ", ".join(each.text("by", "byline") for each in fields.objects("bylines")),
        authors=_authors(fields),
        dateline=next((each.text("text") for each in fields.objects("dateline")), "") or fields.text("dateline"),
        located=_located(fields),
        credits=tuple(fields.texts("creditline", "source", "descriptioncreditline")),
        section=_section(fields),
        tags=tuple(fields.texts("keywords", "keyword", "tags")),
        subjects=tuple(map(_subject, fields.objects("subjects", "subject"))),
        genre=next((each.text("name", "code") for each in fields.objects("genres", "genre")), fields.text("genre")),
        urgency=fields.text("urgency"),
        published=fields.text("firstpublished", "firstcreated", "contentcreated"),
        revised=fields.text("versioncreated", "contentmodified"),
        embargo=embargo,
        is_embargoed=fields.is_true("embargoed", "embargo") or bool(embargo) or status.lower() == "embargoed",
        ednote="\n".join(fields.texts("ednote", "editorialnote")),
        usage_terms="\n".join(fields.texts("usageterms")),
        copyright_holder=fields.text("copyrightholder"),
    )


_KINDS = frozenset({*_PICTURES, "video", "audio", "event", "planning", "animation", "package", "component"})


def _identity(fields: Fields) -> str:
    """The item's id: its URI, or AP's item id, of which it makes the etag that its addresses hold."""
    altids = fields.objects("altids")
    listed = {each.text("role").lower(): each.text("value") for each in altids}
    itemid = listed.get("itemid") or next((each.text("itemid") for each in altids), "")
    etag = listed.get("etag") or next((each.text("etag") for each in altids), "")
    if itemid and etag.startswith(f"{itemid}_"):
        return itemid
    return " ".join(fields.text(*_IDS).split())


def _provider(fields: Fields) -> str:
    return fields.text("provider", "source") or next(
        iter(fields.texts("infosources", "infosource")), fields.text("copyrightholder")
    )


def _body(fields: Fields) -> tuple[str, str]:
    """The body as HTML and as plain text, "" for what it is not given as."""
    html = text = ""
    for body in fields.objects("bodies"):
        role, kind, value = body.text("role").lower(), body.text("contenttype").lower(), body.text("value")
        if role in _NO_BODIES:
            continue
        if "html" in kind or "html" in role:
            html = html or value
        elif "plain" in kind or not kind:
            text = text or value
    for suffix, value in fields.family("body").items():
        if "html" in suffix:
            html = html or value
        elif suffix in ("text", "plain", ""):
            text = text or value
    if not html and "</p>" in text:
        html, text = text, ""
    return html, text


def _one_of(fields: Fields, stem: str, roles: tuple[str, ...]) -> str:
    """A headline or description by its role, those first that stand first in `roles`; never a caption's."""
    family = fields.family(stem)
    listed = [(each.text("role").lower(), each.text("value")) for each in fields.objects(f"{stem}s")]
    if stem in family:
        return family[stem]
    for role in roles:
        if found := next((value for own, value in listed if own == role and value), family.get(role, "")):
            return found
    return family.get("html", "") if stem == "description" else next((value for _, value in listed if value), "")


def _signals(fields: Fields) -> tuple[str, ...]:
    """What tells corrections and kills: AP's signals and editorial types, Superdesk's states and counters."""
    found = [*fields.texts("signals"), *fields.texts("editorialtypes"), fields.text("operation"), fields.text("state")]
    if fields.text("correctionsequence").strip("0"):
        found.append("correction")
    return tuple(filter(None, found))


def _authors(fields: Fields) -> tuple[str, ...]:
    """The authors; whoever edited or photographed is one only if nobody else is."""
    people = [(each.text("name"), each.text("role").lower()) for each in fields.objects("authors", "creators")]
    writers = tuple(name for name, role in people if name and role not in _NO_AUTHORS)
    return writers or tuple(name for name, _ in people if name and not fields.has("byline", "by"))


def _located(fields: Fields) -> str:
    city = next((each.text("city") for each in fields.objects("datelinelocation")), "")
    for dateline in fields.objects("dateline"):
        city = city or next((each.text("city") for each in dateline.objects("located")), "")
    return city or fields.text("located")


def _section(fields: Fields) -> str:
    """Superdesk's service, else the subject that is related as a category (AP, BBC)."""
    named = next((each.text("name") for each in fields.objects("service", "services", "anpacategory")), "")
    language = fields.text("language")
    related = [
        (each.text("lang") not in ("", language), each.text("name"))
        for each in fields.objects("subjects", "subject")
        if not _CATEGORY_RELATIONS.isdisjoint(each.texts("rels", "rel")) and each.text("name")
    ]
    return named or min(related, key=_first, default=(False, ""))[1] or fields.text("section")


def _first(ranked: tuple[bool, str]) -> bool:
    return ranked[0]


def _subject(subject: Fields) -> Subject:
    """A subject of 1.x (scheme, code) or of 2.x and later (uri, literal)."""
    code, scheme = subject.text("code", "literal", "qcode"), subject.text("scheme")
    uri = subject.text("uri")
    if uri and not scheme:
        scheme = uri.removesuffix(code).rstrip("/#:") if code else uri.rpartition("/")[0]
        code = code or uri.rpartition("/")[2]
    return Subject(scheme=scheme or None, code=code or None, name=subject.text("name") or None)


def _is_graphic(picture: Fields) -> bool:
    return picture.text("type").lower() == "graphic"


def _caption(picture: Fields) -> Caption | None:
    text = feeds.plain_text(_one_of(picture, "description", ("caption", "text", "main", "")))
    if not text:
        return None
    caption = captions.split(text)
    credit = picture.text("creditline", "descriptioncreditline", "byline", "by")
    return Caption(text=caption.text, credit=caption.credit or captions.credited(credit))


def _picture(picture: Fields) -> str:
    """The widest rendition of a picture."""
    renditions = [
        (int(width) if (width := each.text("width")).isdecimal() and len(width) < 9 else 0, each.text("href"))
        for each in picture.objects("renditions")
        if each.text("mimetype", "contenttype").lower().startswith(("image/", "")) and each.text("href")
    ]
    return max(renditions, default=(0, ""))[1]


def _folded(name: Any) -> str:
    return str(name)[:100].lower().replace("_", "").removeprefix("$")


def _text(value: Any) -> str:
    """A text as it is, a number as its digits, an object by its name; anything else is no text."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        named: Iterable[Any] = (value.get(name) for name in ("name", "value", "title"))
        return next((name.strip() for name in named if isinstance(name, str) and name.strip()), "")
    return ""
