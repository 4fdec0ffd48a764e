import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.newsroom.world import LAST_ROUND, STORY, Credit, Link, Published, edition
from schemas.enums import Change, PubStatus

SEEDS = st.integers(min_value=0, max_value=2**32)
ROUNDS = st.integers(min_value=1, max_value=LAST_ROUND)


def shingles(article: Published) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", " ".join(article.paragraphs).lower())
    return {tuple(words[start : start + 4]) for start in range(len(words) - 3)}


def the(articles: tuple[Published, ...], host: str, key: str) -> Published:
    (found,) = [article for article in articles if (article.outlet.host, article.key) == (host, key)]
    return found


@given(SEEDS, ROUNDS)
def test_a_round_is_a_pure_function_of_seed_and_round(seed: int, round_no: int) -> None:
    first = edition(seed, round_no)
    edition.cache_clear()
    assert edition(seed, round_no) == first


@given(SEEDS, ROUNDS)
def test_every_slot_is_filled(seed: int, round_no: int) -> None:
    for article in edition(seed, round_no):
        words = [article.title, article.feed_title, article.summary, *article.paragraphs]
        words += [caption.text for caption in article.captions]
        assert not re.search(r"[{}]", "".join(words))
        assert all(words)


@given(SEEDS)
def test_nothing_is_forgotten_and_nothing_dated_before_its_round(seed: int) -> None:
    for earlier, later in itertools.pairwise(range(1, LAST_ROUND + 1)):
        before = {(article.outlet.host, article.key): article for article in edition(seed, earlier)}
        after = {(article.outlet.host, article.key): article for article in edition(seed, later)}
        assert before.keys() <= after.keys()
        newest = max(article.listed_at for article in before.values())
        for name, article in after.items():
            if name not in before:
                assert article.published_at > newest
            elif article.changed_in == later:
                assert article.modified_at > newest
                # else a feed without dates of change could not tell
                assert article.summary != before[name].summary or article.title != before[name].title


def test_seeds_differ() -> None:
    assert edition(1, 1) != edition(2, 1)


def test_rounds_after_the_last_show_the_last() -> None:
    assert edition(7, LAST_ROUND + 5) == edition(7, LAST_ROUND)


def test_addresses_and_numbers_are_unique() -> None:
    articles = edition(7, LAST_ROUND)
    assert len({(article.outlet.host, article.path) for article in articles}) == len(articles)
    assert len({(article.outlet.host, article.id) for article in articles}) == len(articles)


def test_the_flash_grows_and_is_corrected() -> None:
    flash, update, correction = (
        the(edition(7, round_no), "meridian", "patras-ferry-aground") for round_no in (1, 2, 3)
    )
    assert [flash.change, update.change, correction.change] == [Change.NEW, Change.UPDATE, Change.CORRECTION]
    assert sum(len(paragraph.split()) for paragraph in flash.paragraphs) < 50
    assert len(update.paragraphs) >= 8
    assert correction.paragraphs[-1].startswith("Correction: An earlier version")
    assert correction.paragraphs[:-1] != update.paragraphs
    assert flash.path == update.path == correction.path
    assert flash.published_at == correction.published_at < update.modified_at < correction.modified_at


def test_four_outlets_copy_the_update() -> None:
    copies = [article for article in edition(7, 2) if article.original and article.key == "patras-ferry-aground"]
    original = the(edition(7, 2), "meridian", "patras-ferry-aground")
    assert len({copy.outlet.host for copy in copies}) == 4
    assert {copy.credit for copy in copies} == set(Credit)
    for copy in copies:
        assert copy.original == original
        assert copy.title != original.title
        assert len(copy.paragraphs) < len(original.paragraphs)
        assert copy.published_at > original.modified_at


def test_only_copies_resemble_another_article() -> None:
    for one, other in itertools.combinations(edition(7, LAST_ROUND), 2):
        if one.key != other.key:
            first, second = shingles(one), shingles(other)
            assert len(first & second) / len(first | second) < 0.02


def test_a_copy_is_cut_and_an_excerpt_is_a_small_part() -> None:
    copies = [article for article in edition(7, 5) if article.original]
    for copy in copies:
        assert copy.original
        theirs, ours = shingles(copy), shingles(copy.original)
        assert len(theirs & ours) / len(theirs) > 0.9
        assert copy.is_excerpt == (len(theirs & ours) / len(theirs | ours) < 0.4)
    assert len([copy for copy in copies if copy.key == STORY and not copy.is_excerpt]) == 5
    assert [copy.key for copy in copies if copy.is_excerpt] == [STORY]


def test_the_story_is_killed_and_restored() -> None:
    rounds = {round_no: the(edition(7, round_no), "meridian", STORY) for round_no in range(1, LAST_ROUND + 1)}
    assert [article.change for article in rounds.values()] == [
        *(Change.NEW, Change.UPDATE, Change.CORRECTION, Change.UPDATE, Change.UPDATE),
        *(Change.KILL, Change.KILL, Change.RESTORED),
    ]
    assert len({article.path for article in rounds.values()}) == 1
    assert len({article.summary for article in rounds.values()}) == LAST_ROUND - 1  # the feed tells of each version
    canceled = {number for number, article in rounds.items() if article.pub_status is PubStatus.CANCELED}
    assert canceled == {6, 7}
    assert rounds[6].paragraphs[0].startswith("Meridian has withdrawn this article")
    assert "alarm of the steering gear" in " ".join(rounds[5].paragraphs)
    assert "alarm of the steering gear" not in " ".join(rounds[8].paragraphs)
    assert set(rounds[8].paragraphs) & set(rounds[4].paragraphs)


def test_one_copy_is_withdrawn_as_well_and_the_others_stay() -> None:
    copies = [article for article in edition(7, 7) if article.original and article.key == STORY]
    assert [copy.outlet.host for copy in copies if copy.pub_status is PubStatus.CANCELED] == ["northernledger"]
    assert [copy for copy in edition(7, 6) if copy.original and copy.pub_status is PubStatus.CANCELED] == []


def test_a_correction_in_german() -> None:
    before, after = (
        the(edition(7, round_no), "morgenkurier", "hochwasserschutz-passau-altstadt") for round_no in (3, 4)
    )
    assert after.change is Change.CORRECTION
    assert after.paragraphs[-1].startswith("Korrektur: ")
    assert after.summary != before.summary


@pytest.mark.parametrize(
    ("host", "key", "round_no"),
    [("capitaldaily", "ghana-cocoa-price-board", 4), ("northernledger", "ferry-safety-steering-gear", 5)],
)
def test_a_page_moves_and_keeps_its_number(host: str, key: str, round_no: int) -> None:
    before, after = (the(edition(7, number), host, key) for number in (round_no - 1, round_no))
    assert (before.former_paths, after.former_paths) == ((), (before.path,))
    assert (after.id, after.published_at) == (before.id, before.published_at)
    assert after.path != before.path


def test_pages_expire() -> None:
    def expired(round_no: int) -> dict[str, tuple[int, bool]]:
        gone = [article for article in edition(7, round_no) if article.page_status != 200]
        return {article.key: (article.page_status, article.is_listed) for article in gone}

    assert expired(3) == {}
    assert expired(4) == {"petrol-price-watch": (404, True)}
    assert expired(5) == {"petrol-price-watch": (404, True), "lagos-airport-fog": (410, False)}


def test_a_headline_test_changes_the_feed_and_not_the_page() -> None:
    before, after = (the(edition(7, round_no), "northernledger", "iceland-glacier-lake-study") for round_no in (1, 2))
    assert before.feed_title == before.title == after.title != after.feed_title
    assert after.change is Change.NEW
    assert after.modified_at == before.modified_at < after.listed_at


def test_a_typo_is_mended() -> None:
    before, after = (the(edition(7, round_no), "harrowpost", "leeds-library-vote") for round_no in (1, 2))
    assert after.change is Change.MINOR
    changed = [pair for pair in zip(before.paragraphs, after.paragraphs, strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1


@pytest.mark.parametrize("link", [Link.MISSING, Link.REDIRECT])
def test_some_links_do_not_lead_to_the_page(link: Link) -> None:
    assert [article for article in edition(7, 1) if article.link is link]
