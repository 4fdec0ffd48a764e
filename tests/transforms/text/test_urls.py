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
        ("http://amp.wire.localhost/", "wire.localhost"),
        ("http://localhost:8080/", "localhost"),
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://[::1]:8080/", "::1"),
        ("not an address", ""),
    ],
)
def test_site(url: str, site: str) -> None:
    assert urls.site(url) == site


@pytest.mark.parametrize(
    "variant",
    [
        "http://www.paper.example/2025/slug",
        "https://m.paper.example/2025/slug/",
        "https://amp.paper.example/2025/slug",
        "https://www.mobile.paper.example//2025/slug",
        "https://paper.example/2025/slug/amp",
        "https://paper.example/2025/slug/amp/",
        "https://paper.example/amp/2025/slug",
        "https://paper.example/2025/slug.amp",
        "https://paper.example/2025/slug?amp=1",
        "https://paper.example/2025/slug?outputType=amp",
        "https://paper.example/2025/slug?amp",
        "https://paper.example/print/2025/slug",
        "https://paper.example/2025/slug?print=true",
        "https://paper.example/2025/slug/index.html",
        "https://paper.example/2025/slug/?utm_source=feed#comments",
    ],
)
def test_a_variant_of_a_page_has_its_identity(variant: str) -> None:
    assert urls.identity(variant) == urls.identity("https://paper.example/2025/slug")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://paper.example/article.php?id=5", "https://paper.example/article.php?id=6"),
        ("https://paper.example/?p=5", "https://paper.example/"),
        ("https://paper.example/print.php?print=12", "https://paper.example/print.php?print=13"),
        ("https://paper.example/slug-1234567", "https://paper.example/slug-1234568"),
        ("https://paper.example/a?page=2", "https://paper.example/a"),
        ("https://paper.example/amp", "https://paper.example/"),
        ("https://amp.example/a", "https://example/a"),
        ("https://sport.paper.example/a", "https://paper.example/a"),
        ("http://amp.localhost:8080/a", "http://localhost:8080/a"),
        ("http://wire.localhost:8080/a", "http://wire.localhost:8081/a"),
    ],
)
def test_what_may_be_another_article_keeps_an_identity_of_its_own(one: str, other: str) -> None:
    assert urls.identity(one) != urls.identity(other)


@given(ADDRESSES)
@example("https://paper.example/amp/print/index.html")
@example("https://paper.example/a.amp.amp/AMP")
@example("https://paper.example/?b=1&a=2&b=0&amp")
def test_folding_twice_changes_nothing(url: str) -> None:
    once = urls.identity(url)
    scheme = "http" if ":443/" in once else "https"
    assert urls.identity(f"{scheme}:{once}") == once


SEGMENTS = st.lists(
    st.sampled_from(["amp", "print", "news", "a-slug", "index.html", "2025", "x.amp.html"]), max_size=4
).map("/".join)


@given(st.sampled_from(["paper.example", "www.paper.example", "amp.paper.example"]), SEGMENTS, SEGMENTS, st.data())
def test_figures_are_never_folded_away(host: str, before: str, after: str, data: st.DataObject) -> None:
    one, other = data.draw(st.lists(st.integers(1, 10**9), min_size=2, max_size=2, unique=True))
    for form in (
        f"https://{host}/{before}/{{}}/{after}",
        f"https://{host}/{before}/slug-{{}}",
        f"https://{host}/{before}/{{}}-slug.html",
        f"https://{host}/{before}?amp=1&id={{}}",
    ):
        assert urls.identity(form.format(one)) != urls.identity(form.format(other))


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/news/harbour-vote-1234567", "1234567"),
        ("/news/1234567-harbour-vote.html", "1234567"),
        ("/a/1234567/harbour-vote.html", "1234567"),
        ("/en/harbour-vote/a-71234567", "71234567"),
        ("/2025/11/03/harbour-vote_987654.amp.html", "987654"),
        ("/1234567/news/harbour-vote", None),
        ("/news/20251103-harbour-vote", None),
        ("/news/20251103142233/harbour-vote", None),
        ("/news/winner-takes-1250000", None),
        ("/news/harbour-vote-12345", None),
        ("/1234567/slug-7654321", None),
        ("/news/f1234567", None),
        ("/", None),
    ],
)
def test_the_number_of_an_article(path: str, number: str | None) -> None:
    assert urls.number(f"https://paper.example{path}") == number


@pytest.mark.parametrize(
    ("url", "is_home"),
    [
        ("https://paper.example", True),
        ("https://paper.example/index.html?utm_source=x", True),
        ("https://paper.example/#!/story", True),
        ("", True),
        ("https://paper.example/?p=5", False),
        ("https://paper.example/news", False),
    ],
)
def test_home(url: str, *, is_home: bool) -> None:
    assert urls.is_home(url) == is_home
