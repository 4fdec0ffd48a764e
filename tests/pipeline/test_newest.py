"""Which articles are the newest, in a warehouse of three days."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline import warehouse
from pipeline.newest import Asked, find, like, read
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Row
from schemas.enums import EntityType
from schemas.records import Article, Delivery, Entity, Revision
from schemas.tables import TABLE_OF

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def article(name: str, days: int, language: str | None, *names: str) -> list[Article | Revision]:
    moment = NOON + dt.timedelta(days=days)
    row = Article(
        capture_id=f"{name}@{days}",
        article_id=name,
        content_hash=name,
        observed_at=moment,
        url=f"https://outlet.example/{name}",
        canonical_url=f"https://outlet.example/{name}",
        title=name,
        language=language,
        entities=tuple(
            Entity(key=f"wikidata:{one}", name=one, type=EntityType.ORG, id=f"wikidata:{one}") for one in names
        ),
    )
    judged = Revision(capture_id=row.capture_id, judged_seq=0, article_id=name, observed_at=moment)
    return [row, judged]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newest")
    records = [
        *article("first", 0, "en", "Port of Bari", "Acme"),
        *article("second", 1, "en-GB", "Acme"),
        *article("third", 2, "de", "ACME Öl"),
        *article("fourth", 2, None),
    ]
    rows = tuple(Row(seq, TABLE_OF[type(record)], record) for seq, record in enumerate(records, start=1))
    sink = open_sink(f"iceberg:{folder}")
    sink.write(Batch("test", rows, Delivery(ingested_at=NOON, batch_id="b")))
    sink.close()
    return folder


@pytest.fixture
def connection(filled: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.connect(filled) as opened:
        yield opened


def titles(connection: duckdb.DuckDBPyConnection, asked: Asked, limit: int = 10) -> list[str]:
    names, rows = read(connection, find(connection, asked, limit), ("title",))
    assert names == ["title"]
    return [title for (title,) in rows]


def test_the_newest_come_first_and_as_many_as_are_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    assert titles(connection, Asked()) == ["fourth", "third", "second", "first"]
    assert titles(connection, Asked(), 3) == ["fourth", "third", "second"]


@pytest.mark.parametrize("name", ["Acme", "acme", "wikidata:Acme"])
def test_a_name_in_capitals_or_not_or_an_id(name: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert titles(connection, Asked(entity=name)) == ["second", "first"]


def test_a_language_takes_its_kinds_along(connection: duckdb.DuckDBPyConnection) -> None:
    assert titles(connection, Asked(language="EN")) == ["second", "first"]
    assert titles(connection, Asked(language="en-gb")) == ["second"]


def test_what_is_asked_for_must_all_hold(connection: duckdb.DuckDBPyConnection) -> None:
    since = NOON + dt.timedelta(hours=1)
    assert titles(connection, Asked(since=since)) == ["fourth", "third", "second"]
    assert titles(connection, Asked(entity="Acme", since=since, language="en")) == ["second"]
    assert titles(connection, Asked(entity="Acme", since=since, language="de")) == []


def test_a_name_is_no_sql(connection: duckdb.DuckDBPyConnection) -> None:
    assert titles(connection, Asked(entity="' OR true --")) == []
    assert like(connection, "' OR true --") == []


def test_names_that_are_like_one(connection: duckdb.DuckDBPyConnection) -> None:
    assert like(connection, "acme") == ["Acme", "ACME Öl"]
    assert like(connection, "nobody") == []


def test_a_table_has_its_own_columns_and_no_more(connection: duckdb.DuckDBPyConnection) -> None:
    """The folders of the partitions are named after a column that is none."""
    names = [column[0] for column in connection.execute("SELECT * FROM articles").description or ()]
    assert "observed_at" in names
    assert "observed_at_day" not in names
