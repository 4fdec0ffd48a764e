"""`wirebeam status`, as a person or a script calls it."""

import datetime as dt
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.status import status
from pipeline.state import State
from schemas.enums import PollStatus, Reason
from schemas.records import Feed, Poll, PollState
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def call(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(status)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data directory with one feed that fails."""
    feed = Feed(feed_id="f", valid_from=NOW, url="https://outlet.example/feed", outlet="[Outlet]")
    gathered = Gathered()
    gathered.add(PollState(feed_id="f", polls=3, failures=2))
    for minutes in (0, 5):
        at = NOW + dt.timedelta(minutes=minutes)
        reason, words = Reason.HTTP_ERROR, "Bad Gateway"
        failed = PollStatus.FAILED
        row = Poll(feed_id="f", polled_at=at, url="", status=failed, reason=reason, detail=words, http_status=502)
        gathered.add(row)
    state = State(tmp_path)
    state.set_feeds([(feed, "https://user:hunter2@outlet.example/feed")])
    state.commit([], gathered, NOW)
    state.set_cursor("postgres://user:hunter2@db.example/news", 1, NOW)
    state.close()
    return tmp_path


def test_a_person_reads_what_is_wrong_and_why(folder: Path) -> None:
    done = call("--data", folder)
    assert done.exit_code == 0, done.output
    for words in (
        "none is going on",
        "1: 1 failing",
        "[Outlet] (https://outlet.example/feed)",
        "failing, 2 in a row",
        "2026-03-02 12:00",
        "http error 502: Bad Gateway",
        "postgres://***@db.example/news lacks 2 rows",
    ):
        assert words in done.stdout
    assert "hunter2" not in done.output


def test_a_script_reads_the_same(folder: Path) -> None:
    done = call("--data", folder, "--format", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    (feed,) = found["feeds"]
    assert (feed["condition"], feed["reason"], feed["failures"]) == ("failing", "http_error", 2)
    assert feed["since"] == "2026-03-02T12:00:00Z"
    assert found["runner"] is None
    assert found["outbox_rows"] == 3
    assert "hunter2" not in done.output


def test_a_missing_data_directory_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    done = call("--data", tmp_path / "missing")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "missing" in done.stderr
    assert not (tmp_path / "missing").exists()


def test_a_damaged_state_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no database at all" * 100)
    done = call("--data", tmp_path)
    assert done.exit_code == 2
    assert "state.db" in done.stderr
    assert "Traceback" not in done.output
