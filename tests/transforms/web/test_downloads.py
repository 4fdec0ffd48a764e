import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.enums import Reason
from tests.transforms.web.site import CONFIG, Reply, Site, reply, served
from transforms.web import client
from transforms.web import downloads as module
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.web.resolver import Resolver

LONG_S = 20.0


class Gated:
    """A page that the server holds back until the test lets it go."""

    def __init__(self) -> None:
        self.is_open = threading.Event()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        while not self.is_open.is_set():  # noqa: ASYNC110  # the test opens it from another thread
            await asyncio.sleep(0.005)
        writer.write(reply(b"late"))


class World:
    """Downloads from a site that answers three pages at once and one late."""

    def __init__(self, site: Site, late: Gated) -> None:
        self.site = site
        self.late = late
        self.downloads = Downloads(CONFIG)

    def start(self, *names: str) -> None:
        for name in names:
            self.downloads.start(name, Request(url=self.site.url(f"/{name}"), accept="*/*"))

    def take(
        self, *names: str, deadline_s: float = LONG_S, max_bytes: int = module.MAX_TAKEN_BYTES
    ) -> dict[str, bytes]:
        answers = self.downloads.take(names, deadline_s, max_bytes)
        return {key: answer.body if isinstance(answer, Response) else b"" for key, answer in answers.items()}


@pytest.fixture
def world() -> Iterator[World]:
    late = Gated()
    replies: dict[str, Reply] = {f"/{name}": reply(name.encode()) for name in "abc"}
    with served(replies | {"/late": late}) as site:
        made = World(site, late)
        yield made
        made.downloads.close()
        late.is_open.set()


def test_what_is_started_can_be_taken_once(world: World) -> None:
    world.start("a", "b")
    assert world.take("a", "b") == {"a": b"a", "b": b"b"}
    assert world.take("a", "b") == {}
    assert world.downloads.pending() == 0


def test_what_nobody_started_is_left_out_at_once(world: World) -> None:
    assert world.take("a") == {}


def test_a_key_that_is_under_way_or_finished_is_not_started_again(world: World) -> None:
    world.start("late", "late", "a")
    world.take("late", deadline_s=0.05)
    world.start("late")
    world.late.is_open.set()
    assert world.take("late") == {"late": b"late"}
    world.start("a")
    assert world.take("a") == {"a": b"a"}
    assert sorted(world.site.paths) == ["/a", "/late"]
    world.start("a")
    assert world.take("a") == {"a": b"a"}, "taken: it may be asked for again"


def test_what_is_not_finished_by_the_deadline_goes_on(world: World) -> None:
    world.start("a", "late")
    assert world.take("a") == {"a": b"a"}
    assert world.take("late", deadline_s=0.0) == {}
    assert world.downloads.pending() == 1
    world.late.is_open.set()
    assert world.take("late") == {"late": b"late"}


def test_bodies_beyond_the_bound_stay_for_the_next_taker(world: World) -> None:
    world.start("a", "b", "c")
    taken: list[str] = []
    while len(taken) < 3:
        some = world.take("a", "b", "c", max_bytes=1)
        assert len(some) == 1
        taken += some
    assert sorted(taken) == ["a", "b", "c"]


def test_a_full_taker_does_not_wait_for_the_rest(world: World) -> None:
    world.start("late", "a")
    assert world.take("late", "a", max_bytes=1) == {"a": b"a"}


def test_a_failure_is_an_answer(world: World) -> None:
    world.start("missing")
    answer = world.downloads.take(["missing"], LONG_S)["missing"]
    assert isinstance(answer, Failure)
    assert answer.reason is Reason.NOT_FOUND


def test_a_bug_costs_its_own_download_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(request: Request) -> Response:
        raise KeyError(request.url)

    monkeypatch.setattr(world.downloads._client, "get", broken)
    world.downloads.start("a", Request(url="http://me:s3cret@example.org/", accept="*/*"))
    answer = world.downloads.take(["a"], LONG_S)["a"]
    assert isinstance(answer, Failure)
    assert answer.reason is Reason.BUG
    assert "s3cret" not in repr(answer)


def test_what_nobody_takes_is_dropped_beyond_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    for name in "abc":
        world.start(name)
        world.downloads.take(["nothing"], 0)
        while world.downloads.pending():
            threading.Event().wait(0.005)
    assert world.take("a", "b", "c") == {"b": b"b", "c": b"c"}


def test_bodies_that_nobody_takes_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 1)
    world.start("a", "b", "c")
    while world.downloads.pending():
        threading.Event().wait(0.005)
    assert len(world.take("a", "b", "c")) == 1
    assert world.downloads._finished_bytes == 0


def test_many_keys_are_started_and_taken(world: World) -> None:
    world.late.is_open.set()
    keys = [f"key{number}" for number in range(500)]
    for key in keys:
        world.downloads.start(key, Request(url="ftp://example.org/", accept="*/*"))
    assert list(world.downloads.take(keys, LONG_S)) == keys


def test_closing_gives_up_what_is_under_way_and_wakes_who_waits(world: World) -> None:
    world.start("late", "a")
    assert world.take("a") == {"a": b"a"}
    taken: list[dict[str, bytes]] = []
    waiter = threading.Thread(target=lambda: taken.append(world.take("late")))
    waiter.start()
    world.downloads.close()
    waiter.join(LONG_S)
    assert taken == [{}]
    with pytest.raises(RuntimeError, match="closed"):
        world.start("b")
    world.downloads.close()


def test_keys_that_ask_for_the_same_thing_share_one_request(world: World) -> None:
    url = world.site.url("/late")
    for key in ("one", "two", "three"):
        world.downloads.start(key, Request(url=url, accept="*/*"))
    world.downloads.start("other", Request(url=url, accept="*/*", etag='"known"'))
    assert world.take("one", deadline_s=0.05) == {}
    assert world.downloads.pending() == 4
    world.late.is_open.set()
    assert set(world.take("one", "two", "three", "other").values()) == {b"late"}
    assert world.site.paths == ["/late", "/late"]
    world.start("a")
    world.take("a")
    world.start("a")
    assert world.take("a") == {"a": b"a"}
    assert world.site.paths.count("/a") == 2, "what is finished is not shared"


def test_closing_waits_for_nothing_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    is_asked = threading.Event()

    def hanging(*_: object) -> list[Any]:
        is_asked.set()
        is_over.wait(LONG_S)
        return []

    monkeypatch.setattr(client, "Resolver", lambda: Resolver(hanging))
    downloads = Downloads(CONFIG)
    downloads.start("a", Request(url="http://news.example/", accept="*/*"))
    assert is_asked.wait(LONG_S)
    downloads.close()
    assert not downloads._thread.is_alive()
    is_over.set()


def test_closing_leaves_a_loop_that_does_not_stop_to_its_daemon_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    is_over = threading.Event()
    downloads = Downloads(CONFIG)
    downloads._loop.call_soon_threadsafe(is_over.wait, LONG_S)
    downloads.close()
    assert downloads._thread.is_alive()
    assert downloads._thread.daemon
    is_over.set()
    downloads._thread.join(LONG_S)


EXITING = """
import socket, time
socket.getaddrinfo = lambda *_: time.sleep(600)
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig, Request
downloads = Downloads(HttpConfig())
downloads.start("a", Request(url="http://news.example/", accept="*/*"))
assert downloads.take(["a"], 0.2) == {}
print("the end")
"""


def test_a_name_server_that_does_not_answer_does_not_hold_up_the_end_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", EXITING], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("the end\n", "", 0)


def test_a_bad_network_is_an_error_before_anything_is_open() -> None:
    with pytest.raises(ValueError, match="here"):
        HttpConfig(allow_net=("here",))
