"""The views over small tables made by hand, in DuckDB and PostgreSQL: what holds now, whatever was superseded."""

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import psycopg
import pytest

from pipeline.formats import Dialect
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from pipeline.views import statements, views
from schemas.enums import (
    Availability,
    Change,
    EntityType,
    LinkKind,
    MentionField,
    Origin,
    OutcomeKind,
    PollStatus,
    PubStatus,
    Reason,
    Stage,
)
from schemas.records import Article, Delivery, Entity, Feed, Link, Mention, Outcome, Poll, Revision
from schemas.tables import TABLE_OF, TABLES, arrow_schema, arrow_table
from tests.conftest import ROOT
from tests.pipeline.sinks.postgres_server import postgres_server
from transforms.outcomes import utc_now

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
VIEWS = views(Dialect.DUCKDB)
KILLED: dict[str, Any] = {"change": Change.KILL, "pub_status": PubStatus.CANCELED}


def at(minute: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def delivery(number: int) -> Delivery:
    return Delivery(ingested_at=at(1_000 + number), batch_id=f"b{number}")


class Tables:
    """Tables of one engine, filled row by row, each row by a delivery of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def add(self, record: object) -> None:
        self.insert(next(self._numbers), TABLE_OF[type(record)], record)

    def insert(self, number: int, table: str, record: object) -> None:
        raise NotImplementedError

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def ask(self, columns: str, view: str) -> list[Any]:
        """The rows in order, a single column bare."""
        rows = self.fetch(f"SELECT {columns} FROM {view}")
        rows.sort(key=lambda row: [(value is not None, value) for value in row])
        return [row[0] if len(row) == 1 else row for row in rows]

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


class DuckDb(Tables):
    """In memory."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            self.connection.register(f"{name}_empty", arrow_schema(name).empty_table())
            self.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_empty")
        for name, query in VIEWS.items():
            self.connection.execute(f"CREATE VIEW {name} AS {query}")

    def insert(self, number: int, table: str, record: object) -> None:
        self.connection.register("row", arrow_table(table, [record], delivery(number)))
        self.connection.execute(f"INSERT INTO {table} SELECT * FROM row")

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()


class Postgres(Tables):
    """In a real server, written by the sink, which makes tables and views."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._sink = open_sink(uri)
        self._connection = psycopg.connect(uri, autocommit=True)
        self._connection.execute(f"TRUNCATE wirebeam_deliveries, {', '.join(TABLES)}")

    def insert(self, number: int, table: str, record: object) -> None:
        self._sink.write(Batch("test", (Row(number, table, record),), delivery(number)))

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode()).fetchall()

    def close(self) -> None:
        self._connection.close()
        self._sink.close()


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
def in_duckdb() -> Iterator[DuckDb]:
    made = DuckDb()
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def postgres_uri() -> str:
    """Of an empty schema in a server that other tests use as well."""
    server = postgres_server()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS views CASCADE")
        connection.execute("CREATE SCHEMA views")
    return f"{server}&options=-csearch_path%3Dviews"


@pytest.fixture(params=["duckdb", "postgres"])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Every test asks both engines: the views give the same rows."""
    if request.param == "duckdb":
        yield request.getfixturevalue("in_duckdb")
        return
    made = Postgres(request.getfixturevalue("postgres_uri"))
    yield made
    made.close()


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


def test_each_moment_stands_there_once_with_its_newest_extraction(tables: Tables) -> None:
    first = tables.capture("a", 1, "A")
    better = replace(capture("a", 1, "A, better"), capture_id="better", extractor_version="2")
    tables.add(better)
    tables.add(judged(better, change=Change.EXTRACTION, predecessor_id=first.capture_id))
    tables.capture("a", 2, "B", change=Change.UPDATE, predecessor_id=first.capture_id)
    assert tables.ask("title, seen_at, change", "history") == [("A, better", at(1), "new"), ("B", at(2), "update")]
    assert tables.ask("title", "latest") == ["B"]
    (query,) = re.findall(r'wirebeam sql "(select distinct newer[^"]*)"', (ROOT / "docs/corrections.md").read_text())
    assert tables.fetch(query) == [(first.url, "", "2", "A in full", "A, better in full")]


def test_what_was_seen_again_stands_though_it_was_extracted_anew_before(tables: Tables) -> None:
    first = tables.capture("a", 1, "A")
    better = replace(capture("a", 1, "A, better"), capture_id="better")
    tables.add(better)
    tables.add(judged(better, change=Change.EXTRACTION, predecessor_id=first.capture_id))
    tables.capture("a", 2, "B", change=Change.UPDATE, predecessor_id=first.capture_id)
    tables.add(judged(first, 1, seen_until=at(3)))
    assert tables.ask("title", "latest") == ["A"]
    assert tables.ask("seen_at, title", "history") == [(at(1), "A, better"), (at(2), "B"), (at(3), "A")]


def test_what_was_seen_again_takes_the_place_of_an_older_extraction_of_that_moment(tables: Tables) -> None:
    first = tables.capture("a", 1, "A, better")
    tables.capture("a", 2, "A", change=Change.EXTRACTION, predecessor_id=first.capture_id)
    tables.add(judged(first, 1, seen_until=at(2)))
    assert tables.ask("title", "latest") == ["A, better"]
    assert tables.ask("title", "history") == ["A, better"]


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


def attempt(entry: str, number: int, outcome: OutcomeKind, **more: Any) -> Outcome:
    told = Outcome(
        entry_id=entry,
        attempt=number,
        origin=Origin.FEED,
        stage=Stage.FETCH,
        outcome=outcome,
        is_terminal=outcome is not OutcomeKind.DEFERRED,
        decided_at=at(number),
        url=f"https://outlet.example/{entry}",
    )
    return replace(told, **more)


def test_the_last_attempt_is_how_an_entry_stands(tables: Tables) -> None:
    dead, deferred = OutcomeKind.DEAD, OutcomeKind.DEFERRED
    tables.add(attempt("e", 2, dead, reason=Reason.BUG))
    tables.add(attempt("e", 1, deferred, reason=Reason.TIMEOUT, retry_at=at(2), decided_at=at(9)))  # arrived late
    tables.add(attempt("f", 1, dead, reason=Reason.BUG))
    tables.add(attempt("f", 2, OutcomeKind.PUBLISHED, origin=Origin.REPLAY, capture_id="c"))
    assert tables.ask("entry_id, attempt, outcome, reason", "outcomes_latest") == [
        ("e", 2, "dead", "bug"),
        ("f", 2, "published", None),
    ]


def test_what_has_no_row_is_missing_and_says_why(tables: Tables) -> None:
    row = tables.capture("a", 1)
    tables.add(attempt("has_row", 1, OutcomeKind.PUBLISHED, capture_id=row.capture_id))
    tables.add(attempt("repeat", 1, OutcomeKind.UNCHANGED, capture_id=row.capture_id))
    tables.add(attempt("dropped", 1, OutcomeKind.DROPPED, reason=Reason.NOT_INITIAL))
    tables.add(attempt("failed", 1, OutcomeKind.DEFERRED, reason=Reason.TIMEOUT, retry_at=at(2)))
    tables.add(attempt("failed", 2, OutcomeKind.FAILED, reason=Reason.HTTP_ERROR, detail="status 500", http_status=500))
    tables.add(attempt("waits", 1, OutcomeKind.DEFERRED, reason=Reason.ROBOTS_UNREACHABLE, retry_at=at(9)))
    tables.add(attempt("replayed", 1, OutcomeKind.DEAD, reason=Reason.BUG))
    tables.add(attempt("replayed", 2, OutcomeKind.PUBLISHED, origin=Origin.REPLAY, capture_id=row.capture_id))
    columns = "entry_id, outcome, reason, detail, http_status, decided_at, retry_at"
    assert tables.ask(columns, "missing") == [
        ("dropped", "dropped", "not_initial", None, None, at(1), None),
        ("failed", "failed", "http_error", "status 500", 500, at(2), None),
        ("waits", "deferred", "robots_unreachable", None, None, at(1), at(9)),
    ]


def test_a_further_look_that_fails_misses_nothing(tables: Tables) -> None:
    row = tables.capture("a", 1)
    tables.add(attempt("first", 1, OutcomeKind.PUBLISHED, capture_id=row.capture_id))
    tables.add(attempt("revisit", 1, OutcomeKind.FAILED, origin=Origin.REVISIT, reason=Reason.GONE))
    tables.add(attempt("retry", 2, OutcomeKind.FAILED, origin=Origin.RETRY, reason=Reason.TIMEOUT))
    assert tables.ask("entry_id", "missing") == []


def test_a_row_that_is_not_here_is_missing_although_it_was_published(tables: Tables) -> None:
    tables.add(attempt("e", 1, OutcomeKind.PUBLISHED, capture_id="purged"))
    ((outcome, detail),) = tables.ask("outcome, detail", "missing")
    assert outcome == "published"
    assert detail.startswith("its row is not here")


def test_a_change_that_was_missed_is_told_from_a_story_that_was(tables: Tables) -> None:
    row = tables.capture("a", 1)
    url = "https://outlet.example/a"
    tables.add(attempt("first", 1, OutcomeKind.PUBLISHED, capture_id=row.capture_id, url=url))
    tables.add(attempt("changed", 1, OutcomeKind.FAILED, reason=Reason.TIMEOUT, url=url))
    tables.add(attempt("other", 1, OutcomeKind.FAILED, reason=Reason.TIMEOUT))
    assert tables.ask("entry_id, is_url_known", "missing") == [("changed", True), ("other", False)]


def entity(name: str, mentions: int, salience: float, entity_id: str | None = None) -> Entity:
    mention = Mention(field=MentionField.BODY, start=0, end=len(name), text=name)
    return Entity(
        key=entity_id or f"person:{name.lower()}",
        name=name,
        type=EntityType.PERSON,
        id=entity_id,
        salience=salience,
        mentions=(mention,) * mentions,
    )


def test_entities_are_those_of_the_newest_usable_content(tables: Tables) -> None:
    for minute, names in ((1, ["Ada Roe"]), (2, ["Ada Roe", "Zoë Ünal 🎉"])):
        row = replace(
            capture("a", minute),
            published_at=at(minute - 1),
            language="en",
            entities=tuple(entity(name, 2, 0.5, "wikidata:Q1" if name == "Ada Roe" else None) for name in names),
        )
        tables.add(row)
        tables.add(judged(row))
    killed = replace(capture("b", 1), entities=(entity("Ada Roe", 1, 1.0),))
    tables.add(killed)
    tables.add(judged(killed, **KILLED))
    tables.capture("without", 1)
    columns = "article_id, capture_id, key, name, type, id, salience, mention_count, published_at, language, url"
    rest = (0.5, 2, at(1), "en", "https://outlet.example/a")
    assert tables.ask(columns, "entities") == [
        ("a", "a@2", "person:zoë ünal 🎉", "Zoë Ünal 🎉", "PERSON", None, *rest),
        ("a", "a@2", "wikidata:Q1", "Ada Roe", "PERSON", "wikidata:Q1", *rest),
    ]


def poll(feed: str, moment: dt.datetime, status: PollStatus = PollStatus.OK, **more: Any) -> Poll:
    return Poll(feed_id=feed, polled_at=moment, url=f"https://outlet.example/{feed}", status=status, **more)


def failed_poll(feed: str, moment: dt.datetime, **more: Any) -> Poll:
    told = {"reason": Reason.HTTP_ERROR, "detail": "Bad Gateway", "http_status": 502}
    return poll(feed, moment, PollStatus.FAILED, **told, **more)


def test_a_feed_that_fails_says_since_when_and_why(tables: Tables) -> None:
    tables.add(failed_poll("f", at(1)))
    tables.add(poll("f", at(2), entries_new=3))
    tables.add(poll("f", at(3), PollStatus.NOT_MODIFIED))
    for minute in (4, 5, 6):
        tables.add(failed_poll("f", at(minute)))
    columns = "last_poll_at, last_ok_at, failures_in_a_row, last_new_entry_at"
    columns += ", last_reason, last_detail, last_http_status, last_reason_at"
    assert tables.ask(columns, "feeds_health") == [
        (at(6), at(3), 3, at(2), "http_error", "Bad Gateway", 502, at(6)),
    ]


def test_failures_are_counted_from_the_last_quiet_poll(tables: Tables) -> None:
    """It has no row of its own."""
    tables.add(failed_poll("f", at(1)))
    tables.add(failed_poll("f", at(9), quiet_polls=2))
    tables.add(failed_poll("f", at(10)))
    assert tables.ask("failures_in_a_row, last_ok_at", "feeds_health") == [(2, None)]


def test_a_feed_that_answers_again_does_not_fail(tables: Tables) -> None:
    tables.add(failed_poll("f", at(1)))
    tables.add(poll("f", at(2)))
    assert tables.ask("failures_in_a_row, last_reason", "feeds_health") == [(0, "http_error")]


def test_a_week_of_a_feed_is_counted(tables: Tables) -> None:
    now = utc_now()
    tables.add(poll("f", now - dt.timedelta(days=8), entries_new=100, gap=True))
    tables.add(poll("f", now - dt.timedelta(days=6), entries_new=4, entries_changed=1, gap=True))
    tables.add(poll("f", now - dt.timedelta(days=1), entries_new=2))
    for article, days in (("old", 9), ("a", 6), ("a", 5), ("b", 1)):
        row = replace(capture(article, days), observed_at=now - dt.timedelta(days=days), feed_id="f")
        tables.add(row)
    assert tables.ask("entries_7d, articles_7d, gaps_7d", "feeds_health") == [(7, 2, 1)]


def test_a_feed_is_there_before_its_first_poll_and_with_its_newest_settings(tables: Tables) -> None:
    for minute, outlet in ((2, "New name"), (1, "Old name")):
        tables.add(Feed(feed_id="f", valid_from=at(minute), url="https://outlet.example/feed", outlet=outlet))
    columns = "feed_id, url, outlet, last_poll_at, failures_in_a_row, entries_7d, articles_7d, gaps_7d"
    assert tables.ask(columns, "feeds_health") == [
        ("f", "https://outlet.example/feed", "New name", None, 0, 0, 0, 0),
    ]


def test_polls_and_outcomes_that_came_twice_count_once(in_duckdb: DuckDb) -> None:
    """A sink with keys holds them once anyway."""
    now = utc_now()
    for _ in range(2):
        in_duckdb.add(failed_poll("f", now, gap=True, entries_new=1))
        in_duckdb.add(attempt("e", 1, OutcomeKind.FAILED, reason=Reason.DNS))
    assert in_duckdb.ask("failures_in_a_row, entries_7d, gaps_7d", "feeds_health") == [(1, 1, 1)]
    assert in_duckdb.ask("entry_id", "missing") == ["e"]
    assert in_duckdb.ask("entry_id", "outcomes_latest") == ["e"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked_of_empty_tables(view: str, tables: Tables) -> None:
    assert tables.ask("*", view) == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_body_is_read_that_nobody_asked_for(view: str, in_duckdb: DuckDb) -> None:
    """Bodies are nearly all of the bytes."""
    in_duckdb.capture("a", 1)
    for columns in ("count(*)", "min(url)"):
        ((_, plan),) = in_duckdb.connection.execute(f"EXPLAIN SELECT {columns} FROM {view}").fetchall()
        assert "body" not in plan


@pytest.mark.parametrize("dialect", Dialect)
def test_every_dialect_has_the_same_views(dialect: Dialect) -> None:
    assert list(views(dialect)) == list(VIEWS)
    for name in VIEWS:
        assert f"CREATE OR REPLACE VIEW {name} AS\n" in statements(dialect)


@pytest.mark.parametrize("before", ["SELECT 1 AS number", None])
def test_postgres_gets_views_whose_text_has_changed(before: str | None, postgres_uri: str) -> None:
    """Also those of other columns, on which others build; and at the next start nothing is made anew."""
    open_sink(postgres_uri).close()
    with psycopg.connect(postgres_uri, autocommit=True) as connection:

        def made() -> list[tuple[str, int]]:
            return connection.execute(
                "SELECT relname, oid FROM pg_class WHERE relkind = 'v' AND relnamespace = 'views'::regnamespace"
                " ORDER BY relname"
            ).fetchall()

        connection.execute("UPDATE wirebeam_views SET fingerprint = 'of an earlier program'")
        connection.execute("DROP VIEW kill_exposure")
        if before:
            connection.execute(f"CREATE VIEW kill_exposure AS {before}".encode())
        open_sink(postgres_uri).close()
        views_made = made()
        assert [name for name, _ in views_made] == sorted(VIEWS)
        assert connection.execute("SELECT withdrawn_id FROM kill_exposure").fetchall() == []
        open_sink(postgres_uri).close()
        assert made() == views_made
