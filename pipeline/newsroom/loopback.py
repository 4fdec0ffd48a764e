"""Small servers on a loopback port, each run by a daemon thread of this process.

In: for `LoopbackServer` a function from `Asked` to `Answer`; it is called on the server's thread and must not block.
Out: a port. Nothing but the given address is listened on. A fault in the function is answered with 500.
"""

import asyncio
import datetime as dt
import email.utils
import hashlib
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

DRIP_PIECES = 4  # a late body is sent in so many pieces
SUFFIX = ".localhost"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: `host` is lower case, without port and without `.localhost`; `target` is path and query as sent."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; with `drip_s` the body takes that many seconds to arrive."""

    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0


def text(status: int, words: str) -> Answer:
    """An answer in plain text."""
    return Answer(status=status, content_type="text/plain; charset=utf-8", body=words.encode())


def conditional(
    asked: Asked, answer: Answer, *, has_etag: bool = True, last_modified: dt.datetime | None = None
) -> Answer:
    """`answer` with its validators, or 304 when the client holds it already (RFC 9110, 13.2.2: the ETag comes first).

    Args:
        asked: the request, with its If-None-Match or If-Modified-Since.
        answer: what would be sent.
        has_etag: whether this server sends ETags: here a hash of the body.
        last_modified: when the content changed last, or None if this server does not say.
    """
    headers = dict(answer.headers)
    if has_etag:
        headers["ETag"] = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
    if last_modified:
        headers["Last-Modified"] = email.utils.format_datetime(last_modified.replace(microsecond=0), usegmt=True)
    if has_etag and "If-None-Match" in asked.headers:
        is_known = headers["ETag"] in asked.headers["If-None-Match"]
    elif last_modified and "If-Modified-Since" in asked.headers:
        is_known = _date(asked.headers["If-Modified-Since"]) >= last_modified.replace(microsecond=0)
    else:
        is_known = False
    if is_known:
        return Answer(status=304, content_type=answer.content_type, headers=headers)
    return Answer(content_type=answer.content_type, body=answer.body, headers=headers, drip_s=answer.drip_s)


class LoopbackThread(ABC):
    """Listens between `start` and `stop`, on a thread of its own; a subclass says with what.

    Args:
        host: the address to listen on.
        port: the port, or 0 for a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = port
        self._host = host
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None

    def start(self) -> None:
        """Listen; `port` is known when this returns. Raises OSError when it cannot be listened on."""
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="newsroom", daemon=True)
        self._thread.start()
        self.port = ready.result()

    def stop(self) -> None:
        """Stop listening and drop what is under way."""
        if self._thread and self._loop and self._stopped:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
            self._thread = None

    def origin(self, host: str) -> str:
        """The start of every address on `host`, e.g. `http://meridian.localhost:8080`."""
        return f"http://{host}{SUFFIX}:{self.port}"

    @abstractmethod
    def listening(self) -> AbstractAsyncContextManager[int]:
        """Listens on `_host` and `port` as long as it is entered, and gives the port."""

    def _run(self, ready: Future[int]) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Future[int]) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self.listening() as port:
                ready.set_result(port)
                await self._stopped.wait()
        except (OSError, OverflowError) as error:  # taken, not ours, or no port at all
            ready.set_exception(OSError(f"cannot listen on {self._host}:{self.port}: {error}"))


class LoopbackServer(LoopbackThread):
    """Serves `answer` between `start` and `stop`, and counts what was asked.

    Args:
        answer: the site.
        host: the address to listen on.
        port: the port, or 0 for a free one.
    """

    def __init__(self, answer: Callable[[Asked], Answer], host: str, port: int) -> None:
        super().__init__(host, port)
        self._answer = answer
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def requests(self) -> Counter[str]:
        """How often each address was asked for; a copy."""
        with self._lock:
            return Counter(self._asked)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """As an HTTP server."""
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self.port).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.host.rsplit(":", 1)[0].lower().removesuffix(SUFFIX)
        asked = Asked(method=request.method, host=host, target=request.raw_path, headers=request.headers)
        with self._lock:
            self._asked[f"{self.origin(host)}{request.raw_path}"] += 1
        answer = self._answer(asked)
        headers = {**answer.headers, "Content-Type": answer.content_type}
        if not answer.drip_s or request.method == "HEAD":
            return web.Response(status=answer.status, headers=headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = len(answer.body)
        await response.prepare(request)
        size = len(answer.body) // DRIP_PIECES + 1
        for start in range(0, len(answer.body), size):
            await asyncio.sleep(answer.drip_s / DRIP_PIECES)
            await response.write(answer.body[start : start + size])
        return response


def _date(header: str) -> dt.datetime:
    try:
        date = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return _EPOCH  # RFC 9110, 13.1.3: an invalid date is ignored
    return date if date.tzinfo else date.replace(tzinfo=dt.UTC)
