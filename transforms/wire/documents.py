"""documents: `bytes -> list[Capture | WireError]`. A whole document of a wire to the captures of its text items.

In comes a message's body as an agency sends it, a few kilobytes to 10 MB: ninjs (an object, a list, or wrapped),
NewsML-G2, NewsML 1.x, or NITF; the format is seen from the document itself. Out goes, for each item in it and in its
order, a capture, or what is wrong with it. Nothing is lost without a word, and one bad item costs no other.

All input is hostile: bounded in bytes, items, elements, nesting and length of texts; no entity is expanded, no DTD and
no address is opened. Nothing raises but `WireError`. No Beam in here: it is a pure function, which runs anywhere.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from lxml import html

from schemas.records import Capture
from transforms.wire import newsml_1, newsml_g2, ninjs, nitf, trees
from transforms.wire.captures import capture_of
from transforms.wire.item import ITEMS_LIMIT, NotText, WireError, WireItem

BYTES_LIMIT = 10_000_000  # of a document; Pub/Sub takes no larger message
TIMEOUT_S = 20.0  # in the process pool: the worst 10 MB that were tried took 5
SHOWN = 3  # errors that are told of a document without a usable item
_BOM = b"\xef\xbb\xbf"

_Reader = Callable[[html.HtmlElement], Iterable[WireItem | WireError]]
_READERS: dict[str, _Reader] = {"NewsML": newsml_1.items_of, "nitf": nitf.items_of}

__all__ = ["BYTES_LIMIT", "NotText", "WireError", "captures_of", "looks_like_wire", "read"]


def looks_like_wire(data: bytes) -> bool:
    """Whether `data` is a wire's document and no `Entry` or {"url": ...}.

    XML by the name of its root element, of which the start only is looked at. JSON by ninjs' names in the first object
    that may be an item; it is decoded for that, once more than by `captures_of`.
    """
    if _is_json(data):
        try:
            document = _decoded(data)
        except WireError:
            return False
        return ninjs.is_item(next(ninjs.found_in(document), None))
    return trees.root_name(data) in trees.ROOTS


def captures_of(data: bytes, received_at: dt.datetime) -> list[Capture | WireError]:
    """The captures of a document's text items.

    Args:
        data: the document.
        received_at: when its message was published, aware: no capture is later, and what has no time of its own has
            this one. It must be the same for a redelivery.

    Returns:
        One for each item, in order: its capture, or why there is none (`NotText` for a picture, an event, a package).
        One capture at least. If there are more than `ITEMS_LIMIT` items, the last is the error that says so.

    Raises:
        WireError: the document cannot be read, or no item of it can be used: the error says why, of `NotText` if all of
            them are of other kinds.
    """
    if len(data) > BYTES_LIMIT:
        raise WireError(f"the document has {len(data)} bytes, more than {BYTES_LIMIT}")
    items = itertools.islice(_items(data), ITEMS_LIMIT + 1)
    found = [_capture(item, received_at) if isinstance(item, WireItem) else item for item in items]
    if len(found) > ITEMS_LIMIT:
        found[ITEMS_LIMIT:] = [WireError(f"more than {ITEMS_LIMIT} items: the others were not read")]
    errors = [each for each in found if isinstance(each, WireError)]
    if len(errors) == len(found):
        raise _none_usable(errors)
    return found


def read(data: bytes, received_at: dt.datetime) -> list[Capture | WireError]:
    """`captures_of` for the process pool: the error of a document that cannot be used is what is found in it."""
    try:
        return captures_of(data, received_at)
    except WireError as error:
        return [error]


def _none_usable(errors: list[WireError]) -> WireError:
    if not errors:
        return WireError("there is no item in it")
    kind = NotText if all(isinstance(error, NotText) for error in errors) else WireError
    others = f" (and {len(errors) - SHOWN} more)" if len(errors) > SHOWN else ""
    return kind("; ".join(map(str, errors[:SHOWN])) + others)


def _capture(item: WireItem, received_at: dt.datetime) -> Capture | WireError:
    try:
        return capture_of(item, received_at)
    except WireError as error:
        return error


def _items(data: bytes) -> Iterator[WireItem | WireError]:
    if _is_json(data):
        yield from ninjs.items_of(_decoded(data))
        return
    name = trees.root_name(data)
    if name not in trees.ROOTS:
        raise WireError(f"no format of a wire: the root element is {name}" if name else "neither XML nor JSON")
    yield from _READERS.get(name, newsml_g2.items_of)(trees.parsed(data))


def _is_json(data: bytes) -> bool:
    return data.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"JSON: {str(error)[:200]}") from None
