"""poll: from a feed that is due to its new and changed entries.

In: `FeedDue`, a feed with what is remembered of it. Out: `Entry` for each entry that is new or has changed, one `Poll`
that counts them, the `PollState` to remember, and a `DeadLetter` for what could not be used. Times are UTC, durations
seconds. Failures are values: a feed that cannot be had or read gives a failed `Poll`, and its memory stays as it was.

Which entries are the same, and which have changed, is said in `transforms.feeds.identity`; when a feed is due again in
`transforms.schedule`; when entries may have been missed in `transforms.feeds.window`, and how they are looked for in
`transforms.feeds.back`.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import codec, ids
from schemas.enums import PollStatus, Reason, Stage
from schemas.records import DeadLetter, Entry, Feed, FeedDue, Fingerprint, Poll, PollState
from transforms import schedule
from transforms.feeds import back
from transforms.feeds.identity import (
    HALF,
    SeenEntry,
    changes,
    fingerprint,
    recognised,
)
from transforms.feeds.output import PollResult, entry_of, is_usable, moment_of, noted
from transforms.feeds.reading import FeedReading, read_feed
from transforms.feeds.window import Window, compare, last_shown, newest
from transforms.outcomes import DETAIL_LIMIT, RAW_LIMIT_BYTES, Clock, utc_now
from transforms.pool import Pool, Task, TaskFailed
from transforms.schedule import Chance, Limits, Rule, Seen
from transforms.shared import Shared
from transforms.text.feeds import ParsedEntry, ParsedFeed
from transforms.timing import StageTime
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, Request, Response

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"
)
# Entries that left a feed are remembered for as long as it may show them again: feeds that sort by comments or by
# last change do. Three times the feed, and never fewer than these.
GONE_REMEMBERED = 500
GONE_PER_ENTRY = 3
_TIME = StageTime(Stage.POLL)
SILENCE_S = 86_400.0  # a feed that brings nothing gets a row so often, so that its silence is seen


def poll(
    due: FeedDue,
    answer: Response | Failure,
    reading: FeedReading | TaskFailed | None = None,
    *,
    initial: int | None = None,
    duration_s: float = 0.0,
) -> PollResult:
    """Judge what a feed shows against what is remembered of it.

    Args:
        due: the feed and its memory.
        answer: what its server said.
        reading: what the body holds; None if there was nothing to read, see `needs_reading`.
        initial: how many of its newest entries to take at the first sight of a feed, None for all. The others are
            remembered and count as unchanged.
        duration_s: from the request to the parsed entries.

    Returns:
        Entries in the reverse of the feed's order, so that an earlier story comes before a later one. Ids do not
        depend on that order. An entry with neither a link nor any text is a dead letter, once.
    """
    if isinstance(answer, Failure):
        return _failed(due, answer, answer.reason, answer.detail, duration_s)
    if isinstance(reading, TaskFailed):
        return _unread(due, answer, reading, duration_s)
    if reading is None:
        return _nothing_to_read(due, answer, duration_s)
    if reading.feed.problem is Reason.NOT_A_FEED:
        return _failed(due, answer, reading.feed.problem, reading.feed.detail, duration_s)
    return _read(due, answer, reading, initial, duration_s)


def needs_reading(state: PollState, answer: Response | Failure) -> bool:
    """True if `answer` brings a body that is not, byte for byte, the one that was read before (or is distrusted)."""
    if isinstance(answer, Failure) or answer.status == 304:
        return False
    return state.is_distrusted or _body_hash(answer.body) != state.body_hash


def scheduled(
    judged: PollResult,
    due: FeedDue,
    answer: Response | Failure,
    feed: ParsedFeed | None,
    *,
    limits: Limits | None,
    now: dt.datetime,
    chance: Chance,
) -> PollResult:
    """`judged` with the time and the address of the next poll.

    A poll that brought nothing new and in which nothing was wrong gets no row: it is counted in the next one. A feed's
    first poll has one, its recovery from a failure, and one poll a day, so that silence can be seen.

    Args:
        judged: what `poll` said.
        due: the feed and its memory before.
        answer: what its server said.
        feed: what its body said, if it was read.
        limits: between which intervals it is polled; None in a single run, where every poll has its row.
        now: when this is decided.
        chance: randomness.
    """
    before, row, state = due.state, judged.poll, judged.state
    if limits is None:
        row = dataclasses.replace(row, interval_rule=Rule.ONCE, quiet_polls=before.quiet_polls)
        return dataclasses.replace(judged, poll=row, state=dataclasses.replace(state, quiet_polls=0, back=None))
    next_poll = schedule.next_poll(state, _seen(row, answer), limits, now, chance)
    if isinstance(answer, Failure) or row.status is PollStatus.FAILED:
        state = dataclasses.replace(state, url=schedule.address_after_failure(before, row.reason))
    else:
        url, moved_url, moved_since = schedule.address(before, answer.permanent_url, now)
        state = dataclasses.replace(state, url=url, moved_url=moved_url, moved_since=moved_since)
    reads_back = None
    if row.gap and feed and isinstance(answer, Response):
        reads_back = back.start(before, feed, answer.url, next_poll.due_at)
    is_quiet = _is_quiet(before, row, now)
    state = dataclasses.replace(
        state,
        due_at=now if reads_back else next_poll.due_at,
        pace_s=next_poll.pace_s,
        failure_weight=next_poll.failure_weight,
        is_distrusted=schedule.distrusts(chance),
        back=reads_back,
        quiet_polls=before.quiet_polls + 1 if is_quiet else 0,
        row_at=before.row_at if is_quiet else now,
    )
    row = dataclasses.replace(
        row,
        next_interval_s=next_poll.interval_s,
        interval_rule=next_poll.rule,
        quiet_polls=before.quiet_polls,
    )
    return dataclasses.replace(judged, poll=row, state=state, is_told=not is_quiet)


@dataclass
class PollFeeds(beam.PTransform):
    """`poll` over a PCollection of `FeedDue`, and `back.read_back` for those that have an archive to read.

    Main output `entries`: Entry. Tags: `polls`: Poll, `states`: PollState, `dead_letters`: DeadLetter. A feed whose
    answer is not there by the deadline gives nothing: it stays due, its request goes on and is found next time. Every
    other one has its `PollState`, but not every one a `Poll`.

    Args:
        downloads: where the requests run.
        pool: where the bodies are read.
        deadline_s: how long a bundle waits for answers.
        initial: see `poll`.
        limits: see `scheduled`; None for a single run, which reads no archives.
        parse_timeout_s: how long one body may take to read.
        clock: when a poll is judged: from then on counts the time to the next one.
        chance: randomness of the schedule.
    """

    downloads: Shared[Downloads]
    pool: Shared[Pool]
    deadline_s: float
    initial: int | None = None
    limits: Limits | None = None
    parse_timeout_s: float = 20.0
    clock: Clock = utc_now
    chance: Chance = schedule.any_chance

    def expand(self, due: beam.PCollection[FeedDue]) -> Any:
        """Join the DoFn and its outputs."""
        polled = beam.ParDo(_PollFeeds(self)).with_output_types(
            Entry, polls=Poll, states=PollState, dead_letters=DeadLetter
        )
        return due | "PollFeeds" >> polled.with_outputs("polls", "states", "dead_letters", main="entries")


# ── the pure function's parts ──────────────────────────────────────────────────────────────────────────────────────


def _failed(
    due: FeedDue, answer: Response | Failure, reason: Reason, detail: str | None, duration_s: float
) -> PollResult:
    row = Poll(
        feed_id=due.feed.feed_id,
        polled_at=answer.observed_at,
        url=due.feed.url,
        status=PollStatus.FAILED,
        http_status=answer.status,
        reason=reason,
        detail=detail[:DETAIL_LIMIT] if detail else None,
        size_bytes=len(answer.body) if isinstance(answer, Response) else 0,
        duration_s=duration_s,
    )
    state = dataclasses.replace(due.state, polls=due.state.polls + 1, failures=due.state.failures + 1)
    return PollResult(poll=row, state=state)


def _unread(due: FeedDue, answer: Response | Failure, failed: TaskFailed, duration_s: float) -> PollResult:
    """A poll whose body our own code failed on. The body is kept, once for a row of failures."""
    result = _failed(due, answer, failed.reason, failed.detail, duration_s)
    if due.state.failures or isinstance(answer, Failure):
        return result
    letter = _letter(due.feed, failed.reason, failed.detail, answer.body, answer.observed_at)
    return dataclasses.replace(result, dead_letters=(letter,))


def _letter(feed: Feed, reason: Reason, error: str, raw: bytes, died_at: dt.datetime) -> DeadLetter:
    if len(raw) > RAW_LIMIT_BYTES:
        error = f"{error}; the input of {len(raw)} bytes was cut"
    return DeadLetter(
        id=ids.hash_id("dead", Stage.POLL, reason, feed.feed_id, raw),
        stage=Stage.POLL,
        reason=reason,
        died_at=died_at,
        error=error,
        raw=raw[:RAW_LIMIT_BYTES],
        feed_id=feed.feed_id,
    )


def _nothing_to_read(due: FeedDue, answer: Response, duration_s: float) -> PollResult:
    row = Poll(
        feed_id=due.feed.feed_id,
        polled_at=answer.observed_at,
        url=due.feed.url,
        status=PollStatus.NOT_MODIFIED if answer.status == 304 else PollStatus.SAME_BODY,
        http_status=answer.status,
        size_bytes=len(answer.body),
        duration_s=duration_s,
    )
    return PollResult(poll=row, state=_answered(due.state, answer))


def _answered(state: PollState, answer: Response) -> PollState:
    """`state` after an answer that could be used."""
    etag, last_modified = answer.validators(state.etag, state.last_modified)
    return dataclasses.replace(
        state,
        etag=etag,
        last_modified=last_modified,
        body_hash=state.body_hash if answer.status == 304 else _body_hash(answer.body),
        polls=state.polls + 1,
        failures=0,
    )


def _body_hash(body: bytes) -> str:
    return ids.hash_id("body", body)


def _seen(row: Poll, answer: Response | Failure) -> Seen:
    return Seen(
        status=row.status,
        http_status=row.http_status,
        reason=row.reason,
        overlap=row.overlap,
        has_news=row.entries_new + row.entries_changed > 0,
        is_gap=row.gap,
        retry_after_s=answer.retry_after_s if isinstance(answer, Failure) else None,
        headers=answer.headers if isinstance(answer, Response) else {},
    )


def _is_quiet(before: PollState, row: Poll, now: dt.datetime) -> bool:
    if row.status is PollStatus.FAILED or before.failures or before.row_at is None:
        return False
    is_told = row.entries_new or row.entries_changed or row.entries_invalid or row.reason or row.gap
    return not is_told and (now - before.row_at).total_seconds() < SILENCE_S


def _read(due: FeedDue, answer: Response, reading: FeedReading, initial: int | None, duration_s: float) -> PollResult:
    state, parsed = due.state, reading.feed
    known = {seen.entry_key: seen for seen in state.fingerprints}
    usable = [entry for entry in reading.entries if isinstance(entry, SeenEntry) or is_usable(entry)]
    letters = _unusable(due.feed, parsed.entries, answer.observed_at)
    shown = recognised(usable, known)
    read = {key: entry for key, entry in shown.items() if isinstance(entry, ParsedEntry)}
    prints = {key: fingerprint(entry) for key, entry in read.items()}
    found = changes(
        {key: known[key] for key in shown if key in known}, {key: prints[key] for key in read if key in known}
    )
    fresh = {key: entry for key, entry in read.items() if key not in known}
    dates = {key: moment_of(entry.published, due.feed.timezone)[0] for key, entry in read.items()}
    wanted = _newest(fresh, initial) if state.body_hash is None and initial is not None else set(fresh)
    raw = {id(entry): name for entry, name in zip(parsed.entries, reading.raw, strict=False)}

    notes, entries = [], []
    for key in reversed(shown):
        if key not in read:
            notes.append(known[key])
            continue
        note = noted(key, read[key], known.get(key), found, raw.get(id(read[key]), ""))
        notes.append(note)
        if key in found.to_read or key in wanted:
            entries.append(entry_of(due.feed, answer, parsed.language, read[key], note))
    unusable = [Fingerprint(entry_key=letter, content="") for letter in letters]

    texts = {content[:HALF] for key, content in prints.items() if key in fresh}
    window = Window(keys=list(shown), dates=[date for date in dates.values() if date], texts=texts)
    gap, slides = compare(state, window)
    row = Poll(
        feed_id=due.feed.feed_id,
        polled_at=answer.observed_at,
        url=due.feed.url,
        status=PollStatus.OK,
        http_status=answer.status,
        reason=parsed.problem,
        detail=parsed.detail[:DETAIL_LIMIT] if parsed.detail else None,
        format=parsed.format,
        size_bytes=len(answer.body),
        entries_seen=len(reading.entries),
        entries_new=len(wanted),
        entries_changed=len(found.to_read),
        # also an entry that the body shows twice, and what was not asked for at first sight
        entries_unchanged=len(usable) - len(wanted) - len(found.to_read),
        entries_invalid=len(reading.entries) - len(usable),
        overlap=1 - len(fresh) / len(shown) if shown else None,
        gap=gap,
        duration_s=duration_s,
    )
    newest_at = newest(dates, answer.observed_at)
    after = dataclasses.replace(
        _answered(state, answer),
        fingerprints=(*_gone(state, {*shown, *letters}, len(reading.entries)), *unusable, *notes),
        window=len(notes),
        slides=slides,
        newest_at=max(state.newest_at or newest_at, newest_at) if newest_at else state.newest_at,
        ttl_minutes=parsed.ttl_minutes,
        skip_hours=parsed.skip_hours,
        skip_days=parsed.skip_days,
    )
    return PollResult(
        poll=row,
        state=after,
        entries=tuple(entries),
        dead_letters=tuple(letter for letter in letters.values() if letter.id not in known),
    )


def _unusable(feed: Feed, entries: Sequence[ParsedEntry], at: dt.datetime) -> dict[str, DeadLetter]:
    error = "an entry without a link and without text"
    letters = (
        _letter(feed, Reason.NO_LINK, error, codec.encode(entry), at) for entry in entries if not is_usable(entry)
    )
    return {letter.id: letter for letter in letters}


def _newest(entries: Mapping[str, ParsedEntry], count: int) -> set[str]:
    """The `count` newest keys by date of publication; without dates, the first in the feed."""
    order = sorted(entries, key=lambda key: moment_of(entries[key].published, None)[0] or ids.EPOCH, reverse=True)
    return set(order[:count])


def _gone(state: PollState, shown: Collection[str], entries: int) -> Iterator[Fingerprint]:
    """What is still remembered of entries that the feed no longer shows, the latest sight last."""
    gone = [seen for seen in state.fingerprints if seen.entry_key not in shown]
    for seen in gone[-max(GONE_REMEMBERED, GONE_PER_ENTRY * entries) :]:
        yield dataclasses.replace(seen, raw="") if seen.raw else seen


# ── the DoFn ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Waiting:
    """A feed whose request is under way."""

    due: FeedDue
    timestamp: Timestamp
    started_at: dt.datetime

    @property
    def key(self) -> str:
        """Under which the download runs."""
        archive = self.due.state.back
        return f"archive {self.due.feed.feed_id} {archive.urls[0]}" if archive else f"feed {self.due.feed.feed_id}"


class _PollFeeds(beam.DoFn):
    """Starts a request per feed, and at the bundle's end judges those that are answered."""

    def __init__(self, settings: PollFeeds) -> None:
        self._shared_downloads = settings.downloads
        self._shared_pool = settings.pool
        self._deadline_s = settings.deadline_s
        self._initial = settings.initial
        self._limits = settings.limits
        self._parse_timeout_s = settings.parse_timeout_s
        self._clock = settings.clock
        self._chance = settings.chance

    def setup(self) -> None:
        self._downloads = self._shared_downloads.get()
        self._pool = self._shared_pool.get()

    def start_bundle(self) -> None:
        self._waiting: list[_Waiting] = []

    def process(self, due: FeedDue, timestamp: Timestamp = beam.DoFn.TimestampParam) -> None:
        if self._limits is None and due.state.back:
            due = dataclasses.replace(due, state=dataclasses.replace(due.state, back=None))
        waiting = _Waiting(due, timestamp, self._clock())
        self._downloads.start(waiting.key, _request(due))
        self._waiting.append(waiting)

    def finish_bundle(self) -> Iterator[Any]:
        with _TIME.measured():
            answers = self._downloads.take([one.key for one in self._waiting], self._deadline_s)
        answered = [(one, answers[one.key]) for one in self._waiting if one.key in answers]
        # All bodies are given to the pool before the first result is waited for.
        readings = [self._reading(one.due, answer) for one, answer in answered]
        for (one, answer), reading in zip(answered, readings, strict=True):
            result = reading.result() if reading else None
            _TIME.add(reading.cpu_s if reading else 0.0)
            yield from _outputs(self._judge(one, answer, result), one.timestamp)

    def _reading(self, due: FeedDue, answer: Response | Failure) -> Task[Any] | None:
        state = due.state
        if isinstance(answer, Failure) or not (state.back or needs_reading(state, answer)):
            return None
        body = (answer.body, answer.headers.get("content-type"), answer.url)
        if state.back:
            return self._pool.submit(back.parse_archive, *body, timeout_s=self._parse_timeout_s)
        known = {} if state.is_distrusted else {seen.raw: seen.entry_key for seen in last_shown(state) if seen.raw}
        return self._pool.submit(read_feed, *body, known, timeout_s=self._parse_timeout_s)

    def _judge(self, one: _Waiting, answer: Response | Failure, read: Any) -> PollResult:
        due, now = one.due, self._clock()
        duration_s = (now - one.started_at).total_seconds()
        feed = read.feed if isinstance(read, FeedReading) else None
        try:
            if due.state.back:
                return back.read_back(due, answer, read, now)
            judged = poll(due, answer, read, initial=self._initial, duration_s=duration_s)
        except Exception as error:  # noqa: BLE001  # a fault of ours costs this feed, never the cycle
            failed = TaskFailed(Reason.BUG, f"{type(error).__name__}: {error}")
            judged, feed = _unread(due, answer, failed, duration_s), None
        return scheduled(judged, due, answer, feed, limits=self._limits, now=now, chance=self._chance)


def _request(due: FeedDue) -> Request:
    """The request for a feed, or for the next document of its archive, which is a page like others to robots.txt."""
    state = due.state
    if state.back:
        url = back.authorized(state.back.urls[0], due.request_url)
        return Request(url=url, accept=ACCEPT)
    return Request(
        url=back.authorized(state.url, due.request_url) if state.url else due.request_url,
        accept=ACCEPT,
        etag=None if state.is_distrusted else state.etag,
        last_modified=None if state.is_distrusted else state.last_modified,
        obeys_robots=False,
    )


def _outputs(result: PollResult, timestamp: Timestamp) -> Iterator[WindowedValue | TaggedOutput]:
    def at_global_window(record: object) -> WindowedValue:
        return WindowedValue(record, timestamp, (GlobalWindow(),))

    for entry in result.entries:
        yield at_global_window(entry)
    for letter in result.dead_letters:
        yield TaggedOutput("dead_letters", at_global_window(letter))
    if result.is_told:
        yield TaggedOutput("polls", at_global_window(result.poll))
    yield TaggedOutput("states", at_global_window(result.state))
