"""What comes of an entry once all was said of it: as a local run's commit has it, in whatever order it was said."""

import dataclasses
import datetime as dt
import itertools

import pytest

from schemas import ids
from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import Entry, Outcome, Validators, Visit
from transforms.outcomes import of_entry
from transforms.settle import again, joined
from transforms.visits import Policy, Settled, is_decided, settle

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
ENTRY = Entry(
    entry_id=ids.hash_id("one"),
    feed_id="f",
    entry_key="k",
    fingerprint="p",
    change_no=0,
    origin=Origin.FEED,
    observed_at=NOW,
    url="https://outlet.example/1",
)
VALIDATORS = Validators(entry_id=ENTRY.entry_id, etag='"1"', last_modified=None)


def outcome(kind: OutcomeKind, reason: Reason | None = None, *, is_terminal: bool = True) -> Outcome:
    return of_entry(ENTRY, Stage.FETCH, kind, NOW, reason=reason, is_terminal=is_terminal)


def test_what_is_said_of_an_entry_joins_in_any_order() -> None:
    parts = [Visit(entry=ENTRY), Visit(outcome=outcome(OutcomeKind.PUBLISHED)), Visit(validators=VALIDATORS)]
    for ordered in itertools.permutations(parts):
        held = None
        for each in ordered:
            held = joined(held, each)
        assert held == Visit(entry=ENTRY, outcome=outcome(OutcomeKind.PUBLISHED), validators=VALIDATORS)


def test_the_first_outcome_stands() -> None:
    first, second = outcome(OutcomeKind.PUBLISHED), outcome(OutcomeKind.UNCHANGED)
    assert joined(Visit(outcome=first), Visit(outcome=second)).outcome == first


@pytest.mark.parametrize("reason", [Reason.IN_FLIGHT, Reason.OVER_CAP])
def test_a_deferral_decides_nothing_and_comes_again_as_the_same_attempt(reason: Reason) -> None:
    deferred = outcome(OutcomeKind.DEFERRED, reason, is_terminal=False)
    assert not is_decided(deferred)
    found = settle(ENTRY, deferred, None, NOW, Policy())
    assert (found.outcome, found.letter, found.again) == (None, None, (ENTRY, NOW))
    once_more = again(ENTRY, NOW, is_deferred=True)
    assert (once_more.attempt, once_more.deferrals, once_more.not_before) == (1, 1, NOW)


def test_an_end_brings_the_next_visit_with_the_page_s_validators() -> None:
    found = settle(ENTRY, outcome(OutcomeKind.PUBLISHED), VALIDATORS, NOW, Policy())
    assert found.outcome == outcome(OutcomeKind.PUBLISHED)
    assert found.again
    visit, due_at = found.again
    assert (visit.origin, visit.etag) == (Origin.REVISIT, '"1"')
    assert due_at > NOW


def test_an_entry_that_was_lost_is_tried_again_and_then_a_dead_letter() -> None:
    entry = ENTRY
    found = settle(entry, None, None, NOW, Policy())
    while found.again:
        entry = found.again[0]
        found = settle(entry, None, None, NOW, Policy())
    assert found.letter
    assert entry.attempt == 3
    assert found.outcome
    assert (found.outcome.outcome, found.outcome.reason) == (OutcomeKind.DEAD, Reason.BUG)


def test_nobody_looks_at_a_wire_document_again_but_one_that_was_lost_is_taken_again() -> None:
    document = dataclasses.replace(ENTRY, origin=Origin.WIRE, url="")
    ended = outcome(OutcomeKind.PUBLISHED)
    assert settle(document, ended, None, NOW, Policy()) == Settled(outcome=ended)
    assert settle(document, None, None, NOW, Policy()).again == (dataclasses.replace(document, attempt=2), NOW)
