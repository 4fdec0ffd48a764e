import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.feedlist import read_feeds
from tests.deploy.deployed import DEPLOY, check_command, documents, is_exact, lint

MANIFESTS = DEPLOY / "kubernetes"
KUSTOMIZATION = documents(MANIFESTS / "kustomization.yaml")[0]
OBJECTS: list[dict[str, Any]] = [each for name in KUSTOMIZATION["resources"] for each in documents(MANIFESTS / name)]
FLINK = next(each for each in OBJECTS if each["kind"] == "FlinkDeployment")["spec"]
POLLER = next(each for each in OBJECTS if each["kind"] == "StatefulSet")["spec"]
SETTINGS = next(each for each in OBJECTS if each["kind"] == "ConfigMap")["data"]
TEMPLATES = {part: FLINK[part]["podTemplate"] for part in ("jobManager", "taskManager")} | {"": FLINK["podTemplate"]}
CONTAINERS = [
    container
    for spec in (POLLER["template"]["spec"], *(template["spec"] for template in TEMPLATES.values()))
    for container in (*spec.get("initContainers", ()), *spec["containers"])
]
OURS = [container for container in CONTAINERS if container.get("image", "").startswith("wirebeam")]
VERSION = "1.31.0"  # of Kubernetes


def test_kustomization_names_every_file() -> None:
    files = {path.name for path in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files


@pytest.mark.parametrize(
    "own", [each for each in OBJECTS if each["kind"] != "FlinkDeployment"], ids=lambda each: each["kind"]
)
def test_is_what_kubernetes_takes(own: dict[str, Any], tmp_path: Path) -> None:
    _validate(own, tmp_path)


@pytest.mark.parametrize("part", TEMPLATES)
def test_pod_templates_of_flink_are_what_kubernetes_takes(part: str, tmp_path: Path) -> None:
    wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "one"}, "template": TEMPLATES[part]}
    _validate(wrapped, tmp_path)
    assert FLINK["podTemplate"]["spec"]["containers"][0]["name"] == "flink-main-container"
    assert TEMPLATES[part]["spec"]["containers"][0]["name"] == "flink-main-container"


def _validate(what: dict[str, Any], folder: Path) -> None:
    (folder / "one.yaml").write_text(yaml.safe_dump(what))
    lint("kubernetes-validate", "--strict", "--kubernetes-version", VERSION, folder / "one.yaml")


def test_the_flink_deployment_is_what_the_operator_takes(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(FLINK))
    lint(
        "check-jsonschema",
        "--schemafile",
        Path(__file__).with_name("flinkdeployment-spec.json"),
        tmp_path / "spec.json",
    )


def test_a_job_keeps_its_state_through_upgrades_and_losses() -> None:
    settings = FLINK["flinkConfiguration"]
    assert FLINK["job"]["upgradeMode"] == "savepoint"
    assert settings["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert settings["high-availability.type"] == "kubernetes"
    for key in ("state.checkpoints.dir", "state.savepoints.dir", "high-availability.storageDir"):
        assert settings[key].startswith("gs://")


def test_flink_is_the_version_that_the_tests_run_on() -> None:
    flink = ET.parse(DEPLOY / "flink" / "cluster.xml").findtext(".//{*}flink.version")
    assert FLINK["image"].startswith(f"flink:{flink}-")
    assert FLINK["flinkVersion"] == "v" + "_".join(str(flink).split(".")[:2])
    [plugin] = [each["value"] for each in CONTAINERS[-1]["env"] if each["name"] == "ENABLE_BUILT_IN_PLUGINS"]
    assert flink in plugin


def test_every_image_has_an_exact_version() -> None:
    images = [FLINK["image"], *(container["image"] for container in OURS)]
    assert len(images) == 4
    assert all(map(is_exact, images))


def test_our_containers_are_called_as_the_command_line_has_it() -> None:
    commands = [container["args"] for container in OURS if container["args"] != ["--worker_pool"]]
    assert [command[0] for command in commands] == ["poll", "stream"]
    for command in commands:
        check_command(command)
        told = {name for word in command for name in re.findall(r"\$\((\w+)\)", word)} - {"SHARD"}
        assert told <= SETTINGS.keys()


def test_nobody_is_root_and_every_container_of_ours_is_bounded() -> None:
    for spec in (POLLER["template"]["spec"], FLINK["podTemplate"]["spec"]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 9999
    for container in OURS:
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_no_secret_stands_in_a_manifest() -> None:
    assert all(each["kind"] != "Secret" for each in OBJECTS)
    assert not re.search(r"//[^/\s@]+:[^/\s@]+@", json.dumps(SETTINGS))


def test_each_poller_has_its_feeds_and_its_volume() -> None:
    [generated] = KUSTOMIZATION["configMapGenerator"]
    files = dict(line.split("=") for line in generated["files"])
    assert list(files) == [f"{number}.opml" for number in range(POLLER["replicas"])]
    for path in files.values():
        assert read_feeds([str(MANIFESTS / path)], dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).feeds
    assert [claim["metadata"]["name"] for claim in POLLER["volumeClaimTemplates"]] == ["data"]
