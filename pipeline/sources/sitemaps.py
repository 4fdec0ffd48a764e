"""Sitemaps (https://www.sitemaps.org/protocol.html): addresses of pages, or of further sitemaps.

Of the extensions, Google's for news is read: date of publication, title, language and the outlet's name. Those for
pictures and videos are passed over. The time of a page's last change is no time of capture, and not used.
"""

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from pipeline.sources.base import Found, Gate, Refused
from pipeline.sources.fields import FieldError, entry_of
from pipeline.sources.files import identity_of
from pipeline.sources.streams import DamagedError, unpacked, whole_of
from pipeline.sources.web import DOCUMENT_LIMIT_BYTES, Fetch
from schemas.enums import Reason
from transforms.outcomes import Clock
from transforms.web.messages import Failure
from transforms.web.urls import redact

ADDRESSES_LIMIT = 50_000  # of one sitemap, by the protocol
DEPTH_LIMIT = 3  # of indexes; the protocol allows one
SITEMAPS_LIMIT = 50_000  # read for one source: the addresses of one index
_TEXT_LIMIT = 5_000  # characters of one element


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, or a further sitemap, that a sitemap names."""

    fields: dict[str, object]
    is_sitemap: bool


class SitemapError(Exception):
    """A document is no sitemap, or not any further; the message says why."""


def listed_in(document: bytes) -> Iterator[Listed]:
    """What a sitemap names, as far as it can be read.

    Raises:
        SitemapError: after what could be read.
    """
    count = 0
    # No entity is expanded: a document that declares any is given up at its first element.
    events = etree.iterparse(
        io.BytesIO(document), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        depth = 0
        for event, element in events:
            if depth == 0 and element.getroottree().docinfo.internalDTD is not None:
                raise SitemapError("it has a document type, which may declare entities")
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1:
                if found := _listed(element):
                    count += 1
                    if count > ADDRESSES_LIMIT:
                        raise SitemapError(f"more than {ADDRESSES_LIMIT} addresses: the others are passed over")
                    yield found
                _drop(element)
    except etree.XMLSyntaxError as error:
        raise SitemapError(f"no well-formed XML: {error.msg}") from error


class SitemapReader:
    """Reads sitemaps, and those that they name. Positions stay 0: they are read anew each time.

    Args:
        fetch: how further ones are had.
        gate: what may enter.
        at: when the first one was had.
    """

    def __init__(self, fetch: Fetch, gate: Gate, at: dt.datetime) -> None:
        self._fetch = fetch
        self._gate = gate
        self._at = at
        self._read_before: set[str] = set()

    def read(self, place: str, document: bytes, depth: int = 0) -> Iterator[Found | Refused]:
        """The pages that a sitemap names, and those of the sitemaps that it names, in their order.

        Args:
            place: its path or address, for its damage.
            document: the sitemap, packed or not.
            depth: how many indexes lead to it.
        """
        self._read_before.add(place)
        try:
            for listed in listed_in(unpacked(document, DOCUMENT_LIMIT_BYTES)):
                if listed.is_sitemap:
                    yield from self.follow(place, [str(listed.fields["url"])], depth + 1)
                else:
                    yield self._judged(place, listed)
        except DamagedError as error:
            yield _damage(place, error.reason, error.detail)
        except SitemapError as error:
            yield _damage(place, Reason.MALFORMED, str(error))

    def follow(self, place: str, sitemaps: Iterable[str], depth: int = 0) -> Iterator[Found | Refused]:
        """The pages of the sitemaps at these addresses, which `place` names; each is read once."""
        for url in sitemaps:
            if url in self._read_before:
                continue
            if depth > DEPTH_LIMIT or len(self._read_before) >= SITEMAPS_LIMIT:
                yield _damage(place, Reason.TOO_LARGE, f"one sitemap too many, or too deep: {redact(url)}")
                continue
            self._read_before.add(url)
            answer = self._fetch(url)
            if isinstance(answer, Failure):
                yield _damage(redact(url), answer.reason, answer.detail)
            else:
                yield from self.read(answer.url, answer.body, depth)

    def _judged(self, place: str, listed: Listed) -> Found | Refused:
        try:
            entry = entry_of(listed.fields, self._at)
        except FieldError as error:
            return _damage(place, error.reason, str(error))
        if refusal := self._gate.refusal(entry.entry_id, entry.url, None):
            return Refused(reason=refusal, position=0)
        return Found(record=entry, position=0)


class SitemapSource:
    """A sitemap that was kept as a file. It is read from its start each time, whatever the position.

    Args:
        path: the file.
        fetch: how the sitemaps are had that an index names.
        clock: when it is opened: that is when its addresses were seen.
    """

    def __init__(self, path: str, fetch: Fetch, clock: Clock) -> None:
        self.name = redact(path)
        self.identity = identity_of(path)
        self.size: int | None = None
        self._path = path
        self._fetch = fetch
        self._opened_at = clock()

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:  # noqa: ARG002  # see the class
        """See `Source.read`."""
        try:
            document = whole_of(self._path, DOCUMENT_LIMIT_BYTES)
        except DamagedError as error:
            yield Refused(reason=error.reason, position=0, place=self.name, detail=error.detail)
            return
        yield from SitemapReader(self._fetch, gate, self._opened_at).read(self.name, document)


def _listed(element: etree._Element) -> Listed | None:
    kind = _name(element)
    if kind not in {"url", "sitemap"}:
        return None
    # The extensions have elements of the same names in namespaces of their own.
    fields: dict[str, object] = {}
    for child in element.iterchildren("*"):
        if _name(child) == "loc" and etree.QName(child).namespace == etree.QName(element).namespace:
            fields["url"] = _text(child)
        elif _name(child) == "news":
            fields |= _news(child)
    return Listed({"url": "", **fields}, kind == "sitemap")


def _news(element: etree._Element) -> dict[str, object]:
    found: dict[str, object] = {}
    for child in element.iterchildren("*"):
        if _name(child) == "publication":
            for part in child.iterchildren("*"):
                found |= {"outlet": _text(part)} if _name(part) == "name" else {}
                found |= {"language": _text(part)} if _name(part) == "language" else {}
        elif _name(child) == "publication_date":
            found["published_at"] = _text(child)
        elif _name(child) == "title":
            found["title"] = _text(child)
    return found


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _text(element: etree._Element) -> str:
    return (element.text or "")[:_TEXT_LIMIT].strip()


def _drop(element: etree._Element) -> None:
    """Let go of an element that has been read, and of those before it."""
    parent = element.getparent()
    element.clear()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _damage(place: str, reason: Reason, detail: str) -> Refused:
    return Refused(reason=reason, position=0, place=place, detail=detail)
