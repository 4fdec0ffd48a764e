"""A subscription as the unbounded source of a stream: PCollection[Message], acknowledged after the checkpoint.

Beam's own ReadFromPubSub has no implementation for Python on Flink, so there a splittable DoFn pulls. What a bundle
pulled is acknowledged when the runner has made that bundle's output durable (bundle finalization); what it could not
acknowledge comes again, and `transforms.admit` knows it. So the subscription's deadline must be longer than the
checkpoint interval. A message's time is that of its pull, and so is the watermark: an idle subscription delays nobody.

On Dataflow it is ReadFromPubSub, which drops what comes again within ten minutes by the attribute `key`.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import structlog
from apache_beam.coders import Coder
from apache_beam.coders.coders import TimestampCoder
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider, WatermarkEstimatorProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import SubscriberClient

from pipeline.messages import message_of, plain_time, words
from pipeline.sinks.pubsub import CALL_TIMEOUT_S
from schemas.records import Message
from transforms.shared import Shared

PULLERS = 2  # at once, over all workers: one brings thousands of messages a second
PULL_MESSAGES = 100  # at once; a message has 10 MB at most
# A bundle ends when one of these is reached: a checkpoint waits for it. Each end takes room in the runner's state, that
# Beam's runners for Flink before apache/beam#39191 (July 2026) never give back.
BUNDLE_MESSAGES = 1_000
BUNDLE_BYTES = 32_000_000
BUNDLE_S = 1.0
ACK_IDS = 500  # in one request, which has 512 KiB at most (cloud.google.com/pubsub/quotas)
PAUSE_S = 1  # after nothing has come

log = structlog.get_logger()


@dataclass
class ReadMessages(beam.PTransform):
    """Pipeline root -> PCollection[Message], without end.

    Args:
        subscription: projects/P/subscriptions/S.
        is_native: whether the runner has ReadFromPubSub.
    """

    subscription: str
    is_native: bool = False

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        """Join."""
        if self.is_native:
            read = ReadFromPubSub(subscription=self.subscription, with_attributes=True, id_label="key")
            return root | "ReadFromPubSub" >> read | "TakeMessage" >> beam.Map(_message).with_output_types(Message)
        return (
            root
            | "Number" >> beam.Create(range(PULLERS), reshuffle=False).with_output_types(int)
            | "KeyPullers" >> beam.Map(_keyed).with_output_types(tuple[str, int])
            | "SpreadPullers" >> beam.GroupByKey()
            | "PullMessages" >> beam.ParDo(_Pull(self.subscription)).with_output_types(Message)
        )


def _keyed(number: int) -> tuple[str, int]:
    return str(number), number


def _message(received: PubsubMessage) -> Message:
    published_at = received.publish_time
    return Message(
        data=received.data,
        table=(received.attributes or {}).get("table", ""),
        sent_at=plain_time(published_at) if published_at else None,
    )


class _RangeCoder(Coder):
    """An `OffsetRange` without a pickle."""

    def encode(self, value: OffsetRange) -> bytes:
        """Its two ends."""
        return b"%d %d" % (value.start, value.stop)

    def decode(self, encoded: bytes) -> OffsetRange:
        """The range in `encoded`."""
        start, stop = map(int, encoded.split())
        return OffsetRange(start, stop)

    def is_deterministic(self) -> bool:
        """Yes."""
        return True


class _Pulls(RestrictionProvider):
    """The restriction of a puller: its pulls, counted without end."""

    def initial_restriction(self, element: Any) -> OffsetRange:  # noqa: ARG002  # Beam's own signature
        """All of them."""
        return OffsetRange(0, sys.maxsize)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        """Beam's own."""
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: Any, restriction: OffsetRange) -> int:  # noqa: ARG002  # as above
        """No one knows: 1, so that all pullers count alike."""
        return 1

    def restriction_coder(self) -> Coder:
        """Numbers."""
        return _RangeCoder()


class _Watermarks(WatermarkEstimatorProvider):
    """The watermark is what the puller says."""

    def initial_estimator_state(self, element: Any, restriction: OffsetRange) -> Timestamp:  # noqa: ARG002  # as above
        """1970: nothing was pulled."""
        return Timestamp(0)

    def create_watermark_estimator(self, estimator_state: Timestamp) -> ManualWatermarkEstimator:
        """Beam's own."""
        return ManualWatermarkEstimator(estimator_state)

    def estimator_state_coder(self) -> Coder:
        """Of a time, without a pickle."""
        return TimestampCoder()


class _Pull(beam.DoFn):
    def __init__(self, subscription: str) -> None:
        self._subscription = subscription
        self._shared: Shared[SubscriberClient] = Shared(SubscriberClient)

    def setup(self) -> None:
        self._subscriber = self._shared.get()

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]  # Beam is untyped
    def process(
        self,
        _puller: Any,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # before the tracker, or Beam gives that one twice
        tracker: Any = beam.DoFn.RestrictionParam(_Pulls()),  # noqa: B008  # Beam's way of declaring it
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(_Watermarks()),  # noqa: B008  # as above
    ) -> Iterator[TimestampedValue[Message]]:
        ack_ids: list[str] = []
        number = tracker.current_restriction().start
        until = time.monotonic() + BUNDLE_S
        has_more, size_bytes = True, 0
        while has_more and len(ack_ids) < BUNDLE_MESSAGES and size_bytes < BUNDLE_BYTES and time.monotonic() < until:
            if not tracker.try_claim(number):
                return
            number += 1
            now = max(Timestamp.now(), watermark.current_watermark())  # a clock may be set back
            received = self._pull(until - time.monotonic())
            for each in received:
                yield TimestampedValue(message_of(each), now)
            ack_ids += [each.ack_id for each in received]
            size_bytes += sum(len(each.message.data) for each in received)
            watermark.set_watermark(now)
            has_more = bool(received)
        if ack_ids:
            finalizer.register(_Acknowledge(self._subscriber, self._subscription, ack_ids))
        tracker.defer_remainder(Duration(0 if has_more else PAUSE_S))

    def _pull(self, timeout_s: float) -> list[Any]:
        """What has come, perhaps nothing; a failure of the service is nothing too, and is tried again."""
        try:
            answer = self._subscriber.pull(
                subscription=self._subscription, max_messages=PULL_MESSAGES, retry=None, timeout=max(timeout_s, 0.1)
            )
        except exceptions.DeadlineExceeded:
            return []
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            log.warning("pull_failed", subscription=self._subscription, error=words(error))
            return []
        return list(answer.received_messages)


@dataclass(frozen=True)
class _Acknowledge:
    """What the runner calls once a bundle's output is durable."""

    subscriber: SubscriberClient
    subscription: str
    ack_ids: list[str]

    def __call__(self) -> None:
        """Acknowledge; what cannot be comes again."""
        try:
            for start in range(0, len(self.ack_ids), ACK_IDS):
                some = self.ack_ids[start : start + ACK_IDS]
                self.subscriber.acknowledge(subscription=self.subscription, ack_ids=some, timeout=CALL_TIMEOUT_S)
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            log.warning("not_acknowledged", messages=len(self.ack_ids), error=words(error))
