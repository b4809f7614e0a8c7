"""Which addresses a platform may be at, and that only a judged one is used."""

from __future__ import annotations

import ipaddress
import socket

import httpx
import pytest

from gardefou.platforms.pinned import AddressRefused, PinnedTransport, why_refused


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - an address to be refused
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("169.254.169.254", "link-local"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.127.255.255", "carrier-grade NAT"),
        ("192.0.2.1", "private"),
        ("198.18.0.1", "private"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("fec0::1", "private"),
        ("fc00::1", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:100.64.0.1", "carrier-grade NAT"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b:1::808:808", "private"),
        ("2002:7f00:1::", "loopback"),
    ],
)
def test_addresses_that_are_not_public_are_refused_by_name(address, reason):
    assert why_refused(ipaddress.ip_address(address)) == reason


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_allowed(address):
    assert why_refused(ipaddress.ip_address(address)) is None


def client(*addresses: str, private_allowed: bool = False) -> httpx.Client:
    found = [ipaddress.ip_address(address) for address in addresses]
    transport = PinnedTransport("platform.example", private_allowed=private_allowed, lookup=lambda _host, _port: found)
    return httpx.Client(transport=transport, trust_env=False)


def test_one_private_address_among_public_ones_refuses_all():
    with (
        client("1.1.1.1", "192.168.0.9") as http,
        pytest.raises(AddressRefused, match=r"private address 192\.168\.0\.9"),
    ):
        http.post("https://platform.example/apply")


def test_no_other_host_is_ever_spoken_to():
    with client("1.1.1.1") as http, pytest.raises(AddressRefused, match=r"other\.example"):
        http.post("https://other.example/apply")


def test_a_name_without_addresses_is_a_failed_connection():
    with client() as http, pytest.raises(httpx.ConnectError, match="no address"):
        http.post("https://platform.example/apply")


def test_a_failing_look_up_is_a_failed_connection():
    def fails(_host: str, _port: int) -> list[ipaddress.IPv4Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    transport = PinnedTransport("platform.example", private_allowed=False, lookup=fails)
    with httpx.Client(transport=transport) as http, pytest.raises(httpx.ConnectError, match="cannot be looked up"):
        http.post("https://platform.example/apply")
