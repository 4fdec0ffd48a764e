"""What an http(s) address leads a backfill to: a sitemap, a robots.txt that names some, or a feed with archives.

A feed is read back as RFC 5005 has it: its `prev-archive`, else the `next` of a paged feed, on its own site.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from protego import Protego

from pipeline.sources.base import Found, Gate, Refused, SourceError
from pipeline.sources.sitemaps import SitemapReader
from pipeline.sources.snapshots import PARSE_TIMEOUT_S, entered, first_look
from pipeline.sources.sniffing import Kind, kind_of_content
from pipeline.sources.streams import DamagedError, unpacked
from pipeline.sources.web import DOCUMENT_LIMIT_BYTES, Fetch
from schemas import ids
from schemas.enums import Reason
from transforms.feeds.back import parse_archive
from transforms.feeds.reading import FeedReading
from transforms.poll import poll
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.text import urls
from transforms.text.feeds import ParsedFeed
from transforms.web.messages import Failure, Response
from transforms.web.robots import MAX_ROBOTS_BYTES
from transforms.web.urls import redact

DOCUMENTS_LIMIT = 1_000  # of one feed's archive


class AddressSource:
    """An address. It is read from its start each time, whatever the position.

    Args:
        url: the address.
        fetch: how documents are had.
        pool: where feeds are parsed.
    """

    def __init__(self, url: str, fetch: Fetch, pool: Shared[Pool]) -> None:
        self.name = redact(url)
        self.identity = ids.hash_id("address", self.name)
        self.size: int | None = None
        self._url = url
        self._fetch = fetch
        self._pool = pool

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:  # noqa: ARG002  # see the class
        """See `Source.read`."""
        answer = self._fetch(self._url)
        if isinstance(answer, Failure):
            raise SourceError(f"{self.name}: {answer.detail}")
        try:
            body = unpacked(answer.body, DOCUMENT_LIMIT_BYTES)
        except DamagedError as error:
            raise SourceError(f"{self.name}: {error.detail}") from error
        if urlsplit(self.name).path == "/robots.txt":
            named = list(Protego.parse(body[:MAX_ROBOTS_BYTES].decode("utf-8", "replace")).sitemaps)
            if not named:
                raise SourceError(f"{self.name}: it names no sitemap")
            yield from SitemapReader(self._fetch, gate, answer.observed_at).follow(self.name, named)
            return
        kind = kind_of_content(body)
        if kind is Kind.SITEMAP:
            yield from SitemapReader(self._fetch, gate, answer.observed_at).read(self.name, body)
        elif kind is Kind.FEED:
            yield from self._archive(answer, gate)
        else:
            raise SourceError(f"{self.name}: neither a sitemap nor a feed; pages are given as a list of addresses")

    def _archive(self, answer: Response, gate: Gate) -> Iterator[Found | Refused]:
        """The entries of a feed, and of the documents before it."""
        due = first_look(self.name, answer.observed_at)
        pool, read_before = self._pool.get(), {answer.request_url}
        while True:
            task = pool.submit(
                parse_archive, answer.body, answer.headers.get("content-type"), answer.url, timeout_s=PARSE_TIMEOUT_S
            )
            read = task.result()
            # Each document is judged alone: an archive shows again what newer documents showed.
            judged = FeedReading(read, read.entries) if isinstance(read, ParsedFeed) else read
            yield from entered(poll(due, answer, judged), answer.url, gate)
            url = read.archive_url if isinstance(read, ParsedFeed) else None
            if not url or url in read_before or urls.site(url) != urls.site(self.name):
                return
            if len(read_before) >= DOCUMENTS_LIMIT:
                detail = f"its archive has more than {DOCUMENTS_LIMIT} documents"
                yield Refused(reason=Reason.TOO_LARGE, position=0, place=redact(url), detail=detail)
                return
            read_before.add(url)
            further = self._fetch(url)
            if isinstance(further, Failure):
                yield Refused(reason=further.reason, position=0, place=redact(url), detail=further.detail)
                return
            answer = further
