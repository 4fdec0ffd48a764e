import itertools
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.cli import pubsub
from tests.deploy.deployed import DEPLOY
from tests.deploy.test_dataflow import PARAMETERS

SCRIPT = DEPLOY / "google.sh"
PLACE = ("your-project", "europe-west1")
START = ("start", *PLACE, "0.1.0", "you@example.org", "bigquery:your-project.news")
POLLER, WORKER = (f"wirebeam-{name}@your-project.iam.gserviceaccount.com" for name in ("poller", "worker"))
PUBSUB_ITSELF = "service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"


def _printed(*words: str) -> list[list[str]]:
    """The commands of a dry run, without any tool of Google's on the path."""
    done = _run(["--dry-run", *words], "/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    return [shlex.split(line) for line in done.stdout.splitlines()]


def _run(words: Sequence[str], path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *words], env={"PATH": path}, capture_output=True, text=True, check=False)


def _granted(commands: list[list[str]]) -> set[tuple[str, str, str]]:
    """Account, role, and on what."""
    granted = set()
    for command in commands:
        options = dict(word.split("=", 1) for word in command if word.startswith("--") and "=" in word)
        if "add-iam-policy-binding" in command:
            on = command[command.index("add-iam-policy-binding") + 1]
            granted.add((options["--member"].removeprefix("serviceAccount:"), options["--role"], on))
        elif said := re.fullmatch(r'GRANT `(.+)` ON SCHEMA `(.+)` TO "serviceAccount:(.+)"', command[-1]):
            granted.add((said[3], said[1], said[2]))
    return granted


BOTH = {
    (POLLER, "roles/pubsub.publisher", "entries"),
    (POLLER, "roles/pubsub.viewer", "entries"),
    (WORKER, "roles/pubsub.publisher", "entries"),
    (WORKER, "roles/pubsub.subscriber", "entries"),
    (WORKER, "roles/pubsub.viewer", "entries"),
    (WORKER, "roles/bigquery.dataEditor", "your-project.news"),
    (WORKER, "roles/bigquery.jobUser", "your-project"),
    (WORKER, "roles/storage.objectAdmin", "gs://your-project-wirebeam"),
    (WORKER, "roles/artifactregistry.reader", "wirebeam"),
}


def test_a_stream_on_dataflow_gets_the_least_roles() -> None:
    granted = _granted(_printed("setup", "dataflow", *PLACE))
    assert granted == BOTH | {(WORKER, "roles/dataflow.worker", "your-project")}


def test_a_stream_on_flink_gets_them_by_workload_identity_and_pubsub_those_for_dead_letters() -> None:
    granted = _granted(_printed("setup", "flink", *PLACE))
    assert granted == BOTH | {
        (PUBSUB_ITSELF, "roles/pubsub.publisher", "entries-dead-letters"),
        (PUBSUB_ITSELF, "roles/pubsub.subscriber", "entries"),
        ("your-project.svc.id.goog[wirebeam/wirebeam-poller]", "roles/iam.workloadIdentityUser", POLLER),
        ("your-project.svc.id.goog[wirebeam/wirebeam-stream]", "roles/iam.workloadIdentityUser", WORKER),
    }


def test_the_subscription_is_that_of_pubsub_setup() -> None:
    [made] = [
        command
        for command in _printed("setup", "flink", *PLACE)
        if command[4:7] == ["subscriptions", "create", "entries"]
    ]
    assert _options(made) == {
        "--project": "your-project",
        "--topic": "entries",
        "--ack-deadline": f"{pubsub.ACK_DEADLINE_S}",
        "--message-retention-duration": f"{pubsub.RETENTION_S // 86_400}d",
        "--expiration-period": "never",
        "--min-retry-delay": f"{pubsub.LEAST_BACK_OFF_S}s",
        "--max-retry-delay": f"{pubsub.LONGEST_BACK_OFF_S}s",
        "--dead-letter-topic": "entries-dead-letters",
        "--max-delivery-attempts": f"{pubsub.DELIVERIES}",
    }
    assert {"--retain-acked-messages", "--enable-message-ordering"} <= set(made)


def test_dataflow_s_subscription_has_none_of_what_dataflow_does_not_support() -> None:
    commands = _printed("setup", "dataflow", *PLACE)
    [made] = [command for command in commands if command[4:6] == ["subscriptions", "create"]]
    assert not {"--dead-letter-topic", "--min-retry-delay", "--enable-message-ordering"} & set(made)
    assert "--retain-acked-messages" in made


def _options(command: list[str]) -> dict[str, str]:
    return {
        name: value
        for name, value in itertools.pairwise(command)
        if name.startswith("--") and not value.startswith("--")
    }


def test_the_job_is_started_with_parameters_that_the_template_takes() -> None:
    [command] = _printed(*START)
    options = _options(command)
    parameters = dict(each.split("=", 1) for each in options["--parameters"].removeprefix("^~^").split("~"))
    for name, value in parameters.items():
        assert all(re.fullmatch(regex, value) for regex in PARAMETERS[name]["regexes"]), name
    assert options["--service-account-email"] == WORKER
    assert options["--max-workers"] == "4"
    assert "--enable-streaming-engine" in command
    assert "--update" not in command
    assert _printed("update", *START[1:]) == [[*command, "--update"]]


def test_images_are_built_pushed_and_made_a_template() -> None:
    commands = _printed("images", *PLACE, "0.1.0")
    assert [command[:2] for command in commands] == [
        ["gcloud", "auth"],
        ["docker", "build"],
        ["docker", "build"],
        ["docker", "push"],
        ["docker", "push"],
        ["gcloud", "dataflow"],
    ]
    assert Path(_options(commands[-1])["--metadata-file"]).exists()
    started = _options(_printed(*START)[0])
    assert started["--template-file-gcs-location"] == commands[-1][4]


@pytest.mark.parametrize("runner", ["dataflow", "flink"])
def test_what_is_there_stays_as_it_is(tmp_path: Path, runner: str) -> None:
    said = tmp_path / "said"
    for tool in ("gcloud", "bq"):  # as if all were there
        (tmp_path / tool).write_text(f'#!/bin/sh\necho "$*" >> {said}\n')
        (tmp_path / tool).chmod(0o755)
    done = _run(["setup", runner, *PLACE], f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert not re.search(r" (create|mk) ", said.read_text())
    assert "add-iam-policy-binding" in said.read_text()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["setup"],
        ["setup", "spark", *PLACE],
        ["setup", "flink", "Your Project", "europe-west1"],
        ["setup", "flink", "your-project", "europe"],
        ["images", *PLACE],
        ["start", *PLACE, "0.1.0"],
        ["images", *PLACE, "0.1.0; true"],
        ["stop", *PLACE],
    ],
)
def test_a_call_that_makes_no_sense_ends_with_the_usage_and_does_nothing(words: list[str]) -> None:
    done = _run(words, "/usr/bin:/bin")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "google.sh [--dry-run] setup dataflow|flink PROJECT REGION" in done.stderr
