"""Kept pages extracted again by a newer extractor: a row where the text differs, and the views show the newest."""

import concurrent.futures
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.backfill import Filters, Report, backfill
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feedlist import read_feeds
from pipeline.live import run_once
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from pipeline.sources import raw
from pipeline.sources.raw import raw_sources
from tests.end_to_end.conftest import LOOPBACK
from tests.end_to_end.tables import assert_balanced
from transforms import extract
from transforms.outcomes import utc_now
from transforms.pool import Pool, Task
from transforms.shared import Shared

WORKERS = 7  # only names the pool of these tests: its work is done in this process, where the extractor can be changed
SETTINGS = Settings(LOOPBACK, workers=WORKERS)


class InlinePool(Pool):
    """Does the work at once, in the test's own process."""

    def submit(self, function: Any, *args: Any, timeout_s: float) -> Task[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result((function(*args), 0.0))
        return Task(future, timeout_s)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with the data and the raw pages of a run."""
    with Newsroom(slow_s=0.0) as newsroom:
        (tmp_path / "data").mkdir()
        feeds = [(one.feed, one.request_url) for one in read_feeds(newsroom.feeds, valid_from=utc_now()).feeds]
        sink = open_sink(f"iceberg:{warehouse_of(tmp_path / 'data')}")
        run_once(tmp_path / "data", feeds, [sink], Settings(LOOPBACK, raw=tmp_path / "raw"))
    return tmp_path


def reextract(folder: Path) -> Report:
    data = folder / "data"
    sink = open_sink(f"iceberg:{warehouse_of(data)}")
    Shared(Pool, (WORKERS,)).put(InlinePool())
    return backfill(data, raw_sources(folder / "raw", is_reextraction=True), [sink], SETTINGS, Filters())


def asked(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(warehouse_of(folder / "data")) as tables:
        return tables.execute(query).fetchall()


def upgrade(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """From now on the extractor has another version, and takes the first two paragraphs only."""
    real: Any = extract._article

    def newer(*args: Any, **kwargs: Any) -> Any:
        return dataclasses.replace(real(*args[:3], args[3][:2], *args[4:], **kwargs), extractor_version=version)

    monkeypatch.setattr(extract, "_article", newer)
    monkeypatch.setattr(raw, "EXTRACTOR_VERSION", version)


def test_the_same_extractor_changes_nothing(kept: Path) -> None:
    before = asked(kept, "SELECT * FROM articles ORDER BY ALL")
    report = reextract(kept)
    assert report.taken > 10
    assert report.outcomes == {"unchanged": report.taken}
    assert asked(kept, "SELECT * FROM articles ORDER BY ALL") == before


def test_a_newer_extractor_brings_a_row_where_its_text_differs(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "SELECT count(*) FROM articles WHERE source = 'web' AND len(string_split(body, '\n\n')) > 2"
    longer = asked(kept, query)[0][0]
    assert longer > 10
    latest_before = asked(kept, "SELECT article_id, observed_at FROM latest ORDER BY ALL")
    history_before = asked(kept, "SELECT article_id, seen_at, change FROM history ORDER BY ALL")
    articles_before = asked(kept, "SELECT count(*) FROM articles")[0][0]
    upgrade(monkeypatch, "99+next")
    report = reextract(kept)
    assert report.outcomes["revised"] == longer
    assert asked(kept, "SELECT count(*) FROM articles")[0][0] == articles_before + longer
    assert asked(kept, "SELECT count(*) FROM revisions WHERE change = 'extraction'")[0][0] == longer
    # the newest text of each moment, and no moment more than before
    assert asked(kept, "SELECT article_id, observed_at FROM latest ORDER BY ALL") == latest_before
    assert asked(kept, "SELECT article_id, seen_at, change FROM history ORDER BY ALL") == history_before
    newest = "SELECT count(*) FROM latest WHERE extractor_version = '99+next'"
    assert asked(kept, newest)[0][0] == longer
    # once per version
    again = reextract(kept)
    assert (again.taken, again.refused["known"]) == (0, report.taken)
    assert_balanced(warehouse_of(kept / "data"))
