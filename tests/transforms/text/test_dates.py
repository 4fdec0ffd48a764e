"""Dates as pages write them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Precision, Zone
from transforms.text import dates

MOMENTS = st.datetimes(min_value=dt.datetime(1971, 1, 1), max_value=dt.datetime(2100, 1, 1))  # noqa: DTZ001  # made aware
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


@given(MOMENTS, OFFSETS)
def test_iso_8601_is_read_back(moment: dt.datetime, zone: dt.timezone) -> None:
    aware = moment.replace(microsecond=0, tzinfo=zone)
    found = dates.moment(aware.isoformat())
    assert found == dates.Moment(aware.astimezone(dt.UTC), Precision.SECOND, Zone.EXPLICIT)


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    dates.moment(text, "Mars/Olympus")
    dates.is_date_line(text)
    dates.in_url(text)


@pytest.mark.parametrize(
    ("raw", "at", "precision", "zone"),
    [
        ("2024-03-12", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("2024-03-12T09:15", "2024-03-12T09:15", Precision.MINUTE, Zone.ASSUMED),
        ("2024-03-12 09:15:10 +0300", "2024-03-12T06:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("2024-03-12T09:15:10.123456789Z", "2024-03-12T09:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("20240312", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("20240312T091510+0200", "2024-03-12T07:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("20240312T0915+02", "2024-03-12T07:15", Precision.MINUTE, Zone.EXPLICIT),
        ("20240312T091510Z", "2024-03-12T09:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("20240312091510", "2024-03-12T09:15:10", Precision.SECOND, Zone.ASSUMED),
        ("20240312091510123", "2024-03-12T09:15:10", Precision.SECOND, Zone.ASSUMED),
        ("20240312T091510GMT", "2024-03-12T09:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("20240312T09:15:10+0200", "2024-03-12T07:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("2024-03-12T091510-0130", "2024-03-12T10:45:10", Precision.SECOND, Zone.EXPLICIT),
        ("1710234910000", "2024-03-12T09:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("1710234910", "2024-03-12T09:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("Tue, 12 Mar 2024 09:15:10 +0200", "2024-03-12T07:15:10", Precision.SECOND, Zone.EXPLICIT),
        ("March 12, 2024", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("12 March 2024, 9:15 pm UTC", "2024-03-12T21:15", Precision.MINUTE, Zone.EXPLICIT),
        ("12. März 2024", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("le 1er juillet 2024", "2024-07-01T00:00", Precision.DAY, Zone.ASSUMED),
        ("12 de marzo de 2024", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("2024年3月12日", "2024-03-12T00:00", Precision.DAY, Zone.ASSUMED),
        ("25/12/2024", "2024-12-25T00:00", Precision.DAY, Zone.ASSUMED),
        ("12/25/2024", "2024-12-25T00:00", Precision.DAY, Zone.ASSUMED),
    ],
)
def test_a_written_date_is_read(raw: str, at: str, precision: Precision, zone: Zone) -> None:
    assert dates.moment(raw) == dates.Moment(dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC), precision, zone)


@pytest.mark.parametrize(
    "raw", ["", "soon", "03/04/2024", "2024-13-40", "Smarch 12, 2024", "99999999", "YYYYMMDD000000-HHMM"]
)
def test_what_is_no_certain_date_is_none(raw: str) -> None:
    assert dates.moment(raw) is None


def test_a_date_without_a_zone_is_the_outlets() -> None:
    found = dates.moment("2024-07-12 09:15", "Europe/Paris")
    assert found == dates.Moment(dt.datetime(2024, 7, 12, 7, 15, tzinfo=dt.UTC), Precision.MINUTE, Zone.OUTLET)


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://paper.example/2024/03/12/pier", 12),
        ("https://paper.example/news/2024-03-12-pier", 12),
        ("https://paper.example/2024/pier", None),
        ("https://paper.example/a/20240/31/2", None),
    ],
)
def test_a_day_in_an_address(url: str, day: int | None) -> None:
    found = dates.in_url(url)
    assert (found.at.day if found else None) == day


@pytest.mark.parametrize(
    ("line", "is_date"),
    [
        ("07 June, 2021", True),
        ("Published: 12 March 2024, 09:15 EAT", True),
        ("Updated on May 4, 2021 at 9:05 a.m. ET", True),
        ("The treaty of 12 March 2024 was never signed by either side.", False),
        ("— Ann Lee (@annlee) March 12, 2024", False),
        ("No date here", False),
    ],
)
def test_lines_that_are_nothing_but_a_date(line: str, is_date: bool) -> None:  # noqa: FBT001  # a parameter
    assert dates.is_date_line(line) is is_date
