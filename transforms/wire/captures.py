"""An item as a reader found it to the capture that enters the graph before identify.

Ids: the article is the wire's own id, which is the same in all versions, with its provider in front unless the id is
unique by its form. The capture is the article at the time of this version (never later than the message), so that the
same document read again, from whatever topic, is the same capture.

No address answered, so `url` is "", and identify knows the article by its own id only: agencies give several items one
address, and one item several. An address where the public reads the text is kept as `canonical_url`.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Sequence

from schemas import ids
from schemas.enums import DateSource, Origin, Source
from schemas.records import Article, Caption, Capture, Subject
from transforms.extract import BODY_LIMIT, FIRST_YEAR, TITLE_LIMIT, published
from transforms.text import boilerplate, captions, dateline, dates, feeds, language, markup, urls
from transforms.wire import status, text
from transforms.wire.item import WireError, WireItem

EXTRACTOR = "wirebeam-wire"
EXTRACTOR_VERSION = "1"
NOTE_LIMIT = 5_000  # characters of an editor's note, of usage terms and of a summary
SUBJECTS_LIMIT = 100
EMBARGO_LIMIT = dt.timedelta(days=400)  # reports of a year are the longest; "until further notice" is the year 9999

# Ids that are unique by their form: URNs, tag URIs (RFC 4151), addresses, and what holds a UUID.
_UNIQUE = re.compile(
    r"(?:urn|tag|https?|doi|info):|.*[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.DOTALL
)
# urn:newsml:provider:date:id:revision (RFC 3085, 2.), and Reuters' tag URIs with the version behind them.
_NEWSML_URN = re.compile(
    r"(?P<named>urn:newsml:[^:]{1,200}:\d{8}(?:T[0-9Z+-]{4,12})?:[^:]{1,300}):(?P<revision>\d{1,9})[UAN]?",
    re.IGNORECASE,
)
_LONG_VERSION = 6  # digits: a counter that is as long is no part of an id by chance
_REVISION = 3  # digits of a revision at the end of a URN, where no version is stated beside it
_AUTHORITY = re.compile(r"(?:tag:|urn:newsml:)([\w.-]{1,100})[,:]", re.IGNORECASE)
_SECRET = re.compile(r"[?&][^=&]{0,40}(?:token|signature|password)[^=&]{0,40}=", re.IGNORECASE)
_ALL_RIGHTS = re.compile(r"[\s.,;-]{0,5}\ball rights reserved\b.*", re.IGNORECASE)
PROSE = 40  # characters of a line that tells its language
# What stands before the names of a byline, and what parts them.
_BYLINE_START = re.compile(r"(?:by|von|par|por|di|de|af|av|door|text:?|story by|written by)\s", re.IGNORECASE)
_BYLINE_PARTS = re.compile(r"\s*(?:[,;/|]|\s(?:and|und|et|y|e|og|och|en|ja|&|with|in|at)\s)\s*")
_PERSON = re.compile(
    r"[A-ZÀ-Þ][\w'\u2019.-]{0,30}"
    r"(?:\s(?:(?:[dl]['\u2019])?[A-ZÀ-Þ][\w'\u2019.-]{0,30}|de|del|van|von|der|den|bin|al|da|di)){1,4}"
)
_NO_PERSON = re.compile(
    r"\b(?:(?:associated|canadian|united|free|european|foreign|local) press|news|agency|agence|agentur|agencia"
    r"|university|correspondent|writer|editor|reporter|staff|service|media|desk|bureau|team|wire|times|post|institute)\b",
    re.IGNORECASE,
)
# A place ends where a date, the agency or the text begins.
_PLACE_END = re.compile(r"\s?\(|\d|\s[\u2013\u2014-]|[,.]?\s*$")
_LAST_WORD = re.compile(r"[\s,]+(?P<word>[^\W\d_]{3,12})\.?\s*$")


def capture_of(item: WireItem, received_at: dt.datetime) -> Capture:
    """The capture of one version of an item.

    Args:
        item: as its reader found it.
        received_at: when its message was published; aware.

    Raises:
        WireError: it has no id, or neither headline nor text (a kill may lack both).
    """
    guid = _unversioned(_clean(item.id), _clean(item.version))
    if not guid:
        raise WireError("it has no id: no uri, guid, NewsItemId or id-string")
    if len(guid) > feeds.GUID_LIMIT:
        raise WireError(f"{guid[:100]}...: its id has more than {feeds.GUID_LIMIT} characters")
    provider = _line(item.provider, feeds.NAME_LIMIT)
    key = guid if _UNIQUE.match(guid) else f"{provider or 'wire'} {guid}"
    outlet = provider or _authority(guid)
    title = feeds.plain_text(_clean(item.title))[:TITLE_LIMIT]
    article = _article(item, guid, key, title, received_at)
    notice = status.notice_of(
        status=_line(item.status, feeds.NAME_LIMIT),
        signals=[_line(signal, feeds.NAME_LIMIT) for signal in item.signals[: feeds.NAMES_LIMIT]],
        ednote=article.ednote or "",
        title=title,
        body=article.body,
        is_embargoed=(item.is_embargoed or bool(item.embargo)) and article.embargoed_until is None,
    )
    if not (title or article.body or notice):
        raise WireError(f"{guid}: neither headline nor text")
    # What may change without a new version, and must not be taken for a repeat.
    said = (notice.kind if notice else "", item.embargo, str(item.is_embargoed), item.status, article.ednote or "")
    return Capture(
        article=article,
        entry_id=ids.hash_id("wire", key, article.version or "", item.revised, article.content_hash, *said),
        attempt=1,
        origin=Origin.WIRE,
        outlet=outlet or None,
        entry_title=title,
        entry_key=key,
        notice=notice,
    )


def _article(item: WireItem, guid: str, key: str, title: str, received_at: dt.datetime) -> Article:
    read = text.read(_clean(item.html), _clean(item.text))
    byline = _line(item.byline, NOTE_LIMIT)
    known = boilerplate.Known(
        titles=_folded(title), names=_folded(byline, *item.authors), headings=read.printed, captions=frozenset()
    )
    opening = enumerate(read.lines[: boilerplate.OPENING])
    signed_by = next((line for place, line in opening if boilerplate.kind(line, place, 99, known) == "byline"), "")
    unsigned = text.without_signature(read.lines)
    lines = boilerplate.cleaned(unsigned, known)
    body = "\n\n".join(lines)[:BODY_LIMIT]
    byline = byline or signed_by
    authors = _names(item.authors) or _names(_persons(byline))
    place, printed, credited = dateline.read([*lines, *read.lines[-1:]], byline, authors)
    own_dateline = _line(item.dateline, feeds.NAME_LIMIT)
    article_id, content_hash = ids.article_id(key), ids.content_hash(title, body)
    observed_at = _observed_at(item.revised, received_at)
    article = Article(
        capture_id=ids.capture_id(article_id, observed_at, content_hash),
        article_id=article_id,
        content_hash=content_hash,
        observed_at=observed_at,
        url="",
        canonical_url=_web_address(item.url),
        guid=guid,
        source=Source.WIRE,
        extractor_name=EXTRACTOR,
        extractor_version=EXTRACTOR_VERSION,
        title=title,
        summary=feeds.plain_text(_clean(item.summary))[: feeds.SUMMARY_LIMIT] or None,
        body=body,
        word_count=len(body.split()),
        captions=_captions((*item.captions, *read.captions)),
        image_url=_address(item.image_url) or _address(read.image_url) or None,
        language=_language(title, lines, _line(item.language, 40) or None),
        byline=byline or None,
        authors=authors,
        dateline_place=place or _place(own_dateline) or _located(item.located, byline) or None,
        dateline_text=printed or (own_dateline.strip(" \u2013\u2014-:") if _place(own_dateline) else None) or None,
        credits=_credits(item.credits, own_dateline, credited),
        section=_line(item.section, feeds.NAME_LIMIT) or None,
        tags=_names(item.tags),
        subjects=_subjects(item.subjects),
        genre=_line(item.genre, feeds.NAME_LIMIT) or None,
        urgency=_urgency(item.urgency),
        embargoed_until=_embargo(item, received_at),
        version=_line(item.version, feeds.NAME_LIMIT) or None,
        ednote=_note(item.ednote),
        usage_terms=_note(item.usage_terms),
        copyright_holder=_ALL_RIGHTS.sub("", _line(item.copyright_holder, feeds.NAME_LIMIT)) or None,
    )
    return _dated(article, item)


def _dated(article: Article, item: WireItem) -> Article:
    """`article` with the date of its first version, and that of this one if it is a later."""
    revised = dates.moment(item.revised)
    raw = item.published if dates.moment(item.published) else item.revised
    found = dates.moment(raw)
    if found is None:
        return article
    article = published(article, _line(raw, dates.TEXT_LIMIT), DateSource.WIRE, found)
    return dataclasses.replace(article, modified_at=revised.at if revised and revised.at > found.at else None)


# ── ids, times and addresses ───────────────────────────────────────────────────────────────────────────────────────


def _unversioned(guid: str, version: str) -> str:
    """An id without the version that some put behind it."""
    guid = " ".join(guid.split())
    found = _NEWSML_URN.fullmatch(guid)
    if found and (found["revision"] == version or (not version and len(found["revision"]) <= _REVISION)):
        return found["named"]
    if len(version) >= _LONG_VERSION and version.isdigit():
        return guid.removesuffix(f":{version}")
    return guid


def _authority(guid: str) -> str:
    """Who gave an id, by the name that it holds: the site of an address, the domain of a tag URI or newsml URN."""
    found = _AUTHORITY.match(guid)
    return found[1] if found else urls.site(guid)


def _embargo(item: WireItem, received_at: dt.datetime) -> dt.datetime | None:
    """Until when the item is not to be published; a time that lies years ahead stands for no end, as none does."""
    found = dates.moment(item.embargo)
    return found.at if found and found.at <= received_at + EMBARGO_LIMIT else None


def _observed_at(revised: str, received_at: dt.datetime) -> dt.datetime:
    """The version's time, unless the message that brought it is older, or the time is no version's."""
    found = dates.moment(revised)
    if found is None or found.at.year < FIRST_YEAR:
        return received_at.astimezone(dt.UTC)
    return min(found.at, received_at.astimezone(dt.UTC))


def _address(url: str) -> str:
    """`url` if it is an http(s) address of bearable length and without a secret in it, else ""."""
    url = _clean(url).strip()
    is_web = url.lower().startswith(("http://", "https://")) and len(url) <= urls.URL_LIMIT
    return url if is_web and urls.site(url) and not re.search(r"\s", url) and not _SECRET.search(url) else ""


def _web_address(url: str) -> str:
    """The item's own page: a home page is no article's."""
    address = urls.cleaned(found) if (found := _address(url)) else ""
    return address if address and not urls.is_home(address) else ""


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _clean(written: str) -> str:
    """`written` without what no table can hold: NUL and its like, halves of surrogate pairs."""
    written = written.encode("utf-8", "ignore").decode()
    return written.translate(_NO_CONTROLS)


_NO_CONTROLS = dict.fromkeys({*range(0x20)} - {9, 10, 13})


def _line(written: str, limit: int) -> str:
    return markup.visible(_clean(written[: limit * 4]))[:limit].rstrip()


def _note(written: str) -> str | None:
    """Lines of a note, which may be HTML."""
    lines = (feeds.plain_text(line) for line in _clean(written[: NOTE_LIMIT * 4]).splitlines())
    return "\n".join(filter(None, lines))[:NOTE_LIMIT].rstrip() or None


def _folded(*texts: str) -> frozenset[str]:
    return frozenset(filter(None, map(boilerplate.folded, texts)))


def _names(written: Sequence[str]) -> tuple[str, ...]:
    found = (_line(name, feeds.NAME_LIMIT) for name in written[: feeds.NAMES_LIMIT * 2])
    return tuple(dict.fromkeys(filter(None, found)))[: feeds.NAMES_LIMIT]


def _persons(byline: str) -> tuple[str, ...]:
    """The persons whom a byline names, without their titles and agencies."""
    names = _BYLINE_PARTS.split(_BYLINE_START.sub("", byline, count=1)[: feeds.NAME_LIMIT * 2])
    return tuple(
        name
        for name in names
        if _PERSON.fullmatch(name) and not _NO_PERSON.search(name) and not dateline.agencies(name)
    )


def _captions(pictured: Sequence[Caption]) -> tuple[Caption, ...]:
    kept: dict[str, Caption] = {}
    for caption in pictured:
        said = _line(caption.text, captions.TEXT_LIMIT)
        if any(map(str.isalnum, said)):
            credit = _line(caption.credit or "", captions.CREDIT_LIMIT)
            kept.setdefault(said, Caption(text=said, credit=credit or None))
    return tuple(kept.values())[: captions.CAPTION_LIMIT]


def _subjects(given: Sequence[Subject]) -> tuple[Subject, ...]:
    cut = (
        Subject(
            scheme=_line(subject.scheme or "", feeds.NAME_LIMIT) or None,
            code=_line(subject.code or "", feeds.NAME_LIMIT) or None,
            name=_line(subject.name or "", feeds.NAME_LIMIT) or None,
        )
        for subject in given[: SUBJECTS_LIMIT * 2]
    )
    told = (subject for subject in cut if subject.code or subject.name)
    return tuple(dict.fromkeys(told))[:SUBJECTS_LIMIT]


def _credits(lines: Sequence[str], own_dateline: str, credited: Sequence[str]) -> tuple[str, ...]:
    """Agencies in credit lines, by the names that `dateline` has for them; others as the line says."""
    found: list[str] = []
    for line in lines[: feeds.NAMES_LIMIT]:
        printed = _line(line, feeds.NAME_LIMIT).strip(" \u2013\u2014-/")
        named = dateline.agencies(printed.title() if printed.isupper() and " " in printed else printed)
        found += named or (printed,)
    found += dateline.agencies(own_dateline)
    return tuple(dict.fromkeys(filter(None, (*found, *credited))))[: feeds.NAMES_LIMIT]


def _place(printed: str) -> str:
    """The place in a dateline, "" if it opens with something else."""
    end = _PLACE_END.search(printed)
    place = printed[: end.start()] if end else printed
    last = _LAST_WORD.search(place)
    if last and dates.moment(f"{last['word']} 1, 2000"):  # a month
        place = place[: last.start()]
    place = place.strip(" ,.\u2013\u2014-:/")
    return place if any(map(str.isalpha, place)) else ""


def _located(written: str, byline: str) -> str:
    """The place that an item says that it comes from; a field that repeats the byline was filled in by mistake."""
    place = _place(_line(written, feeds.NAME_LIMIT))
    return "" if place and byline.casefold().startswith(place.casefold()) else place


def _language(title: str, lines: Sequence[str], declared: str | None) -> str | None:
    """The language of the prose: results and line-ups are names, in which a detector sees any language."""
    prose = [line for line in lines if len(line) >= PROSE and _is_prose(line)]
    return language.detected("\n".join([title, *prose]) if prose else "", declared)


def _is_prose(line: str) -> bool:
    words = line.split()
    return 5 * sum(word[0].isalpha() and not word[0].isupper() for word in words) >= 2 * len(words)


def _urgency(raw: str) -> int | None:
    digits = raw.strip().removesuffix(".0")
    return int(digits) if len(digits) == 1 and digits in "123456789" else None
