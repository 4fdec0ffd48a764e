"""Times in the names of files: when a snapshot was taken. Pure functions."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

NAME_LIMIT = 1_000  # characters of a name that are looked at, the last ones

_DATE = r"(?P<year>(?:19|20)\d\d)(?P<mark>[-_./]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
# What follows a date is no clock if another date begins there: 2026-03-01/2026-03-01_12-00.
_CLOCK = (
    r"[-_./T ]?(?!(?:19|20)\d\d[-_./]?(?:0[1-9]|1[0-2])[-_./]?(?:0[1-9]|[12]\d|3[01]))"
    r"(?P<hour>\d\d)(?P<colon>[-_.:/]?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:[.,]?(?P<fraction>\d{3,6}))?)?Z?"
)
_HOUR_ALONE = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)T?(?P<hour>\d\d)Z?(?!\d)")
_CALENDAR = re.compile(rf"(?<!\d){_DATE}(?:{_CLOCK})?(?!\d)")
# Seconds since 1970, or milliseconds: from 2001 to 2033 they begin with a 1.
_EPOCH = re.compile(r"(?<!\d)(?P<epoch>1\d{9})(?P<fraction>\d{3})?(?!\d)")


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A time that a name holds."""

    at: dt.datetime  # in UTC
    rest: str  # the name without it: what the snapshots of one thing have in common


def time_in(name: str) -> NamedTime | None:
    """The time that a path names, or None.

    20260301T120000Z, 2026-03-01T12-00-00, 2026-03-01_12-00, the Wayback Machine's fourteen digits, seconds or
    milliseconds since 1970, and a day alone; also spread over folders (2026/03/01/12-00.xml). The last one with a time
    of day stands, else the last day. All are read as UTC.

    Args:
        name: a path with slashes, from the folder that was given.
    """
    name = name[-NAME_LIMIT:]
    found = list(_times(name))
    if not found:
        return None
    _, start, end, at = max(found)
    return NamedTime(at, name[:start] + name[end:])


def _times(name: str) -> Iterator[tuple[bool, int, int, dt.datetime]]:
    """For each time: whether it has a time of day, where it begins and ends, and what it is."""
    for pattern in (_CALENDAR, _HOUR_ALONE, _EPOCH):
        for match in pattern.finditer(name):
            at = _moment(match.groupdict())
            if at is not None:
                yield "epoch" in match.groupdict() or match["hour"] is not None, match.start(), match.end(), at


def _moment(parts: dict[str, str | None]) -> dt.datetime | None:
    fraction = dt.timedelta(microseconds=int((parts.get("fraction") or "").ljust(6, "0")[:6]))
    if epoch := parts.get("epoch"):
        return dt.datetime.fromtimestamp(int(epoch), dt.UTC) + fraction
    names = ("year", "month", "day", "hour", "minute", "second")
    try:
        return dt.datetime(*(int(parts.get(name) or 0) for name in names), tzinfo=dt.UTC) + fraction  # type: ignore[arg-type,misc]  # six numbers, no zone among them
    except ValueError:
        return None
