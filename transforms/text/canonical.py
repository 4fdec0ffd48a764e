"""Which of the addresses that a page claims for itself are believed: pure functions of addresses and titles.

A canonical address decides which captures are of one article, so a wrong one destroys data, while a right one that is
not believed costs a second id. Pages claim, by mistakes of their templates, their site's home page or a section front,
the first or the newest of all articles, an address without the parameter that names the article, another site's.
What no rule here can tell is left to `transforms.identify`, which knows other captures.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from transforms.text import urls

FRONT_SEGMENTS = 3  # "/news/world/middle-east"
FRONT_WORDS = 3  # "arts-and-culture"
ARTICLE_WORDS = 3  # of a slug that names an article
TELLING_LETTERS = 4  # of a word: shorter ones stand in any title
SAID_SHARE = 2 / 3  # of a slug's words that stand in the title, if it is that article's

_WORD = re.compile(r"[^\W_]+")
_EXTENSION = re.compile(r"\.[a-z]{2,5}$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_PAGE = re.compile(r"(?<![^?&])(?:page|paged|pg)=\d{1,3}")  # of an article in several parts


def chosen(page_url: str, claims: Iterable[str | None], title: str) -> str:
    """The address that identifies the article at `page_url`.

    Args:
        page_url: the address that answered.
        claims: what the page says of itself, most trusted first (rel=canonical, og:url, JSON-LD), absolute or relative.
        title: the page's headline.

    Returns:
        The first claim that is believed, cleaned; else the page's own address, cleaned. A home page is no article, and
        stands for none.
    """
    own = urls.cleaned(page_url)
    if urls.is_home(own):
        return own
    for claim in claims:
        try:
            url = urls.cleaned(urljoin(page_url, claim.strip())) if claim else ""
        except ValueError:
            continue
        if len(url) <= urls.URL_LIMIT and urls.site(url) == urls.site(own) and _is_believed(url, own, title):
            return url
    return own


def is_front(url: str) -> bool:
    """Whether `url` looks like a home page or a section front: few segments of few words, no figure, no parameter."""
    segments = urls.main_segments(url)
    return (
        not urlsplit(url).query
        and len(segments) <= FRONT_SEGMENTS
        and all(len(_words(segment)) <= FRONT_WORDS and not _DIGITS.search(segment) for segment in segments)
    )


def leads_to_front(asked_url: str, answered_url: str, asked_title: str, title: str) -> bool:
    """Whether the address of an entry was redirected to a front page, as sites do with what they have taken down.

    Args:
        asked_url: the entry's address.
        answered_url: the address that answered.
        asked_title: the entry's title; a page that bears the same is the article.
        title: the page's headline.
    """
    if urls.identity(asked_url) == urls.identity(answered_url) or not is_front(answered_url):
        return False
    asked, found = set(_words(asked_title)), set(_words(title))
    if len(asked & found) >= SAID_SHARE * len(asked):
        return False
    is_unrelated = not any(len(word) >= TELLING_LETTERS for word in asked & found)
    return urls.is_home(answered_url) or _is_above(answered_url, asked_url) or is_unrelated


def _is_believed(claim: str, own: str, title: str) -> bool:
    if urls.identity(claim) == urls.identity(own):
        return True
    if urls.is_home(claim) or _differ_in_digits_only(claim, own):
        return False
    claimed, ours, titled = _slug(claim), _slug(own), set(_words(title))
    if (len(claimed) > 1 and claimed == ours) or _is_said(claimed, titled):
        return True
    is_front_claimed = is_front(claim) and (not is_front(own) or _is_above(claim, own))
    numbers_claimed, numbers = _numbers(claim), _numbers(own)
    is_other_slug = len(claimed) > 1 and len(ours) > 1 and claimed.isdisjoint(ours)
    is_another = is_other_slug and (_is_said(ours, titled) or numbers_claimed != numbers)
    is_nameless = len(claimed) < ARTICLE_WORDS and bool(numbers) and numbers.isdisjoint(numbers_claimed)
    return not (is_front_claimed or is_another or is_nameless)


def _is_said(slug: set[str], titled: set[str]) -> bool:
    """Whether the title says what the slug says: a slug of a word or two must be all of it."""
    if len(slug) < ARTICLE_WORDS:
        return bool(slug) and slug == titled
    return len(slug & titled) >= SAID_SHARE * len(slug)


def _is_above(url: str, other: str) -> bool:
    """Whether `url` is a directory on the path to `other`, on the same site."""
    segments = urls.main_segments(url)
    return urls.site(url) == urls.site(other) and segments == urls.main_segments(other)[: len(segments)]


def _differ_in_digits_only(url: str, other: str) -> bool:
    """Whether two addresses are of one shape with other figures in it: two articles, or two days of one column."""
    shapes = [_DIGITS.sub("0", _PAGE.sub("", urls.identity(each))) for each in (url, other)]
    figures = [_DIGITS.findall(_PAGE.sub("", urls.identity(each))) for each in (url, other)]
    return shapes[0] == shapes[1] and figures[0] != figures[1]


def _slug(url: str) -> set[str]:
    """The words of the last segment that has any."""
    for segment in reversed(urls.main_segments(url)):
        words = {word for word in _words(_EXTENSION.sub("", segment)) if not word.isdigit()}
        if words:
            return words
    return set()


def _numbers(url: str) -> set[str]:
    """What may be the site's number for the article: in the path, or the value of a parameter."""
    values = (value for _, value in parse_qsl(_PAGE.sub("", urlsplit(url).query)))
    found = {value for value in values if value.isdigit()}
    number = urls.number(url)
    return found | {number} if number else found


def _words(text: str) -> list[str]:
    """Words as a slug has them: without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", unquote(text)).casefold()
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
