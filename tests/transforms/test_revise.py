"""revise: each capture is judged in its place in observed time, whatever the order of arrival."""

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import Change, Origin, OutcomeKind, Reason, Source, Stage
from schemas.memory import KnownCapture
from schemas.records import Article, Capture, DeadLetter, Outcome, Revision
from transforms.revise import KNOWN_LIMIT, Judgement, ReviseCaptures, revise
from transforms.shared import Shared

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ARTICLE = ids.article_id("https://outlet.example/news")


def article(text: str, minute: int, extractor_version: str = "1", article_id: str = ARTICLE) -> Article:
    observed_at = NOON + dt.timedelta(minutes=minute)
    content = ids.content_hash("", text)
    return Article(
        capture_id=ids.capture_id(article_id, observed_at, content),
        article_id=article_id,
        content_hash=content,
        observed_at=observed_at,
        url="https://outlet.example/news",
        canonical_url="https://outlet.example/news",
        extractor_name="made",
        extractor_version=extractor_version,
        body=text,
    )


class Memory:
    """A memory that lives as long as a test."""

    def __init__(self) -> None:
        self.known: dict[str, KnownCapture] = {}
        self.revisions: list[Revision] = []

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        ours = (known for known in self.known.values() if known.article_id == article_id)
        return sorted(ours, key=lambda known: (known.observed_at, known.capture_id))[-KNOWN_LIMIT:]

    def take(self, *articles: Article) -> list[Judgement]:
        judgements = []
        for each in articles:
            judgement = revise(each, self.neighbours(each.article_id))
            self.known.update({known.capture_id: known for known in judgement.known})
            self.revisions += judgement.revisions
            judgements.append(judgement)
        return judgements

    @property
    def valid(self) -> dict[str, Revision]:
        """The newest judgement of each capture."""
        return {row.capture_id: row for row in sorted(self.revisions, key=lambda row: row.judged_seq)}

    def changes(self) -> list[Change]:
        """The valid changes in observed order."""
        return [row.change for row in sorted(self.valid.values(), key=lambda row: row.observed_at)]


def test_the_first_capture_is_new_and_a_changed_one_an_update() -> None:
    memory = Memory()
    first, second = article("A", 0), article("B", 5)
    assert [judgement.change for judgement in memory.take(first, second)] == [Change.NEW, Change.UPDATE]
    assert memory.valid[second.capture_id].predecessor_id == first.capture_id


def test_equal_content_makes_no_row() -> None:
    memory = Memory()
    first = article("A", 0)
    memory.take(first)
    (again,) = memory.take(article("A", 5))
    assert (again.change, again.same_as, again.revisions, again.known) == (None, first.capture_id, (), ())


def test_the_feeds_text_says_nothing_new_of_an_article_whose_page_is_known() -> None:
    memory = Memory()
    page, fed = article("The page.", 1), replace(article("The summary.", 2), source=Source.FEED)
    judgements = memory.take(page, fed)
    assert [judgement.change for judgement in judgements] == [Change.NEW, None]
    assert judgements[1].same_as is None
    assert list(memory.valid) == [page.capture_id]


def test_a_page_takes_the_place_of_the_feeds_text() -> None:
    memory = Memory()
    memory.take(replace(article("The summary.", 1), source=Source.FEED), article("The page.", 2))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_the_same_capture_twice_makes_no_row() -> None:
    memory = Memory()
    first, second = article("A", 0), article("B", 5)
    memory.take(first, second)
    assert [judgement.same_as for judgement in memory.take(first, second)] == [first.capture_id, second.capture_id]


def test_there_and_back_makes_three_rows() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("B", 1), article("A", 2))
    assert memory.changes() == [Change.NEW, Change.UPDATE, Change.UPDATE]


def test_texts_of_two_extractors_are_not_compared() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("A extracted better", 5, extractor_version="2"))
    assert memory.changes() == [Change.NEW, Change.EXTRACTION]


def test_a_late_capture_is_judged_in_its_place_and_its_neighbour_again() -> None:
    memory = Memory()
    first, late, last = article("A", 0), article("B", 5), article("C", 10)
    memory.take(first, last)
    (judgement,) = memory.take(late)
    assert judgement.change is Change.UPDATE
    assert [(row.capture_id, row.judged_seq, row.predecessor_id) for row in judgement.revisions] == [
        (late.capture_id, 0, first.capture_id),
        (last.capture_id, 1, late.capture_id),
    ]


def test_a_capture_before_all_others_takes_over_as_the_new_one() -> None:
    memory = Memory()
    memory.take(article("B", 5))
    memory.take(article("A", 0))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_a_late_capture_may_show_that_a_row_was_none() -> None:
    memory = Memory()
    late, known, last = article("A", 0), article("A", 5), article("B", 10)
    memory.take(known, last)
    memory.take(late)
    assert memory.changes() == [Change.NEW, Change.UNCHANGED, Change.UPDATE]
    assert memory.valid[last.capture_id].predecessor_id == late.capture_id
    memory.take(article("C", 2))  # and it may be one after all
    assert memory.changes() == [Change.NEW, Change.UPDATE, Change.UPDATE, Change.UPDATE]


def test_a_capture_older_than_all_that_is_remembered_is_not_called_new() -> None:
    remembered = [
        KnownCapture(
            capture_id="k",
            article_id=ARTICLE,
            observed_at=NOON,
            content_hash="x",
            extractor="made 1 0",
            change=Change.UPDATE,
            predecessor_id="forgotten",
        )
    ]
    assert revise(article("A", -5), remembered).change is Change.UPDATE


# Captures of two articles at distinct minutes: what is known of ties is their id's order, which the ids test.
ARRIVALS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 30), st.sampled_from("12")),
    min_size=1,
    max_size=7,
    unique_by=lambda arrival: arrival[1],
)


@given(ARRIVALS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(arrivals: list[tuple[str, int, str]], rng) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # hypothesis' own Random
    """Of all that has a row in both orders; no neighbours of theirs are lost as long as every text differs."""
    articles = [article(f"{text} {minute}", minute, version) for text, minute, version in arrivals]
    in_order, shuffled = Memory(), Memory()
    in_order.take(*sorted(articles, key=lambda each: each.observed_at))
    rng.shuffle(articles)
    shuffled.take(*articles)
    assert facts(in_order.valid.values()) == facts(shuffled.valid.values())


@given(ARRIVALS)
def test_the_latest_content_wins(arrivals: list[tuple[str, int, str]]) -> None:
    memory = Memory()
    articles = [article(text, minute, version) for text, minute, version in arrivals]
    memory.take(*articles)
    rows = sorted(memory.valid.values(), key=lambda row: row.observed_at)
    kept = [row for row in rows if row.change is not Change.UNCHANGED]
    assert kept[0].change is Change.NEW
    assert [row.predecessor_id for row in kept] == [None, *(row.capture_id for row in kept[:-1])]
    hashes = [memory.known[row.capture_id].content_hash for row in kept]
    assert all(one != other for one, other in itertools.pairwise(hashes))


def facts(rows: Iterable[Revision]) -> set[tuple[str, str | None, Change]]:
    return {(row.capture_id, row.predecessor_id, row.change) for row in rows}


# ── the PTransform ─────────────────────────────────────────────────────────────────────────────────────────────────


def capture(of: Article, change: Change | None = None) -> Capture:
    return Capture(article=of, entry_id=f"entry of {of.capture_id}", attempt=1, origin=Origin.FEED, change=change)


def fixed_clock() -> dt.datetime:
    return NOON


def remembers_a() -> Memory:
    memory = Memory()
    memory.take(article("A", 0))
    return memory


def test_captures_of_one_cycle_see_each_other_and_the_memory() -> None:
    same, changed, again = article("A", 1), article("B", 2), article("B", 3)
    other = article("A", 4, article_id=ids.article_id("https://outlet.example/other"))
    expected = remembers_a()
    expected.take(changed, other)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create(
            [capture(same), capture(changed), capture(again), capture(other)]
        ).with_output_types(Capture)
        out = source | "Revise" >> ReviseCaptures(memory=Shared(remembers_a), clock=fixed_clock)
        assert_that(
            out.captures, equal_to([capture(changed, Change.UPDATE), capture(other, Change.NEW)]), label="Captures"
        )
        assert_that(out.revisions, equal_to(expected.revisions[1:]), label="Revisions")
        assert_that(out.known, equal_to(list(expected.known.values())[1:]), label="Known")
        assert_that(
            out.outcomes | "Facts" >> beam.Map(facts_of),
            equal_to(
                [
                    (f"entry of {same.capture_id}", OutcomeKind.UNCHANGED, article("A", 0).capture_id),
                    (f"entry of {again.capture_id}", OutcomeKind.UNCHANGED, changed.capture_id),
                ]
            ),
            label="Outcomes",
        )


def facts_of(outcome: Outcome) -> tuple[str, OutcomeKind, str | None]:
    return outcome.entry_id, outcome.outcome, outcome.capture_id


class Broken:
    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        del article_id
        raise RuntimeError("out of order")


def test_a_bug_costs_its_capture_only() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create([capture(article("A", 0))]).with_output_types(Capture)
        out = source | "Revise" >> ReviseCaptures(memory=Shared(Broken), clock=fixed_clock)
        assert_that(out.captures, equal_to([]), label="Captures")
        assert_that(out.outcomes | "Kind" >> beam.Map(kind_of), equal_to([OutcomeKind.DEAD]), label="Outcomes")
        assert_that(
            out.dead_letters | "Why" >> beam.Map(why), equal_to([(Stage.REVISE, Reason.BUG)]), label="Dead letters"
        )


def kind_of(outcome: Outcome) -> OutcomeKind:
    return outcome.outcome


def why(letter: DeadLetter) -> tuple[Stage, Reason]:
    return letter.stage, letter.reason
