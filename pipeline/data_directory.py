"""The data directory of a local run: what lies where, and who may run in it.

Two processes may work in it at a time: a run (`RunnerLock`), which also delivers, and a backfill (`BackfillLock`). What
either reads of the memories and then commits must not be crossed by the other: they take turns (`Turns`).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "runner.lock"
BACKFILL_LOCK_FILE = "backfill.lock"
TURN_FILES = ("next.lock", "turn.lock")
LOOKS, LOOK_S = 5, 0.02  # tries at the lock, and the seconds between them


def warehouse_of(folder: Path) -> Path:
    """Where the warehouse of a data directory is."""
    return folder / "warehouse"


class DataDirectoryError(Exception):
    """The data directory cannot be used; the message says why, for a person."""


class InUseError(DataDirectoryError):
    """Another process has the role."""


class _RoleLock:
    """A role in a data directory. The lock dies with its process.

    Args:
        folder: the data directory; it is made if it does not exist.

    Raises:
        InUseError: another process has the role.
        DataDirectoryError: the directory cannot be written.
    """

    file_name: str
    role: str

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / self.file_name).open("a+")
        except OSError as error:
            raise DataDirectoryError(f"{folder}: cannot be written: {error.strerror}") from error
        try:
            self._lock()
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise InUseError(f"{folder}: another {self.role} is using it (process {owner})") from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def _lock(self) -> None:
        """Take the lock, also if `wirebeam status` is just looking whether someone has it."""
        for _ in range(LOOKS):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOOK_S)
            else:
                return
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let another process have the role."""
        self._file.close()


class RunnerLock(_RoleLock):
    """The role of runner: it polls, and it delivers what is in the outbox, to its own sinks."""

    file_name = LOCK_FILE
    role = "run"


class BackfillLock(_RoleLock):
    """The role of backfill: beside a run it fills the outbox, without one it is the runner as well."""

    file_name = BACKFILL_LOCK_FILE
    role = "backfill"


class Turns:
    """Whose turn it is to read the memories and to commit, fairly: nobody has two turns while another waits.

    Args:
        folder: the data directory.
    """

    def __init__(self, folder: Path) -> None:
        self._next, self._turn = ((folder / name).open("a") for name in TURN_FILES)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and have it for as long as the `with` block takes."""
        # Whoever waits for the turn holds `next`: the one that just had it queues up behind.
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files."""
        self._next.close()
        self._turn.close()
