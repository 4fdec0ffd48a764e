"""`wirebeam demo`, as it is seen: what is told, in which order, and what can be done afterwards."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app

TOLD = (
    "Mon 08:00 flash meridian",
    "Mon 11:00 update meridian",
    "copy coastgazette",
    "Mon 14:00 correction meridian",
    "Correction: An earlier version of this article said",
    "Mon 17:00 update meridian",
    "moved capitaldaily Ghana raises price for cocoa farmers again",
    "the article that stood at /a/",
    "correction morgenkurier",
    "Korrektur: In einer früheren Fassung",
    "missing harrowpost Petrol falls",
    "Mon 20:00 update meridian",
    "excerpt openfield",
    "copy tideline",
    "moved northernledger A rudder that stops answering",
    "the article that stood at /analysis/",
    "gone harrowpost Petrol falls",
    "Mon 23:00 kill meridian WITHDRAWN: Alarm on ferry off Patras",
    "still up 6 copies",
    "Tue 02:00 kill northernledger Article withdrawn",
    "still up 5 copies",
    "Tue 05:00 restored meridian Jammed rudder",
    "Tue 11:00 missing meridian Harmattan haze",
    "Tue 12:00 gone meridian Harmattan haze",
    "Most named people",
    "wirebeam diff http://meridian.localhost:",
)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The data directory of a demo, and what was printed, white space folded."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    done = call("demo", "--data", folder)
    assert done.exit_code == 0, done.output
    return folder, re.sub(r"\s+", " ", done.stdout)


def test_it_tells_the_story_in_order(played: tuple[Path, str]) -> None:
    _, words = played
    at = 0
    for piece in TOLD:
        found = words.find(piece, at)
        assert found >= 0, f"{piece!r} is not told after {words[max(0, at - 100) : at]!r}"
        at = found + len(piece)


def test_what_it_names_can_be_called(played: tuple[Path, str]) -> None:
    folder, words = played
    (url,) = re.findall(r"wirebeam diff (\S+)", words)
    assert "Correction: An earlier version" in call("diff", url, "--data", folder).stdout
    assert call("sql", "select * from withdrawn", "--data", folder).exit_code == 0


def test_fewer_rounds_without_keeping_anything() -> None:
    done = call("demo", "--rounds", 1)
    assert done.exit_code == 0, done.output
    assert "Mon 08:00  flash" in done.stdout
    assert "Mon 11:00" not in done.stdout
    assert "Look around" not in done.stdout


def test_it_wants_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = call("demo", "--data", tmp_path)
    assert done.exit_code == 2
    assert "not empty" in done.stderr
