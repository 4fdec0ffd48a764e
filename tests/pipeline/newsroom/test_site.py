import json
from collections.abc import Callable, Iterator
from typing import Any

import feedparser
import pytest

from pipeline.newsroom import LAST_ROUND, Newsroom, story_url
from schemas.enums import Change, Source

Ask = Callable[..., Any]  # the fixture `ask` of conftest.py


@pytest.fixture
def newsroom() -> Iterator[Newsroom]:
    with Newsroom(slow_s=0.02) as site:
        yield site


def feed_of(site: Newsroom, host: str) -> str:
    (url,) = [url for url in site.feeds if url.startswith(f"http://{host}.")]
    return url


def test_every_feed_answers_but_the_one_that_is_down(newsroom: Newsroom, ask: Ask) -> None:
    statuses = {url: ask(url).status for url in newsroom.feeds}
    assert [url for url, status in statuses.items() if status != 200] == [feed_of(newsroom, "darkwire")]
    assert statuses[feed_of(newsroom, "darkwire")] == 500
    assert len(newsroom.feeds) >= 9


def test_pages_show_the_truth(newsroom: Newsroom, ask: Ask) -> None:
    newsroom.advance()
    newsroom.advance()
    for article in newsroom.truth().articles:
        reply = ask(article.url)
        if article.source is Source.FEED:
            assert article.body == (article.summary,)
            assert article.captions == ()
            continue
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        page = reply.body.decode().replace("&quot;", '"').replace("&#x27;", "'")
        assert all(paragraph in page for paragraph in (article.title, *article.body))
        assert all(caption.text in page and (caption.credit or "") in page for caption in article.captions)


def test_the_world_does_not_hang_on_the_server(newsroom: Newsroom, ask: Ask) -> None:
    with Newsroom(slow_s=0.0) as other:
        for one, two in zip(newsroom.feeds, other.feeds, strict=True):
            assert ask(one).body.replace(f":{newsroom.port}".encode(), f":{other.port}".encode()) == ask(two).body


def test_copies_name_their_originals(newsroom: Newsroom) -> None:
    newsroom.advance()
    truth = newsroom.truth()
    by_url = {article.url: article for article in truth.articles}
    assert len(truth.copies) == 5
    for copy, original in truth.copies:
        assert by_url[copy].credits == ("Meridian News Agency",)
        assert by_url[copy].outlet != by_url[original].outlet == "meridian"


def test_the_story_keeps_its_address_and_is_copied_most(newsroom: Newsroom) -> None:
    url = story_url(newsroom)
    newsroom.advance()
    assert story_url(newsroom) == url
    assert [original for _, original in newsroom.truth().copies].count(url) == 4


def test_rounds_advance_and_stay_at_the_last(newsroom: Newsroom, ask: Ask) -> None:
    before = ask(feed_of(newsroom, "meridian")).body
    assert [newsroom.advance() for _ in range(LAST_ROUND)] == [*range(2, LAST_ROUND + 1), LAST_ROUND]
    assert newsroom.round == LAST_ROUND
    assert ask(feed_of(newsroom, "meridian")).body != before
    changes = {article.change for article in newsroom.truth().articles}
    assert changes == {Change.NEW, Change.MINOR, Change.UPDATE, Change.CORRECTION, Change.KILL, Change.RESTORED}


def advance_to(site: Newsroom, round_no: int) -> None:
    while site.round < round_no:
        site.advance()


def test_a_page_that_moved_redirects_and_its_entry_keeps_its_guid(newsroom: Newsroom, ask: Ask) -> None:
    advance_to(newsroom, 4)
    feed = feed_of(newsroom, "northernledger")
    guids = {entry["url"]: entry["id"] for entry in json.loads(ask(feed).body)["items"]}
    advance_to(newsroom, 5)
    (moved,) = [article for article in newsroom.truth().articles if article.outlet in feed and article.former_urls]
    (before,) = moved.former_urls
    reply = ask(before)
    assert reply.status == 301
    assert moved.url.endswith(reply.headers["Location"])
    assert ask(moved.url).status == 200
    (entry,) = [entry for entry in json.loads(ask(feed).body)["items"] if entry["url"] == moved.url]
    assert entry["id"] == guids[before]


def test_an_expired_page_is_gone_and_linked_from_nowhere(newsroom: Newsroom, ask: Ask) -> None:
    advance_to(newsroom, 4)
    (lagos,) = [article for article in newsroom.truth().articles if "lagos" in article.url]
    feed = ask(feed_of(newsroom, "meridian"))
    assert lagos.url.encode() in feed.body
    advance_to(newsroom, 5)
    gone = {article.outlet: article for article in newsroom.truth().articles if article.availability == "gone"}
    assert {outlet: ask(article.url).status for outlet, article in gone.items()} == {"meridian": 410, "harrowpost": 404}
    assert gone["meridian"].url == lagos.url
    again = ask(feed_of(newsroom, "meridian"), If_Modified_Since=feed.headers["Last-Modified"])
    assert lagos.url.encode() not in again.body
    assert gone["harrowpost"].url.encode() in ask(feed_of(newsroom, "harrowpost")).body
    assert lagos.url.rsplit("/", 1)[1].encode() not in ask(f"http://meridian.localhost:{newsroom.port}/").body


def test_a_kill_leaves_copies_up(newsroom: Newsroom) -> None:
    exposed = {}
    for round_no in (5, 6, 7, 8):
        advance_to(newsroom, round_no)
        exposed[round_no] = {url.split("/")[2].split(".")[0] for url in newsroom.truth().kill_exposure}
    others = {"capitaldaily", "coastgazette", "harrowpost", "openfield", "tideline"}
    assert exposed == {5: set(), 6: {*others, "northernledger"}, 7: others, 8: set()}


def test_fewer_rounds(ask: Ask) -> None:
    with Newsroom(rounds=2) as site:
        assert [site.advance(), site.advance()] == [2, 2]
    with pytest.raises(ValueError, match=f"rounds 1 to {LAST_ROUND}"):
        Newsroom(rounds=LAST_ROUND + 1)


def test_control_from_outside(newsroom: Newsroom, ask: Ask) -> None:
    base = f"http://127.0.0.1:{newsroom.port}"
    assert json.loads(ask(f"{base}/-/advance", "POST").body)["round"] == newsroom.round == 2
    state = json.loads(ask(f"{base}/-/state").body)
    assert state["feeds"] == newsroom.feeds
    assert sum(state["requests"].values()) == 2
    assert ask(f"{base}/feeds.txt").body.decode().split() == newsroom.feeds
    assert ask(newsroom.feeds[0], "DELETE").status == 405


def test_the_round_advances_after_every_feed_was_polled(ask: Ask) -> None:
    with Newsroom(advance_after_polls=True) as site:
        first, *others = (url for url in site.feeds if "darkwire" not in url)
        ask(first)
        ask(first)
        assert site.round == 1
        for url in others:
            ask(url)
        assert site.round == 1
        ask(others[0])
        assert site.round == 2
        ask(others[0])
        assert site.round == 2


def test_requests_are_counted_by_address(newsroom: Newsroom, ask: Ask) -> None:
    url = feed_of(newsroom, "harrowpost")
    ask(url)
    ask(url)
    assert newsroom.requests == {url: 2}
    newsroom.requests.clear()
    assert newsroom.requests[url] == 2


@pytest.mark.parametrize("host", ["meridian", "coastgazette", "harrowpost", "northernledger"])
def test_an_unchanged_feed_is_not_sent_again(newsroom: Newsroom, ask: Ask, host: str) -> None:
    url = feed_of(newsroom, host)
    first = ask(url)
    validators = {}
    if "ETag" in first.headers:
        validators["If_None_Match"] = first.headers["ETag"]
    if "Last-Modified" in first.headers:
        validators["If_Modified_Since"] = first.headers["Last-Modified"]
    again = ask(url, **validators)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    newsroom.advance()
    assert ask(url, **validators).status == 200


def test_pages_have_validators_too(newsroom: Newsroom, ask: Ask) -> None:
    url = next(article.url for article in newsroom.truth().articles if article.outlet == "meridian")
    assert ask(url, If_None_Match=ask(url).headers["ETag"]).status == 304
    assert ask(url, If_None_Match='"another"').status == 200


@pytest.mark.parametrize("date", ["yesterday", "Mon, 03 Nov 2025 00:00:00 -0000"])
def test_an_old_or_unreadable_date_gets_the_feed(newsroom: Newsroom, ask: Ask, date: str) -> None:
    assert ask(feed_of(newsroom, "harrowpost"), If_Modified_Since=date).status == 200


def test_an_outlet_without_validators(newsroom: Newsroom, ask: Ask) -> None:
    headers = ask(feed_of(newsroom, "capitaldaily")).headers
    assert "ETag" not in headers
    assert "Last-Modified" not in headers


def test_the_malformed_feed_gives_all_its_entries(newsroom: Newsroom, ask: Ask) -> None:
    parsed = feedparser.parse(ask(feed_of(newsroom, "tideline")).body)
    assert parsed.bozo
    expected = [article.feed_url for article in newsroom.truth().articles if article.outlet == "tideline"]
    assert [entry.link for entry in parsed.entries] == expected


def test_awkward_pages(newsroom: Newsroom, ask: Ask) -> None:
    articles = newsroom.truth().articles
    assert [ask(article.feed_url).status for article in articles if article.outlet == "quarry"] == [500]
    (moved,) = [article for article in articles if article.feed_url != article.url]
    reply = ask(moved.feed_url)
    assert reply.status == 302
    assert moved.url.endswith(reply.headers["Location"])
    coast = [article for article in articles if article.outlet == "coastgazette" and article.source is Source.FEED]
    assert [ask(article.feed_url).status for article in coast] == [404]
    assert ask(f"http://nowhere.localhost:{newsroom.port}/").status == 404


def test_robots(newsroom: Newsroom, ask: Ask) -> None:
    forbids = ask(f"http://vault.localhost:{newsroom.port}/robots.txt").body.decode()
    allows = ask(f"http://meridian.localhost:{newsroom.port}/robots.txt").body.decode()
    assert "Disallow: /\n" in forbids
    assert "Disallow: /\n" not in allows


def test_front_pages(newsroom: Newsroom, ask: Ask) -> None:
    assert b'rel="alternate"' in ask(f"http://northernledger.localhost:{newsroom.port}/").body


def test_a_slow_page_arrives_whole_and_holds_up_no_stop(ask: Ask) -> None:
    with Newsroom(slow_s=0.02) as site:
        (slow,) = [article for article in site.truth().articles if article.outlet == "slowriver"]
        reply = ask(slow.url)
        assert len(reply.body) == int(reply.headers["Content-Length"])
        assert reply.body.endswith(b"</html>\n")
        head = ask(slow.url, "HEAD")
        assert (head.status, head.body) == (200, b"")


def test_a_port_that_is_taken(newsroom: Newsroom) -> None:
    with pytest.raises(OSError, match="cannot listen on"), Newsroom(port=newsroom.port):
        pass
    with pytest.raises(OSError, match="cannot listen on"), Newsroom(port=70_000):
        pass
