"""A loopback server that answers as a test says, down to the bytes, and remembers what it was asked."""

import asyncio
import datetime as dt
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from aiohttp.abc import AbstractResolver

from transforms.web.client import HttpClient
from transforms.web.messages import Failure, HttpConfig, Request, Response

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

NOW = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
CONFIG = HttpConfig(allow_net=("127.0.0.1/32",), host_delay_s=0.0)
HTML = "text/html; charset=utf-8"
WITHOUT_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer. In header names an underscore stands for a hyphen."""
    fields = {"Content_Length": str(len(body)), "Content_Type": HTML, "Connection": "close"} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", status, Location=location)


class Site:
    """Serves `replies` by path; what is not among them is a 404, robots.txt too."""

    def __init__(self, replies: Mapping[str, Reply], tls: ssl.SSLContext | None = None) -> None:
        self.replies = dict(replies)
        self._tls = tls
        self.paths: list[str] = []  # asked for, robots.txt left out
        self.heads: list[str] = []  # of the same requests, in lower case
        self.robots_asked = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            if path == "/robots.txt":
                self.robots_asked += 1
            else:
                self.paths.append(path)
                self.heads.append(head.lower())
            answer = self.replies.get(path, WITHOUT_ROBOTS)
            if isinstance(answer, bytes):
                writer.write(answer.replace(b"{port}", str(self.port).encode()))
                await writer.drain()
            else:
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()


@contextmanager
def served(replies: Mapping[str, Reply]) -> Iterator[Site]:
    """A site in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    site = Site(replies)
    asyncio.run_coroutine_threadsafe(site.__aenter__(), loop).result()
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(site.__aexit__(), loop).result()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.02), loop).result()  # for its last answers
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def fetch(
    replies: Mapping[str, Reply],
    url: str = "http://127.0.0.1:{port}/",
    config: HttpConfig = CONFIG,
    resolver: AbstractResolver | None = None,
    **request: Any,
) -> tuple[Response | Failure, Site]:
    """One request to a site of these replies; `{port}` in the address is the site's."""

    async def run() -> tuple[Response | Failure, Site]:
        async with Site(replies) as site, HttpClient(config, clock=lambda: NOW, resolver=resolver) as client:
            asked = Request(url=url.replace("{port}", str(site.port)), accept="text/html", **request)
            return await client.get(asked), site

    return asyncio.run(run())


def answered(replies: Mapping[str, Reply], url: str = "http://127.0.0.1:{port}/", **request: Any) -> Response:
    answer, _ = fetch(replies, url, **request)
    assert isinstance(answer, Response), answer
    return answer


def failed(replies: Mapping[str, Reply], url: str = "http://127.0.0.1:{port}/", **request: Any) -> Failure:
    answer, _ = fetch(replies, url, **request)
    assert isinstance(answer, Failure), answer
    return answer
