"""What a real Flink cluster does with a Python pipeline: it counts on whatever is killed."""

import time
from functools import partial
from pathlib import Path

import pytest

from tests.flink import counting
from tests.flink.cluster import FlinkCluster, executable_jar, worker_options

STREAMING = [
    "--streaming",
    "--parallelism=2",
    "--checkpointing_interval=1000",
    "--finish_bundle_before_checkpointing=true",
    "--externalized_checkpoints_enabled=true",
    "--retain_externalized_checkpoints_on_cancellation=true",
]

pytestmark = pytest.mark.flink


class Counted:
    """The lines of the counting pipeline."""

    def __init__(self, folder: Path, cluster: FlinkCluster) -> None:
        self._cluster = cluster
        self._lines = folder / "lines"
        options = [*STREAMING, *worker_options(cluster.folder)]
        build = partial(counting.build, lines=self._lines, start=float(int(time.time())))
        self.jar = executable_jar(build, options, folder / "counting.jar")

    def wait_for_more(self) -> None:
        seen = len(self.highest())
        highest = sum(self.highest().values())
        self._cluster.wait(lambda: len(self.highest()) >= max(seen, counting.KEYS))
        self._cluster.wait(lambda: sum(self.highest().values()) >= highest + 5 * counting.KEYS)

    def highest(self) -> dict[str, int]:
        return {key: max(count for one, _, count in self.lines() if one == key) for key, _, _ in self.lines()}

    def lines(self) -> list[tuple[str, int, int]]:
        if not self._lines.exists():
            return []
        rows = (line.split(",") for line in self._lines.read_text().splitlines())
        return [(key, int(expected), int(count)) for key, expected, count in rows]

    def assert_exact(self) -> None:
        assert [line for line in self.lines() if line[1] != line[2]] == []


def test_a_job_counts_on_whatever_is_killed(cluster: FlinkCluster, tmp_path: Path) -> None:
    counted = Counted(tmp_path, cluster)
    job = cluster.run(counted.jar)
    counted.wait_for_more()
    cluster.wait(lambda: cluster.checkpoints(job) > 0)

    assert cluster.kill_workers() > 0
    counted.wait_for_more()

    cluster.kill("taskmanager")
    cluster.start("taskmanager")
    counted.wait_for_more()

    cluster.kill()
    cluster.start()
    job = cluster.run(counted.jar, cluster.latest_checkpoint(job))
    counted.wait_for_more()

    savepoint = cluster.stop_with_savepoint(job)
    cluster.run(counted.jar, savepoint)
    counted.wait_for_more()
    counted.assert_exact()
