"""A tiny unbounded pipeline: a tick five times a second, counted per key in Beam state, each count a line of a file.

The k-th tick of a key must be counted as k, however often workers are killed in between: state is exactly once. A line
can come twice, since writing it is a side effect.
"""

from pathlib import Path

import apache_beam as beam
from apache_beam.coders import VarIntCoder
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

INTERVAL_S = 0.2
KEYS = 3


class KeyTick(beam.DoFn):
    """Name each tick by its number since `start`, and spread the ticks over keys."""

    def __init__(self, start: float) -> None:
        self._start = start

    def process(self, tick: float) -> list[tuple[str, int]]:
        number = round((tick - self._start) / INTERVAL_S)
        return [(f"key {number % KEYS}", number // KEYS + 1)]


class CountTicks(beam.DoFn):
    """Count a key's ticks, and append `KEY,EXPECTED,COUNTED` to a file."""

    COUNTED = ReadModifyWriteStateSpec("counted", VarIntCoder())

    def __init__(self, lines: str) -> None:
        self._lines = Path(lines)

    def process(
        self,
        keyed: tuple[str, int],
        counted: beam.transforms.userstate.ReadModifyWriteRuntimeState = beam.DoFn.StateParam(COUNTED),  # noqa: B008 - how Beam names a state
    ) -> None:
        key, expected = keyed
        count = (counted.read() or 0) + 1
        counted.write(count)
        with self._lines.open("a") as lines:
            lines.write(f"{key},{expected},{count}\n")


def build(pipeline: beam.Pipeline, lines: Path, start: float) -> None:
    """Count ticks from `start` (seconds since 1970) on into the file `lines`, without end."""
    (
        pipeline
        | "Tick" >> PeriodicImpulse(start_timestamp=start, fire_interval=INTERVAL_S)
        | "KeyTick" >> beam.ParDo(KeyTick(start)).with_output_types(tuple[str, int])
        | "CountTicks" >> beam.ParDo(CountTicks(str(lines)))
    )
