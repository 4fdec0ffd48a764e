"""What a page says of itself."""

import json
from typing import Any

import pytest

from schemas.enums import Access, DateSource, Tdm
from transforms.text import head, markup
from transforms.text.head import Head


def read(html: str) -> Head:
    tree = markup.parsed(f"<!DOCTYPE html><html>{html}</html>")
    assert tree is not None
    return head.read(tree, head.data(tree))


def ld(*nodes: dict[str, Any]) -> str:
    return "".join(f"<script type='application/ld+json'>{json.dumps(node)}</script>" for node in nodes)


@pytest.mark.parametrize(
    ("title", "site", "expected"),
    [
        ("Pier to be rebuilt | The Paper", "The Paper", "Pier to be rebuilt"),
        ("The Paper: Pier to be rebuilt", "The Paper", "Pier to be rebuilt"),
        ("Storm: Pier to be rebuilt", "The Paper", "Storm: Pier to be rebuilt"),
        ("The Paper | Pier to be rebuilt", "The Paper", "Pier to be rebuilt"),
        ("Pier to be rebuilt - Town - The Paper", "The Paper", "Pier to be rebuilt - Town"),
        ("Pier to be rebuilt - again", "The Paper", "Pier to be rebuilt - again"),
        ("Pier to be rebuilt | The Paper", None, "Pier to be rebuilt | The Paper"),
    ],
)
def test_a_title_loses_the_sites_name(title: str, site: str | None, expected: str) -> None:
    assert head.without_site(title, site) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Harbour Times: Pier to be rebuilt", "Pier to be rebuilt"),
        ("Pier to be rebuilt - The Harbour Times", "Pier to be rebuilt"),
        ("Pier to be rebuilt | HarbourTimes.example", "Pier to be rebuilt"),
        ("Pier to be rebuilt - Harbour", "Pier to be rebuilt - Harbour"),
        ("Harbour Times readers ask: will it last?", "Harbour Times readers ask: will it last?"),
    ],
)
def test_a_domain_spells_the_sites_name(title: str, expected: str) -> None:
    assert head.without_site(title, None, "harbourtimes.example") == expected


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("<p>Ann Lee</p><p>4 May 2029</p>", ("Ann Lee",)),
        ("<span>By</span> <b>Ann Lee</b>", ("Ann Lee",)),
        ("<p>Ann Lee</p><p>It rained.</p>", ()),
        ("<p>Written By</p><p>4 May 2029</p>", ()),
    ],
)
def test_a_bare_name_beside_a_date_is_the_author(lines: str, names: tuple[str, ...]) -> None:
    assert read(f"<head></head><body><h1>Pier to be rebuilt</h1>{lines}</body>").authors == names


def test_a_printed_name_comes_before_a_login() -> None:
    page = "<head><meta name='author' content='alee7'></head><body><p class='byline'>By Ann Lee</p></body>"
    assert read(page).authors == ("Ann Lee",)


def test_the_printed_headline_wins_when_the_head_confirms_it() -> None:
    social = "<meta property='og:title' content='You won’t believe this pier'>"
    page = f"<head><title>Pier to be rebuilt | The Paper</title>{social}</head>"
    assert read(page + "<body><h1>The Paper</h1><h1>Pier to be rebuilt</h1></body>").title == "Pier to be rebuilt"


def test_a_topic_above_the_headline_is_no_part_of_it() -> None:
    page = (
        "<head><meta property='og:title' content='Pier to be rebuilt'></head><body><h1>Harbour Pier to be rebuilt</h1>"
    )
    assert read(page).title == "Pier to be rebuilt"


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("By Ann Lee and Bo Ek", ("Ann Lee", "Bo Ek")),
        ("Von Ann Lee, Bo Ek und Cy Dow", ("Ann Lee", "Bo Ek", "Cy Dow")),
        ("Ann Lee, MD", ("Ann Lee, MD",)),
        ("Ann Lee, dpa", ("Ann Lee", "dpa")),
        ("Centre for Tea and Trade", ("Centre for Tea and Trade",)),
        ("Ann Lee (ale)", ("Ann Lee",)),
        ("https://paper.example/ann", ()),
        ("admin", ()),
    ],
)
def test_names_in_a_byline(byline: str, names: tuple[str, ...]) -> None:
    assert head.people_in(byline) == names


def test_authors_are_found_by_reference() -> None:
    article = {"@type": "NewsArticle", "@id": "#a", "headline": "Pier", "author": {"@id": "#ann"}}
    person = {"@type": "Person", "@id": "#ann", "name": "Ann Lee"}
    assert read(f"<head>{ld({'@graph': [article, person]})}</head><body></body>").authors == ("Ann Lee",)


def test_a_person_is_the_author_before_the_outlet_is() -> None:
    article = {
        "@type": "NewsArticle",
        "headline": "Pier",
        "author": {"@type": "Organization", "name": "The Paper"},
        "publisher": {"name": "The Paper"},
    }
    page = f"<head>{ld(article)}</head><body><p class='byline'>By Ann Lee</p></body>"
    assert (read(page).authors, read(page).byline) == (("Ann Lee",), "By Ann Lee")
    assert read(f"<head>{ld(article)}</head><body></body>").authors == ("The Paper",)


def test_dates_come_in_order_of_trust() -> None:
    page = (
        f"<head>{ld({'@type': 'NewsArticle', 'headline': 'Pier', 'datePublished': '2029-01-01'})}"
        "<meta property='article:published_time' content='2029-01-02'></head>"
        "<body><h1>Pier</h1><time datetime='2029-01-03'>x</time><p>4 January 2029</p></body>"
    )
    sources = [date.source for date in read(page).published]
    assert sources == [DateSource.JSON_LD, DateSource.META, DateSource.TIME_ELEMENT, DateSource.TEXT]


@pytest.mark.parametrize(
    ("markup_", "access"),
    [
        (ld({"@type": "NewsArticle", "isAccessibleForFree": True}), Access.FREE),
        (ld({"@type": "NewsArticle", "isAccessibleForFree": "False"}), Access.PAYWALLED),
        ("<meta property='article:content_tier' content='metered'>", Access.METERED),
        ("", Access.UNKNOWN),
    ],
)
def test_access(markup_: str, access: Access) -> None:
    assert read(f"<head>{markup_}</head><body></body>").access is access


@pytest.mark.parametrize(
    ("markup_", "tdm", "source"),
    [
        ("<meta name='tdm-reservation' content='1'>", Tdm.RESERVED, "meta tdm-reservation"),
        ("<meta name='tdm-reservation' content='0'>", Tdm.ALLOWED, "meta tdm-reservation"),
        ("<meta name='robots' content='index, noai'>", Tdm.RESERVED, "meta robots"),
        ("", Tdm.UNKNOWN, None),
    ],
)
def test_text_and_data_mining(markup_: str, tdm: Tdm, source: str | None) -> None:
    found = read(f"<head>{markup_}</head><body></body>")
    assert (found.tdm, found.tdm_source) == (tdm, source)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "{",
        "[" * 5_000,
        '{"@type": 7, "author": {"name": [1, {}]}}',
        '[null, "x", {"@type": ["NewsArticle", 3], "headline": {}}]',
    ],
)
def test_broken_json_ld_is_as_good_as_none(script: str) -> None:
    assert read(f"<head><script type='application/ld+json'>{script}</script></head><body></body>").title == ""


def test_json_ld_between_comment_marks_is_read() -> None:
    script = '//<![CDATA[\n{"@type": "NewsArticle", "headline": "Pier to be rebuilt"}\n//]]>'
    assert (
        read(f"<head><script type='application/ld+json'>{script}</script></head><body></body>").title
        == "Pier to be rebuilt"
    )
