"""The address guard: what comes from outside must not make us talk to what is inside.

It looks at the address of every single connect, after name resolution and after any redirect. A name that answers
differently at a second look (DNS rebinding) or a literal in an odd form ends here like everything else.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator

from aiohttp import AddrInfoType

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1: public as far as the IPv4 address in it is


class AddressRefusedError(OSError):
    """The guard's answer to a connect. Its words are always the same: the connector then keeps the class."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "address refused: not public, and not in --allow-net")


def networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks that `cidrs` name.

    Raises:
        ValueError: if one of them is none.
    """
    return tuple(ipaddress.ip_network(cidr, strict=False) for cidr in cidrs)


def is_refused(host: str, allowed: tuple[Network, ...]) -> bool:
    """Whether a connect to the numeric address `host` is refused.

    Refused is what is not globally reachable (IANA special-purpose registries, RFC 6890: loopback, private, link-local,
    shared 100.64/10, unspecified, ...), reserved or multicast, and an IPv6 address that carries such an IPv4 address
    (mapped, 6to4, Teredo, NAT64), unless a network in `allowed` holds the address or its mapped IPv4 address.
    """
    address: Address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in allowed):
        return False
    return not all(_is_public(part) for part in (address, *_embedded(address)))


def guarded_socket_factory(allowed: tuple[Network, ...]) -> Callable[[AddrInfoType], socket.socket]:
    """A socket factory for `aiohttp.TCPConnector` that raises `AddressRefusedError` for refused addresses."""

    def open_socket(target: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = target
        if is_refused(str(address[0]), allowed):
            raise AddressRefusedError
        return socket.socket(family, kind, protocol)

    return open_socket


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return not address.is_site_local and (not address.is_reserved or address in NAT64)
    return not address.is_reserved


def _embedded(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end up at."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
