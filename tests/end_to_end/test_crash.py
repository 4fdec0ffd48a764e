"""kill -9 at each step of commit and delivery, then the same command again: the tables of an undisturbed run."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Newsroom
from tests.end_to_end.crash_child import POINTS
from tests.end_to_end.tables import assert_balanced, tables

CHILD = Path(__file__).with_name("crash_child.py")
SECOND_TIME = {"cycle-begins", "inside-the-commit", "committed"}  # also killed when they come to it again


@pytest.fixture(scope="module")
def newsroom() -> Iterator[Newsroom]:
    """The newsroom in its second round, when there are copies; its slow pages take a second cycle."""
    with Newsroom(slow_s=1.5) as served:
        served.advance()
        yield served


def run_child(folder: Path, point: str, times: int, feeds: list[str]) -> int:
    command = [sys.executable, str(CHILD), str(folder), point, str(times), *feeds]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode not in {0, -signal.SIGKILL}:
        pytest.fail(f"exit {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.returncode


@pytest.fixture(scope="module")
def undisturbed(newsroom: Newsroom, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_child(folder, "nowhere", 1, newsroom.feeds) == 0
    found = tables(warehouse_of(folder))
    assert found["links"], "no copies: the comparison would not see the judgements"
    return found


@pytest.mark.parametrize(
    ("point", "times"), [(point, 1) for point in POINTS] + [(point, 2) for point in sorted(SECOND_TIME)]
)
def test_killed_and_run_again(
    point: str,
    times: int,
    newsroom: Newsroom,
    undisturbed: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
) -> None:
    assert run_child(tmp_path, point, times, newsroom.feeds) == -signal.SIGKILL, "it never came to this point"
    assert run_child(tmp_path, "nowhere", 1, newsroom.feeds) == 0
    assert tables(warehouse_of(tmp_path)) == undisturbed
    assert_balanced(warehouse_of(tmp_path))
