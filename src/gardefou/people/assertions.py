"""What a passkey signed, and whether it did: assertions of WebAuthn, held against a public key.

Nothing here reads the store. The same questions with the same answer are
remembered, so that what was verified when it was given costs nothing when it
is verified again at execution.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from gardefou.errors import Denied, InvalidInput

#: Longest JSON that a browser's answer may have, in characters.
_LONGEST = 16_384
#: What an approval's challenge begins with; another version of it would sign something else.
_APPROVAL = b"gardefou approval v1\0"
_FIELDS = {"client": "clientDataJSON", "authenticator": "authenticatorData", "signature": "signature"}
#: What is kept of an assertion: base64url, all of it. ``nonce`` is there where the console gave one.
KEPT = frozenset({"id", *_FIELDS, "nonce"})


@dataclass(frozen=True, slots=True)
class Key:
    """The public half of a passkey, and the site it is for. ``public_key``: COSE, base64url."""

    id: str
    public_key: str
    rp_id: str
    origin: str


def encoded(raw: bytes) -> str:
    """Return bytes as base64url without padding, as WebAuthn's JSON has them."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes of base64url text.

    Raises:
        InvalidInput: it is none (`passkey/malformed`).
    """
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise malformed() from error
    # Only one text stands for some bytes.
    if encoded(raw) != text:
        raise malformed()
    return raw


def malformed() -> InvalidInput:
    """Return the error for what no browser answers."""
    return InvalidInput("passkey/malformed", "That is no answer of a passkey; load the page again and repeat.")


def refused() -> Denied:
    """Return the one error for a passkey that is unknown, ended, another's, or did not sign this."""
    return Denied("passkey/invalid", "This passkey does not sign that; use one of your own that is enrolled here.")


def read_json(text: str) -> dict[str, Any]:
    """Return the object that a browser's credential gives as JSON.

    Raises:
        InvalidInput: it is none, or too long (`passkey/malformed`).
    """
    if len(text) > _LONGEST:
        raise malformed()
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed() from error
    if not isinstance(found, dict):
        raise malformed()
    return cast("dict[str, Any]", found)


def assertion_of(credential: Mapping[str, Any], *, nonce: str = "") -> dict[str, str]:
    """Return what is kept of a browser's answer (``PublicKeyCredential.toJSON()``).

    Raises:
        InvalidInput: it is no such answer (`passkey/malformed`).
    """
    response: Any = credential.get("response")
    if not isinstance(response, Mapping):
        raise malformed()
    fields = cast("Mapping[str, Any]", response)
    found: dict[str, Any] = {"id": credential.get("id")} | {
        name: fields.get(written) for name, written in _FIELDS.items()
    }
    return checked({**found, "nonce": nonce} if nonce else found)


def checked(assertion: Mapping[str, Any]) -> dict[str, str]:
    """Return an assertion in the form that is kept.

    Raises:
        InvalidInput: it is not in that form (`passkey/malformed`).
    """
    if not {"id", *_FIELDS} <= set(assertion) <= KEPT:
        raise malformed()
    for value in assertion.values():
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
            raise malformed()
        decoded(value)
    return dict(assertion)


def challenge_in(assertion: Mapping[str, str]) -> bytes:
    """Return the challenge that an answer says it is for; whether it signed it is another matter.

    Raises:
        InvalidInput: it says none (`passkey/malformed`).
    """
    return decoded(_client(assertion)[0])


def _client(assertion: Mapping[str, str]) -> tuple[str, str]:
    """Return challenge and origin as the browser wrote them."""
    try:
        said: Any = orjson.loads(decoded(assertion["client"]))
        challenge, origin, crossed = said["challenge"], said["origin"], said.get("crossOrigin", False)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise malformed() from error
    if not isinstance(challenge, str) or not isinstance(origin, str) or crossed is not False:
        raise malformed()
    return challenge, origin


def approval_challenge(*, platform: str, enforcement: str, digest: str, answer: str, nonce: str = "") -> bytes:
    """Return what a passkey signs for an answer to an enforcement: exactly this answer to exactly this one.

    SHA-256 over a fixed beginning and, each ended by a zero byte, platform,
    id, digest, answer and nonce.
    """
    parts = (platform, enforcement, digest, answer, nonce)
    return hashlib.sha256(_APPROVAL + b"".join(part.encode() + b"\0" for part in parts)).digest()


def verify(key: Key, assertion: Mapping[str, str], challenge: bytes) -> int:
    """Return the sign count of an assertion by this key, over this challenge, with its owner verified.

    Raises:
        Denied: it is not that (`passkey/invalid`).
    """
    found = _verified(
        key, assertion["id"], assertion["client"], assertion["authenticator"], assertion["signature"], challenge
    )
    if found is None:
        raise refused()
    return found


@lru_cache(maxsize=8192)
def _verified(
    key: Key, credential: str, client: str, authenticator: str, signature: str, challenge: bytes
) -> int | None:
    # Takes a tenth of a second to import, and only those who sign need it.
    import cbor2  # noqa: PLC0415
    from webauthn import verify_authentication_response  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        origin = _client({"client": client})[1]
        done = verify_authentication_response(
            credential={
                "id": credential,
                "rawId": credential,
                "type": "public-key",
                "response": {"clientDataJSON": client, "authenticatorData": authenticator, "signature": signature},
            },
            expected_challenge=challenge,
            expected_rp_id=key.rp_id,
            expected_origin=origin if _same_site(key.origin, origin) else key.origin,
            credential_public_key=decoded(key.public_key),
            # Whether it was used in between is for whoever keeps the count.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, InvalidInput, cbor2.CBORError, ValueError, TypeError, LookupError, AttributeError):
        return None
    return int(done.new_sign_count) if credential == key.id else None


def _same_site(enrolled: str, given: str) -> bool:
    """Whether a page is of the site that a key was made for: its very origin, or this machine on another port."""
    return enrolled == given or (is_loopback(enrolled) and is_loopback(given))


def is_loopback(origin: str) -> bool:
    """Whether an origin is this machine as browsers let passkeys be made for: ``http://localhost``."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (parts.scheme, parts.hostname, parts.path) == ("http", "localhost", "") and "@" not in parts.netloc
