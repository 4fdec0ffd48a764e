"""Pub/Sub between a poller and a run, with Google's emulator: the same rows, whatever comes twice or is malformed."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feed_source import FeedLists
from pipeline.feedlist import read_feeds
from pipeline.ledger import Ledger
from pipeline.live import run_always, run_once
from pipeline.newsroom import Newsroom
from pipeline.purge import plan, purge
from pipeline.sinks import open_sink
from pipeline.state import State
from pipeline.why import why
from schemas import ids
from schemas.records import Capture
from tests.end_to_end.conftest import LOOPBACK, Run
from tests.end_to_end.tables import tables
from tests.pipeline import wire_documents
from tests.pipeline.sinks.pubsub_server import pubsub, topic_of
from transforms.outcomes import utc_now
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.wire import documents

COMPARED = ("articles", "revisions", "links", "outcomes")  # polls and feeds are the poller's
PATIENCE_S = 60.0


def subscription_of(folder: Path) -> str:
    return topic_of(folder).name.replace("/topics/", "/subscriptions/")


def publish(folder: Path, *messages: bytes) -> None:
    topic = topic_of(folder).name
    pubsub().PublisherClient().publish(topic=topic, messages=[{"data": data} for data in messages])


def poll_to_pubsub(newsroom: Newsroom, topic_folder: Path, folder: Path) -> None:
    folder.mkdir()
    feeds = read_feeds(newsroom.feeds, valid_from=utc_now()).feeds
    sink = open_sink(f"pubsub:{topic_of(topic_folder).name}")
    settings = Settings(LOOPBACK, ends_after_poll=True)
    report = run_once(folder, [(one.feed, one.request_url) for one in feeds], [sink], settings)
    assert not report.sinks_failed


def run_from(topic_folder: Path, folder: Path, is_done: Callable[[], bool], *, acknowledges: bool = True) -> None:
    """A run that takes entries from the topic's subscription only, until `is_done`."""
    from pipeline.intake import PubSubIntake  # noqa: PLC0415  # its library is an extra

    folder.mkdir(exist_ok=True)
    settings = Settings(LOOPBACK, flush_s=0.2)
    intake = PubSubIntake(subscription_of(topic_folder), Shared(Pool, (settings.workers,)))
    if not acknowledges:
        intake.acknowledge = lambda _: None  # type: ignore[method-assign,assignment]  # killed before the acknowledgement
    stop = threading.Event()
    until = time.monotonic() + PATIENCE_S

    def wait(seconds: float) -> bool:
        stop.wait(min(seconds, 0.05))
        if is_done():
            stop.set()
        assert time.monotonic() < until, "not done in time"
        return stop.is_set()

    sink = open_sink(f"iceberg:{warehouse_of(folder)}")
    run_always(folder, FeedLists([], folder), [sink], settings, wait, intake=intake)


def count(folder: Path, query: str) -> int:
    try:
        with warehouse.connect(warehouse_of(folder)) as tables_of:
            (found,) = tables_of.execute(query).fetchone() or (0,)
    except warehouse.WarehouseError:
        return 0  # not made yet
    return int(found)


def compared(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    found = tables(warehouse_of(folder))
    return {name: found[name] for name in COMPARED}


def ended(folder: Path, wanted: int) -> Callable[[], bool]:
    return lambda: count(folder, "SELECT count(*) FROM outcomes WHERE is_terminal") >= wanted


def left_in(topic_folder: Path) -> list[Any]:
    return topic_of(topic_folder).messages()


@pytest.mark.parametrize("acknowledges", [True, False])
def test_the_rows_of_a_direct_run_and_nothing_twice(
    newsroom: Newsroom, run: Run, tmp_path: Path, *, acknowledges: bool
) -> None:
    topic_of(tmp_path)
    run(tmp_path / "direct", newsroom.feeds)
    direct = compared(tmp_path / "direct")
    entries = count(tmp_path / "direct", "SELECT count(*) FROM outcomes WHERE is_terminal")
    poll_to_pubsub(newsroom, tmp_path, tmp_path / "poller")
    through = tmp_path / "through"
    run_from(tmp_path, through, ended(through, entries), acknowledges=acknowledges)
    assert compared(through) == direct
    if not acknowledges:  # all comes again
        publish(tmp_path, f"{newsroom.feeds[0]}?last".encode())
        run_from(tmp_path, through, ended(through, entries + 1))
        again = compared(through)
        assert len(again.pop("outcomes")) == len(direct.pop("outcomes")) + 1
        assert again == direct
    assert left_in(tmp_path) == []


def test_addresses_objects_and_what_is_malformed(newsroom: Newsroom, tmp_path: Path) -> None:
    first, second = (article.url for article in newsroom.truth().articles[:2])
    malformed = [b"no address", b"\xff", b"{}", b'{"entry_id": "x"}', b"[1]"]
    publish(tmp_path, first.encode(), first.encode(), f'{{"URL": "{second}", "language": "en"}}'.encode(), *malformed)
    publish(tmp_path, first.encode(), malformed[0])
    folder = tmp_path / "data"

    def is_done() -> bool:
        letters = count(folder, "SELECT count(*) FROM dead_letters")
        return ended(folder, 2)() and letters >= len(malformed)

    run_from(tmp_path, folder, is_done)
    with warehouse.connect(warehouse_of(folder)) as found:
        letters = found.execute("SELECT stage, reason, raw FROM dead_letters ORDER BY raw").fetchall()
        outcomes = found.execute("SELECT entry_id, outcome, origin FROM outcomes ORDER BY url = ?", [second]).fetchall()
    assert letters == [("read", "malformed", raw) for raw in sorted(malformed)]
    assert outcomes == [(ids.hash_id("url", url), "published", "feed") for url in (first, second)]
    assert left_in(tmp_path) == []


def test_wire_documents_from_flash_to_kill(tmp_path: Path) -> None:
    versions = [wire_documents.document(1), wire_documents.update(), wire_documents.kill()]
    publish(tmp_path, *versions, wire_documents.PICTURE)
    folder = tmp_path / "data"
    run_from(tmp_path, folder, ended(folder, 4))
    first = compared(folder)
    publish(tmp_path, *versions, wire_documents.document(4))  # all of it comes again, and the item is back
    run_from(tmp_path, folder, ended(folder, 5))
    assert [row for name in COMPARED for row in first[name] if row not in compared(folder)[name]] == []
    with warehouse.connect(warehouse_of(folder)) as found:
        changes = found.execute("SELECT change, pub_status, version FROM history JOIN articles USING (capture_id)")
        assert sorted(changes.fetchall(), key=itemgetter(2)) == [
            ("new", "usable", "1"),
            ("update", "usable", "2"),
            ("kill", "canceled", "3"),
            ("restored", "usable", "4"),
        ]
        outcomes = found.execute("SELECT origin, outcome, count(*) FROM outcomes GROUP BY ALL ORDER BY ALL").fetchall()
        assert outcomes == [("wire", "dropped", 1), ("wire", "published", 1), ("wire", "revised", 3)]
        byline, entities = found.execute("SELECT byline, entities FROM latest").fetchall()[0]
        assert byline == "Jonne Terpstra"
        assert "Marit Oosten" in {entity["name"] for entity in entities}
        assert found.execute("SELECT count(*) FROM outcomes WHERE url = ''").fetchone() == (0,)
    # Another item, which nobody takes for this one though neither has an address; and one that still waits.
    publish(tmp_path, wire_documents.document(1, uri="urn:other", headline="Velde opens its second lock"))
    run_from(tmp_path, folder, ended(folder, 6))
    waiting = wire_documents.document(1, uri="urn:waiting", headline="A third lock for Velde")
    (captured,) = documents.captures_of(waiting, utc_now())
    assert isinstance(captured, Capture)
    with closing(State(folder)) as state:
        state.take_in([], [], utc_now(), [captured])
    with Ledger(folder) as ledger:
        answer = why(ledger, wire_documents.URI, utc_now())
        assert (answer.matched_by, answer.others) == ("guid", ())
        assert answer.story is not None
        assert answer.story.item.title == "Jammed lock gate holds up nineteen barges on Velde canal"
    planned = plan(folder, wire_documents.URI, utc_now())
    assert len(planned.erasure.article_ids) == 1
    purge(folder, planned, utc_now())
    assert count(folder, "SELECT count(*) FROM articles") == 1
    with closing(State(folder)) as state:
        assert [entry.guid for entry in state.entries_due(utc_now(), 10, 10)] == ["urn:waiting"]
    purge(folder, plan(folder, "urn:waiting", utc_now()), utc_now())
    with closing(State(folder)) as state:
        assert state.queue_length() == 0
    assert left_in(tmp_path) == []


def test_an_embargoed_document_reaches_no_sink_before_its_time(tmp_path: Path) -> None:
    until = (utc_now() + dt.timedelta(hours=2)).isoformat()
    publish(tmp_path, wire_documents.document(1, embargoed=until), wire_documents.PICTURE)
    folder = tmp_path / "data"
    run_from(tmp_path, folder, ended(folder, 1))  # the picture
    assert count(folder, "SELECT count(*) FROM articles") == 0
    freed = wire_documents.document(2, embargoed=(utc_now() - dt.timedelta(hours=1)).isoformat())
    publish(tmp_path, freed)
    run_from(tmp_path, folder, ended(folder, 3))
    assert count(folder, "SELECT count(*) FROM articles") == 1  # the second says nothing new
