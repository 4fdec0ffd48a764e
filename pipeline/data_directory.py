"""The data directory of a local run: what lies where, and who may run in it."""

import fcntl
import os
import time
from pathlib import Path

LOCK_FILE = "runner.lock"
LOOKS, LOOK_S = 5, 0.02  # tries at the lock, and the seconds between them


def warehouse_of(folder: Path) -> Path:
    """Where the warehouse of a data directory is."""
    return folder / "warehouse"


class DataDirectoryError(Exception):
    """The data directory cannot be used; the message says why, for a person."""


class RunnerLock:
    """The role of runner over a data directory. The lock dies with its process.

    Args:
        folder: the data directory; it is made if it does not exist.

    Raises:
        DataDirectoryError: another run has it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / LOCK_FILE).open("a+")
        except OSError as error:
            raise DataDirectoryError(f"{folder}: cannot be written: {error.strerror}") from error
        try:
            self._lock()
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise DataDirectoryError(f"{folder}: another run is using it (process {owner})") from error
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
        """Let another run have it."""
        self._file.close()
