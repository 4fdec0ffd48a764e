"""The host gate: who may send a request now.

At most `per_host` requests to one host are in flight, their starts lie at least a delay apart, and at most
`concurrency` requests are in flight in all. Whoever waits for a host holds none of the overall places, so a slow host
holds up itself only. A host that answers 429 or 503 is left alone for as long as it asks, within bounds.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

FIRST_PAUSE_S = 5.0  # after a 429 or 503 that names no time; doubled at each further one in a row
MAX_PAUSE_S = 3_600.0  # that a host can ask for
PATIENCE_S = 30.0  # a request waits for a pause of this length; a longer one is handed back at once
SWEEP_AT = 1_000  # hosts


@dataclass(slots=True)
class _Host:
    in_flight: asyncio.Semaphore
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0  # requests that wait or are in flight
    next_start: float = 0.0  # not before: the delay between two requests
    paused_until: float = 0.0  # not before: the host's wish
    refusals: int = 0  # 429s and 503s in a row


class HostGate:
    """All hosts' gates. For one event loop.

    Args:
        concurrency: requests in flight in all.
        per_host: requests in flight to one host.
        delay_s: seconds between the starts of two requests to one host.
        clock: monotonic seconds.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        per_host: int,
        delay_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._overall = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._delay_s = delay_s
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._sweep_at = SWEEP_AT

    @contextlib.asynccontextmanager
    async def slot(self, name: str, delay_s: float = 0.0) -> AsyncIterator[float]:
        """Wait for a place, and hold it inside the `async with`.

        Args:
            name: the host.
            delay_s: its own wish for the time between two requests, if that is longer than ours.

        Yields:
            0 if the request may go; else it must not, and these are the seconds that the host wants to be left alone.
        """
        host = self._hosts.get(name) or self._add(name)
        host.users += 1
        try:
            async with host.in_flight:
                pause_s = await self._take_turn(host, max(delay_s, self._delay_s))
                try:
                    yield pause_s
                finally:
                    if not pause_s:
                        self._overall.release()
        finally:
            host.users -= 1

    def refused(self, name: str, retry_after_s: float | None) -> None:
        """The host answered 429 or 503, and asked to come back after so many seconds, or did not say when."""
        host = self._hosts.get(name) or self._add(name)
        wish_s = FIRST_PAUSE_S * 2**host.refusals if retry_after_s is None else retry_after_s
        host.refusals = min(host.refusals + 1, 10)
        host.paused_until = max(host.paused_until, self._clock() + min(wish_s, MAX_PAUSE_S))

    def welcomed(self, name: str) -> None:
        """The host answered without complaint."""
        if host := self._hosts.get(name):
            host.refusals = 0

    async def _take_turn(self, host: _Host, delay_s: float) -> float:
        async with host.turn:
            while True:
                now = self._clock()
                if host.paused_until - now > PATIENCE_S:
                    return host.paused_until - now
                wait_s = max(host.next_start, host.paused_until) - now
                if wait_s > 0:
                    await self._sleep(wait_s)
                    continue
                await self._overall.acquire()
                now = self._clock()
                if host.paused_until <= now:
                    host.next_start = now + delay_s
                    return 0.0
                self._overall.release()  # refused while we waited for a place: wait for the host first

    def _add(self, name: str) -> _Host:
        if len(self._hosts) >= self._sweep_at:
            now = self._clock()
            self._hosts = {
                name: host
                for name, host in self._hosts.items()
                if host.users or max(host.next_start, host.paused_until) > now
            }
            self._sweep_at = max(SWEEP_AT, 2 * len(self._hosts))
        host = self._hosts[name] = _Host(asyncio.Semaphore(self._per_host))
        return host
