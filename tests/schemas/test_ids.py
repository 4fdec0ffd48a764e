"""Ids are facts hashed: equal facts give equal ids, other facts other ids."""

import datetime as dt
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)


def test_ids_stay_what_they_are_for_ever() -> None:
    # Frozen: rows in warehouses carry these.
    assert ids.hash_id("a", "b") == "4fc56058b4df0ca122be9a2e429541d6"
    assert ids.article_id("https://outlet.example/1") == "4e9c6e9e05b05a7250dabd270af08b62"


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_only_equal_parts_hash_alike(left: list[str], right: list[str]) -> None:
    assert (ids.hash_id(*left) == ids.hash_id(*right)) == (left == right)


@given(st.text(), st.text())
def test_content_hash_sees_no_normal_form_and_no_white_space(title: str, body: str) -> None:
    spaced = body.replace(" ", "\u00a0\n ")
    assert ids.content_hash(unicodedata.normalize("NFD", title), spaced) == ids.content_hash(
        unicodedata.normalize("NFC", title), body
    )


def test_content_hash_sees_everything_else() -> None:
    assert ids.content_hash("a", "b c") != ids.content_hash("a", "b C")
    assert ids.content_hash("a b", "c") != ids.content_hash("a", "b c")


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_micros_is_exact(moment: dt.datetime) -> None:
    assert ids.EPOCH + ids.micros(moment) * ids.MICROSECOND == moment


def test_a_capture_is_its_article_its_time_and_its_content() -> None:
    one = ids.capture_id("a", NOW, "c")
    assert one == ids.capture_id("a", NOW.astimezone(dt.timezone(dt.timedelta(hours=5))), "c")
    assert len({one, ids.capture_id("b", NOW, "c"), ids.capture_id("a", NOW, "d")}) == 3
    assert one != ids.capture_id("a", NOW + ids.MICROSECOND, "c")


def test_an_entry_that_changes_back_is_a_new_one() -> None:
    assert ids.entry_id("f", "k", "x", 0) != ids.entry_id("f", "k", "x", 2)
