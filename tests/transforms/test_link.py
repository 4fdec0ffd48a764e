"""link: lineage does not depend on the order of arrival, and its PTransform keeps to the pure function."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import Change, LinkKind, Origin, OutcomeKind, Precision, Reason, Stage, Zone
from schemas.memory import Sketch
from schemas.records import Article, Capture, DeadLetter, Link, Outcome
from transforms.copies.index import CopyIndex, Layered
from transforms.link import LinkCopies, Linked, link, sketch_of
from transforms.shared import Shared

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STEMS = ("lo", "ma", "ri", "ten", "vos", "cal", "dur", "gib", "hen", "jat", "kel", "nup", "pra", "sor", "wem")


def prose(seed: int, words: int = 120) -> str:
    """A text of made-up words, the same for each seed."""
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(STEMS, k=rng.randint(1, 3))) for _ in range(words)) + "."


def article(name: str, body: str, minute: int = 0, **fields: Any) -> Article:
    observed_at = NOON + dt.timedelta(minutes=minute)
    url = fields.pop("url", f"https://{name}.example/news")
    article_id = ids.article_id(f"https://{name}.example/news")
    content = ids.content_hash(fields.get("title", ""), body)
    return Article(
        capture_id=ids.capture_id(article_id, observed_at, content),
        article_id=article_id,
        content_hash=content,
        observed_at=observed_at,
        url=url,
        canonical_url=url,
        language=fields.pop("language", "en"),
        body=body,
        **fields,
    )


def capture(of: Article, change: Change | None = Change.NEW) -> Capture:
    return Capture(article=of, entry_id=of.capture_id, attempt=1, origin=Origin.FEED, change=change)


def sketched(of: Article) -> Sketch:
    sketch = sketch_of(of)
    assert sketch is not None
    return sketch


def store(memory: CopyIndex, linked: Linked) -> None:
    if linked.sketch is not None:
        memory.add(linked.sketch)
    for lineage in linked.lineages:
        memory.judge(lineage)


class Run:
    """What comes of sketches that arrive one after another; `memory` is all that outlives a call."""

    def __init__(self) -> None:
        self.memory = CopyIndex()
        self.rows: list[Link] = []

    def take(self, *articles: Article) -> "Run":
        for each in articles:
            linked = link(sketched(each), self.memory)
            store(self.memory, linked)
            self.rows += linked.links
        return self

    @property
    def valid(self) -> dict[str, Link]:
        """The newest row of each copy."""
        return {row.copy_id: row for row in sorted(self.rows, key=lambda row: row.judged_seq)}


FIRST, SECOND = prose(1), prose(2)
A = article("a", FIRST, 0)
B = article("b", "By Our Staff\n\n" + FIRST, 10)
C = article("c", FIRST + " " + prose(3, 12), 20)


def test_a_copy_is_linked_to_the_earliest_of_its_kind() -> None:
    valid = Run().take(A, B, C).valid
    assert {copy: row.original_id for copy, row in valid.items()} == {
        B.article_id: A.article_id,
        C.article_id: A.article_id,
    }
    assert {row.cluster_id for row in valid.values()} == {A.article_id}
    assert {row.kind for row in valid.values()} == {LinkKind.SYNDICATED}


def test_unrelated_texts_make_no_row() -> None:
    assert Run().take(A, article("d", SECOND, 5)).rows == []


def test_an_original_that_arrives_last_supersedes_the_rows() -> None:
    run = Run().take(C, B)
    assert run.valid[C.article_id].original_id == B.article_id
    run.take(A)
    assert run.valid[C.article_id].original_id == A.article_id
    assert run.valid[C.article_id].judged_seq > min(row.judged_seq for row in run.rows)
    assert run.valid[B.article_id].original_id == A.article_id


def test_a_text_that_joins_two_clusters_renames_the_later_one() -> None:
    one, other = article("one", FIRST, 0), article("other", SECOND, 1)
    copy_of_other = article("copy", SECOND, 2)
    both = article("both", FIRST + " " + SECOND, 3)
    run = Run().take(one, other, copy_of_other)
    assert run.valid[copy_of_other.article_id].cluster_id == other.article_id
    run.take(both)
    assert {row.cluster_id for row in run.valid.values()} == {one.article_id}
    assert run.valid[both.article_id].kind is LinkKind.EXCERPT
    # `other` is a copy of nothing before it, and is in the cluster all the same
    assert run.valid[other.article_id].original_id == other.article_id
    assert run.valid[other.article_id].kind is LinkKind.ORIGINAL


def test_the_same_capture_again_changes_nothing() -> None:
    run = Run().take(A, B)
    rows = list(run.rows)
    assert run.take(A, B).rows == rows


def test_a_copy_of_an_update_is_found() -> None:
    flash, update = article("a", prose(9, 60), 0), article("a", prose(9, 60) + " " + FIRST, 10)
    assert flash.article_id == update.article_id
    copy = article("b", FIRST, 20)
    assert Run().take(flash, update, copy).valid[copy.article_id].original_id == flash.article_id


def test_the_same_outlet_republishes() -> None:
    again = article("b", FIRST, 10, url="https://a.example/other")
    row = Run().take(A, again).valid[again.article_id]
    assert row.kind is LinkKind.REPUBLISHED


def test_an_excerpt_is_told_from_a_copy() -> None:
    part = article("b", " ".join(FIRST.split()[:60]), 10)
    row = Run().take(A, part).valid[part.article_id]
    assert row.kind is LinkKind.EXCERPT
    assert row.containment > 0.9 > row.similarity


def test_a_shared_credit_is_evidence() -> None:
    one = article("one", FIRST, 0, credits=("Wire Agency",))
    two = article("two", FIRST, 1, credits=("WIRE  AGENCY", "Other"))
    assert "credit" in Run().take(one, two).valid[two.article_id].evidence


def test_texts_of_two_languages_are_not_compared() -> None:
    assert Run().take(A, article("d", FIRST, 5, language="de")).rows == []


def test_a_copy_is_found_days_later() -> None:
    late = article("d", FIRST, 14 * 24 * 60)
    assert Run().take(A, late).valid[late.article_id].original_id == A.article_id


def test_texts_further_apart_than_the_window_are_not_compared() -> None:
    assert Run().take(A, article("d", FIRST, 15 * 24 * 60)).rows == []


@pytest.mark.parametrize(
    ("fields", "is_trusted"),
    [
        ({}, True),
        ({"published_suspect": True}, False),
        ({"published_precision": Precision.DAY}, False),
        ({"published_zone": Zone.ASSUMED}, False),
        ({"published_at": NOON + dt.timedelta(days=1)}, False),
    ],
)
def test_articles_are_ordered_by_a_publication_time_that_can_be_trusted(
    fields: dict[str, Any],
    *,
    is_trusted: bool,
) -> None:
    published_at = NOON - dt.timedelta(hours=1)
    sketch = sketched(article("a", FIRST, **({"published_at": published_at} | fields)))
    assert sketch.order_at == (published_at if is_trusted else NOON)


def test_a_late_first_capture_takes_a_link_back() -> None:
    later = article("late", FIRST, 10)
    run = Run().take(A, later)
    assert run.valid[later.article_id].original_id == A.article_id
    run.take(article("late", FIRST + " " + prose(5, 5), -10))
    assert run.valid[later.article_id].kind is LinkKind.ORIGINAL
    assert run.valid[later.article_id].original_id == later.article_id
    assert run.valid[A.article_id].original_id == later.article_id
    assert run.valid[A.article_id].cluster_id == later.article_id


# Texts from shared blocks, so that copies, excerpts, round-ups and chains of them come about.
BLOCKS = [prose(100 + number, 60) for number in range(4)]
DOCUMENTS = st.lists(
    st.tuples(
        st.integers(0, 5),  # which article: several captures of one may come
        st.lists(st.sampled_from(range(len(BLOCKS))), min_size=1, max_size=3, unique=True),
        st.integers(0, 40),  # minute
    ),
    min_size=2,
    max_size=8,
)


def made(documents: list[tuple[int, list[int], int]]) -> list[Article]:
    return [
        article(f"n{number}", "\n\n".join(BLOCKS[block] for block in blocks), minute)
        for number, blocks, minute in documents
    ]


def outcome_of(articles: list[Article]) -> dict[str, tuple[str, str]]:
    """What the newest rows say, one that says nothing (its own original, its own cluster) left out."""
    valid = Run().take(*articles).valid
    said = {copy: (row.original_id, row.cluster_id) for copy, row in valid.items()}
    return {copy: ends for copy, ends in said.items() if ends != (copy, copy)}


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(documents: list[tuple[int, list[int], int]], rng: random.Random) -> None:
    articles = made(documents)
    shuffled = list(articles)
    rng.shuffle(shuffled)
    assert outcome_of(articles) == outcome_of(shuffled)


@settings(max_examples=75, deadline=None)
@given(DOCUMENTS, st.lists(st.booleans(), min_size=8, max_size=8))
def test_cycles_do_not_matter(documents: list[tuple[int, list[int], int]], cycle_ends: list[bool]) -> None:
    """What a cycle found is put into the memory at its end only, and the next one starts with an empty index."""
    memory, front = CopyIndex(), CopyIndex()
    rows: list[Link] = []
    unsaved: list[Linked] = []
    for each, ends in zip(made(documents), cycle_ends, strict=False):
        linked = link(sketched(each), Layered(front, memory))
        rows += linked.links
        unsaved.append(linked)
        store(front, linked)
        if ends:
            for kept in unsaved:
                store(memory, kept)
            front, unsaved = CopyIndex(), []
    assert rows == Run().take(*made(documents)).rows


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_lineage_is_what_the_pairs_say(documents: list[tuple[int, list[int], int]]) -> None:
    """An original comes before its copy; a cluster is named by its earliest member; a link stays in its cluster."""
    articles = made(documents)
    run = Run().take(*articles)
    lineages = {each.article_id: each for each in run.memory.lineages({each.article_id for each in articles})}
    order = {each.article_id: (each.order_at, each.article_id) for each in lineages.values()}
    for each in lineages.values():
        assert order[each.original_id] <= order[each.article_id]
        assert lineages[each.original_id].cluster_id == each.cluster_id
        together = {other.article_id for other in lineages.values() if other.cluster_id == each.cluster_id}
        assert order[each.cluster_id] == min(order[article_id] for article_id in together)
        members = {member.article_id for member in run.memory.members(each.cluster_id)}
        assert members == together or len(together) == 1  # nothing is remembered of one that stands alone


@settings(max_examples=75, deadline=None)
@given(DOCUMENTS)
def test_nothing_changes_silently(documents: list[tuple[int, list[int], int]]) -> None:
    """At any time the rows say what the memory holds, and no two rows of a copy have one judged_seq."""
    run = Run()
    for each in made(documents):
        run.take(each)
        said = {copy: (row.original_id, row.cluster_id) for copy, row in run.valid.items()}
        held = run.memory.lineages({one.article_id for one in made(documents)})
        for one in held:
            assert said.get(one.article_id, (one.article_id,) * 2) == (one.original_id, one.cluster_id)
    assert len({(row.copy_id, row.judged_seq) for row in run.rows}) == len(run.rows)


# ── the PTransform ─────────────────────────────────────────────────────────────────────────────────────────────────


def remembered() -> CopyIndex:
    """A memory that knows one article: what a cycle before this one left."""
    return Run().take(A).memory


def fixed_clock() -> dt.datetime:
    return NOON


def run_on(given_captures: list[Capture], memory: Shared[Any], **expected: list[Any]) -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create(given_captures).with_output_types(Capture)
        out = source | "Link" >> LinkCopies(memory=memory, clock=fixed_clock)
        for tag, values in expected.items():
            assert_that(out[tag], equal_to(values), label=f"Check {tag}")


def test_captures_of_one_cycle_see_each_other_and_the_memory() -> None:
    given_captures = [capture(B), capture(C), capture(article("d", SECOND, 5))]
    expected = Run().take(A)
    expected.take(B, C)
    run_on(
        given_captures, Shared(remembered), captures=given_captures, links=expected.rows, outcomes=[], dead_letters=[]
    )


def test_sketches_and_lineages_come_out_for_the_memory() -> None:
    memory = CopyIndex()
    linked = link(sketched(B), memory)
    run_on([capture(B)], Shared(CopyIndex), sketches=[sketched(B)], lineages=list(linked.lineages))


def test_a_capture_without_new_content_or_words_passes() -> None:
    given_captures = [capture(B, Change.EXTRACTION), capture(article("empty", "", 1))]
    run_on(given_captures, Shared(remembered), captures=given_captures, sketches=[], links=[], lineages=[])


class Broken(CopyIndex):
    def candidates(self, language: str, sketch: Sketch) -> Sequence[Sketch]:
        del language, sketch
        raise RuntimeError("out of order")


def test_a_bug_costs_its_capture_only() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create([capture(B)]).with_output_types(Capture)
        out = source | "Link" >> LinkCopies(memory=Shared(Broken), clock=fixed_clock)
        assert_that(out.captures, equal_to([]), label="Captures gone")
        assert_that(
            out.outcomes | "Facts" >> beam.Map(facts_of), equal_to([(Stage.LINK, OutcomeKind.DEAD, Reason.BUG)])
        )
        assert_that(out.dead_letters | "Stage" >> beam.Map(stage_of), equal_to([Stage.LINK]), label="Dead letter")


def facts_of(outcome: Outcome) -> tuple[Stage, OutcomeKind, Reason | None]:
    return outcome.stage, outcome.outcome, outcome.reason


def stage_of(letter: DeadLetter) -> Stage:
    return letter.stage
