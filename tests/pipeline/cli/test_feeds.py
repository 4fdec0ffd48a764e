"""why, feeds and replay as a person or a script calls them: what they print, and how they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline import feed_store
from pipeline.cli.feeds import feeds_app
from pipeline.cli.replay import replay
from pipeline.cli.why import why
from pipeline.newsroom import Newsroom
from pipeline.state import State
from schemas import ids
from schemas.enums import Origin, Stage
from schemas.ids import EPOCH
from schemas.records import Entry
from transforms import outcomes
from transforms.write import Gathered

APP = typer.Typer()
APP.add_typer(feeds_app)
APP.command("why")(why)
APP.command("replay")(replay)

SECRET = "https://user:hush@outlet.example/rss"
SHOWN = "https://outlet.example/rss"


def call(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in (*arguments, "--data", folder)])


@pytest.fixture
def dead(tmp_path: Path) -> Entry:
    """An entry of which a dead letter is left."""
    one = Entry(
        entry_id=ids.hash_id("e"),
        feed_id=None,
        entry_key="e",
        fingerprint="",
        change_no=0,
        origin=Origin.FEED,
        observed_at=EPOCH,
        url="https://outlet.example/[1]",
        title="A [bold] title",
    )
    state = State(tmp_path)
    gathered = Gathered()
    for record in outcomes.bug(one, Stage.FETCH, ValueError("nonsense"), EPOCH):
        gathered.add(record)
    state.commit([one], gathered, EPOCH)
    state.close()
    return one


def test_why_tells_a_person_and_a_script(dead: Entry, tmp_path: Path) -> None:
    done = call(tmp_path, "why", "bold", "title")
    assert done.exit_code == 0, done.output
    for words in ("A [bold] title", dead.url, "attempt 1, fetch: put aside as a dead letter", "nonsense"):
        assert words in done.stdout
    answer = json.loads(call(tmp_path, "why", dead.url, "--format", "json").stdout)
    assert answer["story"]["item"]["id"] == dead.entry_id
    assert [step["kind"] for step in answer["story"]["steps"]] == ["seen", "attempt", "dead_letter", "delivered"]


def test_why_without_an_answer_ends_with_1_and_without_data_with_2(dead: Entry, tmp_path: Path) -> None:
    done = call(tmp_path, "why", "https://elsewhere.example/a")
    assert done.exit_code == 1
    assert "Nothing is known of https://elsewhere.example/a" in done.stdout
    assert "no feed of elsewhere.example was ever polled" in done.stdout
    done = call(tmp_path / "nowhere", "why", "a")
    assert done.exit_code == 2
    assert "no run has left anything" in done.stderr


def test_replay_says_what_it_does(dead: Entry, tmp_path: Path) -> None:
    done = call(tmp_path, "replay", "--dry-run")
    assert "1 entries would be replayed" in done.stdout
    assert dead.title in done.stdout
    assert "0 entries" in call(tmp_path, "replay", "--stage", "tag").stdout
    answer = json.loads(call(tmp_path, "replay", "--format", "json").stdout)
    assert answer == {
        "is_dry": False,
        "entries": [{"entry_id": dead.entry_id, "attempt": 2, "url": dead.url, "title": dead.title}],
        "left": [],
    }
    done = call(tmp_path, "replay")
    assert "1 left where they are: its entry waits for its next attempt already" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "--since", "soon"], "--since: 'soon' is no time"),
        (["feeds", "add", "ftp://outlet.example/"], "no address of a feed"),
        (["feeds", "add", SHOWN, "--timezone", "Mars"], "timezone"),
        (["feeds", "import", "missing.opml"], "missing.opml"),
        (["feeds", "remove", SECRET], f"{SHOWN}: not one feed of the list"),
        (["feeds", "check", SHOWN, "--allow-net", "nonsense"], "--allow-net"),
    ],
)
def test_bad_usage_ends_with_2_and_says_why(arguments: list[str], words: str, dead: Entry, tmp_path: Path) -> None:
    done = call(tmp_path, *arguments)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert "hush" not in done.output


def test_feeds_are_added_listed_exported_and_removed_without_their_secrets(tmp_path: Path) -> None:
    printed = [call(tmp_path, "feeds", "add", SECRET, "--outlet", "The [Outlet]", "--country", "eg").output]
    assert printed[0] == f"added: {SHOWN}\n"
    printed.append(call(tmp_path, "feeds", "add", SECRET, "--outlet", "The [Outlet]", "--country", "eg").output)
    assert printed[1] == f"there already: {SHOWN}\n"
    printed.append(call(tmp_path, "feeds", "list").output)
    assert "The [Outlet]" in printed[2]
    assert "not polled yet" in printed[2]
    (row,) = json.loads(call(tmp_path, "feeds", "list", "--format", "json").stdout)
    assert (row["url"], row["is_added"], row["due_at"]) == (SHOWN, True, None)

    exported = call(tmp_path, "feeds", "export", "--format", "toml")
    assert "credentials of 1 feeds are left out" in exported.stderr
    printed += [exported.output, call(tmp_path, "feeds", "export").output]
    assert all("hush" not in output for output in printed)
    whole = call(tmp_path, "feeds", "export", "--format", "toml", "--with-credentials")
    assert whole.stderr == ""

    (tmp_path / "list.toml").write_text(whole.stdout + "[[feed]]\nurl = 'nonsense'\n")
    other = tmp_path / "other"
    done = call(other, "feeds", "import", tmp_path / "list.toml")
    assert done.exit_code == 0
    assert "no address of a feed: 'nonsense'" in done.stderr
    assert feed_store.stored_feeds(other, EPOCH) == feed_store.stored_feeds(tmp_path, EPOCH)

    assert call(tmp_path, "feeds", "remove", SECRET).output == f"removed {SHOWN}\n"
    assert "0 feeds" in call(tmp_path, "feeds", "list").output


@pytest.fixture(scope="module")
def newsroom() -> Iterator[Newsroom]:
    with Newsroom(slow_s=0.0) as served:
        yield served


def test_check_explains_a_poll_and_changes_nothing(newsroom: Newsroom, tmp_path: Path) -> None:
    done = call(tmp_path, "feeds", "check", newsroom.feeds[0], "--allow-net", "127.0.0.0/8")
    assert done.exit_code == 0, done.output
    for words in ("User-Agent: wirebeam", "rss20, 3 entries", "a run would take 3 new and 0 changed of 3 entries"):
        assert words in done.stdout
    assert not list(tmp_path.iterdir())
    done = call(tmp_path, "feeds", "check", newsroom.feeds[0], "--format", "json")
    assert done.exit_code == 1
    (verdict,) = json.loads(done.stdout)["verdicts"]
    assert "refused as not public" in verdict["words"]


def test_discover_lists_what_it_asked_for(newsroom: Newsroom, tmp_path: Path) -> None:
    home = newsroom.feeds[0].replace("feed.xml", "")
    arguments = ["feeds", "discover", home, "--allow-net", "127.0.0.0/8"]
    done = CliRunner().invoke(APP, arguments)
    assert done.exit_code == 0, done.output
    assert newsroom.feeds[0] in done.stdout
    found = json.loads(CliRunner().invoke(APP, [*arguments, "--format", "json"]).stdout)
    assert [one["url"] for one in found if one["is_feed"]] == [newsroom.feeds[0]]
