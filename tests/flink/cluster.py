"""A Flink cluster for tests: started, killed part by part, and asked over REST.

    with FlinkCluster(folder) as cluster:
        job = cluster.run(executable_jar(pipeline, worker_options(folder), folder / "pipeline.jar"))
        cluster.kill("taskmanager")
        cluster.start("taskmanager")

Each cluster has its own ports and its own folder for logs, checkpoints and savepoints.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self

import apache_beam as beam
import requests
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.abstract_job_service import UberJarBeamJob
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner
from google.protobuf import json_format

from transforms.timing import NAMESPACE

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "flink" / "cluster.sh"
INSTALLED = ROOT / ".servers" / "flink"
JOB_SERVER = INSTALLED / "job-server.jar"
WORKER = Path(__file__).with_name("worker.py")
ENTRY_CLASS = "org.apache.beam.runners.flink.FlinkPipelineRunner"
PATIENCE_S = 90.0

Part = Literal["jobmanager", "taskmanager"]


def worker_options(folder: Path, told: Mapping[str, str] | None = None) -> list[str]:
    """Options of a pipeline whose Python workers run in this process's environment and log to `folder`.

    `told` are further variables of their environment.
    """
    environment = {
        **(told or {}),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "WORKER_LOG": str(folder / "workers.log"),
        "MALLOC_ARENA_MAX": "2",  # as deploy/Dockerfile has it
    }
    return [
        "--environment_type=PROCESS",
        f"--environment_config={json.dumps({'command': str(WORKER), 'env': environment})}",
    ]


def executable_jar(build: Callable[[beam.Pipeline], None], options: list[str], jar: Path) -> Path:
    """Write a jar that runs the pipeline that `build` makes on whichever cluster it is uploaded to."""
    pipeline = beam.Pipeline(options=PipelineOptions(options))
    build(pipeline)
    return jar_of(pipeline, jar)


def jar_of(pipeline: beam.Pipeline, jar: Path) -> Path:
    """Write a jar that runs a pipeline: Beam's job server and the pipeline.

    As `--flink_submit_uber_jar` does it; but that runs the jar at once, and without the savepoint it is told of.
    """
    chosen = pipeline.options
    proto = PortableRunner.get_proto_pipeline(pipeline, chosen)
    for environment in proto.components.environments.values():
        del environment.dependencies[:]  # the workers have all that they need
    told = chosen.get_all_options(retain_unknown_options=True)
    told.pop("runner", None)  # Python's name of it, which Java takes for a class
    encoded = JobServiceHandle.encode_pipeline_options(told)
    shutil.copyfile(JOB_SERVER, jar)
    with zipfile.ZipFile(jar, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(UberJarBeamJob.PIPELINE_PATH, json_format.MessageToJson(proto))
        opened.writestr(UberJarBeamJob.PIPELINE_OPTIONS_PATH, json_format.MessageToJson(encoded))
        opened.writestr(UberJarBeamJob.PIPELINE_MANIFEST, json.dumps({"defaultJobName": UberJarBeamJob.PIPELINE_NAME}))
    return jar


class FlinkCluster:
    """A job manager and a task manager, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rest, rpc = _free_ports(2)
        self._address = f"http://127.0.0.1:{rest}"
        self._environment = os.environ | {
            "FLINK_RUN": str(folder),
            "FLINK_REST_PORT": str(rest),
            "FLINK_RPC_PORT": str(rpc),
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._control("kill")
        self.kill_workers()

    def start(self, *parts: Part) -> None:
        """Start what is named, or all of it and wait until it can run jobs."""
        self._control("start", *parts)

    def stop(self, *parts: Part) -> None:
        self._control("stop", *parts)

    def kill(self, *parts: Part) -> None:
        """kill -9; without a name: both."""
        self._control("kill", *parts)

    def kill_workers(self) -> int:
        """kill -9 the Python workers of this cluster; how many there were."""
        workers = [process for process in map(_process_id, Path("/proc").iterdir()) if process and self._owns(process)]
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        return len(workers)

    def run(self, jar: Path, savepoint: str | None = None, *, allow_non_restored_state: bool = False) -> str:
        """Upload a jar and run its pipeline, from a savepoint or a retained checkpoint if one is named; the job id."""
        with jar.open("rb") as content:
            uploaded = self._call("post", "/jars/upload", files={"jarfile": (jar.name, content)})
        wanted: dict[str, Any] = {"entryClass": ENTRY_CLASS}
        if savepoint:
            wanted |= {"savepointPath": savepoint, "allowNonRestoredState": allow_non_restored_state}
        name = Path(uploaded["filename"]).name
        try:
            return str(self._call("post", f"/jars/{name}/run", json=wanted)["jobid"])
        finally:
            self._call("delete", f"/jars/{name}")

    def jobs(self) -> dict[str, str]:
        """The state of each job that the job manager knows, by the job's id."""
        return {job["id"]: job["status"] for job in self._call("get", "/jobs")["jobs"]}

    def cancel(self, job: str) -> None:
        """Cancel a job and wait for its end; its last checkpoint is kept."""
        self._call("patch", f"/jobs/{job}?mode=cancel")
        self.wait(lambda: self.jobs()[job] == "CANCELED")

    def stop_with_savepoint(self, job: str) -> str:
        """Stop a job at a savepoint, and where that is."""
        trigger = self._call("post", f"/jobs/{job}/stop", json={"drain": False})["request-id"]
        return self._savepoint(job, trigger)

    def savepoint(self, job: str) -> str:
        """Take a savepoint of a job that goes on, and where it is."""
        trigger = self._call("post", f"/jobs/{job}/savepoints", json={"cancel-job": False})["request-id"]
        return self._savepoint(job, trigger)

    def checkpoints(self, job: str) -> int:
        """How many checkpoints a job has completed since its job manager started it."""
        return int(self._call("get", f"/jobs/{job}/checkpoints")["counts"]["completed"])

    def state_by_step(self, job: str) -> dict[str, int]:
        """Of the newest complete checkpoint of a job, the bytes of each step that keeps state."""
        newest = self._call("get", f"/jobs/{job}/checkpoints")["latest"]["completed"]["id"]
        tasks = self._call("get", f"/jobs/{job}/checkpoints/details/{newest}")["tasks"]
        names = {vertex["id"]: vertex["name"] for vertex in self._call("get", f"/jobs/{job}")["vertices"]}
        return {names[vertex]: int(task["state_size"]) for vertex, task in tasks.items()}

    def counter(self, job: str, name: str) -> int:
        """A Beam counter of the project's namespace, summed over all steps and workers of a running job."""
        found = 0
        for vertex in self._call("get", f"/jobs/{job}")["vertices"]:
            path = f"/jobs/{job}/vertices/{vertex['id']}/metrics"
            names = [one["id"] for one in self._call("get", path) if one["id"].endswith(f".{NAMESPACE}_{name}")]
            if names:
                found += sum(int(one["value"]) for one in self._call("get", f"{path}?get={','.join(names)}"))
        return found

    def latest_checkpoint(self, job: str) -> str:
        """Where the newest complete checkpoint of a job is: what is left when its job manager is gone."""
        complete = (self.folder / "checkpoints" / job).glob("chk-*/_metadata")
        return max(complete, key=lambda found: int(found.parent.name.removeprefix("chk-"))).parent.as_uri()

    def wait(self, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds, for a time that no sound run needs."""
        deadline = time.monotonic() + patience_s
        while not self._holds(holds):
            assert time.monotonic() < deadline, f"in vain for {patience_s} s: see the logs in {self.folder}"
            time.sleep(0.2)

    def _holds(self, holds: Callable[[], bool]) -> bool:
        try:
            return holds()
        except requests.ConnectionError:  # the job manager may be on its way up
            return False

    def _savepoint(self, job: str, trigger: str) -> str:
        path = f"/jobs/{job}/savepoints/{trigger}"
        self.wait(lambda: self._call("get", path)["status"]["id"] == "COMPLETED")
        operation = self._call("get", path)["operation"]
        assert "location" in operation, operation
        return str(operation["location"])

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = requests.request(method, self._address + path, timeout=60, **arguments)
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise requests.ConnectionError(answer.text)  # it listens, and does not lead yet
        assert answer.ok, f"{method} {path}: {answer.status_code}: {answer.text[-2000:]}"
        return answer.json() if answer.text else None

    def _control(self, action: str, *parts: Part) -> None:
        subprocess.run([SCRIPT, action, *parts], env=self._environment, check=True)

    def _owns(self, process: int) -> bool:
        """Whether it is one of this cluster's workers: they were told its log."""
        try:
            told = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        except OSError:  # gone, or not ours
            return False
        return f"WORKER_LOG={self.folder / 'workers.log'}".encode() in told


def _process_id(folder: Path) -> int | None:
    return int(folder.name) if folder.name.isdigit() else None


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
