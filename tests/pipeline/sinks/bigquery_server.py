"""BigQuery for tests: `bqemulator`, started once a test run in an environment of its own, stopped at its end."""

import atexit
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from schemas import ids

INSTALL = "BigQuery's emulator or its client is missing: make install-servers, and pip install 'wirebeam[gcp]'"
EMULATOR = Path(__file__).with_name("bigquery_emulator.py")
# It needs an older DuckDB than the project: hence the environment of its own.
PYTHON = os.environ.get("WIREBEAM_BQEMULATOR", str(Path(__file__).parents[3] / ".servers/bigquery/bin/python"))
START_S = 60.0
PROJECT = "test"


@functools.cache
def bigquery_client() -> Any:
    """A client of the emulator, which from now on is what BIGQUERY_EMULATOR_HOST names; skips where it is missing."""
    bigquery = pytest.importorskip("google.cloud.bigquery", reason=INSTALL)
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415  # comes with it

    if not Path(PYTHON).is_file():
        pytest.skip(INSTALL)
    rest, grpc = free_port(), free_port()
    folder = tempfile.TemporaryDirectory(prefix="wirebeam-bigquery-")
    atexit.register(folder.cleanup)
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [PYTHON, str(EMULATOR), str(rest), str(grpc), folder.name], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        atexit.register(server.kill)
        wait_for(rest, server, log)
    os.environ["BIGQUERY_EMULATOR_HOST"] = f"http://127.0.0.1:{rest}"
    return bigquery.Client(PROJECT, credentials=AnonymousCredentials())


def in_bigquery(folder: Path) -> str:
    """A sink's URI: a dataset of its own for each folder."""
    dataset = f"{PROJECT}.{_dataset(folder)}"
    bigquery_client().create_dataset(dataset, exists_ok=True)
    return f"bigquery:{dataset}"


def read_bigquery(folder: Path, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in ask(f"SELECT * FROM {_dataset(folder)}.{table}")]


def ask(query: str) -> list[Any]:
    """The rows that a query gives; what the emulator cannot run fails at once."""
    return list(bigquery_client().query(query, retry=None, job_retry=None).result(retry=None, timeout=60))


def _dataset(folder: Path) -> str:
    return f"d{ids.hash_id('dataset', str(folder))}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, server: "subprocess.Popen[bytes]", log: Any) -> None:
    """Until the server listens; the run fails with what it has logged if it does not."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    log.seek(0)
    sys.exit(f"{server.args!r} did not start:\n{log.read().decode(errors='replace')[-2_000:]}")
