"""Copies over state.db: found across restarts in any order, in tables that forget all of a text."""

import datetime as dt
import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.memory import StateMemory
from pipeline.state import FILE_NAME, State
from schemas import ids
from schemas.memory import Lineage, Sketch
from schemas.records import Article, Link
from transforms.copies import copy_store
from transforms.copies.copy_store import StoredIndex
from transforms.copies.index import POSTINGS, CopyIndex, Layered
from transforms.copies.keyed import Index
from transforms.link import link, sketch_of
from transforms.write import Gathered

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STEMS = ("lo", "ma", "ri", "ten", "vos", "cal", "dur", "gib", "hen", "jat", "kel", "nup", "pra", "sor", "wem")


def prose(seed: int, words: int = 60) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(STEMS, k=rng.randint(1, 3))) for _ in range(words))


def sketch(name: str, body: str, hour: int = 0, language: str = "en") -> Sketch:
    article_id, observed_at = ids.article_id(name), NOON + dt.timedelta(hours=hour)
    made = sketch_of(
        Article(
            capture_id=ids.capture_id(article_id, observed_at, body),
            article_id=article_id,
            content_hash=body,
            observed_at=observed_at,
            url=f"https://{name}.example/",
            canonical_url=f"https://{name}.example/",
            body=body,
            credits=("One Agency", "Another"),
            language=language,
        )
    )
    assert made
    return made


def remember(folder: Path, sketches: Iterable[Sketch], lineages: Iterable[Lineage] = ()) -> None:
    state, gathered = State(folder), Gathered()
    for record in (*sketches, *lineages):
        gathered.add(record)
    state.commit([], gathered, NOON)
    state.close()


BLOCKS = [prose(100 + number) for number in range(4)]
TEXTS = st.lists(
    st.tuples(
        st.integers(0, 5),  # which article: several captures of one may come
        st.lists(st.sampled_from(range(len(BLOCKS))), min_size=1, max_size=3, unique=True),
        st.integers(0, 13 * 24),  # hour: all lie within link's window
        st.booleans(),  # the run ends after it, and another one begins
    ),
    min_size=2,
    max_size=8,
)


def ends_of(folder: Path, texts: Iterable[tuple[int, list[int], int, bool]]) -> dict[str, tuple[str, str]]:
    """Pass the texts through link, in runs over a new state.db: what the valid rows say of each article."""
    rows: list[Link] = []
    gathered, front = Gathered(), CopyIndex()
    state = State(folder)
    memory = StateMemory(str(folder))
    for number, blocks, hour, ends in texts:
        linked = link(sketch(f"n{number}", "\n\n".join(BLOCKS[each] for each in blocks), hour), Layered(front, memory))
        rows += linked.links
        if linked.sketch:
            gathered.add(linked.sketch)
            front.add(linked.sketch)
        for lineage in linked.lineages:
            gathered.add(lineage)
            front.judge(lineage)
        if ends:
            state.commit([], gathered, NOON)
            memory.close()
            state.close()
            gathered, front = Gathered(), CopyIndex()
            state = State(folder)
            memory = StateMemory(str(folder))
    memory.close()
    state.close()
    valid = {row.copy_id: (row.original_id, row.cluster_id) for row in sorted(rows, key=judged_seq)}
    assert len({(row.copy_id, row.judged_seq) for row in rows}) == len(rows)
    return {copy: ends for copy, ends in valid.items() if ends != (copy, copy)}


def judged_seq(row: Link) -> int:
    return row.judged_seq


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_neither_the_order_of_arrival_nor_restarts_matter(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[int, list[int], int, bool]], rng: random.Random
) -> None:
    shuffled = rng.sample(texts, len(texts))
    first = ends_of(tmp_path_factory.mktemp("first"), texts)
    assert ends_of(tmp_path_factory.mktemp("second"), shuffled) == first


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(0, 8))
def test_an_index_on_disk_says_what_one_in_memory_says(
    texts: list[tuple[int, list[int], int, bool]], moved_after: int
) -> None:
    whole, begun = CopyIndex(), CopyIndex()
    moved: Index = begun
    for place, (number, blocks, hour, _) in enumerate(texts):
        if place == moved_after:
            moved = StoredIndex(begun)
        one = sketch(f"n{number}", "\n\n".join(BLOCKS[each] for each in blocks), hour)
        linked = link(one, whole)
        assert link(one, moved) == linked
        for each in (whole, moved):
            if linked.sketch:
                each.add(linked.sketch)
            for lineage in linked.lineages:
                each.judge(lineage)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    one, other = sketch("a", prose(1)), sketch("a", prose(2), hour=1)
    lineage = Lineage(
        article_id=one.article_id,
        order_at=NOON,
        observed_at=NOON,
        original_id="a name that is no hash",
        cluster_id="0F",
        judged_seq=3,
        sketch_count=2,
        similarity=0.25,
        evidence=("shingles", "credit"),
    )
    remember(tmp_path, [one, other, one], [lineage])
    memory = StateMemory(str(tmp_path))
    assert memory.sketches(one.article_id) == [one, other]
    assert memory.lineages(["unknown", one.article_id]) == memory.members("0F") == [lineage]
    memory.close()


def test_a_later_judgement_is_not_undone(tmp_path: Path) -> None:
    def judged(seq: int, sketch_count: int) -> Lineage:
        return Lineage(
            article_id="a",
            order_at=NOON,
            observed_at=NOON,
            original_id=f"{seq}",
            cluster_id=f"{sketch_count}",
            judged_seq=seq,
            sketch_count=sketch_count,
        )

    remember(tmp_path, [], [judged(2, 1), judged(1, 9)])
    remember(tmp_path, [], [judged(2, 3), judged(2, 2)])
    memory = StateMemory(str(tmp_path))
    assert memory.lineages(["a"]) == [judged(2, 3)]
    memory.close()


def test_a_list_takes_only_the_first(tmp_path: Path) -> None:
    remember(tmp_path, (sketch(f"n{number}", prose(1)) for number in range(POSTINGS + 3)))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        assert database.execute("SELECT DISTINCT count(*), max(number) FROM postings GROUP BY hash").fetchall() == [
            (POSTINGS, POSTINGS)
        ]


def test_languages_have_postings_of_their_own(tmp_path: Path) -> None:
    english, german = sketch("a", prose(1)), sketch("b", prose(1), language="de")
    remember(tmp_path, [english, german])
    memory = StateMemory(str(tmp_path))
    assert memory.candidates("en", german) == [english]
    assert memory.candidates("de", english) == [german]
    memory.close()


def test_all_of_an_article_s_texts_are_forgotten(tmp_path: Path) -> None:
    kept = sketch("kept", prose(1))
    remember(tmp_path, [sketch("gone", prose(1)), sketch("gone", prose(2), hour=1), kept])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database, database:
        assert copy_store.forget_article(database, ids.article_id("gone")) == 2
        assert copy_store.forget_article(database, ids.article_id("never seen")) == 0
        assert database.execute("SELECT DISTINCT number FROM postings").fetchall() == [(3,)]
        assert copy_store.candidates(database, "en", sketch("x", prose(1))) == [kept]
