"""`wirebeam newsroom`: the newsroom or a set of recordings in the foreground."""

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import typer

from pipeline.newsroom.recordings import Recordings
from pipeline.newsroom.site import Newsroom
from pipeline.newsroom.world import LAST_ROUND


def serve(
    *,
    port: int = 0,
    seed: int = 7,
    rounds: int = LAST_ROUND,
    pages: Sequence[Path] = (),
    feeds: Path | None = None,
    echo: Callable[[str], None] = typer.echo,
) -> None:
    """Serve until SIGINT or SIGTERM; say where the feeds are and how to read them.

    Args:
        port: the port, or 0 for a free one.
        seed: of the newsroom.
        rounds: of the newsroom; they advance as its feeds are polled, or by `POST /-/advance`.
        pages: files of recorded pages; with them or `feeds`, recordings are served instead of the newsroom.
        feeds: a folder of recorded feeds.
        echo: takes each line of what is said.

    Raises:
        OSError: the port cannot be listened on, or a file cannot be read.
        ValueError: a file does not hold pages, or `rounds` is out of range.
    """
    site: Newsroom | Recordings
    if pages or feeds:
        site = Recordings(pages, feeds, port=port)
    else:
        site = Newsroom(seed, rounds, port=port, advance_after_polls=True)
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with site:
            for feed in site.feeds:
                echo(feed)
            echo("")
            echo("Read them from another terminal:")
            echo(f"  curl -s http://127.0.0.1:{site.port}/feeds.txt > feeds.txt")
            echo("  wirebeam run feeds.txt --once --allow-net 127.0.0.0/8")
            stopped.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
