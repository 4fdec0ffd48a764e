"""The ledger: rows from outbox and warehouse, each once, as of one moment."""

import datetime as dt
import sqlite3
from pathlib import Path

import pytest

from pipeline.data_directory import warehouse_of
from pipeline.ledger import Ledger, LedgerError, open_state
from pipeline.sinks.base import Batch, Row
from pipeline.sinks.iceberg import IcebergSink
from pipeline.state import FILE_NAME, State
from schemas.enums import BodyPolicy
from schemas.ids import EPOCH
from schemas.records import Delivery, Feed

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FEEDS = [
    Feed(feed_id=name, valid_from=NOW, url=f"https://{name}.example/rss", body_policy=BodyPolicy.NONE) for name in "ab"
]


def deliver(state: State, folder: Path) -> IcebergSink:
    sink = IcebergSink(folder)
    rows = tuple(Row(row.seq, row.table, row.record) for row in state.outbox(0, 1_000))
    sink.write(Batch(writer=state.id, rows=rows, delivery=Delivery(ingested_at=NOW, batch_id="b")))
    state.set_cursor(sink.uri, rows[-1].seq, NOW)
    sink.close()
    return sink


@pytest.mark.parametrize("where", ["warehouse", "elsewhere"])
def test_a_row_is_there_once_before_during_and_after_its_delivery(where: str, tmp_path: Path) -> None:
    state = State(tmp_path)
    state.set_feeds([(feed, feed.url) for feed in FEEDS])
    folder = warehouse_of(tmp_path) if where == "warehouse" else tmp_path / where
    expected = []
    for step in ("waiting", "both", "delivered"):
        if step == "both":
            sink = deliver(state, folder)
        elif step == "delivered":
            state.trim_outbox([sink.uri])
        with Ledger(tmp_path) as ledger:
            rows = ledger.rows(Feed, "url LIKE ?", ["%example/rss"])
            assert [row.record for row in rows] == FEEDS
            expected.append([(row.seq, row.ingested_at, row.batch_id) for row in rows])
    assert expected == [[(1, None, None), (2, None, None)], [(1, NOW, "b"), (2, NOW, "b")], [(None, NOW, "b")] * 2]
    state.close()


def test_what_is_left_out_takes_its_default(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.set_feeds([(FEEDS[0], FEEDS[0].url)])
    state.close()
    with Ledger(tmp_path) as ledger:
        (row,) = ledger.rows(Feed, leave_out=("body_policy",))
    assert row.record.body_policy is BodyPolicy.FULL


def test_reading_holds_up_nobody_and_sees_one_moment(tmp_path: Path) -> None:
    state = State(tmp_path)
    with Ledger(tmp_path) as ledger:
        state.set_feeds([(FEEDS[0], FEEDS[0].url)])
        state.set_cursor("jsonl:x", 1, EPOCH)
        assert ledger.rows(Feed) == []
        assert ledger.sinks() == {}
    with Ledger(tmp_path) as ledger:
        assert ledger.sinks() == {"jsonl:x": 1}
        assert list(ledger.queue()) == []
    state.close()


def test_what_cannot_be_read_is_said_to_be_that(tmp_path: Path) -> None:
    assert open_state(tmp_path) is None
    with pytest.raises(LedgerError, match="no run has left anything"):
        Ledger(tmp_path)
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute("UPDATE meta SET value = '999' WHERE key = 'version'")
    with pytest.raises(LedgerError, match="another version"):
        Ledger(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"nonsense" * 1_000)
    with pytest.raises(LedgerError, match=FILE_NAME):
        Ledger(tmp_path)
