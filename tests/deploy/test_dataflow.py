import json
import re
import runpy
import sys

import pytest

from tests.deploy.deployed import DEPLOY, check_command

TEMPLATE = json.loads((DEPLOY / "dataflow" / "metadata.json").read_text())
PARAMETERS = {parameter["name"]: parameter for parameter in TEMPLATE["parameters"]}
REFUSED = {
    "from": "projects/your-project/subscriptions/entries",
    "sink": "iceberg:warehouse",  # a folder of one worker
    "contact": "you at example",
    "flush": "5",
    "concurrency": "1001",
    "workers": "0",
    "sdk_container_image": "europe-west1-docker.pkg.dev/your-project/wirebeam/wirebeam",
}


def _example(parameter: dict[str, str]) -> str:
    return parameter["helpText"].rpartition("Example: ")[2]


def _takes(parameter: dict[str, list[str]], value: str) -> bool:
    return all(re.fullmatch(regex, value) for regex in parameter["regexes"])


def test_every_parameter_is_described_and_validated() -> None:
    assert TEMPLATE["streaming"] is True
    assert PARAMETERS.keys() == REFUSED.keys()
    for parameter in PARAMETERS.values():
        assert parameter.keys() == {"name", "label", "helpText", "isOptional", "regexes"}
        assert parameter["label"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_takes_its_example_and_refuses_what_is_wrong(name: str) -> None:
    assert _takes(PARAMETERS[name], _example(PARAMETERS[name]))
    assert not _takes(PARAMETERS[name], REFUSED[name])
    assert not _takes(PARAMETERS[name], "")


@pytest.mark.parametrize("sink", ["pubsub:projects/p/topics/t", "postgresql://wirebeam@db.example/news"])
def test_a_sink_may_be_of_another_kind(sink: str) -> None:
    assert _takes(PARAMETERS["sink"], sink)


def test_the_template_s_program_is_the_stream_command(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [f"--{name}={_example(parameter)}" for name, parameter in PARAMETERS.items()]
    of_launcher = [
        "--project=p",
        "--region=r",
        "--job_name=j",
        "--template_location=gs://b/o",
        "--temp_location=gs://b/t",
    ]
    monkeypatch.setattr(sys, "argv", ["main.py", *given, *of_launcher])
    monkeypatch.setattr("pipeline.cli.main.run", lambda: None)
    runpy.run_path(str(DEPLOY / "dataflow" / "main.py"), run_name="__main__")
    assert "--runner=DataflowRunner" in sys.argv
    check_command(sys.argv[1:])


def test_what_is_required_is_what_the_job_cannot_do_without() -> None:
    required = {name for name, parameter in PARAMETERS.items() if not parameter["isOptional"]}
    assert required == {"from", "sink", "contact", "sdk_container_image"}
