"""A run without end in a process of its own, for crash_harness.py: live_child.py DATA SEED FEED...

Beside the warehouse it writes to two more sinks: jsonl, and flaky, which fails now and then before or after it wrote.
"""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import sinks
from pipeline.cli.main import app
from pipeline.sinks.base import Batch, Refused, SinkError
from pipeline.sinks.jsonl import JsonlSink

FAILS = 0.3  # of the deliveries, half of them before the rows were written and half after


class FlakySink(JsonlSink):
    """A JSON Lines sink on a bad line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.uri = f"flaky:{folder}"
        self._random = random.Random(sys.argv[2])

    def write(self, batch: Batch) -> Sequence[Refused]:
        draw = self._random.random()
        if draw < FAILS / 2:
            raise SinkError(f"{self.uri}: the line is down")
        refused = super().write(batch)
        if draw < FAILS:
            raise SinkError(f"{self.uri}: the line went down, and nobody knows whether it was written")
        return refused


def flaky(uri: str) -> FlakySink:
    return FlakySink(Path(uri.partition(":")[2]))


def main() -> None:
    data, _, *feeds = sys.argv[1:]
    sinks._KINDS["flaky"] = flaky
    options = ["--allow-net", "127.0.0.0/8", "--host-delay", "0", "--interval", "0.3s", "--flush", "0.2s"]
    for uri in (f"iceberg:{data}/warehouse", f"jsonl:{data}/jsonl", f"flaky:{data}/flaky"):
        options += ["--sink", uri]
    app(["run", *feeds, "--data", data, *options])


if __name__ == "__main__":
    main()
