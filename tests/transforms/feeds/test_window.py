"""Gaps are told when entries went by unseen, and hardly ever otherwise: over many made-up histories of feeds."""

import datetime as dt
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from schemas import ids
from schemas.records import Feed, FeedDue, PollState
from transforms.feeds.output import PollResult
from transforms.feeds.reading import FeedReading
from transforms.feeds.window import SLIDES
from transforms.poll import poll
from transforms.text.feeds import ParsedEntry, ParsedFeed
from transforms.web.messages import Response

AT = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
URL = "https://example.org/feed"
FEED = Feed(feed_id=ids.feed_id(URL), valid_from=AT, url=URL)


def entry(number: int, *, dated: bool = True, scheme: str = "", text: str = "") -> ParsedEntry:
    published = AT + dt.timedelta(minutes=number) if dated else None
    title = f"Story {number}{text}"
    return ParsedEntry(
        guid=f"{scheme}{number}",
        url=f"https://example.org/{scheme}{number}",
        title=title,
        content_hash=ids.hash_id(title),
        published=published,
        published_raw=published.isoformat() if published else None,
    )


def look(entries: Sequence[ParsedEntry], state: PollState) -> PollResult:
    body = ids.hash_id(*(f"{one.guid} {one.title}" for one in entries)).encode()
    at = AT + dt.timedelta(days=300)
    answer = Response(request_url=URL, url=URL, status=200, headers={}, body=body, observed_at=at)
    feed = ParsedFeed(entries=tuple(entries))
    return poll(FeedDue(feed=FEED, request_url=URL, state=state), answer, FeedReading(feed, feed.entries))


def gaps(bodies: Sequence[Sequence[ParsedEntry]]) -> list[bool]:
    state, found = PollState(feed_id=FEED.feed_id), []
    for entries in bodies:
        result = look(entries, state)
        state = result.state
        found.append(result.poll.gap)
    return found


def newest(last: int, size: int = 10, **how: bool | str) -> list[ParsedEntry]:
    """The window of a feed whose newest entry is number `last`."""
    return [entry(number, **how) for number in range(last, last - size, -1)]  # type: ignore[arg-type]  # as it comes


SLIDING = [newest(last) for last in (10, 12, 13, 16, 19, 21, 22)]


def test_a_window_that_has_slid_and_turned_over_is_a_gap() -> None:
    assert gaps([*SLIDING, newest(60)]) == [*[False] * len(SLIDING), True]
    undated = [newest(last, dated=False) for last in (10, 12, 13, 16, 19, 21, 22, 60)]
    assert gaps(undated) == [*[False] * 7, True]


@pytest.mark.parametrize(
    "body",
    [
        newest(31),  # one entry is still there
        newest(60, size=4),  # emptied and filled anew
        [],
        newest(22, scheme="new-"),  # the same entries under new guids and addresses
        newest(40, scheme="new-")[::2],
        newest(18, size=18)[8:],  # sorted by something else: entries known from before
        newest(-50),  # old entries
    ],
)
def test_no_gap(body: list[ParsedEntry]) -> None:
    assert not any(gaps([*SLIDING, body]))


def test_no_gap_at_the_first_poll_nor_before_the_feed_is_known_as_a_window() -> None:
    assert gaps([newest(10), newest(60), newest(110)]) == [False] * 3
    assert not any(gaps([*SLIDING[:SLIDES], newest(60)]))


def test_no_gap_after_the_feed_was_empty() -> None:
    assert not any(gaps([*SLIDING, [], newest(60)]))


def test_no_gap_in_a_page_of_chosen_stories() -> None:
    chosen = random.Random(1)
    picks = [[entry(number) for number in chosen.sample(range(day * 12, day * 12 + 24), 10)] for day in range(200)]
    assert sum(gaps(picks)) == 0


# ── many histories ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Outlet:
    """A feed that lives: entries come, are edited and withdrawn; now and then its owner does something to it."""

    chance: random.Random
    published: list[int] = field(default_factory=list)
    withdrawn: set[int] = field(default_factory=set)
    edits: Counter[int] = field(default_factory=Counter)
    next_number: int = 0
    emptied_at: int = 0
    scheme: str = ""
    sort: str = "newest"

    def __post_init__(self) -> None:
        self.size = self.chance.choice([8, 10, 15, 20, 30, 50])
        self.rate = self.chance.uniform(0.02, 0.3) * self.size  # entries between two polls
        self.dated = self.chance.random() < 0.8
        self.is_pinned = self.chance.random() < 0.1
        self.oldest_first = self.chance.random() < 0.1
        self.publish(self.size)

    def publish(self, count: int) -> None:
        self.published += range(self.next_number, self.next_number + count)
        self.next_number += count

    def live(self) -> None:
        """What happens between two polls: nothing that would let an entry go by, unless much is published."""
        self.publish(int(self.chance.expovariate(1 / self.rate)) if self.rate else 0)
        happens = self.chance.random()
        shown = [one for one in self.published[-self.size :] if one not in self.withdrawn]
        if shown and happens < 0.1:
            self.edits[self.chance.choice(shown)] += 1
        elif shown and happens < 0.13:
            self.withdrawn.add(self.chance.choice(shown))
        elif happens < 0.15:
            self.emptied_at = self.next_number
        elif happens < 0.17:
            self.scheme = f"v{self.chance.random()}-"  # new guids, new addresses
        elif happens < 0.19:
            self.sort = self.chance.choice(["newest", "edited"])
        elif happens < 0.21:
            self.size = max(5, self.size + self.chance.choice([-5, 5, 10]))
        elif happens < 0.26:
            self.publish(self.chance.randrange(3 * self.size))  # a burst, or a long time without a poll

    def body(self) -> list[int]:
        numbers = [one for one in self.published if one >= self.emptied_at and one not in self.withdrawn][::-1]
        if self.sort == "edited":
            numbers.sort(key=lambda number: number + 3 * self.edits[number], reverse=True)
        numbers = numbers[: self.size]
        if self.is_pinned:
            numbers = [0, *numbers[: self.size - 1]]
        return numbers[::-1] if self.oldest_first else numbers

    def entries(self) -> list[ParsedEntry]:
        return [
            entry(number, dated=self.dated, scheme=self.scheme, text="!" * self.edits[number]) for number in self.body()
        ]


@dataclass
class Told:
    """What a history's polls told of its gaps."""

    polls: int = 0
    rightly: int = 0
    by_chance: int = 0  # exactly one window full was published since: nothing is lost, and nobody can know
    wrongly: int = 0
    not_told: int = 0


def live(seed: int, told: Told, polls: int = 40) -> None:
    outlet = Outlet(random.Random(seed))
    seen, lost = set(outlet.body()), set(outlet.withdrawn)
    result = look(outlet.entries(), PollState(feed_id=FEED.feed_id))
    for _ in range(polls):
        published = outlet.next_number
        outlet.live()
        seen.update(outlet.body())
        missed = set(outlet.published) - seen - lost
        lost |= missed
        result = look(outlet.entries(), result.state)
        told.polls += 1
        told.rightly += result.poll.gap and bool(missed)
        told.not_told += bool(missed) and not result.poll.gap
        if result.poll.gap and not missed:
            is_full = outlet.next_number - published >= outlet.size
            told.by_chance += is_full
            told.wrongly += not is_full


def test_false_gaps_are_one_in_a_hundred_at_most() -> None:
    told = Told()
    for seed in range(40):
        live(seed, told)
    assert told.rightly > 20
    assert told.wrongly <= 0.01 * told.rightly
    assert told.wrongly + told.by_chance <= 0.01 * told.polls
