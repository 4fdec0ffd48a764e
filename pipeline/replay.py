"""replay: dead letters back into the graph, beside a live run.

A dead letter holds the input of the stage that failed on it. Replayed, its entry stands in the queue again, due now,
under its own id and as its next attempt, with origin `replay`: the ledger then ends with what becomes of it, and keeps
what went before. The record itself, if it had become more than an entry, waits in table `replays`, from where the run
takes it up at its own stage instead of fetching the page once more.
"""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pipeline.held import entry_of, forget_held, held_record, hold
from pipeline.ledger import Ledger
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME, State, host_of
from schemas import codec, ids
from schemas.enums import Origin, OutcomeKind, Reason, Stage
from schemas.records import Capture, DeadLetter, Entry, Feed, Outcome, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A dead letter that was left where it is."""

    letter_id: str
    stage: Stage
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was done, or with a dry run what would be."""

    entries: tuple[Entry, ...] = ()
    left: tuple[Left, ...] = ()


def replay(
    folder: Path,
    now: dt.datetime,
    *,
    stage: Stage | None = None,
    reason: Reason | None = None,
    since: dt.datetime | None = None,
    is_dry: bool = False,
) -> Replayed:
    """Put the dead letters of a data directory back into its queue, in one transaction.

    Left where they are: those of poll, since each poll reads its feed anew; those that were cut or cannot be read; and
    those whose entry waits already, or has come to another end since.

    Args:
        folder: the data directory.
        now: when they are due.
        stage: only those that this stage put aside.
        reason: only those put aside for this reason.
        since: only those put aside since then.
        is_dry: only say what would be done.

    Raises:
        LedgerError: nothing is there to read.
        StateError: the state file cannot be used.
    """
    entries, held, left = _parted(folder, stage, reason, since)
    if entries and not is_dry:
        _put_back(folder, entries, held, now)
    return Replayed(entries=tuple(entries.values()), left=tuple(left))


def replayable(folder: Path) -> list[Entry | Page | Capture]:
    """The records of all dead letters that can be put back, as their next attempt, in order of their entries.

    Raises:
        LedgerError: nothing is there to read.
    """
    entries, held, _ = _parted(folder, None, None, None)
    return [held_record(entry, *held[entry_id]) if entry_id in held else entry for entry_id, entry in entries.items()]


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _parted(
    folder: Path, stage: Stage | None, reason: Reason | None, since: dt.datetime | None
) -> tuple[dict[str, Entry], dict[str, tuple[str, bytes]], list[Left]]:
    """The entries to put back, the records that are held for them as kind and msgpack, and the letters left."""
    with Ledger(folder) as ledger:
        letters = _letters(ledger, stage, reason, since)
        feeds = {known.record.feed_id: known.record for known in ledger.rows(Feed)}
        waiting = {one.entry.entry_id for one in ledger.queue()}
        outcomes = _newest_outcomes(ledger, [letter.entry_id for letter in letters if letter.entry_id])
    entries: dict[str, Entry] = {}
    held: dict[str, tuple[str, bytes]] = {}
    left = []
    for letter in letters:
        record = _record(letter)
        entry_id = letter.entry_id or ""
        newest = outcomes.get(entry_id)
        if isinstance(record, str):
            why = record
        elif entry_id in waiting:
            why = "its entry waits for its next attempt already"
        elif newest and newest.outcome is not OutcomeKind.DEAD:
            why = f"its entry has ended since: {newest.outcome}"
        else:
            # Of several letters of one entry the newest stands: they are in order of time.
            attempt = max(newest.attempt if newest else 0, letter.tries) + 1
            entries[entry_id] = replace(
                entry_of(record, feeds), origin=Origin.REPLAY, attempt=attempt, attempts_before=attempt - 1
            )
            held.pop(entry_id, None)
            if not isinstance(record, Entry):
                held[entry_id] = ("page" if isinstance(record, Page) else "capture", letter.raw)
            continue
        left.append(Left(letter_id=letter.id, stage=letter.stage, reason=letter.reason, why=why))
    return entries, held, left


def _letters(ledger: Ledger, stage: Stage | None, reason: Reason | None, since: dt.datetime | None) -> list[DeadLetter]:
    conditions = [("stage = ?", stage), ("reason = ?", reason), ("died_at >= ?", since)]
    given = [(condition, value) for condition, value in conditions if value is not None]
    where = " AND ".join(condition for condition, _ in given) or "true"
    values = [str(value) if isinstance(value, Stage | Reason) else value for _, value in given]
    return [known.record for known in ledger.rows(DeadLetter, where, values)]


def _newest_outcomes(ledger: Ledger, entry_ids: Sequence[str]) -> dict[str, Outcome]:
    rows = ledger.rows(Outcome, "list_contains($entry_ids, entry_id)", {"entry_ids": list(entry_ids)})
    return {one.entry_id: one for one in sorted((known.record for known in rows), key=_attempt)}


def _attempt(outcome: Outcome) -> int:
    return outcome.attempt


def _record(letter: DeadLetter) -> Entry | Page | Capture | str:
    """What the letter holds, or why it cannot be replayed."""
    if letter.stage is Stage.POLL or not letter.entry_id:
        return "it had not become an entry: each poll reads its feed anew"
    try:
        names = codec.decode(letter.raw, dict)
        if "article" in names:
            return codec.decode(letter.raw, Capture)
        return codec.decode(letter.raw, Page) if "entry" in names else codec.decode(letter.raw, Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "its input was cut" if "was cut" in letter.error else f"its input cannot be read: {error}"


def _put_back(
    folder: Path, entries: Mapping[str, Entry], held: Mapping[str, tuple[str, bytes]], now: dt.datetime
) -> None:
    State(folder).close()  # makes the file if there is only a warehouse
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as state:
        state.execute("BEGIN IMMEDIATE")
        try:
            forget_held(state)
            state.executemany(
                "INSERT OR IGNORE INTO queue (entry_id, host, due_at, is_revisit, entry) VALUES (?, ?, ?, 0, ?)",
                [
                    (entry_id, host_of(entry.url), ids.micros(now), codec.encode(entry))
                    for entry_id, entry in entries.items()
                ],
            )
            hold(state, held)
        except BaseException:
            state.execute("ROLLBACK")
            raise
        state.execute("COMMIT")
