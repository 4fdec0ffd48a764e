"""state.db from the warehouse alone: what comes back, and that the next run writes nothing anew."""

import datetime as dt
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import alias_store, warehouse
from pipeline.cli.main import app
from pipeline.data_directory import DataDirectoryError, RunnerLock, warehouse_of
from pipeline.feed_store import add_feeds, feed_list
from pipeline.feedlist import read_feeds
from pipeline.maintain import ARTICLE_TTL, SKETCH_TTL
from pipeline.memory import StateMemory
from pipeline.newsroom import Newsroom
from pipeline.rebuild import RebuildError, Rebuilt, rebuild_state
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.state import State
from schemas import codec
from schemas.enums import LinkKind, Origin, OutcomeKind, Stage
from schemas.memory import KnownCapture
from schemas.records import Article, Capture, Delivery, Entry, Feed, PollState
from transforms import outcomes
from transforms.identify import aliases_of, names_of
from transforms.link import link, sketch_of
from transforms.revise import revise
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
TEXT = (
    "The ferry to the northern islands was cancelled on Monday after engineers found a crack in its hull, the port "
    "authority said. Some 300 passengers were taken home by bus. A second vessel, the Grey Heron, is to take over the "
    "route on Thursday, weather permitting, and the harbour master hopes for repairs within three weeks."
)


def capture(article: str, observed_at: dt.datetime, body: str) -> Article:
    return Article(
        capture_id=f"{article} {observed_at:%d %H:%M}",
        article_id=article,
        content_hash=body,
        observed_at=observed_at,
        url=f"https://{article}.example/story",
        canonical_url=f"https://{article}.example/story",
        extractor_name="x",
        extractor_version="1",
        title="Ferry cancelled",
        body=body,
        language="en",
    )


def publish(folder: Path, *captures: Article, now: dt.datetime = NOW) -> None:
    """What a run would do with these captures, one cycle each, delivered."""
    state, memory = State(folder), StateMemory(str(folder))
    for article in captures:
        seen = Capture(article=article, entry_id=article.capture_id, attempt=1, origin=Origin.FEED)
        judgement = revise(seen, memory.neighbours(article.article_id))
        sketch = sketch_of(article)
        assert judgement.change
        assert sketch
        linked = link(sketch, memory)
        gathered = Gathered()
        for record in (article, *judgement.revisions, *judgement.known, linked.sketch, *linked.lineages, *linked.links):
            if record is not None:
                gathered.add(record)
        state.commit([], gathered, now)
    deliver(folder, state, now)
    memory.close()
    state.close()


def deliver(folder: Path, state: State, now: dt.datetime = NOW) -> None:
    sink = open_sink(f"iceberg:{warehouse_of(folder)}")
    rows = tuple(Row(row.seq, row.table, row.record) for row in state.outbox(0, 1000))
    sink.write(Batch(state.id, rows, Delivery(ingested_at=now, batch_id=f"{state.id}-{rows[-1].seq}")))
    sink.close()


def rebuild(folder: Path) -> Rebuilt:
    return rebuild_state(folder, is_forced=True, clock=lambda: NOW)


def remembered(folder: Path) -> dict[str, list[Any]]:
    """What the memories hold, without the numbers that only count sketches as they come."""
    with sqlite3.connect(folder / "state.db") as database:
        captures = database.execute("SELECT known FROM captures ORDER BY known")
        return {
            "captures": [codec.decode(row[0], KnownCapture) for row in captures],
            "sketches": sorted(row[1:] for row in database.execute("SELECT * FROM sketches")),
            "lineages": database.execute("SELECT * FROM lineages ORDER BY article_id").fetchall(),
        }


def hours(number: float) -> dt.datetime:
    return NOW - dt.timedelta(days=2) + dt.timedelta(hours=number)


def test_captures_sketches_and_lineages_come_back_as_they_were(tmp_path: Path) -> None:
    publish(
        tmp_path,
        capture("wire", hours(1), TEXT),
        capture("copy", hours(2), f"{TEXT} Additional reporting by our staff."),
        capture("alone", hours(3), "Something else entirely happened, and few words were made of it by anyone at all."),
        capture("wire", hours(4), f"{TEXT} The company declined to comment."),
        capture("early", hours(0), TEXT),  # late: the others follow it now
        capture("wire", hours(2.5), f"{TEXT} This story is developing."),  # late as well: judged in its place
    )
    before = remembered(tmp_path)
    rebuilt = rebuild(tmp_path)
    after = remembered(tmp_path)
    assert (rebuilt.captures, rebuilt.sketches, rebuilt.lineages) == (6, 6, 3)
    assert after == before
    memory = StateMemory(str(tmp_path))
    assert [(each.article_id, each.kind) for each in memory.members("early")] == [
        ("copy", LinkKind.SYNDICATED),
        ("early", LinkKind.ORIGINAL),
        ("wire", LinkKind.SYNDICATED),
    ]
    memory.close()


def test_articles_keep_their_names(tmp_path: Path) -> None:
    read = replace(capture("wire", hours(1), TEXT), feed_id="feed", guid="tag:1", url="https://wire.example/new")
    entry = Entry(
        entry_id="entry",
        feed_id="feed",
        entry_key="tag:1",
        fingerprint="",
        change_no=0,
        origin=Origin.FEED,
        observed_at=NOW,
        url="https://wire.example/asked",
    )
    answer = Capture(
        article=read, entry_id="entry", attempt=1, origin=Origin.FEED, entry_url=entry.url, entry_key=entry.entry_key
    )
    published = outcomes.of_capture(answer, Stage.WRITE, OutcomeKind.PUBLISHED, NOW)
    state, gathered = State(tmp_path), Gathered()
    for record in (read, published, *aliases_of(answer)):
        gathered.add(record)
    state.commit([entry], gathered, NOW)
    deliver(tmp_path, state)
    state.close()
    names = [name.key for name in names_of(answer)]
    assert len(names) == 4
    for _ in range(2):
        memory = StateMemory(str(tmp_path))
        assert sorted(memory.known(names), key=repr) == sorted(aliases_of(answer), key=repr)
        memory.close()
        rebuild(tmp_path)


def test_judgements_go_on_counting_up(tmp_path: Path) -> None:
    publish(tmp_path, capture("wire", hours(1), TEXT), capture("copy", hours(2), TEXT))
    rebuild(tmp_path)
    publish(tmp_path, capture("early", hours(0), TEXT), capture("wire", hours(0.5), f"{TEXT} This is developing."))
    with warehouse.connect(warehouse_of(tmp_path)) as connection:
        for key, table in (("copy_id", "links"), ("capture_id", "revisions")):
            doubled = f"SELECT {key}, judged_seq FROM {table} GROUP BY ALL HAVING count(*) > 1"
            assert connection.execute(doubled).fetchall() == []
        assert connection.execute("SELECT DISTINCT cluster_id FROM latest").fetchall() == [("early",)]


def test_what_is_too_old_stays_forgotten(tmp_path: Path) -> None:
    publish(
        tmp_path,
        capture("old", NOW - ARTICLE_TTL - dt.timedelta(hours=1), TEXT),
        capture("middle", NOW - ARTICLE_TTL, f"{TEXT} And so on."),
        capture("young", NOW - SKETCH_TTL, f"{TEXT} And so forth."),
        now=NOW - 2 * ARTICLE_TTL,
    )
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.captures, rebuilt.sketches, rebuilt.lineages) == (2, 1, 1)  # "young" stands alone


def test_feeds_come_back_without_a_row_being_written(tmp_path: Path) -> None:
    state = State(tmp_path)
    first = Feed(feed_id="f", valid_from=NOW, url="https://outlet.example/feed")
    newer = replace(first, valid_from=NOW + dt.timedelta(days=1), outlet="The Outlet")
    for feed in (first, newer):
        state.set_feeds([(feed, "https://user:secret@outlet.example/feed")])
    deliver(tmp_path, state)
    old_id = state.id
    state.close()
    assert rebuild(tmp_path).feeds == 1
    state = State(tmp_path)
    (due,) = state.feeds_of(["f"])
    assert (due.feed, due.request_url, due.state) == (newer, first.url, PollState(feed_id="f"))
    state.set_feeds([(replace(newer, valid_from=NOW + dt.timedelta(days=2)), first.url)])
    assert state.outbox(0, 10) == []
    assert state.id != old_id
    state.close()


def test_the_old_file_is_put_aside_and_only_when_asked(tmp_path: Path) -> None:
    publish(tmp_path, capture("a", hours(1), TEXT))
    with pytest.raises(RebuildError, match="--force"):
        rebuild_state(tmp_path)
    rebuilt = rebuild(tmp_path)
    assert rebuilt.put_aside is not None
    with sqlite3.connect(rebuilt.put_aside) as database:
        assert database.execute("SELECT count(*) FROM outbox").fetchone() == (rebuilt.undelivered,)


def test_feeds_added_by_command_are_taken_over_with_their_credentials(tmp_path: Path) -> None:
    publish(tmp_path, capture("a", NOW, TEXT))
    (setting,) = read_feeds(["https://user:secret@outlet.example/feed"], valid_from=NOW).feeds
    add_feeds(tmp_path, [setting], NOW)
    rebuild_state(tmp_path, is_forced=True)
    assert [stored.setting for stored in feed_list(tmp_path)] == [setting]


def test_what_was_purged_is_never_taken_in_again(tmp_path: Path) -> None:
    publish(tmp_path, capture("a", hours(1), TEXT))
    with sqlite3.connect(tmp_path / "state.db") as database:
        alias_store.suppress(database, ["purged"], NOW)
    rebuild(tmp_path)
    memory = StateMemory(str(tmp_path))
    assert memory.is_suppressed(["purged"])
    memory.close()


def test_a_damaged_file_is_put_aside_too(tmp_path: Path) -> None:
    publish(tmp_path, capture("a", hours(1), TEXT))
    (tmp_path / "state.db").write_bytes(b"no database at all, whatever its name says")
    rebuilt = rebuild(tmp_path)
    assert (rebuilt.undelivered, rebuilt.captures) == (None, 1)


def test_while_a_run_is_going_on_nothing_is_touched(tmp_path: Path) -> None:
    publish(tmp_path, capture("a", hours(1), TEXT))
    before = (tmp_path / "state.db").read_bytes()
    lock = RunnerLock(tmp_path)
    with pytest.raises(DataDirectoryError, match="another run"):
        rebuild(tmp_path)
    lock.release()
    assert (tmp_path / "state.db").read_bytes() == before


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, capture("a", hours(1), TEXT))
    before = remembered(tmp_path)

    def fail(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(State, "set_cursor", fail)
        rebuild(tmp_path)
    assert remembered(tmp_path) == before
    rebuild(tmp_path)  # what was left half done is in nobody's way
    assert not (tmp_path / "state-unfinished").exists()


def test_without_a_warehouse_there_is_nothing_to_make_it_from(tmp_path: Path) -> None:
    with pytest.raises(warehouse.WarehouseError, match="no warehouse"):
        rebuild_state(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_after_it_publishes_nothing_new(tmp_path: Path) -> None:
    def run() -> None:
        options = ["--once", "--data", str(tmp_path), "--allow-net", "127.0.0.0/8", "--host-delay", "0"]
        done = CliRunner().invoke(app, ["run", *newsroom.feeds[:5], *options])
        assert done.exit_code == 0, done.output

    def counts() -> list[Any]:
        with warehouse.connect(warehouse_of(tmp_path)) as connection:
            tables = ("articles", "revisions", "links", "feeds", "dead_letters", "latest")
            return [connection.execute(f"SELECT count(*) FROM {table}").fetchall() for table in tables]

    with Newsroom(slow_s=0.0) as newsroom:
        run()
        newsroom.advance()
        run()
        before = counts()
        (tmp_path / "state.db").unlink()
        rebuild_state(tmp_path)
        run()
        assert counts() == before
        with warehouse.connect(warehouse_of(tmp_path)) as connection:
            again = connection.execute(
                "SELECT DISTINCT outcome FROM outcomes"
                " WHERE is_terminal QUALIFY row_number() OVER (PARTITION BY entry_id ORDER BY decided_at) > 1"
            ).fetchall()
        assert set(again) <= {("unchanged",), ("dropped",), ("failed",)}
        assert ("unchanged",) in again
