"""A run from a configuration file: several sinks, each with its own rules, and the command line has the last word."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app
from pipeline.newsroom import Newsroom
from schemas.tables import TABLES

COMMON = """
allow_net = ["127.0.0.0/8"]
host_delay = 0
data = "data"
"""


def call(*arguments: object, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    lines = [line for file in (folder / table).glob("day=*/*.jsonl") for line in file.read_bytes().splitlines()]
    found: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]
    return found


def by_key(folder: Path, table: str) -> dict[tuple[object, ...], dict[str, Any]]:
    return {tuple(row[column] for column in TABLES[table].key): row for row in rows(folder, table)}


def test_two_sinks_one_of_them_with_rules(newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    feeds = ", ".join(f"'{url}'" for url in newsroom.feeds)
    (tmp_path / "wirebeam.toml").write_text(f"""{COMMON}
feeds = [{feeds}]

[[sink]]
uri = "jsonl:everything"

[[sink]]
uri = "jsonl:${{PLACE}}"
tables = ["articles", "revisions", "outcomes"]
languages = ["de"]
bodies = "none"
leave_out.articles = ["summary", "entities"]
""")
    done = call("run", "--once", PLACE="german")
    assert done.exit_code == 0, done.output
    whole, german = tmp_path / "everything", tmp_path / "german"
    assert {path.name for path in german.iterdir()} & TABLES.keys() == {"articles", "outcomes", "revisions"}

    every, taken = by_key(whole, "articles"), by_key(german, "articles")
    assert taken.keys() == {key for key, row in every.items() if row["language"] == "de"} != set()
    assert len(taken) < len(every)
    for key, row in taken.items():
        nothing: dict[str, Any] = {"body": "", "summary": None, "entities": []}
        assert row == {**every[key], **nothing, "ingested_at": row["ingested_at"], "batch_id": row["batch_id"]}
    others = {row["article_id"] for row in every.values() if row["language"] != "de"}
    for table in ("revisions", "outcomes"):
        all_rows = by_key(whole, table)
        kept = {key for key, row in all_rows.items() if row["article_id"] not in others}
        assert by_key(german, table).keys() == kept
        assert kept < all_rows.keys()


def test_the_command_line_wins(newsroom: Newsroom, tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text(f"{COMMON}\nfeeds = ['missing.opml']\ninitial = 'newest:1'\n[[sink]]\nuri = 'jsonl:nowhere'\n")
    data, sink = tmp_path / "data", tmp_path / "out"
    shared = ["run", newsroom.feeds[0], "--once", "--config", config, "--data", data, "--sink", f"jsonl:{sink}"]
    done = call(*shared)
    assert done.exit_code == 0, done.output
    assert len(rows(sink, "articles")) == 1  # the file's word, since nothing else was said
    done = call(*shared, "--initial", "all", "--data", tmp_path / "again", "--sink", f"jsonl:{tmp_path / 'more'}")
    assert done.exit_code == 0, done.output
    assert len(rows(tmp_path / "more", "articles")) > 1
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("command", "text", "words"),
    [
        ("run", "sinks = 1", "wirebeam.toml:1: unknown key 'sinks'"),
        ("run", "feeds = ['missing.opml']", "missing.opml"),
        ("run", "[[sink]]\nuri = 'nowhere://u:${SECRET}@host/'", "nowhere://host/: not a sink"),
        ("run", "[[sink]]\nuri = 'jsonl:a'\n[[sink]]\nuri = 'jsonl:a'", "a sink is named twice: jsonl:"),
        ("poll", "", "--to is needed"),
        ("poll", "[[sink]]\nuri = 'iceberg:a'", "a warehouse takes no entries"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(
    command: str, text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wirebeam.toml").write_text(text)
    feeds = [] if "missing" in text else ["http://127.0.0.1:9/feed"]
    done = call(command, *feeds, "--for", "0s", SECRET="hush")
    assert done.exit_code in {1, 2}, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert "hush" not in done.output
