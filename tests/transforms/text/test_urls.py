"""Addresses: cleaned, told apart, and claimed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.text import urls

HOSTS = [
    "paper.example",
    "News.Example",
    "wire.localhost:8080",
    "127.0.0.1:9000",
    "[::1]:80",
    "bücher.example",
    "a.co.uk:443",
]
PARTS = st.text(alphabet="abcZ019-_.~%/?&=#;:@ é日+[]'\"<>", max_size=30)
ADDRESSES = st.builds(
    lambda scheme, host, rest: f"{scheme}://{host}/{rest}",
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(HOSTS),
    PARTS,
)


@given(st.one_of(ADDRESSES, st.text(max_size=40)))
@example("http://x.example/%e3%81")
@example("http://[x")
def test_cleaning_twice_changes_nothing(url: str) -> None:
    once = urls.cleaned(url)
    assert urls.cleaned(once) == once
    assert urls.identity(once) == urls.identity(url)
    assert urls.site(once) == urls.site(url)


@given(ADDRESSES)
def test_scheme_fragment_and_tracking_do_not_change_identity(url: str) -> None:
    base = urls.cleaned(url)
    joint = "&" if "?" in base else "?"
    assert urls.identity(f"{base}{joint}utm_source=feed&fbclid=1#part") == urls.identity(base)


def test_https_and_a_trailing_slash_do_not_change_identity() -> None:
    assert urls.identity("https://paper.example/a/") == urls.identity("http://paper.example:80/a")


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("HTTP://Paper.Example:80", "http://paper.example/"),
        ("https://u:p@paper.example/a?b=2&utm_medium=x&a=1#c", "https://paper.example/a?b=2&a=1"),
        ("http://wire.localhost:8080/x y", "http://wire.localhost:8080/xy"),
        ("http://paper.example/é%c3", "http://paper.example/%C3%A9%C3"),
        ("http://paper.example/?id=7&source=9", "http://paper.example/?id=7&source=9"),
        ("mailto:ann@paper.example", "mailto:ann@paper.example"),
    ],
)
def test_cleaned(url: str, cleaned: str) -> None:
    assert urls.cleaned(url) == cleaned


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.news.paper.co.uk/a", "paper.co.uk"),
        ("https://ann.blogspot.com/", "ann.blogspot.com"),
        ("http://wire.localhost:8080/", "wire.localhost"),
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://[::1]:8080/", "::1"),
        ("not an address", ""),
    ],
)
def test_site(url: str, site: str) -> None:
    assert urls.site(url) == site


@pytest.mark.parametrize(
    ("claim", "believed"),
    [
        ("/a", "https://paper.example/a"),
        ("https://www.paper.example/a?utm_source=x", "https://www.paper.example/a"),
        ("https://other.example/a", "https://paper.example/a.amp"),
        ("https://paper.example/", "https://paper.example/a.amp"),
        ("http://[bad", "https://paper.example/a.amp"),
        (None, "https://paper.example/a.amp"),
    ],
)
def test_a_claim_is_believed_on_the_pages_own_site_and_not_for_the_home_page(claim: str | None, believed: str) -> None:
    assert urls.canonical("https://paper.example/a.amp", (claim,)) == believed


def test_a_host_name_on_loopback_claims_only_its_own_addresses() -> None:
    page = "http://wire.localhost:8080/a.html"
    assert urls.canonical(page, ("http://daily.localhost:8080/b",)) == page
    assert urls.canonical(page, ("http://wire.localhost:8080/b",)) == "http://wire.localhost:8080/b"
