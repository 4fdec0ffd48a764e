"""A Flink cluster for a test, where one is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import newsroom, run
from tests.flink.cluster import JOB_SERVER, FlinkCluster

__all__ = ["cluster", "newsroom", "run"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FlinkCluster]:
    if not JOB_SERVER.exists():
        pytest.skip("needs a Flink cluster: make flink")
    with FlinkCluster(tmp_path / "flink") as started:
        yield started
