"""A pool of worker processes for what costs CPU and may hang or blow up: parsing feeds, extracting pages.

Every task has a time limit and every worker a memory limit. A task that exceeds one costs itself only: its worker is
ended and replaced, the other tasks go on. Threads are no choice here: libxml2's callers crash in them (see the design).
"""

import concurrent.futures
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pebble
from pebble import ProcessExpired

from schemas.enums import Reason

T = TypeVar("T")

MEMORY_LIMIT_BYTES = 2_000_000_000  # address space of a worker: a hostile page asks for more, an honest one for 0.3 GB
PRELOADED = "transforms.preload"  # imported once by the server that workers are forked from
TASKS_PER_WORKER = 2_000  # then it is replaced: whatever the libraries leak stays bounded


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task that gave no result: cpu_limit, crashed (also: out of memory), or bug (it raised)."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """A task under way."""

    future: "concurrent.futures.Future[tuple[T, float]]"  # the result, and the CPU seconds that it took
    timeout_s: float

    @property
    def cpu_s(self) -> float:
        """CPU seconds of a task whose result is there; 0 if it gave none."""
        return 0.0 if self.future.cancelled() or self.future.exception() else self.future.result()[1]

    def result(self) -> T | TaskFailed:
        """Wait for the task; its time limit bounds the wait.

        Raises:
            BrokenProcessPool: no worker can be started: the machine's fault or ours, and no record's.
        """
        try:
            return self.future.result()[0]
        except concurrent.futures.TimeoutError:
            return TaskFailed(Reason.CPU_LIMIT, f"took longer than {self.timeout_s:g} s")
        except ProcessExpired as error:
            return TaskFailed(Reason.CRASHED, f"its process ended with exit code {error.exitcode}")
        except MemoryError:
            return TaskFailed(Reason.CRASHED, "needed more memory than a worker has")
        except BrokenProcessPool:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a task raises is that task's failure
            return TaskFailed(Reason.BUG, f"{type(error).__name__}: {error}")


class Pool:
    """Worker processes, started at the first task.

    Args:
        workers: processes; 0 for as many as there are cores for us.
    """

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOADED])
        self._begun: dict[str, tuple[Task[Any], tuple[Any, ...]]] = {}
        self._pool = pebble.ProcessPool(
            max_workers=self.workers,
            max_tasks=TASKS_PER_WORKER,
            initializer=_limit_memory,
            context=context,
        )

    def submit(self, function: Callable[..., T], *args: Any, timeout_s: float) -> Task[T]:
        """Run `function(*args)` in a worker; both must be picklable. The time counts from when a worker takes it."""
        return Task(self._pool.schedule(_timed, args=(function, *args), timeout=timeout_s), timeout_s)

    def begin(self, key: str, function: Callable[..., T], *args: Any, timeout_s: float) -> None:
        """Run `function(*args)` ahead of whoever will ask for it by `key`; begun already, it is not begun again."""
        if key not in self._begun:
            self._begun[key] = self.submit(function, *args, timeout_s=timeout_s), args

    def take_begun(self, key: str) -> tuple[Task[Any], tuple[Any, ...]] | None:
        """The task that was begun under `key` and its arguments, once; None if there is none."""
        return self._begun.pop(key, None)

    def close(self) -> None:
        """End the workers at once; tasks under way are lost."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves this one untyped
        self._pool.join()


def _timed(function: Callable[..., T], *args: Any) -> tuple[T, float]:
    started = time.process_time()
    result = function(*args)
    return result, time.process_time() - started


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
