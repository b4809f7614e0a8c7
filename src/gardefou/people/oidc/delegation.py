"""An assertion of the identity provider that a service acts for a person in one call, and in no other.

It is a token of the provider for Gardefou as its audience, as a token exchange
gives it (RFC 8693): ``act`` (or ``azp``) is the service's client, and its
``authorization_details`` (RFC 9396) say which call: method, address and the
SHA-256 of the body. It lives for a minute at most and counts once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from gardefou.people.oidc.claims import Identity, identity, wrong
from gardefou.people.signed_tokens import LEEWAY, Signed

#: The longest that an assertion may live.
LIFE = timedelta(seconds=60)
DETAIL_TYPE = "gardefou_call"
_DETAIL_FIELDS = {"type", "method", "url", "body_sha256"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came in."""

    method: str
    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegated:
    """Whom a service acts for in one call."""

    who: Identity
    id: str
    #: Until then it could be sent again.
    until: datetime


def assertion(token: Signed, *, issuer: str, audience: str, client: str, call: Call, now: datetime) -> Delegated:
    """Return whom a service acts for, by an assertion whose signature was checked.

    Raises:
        Denied: anything in it is not as it must be (`oidc/token`).
    """
    token.check_frame(issuer=issuer, audience=audience, now=now)
    end, claims = token.moment("exp"), token.claims
    if end - token.moment("iat") > LIFE:
        raise wrong(f"it lives for more than {LIFE.seconds} seconds")
    if "events" in claims or "nonce" in claims:
        raise wrong("it is no assertion for a call")
    _check_client(claims, client)
    _check_call(claims, call)
    return Delegated(who=identity(token, issuer=issuer), id=token.word("jti"), until=end + LEEWAY)


def _check_client(claims: Mapping[str, Any], client: str) -> None:
    """Check who acts: the innermost of a chain is not looked at, as the outermost is who calls."""
    act: Any = claims.get("act")
    if act is not None and not isinstance(act, dict):
        raise wrong("act is no object")
    named = [cast("dict[str, Any]", act).get("sub")] if act is not None else []
    named += [claims[name] for name in ("azp", "client_id") if name in claims]
    if not named or any(one != client for one in named):
        raise wrong("it was given to another service")


def _check_call(claims: Mapping[str, Any], call: Call) -> None:
    details: Any = claims.get("authorization_details")
    only: Any = details[0] if isinstance(details, list) and len(details) == 1 else None  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    said: dict[str, Any] = only if isinstance(only, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    if set(said) != _DETAIL_FIELDS or said["type"] != DETAIL_TYPE:
        raise wrong(f"authorization_details is not one of type {DETAIL_TYPE} with method, url and body_sha256")
    digest = base64.urlsafe_b64encode(hashlib.sha256(call.body).digest()).rstrip(b"=").decode()
    right = {"method": call.method, "url": call.url, "body_sha256": digest}
    for name, value in right.items():
        given = said[name]
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), value.encode()):
            raise wrong(f"it is for another call ({name})")
