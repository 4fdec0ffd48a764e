from typing import Any

from tests.deploy.deployed import DEPLOY, check_command, documents, is_exact, lint

COMPOSE = DEPLOY / "compose.yaml"
SERVICES: dict[str, Any] = documents(COMPOSE)[0]["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("wirebeam")}


def test_is_a_compose_file() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_every_image_has_an_exact_version() -> None:
    assert all(is_exact(service["image"]) for service in SERVICES.values())


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_our_services_are_called_as_the_command_line_has_it() -> None:
    commands = [service["command"] for service in OURS.values() if service["command"] != ["--worker_pool"]]
    assert [command[0] for command in commands] == ["pubsub", "poll", "stream"]
    for command in commands:
        check_command(command)


def test_waits_only_for_what_can_come() -> None:
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                has_check = name in OURS or "healthcheck" in SERVICES[name]
                assert has_check, name
            if wanted["condition"] == "service_completed_successfully":
                assert "restart" not in SERVICES[name], name


def test_a_job_and_its_workers_reach_the_same_sinks() -> None:
    assert SERVICES["stream"]["environment"] == SERVICES["workers"]["environment"]
    assert SERVICES["stream"]["volumes"] == SERVICES["workers"]["volumes"] == SERVICES["jobmanager"]["volumes"]
