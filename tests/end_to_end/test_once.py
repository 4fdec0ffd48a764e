"""Whole runs over the newsroom: every entry ends somewhere, and the rows say what the newsroom published."""

from pathlib import Path
from typing import Any

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Newsroom
from schemas.enums import Source
from tests.end_to_end.conftest import Run
from tests.end_to_end.tables import assert_balanced


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(warehouse_of(folder)) as connection:
        return connection.execute(sql).fetchall()


def test_the_rows_say_what_the_newsroom_published(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        if number > 1:
            newsroom.advance()
        run(tmp_path, newsroom.feeds)
        assert_balanced(warehouse_of(tmp_path))
        truth = {
            article.feed_url if article.source is Source.FEED else article.url: article
            for article in newsroom.truth().articles
        }
        rows = query(tmp_path, "SELECT url, title, body, source, language, published_at FROM latest")
        assert sorted(row[0] for row in rows) == sorted(truth)
        for url, title, body, source, language, published_at in rows:
            expected = truth[url]
            assert source == expected.source, url
            assert body == "\n\n".join(expected.body), url
            if source == "web":
                assert (title, language) == (expected.title, expected.language), url
                assert published_at == expected.published_at, url


def test_copies_point_to_their_originals(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        if number > 1:
            newsroom.advance()
        run(tmp_path, newsroom.feeds)
    found = query(tmp_path, "SELECT c.url, o.url FROM latest c JOIN latest o ON o.article_id = c.copy_of")
    assert sorted(found) == sorted(newsroom.truth().copies)


def test_unchanged_input_brings_nothing_new(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    run(tmp_path, newsroom.feeds)
    tables = ("articles", "revisions", "links", "outcomes", "feeds", "dead_letters")
    counts = [query(tmp_path, f"SELECT count(*) FROM {table}") for table in tables]
    report = run(tmp_path, newsroom.feeds)
    assert [query(tmp_path, f"SELECT count(*) FROM {table}") for table in tables] == counts
    assert sum(count.new for count in report.feeds.values()) == 0


def test_awkward_outlets_end_with_a_reason(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    run(tmp_path, newsroom.feeds)
    reasons = dict(
        query(tmp_path, "SELECT DISTINCT reason, outcome FROM outcomes WHERE reason IS NOT NULL AND is_terminal")
    )
    assert reasons["robots"] == "published"  # with the feed's own text
    assert reasons["http_error"] == "published"
    polls = query(tmp_path, "SELECT status, reason, entries_seen > 0 FROM polls WHERE reason IS NOT NULL")
    assert ("failed", "http_error", False) in polls
    assert ("ok", "malformed", True) in polls
