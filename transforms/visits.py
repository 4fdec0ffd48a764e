"""When a page is looked at again: retries of what failed, and revisits of what was published.

Pure functions over an entry and what became of it. Jitter is drawn from a hash of the entry's id, so that the same
attempt always gives the same time, and a thousand entries that failed together do not come back together.
"""

import dataclasses
import datetime as dt
from dataclasses import dataclass

from schemas import ids
from schemas.enums import Availability, Origin, OutcomeKind, Reason, Stage
from schemas.records import DeadLetter, Entry, Outcome, Page, Validators
from transforms import outcomes

# What may well work the next time. Everything else is the page's or the site's own answer.
TRANSIENT = frozenset(
    {
        Reason.DNS,
        Reason.CONNECT,
        Reason.TIMEOUT,
        Reason.DISCONNECTED,
        Reason.NOT_HTTP,
        Reason.RATE_LIMITED,
        Reason.ROBOTS_UNREACHABLE,
    }
)
TRANSIENT_STATUS = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})  # of http_error
TRIES = 6
FIRST_DELAY = dt.timedelta(minutes=2)
GROWTH = 4.8  # six tries: after 2, 10, 46, 221 and 1,062 minutes, within a day
JITTER = 0.2  # of a delay, either way
REVISITS = (
    dt.timedelta(hours=3),
    dt.timedelta(hours=24),
)  # after an article was published: most silent edits are early
# What a published page that brings this has become, once a second look has found the same.
UNAVAILABLE = {
    Reason.NOT_FOUND: Availability.GONE,
    Reason.GONE: Availability.GONE,
    Reason.FORBIDDEN: Availability.BLOCKED,
    Reason.ROBOTS: Availability.BLOCKED,
}
UNACCOUNTED_TRIES = 3  # attempts after which an entry that the graph lost without a word is a dead letter
LOOKS = 2  # that must fail: deployments and firewalls answer 404 and 403 for minutes
SECOND_LOOK = dt.timedelta(hours=1)  # after the first


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a page is asked for.

    Args:
        tries: attempts at a page that fails transiently; 1 for a single run, which waits for nothing.
        revisits: ages at which a published page is looked at again.
    """

    tries: int = TRIES
    revisits: tuple[dt.timedelta, ...] = REVISITS


SINGLE_RUN = Policy(tries=1, revisits=())


def is_transient(reason: Reason | None, status: int | None) -> bool:
    """Whether what failed may well work the next time."""
    return reason in TRANSIENT or (reason is Reason.HTTP_ERROR and status in TRANSIENT_STATUS)


def retry_at(
    entry: Entry,
    reason: Reason | None,
    status: int | None,
    now: dt.datetime,
    policy: Policy,
    retry_after_s: float | None = None,
) -> dt.datetime | None:
    """When to try a failed page again; None if the failure is final, or it was the last try.

    Args:
        entry: the entry whose `attempt` failed.
        reason: why.
        status: the HTTP status, if there was one.
        now: when it failed.
        policy: how many tries there are.
        retry_after_s: what the server asked for, in seconds; it counts where it is longer.
    """
    tries = entry.attempt - entry.attempts_before
    if tries >= policy.tries or not is_transient(reason, status):
        return None
    delay = FIRST_DELAY * GROWTH ** (tries - 1)
    draw = int(ids.hash_id("jitter", entry.entry_id, str(entry.attempt))[:8], 16) / 0xFFFFFFFF
    delay *= 1 - JITTER + 2 * JITTER * draw
    return now + max(delay, dt.timedelta(seconds=retry_after_s or 0))


def failed(
    record: Entry | Page,
    stage: Stage,
    reason: Reason,
    detail: str,
    now: dt.datetime,
    policy: Policy,
    *,
    status: int | None = None,
    retry_after_s: float | None = None,
) -> tuple[Outcome, DeadLetter | None]:
    """The outcome of an entry from which `stage` got nothing: tried again, or a dead letter, or a revisit's end."""
    entry = record if isinstance(record, Entry) else record.entry
    due_at = retry_at(entry, reason, status, now, policy, retry_after_s)
    if due_at is None and entry.origin is not Origin.REVISIT:
        return outcomes.dead(record, stage, reason, detail, now, status)
    outcome = outcomes.of_entry(
        entry,
        stage,
        OutcomeKind.FAILED,
        now,
        is_terminal=due_at is None,
        reason=reason,
        detail=detail,
        http_status=status,
        retry_at=due_at,
    )
    return outcome, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What becomes of an entry after an attempt at it.

    Args:
        outcome: the attempt's row in the ledger; None if nothing was decided: the entry waited for its download, or for
            a place in a bundle.
        letter: the dead letter of an entry that no stage said anything of.
        again: the entry that comes next, if one does, and when it is due.
    """

    outcome: Outcome | None = None
    letter: DeadLetter | None = None
    again: tuple[Entry, dt.datetime] | None = None


def settle(
    entry: Entry, outcome: Outcome | None, validators: Validators | None, now: dt.datetime, policy: Policy
) -> Settled:
    """What becomes of `entry`.

    Args:
        entry: as it was taken up.
        outcome: what the stages said of this attempt; None if they lost it.
        validators: of its page, if its server gave any.
        now: when all that they could say was there.
        policy: which visits there are.
    """
    if outcome is None:
        # A backfill's record is not in the queue, from where it could be taken again: its dead letter is.
        if entry.attempt < UNACCOUNTED_TRIES and entry.origin is not Origin.BACKFILL:
            return Settled(again=(dataclasses.replace(entry, attempt=entry.attempt + 1), now))
        row, letter = outcomes.bug(entry, Stage.WRITE, RuntimeError("no stage gave it an outcome"), now)
        return Settled(outcome=row, letter=letter)
    if outcome.is_terminal:
        return Settled(outcome=outcome, again=next_visit(entry, outcome, validators, now, policy))
    if not is_decided(outcome):
        return Settled(again=(entry, now))
    again = dataclasses.replace(entry, attempt=entry.attempt + 1)
    return Settled(outcome=outcome, again=(again, outcome.retry_at or now))


def is_decided(outcome: Outcome) -> bool:
    """Whether an outcome belongs in the ledger: it says more than that the entry's turn is still to come."""
    return outcome.is_terminal or outcome.reason not in {Reason.IN_FLIGHT, Reason.OVER_CAP}


def next_visit(
    entry: Entry, outcome: Outcome, validators: Validators | None, now: dt.datetime, policy: Policy
) -> tuple[Entry, dt.datetime] | None:
    """The entry that looks at the page again, and when it is due; None if nobody will.

    Args:
        entry: an entry that has come to its end.
        outcome: that end.
        validators: of the page, if its server gave any.
        now: when it ended.
        policy: which visits there are.

    Returns:
        After a feed's text was taken for want of the page: a retry, while there are tries left. After a page was read
        or found unchanged: the next revisit. After a revisit found the page gone or blocked: a second look, and then
        the next revisit, which may find it again. Each has an id of its own, derived from the entry's. Nobody looks
        again at what has no address: the next version of a wire document comes by itself.
    """
    again = dataclasses.replace(entry, entry_id=ids.hash_id("visit", entry.entry_id))
    if outcome.outcome in {OutcomeKind.FAILED, OutcomeKind.DEAD}:
        if entry.origin is not Origin.REVISIT or outcome.reason not in UNAVAILABLE:
            return None
        looks = entry.failed_looks + 1
        if looks < LOOKS:
            return dataclasses.replace(again, attempt=1, attempts_before=0, failed_looks=looks), now + SECOND_LOOK
        return _next_revisit(dataclasses.replace(again, failed_looks=looks), now, policy)
    if is_transient(outcome.reason, outcome.http_status):
        due_at = retry_at(entry, outcome.reason, outcome.http_status, now, policy)
        retry = dataclasses.replace(again, origin=Origin.RETRY, attempt=entry.attempt + 1)
        return (retry, due_at) if due_at else None
    if outcome.reason is not None or not entry.url:
        return None
    known = dataclasses.replace(
        again,
        article_id=outcome.article_id or entry.article_id,
        failed_looks=0,
        etag=validators.etag if validators else None,
        last_modified=validators.last_modified if validators else None,
    )
    return _next_revisit(known, now, policy)


def _next_revisit(entry: Entry, now: dt.datetime, policy: Policy) -> tuple[Entry, dt.datetime] | None:
    if entry.revisit_no >= len(policy.revisits):
        return None
    ages = (dt.timedelta(), *policy.revisits)
    revisit = dataclasses.replace(
        entry, origin=Origin.REVISIT, attempt=1, attempts_before=0, revisit_no=entry.revisit_no + 1
    )
    return revisit, now + ages[entry.revisit_no + 1] - ages[entry.revisit_no]
