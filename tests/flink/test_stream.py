"""From the newsroom through a poller, Pub/Sub and a stream on a real Flink cluster to Iceberg and Postgres.

Whatever is killed on the way, the views are those of a local run.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.cluster import Cluster, opened, parts_of
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.newsroom import Newsroom
from tests.end_to_end.conftest import LOOPBACK, Run
from tests.end_to_end.tables import tables
from tests.flink.cluster import FlinkCluster, jar_of, worker_options
from tests.pipeline.sinks.pubsub_server import INSTALL, topic_of
from tests.pipeline.sinks.test_sinks import in_catalog, in_postgres, read_postgres
from transforms.admit import REPEATS
from transforms.outcomes import utc_now
from transforms.visits import Policy
from transforms.write import COUNTED

pytest.importorskip("google.pubsub_v1", reason=INSTALL)

from google.pubsub_v1 import SubscriberClient

from pipeline import stream  # its libraries are an extra

pytestmark = pytest.mark.flink
COMPARED = ("articles", "revisions", "links")
VIEWED = {
    "latest": "SELECT article_id, content_hash, copy_of FROM latest ORDER BY ALL",
    "history": "SELECT article_id, number, change, pub_status, content_hash FROM history ORDER BY ALL",
    "withdrawn": "SELECT article_id, pub_status FROM withdrawn ORDER BY ALL",
    "copies": "SELECT article_id, original_id, kind, cluster_id FROM copies ORDER BY ALL",
}
PATIENCE_S = 240.0
FLUSH_S = 1
ROUNDS = 3
POLLED_S = 4.0  # that a poller lives: it may be killed before it has done anything


class Streamed:
    """The stream between a topic of its own and its two sinks."""

    def __init__(self, folder: Path, cluster: FlinkCluster) -> None:
        self.folder, self.cluster = folder, cluster
        self.topic = topic_of(folder).name
        self.catalog = in_catalog(folder)
        told = {"PUBSUB_EMULATOR_HOST": os.environ["PUBSUB_EMULATOR_HOST"]}
        for key, value in {
            "TYPE": "sql",
            "URI": in_postgres(folder).replace("postgresql:", "postgresql+psycopg:"),
            "WAREHOUSE": str(folder / "shared"),
        }.items():
            told[f"PYICEBERG_CATALOG__{self.catalog.name.upper()}__{key}"] = value
        options = ["--parallelism=2", "--checkpointing_interval=1000", *worker_options(cluster.folder, told)]
        sinks = [f"iceberg:{self.catalog}", in_postgres(folder)]
        self.subscription = f"{self.topic.replace('/topics/', '/subscriptions/')}-kept"
        # As `wirebeam pubsub setup` makes it, but not ordered: such a one the emulator cannot seek.
        asked = {"name": self.subscription, "topic": self.topic, "retain_acked_messages": True}
        self.subscriber = SubscriberClient()
        self.subscriber.create_subscription(request=asked)
        on_flink = Cluster(runner="FlinkRunner", options=options)

        def jar(name: str, deadline_s: float, policy: Policy) -> Path:
            parts = parts_of(Settings(LOOPBACK, workers=1, policy=policy), deadline_s, stream.MAX_PAGES, utc_now)
            with opened(sinks, parts, utc_now):
                pipeline = stream.pipeline_of(on_flink, self.subscription, sinks, parts, LOOPBACK.host_delay_s, FLUSH_S)
            return jar_of(pipeline, folder / name)

        self.jar = jar("stream.jar", 2.0, Policy())
        self.next_jar = jar("next.jar", 3.0, Policy(tries=2))  # fetch and settle of another version

    def ended(self) -> set[str]:
        """The entries that came to their end, as Postgres has it."""
        return {row["entry_id"] for row in read_postgres(self.folder, "outcomes") if row["is_terminal"]}

    @contextmanager
    def poller(self, *feeds: str, data: str = "poller") -> Iterator["subprocess.Popen[bytes]"]:
        """A poller of some feeds as a process of its own."""
        command = [sys.executable, "-m", "pipeline", "poll", *feeds, "--data", str(self.folder / data)]
        options = ["--to", f"pubsub:{self.topic}", "--flush", "1s", "--host-delay", "0", "--allow-net", "127.0.0.0/8"]
        log = (self.folder / "poller.log").open("ab")
        process = subprocess.Popen([*command, *options, "--interval", "1h"], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            log.close()


def outcomes_of(folder: Path) -> dict[str, str]:
    """How each entry ended in a local run, as it is counted."""
    kind = "outcome || '_' || coalesce(reason, 'none')"
    with warehouse.connect(warehouse_of(folder)) as found:
        return dict(found.execute(f"SELECT entry_id, {kind} FROM outcomes WHERE is_terminal").fetchall())


def counted(cluster: FlinkCluster, job: str, kinds: Iterable[str]) -> int:
    """How often a job has counted such outcomes."""
    return sum(cluster.counter(job, f"{COUNTED}{kind}") for kind in kinds)


def wait_for_checkpoint(cluster: FlinkCluster, job: str) -> None:
    """Wait until the job has gone on: one more checkpoint is complete."""
    seen = cluster.checkpoints(job)
    cluster.wait(lambda: cluster.checkpoints(job) > seen)


def compared(where: Any) -> dict[str, list[tuple[Any, ...]]]:
    found = tables(where)
    return {name: found[name] for name in COMPARED}


def viewed(catalog: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What the views say of articles, clocks aside."""
    with warehouse.connect(catalog) as found:
        return {name: found.execute(query).fetchall() for name, query in VIEWED.items()}


def test_nothing_is_lost_or_doubled_whatever_is_killed(
    cluster: FlinkCluster, newsroom: Newsroom, run: Run, tmp_path: Path
) -> None:
    began = utc_now()
    run(tmp_path / "direct", newsroom.feeds)
    direct = outcomes_of(tmp_path / "direct")
    kinds = set(direct.values())
    streamed = Streamed(tmp_path, cluster)
    job = cluster.run(streamed.jar)
    wait_for_checkpoint(cluster, job)
    for number in range(1, ROUNDS + 1):  # four kills in each
        share = newsroom.feeds[: len(newsroom.feeds) * number // ROUNDS]
        # Its entries wait in its outbox: what it could not publish before it is killed comes from the next one.
        with streamed.poller(*share):
            time.sleep(POLLED_S)
        assert cluster.kill_workers() > 0
        wait_for_checkpoint(cluster, job)
        cluster.kill("taskmanager")
        cluster.start("taskmanager")
        wait_for_checkpoint(cluster, job)
        cluster.kill("jobmanager")
        cluster.start("jobmanager")
        cluster.wait(lambda: cluster.jobs() == {})  # it is up, and knows of none
        job = cluster.run(streamed.jar, cluster.latest_checkpoint(job))
        wait_for_checkpoint(cluster, job)
    with streamed.poller(*newsroom.feeds):
        cluster.wait(lambda: streamed.ended() >= direct.keys(), PATIENCE_S)
    assert streamed.ended() == direct.keys()
    savepoint = cluster.stop_with_savepoint(job)
    local = compared(warehouse_of(tmp_path / "direct"))
    assert compared(streamed.catalog) == local

    # The next version goes on from there: all that a poller without memory publishes again is known.
    job = cluster.run(streamed.next_jar, savepoint)
    messages = len(direct)
    with streamed.poller(*newsroom.feeds, data="again"):
        cluster.wait(lambda: cluster.counter(job, REPEATS) >= messages, PATIENCE_S)
    wait_for_checkpoint(cluster, job)
    cluster.stop_with_savepoint(job)
    assert compared(streamed.catalog) == local
    assert streamed.ended() == direct.keys()

    # A version that cannot use the state: it begins with none, and all messages come again.
    views = viewed(streamed.catalog)
    streamed.subscriber.seek(request={"subscription": streamed.subscription, "time": began})
    job = cluster.run(streamed.jar)
    cluster.wait(lambda: counted(cluster, job, kinds) >= len(direct), PATIENCE_S)
    wait_for_checkpoint(cluster, job)
    cluster.cancel(job)
    assert len(read_postgres(tmp_path, "articles")) > len(local["articles"])  # they were fetched twice
    assert viewed(streamed.catalog) == views
    assert streamed.ended() == direct.keys()
