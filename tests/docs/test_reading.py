"""What the pages on reading tell people to type is typed here: commands, Python, and SQL for PostgreSQL."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.export import export
from pipeline.feedlist import read_feeds
from pipeline.formats import FileFormat
from pipeline.live import run_once
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from tests.conftest import ROOT
from tests.end_to_end.conftest import LOOPBACK
from tests.pipeline.sinks.postgres_server import postgres_server
from transforms.outcomes import utc_now

PAGES = ("tables.md", "reading.md")
EXTRAS = ("pandas", "polars")  # what a notebook may have beside Wirebeam
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall((ROOT / "docs" / page).read_text()) if found == language]


def commands() -> Iterator[str]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            yield from re.split(r"\n(?=wirebeam )", block.strip())


PYTHON = blocks("reading.md", "python")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data directory after a run over three feeds, and a file that was exported from it."""
    folder = tmp_path_factory.mktemp("reading")
    data = folder / "wirebeam-data"
    data.mkdir()
    with Newsroom(slow_s=0.0) as newsroom:
        feeds = [(one.feed, one.request_url) for one in read_feeds(newsroom.feeds[:3], valid_from=utc_now()).feeds]
        run_once(data, feeds, [open_sink(f"iceberg:{warehouse_of(data)}")], Settings(LOOPBACK))
    export(warehouse_of(data), "latest", folder / "latest.parquet", FileFormat.PARQUET)
    return folder


@pytest.fixture
def notebook(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with the data directory in it."""
    (tmp_path / "wirebeam-data").symlink_to(made / "wirebeam-data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", commands())
def test_command(command: str, notebook: Path) -> None:
    words = shlex.split(command)
    assert words[0] == "wirebeam"
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, done.output
    if "--to" in words:
        assert (notebook / words[words.index("--to") + 1]).stat().st_size > 0


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str, made: Path, notebook: Path) -> None:
    for extra in EXTRAS:
        if f"import {extra}\n" in code and not importlib.util.find_spec(extra):
            pytest.skip(f"{extra} is missing: pip install {extra}")
    (notebook / "latest.parquet").symlink_to(made / "latest.parquet")
    names: dict[str, Any] = {}
    exec(PYTHON[0], names)  # the first cell opens the tables for those after it
    exec(code, names)
    names["news"].close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[psycopg.Connection]:
    """A database with the rows of a run over one feed."""
    server = postgres_server()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS reading CASCADE")
        connection.execute("CREATE SCHEMA reading")
    uri = f"{server}&options=-csearch_path%3Dreading"
    open_sink(uri).close()
    with psycopg.connect(uri) as connection:
        yield connection


@pytest.mark.parametrize("query", blocks("reading.md", "sql"))
def test_postgres(query: str, postgres: psycopg.Connection) -> None:
    with postgres.transaction():
        postgres.execute(query.encode())
