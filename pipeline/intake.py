"""pubsub:projects/P/subscriptions/S as a source of a run: messages in, acknowledged once all they bring is committed.

What a message may be is in `pipeline.messages`; one that is malformed becomes a dead letter.

A thread pulls into a buffer that is bounded in messages and bytes, and extends the leases of what waits there. The run
takes from it, commits, and acknowledges. A message that comes again, since the acknowledgement was lost, is known by
its entry's id and changes nothing.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import SubscriberClient

from pipeline.messages import SCHEME, message_of, read_message, subscription_of, words
from pipeline.sinks.pubsub import CALL_TIMEOUT_S
from schemas.records import Capture, DeadLetter, Entry, Outcome
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool
from transforms.shared import Shared

BUFFER_MESSAGES = 500  # whose acknowledgements fit one request of 512 KiB (cloud.google.com/pubsub/quotas)
BUFFER_BYTES = 32_000_000  # reached, nothing more is pulled
PULL_MESSAGES = 100  # at once; a message has 10 MB at most
LONGEST_PULL_S = 5.0  # and a quarter of the deadline at most, so that leases are looked at in time
PAUSE_S = 0.2  # while the buffer is full
LONGEST_BACK_OFF_S = 60.0  # between two tries at a service that fails
CLOSE_S = 2 * LONGEST_PULL_S

log = structlog.get_logger()


class IntakeError(Exception):
    """The subscription cannot be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run has taken over, and the acknowledgements that it owes once that is committed."""

    entries: Sequence[Entry] = ()
    captures: Sequence[Capture] = ()  # of wire documents
    refused: Sequence[Outcome | DeadLetter] = ()
    ack_ids: Sequence[str] = ()


class Intake(Protocol):
    """Where a run has entries from beside its feeds."""

    def take(self) -> Taken:
        """What has come since the last time; at once."""

    def acknowledge(self, taken: Taken) -> None:
        """Say that `taken` is committed; what this cannot tell the other side comes again."""

    def close(self) -> None:
        """Give back what was not taken."""


class PubSubIntake:
    """An `Intake` over a subscription.

    Args:
        subscription: projects/P/subscriptions/S; it exists.
        pool: where wire documents are read: the run's own, which closes it.
        clock: wall clock.

    Raises:
        IntakeError: the subscription cannot be used.
    """

    def __init__(self, subscription: str, pool: Shared[Pool], clock: Clock = utc_now) -> None:
        self._subscription = subscription
        self._pool = pool
        self._clock = clock
        try:
            self._settings = subscription_of(subscription)
            self._subscriber = SubscriberClient()
        except (exceptions.GoogleAPIError, GoogleAuthError, ValueError) as error:
            raise IntakeError(f"{SCHEME}{subscription}: {words(error)}") from error
        self._deadline_s = self._settings.ack_deadline_s
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
            found
            for each in received
            for found in read_message(
                message_of(each), self._settings.schema, now, self._pool, is_binary=self._settings.is_binary
            )
        ]
        return Taken(
            entries=[each for each in read if isinstance(each, Entry)],
            captures=[each for each in read if isinstance(each, Capture)],
            refused=[each for each in read if isinstance(each, Outcome | DeadLetter)],
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
            log.warning("not_acknowledged", messages=len(taken.ack_ids), error=words(error))

    def close(self) -> None:
        """See `Intake.close`."""
        self._is_closing.set()
        self._thread.join(CLOSE_S)
        try:
            self._set_deadline(0)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            log.warning("not_given_back", error=words(error))  # their leases end by themselves
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
                log.warning("pull_failed", subscription=self._subscription, error=words(error))
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
