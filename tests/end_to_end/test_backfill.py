"""A backfill before, beside and after a live run over the same newsroom: the views are equal."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.formats import Dialect
from pipeline.newsroom import LAST_ROUND, Newsroom
from pipeline.newsroom.play import Step, play
from pipeline.views import views
from tests.end_to_end.crawl import crawl_all
from tests.end_to_end.tables import assert_balanced

BESIDE = 3, 6  # the steps of the play after which the backfill beside it begins, and is waited for
PATIENCE_S = 120.0
# What differs between two runs over one newsroom: when each page was asked for, and what follows from it.
CLOCKS = (
    "capture_id", "observed_at", "ingested_at", "batch_id", "predecessor_id", "judged_seq", "schema_version",
    "seen_at", "seen_until", "raw_ref", "withdrawn_at", "usable_capture_id",
)  # fmt: skip
# How alike two articles are is measured on those of their texts that met first.
MEASURES = "similarity", "containment", "evidence"
# These count polls and attempts, which a backfill adds to.
OF_ENTRIES = ("outcomes_latest", "missing", "feeds_health")

Rows = dict[str, Counter[str]]


@dataclass(frozen=True)
class Site:
    """Where the newsroom is served each time, since addresses hold its port, and what an archive kept of it."""

    port: int
    archive: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    archive = tmp_path_factory.mktemp("archive") / "newsroom.warc.gz"
    with Newsroom(slow_s=0.05) as newsroom:
        assert crawl_all(newsroom, archive) > 200
        return Site(newsroom.port, archive)


def backfill(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipeline", "backfill", *arguments, "--data", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    return said


def live(site: Site, folder: Path, told: Callable[[Step], object] = lambda _: None) -> None:
    with Newsroom(port=site.port, slow_s=0.05) as newsroom:
        lock = RunnerLock(folder)
        play(newsroom, folder, told)
        lock.release()


def seen(folder: Path) -> Rows:
    """What the views say, without clocks."""
    found: Rows = {}
    with warehouse.connect(warehouse_of(folder)) as tables:
        for name in views(Dialect.DUCKDB):
            if name in OF_ENTRIES:
                continue
            rows: list[dict[str, Any]] = tables.sql(f"SELECT * FROM {name}").to_arrow_table().to_pylist()
            found[name] = Counter(
                repr({column: value for column, value in row.items() if column not in {*CLOCKS, *MEASURES}})
                for row in rows
            )
    return found


@pytest.fixture(scope="module")
def after(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """A live run first, then the backfill."""
    folder = tmp_path_factory.mktemp("after")
    live(site, folder)
    finished(backfill(folder, str(site.archive)))
    assert_balanced(warehouse_of(folder))
    return seen(folder)


def test_before_a_live_run(site: Site, after: Rows, tmp_path: Path) -> None:
    finished(backfill(tmp_path, str(site.archive)))
    live(site, tmp_path)
    assert_balanced(warehouse_of(tmp_path))
    for name, rows in seen(tmp_path).items():
        assert rows == after[name], name


def test_beside_a_live_run(site: Site, after: Rows, tmp_path: Path) -> None:
    under_way: list[subprocess.Popen[str]] = []

    def told(step: Step) -> None:
        if step.number == BESIDE[0]:
            under_way.append(backfill(tmp_path, str(site.archive)))
        if step.number == BESIDE[1]:
            assert "delivers" in finished(under_way.pop())

    live(site, tmp_path, told)
    assert not under_way
    assert_balanced(warehouse_of(tmp_path))
    for name, rows in seen(tmp_path).items():
        assert rows == after[name], name


def test_a_second_time_it_changes_nothing(site: Site, tmp_path: Path) -> None:
    finished(backfill(tmp_path, str(site.archive)))
    before = seen(tmp_path)
    elsewhere = shutil.copy(site.archive, tmp_path / "moved.warc.gz")
    for archive in (str(site.archive), str(elsewhere)):
        said = finished(backfill(tmp_path, archive))
        assert "0 records taken" in said
        assert "232 known" in said
    assert seen(tmp_path) == before
    assert LAST_ROUND == 8
