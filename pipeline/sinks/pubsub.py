"""pubsub:projects/P/topics/T: one message per row. At least once: a batch that is delivered again is published again.

A message is the row as JSON, as the jsonl sink writes it. Where the topic has an Avro schema, it is the row in that
schema's encoding, and rows of other tables are left out. Its attributes: `table`, `key` (the values of the row's key,
by which a reader folds repeats), and where the row has or implies them `article_id`, `capture_id`, `language`, `host`,
and `change`, the judgement that the same delivery brings. The ordering key is the article's id, for entries the host of
their address; what belongs to no article has none.

A request to the service holds messages of one ordering key; the requests of a key follow one another, so a subscription
that keeps order gets an article's rows as they were made. At most `REQUESTS` are under way, each bounded in size: that
is the flow control. Where PUBSUB_EMULATOR_HOST names an emulator, that is used, as by all of Google's libraries.
"""

import io
import json
from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import Any
from urllib.parse import urlsplit

import fastavro
import msgspec
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import Encoding, PublisherClient, SchemaServiceClient

from pipeline.sinks.base import Batch, Refused, Row, SinkError
from schemas import dialects
from schemas.records import Article, Delivery, Revision
from schemas.tables import ROWS, key_of, plain

REQUESTS = 16  # at once
REQUEST_MESSAGES = 1_000  # the service's bound (cloud.google.com/pubsub/quotas#resource_limits), as are the next
REQUEST_BYTES = 9_500_000  # of 10 MB, for the messages without their attributes
ATTRIBUTE_BYTES = 1_024  # of a value, and of an ordering key
CALL_TIMEOUT_S = 30.0
RETRY_S = 60.0  # that a request which fails for a reason that may pass is made again; then the sink has failed

# The failures that the library's own settings count as passing; those try for 10 minutes.
_RETRY = Retry(
    if_exception_type(
        exceptions.Aborted,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    ),
    initial=0.1,
    maximum=10.0,
    timeout=RETRY_S,
)


class PubSubSink:
    """At least once.

    Args:
        topic: projects/P/topics/T; it exists.
    """

    takes_entries = True

    def __init__(self, topic: str) -> None:
        self.uri = f"pubsub:{topic}"
        self._topic = topic
        self._avro: dict[str, Any] | None = None
        try:
            self._publisher = PublisherClient()
            settings = self._publisher.get_topic(topic=topic, retry=_RETRY, timeout=CALL_TIMEOUT_S).schema_settings
            if settings.schema:
                self._avro = avro_of(settings.schema)
        except (exceptions.GoogleAPIError, GoogleAuthError, ValueError) as error:
            raise self._failed(error) from error
        self._is_binary = settings.encoding == Encoding.BINARY
        self._requests = futures.ThreadPoolExecutor(REQUESTS, thread_name_prefix="publish")

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Publish the rows and wait until the service has them; see `Sink.write`, but for what came before."""
        captured = _attributes_of_captures(batch.rows)
        ordered: dict[str, list[Row]] = {}
        for row in batch.rows:
            if self._avro is None or row.table == _table_of(self._avro):
                ordered.setdefault(_ordering_key(row), []).append(row)
        published = [
            self._requests.submit(self._publish, key, rows, captured, batch.delivery) for key, rows in ordered.items()
        ]
        futures.wait(published, return_when=futures.FIRST_EXCEPTION)
        for each in published:
            each.cancel()  # after a failure: those that have not begun
        futures.wait(published)
        try:
            return [refused for each in published if not each.cancelled() for refused in each.result()]
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """End the threads and the connection."""
        self._requests.shutdown()
        self._publisher.transport.close()

    def _publish(
        self, key: str, rows: Sequence[Row], captured: Mapping[str, dict[str, str]], delivery: Delivery
    ) -> list[Refused]:
        """The rows of one ordering key, one request after the other."""
        refused: list[Refused] = []
        request: list[tuple[Row, dict[str, Any]]] = []
        size = 0
        for row in rows:
            try:
                data = self._data(row, delivery)
            except (ValueError, TypeError, OverflowError) as error:  # of fastavro: a value that its type cannot hold
                refused.append(Refused(row, str(error)))
                continue
            if request and (size + len(data) > REQUEST_BYTES or len(request) == REQUEST_MESSAGES):
                refused += self._send(request)
                request, size = [], 0
            request.append((row, {"data": data, "ordering_key": key, "attributes": _attributes(row, captured)}))
            size += len(data)
        return [*refused, *self._send(request)]

    def _send(self, request: Sequence[tuple[Row, dict[str, Any]]]) -> list[Refused]:
        if not request:
            return []
        messages = [message for _row, message in request]
        try:
            self._publisher.publish(topic=self._topic, messages=messages, retry=_RETRY, timeout=CALL_TIMEOUT_S)
        except exceptions.InvalidArgument as error:
            if len(request) == 1:
                return [Refused(request[0][0], error.message)]
            return [refused for each in request for refused in self._send([each])]
        return []

    def _data(self, row: Row, delivery: Delivery) -> bytes:
        """Raises ValueError if the service cannot hold the row."""
        if self._avro is None:
            data = msgspec.json.encode(row.record)[:-1] + b"," + msgspec.json.encode(delivery)[1:]
        else:
            data = _in_avro(self._avro, plain(row.record) | plain(delivery), is_binary=self._is_binary)
        if len(data) > REQUEST_BYTES:
            raise ValueError(f"a message of {len(data)} bytes; Pub/Sub takes {REQUEST_BYTES}")
        return data

    def _failed(self, error: Exception) -> SinkError:
        return SinkError(f"{self.uri}: {' '.join(str(error).split()) or type(error).__name__}")


# ── Avro ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def avro_of(schema_name: str) -> dict[str, Any]:
    """The parsed Avro schema of a topic.

    Raises:
        ValueError: it is no table's, or has fields that the table lacks.
    """
    client = SchemaServiceClient()
    definition = json.loads(client.get_schema(name=schema_name, retry=_RETRY, timeout=CALL_TIMEOUT_S).definition)
    client.transport.close()
    table = _table_of(definition)
    if table not in ROWS:
        raise ValueError(f"its schema {schema_name} is of no table: {table}")
    known = {field["name"] for field in dialects.avro_schema(table)["fields"]}
    unknown = {field["name"] for field in definition["fields"] if "default" not in field} - known
    if unknown:
        raise ValueError(f"its schema {schema_name} has fields that {table} lacks: {', '.join(sorted(unknown))}")
    parsed = fastavro.parse_schema(definition)
    assert isinstance(parsed, dict)  # as its definition is
    return parsed


def _table_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("name")).rpartition(".")[2]


def _in_avro(schema: dict[str, Any], values: Mapping[str, Any], *, is_binary: bool) -> bytes:
    if is_binary:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, values)
        return out.getvalue()
    text = io.StringIO()
    fastavro.json_writer(text, schema, [values])
    return text.getvalue().encode()


# ── attributes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _ordering_key(row: Row) -> str:
    record: Any = row.record
    if row.table == "entries":
        return _bounded(_host(record.url))
    return getattr(record, "article_id", None) or getattr(record, "copy_id", None) or ""


def _attributes_of_captures(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """What an article's row does not say of itself (change), and a judgement's not (language), by capture."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if isinstance(row.record, Revision):
            found.setdefault(row.record.capture_id, {})["change"] = row.record.change
        elif isinstance(row.record, Article) and row.record.language:
            found.setdefault(row.record.capture_id, {})["language"] = row.record.language
    return found


def _attributes(row: Row, captured: Mapping[str, dict[str, str]]) -> dict[str, str]:
    record = row.record
    attributes = {"table": row.table, "key": key_of(row.table, record)}
    attributes |= {name: getattr(record, name, None) or "" for name in ("article_id", "capture_id", "language")}
    attributes["host"] = _host(getattr(record, "url", None) or "")
    attributes |= captured.get(attributes["capture_id"], {})
    return {name: _bounded(value) for name, value in attributes.items() if value}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # as "http://[": what a feed gave as its address
        return ""


def _bounded(value: str) -> str:
    return value.encode()[:ATTRIBUTE_BYTES].decode(errors="ignore")
