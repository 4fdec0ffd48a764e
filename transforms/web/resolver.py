"""Names to addresses: the system's resolver, and localhost without asking anybody."""

import errno
import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult


class Resolver(AbstractResolver):
    """`localhost` and `*.localhost` are 127.0.0.1 (RFC 6761, 6.3); any other name is the system's to answer."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`.

        Raises:
            OSError: if it has none.
        """
        if host.rstrip(".").lower().rpartition(".")[2] == "localhost":
            return [
                ResolveResult(
                    hostname=host,
                    host="127.0.0.1",
                    port=port,
                    family=socket.AF_INET,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST,
                )
            ]
        try:
            return await self._system.resolve(host, port, family)
        except UnicodeError as error:  # a label that is empty or longer than 63 octets
            raise OSError(errno.EINVAL, "not a host name") from error

    async def close(self) -> None:
        """Nothing is held open."""
