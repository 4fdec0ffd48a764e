"""Durations and moments as a person writes them: 90s, 5m, 3h, 2d, 1w; 2026-03-01T12:00."""

import contextlib
import datetime as dt
import re

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])")


def parse_duration(text: str) -> dt.timedelta:
    """The duration that `text` means.

    Raises:
        ValueError: it is no number followed by s, m, h, d or w, or it is longer than a hundred years.
    """
    matched = _DURATION.fullmatch(text.strip())
    if not matched or (seconds := float(matched[1]) * _UNITS[matched[2]]) > 100 * 366 * 86_400:
        raise ValueError(f"{text!r} is no duration such as 90s, 5m, 3h or 2d")
    return dt.timedelta(seconds=seconds)


def read_since(text: str, now: dt.datetime) -> dt.datetime:
    """The moment that `text` means: an ISO 8601 time (UTC if it names no zone), or how long ago: 90s, 5m, 2h, 3d, 1w.

    Raises:
        ValueError: if it is neither; the message says so.
    """
    with contextlib.suppress(ValueError):
        return now - parse_duration(text)
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: 2026-03-01T12:00 or 2h was expected") from None
