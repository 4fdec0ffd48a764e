"""Every outcome, reason and poll has words that a person understands."""

import datetime as dt

import pytest

from pipeline.words import poll_words, reason_words, status_words
from schemas.enums import Origin, OutcomeKind, PollStatus, Reason, Stage
from schemas.records import Outcome, Poll

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert reason_words(reason)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_words(kind: OutcomeKind) -> None:
    outcome = Outcome(
        entry_id="e",
        attempt=1,
        origin=Origin.FEED,
        stage=Stage.FETCH,
        outcome=kind,
        is_terminal=True,
        decided_at=NOW,
        reason=Reason.NOT_FOUND,
        http_status=404,
    )
    told = status_words(outcome)
    assert told.endswith(": there is no such page (HTTP status 404)")
    assert ("the feed's own text" in told) == (kind in {OutcomeKind.PUBLISHED, OutcomeKind.REVISED})


def test_a_poll_says_what_it_brought_or_why_nothing() -> None:
    failed = Poll(
        feed_id="f", polled_at=NOW, url="u", status=PollStatus.FAILED, reason=Reason.HTTP_ERROR, http_status=500
    )
    assert poll_words(failed) == "failed: the host answered with an error (HTTP status 500)"
    good = Poll(
        feed_id="f",
        polled_at=NOW,
        url="u",
        status=PollStatus.OK,
        entries_seen=4,
        entries_new=2,
        entries_invalid=1,
        gap=True,
    )
    assert poll_words(good) == "ok: 4 entries, 2 new, 0 changed, 1 unusable; entries may have been missed"
