"""Messages become entries or dead letters, whatever is in them; leases are extended while messages wait."""

import datetime as dt
import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.state import State
from schemas import dialects, ids
from schemas.enums import Origin, Reason, Stage
from schemas.records import DeadLetter, Delivery, Entry, Message
from schemas.tables import plain
from tests.pipeline.sinks.pubsub_server import INSTALL, pubsub, topic_of

pytest.importorskip("google.pubsub_v1", reason=INSTALL)
fastavro = pytest.importorskip("fastavro", reason=INSTALL)

from pipeline import intake, messages  # noqa: E402  # its libraries are an extra

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
DELIVERY = Delivery(ingested_at=NOW, batch_id="b")
ENTRY = Entry(
    entry_id=ids.hash_id("one"),
    feed_id="f",
    entry_key="k",
    fingerprint="p",
    change_no=2,
    origin=Origin.FEED,
    observed_at=NOW,
    url="https://outlet.example/1",
    title="É🎉",
    authors=("A", "B"),
    published_at=NOW - dt.timedelta(hours=1),
)


def read(data: bytes, table: str = "") -> Entry | DeadLetter | None:
    return messages.read_message(Message(data=data, table=table), None, NOW, is_binary=False)


def as_json(**changes: object) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(ENTRY) | changes)


@pytest.mark.parametrize("is_binary", [True, False])
def test_an_entry_comes_through_avro_as_it_was(*, is_binary: bool) -> None:
    schema = fastavro.parse_schema(dialects.avro_schema("entries"))
    values = plain(ENTRY) | plain(DELIVERY)
    if is_binary:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, values)
        data = out.getvalue()
    else:
        text = io.StringIO()
        fastavro.json_writer(text, schema, [values])
        data = text.getvalue().encode()
    assert messages.read_message(Message(data=data, table="entries"), schema, NOW, is_binary=is_binary) == ENTRY
    broken = messages.read_message(
        Message(data=data[: len(data) // 2], table="entries"), schema, NOW, is_binary=is_binary
    )
    assert isinstance(broken, DeadLetter)


def test_what_a_stream_published_again_comes_as_it_was() -> None:
    again = replace(ENTRY, origin=Origin.REVISIT, attempt=2, revisit_no=1, deferrals=3, not_before=NOW, article_id="a")
    assert read(msgspec.json.encode(again)) == again


def test_rows_of_other_tables_are_passed_over() -> None:
    assert read(b"{}", "polls") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"origin": "backfill"}, "origin backfill"),
        ({"entry_id": "../x"}, "32 hexadecimal"),
        ({"observed_at": "2026-05-04T03:02:01"}, "without its zone"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, ""),
        ({"change_no": 10**30}, ""),
        ({"attempt": -1}, "attempt: not between 0 and 1,000,000"),
        ({"not_before": "2026-05-04T03:02:01"}, "without its zone"),
        ({"title": 1}, "title"),
    ],
)
def test_a_malformed_entry_becomes_a_dead_letter(changes: dict[str, object], words: str) -> None:
    letter = read(as_json(**changes))
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason) == (Stage.READ, Reason.MALFORMED)
    assert words in letter.error


@given(st.one_of(st.binary(), st.dictionaries(st.text(), st.integers() | st.text()).map(msgspec.json.encode)))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_no_message_raises(data: bytes) -> None:
    assert isinstance(read(data), Entry | DeadLetter)
    schema = fastavro.parse_schema(dialects.avro_schema("entries"))
    for is_binary in (True, False):
        assert isinstance(
            messages.read_message(Message(data=data, table=""), schema, NOW, is_binary=is_binary), Entry | DeadLetter
        )


def test_what_is_known_is_left_out_of_the_commit(tmp_path: Path) -> None:
    letter = read(b"no address")
    assert isinstance(letter, DeadLetter)
    state = State(tmp_path)
    for _ in range(2):
        state.take_in([ENTRY, ENTRY], [letter, letter], NOW)
    assert state.queue_length() == 1
    assert [row.record for row in state.outbox(0, 10)] == [letter]
    assert state.entries_due(NOW, 10, 10) == [ENTRY]
    state.close()


def test_leases_are_extended_while_messages_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pubsub()
    topic = topic_of(tmp_path).name
    library.PublisherClient().publish(topic=topic, messages=[{"data": b"https://outlet.example/1"}])
    now, extended = [0.0], threading.Event()
    deadlines: list[int] = []

    def modify(_self: object, **call: Any) -> None:
        deadlines.append(call["ack_deadline_seconds"])
        extended.set()

    monkeypatch.setattr(library.SubscriberClient, "modify_ack_deadline", modify)

    class Later:
        @staticmethod
        def monotonic() -> float:
            now[0] += 6.0  # more than half of the emulator's deadline of 10 s
            return now[0]

    monkeypatch.setattr(intake, "time", Later)
    source = intake.PubSubIntake(topic.replace("/topics/", "/subscriptions/"), lambda: NOW)
    assert extended.wait(30)
    taken = source.take()
    assert [entry.url for entry in taken.entries] == ["https://outlet.example/1"]
    source.close()
    assert deadlines[0] == 10
    assert deadlines[-1] == 0  # given back: it was not committed
