"""`wirebeam purge`: an article's text out of everything, for good."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail

if TYPE_CHECKING:
    from pipeline.purge import Plan, Purged


def purge(
    query: Annotated[str, typer.Argument(metavar="ID|URL", help="The article's id, or any of its addresses.")],
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    raw: Annotated[Path | None, typer.Option(help="A raw archive, if it is not where the runs here kept it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an article's text from state and sinks, and never take it in again. No run may be going on.

    Shows what would be done, and asks. What was judged and decided of the article stays, without text.
    """
    from pipeline.data_directory import DataDirectoryError
    from pipeline.ledger import LedgerError
    from pipeline.purge import PurgeError, plan
    from pipeline.purge import purge as purge_all
    from pipeline.sinks.base import SinkError
    from pipeline.state import StateError
    from transforms.outcomes import utc_now

    try:
        planned = plan(data, query, utc_now(), raw=raw)
    except LedgerError as error:
        fail(str(error), USAGE)
    except PurgeError as error:
        fail(str(error), FAULT)
    _print_plan(planned, data)
    if not yes and not typer.confirm("\nPurge it?"):
        raise typer.Exit(FAULT)
    try:
        done = purge_all(data, planned, utc_now())
    except DataDirectoryError as error:
        fail(f"{error}; stop it first: it may have the text in hand. Nothing was changed", FAULT)
    except (SinkError, StateError) as error:
        fail(str(error), FAULT)
    _print_done(done)


def _print_plan(planned: "Plan", data: Path) -> None:
    from rich.markup import escape

    out = console()
    erasure = planned.erasure
    out.print(f"[bold]{escape(planned.title or '(without a title)')}[/bold]", soft_wrap=True)
    out.print(f"{escape(planned.url)}\n{', '.join(sorted(erasure.article_ids)) or 'no article'}\n", soft_wrap=True)
    seen = f" ({planned.observed[0]:%Y-%m-%d} to {planned.observed[-1]:%Y-%m-%d})" if planned.observed else ""
    out.print(
        f"would be deleted: {len(planned.observed)} captures{seen}, and what {len(erasure.entry_ids)} entries hold of"
        f" it, from"
    )
    places = [str(data / "state.db"), *(f"iceberg:{each}" for each in planned.warehouses)]
    for place in [*places, *(str(each) for each in planned.folders), *(f"raw:{each}" for each in planned.archives)]:
        out.print(f"  {escape(place)}", soft_wrap=True)
    out.print("would stay, without text: its rows in revisions, links and outcomes")
    out.print(f"would never be taken in again: what bears one of {len(planned.keys)} ids and addresses")
    if planned.out_of_reach:
        out.print("[bold]out of reach, to be seen to by hand:[/bold]")
        for each in planned.out_of_reach:
            out.print(f"  {escape(each)}", soft_wrap=True)


def _print_done(done: "Purged") -> None:
    from rich.markup import escape

    out = console()
    out.print("\npurged")
    for place, erased in done.places.items():
        files = f", {erased.files} files deleted" if erased.files else ""
        rows = "pages deleted" if place.startswith("raw:") else "rows deleted or blanked"
        out.print(f"  {escape(place)}: {erased.rows} {rows}{files}", soft_wrap=True)
