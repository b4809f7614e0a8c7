"""Somebody else's public keys, as published at an address: fetched when needed, kept, and never too often.

Only https, and plain http on this machine alone; no redirect is followed.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from gardefou.errors import InvalidInput, Unavailable

#: Seconds for which keys that were fetched are taken as they are.
FRESH = 600.0
#: Seconds for which they are taken while no newer ones are to be had.
KEPT = 86_400.0
#: Seconds between two fetches at least, however many unknown keys are named.
APART = 30.0
_LARGEST = 262_144
_TIMEOUT = httpx.Timeout(5.0)
_MOST_KEYS = 100
#: A key that is shared proves nothing of who signed.
_KINDS = frozenset({"RSA", "EC", "OKP"})

Fetch = Callable[[str], bytes]


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


def fetch(url: str) -> bytes:
    """Return what stands at an address.

    Raises:
        Unavailable: it cannot be had, or is too large (`signed_token/keys`).
    """
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", check_address(url), headers={"Accept": "application/json"}) as answer,
        ):
            parts: list[bytes] = []
            began = time.monotonic()
            for part in answer.iter_bytes():
                parts.append(part)
                if sum(map(len, parts)) > _LARGEST or time.monotonic() - began > 10:
                    raise _not_had()
            if answer.status_code != 200:
                raise _not_had()
    except httpx.HTTPError as error:
        raise _not_had() from error
    return b"".join(parts)


def _not_had() -> Unavailable:
    return Unavailable("signed_token/keys", "The keys that it is signed with cannot be fetched now.")


@dataclass(slots=True)
class _Held:
    keys: dict[str, Key]
    at: float


class PublishedKeys:
    """The signing keys at one address. May be asked from several threads."""

    def __init__(self, url: str, *, fetch: Fetch = fetch, ticks: Callable[[], float] = time.monotonic) -> None:
        self.url = check_address(url)
        self._fetch = fetch
        self._ticks = ticks
        self._held: _Held | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def get(self, kid: str) -> Key | None:
        """Return the key of this name, or None where there is none.

        Raises:
            Unavailable: no keys can be had (`signed_token/keys`).
        """
        with self._lock:
            now = self._ticks()
            held = self._held
            known = held is not None and kid in held.keys
            stale = held is None or now - held.at > FRESH or not known
            if stale and (self._tried is None or now - self._tried >= APART):
                self._tried = now
                try:
                    held = self._held = _Held(_read(self._fetch(self.url)), now)
                except Unavailable:
                    if held is None or now - held.at > KEPT:
                        raise
            if held is None or now - held.at > KEPT:
                raise _not_had()
            return held.keys.get(kid)


def _read(raw: bytes) -> dict[str, Key]:
    """Return the public keys for signatures in a JWK set, by name; what is none of these is left out."""
    try:
        document: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _not_had() from error
    listed: Any = cast("dict[str, Any]", document).get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise _not_had()
    found: dict[str, Key] = {}
    for one in cast("Sequence[Any]", listed)[:_MOST_KEYS]:
        if not isinstance(one, dict):
            continue
        described = cast("dict[str, Any]", one)
        if described.get("kty") not in _KINDS or described.get("use", "sig") != "sig":
            continue
        if not isinstance(described.get("kid", ""), str):
            continue
        try:
            key = import_key(described)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found.setdefault(described.get("kid", ""), key)
    return found
