"""One run over everything that a server can do to us: each outlet's trouble ends with its reason in the ledger.

An outlet with bad pages shows two entries: the one with a summary becomes a row made of that, the other becomes none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import Settings
from pipeline.feedlist import read_feeds
from pipeline.live import RunReport, run_once
from pipeline.newsroom.enemy import FEEDS, GOOD, MANY, PAGES, Enemy
from pipeline.sinks import open_sink
from tests.end_to_end.tables import assert_balanced
from transforms.outcomes import utc_now
from transforms.web.messages import HttpConfig

HTTP = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0, timeout_s=2.5)
INITIAL = 10  # entries taken of a feed; the long one would take the night

REASON_OF_PAGES = {
    "slow-drip": "timeout",
    "silent": "timeout",
    "endless": "too_large",
    "huge": "too_large",
    "gzip-bomb": "bad_encoding",
    "odd-coding": "bad_encoding",
    "redirect-loop": "too_many_redirects",
    "to-private": "address_refused",
    "to-metadata": "address_refused",
    "to-hidden-address": "address_refused",
    "to-a-file": "bad_redirect",
    "length-too-long": "disconnected",
    "chunks-cut": "disconnected",
    "no-tls": "tls",
    "soft-404": "no_text",
    "empty": "no_text",
    "picture": "not_html",
    "429": "rate_limited",
    "429-for-an-hour": "rate_limited",
    "header-flood": "not_http",
    "robots-drip": "robots_unreachable",
}
READ_ALL_THE_SAME = {"length-too-short", "invalid-utf-8", "one-line", "deep"}

POLLS_FAILED = {
    "feed-slow-drip": "timeout",
    "feed-endless": "too_large",
    "feed-gzip-bomb": "bad_encoding",
    "feed-redirect-loop": "too_many_redirects",
    "feed-to-private": "address_refused",
    "feed-cut": "disconnected",
    "feed-is-html": "not_a_feed",
    "feed-429": "rate_limited",
    "feed-304": "http_error",
}
POLLS_READ = {  # what was wrong with the feed, the entries that were seen and those that went on
    "feed-new-etags": (None, 2, 2),
    "feed-odd-dates": (None, 2, 2),
    "feed-entity-bomb": ("malformed", 2, 2),
    "feed-deep": (None, 2, 2),
    "feed-of-another": (None, 6, 6),
    "feed-long": (None, MANY, INITIAL),
}


@dataclass
class Fought:
    """The enemy, and the warehouse after a run over all of it."""

    enemy: Enemy
    folder: Path

    def run(self, *names: str) -> RunReport:
        feeds = [url for name, url in self.enemy.feeds.items() if not names or name in names]
        settings = read_feeds(feeds, valid_from=utc_now()).feeds
        sink = open_sink(f"iceberg:{warehouse_of(self.folder)}")
        return run_once(
            self.folder, [(one.feed, one.request_url) for one in settings], [sink], Settings(HTTP, initial=INITIAL)
        )

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with warehouse.connect(warehouse_of(self.folder)) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def ends(self, name: str) -> list[tuple[str | None, str | None]]:
        """Of each entry of an outlet: where its row was taken from (None without a row), and why."""
        return self.query(
            """
            SELECT a.source, o.reason
            FROM outcomes o JOIN feeds f USING (feed_id) LEFT JOIN articles a USING (capture_id)
            WHERE f.url = ? AND o.is_terminal ORDER BY o.url
            """,
            self.enemy.feeds[name],
        )

    def poll(self, name: str) -> tuple[Any, ...]:
        (row,) = self.query(
            "SELECT status, reason, entries_seen, entries_new FROM polls WHERE url = ? ORDER BY polled_at LIMIT 1",
            self.enemy.feeds[name],
        )
        return row


@pytest.fixture(scope="module")
def fought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fought]:
    with Enemy() as enemy:
        found = Fought(enemy, tmp_path_factory.mktemp("enemy"))
        found.run()
        yield found


def test_every_outlet_has_its_expectation() -> None:
    assert PAGES.keys() == REASON_OF_PAGES.keys() | READ_ALL_THE_SAME | {"hangs-up"}
    assert FEEDS.keys() == POLLS_FAILED.keys() | POLLS_READ.keys()


def test_every_entry_ends_once(fought: Fought) -> None:
    assert_balanced(warehouse_of(fought.folder))
    assert fought.query("SELECT * FROM outcomes WHERE reason IN ('bug', 'crashed', 'cpu_limit')") == []


def test_outlets_without_trouble_are_published_complete(fought: Fought) -> None:
    rows = fought.query("SELECT url, body FROM latest WHERE source = 'web'")
    found = {url: body for url, body in rows if url in fought.enemy.truth}
    assert found == {url: "\n\n".join(paragraphs) for url, paragraphs in fought.enemy.truth.items()}
    for name in GOOD:
        assert fought.poll(name) == ("ok", None, 6, 6)


@pytest.mark.parametrize("name", list(REASON_OF_PAGES))
def test_bad_pages_are_replaced_by_the_feeds_own_text(name: str, fought: Fought) -> None:
    assert fought.poll(name) == ("ok", None, 2, 2)
    reason = REASON_OF_PAGES[name]
    assert fought.ends(name) == [("feed", reason), (None, reason)]


@pytest.mark.parametrize("name", sorted(READ_ALL_THE_SAME))
def test_odd_pages_are_read(name: str, fought: Fought) -> None:
    assert fought.ends(name) == [("web", None), ("web", None)]


def test_a_host_that_hangs_up_every_third_time_loses_no_entry(fought: Fought) -> None:
    ends = fought.ends("hangs-up")
    assert len(ends) == 6
    assert ("web", None) in ends
    assert set(ends) <= {("web", None), ("feed", "disconnected")}


@pytest.mark.parametrize("name", POLLS_FAILED)
def test_bad_feeds_fail_with_a_reason(name: str, fought: Fought) -> None:
    assert fought.poll(name) == ("failed", POLLS_FAILED[name], 0, 0)
    assert fought.ends(name) == []


@pytest.mark.parametrize("name", POLLS_READ)
def test_odd_feeds_are_read(name: str, fought: Fought) -> None:
    reason, seen, new = POLLS_READ[name]
    assert fought.poll(name) == ("ok", reason, seen, new)
    assert len(fought.ends(name)) == new
    assert all(why is None for _, why in fought.ends(name))


def test_entities_are_not_expanded(fought: Fought) -> None:
    titles = fought.query("SELECT title FROM outcomes UNION SELECT title FROM articles")
    assert not [title for (title,) in titles if "again" in title or "root:" in title]


def test_dates_that_cannot_be_are_suspect(fought: Fought) -> None:
    rows = fought.query(
        "SELECT year(a.published_at), a.published_suspect FROM articles a JOIN feeds f USING (feed_id) WHERE f.url = ?"
        " ORDER BY 1",
        fought.enemy.feeds["feed-odd-dates"],
    )
    assert rows == [(1970, True), (2093, True)]
    assert fought.query("SELECT * FROM articles WHERE year(observed_at) > 2090") == []


def test_an_article_in_two_feeds_is_one_row(fought: Fought) -> None:
    rows = fought.query("SELECT url, count(*) FROM articles WHERE url LIKE ? GROUP BY url", "http://good.%")
    assert [number for _, number in rows] == [1] * 6
    ends = fought.query(
        "SELECT outcome, count(*) FROM outcomes WHERE url LIKE ? GROUP BY ALL ORDER BY ALL", "http://good.%"
    )
    assert ends == [("published", 6), ("unchanged", 6)]


def test_a_new_etag_at_every_poll_brings_nothing_new(fought: Fought) -> None:
    before = fought.ends("feed-new-etags")
    report = fought.run("feed-new-etags")
    assert [count.new for count in report.feeds.values()] == [0]
    assert fought.ends("feed-new-etags") == before
    assert_balanced(warehouse_of(fought.folder))
