import io
import json
from xml.etree import ElementTree as ET

import feedparser
import pytest

from pipeline.newsroom import feeds
from pipeline.newsroom.outlets import OUTLETS, FeedFormat, Outlet, Trouble
from pipeline.newsroom.world import LAST_ROUND, Published, edition

ORIGIN = "http://outlet.localhost:1"
VERSIONS = {
    FeedFormat.RSS20: "rss20",
    FeedFormat.RSS20_FULL: "rss20",
    FeedFormat.RDF: "rss10",
    FeedFormat.ATOM: "atom10",
}
XML_OUTLETS = [outlet for outlet in OUTLETS if outlet.feed_format in VERSIONS]


def shown(outlet: Outlet) -> list[Published]:
    return [article for article in edition(7, LAST_ROUND) if article.outlet is outlet]


@pytest.mark.parametrize("outlet", XML_OUTLETS, ids=[outlet.host for outlet in XML_OUTLETS])
def test_feedparser_reads_every_entry(outlet: Outlet) -> None:
    articles = shown(outlet)
    parsed = feedparser.parse(io.BytesIO(feeds.render(outlet, articles, ORIGIN)))
    assert parsed.version == VERSIONS[outlet.feed_format]
    assert [entry.title for entry in parsed.entries] == [article.feed_title for article in articles]
    assert [entry.link for entry in parsed.entries] == [ORIGIN + article.feed_path for article in articles]
    assert all(article.summary in entry.summary for entry, article in zip(parsed.entries, articles, strict=True))
    assert bool(parsed.bozo) is (outlet.trouble is Trouble.MALFORMED_FEED)
    assert all(("published_parsed" in entry) is outlet.has_dates for entry in parsed.entries)


def test_json_feed() -> None:
    (outlet,) = [outlet for outlet in OUTLETS if outlet.feed_format is FeedFormat.JSON_FEED]
    feed = json.loads(feeds.render(outlet, shown(outlet), ORIGIN))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [entry["title"] for entry in feed["items"]] == [article.feed_title for article in shown(outlet)]


def test_an_outlet_without_guids() -> None:
    (outlet,) = [outlet for outlet in OUTLETS if not outlet.has_guids]
    assert b"<guid" not in feeds.render(outlet, shown(outlet), ORIGIN)


def test_a_feed_with_full_content() -> None:
    (outlet,) = [outlet for outlet in OUTLETS if outlet.feed_format is FeedFormat.RSS20_FULL]
    parsed = feedparser.parse(io.BytesIO(feeds.render(outlet, shown(outlet), ORIGIN)))
    for entry, article in zip(parsed.entries, shown(outlet), strict=True):
        assert entry.content[0].value.count("<p>") == len(article.paragraphs)


def test_the_malformed_feed_is_not_well_formed() -> None:
    (outlet,) = [outlet for outlet in OUTLETS if outlet.trouble is Trouble.MALFORMED_FEED]
    with pytest.raises(ET.ParseError):
        ET.fromstring(feeds.render(outlet, shown(outlet), ORIGIN))
