"""`wirebeam purge`, as a person calls it."""

import datetime as dt
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.purge import purge
from pipeline.data_directory import RunnerLock
from pipeline.state import State
from schemas.records import Article
from transforms.identify import address_key
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
URL = "https://outlet.example/news/bridge"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with an article that is on its way to a sink out of reach."""
    state = State(tmp_path)
    gathered = Gathered()
    gathered.add(
        Article(
            capture_id="c" * 32,
            article_id=address_key(URL),
            content_hash="",
            observed_at=NOW,
            url=URL,
            canonical_url=URL,
            title="The bridge",
        )
    )
    state.commit([], gathered, NOW)
    state.set_cursor("bigquery:project.dataset", 0, NOW)
    state.close()
    return tmp_path


def call(data: Path, *arguments: str, answer: str = "") -> Result:
    app = typer.Typer()
    app.command()(purge)
    return CliRunner().invoke(app, [*arguments, "--data", str(data)], input=answer)


def waiting(data: Path) -> int:
    state = State(data)
    rows = len(state.outbox(0, 10))
    state.close()
    return rows


def test_it_says_what_it_would_do_and_asks(data: Path) -> None:
    done = call(data, URL, answer="n\n")
    assert done.exit_code == 1
    for words in ("The bridge", URL, "1 captures (2026-03-01", "state.db", "out of reach", "bigquery:project.dataset"):
        assert words in done.stdout
    assert waiting(data) == 1


@pytest.mark.parametrize(("options", "answer"), [(["--yes"], ""), ([], "y\n")])
def test_it_does_it_when_told_to(options: list[str], answer: str, data: Path) -> None:
    done = call(data, URL, *options, answer=answer)
    assert done.exit_code == 0, done.output
    assert "state.db: 1 rows deleted or blanked" in done.stdout
    assert waiting(data) == 0


def test_beside_a_run_it_is_refused_before_anything_is_done(data: Path) -> None:
    lock = RunnerLock(data)
    done = call(data, URL, "--yes")
    lock.release()
    assert done.exit_code == 1
    assert "stop it first" in done.stderr
    assert waiting(data) == 1


def test_what_is_not_known_is_said_in_one_line(data: Path) -> None:
    assert call(data, "https://outlet.example/unknown").exit_code == 1
    assert call(data / "nowhere", URL).exit_code == 2
