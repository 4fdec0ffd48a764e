"""The feeds added by command, kept in state.db beside a live run, which takes them up with its next cycle.

A feed is stored with its settings and its request URL, credentials included; nothing else here shows those unless it is
asked to. Taking a feed out ends its polling: its rows stay, and so does its memory, should it be added again.
"""

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from xml.sax.saxutils import quoteattr

from pipeline.feedlist import FeedSetting
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME, State
from schemas import codec, ids
from schemas.enums import BodyPolicy
from schemas.records import Feed

ID_DIGITS = 8  # of a feed's id: at least so many name it

# `added_at` is microseconds since 1970; `feed` is a record as msgpack. The version counts changes.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS feed_list (feed_id TEXT PRIMARY KEY, request_url TEXT NOT NULL, feed BLOB NOT NULL,
    added_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_list_version (version INTEGER NOT NULL);
INSERT INTO feed_list_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM feed_list_version);
"""


class Added(StrEnum):
    """What adding a feed did."""

    NEW = "new"
    CHANGED = "changed"  # it was there, with other settings
    KNOWN = "known"  # it was there like this


class ListFormat(StrEnum):
    """The form of a list of feeds; see `pipeline.feedlist`. Only TOML holds every setting."""

    OPML = "opml"
    TOML = "toml"
    TXT = "txt"


@dataclass(frozen=True, slots=True)
class StoredFeed:
    """A feed, and since when it is on the list."""

    setting: FeedSetting
    added_at: dt.datetime


def stored_feeds(folder: Path, valid_from: dt.datetime) -> list[FeedSetting]:
    """The feeds of a data directory's list, in the order in which they were added; none if it has no list.

    Args:
        folder: the data directory.
        valid_from: since when the settings hold: the time of reading. `State.set_feeds` keeps the older time of a feed
            whose settings are as they were.
    """
    return [
        FeedSetting(replace(stored.setting.feed, valid_from=valid_from), stored.setting.request_url)
        for stored in feed_list(folder)
    ]


def feeds_version(folder: Path) -> int:
    """A number that rises with every change of the list; 0 without one. One small read: made to be asked often."""
    with _reading(folder) as state:
        row = state.execute("SELECT version FROM feed_list_version").fetchone() if state else None
    return int(row[0]) if row else 0


def feed_list(folder: Path) -> list[StoredFeed]:
    """The list with its times, in the order in which the feeds were added."""
    with _reading(folder) as state:
        rows = (
            state.execute("SELECT feed, request_url, added_at FROM feed_list ORDER BY added_at, feed_id").fetchall()
            if state
            else []
        )
    return [
        StoredFeed(FeedSetting(codec.decode(feed, Feed), request_url), ids.EPOCH + added_at * ids.MICROSECOND)
        for feed, request_url, added_at in rows
    ]


def add_feeds(folder: Path, settings: Sequence[FeedSetting], now: dt.datetime) -> list[Added]:
    """Put feeds on the list, all or none; one that is there takes the new settings and keeps its place.

    Args:
        folder: the data directory; it is made if it does not exist.
        settings: the feeds.
        now: when they are added. Of several they count a microsecond apart, so that their order is kept.

    Returns:
        What became of each.

    Raises:
        StateError: the state file cannot be used.
    """
    said = []
    with _writing(folder) as state:
        for number, setting in enumerate(settings):
            feed_id = setting.feed.feed_id
            row = state.execute("SELECT feed, request_url FROM feed_list WHERE feed_id = ?", (feed_id,)).fetchone()
            before = replace(codec.decode(row[0], Feed), valid_from=setting.feed.valid_from) if row else None
            if row and before == setting.feed and row[1] == setting.request_url:
                said.append(Added.KNOWN)
                continue
            state.execute(
                """
                INSERT INTO feed_list VALUES (?, ?, ?, ?)
                ON CONFLICT (feed_id) DO UPDATE SET request_url = excluded.request_url, feed = excluded.feed
                """,
                (feed_id, setting.request_url, codec.encode(setting.feed), ids.micros(now) + number),
            )
            said.append(Added.CHANGED if row else Added.NEW)
        if any(one is not Added.KNOWN for one in said):
            state.execute("UPDATE feed_list_version SET version = version + 1")
    return said


def remove_feed(folder: Path, named: str) -> Feed | None:
    """Take the feed with this address, or with an id that starts so, off the list.

    Returns:
        The feed, or None if the list has none of that name, or several.

    Raises:
        StateError: the state file cannot be used.
    """
    found = [stored.setting.feed for stored in feed_list(folder) if _is_named(stored.setting, named)]
    if len(found) != 1:
        return None
    with _writing(folder) as state:
        state.execute("DELETE FROM feed_list WHERE feed_id = ?", (found[0].feed_id,))
        state.execute("UPDATE feed_list_version SET version = version + 1")
    return found[0]


def has_credentials(setting: FeedSetting) -> bool:
    """Whether the feed is asked for with user and password."""
    return setting.request_url != setting.feed.url


def written(settings: Iterable[FeedSetting], form: ListFormat, *, with_credentials: bool = False) -> str:
    """A list that `pipeline.feedlist` reads as these feeds: TOML all of it, OPML address and outlet, text the address.

    Args:
        settings: the feeds.
        form: how to write them.
        with_credentials: whether user and password are part of the addresses.
    """
    named = [(setting.request_url if with_credentials else setting.feed.url, setting.feed) for setting in settings]
    match form:
        case ListFormat.TXT:
            return "".join(f"{url}\n" for url, _ in named)
        case ListFormat.TOML:
            return "\n".join(_toml(url, feed) for url, feed in named)
        case ListFormat.OPML:
            outlines = "".join(_outline(url, feed) for url, feed in named)
            head = '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n<head><title>feeds</title></head>\n'
            return f"{head}<body>\n{outlines}</body>\n</opml>\n"


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """state.db to read from; None if there is none, or no list in it."""
    path = folder / FILE_NAME
    if not path.is_file():
        yield None
        return
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    ) as state:
        has_list = state.execute("SELECT 1 FROM sqlite_master WHERE name = 'feed_list_version'").fetchone()
        yield state if has_list else None


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """state.db with the list in it, inside one transaction; it is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    State(folder).close()
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as state:
        state.execute("BEGIN IMMEDIATE")
        try:
            for statement in _SCHEMA.split(";"):
                state.execute(statement)
            yield state
        except BaseException:
            state.execute("ROLLBACK")
            raise
        state.execute("COMMIT")


def _is_named(setting: FeedSetting, named: str) -> bool:
    is_id = len(named) >= ID_DIGITS and setting.feed.feed_id.startswith(named.lower())
    return is_id or named in {setting.feed.url, setting.request_url}


# ── lists ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_NO_SETTINGS = {"feed_id", "valid_from", "url", "domain"}  # a list does not say them, or says them first


def _toml(url: str, feed: Feed) -> str:
    lines = ["[[feed]]", f"url = {_quoted(url)}"]
    for name in (field.name for field in fields(Feed) if field.name not in _NO_SETTINGS):
        value = getattr(feed, name)
        if value is not None and value is not BodyPolicy.FULL:
            lines.append(f"{name} = {_quoted(value)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, and it wants one more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _outline(url: str, feed: Feed) -> str:
    name = feed.outlet or feed.url
    return f'  <outline type="rss" text={quoteattr(_xml(name))} xmlUrl={quoteattr(_xml(url))}/>\n'


def _xml(text: str) -> str:
    """`text` without the characters that XML 1.0 (2.2) has no place for."""
    return "".join(letter for letter in text if letter >= " " and letter not in "\ufffe\uffff")
