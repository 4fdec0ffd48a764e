"""admit: the entries of a stream, each once, when it is due, and only so many of a host at a time.

In: `Entry`, at least once. Out: `Entry`, to be fetched; and those whose host has no place left in their window, which
are to be published again. Local runs have a queue in state.db instead.

An entry comes again by itself (a message is redelivered) and on purpose (a retry, a deferral): the latter has a higher
(attempt, deferrals), and everything else is a repeat. What was admitted is remembered for `REMEMBERED`, longer than a
subscription keeps messages. An entry that is not due yet waits in keyed state for an event-time timer: the watermark of
a subscription is the clock, as long as it is read.

Windows are of arrival, `WINDOW_S` long. Nothing can come late to them but by clocks of workers that differ; these have
`LATENESS_S`.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.trigger import AccumulationMode
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from schemas import ids
from schemas.memory import Turn
from schemas.records import Entry
from transforms.coders import RecordCoder
from transforms.outcomes import Clock, utc_now
from transforms.text import urls
from transforms.timing import NAMESPACE

WINDOW_S = 5
LATENESS_S = 600
REMEMBERED = dt.timedelta(days=8)  # a subscription of `wirebeam pubsub setup` keeps messages for 7
REPEATS = "entries_repeated"  # counter: what came again by itself


def is_repeat(entry: Entry, turn: Turn | None) -> bool:
    """Whether an entry has come as far before."""
    return turn is not None and (entry.attempt, entry.deferrals) <= (turn.attempt, turn.deferrals)


def of_window(entries: Iterable[Entry], limit: int, end: dt.datetime) -> tuple[list[Entry], list[Entry]]:
    """The entries of one host in one window, parted by how many have a place.

    Args:
        entries: in any order.
        limit: how many have one: those that were observed first.
        end: of the window.

    Returns:
        Those, and the others as they are to be published again: due in the next windows, `limit` in each.
    """
    ordered = sorted(entries, key=lambda entry: (entry.observed_at, entry.entry_id))
    later = [
        dataclasses.replace(
            entry,
            deferrals=entry.deferrals + 1,
            not_before=end + dt.timedelta(seconds=WINDOW_S * (number // limit)),
        )
        for number, entry in enumerate(ordered[limit:])
    ]
    return ordered[:limit], later


@dataclass
class AdmitEntries(beam.PTransform):
    """PCollection[Entry] -> main `entries`: Entry, in the global window; tag `later`: Entry, to be published again.

    Args:
        limit: entries of one host in one window.
        clock: wall clock: when an entry arrives, and whether it is due.
    """

    limit: int
    clock: Clock = utc_now

    def expand(self, entries: beam.PCollection[Entry]) -> Any:
        """Join."""
        parted = (
            entries
            | "KeyById" >> beam.Map(_by_id).with_output_types(tuple[str, Entry])
            | "AdmitEntries" >> beam.ParDo(_Admit(self.clock)).with_output_types(Entry)
            | "StampArrival" >> beam.ParDo(_StampArrival(self.clock)).with_output_types(tuple[str, Entry])
            | "WindowArrivals"
            >> beam.WindowInto(
                FixedWindows(WINDOW_S),
                accumulation_mode=AccumulationMode.DISCARDING,
                allowed_lateness=LATENESS_S,
            )
            | "GroupByHost" >> beam.GroupByKey()
            | "LimitHosts"
            >> beam.ParDo(_LimitHost(self.limit))
            .with_output_types(Entry, later=Entry)
            .with_outputs("later", main="entries")
        )
        return {
            "entries": parted.entries | "LeaveWindows" >> beam.WindowInto(GlobalWindows()),
            "later": parted.later | "LeaveWindowsLater" >> beam.WindowInto(GlobalWindows()),
        }


def _by_id(entry: Entry) -> tuple[str, Entry]:
    return entry.entry_id, entry


class _Admit(beam.DoFn):
    TURN = ReadModifyWriteStateSpec("turn", RecordCoder(Turn))
    DUE = TimerSpec("admit_due", TimeDomain.WATERMARK)
    EXPIRY = TimerSpec("admit_expiry", TimeDomain.WATERMARK)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._repeats = Metrics.counter(NAMESPACE, REPEATS)

    def process(
        self,
        keyed: tuple[str, Entry],
        turn_state: Any = beam.DoFn.StateParam(TURN),  # noqa: B008  # Beam's way of declaring state
        due: Any = beam.DoFn.TimerParam(DUE),  # noqa: B008  # as above
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Entry]:
        _, entry = keyed
        if is_repeat(entry, turn_state.read()):
            self._repeats.inc()
            return
        now = self._clock()
        due_at = max(entry.not_before or now, now)
        turn = Turn(attempt=entry.attempt, deferrals=entry.deferrals)
        expiry.set(_timestamp(due_at + REMEMBERED))
        if due_at > now:
            turn_state.write(dataclasses.replace(turn, waiting=entry))
            due.set(_timestamp(due_at))
        else:
            turn_state.write(turn)
            yield entry

    @on_timer(DUE)  # type: ignore[untyped-decorator]  # Beam is untyped
    def come(self, turn_state: Any = beam.DoFn.StateParam(TURN)) -> Iterator[Entry]:  # noqa: B008  # as above
        """Let the entry go on whose time has come."""
        turn = turn_state.read()
        if turn and turn.waiting:
            turn_state.write(dataclasses.replace(turn, waiting=None))
            yield turn.waiting

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # as above
    def expire(self, turn_state: Any = beam.DoFn.StateParam(TURN)) -> Iterator[Entry]:  # noqa: B008  # as above
        """Forget the entry. Where input ends all timers fire, in any order: one that waits goes on first."""
        turn = turn_state.read()
        turn_state.clear()
        if turn and turn.waiting:
            yield turn.waiting


class _StampArrival(beam.DoFn):
    """Gives an entry its host, and the time of now: the window that it falls into cannot have ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def process(
        self, entry: Entry, timestamp: Timestamp = beam.DoFn.TimestampParam
    ) -> Iterator[TimestampedValue[tuple[str, Entry]]]:
        host = urls.site(entry.url) or entry.entry_id
        yield TimestampedValue((host, entry), max(timestamp, _timestamp(self._clock())))


class _LimitHost(beam.DoFn):
    def __init__(self, limit: int) -> None:
        self._limit = limit

    def process(self, of_host: tuple[str, Iterable[Entry]], window: Any = beam.DoFn.WindowParam) -> Iterator[Any]:
        _, entries = of_host
        now, later = of_window(entries, self._limit, window.end.to_utc_datetime(has_tz=True))
        yield from now
        for entry in later:
            yield TaggedOutput("later", entry)


def _timestamp(at: dt.datetime) -> Timestamp:
    return Timestamp(micros=ids.micros(at))
