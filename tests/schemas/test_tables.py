"""The tables' definitions, pinned: what an analyst built on must not change unseen."""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow

from schemas import dialects, tables
from schemas.enums import EntityType, MentionField, Source
from schemas.examples import EXAMPLES
from schemas.records import SCHEMA_VERSION, Article, Caption, Delivery, Entity, Mention

GOLDEN = Path(__file__).parent / "golden"
NOW = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)

FORMATS: dict[str, Callable[[str], str]] = {
    "arrow.txt": lambda table: tables.arrow_schema(table).to_string() + "\n",
    "iceberg.json": lambda table: tables.iceberg_schema(table).model_dump_json(indent=1) + "\n",
    "schema.json": lambda table: json.dumps(tables.json_schema(table), indent=1) + "\n",
    "bigquery.json": lambda table: json.dumps(dialects.bigquery_schema(table), indent=1) + "\n",
    "postgres.sql": dialects.postgres_ddl,
    "avsc": lambda table: json.dumps(dialects.avro_schema(table), indent=1) + "\n",
}


@pytest.mark.parametrize("table", tables.TABLES)
@pytest.mark.parametrize("form", FORMATS)
def test_definition_is_the_golden_one(table: str, form: str) -> None:
    made = FORMATS[form](table)
    path = GOLDEN / f"{table}.{form}"
    if os.environ.get("WIREBEAM_UPDATE_GOLDEN"):
        path.write_text(made)
    assert made == path.read_text(), f"{path.name} differs: a change of a table is additive and steps SCHEMA_VERSION"


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_the_tables_of_every_version_are_still_in_the_present_ones(version: int) -> None:
    """What a version brought stays as it was: a further column names its own, higher version."""
    path = GOLDEN / f"columns.v{version}.json"
    if version == SCHEMA_VERSION and os.environ.get("WIREBEAM_UPDATE_GOLDEN"):
        path.write_text(json.dumps(_columns_until(version), indent=1) + "\n")
    assert _columns_until(version) == json.loads(path.read_text()), "an older version's columns have changed"


def _columns_until(version: int) -> dict[str, dict[str, str]]:
    """For each table: its columns up to `version`, with type and nullability."""
    return {
        table: {
            column.name: str(tables.arrow_schema(table).field(column.name))
            for column in tables.columns(table)
            if column.since <= version
        }
        for table in tables.TABLES
    }


@pytest.mark.parametrize("table", tables.TABLES)
def test_an_example_fills_every_column(table: str) -> None:
    row = msgspec.to_builtins(EXAMPLES[table])
    empty = [column.name for column in tables.columns(table) if row.get(column.name, 0) in (None, [])]
    assert empty == []
    assert isinstance(EXAMPLES[table], tables.TABLES[table].record)


@pytest.mark.parametrize("table", tables.TABLES)
def test_the_dictionary_has_every_column(table: str) -> None:
    words = dialects.dictionary(table)
    for column in tables.columns(table):
        assert f"| {column.name} | " in words


@pytest.mark.parametrize("table", tables.TABLES)
def test_iceberg_and_arrow_agree(table: str) -> None:
    from_iceberg = schema_to_pyarrow(tables.iceberg_schema(table), include_field_ids=False)
    ours = tables.arrow_schema(table)
    assert [field.name for field in from_iceberg] == [field.name for field in ours]
    assert [field.nullable for field in from_iceberg] == [field.nullable for field in ours]


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda table: table.name)
def test_key_and_time_column_are_required_columns(table: tables.Table) -> None:
    required = {column.name for column in tables.columns(table.name) if not column.is_nullable}
    assert {*table.key, table.time_column} <= required


@pytest.mark.parametrize("table", tables.TABLES)
def test_every_column_says_what_it_means(table: str) -> None:
    def silent(column: tables.Column) -> list[str]:
        inner = [name for field in column.fields for name in silent(field)]
        return inner + ([column.name] if not column.meaning and column.name != "element" else [])

    assert [name for column in tables.columns(table) for name in silent(column)] == []


def test_an_article_survives_arrow() -> None:
    article = Article(
        capture_id="c",
        article_id="a",
        content_hash="h",
        observed_at=NOW,
        url="https://outlet.example/1",
        canonical_url="https://outlet.example/1",
        source=Source.FEED,
        title="Zürich 🎉 \u202bعنوان\u202c",
        captions=(Caption(text="A street", credit=None),),
        entities=(
            Entity(
                key="k",
                name="Zürich",
                type=EntityType.PLACE,
                mentions=(Mention(field=MentionField.TITLE, start=0, end=6, text="Zürich"),),
            ),
        ),
        published_at=dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    )
    delivery = Delivery(ingested_at=NOW, batch_id="b")
    arrow = tables.arrow_table("articles", [article], delivery)
    assert arrow.schema == tables.arrow_schema("articles")
    row = arrow.to_pylist()[0]
    assert (row.pop("ingested_at"), row.pop("batch_id")) == (NOW, "b")
    assert msgspec.convert(row, Article) == article
