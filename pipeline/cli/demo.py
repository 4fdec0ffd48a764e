"""`wirebeam demo`: a day and a half of news through the whole pipeline, told from the warehouse's own tables."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.rows import write
from pipeline.cli.terminal import USAGE, console, fail
from pipeline.formats import RowsFormat

if TYPE_CHECKING:
    import duckdb

    from pipeline.newsroom import Newsroom
    from pipeline.newsroom.play import Step

# What a step brought: every version of the story and of its copies, and of other articles those that are no mere news.
_TOLD = """
    WITH told AS (
        SELECT *, lag(url) OVER (PARTITION BY article_id ORDER BY number) AS url_before FROM history
    )
    SELECT told.url, told.url_before, told.change, told.change_note, told.title, told.word_count,
           CASE WHEN told.number = 1 THEN copies.kind END AS copy_kind, copies.similarity, copies.containment
    FROM told LEFT JOIN copies USING (article_id)
    WHERE told.seen_at >= $since
      AND (told.article_id = $story OR copies.original_id = $story OR told.url <> told.url_before
           OR told.change IN ('correction', 'kill', 'restored'))
    ORDER BY told.article_id <> $story, told.number > 1, told.change <> 'kill', told.url
"""

# Pages that were there once and were not when they were looked at in this step.
_MISSED = """
    SELECT latest.url, latest.title, outcomes.http_status, latest.availability = 'gone' AS is_gone
    FROM latest JOIN outcomes USING (url)
    WHERE outcomes.outcome = 'failed' AND outcomes.reason IN ('not_found', 'gone') AND outcomes.decided_at >= $since
    ORDER BY latest.url
"""

_EXPOSURE = "SELECT url FROM kill_exposure ORDER BY url"

_SUMS = """
    SELECT count(*) FILTER (origin = 'feed') AS entries,
           count(*) FILTER (outcome = 'published') AS articles,
           count(*) FILTER (outcome = 'revised') AS revisions,
           count(*) FILTER (origin <> 'feed') AS second_looks,
           count(*) FILTER (outcome = 'unchanged') AS unchanged
    FROM outcomes WHERE is_terminal
"""

_PEOPLE = """
    SELECT entity.name, count(*) AS articles, sum(len(entity.mentions))::INTEGER AS mentions
    FROM latest, unnest(entities) AS _(entity) WHERE entity.type = 'PERSON'
    GROUP BY ALL ORDER BY articles DESC, mentions DESC, entity.name LIMIT 5
"""


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Keep state and warehouse in this new directory, to look around in afterwards.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many of its rounds; after 7, something is killed.")
    ] = None,
) -> None:
    """Run the pipeline over a small news world on this machine: one story from its flash to its kill and after."""
    from pipeline.newsroom import Newsroom

    if data and data.is_dir() and any(data.iterdir()):
        fail(f"{data}: not empty; the demo wants a directory of its own", USAGE)
    with (
        tempfile.TemporaryDirectory(prefix="wirebeam-demo-") as temporary,
        Newsroom(slow_s=0.5) as newsroom,
        _warnings_only(),
    ):
        teller = _Teller(newsroom, data or Path(temporary))
        teller.tell(rounds)
    if data:
        out = console()
        out.print(f"\nLook around, with --data {data}:", soft_wrap=True)
        out.print(f"  wirebeam diff {teller.story_url}", soft_wrap=True)
        out.print('  wirebeam sql "select * from withdrawn"')


@contextlib.contextmanager
def _warnings_only() -> Iterator[None]:
    """What the run does is told here, and needs no log."""
    logger = logging.getLogger("pipeline")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Teller:
    """Plays the newsroom and says what each step brought."""

    def __init__(self, newsroom: "Newsroom", folder: Path) -> None:
        from pipeline.newsroom import story_url

        self.story_url = story_url(newsroom)
        self._newsroom = newsroom
        self._folder = folder
        self._exposed: list[str] = []

    def tell(self, rounds: int | None) -> None:
        """The story, so many rounds of it, and what it was made of."""
        from pipeline.data_directory import RunnerLock
        from pipeline.newsroom.play import STEPS, play

        out = console()
        out.print(f"[bold]A story[/bold], as {len(self._newsroom.feeds)} feeds on loopback tell it\n")
        lock = RunnerLock(self._folder)
        play(self._newsroom, self._folder, self._tell_step, STEPS[:rounds])
        lock.release()
        with self._tables() as tables:
            entries, articles, revisions, looks, unchanged = tables.execute(_SUMS).fetchall()[0]
            out.print(
                f"\nThe feeds brought {entries} entries, new or changed, and pages were looked at again {looks} times: "
                f"{articles} articles, {revisions} new versions of them, {unchanged} times nothing new.",
            )
            out.print("\n[bold]Most named people[/bold]")
            answer = tables.execute(_PEOPLE)
            write([column[0] for column in answer.description or ()], answer.fetchall(), RowsFormat.TABLE)

    def _tables(self) -> "duckdb.DuckDBPyConnection":
        from pipeline import warehouse
        from pipeline.data_directory import warehouse_of

        return warehouse.connect(warehouse_of(self._folder))

    def _tell_step(self, step: "Step") -> None:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for width in (9, 10, 14):
            grid.add_column(width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        when = f"{step.at:%a %H:%M}"
        for what, url, words in self._news(step):
            grid.add_row(when, what, _outlet(url) if url else "", words)
            when = ""
        if when:
            grid.add_row(when, "", "", "[dim]nothing new[/dim]")
        console().print(grid)

    def _news(self, step: "Step") -> Iterator[tuple[str, str, str]]:
        """What happened, to the article at which address, and in which words."""
        with self._tables() as tables:
            found = tables.execute("SELECT article_id FROM history WHERE url = ? LIMIT 1", [self.story_url]).fetchone()
            asked = {"since": step.at, "story": found[0] if found else ""}
            versions = [_Told(*row) for row in tables.execute(_TOLD, asked).fetchall()]
            missed = tables.execute(_MISSED, {"since": step.at}).fetchall()
            exposed = [url for (url,) in tables.execute(_EXPOSURE).fetchall()]
        for told in versions:
            yield from _version(told)
        for url, title, status, is_gone in missed:
            look = " again: it is gone, not killed" if is_gone else "; a second look will tell"
            yield "gone" if is_gone else "missing", url, f"{escape(title)}  [dim](answers {status}{look})[/dim]"
        if exposed and exposed != self._exposed:
            outlets = ", ".join(_outlet(url) for url in exposed)
            yield "[red]still up[/red]", "", f"[red]{len(exposed)} copies of what was killed:[/red] {outlets}"
        self._exposed = exposed


class _Told(NamedTuple):
    """A row of `_TOLD`."""

    url: str
    url_before: str | None
    change: str
    change_note: str | None
    title: str
    word_count: int
    copy_kind: str | None  # of an article's first version
    similarity: float | None
    containment: float | None


def _version(told: _Told) -> Iterator[tuple[str, str, str]]:
    title = escape(told.title)
    has_moved = told.url_before not in {None, told.url}
    if told.copy_kind == "excerpt":
        yield "excerpt", told.url, f"{title}  [dim]({told.containment:.0%} of it is the agency's text)[/dim]"
    elif told.copy_kind == "syndicated":
        yield "copy", told.url, f"{title}  [dim](similarity {told.similarity:.2f})[/dim]"
    else:
        what = "flash" if told.change == "new" else "moved" if has_moved else told.change
        yield _STYLES.get(what, "{}").format(what), told.url, f"{title}  [dim]({told.word_count} words)[/dim]"
    if told.change_note:
        yield "", "", f"[italic]{escape(told.change_note)}[/italic]"
    if has_moved:
        yield "", "", f"[dim]the article that stood at {escape(urlsplit(told.url_before or '').path)}[/dim]"


_STYLES = {"kill": "[bold red]{}[/bold red]", "correction": "[yellow]{}[/yellow]", "restored": "[green]{}[/green]"}


def _outlet(url: str) -> str:
    return (urlsplit(url).hostname or "").removesuffix(".localhost")
