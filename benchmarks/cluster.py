"""What a stream costs on a Flink cluster on this machine: time, CPU, state, memory.

    python benchmarks/cluster.py [--entries 10000] [--parallelism 1 2] [--rate 20]

Needs `make flink` and Google's Pub/Sub emulator. The entries are synthetic, of 500 feeds, each with its own text of 300
words and no address, so nothing is downloaded: the text is the feed's own. For each parallelism a new job takes all of
them, published beforehand, with the options that `wirebeam stream` sets; printed are, from the first rows to the last,
entries per second, CPU seconds per 1,000 and what of it the two Java processes took; then the size of the last
checkpoint per article, step by step, and the peak of memory (PSS) of each kind of process in each fifth of the time.
At last `--rate` entries a second are published for a minute: the time from the publication of each to the commit of its
row.
"""

import argparse
import datetime as dt
import itertools
import os
import random
import re
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from google.pubsub_v1 import PublisherClient

from pipeline import stream
from pipeline.cluster import Cluster, opened, parts_of
from pipeline.engine import Settings
from schemas import ids
from schemas.enums import Origin, Stage
from schemas.records import Entry
from tests.flink.cluster import FlinkCluster, jar_of, worker_options
from tests.pipeline.sinks.pubsub_server import PROJECT, pubsub
from transforms.outcomes import utc_now
from transforms.visits import Policy
from transforms.web.messages import HttpConfig

WORDS = 300
VOCABULARY = 20_000
FEEDS = 500
LEASE_S = 60  # of a message, as `wirebeam pubsub setup` makes subscriptions
SAMPLED_S = 1.0
OWN = (Stage.EXTRACT, Stage.IDENTIFY, Stage.REVISE, Stage.LINK, Stage.TAG)
PARTS = 5  # of the time: memory is flat if its peak is the same in the last as in those before
LATENCY_S = 60
PATIENCE_S = 3_600
FIRST_OF_STEPS = re.compile(r"\[\d+\]|,.*")  # of a step's name in Flink all but the first that it is made of
OF_JAVA = ("job manager", "task manager")
# Processes by a name in their command.
KINDS = {"ClusterEntrypoint": OF_JAVA[0], "TaskManagerRunner": OF_JAVA[1], "sdk_worker_main": "Python worker"}
OTHERS = "its pool"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--parallelism", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rate", type=int, default=20)
    options = parser.parse_args()
    print(f"{options.entries} entries of {WORDS} words\n")
    for parallelism in options.parallelism:
        with tempfile.TemporaryDirectory(prefix="wirebeam-cluster-") as name:
            measure(Path(name), options.entries, parallelism, options.rate)


def measure(folder: Path, entries: int, parallelism: int, rate: int) -> None:
    """One job."""
    topic, subscription = new_subscription()
    publish(topic, (entry(number) for number in range(entries)))
    with FlinkCluster(folder / "flink") as cluster:
        job = cluster.run(jar(folder, cluster, subscription, parallelism))
        rows = Rows(folder / "rows")
        watch = Watch(cluster.folder)
        rows.wait(1)
        loaded, total_before, java_before = len(rows.committed), *watch.cpu_s()
        rows.wait(entries)
        watch.stop()
        took_s = rows.times[-1] - rows.times[loaded - 1]
        # The rows whose state the checkpoint holds are in it by the next one.
        seen = cluster.checkpoints(job)
        cluster.wait(lambda: cluster.checkpoints(job) > seen)
        state = cluster.state_by_step(job)
        total, java = watch.cpu_s()
        total, java = total - total_before, java - java_before
        own_s = sum(cluster.counter(job, f"{stage}_us") for stage in OWN) / 1_000_000
        print(f"parallelism {parallelism}: {(entries - loaded) / took_s:.1f} entries a second")
        print(f"  CPU: {1000 * total / (entries - loaded):.1f} s for 1,000, of it Java {100 * java / total:.0f} %")
        print(
            f"  the stages' own: {1000 * own_s / entries:.1f} s for 1,000; the rest is the engine's, its workers' too"
        )
        print(f"  checkpoint: {sum(state.values()) / entries:.0f} bytes an article")
        for name, size in sorted(state.items(), key=lambda each: -each[1]):
            if size > entries:  # a byte an article
                print(f"    {size / entries:.0f} {FIRST_OF_STEPS.sub('', name)}")
        for kind, peaks in watch.peaks_mb().items():
            print(f"  memory of {kind}, MB: {', '.join(map(str, peaks))}")

        published: dict[str, float] = {}
        for second_no in range(LATENCY_S):
            some = [entry(entries + second_no * rate + number) for number in range(rate)]
            publish(topic, some)
            published |= {one.entry_id: time.time() for one in some}
            time.sleep(1.0)
        rows.wait(entries + len(published))
        waits = sorted(committed - published[each] for each, committed in rows.committed.items() if each in published)
        print(
            f"  from publication to row at {rate} a second: p50 {at(waits, 0.5):.1f} s, p95 {at(waits, 0.95):.1f} s\n"
        )
        cluster.cancel(job)


def new_subscription() -> tuple[str, str]:
    """A topic and its subscription, in the emulator."""
    library = pubsub()
    name = f"b{uuid.uuid4().hex}"
    topic, subscription = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
    library.PublisherClient().create_topic(name=topic)
    asked = {"name": subscription, "topic": topic, "ack_deadline_seconds": LEASE_S}
    library.SubscriberClient().create_subscription(request=asked)
    return topic, subscription


def jar(folder: Path, cluster: FlinkCluster, subscription: str, parallelism: int) -> Path:
    """The job, with the options of `wirebeam stream`."""
    told = {"PUBSUB_EMULATOR_HOST": os.environ["PUBSUB_EMULATOR_HOST"]}
    options = [f"--parallelism={parallelism}", *worker_options(cluster.folder, told)]
    parts = parts_of(Settings(HttpConfig(), workers=parallelism, policy=Policy()), stream.DEADLINE_S, 200, utc_now)
    sinks = [f"jsonl:{folder / 'rows'}"]
    with opened(sinks, parts, utc_now):
        pipeline = stream.pipeline_of(
            Cluster(runner="FlinkRunner", options=options), subscription, sinks, parts, 1.0, 1
        )
    return jar_of(pipeline, folder / "stream.jar")


def entry(number: int) -> Entry:
    """An entry with a text of its own."""
    words = random.Random(number)
    text = [f"word{words.randrange(VOCABULARY)}" for _ in range(WORDS)]
    paragraphs = [" ".join(text[start : start + 50]).capitalize() + "." for start in range(0, WORDS, 50)]
    return Entry(
        entry_id=ids.hash_id("benchmark", str(number)),
        feed_id=f"benchmark-{number % FEEDS}",
        entry_key=str(number),
        fingerprint="",
        change_no=0,
        origin=Origin.FEED,
        observed_at=dt.datetime.now(dt.UTC),
        guid=f"benchmark-{number}",
        title=" ".join(text[:8]).capitalize(),
        content="".join(f"<p>{paragraph}</p>" for paragraph in paragraphs),
        language="en",
    )


def publish(topic: str, entries: Iterable[Entry]) -> None:
    """Publish in requests of 500."""
    publisher = PublisherClient()
    messages = [{"data": msgspec.json.encode(one), "attributes": {"table": "entries"}} for one in entries]
    for start in range(0, len(messages), 500):
        publisher.publish(topic=topic, messages=messages[start : start + 500])


class Rows:
    """The outcomes as they come to the sink."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self.committed: dict[str, float] = {}  # commit time of each entry's end

    @property
    def times(self) -> list[float]:
        """The commit times, in order."""
        return sorted(self.committed.values())

    def wait(self, wanted: int) -> None:
        """Until so many entries have come to their end."""
        until = time.monotonic() + PATIENCE_S
        while len(self.committed) < wanted:
            self._look()
            assert time.monotonic() < until, f"only {len(self.committed)} of {wanted} rows"
            time.sleep(0.5)

    def _look(self) -> None:
        for path in (self._folder / "outcomes").glob("day=*/*.jsonl"):
            if path in self._read:
                continue
            self._read[path] = 1
            for line in path.read_bytes().splitlines():
                row: dict[str, Any] = msgspec.json.decode(line)
                ingested_at = dt.datetime.fromisoformat(row["ingested_at"]).timestamp()
                if row["is_terminal"]:
                    self.committed.setdefault(row["entry_id"], ingested_at)


class Watch:
    """CPU and memory of the cluster's processes, looked at every second."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._memory: list[Counter[str]] = []  # at each look: KB by kind of process
        self._cpu: dict[int, tuple[float, bool]] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()

    def cpu_s(self) -> tuple[float, float]:
        """Of all, and of the Java processes."""
        return sum(cpu for cpu, _ in self._cpu.values()), sum(cpu for cpu, is_java in self._cpu.values() if is_java)

    def peaks_mb(self) -> dict[str, list[int]]:
        """The highest in each part of the time, by kind of process and of all together."""
        ends = [number * len(self._memory) // PARTS for number in range(PARTS + 1)]
        parts = [self._memory[start:end] for start, end in itertools.pairwise(ends)]
        kinds = sorted({kind for look in self._memory for kind in look})
        peaks = {kind: [max(look[kind] for look in part) // 1024 for part in parts] for kind in kinds}
        return peaks | {"all": [max(look.total() for look in part) // 1024 for part in parts]}

    def _run(self) -> None:
        while not self._ends.wait(SAMPLED_S):
            look: Counter[str] = Counter()
            for process in Path("/proc").iterdir():
                if process.name.isdigit() and process.name != str(os.getpid()):
                    self._add(process, look)
            self._memory.append(look)

    def _add(self, process: Path, look: Counter[str]) -> None:
        """Count a process of ours: Java has the folder among its arguments, the workers in their environment."""
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if self._folder not in command + (process / "environ").read_bytes().decode(errors="replace"):
                return
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            kind = next((kind for name, kind in KINDS.items() if name in command), OTHERS)
            self._cpu[int(process.name)] = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS, kind in OF_JAVA
            lines = (process / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            return
        look[kind] += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def at(ordered: list[float], share: float) -> float:
    """The value below which this share lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    main()
