"""What a signed token of the identity provider has to say to count: each kind judged whole.

Signatures are checked before (`gardefou.people.oidc.provider`). Times are
judged by Gardefou's clock, `gardefou.people.signed_tokens.LEEWAY` either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from gardefou.errors import Denied
from gardefou.people.signed_tokens import LEEWAY, Signed
from gardefou.speech import gettext as _

#: A logout token older than this is not taken.
LOGOUT_AGE = timedelta(minutes=5)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


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


def identity(token: Signed, *, issuer: str) -> Identity:
    """Return who a token speaks of, whose frame was checked.

    Raises:
        Denied: a claim is not of its type (`oidc/token`).
    """
    return Identity(
        issuer=issuer,
        subject=token.word("sub"),
        sid=token.word("sid", optional=True),
        proved_at=token.moment("auth_time") if token.has("auth_time") else None,
        acr=token.word("acr", optional=True),
        amr=frozenset(token.words("amr")),
    )


def id_token(token: Signed, *, issuer: str, client_id: str, nonce: str, access_token: str, now: datetime) -> Identity:
    """Return who an ID token says has signed in (OpenID Connect Core, 3.1.3.7).

    Raises:
        Denied: anything in it is not as it must be (`oidc/token`).
    """
    token.check_frame(issuer=issuer, audience=client_id, now=now)
    claims = token.claims
    if claims.get("nonce") != nonce:
        raise wrong(_("it answers another sign-in (nonce)"))
    if "events" in claims:
        raise wrong(_("it is no ID token"))
    judged = cast("Any", CodeIDToken)(
        dict(claims),
        dict(token.header),
        options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
        params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
    )
    try:
        # The parties (azp) and the access token's hash too.
        judged.validate(now=int(now.timestamp()), leeway=int(LEEWAY / timedelta(seconds=1)))
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise wrong(getattr(error, "description", "") or _("a claim is not as it must be")) from error
    return identity(token, issuer=issuer)


def logout_token(token: Signed, *, issuer: str, client_id: str, now: datetime) -> Logout:
    """Return what a logout token ends (OpenID Connect Back-Channel Logout, 2.6).

    Raises:
        Denied: anything in it is not as it must be (`oidc/token`).
    """
    token.check_frame(issuer=issuer, audience=client_id, now=now)
    end, issued = token.moment("exp"), token.moment("iat")
    if issued + LOGOUT_AGE + LEEWAY <= now:
        raise wrong(_("it is too old"))
    events: Any = token.claims.get("events")
    if not isinstance(events, dict) or not isinstance(cast("dict[str, Any]", events).get(LOGOUT_EVENT), dict):
        raise wrong(_("it is no logout token"))
    if "nonce" in token.claims:
        raise wrong(_("a logout token has no nonce"))
    subject, sid = token.word("sub", optional=True), token.word("sid", optional=True)
    if not subject and not sid:
        raise wrong(_("it names neither a person nor a session"))
    # Until then it could be taken for a new one.
    until = min(end, issued + LOGOUT_AGE) + LEEWAY
    return Logout(issuer=issuer, subject=subject, sid=sid, id=token.word("jti"), until=until)
