import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.web.guard import AddressRefusedError, guarded_socket_factory, is_refused, networks

INNER = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "224.0.1.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "ff0e::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1",
    "::127.0.0.1", "::10.0.0.1",
    "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "64:ff9b:1::808:808",
    "2001:0:808:808::80ff:fffe",
]  # fmt: skip
OUTER = ["1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1",
         "::ffff:1.1.1.1", "2002:101:101::1", "64:ff9b::101:101"]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_refused(address: str) -> None:
    assert is_refused(address, ())


@pytest.mark.parametrize("address", OUTER)
def test_public_addresses_are_not(address: str) -> None:
    assert not is_refused(address, ())


@pytest.mark.parametrize(
    ("address", "cidr", "refused"),
    [
        ("127.0.0.1", "127.0.0.0/8", False),
        ("::ffff:127.0.0.1", "127.0.0.0/8", False),
        ("127.0.0.1", "10.0.0.0/8", True),
        ("::1", "127.0.0.0/8", True),
        ("::1", "::1/128", False),
        ("fe80::1%eth0", "fe80::/10", False),
        ("64:ff9b::7f00:1", "127.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3/8", False),
    ],
)
def test_a_named_network_is_let_through(address: str, cidr: str, *, refused: bool) -> None:
    assert is_refused(address, networks((cidr,))) is refused


def test_what_is_no_network_is_an_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        networks(("127.0.0.0/8", "nonsense"))


@given(st.ip_addresses(v=4))
def test_an_ipv6_form_never_opens_what_its_ipv4_form_closes(address: ipaddress.IPv4Address) -> None:
    forms = [
        f"::ffff:{address}",
        str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))),
        str(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)),
    ]
    assert [is_refused(form, ()) for form in forms] == [is_refused(str(address), ())] * 3


def test_the_socket_factory_opens_sockets_for_allowed_addresses_only() -> None:
    open_socket = guarded_socket_factory(networks(("127.0.0.1/32",)))
    open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))).close()
    with pytest.raises(AddressRefusedError):
        open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 80)))
