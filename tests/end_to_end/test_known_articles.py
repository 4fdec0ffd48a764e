"""Articles with every kind of noise, as pages through the whole pipeline: the row is the one that a reader would write.

The first is recorded material and is skipped where that is absent; the other two are the project's own.
"""

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Recordings
from tests.end_to_end.conftest import Run
from tests.end_to_end.tables import assert_balanced

MATERIAL = Path(__file__).parents[1] / "material" / "articles"


def folder_of(name: str, request: pytest.FixtureRequest) -> Path:
    if name == "seed":
        return Path(request.getfixturevalue("shared_data")) / "seed"
    return MATERIAL / name


@pytest.mark.parametrize("name", ["seed", *sorted(path.name for path in MATERIAL.iterdir())])
def test_the_row_is_as_expected(name: str, run: Run, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = folder_of(name, request)
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    page = {"id": name, "url": f"https://outlet.example/news/{name}", "html": (folder / "article.html").read_text()}
    (tmp_path / "pages.jsonl").write_text(json.dumps(page) + "\n")
    with Recordings([tmp_path / "pages.jsonl"]) as recordings:
        run(tmp_path / "data", recordings.feeds)
    assert_balanced(warehouse_of(tmp_path / "data"))
    with warehouse.connect(warehouse_of(tmp_path / "data")) as connection:
        (row,) = connection.sql("SELECT * FROM latest").to_arrow_table().to_pylist()

    assert row["guid"] == name
    assert row["title"] == expected["title"]
    assert row["summary"] == expected["summary"]
    assert row["language"] == expected["language"]
    assert row["captions"] == expected["captions"]
    assert row["published_at"] == dt.datetime.fromisoformat(expected["published_at"])
    for words in expected["body_must_not_contain"]:
        assert words not in row["body"], words
    for words in expected["body_once"]:
        assert row["body"].count(words) == 1, words
    for words in expected["body_must_contain"]:
        assert words in row["body"], words

    names = defaultdict(set)
    for entity in row["entities"]:
        names[entity["type"]].add(entity["name"])
    for kind, wanted in expected["entities"].items():
        assert set(wanted) <= names[kind], f"{kind}: {set(wanted) - names[kind]} missing from {names[kind]}"
    meant_by = defaultdict(set)
    for entity in row["entities"]:
        for mention in entity["mentions"]:
            meant_by[mention["text"]].add(entity["name"])
    for short, full in expected["merged"].items():
        assert meant_by[short] == {full}, short
