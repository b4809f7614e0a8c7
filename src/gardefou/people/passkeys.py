"""Passkeys as this installation keeps them: for which site, what they are asked to sign, and enrolling one.

What a passkey is asked to sign is drawn here, kept as a hash, good for two
minutes, once, for one purpose and (but for signing in) for one session.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlsplit

import sqlalchemy as sa

from gardefou.domain.records import Passkey
from gardefou.errors import Denied, InvalidInput, Unavailable
from gardefou.people.assertions import Key, challenge_in, decoded, encoded, is_loopback, malformed
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast

#: How long what was drawn can be signed.
LASTS = timedelta(minutes=2)
#: Challenges that wait at a time; beyond that somebody only asks for them.
MOST_WAITING = 10_000
#: Passkeys of one person.
MOST_OF_ONE = 20
MAX_LABEL = 64

_waiting = tables.ceremony.c
_OF_STAFF = Fast(
    sa.select(tables.passkey).where(tables.passkey.c.staff_id == sa.bindparam("staff")).order_by(tables.passkey.c.id)
)
_OF_ID = Fast(sa.select(tables.passkey).where(tables.passkey.c.id == sa.bindparam("id")))


class Purpose(StrEnum):
    """What something was drawn for; it is good for nothing else."""

    SIGN_IN = "sign_in"
    STEP_UP = "step_up"
    ENROL = "enrol"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Site:
    """For which site passkeys are made: its host, and the origin of its pages."""

    rp_id: str
    origin: str


def site_of(public_url: str, asked: str) -> Site | None:
    """Return the site of this console: by ``public_url``, else this machine as ``http://localhost``; None elsewhere.

    ``asked`` is the scheme and host that the browser asked for.
    """
    parts = urlsplit(public_url or asked)
    origin = f"{parts.scheme}://{parts.netloc}"
    good = is_loopback(origin) or (bool(public_url) and parts.scheme == "https" and not _is_number(parts.hostname))
    return Site(rp_id=parts.hostname or "", origin=origin) if good else None


def _is_number(host: str | None) -> bool:
    """Whether a host is an address: browsers make no passkeys for one."""
    return not host or ":" in host or host.replace(".", "").isdigit()


def passkeys_of(connection: sa.Connection, staff_id: str) -> list[Passkey]:
    """Return every passkey that a person ever had, ended ones too."""
    return fetch_fast(connection, Passkey, _OF_STAFF, {"staff": staff_id})


def passkey_by_id(connection: sa.Connection, credential: str) -> Passkey | None:
    """Return a passkey by its credential id, or None."""
    found = fetch_fast(connection, Passkey, _OF_ID, {"id": credential})
    return found[0] if found else None


def key_of(passkey: Passkey) -> Key:
    """Return what an assertion is held against."""
    return Key(passkey.id, passkey.public_key, passkey.rp_id, passkey.origin)


def user_handle(staff_id: str) -> bytes:
    """Return what an authenticator knows a person by: nothing that names them."""
    return hashlib.sha256(b"gardefou user\0" + staff_id.encode()).digest()


# what is to be signed ------------------------------------------------------------------


def draw(connection: sa.Connection, purpose: Purpose, *, whose: str, now: datetime) -> bytes:
    """Draw something to be signed, for one purpose and one session (its hash; empty while there is none).

    Raises:
        Unavailable: too many wait (`passkey/busy`).
    """
    drawn = secrets.token_bytes(32)
    connection.execute(tables.ceremony.delete().where(_waiting.expires_at <= now))
    number = connection.execute(sa.select(sa.func.count()).select_from(tables.ceremony)).scalar_one()
    if number >= MOST_WAITING:
        raise Unavailable("passkey/busy", "Too many sign-ins are under way; try again in a minute.")
    connection.execute(
        tables.ceremony.insert(),
        {"hash": _hash(drawn), "purpose": purpose.value, "whose": whose, "expires_at": now + LASTS},
    )
    return drawn


def spend(connection: sa.Connection, drawn: bytes, purpose: Purpose, *, whose: str, now: datetime) -> None:
    """Use up what was drawn, whatever for; commit it before anything is made of it.

    Raises:
        Denied: it was not drawn here, for this purpose and session, or it is too late (`passkey/challenge`).
    """
    found = connection.execute(
        tables.ceremony.delete()
        .where(_waiting.hash == _hash(drawn))
        .returning(_waiting.purpose, _waiting.whose, _waiting.expires_at)
    ).first()
    if found is None or (found.purpose, found.whose) != (purpose.value, whose) or found.expires_at <= now:
        raise Denied("passkey/challenge", "That took too long, or was done already; touch your passkey once more.")


def _hash(drawn: bytes) -> str:
    return hashlib.sha256(drawn).hexdigest()


# as browsers take it -------------------------------------------------------------------


def asked_of(challenge: bytes, site: Site, allowed: Sequence[Passkey] = ()) -> dict[str, Any]:
    """Return what a browser is asked, to use a passkey: ``publicKey`` of ``navigator.credentials.get``."""
    return {
        "challenge": encoded(challenge),
        "rpId": site.rp_id,
        "timeout": int(LASTS / timedelta(milliseconds=1)),
        "userVerification": "required",
        "allowCredentials": [
            {"type": "public-key", "id": one.id, "transports": list(one.transports)} for one in allowed
        ],
    }


def asked_to_make(challenge: bytes, site: Site, *, staff_id: str, name: str, held: Sequence[Passkey]) -> dict[str, Any]:
    """Return what a browser is asked, to make a passkey: ``publicKey`` of ``navigator.credentials.create``."""
    return {
        "challenge": encoded(challenge),
        "rp": {"id": site.rp_id, "name": "Gardefou"},
        "user": {"id": encoded(user_handle(staff_id)), "name": name, "displayName": name},
        # ES256, EdDSA, RS256 (which TPMs have).
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in (-7, -8, -257)],
        "timeout": int(LASTS / timedelta(milliseconds=1)),
        "attestation": "none",
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
        "excludeCredentials": [
            {"type": "public-key", "id": one.id, "transports": list(one.transports)} for one in held
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A passkey that an authenticator has just made."""

    id: str
    public_key: str
    transports: tuple[str, ...]
    sign_count: int


_TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})


def challenge_made_for(credential: Mapping[str, Any]) -> bytes:
    """Return the challenge that a new passkey says it was made for.

    Raises:
        InvalidInput: it says none (`passkey/malformed`).
    """
    response: Any = credential.get("response")
    fields = cast("dict[str, Any]", response) if isinstance(response, dict) else {}
    client: Any = fields.get("clientDataJSON")
    if not isinstance(client, str):
        raise malformed()
    return challenge_in({"client": client})


def check_made(credential: Mapping[str, Any], challenge: bytes, site: Site) -> Made:
    """Return the passkey that a browser's answer holds (``PublicKeyCredential.toJSON()``).

    Raises:
        InvalidInput: no answer to this challenge on this site, or its owner was not verified (`passkey/not_made`).
    """
    import cbor2  # noqa: PLC0415
    from webauthn import verify_registration_response  # noqa: PLC0415 - takes a tenth of a second
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        done = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
        named: Any = credential["response"].get("transports") or ()
        transports = tuple(sorted(_TRANSPORTS.intersection(map(str, named))))
    except (WebAuthnException, cbor2.CBORError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise InvalidInput(
            "passkey/not_made", "No passkey came of it; it must ask for your finger, face or code. Try again."
        ) from error
    key = encoded(done.credential_public_key)
    decoded(key)
    return Made(id=encoded(done.credential_id), public_key=key, transports=transports, sign_count=int(done.sign_count))


# in use --------------------------------------------------------------------------------

_use = tables.passkey_use.c


@dataclass(frozen=True, slots=True)
class Use:
    """How a passkey is called, its count, and when it was last used."""

    label: str = ""
    sign_count: int = 0
    used_at: datetime | None = None


def use_of(connection: sa.Connection, credential: str) -> Use:
    """Return how a passkey was used."""
    row = connection.execute(sa.select(tables.passkey_use).where(_use.id == credential)).first()
    return Use() if row is None else Use(row.label, row.sign_count, row.used_at)


def note_new(connection: sa.Connection, credential: str, *, label: str, sign_count: int) -> None:
    """Keep what a new passkey is called, and where its count begins."""
    connection.execute(tables.passkey_use.delete().where(_use.id == credential))
    values = {"id": credential, "label": label, "sign_count": sign_count, "used_at": None}
    connection.execute(tables.passkey_use.insert(), values)


def note_use(connection: sa.Connection, credential: str, *, sign_count: int, at: datetime) -> bool:
    """Note that a passkey was used; False, and nothing noted, where its count did not go up.

    Authenticators that do not count say zero for ever.
    """
    went_up = sa.or_(_use.sign_count < sign_count, sa.and_(_use.sign_count == 0, sa.literal(sign_count) == 0))
    done = connection.execute(
        tables.passkey_use.update().where(_use.id == credential, went_up).values(sign_count=sign_count, used_at=at)
    )
    if done.rowcount:
        return True
    if connection.execute(sa.select(_use.id).where(_use.id == credential)).first() is not None:
        return False
    note_new(connection, credential, label="", sign_count=sign_count)
    return True
