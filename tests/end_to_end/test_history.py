"""A day and a half of the newsroom through the run without end: what the tables and the views say after each round."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from pipeline import warehouse
from pipeline.cli.main import app
from pipeline.data_directory import warehouse_of
from pipeline.formats import Dialect
from pipeline.newsroom import LAST_ROUND, Newsroom, story_url
from pipeline.newsroom.play import STEPS, Step, play
from pipeline.newsroom.site import TrueArticle, Truth
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.views import views
from schemas.enums import Availability, PubStatus, Source
from schemas.records import Delivery
from schemas.tables import TABLES, plain
from tests.end_to_end.tables import assert_balanced
from tests.pipeline.sinks.postgres_server import postgres_server

VIEWS = tuple(views(Dialect.DUCKDB))
Rows = list[dict[str, Any]]


@dataclasses.dataclass
class Played:
    """What was seen after each step, by its number."""

    folder: Path
    story: str  # the address of the story
    views: dict[int, dict[str, Rows]]
    truths: dict[int, Truth]

    def last(self, view: str) -> Rows:
        return self.views[len(STEPS)][view]

    def outlets(self, step: int, view: str) -> list[str]:
        return sorted(outlet_of(row["url"]) for row in self.views[step][view])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("history")
    with Newsroom(slow_s=0.05) as newsroom:
        found = Played(folder, story_url(newsroom), {}, {})

        def look(step: Step) -> None:
            found.truths[step.number] = newsroom.truth()
            with warehouse.connect(warehouse_of(folder)) as tables:
                found.views[step.number] = {
                    view: tables.sql(f"SELECT * FROM {view}").to_arrow_table().to_pylist() for view in VIEWS
                }

        play(newsroom, folder, look)
    return found


def outlet_of(url: str) -> str:
    return (urlsplit(url).hostname or "").removesuffix(".localhost")


def shown_at(article: TrueArticle) -> str:
    return article.feed_url if article.source is Source.FEED else article.url


def test_every_entry_ended_once(played: Played) -> None:
    assert_balanced(warehouse_of(played.folder))
    assert sorted(played.views) == [step.number for step in STEPS]


@pytest.mark.parametrize("number", [step.number for step in STEPS])
def test_latest_says_what_may_be_used(played: Played, number: int) -> None:
    usable = [one for one in played.truths[number].articles if one.pub_status is PubStatus.USABLE]
    latest = {row["url"]: row for row in played.views[number]["latest"]}
    assert sorted(latest) == sorted(map(shown_at, usable))
    for article in usable:
        row = latest[shown_at(article)]
        assert row["body"] == "\n\n".join(article.body), article.url
        assert row["pub_status"] == PubStatus.USABLE
        if article.source is Source.WEB:
            assert row["title"] == article.title


def test_the_story_from_flash_to_restored(played: Played) -> None:
    rows = sorted((row for row in played.last("history") if row["url"] == played.story), key=lambda row: row["number"])
    assert len({row["article_id"] for row in rows}) == 1
    assert [row["change"] for row in rows] == [
        *("new", "update", "correction", "update", "update"),
        *("kill", "restored"),
    ]
    assert [row["pub_status"] for row in rows] == [*["usable"] * 5, "canceled", "usable"]
    assert [step_of(row["seen_at"]) for row in rows] == [1, 2, 3, 4, 5, 6, 8]
    notes = [row["change_note"] for row in rows]
    assert [note is not None for note in notes] == [False, False, True, False, False, True, True]
    assert notes[2].startswith("Correction: An earlier version of this article said")
    assert notes[5].startswith("Meridian has withdrawn this article")
    assert "Editor's note: A passage about an alarm" in notes[6]


def step_of(moment: dt.datetime) -> int:
    return max(step.number for step in STEPS if step.at <= moment)


def test_changes_are_what_the_newsroom_meant(played: Played) -> None:
    changes = {(row["url"], step_of(row["seen_at"])): row["change"] for row in played.last("history")}
    for number in range(1, LAST_ROUND + 1):
        for article in played.truths[number].articles:
            if article.changed_in == number:
                assert changes[shown_at(article), number] == article.change, (article.url, number)


def test_a_correction_in_german_with_its_words(played: Played) -> None:
    (row,) = [row for row in played.last("history") if row["change"] == "correction" and "morgenkurier" in row["url"]]
    assert row["change_note"].startswith("Korrektur: In einer früheren Fassung")


def test_copies_and_their_originals(played: Played) -> None:
    for number in (2, 5, 7, 10):
        found = {(row["url"], row["original_url"]) for row in played.views[number]["copies"] if row["original_url"]}
        assert found == set(played.truths[number].copies), number
    kinds = {row["url"]: row["kind"] for row in played.views[5]["copies"] if row["original_url"]}
    excerpts = {article.url for article in played.truths[5].articles if article.is_excerpt}
    assert {url for url, kind in kinds.items() if kind == "excerpt"} == excerpts
    assert len(excerpts) == 1


def test_a_cluster_keeps_its_name_through_kill_and_restoration(played: Played) -> None:
    names = {
        row["cluster_id"]
        for number in range(2, len(STEPS) + 1)
        for row in played.views[number]["copies"]
        if played.story in {row["url"], row["original_url"]}
    }
    assert len(names) == 1


def test_what_was_killed_and_which_copies_are_still_up(played: Played) -> None:
    killed = [played.outlets(number, "withdrawn") for number in range(1, len(STEPS) + 1)]
    assert killed == [*[[]] * 5, ["meridian"], ["meridian", "northernledger"], *[["northernledger"]] * 3]
    for number, truth in played.truths.items():
        exposed = [row["url"] for row in played.views[number]["kill_exposure"]]
        assert sorted(exposed) == sorted(truth.kill_exposure), number
    assert len(played.views[6]["kill_exposure"]) == 6
    assert {row["withdrawn_url"] for row in played.views[6]["kill_exposure"]} == {played.story}


def test_a_page_that_moved_is_the_same_article(played: Played) -> None:
    moved = [article for article in played.truths[LAST_ROUND].articles if article.former_urls]
    assert len(moved) == 2
    for article in moved:
        rows = [row for row in played.last("history") if row["url"] in {article.url, *article.former_urls}]
        assert len({row["article_id"] for row in rows}) == 1
        assert [row["url"] for row in sorted(rows, key=lambda row: row["number"])] == [
            *article.former_urls,
            article.url,
        ]
        (before,) = article.former_urls
        told = call("why", before, "--data", played.folder)
        assert article.title in told or article.url in told


def test_an_expired_page_is_gone_and_not_killed(played: Played) -> None:
    gone = [
        sorted(outlet_of(row["url"]) for row in played.views[number]["latest"] if row["availability"] == "gone")
        for number in range(1, len(STEPS) + 1)
    ]
    # one was looked at in rounds 4 and 5, the other a day after it was published, and an hour later
    assert gone == [*[[]] * 4, *[["harrowpost"]] * 5, ["harrowpost", "meridian"]]
    truth = {article.url for article in played.truths[10].articles if article.availability is Availability.GONE}
    assert {row["url"] for row in played.last("latest") if row["availability"] == "gone"} == truth
    assert not truth & {row["url"] for row in played.last("withdrawn")}


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_sight_is_a_judgement_of_the_same_capture_again(played: Played) -> None:
    (gone,) = [row for row in played.last("latest") if row["availability"] == "gone" and "meridian" in row["url"]]
    with warehouse.connect(warehouse_of(played.folder)) as tables:
        judged = tables.execute(
            "SELECT judged_seq, change, pub_status, availability FROM revisions WHERE article_id = ? ORDER BY 1",
            [gone["article_id"]],
        ).fetchall()
    assert judged == [(0, "new", "usable", "live"), (1, "new", "usable", "gone")]


def test_diff_shows_what_a_correction_changed(played: Played) -> None:
    words = call("diff", played.story, 2, 3, "--data", played.folder)
    assert "2 → 3  2025-11-03 14:00:00 UTC  correction" in words
    assert "All [-212-] people aboard" in words
    assert "All {+193+} people aboard" in words
    assert "10 paragraphs as before" in words
    assert "+ Correction: An earlier version of this article said that 212 people" in words


def test_diff_tells_kill_and_restoration(played: Played) -> None:
    words = call("diff", played.story, "--data", played.folder)
    headings = [line.split("  ")[-1] for line in words.splitlines() if "→" in line]
    assert headings == ["update", "correction", "update", "update", "kill, canceled", "restored"]


def test_diff_goes_from_the_old_address_to_the_new(played: Played) -> None:
    for article in played.truths[LAST_ROUND].articles:
        for before in article.former_urls:
            words = call("diff", before, "--data", played.folder)
            assert article.url in words
            assert "1 → 2" in words


def test_entities_are_those_of_the_articles_that_may_be_used(played: Played) -> None:
    expected = {
        (row["article_id"], one["key"], one["name"], len(one["mentions"]))
        for row in played.last("latest")
        for one in row["entities"]
    }
    found = [(row["article_id"], row["key"], row["name"], row["mention_count"]) for row in played.last("entities")]
    assert sorted(found) == sorted(expected)
    assert "Patras" in {row["name"] for row in played.last("entities") if row["url"] == played.story}


def test_nothing_is_missing_and_every_entry_has_come_to_its_end(played: Played) -> None:
    """Where a page cannot be had, its row is made of the feed's own text."""
    for number in played.views:
        assert played.views[number]["missing"] == []
    assert all(row["is_terminal"] for row in played.last("outcomes_latest"))


def test_only_the_feed_that_never_answers_is_unwell(played: Played) -> None:
    feeds = played.last("feeds_health")
    assert {outlet_of(row["url"]) for row in feeds if row["failures_in_a_row"]} == {"darkwire"}
    (dark,) = (row for row in feeds if row["failures_in_a_row"])
    assert (dark["last_ok_at"], dark["last_new_entry_at"], dark["last_reason"]) == (None, None, "http_error")
    assert all(row["last_new_entry_at"] for row in feeds if row is not dark)


@pytest.fixture(scope="module")
def in_postgres(played: Played) -> dict[str, Rows]:
    """The rows of the views when PostgreSQL has the same tables."""
    server = postgres_server()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS history CASCADE")
        connection.execute("CREATE SCHEMA history")
    uri = f"{server}&options=-csearch_path%3Dhistory%20-ctimezone%3DUTC"
    sink = open_sink(uri)
    with warehouse.connect(warehouse_of(played.folder)) as tables:
        found = {
            name: tables.sql(f"SELECT * FROM {name} ORDER BY ingested_at").to_arrow_table().to_pylist()
            for name in TABLES
        }
    seq = 0
    for name, rows in found.items():
        for row in rows:
            seq += 1
            delivery = msgspec.convert(row, Delivery)
            sink.write(Batch("test", (Row(seq, name, msgspec.convert(row, TABLES[name].record)),), delivery))
    sink.close()
    with psycopg.connect(uri, row_factory=dict_row) as connection:
        return {view: connection.execute(f"SELECT * FROM {view}".encode()).fetchall() for view in VIEWS}


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_have_the_same_rows_in_postgres(view: str, played: Played, in_postgres: dict[str, Rows]) -> None:
    assert sorted(map(comparable, in_postgres[view])) == sorted(map(comparable, played.last(view)))


def comparable(row: dict[str, Any]) -> str:
    return msgspec.json.encode(plain(row), order="deterministic").decode()
