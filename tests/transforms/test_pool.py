"""The pool: a task that fails costs itself only."""

import os
import time
from collections.abc import Iterator

import pytest

from schemas.enums import Reason
from transforms.pool import Pool, TaskFailed


def work(number: int) -> int:
    ended_at = time.process_time() + 0.02
    while time.process_time() < ended_at:
        pass
    return number + 1


def hang() -> None:
    time.sleep(60)


def crash() -> None:
    os._exit(3)


def fail() -> None:
    raise ValueError("oh")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(1)
    yield pool
    pool.close()


def test_a_task_gives_its_result_and_the_cpu_seconds_that_it_took(pool: Pool) -> None:
    task = pool.submit(work, 1, timeout_s=20)
    assert task.result() == 2
    assert task.cpu_s >= 0.02


def test_a_task_that_fails_says_why_and_the_next_one_runs(pool: Pool) -> None:
    tasks = [pool.submit(hang, timeout_s=0.2), pool.submit(crash, timeout_s=20), pool.submit(fail, timeout_s=20)]
    results = [task.result() for task in tasks]
    assert [result.reason for result in results if isinstance(result, TaskFailed)] == [
        Reason.CPU_LIMIT,
        Reason.CRASHED,
        Reason.BUG,
    ]
    assert [task.cpu_s for task in tasks] == [0.0, 0.0, 0.0]
    assert pool.submit(work, 2, timeout_s=20).result() == 3
