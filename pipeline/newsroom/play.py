"""The newsroom's rounds through the run of `wirebeam run`, a day and a half of news in seconds.

In: a newsroom in its first round, and a new data directory. Out: what the run writes there, and a call after each step.
Time is simulated: it passes as it does, but where the run would sleep it leaps to when something is due. A round goes
on when nothing is due any more and everything is delivered; then it is three hours later, by the newsroom's own dates.
After the last round come two more steps, the day after: the last look at the pages of the first day, and a second look
at those that were gone.

Not imported by the package: it takes Beam along.
"""

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feed_source import FeedLists
from pipeline.live import HOUSEKEEPING, run_always
from pipeline.newsroom.site import Newsroom
from pipeline.newsroom.world import FIRST_ROUND_AT, LAST_ROUND, ROUND_LASTS
from pipeline.sinks import open_sink
from pipeline.state import State
from schemas.ids import EPOCH
from transforms.outcomes import utc_now
from transforms.schedule import Limits
from transforms.shared import Shared
from transforms.visits import REVISITS, SECOND_LOOK, Policy
from transforms.web.downloads import MAX_TAKEN_BYTES, Downloads
from transforms.web.messages import Failure, HttpConfig, Response

AT_ONCE = dt.timedelta(minutes=1)  # what is due so soon belongs to the step
FLUSH_S = 0.05  # deliveries need not wait for more rows
DELIVERED_S = 60.0  # a delivery that takes longer has failed
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Step:
    """What a play has come to.

    Args:
        number: from 1; up to `LAST_ROUND` the newsroom's round.
        at: when it began, in simulated time.
    """

    number: int
    at: dt.datetime


# The third is that of the second round's articles, whose pages the newsroom takes away after it.
STEPS = tuple(
    Step(number, at)
    for number, at in enumerate(
        (
            *(FIRST_ROUND_AT + ROUND_LASTS * past for past in range(LAST_ROUND)),
            FIRST_ROUND_AT + ROUND_LASTS + max(REVISITS),
            FIRST_ROUND_AT + ROUND_LASTS + max(REVISITS) + SECOND_LOOK,
        ),
        start=1,
    )
)


def play(newsroom: Newsroom, folder: Path, told: Callable[[Step], object], steps: Sequence[Step] = STEPS) -> None:
    """Run over all rounds.

    Args:
        newsroom: it is being served, and in its first round.
        folder: a new data directory; the caller holds its `RunnerLock`.
        told: is called after each step, when all its rows are in the warehouse.
        steps: which to take, from the first on.

    Raises:
        TimeoutError: rows could not be delivered.
    """
    http = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0)
    Shared(Downloads, (http,)).put(_SimulatedDownloads(http))
    _leap(steps[0].at)
    with closing(State(folder)) as state:
        run_always(
            folder,
            FeedLists(newsroom.feeds, folder, now),
            [open_sink(f"iceberg:{warehouse_of(folder)}")],
            Settings(http, limits=Limits(), policy=Policy(), flush_s=FLUSH_S),
            _Stage(newsroom, state, told, steps).wait,
            clock=now,
        )


def now() -> dt.datetime:
    """The simulated time. A function of a module, since Beam copies whatever a DoFn holds."""
    return utc_now() + _AHEAD.get().by


class _Ahead:
    """How far simulated time is ahead of ours."""

    def __init__(self) -> None:
        self.by = dt.timedelta()


_AHEAD = Shared(_Ahead)


def _leap(at: dt.datetime) -> None:
    _AHEAD.get().by = at - utc_now()


class _SimulatedDownloads(Downloads):
    """Real downloads whose answers arrive in simulated time."""

    def take(
        self, keys: Sequence[str], deadline_s: float, max_bytes: int = MAX_TAKEN_BYTES
    ) -> dict[str, Response | Failure]:
        """See `Downloads.take`."""
        taken = super().take(keys, deadline_s, max_bytes)
        by = _AHEAD.get().by
        return {key: dataclasses.replace(one, observed_at=one.observed_at + by) for key, one in taken.items()}


class _Stage:
    """Where the run sleeps: time passes here."""

    def __init__(self, newsroom: Newsroom, state: State, told: Callable[[Step], object], steps: Sequence[Step]) -> None:
        self._newsroom = newsroom
        self._state = state
        self._told = told
        self._steps = list(steps)

    def wait(self, seconds: float) -> bool:
        """Leap to what is due next; whether the play is over."""
        if not self._steps:
            return True
        if seconds <= 0:
            return False
        due_at = self._state.next_due() or EPOCH
        if due_at < now() + AT_ONCE:
            if due_at > now():
                _leap(due_at)
            return False
        self._await_delivery()
        _await_housekeeping()
        self._told(self._steps.pop(0))
        if self._steps:
            self._newsroom.advance()
            _leap(self._steps[0].at)
        return not self._steps

    def _await_delivery(self) -> None:
        end = time.monotonic() + DELIVERED_S
        while self._state.outbox_length():
            if time.monotonic() > end:
                raise TimeoutError(f"{self._state.outbox_length()} rows could not be delivered")
            time.sleep(_LOOK_S)


def _await_housekeeping() -> None:
    """Who is told may remove the data directory."""
    for thread in threading.enumerate():
        if thread.name == HOUSEKEEPING:
            thread.join()
