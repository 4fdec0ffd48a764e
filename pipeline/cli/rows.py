"""Rows as a command prints them: for a person, who sees a screen, or whole, for a program."""

import csv
import datetime as dt
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from pipeline.cells import text_of
from pipeline.cli.terminal import console
from pipeline.formats import RowsFormat

if TYPE_CHECKING:
    from rich.console import Console

CELL_LIMIT = 300  # characters of a value on the screen: a whole body would push everything else away
LEAST_WIDTH = 14  # columns of the screen below which wrapped text cannot be read
_BORDERS = 3  # columns of the screen between two columns of a table
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # what a page may not tell a terminal, and the ends of lines

Row = Sequence[Any]


def write(names: Sequence[str], rows: Iterable[Row], form: RowsFormat) -> None:
    """Print rows to standard output; as CSV and JSON Lines they are taken one by one.

    Args:
        names: of the columns.
        rows: with plain values: str, int, float, bool, bytes, datetime, list, dict, None and what can become a str.
        form: as a table, or record by record where the screen is too narrow for it, long values are cut, and a line on
            standard error says so; in all other formats they are whole.
    """
    if form is RowsFormat.TABLE:
        _write_for_a_person(names, list(rows))
    elif form is RowsFormat.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([text_of(value) for value in row] for row in rows)
    else:
        encoder = msgspec.json.Encoder(enc_hook=str)
        objects = (dict(zip(names, row, strict=True)) for row in rows)
        if form is RowsFormat.JSON:
            sys.stdout.write(msgspec.json.format(encoder.encode(list(objects))).decode() + "\n")
        else:
            for one in objects:
                sys.stdout.write(encoder.encode(one).decode() + "\n")


def _write_for_a_person(names: Sequence[str], rows: Sequence[Row]) -> None:
    texts = [[_one_line(value) for value in row] for row in rows]
    number_cut = sum(len(text) > CELL_LIMIT for row in texts for text in row)
    cells = [[text if len(text) <= CELL_LIMIT else f"{text[:CELL_LIMIT]} …" for text in row] for row in texts]
    out = console()
    least = [min(LEAST_WIDTH, max(map(len, column))) for column in zip(names, *cells, strict=True)]
    if sum(least) + _BORDERS * len(least) + 1 <= out.width:
        _print_table(out, names, cells, least)
    else:
        _print_records(out, names, cells)
    if number_cut:
        values = "1 value was" if number_cut == 1 else f"{number_cut} values were"
        typer.echo(f"{values} cut at {CELL_LIMIT} characters; --format json, jsonl or csv has all of it", err=True)


def _print_table(out: "Console", names: Sequence[str], cells: Sequence[Sequence[str]], least: Sequence[int]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for name, width in zip(names, least, strict=True):
        table.add_column(escape(name), min_width=width, overflow="fold")
    for row in cells:
        table.add_row(*map(escape, row))
    out.print(table)


def _print_records(out: "Console", names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """One below the other, each value in a line of its own; those that are empty are left out."""
    from rich.markup import escape
    from rich.rule import Rule
    from rich.table import Table

    for number, row in enumerate(cells, start=1):
        out.print(Rule(f"row {number}", align="left"))
        record = Table(box=None, show_header=False, pad_edge=False)
        record.add_column(no_wrap=True, style="bold")
        record.add_column(overflow="fold")
        for name, text in zip(names, row, strict=True):
            if text:
                record.add_row(escape(name), escape(text))
        out.print(record)
    if not cells:
        out.print(f"no rows; columns: {', '.join(names)}", markup=False)


def _one_line(value: Any) -> str:
    if isinstance(value, dt.datetime) and value.utcoffset() == dt.timedelta():
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return _CONTROL.sub(" ", text_of(value))
