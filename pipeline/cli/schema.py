"""`wirebeam schema`: the tables' definitions, and the views'."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer

from pipeline.cli.terminal import USAGE, fail
from pipeline.formats import Dialect, SchemaFormat

DATASET = "PROJECT.DATASET"  # stands for one's own in the views for BigQuery, which know tables by their full names


def schema(
    table: Annotated[str | None, typer.Argument(help="One table; all of them without it.")] = None,
    form: Annotated[
        SchemaFormat,
        typer.Option("--format", help="JSON Schema, another language of definitions, or a dictionary of the columns."),
    ] = SchemaFormat.JSON,
    views_for: Annotated[
        Dialect | None, typer.Option("--views", help="Instead of tables: the SQL that makes the views there.")
    ] = None,
) -> None:
    """Print the definition of one table, or of all."""
    from schemas import tables

    if views_for is not None:
        if table is not None:
            fail("--views prints all views: they build on each other", USAGE)
        sys.stdout.write(_views(views_for))
        return
    if table is not None and table not in tables.TABLES:
        fail(f"no table {table}; there are {', '.join(tables.TABLES)}", USAGE)
    make = _makers()[form]
    made = {name: make(name) for name in ([table] if table else tables.TABLES)}
    if form in _TEXTS:
        sys.stdout.write("\n".join(made.values()))
    else:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(made[table] if table else made)).decode() + "\n")


def _views(dialect: Dialect) -> str:
    from pipeline.sinks.bigquery_views import bigquery_statements
    from pipeline.views import statements

    return bigquery_statements(DATASET) + "\n" if dialect is Dialect.BIGQUERY else statements(dialect)


_TEXTS = {SchemaFormat.ARROW, SchemaFormat.POSTGRES, SchemaFormat.MARKDOWN}  # all others are JSON


def _makers() -> dict[SchemaFormat, Callable[[str], Any]]:
    from schemas import dialects, tables

    return {
        SchemaFormat.JSON: tables.json_schema,
        SchemaFormat.ARROW: _arrow,
        SchemaFormat.ICEBERG: _iceberg,
        SchemaFormat.BIGQUERY: dialects.bigquery_schema,
        SchemaFormat.POSTGRES: dialects.postgres_ddl,
        SchemaFormat.AVRO: dialects.avro_schema,
        SchemaFormat.MARKDOWN: dialects.dictionary,
    }


def _arrow(table: str) -> str:
    from schemas import tables

    return f"{table}\n{tables.arrow_schema(table).to_string()}\n"


def _iceberg(table: str) -> Any:
    from schemas import tables

    return tables.iceberg_schema(table).model_dump(mode="json")
