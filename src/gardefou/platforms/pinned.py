"""HTTP to exactly one host, at an address that was checked before it was connected to.

A platform's address comes from configuration, and a name may lead anywhere: to
this machine, to the metadata service of a cloud, to one address when it is
checked and another when it is used. So the name is looked up here, every
address it gives is judged, and the connection goes to the very address that was
judged, while the Host header and the TLS certificate stay those of the name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Looks a host and port up and returns its addresses; raises `OSError` where there are none.
Lookup = Callable[[str, int], Sequence[Address]]

#: Carrier-grade NAT (RFC 6598): neither private nor global to `ipaddress`, and never a platform.
_CGNAT = ipaddress.IPv4Network("100.64.0.0/10")
#: IPv6 that carries an IPv4 address in its last 32 bits: NAT64 (RFC 6052) and IPv4-compatible (RFC 4291).
_CARRIES_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


class AddressRefused(httpx.ConnectError):
    """The host leads to an address that may not be connected to; nothing was sent."""


def why_refused(address: Address) -> str | None:
    """Say in a word or two why an address is no public one; None when it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _carried(address)
        if inner is not None:
            return why_refused(inner)
        if address.is_site_local or address in _LOCAL_NAT64:
            return "private"
    elif address in _CGNAT:
        return "carrier-grade NAT"
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_unspecified:
        return "unspecified"
    if address.is_reserved:
        return "reserved"
    return None if address.is_global else "private"


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for, however it is wrapped."""
    if address.is_loopback or address.is_unspecified:
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _CARRIES_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def look_up(host: str, port: int) -> list[Address]:
    """Ask the machine's resolver, and return each address once, in its sequence."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in texts]


class PinnedTransport(httpx.BaseTransport):
    """Connects to one host only, to an address looked up and judged for that very request.

    ``private_allowed`` lets the host be at a private address. Neither proxies
    nor anything else from the environment is used.
    """

    def __init__(
        self, host: str, *, private_allowed: bool, lookup: Lookup = look_up, tls: ssl.SSLContext | None = None
    ) -> None:
        self._host = host
        self._private_allowed = private_allowed
        self._lookup = lookup
        self._inner = httpx.HTTPTransport(verify=tls or True, trust_env=False, retries=0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a judged address; the next one is tried only while nothing was sent."""
        if request.url.host != self._host:
            raise AddressRefused(f"{request.url.host} is not {self._host}", request=request)
        failure: httpx.TransportError | None = None
        for address in self._judged(request):
            # A new request object, because the caller's own must keep the name: it is the Host header.
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": self._host},
            )
            try:
                return self._inner.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError(f"{self._host} has no address", request=request)

    def _judged(self, request: httpx.Request) -> list[Address]:
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = list(self._lookup(self._host, port))
        except (OSError, ValueError) as error:
            raise httpx.ConnectError(f"{self._host} cannot be looked up: {error}", request=request) from error
        if not self._private_allowed:
            for address in addresses:
                reason = why_refused(address)
                if reason is not None:
                    message = (
                        f"{self._host} leads to the {reason} address {address}; "
                        f"use a public one, or name the host in allow_private"
                    )
                    raise AddressRefused(message, request=request)
        return addresses

    def close(self) -> None:
        """Close idle connections."""
        self._inner.close()
