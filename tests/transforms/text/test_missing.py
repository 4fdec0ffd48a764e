"""Error pages in the clothes of articles."""

import pytest

from transforms.text.missing import WORDS_LIMIT, is_error_page

SORRY = ["Sorry, the page you are looking for has moved or never was."]


@pytest.mark.parametrize(
    "title",
    [
        "404",
        "Page not found",
        "Page not found | The Outlet",
        "The Outlet – Seite nicht gefunden",
        "Error 503: Service unavailable",
        "Page introuvable",
        "Access denied",
    ],
)
def test_a_title_that_says_so_and_next_to_no_text(title: str) -> None:
    assert is_error_page(title, "Harbour to be dredged", SORRY)


@pytest.mark.parametrize("title", ["404 Media hires two", "Keys not found after search of canal", "", "The Outlet"])
def test_other_titles_are_no_error(title: str) -> None:
    assert not is_error_page(title, "Harbour to be dredged", SORRY)


def test_a_long_text_is_an_article_whatever_its_title() -> None:
    assert not is_error_page("Page not found", "Harbour to be dredged", ["word " * (WORDS_LIMIT + 1)])


def test_an_entry_of_that_title_is_an_article_about_it() -> None:
    assert not is_error_page("Page not found", "Page not found", SORRY)
