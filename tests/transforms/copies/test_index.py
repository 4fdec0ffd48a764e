"""What is found in the index, and in two of them one over the other."""

import datetime as dt
import random

import pytest

from schemas.memory import Lineage, Sketch
from transforms.copies.index import (
    ASKED,
    CANDIDATES,
    LEAST_POSTED,
    MOST_POSTED,
    POSTINGS,
    RARE,
    CopyIndex,
    Layered,
    alone,
    asked,
    best,
    posted,
)
from transforms.copies.sketch import fingerprint

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STEMS = ("lo", "ma", "ri", "ten", "vos", "cal", "dur", "gib", "hen", "jat", "kel", "nup", "pra", "sor", "wem")


def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(STEMS, k=rng.randint(1, 3))) for _ in range(words))


def sketch(name: str, body: str, language: str = "en") -> Sketch:
    found = fingerprint("", body)
    return Sketch(
        capture_id=name,
        article_id=name,
        language=language,
        order_at=NOON,
        observed_at=NOON,
        word_count=found.word_count,
        shingles=found.shingles,
        passages=found.passages,
    )


def lineage(name: str, cluster: str, judged_seq: int = 0, sketch_count: int = 1) -> Lineage:
    return Lineage(
        article_id=name,
        order_at=NOON,
        observed_at=NOON,
        original_id=cluster,
        cluster_id=cluster,
        judged_seq=judged_seq,
        sketch_count=sketch_count,
    )


def test_a_long_text_is_posted_under_more_hashes_than_a_short_one() -> None:
    counts = [len(posted(sketch("a", prose(1, words)))) for words in (10, 60, 400, 2_000)]
    assert counts == [6, LEAST_POSTED, 20, MOST_POSTED]
    assert len(asked(sketch("a", prose(1, 60)))) == ASKED


def test_one_rare_hash_is_enough_and_a_common_one_is_not() -> None:
    common = list(range(RARE + 1))
    assert best([[7], common]) == [7]
    assert best([[50], [60, 50], common, common[1:]]) == [*common[1:], 50, 60]
    assert best([]) == []


def test_only_the_best_are_given() -> None:
    assert best([list(range(100)), list(range(100))]) == list(range(CANDIDATES))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("words", "part"), [(150, 60), (400, 120), (1_500, 260)])
def test_a_part_is_found_by_the_whole_and_the_whole_by_its_part(seed: int, words: int, part: int) -> None:
    text = prose(seed, words)
    whole, excerpt = sketch("whole", text), sketch("excerpt", " ".join(text.split()[20 : 20 + part]))
    for first, second in ((whole, excerpt), (excerpt, whole)):
        index = CopyIndex()
        index.add(first)
        assert index.candidates("en", second) == [first]


def test_a_list_takes_only_the_first() -> None:
    index = CopyIndex()
    copies = [sketch(f"{number:03}", prose(1, 100)) for number in range(POSTINGS + 10)]
    for each in copies:
        index.add(each)
        index.add(each)  # again: changes nothing
    assert index.candidates("en", copies[-1]) == copies[:CANDIDATES]
    assert index.candidates("de", copies[-1]) == []


def test_what_a_text_says_of_itself_is_not_remembered() -> None:
    index, text = CopyIndex(), sketch("a", prose(1, 100))
    index.add(text)
    assert index.lineages(["a", "b"]) == [alone(text)]
    assert index.members("a") == []
    index.judge(lineage("a", "c", judged_seq=1))
    assert index.lineages(["a"]) == index.members("c") == [lineage("a", "c", judged_seq=1)]


def test_of_two_lineages_the_later_is_kept_whichever_comes_first() -> None:
    first, counted, moved = lineage("a", "a"), lineage("a", "a", sketch_count=2), lineage("a", "b", judged_seq=1)
    for order in ((first, counted, moved), (moved, counted, first), (counted, moved, first)):
        index = CopyIndex()
        for each in order:
            index.judge(each)
        assert index.lineages(["a"]) == [moved]
        assert index.members("a") == []


def test_the_index_in_front_has_the_last_word() -> None:
    front, back = CopyIndex(), CopyIndex()
    text = prose(1, 100)
    old, new = sketch("old", text), sketch("new", text)
    back.add(old)
    back.judge(lineage("old", "old"))
    back.judge(lineage("other", "old"))
    front.add(new)
    front.judge(lineage("other", "elsewhere", judged_seq=1))
    layered = Layered(front, back)
    assert layered.candidates("en", sketch("x", text)) == [old, new]
    assert layered.sketches("old") == [old]
    assert [member.article_id for member in layered.members("old")] == ["old"]
    assert layered.lineages(["other"]) == [lineage("other", "elsewhere", judged_seq=1)]
