"""diff: two texts paragraph by paragraph, and the versions of an article as a data directory knows them."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.diff import DiffError, Paragraph, PartKind, Version, Words, compared, pick, versions
from pipeline.ledger import Ledger
from pipeline.state import State
from schemas.enums import Change, PubStatus
from schemas.records import Article, Revision
from transforms.write import Gathered

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SAME, REMOVED, ADDED, CHANGED = PartKind.SAME, PartKind.REMOVED, PartKind.ADDED, PartKind.CHANGED


def at(minute: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def whole(kind: PartKind, text: str) -> Paragraph:
    return Paragraph(kind, (Words(kind, text),))


def test_a_changed_word_is_marked_within_its_paragraph() -> None:
    before = ["The bridge opens.", "It rained on Monday in Kisumu.", "Traffic was light."]
    after = ["The bridge opens.", "It rained on Tuesday in Kisumu.", "Traffic was light."]
    assert compared(before, after) == [
        whole(SAME, "The bridge opens."),
        Paragraph(
            CHANGED,
            (
                Words(SAME, "It rained on "),
                Words(REMOVED, "Monday "),
                Words(ADDED, "Tuesday "),
                Words(SAME, "in Kisumu."),
            ),
        ),
        whole(SAME, "Traffic was light."),
    ]


def test_a_paragraph_that_came_or_went_is_no_change_of_its_neighbours() -> None:
    before = ["Rain fell in the north.", "Schools stay shut."]
    after = ["Rain fell in the far north.", "The mayor spoke at noon.", "Schools stay closed."]
    assert [paragraph.kind for paragraph in compared(before, after)] == [CHANGED, ADDED, CHANGED]
    assert [paragraph.kind for paragraph in compared(after, before)] == [CHANGED, REMOVED, CHANGED]


def test_paragraphs_with_nothing_in_common_replace_each_other() -> None:
    assert compared(["Rain fell."], ["Oil prices rose again."]) == [
        whole(REMOVED, "Rain fell."),
        whole(ADDED, "Oil prices rose again."),
    ]


def test_white_space_changes_nothing() -> None:
    assert compared(["Rain  fell.\nAgain.", ""], [" Rain fell. Again."]) == [whole(SAME, "Rain fell. Again.")]


def test_a_script_without_spaces_is_compared_letter_by_letter() -> None:
    (paragraph,) = compared(["東京で雨が降った"], ["東京で雪が降った"])
    assert [words.text for words in paragraph.words] == ["東京で", "雨", "雪", "が降った"]


def test_a_paragraph_too_long_to_mark_is_told_whole() -> None:
    before, after = "rain " * 3_000, "rain " * 2_999 + "snow"
    (paragraph,) = compared([before], [after])
    assert [words.kind for words in paragraph.words] == [REMOVED, ADDED]


TEXTS = st.lists(st.text("ab 東.", max_size=20), max_size=8)


def without(paragraphs: list[Paragraph], kind: PartKind) -> list[str]:
    kept = ["".join(words.text for words in each.words if words.kind is not kind) for each in paragraphs]
    return bare(kept)


def bare(texts: list[str]) -> list[str]:
    return [text for text in map("".join, map(str.split, texts)) if text]


@given(before=TEXTS, after=TEXTS)
def test_both_texts_can_be_read_off_the_difference(before: list[str], after: list[str]) -> None:
    found = compared(before, after)
    assert without(found, ADDED) == bare(before)
    assert without(found, REMOVED) == bare(after)


@given(text=TEXTS)
def test_a_text_does_not_differ_from_itself(text: list[str]) -> None:
    assert {paragraph.kind for paragraph in compared(text, text)} <= {SAME}


# ── versions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def capture(minute: int, body: str) -> Article:
    return Article(
        capture_id=f"{minute:032x}",
        article_id="a" * 32,
        content_hash=body,
        observed_at=at(minute),
        url="https://outlet.example/bridge",
        canonical_url="https://outlet.example/bridge",
        title="Bridge opens",
        body=body,
    )


def judged(row: Article, seq: int = 0, **judgement: Any) -> Revision:
    revision = Revision(
        capture_id=row.capture_id, judged_seq=seq, article_id=row.article_id, observed_at=row.observed_at
    )
    return replace(revision, **judgement)


def known(folder: Path, *records: object) -> list[Version]:
    state = State(folder)
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    state.commit([], gathered, NOON)
    state.close()
    with Ledger(folder) as ledger:
        return versions(ledger, "a" * 32)


def test_versions_come_in_order_of_time_by_their_newest_judgement(tmp_path: Path) -> None:
    first, late, killed = capture(1, "A"), capture(2, "B"), capture(3, "K")
    found = known(
        tmp_path,
        *(killed, judged(killed, change=Change.KILL, pub_status=PubStatus.CANCELED)),
        *(first, judged(first)),
        *(late, judged(late, 1, change=Change.CORRECTION, change_note="It was B."), judged(late, change=Change.UPDATE)),
    )
    assert [(one.number, one.body, one.change, one.change_note, one.pub_status) for one in found] == [
        (1, "A", "new", None, "usable"),
        (2, "B", "correction", "It was B.", "usable"),
        (3, "K", "kill", None, "canceled"),
    ]


def test_a_text_that_came_back_is_a_version_of_its_own_and_what_did_not_change_is_none(tmp_path: Path) -> None:
    first, second, third = capture(1, "A"), capture(2, "B"), capture(4, "B")
    found = known(
        tmp_path,
        *(first, judged(first, 1, seen_until=at(3))),
        *(second, judged(second, change=Change.UPDATE)),
        *(third, judged(third, change=Change.UNCHANGED)),
    )
    assert [(one.number, one.body, one.seen_at, one.change) for one in found] == [
        (1, "A", at(1), "new"),
        (2, "B", at(2), "update"),
        (3, "A", at(3), "update"),
    ]


def test_of_each_moment_the_newest_extraction_is_a_version(tmp_path: Path) -> None:
    first, second, third = capture(1, "A"), capture(2, "B"), capture(3, "A, worse")
    better = replace(capture(1, "A, better"), capture_id="b" * 32)
    found = known(
        tmp_path,
        *(first, judged(first)),
        *(better, judged(better, change=Change.EXTRACTION, predecessor_id=first.capture_id, seen_until=at(3))),
        *(second, judged(second, change=Change.UPDATE, predecessor_id=first.capture_id)),
        *(third, judged(third, change=Change.UPDATE, predecessor_id=second.capture_id)),
    )
    assert [(one.body, one.seen_at) for one in found] == [("A, better", at(1)), ("B", at(2)), ("A, better", at(3))]


VERSIONS = [
    Version(
        number=number,
        seen_at=at(10 * number),
        capture_id=f"{number:08x}" * 4,
        change=Change.UPDATE,
        change_note=None,
        pub_status=PubStatus.USABLE,
        availability="live",  # type: ignore[arg-type]  # a word is enough here
        url="",
        title="",
        body="",
    )
    for number in (1, 2, 3)
]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        (" 3 ", 3),
        ("00000002", 2),
        ("2026-03-01T12:20", 2),
        ("2026-03-01T12:29:59Z", 2),
        ("2027-01-01", 3),
        ("5m", 3),
    ],
)
def test_a_capture_is_named_by_number_id_or_time(text: str, number: int) -> None:
    assert pick(VERSIONS, text, at(60)).number == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "has 3 captures"),
        ("4", "has 3 captures"),
        ("2026-03-01T12:05", "first seen at 2026-03-01 12:10:00"),
        ("deadbeef", "is no capture of this article"),
        ("yesterday", "is no capture of this article"),
    ],
)
def test_a_capture_that_is_not_there_is_refused(text: str, message: str) -> None:
    with pytest.raises(DiffError, match=message):
        pick(VERSIONS, text, at(60))
