"""What a poll gives: the records that leave it, and what is remembered of an entry."""

import dataclasses
import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from schemas import ids
from schemas.enums import Origin, Zone
from schemas.records import DeadLetter, Entry, Feed, Fingerprint, Poll, PollState
from transforms.feeds.identity import BARE_CHANGES, HALF, Changes, alias_of, fingerprint, key_of
from transforms.text.feeds import ParsedEntry
from transforms.web.messages import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What one poll gives: entries oldest first, as far as the feed's order says."""

    poll: Poll
    state: PollState
    entries: tuple[Entry, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    is_told: bool = True  # whether `poll` becomes a row; a quiet one is counted in the next


def entry_of(feed: Feed, answer: Response, language: str | None, entry: ParsedEntry, note: Fingerprint) -> Entry:
    """The entry as it leaves poll.

    Args:
        feed: its feed.
        answer: what showed it.
        language: what the document says of its own.
        entry: what was read.
        note: what is remembered of it from now on.
    """
    published_at, zone = moment_of(entry.published, feed.timezone)
    modified_at, _ = moment_of(entry.modified, feed.timezone)
    return Entry(
        entry_id=ids.entry_id(feed.feed_id, note.entry_key, note.content, note.change_no),
        feed_id=feed.feed_id,
        entry_key=note.entry_key,
        fingerprint=note.content,
        change_no=note.change_no,
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


def moment_of(moment: dt.datetime | None, timezone: str | None) -> tuple[dt.datetime | None, Zone | None]:
    """A feed's date in UTC, and where its zone comes from."""
    if moment is None:
        return None, None
    if moment.tzinfo is not None:
        return moment, Zone.EXPLICIT
    if timezone is not None:
        return moment.replace(tzinfo=ZoneInfo(timezone)).astimezone(dt.UTC), Zone.OUTLET
    return moment.replace(tzinfo=dt.UTC), Zone.ASSUMED


def noted(
    key: str,
    entry: ParsedEntry,
    before: Fingerprint | None = None,
    found: Changes | None = None,
    raw: str = "",
) -> Fingerprint:
    """What to remember of an entry that was read.

    Args:
        key: under which it is known.
        entry: what was read.
        before: what was remembered of it, if it was known.
        found: what has changed in its body.
        raw: the hash of the bytes that it was read from, if that is known.
    """
    content = fingerprint(entry)
    # Under another key than its own it must be seen beside the others of its body to be recognised: it is always read.
    note = Fingerprint(entry_key=key, content=content, alias=alias_of(entry), raw=raw if key == key_of(entry) else "")
    if before is None or found is None:
        return note
    bare_changes = before.bare_changes
    if key in found.bare:
        bare_changes = min(bare_changes + 1, BARE_CHANGES)
    elif content[:HALF] != before.content[:HALF]:
        bare_changes = 0
    change_no = before.change_no + (key in found.to_read)
    return dataclasses.replace(note, change_no=change_no, bare_changes=bare_changes)


def is_usable(entry: ParsedEntry) -> bool:
    """Whether there is anything to tell of it: a link or some text."""
    return bool(entry.url or entry.title or entry.summary or entry.content)
