"""Retries and revisits: when a page is looked at again, and when never."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import Entry, Outcome, Validators
from transforms import outcomes
from transforms.visits import (
    GROWTH,
    JITTER,
    REVISITS,
    SECOND_LOOK,
    SINGLE_RUN,
    TRIES,
    Policy,
    failed,
    next_visit,
    retry_at,
)

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
POLICY = Policy()
ENTRY = Entry(
    entry_id="e",
    feed_id="f",
    entry_key="k",
    fingerprint="p",
    change_no=0,
    origin=Origin.FEED,
    observed_at=NOW,
    url="https://outlet.example/1",
)


def ended(entry: Entry, kind: OutcomeKind, reason: Reason | None = None, status: int | None = None) -> Outcome:
    return outcomes.of_entry(entry, Stage.WRITE, kind, NOW, reason=reason, http_status=status)


@pytest.mark.parametrize(
    ("reason", "status", "is_tried_again"),
    [
        (Reason.DNS, None, True),
        (Reason.TIMEOUT, None, True),
        (Reason.RATE_LIMITED, 429, True),
        (Reason.HTTP_ERROR, 503, True),
        (Reason.HTTP_ERROR, 405, False),
        (Reason.NOT_FOUND, 404, False),
        (Reason.ROBOTS, None, False),
        (Reason.ADDRESS_REFUSED, None, False),
        (Reason.NOT_HTML, 200, False),
    ],
)
def test_only_what_may_pass_is_tried_again(reason: Reason, status: int | None, *, is_tried_again: bool) -> None:
    assert (retry_at(ENTRY, reason, status, NOW, POLICY) is not None) == is_tried_again
    assert retry_at(ENTRY, reason, status, NOW, SINGLE_RUN) is None


def test_all_tries_lie_within_about_a_day_and_each_waits_longer() -> None:
    moment, attempt, delays = NOW, ENTRY, []
    while (due_at := retry_at(attempt, Reason.TIMEOUT, None, moment, POLICY)) is not None:
        delays.append(due_at - moment)
        moment, attempt = due_at, dataclasses.replace(attempt, attempt=attempt.attempt + 1)
    assert attempt.attempt == TRIES
    assert delays == sorted(delays)
    assert dt.timedelta(hours=16) < moment - NOW < dt.timedelta(hours=28)


@given(st.text(min_size=1), st.integers(1, TRIES - 1), st.floats(0, 10_000_000))
def test_the_servers_wish_is_kept_and_jitter_is_bounded_and_repeatable(
    entry_id: str, attempt: int, wish_s: float
) -> None:
    entry = dataclasses.replace(ENTRY, entry_id=entry_id, attempt=attempt)
    due_at = retry_at(entry, Reason.RATE_LIMITED, 429, NOW, POLICY)
    assert due_at is not None
    middle = dt.timedelta(minutes=2) * GROWTH ** (attempt - 1)
    assert middle * (1 - JITTER) <= due_at - NOW <= middle * (1 + JITTER)
    assert due_at == retry_at(entry, Reason.RATE_LIMITED, 429, NOW, POLICY)
    later = retry_at(entry, Reason.RATE_LIMITED, 429, NOW, POLICY, wish_s)
    assert later == max(due_at, NOW + dt.timedelta(seconds=wish_s))


def test_a_published_page_is_revisited_at_its_ages_and_then_left_alone() -> None:
    entry, moment, ages = ENTRY, NOW, []
    known = Validators(entry_id="e", etag='"1"')
    seen = {entry.entry_id}
    while visit := next_visit(entry, ended(entry, OutcomeKind.UNCHANGED), known, moment, POLICY):
        entry, moment = visit
        ages.append(moment - NOW)
        assert (entry.origin, entry.attempt, entry.etag) == (Origin.REVISIT, 1, '"1"')
        assert entry.entry_id not in seen  # each has an outcome of its own
        seen.add(entry.entry_id)
    assert tuple(ages) == REVISITS


def test_the_feeds_text_is_replaced_by_the_page_when_that_can_be_had() -> None:
    outcome = ended(ENTRY, OutcomeKind.PUBLISHED, Reason.HTTP_ERROR, 500)
    visit = next_visit(ENTRY, outcome, None, NOW, POLICY)
    assert visit is not None
    retry, due_at = visit
    assert (retry.origin, retry.attempt, retry.revisit_no) == (Origin.RETRY, 2, 0)
    assert due_at > NOW
    last = dataclasses.replace(retry, attempt=TRIES)
    assert next_visit(last, ended(last, OutcomeKind.UNCHANGED, Reason.HTTP_ERROR, 500), None, NOW, POLICY) is None
    found = next_visit(retry, ended(retry, OutcomeKind.REVISED), None, NOW, POLICY)
    assert found is not None
    assert found[0].origin is Origin.REVISIT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(OutcomeKind.DEAD, Reason.TIMEOUT), (OutcomeKind.FAILED, Reason.TIMEOUT), (OutcomeKind.PUBLISHED, Reason.ROBOTS)],
)
def test_what_has_failed_for_good_is_not_looked_at_again(kind: OutcomeKind, reason: Reason) -> None:
    assert next_visit(ENTRY, ended(ENTRY, kind, reason), None, NOW, POLICY) is None


def test_a_page_that_is_gone_gets_a_second_look_and_then_its_next_revisit() -> None:
    revisit = dataclasses.replace(ENTRY, origin=Origin.REVISIT, revisit_no=1, article_id="a")
    visit = next_visit(revisit, ended(revisit, OutcomeKind.FAILED, Reason.NOT_FOUND, 404), None, NOW, POLICY)
    assert visit is not None
    second, due_at = visit
    assert (second.failed_looks, second.revisit_no, due_at - NOW) == (1, 1, SECOND_LOOK)
    visit = next_visit(second, ended(second, OutcomeKind.FAILED, Reason.GONE, 410), None, due_at, POLICY)
    assert visit is not None
    last, _ = visit
    assert (last.failed_looks, last.revisit_no, last.article_id) == (2, 2, "a")
    assert next_visit(last, ended(last, OutcomeKind.FAILED, Reason.GONE, 410), None, NOW, POLICY) is None
    assert len({revisit.entry_id, second.entry_id, last.entry_id}) == 3


def test_a_revisit_knows_its_article() -> None:
    outcome = dataclasses.replace(ended(ENTRY, OutcomeKind.PUBLISHED), article_id="a")
    visit = next_visit(ENTRY, outcome, None, NOW, POLICY)
    assert visit is not None
    revisit, due_at = visit
    assert revisit.article_id == "a"
    visit = next_visit(revisit, ended(revisit, OutcomeKind.UNCHANGED), None, due_at, POLICY)
    assert visit is not None
    assert visit[0].article_id == "a"


def test_a_single_run_comes_back_to_nothing() -> None:
    assert next_visit(ENTRY, ended(ENTRY, OutcomeKind.PUBLISHED), None, NOW, SINGLE_RUN) is None
    assert next_visit(ENTRY, ended(ENTRY, OutcomeKind.PUBLISHED, Reason.TIMEOUT), None, NOW, SINGLE_RUN) is None


def test_a_revisit_that_fails_is_no_dead_letter() -> None:
    revisit = dataclasses.replace(ENTRY, origin=Origin.REVISIT)
    outcome, letter = failed(revisit, Stage.FETCH, Reason.NOT_FOUND, "HTTP status 404", NOW, POLICY, status=404)
    assert (outcome.outcome, outcome.is_terminal, letter) == (OutcomeKind.FAILED, True, None)
    outcome, letter = failed(ENTRY, Stage.FETCH, Reason.NOT_FOUND, "HTTP status 404", NOW, POLICY, status=404)
    assert outcome.outcome is OutcomeKind.DEAD
    assert letter is not None
