"""Feeds saved over time: snapshots of one feed are read as a row of polls, so that only news and changes are taken.

Several feeds in one folder are told apart by their paths without the times in them.
"""

import dataclasses
import datetime as dt
import html
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from pipeline.sources.base import Found, Gate, Refused
from pipeline.sources.fields import usable
from pipeline.sources.files import identity_of
from pipeline.sources.moments import time_in
from pipeline.sources.saved import SavedFile, Told, told_of
from pipeline.sources.streams import DamagedError, whole_of
from schemas import ids
from schemas.enums import Origin, Reason
from schemas.records import Feed, FeedDue, PollState
from transforms.feeds.output import PollResult
from transforms.feeds.reading import read_feed
from transforms.feeds.window import last_shown
from transforms.poll import needs_reading, poll
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.web.messages import Response
from transforms.web.urls import redact

FEED_LIMIT_BYTES = 10_000_000  # as of a feed from the web
PARSE_TIMEOUT_S = 20.0
_HEAD_BYTES = 65_536
_LINK = re.compile(rb"<(?:[\w.-]{1,40}:)?link\s[^<>]{1,4000}>", re.IGNORECASE)
_SELF = re.compile(rb"\srel\s{0,9}=\s{0,9}[\"']self[\"']", re.IGNORECASE)
_HREF = re.compile(rb"\shref\s{0,9}=\s{0,9}[\"']([^\"'<>]{1,4000})[\"']", re.IGNORECASE)
_FEED_URL = re.compile(rb"\"feed_url\"\s{0,9}:\s{0,9}(\"(?:[^\"\\]|\\.){1,4000}\")")


def own_address(body: bytes) -> str | None:
    """The address that a feed gives as its own: a link of relation "self", or JSON Feed's feed_url."""
    head = body[:_HEAD_BYTES]
    if named := _FEED_URL.search(head):
        return usable(_decoded(named[1]))
    for tag in _LINK.findall(head):
        href = _HREF.search(tag)
        if href and _SELF.search(tag):
            return usable(html.unescape(href[1].decode("utf-8", "replace")))
    return None


class FeedsSource:
    """A folder of feeds as they were at one time or several.

    It is read from its start each time, whatever the position: what a snapshot brings is told by those before it.

    Args:
        name: of the folder and its kind, or of the file if it is one alone.
        files: the feeds.
        pool: where they are parsed.
    """

    def __init__(self, name: str, files: Sequence[SavedFile], pool: Shared[Pool]) -> None:
        self.name = redact(name)
        self.identity = ids.hash_id("feeds", *(identity_of(file.path) for file in files))
        self.size: int | None = None
        self._files = files
        self._pool = pool

    def read(self, position: int, gate: Gate) -> Iterator[Found | Refused]:  # noqa: ARG002  # see the class
        """See `Source.read`."""
        feeds: dict[str, list[SavedFile]] = defaultdict(list)
        for file in self._files:
            name = file.within.removesuffix(".gz")
            found = time_in(name)
            feeds[found.rest if found else name].append(file)
        for name, files in feeds.items():
            yield from self._chain(name, files, gate)

    def _chain(self, name: str, files: Sequence[SavedFile], gate: Gate) -> Iterator[Found | Refused]:
        """What the snapshots of one feed bring, one after the other."""
        snapshots: list[_Snapshot] = []
        for file in files:
            try:
                snapshots.append(_Snapshot(file, told_of(file, file.within)))
            except DamagedError as error:
                yield _damage(file, error.reason, error.detail)
        snapshots.sort(key=lambda one: (one.told.at, one.file.within))
        due: FeedDue | None = None
        for one in snapshots:
            try:
                body = whole_of(one.file.path, FEED_LIMIT_BYTES)
            except DamagedError as error:
                yield _damage(one.file, error.reason, error.detail)
                continue
            if due is None:
                due = first_look(one.told.url or own_address(body) or name, one.told.at)
            polled = look(due, body, one.told.at, self._pool.get())
            yield from entered(polled, redact(one.file.path), gate)
            # Without an answer that could be read nothing is known of the feed's address either.
            due = dataclasses.replace(due, state=polled.state) if polled.state.body_hash else None


def first_look(url: str, at: dt.datetime) -> FeedDue:
    """A feed of which nothing is remembered.

    Args:
        url: its address, or whatever names it.
        at: when it was seen first.
    """
    feed = Feed(feed_id=ids.feed_id(url), valid_from=at, url=url)
    return FeedDue(feed=feed, request_url=url, state=PollState(feed_id=feed.feed_id))


def look(due: FeedDue, body: bytes, at: dt.datetime, pool: Pool) -> PollResult:
    """What a feed's body at one time brings, judged as a poll at that time would have judged it."""
    answer = Response(
        request_url=due.request_url, url=due.request_url, status=200, headers={}, body=body, observed_at=at
    )
    if not needs_reading(due.state, answer):
        return poll(due, answer)
    known = {seen.raw: seen.entry_key for seen in last_shown(due.state) if seen.raw}
    reading = pool.submit(read_feed, body, None, answer.url, known, timeout_s=PARSE_TIMEOUT_S).result()
    return poll(due, answer, reading)


def entered(polled: PollResult, place: str, gate: Gate, position: int = 0) -> Iterator[Found | Refused]:
    """What a look at a feed brings to the graph.

    Args:
        polled: the look.
        place: the file or address that it was at, for its damage.
        gate: what may enter.
        position: where reading goes on after it.
    """
    if polled.poll.reason:
        detail = polled.poll.detail or ""
        yield Refused(reason=polled.poll.reason, position=position, place=place, detail=detail)
    for letter in polled.dead_letters:
        yield Refused(reason=letter.reason, position=position, place=place, detail=letter.error)
    for entry in polled.entries:
        if refusal := gate.refusal(entry.entry_id, entry.url, None):
            yield Refused(reason=refusal, position=position)
        else:
            yield Found(record=dataclasses.replace(entry, origin=Origin.BACKFILL), position=position)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    file: SavedFile
    told: Told


def _damage(file: SavedFile, reason: Reason, detail: str) -> Refused:
    return Refused(reason=reason, position=0, place=redact(file.path), detail=detail)


def _decoded(literal: bytes) -> str:
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return ""
