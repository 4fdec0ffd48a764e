import asyncio
import gzip
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import Reason
from tests.transforms.web.site import CONFIG, HTML, NOW, Site, answered, failed, fetch, redirect, reply
from transforms.web.client import HttpClient, _retry_after_s, user_agent
from transforms.web.messages import Failure, HttpConfig, Request, Response

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")  # for 127.0.0.1; its key guards nothing


class FixedResolver(AbstractResolver):
    """Every name is at one address, or at none."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002  # aiohttp's signature
    ) -> list[ResolveResult]:
        if self._address is None:
            raise OSError(-2, "Name or service not known")
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        return [ResolveResult(hostname=host, host=self._address, port=port, family=kind, proto=6, flags=0)]

    async def close(self) -> None:
        pass


def test_a_page_comes_with_what_is_said_of_it() -> None:
    answer = answered(
        {"/": reply(b"<p>Caf\xc3\xa9", ETag='"a"', Set_Cookie="id=1", Content_Type='Text/HTML; Charset="UTF-8"')}
    )
    assert (answer.status, answer.body) == (200, b"<p>Caf\xc3\xa9")
    assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
    assert answer.headers["etag"] == '"a"'
    assert "set-cookie" not in answer.headers
    assert answer.observed_at == NOW
    assert answer.permanent_url is None


def test_header_bytes_that_are_no_utf_8_can_still_be_written() -> None:
    replies = {"/": reply(b"x", Content_Type="text/@").replace(b"@", b"\xff\xc3\xa9")}
    assert answered(replies).content_type == "text/\ufffd\xe9"
    failure = failed({"/": b"HTTP/1.1 \xff\r\n\r\n"})
    assert failure.detail.encode()


@pytest.mark.parametrize(
    ("value", "content_type", "charset"),
    [("text/html", "text/html", None), ("text/html;charset=", "text/html", None), ("; charset=x", None, "x")],
)
def test_a_content_type_may_say_little(value: str, content_type: str | None, charset: str | None) -> None:
    answer = answered({"/": reply(b"x", Content_Type=value)})
    assert (answer.content_type, answer.charset) == (content_type, charset)


def test_who_asks_is_told_to_the_server() -> None:
    config = HttpConfig(contact="desk@example.org", allow_net=("127.0.0.1/32",), host_delay_s=0)
    _, site = fetch({"/": reply(b"x")}, config=config)
    assert "user-agent: wirebeam/" in site.heads[0]
    assert "(+desk@example.org)" in site.heads[0]
    assert "accept-encoding: gzip, deflate\r\n" in site.heads[0]
    assert "(" not in user_agent(None)


def test_cookies_are_not_sent_back() -> None:
    _, site = fetch({"/": redirect("/b").replace(b"\r\n\r\n", b"\r\nSet-Cookie: id=1\r\n\r\n"), "/b": reply(b"x")})
    assert site.paths == ["/", "/b"]
    assert "cookie" not in site.heads[1]


def test_a_conditional_request_can_be_answered_with_not_modified() -> None:
    replies = {"/": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'}
    answer, site = fetch(replies, etag='"a"', last_modified="Wed, 01 May 2024 10:00:00 GMT")
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (304, b"")
    assert 'if-none-match: "a"' in site.heads[0]
    assert "if-modified-since: wed, 01 may 2024 10:00:00 gmt" in site.heads[0]
    assert failed(replies).reason is Reason.HTTP_ERROR, "nobody asked for it"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("400 Bad Request", Reason.HTTP_ERROR),
        ("401 Unauthorized", Reason.FORBIDDEN),
        ("403 Forbidden", Reason.FORBIDDEN),
        ("404 Not Found", Reason.NOT_FOUND),
        ("410 Gone", Reason.GONE),
        ("429 Too Many Requests", Reason.RATE_LIMITED),
        ("451 Unavailable For Legal Reasons", Reason.FORBIDDEN),
        ("500 Internal Server Error", Reason.HTTP_ERROR),
        ("503 Service Unavailable", Reason.HTTP_ERROR),
        ("300 Multiple Choices", Reason.HTTP_ERROR),
    ],
)
def test_a_status_is_a_reason(status: str, reason: Reason) -> None:
    failure = failed({"/": reply(b"no", status)})
    assert (failure.reason, failure.status) == (reason, int(status[:3]))
    assert failure.retry_after_s is None


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 01 May 2024 12:01:30 GMT", 90.0),
        ("Wed, 01 May 2024 11:00:00 GMT", 0.0),
        ("9" * 40, 9_999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(status: str, value: str, seconds: float) -> None:
    failure = failed({"/": reply(b"", status, Retry_After=value)})
    assert (failure.reason, failure.retry_after_s) == (Reason.RATE_LIMITED, seconds)


@pytest.mark.parametrize("value", ["soon", "-5", "Wed, 99 May 2024 12:01:30 GMT", "²"])
def test_a_retry_after_that_says_nothing_is_none(value: str) -> None:
    assert failed({"/": reply(b"", "429 Too Many Requests", Retry_After=value)}).retry_after_s is None


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[MTWF]\w\w, \d{1,3} \w{3} \d{1,5} [\d:]{0,8} [-+\w]{0,6}")))
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = _retry_after_s(value, NOW)
    assert seconds is None or seconds >= 0


def test_a_host_that_wants_to_be_left_alone_for_long_is_not_asked_again() -> None:
    async def run() -> tuple[Site, Response | Failure]:
        replies = {"/": reply(b"", "429 Too Many Requests", Retry_After="600")}
        async with Site(replies) as site, HttpClient(CONFIG) as client:
            await client.get(Request(url=site.url(), accept="*/*"))
            return site, await client.get(Request(url=site.url("/other"), accept="*/*"))

    site, answer = asyncio.run(run())
    assert site.paths == ["/"]
    assert isinstance(answer, Failure)
    assert answer.reason is Reason.RATE_LIMITED
    assert answer.retry_after_s
    assert 590 < answer.retry_after_s <= 600


# ── redirects ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_redirects_are_followed_up_to_five() -> None:
    replies = {"/": redirect("/1")} | {f"/{n}": redirect(f"/{n + 1}") for n in range(1, 5)} | {"/5": reply(b"x")}
    answer = answered(replies)
    assert answer.url.endswith("/5")
    assert answer.request_url.endswith("/")
    assert answer.permanent_url is None
    assert failed(replies | {"/5": redirect("/6"), "/6": reply(b"x")}).reason is Reason.TOO_MANY_REDIRECTS


def test_a_loop_ends() -> None:
    failure, site = fetch({"/": redirect("/a"), "/a": redirect("/")})
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.TOO_MANY_REDIRECTS
    assert len(site.paths) == 6


@pytest.mark.parametrize(
    ("first", "second", "is_permanent"),
    [("301 Moved", "308 Permanent", True), ("301 Moved", "302 Found", False), ("307 Temporary", "301 Moved", False)],
)
def test_only_permanent_redirects_make_a_permanent_address(first: str, second: str, *, is_permanent: bool) -> None:
    answer = answered({"/": redirect("/a", first), "/a": redirect("/b", second), "/b": reply(b"x")})
    assert answer.permanent_url == (answer.url if is_permanent else None)


@pytest.mark.parametrize(
    "location", ["", "ftp://example.org/", "javascript:alert(1)", "http://[::1", "http://h:99999/"]
)
def test_a_redirect_to_nowhere_is_a_failure(location: str) -> None:
    failure = failed({"/": redirect(location)})
    assert (failure.reason, failure.status) == (Reason.BAD_REDIRECT, 302)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.2", "127.2", "2130706434", "0x7f000002", "0177.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "10.0.0.1",
     "169.254.169.254", "192.168.1.1", "0.0.0.0", "[fe80::1]", "[fd00::1]"],
)  # fmt: skip
def test_a_redirect_to_an_inner_address_is_refused(host: str) -> None:
    failure = failed({"/": redirect(f"http://{host}:{{port}}/secret")})
    assert failure.reason is Reason.ADDRESS_REFUSED


@pytest.mark.parametrize("address", ["127.0.0.2", "10.1.2.3", "::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_to_an_inner_address_is_refused(address: str) -> None:
    failure = failed({}, "http://news.example/", resolver=FixedResolver(address))
    assert failure.reason is Reason.ADDRESS_REFUSED


def test_localhost_needs_leave_like_any_other_inner_address() -> None:
    answer, site = fetch({"/": reply(b"x")}, "http://daily.localhost:{port}/")
    assert isinstance(answer, Response)
    assert f"host: daily.localhost:{site.port}" in site.heads[0]
    refused = failed({"/": reply(b"x")}, "http://daily.localhost:{port}/", config=HttpConfig())
    assert refused.reason is Reason.ADDRESS_REFUSED


# ── credentials ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_credentials_go_to_their_own_origin_and_nowhere_else() -> None:
    replies = {"/": redirect("/a"), "/a": redirect("http://other.localhost:{port}/b"), "/b": reply(b"x")}
    answer, site = fetch(replies, "http://me:s%40cret@127.0.0.1:{port}/")
    assert isinstance(answer, Response)
    assert ["authorization: basic" in head for head in site.heads] == [True, True, False]
    assert "s%40cret" not in repr(answer)
    assert answer.request_url == f"http://127.0.0.1:{site.port}/"


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@127.0.0.1:{port}/",
        "http://me:s3cret@127.0.0.1:bad/",
        "http://m%3Ae:s3cret@127.0.0.1/",
        "ftp://me:s3cret@h/",
    ],
)
def test_credentials_are_never_shown(url: str) -> None:
    assert "s3cret" not in repr(failed({"/": reply(b"", "500 No")}, url))


# ── bodies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_compressed_body_is_decoded() -> None:
    assert answered({"/": reply(gzip.compress(b"page" * 99), Content_Encoding="gzip")}).body == b"page" * 99


@pytest.mark.parametrize("size", [5_000_000, 50_000_000])
def test_a_bomb_is_refused(size: int) -> None:
    failure = failed({"/": reply(gzip.compress(bytes(size)), Content_Encoding="gzip")})
    assert failure.reason in {Reason.BAD_ENCODING, Reason.TOO_LARGE}


def test_an_announced_length_beyond_the_cap_is_refused_unread() -> None:
    assert failed({"/": reply(b"x", Content_Length="10000001")}).reason is Reason.TOO_LARGE


def test_an_endless_body_is_cut_off() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    assert failed({"/": endless}, max_bytes=100_000).reason is Reason.TOO_LARGE


def test_a_body_that_drips_runs_into_the_time_cap() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    failure = failed({"/": drip}, timeout_s=0.15)
    assert failure.reason is Reason.TIMEOUT


def test_the_config_bounds_the_time_cap_of_every_request() -> None:
    async def silent(_writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    config = HttpConfig(allow_net=("127.0.0.1/32",), host_delay_s=0, timeout_s=0.1)
    answer, _ = fetch({"/": silent}, config=config)
    assert isinstance(answer, Failure)
    assert (answer.reason, answer.detail) == (Reason.TIMEOUT, "not finished in 0.1 s")


def test_the_time_cap_spans_all_redirects() -> None:
    async def slow_redirect(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.12)
        writer.write(redirect("/"))

    assert failed({"/": slow_redirect}, timeout_s=0.3).reason is Reason.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", Reason.DISCONNECTED),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Reason.DISCONNECTED),
        (reply(b"short", Content_Length="500"), Reason.DISCONNECTED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Reason.DISCONNECTED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", Reason.DISCONNECTED),
        (b"220 mail.example.org ESMTP\r\n\r\n", Reason.NOT_HTTP),
        (reply(b"x", X_Long="y" * 40_000), Reason.NOT_HTTP),
        (reply(b"x", **{f"X_{n}": "y" for n in range(200)}), Reason.NOT_HTTP),
        (reply(b"x", Content_Encoding="br"), Reason.BAD_ENCODING),
        (reply(b"not gzip", Content_Encoding="gzip"), Reason.BAD_ENCODING),
    ],
)
def test_a_broken_answer_has_a_reason(answer: bytes, reason: Reason) -> None:
    assert failed({"/": answer}).reason is reason


def test_a_long_header_of_a_real_site_is_no_reason_to_fail() -> None:
    assert answered({"/": reply(b"x", Content_Security_Policy="y" * 20_000)}).body == b"x"


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_body_longer_than_announced_is_never_taken_whole(connection: str) -> None:
    answer, _ = fetch({"/": reply(b"12345", Content_Length="3", Connection=connection)})
    assert answer.reason is Reason.NOT_HTTP if isinstance(answer, Failure) else answer.body == b"123"


# ── connections ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tls_to_a_plain_port_fails_as_tls() -> None:
    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply(b"", "400 Bad Request"))
        writer.close()

    async def run() -> Response | Failure:
        server = await asyncio.start_server(answer_in_plain, "127.0.0.1", 0)
        async with server, HttpClient(CONFIG) as client:
            port = server.sockets[0].getsockname()[1]
            return await client.get(Request(url=f"https://127.0.0.1:{port}/", accept="*/*"))

    answer = asyncio.run(run())
    assert isinstance(answer, Failure)
    assert answer.reason is Reason.TLS


def test_a_certificate_that_nobody_vouches_for_fails_as_tls() -> None:
    async def run() -> Response | Failure:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(SELF_SIGNED)
        async with Site({"/": reply(b"x")}, context) as site, HttpClient(CONFIG) as client:
            return await client.get(Request(url=f"https://127.0.0.1:{site.port}/", accept="*/*"))

    answer = asyncio.run(run())
    assert isinstance(answer, Failure)
    assert answer.reason is Reason.TLS
    assert "self-signed" in answer.detail


def test_a_closed_port_fails_as_connect() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        assert failed({}, f"http://127.0.0.1:{port}/").reason is Reason.CONNECT


def test_a_name_without_address_fails_as_dns() -> None:
    assert failed({}, "http://news.example/", resolver=FixedResolver(None)).reason is Reason.DNS


@pytest.mark.parametrize(
    "url",
    [
        "",
        "news",
        "ftp://example.org/",
        "http:///x",
        "http://[::1",
        "http://h:99999/",
        "http://h:0/",
        "http://h/" + "x" * 5000,
    ],
)
def test_an_address_that_is_none_fails_unasked(url: str) -> None:
    assert failed({}, url).reason is Reason.BAD_URL


def test_a_label_that_no_name_may_have_fails_as_dns() -> None:
    assert failed({}, f"http://{'a' * 70}.example/").reason is Reason.DNS


# ── robots.txt ─────────────────────────────────────────────────────────────────────────────────────────────────────

CLOSED = reply(b"User-agent: *\nDisallow: /private\nCrawl-delay: 0.01", Content_Type="text/plain")
CLOSED_BY_NAME = reply(b"User-agent: Wirebeam\nDisallow: /\n\nUser-agent: *\nAllow: /", Content_Type="text/plain")


def test_a_page_that_robots_txt_disallows_is_not_asked_for() -> None:
    failure, site = fetch({"/robots.txt": CLOSED, "/private/a": reply(b"x")}, "http://127.0.0.1:{port}/private/a")
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.ROBOTS
    assert site.paths == []
    assert answered({"/robots.txt": CLOSED, "/a": reply(b"x")}, "http://127.0.0.1:{port}/a").body == b"x"


def test_a_redirect_target_must_be_allowed_too() -> None:
    replies = {"/robots.txt": CLOSED, "/": redirect("/private/a"), "/private/a": reply(b"x")}
    failure, site = fetch(replies)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.ROBOTS
    assert site.paths == ["/"]


@pytest.mark.parametrize("status", ["500 Error", "503 Service Unavailable"])
def test_an_unreachable_robots_txt_closes_pages_but_not_feeds(status: str) -> None:
    replies = {"/robots.txt": reply(b"", status, Retry_After="0"), "/": reply(b"x")}
    assert failed(replies).reason is Reason.ROBOTS_UNREACHABLE
    assert answered(replies, obeys_robots=False).body == b"x"


def test_a_feed_is_closed_to_us_only_by_name() -> None:
    general = {"/robots.txt": reply(b"User-agent: *\nDisallow: /"), "/": reply(b"x")}
    assert answered(general, obeys_robots=False).body == b"x"
    assert failed(general).reason is Reason.ROBOTS
    assert failed(general | {"/robots.txt": CLOSED_BY_NAME}, obeys_robots=False).reason is Reason.ROBOTS


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "429 Too Many Requests"])
def test_without_robots_txt_everything_is_allowed(status: str) -> None:
    assert answered({"/robots.txt": reply(b"", status, Retry_After="0"), "/": reply(b"x")}).body == b"x"


def test_robots_txt_is_followed_through_redirects_and_asked_for_once() -> None:
    replies = {
        "/robots.txt": redirect("http://other.localhost:{port}/rules"),
        "/rules": reply(b"User-agent: *\nDisallow: /private"),
        "/private": reply(b"x"),
        "/a": reply(b"a"),
        "/b": reply(b"b"),
    }

    async def run() -> tuple[list[Response | Failure], Site]:
        async with Site(replies) as site, HttpClient(CONFIG) as client:
            asked = [Request(url=site.url(path), accept="*/*") for path in ("/a", "/private", "/b")]
            return list(await asyncio.gather(*map(client.get, asked))), site

    (first, second, third), site = asyncio.run(run())
    assert isinstance(first, Response)
    assert isinstance(second, Failure)
    assert isinstance(third, Response)
    assert second.reason is Reason.ROBOTS
    assert site.robots_asked == 1


def test_a_robots_txt_that_redirects_for_ever_is_none() -> None:
    assert answered({"/robots.txt": redirect("/robots.txt"), "/": reply(b"x")}).body == b"x"


def test_of_a_huge_robots_txt_the_first_half_megabyte_counts() -> None:
    padding = b"#" + b"x" * 600_000 + b"\n"
    early = reply(b"User-agent: *\nDisallow: /\n" + padding)
    late = reply(padding + b"User-agent: *\nDisallow: /\n")
    assert failed({"/robots.txt": early, "/": reply(b"x")}).reason is Reason.ROBOTS
    assert answered({"/robots.txt": late, "/": reply(b"x", Content_Type=HTML)}).body == b"x"
