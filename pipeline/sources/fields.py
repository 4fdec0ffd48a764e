"""What a row of a list says of an article, as an entry: pure functions.

A row is a mapping of names to values, of a table's line, a JSON object or a sitemap's element. A name has a few
spellings; names that are not known are passed over. Text is cut to the limits that hold for feeds, and a date that
cannot be read is kept as written, as of a feed; but a value of the wrong kind refuses the row.
"""

import datetime as dt
import re
from collections.abc import Mapping

from schemas import ids
from schemas.enums import Origin, Reason, Zone
from schemas.records import Entry
from transforms.feeds.output import moment_of
from transforms.text import dates, urls
from transforms.text.feeds import GUID_LIMIT, NAME_LIMIT, NAMES_LIMIT, SUMMARY_LIMIT, TITLE_LIMIT, read_date
from transforms.web.urls import parse_url, redact

URL_NAMES = ("url", "link", "loc")
_PUBLISHED_NAMES = ("published_at", "published", "date")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_UNIX = re.compile(r"\d{10}\.\d{1,9}")  # with a fraction, as Python's time.time() gives it
_ID = re.compile(r"[0-9a-f]{32}")
_BETWEEN_NAMES = re.compile(r"[;|]")


def entry_of(fields: Mapping[str, object], observed_at: dt.datetime) -> Entry:
    """The entry that a row describes; its page is to be fetched.

    Args:
        fields: the row; its names in lower case.
        observed_at: when the list was opened.

    Returns:
        The entry, known by its address alone, so that it is the same one in every list.

    Raises:
        FieldError: a field cannot be used.
    """
    url = urls.cleaned(address_in(fields))
    published_at, published_raw, zone = _published(fields)
    guid = _line(fields, GUID_LIMIT, "guid")
    return Entry(
        entry_id=ids.hash_id("url", url),
        feed_id=_feed_id(fields),
        entry_key=guid or "",
        fingerprint="",
        change_no=0,
        origin=Origin.BACKFILL,
        observed_at=observed_at,
        guid=guid,
        url=url,
        title=_line(fields, TITLE_LIMIT, "title") or "",
        summary=_line(fields, SUMMARY_LIMIT, "summary") or "",
        authors=_names(fields, "authors", "author"),
        tags=_names(fields, "tags"),
        published_at=published_at,
        published_at_raw=published_raw,
        published_zone=zone,
        outlet=_line(fields, NAME_LIMIT, "outlet"),
        language=_language(fields),
    )


class FieldError(ValueError):
    """A field that cannot be used; the message names it and says why."""

    def __init__(self, name: str, why: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(f"{name}: {why}")
        self.reason = reason


def address_in(fields: Mapping[str, object]) -> str:
    """The address that a row names, without credentials.

    Raises:
        FieldError: there is none, or it is no http(s) address.
    """
    name, text = _text(fields, *URL_NAMES)
    if not text:
        raise FieldError(name, "there is none", Reason.BAD_URL)
    try:
        parse_url(text)
    except ValueError as error:
        raise FieldError(name, str(error), Reason.BAD_URL) from None
    return redact(text)


def usable(url: str) -> str | None:
    """An address without credentials; None if it is no http(s) address."""
    try:
        parse_url(url)
    except ValueError:
        return None
    return redact(url)


def moment_in(fields: Mapping[str, object], *names: str) -> dt.datetime | None:
    """The time that the first of these fields names, in UTC; None if none of them is there.

    Raises:
        FieldError: it cannot be read.
    """
    name, text = _text(fields, *names)
    if not text:
        return None
    at, _ = _date(text)
    if at is None:
        raise FieldError(name, "no time that can be read")
    return at


def _published(fields: Mapping[str, object]) -> tuple[dt.datetime | None, str | None, Zone | None]:
    _, text = _text(fields, *_PUBLISHED_NAMES)
    at, zone = _date(text)
    return at, text[:NAME_LIMIT] or None, zone


def _date(text: str) -> tuple[dt.datetime | None, Zone | None]:
    """A date as feeds write it, else as pages do, or a Unix time, and where its zone comes from."""
    if _UNIX.fullmatch(text):
        return ids.EPOCH + dt.timedelta(seconds=float(text)), Zone.EXPLICIT
    at, zone = moment_of(read_date(text), None)
    if at is None and (found := dates.moment(text)):
        return found.at, found.zone
    return at, zone


def _feed_id(fields: Mapping[str, object]) -> str | None:
    _, feed_id = _text(fields, "feed_id")
    if feed_id:
        if not _ID.fullmatch(feed_id):
            raise FieldError("feed_id", "not 32 hexadecimal digits")
        return feed_id
    _, url = _text(fields, "feed")
    return ids.feed_id(redact(url)) if url else None


def _language(fields: Mapping[str, object]) -> str | None:
    text = (_line(fields, NAME_LIMIT, "language") or "").replace("_", "-")
    return text if _LANGUAGE.fullmatch(text) else None


def _names(fields: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """Several names: a list, or text with semicolons between them."""
    name, value = _value(fields, *names)
    if not isinstance(value, list):
        value = _BETWEEN_NAMES.split(_text(fields, *names)[1])
    if not all(isinstance(each, str) for each in value):
        raise FieldError(name, "not a list of names")
    found = dict.fromkeys(" ".join(each.split())[:NAME_LIMIT] for each in value[:NAMES_LIMIT])
    return tuple(each for each in found if each)


def _line(fields: Mapping[str, object], limit: int, *names: str) -> str | None:
    return " ".join(_text(fields, *names)[1].split())[:limit].rstrip() or None


def _text(fields: Mapping[str, object], *names: str) -> tuple[str, str]:
    """The first of these fields that says something, and its text; a number is its digits."""
    name, value = _value(fields, *names)
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise FieldError(name, "neither text nor a number")
    text = "" if value is None else str(value)
    return name, text.replace("\x00", "").strip()


def _value(fields: Mapping[str, object], *names: str) -> tuple[str, object]:
    return next(((name, fields[name]) for name in names if fields.get(name) not in (None, "")), (names[0], None))
