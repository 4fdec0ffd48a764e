"""Pages kept as files: a folder of HTML, as a browser, wget or a crawler leaves it."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import courlan

from pipeline.sources.base import Found, Gate, Refused, kept_entry, record_key
from pipeline.sources.fields import usable
from pipeline.sources.files import identity_of
from pipeline.sources.saved import SavedFile, Told, told_of
from pipeline.sources.streams import DamagedError, whole_of
from schemas import ids
from schemas.enums import Reason, Source
from schemas.records import Page
from transforms.web.urls import redact

PAGE_LIMIT_BYTES = 10_000_000  # as of a page from the web
_HEAD_BYTES = 500_000  # in which a page says what its address is
_TAG = re.compile(r"<(?:link|meta)\s[^<>]{1,4000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:-]{1,40})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z][a-z0-9-]{1,61}", re.IGNORECASE)
_INDEX = re.compile(r"(?:^|(?<=/))index\.html?$", re.IGNORECASE)
_SAFE = "/:@!$&'()*+,;=~-._?%"


def address_of(body: bytes) -> str | None:
    """The address that a page gives as its own: its canonical link, else Open Graph's."""
    text = body[:_HEAD_BYTES].decode("utf-8", "replace")
    claims: dict[str, str] = {}
    for tag in _TAG.findall(text):
        values = {name.lower(): html.unescape(a or b or c).strip() for name, a, b, c in _ATTRIBUTE.findall(tag)}
        if "canonical" in values.get("rel", "").lower().split():
            claims.setdefault("canonical", values.get("href", ""))
        if (values.get("property") or values.get("name", "")).lower() == "og:url":
            claims.setdefault("open graph", values.get("content", ""))
    for name in ("canonical", "open graph"):
        if address := usable(claims.get(name, "")):
            return address
    return None


def address_in_path(within: str) -> str | None:
    """The address that a mirror's path stands for: a host's folder, and what follows it.

    Args:
        within: a path, as wget --mirror writes it; the folder's own name may be its first part.
    """
    parts = within.split("/")
    for at, part in enumerate(parts[:-1]):
        if is_host(part):
            return usable(f"https://{part}/{quote(_INDEX.sub('', '/'.join(parts[at + 1 :])), safe=_SAFE)}")
    return None


def is_host(name: str) -> bool:
    """Whether a folder's name is that of a host under a public suffix."""
    return _HOST.fullmatch(name) is not None and courlan.extract_domain(f"https://{name}/") is not None


class PagesSource:
    """A folder of pages, in the order of their times, then of their names; positions count them.

    Args:
        name: of the folder and its kind, or of the file if it is one alone.
        files: its pages.
    """

    def __init__(self, name: str, files: Sequence[SavedFile]) -> None:
        self.name = redact(name)
        self.identity = ids.hash_id("pages", *(identity_of(file.path) for file in files))
        self.size: int | None = len(files)
        self._files = files

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:
        """See `Source.read`."""
        dated = [_Dated(file, _told(file)) for file in self._files]
        dated.sort(key=lambda one: (isinstance(one.told, DamagedError), one.when, one.file.within))
        for at, one in enumerate(dated[position:], position + 1):
            found = one.told if isinstance(one.told, DamagedError) else _page(one.file, one.told, gate)
            if isinstance(found, Page):
                yield Found(record=found, position=at)
            elif isinstance(found, DamagedError):
                place = redact(one.file.path)
                yield Refused(reason=found.reason, position=at, place=place, detail=found.detail)
            else:
                yield Refused(reason=found, position=at)


@dataclass(frozen=True, slots=True)
class _Dated:
    """A page's file with what is told of it."""

    file: SavedFile
    told: Told | DamagedError

    @property
    def when(self) -> int:
        """What orders it, in microseconds."""
        return ids.micros(self.told.at) if isinstance(self.told, Told) else 0


def _told(file: SavedFile) -> Told | DamagedError:
    try:
        return told_of(file, _before_host(file.within))
    except DamagedError as error:
        return error


def _page(file: SavedFile, told: Told, gate: Gate) -> Page | Reason | DamagedError:
    try:
        body = whole_of(file.path, PAGE_LIMIT_BYTES)
    except DamagedError as error:
        return error
    url = told.url or address_of(body) or address_in_path(file.within)
    if url is None:
        return DamagedError(Reason.BAD_URL, "neither the page nor its path tells its address")
    key = record_key(ids.hash_id("body", body), url, told.at)
    if refusal := gate.refusal(key, url, told.at):
        return refusal
    return Page(
        entry=kept_entry(key, url, told.at),
        observed_at=told.at,
        url=url,
        source=Source.FILE,
        content_type="text/html",
        body=body,
        raw_ref=redact(file.path),
    )


def _before_host(within: str) -> str:
    """The part of a path in which a date is one of saving: from the host's folder on, it is of the address."""
    parts = within.split("/")
    return "/".join(parts[: next((at for at, part in enumerate(parts[:-1]) if is_host(part)), len(parts))])
