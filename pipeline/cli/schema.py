"""`wirebeam schema`: the tables' definitions."""

import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from pipeline.cli.terminal import USAGE, fail


class Format(StrEnum):
    """The language of the definition."""

    JSON = "json"
    ARROW = "arrow"


def schema(
    table: Annotated[str | None, typer.Argument(help="One table; all of them without it.")] = None,
    form: Annotated[Format, typer.Option("--format", help="JSON Schema, or the Arrow schema as text.")] = Format.JSON,
) -> None:
    """Print the definition of one table, or of all."""
    from schemas import tables

    if table is not None and table not in tables.TABLES:
        fail(f"no table {table}; there are {', '.join(tables.TABLES)}", USAGE)
    names = [table] if table else list(tables.TABLES)
    if form is Format.ARROW:
        for name in names:
            sys.stdout.write(f"{name}\n{tables.arrow_schema(name).to_string()}\n\n")
        return
    definitions = {name: tables.json_schema(name) for name in names}
    out = definitions[table] if table else definitions
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(out)).decode() + "\n")
