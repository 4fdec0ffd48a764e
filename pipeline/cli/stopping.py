"""How a command is asked to stop: by SIGTERM or Ctrl-C once, at once by a second one."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Stop:
    """Whether someone asked the run to stop; asked twice, the process ends at once and loses nothing."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def is_asked(self) -> bool:
        """Whether it is to stop."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep for so many seconds at most; whether it is to stop."""
        return self._asked.wait(seconds)

    def ask(self, signal_number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._asked.is_set():
            os._exit(128 + signal_number)
        self._asked.set()


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """A `Stop` that hears the signals while the `with` block runs."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
