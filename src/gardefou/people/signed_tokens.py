"""Tokens that somebody else signed (JWS, RFC 7515): who signed them is proved here; what they claim is the caller's.

Only signatures with public keys count. The key is the one that the issuer
publishes under the name in the header; a key, or the address of one, in the
token itself is never looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol, cast

import orjson
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from gardefou.errors import Denied, InvalidInput

#: Signatures that are taken: none without a key, and none with a shared one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_LONGEST = 65_536


class Keys(Protocol):
    """Where an issuer's public keys are found."""

    def get(self, kid: str) -> Key | None:
        """Return the key of this name, or None."""
        ...


def verify(token: str, *, keys: Keys, typ: Collection[str], algs: Collection[str] = ALGORITHMS) -> dict[str, Any]:
    """Return the claims of a signed token; nothing in them is checked.

    ``typ`` is what its header must say that it is, in whichever case, with or
    without ``application/``.

    Raises:
        InvalidInput: it is no such token (`signed_token/form`).
        Denied: nobody known signed it (`signed_token/key`).
        Unavailable: the keys cannot be had (`signed_token/keys`).
    """
    if len(token) > _LONGEST or token.count(".") != 2 or not token.isascii():
        raise _form("It is no signed token.")
    try:
        made = jws.extract_compact(token.encode())
        header: dict[str, Any] = dict(made.headers())
    except (JoseError, ValueError, TypeError) as error:
        raise _form("It is no signed token.") from error
    said = header.get("typ")
    if not isinstance(said, str) or said.lower().removeprefix("application/") not in typ:
        raise _form(f"Its header does not say that it is {' or '.join(sorted(typ))}.")
    if header.get("alg") not in algs:
        raise Denied("signed_token/key", "It is not signed with an algorithm that is taken here.")
    kid = header.get("kid", "")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise Denied("signed_token/key", "It is signed with a key that its issuer does not publish.")
    try:
        registry = JWSRegistry(algorithms=list(algs))
        payload = jws.deserialize_compact(token, key, registry=registry).payload
    except BadSignatureError as error:
        raise Denied("signed_token/key", "Its signature is not that of its issuer.") from error
    except (JoseError, ValueError, TypeError) as error:
        raise Denied("signed_token/key", "It is not signed as its key is for.") from error
    try:
        claims: Any = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _form("It holds no claims.") from error
    if not isinstance(claims, dict):
        raise _form("It holds no claims.")
    return dict(cast("dict[str, Any]", claims))


def _form(says: str) -> InvalidInput:
    return InvalidInput("signed_token/form", says)
