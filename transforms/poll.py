"""poll: from a feed that is due to its new and changed entries.

In: `FeedDue`, a feed with what is remembered of it. Out: `Entry` for each entry that is new or has changed, one `Poll`
that counts them, the `PollState` to remember, and a `DeadLetter` for what could not be used. Times are UTC, durations
seconds. Failures are values: a feed that cannot be had or read gives a failed `Poll`, and its memory stays as it was.

What makes an entry *the same*: its guid, else its link without tracking parameters, else a hash of its text. A guid
that one body uses for several links is no identity; there the link counts as well (and the title, for links).

What makes it *changed*: title, summary or the text of its content, white space folded; markup and addresses do not
count. A date of change that is stated beside the date of publication counts too, since most feeds carry no body and an
edit shows nowhere else. But some feeds write all their dates anew at every poll: when more than half of the known
entries (and at least three) differ in that date alone, the dates are remembered and nobody is troubled.
"""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag
from zoneinfo import ZoneInfo

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import codec, ids
from schemas.enums import Origin, PollStatus, Reason, Stage, Zone
from schemas.records import DeadLetter, Entry, Feed, FeedDue, Fingerprint, Poll, PollState
from transforms.outcomes import DETAIL_LIMIT, RAW_LIMIT_BYTES, Clock, utc_now
from transforms.pool import Pool, Task, TaskFailed
from transforms.shared import Shared
from transforms.text import urls
from transforms.text.feeds import ParsedEntry, ParsedFeed, parse_feed
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
REWRITTEN_FROM = 3  # entries; fewer that change their dates together may well have been edited together
KEY_LIMIT = 200  # characters of an entry's key; a longer one is hashed
_HALF = 16  # digits of a fingerprint that stand for the text: 64 bits, to tell the versions of one entry apart
VALIDATOR_LIMIT = 1_000  # characters of an ETag or a Last-Modified worth sending back


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What one poll gives: entries oldest first, as far as the feed's order says."""

    poll: Poll
    state: PollState
    entries: tuple[Entry, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()


def poll(
    due: FeedDue,
    answer: Response | Failure,
    parsed: ParsedFeed | TaskFailed | None = None,
    *,
    initial: int | None = None,
    duration_s: float = 0.0,
) -> PollResult:
    """Judge what a feed shows against what is remembered of it.

    Args:
        due: the feed and its memory.
        answer: what its server said.
        parsed: what the body holds; None if there was nothing to read, see `needs_reading`.
        initial: how many of its newest entries to take at the first sight of a feed, None for all. The others are
            remembered and count as unchanged.
        duration_s: from the request to the parsed entries.

    Returns:
        Entries in the reverse of the feed's order, so that an earlier story comes before a later one. Ids do not
        depend on that order. An entry with neither a link nor any text is a dead letter, once.
    """
    if isinstance(answer, Failure):
        return _failed(due, answer, answer.reason, answer.detail, duration_s)
    if isinstance(parsed, TaskFailed):
        return _unread(due, answer, parsed, duration_s)
    if parsed is None:
        return _nothing_to_read(due, answer, duration_s)
    if parsed.problem is Reason.NOT_A_FEED:
        return _failed(due, answer, parsed.problem, parsed.detail, duration_s)
    return _read(due, answer, parsed, initial, duration_s)


def needs_reading(state: PollState, answer: Response | Failure) -> bool:
    """True if `answer` brings a body that is not, byte for byte, the one that was read before."""
    return isinstance(answer, Response) and answer.status != 304 and _body_hash(answer.body) != state.body_hash


def fingerprint(entry: ParsedEntry) -> str:
    """What an entry says, as 32 hexadecimal digits: the first half of its text, the second of its date of change."""
    changed = entry.modified.isoformat() if entry.modified else entry.modified_raw
    return entry.content_hash[:_HALF] + ids.hash_id("changed", changed or "")[:_HALF]


@dataclass
class PollFeeds(beam.PTransform):
    """`poll` over a PCollection of `FeedDue`.

    Main output `entries`: Entry. Tags: `polls`: Poll, `states`: PollState, `dead_letters`: DeadLetter. A feed whose
    answer is not there by the deadline gives nothing: it stays due, its request goes on and is found next time.

    Args:
        downloads: where the requests run.
        pool: where the bodies are read.
        deadline_s: how long a bundle waits for answers.
        initial: see `poll`.
        parse_timeout_s: how long one body may take to read.
        clock: measures a poll's duration, and nothing else.
    """

    downloads: Shared[Downloads]
    pool: Shared[Pool]
    deadline_s: float
    initial: int | None = None
    parse_timeout_s: float = 20.0
    clock: Clock = utc_now

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
    """`state` after an answer that could be used. A 304 may leave the validators out, a 200 without them ends them."""
    is_same = answer.status == 304
    etag = answer.headers.get("etag") or (state.etag if is_same else None)
    last_modified = answer.headers.get("last-modified") or (state.last_modified if is_same else None)
    return dataclasses.replace(
        state,
        etag=etag if etag and len(etag) <= VALIDATOR_LIMIT else None,
        last_modified=last_modified if last_modified and len(last_modified) <= VALIDATOR_LIMIT else None,
        body_hash=state.body_hash if is_same else _body_hash(answer.body),
        polls=state.polls + 1,
        failures=0,
    )


def _body_hash(body: bytes) -> str:
    return ids.hash_id("body", body)


def _read(due: FeedDue, answer: Response, parsed: ParsedFeed, initial: int | None, duration_s: float) -> PollResult:
    known = {seen.entry_key: seen for seen in due.state.fingerprints}
    usable = [entry for entry in parsed.entries if _is_usable(entry)]
    letters = _unusable(due.feed, parsed.entries, answer.observed_at)
    shown = _by_key(usable, known)
    prints = {key: fingerprint(entry) for key, entry in shown.items()}
    changed = _changed({key: (known[key].content, prints[key]) for key in shown if key in known})
    fresh = {key: entry for key, entry in shown.items() if key not in known}
    is_first_sight = due.state.body_hash is None
    wanted = _newest(fresh, initial) if is_first_sight and initial is not None else set(fresh)

    sights, entries = [], []
    for key in reversed(shown):
        change_no = known[key].change_no + (key in changed) if key in known else 0
        sight = Fingerprint(entry_key=key, content=prints[key], change_no=change_no)
        sights.append(sight)
        if key in changed or key in wanted:
            entries.append(_entry(due.feed, answer, parsed.language, shown[key], sight))
    sights += [Fingerprint(entry_key=letter, content="") for letter in letters]

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
        entries_seen=len(parsed.entries),
        entries_new=len(wanted),
        entries_changed=len(changed),
        # also an entry that the body shows twice, and what was not asked for at first sight
        entries_unchanged=len(usable) - len(wanted) - len(changed),
        entries_invalid=len(parsed.entries) - len(usable),
        overlap=1 - len(fresh) / len(shown) if shown else None,
        duration_s=duration_s,
    )
    fingerprints = (*_gone(due.state, sights, len(parsed.entries)), *sights)
    return PollResult(
        poll=row,
        state=dataclasses.replace(_answered(due.state, answer), fingerprints=fingerprints),
        entries=tuple(entries),
        dead_letters=tuple(letter for letter in letters.values() if letter.id not in known),
    )


def _is_usable(entry: ParsedEntry) -> bool:
    return bool(entry.url or entry.title or entry.summary or entry.content)


def _unusable(feed: Feed, entries: Sequence[ParsedEntry], at: dt.datetime) -> dict[str, DeadLetter]:
    error = "an entry without a link and without text"
    letters = (
        _letter(feed, Reason.NO_LINK, error, codec.encode(entry), at) for entry in entries if not _is_usable(entry)
    )
    return {letter.id: letter for letter in letters}


def _by_key(entries: Sequence[ParsedEntry], known: Mapping[str, Fingerprint]) -> dict[str, ParsedEntry]:
    """The entries under their keys, in the feed's order; of several versions of one entry the latest stands."""
    latest: dict[str, ParsedEntry] = {}
    for entry in entries:
        narrow = _narrow_key(entry)
        latest[narrow] = max(latest.get(narrow, entry), entry, key=_version)
    sharing = Counter(_key(entry) for entry in latest.values())
    # One entry was known by its plain key before others came to share it: the one whose text is still the same.
    heirs: dict[str, str] = {}
    for narrow, entry in latest.items():
        key = _key(entry)
        if narrow not in known and key in known and known[key].content[:_HALF] == entry.content_hash[:_HALF]:
            heirs[key] = min(narrow, heirs.get(key, narrow))
    shown: dict[str, ParsedEntry] = {}
    for narrow, entry in latest.items():
        key = _key(entry)
        is_plain = narrow not in known and (sharing[key] == 1 or heirs.get(key) == narrow)
        shown[key if is_plain else narrow] = entry
    return shown


def _key(entry: ParsedEntry) -> str:
    if entry.guid:
        return _bounded(entry.guid)
    if entry.url:
        # A fragment tells the entries of a live blog apart.
        return _bounded(f"{urls.identity(entry.url)}#{urldefrag(entry.url).fragment}".removesuffix("#"))
    return ids.hash_id("entry", entry.title, entry.summary or entry.content)


def _narrow_key(entry: ParsedEntry) -> str:
    """The key of an entry that shares its plain key with others in the same body."""
    return ids.hash_id("entry", _key(entry), urls.identity(entry.url) if entry.guid else entry.title)


def _bounded(key: str) -> str:
    return key if len(key) <= KEY_LIMIT else ids.hash_id("key", key)


def _version(entry: ParsedEntry) -> tuple[str, str]:
    """What orders the versions of one entry: the date of change as far as it is known, then anything fixed."""
    changed = entry.modified or entry.published
    return (changed.isoformat() if changed else "", fingerprint(entry))


def _changed(pairs: Mapping[str, tuple[str, str]]) -> set[str]:
    """The keys whose fingerprint (before, now) says that there is something new to read."""
    text = {key for key, (before, now) in pairs.items() if before[:_HALF] != now[:_HALF]}
    dates = {key for key, (before, now) in pairs.items() if before != now} - text
    are_rewritten = len(dates) >= REWRITTEN_FROM and 2 * len(dates) > len(pairs)
    return text if are_rewritten else text | dates


def _newest(entries: Mapping[str, ParsedEntry], count: int) -> set[str]:
    """The `count` newest keys by date of publication; without dates, the first in the feed."""
    order = sorted(entries, key=lambda key: _moment(entries[key].published, None)[0] or ids.EPOCH, reverse=True)
    return set(order[:count])


def _gone(state: PollState, sights: Sequence[Fingerprint], entries: int) -> Sequence[Fingerprint]:
    """What is still remembered of entries that the feed no longer shows, the latest sight last."""
    shown = {sight.entry_key for sight in sights}
    gone = [seen for seen in state.fingerprints if seen.entry_key not in shown]
    return gone[-max(GONE_REMEMBERED, GONE_PER_ENTRY * entries) :]


def _entry(feed: Feed, answer: Response, language: str | None, entry: ParsedEntry, sight: Fingerprint) -> Entry:
    published_at, zone = _moment(entry.published, feed.timezone)
    modified_at, _ = _moment(entry.modified, feed.timezone)
    return Entry(
        entry_id=ids.entry_id(feed.feed_id, sight.entry_key, sight.content, sight.change_no),
        feed_id=feed.feed_id,
        entry_key=sight.entry_key,
        fingerprint=sight.content,
        change_no=sight.change_no,
        origin=Origin.FEED,
        observed_at=answer.observed_at,
        guid=entry.guid,
        url=entry.url,
        title=entry.title,
        summary=entry.summary,
        content=entry.content,
        authors=entry.authors,
        tags=entry.tags,
        image_url=entry.image_url,
        published_at=published_at,
        published_at_raw=entry.published_raw,
        published_zone=zone,
        modified_at=modified_at,
        outlet=feed.outlet,
        language=feed.language or language,
        timezone=feed.timezone,
        rights=feed.rights,
        body_policy=feed.body_policy,
    )


def _moment(moment: dt.datetime | None, timezone: str | None) -> tuple[dt.datetime | None, Zone | None]:
    """A feed's date in UTC, and where its zone comes from."""
    if moment is None:
        return None, None
    if moment.tzinfo is not None:
        return moment, Zone.EXPLICIT
    if timezone is not None:
        return moment.replace(tzinfo=ZoneInfo(timezone)).astimezone(dt.UTC), Zone.OUTLET
    return moment.replace(tzinfo=dt.UTC), Zone.ASSUMED


# ── the DoFn ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Waiting:
    """A feed whose request is under way."""

    due: FeedDue
    timestamp: Timestamp
    started_at: dt.datetime


class _PollFeeds(beam.DoFn):
    """Starts a request per feed, and at the bundle's end judges those that are answered."""

    def __init__(self, settings: PollFeeds) -> None:
        self._shared_downloads = settings.downloads
        self._shared_pool = settings.pool
        self._deadline_s = settings.deadline_s
        self._initial = settings.initial
        self._parse_timeout_s = settings.parse_timeout_s
        self._clock = settings.clock

    def setup(self) -> None:
        self._downloads = self._shared_downloads.get()
        self._pool = self._shared_pool.get()

    def start_bundle(self) -> None:
        self._waiting: list[_Waiting] = []

    def process(self, due: FeedDue, timestamp: Timestamp = beam.DoFn.TimestampParam) -> None:
        request = Request(
            url=due.request_url,
            accept=ACCEPT,
            etag=due.state.etag,
            last_modified=due.state.last_modified,
            obeys_robots=False,
        )
        self._downloads.start(_download_key(due), request)
        self._waiting.append(_Waiting(due, timestamp, self._clock()))

    def finish_bundle(self) -> Iterator[Any]:
        answers = self._downloads.take([_download_key(one.due) for one in self._waiting], self._deadline_s)
        answered = [(one, answers[key]) for one in self._waiting if (key := _download_key(one.due)) in answers]
        # All bodies are given to the pool before the first result is waited for.
        readings = [self._reading(one.due, answer) for one, answer in answered]
        for (one, answer), reading in zip(answered, readings, strict=True):
            yield from _outputs(self._judge(one, answer, reading), one.timestamp)

    def _reading(self, due: FeedDue, answer: Response | Failure) -> Task[ParsedFeed] | None:
        if isinstance(answer, Failure) or not needs_reading(due.state, answer):
            return None
        content_type = answer.headers.get("content-type")
        return self._pool.submit(parse_feed, answer.body, content_type, answer.url, timeout_s=self._parse_timeout_s)

    def _judge(self, one: _Waiting, answer: Response | Failure, reading: Task[ParsedFeed] | None) -> PollResult:
        parsed = reading.result() if reading else None
        duration_s = (self._clock() - one.started_at).total_seconds()
        try:
            return poll(one.due, answer, parsed, initial=self._initial, duration_s=duration_s)
        except Exception as error:  # noqa: BLE001  # a fault of ours costs this feed, never the cycle
            failed = TaskFailed(Reason.BUG, f"{type(error).__name__}: {error}")
            return _unread(one.due, answer, failed, duration_s)


def _download_key(due: FeedDue) -> str:
    return f"feed {due.feed.feed_id}"


def _outputs(result: PollResult, timestamp: Timestamp) -> Iterator[WindowedValue | TaggedOutput]:
    def at_global_window(record: object) -> WindowedValue:
        return WindowedValue(record, timestamp, (GlobalWindow(),))

    for entry in result.entries:
        yield at_global_window(entry)
    for letter in result.dead_letters:
        yield TaggedOutput("dead_letters", at_global_window(letter))
    yield TaggedOutput("polls", at_global_window(result.poll))
    yield TaggedOutput("states", at_global_window(result.state))
