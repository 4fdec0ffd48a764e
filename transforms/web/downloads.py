"""Downloads that outlive the cycle that asked for them.

One thread with one event loop and one client serves the whole process. A stage starts a download under a key, takes
what is ready by its deadline, and finds the rest under the same key in a later cycle. Keys that ask for the very same
thing while it is under way (two feeds that show one article) share one request and its answer.
"""

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.enums import Reason
from transforms.outcomes import utc_now
from transforms.web.client import HttpClient
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.web.urls import redact

MAX_KEPT_BYTES = 500_000_000  # bodies of finished downloads that nobody has taken yet
MAX_KEPT = 20_000  # finished downloads that nobody has taken yet
MAX_TAKEN_BYTES = 200_000_000  # of bodies that one caller takes at a time, if it does not say otherwise
STOP_TIMEOUT_S = 1.0  # for what is under way to let go, and again for the thread to end


@dataclass(slots=True)
class _Wait:
    """One caller of `take`, until all its keys are done or their bodies fill its bound."""

    keys: set[str]
    bytes_left: int
    is_over: threading.Event = field(default_factory=threading.Event)

    def note(self, key: str, size_bytes: int) -> None:
        if key in self.keys:
            self.keys.remove(key)
            self.bytes_left -= size_bytes
        if not self.keys or self.bytes_left <= 0:
            self.is_over.set()


class Downloads:
    """All downloads of this process. Every method may be called from any thread.

    What is finished and not taken is kept up to `MAX_KEPT_BYTES` of bodies and `MAX_KEPT` answers; beyond that the
    oldest is dropped, and is downloaded again if it is ever started again.

    Args:
        config: how politely and how far the client goes.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._sharers: dict[Request, list[str]] = {}  # the keys that wait for each request; the loop's own
        self._tasks: set[asyncio.Task[None]] = set()  # one for each request; the loop's own
        self._finished: OrderedDict[str, Response | Failure] = OrderedDict()
        self._finished_bytes = 0
        self._waits: list[_Wait] = []
        self._is_closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="downloads", daemon=True)
        self._thread.start()
        self._client = asyncio.run_coroutine_threadsafe(_open(config), self._loop).result()

    def start(self, key: str, request: Request) -> None:
        """Begin a download; does nothing if `key` is under way, or finished and not yet taken.

        Raises:
            RuntimeError: after `close`.
        """
        with self._lock:
            if self._is_closed:
                raise RuntimeError("downloads are closed")
            if key in self._running or key in self._finished:
                return
            self._running.add(key)
            self._loop.call_soon_threadsafe(self._launch, key, request)

    def take(
        self, keys: Sequence[str], deadline_s: float, max_bytes: int = MAX_TAKEN_BYTES
    ) -> dict[str, Response | Failure]:
        """The answers to those of `keys` that are finished; each is given out once.

        Waits until all of them are finished, or `deadline_s` seconds have passed, or their bodies fill `max_bytes`.
        What is not given out goes on or stays, and is found by a later call; a key that nobody started is left out.

        Args:
            keys: in the order of preference when `max_bytes` does not suffice for all.
            deadline_s: seconds from now.
            max_bytes: of bodies given out; the first answer is given out whatever its size.
        """
        with self._lock:
            ready_bytes = sum(_size(self._finished[key]) for key in set(keys) & self._finished.keys())
            wait = _Wait(set(keys) & self._running, max_bytes - ready_bytes)
            self._waits.append(wait)
        if wait.keys and wait.bytes_left > 0:
            wait.is_over.wait(deadline_s)
        taken: dict[str, Response | Failure] = {}
        taken_bytes = 0
        with self._lock:
            self._waits.remove(wait)
            for key in keys:
                if key in self._finished:
                    taken_bytes += _size(self._finished[key])
                    if taken and taken_bytes > max_bytes:
                        break
                    taken[key] = self._remove(key)
        return taken

    def pending(self) -> int:
        """How many downloads are waiting for their turn or under way."""
        with self._lock:
            return len(self._running)

    def close(self) -> None:
        """Give up what is under way, close the connections, end the thread. What is finished can still be taken.

        Returns within `STOP_TIMEOUT_S` twice: what does not let go by then is left to its daemon thread.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._running.clear()
            for wait in self._waits:
                wait.is_over.set()
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        if not self._thread.is_alive():
            self._loop.close()

    def _launch(self, key: str, request: Request) -> None:
        if self._is_closed:
            return
        if request in self._sharers:
            self._sharers[request].append(key)
            return
        self._sharers[request] = [key]
        task = self._loop.create_task(self._run(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, request: Request) -> None:
        answer: Response | Failure
        try:
            answer = await self._client.get(request)
        except Exception as error:  # noqa: BLE001  # a bug costs this download, and its caller must not wait for ever
            detail = f"{type(error).__name__} in the HTTP client"
            answer = Failure(request_url=redact(request.url), reason=Reason.BUG, detail=detail, observed_at=utc_now())
        keys = self._sharers.pop(request)
        with self._lock:
            if self._is_closed:
                return
            for key in keys:
                self._keep(key, answer)

    def _keep(self, key: str, answer: Response | Failure) -> None:
        self._running.remove(key)
        self._finished[key] = answer
        self._finished_bytes += _size(answer)
        while len(self._finished) > MAX_KEPT or self._finished_bytes > MAX_KEPT_BYTES:
            self._remove(next(iter(self._finished)))
        for wait in self._waits:
            wait.note(key, _size(answer))

    def _remove(self, key: str) -> Response | Failure:
        answer = self._finished.pop(key)
        self._finished_bytes -= _size(answer)
        return answer

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()


async def _open(config: HttpConfig) -> HttpClient:
    return HttpClient(config)


def _size(answer: Response | Failure) -> int:
    return len(answer.body) if isinstance(answer, Response) else 0
