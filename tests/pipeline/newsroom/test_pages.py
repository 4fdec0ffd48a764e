import json
import re

import pytest
import trafilatura

from pipeline.newsroom import pages
from pipeline.newsroom.outlets import OUTLETS, Outlet
from pipeline.newsroom.world import LAST_ROUND, Published, edition

ORIGIN = "http://outlet.localhost:1"
WRITING = [outlet for outlet in OUTLETS if any(article.outlet is outlet for article in edition(7, LAST_ROUND))]


def shown(outlet: Outlet) -> list[Published]:
    return [article for article in edition(7, LAST_ROUND) if article.outlet is outlet]


def longest(outlet: Outlet) -> Published:
    return max(shown(outlet), key=lambda article: len(article.paragraphs))


@pytest.mark.parametrize("outlet", WRITING, ids=[outlet.host for outlet in WRITING])
def test_a_general_extractor_finds_every_paragraph(outlet: Outlet) -> None:
    article = longest(outlet)
    page = pages.render(article, shown(outlet), ORIGIN)
    extracted = trafilatura.extract(page, favor_recall=True, include_comments=False) or ""
    assert [paragraph for paragraph in article.paragraphs if paragraph not in extracted] == []


@pytest.mark.parametrize("outlet", WRITING, ids=[outlet.host for outlet in WRITING])
def test_no_placeholder_is_left(outlet: Outlet) -> None:
    page = pages.render(longest(outlet), shown(outlet), ORIGIN).decode()
    assert not re.search(r"\$[a-z]", page)


def test_json_ld_is_json() -> None:
    for outlet in WRITING:
        article = longest(outlet)
        page = pages.render(article, shown(outlet), ORIGIN).decode()
        for script in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page):
            things = json.loads(script)
            news = [thing for thing in things.get("@graph", [things]) if thing["@type"] == "NewsArticle"]
            assert [thing["headline"] for thing in news] == [article.title]


def test_outlets_differ_in_what_their_heads_say() -> None:
    heads = {outlet.host: pages.render(longest(outlet), shown(outlet), ORIGIN) for outlet in WRITING}
    assert {host for host, head in heads.items() if b"ld+json" in head} == {
        "meridian",
        "northernledger",
        "morgenkurier",
    }
    assert b"article:published_time" in heads["coastgazette"]
    assert b"<META NAME" not in heads["harrowpost"]


def test_the_front_page_names_the_feed() -> None:
    outlet = WRITING[0]
    page = pages.home(outlet, shown(outlet), ORIGIN).decode()
    assert f'href="{ORIGIN}{outlet.feed_path}" type="application/rss+xml"' in page
