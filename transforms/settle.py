"""settle: what becomes of each entry of a stream once all stages have said what they had to say of it.

In: the entries that were taken up, outcomes, and validators of their pages. Out: entries that are to be published again
(deferred, to be retried or revisited, each with its `not_before`), and the outcome and dead letter of an entry that no
stage said anything of. The rule is `transforms.visits.settle`, as in a local run's commit.

What is said of an entry bears the entry's own time. So when the watermark has passed that time, all of it is there: the
event-time timer waits for just that, and the state of an entry lasts no longer.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Duration, Timestamp

from schemas.records import DeadLetter, Entry, Outcome, Validators, Visit
from transforms.admit import WINDOW_S
from transforms.coders import RecordCoder
from transforms.outcomes import Clock, utc_now
from transforms.visits import Policy, is_decided, settle

_AFTER = Duration(micros=1_000)  # Beam's runners count milliseconds


def joined(held: Visit | None, said: Visit) -> Visit:
    """What is known of an entry with one thing more; the first outcome of an attempt stands."""
    if held is None:
        return said
    return Visit(
        entry=said.entry or held.entry,
        outcome=held.outcome or said.outcome,
        validators=said.validators or held.validators,
    )


def again(entry: Entry, due_at: dt.datetime, *, is_deferred: bool) -> Entry:
    """An entry as it is published again: due then, and one deferral further if no attempt at it ended."""
    return dataclasses.replace(entry, not_before=due_at, deferrals=entry.deferrals + is_deferred)


@dataclass
class SettleEntries(beam.PTransform):
    """See the module.

    In: `(entries, outcomes, validators)`, PCollections in the global window; outcomes of all stages. Out: main
    `entries`; tags `outcomes`, `dead_letters`.

    Args:
        policy: how often a page is asked for.
        clock: wall clock, from which the next visits count.
    """

    policy: Policy
    clock: Clock = utc_now

    def expand(self, said: Any) -> Any:
        """Join."""
        entries, outcomes, validators = said
        keyed = (
            entries | "KeyEntries" >> beam.Map(_of_entry).with_output_types(tuple[str, Visit]),
            outcomes | "KeyOutcomes" >> beam.Map(_of_outcome).with_output_types(tuple[str, Visit]),
            validators | "KeyValidators" >> beam.Map(_of_validators).with_output_types(tuple[str, Visit]),
        ) | "FlattenVisits" >> beam.Flatten()
        return keyed | "SettleEntries" >> beam.ParDo(_Settle(self.policy, self.clock)).with_output_types(
            Entry, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("outcomes", "dead_letters", main="entries")


def _of_entry(entry: Entry) -> tuple[str, Visit]:
    return entry.entry_id, Visit(entry=entry)


def _of_outcome(outcome: Outcome) -> tuple[str, Visit]:
    return outcome.entry_id, Visit(outcome=outcome)


def _of_validators(validators: Validators) -> tuple[str, Visit]:
    return validators.entry_id, Visit(validators=validators)


class _Settle(beam.DoFn):
    VISIT = ReadModifyWriteStateSpec("visit", RecordCoder(Visit))
    SETTLED = TimerSpec("settled", TimeDomain.WATERMARK)

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock

    def process(
        self,
        keyed: tuple[str, Visit],
        timestamp: Timestamp = beam.DoFn.TimestampParam,
        visit_state: Any = beam.DoFn.StateParam(VISIT),  # noqa: B008  # Beam's way of declaring state
        settled: Any = beam.DoFn.TimerParam(SETTLED),  # noqa: B008  # as above
    ) -> None:
        visit_state.write(joined(visit_state.read(), keyed[1]))
        settled.set(timestamp + _AFTER)

    @on_timer(SETTLED)  # type: ignore[untyped-decorator]  # Beam is untyped
    def settle(self, visit_state: Any = beam.DoFn.StateParam(VISIT)) -> Iterator[Any]:  # noqa: B008  # as above
        """Say what comes next, and forget the attempt."""
        visit = visit_state.read()
        visit_state.clear()
        if visit is None or visit.entry is None:  # of a wire document: it was no entry of this stream
            return
        now = self._clock()
        found = settle(visit.entry, visit.outcome, visit.validators, now, self._policy)
        if visit.outcome is None and found.outcome:
            yield TaggedOutput("outcomes", found.outcome)
        if found.letter:
            yield TaggedOutput("dead_letters", found.letter)
        if found.again:
            entry, due_at = found.again
            is_deferred = visit.outcome is not None and not is_decided(visit.outcome)
            soonest = now + dt.timedelta(seconds=WINDOW_S) if is_deferred else now
            yield again(entry, max(due_at, soonest), is_deferred=is_deferred)
