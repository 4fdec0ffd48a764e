"""The unbounded graph over the newsroom: the rows of a direct run, whatever comes twice, late or broken.

In this process messages end, so all windows and timers fire then; on Prism a TestStream plays them.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import apache_beam as beam
import msgspec
import pytest
from apache_beam.testing import test_stream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline import warehouse
from pipeline.cluster import Cluster, opened, parts_of
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feedlist import read_feeds
from pipeline.live import run_once
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from schemas.enums import Origin
from schemas.records import Entry, Message
from tests.end_to_end.conftest import LOOPBACK, Run
from tests.end_to_end.tables import tables
from tests.pipeline import wire_documents
from tests.pipeline.sinks.pubsub_server import INSTALL
from transforms.coders import RecordCoder
from transforms.outcomes import utc_now
from transforms.shared import Shared
from transforms.text import urls
from transforms.visits import Policy

pytest.importorskip("google.pubsub_v1", reason=INSTALL)

from pipeline import stream  # its libraries are an extra
from pipeline.messages import Subscription  # as above

COMPARED = ("articles", "revisions", "links", "outcomes")  # polls and feeds are the poller's
SUBSCRIPTION = Subscription(name="projects/p/subscriptions/s", topic="projects/p/topics/t", ack_deadline_s=60)
SHARE = 200
DEADLINE_S = 60.0  # a busy machine is no slow outlet
HERE = Cluster(runner="DirectRunner")
PRISM = Path(__file__).parents[2] / ".servers" / "prism" / "prism"
ON_PRISM = Cluster(
    runner="PrismRunner", options=["--streaming", f"--prism_location={PRISM}", "--environment_type=LOOPBACK"]
)
BROKEN = Message(data=b"no address")


def polled(newsroom: Newsroom, folder: Path) -> list[Entry]:
    """What a poller publishes."""
    folder.mkdir()
    feeds = read_feeds(newsroom.feeds, valid_from=utc_now()).feeds
    sink = open_sink(f"jsonl:{folder / 'entries'}")
    settings = Settings(LOOPBACK, ends_after_poll=True)
    assert not run_once(folder, [(one.feed, one.request_url) for one in feeds], [sink], settings).sinks_failed
    return entries_in(folder / "entries")


def entries_in(folder: Path) -> list[Entry]:
    lines = [line for path in sorted(folder.rglob("entries/day=*/*.jsonl")) for line in path.read_bytes().splitlines()]
    return [msgspec.json.decode(line, type=Entry) for line in lines]


def messages_of(entries: Sequence[Entry]) -> list[Message]:
    return [Message(data=msgspec.json.encode(entry), table="entries") for entry in entries]


def run_stream(
    folder: Path, came: beam.PTransform, share: int = SHARE, cluster: Cluster = HERE, flush_s: int | None = None
) -> list[Entry]:
    """Run the graph over messages that end; gives what it publishes again."""
    folder.mkdir(exist_ok=True)
    again = folder / "again"
    sinks = [f"iceberg:{warehouse_of(folder)}", f"jsonl:{again}"]
    parts = parts_of(Settings(LOOPBACK, workers=1, policy=Policy()), DEADLINE_S, stream.MAX_PAGES, utc_now)
    with opened(sinks, parts, utc_now) as writers:
        rows, publisher = writers[sinks[0]], cast("Shared[Any]", writers[sinks[1]])
        with cluster.pipeline() as pipeline:
            messages = pipeline | came
            stream.build_stream(messages, SUBSCRIPTION, parts, share, {rows: 1}, publisher, flush_s)
    return entries_in(again)


def at_once(messages: Sequence[Message]) -> beam.PTransform:
    return beam.Create(messages, reshuffle=False).with_output_types(Message)


def compared(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    found = tables(warehouse_of(folder))
    return {name: found[name] for name in COMPARED}


def count(folder: Path, query: str) -> int:
    return int(found(folder, query)[0][0])


def found(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(warehouse_of(folder)) as tables_of:
        return tables_of.execute(query).fetchall()


def test_the_rows_of_a_direct_run_whatever_comes_twice_or_is_broken(
    newsroom: Newsroom, run: Run, tmp_path: Path
) -> None:
    run(tmp_path / "direct", newsroom.feeds)
    entries = polled(newsroom, tmp_path / "poller")
    messages = messages_of(entries)
    again = run_stream(tmp_path / "stream", at_once([*messages, BROKEN, *reversed(messages)]))
    assert compared(tmp_path / "stream") == compared(tmp_path / "direct")
    assert found(tmp_path / "stream", "SELECT reason FROM dead_letters") == [("malformed",)]
    assert {entry.origin for entry in again} == {Origin.REVISIT, Origin.RETRY}  # where the feed's text stood in
    assert all(entry.not_before and entry.not_before > utc_now() for entry in again)


@pytest.mark.parametrize("runner", ["in process", "prism"])
def test_wire_documents_from_flash_to_kill_and_embargoed_ones(tmp_path: Path, runner: str) -> None:
    if runner == "prism" and not PRISM.exists():
        pytest.skip("needs Beam's runner Prism: make prism")
    sent_at = utc_now()
    embargoed = wire_documents.document(1, uri="urn:held", embargoed=(sent_at + dt.timedelta(hours=1)).isoformat())
    documents = [wire_documents.document(1), wire_documents.update(), wire_documents.kill(), embargoed]
    messages = [Message(data=data, sent_at=sent_at) for data in (*documents, wire_documents.PICTURE)]
    messages += reversed(messages)
    folder = tmp_path / "stream"
    if runner == "prism":
        now = Timestamp(int(Timestamp.now()))
        played = (
            test_stream.TestStream(coder=RecordCoder(Message))
            .advance_watermark_to(now)
            .add_elements([TimestampedValue(one, now) for one in messages])
            .advance_watermark_to(now + 7_200)
            .advance_watermark_to_infinity()
        )
        again = run_stream(folder, played, cluster=ON_PRISM, flush_s=1)
    else:
        again = run_stream(folder, at_once(messages))  # messages end: all timers fire
    assert again == []  # nobody looks at a document again
    changes = "SELECT change, pub_status, a.version FROM history h JOIN articles a USING (capture_id) WHERE a.guid = "
    assert found(folder, f"{changes}'{wire_documents.URI}' ORDER BY a.version") == [
        ("new", "usable", "1"),
        ("update", "usable", "2"),
        ("kill", "canceled", "3"),
    ]
    assert found(folder, f"{changes}'urn:held'") == [("new", "usable", "1")]
    # Which of an item's versions was its first row hangs on the order in which they came.
    ends = "SELECT outcome = 'dropped', count(DISTINCT entry_id) FROM outcomes GROUP BY ALL ORDER BY ALL"
    assert found(folder, ends) == [(False, 4), (True, 1)]


def test_a_job_with_fresh_state_loses_nothing_and_latest_shows_each_article_once(
    newsroom: Newsroom, run: Run, tmp_path: Path
) -> None:
    run(tmp_path / "direct", newsroom.feeds)
    messages = messages_of(polled(newsroom, tmp_path / "poller"))
    folder = tmp_path / "stream"
    run_stream(folder, at_once(messages[:12]))
    run_stream(folder, at_once(messages))  # the subscription was sought back
    latest = "SELECT article_id, content_hash, title, body FROM latest ORDER BY ALL"
    assert found(folder, latest) == found(tmp_path / "direct", latest)
    history = "SELECT article_id, number, change, content_hash FROM history ORDER BY ALL"
    assert found(folder, history) == found(tmp_path / "direct", history)
    captures = "SELECT count(*) FROM articles"
    assert count(folder, captures) > count(tmp_path / "direct", captures)  # they were fetched twice
    assert ended(folder) == ended(tmp_path / "direct")


def test_on_prism_what_comes_late_early_or_twice_is_there_once(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    if not PRISM.exists():
        pytest.skip("needs Beam's runner Prism: make prism")
    run(tmp_path / "direct", newsroom.feeds)
    messages = messages_of(polled(newsroom, tmp_path / "poller"))
    now = Timestamp(int(Timestamp.now()))
    played = (
        test_stream.TestStream(coder=RecordCoder(Message))
        .advance_watermark_to(now)
        .add_elements([TimestampedValue(one, now) for one in messages[:5]])
        .add_elements([TimestampedValue(BROKEN, now + 3_600)])  # ahead of the watermark
        .advance_watermark_to(now + 60)
        .add_elements([TimestampedValue(one, now - 86_400) for one in messages[3:]])  # behind it by a day
        .advance_watermark_to(now + 7_200)
        .add_elements([TimestampedValue(one, now) for one in messages])
        .advance_watermark_to_infinity()
    )
    run_stream(tmp_path / "stream", played, cluster=ON_PRISM, flush_s=1)
    assert compared(tmp_path / "stream") == compared(tmp_path / "direct")
    assert found(tmp_path / "stream", "SELECT reason FROM dead_letters") == [("malformed",)]


def test_what_is_over_a_host_s_share_comes_again_and_nothing_is_lost(newsroom: Newsroom, tmp_path: Path) -> None:
    entries = polled(newsroom, tmp_path / "poller")
    first = tmp_path / "first"
    later = [entry for entry in run_stream(first, at_once(messages_of(entries)), share=1) if entry.deferrals]
    assert later
    assert {entry.entry_id for entry in entries} == ended(first) | {entry.entry_id for entry in later}
    assert len(ended(first)) + len(later) == len(entries)
    turns = {(urls.site(entry.url), entry.not_before) for entry in later}
    assert len(turns) == len(later)  # one of a host in each window
    # What was put off is due by the end of its wait; what came before it, and comes again, is a repeat.
    second = tmp_path / "second"
    run_stream(second, at_once([*messages_of(later), *messages_of(entries)]))
    assert ended(second) == {entry.entry_id for entry in entries}
    assert count(second, "SELECT count(*) FROM outcomes WHERE is_terminal") == len(entries)


def ended(folder: Path) -> set[str]:
    return {row[0] for row in found(folder, "SELECT entry_id FROM outcomes WHERE is_terminal")}
