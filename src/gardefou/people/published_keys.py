"""Somebody else's public keys, as published at an address: fetched when needed, kept, and never too often.

Only https, and plain http on this machine alone; no redirect is followed.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from gardefou.errors import InvalidInput, Unavailable
from gardefou.speech import gettext as _

#: Signatures that are taken. None of them is made with what is public, or with what whoever checks it knows.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
_FAMILY = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
#: Seconds for which keys that were fetched are taken as they are.
FRESH = 600.0
#: Seconds for which they are taken while no newer ones are to be had.
KEPT = 3_600.0
#: Seconds between two fetches at least, however many unknown keys are named.
APART = 10.0
_LARGEST = 1_000_000
_SLOWEST = 10.0
_TIMEOUT = 5.0
_MOST_KEYS = 100
_SHORTEST_MODULUS = 2048


class UnusableAnswer(Exception):
    """What an address answered is of no use: why; empty where it did not answer."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


def check_address(url: str) -> str:
    """Return an address at which keys may be published.

    Raises:
        InvalidInput: it is no https address, nor one of this machine (`signed_token/keys_url`).
    """
    wrong = InvalidInput("signed_token/keys_url", "Keys are fetched from an https address.", field="url")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise wrong from error
    if not parsed.host or parsed.userinfo or parsed.scheme not in {"https", "http"}:
        raise wrong
    if parsed.scheme == "http" and not _here(parsed.host):
        raise wrong
    return url


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return what asks an issuer over the network; its caller closes it."""
    # No connection outlives its answer: questions are far between. Plain http stays on this machine: no proxy has it.
    limits = httpx.Limits(max_keepalive_connections=0)
    # It needs no certificates either, which take longer to read than its answer.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain = {"http://": httpx.HTTPTransport(limits=limits, verify=nobody)} if transport is None else None
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=False, limits=limits, transport=transport, mounts=plain)


def ask(client: httpx.Client, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON object that an issuer's address answers; for GET only with 200.

    Raises:
        UnusableAnswer: it does not answer, or with something else, too much or too slowly.
    """
    began = time.monotonic()
    try:
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        with client.stream(method, url, headers=headers, **more) as answer:
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise UnusableAnswer(_("its answer is too large"))
                if time.monotonic() - began > _SLOWEST:
                    raise UnusableAnswer
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnusableAnswer from error
    if answer.status_code >= 500:
        raise UnusableAnswer
    path, status = answer.url.path, answer.status_code
    if method == "GET" and status != 200:
        raise UnusableAnswer(_("%(path)s answers %(status)s", path=path, status=status))
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnusableAnswer(_("%(path)s answers %(status)s and no JSON", path=path, status=status)) from error
    if not isinstance(document, dict) or answer.is_redirect:
        raise UnusableAnswer(_("%(path)s answers %(status)s and no JSON object", path=path, status=status))
    return status, cast("dict[str, Any]", document)


@dataclass(frozen=True, slots=True)
class _Published:
    kid: str | None
    #: The one algorithm that it is for; None where it does not say.
    algorithm: str | None
    key: Key

    def fits(self, algorithm: str) -> bool:
        return self.key.key_type == _FAMILY[algorithm[:2]] and self.algorithm in {None, algorithm}


class PublishedKeys:
    """The keys for signatures of one issuer. May be asked from several threads.

    ``fetch`` returns its JSON Web Key Set as it is now. Where no keys can be
    had, each method raises what ``unavailable`` makes of what went wrong.
    """

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, Any]],
        unavailable: Callable[[UnusableAnswer], Unavailable],
        *,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ticks = ticks
        self._fetch = fetch
        self._unavailable = unavailable
        self._held: tuple[_Published, ...] = ()
        self._at = self._tried = float("-inf")
        self._failed = UnusableAnswer()
        self._lock = threading.Lock()

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the one key of this name for this algorithm. A token that names none means the only key there is."""
        with self._lock:
            found = None
            if self._age() <= FRESH:
                found = self._one(kid, algorithm)
            if found is None:
                self._renew()
                found = self._one(kid, algorithm)
            return found

    def count(self) -> int:
        """Return how many keys there are that sign in a way that counts."""
        with self._lock:
            if self._age() > FRESH:
                self._renew()
            return len(self._held)

    def _age(self) -> float:
        return self.ticks() - self._at

    def _one(self, kid: str | None, algorithm: str) -> Key | None:
        named = self._held if kid is None else [one for one in self._held if one.kid == kid]
        if kid is None and len(named) != 1:
            return None
        fitting = [one.key for one in named if one.fits(algorithm)]
        return fitting[0] if len(fitting) == 1 else None

    def _renew(self) -> None:
        now = self.ticks()
        if now - self._tried >= APART:
            self._tried = now
            try:
                self._held, self._at = _read(self._fetch()), now
            except UnusableAnswer as error:
                self._failed = error
        if now - self._at > KEPT:
            raise self._unavailable(self._failed)


def _read(document: Mapping[str, Any]) -> tuple[_Published, ...]:
    """Return the public keys for signatures in a JWK set; what is none of these is left out."""
    listed: Any = document.get("keys")
    if not isinstance(listed, list):
        raise UnusableAnswer(_("its keys are no JSON Web Key Set"))
    found: list[_Published] = []
    for one in cast("Sequence[Any]", listed)[:_MOST_KEYS]:
        if not isinstance(one, dict) or not _signs(cast("dict[str, Any]", one)):
            continue
        said = cast("dict[str, Any]", one)
        try:
            found.append(_Published(said.get("kid"), said.get("alg"), import_key(said)))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return tuple(found)


def _signs(said: Mapping[str, Any]) -> bool:
    """Whether a published key is one for signatures; one that gives its private half away is none."""
    kid, algorithm = said.get("kid"), said.get("alg")
    return (
        said.get("kty") in _FAMILY.values()
        and said.get("use", "sig") == "sig"
        and "d" not in said
        and isinstance(kid, str | None)
        and (algorithm is None or algorithm in ALGORITHMS)
        and (said["kty"] != "RSA" or _bits(said.get("n")) >= _SHORTEST_MODULUS)
    )


def _bits(number: object) -> int:
    if not isinstance(number, str):
        return 0
    try:
        return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()
    except ValueError:
        return 0
