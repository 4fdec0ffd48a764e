"""What is asked of the web and what comes back: plain values, no I/O."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.enums import Reason
from transforms.web.guard import networks

VALIDATOR_LIMIT = 1_000  # characters of an ETag or a Last-Modified worth sending back


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """How politely and how far we go. Hashable: it is an argument of `transforms.shared.Shared`.

    Raises:
        ValueError: if `allow_net` holds something that is no network.
    """

    contact: str | None = None  # mail address or URL of the operator, told to every server
    allow_net: tuple[str, ...] = ()  # CIDRs that the address guard lets through although they are not public
    concurrency: int = 32  # requests in flight
    per_host: int = 2  # requests in flight to one host
    host_delay_s: float = 1.0  # between the starts of two requests to one host; 0 for none
    timeout_s: float = 20.0  # the most that a request's own time cap may be

    def __post_init__(self) -> None:
        networks(self.allow_net)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET."""

    url: str  # credentials in it are sent as basic authentication, to its own origin only
    accept: str
    etag: str | None = None
    last_modified: str | None = None
    max_bytes: int = 10_000_000  # of the decoded body
    timeout_s: float = 20.0  # of exchanging bytes over all redirects; waiting for one's turn does not count
    obeys_robots: bool = True  # False for feeds: a published interface, closed only to an agent that is named


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer that can be used: status 2xx, or 304 to a conditional request."""

    request_url: str  # without credentials
    url: str  # after redirects, without credentials
    status: int
    headers: Mapping[str, str]  # names in lower case; no cookies
    body: bytes  # decoded, "" for 304
    observed_at: dt.datetime  # when the headers of this answer arrived, UTC
    permanent_url: str | None = None  # where a chain of nothing but permanent redirects (301, 308) leads
    sent: Mapping[str, str] = field(default_factory=dict)  # headers of the request for `url`, without credentials

    def validators(self, etag: str | None, last_modified: str | None) -> tuple[str | None, str | None]:
        """The ETag and the Last-Modified to ask by next time, given those that this request was made with.

        A 304 may leave out what it has not changed; a 200 without them ends them. Longer ones than `VALIDATOR_LIMIT`
        are not worth sending back.
        """
        is_same = self.status == 304  # RFC 9110, 15.4.5
        etag = self.headers.get("etag") or (etag if is_same else None)
        last_modified = self.headers.get("last-modified") or (last_modified if is_same else None)
        return (
            etag if etag and len(etag) <= VALIDATOR_LIMIT else None,
            last_modified if last_modified and len(last_modified) <= VALIDATOR_LIMIT else None,
        )

    @property
    def content_type(self) -> str | None:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() or None

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, in lower case; nobody has checked that it exists."""
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip(" \t\"'").lower() or None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that brought nothing that can be used."""

    request_url: str  # without credentials
    reason: Reason
    detail: str  # in words, without credentials
    observed_at: dt.datetime  # when it was known, UTC
    status: int | None = None  # of the answer that failed it, if there was one
    retry_after_s: float | None = None  # the server's wish
