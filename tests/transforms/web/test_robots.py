import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from schemas.enums import Reason
from transforms.web import robots
from transforms.web.messages import Failure, Response
from transforms.web.robots import RobotsCache, Rules, rules_from, rules_of

NOW = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


def response(text: str) -> Response:
    return Response(request_url="", url="", status=200, headers={}, body=text.encode(), observed_at=NOW)


def failure(reason: Reason, status: int | None = None, retry_after_s: float | None = None) -> Failure:
    return Failure(
        request_url="", reason=reason, detail="why", observed_at=NOW, status=status, retry_after_s=retry_after_s
    )


def allows(rules: Rules, path: str = "/a", *, by_name_only: bool = False) -> bool:
    return rules.refusal(URL(f"http://example.org{path}"), by_name_only=by_name_only) is None


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("<html>not found</html>", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow:", True),
        ("\ufeffUser-agent: *\r\nDisallow: /", False),
        ("user agent *\ndisallow: /a # all of it", False),
        ("User-agent: *\nDisallow: /\nAllow: /a", True),
        ("User-agent: *\nDisallow: /*a$", False),
        ("User-agent: other\nDisallow: /", True),
        ("Disallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: wirebeam\nAllow: /", True),
        ("User-agent: WireBeam/1.0\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: *\nAllow: /\nUser-agent: wirebeam\nUser-agent: other\nDisallow: /", False),
        (
            "User-agent: wirebeam\nDisallow: /b\n\nUser-agent: *\nDisallow: /\n\nUser-agent: wirebeam\nDisallow: /a",
            False,
        ),
        ("User-agent: wirebeamer\nDisallow: /", True),
        ("User-agent: wire\nDisallow: /", True),
        ("User-agent: wirebeam\n\nUser-agent: *\nDisallow: /", False),
    ],
)
def test_the_rules_of_our_group_hold(text: str, *, allowed: bool) -> None:
    assert allows(rules_from(response(text))) is allowed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("User-agent: *\nDisallow: /", True),
        ("User-agent: wirebeam\nDisallow: /", False),
        ("User-agent: wirebeam\nDisallow: /other\n\nUser-agent: *\nDisallow: /", True),
    ],
)
def test_by_name_only_rules_that_name_us_count(text: str, *, allowed: bool) -> None:
    assert allows(rules_of(text), by_name_only=True) is allowed


@pytest.mark.parametrize(
    ("delay", "seconds"), [("5", 5.0), ("0.5", 0.5), ("900", 30.0), ("inf", 0.0), ("-1", 0.0), ("slow", 0.0)]
)
def test_a_crawl_delay_is_honoured_within_bounds(delay: str, seconds: float) -> None:
    assert rules_of(f"User-agent: *\nCrawl-delay: {delay}").crawl_delay_s == seconds


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (failure(Reason.NOT_FOUND, 404), None),
        (failure(Reason.FORBIDDEN, 403), None),
        (failure(Reason.RATE_LIMITED, 429), None),
        (failure(Reason.TOO_MANY_REDIRECTS), None),
        (failure(Reason.HTTP_ERROR, 500), Reason.ROBOTS_UNREACHABLE),
        (failure(Reason.TIMEOUT), Reason.ROBOTS_UNREACHABLE),
        (failure(Reason.DISCONNECTED), Reason.ROBOTS_UNREACHABLE),
        (failure(Reason.RATE_LIMITED, 503), Reason.ROBOTS_UNREACHABLE),
        (failure(Reason.RATE_LIMITED), Reason.RATE_LIMITED),
        (failure(Reason.DNS), Reason.DNS),
        (failure(Reason.ADDRESS_REFUSED), Reason.ADDRESS_REFUSED),
    ],
)
def test_without_a_robots_txt_its_status_decides(answer: Failure, reason: Reason | None) -> None:
    refusal = rules_from(answer).refusal(URL("http://example.org/a"), by_name_only=False)
    assert (refusal.reason if refusal else None) is reason
    assert allows(rules_from(answer), by_name_only=True)


@given(st.text(alphabet="user-agent: *\nDisallow/wirebeam#$%", max_size=300))
def test_any_text_is_some_rules(text: str) -> None:
    assert allows(rules_of(text), "/b") in {True, False}


def test_many_agents_with_many_rules_cost_one_group() -> None:
    text = "".join(f"User-agent: bot{n}\n" for n in range(10_000)) + "User-agent: *\n" + "Disallow: /b\n" * 20_000
    assert allows(rules_of(text))


# ── the cache ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Origins:
    """What is behind the cache: answers one by one, and remembers what was asked for."""

    def __init__(self, *answers: Response | Failure) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.now = 0.0

    async def fetch(self, url: str) -> Response | Failure:
        self.asked.append(url)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def cache(self) -> RobotsCache:
        return RobotsCache(self.fetch, lambda: self.now)


def test_the_rules_of_an_origin_are_kept_for_a_day() -> None:
    async def run() -> None:
        origins = Origins(response("User-agent: *\nDisallow: /"), response(""))
        cache = origins.cache()
        for now in (0, 86_399):
            origins.now = now
            assert not allows(await cache.rules(URL("http://example.org/a")))
        origins.now = 86_400
        assert allows(await cache.rules(URL("http://example.org/b")))
        assert origins.asked == ["http://example.org/robots.txt"] * 2

    asyncio.run(run())


@pytest.mark.parametrize(("retry_after_s", "until"), [(None, 600.0), (20.0, 20.0), (9e9, 600.0)])
def test_an_unreachable_robots_txt_is_asked_for_again_soon(retry_after_s: float | None, until: float) -> None:
    async def run() -> None:
        origins = Origins(failure(Reason.RATE_LIMITED, 503, retry_after_s), response(""))
        cache = origins.cache()
        assert not allows(await cache.rules(URL("http://example.org/a")))
        origins.now = until - 1
        assert not allows(await cache.rules(URL("http://example.org/a")))
        origins.now = until
        assert allows(await cache.rules(URL("http://example.org/a")))

    asyncio.run(run())


def test_origins_differ_by_scheme_host_and_port_and_are_asked_once_for_all_who_wait() -> None:
    async def run() -> None:
        origins = Origins(response(""))
        cache = origins.cache()
        urls = ["http://example.org/a", "http://example.org:80/b", "https://example.org/", "http://example.org:8080/"]
        await asyncio.gather(*(cache.rules(URL(url)) for url in urls * 3))
        assert sorted(origins.asked) == [
            "http://example.org/robots.txt",
            "http://example.org:8080/robots.txt",
            "https://example.org/robots.txt",
        ]

    asyncio.run(run())


def test_who_gives_up_does_not_take_the_others_with_him() -> None:
    async def run() -> None:
        origins = Origins(response("User-agent: *\nDisallow: /"))
        cache = origins.cache()
        first, second = (asyncio.create_task(cache.rules(URL("http://example.org/"))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert not allows(await second)
        assert len(origins.asked) == 1
        await cache.close()

    asyncio.run(run())


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "MAX_ORIGINS", 2)

    async def run() -> None:
        origins = Origins(response(""))
        cache = origins.cache()
        for host in ("a", "b", "a", "c", "a", "b"):
            await cache.rules(URL(f"http://{host}/"))
        assert origins.asked == [f"http://{host}/robots.txt" for host in "abcb"]

    asyncio.run(run())


def test_the_cache_is_bounded_in_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "MAX_RULES_LENGTH", 1_000)

    async def run() -> None:
        origins = Origins(response("User-agent: *\n" + "Disallow: /a\n" * 40))
        cache = origins.cache()
        for host in ("a", "b", "c"):
            await cache.rules(URL(f"http://{host}/"))
        assert len(cache._rules) == 1
        assert cache._length == sum(rules.length for rules, _ in cache._rules.values())

    asyncio.run(run())
