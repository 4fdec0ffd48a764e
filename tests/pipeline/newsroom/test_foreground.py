import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., Any]  # the fixture `ask` of conftest.py


def started(call: str) -> tuple["subprocess.Popen[str]", list[str]]:
    script = f"from pathlib import Path; from pipeline.newsroom import serve; serve({call})"
    process = subprocess.Popen([sys.executable, "-uc", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines: list[str] = []
    while not (lines and "wirebeam run" in lines[-1]):
        line = process.stdout.readline()
        assert line, "it ended early"
        lines.append(line.strip())
    return process, lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(ask: Ask, number: signal.Signals) -> None:
    process, lines = started("seed=3")
    with process:
        assert lines[0].startswith("http://meridian.localhost:")
        assert ask(lines[0]).status == 200
        process.send_signal(number)
        assert process.wait(timeout=30) == 0


def test_it_serves_recordings(tmp_path: Path, ask: Ask) -> None:
    file = tmp_path / "pages.jsonl"
    file.write_text(json.dumps({"id": "a", "url": "https://news.example/one", "html": "<p>One</p>"}))
    process, lines = started(f"pages=[Path({str(file)!r})]")
    with process:
        assert b"news.example.localhost" in ask(lines[0]).body
        process.terminate()
        assert process.wait(timeout=30) == 0
