"""`wirebeam latest`: the newest articles, all of them or those about somebody or something."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.rows import write
from pipeline.cli.terminal import USAGE, fail
from pipeline.formats import RowsFormat

SHOWN = ("observed_at", "published_at", "language", "change", "title", "url")  # to a person


def latest(
    entity: Annotated[
        str | None, typer.Option(help="Only articles that name it: a name as in view entities, or an id (wikidata:Q1).")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only what was seen since then: 2026-03-01T12:00, 2h, 3d.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this language: en, pt-BR.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many articles at most.")] = 20,
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[
        RowsFormat, typer.Option("--format", help="A table of headlines, or all columns of view latest.")
    ] = RowsFormat.TABLE,
) -> None:
    """Print the newest articles that may be used, by the time at which their newest content was seen."""
    import duckdb

    from pipeline.data_directory import warehouse_of
    from pipeline.durations import read_since
    from pipeline.newest import Asked, find, like, read
    from pipeline.warehouse import WarehouseError, connect
    from transforms.outcomes import utc_now

    try:
        moment = read_since(since, utc_now()) if since else None
    except ValueError as error:
        fail(f"--since: {error}", USAGE)
    try:
        with connect(warehouse_of(data)) as connection:
            found = find(connection, Asked(entity=entity, since=moment, language=language), limit + 1)
            names, rows = read(connection, found[:limit], SHOWN if form is RowsFormat.TABLE else ("*",))
            alike = like(connection, entity) if entity and not found else []
    except WarehouseError as error:
        fail(str(error), USAGE)
    except duckdb.Error as error:
        fail(str(error), USAGE)
    write(names, rows, form)
    if len(found) > limit:
        typer.echo(f"only the newest {limit} are shown; --limit shows more", err=True)
    if entity and not found:
        words = f"; like it: {', '.join(alike)}" if alike else ""
        typer.echo(f"no article that was asked for names {entity}{words}", err=True)
