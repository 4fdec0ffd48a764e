"""Feeds whose guids, links, dates or texts do not keep still: an entry leaves once, and once more if it was edited."""

import datetime as dt
from collections.abc import Callable, Sequence

import pytest

from schemas import ids
from schemas.records import Entry, Feed, FeedDue, PollState
from transforms.feeds.identity import BARE_CHANGES, key_of
from transforms.feeds.reading import FeedReading
from transforms.poll import poll
from transforms.text.feeds import ParsedEntry, ParsedFeed
from transforms.web.messages import Response

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
URL = "https://example.org/feed"
FEED = Feed(feed_id=ids.feed_id(URL), valid_from=AT, url=URL)


def entry(
    name: str, *, guid: str | None = None, query: str = "", text: str = "", dated: bool = True, **fields: object
) -> ParsedEntry:
    title = str(fields.pop("title", name))
    day = AT + dt.timedelta(minutes=sum(name.encode()))
    published = {"published": day, "published_raw": day.isoformat()} if dated else {}
    return ParsedEntry(
        guid=guid,
        url=f"https://example.org/{name}{query}",
        title=title,
        summary=text,
        content_hash=ids.hash_id(title, text),
        **published | fields,  # type: ignore[arg-type]  # a test's shorthand
    )


def polls(bodies: Sequence[Sequence[ParsedEntry]]) -> list[list[Entry]]:
    """What leaves at each of a row of polls."""
    state, found = PollState(feed_id=FEED.feed_id), []
    for number, entries in enumerate(bodies):
        answer = Response(request_url=URL, url=URL, status=200, headers={}, body=str(number).encode(), observed_at=AT)
        feed = ParsedFeed(entries=tuple(entries))
        result = poll(FeedDue(feed=FEED, request_url=URL, state=state), answer, FeedReading(feed, feed.entries))
        state = result.state
        found.append(list(result.entries))
    return found


def left(bodies: Sequence[Sequence[ParsedEntry]]) -> list[list[tuple[str, int]]]:
    return [sorted((one.title, one.change_no) for one in found) for found in polls(bodies)]


NAMES = ("fog", "tram", "ferry", "market")
ALL = [("ferry", 0), ("fog", 0), ("market", 0), ("tram", 0)]


@pytest.mark.parametrize(
    "made",
    [
        lambda name, turn: entry(name, guid=f"https://example.org/{name}#{turn}"),
        lambda name, turn: entry(name, guid=f"https://example.org/{name}#{turn}", dated=False),
        lambda name, turn: entry(name, guid=f"{name} {turn} random"),
        lambda name, turn: entry(name, guid=f"{name} {turn} random", dated=False),
        # and a clock in the date
        lambda name, turn: entry(
            name, guid=f"{turn}", published=AT + dt.timedelta(hours=turn), published_raw=f"{turn}"
        ),
        lambda name, turn: entry(name, query=f"?utm_source=rss{turn}"),
        lambda name, turn: entry(name, query=f"?PHPSESSID={turn}&id=7"),
        lambda name, turn: entry(name, query=f";jsessionid={turn}?id=7"),
        lambda name, turn: entry(name, query=f"?visit={turn}"),  # a session of a name that nobody knows
        lambda name, turn: entry(name, guid=f"https://example.org/{name}?sid={turn}", query=f"?sid={turn}"),
    ],
)
def test_an_entry_whose_names_change_at_every_poll_leaves_once(made: Callable[[str, int], ParsedEntry]) -> None:
    bodies = [[made(name, turn) for name in NAMES] for turn in range(10)]
    assert left(bodies) == [ALL, *[[] for _ in range(9)]]


def test_an_edit_is_found_under_the_new_guid_too() -> None:
    """The number behind the guid counts up with each edit of the headline."""
    found = left([[entry("fog", guid="a#0")], [entry("fog", guid="a#1", title="Fog lifts")]])
    assert found == [[("fog", 0)], [("Fog lifts", 1)]]
    found = left([[entry("fog", guid="1")], [entry("fog", guid="2", text="It lifts.")]])
    assert found == [[("fog", 0)], [("fog", 1)]]


def test_two_entries_that_are_shown_together_are_two() -> None:
    same_link = [entry("live", guid=f"a#{number}", title=f"Minute {number}") for number in range(4)]
    assert [len(found) for found in left([same_link[:3], same_link[1:]])] == [3, 1]


def test_the_next_bulletin_under_the_same_link_is_another_entry() -> None:
    bulletins = [
        [entry("bulletin", guid=f"b-{hour}", title="Bulletin", text=f"At {hour}.", published_raw=f"{hour}")]
        for hour in range(40)
    ]
    assert [len(found) for found in polls(bulletins)] == [1] * 40


def test_an_entry_that_names_its_article_in_the_query_is_not_taken_for_another() -> None:
    pages = [[entry("show", query=f"?id={n}", title="Weather", published_raw=f"day {n}")] for n in range(3)]
    assert [len(found) for found in polls(pages)] == [1, 1, 1]


def test_a_session_in_the_address_is_no_part_of_the_key() -> None:
    assert key_of(entry("a", query="?sid=1&id=2")) == key_of(entry("a", query="?id=2"))
    assert key_of(entry("a", query="?id=2")) != key_of(entry("a", query="?id=3"))


def test_all_dates_written_anew_are_no_changes() -> None:
    bodies = [[entry(name, modified=AT + dt.timedelta(minutes=turn)) for name in NAMES] for turn in range(30)]
    assert left(bodies) == [ALL, *[[] for _ in range(29)]]


def test_a_clock_in_a_text_is_believed_24_times() -> None:
    bodies = [[entry("fog", text=f"{turn} minutes ago")] for turn in range(60)]
    assert [len(found) for found in polls(bodies)] == [1] * (1 + BARE_CHANGES) + [0] * (59 - BARE_CHANGES)


def test_a_clock_in_text_and_dates_is_believed_24_times() -> None:
    bodies = [
        [entry(name, text=f"{turn} comments", modified=AT + dt.timedelta(minutes=turn)) for name in NAMES]
        for turn in range(40)
    ]
    assert sum(len(found) for found in polls(bodies)) == 4 * (1 + BARE_CHANGES)


def test_a_date_of_change_bears_an_edit_out_and_starts_the_count_anew() -> None:
    clocks = [[entry("fog", text=f"{turn}")] for turn in range(40)]
    edits = [[entry("fog", text=f"edit {turn}", modified=AT + dt.timedelta(hours=turn))] for turn in range(40)]
    assert [len(found) for found in polls([*clocks, *edits, *clocks])[40:80]] == [1] * 40
    assert sum(len(found) for found in polls([*clocks, *edits, *clocks])[80:]) == BARE_CHANGES + 1


def test_a_counter_beside_still_entries_costs_its_own_entry_only() -> None:
    bodies = [[entry("fog", text=f"{turn}"), entry("tram")] for turn in range(40)]
    bodies.append([entry("fog", text="39"), entry("tram", text="Runs again.")])
    assert [one.title for one in polls(bodies)[-1]] == ["tram"]
