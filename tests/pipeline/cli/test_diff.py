"""`wirebeam diff`, as a person calls it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.diff import diff
from pipeline.state import State
from schemas import ids
from schemas.enums import Change, Origin, OutcomeKind, PubStatus, Stage
from schemas.records import Article, Entry, Revision
from transforms import outcomes
from transforms.write import Gathered

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
URL = "https://outlet.example/news/bridge"
BODIES = (
    "The bridge opened on Monday.\n\nTraffic was light.\n\nRain fell.",
    "The bridge opened on Tuesday.\n\nTraffic was light.\n\nRain fell.",
    "This story is withdrawn.\x1b[2J",
)
JUDGED: tuple[dict[str, Any], ...] = (
    {},
    {"change": Change.CORRECTION, "change_note": "It opened on Tuesday."},
    {"change": Change.KILL, "pub_status": PubStatus.CANCELED},
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with an article that was corrected and killed."""
    state = State(tmp_path)
    for number, (body, judgement) in enumerate(zip(BODIES, JUDGED, strict=True)):
        entry = Entry(
            entry_id=ids.hash_id("entry", str(number)),
            feed_id="f" * 32,
            entry_key="bridge",
            fingerprint="",
            change_no=number,
            origin=Origin.FEED,
            observed_at=NOON,
            url=URL,
        )
        article = Article(
            capture_id=ids.hash_id("capture", str(number)),
            article_id=ids.hash_id("article"),
            content_hash=body,
            observed_at=NOON + dt.timedelta(minutes=number),
            url=URL,
            canonical_url=URL,
            title="The bridge",
            body=body,
        )
        revision = Revision(
            capture_id=article.capture_id,
            judged_seq=0,
            article_id=article.article_id,
            observed_at=article.observed_at,
        )
        outcome = outcomes.of_entry(entry, Stage.WRITE, OutcomeKind.PUBLISHED, article.observed_at)
        gathered = Gathered()
        gathered.add(article)
        gathered.add(replace(revision, **judgement))
        gathered.add(replace(outcome, article_id=article.article_id, capture_id=article.capture_id))
        state.commit([entry], gathered, NOON)
    state.close()
    return tmp_path


def call(data: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(diff)
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def test_each_capture_is_told_against_the_one_before(data: Path) -> None:
    done = call(data, URL)
    assert done.exit_code == 0, done.output
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        "The bridge",
        URL,
        "3 captures",
        "",
        "1 → 2  2026-03-01 12:01:00 UTC  correction",
        "  “It opened on Tuesday.”",
        "- The bridge opened on [-Monday.-]",
        "+ The bridge opened on {+Tuesday.+}",
        "  … 2 paragraphs as before",
        "",
        "2 → 3  2026-03-01 12:02:00 UTC  kill, canceled",
        "- The bridge opened on Tuesday.",
        "- Traffic was light.",
        "- Rain fell.",
        "+ This story is withdrawn. [2J",
    ]


@pytest.mark.parametrize("query", ["http://outlet.example/news/bridge/?utm_source=x#top", ids.hash_id("article")[:8]])
def test_two_captures_are_told_against_each_other(query: str, data: Path) -> None:
    done = call(data, query, "1", "2026-03-01T12:01:30")
    assert done.exit_code == 0, done.output
    assert "1 → 2" in done.stdout
    assert "kill" not in done.stdout
    assert "1 → 3" in call(data, query, ids.hash_id("capture", "0")).stdout


def test_a_script_gets_it_all_as_json(data: Path) -> None:
    answer = msgspec.json.decode(call(data, URL, "--format", "json").stdout)
    assert answer["article_id"] == ids.hash_id("article")
    assert [one["change"] for one in answer["captures"]] == ["new", "correction", "kill"]
    assert [one["kind"] for one in answer["differences"][0]["body"]] == ["changed", "same", "same"]


def test_what_cannot_be_told_is_said_in_one_line(data: Path) -> None:
    assert call(data, "https://outlet.example/unknown").exit_code == 1
    done = call(data, URL, "7")
    assert done.exit_code == 2
    assert "7: the article has 3 captures" in done.stderr
    assert call(data / "nowhere", URL).exit_code == 2
