"""Messages of a subscription become entries, captures of wire documents, outcomes, or dead letters.

A message is an `Entry` as `wirebeam poll --to pubsub:` and a stream publish it (JSON, or the Avro of the topic's
schema), a JSON object with `url` and the further fields of `pipeline.sources.fields`, an address as text, or a whole
wire document (`transforms.wire.documents` says which). Rows of other tables that `poll` publishes beside its entries
are passed over; anything else is malformed.
"""

import dataclasses
import datetime as dt
import io
from dataclasses import dataclass
from typing import Any

import fastavro
import msgspec
from google.pubsub_v1 import Encoding, PublisherClient, ReceivedMessage, SubscriberClient

from pipeline.sinks.pubsub import CALL_TIMEOUT_S, avro_of
from pipeline.sources.fields import entry_of
from schemas import codec, ids
from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import Capture, DeadLetter, Entry, Message, Outcome
from transforms.outcomes import DETAIL_LIMIT, RAW_LIMIT_BYTES
from transforms.pool import Pool, TaskFailed
from transforms.shared import Shared
from transforms.wire import documents

SCHEME = "pubsub:"

_ID_DIGITS = frozenset("0123456789abcdef")
_ID_LENGTH = 32
_ORIGINS = frozenset({Origin.FEED, Origin.RETRY, Origin.REVISIT})  # of what pollers and streams publish
_COUNTS = ("change_no", "attempt", "attempts_before", "revisit_no", "failed_looks", "deferrals")
_HIGHEST_COUNT = 1_000_000
LONGEST_WAIT = dt.timedelta(days=400)  # that an entry may have: retries and revisits take days


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a reader of a subscription must know of it.

    Args:
        name: projects/P/subscriptions/S.
        topic: projects/P/topics/T.
        ack_deadline_s: for so long a message is leased.
        schema: the parsed Avro schema of its topic; None if that has none.
        is_binary: of a topic with a schema, whether it is Avro's binary encoding.
    """

    name: str
    topic: str
    ack_deadline_s: int
    schema: Any = None
    is_binary: bool = False


def subscription_of(name: str) -> Subscription:
    """Ask the service for a subscription and its topic.

    Args:
        name: projects/P/subscriptions/S.

    Raises:
        google.api_core.exceptions.GoogleAPIError: it cannot be asked, or the subscription is not there.
        google.auth.exceptions.GoogleAuthError: there are no credentials.
        ValueError: the topic's schema is none that entries have.
    """
    subscriber = SubscriberClient()
    found = subscriber.get_subscription(subscription=name, timeout=CALL_TIMEOUT_S)
    subscriber.transport.close()
    publisher = PublisherClient()
    settings = publisher.get_topic(topic=found.topic, timeout=CALL_TIMEOUT_S).schema_settings
    publisher.transport.close()
    return Subscription(
        name=name,
        topic=found.topic,
        ack_deadline_s=found.ack_deadline_seconds,
        schema=avro_of(settings.schema) if settings.schema else None,
        is_binary=settings.encoding == Encoding.BINARY,
    )


Brought = Entry | Capture | Outcome | DeadLetter


def read_message(
    message: Message, schema: Any, now: dt.datetime, pool: Shared[Pool], *, is_binary: bool
) -> list[Brought]:
    """What a message brings.

    Args:
        message: as it came.
        schema: the parsed Avro schema of its topic; None if that has none.
        now: when it was pulled.
        pool: where wire documents are read: a hostile one costs itself only.
        is_binary: of a topic with a schema, whether it is Avro's binary encoding.

    Returns:
        The entry; of a wire document for each of its items a capture, or the outcome of one that is no text, and one
        dead letter for all that cannot be used; a dead letter for any other that is malformed. Nothing for a row that
        is no entry.
    """
    if message.table not in {"", "entries"}:
        return []
    try:
        if schema is not None:
            return [_checked(msgspec.convert(_avro_values(message.data, schema, is_binary=is_binary), Entry))]
        if not message.table and documents.looks_like_wire(message.data):
            return _of_document(message.data, message.sent_at or now, now, pool)
        return [_entry_in(message.data, now)]
    # ValueError covers msgspec's and Unicode's; fastavro raises nearly anything at bytes that are not of its schema.
    except (ValueError, LookupError, TypeError, ArithmeticError, EOFError, RecursionError, StopIteration) as error:
        return [_letter_of(message.data, Reason.MALFORMED, words(error), now)]


def message_of(received: ReceivedMessage) -> Message:
    """A message as it was pulled."""
    message = received.message
    return Message(
        data=message.data, table=message.attributes.get("table", ""), sent_at=plain_time(message.publish_time)
    )


def plain_time(published_at: dt.datetime) -> dt.datetime:
    """A time of publication as every other record has it: the client library has a class of its own."""
    return dt.datetime.fromtimestamp(published_at.timestamp(), dt.UTC)


def words(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _entry_in(data: bytes, now: dt.datetime) -> Entry:
    """The entry of a message without a schema.

    Raises:
        ValueError: it holds none.
    """
    text = data.decode().strip()
    if not text.startswith("{"):
        return dataclasses.replace(entry_of({"url": text}, now), origin=Origin.FEED)
    fields = msgspec.json.decode(text)
    if "entry_id" in fields:
        return _checked(msgspec.convert(fields, Entry))
    named = {name.lower(): value for name, value in fields.items()}
    return dataclasses.replace(entry_of(named, now), origin=Origin.FEED)


def _checked(entry: Entry) -> Entry:
    """An entry of a poller or a stream, its times in UTC.

    Raises:
        ValueError: it is of another origin, or a value cannot be used.
    """
    if entry.origin not in _ORIGINS:
        raise ValueError(f"origin {entry.origin}: only entries of feeds and visits to their pages are taken")
    if len(entry.entry_id) != _ID_LENGTH or not _ID_DIGITS.issuperset(entry.entry_id):
        raise ValueError("entry_id: not 32 hexadecimal digits")
    for name in _COUNTS:
        if not 0 <= getattr(entry, name) <= _HIGHEST_COUNT:
            raise ValueError(f"{name}: not between 0 and {_HIGHEST_COUNT:,}")
    times = {name: getattr(entry, name) for name in ("observed_at", "published_at", "modified_at", "not_before")}
    if any(at is not None and at.tzinfo is None for at in times.values()):
        raise ValueError("a time without its zone")
    if entry.not_before and entry.not_before > entry.observed_at + LONGEST_WAIT:
        raise ValueError(f"not_before: more than {LONGEST_WAIT.days} days after observed_at")
    utc: dict[str, Any] = {name: at and at.astimezone(dt.UTC) for name, at in times.items()}
    entry = dataclasses.replace(entry, **utc)
    codec.encode(entry)  # state could not hold a number of any size
    return entry


def _avro_values(data: bytes, schema: Any, *, is_binary: bool) -> Any:
    if is_binary:
        return fastavro.schemaless_reader(io.BytesIO(data), schema, None)
    return next(iter(fastavro.json_reader(io.StringIO(data.decode()), schema)))


def _of_document(data: bytes, sent_at: dt.datetime, now: dt.datetime, pool: Shared[Pool]) -> list[Brought]:
    found = _read_document(data, sent_at, pool)
    if isinstance(found, TaskFailed):  # once more: a machine under load fails what is sound
        found = _read_document(data, sent_at, pool)
    if isinstance(found, TaskFailed):
        return [_letter_of(data, found.reason, found.detail, now)]
    captures = [each for each in found if isinstance(each, Capture)]
    errors = [each for each in found if isinstance(each, documents.WireError)]
    said: list[Brought] = [
        *captures,
        *(_left_out(data, each, now) for each in errors if isinstance(each, documents.NotText)),
    ]
    if bad := [words(each) for each in errors if not isinstance(each, documents.NotText)]:
        # The raw document is for everyone to read, and nothing of an embargoed item is.
        is_embargoed = any(each.article.embargoed_until for each in captures)
        said.append(_letter_of(b"" if is_embargoed else data, Reason.MALFORMED, "; ".join(bad), now, of=data))
    return said


def _read_document(
    data: bytes, sent_at: dt.datetime, pool: Shared[Pool]
) -> list[Capture | documents.WireError] | TaskFailed:
    return pool.get().submit(documents.read, data, sent_at, timeout_s=documents.TIMEOUT_S).result()


def _left_out(data: bytes, error: documents.NotText, now: dt.datetime) -> Outcome:
    """What is said of a picture and its like."""
    return Outcome(
        entry_id=ids.hash_id("wire", data, words(error)),
        attempt=1,
        origin=Origin.WIRE,
        stage=Stage.READ,
        outcome=OutcomeKind.DROPPED,
        is_terminal=True,
        decided_at=now,
        reason=Reason.NO_TEXT,
        detail=words(error)[:DETAIL_LIMIT],
    )


def _letter_of(raw: bytes, reason: Reason, detail: str, now: dt.datetime, *, of: bytes | None = None) -> DeadLetter:
    """The dead letter of a message; `of` is its data where not all of it may be kept."""
    return DeadLetter(
        id=ids.hash_id("dead", Stage.READ, reason, raw if of is None else of),
        stage=Stage.READ,
        reason=reason,
        died_at=now,
        error=detail[:DETAIL_LIMIT].replace("\0", ""),
        raw=raw[:RAW_LIMIT_BYTES],
    )
