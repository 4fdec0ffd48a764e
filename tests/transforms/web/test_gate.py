import asyncio
import collections
import itertools
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.web import gate
from transforms.web.gate import FIRST_PAUSE_S, MAX_PAUSE_S, PATIENCE_S, HostGate


class Time:
    """A clock that stands still while anybody works, and jumps to the next sleeper's hour when all sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    def run(self, *work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(self._run(work))

    async def _run(self, work: tuple[Coroutine[Any, Any, None], ...]) -> None:
        done = asyncio.gather(*work)
        while not done.done():
            for _ in range(20):  # let everybody go on until he sleeps or waits
                await asyncio.sleep(0)
            if self._sleepers and not done.done():
                self._sleepers.sort(key=lambda sleeper: sleeper[0])
                self.now, woken = self._sleepers.pop(0)
                if not woken.done():
                    woken.set_result(None)
        await done


class World:
    """A gate under a `Time`, and a record of who was let through when."""

    def __init__(self, *, concurrency: int = 100, per_host: int = 2, delay_s: float = 1.0) -> None:
        self.time = Time()
        self.gate = HostGate(
            concurrency=concurrency,
            per_host=per_host,
            delay_s=delay_s,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )
        self.starts: dict[str, list[float]] = collections.defaultdict(list)
        self.in_flight: collections.Counter[str] = collections.Counter()
        self.most_in_flight: collections.Counter[str] = collections.Counter()  # by host, and "" for all

    async def request(self, host: str, lasts_s: float = 0.0, *, delay_s: float = 0.0) -> None:
        async with self.gate.slot(host, delay_s) as pause_s:
            assert pause_s == 0
            self.starts[host].append(self.time.now)
            self.in_flight[host] += 1
            self.most_in_flight |= self.in_flight | collections.Counter({"": self.in_flight.total()})
            if lasts_s:
                await self.time.sleep(lasts_s)
            self.in_flight[host] -= 1

    def run(self, *work: Coroutine[Any, Any, None]) -> None:
        self.time.run(*work)


def test_requests_to_one_host_start_a_delay_apart() -> None:
    world = World(delay_s=1.0)
    world.run(*(world.request("a") for _ in range(5)))
    assert world.starts == {"a": [0, 1, 2, 3, 4]}


def test_without_a_delay_nobody_waits() -> None:
    world = World(delay_s=0.0, per_host=5)
    world.run(*(world.request(host) for host in "aaaaabbbbb"))
    assert world.time.now == 0


def test_a_hosts_longer_wish_is_granted() -> None:
    world = World(delay_s=1.0)
    world.run(*(world.request("a", delay_s=7.0) for _ in range(3)))
    assert world.starts == {"a": [0, 7, 14]}


def test_a_host_that_is_slow_holds_up_itself_only() -> None:
    world = World(concurrency=3, per_host=2, delay_s=0.0)
    slow = [world.request("slow", 100.0) for _ in range(20)]
    world.run(*slow, *(world.request("quick") for _ in range(5)))
    assert world.starts["quick"] == [0] * 5
    assert world.starts["slow"][:4] == [0, 0, 100, 100]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.3, 1.0, 5.0])), max_size=25),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 2.0]),
)
def test_the_limits_hold_and_everybody_gets_through(
    requests: list[tuple[str, float]], concurrency: int, per_host: int, delay_s: float
) -> None:
    world = World(concurrency=concurrency, per_host=per_host, delay_s=delay_s)
    world.run(*(world.request(host, lasts_s) for host, lasts_s in requests))
    assert sum(map(len, world.starts.values())) == len(requests)
    assert world.most_in_flight[""] <= concurrency
    assert all(world.most_in_flight[host] <= per_host for host in "abc")
    for starts in world.starts.values():
        assert all(later - earlier >= delay_s - 1e-9 for earlier, later in itertools.pairwise(starts))


def test_a_refusal_holds_up_who_waits() -> None:
    world = World(delay_s=1.0)

    async def refused(seconds: float) -> None:
        await world.request("a")
        world.gate.refused("a", seconds)

    world.run(refused(20.0), *(world.request("a") for _ in range(2)))
    assert world.starts == {"a": [0, 20, 21]}


def test_a_refusal_while_waiting_for_a_place_counts() -> None:
    world = World(concurrency=1, delay_s=0.0)

    async def holds_the_place_and_is_refused() -> None:
        async with world.gate.slot("b"):
            await world.time.sleep(3.0)
            world.gate.refused("a", 10.0)

    world.run(holds_the_place_and_is_refused(), world.request("a"))
    assert world.starts == {"a": [13.0]}


@pytest.mark.parametrize(("wish_s", "pause_s"), [(PATIENCE_S + 1, PATIENCE_S + 1), (1e12, MAX_PAUSE_S)])
def test_a_long_pause_is_handed_back_at_once(wish_s: float, pause_s: float) -> None:
    world = World()
    world.gate.refused("a", wish_s)

    async def asks() -> None:
        async with world.gate.slot("a") as answer_s:
            assert answer_s == pause_s

    world.run(asks(), world.request("b"))
    assert world.time.now == 0


def test_refusals_without_a_time_pause_ever_longer_until_the_host_is_well() -> None:
    world = World(delay_s=0.0)

    async def run() -> None:
        for _ in range(3):
            world.gate.refused("a", None)
            await world.request("a")
        world.gate.welcomed("a")
        world.gate.refused("a", None)
        await world.request("a")

    world.run(run())
    first = FIRST_PAUSE_S
    assert world.starts == {"a": [first, 3 * first, 7 * first, 8 * first]}


def test_one_who_gives_up_leaves_no_trace() -> None:
    world = World(concurrency=1, per_host=1, delay_s=0.0)

    async def run() -> None:
        first = asyncio.create_task(world.request("a", 5.0))
        second = asyncio.create_task(world.request("a"))
        third = asyncio.create_task(world.request("b"))
        await world.time.sleep(1.0)
        for task in (first, second, third):
            task.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        await asyncio.gather(world.request("a"), world.request("b"))

    world.run(run())
    assert world.starts == {"a": [0, 1], "b": [1]}


def test_hosts_of_the_past_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "SWEEP_AT", 100)
    world = World(delay_s=1.0)
    world.gate._sweep_at = 100

    async def run() -> None:
        for number in range(2_000):
            await world.request(f"host{number}")
            await world.time.sleep(0.1)

    world.run(run())
    assert len(world.gate._hosts) <= 100
