"""Dates as pages write them: ISO 8601 and its misspellings, RFC 2822, and dates in words. Pure functions."""

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from schemas.enums import Precision, Zone

TEXT_LIMIT = 200  # characters of a date that are looked at

# The first three letters that tell a month in English, German, French, Spanish, Portuguese, Italian, Dutch and the
# Nordic languages; where three letters are not enough (juin, juillet) the longer one stands first.
_MONTHS = {
    "juin": 6, "juil": 7, "jan": 1, "jän": 1, "ene": 1, "gen": 1, "feb": 2, "fév": 2, "fev": 2, "mar": 3, "mär": 3,
    "maa": 3, "mrt": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5, "mai": 5, "maj": 5, "mei": 5, "mag": 5, "jun": 6,
    "giu": 6, "jul": 7, "lug": 7, "aug": 8, "aoû": 8, "aou": 8, "ago": 8, "sep": 9, "set": 9, "oct": 10, "okt": 10,
    "out": 10, "ott": 10, "nov": 11, "dec": 12, "déc": 12, "dez": 12, "dic": 12, "des": 12,
}  # fmt: skip

_FIGURE = re.compile(r"\d")
_ISO = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[T\s]\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}(?!\d)|[+-]\d{2}(?!\d))?)?",
    re.IGNORECASE,
)
# ISO 8601's basic form, as wires have it, and what mixes it with the other.
_BASIC = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})T?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2}))?"
    r"(?:[.,]\d{1,9}|(?<=\d{14})\d{3})?\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?(?![\d:])",
    re.IGNORECASE,
)
_BASIC_DAY = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})Z?")
_CJK = re.compile(r"(?P<year>\d{4})\s?[年년]\s?(?P<month>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일]")
_MONTH_FIRST = re.compile(
    r"(?P<name>[^\W\d_]{3,12})\.?\s(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<year>(?:19|20)\d{2})\b"
)
_DAY_FIRST = re.compile(
    r"\b(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-](?:de\s|of\s)?(?P<name>[^\W\d_]{3,12})\.?,?[\s-](?:de\s|del\s)?(?P<year>(?:19|20)\d{2})\b"
)
_DOTTED = re.compile(r"\b(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>(?:19|20)\d{2})\b")
# Day and month in either order, taken only where the figures tell which is which.
_SLASHED = re.compile(r"\b(?P<one>\d{1,2})[/-](?P<other>\d{1,2})[/-](?P<year>(?:19|20)\d{2})\b")
_CLOCK = re.compile(
    r"\b(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s?(?P<half>[ap])\.?m\b)?", re.IGNORECASE
)
_WRITTEN_ZONE = re.compile(r"\b(?P<zone>UTC|GMT|Z)\b|(?P<offset>[+-]\d{2}:?\d{2})\b")
_IN_URL = re.compile(
    r"/(?P<year>(?:19|20)\d{2})[/_-](?P<month>0?[1-9]|1[0-2])[/_-](?P<day>0?[1-9]|[12]\d|3[01])(?=[/_.-]|$)"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date that was read."""

    at: dt.datetime  # aware, UTC
    precision: Precision
    zone: Zone


def moment(raw: str, timezone: str | None = None) -> Moment | None:
    """The date in `raw`, or None if there is none.

    Args:
        raw: a date as a page or a feed writes it, e.g. "2024-03-12T09:15:00+03:00" or "12 March 2024, 09:15".
        timezone: the outlet's IANA time zone, for a date that names none; UTC is assumed without it.
    """
    text = " ".join(raw[:TEXT_LIMIT].split())
    if text.isdecimal() and len(text) in (10, 13):  # a Unix time, in seconds or milliseconds
        return Moment(dt.datetime.fromtimestamp(int(text[:10]), dt.UTC), Precision.SECOND, Zone.EXPLICIT)
    for pattern in (_BASIC, _ISO, _BASIC_DAY):
        if found := pattern.match(text):
            return _of_match(found, found.groupdict(), timezone)
    try:
        mailed = parsedate_to_datetime(text) if ":" in text else None
    except (ValueError, IndexError, OverflowError):
        mailed = None
    if mailed is not None and mailed.tzinfo is not None:
        return _moment(mailed, Precision.SECOND, Zone.EXPLICIT)
    return _in_words(text, timezone)


def in_url(url: str, timezone: str | None = None) -> Moment | None:
    """The day that a path like /2024/03/12/ or /2024-03-12- names."""
    found = _IN_URL.search(url[: TEXT_LIMIT * 4])
    return _of_match(found, found.groupdict(), timezone) if found else None


def is_date_line(line: str) -> bool:
    """Whether `line` is nothing but a date, a time and the few words around them ("Updated: 4 May 2021, 9:05 am")."""
    # A quoted tweet ends with its author's handle and a date.
    if len(line) > 100 or "@" in line or not _FIGURE.search(line):
        return False
    rest = line
    for pattern in (_ISO, _CJK, _MONTH_FIRST, _DAY_FIRST, _DOTTED, _SLASHED):
        rest, count = pattern.subn(" ", rest)
        if count:
            break
    else:
        return False
    return len(re.findall(r"[^\W\d_]{2,}", _CLOCK.sub(" ", rest))) <= 4


def _in_words(text: str, timezone: str | None) -> Moment | None:
    for pattern in (_CJK, _MONTH_FIRST, _DAY_FIRST, _DOTTED, _ISO, _SLASHED):
        found = pattern.search(text)
        if not found:
            continue
        fields: dict[str, str | None] = found.groupdict()
        if "name" in fields:
            month = _month(fields.pop("name") or "")
            if month is None:
                continue
            fields["month"] = str(month)
        if "one" in fields:
            one, other = fields.pop("one") or "", fields.pop("other") or ""
            if int(one) <= 12 and int(other) <= 12 and one != other:
                continue
            fields["month"], fields["day"] = (other, one) if int(one) > 12 else (one, other)
        clock = _CLOCK.search(text, found.end()) or _CLOCK.search(text[: found.start()])
        if clock and not fields.get("hour"):
            half = clock.groupdict().pop("half")
            fields |= {"hour": clock["hour"], "minute": clock["minute"], "second": clock["second"]}
            if half:
                fields["hour"] = str(int(clock["hour"]) % 12 + (12 if half in "pP" else 0))
            zone = _WRITTEN_ZONE.search(text, clock.end())
            fields["zone"] = (zone["zone"] or zone["offset"]) if zone else None
        return _of_match(found, fields, timezone)
    return None


def _month(name: str) -> int | None:
    name = name.lower()
    return _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])


def _of_match(found: re.Match[str], fields: dict[str, str | None], timezone: str | None) -> Moment | None:
    hour, minute, second = fields.get("hour"), fields.get("minute"), fields.get("second")
    written = fields.get("zone") or ("Z" if found[0].endswith("Z") else None)
    try:
        at = dt.datetime(
            int(fields["year"] or 0),
            int(fields["month"] or 0),
            int(fields["day"] or 0),
            int(hour or 0) % 24,
            int(minute or 0),
            min(int(second or 0), 59),
            tzinfo=_offset(written) if written else _outlet_zone(timezone),
        )
    except ValueError:
        return None
    precision = Precision.DAY if hour is None else Precision.MINUTE if second is None else Precision.SECOND
    zone = Zone.EXPLICIT if written else Zone.OUTLET if _outlet_zone(timezone) is not dt.UTC else Zone.ASSUMED
    return _moment(at, precision, zone)


def _moment(at: dt.datetime, precision: Precision, zone: Zone) -> Moment | None:
    try:
        return Moment(at.astimezone(dt.UTC), precision, zone)
    except (OverflowError, ValueError):  # the year 1 or 9999 in a far zone
        return None


def _offset(written: str) -> dt.timezone:
    digits = re.sub(r"\D", "", written)
    if not digits:
        return dt.UTC
    span = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    return dt.timezone(-span if written.startswith("-") else span)


def _outlet_zone(timezone: str | None) -> dt.tzinfo:
    if not timezone:
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(timezone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return dt.UTC
