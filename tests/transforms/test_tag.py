"""The tag stage: entities into articles, failures into dead letters, and whole articles as a reader would mark them."""

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from schemas.enums import MentionField, Origin, OutcomeKind, Reason, Stage
from schemas.records import Article, Caption, Capture
from transforms.names.tagger import NAME, VERSION, Tagger, load_tagger
from transforms.shared import Shared
from transforms.tag import TagEntities, tag

ROOT = Path(__file__).parents[2]
SEED = Path(os.environ.get("WIREBEAM_SHARED", ROOT.parent / "shared")) / "data" / "seed"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def article(title: str = "", body: str = "", **fields: Any) -> Article:
    return Article(
        capture_id="c",
        article_id="a",
        content_hash="h",
        observed_at=NOW,
        url="http://outlet.example/1",
        canonical_url="http://outlet.example/1",
        title=title,
        body=body,
        **fields,
    )


def capture(of: Article) -> Capture:
    return Capture(article=of, entry_id="e", attempt=1, origin=Origin.FEED)


# ── the function ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_tag_fills_entities_and_says_by_what() -> None:
    tagged = tag(article("Talks in Lima"), load_tagger())
    assert [entity.name for entity in tagged.entities] == ["Lima"]
    assert (tagged.tagger_name, tagged.tagger_version) == (NAME, VERSION)


def test_mentions_in_captions_count_in_the_joined_texts() -> None:
    captions = (Caption(text="The port"), Caption(text="A ship in Lima", credit="Agency"))
    [entity] = tag(article(captions=captions), load_tagger()).entities
    [mention] = entity.mentions
    assert (mention.field, mention.start, mention.end) == (MentionField.CAPTION, 19, 23)


@given(st.text(max_size=100), st.text(max_size=300))
def test_tagging_again_changes_nothing(title: str, body: str) -> None:
    once = tag(article(title, body), load_tagger())
    assert tag(once, load_tagger()) == once
    assert dataclasses.replace(once, entities=(), tagger_name="", tagger_version="") == article(title, body)


# ── the stage ──────────────────────────────────────────────────────────────────────────────────────────────────────


class BrokenTagger(Tagger):
    def __init__(self) -> None:
        self.name = self.version = "broken"

    def entities(self, *_texts: str | None) -> tuple[()]:
        raise ZeroDivisionError


def clock() -> dt.datetime:
    return NOW


def _is_tagged(captures: list[Capture]) -> None:
    assert [one.article.entities[0].name for one in captures] == ["Lima"]


def _is_empty(records: list[Any]) -> None:
    assert records == []


def _is_bug(records: list[Any]) -> None:
    [record] = records
    assert (record.stage, record.reason, record.entry_id) == (Stage.TAG, Reason.BUG, "e")


def test_the_stage_tags_captures() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        made = pipeline | beam.Create([capture(article("Talks in Lima"))]).with_output_types(Capture)
        tagged = made | TagEntities(clock=clock)
        assert_that(tagged.captures, _is_tagged, label="Captures")
        assert_that(tagged.outcomes, _is_empty, label="Outcomes")
        assert_that(tagged.dead_letters, _is_empty, label="Dead")


def test_a_failure_costs_its_capture_only_and_is_accounted_for() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        made = pipeline | beam.Create([capture(article("Talks in Lima"))]).with_output_types(Capture)
        tagged = made | TagEntities(Shared(BrokenTagger), clock)
        assert_that(tagged.captures, _is_empty, label="Captures")
        assert_that(tagged.outcomes, _is_dead, label="Outcomes")
        assert_that(tagged.dead_letters, _is_bug, label="Dead")


def _is_dead(records: list[Any]) -> None:
    _is_bug(records)
    assert records[0].outcome is OutcomeKind.DEAD


# ── whole articles ─────────────────────────────────────────────────────────────────────────────────────────────────


def whole_articles() -> Iterator[Any]:
    if not SEED.exists():
        yield pytest.param(None, marks=pytest.mark.skip(reason=f"{SEED} is not here"), id="seed")
    folders = [SEED, *sorted((ROOT / "tests" / "material" / "articles").glob("*/"))]
    yield from (pytest.param(folder, id=folder.name) for folder in folders if (folder / "expected.json").exists())


@pytest.mark.parametrize("folder", whole_articles())
def test_people_organisations_and_places_go_by_their_full_names(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    tree = html.fromstring((folder / "article.html").read_bytes())
    body = "\n\n".join(text for p in tree.iter("p") if (text := "".join(map(str, p.itertext())).strip()))
    tagged = tag(article(expected["title"], body, summary=expected["summary"], language="en"), load_tagger())
    names = {(entity.type.value, entity.name) for entity in tagged.entities}
    assert names >= {(kind, name) for kind, names in expected["entities"].items() for name in names}
    counted_as = {(mention.text, entity.name) for entity in tagged.entities for mention in entity.mentions}
    for short, full in expected["merged"].items():
        assert {name for text, name in counted_as if text == short} == {full}
