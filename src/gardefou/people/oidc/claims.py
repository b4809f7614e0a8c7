"""What a signed token of the identity provider has to say to count: each kind judged whole.

Signatures are checked before (`gardefou.people.oidc.provider`). Times are
judged by Gardefou's clock, `LEEWAY` either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from gardefou.errors import Denied
from gardefou.speech import gettext as _

#: How far two clocks may be apart.
LEEWAY = timedelta(seconds=30)
#: A logout token older than this is not taken.
LOGOUT_AGE = timedelta(minutes=5)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST = 255

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signed in at the provider, when and how."""

    issuer: str
    subject: str
    #: The provider's own session, where it names one.
    sid: str = ""
    #: When the person last proved who they are; None where the provider does not say.
    proved_at: datetime | None = None
    acr: str = ""
    amr: frozenset[str] = frozenset()

    def strong(self, acr: tuple[str, ...], amr: tuple[str, ...]) -> bool:
        """Whether this is a strong sign-in (M3): of one of the classes asked for, or else by one of the methods.

        Without a time there is nothing that could be fresh.
        """
        if self.proved_at is None:
            return False
        return self.acr in acr if acr else bool(self.amr & set(amr))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """A session, or a person's every session, that the provider has ended."""

    issuer: str
    subject: str
    sid: str
    id: str
    until: datetime


def wrong(why: str) -> Denied:
    """Return the error for a token that does not count."""
    return Denied("oidc/token", _("What the identity provider sent does not count: %(why)s.", why=why))


def moment(claims: Claims, name: str, *, optional: bool = False) -> datetime | None:
    """Return a claim that is a time.

    Raises:
        Denied: missing, or no time (`oidc/token`).
    """
    value = claims.get(name)
    if value is None and optional:
        return None
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= cast("float", value) < 1e11:
        raise wrong(_("%(name)s is no time", name=name))
    return datetime.fromtimestamp(cast("float", value), UTC)


def word(claims: Claims, name: str, *, optional: bool = False) -> str:
    """Return a claim that is a text.

    Raises:
        Denied: missing, empty, too long or no text (`oidc/token`).
    """
    value = claims.get(name)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or "\x00" in value:
        raise wrong(_("%(name)s is no text of 1 to %(most)s characters", name=name, most=_LONGEST))
    return value


def texts(claims: Claims, name: str) -> tuple[str, ...]:
    """Return a claim that is a list of texts; left out is empty.

    Raises:
        Denied: it is something else (`oidc/token`).
    """
    given: Any = claims.get(name)
    if given is None:
        return ()
    items: list[Any] = given if isinstance(given, list) else [None]  # pyright: ignore[reportUnknownVariableType]
    if not all(isinstance(one, str) for one in items):
        raise wrong(_("%(name)s is no list of texts", name=name))
    return tuple(items)


def check_frame(claims: Claims, *, issuer: str, audience: str, now: datetime) -> datetime:
    """Check who issued a token, for whom, and that it is of now; return when it ends.

    Raises:
        Denied: `oidc/token`.
    """
    if claims.get("iss") != issuer:
        raise wrong(_("it is of another issuer"))
    given: Any = claims.get("aud")
    audiences: list[Any] = given if isinstance(given, list) else [given]  # pyright: ignore[reportUnknownVariableType]
    if audience not in audiences or not all(isinstance(one, str) for one in audiences):
        raise wrong(_("it is for somebody else"))
    end, issued = moment(claims, "exp"), moment(claims, "iat")
    assert end is not None
    assert issued is not None
    if end + LEEWAY <= now:
        raise wrong(_("it has expired"))
    start = moment(claims, "nbf", optional=True) or issued
    if max(start, issued) - LEEWAY > now:
        raise wrong(_("it is of the future"))
    return end


def identity(claims: Claims, *, issuer: str) -> Identity:
    """Return who a token speaks of, whose frame was checked.

    Raises:
        Denied: a claim is not of its type (`oidc/token`).
    """
    amr = texts(claims, "amr")
    return Identity(
        issuer=issuer,
        subject=word(claims, "sub"),
        sid=word(claims, "sid", optional=True),
        proved_at=moment(claims, "auth_time", optional=True),
        acr=word(claims, "acr", optional=True),
        amr=frozenset(amr),
    )


def id_token(
    claims: Claims,
    header: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    now: datetime,
) -> Identity:
    """Return who an ID token says has signed in (OpenID Connect Core, 3.1.3.7).

    Raises:
        Denied: anything in it is not as it must be (`oidc/token`).
    """
    check_frame(claims, issuer=issuer, audience=client_id, now=now)
    if claims.get("nonce") != nonce:
        raise wrong(_("it answers another sign-in (nonce)"))
    if "events" in claims:
        raise wrong(_("it is no ID token"))
    token = cast("Any", CodeIDToken)(
        dict(claims),
        dict(header),
        options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
        params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        # The parties (azp) and the access token's hash too.
        token.validate(now=int(now.timestamp()), leeway=int(LEEWAY / timedelta(seconds=1)))
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise wrong(getattr(error, "description", "") or _("a claim is not as it must be")) from error
    return identity(claims, issuer=issuer)


def logout_token(claims: Claims, *, issuer: str, client_id: str, now: datetime) -> Logout:
    """Return what a logout token ends (OpenID Connect Back-Channel Logout, 2.6).

    Raises:
        Denied: anything in it is not as it must be (`oidc/token`).
    """
    end = check_frame(claims, issuer=issuer, audience=client_id, now=now)
    issued = moment(claims, "iat")
    assert issued is not None
    if issued + LOGOUT_AGE + LEEWAY <= now:
        raise wrong(_("it is too old"))
    events: Any = claims.get("events")
    if not isinstance(events, dict) or not isinstance(cast("dict[str, Any]", events).get(LOGOUT_EVENT), dict):
        raise wrong(_("it is no logout token"))
    if "nonce" in claims:
        raise wrong(_("a logout token has no nonce"))
    subject, sid = word(claims, "sub", optional=True), word(claims, "sid", optional=True)
    if not subject and not sid:
        raise wrong(_("it names neither a person nor a session"))
    # Until then it could be taken for a new one.
    until = min(end, issued + LOGOUT_AGE) + LEEWAY
    return Logout(issuer=issuer, subject=subject, sid=sid, id=word(claims, "jti"), until=until)
