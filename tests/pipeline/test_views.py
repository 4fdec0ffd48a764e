"""The views over small tables made by hand: what holds now, whatever was superseded, arrived late or came twice."""

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from pipeline.views import VIEWS
from schemas.enums import Availability, Change, LinkKind, PubStatus
from schemas.records import Article, Delivery, Link, Revision
from schemas.tables import TABLE_OF, TABLES, arrow_schema, arrow_table

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
KILLED: dict[str, Any] = {"change": Change.KILL, "pub_status": PubStatus.CANCELED}


def at(minute: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def delivery(number: int) -> Delivery:
    return Delivery(ingested_at=at(1_000 + number), batch_id=f"b{number}")


class Tables:
    """Tables in memory, filled row by row, each row by a delivery of its own."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            self.connection.register(f"{name}_empty", arrow_schema(name).empty_table())
            self.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_empty")
        for name, query in VIEWS.items():
            self.connection.execute(f"CREATE VIEW {name} AS {query}")
        self._numbers = itertools.count()

    def add(self, record: object) -> None:
        table = TABLE_OF[type(record)]
        self.connection.register("row", arrow_table(table, [record], delivery(next(self._numbers))))
        self.connection.execute(f"INSERT INTO {table} SELECT * FROM row")

    def capture(self, article: str, minute: int, content: str = "", **judgement: Any) -> Article:
        """An article's content at a time, with its judgement."""
        row = capture(article, minute, content)
        self.add(row)
        self.add(judged(row, **judgement))
        return row

    def copy(self, copy: str, original: str, cluster: str = "", seq: int = 0, kind: str = "syndicated") -> None:
        link = Link(
            copy_id=copy,
            original_id=original,
            judged_seq=seq,
            observed_at=NOON,
            kind=LinkKind(kind),
            similarity=0.9,
            containment=1.0,
            cluster_id=cluster or original,
        )
        self.add(link)

    def ask(self, columns: str, view: str) -> list[Any]:
        """The rows in order, a single column bare."""
        rows = self.connection.execute(f"SELECT {columns} FROM {view} ORDER BY ALL").fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]


def capture(article: str, minute: int, content: str = "") -> Article:
    content = content or f"{article} at {minute}"
    return Article(
        capture_id=f"{article}@{minute}",
        article_id=article,
        content_hash=content,
        observed_at=at(minute),
        url=f"https://outlet.example/{article}",
        canonical_url=f"https://outlet.example/{article}",
        title=content,
        body=f"{content} in full",
    )


def judged(row: Article, seq: int = 0, **judgement: Any) -> Revision:
    revision = Revision(
        capture_id=row.capture_id, judged_seq=seq, article_id=row.article_id, observed_at=row.observed_at
    )
    return replace(revision, **judgement)


@pytest.fixture
def tables() -> Iterator[Tables]:
    made = Tables()
    yield made
    made.connection.close()


def test_latest_is_the_newest_by_event_time_whatever_arrived_last(tables: Tables) -> None:
    tables.capture("a", 5)
    tables.capture("a", 3)
    tables.capture("b", 4)
    assert tables.ask("article_id, title, cluster_id, copy_of", "latest") == [
        ("a", "a at 5", "a", None),
        ("b", "b at 4", "b", None),
    ]


def test_a_kill_hides_an_article_and_leaves_a_tombstone(tables: Tables) -> None:
    first = tables.capture("a", 1, "Bridge opens")
    killed = tables.capture("a", 2, "Story withdrawn", change_note="This story is withdrawn.", **KILLED)
    tables.capture("b", 1)
    assert tables.ask("article_id", "latest") == ["b"]
    columns = "article_id, pub_status, withdrawn_at, change_note, title, capture_id, usable_capture_id"
    assert tables.ask(columns, "withdrawn") == [
        ("a", "canceled", at(2), "This story is withdrawn.", "Bridge opens", killed.capture_id, first.capture_id)
    ]


def test_a_kill_that_is_all_that_was_seen_is_a_tombstone_too(tables: Tables) -> None:
    tables.capture("a", 2, "Story withdrawn", change_note="Withdrawn.", **KILLED)
    assert tables.ask("article_id", "latest") == []
    assert tables.ask("article_id, title, usable_capture_id", "withdrawn") == [("a", "Story withdrawn", None)]


def test_a_tombstone_keeps_the_notice_and_its_time_when_its_page_changes_again(tables: Tables) -> None:
    tables.capture("a", 1)
    tables.capture("a", 2, change_note="Withdrawn.", **KILLED)
    tables.capture("a", 3, change=Change.MINOR, pub_status=PubStatus.CANCELED)
    assert tables.ask("withdrawn_at, change_note, capture_id", "withdrawn") == [(at(2), "Withdrawn.", "a@3")]


def test_a_restored_article_is_back(tables: Tables) -> None:
    tables.capture("a", 1)
    tables.capture("a", 2, **KILLED)
    tables.capture("a", 3, change=Change.RESTORED)
    assert tables.ask("title, change", "latest") == [("a at 3", "restored")]
    assert tables.ask("article_id", "withdrawn") == []


def test_what_is_withheld_is_not_shown_and_is_listed_as_such(tables: Tables) -> None:
    tables.capture("a", 1)
    tables.capture("a", 2, change=Change.KILL, pub_status=PubStatus.WITHHELD)
    assert tables.ask("article_id", "latest") == []
    assert tables.ask("article_id, pub_status", "withdrawn") == [("a", "withheld")]


def test_a_second_kill_counts_from_itself(tables: Tables) -> None:
    tables.capture("a", 1, **KILLED)
    tables.capture("a", 2, change=Change.RESTORED)
    tables.capture("a", 3, change_note="Again.", **KILLED)
    assert tables.ask("withdrawn_at, change_note, title", "withdrawn") == [(at(3), "Again.", "a at 2")]


def test_a_text_seen_again_after_one_that_arrived_late_is_the_latest(tables: Tables) -> None:
    first = tables.capture("a", 1, "A")
    tables.capture("a", 2, "B", change=Change.UPDATE)
    tables.add(judged(first, 1, seen_until=at(3)))
    assert tables.ask("title, seen_until", "latest") == [("A", at(3))]
    assert tables.ask("number, title, change, seen_at", "history") == [
        (1, "A", "new", at(1)),
        (2, "B", "update", at(2)),
        (3, "A", "update", at(3)),
    ]


def test_a_text_seen_again_after_a_kill_that_arrived_late_is_restored(tables: Tables) -> None:
    first = tables.capture("a", 1, "A")
    tables.capture("a", 2, "K", **KILLED)
    tables.add(judged(first, 1, seen_until=at(3)))
    assert tables.ask("title", "latest") == ["A"]
    assert tables.ask("seen_at, change, pub_status", "history")[-1] == (at(3), "restored", "usable")


def test_a_kill_seen_again_after_a_text_that_arrived_late_counts_from_then(tables: Tables) -> None:
    killed = tables.capture("a", 1, "K", change_note="Withdrawn.", **KILLED)
    tables.capture("a", 2, "A", change=Change.RESTORED)
    tables.add(judged(killed, 1, seen_until=at(3), change_note="Withdrawn.", **KILLED))
    assert tables.ask("article_id", "latest") == []
    assert tables.ask("withdrawn_at, change_note, title", "withdrawn") == [(at(3), "Withdrawn.", "A")]


def test_a_superseded_judgement_counts_no_more(tables: Tables) -> None:
    tables.capture("a", 1)
    row = tables.capture("a", 2, **KILLED)
    tables.add(judged(row, 2, change=Change.CORRECTION, change_note="It was Tuesday."))
    tables.add(judged(row, 1, change=Change.MINOR))  # came later, and is older
    assert tables.ask("title, change, change_note", "latest") == [("a at 2", "correction", "It was Tuesday.")]
    assert tables.ask("article_id", "withdrawn") == []
    assert tables.ask("seen_at, change", "history") == [(at(1), "new"), (at(2), "correction")]


def test_a_capture_that_turned_out_to_be_unchanged_is_no_version(tables: Tables) -> None:
    tables.capture("a", 1, "A")
    row = tables.capture("a", 3, "B", change=Change.UPDATE)
    tables.capture("a", 2, "B", change=Change.UPDATE)  # arrived late, and says the same
    tables.add(judged(row, 1, change=Change.UNCHANGED))
    assert tables.ask("capture_id", "latest") == ["a@2"]
    assert tables.ask("title, seen_at", "history") == [("A", at(1)), ("B", at(2))]


def test_equal_content_in_a_row_is_one_version(tables: Tables) -> None:
    tables.capture("a", 1, "A")
    tables.capture("a", 2, "A", change=Change.UPDATE)  # written by one who did not know the first
    tables.capture("a", 3, "B", change=Change.UPDATE)
    tables.capture("a", 4, "A", change=Change.UPDATE)
    assert tables.ask("number, title, seen_at", "history") == [(1, "A", at(1)), (2, "B", at(3)), (3, "A", at(4))]


def test_an_article_that_is_gone_is_not_killed(tables: Tables) -> None:
    row = tables.capture("a", 1)
    tables.add(judged(row, 1, availability=Availability.GONE))
    assert tables.ask("title, pub_status, availability", "latest") == [("a at 1", "usable", "gone")]
    assert tables.ask("change, availability", "history") == [("new", "gone")]
    assert tables.ask("article_id", "withdrawn") == []


def test_rows_that_came_twice_are_there_once(tables: Tables) -> None:
    first = tables.capture("a", 1)
    killed = tables.capture("b", 1, **KILLED)
    for again in (first, judged(first), killed, judged(killed, **KILLED)):
        tables.add(again)
    for _ in range(2):
        tables.copy("c", "b")
        tables.capture("c", 2)
    assert tables.ask("article_id", "latest") == ["a", "c"]
    assert tables.ask("article_id, number", "history") == [("a", 1), ("b", 1), ("c", 1)]
    assert tables.ask("article_id", "withdrawn") == ["b"]
    assert tables.ask("article_id, original_id, cluster_size", "copies") == [("b", None, 2), ("c", "b", 2)]
    assert tables.ask("article_id", "kill_exposure") == ["c"]


def test_a_capture_whose_judgement_has_not_come_yet_counts_as_usable(tables: Tables) -> None:
    tables.add(capture("a", 1))
    assert tables.ask("title, change", "latest") == [("a at 1", None)]


def test_copies_name_their_original_and_their_cluster(tables: Tables) -> None:
    for article in "abc":
        tables.capture(article, 1)
    tables.copy("b", "a")
    tables.copy("c", "b", cluster="a", kind="excerpt")
    assert tables.ask("article_id, original_id, kind, cluster_id, cluster_size, original_url", "copies") == [
        ("a", None, "original", "a", 3, None),
        ("b", "a", "syndicated", "a", 3, "https://outlet.example/a"),
        ("c", "b", "excerpt", "a", 3, "https://outlet.example/b"),
    ]
    assert tables.ask("article_id, cluster_id, copy_of", "latest") == [
        ("a", "a", None),
        ("b", "a", "a"),
        ("c", "a", "b"),
    ]


def test_a_late_merge_of_clusters_supersedes(tables: Tables) -> None:
    for article in "abcd":
        tables.capture(article, 1)
    tables.copy("b", "a")
    tables.copy("d", "c")
    tables.copy("c", "b", cluster="a")  # what joins the two
    tables.copy("d", "c", cluster="a", seq=1)
    assert tables.ask("article_id, original_id, cluster_id", "copies") == [
        ("a", None, "a"),
        ("b", "a", "a"),
        ("c", "b", "a"),
        ("d", "c", "a"),
    ]


def test_what_is_demoted_is_a_copy_no_more(tables: Tables) -> None:
    tables.capture("a", 1, **KILLED)
    tables.capture("b", 1)
    tables.copy("b", "a")
    assert tables.ask("article_id", "kill_exposure") == ["b"]
    tables.copy("b", "b", seq=1, kind="original")
    assert tables.ask("article_id", "copies") == []
    assert tables.ask("article_id", "kill_exposure") == []
    assert tables.ask("copy_of, cluster_id", "latest") == [(None, "b")]


def test_an_original_that_an_earlier_one_joins_stays_in_its_cluster(tables: Tables) -> None:
    for article in "abc":
        tables.capture(article, 1)
    tables.copy("c", "a")
    tables.copy("b", "b", cluster="a", kind="original")  # c holds parts of both
    assert tables.ask("article_id, original_id, similarity", "copies") == [
        ("a", None, None),
        ("b", None, None),
        ("c", "a", 0.9),
    ]


def test_usable_copies_of_a_withdrawn_original_are_exposed(tables: Tables) -> None:
    tables.capture("original", 1, "The story")
    tables.capture("original", 9, change_note="Withdrawn.", **KILLED)
    for article in ("copy", "excerpt", "killed", "of_copy"):
        tables.capture(article, 2)
    tables.capture("killed", 3, **KILLED)
    tables.copy("copy", "original")
    tables.copy("excerpt", "original", kind="excerpt")
    tables.copy("killed", "original")
    tables.copy("of_copy", "copy", cluster="original")
    columns = "article_id, kind, via, withdrawn_id, withdrawn_at, withdrawn_note, withdrawn_title"
    withdrawn = ("original", at(9), "Withdrawn.", "The story")
    assert tables.ask(columns, "kill_exposure") == [
        ("copy", "syndicated", "copy", *withdrawn),
        ("excerpt", "excerpt", "copy", *withdrawn),
        ("of_copy", "syndicated", "cluster", *withdrawn),
    ]


def test_the_kill_of_a_copy_exposes_its_own_copies_only(tables: Tables) -> None:
    for article in ("original", "sibling", "of_copy"):
        tables.capture(article, 1)
    tables.capture("copy", 2, **KILLED)
    tables.copy("sibling", "original")
    tables.copy("copy", "original")
    tables.copy("of_copy", "copy", cluster="original")
    assert tables.ask("article_id, via", "kill_exposure") == [("of_copy", "copy")]


def test_the_copies_of_an_article_without_rows_are_exposed_still(tables: Tables) -> None:
    """After a purge the judgements stay, and nothing else."""
    tables.add(judged(capture("a", 1), **KILLED))
    tables.capture("b", 1)
    tables.copy("b", "a")
    assert tables.ask("article_id, title", "withdrawn") == [("a", None)]
    assert tables.ask("article_id, withdrawn_id", "kill_exposure") == [("b", "a")]
    assert tables.ask("article_id", "history") == ["b"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked_of_empty_tables(view: str, tables: Tables) -> None:
    assert tables.ask("*", view) == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_body_is_read_that_nobody_asked_for(view: str, tables: Tables) -> None:
    """Bodies are nearly all of the bytes."""
    tables.capture("a", 1)
    for columns in ("count(*)", "min(article_id)"):
        ((_, plan),) = tables.connection.execute(f"EXPLAIN SELECT {columns} FROM {view}").fetchall()
        assert "body" not in plan
