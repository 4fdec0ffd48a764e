"""A run that keeps raw pages: each row leads to the page that it was made of, and purge takes that away too."""

from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feedlist import read_feeds
from pipeline.live import run_once
from pipeline.newsroom import Newsroom
from pipeline.purge import plan, purge
from pipeline.raw_archive import RawArchive, read_page
from pipeline.raw_files import files_of, read_index
from pipeline.sinks import open_sink
from pipeline.sinks.base import SinkError
from pipeline.sources.base import Found, raw_key_of
from pipeline.sources.raw import raw_sources
from schemas.records import Article, Page
from tests.end_to_end.conftest import LOOPBACK
from tests.pipeline.sources.reading import AskedGate
from tests.pipeline.test_raw_files import ENTRY, PAGE
from transforms.extract import extract
from transforms.outcomes import utc_now

QUERY = "SELECT raw_ref, url, observed_at, article_id, body FROM articles WHERE source = 'web' ORDER BY ALL"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data and the raw pages of two runs: what is changed in between is kept twice."""
    folder = tmp_path_factory.mktemp("kept")
    data = folder / "data"
    data.mkdir()
    with Newsroom(slow_s=0.0) as newsroom:
        for _ in range(2):
            feeds = [(one.feed, one.request_url) for one in read_feeds(newsroom.feeds, valid_from=utc_now()).feeds]
            sink = open_sink(f"iceberg:{warehouse_of(data)}")
            run_once(data, feeds, [sink], Settings(LOOPBACK, raw=folder / "raw"))
            newsroom.advance()
    return folder


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with warehouse.connect(warehouse_of(folder / "data")) as tables:
        return tables.execute(QUERY).fetchall()


def test_each_row_leads_to_the_page_that_it_was_made_of(kept: Path) -> None:
    found = rows(kept)
    assert len(found) > 10
    for raw_ref, url, observed_at, _, body in found:
        page = read_page(kept / "raw", raw_ref)
        assert isinstance(page, Page)
        assert (page.url, page.observed_at, page.raw_ref) == (url, observed_at, raw_ref)
        article = extract(page)
        assert isinstance(article, Article)
        assert (article.raw_ref, article.body) == (raw_ref, body)


def test_each_row_is_known_when_the_archive_is_read(kept: Path) -> None:
    sources = raw_sources(kept / "raw", is_reextraction=False)
    found = [each for source in sources for each in source.read(0, AskedGate())]
    keys = {each.record.entry.entry_id for each in found if isinstance(each, Found) and isinstance(each.record, Page)}
    assert len(keys) == len(found)
    assert {raw_key_of(row[0], row[1], row[2]) for row in rows(kept)} <= keys


def test_purge_takes_the_raw_pages_out(kept: Path) -> None:
    data, archive = kept / "data", kept / "raw"
    raw_ref, url, _, article_id, _ = rows(kept)[0]
    planned = plan(data, article_id, utc_now())
    assert planned.archives == (archive,)
    before = sum(len(read_index(path)) for path in files_of(archive))
    writer = RawArchive(archive)
    writer.keep(ENTRY, PAGE)
    with pytest.raises(SinkError, match="are just being kept"):
        purge(data, planned, utc_now())
    assert read_page(archive, raw_ref)
    writer.close()
    done = purge(data, planned, utc_now()).places[f"raw:{archive}"]
    assert done.rows >= 1
    assert read_page(archive, raw_ref) is None
    pages = [place for path in files_of(archive) for place in read_index(path)]
    assert len(pages) == before + 1 - done.rows
    assert url not in {place.url for place in pages}


def test_an_archive_that_is_not_there_is_out_of_reach(kept: Path, tmp_path: Path) -> None:
    (kept / "raw").rename(tmp_path / "moved")
    try:
        article_id = rows(kept)[0][3]
        planned = plan(kept / "data", article_id, utc_now())
        assert planned.archives == ()
        assert planned.out_of_reach == (f"raw:{kept / 'raw'}: not found from here",)
        assert plan(kept / "data", article_id, utc_now(), raw=tmp_path / "moved").archives == (tmp_path / "moved",)
    finally:
        (tmp_path / "moved").rename(kept / "raw")
