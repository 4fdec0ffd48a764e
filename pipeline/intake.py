"""pubsub:projects/P/subscriptions/S as a source of a run: messages in, entries out, acknowledged after their commit.

A message is an `Entry` as `wirebeam poll --to pubsub:` publishes it (JSON, or the Avro of the topic's schema), a JSON
object with `url` and the further fields of `pipeline.sources.fields`, or an address as text. Rows of other tables that
`poll` publishes beside its entries are passed over; anything else is malformed, and becomes a dead letter.

A thread pulls into a buffer that is bounded in messages and bytes, and extends the leases of what waits there. The run
takes from it, commits, and acknowledges. A message that comes again, since the acknowledgement was lost, is known by
its entry's id and changes nothing.
"""

import dataclasses
import datetime as dt
import io
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import fastavro
import msgspec
import structlog
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import Encoding, PublisherClient, SubscriberClient

from pipeline.sinks.pubsub import CALL_TIMEOUT_S, avro_of
from pipeline.sources.fields import entry_of
from schemas import codec, ids
from schemas.enums import Origin, Reason, Stage
from schemas.records import DeadLetter, Entry
from transforms.outcomes import DETAIL_LIMIT, RAW_LIMIT_BYTES, Clock, utc_now

SCHEME = "pubsub:"
BUFFER_MESSAGES = 500  # whose acknowledgements fit one request of 512 KiB (cloud.google.com/pubsub/quotas)
BUFFER_BYTES = 32_000_000  # reached, nothing more is pulled
PULL_MESSAGES = 100  # at once; a message has 10 MB at most
LONGEST_PULL_S = 5.0  # and a quarter of the deadline at most, so that leases are looked at in time
PAUSE_S = 0.2  # while the buffer is full
LONGEST_BACK_OFF_S = 60.0  # between two tries at a service that fails
CLOSE_S = 2 * LONGEST_PULL_S

log = structlog.get_logger()

_ID_DIGITS = frozenset("0123456789abcdef")
_ID_LENGTH = 32
# As poll makes an entry: what a run notes of its own attempts and looks is not taken from outside.
_FRESH: dict[str, Any] = {"attempt": 1, "attempts_before": 0, "revisit_no": 0, "failed_looks": 0, "article_id": None}


class IntakeError(Exception):
    """The subscription cannot be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run has taken over, and the acknowledgements that it owes once that is committed."""

    entries: Sequence[Entry] = ()
    letters: Sequence[DeadLetter] = ()
    ack_ids: Sequence[str] = ()


class Intake(Protocol):
    """Where a run has entries from beside its feeds."""

    def take(self) -> Taken:
        """What has come since the last time; at once."""

    def acknowledge(self, taken: Taken) -> None:
        """Say that `taken` is committed; what this cannot tell the other side comes again."""

    def close(self) -> None:
        """Give back what was not taken."""


def read_message(
    data: bytes, table: str, schema: Any, now: dt.datetime, *, is_binary: bool
) -> Entry | DeadLetter | None:
    """What a message brings.

    Args:
        data: the message.
        table: its attribute of that name; "" if it has none.
        schema: the parsed Avro schema of its topic; None if that has none.
        now: when it was pulled.
        is_binary: of a topic with a schema, whether it is Avro's binary encoding.

    Returns:
        The entry, or the dead letter of what is malformed; None for a row that is no entry.
    """
    if table not in {"", "entries"}:
        return None
    try:
        if schema is None:
            return _entry_in(data, now)
        return _fresh(msgspec.convert(_avro_values(data, schema, is_binary=is_binary), Entry))
    # ValueError covers msgspec's and Unicode's; fastavro raises nearly anything at bytes that are not of its schema.
    except (ValueError, LookupError, TypeError, ArithmeticError, EOFError, RecursionError, StopIteration) as error:
        return _letter_of(data, error, now)


class PubSubIntake:
    """An `Intake` over a subscription.

    Args:
        subscription: projects/P/subscriptions/S; it exists.
        clock: wall clock.

    Raises:
        IntakeError: the subscription cannot be used.
    """

    def __init__(self, subscription: str, clock: Clock = utc_now) -> None:
        self._subscription = subscription
        self._clock = clock
        try:
            self._subscriber = SubscriberClient()
            settings = self._subscriber.get_subscription(subscription=subscription, timeout=CALL_TIMEOUT_S)
            self._schema, self._is_binary = _encoding_of(settings.topic)
        except (exceptions.GoogleAPIError, GoogleAuthError, ValueError) as error:
            raise IntakeError(f"{SCHEME}{subscription}: {_words(error)}") from error
        self._deadline_s = settings.ack_deadline_seconds
        self._lock = threading.Lock()
        self._buffer: list[Any] = []
        self._owed: list[str] = []  # of what is in the buffer, or taken and not yet acknowledged
        self._extended_at = time.monotonic()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pull", daemon=True)
        self._thread.start()

    def take(self) -> Taken:
        """See `Intake.take`."""
        with self._lock:
            received, self._buffer = self._buffer, []
        now = self._clock()
        read = [
            read_message(
                each.message.data,
                each.message.attributes.get("table", ""),
                self._schema,
                now,
                is_binary=self._is_binary,
            )
            for each in received
        ]
        return Taken(
            entries=[each for each in read if isinstance(each, Entry)],
            letters=[each for each in read if isinstance(each, DeadLetter)],
            ack_ids=[each.ack_id for each in received],
        )

    def acknowledge(self, taken: Taken) -> None:
        """See `Intake.acknowledge`."""
        done = set(taken.ack_ids)
        with self._lock:
            self._owed = [ack_id for ack_id in self._owed if ack_id not in done]
        try:
            self._subscriber.acknowledge(subscription=self._subscription, ack_ids=taken.ack_ids, timeout=CALL_TIMEOUT_S)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            log.warning("not_acknowledged", messages=len(taken.ack_ids), error=_words(error))

    def close(self) -> None:
        """See `Intake.close`."""
        self._is_closing.set()
        self._thread.join(CLOSE_S)
        try:
            self._set_deadline(0)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            log.warning("not_given_back", error=_words(error))  # their leases end by themselves
        self._subscriber.transport.close()

    # ── the thread ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        back_off_s = 1.0
        while not self._is_closing.is_set():
            try:
                if time.monotonic() - self._extended_at > self._deadline_s / 2:
                    self._set_deadline(self._deadline_s)
                if self._is_full():
                    self._is_closing.wait(PAUSE_S)
                else:
                    self._pull()
                back_off_s = 1.0
            except (exceptions.GoogleAPIError, GoogleAuthError) as error:
                log.warning("pull_failed", subscription=self._subscription, error=_words(error))
                self._is_closing.wait(back_off_s)
                back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)

    def _pull(self) -> None:
        try:
            answer = self._subscriber.pull(
                subscription=self._subscription,
                max_messages=PULL_MESSAGES,
                retry=None,
                timeout=min(LONGEST_PULL_S, self._deadline_s / 4),
            )
        except exceptions.DeadlineExceeded:
            return  # nothing has come
        with self._lock:
            self._buffer += answer.received_messages
            self._owed += [each.ack_id for each in answer.received_messages]

    def _is_full(self) -> bool:
        with self._lock:
            size_bytes = sum(len(each.message.data) for each in self._buffer)
            return len(self._buffer) + PULL_MESSAGES > BUFFER_MESSAGES or size_bytes >= BUFFER_BYTES

    def _set_deadline(self, seconds: int) -> None:
        """Extend all leases; 0 ends them, and the messages go to whoever pulls next."""
        self._extended_at = time.monotonic()
        with self._lock:
            owed = list(self._owed)
        if owed:
            self._subscriber.modify_ack_deadline(
                subscription=self._subscription,
                ack_ids=owed,
                ack_deadline_seconds=seconds,
                timeout=CALL_TIMEOUT_S,
            )


# ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────────


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
        return _fresh(msgspec.convert(fields, Entry))
    named = {name.lower(): value for name, value in fields.items()}
    return dataclasses.replace(entry_of(named, now), origin=Origin.FEED)


def _fresh(entry: Entry) -> Entry:
    """An entry of another poller, as this run's own poll would have made it.

    Raises:
        ValueError: it is none of a feed, or a value cannot be used.
    """
    if entry.origin is not Origin.FEED:
        raise ValueError(f"origin {entry.origin}: only entries of feeds are taken")
    if len(entry.entry_id) != _ID_LENGTH or not _ID_DIGITS.issuperset(entry.entry_id):
        raise ValueError("entry_id: not 32 hexadecimal digits")
    times = {name: getattr(entry, name) for name in ("observed_at", "published_at", "modified_at")}
    if any(at is not None and at.tzinfo is None for at in times.values()):
        raise ValueError("a time without its zone")
    utc: dict[str, Any] = {name: at and at.astimezone(dt.UTC) for name, at in times.items()}
    entry = dataclasses.replace(entry, **utc, **_FRESH)
    codec.encode(entry)  # state.db could not hold a number of any size
    return entry


def _avro_values(data: bytes, schema: Any, *, is_binary: bool) -> Any:
    if is_binary:
        return fastavro.schemaless_reader(io.BytesIO(data), schema, None)
    return next(iter(fastavro.json_reader(io.StringIO(data.decode()), schema)))


def _letter_of(data: bytes, error: Exception, now: dt.datetime) -> DeadLetter:
    return DeadLetter(
        id=ids.hash_id("dead", Stage.READ, Reason.MALFORMED, data),
        stage=Stage.READ,
        reason=Reason.MALFORMED,
        died_at=now,
        error=_words(error)[:DETAIL_LIMIT].replace("\0", ""),
        raw=data[:RAW_LIMIT_BYTES],
    )


def _encoding_of(topic: str) -> tuple[dict[str, Any] | None, bool]:
    """The parsed Avro schema of a topic, None if it has none, and whether its messages are binary."""
    publisher = PublisherClient()
    settings = publisher.get_topic(topic=topic, timeout=CALL_TIMEOUT_S).schema_settings
    publisher.transport.close()
    return avro_of(settings.schema) if settings.schema else None, settings.encoding == Encoding.BINARY


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
