"""Times in names."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.moments import time_in

FORMS = (
    "%Y%m%dT%H%M%SZ",
    "%Y-%m-%dT%H-%M-%S",
    "%Y-%m-%d_%H-%M-%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%Y%m%d-%H%M%S",
    "%Y_%m_%d_%H_%M_%S",
    "%Y/%m/%d/%H%M%S",
    "%Y/%m/%d/%H/%M/%S",
    "%Y-%m-%d/%H-%M-%S",
    "%Y-%m-%d/%Y%m%dT%H%M%SZ",
)
SECONDS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2099, 12, 31)).map(  # noqa: DTZ001  # the zone follows
    lambda moment: moment.replace(microsecond=0, tzinfo=dt.UTC)
)
AROUND = st.sampled_from([("", ".xml"), ("feed-", ".xml.gz"), ("folder/feed_", ""), ("a/", "/feed.rss"), ("v2.", ".x")])


@given(SECONDS, st.sampled_from(FORMS), AROUND)
def test_a_time_is_read_as_it_was_written(moment: dt.datetime, form: str, around: tuple[str, str]) -> None:
    before, after = around
    found = time_in(f"{before}{moment.strftime(form)}{after}")
    assert found is not None
    assert found.at == moment


@given(SECONDS, SECONDS, st.sampled_from(FORMS[:-1]), AROUND)
def test_snapshots_of_one_feed_have_the_rest_of_their_names_in_common(
    one: dt.datetime, other: dt.datetime, form: str, around: tuple[str, str]
) -> None:
    before, after = around
    names = [time_in(f"{before}{moment.strftime(form)}{after}") for moment in (one, other)]
    assert {found.rest for found in names if found} == {before + after}


@given(st.datetimes(dt.datetime(2001, 9, 10), dt.datetime(2033, 5, 1)))  # noqa: DTZ001  # the zone follows
def test_a_unix_time_is_read_in_seconds_and_in_milliseconds(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=dt.UTC)
    seconds = int(moment.replace(microsecond=0).timestamp())
    in_seconds, in_milliseconds = time_in(f"feed-{seconds}.xml"), time_in(f"{seconds}{moment.microsecond // 1000:03}")
    assert in_seconds is not None
    assert in_seconds.at == moment.replace(microsecond=0)
    assert in_milliseconds is not None
    assert in_milliseconds.at == moment


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026-03-01_12-00.xml", "2026-03-01T12:00"),
        ("2026-03-01/2026-03-01_12-00.xml", "2026-03-01T12:00"),
        ("2026030112.xml", "2026-03-01T12:00"),
        ("2026/03/01/story.html", "2026-03-01T00:00"),
        ("feed.2026-03-01.xml", "2026-03-01T00:00"),
        ("20260301T120000123Z.xml", "2026-03-01T12:00:00.123"),
        ("20260302/feed_20260301T1200.xml", "2026-03-01T12:00"),
    ],
)
def test_shorter_forms(name: str, expected: str) -> None:
    found = time_in(name)
    assert found is not None
    assert found.at == dt.datetime.fromisoformat(expected).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize("name", ["feed.xml", "2026-13-01.xml", "99999999999999.html", "story-512345678.html", ""])
def test_other_numbers_are_no_times(name: str) -> None:
    assert time_in(name) is None
