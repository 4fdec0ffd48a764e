"""Documents of an invented wire: one item from its flash to its kill, and what is no document at all."""

import datetime as dt
from typing import Any

import msgspec

SENT_AT = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
URI = "urn:newsml:harbourwire.example:20260302:lock-gate"
GATE = (
    "VELDE (Harbour Wire) - A lock gate on the Velde canal failed to close on Monday morning and held up nineteen "
    "barges, the canal authority said."
)
DIVERS = (
    "Divers found a steel beam across the sill. A floating crane is to lift it out before nightfall, said Marit "
    "Oosten, who heads the authority."
)
TRADERS = (
    "Grain traders in Velde said that a day's delay would not be felt in the mills. Two passenger boats turned back."
)
CRANE = "The crane had the beam out by four in the afternoon, and the first barges passed at a quarter to five."
PICTURE = b'{"uri": "urn:newsml:harbourwire.example:20260302:picture", "type": "picture", "headline": "The gate"}'
CUT = b'<?xml version="1.0"?><newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="urn:cut"><itemMeta>'


def document(version: int, *more: str, **fields: Any) -> bytes:
    """A version of the item as ninjs 1.5, made so many hours after the first.

    Args:
        version: its number.
        more: paragraphs behind the first three.
        fields: that replace others, or are added.
    """
    item: dict[str, Any] = {
        "uri": URI,
        "type": "text",
        "version": str(version),
        "versioncreated": (SENT_AT + dt.timedelta(hours=version)).isoformat(),
        "pubstatus": "usable",
        "language": "en",
        "headline": "Jammed lock gate holds up nineteen barges on Velde canal",
        "byline": "Jonne Terpstra",
        "body_html": "".join(f"<p>{paragraph}</p>" for paragraph in (GATE, DIVERS, TRADERS, *more)),
    }
    return msgspec.json.encode(item | fields)


def update() -> bytes:
    """A paragraph more."""
    return document(2, CRANE)


def kill() -> bytes:
    """The item is withdrawn."""
    return document(3, pubstatus="canceled", ednote="Kill: the failure was an exercise. Do not use.", body_html="")
