"""What a page says of itself: <head>, meta tags, JSON-LD, the marked-up byline. The tree that is read stays whole.

Publishers contradict themselves; each field below lists its sources in the order in which they were found right on
recorded pages (benchmarks/extraction.py prints title, author and day against labelled ones).
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from lxml import etree, html

from schemas.enums import Access, DateSource, Tdm
from transforms.text import dateline, dates, markup

JSON_LIMIT = 1_000_000  # characters of one JSON-LD block
BLOCK_LIMIT = 40  # JSON-LD blocks of a page that are read
NODE_LIMIT = 5_000  # JSON-LD objects of a page that are looked at
VALUE_LIMIT = 2_000  # characters of a value
LIST_LIMIT = 50  # authors, tags
MIN_LABEL = 3  # characters of a domain's label that can spell a site's name
NAME_WORDS = 5  # of a site's name

_ARTICLE_TYPES = re.compile(r"(?:\w*Article|\w*Posting|Report|Review|Recipe|NewsMediaObject|AnalysisNews|HowTo)")
_PAGE_TYPES = frozenset({"WebPage", "ItemPage", "AboutPage"})
_ADDRESS = re.compile(r"https?://|www\.|@|\.(?:com|org|net)\b", re.IGNORECASE)
_BY = re.compile(
    r"^\W{0,5}(?:(?:written|posted|published|reported|reporting|words|story|text) by|authors?|by|von|par|por|di|door|av"
    r"|af|de|texto|autor|auteur)(?:\b[\s:]+|(?-i:(?=[A-Z][a-z])))",
    re.IGNORECASE,
)
# A login or a role after a name: "Ann Lee (ale)", Korean "기자" (reporter).
_NAME_END = re.compile(r"\s*\([^()]{1,20}\)$|\s기자$")
_BY_ALONE = re.compile(
    r"\W{0,3}(?:(?:written|posted|words|story|text) )?(?:by|author|von|par|por|di)\W{0,3}", re.IGNORECASE
)
# A name that stands alone, beside a date or after "By": two to four words, each with a capital.
_BARE_NAME = re.compile(r"[A-ZÀ-Þ][a-zà-ÿ'\u2019.-]{1,20}(?:\s[A-ZÀ-Þ][\w'\u2019.-]{0,20}){1,3}")
_LOGIN = re.compile(r"[a-zA-Z0-9_.-]+")
_AND = re.compile(r"(,?\s(?:and|und|et|y|e|en|og|och|&)\s|\s?[,;|•·]\s?)")
_TITLE_SEPARATOR = re.compile(r"\s+[|\-\u2013\u2014·•»:]+\s+|\s*\|\s*")
_TITLE_OPENING = re.compile(r"\s*[|:]\s+|\s+[\-\u2013\u2014·•»]+\s+")
_SPELLED = re.compile(r"[^a-z0-9]")
_NOT_A_NAME = re.compile(
    r"^(?:\(.*|(?:the )?authors?|(?:written|posted|published) by|admin|administrator|editors?|editorial"
    r"|staff|guest|news ?desk|newsroom|webmaster|unknown|none|null|user|root|team|n/?a)$",
    re.IGNORECASE,
)

_PUBLISHED_KEYS = (
    "article:published_time", "og:article:published_time", "article:published", "datepublished", "og:published_time",
    "date", "dc.date.issued", "dcterms.created", "dc.date", "dc.date.created", "dcterms.date", "parsely-pub-date",
    "sailthru.date", "publishdate", "publish-date", "pubdate", "citation_publication_date", "originalpublicationdate",
    "cxenseparse:recs:publishtime", "article.published", "published_time", "article_date_original", "release_date",
)  # fmt: skip
_UPDATED = re.compile(
    r"updat|modif|aktualisiert|mis à jour|actualiz|atualiz|aggiorn|oppdatert|uppdater|opdater|güncel", re.IGNORECASE
)

_META = etree.XPath("//meta[@content][@name or @property or @itemprop or @http-equiv]")
_JSON_LD = etree.XPath("//script[contains(translate(@type, 'LDJSON', 'ldjson'), 'ld+json')]")
_CANONICAL = etree.XPath("//link[translate(@rel, 'CANONICAL', 'canonical') = 'canonical']/@href")
_HEADINGS = etree.XPath("//h1[not(ancestor::nav or ancestor::footer or ancestor::aside)]")
_TIMES = etree.XPath("//time[@datetime][not(ancestor::aside or ancestor::footer or ancestor::nav)]")
_MARKED_TIMES = etree.XPath("descendant::*[@itemprop = 'datePublished']")
_BYLINE_TAGS = ("a", "span", "div", "p", "address", "li", "cite", "strong")
_is_byline = markup.naming(re.compile(r"byline|Byline|author|Author"))
_AFTER = etree.XPath("following::text()[not(parent::script or parent::style)][normalize-space()][position() <= 25]")
_BEFORE = etree.XPath("preceding::text()[not(parent::script or parent::style)][normalize-space()][position() <= 6]")
_DATE_TAGS = ("span", "div", "p", "li", "small")
_is_date = markup.naming(re.compile(r"date|Date|published|time|posted"))
_ELSEWHERE = frozenset({"aside", "footer", "nav"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDate:
    """A date as the page writes it."""

    raw: str
    source: DateSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a page says of itself; an empty value where it says nothing."""

    title: str = ""
    titles: tuple[str, ...] = ()  # every form of the headline on the page, for recognising its echoes
    site_name: str | None = None
    summary: str | None = None
    body: str = ""  # JSON-LD's articleBody: plain text or HTML
    byline: str | None = None
    authors: tuple[str, ...] = ()
    published: tuple[WrittenDate, ...] = ()  # most trusted first
    modified: tuple[WrittenDate, ...] = ()
    section: str | None = None
    tags: tuple[str, ...] = ()
    genre: str | None = None
    image_url: str | None = None
    canonical: tuple[str, ...] = ()  # claims, most trusted first
    language: str | None = None
    copyright_holder: str | None = None
    usage_terms: str | None = None
    access: Access = Access.UNKNOWN
    tdm: Tdm = Tdm.UNKNOWN
    tdm_source: str | None = None
    tdm_policy_url: str | None = None


def data(tree: html.HtmlElement) -> list[Mapping[str, Any]]:
    """The objects of a page's JSON-LD, outermost first; it is in scripts, so this comes before those are dropped."""
    found: list[Mapping[str, Any]] = []
    for script in markup.elements(_JSON_LD, tree)[:BLOCK_LIMIT]:
        try:
            value = json.loads(_bare(script.text or ""), strict=False)
        except (ValueError, RecursionError):
            continue
        queue = [value]
        for seen, part in enumerate(queue):
            if seen > NODE_LIMIT or len(found) > NODE_LIMIT:
                break
            if isinstance(part, list):
                queue.extend(part[:NODE_LIMIT])
            elif isinstance(part, dict):
                if "@type" in part or "@id" in part:
                    found.append(part)
                queue.extend(v for v in part.values() if isinstance(v, dict | list))
    return found


def read(tree: html.HtmlElement, nodes: Sequence[Mapping[str, Any]], domain: str = "") -> Head:
    """What `tree` says of itself.

    Never raises on what a page contains: a value of the wrong kind is as good as none.

    Args:
        tree: a page, with or without its scripts.
        nodes: its `data`.
        domain: the registered domain that it comes from, which tells a site's name from a headline.
    """
    meta = _meta(tree)
    article = _article(nodes)
    page: Mapping[str, Any] = next((n for n in nodes if _types(n) & _PAGE_TYPES), {})
    site_name = _first(meta, "og:site_name", "application-name") or _name(article.get("publisher"))
    titles = _titles(tree, meta, article, site_name, domain)
    near = _near_headline(tree)
    date_lines = tuple(_date_lines(tree, near))
    byline, printed = _printed_authors(tree, near)
    site_names = {_folded(name) for name in (site_name, _name(article.get("publisher"))) if name}
    # Where a person and the outlet are both given as author, the person wrote it.
    claims = (_names(article.get("author"), nodes, organisations=False), _meta_authors(meta), printed)
    people = (tuple(name for name in names if _folded(name) not in site_names) for names in claims)
    everyone = (_names(article.get("author"), nodes, organisations=True), *claims)
    listed = [names for names in (*people, *everyone) if names]
    # A name in full comes before a login; a name that merely stands beside a date comes last.
    authors = next(iter(listed), ()) or _names_beside_date(near)
    if len(authors) == 1 and _LOGIN.fullmatch(authors[0]) and not dateline.agencies(authors[0]):
        authors = next((names for names in listed if " " in names[0]), authors)
    tdm, tdm_source = _tdm(meta)
    return Head(
        title=titles[0] if titles else "",
        titles=titles,
        site_name=site_name,
        summary=_summary(meta, article),
        body=body if isinstance(body := article.get("articleBody"), str) else "",
        byline=byline or (", ".join(authors) or None),
        authors=authors[:LIST_LIMIT],
        published=tuple(_published(tree, meta, article, page, date_lines)),
        modified=tuple(_modified(meta, article, page, date_lines)),
        section=_text(article.get("articleSection")) or _first(meta, "article:section", "section"),
        tags=_tags(meta, article),
        genre=_text(article.get("genre")),
        image_url=_first(meta, "og:image", "og:image:url", "twitter:image") or _image(article.get("image")),
        canonical=tuple(
            claim
            for claim in (*markup.strings(_CANONICAL, tree)[:1], _first(meta, "og:url"), _text(article.get("url")))
            if claim and len(claim) <= VALUE_LIMIT
        ),
        language=_language(tree, meta, article),
        copyright_holder=_name(article.get("copyrightHolder"))
        or _first(meta, "copyright", "dcterms.rightsholder", "dc.rights"),
        usage_terms=_text(article.get("usageInfo")) or _text(article.get("license")),
        access=_access(meta, article),
        tdm=tdm,
        tdm_source=tdm_source,
        tdm_policy_url=_first(meta, "tdm-policy"),
    )


# ── JSON-LD ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bare(script: str) -> str:
    """JSON without the comment and CDATA marks that some systems still put around it."""
    text = script[:JSON_LIMIT].strip().removeprefix("<!--").removesuffix("-->").strip()
    text = text.removeprefix("//").strip().removeprefix("<![CDATA[")
    return text.removesuffix("]]>").removesuffix("//").strip(" ;\n\t")


def _types(node: Mapping[str, Any]) -> set[str]:
    kinds = node.get("@type")
    listed = kinds if isinstance(kinds, list) else [kinds]
    return {kind.rpartition("/")[2] for kind in listed[:20] if isinstance(kind, str)}


def _article(nodes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The node of the article itself: of those of an article's type the first that has a headline, else any."""
    candidates = [n for n in nodes if any(_ARTICLE_TYPES.fullmatch(kind) for kind in _types(n))]
    headed = [n for n in candidates if n.get("headline") and (n.get("datePublished") or n.get("author"))]
    return next(iter(headed or candidates), {})


def _text(value: Any) -> str | None:
    """A JSON-LD value as one line of text; the first of a list."""
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id")
    if not isinstance(value, str):
        return None
    return _line(value) or None


def _name(value: Any) -> str | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    return _text(value.get("name")) if isinstance(value, dict) else _text(value)


def _names(value: Any, nodes: Sequence[Mapping[str, Any]], *, organisations: bool) -> tuple[str, ...]:
    """Names of authors, by reference (@id) too: of persons, or with `organisations` of all."""
    people: list[str] = []
    for one in (value if isinstance(value, list) else [value])[:LIST_LIMIT]:
        named = one
        if isinstance(one, dict) and not one.get("name") and one.get("@id"):
            named = next((n for n in nodes if n.get("@id") == one["@id"] and n.get("name")), one)
        if (
            isinstance(named, dict)
            and not organisations
            and any(kind.endswith("Organization") for kind in _types(named))
        ):
            continue
        names = named.get("name") if isinstance(named, dict) else named
        for name in (names if isinstance(names, list) else [names])[:LIST_LIMIT]:
            if isinstance(name, str):
                people.extend(people_in(name))
    return tuple(dict.fromkeys(people))


def _image(value: Any) -> str | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    url = value.get("url") if isinstance(value, dict) else value
    return _text(url)


# ── meta ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _meta(tree: html.HtmlElement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in markup.elements(_META, tree)[:1_000]:
        value = _line(element.get("content"))
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            key = element.get(attribute)
            if key and value:
                found.setdefault(key.strip().lower(), []).append(value)
    return found


def _first(meta: Mapping[str, Sequence[str]], *keys: str) -> str | None:
    return next((meta[key][0] for key in keys if key in meta), None)


def _line(text: str) -> str:
    """One line without markup: descriptions come with tags and twice-escaped entities."""
    text = text[: VALUE_LIMIT * 4]
    if "&" in text:
        text = unescape(text)
    if "<" in text:
        text = re.sub(r"<[^<>]*>", " ", text)
    return markup.visible(text)[:VALUE_LIMIT]


def _summary(meta: Mapping[str, Sequence[str]], article: Mapping[str, Any]) -> str | None:
    return _first(meta, "og:description", "description", "twitter:description") or _text(article.get("description"))


def _tags(meta: Mapping[str, Sequence[str]], article: Mapping[str, Any]) -> tuple[str, ...]:
    listed = article.get("keywords")
    words = [word for word in (listed if isinstance(listed, list) else [listed]) if isinstance(word, str)]
    words = words or list(meta.get("article:tag") or meta.get("news_keywords") or meta.get("keywords") or ())
    split = (tag.strip() for word in words[:LIST_LIMIT] for tag in re.split(r"[,;]", _line(word)))
    return tuple(dict.fromkeys(filter(None, split)))[:LIST_LIMIT]


def _language(tree: html.HtmlElement, meta: Mapping[str, Sequence[str]], article: Mapping[str, Any]) -> str | None:
    said = (
        _text(article.get("inLanguage")) or tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang")
    )
    said = said or _first(meta, "content-language", "og:locale", "dc.language", "language")
    found = re.match(r"[A-Za-z]{2,3}(?=$|[-_,;\s])", said.strip()) if said else None
    return found[0].lower() if found else None


def _access(meta: Mapping[str, Sequence[str]], article: Mapping[str, Any]) -> Access:
    tier = (_first(meta, "article:content_tier") or "").lower()
    if tier in ("free", "metered"):
        return Access(tier)
    if tier == "locked":
        return Access.PAYWALLED
    free = article.get("isAccessibleForFree")
    if free is None:
        return Access.UNKNOWN
    return Access.FREE if str(free).strip().lower() in ("true", "1", "http://schema.org/true") else Access.PAYWALLED


def _tdm(meta: Mapping[str, Sequence[str]]) -> tuple[Tdm, str | None]:
    """What the page reserves: by the TDM Reservation Protocol (W3C community group, 2024), else by robots' noai."""
    said = _first(meta, "tdm-reservation")
    if said in ("0", "1"):
        return (Tdm.RESERVED if said == "1" else Tdm.ALLOWED), "meta tdm-reservation"
    robots = ",".join(meta.get("robots", ())).lower()
    if "noai" in re.split(r"[\s,]+", robots):
        return Tdm.RESERVED, "meta robots"
    return Tdm.UNKNOWN, None


# ── headline ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _titles(
    tree: html.HtmlElement,
    meta: Mapping[str, Sequence[str]],
    article: Mapping[str, Any],
    site_name: str | None,
    domain: str,
) -> tuple[str, ...]:
    """All forms of the headline, the best first."""
    printed = [text for h1 in markup.elements(_HEADINGS, tree)[:10] if (text := markup.words(h1)) and len(text) <= 300]
    element = tree.find(".//head/title")
    window = _line(element.text_content()) if element is not None else ""
    forms = (_text(article.get("headline")), _first(meta, "og:title", "twitter:title", "title", "dc.title"), window)
    said = [without_site(text, site_name, domain) for text in forms if text]
    # A heading that the head repeats is the headline as printed. Of the other forms JSON-LD's is made for machines;
    # og:title and <title> are often written anew for networks and search engines.
    confirmed = next((_without_kicker(text, said) for text in printed if any(_alike(text, one) for one in said)), None)
    alone = printed[0] if len(printed) == 1 and len(printed[0]) >= 15 else None
    headline = said[0] if said and article.get("headline") else None
    return tuple(dict.fromkeys(text for text in (confirmed, headline, alone, *said) if text))


def _without_kicker(printed: str, said: Sequence[str]) -> str:
    """The headline without the topic set above it, where the page's head has it without."""
    folded = _folded(printed)
    shorter = (one for one in said if len(one) >= 15 and len(one) < len(printed) and folded.endswith(_folded(one)))
    return next(shorter, printed)


def without_site(title: str, site_name: str | None, domain: str = "") -> str:
    """`title` without the site's name at either end ("Rain | The Paper", "The Paper: Rain").

    The name is what the page says, or what its domain spells ("The Paper" of thepaper.example).
    """
    name, spelled = _folded(site_name or ""), _SPELLED.sub("", domain.partition(".")[0].lower())
    pieces = [m.span() for m in _TITLE_SEPARATOR.finditer(title)]
    for start, end in reversed(pieces):
        tail = _folded(title[end:])
        is_part = len(tail) > 3 and (name.startswith(tail) or tail.startswith(name))
        if (name and (tail == name or is_part)) or _spells(tail, spelled):
            return without_site(title[:start].strip(), site_name, domain)
    if opening := _TITLE_OPENING.search(title):
        first = _folded(title[: opening.start()])
        if (name and first == name) or first.replace(" ", "").removeprefix("the") == spelled.removeprefix("the"):
            return title[opening.end() :].strip()
    return title.strip()


def _spells(words: str, spelled: str) -> bool:
    """Whether `words` run together are a domain's label, "the" and what follows the name (".com") aside."""
    joined, label = words.replace(" ", "").removeprefix("the"), spelled.removeprefix("the")
    if len(label) < MIN_LABEL or len(words.split()) > NAME_WORDS:
        return False
    return joined == label or (len(label) > 2 * MIN_LABEL and joined.startswith(label))


def _alike(one: str, other: str) -> bool:
    """Whether both are one headline, or one of them has something before or after it."""
    shorter, longer = sorted((_folded(one), _folded(other)), key=len)
    return shorter == longer or (len(shorter) > 15 and (longer.startswith(shorter) or longer.endswith(shorter)))


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


# ── people ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def people_in(text: str) -> tuple[str, ...]:
    """The names in a byline: "By Ann Lee and Bo Ek" gives both. Addresses and desks' logins are no names."""
    parts: list[str] = []
    separator = ""
    for piece in _AND.split(_BY.sub("", _line(text)))[: 2 * LIST_LIMIT]:
        if _AND.fullmatch(piece):
            separator = piece
        elif parts and len(piece.split()) < 2 and not dateline.agencies(piece):
            parts[-1] += separator + piece  # "Ann Lee, MD", "Centre for Tea and Trade": one name, not two
        else:
            parts.append(piece)
    names = (_NAME_END.sub("", part).strip(" .,:;-\u2013\u2014|•·") for part in parts)
    return tuple(
        dict.fromkeys(
            name
            for name in names
            if 2 <= len(name) <= 80
            and any(map(str.isalpha, name))
            and not _ADDRESS.search(name)
            and not _NOT_A_NAME.match(name)
        )
    )


def _meta_authors(meta: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    for key in ("author", "article:author", "dc.creator", "byl", "parsely-author", "sailthru.author", "twitter:data1"):
        if key == "twitter:data1" and (_first(meta, "twitter:label1") or "").lower() not in ("written by", "author"):
            continue
        names = tuple(dict.fromkeys(name for value in meta.get(key, ()) for name in people_in(value)))
        if names:
            return names
    return ()


def _printed_authors(tree: html.HtmlElement, near: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """The byline as printed, and the names in it: what is marked up as one, else a line near the headline."""
    for element in itertools.islice(_marked(tree, _BYLINE_TAGS, _is_byline, "author"), 20):
        text = markup.words(element)
        if not 3 <= len(text) <= 120 or dates.is_date_line(text):
            continue
        linked = [markup.words(a) for a in element.iter("a")]
        names = _full_names(name for part in (linked or [text]) for name in people_in(part))
        if names:
            return text, names
    for text in near:
        if _BY.match(text) and len(text) <= 80 and (names := _full_names(people_in(text))):
            return text, names
    return None, ()


def _names_beside_date(near: Sequence[str]) -> tuple[str, ...]:
    """The name that stands alone near the headline, between "By" and a date or beside one of them."""
    for before, text, after in zip(("", *near), near, (*near[1:], ""), strict=False):
        is_beside = _BY_ALONE.fullmatch(before) or dates.is_date_line(before) or dates.is_date_line(after)
        if is_beside and _BARE_NAME.fullmatch(text) and not _BY_ALONE.search(text):
            return (text,)
    return ()


def _marked(
    tree: html.HtmlElement, tags: Sequence[str], is_named: Callable[[str], bool], role: str | None = None
) -> Iterator[html.HtmlElement]:
    """The elements whose class `is_named`, or whose rel or itemprop is `role`, outside of other stories' boxes."""
    for element in tree.iter(*tags):
        is_marked = is_named(element.get("class", "")) or (
            role and role in (element.get("rel"), element.get("itemprop"))
        )
        if is_marked and not any(
            ancestor.tag in _ELSEWHERE or (role and "comment" in ancestor.get("class", ""))
            for ancestor in element.iterancestors()
        ):
            yield element


def _full_names(names: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(names)
    return tuple(n for n in names if 1 < len(n.split()) <= 5 and n[0].isupper() and not any(c.isdecimal() for c in n))


def _near_headline(tree: html.HtmlElement) -> list[str]:
    """The texts around the headline, where byline and date are printed: after it, then before it."""
    headings = markup.elements(_HEADINGS, tree)[:1]
    if not headings:
        return []
    texts = [
        markup.visible(text) for text in (*markup.strings(_AFTER, headings[0]), *markup.strings(_BEFORE, headings[0]))
    ]
    return [text for text in texts if 2 <= len(text) <= 120]


# ── dates ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _published(
    tree: html.HtmlElement,
    meta: Mapping[str, Sequence[str]],
    article: Mapping[str, Any],
    page: Mapping[str, Any],
    date_lines: Sequence[str],
) -> Iterator[WrittenDate]:
    for value in (article.get("datePublished"), page.get("datePublished"), article.get("dateCreated")):
        if raw := _text(value):
            yield WrittenDate(raw=raw, source=DateSource.JSON_LD)
    for key in _PUBLISHED_KEYS:
        if raw := _first(meta, key):
            yield WrittenDate(raw=raw, source=DateSource.META)
    for element in (*markup.elements(_MARKED_TIMES, tree)[:3], *markup.elements(_TIMES, tree)[:3]):
        raw = element.get("datetime") or element.get("content") or markup.words(element)[: dates.TEXT_LIMIT]
        if (
            raw
            and "modif" not in (element.get("itemprop") or "")
            and "updated" not in (element.get("class") or "").split()
        ):
            yield WrittenDate(raw=raw, source=DateSource.TIME_ELEMENT)
    # A page that prints the day of its last change only was published on that day or before.
    for text in sorted(date_lines, key=lambda line: bool(_UPDATED.search(line))):
        yield WrittenDate(raw=text, source=DateSource.TEXT)


def _modified(
    meta: Mapping[str, Sequence[str]],
    article: Mapping[str, Any],
    page: Mapping[str, Any],
    date_lines: Sequence[str],
) -> Iterator[WrittenDate]:
    for value in (article.get("dateModified"), page.get("dateModified")):
        if raw := _text(value):
            yield WrittenDate(raw=raw, source=DateSource.JSON_LD)
    if raw := _first(
        meta, "article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified"
    ):
        yield WrittenDate(raw=raw, source=DateSource.META)
    for text in date_lines:
        if _UPDATED.search(text):
            yield WrittenDate(raw=text, source=DateSource.TEXT)


def _date_lines(tree: html.HtmlElement, near: Sequence[str]) -> Iterator[str]:
    """Lines that are nothing but a date: those marked up as one, then those by the headline."""
    marked = (markup.words(element) for element in itertools.islice(_marked(tree, _DATE_TAGS, _is_date), 20))
    return (text for text in (*marked, *near) if dates.is_date_line(text))
