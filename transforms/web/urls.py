"""Addresses as they are asked for, and as they may be shown."""

import contextlib
import re
import socket

from yarl import URL

MAX_URL_LENGTH = (
    4_000  # characters; RFC 9110, 4.1 asks for at least 8,000 octets, no news address comes near half of it
)
_NUMERIC_HOST = re.compile(r"[0-9a-fx.]+", re.IGNORECASE)


def redact(url: str) -> str:
    """`url` without user name and password; made for broken addresses, too."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    end = min((at for at in map(rest.find, "/?#\\") if at >= 0), default=len(rest))
    return f"{scheme}://{rest[:end].rpartition('@')[2]}{rest[end:]}"


def parse_url(text: str) -> URL:
    """The address that `text` means, ready to be asked for: absolute, http or https, without fragment.

    A host that any C library would read as an IPv4 address (decimal, octal, hexadecimal, fewer than four parts) becomes
    that address, as browsers do it (WHATWG URL, 3.5), so that every later check sees what will be connected to.

    Raises:
        ValueError: if there is no such address; the message says why and holds no part of `text`.
    """
    text = text.strip()
    if len(text) > MAX_URL_LENGTH:
        raise ValueError(f"longer than {MAX_URL_LENGTH} characters")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except (ValueError, TypeError):
        raise ValueError("not an address") from None
    if url.scheme not in {"http", "https"}:
        raise ValueError("neither http nor https")
    if not host or port == 0:
        raise ValueError("no host or no port")
    if _NUMERIC_HOST.fullmatch(host):
        with contextlib.suppress(OSError):  # letters a to f and digits can be a name after all
            url = url.with_host(socket.inet_ntoa(socket.inet_aton(host)))
    return url.with_fragment(None)
