"""A wire document's captures: each once, and nothing of an item before its time."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.utils.timestamp import Timestamp

from schemas.enums import Origin, Source
from schemas.memory import Received
from schemas.records import Article, Capture
from transforms.receive import SEEN_LIMIT, ReceiveCaptures, receive

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def now() -> dt.datetime:
    return NOW


def capture(version: int, embargoed_until: dt.datetime | None = None, item: str = "item") -> Capture:
    article = Article(
        capture_id=f"{item}-{version}",
        article_id=item,
        content_hash=str(version),
        observed_at=NOW - HOUR * (10 - version),
        url="",
        canonical_url="",
        source=Source.WIRE,
        version=str(version),
        embargoed_until=embargoed_until,
    )
    return Capture(article=article, entry_id=f"entry of {item} {version}", attempt=1, origin=Origin.WIRE)


def known_after(*captures: Capture) -> Received:
    known = Received()
    for each in captures:
        known = receive(each, known) or known
    return known


def test_a_document_that_comes_again_is_known() -> None:
    first, second = capture(1), capture(2)
    known = known_after(first, second)
    assert known.seen == (first.entry_id, second.entry_id)
    assert receive(first, known) is None
    assert receive(replace(second, attempt=2), known) is None
    assert receive(capture(3), known) is not None


def test_what_is_remembered_of_an_item_is_bounded() -> None:
    known = known_after(*(capture(version) for version in range(SEEN_LIMIT + 5)))
    assert len(known.seen) == SEEN_LIMIT
    assert known.seen[-1] == capture(SEEN_LIMIT + 4).entry_id


def test_the_newest_document_that_names_a_time_says_when_an_item_may_be_published() -> None:
    late, early = NOW + 2 * HOUR, NOW + HOUR
    assert known_after(capture(1, late)).embargoed_until == late
    assert known_after(capture(1, late), capture(2)).embargoed_until == late  # it names none: nothing changes
    assert known_after(capture(1, late), capture(2, early)).embargoed_until == early
    assert known_after(capture(2, early), capture(1, late)).embargoed_until == early  # in any order


class _TakeId(beam.DoFn):
    def process(self, each: Capture, timestamp: Timestamp = beam.DoFn.TimestampParam) -> Iterator[tuple[str, bool]]:
        """The capture's id, and whether a timer let it go on: it then bears the timer's time."""
        yield each.article.capture_id, timestamp >= Timestamp(NOW.timestamp())


def check(came: list[Capture], goes_on: list[tuple[str, bool]]) -> None:
    """Run the stage over captures that end: all timers fire then."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        created = pipeline | "Come" >> beam.Create(came, reshuffle=False).with_output_types(Capture)
        ids = (
            created
            | "Receive" >> ReceiveCaptures(now)
            | "TakeId" >> beam.ParDo(_TakeId()).with_output_types(tuple[str, bool])
        )
        assert_that(ids, equal_to(goes_on))


def test_each_goes_on_once() -> None:
    came = [capture(1), capture(2), capture(1), capture(1, item="other"), capture(2)]
    check(came, [("item-1", False), ("item-2", False), ("other-1", False)])


def test_nothing_of_an_item_goes_on_before_its_time() -> None:
    check([capture(1, NOW + HOUR), capture(2), capture(1)], [("item-1", True), ("item-2", True)])
    check([capture(1, NOW - HOUR), capture(2)], [("item-1", False), ("item-2", False)])


def test_a_newer_document_frees_what_waits() -> None:
    came = [capture(1, NOW + HOUR), capture(2), capture(3, NOW - HOUR)]
    check(came, [("item-1", False), ("item-2", False), ("item-3", False)])
