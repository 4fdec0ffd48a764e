"""`wirebeam replay`: dead letters back into the graph."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail
from pipeline.formats import TextFormat
from schemas.enums import Reason, Stage

if TYPE_CHECKING:
    from pipeline.replay import Replayed

NAMED_LIMIT = 20  # letters that are named one by one


def replay(
    stage: Annotated[Stage | None, typer.Option(help="Only what this stage put aside.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Only what was put aside for this reason.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was put aside since then: 2026-03-01T12:00, 2h, 3d.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[TextFormat, typer.Option("--format", help="For a person, or for a script.")] = TextFormat.TEXT,
) -> None:
    """Put dead letters back into the graph; the run, live or the next one, takes them up."""
    from pipeline.durations import read_since
    from pipeline.ledger import LedgerError
    from pipeline.replay import replay as put_back
    from pipeline.state import StateError
    from transforms.outcomes import utc_now

    now = utc_now()
    try:
        moment = read_since(since, now) if since else None
        done = put_back(data, now, stage=stage, reason=reason, since=moment, is_dry=dry_run)
    except ValueError as error:
        fail(f"--since: {error}", USAGE)
    except LedgerError as error:
        fail(str(error), USAGE)
    except StateError as error:
        fail(str(error), FAULT)
    if form is TextFormat.JSON:
        names = ("entry_id", "attempt", "url", "title")
        answer = {
            "is_dry": dry_run,
            "entries": [{name: getattr(entry, name) for name in names} for entry in done.entries],
            "left": done.left,
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")
    else:
        _print(done, is_dry=dry_run)


def _print(done: "Replayed", *, is_dry: bool) -> None:
    from collections import Counter

    from rich.markup import escape

    out = console()
    out.print(f"{len(done.entries)} entries {'would be replayed' if is_dry else 'are due now'}")
    for entry in done.entries[:NAMED_LIMIT]:
        words = f"  {entry.entry_id[:12]}  attempt {entry.attempt}  {entry.title or '(no title)'}  {entry.url}"
        out.print(escape(words), soft_wrap=True)
    if len(done.entries) > NAMED_LIMIT:
        out.print(f"  and {len(done.entries) - NAMED_LIMIT} more")
    for why, number in Counter(left.why for left in done.left).most_common():
        out.print(f"{number} left where they are: {escape(why)}", soft_wrap=True)
        named = [left for left in done.left if left.why == why][:NAMED_LIMIT]
        for left in named:
            out.print(f"  {left.letter_id[:12]}  {left.stage}  {left.reason}")
