"""What tells a copy from another report made from the same template."""

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.memory import Sketch
from transforms.copies.likeness import Likeness, evidence, is_copy, likeness
from transforms.copies.sketch import fingerprint

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STEMS = ("lo", "ma", "ri", "ten", "vos", "cal", "dur", "gib", "hen", "jat", "kel", "nup", "pra", "sor", "wem")


def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(STEMS, k=rng.randint(1, 3))) for _ in range(words))


def sketch(title: str, body: str) -> Sketch:
    found = fingerprint(title, body)
    return Sketch(
        capture_id=body,
        article_id=body,
        language="en",
        order_at=NOON,
        observed_at=NOON,
        word_count=found.word_count,
        shingles=found.shingles,
        passages=found.passages,
        title=found.title,
        names=found.names,
        figures=found.figures,
    )


def dividend(company: str, cents: int, day: int) -> Sketch:
    return sketch(
        f"{company} declares quarterly dividend",
        f"{company} said its board declared a regular quarterly dividend of {cents} cents a share, payable April {day} "
        f"to holders of record on April {day - 9}. The company paid {cents - 2} cents a share in the quarter before. "
        "The board reviews the dividend once a quarter and said that it sees no reason to change its policy this year.",
    )


def market(day: str, first: int, second: int) -> Sketch:
    return sketch(
        "Grain prices at the close",
        f"Grain prices at the close on {day}: wheat {first}.25, barley {second}.50, oats {first - 40}.75 and maize "
        f"{second + 12}.00 a tonne. Traders said that {second} lots of wheat and {first} lots of maize changed hands, "
        f"against {first + 81} the day before. Prices are those of the exchange in Tindale, in its own currency.",
    )


def is_linked(one: Sketch, other: Sketch) -> bool:
    found = likeness(one, other)
    return found is not None and is_copy(found)


def seen_of(one: Sketch, other: Sketch) -> Likeness:
    found = likeness(one, other)
    assert found is not None
    return found


def test_reports_from_one_template_are_no_copies() -> None:
    assert not is_linked(dividend("Orlo Mills", 12, 17), dividend("Pratten Steel", 45, 28))
    assert not is_linked(market("Monday", 212, 187), market("Tuesday", 219, 184))


def test_a_report_that_comes_every_day_under_one_headline_is_no_copy_of_the_day_before() -> None:
    def traffic(passengers: int, freight: int, ships: int, seed: int) -> Sketch:
        return sketch(
            "Tindale harbour traffic",
            f"The port of Tindale said {passengers} passengers and {freight} tonnes of freight passed its quays in the "
            f"week, on {ships} ships. {prose(seed, 45)} The figures are those of the harbour master and do not include "
            "the ferries to the northern islands, which the port counts once a year only and prints in its report.",
        )

    seen = seen_of(traffic(5120, 811, 43, 1), traffic(4987, 902, 39, 2))
    assert 0.3 < seen.containment < 0.6
    assert seen.passages >= 0.4 * seen.containment
    assert not is_copy(seen)


def test_the_same_report_sent_again_is_a_copy() -> None:
    assert is_linked(dividend("Orlo Mills", 12, 17), dividend("Orlo Mills", 12, 17))
    assert is_linked(market("Monday", 212, 187), market("Monday", 212, 187))


def test_bulletins_must_be_near_identical() -> None:
    def bulletin(company: str) -> Sketch:
        return sketch(
            f"{company} sets payout",
            f"{company} Corp quarterly dividend 12 cents vs 12 cents prior. Pay May 1. Record April 9.",
        )

    assert not is_linked(bulletin("Orlo"), bulletin("Pratten"))
    assert is_linked(bulletin("Orlo"), bulletin("Orlo"))


def test_a_story_inside_a_longer_one_is_a_copy_under_any_headline() -> None:
    story = prose(1, 200)
    assert is_linked(sketch("One headline", story), sketch("Quite another", prose(2, 150) + " " + story))


def test_an_excerpt_of_a_long_story_is_a_copy() -> None:
    story = prose(1, 900)
    excerpt = " ".join(story.split()[:220])
    seen = seen_of(sketch("Headline", story), sketch("Headline", excerpt))
    assert is_copy(seen)
    assert seen.containment > 0.9
    assert seen.jaccard < 0.4


def test_texts_held_whole_are_compared_exactly() -> None:
    words = prose(1, 60).split()
    seen = seen_of(sketch("", " ".join(words)), sketch("", " ".join(words[:34])))
    assert seen.shared == 30.0
    assert seen.containment == 1.0
    assert seen.jaccard == pytest.approx(30 / 56)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_the_side_does_not_matter_and_shares_are_shares(head: int, middle: int, tail: int) -> None:
    one = sketch("a b c", prose(1, head) + " " + prose(2, middle))
    other = sketch("b c d", prose(2, middle) + " " + prose(3, tail))
    seen = likeness(one, other)
    assert seen == likeness(other, one)
    if seen is None:
        return
    for share in (seen.jaccard, seen.containment, seen.passages, seen.title, seen.names, seen.figures):
        assert share is None or 0 <= share <= 1


def test_evidence_names_what_agrees() -> None:
    one = sketch("Ferry strikes quay", "Tindale harbour closed at 630. " + prose(1, 90))
    assert evidence(seen_of(one, one)) == ("shingles", "passages", "title", "names", "figures")
    assert evidence(seen_of(one, sketch("", prose(1, 90)))) == ("shingles", "passages")
