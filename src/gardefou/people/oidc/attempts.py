"""Sign-ins that are under way at the identity provider, each for one browser, once, for some minutes.

The store holds hashes only. The browser keeps one secret; the nonce and the
verifier (PKCE) of an attempt are made from it and the attempt's state, so
that neither a stolen address nor the store is enough to finish somebody
else's sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from gardefou.errors import Denied
from gardefou.people.authenticate import hash_secret
from gardefou.storage import tables

#: Minutes that a sign-in at the provider may take, and that a form waits for one.
SIGN_IN = timedelta(minutes=10)
STEP_UP = timedelta(minutes=5)
_LONGEST = 128

_table = tables.oidc_attempt


class Purpose(StrEnum):
    """What an attempt is for."""

    SIGN_IN = "sign_in"
    #: A fresh sign-in of somebody who has a session, for a form that asked for it.
    STEP_UP = "step_up"
    #: Binding one's own account at the provider to oneself.
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An attempt as the browser takes it along: what goes to the provider."""

    state: str
    browser: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that came back, used up by it."""

    purpose: Purpose
    #: The hash of the session that began it; empty for a sign-in.
    session: str
    next: str
    carried: tuple[tuple[str, str], ...]
    created_at: datetime
    nonce: str
    verifier: str


def _made(browser: str, state: str, what: str) -> str:
    digest = hmac.new(browser.encode(), f"{what}:{state}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def begin(
    connection: sa.Connection,
    purpose: Purpose,
    *,
    now: datetime,
    browser: str = "",
    session: str = "",
    next_path: str = "/",
    carried: Sequence[tuple[str, str]] = (),
) -> Begun:
    """Begin an attempt; ``browser`` is the secret that this browser has from an earlier one, ``session`` its session's.

    Attempts that are too old are forgotten, with what they carried.
    """
    if not 40 <= len(browser) <= _LONGEST or not browser.isascii():
        browser = secrets.token_urlsafe(32)
    state = secrets.token_urlsafe(32)
    connection.execute(_table.delete().where(_table.c.expires_at <= now))
    connection.execute(
        _table.insert(),
        {
            "hash": hash_secret(state),
            "browser": hash_secret(browser),
            "purpose": purpose.value,
            "session": hash_secret(session) if session else "",
            "next": next_path,
            "carried": json.dumps(list(carried)),
            "created_at": now,
            "expires_at": now + (SIGN_IN if purpose is Purpose.SIGN_IN else STEP_UP),
            "used_at": None,
        },
    )
    return Begun(
        state=state,
        browser=browser,
        nonce=_made(browser, state, "nonce"),
        verifier=_made(browser, state, "verifier"),
    )


def take(connection: sa.Connection, state: str, *, browser: str, now: datetime) -> Attempt:
    """Use an attempt up, and return it. Whatever comes of it, it is over.

    Raises:
        Denied: unknown, used, too old, or another browser's (`oidc/attempt`).
    """
    if len(state) <= _LONGEST and len(browser) <= _LONGEST:
        row = connection.execute(
            _table.update()
            .where(
                _table.c.hash == hash_secret(state),
                _table.c.browser == hash_secret(browser),
                _table.c.used_at.is_(None),
                _table.c.expires_at > now,
            )
            .values(used_at=now)
            .returning(*_table.c)
        ).first()
        if row is not None:
            return Attempt(
                purpose=Purpose(row.purpose),
                session=row.session,
                next=row.next,
                carried=_pairs(row.carried),
                created_at=row.created_at,
                nonce=_made(browser, state, "nonce"),
                verifier=_made(browser, state, "verifier"),
            )
    raise Denied(
        "oidc/attempt",
        "This sign-in was begun in another browser, used already or took too long; begin again.",
    )


def waiting_form(
    connection: sa.Connection, state: str, *, session: str, now: datetime
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return where a form goes that waited for a fresh sign-in, and its fields; to the session that filled it in.

    Raises:
        Denied: there is none for this session any more (`oidc/attempt`).
    """
    row = connection.execute(
        sa.select(_table.c.next, _table.c.carried).where(
            _table.c.hash == hash_secret(state),
            _table.c.session == hash_secret(session),
            _table.c.purpose == Purpose.STEP_UP.value,
            _table.c.used_at.is_not(None),
            _table.c.expires_at > now,
        )
    ).first()
    if row is None:
        raise Denied("oidc/attempt", "What you filled in was kept for five minutes and is gone; fill it in again.")
    return str(row.next), _pairs(row.carried)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in json.loads(text))
