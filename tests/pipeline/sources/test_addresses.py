"""What http(s) addresses lead to."""

import pytest

from pipeline.sources import addresses as module
from pipeline.sources.base import SourceError
from pipeline.sources.web import WebFetch
from schemas import ids
from schemas.enums import Reason
from tests.pipeline.sources.reading import Web, entries, opened, read, read_all, refused
from tests.pipeline.sources.test_sitemaps import index, urlset
from tests.transforms.web.site import CONFIG, reply, served
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, Request, Response

FEED = "https://a.example/feed"


def atom(*numbers: int, link: str = "") -> bytes:
    shown = "".join(
        f'<entry><id>{n}</id><link href="https://a.example/{n}"/><title>t{n}</title></entry>' for n in numbers
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title>{link}{shown}</feed>'.encode()


def further(relation: str, url: str) -> str:
    return f'<link rel="{relation}" href="{url}"/>'


def test_a_sitemaps_address_is_followed() -> None:
    web = Web(
        {
            "https://a.example/index.xml": index("https://a.example/1.xml").encode(),
            "https://a.example/1.xml": urlset("https://a.example/1").encode(),
        }
    )
    found = read_all("https://a.example/index.xml", web=web)
    assert [entry.url for entry in entries(found)] == ["https://a.example/1"]


def test_a_robots_txt_names_sitemaps() -> None:
    web = Web(
        {
            "https://a.example/robots.txt": b"User-agent: *\nDisallow: /x\nSitemap: https://a.example/1.xml\n",
            "https://a.example/1.xml": urlset("https://a.example/1").encode(),
        }
    )
    assert [entry.url for entry in entries(read_all("https://a.example/robots.txt", web=web))] == [
        "https://a.example/1"
    ]


def test_a_robots_txt_without_sitemaps_is_an_error() -> None:
    with pytest.raises(SourceError, match="names no sitemap"):
        read_all("https://a.example/robots.txt", web=Web({"https://a.example/robots.txt": b"User-agent: *\n"}))


@pytest.mark.parametrize("relation", ["prev-archive", "next"])
def test_a_feed_is_read_back_to_its_beginning(relation: str) -> None:
    web = Web(
        {
            FEED: atom(5, 4, link=further(relation, "/feed?p=2")),
            f"{FEED}?p=2": atom(3, 2, link=further(relation, f"{FEED}?p=3")),
            f"{FEED}?p=3": atom(1, link=further(relation, FEED)),
        }
    )
    found = read_all(FEED, web=web)
    assert [entry.title for entry in entries(found)] == ["t4", "t5", "t2", "t3", "t1"]
    assert {entry.feed_id for entry in entries(found)} == {ids.feed_id(FEED)}
    assert len(web.asked) == 3


def test_an_archive_is_read_on_its_own_site_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web({FEED: atom(1, link=further("next", "https://b.example/feed"))})
    read_all(FEED, web=web)
    assert web.asked == [FEED]
    monkeypatch.setattr(module, "DOCUMENTS_LIMIT", 3)
    endless = Web({f"{FEED}{n or ''}": atom(n, link=further("next", f"{FEED}{n + 1}")) for n in range(9)})
    found = read_all(FEED, web=endless)
    assert len(endless.asked) == 3
    assert refused(found) == [(Reason.TOO_LARGE, "feed3", "its archive has more than 3 documents")]


def test_a_document_that_cannot_be_had_or_read_ends_an_archive() -> None:
    lost = Web({FEED: atom(2, link=further("next", f"{FEED}2"))})
    assert refused(read_all(FEED, web=lost)) == [(Reason.NOT_FOUND, "feed2", "HTTP status 404")]
    broken = Web({FEED: atom(2, link=further("next", f"{FEED}2")), f"{FEED}2": b"<html>Sorry"})
    assert refused(read_all(FEED, web=broken)) == [(Reason.NOT_A_FEED, "feed2", "an HTML page")]


@pytest.mark.parametrize("body", [None, b"<html><p>a page", b"", b"\x1f\x8b\x08\x00 broken"])
def test_an_address_that_leads_to_nothing_readable_is_an_error(body: bytes | None) -> None:
    web = Web({} if body is None else {"https://u:secret@a.example/x": body})
    [source] = opened("https://u:secret@a.example/x", web=web)
    with pytest.raises(SourceError, match=r"https://a\.example/x: ") as raised:
        read(source)
    assert "secret" not in str(raised.value)


def test_documents_are_had_by_the_projects_own_client() -> None:
    downloads = Shared(Downloads, (CONFIG,))
    with served({"/robots.txt": reply(b"User-agent: *\nDisallow: /not"), "/s.xml": reply(b"<urlset/>")}) as site:
        fetch = WebFetch(downloads)
        found, gone, closed = (fetch(site.url(path)) for path in ("/s.xml", "/gone", "/not"))
        downloads.get().close()
        downloads.forget()
    assert isinstance(found, Response)
    assert found.body == b"<urlset/>"
    assert isinstance(gone, Failure)
    assert gone.reason is Reason.NOT_FOUND
    assert isinstance(closed, Failure)
    assert closed.reason is Reason.ROBOTS


class NeverDownloads(Downloads):
    """Its server's turn does not come."""

    def __init__(self) -> None:
        """It has no thread."""

    def start(self, key: str, request: Request) -> None:
        """It does not."""

    def take(self, *_: object) -> dict[str, Response | Failure]:
        return {}


def test_a_document_whose_turn_does_not_come_is_a_failure() -> None:
    answer = WebFetch(Shared(NeverDownloads))("https://u:secret@a.example/x")
    assert isinstance(answer, Failure)
    assert (answer.reason, answer.request_url) == (Reason.TIMEOUT, "https://a.example/x")
