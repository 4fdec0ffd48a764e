"""Documents at addresses, through the project's own HTTP client: robots.txt, pauses between requests, address guard."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.enums import Reason
from transforms.outcomes import utc_now
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, Request, Response
from transforms.web.urls import redact

ACCEPT = "application/xml, text/xml;q=0.9, application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.1"
DOCUMENT_LIMIT_BYTES = 52_428_800  # of a sitemap, gzip undone, by https://www.sitemaps.org/protocol.html
TIMEOUT_S = 60.0
WAIT_S = 600.0  # also for the host's turn: a Crawl-delay can be long

Fetch = Callable[[str], Response | Failure]


@dataclass(frozen=True, slots=True)
class WebFetch:
    """A `Fetch` that waits for its answer.

    Args:
        downloads: where the requests run.
    """

    downloads: Shared[Downloads]

    def __call__(self, url: str) -> Response | Failure:
        """What is at `url`; nothing that a server does raises."""
        downloads = self.downloads.get()
        key = f"document {url}"
        downloads.start(key, Request(url=url, accept=ACCEPT, max_bytes=DOCUMENT_LIMIT_BYTES, timeout_s=TIMEOUT_S))
        taken = downloads.take([key], WAIT_S)
        if key in taken:
            return taken[key]
        detail = f"its turn did not come in {WAIT_S:g} s"
        return Failure(request_url=redact(url), reason=Reason.TIMEOUT, detail=detail, observed_at=utc_now())
