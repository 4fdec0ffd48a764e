"""The memories over state.db answer as the ones in this process do."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import alias_store
from pipeline.memory import StateMemory
from pipeline.state import State
from schemas.enums import Change
from schemas.memory import KnownAlias, KnownCapture, Lineage, Sketch
from schemas.records import Article
from transforms.copies.index import CopyIndex
from transforms.link import link, sketch_of
from transforms.write import Gathered

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WORDS = [
    "harbour",
    "council",
    "vote",
    "tide",
    "ferry",
    "price",
    "school",
    "winter",
    "bridge",
    "minister",
    "engine",
    "report",
    "night",
    "field",
]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


def article(number: int, body: str, language: str) -> Article:
    return Article(
        capture_id=f"capture-{number}",
        article_id=f"article-{number}",
        content_hash=body,
        observed_at=NOW + dt.timedelta(minutes=number),
        url=f"https://outlet{number}.example/{number}",
        canonical_url=f"https://outlet{number}.example/{number}",
        title=body[:30],
        body=body,
        language=language,
    )


bodies = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)


@given(st.lists(st.tuples(bodies, st.sampled_from(["en", "de"])), min_size=1, max_size=8))
def test_copies_are_found_as_in_an_index(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    state, index = State(folder), CopyIndex()
    memory = StateMemory(str(folder))
    # each text once as it is and once with an end of its own, so that there are copies to find
    for number, (body, language) in enumerate([*texts, *((f"{body} and more", language) for body, language in texts)]):
        sketch = sketch_of(article(number, body, language))
        assert sketch is not None
        assert memory.candidates(language, sketch) == index.candidates(language, sketch)
        linked = link(sketch, memory)
        assert linked == link(sketch, index)
        gathered = Gathered()
        for record in (linked.sketch, *linked.lineages):
            if record is not None:
                gathered.add(record)
            if isinstance(record, Sketch):
                index.add(record)
            if isinstance(record, Lineage):
                index.judge(record)
        state.commit([], gathered, NOW)
        for lineage in linked.lineages:
            assert memory.members(lineage.cluster_id) == index.members(lineage.cluster_id)
            assert memory.sketches(lineage.article_id) == index.sketches(lineage.article_id)
    memory.close()
    state.close()


def test_names_and_what_was_purged_come_back_as_they_were_stored(state: State, tmp_path: Path) -> None:
    dated = KnownAlias(key="1", article_id="a", observed_at=NOW, title=b"\0\1", published_at=NOW, is_own=True)
    undated = KnownAlias(key="2", article_id="a", observed_at=NOW)
    gathered = Gathered()
    for alias in (replace(dated, article_id="b"), undated, dated):
        gathered.add(alias)
    state.commit([], gathered, NOW)
    memory = StateMemory(str(tmp_path))
    assert memory.known(["0", "2", "1"]) == [dated, undated]
    with sqlite3.connect(tmp_path / "state.db") as database:
        alias_store.suppress(database, ["1"], NOW)
    assert memory.is_suppressed(["0", "1"])
    assert not memory.is_suppressed(["0", "2"])
    memory.close()


def test_captures_come_in_observed_order_with_their_newest_judgement(state: State, tmp_path: Path) -> None:
    def known(number: int, judged_seq: int = 0) -> KnownCapture:
        return KnownCapture(
            capture_id=str(number),
            article_id="a",
            observed_at=NOW + dt.timedelta(minutes=number),
            content_hash="",
            extractor="",
            judged_seq=judged_seq,
            change=Change.UPDATE if judged_seq else Change.NEW,
        )

    gathered = Gathered()
    for capture in (known(2), known(3, judged_seq=1), known(3), known(1)):
        gathered.add(capture)
    state.commit([], gathered, NOW)
    memory = StateMemory(str(tmp_path))
    assert memory.neighbours("a") == [known(1), known(2), known(3, judged_seq=1)]
    assert memory.neighbours("b") == []
    memory.close()
