"""The job that the Flex Template's program sends to Dataflow, recorded by a stand-in on loopback."""

import json
import os
import subprocess
from typing import Any

import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from tests.deploy.deployed import DEPLOY, ROOT
from tests.deploy.google_services import PROJECT, GoogleServices
from tests.pipeline.sinks.pubsub_server import pubsub

# Beam's Google extra has other versions than the tests have: the image's environment.
PYTHON = ROOT / ".servers" / "image" / "bin" / "python"
IMAGE = "europe-west1-docker.pkg.dev/your-project/wirebeam/wirebeam:0.1.0"
WORKER = f"wirebeam-worker@{PROJECT}.iam.gserviceaccount.com"
OF_LAUNCHER = (  # what `deploy/google.sh start` leads to
    f"--project={PROJECT}",
    "--region=europe-west1",
    "--job_name=wirebeam",
    f"--service_account_email={WORKER}",
    "--num_workers=1",
    "--max_num_workers=8",
    "--temp_location=gs://bucket/dataflow/temp",
    "--staging_location=gs://bucket/dataflow/staging",
)
PATIENCE_S = 240


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], beam_runner_api_pb2.Pipeline]:
    """The job request, and the graph that was staged for it."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of the image: make install-servers")
    library = pubsub()
    topics = [f"projects/{PROJECT}/topics/{name}" for name in ("entries", "rows")]
    for topic in topics:
        library.PublisherClient().create_topic(name=topic)
    subscription = f"projects/{PROJECT}/subscriptions/entries"
    asked = {"name": subscription, "topic": topics[0], "ack_deadline_seconds": 60}
    library.SubscriberClient().create_subscription(request=asked)
    parameters = {
        "from": f"pubsub:{subscription}",
        "sink": f"pubsub:{topics[1]}",
        "contact": "you@example.org",
        "flush": "5m",
        "concurrency": "64",
        "workers": "4",
        "sdk_container_image": IMAGE,
    }
    described = json.loads((DEPLOY / "dataflow" / "metadata.json").read_text())["parameters"]
    assert parameters.keys() == {each["name"] for each in described}
    with GoogleServices(tmp_path_factory.mktemp("google")) as services:
        given = [f"--{name}={value}" for name, value in parameters.items()]
        done = subprocess.run(
            [PYTHON, DEPLOY / "dataflow" / "main.py", *given, *OF_LAUNCHER, f"--dataflow_endpoint={services.address}"],
            env=os.environ | services.environment | {"PYTHONPATH": str(ROOT)},
            cwd=tmp_path_factory.mktemp("launcher"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert parameters["sink"] in done.stdout
    (job,) = services.jobs
    (graph,) = (content for name, content in services.staged.items() if name.endswith("/pipeline.pb"))
    return job, beam_runner_api_pb2.Pipeline.FromString(graph)


Sent = tuple[dict[str, Any], beam_runner_api_pb2.Pipeline]


def test_the_job_streams_by_streaming_engine_within_limits_and_as_its_account(sent: Sent) -> None:
    job, _ = sent
    environment = job["environment"]
    options = environment["sdkPipelineOptions"]["options"]
    assert options["streaming"] is True
    assert environment["version"]["job_type"] == "FNAPI_STREAMING"
    assert "enable_streaming_engine" in environment["experiments"]
    assert environment["serviceAccountEmail"] == WORKER
    (pool,) = environment["workerPools"]
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 8
    assert [each["containerImage"] for each in pool["sdkHarnessContainerImages"]] == [IMAGE]


def test_no_file_of_the_launcher_goes_to_the_workers(sent: Sent) -> None:
    """They have the code from their image."""
    job, _ = sent
    (pool,) = job["environment"]["workerPools"]
    assert [each["name"] for each in pool["packages"]] == ["submission_environment_dependencies.txt"]


def test_dataflow_reads_the_subscription_and_knows_repeats_by_their_key(sent: Sent) -> None:
    _, graph = sent
    (read,) = (
        each for each in graph.components.transforms.values() if each.spec.urn == common_urns.composites.PUBSUB_READ.urn
    )
    payload = beam_runner_api_pb2.PubSubReadPayload.FromString(read.spec.payload)
    assert payload.subscription == f"projects/{PROJECT}/subscriptions/entries"
    assert payload.id_attribute == "key"


def test_every_step_has_a_name_of_its_own_for_the_next_version_to_find(sent: Sent) -> None:
    _, graph = sent
    names = [each.unique_name for each in graph.components.transforms.values()]
    assert len(names) == len(set(names))
    pinned = (ROOT / "tests" / "pipeline" / "golden" / "stream_steps.txt").read_text().splitlines()
    unread = [each for each in pinned if not each.startswith("Messages")]
    assert [each for each in unread if each not in names] == []
