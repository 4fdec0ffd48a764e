"""robots.txt by RFC 9309: what a host allows us, kept for a day.

Protego judges the rules; which group of rules is ours is found here, so that it sees that group only. It multiplies
every rule by every agent of its group: half a megabyte of both costs it minutes.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protego import Protego
from yarl import URL

from schemas.enums import Reason
from transforms.web.messages import Failure, Response

PRODUCT_TOKEN = "wirebeam"  # noqa: S105  # our name in robots.txt (RFC 9309, 2.2.1), no secret
MAX_ROBOTS_BYTES = 512_000  # read of one file: RFC 9309, 2.5 asks for at least 500 KiB
TTL_S = 86_400.0  # RFC 9309, 2.4: not longer than 24 hours
UNREACHABLE_TTL_S = 600.0  # then it is asked for again
MAX_CRAWL_DELAY_S = 30.0  # a longer wish is taken for this: at one page a minute or less an outlet cannot be followed
MAX_ORIGINS = 10_000  # kept
MAX_RULES_LENGTH = 4_000_000  # characters of rules kept over all origins; parsed they take some 20 times that in bytes
AGENT_FIELDS = ("user-agent", "useragent", "user agent")

# The page itself would fail for these in the same way, which says more than "robots.txt is unreachable".
SHARED_FATES = {Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.ADDRESS_REFUSED, Reason.RATE_LIMITED}
# RFC 9309, 2.3.1.2: after too many redirects, as after a 4xx status, there is no robots.txt.
UNAVAILABLE = {Reason.TOO_MANY_REDIRECTS, Reason.BAD_REDIRECT}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address may not be asked for."""

    reason: Reason
    detail: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What one robots.txt says to us."""

    parser: Protego
    length: int = 0  # characters of the rules that concern us
    names_us: bool = False
    unreachable: Refusal | None = None

    def refusal(self, url: URL, *, by_name_only: bool) -> Refusal | None:
        """Why `url` may not be asked for, or None if it may.

        Args:
            url: an address of this origin.
            by_name_only: heed only rules written for us by name; an unreachable robots.txt then holds up nothing.
        """
        if self.unreachable:
            return None if by_name_only else self.unreachable
        if (by_name_only and not self.names_us) or self.parser.can_fetch(str(url), PRODUCT_TOKEN):
            return None
        return Refusal(Reason.ROBOTS, f"robots.txt disallows {url.raw_path_qs[:200]}")

    @property
    def crawl_delay_s(self) -> float:
        """Seconds between two requests as the host wishes, bounded; 0 without a wish."""
        return min(self.parser.crawl_delay(PRODUCT_TOKEN) or 0.0, MAX_CRAWL_DELAY_S)


def rules_of(text: str) -> Rules:
    """The rules of a robots.txt that concern us: of the groups that name us, else of those for everybody."""
    lines: dict[str, list[str]] = {PRODUCT_TOKEN: [], "*": []}
    names_us = False
    agents: set[str] = set()
    is_head = False  # of a group: its user-agent lines
    for raw_line in text.splitlines():
        line = raw_line.partition("#")[0].strip()
        agent_field = next((name for name in AGENT_FIELDS if line[: len(name)].lower() == name), None)
        if agent_field:
            if not is_head:
                agents = set()
            is_head = True
            value = line[len(agent_field) :].strip(" \t:").lower()
            agents |= {value if value == "*" else value.partition("/")[0].rstrip(" *")} & lines.keys()
            names_us = names_us or PRODUCT_TOKEN in agents
        elif line:
            is_head = False
            for agent in agents:
                lines[agent].append(line)
    rules = "\n".join(lines[PRODUCT_TOKEN if names_us else "*"])
    return Rules(Protego.parse(f"User-agent: *\n{rules}"), length=len(rules), names_us=names_us)


def rules_from(answer: Response | Failure) -> Rules:
    """What follows from the answer to the request for robots.txt."""
    if isinstance(answer, Response):
        return rules_of(answer.body.decode("utf-8-sig", "replace"))
    is_client_error = answer.status is not None and 400 <= answer.status < 500
    if is_client_error or answer.reason in UNAVAILABLE:
        return rules_of("")
    is_shared = answer.status is None and answer.reason in SHARED_FATES
    reason = answer.reason if is_shared else Reason.ROBOTS_UNREACHABLE
    return Rules(Protego.parse(""), unreachable=Refusal(reason, f"robots.txt: {answer.detail}", answer.retry_after_s))


class RobotsCache:
    """The rules of each origin, fetched once a day. For one event loop.

    Args:
        fetch: gets a robots.txt.
        clock: monotonic seconds.
    """

    def __init__(
        self, fetch: Callable[[str], Awaitable[Response | Failure]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._rules: OrderedDict[str, tuple[Rules, float]] = OrderedDict()  # origin: rules, until; last used last
        self._length = 0  # characters of all rules kept
        self._fetching: dict[str, asyncio.Task[Rules]] = {}

    async def rules(self, url: URL) -> Rules:
        """The rules for `url`; those who ask while they are being fetched wait for the same answer."""
        origin = str(url.origin())
        rules, valid_until = self._rules.get(origin, (None, 0.0))
        if rules and self._clock() < valid_until:
            self._rules.move_to_end(origin)
            return rules
        if origin not in self._fetching:
            self._fetching[origin] = asyncio.create_task(self._get(origin))
        return await asyncio.shield(self._fetching[origin])  # who gives up must not take the others with him

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _get(self, origin: str) -> Rules:
        try:
            rules = rules_from(await self._fetch(f"{origin}/robots.txt"))
            self._keep(origin, rules)
        finally:
            del self._fetching[origin]
        return rules

    def _keep(self, origin: str, rules: Rules) -> None:
        ttl_s = TTL_S
        if rules.unreachable:
            wish_s = rules.unreachable.retry_after_s
            ttl_s = UNREACHABLE_TTL_S if wish_s is None else min(wish_s, UNREACHABLE_TTL_S)
        self._drop(origin)
        self._rules[origin] = rules, self._clock() + ttl_s
        self._length += rules.length
        while len(self._rules) > MAX_ORIGINS or self._length > MAX_RULES_LENGTH:
            self._drop(next(iter(self._rules)))

    def _drop(self, origin: str) -> None:
        rules, _ = self._rules.pop(origin, (None, 0.0))
        self._length -= rules.length if rules else 0
