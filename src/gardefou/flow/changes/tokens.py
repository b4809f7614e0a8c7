"""Issuing and revoking bearer tokens. Only hashes are stored; nobody issues another person's token (R4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement, PlatformEntry, Staff, Token
from gardefou.errors import Denied, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler, Payload, instant, text, texts, written
from gardefou.flow.report_input import is_id
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss
from gardefou.people.roles import (
    CLIENT_SCOPES,
    DELEGATE,
    HARMLESS,
    SCOPES,
    WITHIN_A_PLATFORM,
    Power,
    powers_of_scopes,
)
from gardefou.people.standing import standing_now
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

SOURCES = ("user", "trusted_flagger", "machine", "authority")


def _end(uow: UnitOfWork, config: Config, wished: datetime | None) -> datetime:
    """Return when a token ends: none lasts for ever.

    Raises:
        InvalidInput: in the past, or later than the rules allow (`token/expires`).
    """
    most = uow.now + timedelta(days=config.rules.token_days_most)
    if wished is None:
        return min(uow.now + timedelta(days=config.rules.token_days), most)
    if wished <= uow.now:
        raise InvalidInput("token/expires", "expires lies in the future.", field="expires")
    # A minute for whoever counted a year from the moment of asking.
    if wished > most + timedelta(minutes=1):
        raise InvalidInput(
            "token/expires",
            _("A token lasts for %(days)s days at most.", days=config.rules.token_days_most),
            field="expires",
        )
    return wished


def _no_more(by: Token, scopes: tuple[str, ...], ends: datetime) -> datetime:
    """Return when a token ends that another one issues: with it at the latest, and it may no more than that one.

    Otherwise one that only reads, once stolen, would turn into one that does everything, for ever.

    Raises:
        Denied: it would do more (`token/wider`).
    """
    if by.scopes and not powers_of_scopes(scopes) <= powers_of_scopes(by.scopes):
        raise Denied("token/wider", "A token issues none that may do more than itself; sign in and issue it there.")
    return ends if by.expires_at is None else min(ends, by.expires_at)


def _require_platforms(uow: UnitOfWork, platforms: tuple[str, ...], scopes: tuple[str, ...]) -> None:
    """Raise unless a token can be for these platforms alone.

    Raises:
        InvalidInput: one is not registered here, or the scopes are nothing on any platform (`token/platforms`).
    """
    known = [one for one in platforms if (entry := uow.get(PlatformEntry, ORGANISATION, one)) and entry.active]
    if len(known) != len(platforms):
        raise InvalidInput(
            "token/platforms", "A token is for platforms that are registered; see GET /platforms.", field="platforms"
        )
    if platforms and not powers_of_scopes(scopes) & WITHIN_A_PLATFORM:
        raise InvalidInput(
            "token/platforms", "What these scopes allow is no platform's; leave platforms out.", field="platforms"
        )


def _names_a_person(uow: UnitOfWork, service: str | None) -> bool:
    """Say whether a person has this id or pseudonym: a service appears by its name where people do by theirs (R4)."""
    if not service:
        return False
    table = tables.staff.c
    return uow.find(Staff, sa.or_(table.id == service, table.pseudonym == service)) is not None


class TokenIssue(Handler):
    """Issue a token: one's own, or a service's.

    A service that may enforce, or whose reports count as an authority's, is
    power given and waits for people; one's own token gives nothing new.
    """

    power = Power.READ

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``id, hash, scopes, expires?, platforms?`` and ``staff`` (oneself) or a ``service``."""
        scopes = texts(payload, "scopes")
        # The scope of sign-in keys is none of these: a key is given at a sign-in, never asked for.
        unknown = [scope for scope in scopes if scope not in {*SCOPES, *CLIENT_SCOPES, DELEGATE}]
        if unknown or not scopes:
            scopes_known = ", ".join((*SCOPES, *CLIENT_SCOPES, DELEGATE))
            raise InvalidInput("token/scope", _("Scopes are %(scopes)s.", scopes=scopes_known), field="scope")
        if set(scopes) & set(CLIENT_SCOPES) and (len(scopes) > 1 or not payload.get("service")):
            raise InvalidInput("token/scope_alone", "scim is a service's, and stands alone.", field="scope")
        service = text(payload, "service", optional=True, most=128) or None
        if service in {SYSTEM, ORGANISATION} or _names_a_person(uow, service):
            raise InvalidInput("token/service", "That is the name of a person or of Gardefou itself.", field="service")
        if service and not is_id(service):
            raise InvalidInput("token/service", "A service's name has no control characters.", field="service")
        staff = text(payload, "staff", optional=True) or None
        if (service is None) == (staff is None):
            raise InvalidInput("token/whose", "A token is a service's or one's own.", field="service")
        if staff is not None and staff != actor.id:
            raise Denied("token/other", "Nobody issues another person's token.")
        if actor.token_id is not None and actor.service is not None:
            raise Denied("token/by_service", "A service issues no tokens.")
        ends = _end(uow, config, instant(payload, "expires"))
        if staff is not None and actor.token_id is not None:
            ends = _no_more(uow.need(Token, ORGANISATION, actor.token_id), scopes, ends)
        if service is not None and Power.TOKENS not in actor.powers:
            raise Denied("auth/forbidden", "Only an admin proposes a service's token.")
        if actor.staff is not None and not standing_now(actor.staff, uow.now, config.rules.leaver_stages).has(
            Loss.TOKENS
        ):
            raise Denied("staff/leaving", "Whoever is leaving issues no tokens.")
        client = text(payload, "client", optional=True, most=255)
        if (DELEGATE in scopes) != bool(client) or (client and service is None):
            raise InvalidInput(
                "token/client",
                "A service with the scope delegate, and no other token, says what the identity provider calls it.",
                field="client",
            )
        platforms = texts(payload, "platforms")
        _require_platforms(uow, platforms, scopes)
        source = text(payload, "source", optional=True) or "user"
        if source not in SOURCES:
            raise InvalidInput(
                "token/source", _("source is one of %(sources)s.", sources=", ".join(SOURCES)), field="source"
            )
        return {
            "id": text(payload, "id"),
            "hash": text(payload, "hash"),
            "scopes": list(scopes),
            "service": service,
            "staff": staff,
            "source": source if service is not None else "user",
            "expires": written(ends),
            "purpose": text(payload, "purpose", optional=True, most=500) if service is not None else "",
            "client": client,
            "platforms": list(platforms),
        }

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """A service that can do more than report and read does."""
        if payload["service"] is None:
            return False
        return bool(set(payload["scopes"]) - HARMLESS) or payload["source"] in {"trusted_flagger", "authority"}

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """The service's name is a person's by now (R4)."""
        service = payload["service"]
        person = _names_a_person(uow, service)
        return "That is the name of a person by now; propose it anew under another." if person else ""

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
            purpose=payload.get("purpose", ""),
            client=payload.get("client", ""),
            platforms=tuple(payload.get("platforms", ())),
        )
        uow.record("token.issued", by=by, about=about, puts=(token,))


class TokenRevoke(Handler):
    """Revoke a token, at once. One's own, or any as an admin."""

    power = Power.READ

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``token``: its id, or that of the change which issued it."""
        asked = text(payload, "token")
        issued = uow.get(Enforcement, ORGANISATION, asked, lock=False)
        if issued is not None and issued.change is not None and issued.change["kind"] == "token":
            asked = issued.change["id"]
        token = uow.need(Token, ORGANISATION, asked)
        own = actor.id in {token.staff_id, token.issued_by}
        if not own and Power.TOKENS not in actor.powers:
            raise Denied("auth/forbidden", "Only its owner or an admin revokes a token.")
        if not own:
            # One's own goes at any time; to end those of others is an act, and the last hour is for reading (M9).
            actor.require(Power.TOKENS, uow.now)
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
