"""Messages become entries or dead letters, whatever is in them; leases are extended while messages wait."""

import concurrent.futures
import datetime as dt
import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pebble import ProcessExpired

from pipeline.state import State
from schemas import dialects, ids
from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import Capture, DeadLetter, Delivery, Entry, Message, Outcome
from schemas.tables import plain
from tests.pipeline import wire_documents
from tests.pipeline.sinks.pubsub_server import INSTALL, pubsub, topic_of
from transforms.pool import Pool, Task
from transforms.shared import Shared

pytest.importorskip("google.pubsub_v1", reason=INSTALL)
fastavro = pytest.importorskip("fastavro", reason=INSTALL)

from pipeline import intake, messages  # noqa: E402  # its libraries are an extra
from pipeline.messages import Brought  # noqa: E402  # as above

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
POOL = Shared(Pool, (1,))
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


@pytest.fixture(scope="module", autouse=True)
def _closed_pool() -> Iterator[None]:
    yield
    POOL.close()


def read_all(message: Message, schema: Any = None, *, is_binary: bool = False) -> list[Brought]:
    return messages.read_message(message, schema, NOW, POOL, is_binary=is_binary)


def read(data: bytes, schema: Any = None, table: str = "", *, is_binary: bool = False) -> Brought:
    (found,) = read_all(Message(data=data, table=table), schema, is_binary=is_binary)
    return found


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
    assert read(data, schema, "entries", is_binary=is_binary) == ENTRY
    assert isinstance(read(data[: len(data) // 2], schema, "entries", is_binary=is_binary), DeadLetter)


def test_what_a_stream_published_again_comes_as_it_was() -> None:
    again = replace(ENTRY, origin=Origin.REVISIT, attempt=2, revisit_no=1, deferrals=3, not_before=NOW, article_id="a")
    assert read(msgspec.json.encode(again)) == again


def test_rows_of_other_tables_are_passed_over() -> None:
    assert read_all(Message(data=b"{}", table="polls")) == []


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
        ({"not_before": "9999-12-31T23:59:59Z"}, "not_before: more than 400 days"),
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
@example(b"<newsItem>" * 100_000)
def test_no_message_raises(data: bytes) -> None:
    assert isinstance(read(data), Entry | DeadLetter)
    schema = fastavro.parse_schema(dialects.avro_schema("entries"))
    for is_binary in (True, False):
        assert isinstance(read(data, schema, is_binary=is_binary), Entry | DeadLetter)


def test_a_wire_document_brings_a_capture_of_each_item() -> None:
    found = read_all(Message(data=wire_documents.document(1)))
    assert [each.article.version for each in found if isinstance(each, Capture)] == ["1"]
    both = b'{"items": [%s, %s]}' % (wire_documents.PICTURE, wire_documents.update())
    update, picture = read_all(Message(data=both))
    assert isinstance(picture, Outcome)
    assert (picture.stage, picture.outcome, picture.reason) == (Stage.READ, OutcomeKind.DROPPED, Reason.NO_TEXT)
    assert picture.is_terminal
    assert "its type is picture" in (picture.detail or "")
    assert isinstance(update, Capture)
    assert update.article.body.count("\n\n") == 3


def test_a_document_without_a_time_has_its_message_s_whenever_it_comes() -> None:
    sent_at = NOW - dt.timedelta(hours=3)
    data = wire_documents.document(1, versioncreated=None)
    for later_s in (0, 600):
        found = messages.read_message(
            Message(data=data, sent_at=sent_at), None, NOW + dt.timedelta(seconds=later_s), POOL, is_binary=False
        )
        assert [each.article.observed_at for each in found if isinstance(each, Capture)] == [sent_at]


def test_what_is_wrong_with_the_items_of_a_document_is_one_letter_and_shows_nothing_embargoed() -> None:
    items = [wire_documents.document(1), *[b'{"uri": "urn:x:%d", "headline": ""}' % number for number in range(9)]]
    data = b"[%s]" % b", ".join(items)
    capture, letter = read_all(Message(data=data))
    assert isinstance(capture, Capture)
    assert isinstance(letter, DeadLetter)
    assert letter.raw == data
    assert "urn:x:0" in letter.error
    assert "urn:x:8" in letter.error
    items[0] = wire_documents.document(1, embargoed=(NOW + dt.timedelta(hours=1)).isoformat())
    _, letter = read_all(Message(data=b"[%s]" % b", ".join(items)))
    assert isinstance(letter, DeadLetter)
    assert letter.raw == b""


class Unlucky:
    """A pool of whose workers so many die before one gives a result: a machine under load."""

    def __init__(self, deaths: int) -> None:
        self._deaths = deaths

    def submit(self, function: Any, *args: Any, timeout_s: float) -> Task[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        if self._deaths:
            future.set_exception(ProcessExpired("killed", -9))  # type: ignore[no-untyped-call]  # pebble's
        else:
            future.set_result((function(*args), 0.0))
        self._deaths -= 1
        return Task(future, timeout_s)


@pytest.mark.parametrize(("deaths", "is_read"), [(1, True), (2, False)])
def test_a_document_whose_worker_died_is_tried_once_more(deaths: int, *, is_read: bool) -> None:
    pool: Shared[Any] = Shared(Unlucky, (deaths,))
    data = wire_documents.document(1)
    (found,) = messages.read_message(Message(data=data), None, NOW, pool, is_binary=False)
    pool.forget()
    if is_read:
        assert isinstance(found, Capture)
    else:
        assert isinstance(found, DeadLetter)
        assert (found.reason, found.raw) == (Reason.CRASHED, data)


def test_a_document_that_cannot_be_read_becomes_a_dead_letter() -> None:
    letter = read(wire_documents.CUT)
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason, letter.raw) == (Stage.READ, Reason.MALFORMED, wire_documents.CUT)
    assert "XML" in letter.error


def test_what_is_known_is_left_out_of_the_commit(tmp_path: Path) -> None:
    letter, picture = read(b"no address"), read(wire_documents.PICTURE)
    assert isinstance(letter, DeadLetter)
    assert isinstance(picture, Outcome)
    state = State(tmp_path)
    for _ in range(2):
        state.take_in([ENTRY, ENTRY], [letter, picture, letter], NOW)
    assert state.queue_length() == 1
    assert [row.record for row in state.outbox(0, 10)] == [letter, picture]
    assert state.entries_due(NOW, 10, 10) == [ENTRY]


def test_documents_wait_in_the_queue_for_no_host_and_are_known_again(tmp_path: Path) -> None:
    versions = [wire_documents.document(1), wire_documents.update(), wire_documents.kill()]
    captures = [each for data in versions for each in read_all(Message(data=data)) if isinstance(each, Capture)]
    state = State(tmp_path)
    for _ in range(2):
        state.take_in([], [], NOW, captures)
    due = state.entries_due(NOW, 10, per_host=1)
    assert [entry.entry_id for entry in due] == [each.entry_id for each in captures]
    to_fetch, held = state.take_held(due)
    assert to_fetch == []
    assert held.captures == captures
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
    source = intake.PubSubIntake(topic.replace("/topics/", "/subscriptions/"), POOL, lambda: NOW)
    assert extended.wait(30)
    taken = source.take()
    assert [entry.url for entry in taken.entries] == ["https://outlet.example/1"]
    source.close()
    assert deadlines[0] == 10
    assert deadlines[-1] == 0  # given back: it was not committed
