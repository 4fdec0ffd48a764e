"""The HTTP client: one GET at a time, bounded, polite and suspicious.

In: a `Request`. Out: a `Response` that can be used, or a `Failure` with its reason; nothing that a server does raises.
Redirects are followed here, not by aiohttp, since each target must pass robots.txt, the host gate and the guard.
"""

import asyncio
import datetime as dt
import email.utils
import importlib.metadata
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from schemas.enums import Reason
from transforms.outcomes import Clock, utc_now
from transforms.web.body import ACCEPT_ENCODING, Body, BodyError
from transforms.web.gate import HostGate
from transforms.web.guard import AddressRefusedError, guarded_socket_factory, networks
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.web.resolver import Resolver
from transforms.web.robots import MAX_ROBOTS_BYTES, PRODUCT_TOKEN, RobotsCache
from transforms.web.urls import parse_url, redact

MAX_REDIRECTS = 5  # RFC 9309, 2.3.1.2 names it for robots.txt; browsers stop at 20, honest news sites need 2
REDIRECTS = {301, 302, 303, 307, 308}
PERMANENT = {301, 308}
MAX_HEADER_BYTES = 32_768  # of one header line: content security policies of real sites pass aiohttp's 8,190
MAX_HEADERS = 128
MAX_VALUE_LENGTH = 8_000  # characters kept of a header's value; a longer Location is no address, see `urls`
MAX_DETAIL = 300  # characters
KEEP_ALIVE_S = 3.0  # outlasts the usual delay between two requests to a host; with hundreds of hosts a second, open
# connections must stay below the common limit of 1,024 descriptors
REASONS = {  # by status; any other that cannot be used is an http_error
    401: Reason.FORBIDDEN,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    410: Reason.GONE,
    429: Reason.RATE_LIMITED,
    451: Reason.FORBIDDEN,
}
NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # the time cap is ours and spans all redirects


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why one exchange failed; it becomes a `Failure` when the whole request is given up."""

    reason: Reason
    detail: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one exchange brought: a redirect (without its body), or something that can be used."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    observed_at: dt.datetime
    took_s: float  # from the request's start
    sent: Mapping[str, str]  # the headers of the request, without credentials


class HttpClient:
    """Made, used and closed inside one running event loop, as an async context manager or by `close`.

    Args:
        config: how politely and how far we go.
        clock: the wall clock, for `observed_at` and Retry-After dates.
        resolver: names to addresses.
        gate: who may send a request now.
        monotonic: seconds, for the time cap and what is cached.
    """

    def __init__(
        self,
        config: HttpConfig,
        *,
        clock: Clock = utc_now,
        resolver: AbstractResolver | None = None,
        gate: HostGate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._timeout_s = config.timeout_s
        self._gate = gate or HostGate(
            concurrency=config.concurrency, per_host=config.per_host, delay_s=config.host_delay_s
        )
        self._robots = RobotsCache(self._fetch_robots, monotonic)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the gate bounds them
                keepalive_timeout=KEEP_ALIVE_S,
                resolver=resolver or Resolver(),
                socket_factory=guarded_socket_factory(networks(config.allow_net)),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent(config.contact), "Accept-Encoding": ACCEPT_ENCODING},
            timeout=NO_TIMEOUT,
            auto_decompress=False,  # `Body` does it with a bound on each step
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Requests under way must have been cancelled before."""
        await self._robots.close()
        await self._session.close()

    async def get(self, request: Request) -> Response | Failure:
        """Ask for `request.url`: if robots.txt allows it, when it is its host's turn, over at most 5 redirects."""
        return await self._follow(request, is_robots=False)

    async def _fetch_robots(self, url: str) -> Response | Failure:
        request = Request(url=url, accept="text/plain,*/*;q=0.5", max_bytes=MAX_ROBOTS_BYTES)
        return await self._follow(request, is_robots=True)

    async def _follow(self, request: Request, *, is_robots: bool) -> Response | Failure:
        request = replace(request, timeout_s=min(request.timeout_s, self._timeout_s))
        try:
            url = parse_url(request.url)
            auth = aiohttp.encode_basic_auth(url.user or "", url.password or "") if url.user or url.password else None
        except ValueError as error:
            return self._failure(request, _Failed(Reason.BAD_URL, str(error)))
        url = url.with_user(None)
        origin = url.origin()
        left_s = request.timeout_s
        is_permanent = True
        for redirects in range(MAX_REDIRECTS + 1):
            own_auth = auth if url.origin() == origin else None
            answer = await self._visit(url, request, own_auth, left_s, is_robots=is_robots)
            if isinstance(answer, _Failed):
                where = f" (redirected to {str(url)[:MAX_DETAIL]})" if redirects else ""
                return self._failure(request, replace(answer, detail=answer.detail + where))
            if answer.status not in REDIRECTS:
                return Response(
                    request_url=redact(request.url),
                    url=str(url),
                    status=answer.status,
                    headers=answer.headers,
                    body=answer.body,
                    observed_at=answer.observed_at,
                    permanent_url=str(url) if redirects and is_permanent else None,
                    sent=answer.sent,
                )
            left_s -= answer.took_s
            is_permanent = is_permanent and answer.status in PERMANENT
            try:
                url = _redirect_target(url, answer.headers.get("location", ""))
            except ValueError as error:
                return self._failure(request, _Failed(Reason.BAD_REDIRECT, f"redirect target: {error}", answer.status))
        return self._failure(request, _Failed(Reason.TOO_MANY_REDIRECTS, f"more than {MAX_REDIRECTS} redirects"))

    async def _visit(
        self, url: URL, request: Request, auth: str | None, timeout_s: float, *, is_robots: bool
    ) -> _Answer | _Failed:
        """One exchange, if robots.txt and the host gate let it pass."""
        crawl_delay_s = 0.0
        if not is_robots:
            rules = await self._robots.rules(url)
            if refusal := rules.refusal(url, by_name_only=not request.obeys_robots):
                return _Failed(refusal.reason, refusal.detail, retry_after_s=refusal.retry_after_s)
            crawl_delay_s = rules.crawl_delay_s
        async with self._gate.slot(url.host or "", crawl_delay_s) as pause_s:
            if pause_s:
                detail = f"the host wants to be left alone for {pause_s:.0f} s more"
                return _Failed(Reason.RATE_LIMITED, detail, retry_after_s=pause_s)
            return await self._exchange(url, request, auth, timeout_s, cuts_body=is_robots)

    async def _exchange(
        self, url: URL, request: Request, auth: str | None, timeout_s: float, *, cuts_body: bool
    ) -> _Answer | _Failed:
        headers = {"Accept": request.accept}
        if request.etag:
            headers["If-None-Match"] = request.etag
        if request.last_modified:
            headers["If-Modified-Since"] = request.last_modified
        is_conditional = len(headers) > 1
        if auth:
            headers["Authorization"] = auth
        started = self._monotonic()
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.get(url, headers=headers, allow_redirects=False) as answer,
            ):
                observed_at = self._clock()
                if failed := self._judge_status(url, answer, is_conditional=is_conditional):
                    return failed
                has_body = answer.status not in REDIRECTS | {304}
                body = await _read(answer, request.max_bytes, cuts_body=cuts_body) if has_body else b""
                took_s = self._monotonic() - started
                return _Answer(answer.status, _headers(answer), body, observed_at, took_s, _sent(answer))
        except BodyError as error:
            return _Failed(error.reason, error.detail)
        except TimeoutError:
            return _Failed(Reason.TIMEOUT, f"not finished in {request.timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return _failed_exchange(error)

    def _judge_status(self, url: URL, answer: aiohttp.ClientResponse, *, is_conditional: bool) -> _Failed | None:
        """Why the status makes the answer useless, or None. Tells the gate how the host took the request."""
        host, status = url.host or "", answer.status
        retry_after_s = None
        if status in {429, 503}:
            retry_after_s = _retry_after_s(answer.headers.get("Retry-After", ""), self._clock())
            self._gate.refused(host, retry_after_s)
        else:
            self._gate.welcomed(host)
        if 200 <= status < 300 or status in REDIRECTS or (status == 304 and is_conditional):
            return None
        default = Reason.RATE_LIMITED if retry_after_s is not None else Reason.HTTP_ERROR
        return _Failed(REASONS.get(status, default), f"HTTP status {status}", status, retry_after_s)

    def _failure(self, request: Request, failed: _Failed) -> Failure:
        return Failure(
            request_url=redact(request.url),
            reason=failed.reason,
            detail=failed.detail.encode("utf-8", "replace").decode(),
            observed_at=self._clock(),
            status=failed.status,
            retry_after_s=failed.retry_after_s,
        )


def user_agent(contact: str | None) -> str:
    """Who we are, and where to reach the operator."""
    name = f"{PRODUCT_TOKEN}/{importlib.metadata.version('wirebeam')}"
    return f"{name} (+{contact})" if contact else name


def _redirect_target(url: URL, location: str) -> URL:
    """Where `location` leads from `url`; credentials in it are not ours and are left out.

    Raises:
        ValueError: if it leads nowhere that we go.
    """
    if not location:
        raise ValueError("no Location header")
    try:
        target = str(url.join(URL(location)))
    except (ValueError, TypeError):
        raise ValueError("not an address") from None
    return parse_url(target).with_user(None)


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    names = {name.lower() for name in answer.headers} - {"set-cookie"}
    return {name: _clean(", ".join(answer.headers.getall(name)))[:MAX_VALUE_LENGTH] for name in sorted(names)}


def _sent(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.request_info.headers.items() if name.lower() != "authorization"}


def _clean(text: str) -> str:
    """`text` as it can be written in UTF-8: aiohttp hands over bytes that are not as lone surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


async def _read(answer: aiohttp.ClientResponse, max_bytes: int, *, cuts_body: bool) -> bytes:
    """The decoded body.

    Raises:
        BodyError: if it cannot be decoded, or is longer than `max_bytes` and must not be cut there.
    """
    body = Body(answer.headers.get("Content-Encoding", ""), max_bytes)
    if not cuts_body and (answer.content_length or 0) > max_bytes:
        raise BodyError(Reason.TOO_LARGE, f"larger than {max_bytes} bytes: {answer.content_length} announced")
    try:
        async for chunk in answer.content.iter_any():
            body.feed(chunk)
    except BodyError as error:
        if cuts_body and error.reason is Reason.TOO_LARGE:
            return body.cut()
        raise
    return body.finish()


def _failed_exchange(error: aiohttp.ClientError | OSError) -> _Failed:
    """The reason for what aiohttp raised; its words hold neither credentials nor more than `MAX_DETAIL` characters."""
    detail = f"{type(error).__name__}: {error}"[:MAX_DETAIL]
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, AddressRefusedError):
            return _Failed(Reason.ADDRESS_REFUSED, str(error.os_error.strerror))
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return _Failed(Reason.DNS, detail)
        return _Failed(Reason.TLS if isinstance(error, aiohttp.ClientSSLError) else Reason.CONNECT, detail)
    if isinstance(error, aiohttp.InvalidURL):
        return _Failed(Reason.BAD_URL, detail)
    if isinstance(error, aiohttp.ClientResponseError):  # of itself aiohttp raises it for what is not HTTP
        return _Failed(Reason.NOT_HTTP, f"the answer is not HTTP: {error.message}"[:MAX_DETAIL])
    return _Failed(Reason.DISCONNECTED, detail)


def _retry_after_s(value: str, now: dt.datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date); None if it says nothing."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or dt.UTC) - now).total_seconds())
