import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.durations import read_since

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_a_moment_is_named_by_its_time_or_by_how_long_ago_it_was() -> None:
    assert read_since("2026-02-28T10:00", NOW) == dt.datetime(2026, 2, 28, 10, tzinfo=dt.UTC)
    assert read_since("2026-02-28T10:00+02:00", NOW) == dt.datetime(2026, 2, 28, 8, tzinfo=dt.UTC)
    assert read_since("2h", NOW) == NOW - dt.timedelta(hours=2)
    assert read_since("3d", NOW) == NOW - dt.timedelta(days=3)


@given(text=st.text(max_size=20).filter(lambda text: not text.strip()[:1].isdecimal()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2h was expected"):
        read_since(text, NOW)


@pytest.mark.parametrize("text", ["999999w", "2026-13-01", "0001-01-01T00:00+14:00", "2 h"])
def test_a_moment_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2h was expected"):
        read_since(text, NOW)
