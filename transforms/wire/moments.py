"""Dates as wires write them. ISO 8601 in its basic form (NewsML 1, NITF: "20240312T091500+0300") with its zone."""

import re

from transforms.text import dates

_BASIC = re.compile(
    r"(?P<day>\d{4}-?\d{2}-?\d{2})T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?:[.,]\d{1,9})?\s?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?",
    re.IGNORECASE,
)


def read(raw: str) -> dates.Moment | None:
    """The moment that a date names, or None if it names none; UTC is assumed where it names no zone."""
    text = " ".join(raw[: dates.TEXT_LIMIT].split())
    found = _BASIC.fullmatch(text)
    # Ten and thirteen digits are seconds and milliseconds since 1970, which JSON has.
    if found and len(text) not in (10, 13):
        day = found["day"].replace("-", "")
        clock = ":".join(filter(None, (found["hour"], found["minute"], found["second"])))
        text = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock}{found['zone'] or ''}"
    return dates.moment(text)
