"""Files that were saved one by one: what belongs to one folder, and what is said of each beside it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from pipeline.sources.fields import FieldError, address_in, moment_in
from pipeline.sources.files import changed_at
from pipeline.sources.moments import time_in
from pipeline.sources.streams import DamagedError, whole_of
from schemas.enums import Reason

SIDECAR_LIMIT_BYTES = 1_000_000
TIME_NAMES = ("observed_at", "fetched_at", "crawled_at", "date")


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file of a folder that was given."""

    path: str  # as it is opened
    within: str  # its path from that folder on
    sidecar: str | None = None  # the JSON file beside it that tells its address and time


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a saved file without looking into it."""

    url: str | None  # of its sidecar
    at: dt.datetime  # when it was saved


def told_of(file: SavedFile, named: str) -> Told:
    """What a file's sidecar says; without one, when its name says that it was saved, else when it was last changed.

    Args:
        file: the file.
        named: the part of its path in which a time is one of saving.

    Raises:
        DamagedError: its sidecar cannot be read.
        SourceError: the file or its sidecar cannot be opened.
    """
    fields = _sidecar(file.sidecar) if file.sidecar else {}
    try:
        url = address_in(fields) if fields.get("url") else None
        at = moment_in(fields, *TIME_NAMES)
    except FieldError as error:
        raise DamagedError(error.reason, f"in its JSON file: {error}") from error
    if at is None and (found := time_in(named)):
        at = found.at
    return Told(url, at or changed_at(file.path))


def _sidecar(path: str) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(whole_of(path, SIDECAR_LIMIT_BYTES))
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedError(Reason.MALFORMED, f"its JSON file cannot be read: {error}") from error
    return {name.lower(): value for name, value in found.items()} if isinstance(found, dict) else {}
