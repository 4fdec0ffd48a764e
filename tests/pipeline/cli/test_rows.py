"""Rows as a person sees them on a screen of some width, and as a program reads them."""

import csv
import datetime as dt
import decimal
import io
import json

import pytest
from rich.console import Console

from pipeline.cli import rows
from pipeline.cli.rows import CELL_LIMIT, write
from pipeline.formats import RowsFormat

MOMENT = dt.datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(rows, "console", lambda: Console(width=80, highlight=False))
    return 80


def test_few_columns_are_a_table_and_long_text_is_wrapped(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    write(["title", "seen"], [("word " * 40, MOMENT), (None, None)], RowsFormat.TABLE)
    shown = capsys.readouterr()
    assert shown.out.count("word") == 40
    assert "2026-03-01 12:30:15 " in shown.out
    assert "None" not in shown.out
    assert max(map(len, shown.out.splitlines())) <= width
    assert shown.err == ""


def test_many_columns_are_records_without_what_is_empty(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"column_{number}" for number in range(30)]
    write(names, [["text " * 5] * 29 + [None], ["other text here"] * 30], RowsFormat.TABLE)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["row", *names[:29], "row", *names]
    assert max(map(len, lines)) <= width


def test_what_is_cut_is_said(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    write(["a", "b"], [("x" * CELL_LIMIT, "y" * (CELL_LIMIT + 1))], RowsFormat.TABLE)
    shown = capsys.readouterr()
    assert shown.out.count("x") == CELL_LIMIT
    assert shown.out.count("y") == CELL_LIMIT
    assert "1 value was cut" in shown.err
    assert "--format" in shown.err


def test_a_page_cannot_speak_to_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    write(["title"], [("\x1b[2J[red]a\r\nb\x07",)], RowsFormat.TABLE)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]a b" in shown


def test_names_are_told_where_there_is_no_row(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    write([f"column_{number}" for number in range(30)], [], RowsFormat.TABLE)
    assert "column_29" in capsys.readouterr().out


@pytest.mark.parametrize("form", [RowsFormat.JSON, RowsFormat.JSONL, RowsFormat.CSV])
def test_a_program_gets_everything_whole(form: RowsFormat, capsys: pytest.CaptureFixture[str]) -> None:
    long = "x\n" * CELL_LIMIT
    write(["text", "seen", "list", "sum"], [(long, MOMENT, [1], decimal.Decimal("1.50"))], form)
    shown = capsys.readouterr()
    if form is RowsFormat.CSV:
        (row,) = csv.DictReader(io.StringIO(shown.out))
    else:
        found = json.loads(shown.out)
        row = found[0] if form is RowsFormat.JSON else found
    assert (row["text"], row["sum"]) == (long, "1.50")
    assert dt.datetime.fromisoformat(row["seen"]) == MOMENT
    assert row["list"] == ("[1]" if form is RowsFormat.CSV else [1])
    assert shown.err == ""
