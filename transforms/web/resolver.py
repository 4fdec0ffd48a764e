"""Names to addresses: the system's resolver, and localhost without asking anybody.

A name server that does not answer holds its thread for as long as the system likes, and nothing can stop it. So each
look-up has a daemon thread of its own: it holds up neither the other names nor the end of the process.
"""

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

MAX_LOOKUPS = 128  # threads; those of requests that have been given up count until the system lets them go

Lookup = Callable[..., Sequence[tuple[socket.AddressFamily, int, int, str, tuple[Any, ...]]]]  # socket.getaddrinfo
_Answer = list[ResolveResult] | OSError


class Resolver(AbstractResolver):
    """`localhost` and `*.localhost` are 127.0.0.1 (RFC 6761, 6.3); any other name is the system's to answer.

    Args:
        lookup: asks the system; it may take any time, or never return.
    """

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._free = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`.

        Raises:
            OSError: if it has none.
        """
        if host.rstrip(".").lower().rpartition(".")[2] == "localhost":
            return [_found(host, "127.0.0.1", port, socket.AF_INET, socket.IPPROTO_TCP)]
        await self._free.acquire()
        answer: asyncio.Future[list[ResolveResult]] = asyncio.get_running_loop().create_future()
        threading.Thread(target=self._ask, args=(answer, host, port, family), name="resolve", daemon=True).start()
        return await answer

    async def close(self) -> None:
        """Nothing is held open."""

    def _ask(
        self, answer: "asyncio.Future[list[ResolveResult]]", host: str, port: int, family: socket.AddressFamily
    ) -> None:
        """Runs in a thread of its own."""
        found: _Answer
        try:
            infos = self._lookup(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
            found = [_found(host, _numeric(address), port, kind, proto) for kind, _, proto, _, address in infos]
        except OSError as error:
            found = error
        except ValueError:  # a label that is empty or longer than 63 octets
            found = OSError(errno.EINVAL, "not a host name")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            answer.get_loop().call_soon_threadsafe(self._settle, answer, found)

    def _settle(self, answer: "asyncio.Future[list[ResolveResult]]", found: _Answer) -> None:
        self._free.release()
        if answer.done():
            return  # given up meanwhile
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _found(host: str, address: str, port: int, family: socket.AddressFamily, proto: int) -> ResolveResult:
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=proto, flags=socket.AI_NUMERICHOST
    )


def _numeric(address: tuple[Any, ...]) -> str:
    """The address in digits; a link-local one of IPv6 means nothing without its scope (RFC 4007, 11)."""
    scope_id = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{scope_id}" if scope_id else str(address[0])
