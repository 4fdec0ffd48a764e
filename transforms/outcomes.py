"""What every stage says of a record that goes no further: an outcome, and for a fault of our own a dead letter.

Exactly one terminal `Outcome` is written for each entry that left poll; each stage asserts its share by construction:
a record either goes on or ends in one of these.
"""

import dataclasses
import datetime as dt
import traceback
from collections.abc import Callable

from schemas import codec, ids
from schemas.enums import OutcomeKind, Reason, Stage
from schemas.records import Capture, DeadLetter, Entry, Outcome, Page

Clock = Callable[[], dt.datetime]

RAW_LIMIT_BYTES = 1_000_000  # of a dead letter's input; a longer one is cut, and its error says so
DETAIL_LIMIT = 500  # characters of an error's words in a row


def utc_now() -> dt.datetime:
    """The wall clock: an aware datetime in UTC."""
    return dt.datetime.now(dt.UTC)


def of_entry(
    entry: Entry,
    stage: Stage,
    outcome: OutcomeKind,
    decided_at: dt.datetime,
    *,
    is_terminal: bool = True,
    reason: Reason | None = None,
    detail: str | None = None,
    http_status: int | None = None,
    retry_at: dt.datetime | None = None,
) -> Outcome:
    """The outcome of an attempt at `entry` that ended before its article was known."""
    return Outcome(
        entry_id=entry.entry_id,
        attempt=entry.attempt,
        origin=entry.origin,
        stage=stage,
        outcome=outcome,
        is_terminal=is_terminal,
        decided_at=decided_at,
        reason=reason,
        detail=detail[:DETAIL_LIMIT] if detail else None,
        http_status=http_status,
        retry_at=retry_at,
        feed_id=entry.feed_id,
        guid=entry.guid,
        url=entry.url or None,
        title=entry.title or None,
        article_id=entry.article_id,
    )


def of_capture(capture: Capture, stage: Stage, outcome: OutcomeKind, decided_at: dt.datetime) -> Outcome:
    """The terminal outcome of the entry behind `capture`."""
    article = capture.article
    return Outcome(
        entry_id=capture.entry_id,
        attempt=capture.attempt,
        origin=capture.origin,
        stage=stage,
        outcome=outcome,
        is_terminal=True,
        decided_at=decided_at,
        reason=capture.reason,
        detail=capture.detail[:DETAIL_LIMIT] if capture.detail else None,
        http_status=capture.http_status,
        feed_id=article.feed_id,
        guid=article.guid,
        url=capture.entry_url or article.url or None,
        title=capture.entry_title or article.title or None,
        article_id=article.article_id,
        capture_id=article.capture_id,
    )


def bug(
    record: Entry | Page | Capture, stage: Stage, error: BaseException, decided_at: dt.datetime
) -> tuple[Outcome, DeadLetter]:
    """What is left of a record on which our own code failed: it costs that record, never the cycle."""
    words = "".join(traceback.format_exception_only(error)).strip()
    where = traceback.extract_tb(error.__traceback__)[-1:]
    detail = f"{words} ({where[0].name}, line {where[0].lineno})" if where else words
    return dead(record, stage, Reason.BUG, detail, decided_at)


def dead(
    record: Entry | Page | Capture,
    stage: Stage,
    reason: Reason,
    detail: str,
    decided_at: dt.datetime,
    http_status: int | None = None,
) -> tuple[Outcome, DeadLetter]:
    """The end of a record that is put aside, with all that is needed to put it back into its stage."""
    if isinstance(record, Capture):
        outcome = of_capture(record, stage, OutcomeKind.DEAD, decided_at)
        feed_id = record.article.feed_id
    else:
        entry = record if isinstance(record, Entry) else record.entry
        outcome = of_entry(entry, stage, OutcomeKind.DEAD, decided_at, http_status=http_status)
        feed_id = entry.feed_id
    outcome = dataclasses.replace(outcome, reason=reason, detail=detail[:DETAIL_LIMIT])
    raw = codec.encode(record)
    if len(raw) > RAW_LIMIT_BYTES:
        detail = f"{detail}; the input of {len(raw)} bytes was cut"
    letter = DeadLetter(
        id=ids.hash_id("dead", stage, reason, raw),
        stage=stage,
        reason=reason,
        died_at=decided_at,
        error=detail,
        raw=raw[:RAW_LIMIT_BYTES],
        tries=outcome.attempt,
        entry_id=outcome.entry_id,
        feed_id=feed_id,
    )
    return outcome, letter
