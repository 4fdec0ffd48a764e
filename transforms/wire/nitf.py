"""NITF 3.x (IPTC, "News Industry Text Format", element and attribute names as in its DTD 3.6) to items.

A document is one item, always text. What NITF leaves open is settled by how agencies use it:

- The identity is `doc-id`'s id-string. Revision numbers in a `urn:newsml:` (RFC 3085) are taken off later, what other
  agencies append to their ids cannot be told from the id itself and stays: two articles under one id destroy each
  other, one under two is only counted twice. A document without an id is known by its provider, its day and headline.
- `date.issue` is the time of this version, a newer `revision-history` counts before it.
- `date.release` after `date.issue` is an embargo; most agencies repeat the one in the other.
"""

from collections.abc import Iterator

from lxml import html

from schemas import ids
from schemas.records import Caption, Subject
from transforms.text import captions, dates
from transforms.wire import trees
from transforms.wire.item import WireItem

# Values that say nothing: defaults of the DTD, and what agencies put for want of better.
_NO_SECTION = frozenset({"news", ""})
_NO_GENRE = frozenset({"current", ""})
_IPTC = frozenset({"", "iptc"})


def items_of(root: html.HtmlElement) -> Iterator[WireItem]:
    """The one item of a document whose root is <nitf>."""
    item = of_tree(root)
    yield item if item.id else WireItem(id=_nameless(item)).filled(item)


def of_tree(root: html.HtmlElement) -> WireItem:
    """What <nitf> says, also within another format."""
    docdata = next(trees.every(root, "head/docdata"), root)
    correction = next(trees.every(docdata, "correction"), None)
    said = (
        trees.attribute(docdata, "ed-msg", "info"),
        (correction.get("info") or "") if correction is not None else "",
        trees.attribute(root, ".//revision-history", "comment"),
    )
    issued, released = trees.attribute(docdata, "date.issue", "norm"), trees.attribute(docdata, "date.release", "norm")
    revised = _latest(issued, *(each.get("norm") or "" for each in trees.every(root, ".//revision-history")))
    content = next(trees.every(root, "body/body.content"), None)
    publication = trees.attribute(root, ".//pubdata", "date.publication")
    story_date = trees.attribute(root, "body/body.head/dateline/story.date", "norm")
    media = list(trees.every(root, "body//media"))
    status = docdata.get("management-status") or ""
    return WireItem(
        id=trees.attribute(docdata, "doc-id", "id-string"),
        provider=_provider(root, docdata),
        version=trees.attribute(docdata, "du-key", "version"),
        status=status,
        signals=("correction",) if correction is not None else (),
        title=trees.at(root, "body/body.head/hedline/hl1", "head/title"),
        summary=trees.at(root, "body/body.head/abstract"),
        html=trees.as_html(content) if content is not None else "",
        captions=tuple(filter(None, map(_caption, media))),
        image_url=next((source for each in media if (source := _picture(each))), ""),
        language=trees.language(root) or root.get("baselang") or "",
        byline=_byline(root),
        dateline=_dateline(root),
        located=trees.at(root, "body/body.head/dateline/location/city", "body/body.head/dateline/location")
        or trees.attribute(docdata, "evloc", "city"),
        credits=tuple(filter(None, (trees.at(root, "body/body.head/distributor"), _meta(root, "source")))),
        section=_section(root, docdata),
        tags=tuple((each.get("key") or "").strip() or trees.words(each) for each in trees.every(root, ".//keyword")),
        subjects=tuple(map(_subject, trees.every(root, "head/tobject/tobject.subject"))),
        genre=next((genre for genre in _properties(root) if genre.lower() not in _NO_GENRE), ""),
        urgency=trees.attribute(root, ".//urgency", "ed-urg"),
        published=issued or publication or story_date,
        revised=revised or publication or story_date,
        embargo=released if _is_later(released, issued) or status.lower() == "embargoed" else "",
        is_embargoed=status.lower() == "embargoed",
        ednote="\n".join(dict.fromkeys(filter(None, said))),
        usage_terms="\n".join(
            filter(None, (trees.attribute(docdata, "doc.rights", name) for name in ("type", "limitations")))
        ),
        copyright_holder=trees.attribute(docdata, "doc.copyright", "holder")
        or trees.at(root, "body/body.head/rights/rights.owner"),
    )


def _nameless(item: WireItem) -> str:
    """An id for a document without one, the same for its next version of that day; "" if there is nothing to tell."""
    found = dates.moment(item.revised)
    if not item.title or found is None:
        return ""
    return f"urn:nitf:{ids.hash_id(item.provider, found.at.date().isoformat(), ids.folded(item.title))}"


def _provider(root: html.HtmlElement, docdata: html.HtmlElement) -> str:
    return (
        _meta(root, "source")
        or trees.attribute(docdata, "doc-id", "regsrc")
        or trees.at(root, "body/body.head/distributor")
        or trees.attribute(docdata, "del-list/from-src", "src-name")
        or trees.attribute(docdata, "doc.copyright", "holder")
    )


def _meta(root: html.HtmlElement, name: str) -> str:
    """The content of the meta element of that name, whoever prefixed it ("aap-source")."""
    for meta in trees.every(root, "head/meta"):
        own = (meta.get("name") or "").lower()
        if own == name or (own.endswith(f"-{name}") and not own.endswith(f"original-{name}")):
            return (meta.get("content") or "").strip()
    return ""


def _byline(root: html.HtmlElement) -> str:
    byline = next(trees.every(root, "body/body.head/byline"), None)
    if byline is None:
        return ""
    title = trees.at(byline, "byttl")
    whole = trees.words(byline)
    return f"{whole.removesuffix(title).rstrip(' ,')}, {title}" if title and whole != title else whole


def _dateline(root: html.HtmlElement) -> str:
    """The dateline as printed: not one that is made of elements only."""
    line = next(trees.every(root, "body/body.head/dateline"), None)
    if line is None or line.find("location") is not None:
        return ""
    dated = trees.at(line, "story.date")
    return trees.words(line).replace(dated, "").strip() if dated else trees.words(line)


def _section(root: html.HtmlElement, docdata: html.HtmlElement) -> str:
    kind = trees.attribute(root, "head/tobject", "tobject.type")
    return trees.attribute(docdata, "doc-scope", "scope") if kind.lower() in _NO_SECTION else kind


def _properties(root: html.HtmlElement) -> Iterator[str]:
    for each in trees.every(root, "head/tobject/tobject.property"):
        yield (each.get("tobject.property.type") or "").strip()


def _subject(element: html.HtmlElement) -> Subject:
    """A subject: its number is of IPTC's subject codes unless another `ipr` owns it."""
    owner = (element.get("tobject.subject.ipr") or "").strip()
    parts = (element.get(f"tobject.subject.{part}") for part in ("detail", "matter", "type"))
    code = (element.get("tobject.subject.refnum") or "").strip()
    scheme = "subj" if owner.lower() in _IPTC else owner
    return Subject(scheme=scheme if code else None, code=code or None, name=next(filter(None, parts), None))


def _caption(media: html.HtmlElement) -> Caption | None:
    text = trees.at(media, "media-caption")
    if not text or (media.get("media-type") or "image").lower() not in ("image", "graphic"):
        return None
    caption = captions.split(text)
    credit = trees.at(media, "media-producer") or trees.attribute(media, "media-reference", "source-credit")
    return Caption(text=caption.text, credit=caption.credit or captions.credited(credit))


def _picture(media: html.HtmlElement) -> str:
    is_image = (media.get("media-type") or "").lower() == "image"
    return trees.attribute(media, "media-reference", "source") if is_image else ""


def _latest(*raws: str) -> str:
    """The latest of some dates as written; one that cannot be read counts only if all are so."""
    read = [(found.at, raw) for raw in raws if raw and (found := dates.moment(raw))]
    return max(read)[1] if read else next(filter(None, raws), "")


def _is_later(raw: str, other: str) -> bool:
    found, before = dates.moment(raw), dates.moment(other)
    return found is not None and (before is None or found.at > before.at)
