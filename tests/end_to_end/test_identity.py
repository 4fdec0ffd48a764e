"""One article has one id over runs: its slug changes, its AMP page is fed first, its guid and its scheme are others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.ledger import Ledger
from pipeline.newsroom.loopback import Answer, Asked, LoopbackServer, text
from pipeline.why import why
from tests.end_to_end.conftest import Run
from transforms.outcomes import utc_now

PUBLISHED = "2026-03-01T08:15:27Z"
PARAGRAPHS = (
    "The council voted on Monday evening to close the old harbour to all freight, after a debate of four hours.",
    "Fishing boats may stay, the mayor said, as long as the eastern pier can be kept safe without new public money.",
    "Shipping companies had asked for ten more years and threatened to take their business further down the coast.",
)


@dataclass
class Site:
    """An outlet whose feed and pages a test sets."""

    origin: str = ""
    entries: list[tuple[str, str, str]] = field(default_factory=list)  # path, guid, title
    pages: dict[str, Answer] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answer:
        if asked.target == "/feed":
            items = "".join(
                f"<item><title>{escape(title)}</title><link>{self.origin}{path}</link>"
                f"<description>{escape(title)}, and what came of it.</description>"
                f'<guid isPermaLink="false">{guid}</guid></item>'
                for path, guid, title in self.entries
            )
            rss = f'<rss version="2.0"><channel><title>The Paper</title>{items}</channel></rss>'
            return Answer(content_type="application/rss+xml", body=rss.encode())
        return self.pages.get(asked.target, text(404, "not here"))

    def show(self, path: str, title: str, *more: str, canonical: str = "") -> None:
        head = f'<meta property="article:published_time" content="{PUBLISHED}">'
        head += f'<link rel="canonical" href="{self.origin}{canonical}">' if canonical else ""
        body = "".join(f"<p>{paragraph}</p>" for paragraph in (*PARAGRAPHS, *more))
        self.pages[path] = Answer(
            body=f"<html lang='en'><head><title>{title}</title>{head}</head>"
            f"<body><article><h1>{title}</h1>{body}</article></body></html>".encode()
        )

    def move(self, path: str, to: str) -> None:
        self.pages[path] = Answer(status=301, headers={"Location": to})


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    server = LoopbackServer(served.answer, "127.0.0.1", 0)
    server.start()
    served.origin = server.origin("paper")
    yield served
    server.stop()


def captures(folder: Path) -> dict[str, set[str]]:
    """The article ids behind each address that answered."""
    found: dict[str, set[str]] = {}
    with warehouse.connect(warehouse_of(folder)) as connection:
        for url, article_id in connection.execute("SELECT url, article_id FROM articles").fetchall():
            found.setdefault(url.partition(".localhost")[2].partition("/")[2], set()).add(article_id)
    return found


def test_an_article_keeps_its_id_when_its_slug_changes(site: Site, run: Run, tmp_path: Path) -> None:
    site.entries = [("/news/council-votes", "tag:1", "Council votes to close the harbour")]
    site.show("/news/council-votes", "Council votes to close the harbour")
    run(tmp_path, [f"{site.origin}/feed"])
    site.entries = [("/news/harbour-to-close", "tag:2", "Harbour to close, council decides")]
    site.entries.append(("/news/council-votes", "tag:3", "Council votes to close the harbour today"))
    site.show("/news/harbour-to-close", "Harbour to close, council decides", "An appeal is expected by the weekend.")
    site.move("/news/council-votes", "/news/harbour-to-close")
    run(tmp_path, [f"{site.origin}/feed"])
    found = captures(tmp_path)
    assert len(found["news/council-votes"] | found["news/harbour-to-close"]) == 1
    (article_id,) = found["news/council-votes"]
    with Ledger(tmp_path) as ledger:
        answer = why(ledger, f"{site.origin}/news/harbour-to-close?utm_source=x", utc_now())
    assert answer.story
    assert answer.story.item.id == article_id
    told = [step.words for step in answer.story.steps if step.kind == "names"]
    assert told == [f"known as {site.origin}/news/council-votes, {site.origin}/news/harbour-to-close"]


def test_variants_of_a_page_are_one_article(site: Site, run: Run, tmp_path: Path) -> None:
    title = "Council votes to close the harbour"
    site.entries = [("/a/98765", "tag:1", title)]
    site.show("/a/98765", title, canonical="/2026/council-votes-to-close-harbour")
    run(tmp_path, [f"{site.origin}/feed"])
    site.entries = [
        ("/2026/council-votes-to-close-harbour/amp?utm_source=feed", "tag:2", title),
        ("/2026/council-votes-to-close-harbour", "tag:3", title),
    ]
    for path, _, _ in site.entries:
        site.show(path, title, "An appeal is expected by the weekend.")
    run(tmp_path, [f"{site.origin}/feed"])
    found = captures(tmp_path)
    assert len(found) > 1
    assert len(set().union(*found.values())) == 1


def test_a_front_page_is_nobodys_article(site: Site, run: Run, tmp_path: Path) -> None:
    site.entries = [
        ("/news/council-votes-to-close-harbour", "tag:1", "Council votes to close the harbour"),
        ("/news/minister-resigns-after-report", "tag:2", "Minister resigns after report"),
    ]
    for path, _, _ in site.entries:
        site.move(path, "/news/")
    site.show("/news/", "The newest from the coast")
    run(tmp_path, [f"{site.origin}/feed"])
    found = captures(tmp_path)
    assert sorted(found) == ["news/council-votes-to-close-harbour", "news/minister-resigns-after-report"]
    assert len(set().union(*found.values())) == 2
