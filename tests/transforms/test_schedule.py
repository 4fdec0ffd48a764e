"""When a feed is looked at next, and where."""

import dataclasses
import datetime as dt
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import PollStatus, Reason
from schemas.records import PollState
from transforms.schedule import (
    DAY_S,
    DISTRUSTED,
    MOVED_FAILURES,
    Limits,
    NextPoll,
    Rule,
    Seen,
    address,
    address_after_failure,
    any_chance,
    distrusts,
    first_due,
    next_poll,
)

NOW = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)  # a Wednesday
LIMITS = Limits()
KNOWN = PollState(feed_id="f", pace_s=1_200.0)
QUIET = Seen(status=PollStatus.NOT_MODIFIED, http_status=304)


def never() -> float:
    return 0.0


def after(seen: Seen, state: PollState = KNOWN, limits: Limits = LIMITS, chance: float = 0.0) -> NextPoll:
    return next_poll(state, seen, limits, NOW, lambda: chance)


def news(overlap: float) -> Seen:
    return Seen(status=PollStatus.OK, http_status=200, overlap=overlap, has_news=overlap < 1)


def failed(reason: Reason, status: int | None = None, retry_after_s: float | None = None) -> Seen:
    return Seen(status=PollStatus.FAILED, reason=reason, http_status=status, retry_after_s=retry_after_s)


# ── the first poll ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_handful_of_new_feeds_is_polled_at_once_and_ten_thousand_are_spread() -> None:
    few = [first_due(f"feed {number}", NOW, 300, feeds=5) for number in range(5)]
    assert max(few) < NOW + dt.timedelta(seconds=1)
    many = [(first_due(f"feed {number}", NOW, 300, feeds=10_000) - NOW).total_seconds() for number in range(10_000)]
    assert 0 <= min(many) <= max(many) < 300
    per_tenth = [sum(tenth * 30 <= due_s < tenth * 30 + 30 for due_s in many) for tenth in range(10)]
    assert all(800 < count < 1_200 for count in per_tenth)


def test_the_first_time_is_always_the_same() -> None:
    assert first_due("f", NOW, 300, feeds=9_000) == first_due("f", NOW, 300, feeds=9_000)


def test_a_new_feed_starts_at_a_middling_pace() -> None:
    found = after(news(0.0), PollState(feed_id="f"))
    assert (found.interval_s, found.rule) == (900, Rule.FIRST)


# ── the pace ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seen", "interval_s", "rule"),
    [
        (QUIET, 1_500, Rule.QUIET),
        (news(1.0), 1_500, Rule.QUIET),
        (news(0.9), 960, Rule.NEWS),
        (news(0.3), 600, Rule.NEWS),
        (Seen(status=PollStatus.OK), 1_500, Rule.QUIET),  # no entries at all
        (Seen(status=PollStatus.OK, overlap=1.0, has_news=True), 1_200, Rule.NEWS),  # edits alone
        (Seen(status=PollStatus.OK, overlap=0.0, has_news=True, is_gap=True), 300, Rule.GAP),
    ],
)
def test_a_full_overlap_lengthens_and_a_low_one_shortens(seen: Seen, interval_s: float, rule: Rule) -> None:
    found = after(seen)
    assert (found.interval_s, found.rule, found.pace_s) == (interval_s, rule, interval_s)
    assert found.due_at == NOW + dt.timedelta(seconds=interval_s)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e6))
def test_the_higher_the_overlap_the_longer_the_interval(one: float, other: float, pace_s: float) -> None:
    state = dataclasses.replace(KNOWN, pace_s=pace_s)
    low, high = (after(news(overlap), state).interval_s for overlap in sorted((one, other)))
    assert low <= high


def test_a_steady_feed_finds_its_rhythm() -> None:
    """One entry every twenty minutes, twenty shown: about every second look finds something."""
    state, at, looks, finds, last = PollState(feed_id="f"), 0.0, 0, 0, 0
    while at < 7 * DAY_S:
        count = int(at // 1_200)
        seen = news(max(0.0, 1 - (count - last) / 20)) if looks else news(0.0)
        finds, last, looks = finds + (count > last), count, looks + 1
        found = after(seen, state)
        state = dataclasses.replace(state, pace_s=found.pace_s)
        at += found.interval_s
    assert 0.4 < finds / looks < 0.75


# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "interval_s", "rule"),
    [
        ({"cache-control": "public, max-age=2400"}, 2_400, Rule.CACHE),
        ({"cache-control": "max-age=2400", "age": "400"}, 2_000, Rule.CACHE),
        ({"cache-control": "max-age=60"}, 1_500, Rule.QUIET),
        ({"cache-control": "max-age=86400"}, 3_600, Rule.CACHE),  # nobody holds us back for a day
        ({"cache-control": "no-cache, max-age=2400"}, 1_500, Rule.QUIET),
        ({"cache-control": "s-maxage=2400"}, 1_500, Rule.QUIET),
        ({"expires": "Wed, 01 May 2024 10:40:00 GMT", "date": "Wed, 01 May 2024 10:00:00 GMT"}, 2_400, Rule.CACHE),
        ({"expires": "Wed, 01 May 2024 13:10:00 GMT"}, 2_400, Rule.CACHE),
        ({"expires": "0"}, 1_500, Rule.QUIET),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 1_500, Rule.QUIET),
        ({"cache-control": "max-age=99999999999999999999", "age": "x"}, 3_600, Rule.CACHE),
    ],
)
def test_what_the_server_says_of_freshness(headers: dict[str, str], interval_s: float, rule: Rule) -> None:
    found = after(dataclasses.replace(QUIET, headers=headers))
    assert (found.interval_s, found.rule, found.pace_s) == (interval_s, rule, 1_500)


def test_the_feeds_own_ttl_counts_within_bounds() -> None:
    assert after(QUIET, dataclasses.replace(KNOWN, ttl_minutes=40)).rule is Rule.TTL
    assert after(QUIET, dataclasses.replace(KNOWN, ttl_minutes=1_440)).interval_s == 3_600
    assert after(QUIET, dataclasses.replace(KNOWN, ttl_minutes=5)).interval_s == 1_500


def test_a_gap_minds_no_cache() -> None:
    seen = dataclasses.replace(news(0.0), is_gap=True, headers={"cache-control": "max-age=3600"})
    assert after(seen, dataclasses.replace(KNOWN, ttl_minutes=60)).interval_s == 300


def test_skipped_hours_and_days_put_a_look_off() -> None:
    found = after(QUIET, dataclasses.replace(KNOWN, skip_hours=(12, 13)))
    assert (found.due_at, found.rule) == (dt.datetime(2024, 5, 1, 14, tzinfo=dt.UTC), Rule.SKIP)
    found = after(QUIET, dataclasses.replace(KNOWN, skip_days=(2,)))
    assert found.due_at == dt.datetime(2024, 5, 2, tzinfo=dt.UTC)
    assert after(QUIET, dataclasses.replace(KNOWN, skip_hours=tuple(range(24)))).rule is Rule.QUIET
    found = after(QUIET, dataclasses.replace(KNOWN, skip_days=tuple(range(7))))
    assert DAY_S <= found.interval_s <= DAY_S + 1_500  # a look a day, whatever it says


# ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def row_of_failures(reason: Reason, count: int) -> list[NextPoll]:
    state, found = KNOWN, []
    for _ in range(count):
        found.append(after(failed(reason), state))
        state = dataclasses.replace(state, failure_weight=found[-1].failure_weight)
    return found


def test_failures_back_off_by_their_weight() -> None:
    dns, timeout, error = (row_of_failures(reason, 4) for reason in (Reason.DNS, Reason.TIMEOUT, Reason.HTTP_ERROR))
    assert [one.failure_weight for one in dns] == [0.25, 0.5, 0.75, 1.0]
    assert [one.interval_s for one in error] == [600, 1_200, 2_400, 4_800]
    assert dns[3].interval_s == timeout[1].interval_s == error[0].interval_s
    assert {one.rule for one in dns} == {Rule.BACK_OFF}
    assert {one.pace_s for one in error} == {KNOWN.pace_s}  # a failure says nothing of the feed's rhythm


def test_a_feed_that_always_fails_is_still_looked_at() -> None:
    assert row_of_failures(Reason.NOT_FOUND, 200)[-1].interval_s == LIMITS.max_interval_s


def test_an_answer_ends_the_back_off() -> None:
    assert after(QUIET, dataclasses.replace(KNOWN, failure_weight=7.0)).failure_weight == 0


def test_those_that_failed_together_do_not_come_back_together() -> None:
    seen = failed(Reason.HTTP_ERROR, 500)
    assert after(seen, chance=0.0).interval_s < after(seen, chance=0.9).interval_s <= 600 * 1.25


def test_the_server_names_a_time() -> None:
    found = after(failed(Reason.RATE_LIMITED, 429, 7_200))
    assert (found.interval_s, found.rule) == (7_200, Rule.RETRY_AFTER)
    assert after(failed(Reason.HTTP_ERROR, 503, 1)).interval_s == 300
    assert after(failed(Reason.RATE_LIMITED, 429, 1e9), chance=0.99).interval_s == DAY_S
    assert 7_200 < after(failed(Reason.RATE_LIMITED, 429, 7_200), chance=0.99).interval_s < 7_600


def test_a_request_that_was_not_sent_is_no_failure_of_the_feed() -> None:
    found = after(failed(Reason.RATE_LIMITED, None, 900))
    assert (found.interval_s, found.failure_weight) == (900, 0.0)


def test_too_many_requests_without_a_time() -> None:
    first = after(failed(Reason.RATE_LIMITED, 429))
    assert (first.interval_s, first.rule) == (1_800, Rule.RATE_LIMITED)
    state = dataclasses.replace(KNOWN, failure_weight=first.failure_weight)
    assert after(failed(Reason.RATE_LIMITED, 429), state).interval_s == 3_600


def test_a_feed_that_is_gone_gets_a_look_a_day() -> None:
    found = after(failed(Reason.GONE, 410))
    assert (found.interval_s, found.rule) == (DAY_S, Rule.GONE)


def test_a_fixed_interval_yields_to_the_server_alone() -> None:
    limits = Limits(fixed_s=60)
    state = dataclasses.replace(KNOWN, ttl_minutes=60, skip_hours=(12,))
    for seen in (QUIET, news(0.0), dataclasses.replace(news(0.0), is_gap=True), failed(Reason.DNS)):
        found = after(seen, state, limits)
        assert (found.interval_s, found.rule) == (60, Rule.FIXED)
    assert after(failed(Reason.RATE_LIMITED, 429, 600), state, limits).interval_s == 600
    assert after(failed(Reason.RATE_LIMITED, 429, 6), state, limits).interval_s == 60
    assert after(failed(Reason.RATE_LIMITED, 429), state, limits).interval_s > 900
    assert after(failed(Reason.GONE, 410), state, limits).interval_s == DAY_S


@pytest.mark.parametrize("values", [(0, 10), (20, 10), (-1, 10)])
def test_limits_that_make_no_sense_are_refused(values: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="interval"):
        Limits(min_interval_s=values[0], max_interval_s=values[1])
    with pytest.raises(ValueError, match="interval"):
        Limits(fixed_s=0)


HEADER = st.one_of(st.text(max_size=30), st.sampled_from(["max-age=7200", "max-age=1", "no-store", "0"]))
SEEN = st.builds(
    Seen,
    status=st.sampled_from(PollStatus),
    http_status=st.sampled_from([None, 200, 304, 410, 429, 500]),
    reason=st.sampled_from([None, *Reason]),
    overlap=st.none() | st.floats(0, 1),
    has_news=st.booleans(),
    is_gap=st.booleans(),
    retry_after_s=st.none() | st.floats(0, 1e12),
    headers=st.dictionaries(st.sampled_from(["cache-control", "expires", "date", "age"]), HEADER),
)
STATE = st.builds(
    PollState,
    feed_id=st.just("f"),
    pace_s=st.none() | st.floats(0, 1e9),
    failure_weight=st.floats(0, 1e6),
    ttl_minutes=st.none() | st.integers(0, 10**9),
    skip_hours=st.lists(st.integers(0, 23), max_size=24).map(tuple),
    skip_days=st.lists(st.integers(0, 6), max_size=7).map(tuple),
)


@given(STATE, SEEN, st.floats(0, 0.999))
def test_whatever_is_said_a_feed_is_looked_at_between_the_limits(state: PollState, seen: Seen, chance: float) -> None:
    found = after(seen, state, chance=chance)
    assert found.due_at == NOW + dt.timedelta(seconds=found.interval_s)
    assert found.pace_s is None or seen.status is PollStatus.FAILED or 300 <= found.pace_s <= 21_600
    assert found.interval_s >= LIMITS.min_interval_s
    may_be_longer = found.rule in {Rule.SKIP, Rule.GONE, Rule.RETRY_AFTER, Rule.RATE_LIMITED}
    assert found.interval_s <= (DAY_S + LIMITS.max_interval_s if may_be_longer else LIMITS.max_interval_s)


# ── where ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TARGET = "https://new.example.org/feed"


def moved(days: float, target: str | None, state: PollState) -> PollState:
    url, moved_url, moved_since = address(state, target, NOW + dt.timedelta(days=days))
    return dataclasses.replace(state, url=url, moved_url=moved_url, moved_since=moved_since)


def test_a_permanent_redirect_is_believed_after_seven_days() -> None:
    state = KNOWN
    for days in (0, 3, 6.9):
        state = moved(days, TARGET, state)
        assert state.url is None
    state = moved(7, TARGET, state)
    assert (state.url, state.moved_url) == (TARGET, None)
    assert moved(8, None, state).url == TARGET  # asked there, it answers without a redirect


def test_a_redirect_that_stops_or_changes_starts_anew() -> None:
    state = moved(6, None, moved(0, TARGET, KNOWN))
    assert moved(8, TARGET, state).url is None
    state = moved(6, "https://other.example.org/feed", moved(0, TARGET, KNOWN))
    assert moved(8, "https://other.example.org/feed", state).url is None


def test_an_address_that_a_feed_moved_to_and_left_is_given_up() -> None:
    state = dataclasses.replace(KNOWN, url=TARGET)
    assert address_after_failure(state, Reason.DNS) == TARGET
    assert address_after_failure(state, Reason.GONE) is None
    assert address_after_failure(dataclasses.replace(state, failures=MOVED_FAILURES - 1), Reason.DNS) is None


# ── randomness ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_poll_in_a_hundred_is_distrusted() -> None:
    draws = [number / 1_000 for number in range(1_000)]
    assert sum(distrusts(lambda value=value: value) for value in draws) == 1_000 * DISTRUSTED  # type: ignore[misc]  # bound at once


def test_the_default_randomness_travels_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(any_chance)) is any_chance
    assert 0 <= any_chance() < 1
