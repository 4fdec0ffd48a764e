"""The page on the tables holds the dictionary of their columns as the records have it."""

import os

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.formats import Dialect
from pipeline.views import views
from schemas.tables import TABLES
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "tables.md"
START = "<!-- generated: wirebeam schema --format markdown -->\n"
END = "<!-- end of what is generated -->\n"


def test_the_dictionary_is_what_the_command_prints() -> None:
    made = CliRunner().invoke(app, ["schema", "--format", "markdown"]).stdout
    before, rest = PAGE.read_text().split(START)
    dictionary, after = rest.split(END)
    if os.environ.get("WIREBEAM_UPDATE_GOLDEN"):
        PAGE.write_text(f"{before}{START}\n{made}\n{END}{after}")
        return
    assert dictionary.strip() == made.strip(), "run this test with WIREBEAM_UPDATE_GOLDEN=1"


@pytest.mark.parametrize("name", [*TABLES, *views(Dialect.DUCKDB)])
def test_every_table_and_view_is_told_by_hand_too(name: str) -> None:
    before, _ = PAGE.read_text().split(START)
    assert f"\n| {name} | " in before
