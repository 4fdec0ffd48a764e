"""Durations as a person writes them: 90s, 5m, 3h, 2d, 1w."""

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
