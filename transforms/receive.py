"""receive: the captures of a stream's wire documents, each once, when it may be published.

In: `Capture`, at least once. Out: `Capture`, to be identified. Local runs have a queue and `pipeline.embargo` instead.

A document comes again by itself (its message is redelivered), and is then known by its entry's id. What has come of one
wire item is remembered for `REMEMBERED`, longer than a subscription keeps messages.

A capture whose time of publication is to come waits in keyed state, and with it all that comes of the same item until
then: nothing of it is judged, linked, written or counted before. What a newer capture says of the time replaces what an
older one said, and one that names no time changes nothing. The event-time timer fires when the watermark, which is the
clock of a subscription that is read, has passed that time.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import ids
from schemas.memory import Received
from schemas.records import Capture
from transforms.admit import REMEMBERED, REPEATS
from transforms.coders import RecordCoder
from transforms.outcomes import Clock, utc_now
from transforms.timing import NAMESPACE

SEEN_LIMIT = 256  # documents remembered of one wire item, the newest: a live file has a tenth of that


def receive(capture: Capture, known: Received) -> Received | None:
    """What is known of a wire item once this capture has come; None if it had come before."""
    if capture.entry_id in known.seen:
        return None
    known = dataclasses.replace(known, seen=(*known.seen, capture.entry_id)[-SEEN_LIMIT:])
    article = capture.article
    if article.embargoed_until is None or (known.stated_at and known.stated_at > article.observed_at):
        return known
    return dataclasses.replace(known, embargoed_until=article.embargoed_until, stated_at=article.observed_at)


@dataclass
class ReceiveCaptures(beam.PTransform):
    """PCollection[Capture] -> PCollection[Capture].

    Args:
        clock: wall clock: whether a time of publication is to come.
    """

    clock: Clock = utc_now

    def expand(self, captures: beam.PCollection[Capture]) -> beam.PCollection[Capture]:
        """Join."""
        keyed = captures | "KeyByItem" >> beam.Map(_by_item).with_output_types(tuple[str, Capture])
        return keyed | "ReceiveCaptures" >> beam.ParDo(_Receive(self.clock)).with_output_types(Capture)


def _by_item(capture: Capture) -> tuple[str, Capture]:
    return capture.article.article_id, capture


class _Receive(beam.DoFn):
    KNOWN = ReadModifyWriteStateSpec("known", RecordCoder(Received))
    WAITING = BagStateSpec("waiting", RecordCoder(Capture))
    DUE = TimerSpec("receive_due", TimeDomain.WATERMARK)
    EXPIRY = TimerSpec("receive_expiry", TimeDomain.WATERMARK)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._repeats = Metrics.counter(NAMESPACE, REPEATS)

    def process(
        self,
        keyed: tuple[str, Capture],
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # Beam's way of declaring state
        waiting: Any = beam.DoFn.StateParam(WAITING),  # noqa: B008  # as above
        due: Any = beam.DoFn.TimerParam(DUE),  # noqa: B008  # as above
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Capture]:
        _, capture = keyed
        known = receive(capture, known_state.read() or Received())
        if known is None:
            self._repeats.inc()
            return
        known_state.write(known)
        now = self._clock()
        due_at = max(known.embargoed_until or now, now)
        expiry.set(Timestamp(micros=ids.micros(due_at + REMEMBERED)))
        if due_at > now:
            waiting.add(capture)
            due.set(Timestamp(micros=ids.micros(due_at)))
            return
        if known.embargoed_until:
            yield from waiting.read()
            waiting.clear()
        yield capture

    @on_timer(DUE)  # type: ignore[untyped-decorator]  # Beam is untyped
    def release(self, waiting: Any = beam.DoFn.StateParam(WAITING)) -> Iterator[Capture]:  # noqa: B008  # as above
        """Let the captures go on whose time has come."""
        yield from waiting.read()
        waiting.clear()

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # as above
    def expire(
        self,
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # as above
        waiting: Any = beam.DoFn.StateParam(WAITING),  # noqa: B008  # as above
    ) -> Iterator[Capture]:
        """Forget the item. Where input ends all timers fire, in any order: what waits goes on first."""
        yield from waiting.read()
        waiting.clear()
        known_state.clear()
