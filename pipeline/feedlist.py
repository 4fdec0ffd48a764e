"""Lists of feeds: OPML, TOML, plain text and addresses, read into `Feed` records.

A list is an operator's own file: it is read whole, its faults are told with file and line, and what is right in it is
used all the same. What kind of list a file is says its content, not its name.
"""

import datetime as dt
import html
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import listparser
from lxml import etree

from schemas import ids
from schemas.enums import BodyPolicy
from schemas.records import Feed
from transforms.text import urls


class FeedListError(Exception):
    """A list that cannot be read at all. Its message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a list; the rest of the list is used."""

    file: str
    line: int | None
    words: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"


@dataclass(frozen=True, slots=True)
class FeedSetting:
    """A feed, and where to ask for it."""

    feed: Feed
    request_url: str = field(repr=False)  # with the credentials that were given


@dataclass(frozen=True, slots=True)
class FeedList:
    """Feeds in the order in which they were named, each once, and what was wrong."""

    feeds: tuple[FeedSetting, ...]
    problems: tuple[Problem, ...]


def read_feeds(arguments: Sequence[str], valid_from: dt.datetime) -> FeedList:
    """Read every argument: an OPML, TOML or text file, or the address of a feed.

    - OPML: `xmlUrl` is the feed, `text` or `title` the outlet's name.
    - TOML: a `[[feed]]` table each, with `url` and, as far as known, the other settings of `Feed`: outlet, country,
      language, timezone, rights, body_policy.
    - Text: an address a line; what follows a `#` at the start of a line or after a space is a comment.

    A feed that is named twice counts once, as it was named first. User and password in an address are kept for the
    request only: records, ids and problems do without.

    Args:
        arguments: paths and addresses, as given on the command line.
        valid_from: since when the settings hold: the time of reading.

    Raises:
        FeedListError: if a file is missing or cannot be read.
    """
    found: dict[str, FeedSetting] = {}
    problems: list[Problem] = []
    for argument in arguments:
        for one in _read(argument, valid_from):
            if isinstance(one, Problem):
                problems.append(one)
            else:
                found.setdefault(one.feed.feed_id, one)
    return FeedList(tuple(found.values()), tuple(problems))


def read_feed(settings: Mapping[str, object], valid_from: dt.datetime) -> FeedList:
    """Read one feed from its settings, as a `[[feed]]` table of a TOML file has them; see `read_feeds`."""
    found = list(_feed("command line", _Named(settings), valid_from))
    return FeedList(
        tuple(one for one in found if isinstance(one, FeedSetting)),
        tuple(one for one in found if isinstance(one, Problem)),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """A feed as a list names it, and the lines that do so."""

    settings: Mapping[str, Any]
    line: int | None = None
    setting_lines: Mapping[str, int] = field(default_factory=dict)


def _read(argument: str, valid_from: dt.datetime) -> Iterator[FeedSetting | Problem]:
    if re.match(r"https?://", argument, re.IGNORECASE):
        yield from _feed("command line", _Named({"url": argument}), valid_from)
        return
    for one in _entries(argument, _text(Path(argument))):
        if isinstance(one, Problem):
            yield one
        else:
            yield from _feed(argument, one, valid_from)


def _entries(file: str, text: str) -> Iterator[_Named | Problem]:
    if text.lstrip().startswith("<"):
        return _opml(file, text)
    if _TABLE.search(text):
        return _toml(file, text)
    return _plain(file, text)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FeedListError(f"{path}: no such file, and no http(s) address") from None
    except OSError as error:
        raise FeedListError(f"{path}: cannot be read: {error.strerror}") from None
    declared = re.match(rb"\s{0,99}<\?xml[^>]{0,200}?encoding=[\"']([\w.-]{1,40})", data)
    for encoding in ("utf-8-sig", declared[1].decode() if declared else "utf-8"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise FeedListError(f"{path}: neither UTF-8 nor the encoding that it declares")


# ── the three kinds of file ────────────────────────────────────────────────────────────────────────────────────────


def _plain(file: str, text: str) -> Iterator[_Named | Problem]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.sub(r"(?:^|\s)#.*", "", line).split()
        if len(words) > 1:
            yield Problem(file, number, f"one address a line, but here are {len(words)} words")
        elif words:
            yield _Named({"url": words[0]}, number)


def _opml(file: str, text: str) -> Iterator[_Named | Problem]:
    # listparser also reads what is not well-formed and does not say so: hence this look.
    try:
        etree.fromstring(text.encode(), etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        yield Problem(file, error.lineno, f"no well-formed XML ({error.msg}); what can be read of it is used")
    found = listparser.parse(text)
    if not (found.feeds or found.lists or found.opportunities):
        yield Problem(file, None, "XML without a single feed: an OPML file was expected")
    for feed in found.feeds:
        yield _Named({"url": feed.url, "outlet": feed.title or None}, _line_of(text, feed.url))
    for other in found.lists:
        yield Problem(file, _line_of(text, other.url), "a list within the list is not followed: name it by itself")
    for page in found.opportunities:
        yield Problem(file, _line_of(text, page.url), "an outline with a page (htmlUrl), but no feed (xmlUrl)")


def _line_of(text: str, url: str) -> int | None:
    """The line that names `url`; listparser does not say."""
    at = max(text.find(html.escape(url, quote=False)), text.find(url))
    return text.count("\n", 0, at) + 1 if at >= 0 else None


_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*feed[ \t]*\]\]", re.MULTILINE)


def _toml(file: str, text: str) -> Iterator[_Named | Problem]:
    """Each `[[feed]]` is read by itself, so that a broken one costs only itself."""
    starts = [table.start() for table in _TABLE.finditer(text)]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        part, first_line = text[start:end], text.count("\n", 0, start) + 1
        try:
            document = tomllib.loads(part)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r" \(at line (\d+), column \d+\)", str(error))
            words = str(error).removesuffix(place[0]) if place else str(error)
            yield Problem(file, first_line + int(place[1]) - 1 if place else first_line, f"no TOML: {words}")
            continue
        for key, value in document.items():
            if key == "feed" and start in starts:
                yield _Named(value[0], first_line, _setting_lines(part, value[0], first_line))
            else:
                lines = _setting_lines(part, document, first_line)
                yield Problem(file, lines.get(key), f"{key!r} stands in no [[feed]]")


def _setting_lines(part: str, keys: Iterable[str], first_line: int) -> dict[str, int]:
    found = ((key, re.search(rf"^[ \t\[]*[\"']?{re.escape(key)}\b", part, re.MULTILINE)) for key in keys)
    return {key: first_line + part.count("\n", 0, place.start()) for key, place in found if place}


# ── one feed ───────────────────────────────────────────────────────────────────────────────────────────────────────

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def _feed(file: str, named: _Named, valid_from: dt.datetime) -> Iterator[FeedSetting | Problem]:
    """The feed; or what is wrong, and the feed without it, unless its address or its body policy is."""
    settings: dict[str, Any] = {}
    is_usable = True
    for key, value in named.settings.items():
        try:
            reader = _READERS[key]
            if value is not None:
                settings[key] = reader(value)
        except KeyError:
            known = ", ".join(_READERS)
            yield Problem(file, named.setting_lines.get(key, named.line), f"unknown setting {key!r}: one of {known}")
        except ValueError as error:
            is_usable = is_usable and key not in _NEEDED
            yield Problem(file, named.setting_lines.get(key, named.line), str(error))
    if "url" not in named.settings:
        yield Problem(file, named.line, "a feed without a url")
    elif is_usable:
        parts: SplitResult = settings.pop("url")
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        feed = Feed(feed_id=ids.feed_id(url), valid_from=valid_from, url=url, domain=urls.site(url), **settings)
        yield FeedSetting(feed, urlunsplit(parts))


def _address(value: object) -> SplitResult:
    """An http(s) address, host in lower case and without a fragment. What is wrong is told without the credentials."""
    if not isinstance(value, str):
        raise ValueError(f"url is {_kind(value)}, not a string")  # noqa: TRY004  # a fault of the list, as all here
    shown = re.sub(r"//[^/@]*@", "//", value.strip())
    try:
        parts = urlsplit(value.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"no address of a feed: {shown!r}: {error}") from None
    if not is_address or re.search(r"\s", value.strip()):
        raise ValueError(f"no address of a feed: {shown!r}: http:// or https:// and a host were expected")
    credentials, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{at}{host.lower()}", path=parts.path or "/", fragment="")


def _words(key: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{key} is {_kind(value)}, not a string")
        return " ".join(value.split())

    return read


def _matching(key: str, pattern: re.Pattern[str], example: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{key} is {value!r}: {example} was expected")
        return value

    return read


def _country(value: object) -> str:
    return _matching("country", _COUNTRY, "ISO 3166's two letters, as in 'EG',")(value).upper()


def _timezone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        words = "a name of the IANA database, as in 'Africa/Cairo', was expected"
        raise ValueError(f"timezone is {value!r}: {words}") from None


def _body_policy(value: object) -> BodyPolicy:
    try:
        return BodyPolicy(str(value))
    except ValueError:
        raise ValueError(f"body_policy is {value!r}: one of {', '.join(BodyPolicy)} was expected") from None


def _kind(value: object) -> str:
    return "empty" if value == "" else f"of type {type(value).__name__}"


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "url": _address,
    "outlet": _words("outlet"),
    "country": _country,
    "language": _matching("language", _LANGUAGE, "a BCP 47 tag, as in 'en' or 'pt-BR',"),
    "timezone": _timezone,
    "rights": _words("rights"),
    "body_policy": _body_policy,
}
_NEEDED = (
    "url",
    "body_policy",
)  # without the first there is no feed, without the second more might be stored than may be
