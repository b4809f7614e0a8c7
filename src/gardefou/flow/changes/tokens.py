"""Issuing and revoking bearer tokens. Only hashes are stored; nobody issues another person's token (R4)."""

from __future__ import annotations

from dataclasses import replace

from gardefou.domain.records import ORGANISATION, SYSTEM, Staff, Token
from gardefou.errors import Denied, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler, Payload, instant, text, texts, written
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss
from gardefou.people.roles import SCOPES, Power
from gardefou.people.standing import standing_now
from gardefou.storage.work import UnitOfWork

SOURCES = ("user", "trusted_flagger", "machine", "authority")


class TokenIssue(Handler):
    """Issue a token: one's own, or a service's.

    A service that may enforce, or whose reports count as an authority's, is
    power given and waits for people; one's own token gives nothing new.
    """

    power = Power.READ

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``id, hash, scopes`` and ``staff`` (oneself) or ``service, source?``; ``expires?``."""
        scopes = texts(payload, "scopes")
        # The scope of sign-in keys is none of these: a key is given at a sign-in, never asked for.
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise InvalidInput("token/scope", f"Scopes are {', '.join(SCOPES)}.", field="scope")
        service = text(payload, "service", optional=True, most=128) or None
        if service in {SYSTEM, ORGANISATION} or (service and uow.get(Staff, ORGANISATION, service, lock=False)):
            raise InvalidInput("token/service", "That is the name of a person or of Gardefou itself.", field="service")
        staff = text(payload, "staff", optional=True) or None
        if (service is None) == (staff is None):
            raise InvalidInput("token/whose", "A token is a service's or one's own.", field="service")
        if staff is not None and staff != actor.id:
            raise Denied("token/other", "Nobody issues another person's token.")
        if actor.token_id is not None and actor.service is not None:
            raise Denied("token/by_service", "A service issues no tokens.")
        if service is not None and Power.TOKENS not in actor.powers:
            raise Denied("auth/forbidden", "Only an admin proposes a service's token.")
        if actor.staff is not None and not standing_now(actor.staff, uow.now, config.rules.leaver_stages).has(
            Loss.TOKENS
        ):
            raise Denied("staff/leaving", "Whoever is leaving issues no tokens.")
        source = text(payload, "source", optional=True) or "user"
        if source not in SOURCES:
            raise InvalidInput("token/source", f"source is one of {', '.join(SOURCES)}.", field="source")
        return {
            "id": text(payload, "id"),
            "hash": text(payload, "hash"),
            "scopes": list(scopes),
            "service": service,
            "staff": staff,
            "source": source if service is not None else "user",
            "expires": written(instant(payload, "expires")),
        }

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """A service that can do more than report and read does."""
        if payload["service"] is None:
            return False
        harmless = {"read", "reports:write"}
        return bool(set(payload["scopes"]) - harmless) or payload["source"] in {"trusted_flagger", "authority"}

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `token.issued`."""
        token = Token(
            id=payload["id"],
            hash=payload["hash"],
            staff_id=payload["staff"] or by,
            service=payload["service"],
            scopes=tuple(payload["scopes"]),
            source=payload["source"],
            issued_by=by,
            issued_at=uow.now,
            expires_at=instant(payload, "expires"),
        )
        uow.record("token.issued", by=by, about=about, puts=(token,))


class TokenRevoke(Handler):
    """Revoke a token, at once. One's own, or any as an admin."""

    power = Power.READ

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``token`` (its id)."""
        token = uow.need(Token, ORGANISATION, text(payload, "token"))
        own = actor.id in {token.staff_id, token.issued_by}
        if not own and Power.TOKENS not in actor.powers:
            raise Denied("auth/forbidden", "Only its owner or an admin revokes a token.")
        return {"token": token.id}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """It takes power away."""
        return False

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `token.revoked`; it ends at once on every node."""
        token = uow.need(Token, ORGANISATION, payload["token"])
        if token.revoked_at is None:
            revoked = replace(token, revoked_at=uow.now, version=token.version + 1)
            uow.record("token.revoked", by=by, about=about, puts=(revoked,))
