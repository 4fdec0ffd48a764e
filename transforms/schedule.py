"""When a feed is looked at next, and where: pure functions over what is remembered of it and what a poll brought.

Times are UTC, durations seconds. A feed's own rhythm sets its *pace*: a poll that brings something shortens it, one
that brings nothing lengthens it, so that about every second look finds news. What the server or the feed asks for can
only make a look later, and within bounds: feeds state a day and change every hour. Failures back off, each weighed by
how likely it is to be the feed's own fault. Nothing ever stops a feed from being looked at: at least once a day.
"""

import datetime as dt
import email.utils
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas import ids
from schemas.enums import PollStatus, Reason
from schemas.records import PollState

DAY_S = 86_400.0
START_S = 60.0 / 1_000  # per feed: a thousand new feeds are first polled within a minute, a handful at once
FIRST_PACE_S = 900.0  # before a feed has shown its rhythm
# What a poll does to the pace, by its overlap: at least so much of the feed was known.
PACE_BY_OVERLAP = ((1.0, 1.25), (0.8, 0.8), (0.0, 0.5))
HINT_LIMIT_S = 3_600.0  # Cache-Control, Expires and <ttl> hold back a look for no longer
RETRY_AFTER_LIMIT_S = DAY_S
RATE_LIMITED_S = 900.0  # after a 429 that names no time; doubled with each further failure
# A name that is not found and a server that is slow are mostly troubles on the way; an HTTP error is an answer.
WEIGHTS = {
    Reason.DNS: 0.25,
    Reason.TIMEOUT: 0.5,
    Reason.CONNECT: 0.5,
    Reason.TLS: 0.5,
    Reason.DISCONNECTED: 0.5,
}
JITTER = 0.25  # of an interval after a failure, at most: those who failed together do not come back together
DISTRUSTED = 0.01  # share of polls that take neither the server's word nor the body's hash for "nothing new"
MOVED_AFTER = dt.timedelta(days=7)  # a permanent redirect that has lasted so long is believed
MOVED_FAILURES = 10  # in a row, after which the address that was moved from is asked again
_HOUR = dt.timedelta(hours=1)

Chance = Callable[[], float]  # numbers from 0 to 1, without the 1


class Rule(StrEnum):
    """What chose the time of the next poll (column `interval_rule`)."""

    ONCE = "once"  # a single run: there is none
    FIXED = "fixed"  # --interval
    FIRST = "first"  # the first poll: no rhythm known yet
    NEWS = "news"  # the poll brought something: sooner
    QUIET = "quiet"  # it brought nothing: later
    GAP = "gap"  # entries may have been missed: as soon as allowed
    CACHE = "cache"  # Cache-Control max-age, or Expires
    TTL = "ttl"  # the feed's own <ttl>
    SKIP = "skip"  # its <skipHours> or <skipDays>
    BACK_OFF = "back_off"  # failures in a row
    RETRY_AFTER = "retry_after"  # the server named a time
    RATE_LIMITED = "rate_limited"  # 429 without one
    GONE = "gone"  # 410: a look a day
    READ_BACK = "read_back"  # an archive is being read back: at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Between which intervals a feed is polled.

    Raises:
        ValueError: if they are not positive or cross each other.
    """

    min_interval_s: float = 300.0
    max_interval_s: float = 21_600.0
    fixed_s: float | None = None  # instead of the feed's own rhythm; 429, Retry-After and 410 still count

    def __post_init__(self) -> None:
        if not 0 < self.min_interval_s <= self.max_interval_s:
            raise ValueError("the shortest interval must be above 0 and no longer than the longest")
        if self.fixed_s is not None and self.fixed_s <= 0:
            raise ValueError("a fixed interval must be above 0")

    def bounded(self, interval_s: float) -> float:
        """`interval_s` within the limits."""
        return min(max(interval_s, self.min_interval_s), self.max_interval_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a poll brought, as far as the schedule minds."""

    status: PollStatus
    http_status: int | None = None
    reason: Reason | None = None  # of a failure
    overlap: float | None = None  # share of entries already known; None without entries
    has_news: bool = False  # a new or a changed entry
    is_gap: bool = False
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPoll:
    """When a feed is due again, and what is to be remembered for the time after."""

    due_at: dt.datetime
    interval_s: float  # from now
    rule: Rule
    pace_s: float | None
    failure_weight: float


def first_due(feed_id: str, started_at: dt.datetime, interval_s: float, feeds: int = 1) -> dt.datetime:
    """When a feed that was never polled is due: `feeds` of them are spread evenly, by the hash of their ids.

    Args:
        feed_id: the feed.
        started_at: when it became known, or the run began.
        interval_s: the longest spread, as a rule the shortest interval between two polls.
        feeds: how many start together.
    """
    spread_s = min(interval_s, feeds * START_S)
    share = int(ids.hash_id("first due", feed_id)[:8], 16) / 2**32
    return started_at + dt.timedelta(seconds=share * spread_s)


def next_poll(state: PollState, seen: Seen, limits: Limits, now: dt.datetime, chance: Chance) -> NextPoll:
    """When to look at a feed again.

    Args:
        state: what was remembered of it before this poll, with the feed's own wishes as they stand after it.
        seen: what this poll brought.
        limits: what the operator allows.
        now: when the poll was judged.
        chance: randomness.

    Returns:
        The interval lies within `limits` (or is the fixed one), but for 410, Retry-After, 429, and skipped hours and
        days, which can put a look off for up to a day.
    """
    if seen.status is PollStatus.FAILED:
        return _after_failure(state, seen, limits, now, chance)
    pace_s, rule = _pace(state, seen, limits)
    interval_s = pace_s
    if limits.fixed_s is not None:
        interval_s, rule = limits.fixed_s, Rule.FIXED
    elif not seen.is_gap:
        for hint_s, hint in ((_fresh_s(seen.headers, now), Rule.CACHE), (60.0 * (state.ttl_minutes or 0), Rule.TTL)):
            wish_s = limits.bounded(min(hint_s, HINT_LIMIT_S))
            if hint_s and wish_s > interval_s:
                interval_s, rule = wish_s, hint
        due_at = now + dt.timedelta(seconds=interval_s)
        put_off_s = (_not_skipped(due_at, state) - due_at).total_seconds()
        if put_off_s:
            interval_s, rule = interval_s + put_off_s, Rule.SKIP
    return _next(now, interval_s, rule, pace_s, 0.0)


def any_chance() -> float:
    """The process's own randomness. A function, since the generator itself would travel with its state frozen."""
    return random.random()  # noqa: S311  # it spreads load and guards nothing


def distrusts(chance: Chance) -> bool:
    """Whether the next poll takes neither validators nor the body's hash for an answer."""
    return chance() < DISTRUSTED


def address(
    state: PollState, permanent_url: str | None, now: dt.datetime
) -> tuple[str | None, str | None, dt.datetime | None]:
    """Where a feed is asked for, after a poll that read it as a feed (or found it as it was read).

    Returns:
        `url`, `moved_url` and `moved_since` of the next `PollState`. A permanent redirect that leads to the same
        place in every answer for seven days is believed; a server's mistake does not last so long.
    """
    if permanent_url is None or permanent_url == state.url:
        return state.url, None, None
    if permanent_url != state.moved_url or state.moved_since is None:
        return state.url, permanent_url, now
    if now - state.moved_since < MOVED_AFTER:
        return state.url, permanent_url, state.moved_since
    return permanent_url, None, None


def address_after_failure(state: PollState, reason: Reason | None) -> str | None:
    """`url` of the next `PollState`: an address that a feed moved to and left is given up for the configured one."""
    return None if reason is Reason.GONE or state.failures + 1 >= MOVED_FAILURES else state.url


# ── the pace ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _pace(state: PollState, seen: Seen, limits: Limits) -> tuple[float, Rule]:
    if seen.is_gap:
        return limits.min_interval_s, Rule.GAP
    if state.pace_s is None:
        return limits.bounded(FIRST_PACE_S), Rule.FIRST
    overlap = seen.overlap if seen.status is PollStatus.OK and seen.overlap is not None else 1.0
    if overlap == 1.0 and seen.has_news:
        return limits.bounded(state.pace_s), Rule.NEWS  # edits alone: the feed is alive, and nothing is at stake
    factor = next(factor for least, factor in PACE_BY_OVERLAP if overlap >= least)
    return limits.bounded(state.pace_s * factor), Rule.QUIET if factor > 1 else Rule.NEWS


def _next(now: dt.datetime, interval_s: float, rule: Rule, pace_s: float | None, failure_weight: float) -> NextPoll:
    due_at = now + dt.timedelta(seconds=interval_s)
    return NextPoll(due_at=due_at, interval_s=interval_s, rule=rule, pace_s=pace_s, failure_weight=failure_weight)


# ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _after_failure(state: PollState, seen: Seen, limits: Limits, now: dt.datetime, chance: Chance) -> NextPoll:
    weight = state.failure_weight
    if seen.http_status is not None or seen.retry_after_s is None:
        # else nothing was sent: the host had asked others to leave it alone
        weight += WEIGHTS.get(seen.reason, 1.0) if seen.reason else 1.0
    doubled = 2.0 ** min(weight, 20.0)
    later = 1.0 + JITTER * chance()
    shortest_s = limits.fixed_s or limits.min_interval_s
    if seen.reason is Reason.GONE:
        interval_s, rule = DAY_S, Rule.GONE
    elif seen.retry_after_s is not None:
        wish_s = min(seen.retry_after_s, RETRY_AFTER_LIMIT_S)
        interval_s, rule = max(wish_s, shortest_s) * (1.0 + (later - 1.0) / 5), Rule.RETRY_AFTER
    elif seen.reason is Reason.RATE_LIMITED:
        longest_s = max(limits.max_interval_s, shortest_s)
        interval_s = min(max(RATE_LIMITED_S, shortest_s) * doubled, longest_s) * later
        rule = Rule.RATE_LIMITED
    elif limits.fixed_s is not None:
        interval_s, rule = limits.fixed_s, Rule.FIXED
    else:
        interval_s, rule = limits.bounded(limits.min_interval_s * doubled * later), Rule.BACK_OFF
    return _next(now, min(interval_s, max(DAY_S, shortest_s)), rule, state.pace_s, weight)


# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s{0,9}=\s{0,9}\"?(\d{1,9})", re.IGNORECASE)
_NO_CACHE = re.compile(r"(?:^|[,\s])no-(?:cache|store)(?:$|[,\s])", re.IGNORECASE)


def _fresh_s(headers: Mapping[str, str], now: dt.datetime) -> float:
    """How long the answer stays fresh (RFC 9111, 4.2.1 for a private cache); 0 if it does not say, or says not."""
    control = headers.get("cache-control", "")
    if _NO_CACHE.search(control):
        return 0.0
    if found := _MAX_AGE.search(control):
        age = headers.get("age", "").strip()
        spent = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
        return max(0.0, float(int(found[1]) - spent))
    expires = _http_date(headers.get("expires"))
    if expires is None:
        return 0.0
    # against the server's own clock, which may be wrong
    return max(0.0, (expires - (_http_date(headers.get("date")) or now)).total_seconds())


def _http_date(value: str | None) -> dt.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC)


def _not_skipped(due_at: dt.datetime, state: PollState) -> dt.datetime:
    """The first moment from `due_at` on that is in no skipped hour or day, but no later than a day after."""
    moment = due_at
    for _ in range(24):
        if moment.hour not in state.skip_hours and moment.weekday() not in state.skip_days:
            return moment
        moment = moment.replace(minute=0, second=0, microsecond=0) + _HOUR
    return due_at + dt.timedelta(days=1) if state.skip_days else due_at
