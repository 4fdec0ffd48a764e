"""What is PostgreSQL's own: refusals, migrations, lost connections and writers at once, against a real server."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pipeline.sinks import open_sink, postgres
from pipeline.sinks.base import Row, SinkError
from schemas.records import SCHEMA_VERSION, Article, Caption
from tests.pipeline.sinks.test_sinks import batch, in_postgres, read_postgres, record, rows, write


def article(number: int) -> Article:
    made = record("articles", number)
    assert isinstance(made, Article)
    return made


def test_a_row_that_the_server_cannot_hold_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    nul, good, too_large = (article(number) for number in (1, 2, 3))
    nul, too_large = replace(nul, title="a\0b"), replace(too_large, urgency=2**63)
    sink = open_sink(in_postgres(tmp_path))
    one = batch([Row(1, "articles", nul), Row(2, "articles", good)])
    assert [(each.row.seq, each.error) for each in sink.write(one)] == [
        (1, "PostgreSQL holds no text with a NUL in it")
    ]
    (refused,) = sink.write(batch([Row(3, "articles", too_large), Row(4, "articles", article(4))]))
    assert refused.row.seq == 3
    assert "out of range" in refused.error
    sink.close()
    assert [row["capture_id"] for row in read_postgres(tmp_path, "articles")] == ["002", "004"]


def test_a_nul_is_found_wherever_it_hides_and_not_where_it_is_only_spoken_of(tmp_path: Path) -> None:
    def named(number: int, text: str, *, in_list: bool = False) -> Row:
        caption = Caption(text="" if in_list else text)
        return Row(
            number,
            "articles",
            replace(article(number), captions=(caption,), tags=(text,) if in_list else (), body="\\u0000"),
        )

    sink = open_sink(in_postgres(tmp_path))
    some = [named(1, "a\0b"), named(2, "a\\u0000b"), named(3, "a\\\\u0000b"), named(4, "a\0b", in_list=True)]
    assert [each.row.seq for each in sink.write(batch(some))] == [1, 4]
    sink.close()
    found = {row["capture_id"]: row["captions"][0]["text"] for row in read_postgres(tmp_path, "articles")}
    assert found == {"002": "a\\u0000b", "003": "a\\\\u0000b"}


def test_tables_of_an_earlier_version_get_what_they_lack_and_of_a_later_one_are_refused(tmp_path: Path) -> None:
    uri = in_postgres(tmp_path)
    write("postgresql", tmp_path, batch(rows(3)))
    with psycopg.connect(uri) as connection:
        connection.execute("ALTER TABLE revisions DROP COLUMN seen_until CASCADE")
        connection.execute("UPDATE wirebeam_schema SET version = 1")
    write("postgresql", tmp_path, batch(rows(6)))
    assert [row["seen_until"] for row in read_postgres(tmp_path, "revisions")] == [None, None]
    with psycopg.connect(uri) as connection:
        connection.execute("INSERT INTO wirebeam_schema VALUES (%s)", (SCHEMA_VERSION + 1,))
    with pytest.raises(SinkError, match=f"schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
        open_sink(uri)


def test_a_lost_connection_is_an_error_and_the_next_try_has_a_new_one(tmp_path: Path) -> None:
    sink = open_sink(in_postgres(tmp_path))
    sink.write(batch(rows(3)))
    with psycopg.connect(in_postgres(tmp_path), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wirebeam'")
    with pytest.raises(SinkError):
        sink.write(batch(rows(6)))
    sink.write(batch(rows(6)))
    sink.close()
    assert len(read_postgres(tmp_path, "articles")) == 2


def test_writers_at_once_write_every_row_once(tmp_path: Path) -> None:
    uri = in_postgres(tmp_path)

    def deliver(writer: str) -> None:
        sink = open_sink(uri)
        for last in range(1, 13):
            sink.write(batch(rows(last), writer))
        sink.close()

    threads = [threading.Thread(target=deliver, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["capture_id"] for row in read_postgres(tmp_path, "articles")) == ["003", "006", "009", "012"]


def test_a_password_is_in_no_name_and_no_error() -> None:
    for uri in ("postgresql://me:secret@127.0.0.1:1/news", "postgresql://127.0.0.1:1/news?password=secret&user=me"):
        with pytest.raises(SinkError) as raised:
            open_sink(uri)
        assert "secret" not in str(raised.value)


def test_the_driver_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, postgres.__name__, None)
    with pytest.raises(SinkError, match=r"pip install 'wirebeam\[postgres\]'"):
        open_sink("postgresql://me:secret@127.0.0.1/news")


def test_an_articles_columns_are_plain_types(tmp_path: Path) -> None:
    write("postgresql", tmp_path, batch([Row(1, "articles", replace(article(1), authors=("A", "B")))]))
    with psycopg.connect(in_postgres(tmp_path)) as connection:
        found = connection.execute("SELECT authors[2], jsonb_typeof(entities), observed_at::date FROM articles")
        assert found.fetchone() == ("B", "array", article(1).observed_at.date())
