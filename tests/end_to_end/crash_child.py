"""One run in a process of its own that kills itself, as kill -9 would, at the N-th time it comes to a given point.

Called by test_crash.py: crash_child.py DATA POINT N FEED...; without a kill when POINT is "nowhere".
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.cli.main import app
from pipeline.deliver import Deliverer
from pipeline.engine import Cycle
from pipeline.sinks.base import Batch
from pipeline.sinks.iceberg import IcebergSink
from pipeline.state import State


class Fuse:
    """Ends the process at the N-th call."""

    def __init__(self, times: int) -> None:
        self.left = times

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def before(owner: type[Any], name: str) -> Callable[[Fuse], None]:
    """The point just before `owner.name` is called."""

    def arm(fuse: Fuse) -> None:
        real = getattr(owner, name)

        def patched(*args: Any, **kwargs: Any) -> Any:
            fuse.burn()
            return real(*args, **kwargs)

        setattr(owner, name, patched)

    return arm


def after(owner: type[Any], name: str) -> Callable[[Fuse], None]:
    """The point just after `owner.name` has returned."""

    def arm(fuse: Fuse) -> None:
        real = getattr(owner, name)

        def patched(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            fuse.burn()
            return result

        setattr(owner, name, patched)

    return arm


def between_tables(fuse: Fuse) -> None:
    """The point between the commits of two tables of one batch."""
    real = Batch.by_table

    def patched(self: Batch) -> Iterator[Any]:
        for number, part in enumerate(real(self)):
            if number:
                fuse.burn()
            yield part

    Batch.by_table = patched  # type: ignore[method-assign]  # that is the point


POINTS: dict[str, Callable[[Fuse], None]] = {
    "feeds-set": after(State, "set_feeds"),
    "cycle-begins": before(Cycle, "run"),
    "cycle-ended": after(Cycle, "run"),
    "inside-the-commit": after(State, "_put_outbox"),
    "committed": after(State, "commit"),
    "delivery-begins": before(IcebergSink, "write"),
    "between-tables": between_tables,
    "written": after(IcebergSink, "write"),
    "cursor-noted": after(State, "set_cursor"),
    "outbox-trimmed": after(State, "trim_outbox"),
    "everything-delivered": after(Deliverer, "finish"),
}


def main() -> None:
    data, point, times, *feeds = sys.argv[1:]
    if point != "nowhere":
        POINTS[point](Fuse(int(times)))
    app(["run", *feeds, "--once", "--data", data, "--allow-net", "127.0.0.0/8", "--host-delay", "0"])


if __name__ == "__main__":
    assert Path(sys.argv[1]).parent.is_dir()
    main()
