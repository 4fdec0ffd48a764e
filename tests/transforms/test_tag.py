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
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from schemas.enums import MentionField, Origin, OutcomeKind, Reason, Stage
from schemas.records import Article, Caption, Capture, DeadLetter, Outcome
from transforms.names.tagger import NAME, VERSION, Tagger, load_tagger
from transforms.pool import Pool, TaskFailed
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


class InlineTask:
    cpu_s = 0.0

    def __init__(self, result: Any) -> None:
        self._result = result

    def result(self) -> Any:
        return self._result


class InlinePool:
    """Does the work at once, in the test's own process; an article with the title "Hang" takes too long."""

    def submit(self, function: Any, tagger: Shared[Tagger], texts: Any, *, timeout_s: float) -> InlineTask:
        if texts.title == "Hang":
            return InlineTask(TaskFailed(Reason.CPU_LIMIT, f"took longer than {timeout_s:g} s"))
        return InlineTask(function(tagger, texts))


def inline_pool() -> InlinePool:
    return InlinePool()


INLINE: Shared[Any] = Shared(inline_pool)
POOL = Shared(Pool, (1,))


@pytest.fixture(scope="module")
def pool() -> Iterator[Shared[Pool]]:
    yield POOL
    POOL.get().close()
    POOL.forget()


def clock() -> dt.datetime:
    return NOW


def captures_of(*titles: str) -> beam.Create:
    captures = [dataclasses.replace(capture(article(title)), entry_id=title) for title in titles]
    return beam.Create(captures).with_output_types(Capture)


def flat(record: Capture | Outcome | DeadLetter) -> tuple[Any, ...]:
    if isinstance(record, Capture):
        return record.entry_id, [entity.name for entity in record.article.entities], record.article.tagger_version
    if isinstance(record, Outcome):
        return record.entry_id, record.stage, record.outcome, record.reason, record.is_terminal
    return record.entry_id, record.stage, record.reason, record.error


def _has_names(captures: list[tuple[Any, ...]]) -> None:
    assert captures == [("Talks in Lima", ["Lima"], VERSION), ("Rain", [], VERSION), ("In Cairo", ["Cairo"], VERSION)]


def test_the_stage_tags_captures_in_their_order() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        made = pipeline | captures_of("Talks in Lima", "Rain", "In Cairo")
        tagged = made | TagEntities(INLINE, clock=clock)
        assert_that(tagged.captures | "Flat" >> beam.Map(flat), _has_names, label="Captures")
        assert_that(tagged.outcomes, equal_to([]), label="Outcomes")
        assert_that(tagged.dead_letters, equal_to([]), label="Dead")


def test_one_that_takes_too_long_costs_itself_only() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        tagged = pipeline | captures_of("Hang", "In Lima") | TagEntities(INLINE, timeout_s=5, clock=clock)
        captures, ended, letters = (tagged[name] | f"Flat {name}" >> beam.Map(flat) for name in TAGS)
        assert_that(captures, equal_to([("In Lima", ["Lima"], VERSION)]), label="Captures")
        failed = ("Hang", Stage.TAG, OutcomeKind.DEAD, Reason.CPU_LIMIT, True)
        assert_that(ended, equal_to([failed]), label="Outcomes")
        letter = ("Hang", Stage.TAG, Reason.CPU_LIMIT, "took longer than 5 s")
        assert_that(letters, equal_to([letter]), label="Dead")


def test_a_bug_in_a_worker_is_accounted_for(pool: Shared[Pool]) -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        tagged = pipeline | captures_of("In Lima") | TagEntities(pool, Shared(BrokenTagger), clock=clock)
        captures, ended, letters = (tagged[name] | f"Flat {name}" >> beam.Map(flat) for name in TAGS)
        assert_that(captures, equal_to([]), label="Captures")
        assert_that(ended, equal_to([("In Lima", Stage.TAG, OutcomeKind.DEAD, Reason.BUG, True)]), label="Outcomes")
        assert_that(letters, equal_to([("In Lima", Stage.TAG, Reason.BUG, "ZeroDivisionError: ")]), label="Dead")


def test_workers_have_the_tagger(pool: Shared[Pool]) -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        tagged = pipeline | captures_of("Talks in Lima") | TagEntities(pool, clock=clock)
        captures = tagged.captures | "Flat" >> beam.Map(flat)
        assert_that(captures, equal_to([("Talks in Lima", ["Lima"], VERSION)]), label="Captures")


TAGS = ("captures", "outcomes", "dead_letters")


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
