"""`wirebeam newsroom`: the loopback news site in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import USAGE, fail


def newsroom(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 0,
    pages: Annotated[
        list[Path] | None, typer.Option(help="Serve recorded pages: JSON Lines with id, url and html, plain or .gz.")
    ] = None,
    feeds: Annotated[
        Path | None, typer.Option(help="Serve recorded feeds: a folder with a manifest.jsonl and .gz files.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    rounds: Annotated[int | None, typer.Option(min=1, help="How far the news goes on; to its end if not told.")] = None,
) -> None:
    """Serve a small world of news outlets on loopback, or recorded pages and feeds, until Ctrl-C."""
    from pipeline.newsroom import LAST_ROUND, serve

    try:
        serve(port=port, pages=pages or (), feeds=feeds, seed=seed, rounds=LAST_ROUND if rounds is None else rounds)
    except (OSError, ValueError) as error:
        fail(str(error), USAGE)
