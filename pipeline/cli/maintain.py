"""`wirebeam maintain`: keep state and warehouse small."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail, say_error

if TYPE_CHECKING:
    from pipeline.maintain import Report


def maintain(
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Forget what is too old, give free space back, and compact the warehouse; also while a run is going on.

    `wirebeam run` does this by itself.
    """
    from pipeline.maintain import maintain as maintain_all
    from pipeline.state import StateError

    if not data.is_dir():
        fail(f"{data}: no data directory here", USAGE)
    try:
        report = maintain_all(data, is_dry_run=dry_run)
    except StateError as error:
        fail(str(error), FAULT)
    if dry_run:
        console().print("nothing was changed; this would be done:")
    print_report(report)
    for message in report.failed.values():
        say_error(message)
    if report.failed:
        raise typer.Exit(FAULT)


def print_report(report: "Report") -> None:
    """What was done, or would be."""
    from rich.markup import escape
    from rich.table import Table

    out = console()
    if report.state:
        state = report.state
        out.print(
            f"state.db: {state.captures} captures, {state.sketches} sketches, {state.lineages} lineages "
            f"and {state.aliases} aliases forgotten; "
            f"{_megabytes(state.bytes_before)} before, {_megabytes(state.bytes_after)} after"
        )
    for folder, tables in report.warehouses.items():
        table = Table(title=escape(str(folder)), title_justify="left")
        table.add_column("table")
        for name in ("files before", "after", "MB before", "after", "files deleted", "MB deleted"):
            table.add_column(name, justify="right")
        for one in tables:
            table.add_row(
                one.table,
                str(one.files_before),
                str(one.files_after),
                _megabytes(one.bytes_before),
                _megabytes(one.bytes_after),
                str(one.files_deleted),
                _megabytes(one.bytes_deleted),
            )
        out.print(table)
    for raw, freed in report.raw.items():
        out.print(f"{escape(str(raw))}: {_megabytes(freed)} of raw pages deleted", soft_wrap=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
