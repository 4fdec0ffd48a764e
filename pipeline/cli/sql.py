"""`wirebeam sql`: ask the warehouse."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.rows import write
from pipeline.cli.terminal import USAGE, fail
from pipeline.formats import RowsFormat

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 1_000  # taken from the answer


def sql(
    query: Annotated[str, typer.Argument(help="DuckDB SQL over the tables and views.")],
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    limit: Annotated[int | None, typer.Option(min=0, help="So many rows at most; says if there are more.")] = None,
    form: Annotated[RowsFormat, typer.Option("--format", help="How to print the answer.")] = RowsFormat.TABLE,
) -> None:
    """Ask the warehouse, also while a run is writing to it.

    Tables: articles, revisions, links, outcomes, polls, feeds, dead_letters. Views: latest, history,
    withdrawn, copies, kill_exposure, entities, outcomes_latest, missing, feeds_health.
    """
    import duckdb

    from pipeline.data_directory import warehouse_of
    from pipeline.warehouse import WarehouseError, connect

    try:
        with connect(warehouse_of(data)) as connection:
            answer = connection.execute(query)
            names = [column[0] for column in answer.description or ()]
            write(names, _rows(answer, limit), form)
            if limit is not None and answer.fetchone():
                typer.echo(f"only the first {limit} rows are shown", err=True)
    except WarehouseError as error:
        fail(str(error), USAGE)
    except duckdb.Error as error:
        fail(str(error), USAGE)


def _rows(answer: "duckdb.DuckDBPyConnection", limit: int | None) -> Iterator[tuple[Any, ...]]:
    left = limit
    while left != 0:
        rows = answer.fetchmany(ROWS_AT_ONCE if left is None else min(left, ROWS_AT_ONCE))
        if not rows:
            return
        yield from rows
        left = None if left is None else left - len(rows)
