"""`wirebeam rebuild-state`: the state file anew, from the warehouse alone."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail


def rebuild_state(
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    force: Annotated[bool, typer.Option("--force", help="Put a state.db that is there aside.")] = False,
) -> None:
    """Make state.db anew from the warehouse, when it was lost or is damaged.

    Passwords in feeds' addresses, feeds added by command, and rows that were not delivered yet cannot come back.
    """
    from pipeline.data_directory import DataDirectoryError
    from pipeline.rebuild import RebuildError
    from pipeline.rebuild import rebuild_state as rebuild
    from pipeline.state import StateError
    from pipeline.warehouse import WarehouseError

    try:
        rebuilt = rebuild(data, is_forced=force)
    except (RebuildError, WarehouseError) as error:
        fail(str(error), USAGE)
    except (DataDirectoryError, StateError) as error:
        fail(str(error), FAULT)
    out = console()
    out.print(
        f"state.db is made anew: {rebuilt.feeds} feeds, {rebuilt.captures} captures, {rebuilt.sketches} sketches, "
        f"{rebuilt.lineages} lineages"
    )
    if rebuilt.put_aside:
        rows = "rows that cannot be counted" if rebuilt.undelivered is None else f"{rebuilt.undelivered} rows"
        out.print(f"the old one is {rebuilt.put_aside}; its outbox holds {rows}", soft_wrap=True)
    out.print("not in the warehouse: passwords in feeds' addresses, and feeds added by command; add them again")
