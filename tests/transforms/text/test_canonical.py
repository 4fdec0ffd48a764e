"""Which claims of a page are believed, and what is a front page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text import canonical, urls

TITLE = "Council votes to close the old harbour"


@pytest.mark.parametrize(
    ("page", "claim"),
    [
        ("/a.amp", "/a"),
        ("/a", "https://www.paper.example/a?utm_source=x"),
        ("/a?ref=feed", "/council-votes-to-close-harbour"),
        ("/article.php?id=5", "/2025/11/council-votes-to-close-harbour"),
        ("/a/98765", "/2025/11/03/qaraar-majlis-almadina"),
        ("/2025/11/harbour-vote", "/politics/harbour-vote"),
        ("/harbour-vote-1234567", "/news/story/1234567"),
        ("/council-votes-to-close-harbour?page=2", "/council-votes-to-close-harbour"),
        ("/council-votes-to-close-harbour/page/2", "/council-votes-to-close-harbour"),
    ],
)
def test_the_articles_other_address_is_believed(page: str, claim: str) -> None:
    chosen = canonical.chosen(f"https://paper.example{page}", (claim,), TITLE)
    assert chosen != urls.cleaned(f"https://paper.example{page}")


@pytest.mark.parametrize(
    ("page", "claim"),
    [
        ("/a.amp", "https://partner.example/a"),
        ("/a.amp", "https://paper.example/"),
        ("/a.amp", "http://[bad"),
        ("/a.amp", None),
        ("/2025/11/council-votes-to-close-harbour", "/politics"),
        ("/politics/harbour-vote", "/politics"),
        ("/article.php?id=5", "/article.php"),
        ("/article.php?id=5", "/article.php?id=1"),
        ("/node/17", "/node/5"),
        ("/council-votes-to-close-harbour-1234567", "/council-votes-to-close-harbour-1234568"),
        ("/2025/11/03/daily-briefing", "/2025/11/02/daily-briefing"),
        ("/council-votes-to-close-harbour", "/minister-resigns-after-report"),
        ("/qaraar-majlis-almadina-1234567", "/wazir-yastaqil-alyawm-7654321"),
    ],
)
def test_what_may_be_another_page_is_not(page: str, claim: str | None) -> None:
    url = f"https://paper.example{page}"
    assert canonical.chosen(url, (claim,), TITLE) == url


def test_the_next_claim_is_asked_when_one_is_not_believed() -> None:
    claims = ("https://paper.example/", "https://paper.example/council-votes-to-close-harbour")
    assert canonical.chosen("https://paper.example/node/17", claims, TITLE) == claims[1]


def test_a_host_name_on_loopback_claims_only_its_own_addresses() -> None:
    page = "http://wire.localhost:8080/a.html"
    assert canonical.chosen(page, ("http://daily.localhost:8080/b",), TITLE) == page
    claim = "http://wire.localhost:8080/council-votes-to-close-harbour"
    assert canonical.chosen("http://amp.wire.localhost:8080/a.html", (claim,), TITLE) == claim


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_claimed_the_address_is_on_the_pages_site(path: str, claim: str, title: str) -> None:
    chosen = canonical.chosen(f"https://paper.example/{path}", (claim,), title)
    assert urls.site(chosen) == "paper.example"
    assert canonical.chosen(chosen, (chosen,), title) == chosen


@pytest.mark.parametrize(
    ("answered", "title", "is_front"),
    [
        ("/", "The Paper", True),
        ("/politics/", "Politics - The Paper", True),
        ("/latest", "The newest stories", True),
        ("/council-votes-to-close-harbour-1234568", "The newest stories", False),
        ("/harbour-vote", "Council votes to close the harbour", False),
        ("/politics/2025/council-votes-to-close-harbour/", "The newest stories", False),
    ],
)
def test_a_redirect_to_a_front_page(answered: str, title: str, *, is_front: bool) -> None:
    asked = "https://paper.example/politics/2025/council-votes-to-close-harbour"
    assert canonical.leads_to_front(asked, f"https://paper.example{answered}", TITLE, title) == is_front


def test_an_entry_that_links_to_a_front_page_is_not_redirected() -> None:
    assert not canonical.leads_to_front("http://paper.example", "https://paper.example/", TITLE, "The Paper")
