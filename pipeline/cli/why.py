"""`wirebeam why`: the story of one item."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail
from pipeline.formats import TextFormat

if TYPE_CHECKING:
    from pipeline.why import Answer, Match, Step


def why(
    query: Annotated[
        list[str],
        typer.Argument(metavar="URL|GUID|ID|TITLE-WORDS", help="An address, a guid, an id, or words of the title."),
    ],
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[TextFormat, typer.Option("--format", help="For a person, or for a script.")] = TextFormat.TEXT,
) -> None:
    """Tell what became of an article, and why: where it was seen, each attempt, its rows, who has them.

    Exit status 1 if nothing is known of it.
    """
    from pipeline.ledger import Ledger, LedgerError
    from pipeline.why import why as ask
    from transforms.outcomes import utc_now

    try:
        with Ledger(data) as ledger:
            answer = ask(ledger, " ".join(query), utc_now())
    except LedgerError as error:
        fail(str(error), USAGE)
    if form is TextFormat.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")
    else:
        _print(answer)
    if answer.story is None:
        raise typer.Exit(FAULT)


def _print(answer: "Answer") -> None:
    from rich.markup import escape

    out = console()
    if answer.story is None:
        out.print(f"Nothing is known of {escape(answer.query)}", soft_wrap=True)
        for hint in answer.hints:
            out.print(f"  {escape(hint)}", soft_wrap=True)
        return
    item = answer.story.item
    out.print(f"[bold]{escape(item.title or '(without a title)')}[/bold]", soft_wrap=True)
    out.print(f"{escape(item.url)}\n{escape(item.status)}\n", soft_wrap=True)
    out.print(_table(answer.story.steps))
    if answer.others:
        out.print(f"\n{len(answer.others)} more found by {answer.matched_by}; ask for one by its id:")
        for number, other in enumerate(answer.others, start=1):
            out.print(f"  {number}. {_short(other)}", soft_wrap=True)


def _table(steps: "tuple[Step, ...]") -> object:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for step in steps:
        at = f"{step.at:%Y-%m-%d %H:%M:%S}" if step.at else ""
        table.add_row(at, step.kind.replace("_", " "), escape(step.words))
    return table


def _short(match: "Match") -> str:
    from rich.markup import escape

    at = f"{match.newest_at:%Y-%m-%d %H:%M}" if match.newest_at else ""
    return escape(f"{match.id[:12]}  {at}  {match.title or match.url}  ({match.status})")
