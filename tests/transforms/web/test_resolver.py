import asyncio
import socket
import threading
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from transforms.web import resolver as module
from transforms.web.resolver import Lookup, Resolver

LONG_S = 20.0


def resolved(host: str, lookup: Lookup) -> list[ResolveResult]:
    return asyncio.run(Resolver(lookup).resolve(host, 80, socket.AF_UNSPEC))


def refusing(*_: object) -> list[Any]:
    raise AssertionError("the system was asked")


def answering(*addresses: tuple[Any, ...]) -> Lookup:
    def lookup(*_: object) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for address in addresses
        ]

    return lookup


@pytest.mark.parametrize("host", ["localhost", "localhost.", "NEWS.LocalHost", "a.b.localhost"])
def test_localhost_is_known_without_asking(host: str) -> None:
    (found,) = resolved(host, refusing)
    assert (found["hostname"], found["host"], found["port"], found["family"]) == (host, "127.0.0.1", 80, socket.AF_INET)


def test_any_other_name_is_the_systems_to_answer() -> None:
    found = resolved("localhost.example", answering(("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0)))
    assert [(one["host"], one["family"]) for one in found] == [
        ("192.0.2.1", socket.AF_INET),
        ("2001:db8::1", socket.AF_INET6),
    ]
    assert {one["port"] for one in found} == {80}


def test_a_link_local_address_keeps_its_scope() -> None:
    (found,) = resolved("printer.example", answering(("fe80::1", 80, 0, 3)))
    assert found["host"] == "fe80::1%3"


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_an_os_error(error: Exception) -> None:
    def failing(*_: object) -> list[Any]:
        raise error

    with pytest.raises(OSError, match=r"known|not a host name"):
        resolved("news.example", failing)


def test_names_that_hang_hold_up_no_others_and_no_more_threads_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOKUPS", 2)
    is_over = threading.Event()
    asked: list[str] = []

    def hanging(host: str, *_: object) -> list[Any]:
        asked.append(host)
        if host.startswith("slow"):
            is_over.wait(LONG_S)
        return list(answering(("192.0.2.1", 80))())

    async def run() -> None:
        resolver = Resolver(hanging)
        given_up = asyncio.create_task(resolver.resolve("slow.example"))
        await asyncio.sleep(0)
        assert len(await resolver.resolve("quick.example")) == 1
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        slow = asyncio.create_task(resolver.resolve("slow-too.example"))
        waiting = asyncio.create_task(resolver.resolve("late.example"))
        await asyncio.wait([slow, waiting], timeout=0.05)
        assert asked == ["slow.example", "quick.example", "slow-too.example"]
        is_over.set()
        assert len(await slow) == len(await waiting) == 1

    asyncio.run(run())


def test_an_answer_that_comes_after_the_loop_is_closed_is_nobodys() -> None:
    is_over = threading.Event()
    threads: list[threading.Thread] = []

    def hanging(*_: object) -> list[Any]:
        threads.append(threading.current_thread())
        is_over.wait(LONG_S)
        return []

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Resolver(hanging).resolve("slow.example"), 0.05)

    asyncio.run(run())
    is_over.set()
    threads[0].join(LONG_S)
    assert threads[0].daemon
