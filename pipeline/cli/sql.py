"""`wirebeam sql`: ask the warehouse."""

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pipeline.cli.terminal import USAGE, console, fail

CELL_LIMIT = 300  # characters of a cell in the table format: a whole body would push everything else away


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def sql(
    query: Annotated[str, typer.Argument(help="DuckDB SQL over the tables and views.")],
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = Format.TABLE,
) -> None:
    """Ask the warehouse, also while a run is writing to it.

    Tables: articles, revisions, links, outcomes, polls, feeds, dead_letters. Views: latest, history,
    withdrawn, copies, kill_exposure.
    """
    import duckdb

    from pipeline.data_directory import warehouse_of
    from pipeline.warehouse import WarehouseError, connect

    try:
        with connect(warehouse_of(data)) as connection:
            answer = connection.execute(query)
            names = [column[0] for column in answer.description or ()]
            rows = answer.fetchall()
    except WarehouseError as error:
        fail(str(error), USAGE)
    except duckdb.Error as error:
        fail(str(error), USAGE)
    write(names, rows, form)


def write(names: list[str], rows: list[tuple[Any, ...]], form: Format) -> None:
    """Print an answer to standard output."""
    if form is Format.TABLE:
        print_table(names, rows)
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(value) for value in row] for row in rows)
    else:
        objects = [dict(zip(names, row, strict=True)) for row in rows]
        encoder = msgspec.json.Encoder()
        if form is Format.JSON:
            sys.stdout.write(msgspec.json.format(encoder.encode(objects)).decode() + "\n")
        else:
            for one in objects:
                sys.stdout.write(encoder.encode(one).decode() + "\n")


def print_table(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """A table for a person: long cells are cut."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*(escape(name) for name in names))
    for row in rows:
        cells = [_cell(value) for value in row]
        table.add_row(*(escape(cell if len(cell) <= CELL_LIMIT else cell[:CELL_LIMIT] + " …") for cell in cells))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict | tuple):
        return msgspec.json.encode(value).decode()
    return str(value)
