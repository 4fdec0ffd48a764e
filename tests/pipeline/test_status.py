"""Status: a feed's own rhythm, and what is read from a data directory that a test made."""

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.deliver import deliver
from pipeline.ledger import LedgerError
from pipeline.metrics import Metrics
from pipeline.sinks import open_sink
from pipeline.sinks.jsonl import JsonlSink
from pipeline.state import State
from pipeline.status import LEAST_SILENCE, PATIENCE, Condition, is_quiet, runner_of, status
from schemas.enums import Origin, PollStatus, Reason
from schemas.records import Entry, Feed, Poll, PollState
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # a Monday
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

# Polls that brought something, by minutes before NOW.
histories = st.lists(st.integers(0, 40 * 24 * 60), max_size=60).map(
    lambda ages: [NOW - dt.timedelta(minutes=age) for age in ages]
)


def office_hours(days: int, until: dt.datetime) -> list[dt.datetime]:
    """An outlet that brings something every half hour of working days."""
    moments = [until - number * HOUR / 2 for number in range(48 * days)]
    return [moment for moment in moments if moment.weekday() < 5 and 8 <= moment.hour < 18]


@given(histories, st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_quiet_feed_stays_quiet_until_it_brings_something(
    times: Sequence[dt.datetime], minutes: int, more: int
) -> None:
    now = NOW + dt.timedelta(minutes=minutes)
    if is_quiet(times, now):
        assert is_quiet(times, now + dt.timedelta(minutes=more))
        assert not is_quiet([*times, now], now)


@given(histories, st.randoms(use_true_random=False), st.integers(0, 100_000))
def test_the_order_of_the_times_does_not_matter(times: list[dt.datetime], random: object, minutes: int) -> None:
    shuffled = times[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis's random
    now = NOW + dt.timedelta(minutes=minutes)
    assert is_quiet(times, now) == is_quiet(shuffled, now)


@given(histories, st.integers(0, 100_000))
def test_the_first_and_the_last_time_of_each_hour_are_enough(times: Sequence[dt.datetime], minutes: int) -> None:
    thinned = []
    for _, hour in groupby(sorted(times), key=lambda moment: (moment.date(), moment.hour)):
        *_, last = first, *_ = tuple(hour)
        thinned += [first, last]
    now = NOW + dt.timedelta(minutes=minutes)
    assert is_quiet(times, now) == is_quiet(thinned, now)


@given(histories, st.integers(0, 100_000))
def test_an_alarm_needs_twice_the_usual_silence(times: Sequence[dt.datetime], minutes: int) -> None:
    now = NOW + dt.timedelta(minutes=minutes)
    if is_quiet(times, now):
        ordered = sorted(times)
        silence = now - ordered[-1]
        gaps = [later - earlier for earlier, later in pairwise(ordered)]
        assert silence > LEAST_SILENCE
        assert sum(PATIENCE * gap >= silence for gap in gaps) <= 1


def test_a_new_feed_has_no_rhythm_yet() -> None:
    assert not is_quiet([], NOW)
    assert not is_quiet([NOW], NOW + 100 * DAY)
    assert not is_quiet(office_hours(10, NOW), NOW + 100 * DAY)


def test_nights_and_weekends_are_usual_for_an_outlet_with_office_hours() -> None:
    friday_evening = NOW - 3 * DAY + 5 * HOUR
    history = office_hours(30, friday_evening)
    monday_morning = NOW - 4 * HOUR
    assert not is_quiet(history, monday_morning)
    assert is_quiet(history, monday_morning + 3 * DAY)


def test_one_outage_that_has_passed_does_not_make_a_feed_patient() -> None:
    steady = [NOW - number * HOUR for number in range(24 * 30)]
    outage = [moment for moment in steady if not NOW - 12 * DAY < moment < NOW - 6 * DAY]
    for history in (steady, outage):
        assert not is_quiet(history, NOW + 2 * HOUR)
        assert is_quiet(history, NOW + 3 * HOUR)


# ── a data directory ───────────────────────────────────────────────────────────────────────────────────────────────


def feed(name: str) -> Feed:
    return Feed(feed_id=name, valid_from=NOW - 60 * DAY, url=f"https://{name}.example/feed", outlet=name.title())


def poll(name: str, at: dt.datetime, *, new: int = 0, gap: bool = False, reason: Reason | None = None) -> Poll:
    kind = PollStatus.FAILED if reason else PollStatus.OK
    return Poll(
        feed_id=name, polled_at=at, url="", status=kind, entries_new=new, entries_seen=new, gap=gap, reason=reason
    )


def entry(name: str) -> Entry:
    return Entry(
        entry_id=name,
        feed_id="steady",
        entry_key=name,
        fingerprint="",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW,
        url=f"https://steady.example/{name}",
    )


def commit(state: State, *records: object, at: dt.datetime = NOW) -> None:
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit([], gathered, at)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    opened.set_feeds(
        [(feed(name), "https://user:hunter2@x.example/") for name in ("steady", "silent", "broken", "new")]
    )
    yield opened
    opened.close()


def fill(state: State) -> None:
    steady = [poll("steady", NOW - number * HOUR, new=1) for number in range(24 * 20)]
    silent = [poll("silent", NOW - 2 * DAY - number * HOUR, new=1) for number in range(24 * 20)]
    broken = [
        poll("broken", NOW - 9 * HOUR, reason=Reason.DNS),  # of a failure that has passed
        poll("broken", NOW - 3 * HOUR, reason=Reason.TIMEOUT),
        poll("broken", NOW - 2 * HOUR, reason=Reason.FORBIDDEN),
    ]
    states = [
        PollState(feed_id=name, polls=9, failures=2 * (name == "broken")) for name in ("steady", "silent", "broken")
    ]
    commit(state, *steady, *silent, *broken, *states)


@pytest.mark.parametrize("rows_are", ["in the outbox", "in both places", "in the warehouse"])
def test_feeds_are_judged_by_rows_wherever_they_are(state: State, tmp_path: Path, rows_are: str) -> None:
    lock = RunnerLock(tmp_path)  # a run is going on: silence counts until now
    fill(state)
    commit(state, poll("steady", NOW - HOUR / 2, gap=True), entry("a"))
    if rows_are != "in the outbox":
        sink = open_sink(f"iceberg:{warehouse_of(tmp_path)}")
        deliver(state, sink, Metrics())
        sink.close()
    if rows_are == "in the warehouse":
        state.trim_outbox([sink.uri])
    found = status(tmp_path, NOW)
    lock.release()
    feeds = {one.feed_id: one for one in found.feeds}
    assert {name: one.condition for name, one in feeds.items()} == {
        "steady": Condition.HEALTHY,
        "silent": Condition.QUIET,
        "broken": Condition.FAILING,
        "new": Condition.NOT_POLLED,
    }
    assert feeds["silent"].since == NOW - 2 * DAY
    assert (feeds["broken"].since, feeds["broken"].reason) == (NOW - 3 * HOUR, Reason.FORBIDDEN)
    assert [(gap.feed_id, gap.polled_at) for gap in found.gaps] == [("steady", NOW - HOUR / 2)]


def test_without_a_run_silence_counts_until_the_last_write_only(state: State, tmp_path: Path) -> None:
    fill(state)
    for path in tmp_path.glob("state.db*"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    found = status(tmp_path, NOW + 30 * DAY)
    conditions = {one.feed_id: one.condition for one in found.feeds}
    assert (found.runner, found.written_at) == (None, NOW)
    assert conditions["steady"] is Condition.HEALTHY
    assert conditions["silent"] is Condition.QUIET


def test_queue_outbox_and_sinks_are_counted(state: State, tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "out")
    commit(state, poll("steady", NOW - 2 * HOUR), entry("a"), entry("b"), at=NOW - 2 * HOUR)
    deliver(state, sink, Metrics(), clock=Mock(return_value=NOW - HOUR))
    state.trim_outbox([sink.uri])
    commit(state, poll("steady", NOW - HOUR), at=NOW - HOUR)
    found = status(tmp_path, NOW)
    assert (found.queue_entries, found.queue_due, found.queue_due_since) == (2, 2, NOW - 2 * HOUR)
    assert (found.outbox_rows, found.outbox_since) == (1, NOW - HOUR)
    (one,) = found.sinks
    assert (one.uri, one.rows_behind, one.delivered_at) == (sink.uri, 1, NOW - HOUR)
    early = status(tmp_path, NOW - 3 * HOUR)
    assert (early.queue_entries, early.queue_due, early.queue_due_since) == (2, 0, None)


def test_the_run_that_is_going_on_is_named_by_its_process(tmp_path: Path) -> None:
    assert runner_of(tmp_path) is None
    lock = RunnerLock(tmp_path)
    assert int(runner_of(tmp_path) or 0) > 0
    lock.release()
    assert runner_of(tmp_path) is None


def test_asking_changes_nothing_and_takes_no_role(state: State, tmp_path: Path) -> None:
    fill(state)
    before = state.outbox_length()
    status(tmp_path, NOW)
    assert state.outbox_length() == before
    RunnerLock(tmp_path).release()


def test_where_no_run_has_been_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=str(tmp_path)):
        status(tmp_path, NOW)
    with pytest.raises(LedgerError, match="missing"):
        status(tmp_path / "missing", NOW)
