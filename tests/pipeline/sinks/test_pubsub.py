"""What is Pub/Sub's own: attributes, order, repeats, schemas and bounds, against Google's emulator."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.sinks import open_sink
from pipeline.sinks.base import Row, SinkError
from schemas import dialects, ids
from schemas.enums import Change, Origin
from schemas.records import Article, Entry, Revision
from tests.pipeline.sinks.pubsub_server import PROJECT, Topic, in_pubsub, pubsub, topic_of
from tests.pipeline.sinks.test_sinks import DELIVERY, NOW, batch, record


def article(number: int, of: str = "a") -> Article:
    made = record("articles", number)
    assert isinstance(made, Article)
    return replace(made, article_id=of, language="en")


def write(uri: str, some: list[Row], times: int = 1) -> list[Any]:
    sink = open_sink(uri)
    refused = [each for _ in range(times) for each in sink.write(batch(some))]
    sink.close()
    return refused


def test_a_message_says_what_its_row_is(tmp_path: Path) -> None:
    judged = Revision(capture_id="001", judged_seq=0, article_id="a", observed_at=NOW, change=Change.KILL)
    write(in_pubsub(tmp_path), [Row(1, "articles", article(1)), Row(2, "revisions", judged)])
    first, second = topic_of(tmp_path).messages()
    assert dict(first.attributes) == {
        "table": "articles",
        "key": "001",
        "article_id": "a",
        "capture_id": "001",
        "language": "en",
        "host": "outlet.example",
        "change": "kill",
    }
    assert second.attributes["key"] == "001 0"
    assert {each.ordering_key for each in (first, second)} == {"a"}
    assert msgspec.json.decode(first.data)["batch_id"] == DELIVERY.batch_id


def test_an_articles_rows_arrive_in_their_order(tmp_path: Path) -> None:
    some = [Row(seq, "articles", article(seq, "ab"[seq % 2])) for seq in range(1, 200)]
    write(in_pubsub(tmp_path), some[:100])
    write(in_pubsub(tmp_path), some[100:])
    for key in "ab":
        arrived = [each.attributes["key"] for each in topic_of(tmp_path).messages() if each.ordering_key == key]
        assert arrived == [f"{row.seq:03d}" for row in some if row.record.article_id == key]


def test_a_batch_that_is_delivered_again_comes_again_under_the_same_keys(tmp_path: Path) -> None:
    write(in_pubsub(tmp_path), [Row(seq, "articles", article(seq)) for seq in (1, 2)], times=2)
    assert [each.attributes["key"] for each in topic_of(tmp_path).messages()] == ["001", "002"] * 2


def test_an_entrys_key_is_the_host_that_its_page_is_asked_of(tmp_path: Path) -> None:
    some = [
        Entry(
            entry_id=f"{number}",
            feed_id="f",
            entry_key="k",
            fingerprint="",
            change_no=0,
            origin=Origin.FEED,
            observed_at=NOW,
            url=url,
        )
        for number, url in enumerate(["https://outlet.example/1", "http://["])
    ]
    assert not write(in_pubsub(tmp_path), [Row(seq, "entries", row) for seq, row in enumerate(some, start=1)])
    assert {each.attributes["key"]: each.ordering_key for each in topic_of(tmp_path).messages()} == {
        "0 1 0": "outlet.example",
        "1 1 0": "",
    }


def test_a_message_over_the_limit_is_refused_and_the_others_go(tmp_path: Path) -> None:
    large = replace(article(1), body="x" * 9_500_001)
    (refused,) = write(in_pubsub(tmp_path), [Row(1, "articles", large), Row(2, "articles", article(2))])
    assert refused.row.seq == 1
    assert "Pub/Sub takes 9500000" in refused.error
    assert [each.attributes["key"] for each in topic_of(tmp_path).messages()] == ["002"]


# ── topics with a schema ───────────────────────────────────────────────────────────────────────────────────────────


def topic_with(folder: Path, definition: dict[str, Any], encoding: str) -> Topic:
    library = pubsub()
    name = f"t{ids.hash_id('topic', str(folder))}"
    schema = library.SchemaServiceClient().create_schema(
        parent=PROJECT,
        schema={"type_": library.Schema.Type.AVRO, "definition": json.dumps(definition)},
        schema_id=name,
    )
    return Topic(name, schema_settings={"schema": schema.name, "encoding": library.Encoding[encoding]})


@pytest.mark.parametrize("encoding", ["JSON", "BINARY"])
def test_a_topics_schema_says_how_rows_are_written(tmp_path: Path, encoding: str) -> None:
    definition = dialects.avro_schema("articles")
    topic = topic_with(tmp_path, definition, encoding)
    one = replace(article(1), title="É🎉", body="é" * 1_000, published_at=NOW)
    assert not write(f"pubsub:{topic.name}", [Row(1, "articles", one), Row(2, "revisions", record("revisions", 1))])
    (message,) = topic.messages()
    import fastavro  # noqa: PLC0415  # an extra

    if encoding == "BINARY":
        found = fastavro.schemaless_reader(io.BytesIO(message.data), definition, None)
    else:
        (found,) = fastavro.json_reader(io.StringIO(message.data.decode()), definition)
    assert isinstance(found, dict)
    assert {found.pop("batch_id"), found.pop("ingested_at")} == {DELIVERY.batch_id, DELIVERY.ingested_at}
    assert msgspec.convert(found, Article) == one


def test_a_value_that_the_schema_refuses_costs_its_row_only(tmp_path: Path) -> None:
    topic = topic_with(tmp_path, dialects.avro_schema("articles"), "BINARY")
    some = [Row(1, "articles", replace(article(1), urgency=2**63)), Row(2, "articles", article(2))]
    assert [each.row.seq for each in write(f"pubsub:{topic.name}", some)] == [1]
    assert [each.attributes["key"] for each in topic.messages()] == ["002"]


def test_a_schema_that_is_of_no_table_is_refused(tmp_path: Path) -> None:
    definition = {"type": "record", "name": "weather", "fields": [{"name": "wind", "type": "string"}]}
    topic = topic_with(tmp_path, definition, "JSON")
    with pytest.raises(SinkError, match="is of no table: weather"):
        open_sink(f"pubsub:{topic.name}")


def test_what_the_service_refuses_is_found_message_by_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = in_pubsub(tmp_path)
    from google.api_core.exceptions import InvalidArgument  # noqa: PLC0415  # an extra

    library = pubsub()
    publish = library.PublisherClient.publish

    def strict(self: Any, *, messages: list[Any], **more: Any) -> Any:
        if any(message["attributes"]["key"] == "002" for message in messages):
            raise InvalidArgument("does not fit")
        return publish(self, messages=messages, **more)

    monkeypatch.setattr(library.PublisherClient, "publish", strict)
    (refused,) = write(uri, [Row(seq, "articles", article(seq)) for seq in (1, 2, 3)])
    assert (refused.row.seq, refused.error) == (2, "does not fit")
    assert [each.attributes["key"] for each in topic_of(tmp_path).messages()] == ["001", "003"]


def test_a_failure_is_the_sinks_and_the_next_try_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = open_sink(in_pubsub(tmp_path))
    from google.api_core.exceptions import RetryError  # noqa: PLC0415  # an extra

    some = [Row(seq, "articles", article(seq, str(seq))) for seq in range(1, 50)]

    def down(*_args: Any, **_more: Any) -> None:
        raise RetryError("no answer", cause=None)

    with monkeypatch.context() as patch, pytest.raises(SinkError, match="no answer"):
        patch.setattr(pubsub().PublisherClient, "publish", down)
        sink.write(batch(some))
    assert not sink.write(batch(some))
    sink.close()
    assert len(topic_of(tmp_path).messages()) == len(some)


def test_a_topic_that_is_missing_is_said() -> None:
    pubsub()
    with pytest.raises(SinkError, match="404"):
        open_sink("pubsub:projects/test/topics/nowhere")


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.sinks.pubsub", None)
    with pytest.raises(SinkError, match=r"pip install 'wirebeam\[gcp\]'"):
        open_sink("pubsub:projects/p/topics/t")
