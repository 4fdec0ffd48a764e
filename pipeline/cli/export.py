"""`wirebeam export`: a table or view as a file."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import FAULT, USAGE, fail
from pipeline.formats import FileFormat


def export(
    name: Annotated[str, typer.Argument(metavar="VIEW|TABLE", help="Such as latest, history, copies or outcomes.")],
    to: Annotated[Path, typer.Option(help="The file.")],
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[
        FileFormat | None, typer.Option("--format", help="What kind of file; without it, what its name ends in.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a table or view to a file, as it is now. What does not fit into memory lies beside the file meanwhile.

    The file is there when it is whole, and not before.
    """
    import duckdb

    from pipeline.data_directory import warehouse_of
    from pipeline.export import NAMES
    from pipeline.export import export as write
    from pipeline.warehouse import WarehouseError

    if name not in NAMES:
        fail(f"no table or view {name}; there are {', '.join(NAMES)}", USAGE)
    if form is None:
        ending = to.suffix.removeprefix(".").lower()
        if ending not in list(FileFormat):
            fail(f"{to}: its name does not say what kind of file; add --format {'|'.join(FileFormat)}", USAGE)
        form = FileFormat(ending)
    if to.exists() and not force:
        fail(f"{to} is there already; --force writes over it", USAGE)
    try:
        rows = write(warehouse_of(data), name, to, form)
    except WarehouseError as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"{to}: {error.strerror or error}", FAULT)
    except duckdb.Error as error:
        fail(str(error), FAULT)
    typer.echo(f"{to}: {rows} rows of {name}")
