"""`wirebeam demo`: one story, from flash to correction, through the whole pipeline."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.padding import Padding

from pipeline.cli.run_feeds import print_report
from pipeline.cli.sql import Format, write
from pipeline.cli.terminal import console

if TYPE_CHECKING:
    from pipeline.live import RunReport
    from pipeline.newsroom import Newsroom

_SAMPLES = {
    "Latest headlines": """
        SELECT strftime(published_at, '%d %b %H:%M') AS published, language, title
        FROM latest ORDER BY published_at DESC LIMIT 8""",
    "Who copied whom": """
        SELECT split_part(copy.url, '/', 3) AS copied_by, copy.title, split_part(original.url, '/', 3) AS original_by,
               round(links.similarity, 2) AS similarity
        FROM latest AS copy JOIN latest AS original ON original.article_id = copy.copy_of
        JOIN links ON links.copy_id = copy.article_id AND links.original_id = copy.copy_of
        QUALIFY row_number() OVER (PARTITION BY copy.article_id ORDER BY links.judged_seq DESC) = 1
        ORDER BY copied_by""",
    "Most named people": """
        SELECT entity.name, count(*) AS articles, sum(len(entity.mentions))::INTEGER AS mentions
        FROM latest, unnest(entities) AS _(entity) WHERE entity.type = 'PERSON'
        GROUP BY ALL ORDER BY articles DESC, mentions DESC, entity.name LIMIT 8""",
}

# What one round brought of the story: the captures of its original, and those of its copies.
_ROUND = """
    SELECT articles.url, articles.title, articles.body, before.body AS body_before, revisions.change,
           links.similarity
    FROM articles JOIN revisions USING (capture_id)
    LEFT JOIN articles AS before ON before.capture_id = revisions.predecessor_id
    LEFT JOIN links ON links.copy_id = articles.article_id AND links.original_id = $original
    WHERE (articles.article_id = $original OR links.copy_id IS NOT NULL)
      AND NOT list_contains($seen, articles.capture_id)
    QUALIFY row_number() OVER (PARTITION BY articles.capture_id ORDER BY links.judged_seq DESC) = 1
    ORDER BY links.copy_id IS NOT NULL, articles.url
"""


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Keep state and warehouse here, to look around in afterwards.")
    ] = None,
) -> None:
    """Run the pipeline over a small news world on this machine, three rounds of it."""
    from pipeline.newsroom import Newsroom

    with tempfile.TemporaryDirectory(prefix="wirebeam-demo-") as temporary:
        folder = data or Path(temporary)
        with Newsroom(slow_s=1.0) as newsroom:
            _play(newsroom, folder)
        if data:
            hint = 'Look around: wirebeam sql "select title from latest" --data'
            console().print(f"\n{hint} {data}", soft_wrap=True)


def _play(newsroom: "Newsroom", folder: Path) -> None:
    from pipeline import warehouse
    from pipeline.data_directory import RunnerLock, warehouse_of
    from pipeline.feedlist import read_feeds
    from pipeline.live import Settings, run_once
    from pipeline.sinks import open_sink
    from transforms.outcomes import utc_now
    from transforms.web.messages import HttpConfig

    out = console()
    out.print(f"[bold]The story[/bold], as {len(newsroom.feeds)} feeds on loopback tell it\n")
    http = HttpConfig(allow_net=("127.0.0.0/8",), host_delay_s=0.0)
    feeds = [(setting.feed, setting.request_url) for setting in read_feeds(newsroom.feeds, valid_from=utc_now()).feeds]
    lock = RunnerLock(folder)
    reports: list[RunReport] = []
    seen: list[str] = []
    for number in (1, 2, 3):
        if number > 1:
            newsroom.advance()
        sink = open_sink(f"iceberg:{warehouse_of(folder)}")
        reports.append(run_once(folder, feeds, [sink], Settings(http)))
        with warehouse.connect(warehouse_of(folder)) as connection:
            story = connection.execute(_ROUND, {"original": _story_id(newsroom, connection), "seen": seen}).fetchall()
            seen = [row[0] for row in connection.execute("SELECT capture_id FROM articles").fetchall()]
        _tell(number, story)
    lock.release()

    out.print()
    print_report(_summed(reports))
    out.print(f"rows are in {sink.uri}", soft_wrap=True)
    for title, query in _SAMPLES.items():
        out.print(f"\n[bold]{title}[/bold]")
        with warehouse.connect(warehouse_of(folder)) as connection:
            answer = connection.execute(query)
            write([column[0] for column in answer.description or ()], answer.fetchall(), Format.TABLE)


def _story_id(newsroom: "Newsroom", connection: Any) -> str:
    """The article that is copied most before all is told: it is the story."""
    from pipeline.newsroom import story_url

    row = connection.execute("SELECT article_id FROM articles WHERE url = ?", [story_url(newsroom)]).fetchone()
    return str(row[0]) if row else ""


def _tell(number: int, story: Sequence[tuple[Any, ...]]) -> None:
    out = console()
    out.print(f"Round {number}")
    for url, title, body, body_before, change, similarity in story:
        outlet = urlsplit(url).hostname.removesuffix(".localhost")
        if similarity is not None:
            out.print(f"  {'copy':<10} {outlet:<15} {escape(title)}  [dim](similarity {similarity:.2f})[/dim]")
            continue
        words = "flash" if change == "new" else change
        out.print(f"  {words:<10} {outlet:<15} {escape(title)}  [dim]({len(body.split())} words)[/dim]")
        for paragraph in _notices(body, body_before):
            out.print(Padding(f"[italic]{escape(paragraph)}[/italic]", (0, 0, 0, 29)))


def _notices(body: str, before: str | None) -> list[str]:
    """The paragraphs that an update put in to say what was wrong before."""
    if before is None:
        return []
    known = set(before.split("\n\n"))
    return [paragraph for paragraph in body.split("\n\n") if paragraph not in known and "orrection" in paragraph]


def _summed(reports: "Sequence[RunReport]") -> "RunReport":
    """The three rounds as one."""
    total = reports[-1]
    for feed_id, count in total.feeds.items():
        parts = [report.feeds[feed_id] for report in reports]
        count.new = sum(part.new for part in parts)
        count.copies = sum(part.copies for part in parts)
        count.from_feed = sum(part.from_feed for part in parts)
        count.outcomes = sum((part.outcomes for part in parts), Counter())
    return total
