"""Each entry once, when it is due, and so many of a host in a window."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import Origin
from schemas.memory import Turn
from schemas.records import Entry
from transforms.admit import WINDOW_S, is_repeat, of_window

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)


def entry(number: int, attempt: int = 1, deferrals: int = 0) -> Entry:
    return Entry(
        entry_id=ids.hash_id(str(number)),
        feed_id="f",
        entry_key=str(number),
        fingerprint="p",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW + dt.timedelta(seconds=number),
        attempt=attempt,
        deferrals=deferrals,
    )


@given(st.integers(1, 9), st.integers(0, 9), st.integers(1, 9), st.integers(0, 9))
def test_what_has_come_as_far_is_a_repeat_and_what_comes_again_on_purpose_is_none(
    attempt: int, deferrals: int, next_attempt: int, next_deferrals: int
) -> None:
    turn = Turn(attempt=attempt, deferrals=deferrals)
    goes_on = entry(1, attempt=next_attempt, deferrals=next_deferrals)
    assert is_repeat(goes_on, turn) is ((next_attempt, next_deferrals) <= (attempt, deferrals))
    assert not is_repeat(entry(1, attempt=attempt, deferrals=deferrals + 1), turn)
    assert not is_repeat(entry(1, attempt=attempt + 1, deferrals=deferrals), turn)
    assert not is_repeat(goes_on, None)


@given(st.lists(st.integers(0, 99), unique=True, max_size=40), st.integers(1, 9))
def test_a_window_takes_its_share_and_spreads_the_others_over_the_next(numbers: list[int], limit: int) -> None:
    entries = [entry(number) for number in numbers]
    now, later = of_window(entries, limit, NOW)
    assert (now, later) == of_window(entries[::-1], limit, NOW)
    assert [int(one.entry_key) for one in (*now, *later)] == sorted(numbers)
    assert len(now) == min(limit, len(numbers))
    assert all(one.deferrals == 1 for one in later)
    for number, one in enumerate(later):
        assert one.not_before == NOW + dt.timedelta(seconds=WINDOW_S * (number // limit))
