"""`wirebeam maintain` and `wirebeam rebuild-state`, as a person calls them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.maintain import maintain
from pipeline.cli.rebuild_state import rebuild_state
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.sinks import open_sink
from pipeline.state import State
from schemas.tables import TABLES


def call(command: Callable[..., None], *arguments: object) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory whose run has written nothing yet."""
    State(tmp_path).close()
    open_sink(f"iceberg:{warehouse_of(tmp_path)}").close()
    return tmp_path


def test_maintain_says_what_it_did(data: Path) -> None:
    done = call(maintain, "--data", data)
    assert done.exit_code == 0, done.output
    assert "0 captures, 0 sketches, 0 lineages and 0 aliases forgotten" in done.stdout
    assert str(warehouse_of(data)) in done.stdout
    assert all(table in done.stdout for table in TABLES)


def test_a_dry_run_says_that_nothing_was_changed(data: Path) -> None:
    done = call(maintain, "--data", data, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "nothing was changed" in done.stdout


def test_maintain_works_beside_a_run(data: Path) -> None:
    lock = RunnerLock(data)
    assert call(maintain, "--data", data).exit_code == 0
    lock.release()


def test_what_cannot_be_maintained_is_said_in_one_line(data: Path) -> None:
    (warehouse_of(data) / "catalog.db").write_text("no database")
    done = call(maintain, "--data", data)
    assert done.exit_code == 1
    assert str(warehouse_of(data)) in done.stderr
    assert "Traceback" not in done.output
    (data / "state.db").write_bytes(b"no database at all, whatever its name says")
    assert call(maintain, "--data", data).exit_code == 1
    assert call(maintain, "--data", data / "nowhere").exit_code == 2


def test_rebuild_state_asks_before_it_replaces_anything(data: Path) -> None:
    done = call(rebuild_state, "--data", data)
    assert done.exit_code == 2
    assert "--force" in done.stderr
    done = call(rebuild_state, "--data", data, "--force")
    assert done.exit_code == 0, done.output
    assert "made anew: 0 feeds" in done.stdout
    assert len(list(data.glob("state-*.db"))) == 1


def test_rebuild_state_is_refused_beside_a_run(data: Path) -> None:
    lock = RunnerLock(data)
    done = call(rebuild_state, "--data", data, "--force")
    lock.release()
    assert done.exit_code == 1
    assert "another run" in done.stderr


def test_rebuild_state_needs_a_warehouse(tmp_path: Path) -> None:
    done = call(rebuild_state, "--data", tmp_path)
    assert done.exit_code == 2
    assert "no warehouse" in done.stderr
