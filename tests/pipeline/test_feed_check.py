"""check explains what poll decides; discover finds the feeds of a page. Both over the loopback newsroom and a page."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feed_check import DISCOVERED_LIMIT, Check, check, discover, feed_links
from pipeline.feedlist import read_feed
from pipeline.newsroom import Newsroom
from pipeline.newsroom.loopback import Answer, Asked, LoopbackServer, text
from schemas.ids import EPOCH
from schemas.records import FeedDue, PollState
from transforms.text.feeds import parse_feed
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig

LOOPBACK = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0)


@pytest.fixture(scope="module")
def newsroom() -> Iterator[Newsroom]:
    with Newsroom(slow_s=0.0) as served:
        yield served


@pytest.fixture(scope="module")
def downloads() -> Iterator[Downloads]:
    made = Downloads(LOOPBACK)
    yield made
    made.close()


def lookup(host: str) -> list[str]:
    if host.endswith("localhost"):
        return ["127.0.0.1"]
    raise OSError("no such host")


def checked(url: str, downloads: Downloads, config: HttpConfig = LOOPBACK) -> Check:
    (setting,) = read_feed({"url": url}, EPOCH).feeds
    due = FeedDue(
        feed=setting.feed, request_url=setting.request_url, state=PollState(feed_id=setting.feed.feed_id, etag='"e"')
    )
    return check(due, downloads, config, read=parse_feed, lookup=lookup)


def of(newsroom: Newsroom, outlet: str) -> str:
    return next(feed for feed in newsroom.feeds if outlet in feed)


def verdict(found: Check, subject: str) -> tuple[bool, str]:
    return next((one.is_good, one.words) for one in found.verdicts if one.subject == subject)


def test_a_good_feed_is_explained_entry_by_entry(newsroom: Newsroom, downloads: Downloads) -> None:
    found = checked(of(newsroom, "meridian"), downloads)
    assert found.is_usable
    assert all(one.is_good for one in found.verdicts)
    assert verdict(found, "address") == (True, "meridian.localhost is 127.0.0.1")
    assert "HTTP status 200" in verdict(found, "answer")[1]
    assert verdict(found, "format")[1].startswith("rss20, 3 entries")
    assert found.headers_sent["If-None-Match (in a run)"] == '"e"'
    assert "etag" in found.headers_received
    assert {one.verdict for one in found.entries} == {"new"}
    assert all("zone explicit" in one.date for one in found.entries)
    assert found.poll
    assert found.poll.entries_new == len(found.entries) == 3
    assert not found.problems


@pytest.mark.parametrize(
    ("outlet", "subject", "words"),
    [("darkwire", "answer", "HTTP status 500"), ("vault", "page", "robots.txt disallows")],
)
def test_what_is_wrong_is_said(outlet: str, subject: str, words: str, newsroom: Newsroom, downloads: Downloads) -> None:
    is_good, said = verdict(checked(of(newsroom, outlet), downloads), subject)
    assert not is_good
    assert words in said


def test_problems_of_a_feed_that_can_be_used_are_named(newsroom: Newsroom, downloads: Downloads) -> None:
    assert any("malformed" in problem for problem in checked(of(newsroom, "tideline"), downloads).problems)
    undated = checked(of(newsroom, "capitaldaily"), downloads)
    assert any("without a date" in problem for problem in undated.problems)
    assert {one.date for one in undated.entries} == {"none"}


def test_a_page_is_no_feed(newsroom: Newsroom, downloads: Downloads) -> None:
    home = of(newsroom, "meridian").replace("feed.xml", "")
    found = checked(home, downloads)
    assert not found.is_usable
    assert verdict(found, "format")[1].startswith("no feed")


def test_the_address_guard_has_its_say_first(newsroom: Newsroom, downloads: Downloads) -> None:
    before = newsroom.requests
    found = checked(of(newsroom, "meridian"), downloads, HttpConfig())
    assert verdict(found, "address")[0] is False
    assert "127.0.0.1" in verdict(found, "address")[1]
    assert newsroom.requests == before
    assert "no such host" in verdict(checked("http://nowhere.invalid/", downloads), "address")[1]


def test_credentials_are_not_shown(newsroom: Newsroom, downloads: Downloads) -> None:
    found = checked(of(newsroom, "meridian").replace("://", "://user:hush@"), downloads)
    assert found.is_usable
    assert "hush" not in repr(found)


# ── discover ───────────────────────────────────────────────────────────────────────────────────────────────────────

RSS = (
    "<rss version='2.0'><channel><title>T</title><item><title>One</title><link>http://a.example/1</link>"
    "<pubDate>Sun, 01 Mar 2026 12:00:00 GMT</pubDate></item></channel></rss>"
)
PAGE = (
    "<html><head><link rel='alternate' type='application/rss+xml' href='/declared'>"
    "<link rel='stylesheet' href='/feed.css'></head>"
    "<body><a href='/rss/sport'>RSS</a><a href='http://other.example/feed'>theirs</a></body></html>"
)


def answer(asked: Asked) -> Answer:
    feed = Answer(content_type="application/rss+xml", body=RSS.encode())
    if asked.host == "declares":
        pages = {"/": Answer(body=PAGE.encode()), "/declared": feed, "/rss/sport": feed}
    elif asked.host == "silent":
        pages = {"/news": Answer(body=b"<p>no links</p>"), "/rss.xml": feed}
    else:
        links = "".join(f"<a href='/feed/{number}'>" for number in range(100))
        pages = {"/": Answer(body=links.encode())}
    return pages.get(asked.target, text(404, "not found\n"))


@pytest.fixture(scope="module")
def site() -> Iterator[LoopbackServer]:
    server = LoopbackServer(answer, "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


def test_the_feeds_that_a_page_declares_are_found_once(site: LoopbackServer, downloads: Downloads) -> None:
    found = discover(site.origin("declares") + "/", downloads, read=parse_feed)
    (feed,) = [one for one in found if one.is_feed]
    assert feed.url == site.origin("declares") + "/declared"
    assert (feed.found_by, feed.title, feed.entries) == ("a link of the page", "T", 1)
    assert feed.newest_at
    assert feed.newest_at.isoformat() == "2026-03-01T12:00:00+00:00"


def test_common_paths_are_tried_where_a_page_names_none(site: LoopbackServer, downloads: Downloads) -> None:
    found = discover(site.origin("silent") + "/news", downloads, read=parse_feed)
    assert [one.url for one in found if one.is_feed] == [site.origin("silent") + "/rss.xml"]


def test_a_feed_is_its_own_feed(site: LoopbackServer, downloads: Downloads) -> None:
    (found,) = discover(site.origin("declares") + "/declared", downloads, read=parse_feed)
    assert found.is_feed
    assert found.found_by == "the address itself"


def test_no_more_is_asked_for_than_is_allowed(site: LoopbackServer, downloads: Downloads) -> None:
    found = discover(site.origin("endless") + "/", downloads, read=parse_feed)
    assert not any(one.is_feed for one in found)
    assert len(found) <= DISCOVERED_LIMIT + 1


def test_an_address_that_cannot_be_had_is_said_to_be_that(downloads: Downloads) -> None:
    (found,) = discover("http://user:hush@10.0.0.1/", downloads, read=parse_feed)
    assert not found.is_feed
    assert "address refused" in found.words
    assert "hush" not in repr(found)


def test_declared_feeds_come_before_likely_ones_and_strangers_are_left_out() -> None:
    base = "http://www.outlet.example/news/"
    page = (
        b"<base href='/world/'><a href='feed/'>f</a><a href='/feedback'>no</a><a href='mailto:a@b.example'>m</a>"
        b"<link rel='alternate' type='application/atom+xml; charset=utf-8' href='atom'>"
        b"<link rel='alternate' type='text/html' hreflang='de' href='/de/'>"
    )
    assert feed_links(page, base) == ["http://www.outlet.example/world/atom", "http://www.outlet.example/world/feed/"]


@given(body=st.binary(max_size=200) | st.text(alphabet="<>='/ abhreflink:", max_size=200).map(str.encode))
def test_any_bytes_are_a_page(body: bytes) -> None:
    assert all(link.startswith("http") for link in feed_links(body, "http://outlet.example/"))
