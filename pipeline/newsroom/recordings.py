"""Recorded pages and feeds, served from a loopback port: real input for a run without the outside world.

In: JSON Lines files of pages, plain or gzip, a line `{"id": str, "url": str, "html": str, ...}`; and a folder of gzip
files, each a recorded feed. Out: each page at its own path and query on `http://<its host>.localhost:PORT`, with RSS
feeds over them, and each recorded feed byte for byte. `GET /feeds.txt`, on any host, lists all feeds.
"""

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit

import msgspec

from pipeline.newsroom.loopback import Answer, Asked, LoopbackServer, text

HOST = "recorded"  # of the feeds
PAGES_PER_FEED = 100

_SAFE = "/?:@!$&'()*+,;=%~[]|"  # what `quote` leaves alone in a path and query; % is a part of what is quoted already
_FEED_TYPES = {".rss": "application/rss+xml", ".atom": "application/atom+xml", ".json": "application/feed+json"}


class Recordings:
    """Serves recorded pages and feeds while its `with` block lasts.

    The entries of the feeds over the pages hold a link and a guid, which is the page's id, and nothing else, so that
    all text comes from the page. A page whose address is shared with another one, or has no host, is served at
    `/-/pages/ID` instead. Links in recorded feeds lead to the outside world and are not served.

    Args:
        pages: JSON Lines files; a name that ends in .gz is gzip.
        feeds: a folder; every *.gz file in it or under it is a feed.
        host: the address to listen on.
        port: the port, or 0 for a free one.

    Raises:
        OSError: a file cannot be read; or, on entering, the port cannot be listened on.
        ValueError: a line is not a page, or an id occurs twice; the message names file and line.
    """

    def __init__(
        self, pages: Sequence[Path] = (), feeds: Path | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._html: dict[str, bytes] = {}
        addresses: dict[str, tuple[str, str]] = {}
        for page in _read(pages):
            if page.id in self._html:
                raise ValueError(f"the page id {page.id} occurs twice")
            self._html[page.id] = page.html.encode("utf-8", "replace")
            addresses[page.id] = _address(page)
        uses = Counter((host, unquote(target)) for host, target in addresses.values())
        self._addresses = {
            page_id: (host, target) if host and uses[host, unquote(target)] == 1 else (host or HOST, _fallback(page_id))
            for page_id, (host, target) in addresses.items()
        }
        self._ids = {(host, unquote(target)): page_id for page_id, (host, target) in self._addresses.items()}
        ids = tuple(self._html)
        self._page_feeds = {
            f"/pages-{start // PAGES_PER_FEED + 1:03}.xml": ids[start : start + PAGES_PER_FEED]
            for start in range(0, len(ids), PAGES_PER_FEED)
        }
        self._feeds = _recorded_feeds(feeds) if feeds else {}
        self._server = LoopbackServer(self._answer, host, port)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.port

    @property
    def pages(self) -> dict[str, str]:
        """The address that each page is served at, by its id."""
        return {page_id: self._server.origin(host) + target for page_id, (host, target) in self._addresses.items()}

    @property
    def feeds(self) -> list[str]:
        """The addresses of all feeds: those over the pages, then the recorded ones."""
        origin = self._server.origin(HOST)
        return [origin + target for target in (*self._page_feeds, *self._feeds)]

    @property
    def requests(self) -> Counter[str]:
        """How often each address was asked for, whatever was answered; a copy."""
        return self._server.requests

    def _answer(self, asked: Asked) -> Answer:
        if asked.method not in {"GET", "HEAD"}:
            return text(405, "method not allowed\n")
        if asked.target == "/feeds.txt":
            return text(200, "".join(f"{feed}\n" for feed in self.feeds))
        if asked.host == HOST and asked.target in self._feeds:
            path = self._feeds[asked.target]
            kind = _FEED_TYPES.get(path.with_suffix("").suffix, "application/xml")
            # no charset: what the bytes are encoded in is theirs to say
            return Answer(content_type=kind, body=gzip.decompress(path.read_bytes()))
        if asked.host == HOST and asked.target in self._page_feeds:
            return Answer(content_type="application/rss+xml; charset=utf-8", body=self._page_feed(asked.target))
        # clients differ in what they quote
        page_id = self._ids.get((asked.host, unquote(asked.target)))
        return Answer(body=self._html[page_id]) if page_id else text(404, "not found\n")

    def _page_feed(self, target: str) -> bytes:
        addresses = self.pages
        entries = "".join(
            f"<item><link>{escape(addresses[page_id])}</link>"
            f'<guid isPermaLink="false">{escape(page_id)}</guid></item>\n'
            for page_id in self._page_feeds[target]
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>\n'
            f"<title>Recorded pages</title><link>{self._server.origin(HOST)}/</link>"
            f"<description>Recorded pages</description>\n{entries}</channel></rss>\n"
        ).encode()


class _RecordedPage(msgspec.Struct, frozen=True):
    id: str
    url: str
    html: str


def _read(paths: Sequence[Path]) -> Iterator[_RecordedPage]:
    decoder = msgspec.json.Decoder(_RecordedPage)
    for path in paths:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error


def _address(page: _RecordedPage) -> tuple[str, str]:
    """The page's host, and its path with query, quoted; no host if the URL has none that can be a host's name."""
    try:
        parts = urlsplit(page.url)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        return "", ""
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return "" if ":" in host else host, quote(target, safe=_SAFE)


def _fallback(page_id: str) -> str:
    return f"/-/pages/{quote(page_id, safe='')}"


def _recorded_feeds(folder: Path) -> dict[str, Path]:
    paths = sorted(folder.rglob("*.gz"))
    if not paths:
        raise FileNotFoundError(f"no *.gz files in {folder}")
    return {f"/feeds/{quote(path.relative_to(folder).with_suffix('').as_posix())}": path for path in paths}
