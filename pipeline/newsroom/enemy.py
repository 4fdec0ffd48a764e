"""The newsroom as an enemy: outlets that do to a client whatever a server can do to it.

In: nothing. Out: outlets at `http://NAME.localhost:PORT/`, each with a feed at `/feed`. The name says what is wrong
with an outlet: with its feed if it begins with "feed-", else with its pages. All else about it is in order, so that
the trouble is one thing at a time. Two outlets have nothing wrong with them.

Where an outlet's pages are wrong its feed shows each of two stories with a page: one with a summary, which can stand
for a page that cannot be had, and one with nothing but its title and its link. What an outlet answers hangs on its name
and on how often it was asked, and on nothing else.
"""

import asyncio
import gzip
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Self

from pipeline.newsroom.loopback import SUFFIX, LoopbackThread

FEED = "/feed"
MANY = 10_000  # entries of the long feed
BOMB_BYTES = 9_000_000  # of the compressed page, when it is decoded
HUGE_BYTES = 50_000_000  # of the page that is announced as such
LINE_BYTES = 5_000_000  # of the page that is one line
DEPTH = 20_000  # elements within each other
DRIP_S = 0.05  # between two bytes
SILENCE_S = 600.0  # longer than any client waits
GOOD_STORIES = 6  # of an outlet without trouble

_HTML = "text/html; charset=utf-8"
_RSS = "application/rss+xml; charset=utf-8"
_TLS_HANDSHAKE = b"\x16"  # the first byte of a client that speaks TLS: RFC 8446, 5.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as an outlet sees it: `number` counts the host's requests from 1, robots.txt included."""

    host: str  # without .localhost
    target: str
    number: int
    origin: str  # the start of the host's addresses


Reply = Callable[[Call], AsyncIterator[bytes]]  # the bytes of an answer, piece by piece; then the connection is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What an outlet tells on one page; `path` is its address on the outlet."""

    path: str
    title: str
    paragraphs: tuple[str, ...]


class Enemy:
    """Serves the outlets while its `with` block lasts.

    Args:
        host: the address to listen on.
        port: the port, or 0 for a free one.

    Raises:
        OSError: on entering, when the port cannot be listened on.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _RawServer(_reply, host, port)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def feeds(self) -> dict[str, str]:
        """The address of each outlet's feed, by the outlet's name."""
        return {name: self._server.origin(name) + FEED for name in (*GOOD, *PAGES, *FEEDS)}

    @property
    def truth(self) -> dict[str, tuple[str, ...]]:
        """The paragraphs of every story of the outlets without trouble, by the address of its page."""
        return {
            self._server.origin(name) + story.path: story.paragraphs
            for name in GOOD
            for story in stories(name, GOOD_STORIES)
        }


def stories(name: str, count: int) -> list[Story]:
    """The first `count` stories of an outlet."""
    return [_story(name, number) for number in range(1, count + 1)]


# ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────────

_PLACES = ("Ostrava Bay", "Lindholm", "Port Calder", "Vessby", "Marrow Hill", "Tarnwick", "Quillan", "Estermere")
_WHO = ("the harbour board", "a court", "the rail operator", "the water company", "the council", "a survey team")
_DID = ("approved", "rejected", "put off", "opened", "audited", "repaired", "sold", "described")
_WHAT = ("the northern ferry berth", "a line of storm shutters", "two bridges", "the fish market", "its night trains")
_WHY = (
    "after a winter of heavy rain",
    "because the old contract had run out",
    "although residents had asked for more time",
    "as its accounts had shown in spring",
    "without a word on what it will cost",
)


def _story(name: str, number: int) -> Story:
    chance = random.Random(f"{name} {number}")  # noqa: S311  # the same words each time, no secret

    def sentence() -> str:
        who, did, what = chance.choice(_WHO), chance.choice(_DID), chance.choice(_WHAT)
        said = f"{who} in {chance.choice(_PLACES)} {did} {what} {chance.choice(_WHY)}, {chance.randint(11, 999)} people"
        return f"{said[0].upper()}{said[1:]} were told on day {chance.randint(2, 360)} of the year."

    return Story(
        path=f"/news/{number}",
        title=f"{chance.choice(_PLACES)} hears of {chance.choice(_WHAT)}, part {number}",
        paragraphs=tuple(" ".join(sentence() for _ in range(3)) for _ in range(4)),
    )


def _page(call: Call) -> bytes:
    """The page that stands at the call's address when nothing is wrong."""
    story = _story(call.host, int(call.target.rpartition("/")[2]))
    text = "\n".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in story.paragraphs)
    title = escape(story.title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><main><article><h1>{title}</h1>\n{text}\n</article></main></body></html>\n"
    ).encode()


def _feed(call: Call, *entries: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{call.host}</title><link>{call.origin}/</link><description>{call.host}</description>\n"
        f"{''.join(entries)}</channel></rss>\n"
    ).encode()


def _entry(origin: str, story: Story, *, summary: str = "", date: str = "Wed, 01 May 2024 12:00:00 GMT") -> str:
    return (
        f"<item><title>{escape(story.title)}</title><link>{origin}{story.path}</link><pubDate>{date}</pubDate>"
        f"<description>{escape(summary)}</description></item>\n"
    )


def _two_entries(call: Call, origin: str = "") -> bytes:
    """A story with a summary, and one without."""
    told, bare = stories(call.host, 2)
    origin = origin or call.origin
    return _feed(call, _entry(origin, told, summary=told.paragraphs[0]), _entry(origin, bare))


def _entries_with_summaries(call: Call, count: int) -> bytes:
    entries = (_entry(call.origin, story, summary=story.paragraphs[0]) for story in stories(call.host, count))
    return _feed(call, *entries)


# ── answers in order ───────────────────────────────────────────────────────────────────────────────────────────────


def _http(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer. In header names an underscore stands for a hyphen."""
    fields = {"Content_Type": _HTML, "Content_Length": str(len(body)), "Connection": "close"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def _always(answer: bytes) -> Reply:
    async def reply(_call: Call) -> AsyncIterator[bytes]:
        yield answer

    return reply


async def _good_page(call: Call) -> AsyncIterator[bytes]:
    yield _http(_page(call))


def _feed_of(count: int) -> Reply:
    async def reply(call: Call) -> AsyncIterator[bytes]:
        yield _http(_entries_with_summaries(call, count), Content_Type=_RSS)

    return reply


async def _feed_of_two(call: Call) -> AsyncIterator[bytes]:
    yield _http(_two_entries(call), Content_Type=_RSS)


async def _feed_over_tls(call: Call) -> AsyncIterator[bytes]:
    """Its links say https, but the port does not speak TLS."""
    yield _http(_two_entries(call, call.origin.replace("http:", "https:")), Content_Type=_RSS)


# ── answers out of order ───────────────────────────────────────────────────────────────────────────────────────────


def _dripping(content_type: str) -> Reply:
    """A byte now and a byte then, without an end."""

    async def reply(_call: Call) -> AsyncIterator[bytes]:
        yield _http(Content_Type=content_type, Content_Length="1000000")
        while True:
            yield b"<"
            await asyncio.sleep(DRIP_S)

    return reply


def _endless(content_type: str) -> Reply:
    """As fast as it is read, without an end."""

    async def reply(_call: Call) -> AsyncIterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n<p>".encode()
        while True:
            yield b"and so on " * 6_000

    return reply


def _bomb(content_type: str) -> Reply:
    """Nine megabytes that come as nine kilobytes: not too large for a page, but no page is like that."""

    async def reply(_call: Call) -> AsyncIterator[bytes]:
        yield _http(gzip.compress(bytes(BOMB_BYTES)), Content_Type=content_type, Content_Encoding="gzip")

    return reply


def _redirect(location: str) -> bytes:
    return _http(b"", "302 Found", Location=location)


def _refusing(**headers: str) -> Reply:
    """429, after a moment in which a second request may come."""

    async def reply(_call: Call) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.2)
        yield _http(b"slow down", "429 Too Many Requests", **headers)

    return reply


def _cut(whole: Reply) -> Reply:
    """In chunks, of which the second never ends."""

    async def reply(call: Call) -> AsyncIterator[bytes]:
        body = b"".join([piece async for piece in whole(call)]).partition(b"\r\n\r\n")[2]
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield b"%x\r\n%s\r\n%x\r\n%s" % (10, body[:10], len(body) - 10, body[10:-100])

    return reply


async def _silent(_call: Call) -> AsyncIterator[bytes]:
    await asyncio.sleep(SILENCE_S)
    yield b""


async def _huge(_call: Call) -> AsyncIterator[bytes]:
    yield _http(Content_Length=str(HUGE_BYTES))
    for _ in range(0, HUGE_BYTES, 50_000):
        yield b"<p>more" * 7_142 + b"<p>end"


async def _length_too_long(call: Call) -> AsyncIterator[bytes]:
    body = _page(call)
    yield _http(body, Content_Length=str(len(body) + 500))


async def _length_too_short(call: Call) -> AsyncIterator[bytes]:
    body = _page(call)
    yield _http(body, Content_Length=str(len(body)))
    await asyncio.sleep(0.2)  # whoever believes the length is gone by then
    yield b"<p>This is no longer a part of the page.</p>"


async def _hangs_up(call: Call) -> AsyncIterator[bytes]:
    if call.number % 3:
        yield _http(_page(call))


async def _invalid_utf8(call: Call) -> AsyncIterator[bytes]:
    yield _http(_page(call).replace(b"</p>", b" \xff\xfe\xc3(\xed\xa0\x80</p>"))


async def _one_line(call: Call) -> AsyncIterator[bytes]:
    body = _page(call).replace(b"\n", b" ")
    words = b"on and on and " * ((LINE_BYTES - len(body)) // 14)
    yield _http(body.replace(b"</article>", b"<p>" + words + b"</p></article>"))


async def _deep(call: Call) -> AsyncIterator[bytes]:
    yield _http(_page(call).replace(b"<article>", b"<div>" * DEPTH + b"<article>"))


async def _robots_or_page(call: Call) -> AsyncIterator[bytes]:
    pieces = _dripping("text/plain")(call) if call.target == "/robots.txt" else _good_page(call)
    async for piece in pieces:
        yield piece


async def _new_etag(call: Call) -> AsyncIterator[bytes]:
    yield _http(_two_entries(call), Content_Type=_RSS, ETag=f'"{call.number}"', Last_Modified="yesterday")


async def _odd_dates(call: Call) -> AsyncIterator[bytes]:
    future, past = stories(call.host, 2)
    entries = (
        _entry(call.origin, future, date="Fri, 01 May 2093 12:00:00 GMT"),
        _entry(call.origin, past, date="Thu, 01 Jan 1970 00:00:00 GMT"),
    )
    yield _http(_feed(call, *entries), Content_Type=_RSS, Date="Fri, 01 May 2093 12:00:00 GMT")


async def _entity_bomb(call: Call) -> AsyncIterator[bytes]:
    """Each entity is ten of the one before it; the last would be ten billion."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
    doctype = f'<!DOCTYPE rss [<!ENTITY e0 "again "><!ENTITY file SYSTEM "file:///etc/passwd">{entities}]>'
    head, rest = _two_entries(call).split(b"\n", 1)
    yield _http(head + doctype.encode() + rest.replace(b"<title>", b"<title>&e10;&file;"), Content_Type=_RSS)


async def _feed_of_another(call: Call) -> AsyncIterator[bytes]:
    """What the outlet "good" tells, with links to its pages."""
    told = stories("good", GOOD_STORIES)
    origin = call.origin.replace(call.host, "good")
    yield _http(_feed(call, *(_entry(origin, story) for story in told)), Content_Type=_RSS)


async def _long_feed(call: Call) -> AsyncIterator[bytes]:
    entries = (
        f"<item><title>Notice {number}</title><link>{call.origin}/news/{number}</link>"
        f"<description>Short notice number {number}.</description></item>\n"
        for number in range(1, MANY + 1)
    )
    yield _http(_feed(call, *entries), Content_Type=_RSS)


async def _deep_feed(call: Call) -> AsyncIterator[bytes]:
    body = _two_entries(call).replace(b"<item>", b"<x>" * DEPTH + b"</x>" * DEPTH + b"<item>", 1)
    yield _http(body, Content_Type=_RSS)


SOFT_404 = (
    b"<!doctype html><html><head><title>Page not found</title></head><body><nav><a href='/'>Home</a></nav>"
    b"<main><h1>Page not found</h1><p>Sorry, the page you are looking for does not exist or has been moved.</p>"
    b"<p><a href='/'>Go to the home page</a></p></main></body></html>"
)

GOOD: dict[str, Reply] = {"good": _feed_of(GOOD_STORIES), "better": _feed_of(GOOD_STORIES)}

# What each outlet answers for its pages (and, where it is not asked for its feed, for its robots.txt).
PAGES: dict[str, Reply] = {
    "slow-drip": _dripping(_HTML),
    "silent": _silent,
    "endless": _endless(_HTML),
    "huge": _huge,
    "gzip-bomb": _bomb(_HTML),
    "odd-coding": _always(_http(b"\x0b\x00\x80", Content_Encoding="br")),
    "redirect-loop": _always(_redirect("/news/1")),
    "to-private": _always(_redirect("http://10.0.0.1/admin")),
    "to-metadata": _always(_redirect("http://169.254.169.254/latest/meta-data/")),
    "to-hidden-address": _always(_redirect("http://0xA9FEA9FE/")),
    "to-a-file": _always(_redirect("file:///etc/passwd")),
    "length-too-long": _length_too_long,
    "length-too-short": _length_too_short,
    "chunks-cut": _cut(_good_page),
    "no-tls": _good_page,
    "soft-404": _always(_http(SOFT_404)),
    "empty": _always(_http()),
    "picture": _always(_http(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(500))),
    "429": _refusing(),
    "429-for-an-hour": _refusing(Retry_After="3600"),
    "hangs-up": _hangs_up,
    "header-flood": _always(_http(b"x", **{f"X_{number}": "y" for number in range(5_000)})),
    "invalid-utf-8": _invalid_utf8,
    "one-line": _one_line,
    "deep": _deep,
    "robots-drip": _robots_or_page,
}

# What each outlet answers for its feed.
FEEDS: dict[str, Reply] = {
    "feed-slow-drip": _dripping(_RSS),
    "feed-endless": _endless(_RSS),
    "feed-gzip-bomb": _bomb(_RSS),
    "feed-redirect-loop": _always(_redirect(FEED)),
    "feed-to-private": _always(_redirect("http://10.0.0.1/feed")),
    "feed-cut": _cut(_feed_of_two),
    "feed-is-html": _always(_http(SOFT_404, Content_Type=_RSS)),
    "feed-429": _refusing(),
    "feed-304": _always(_http(b"", "304 Not Modified")),
    "feed-new-etags": _new_etag,
    "feed-odd-dates": _odd_dates,
    "feed-entity-bomb": _entity_bomb,
    "feed-deep": _deep_feed,
    "feed-of-another": _feed_of_another,
    "feed-long": _long_feed,
}

_NO_ROBOTS = _http(b"", "404 Not Found")
_FEEDS_OF_PAGES: dict[str, Reply] = {"no-tls": _feed_over_tls, "hangs-up": _feed_of(GOOD_STORIES)}


async def _reply(call: Call) -> AsyncIterator[bytes]:
    """What an outlet answers, whoever asks."""
    if call.target == FEED:
        pieces = (GOOD | FEEDS | _FEEDS_OF_PAGES).get(call.host, _feed_of_two)(call)
    elif call.target == "/robots.txt" and call.host != "robots-drip":
        pieces = _always(_NO_ROBOTS)(call)
    else:
        pieces = PAGES.get(call.host, _good_page)(call)
    async for piece in pieces:
        yield piece


class _RawServer(LoopbackThread):
    """Sends what `reply` gives, byte for byte, and closes the connection."""

    def __init__(self, reply: Reply, host: str, port: int) -> None:
        super().__init__(host, port)
        self._reply = reply
        self._calls: Counter[str] = Counter()
        self._under_way: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """On a bare socket."""
        server = await asyncio.start_server(self._connected, self._host, self.port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for answer in self._under_way:  # some never end by themselves
                answer.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = asyncio.get_running_loop().create_task(self._answer(reader, writer))
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(1)
            if first == _TLS_HANDSHAKE:
                writer.write(_http(b"this port speaks HTTP", "400 Bad Request"))
                await writer.drain()
            else:
                await self._send((first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()

    async def _send(self, head: str, writer: asyncio.StreamWriter) -> None:
        lines = head.split("\r\n")
        authority = next(line[5:].strip() for line in lines if line[:5].lower() == "host:")
        host = authority.rpartition(":")[0].removesuffix(SUFFIX)
        self._calls[host] += 1
        call = Call(host=host, target=lines[0].split(" ")[1], number=self._calls[host], origin=self.origin(host))
        async for piece in self._reply(call):
            writer.write(piece)
            await writer.drain()
