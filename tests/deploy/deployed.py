"""What the tests of deploy/ share: its files, the linters of this environment, and the command line as a judge."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from typer._click import Context
from typer.main import get_command

from pipeline.cli.main import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def lint(linter: str, *arguments: str | Path) -> None:
    """Run a linter of this environment, and show what it says if it is not content."""
    done = subprocess.run(
        [Path(sys.executable).parent / linter, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def is_exact(image: str) -> bool:
    """Whether an image is named with its version, down to the digits."""
    return bool(re.search(r":v?\d+\.\d+[^/]*$|:\d{8}_RC\d\d$|@sha256:[0-9a-f]{64}$", image))


def check_command(words: Sequence[str]) -> None:
    """See that words are a call of `wirebeam`: a command that there is, with its options or those of Beam."""
    command: Any = get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"no command: {' '.join(words)}"
        command = command.commands[rest.pop(0)]
    context = Context(command, **command.context_settings)
    given, _, _ = command.make_parser(context).parse_args(rest)  # raises at an option that there is not
    required = {parameter.name for parameter in command.params if parameter.required}
    assert required <= given.keys(), f"{required - given.keys()} is missing: {' '.join(words)}"
    known = PipelineOptions([]).get_all_options()
    for option in given.get("options") or ():
        assert option.removeprefix("--").partition("=")[0] in known, f"not an option of Beam: {option}"
