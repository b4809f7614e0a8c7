"""Enrolling a passkey, ending one, and ending all that somebody signs in with: guarded, and on the ledger.

A first passkey is taken at once; one more is power given to whoever holds it,
and waits for people. What does not belong to a person's arrival counts for
approvals on notable and protected accounts only days later, and people are
told meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Passkey, Staff
from gardefou.errors import Conflict, Denied, InvalidInput, NotFound
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_against
from gardefou.flow.changes.base import Handler, Payload, text, texts
from gardefou.flow.changes.staff import find_staff, still_here
from gardefou.flow.incidents import alert
from gardefou.people.actor import Actor
from gardefou.people.authenticate import end_signin_keys
from gardefou.people.invitations import end_halves_of
from gardefou.people.passkeys import MOST_OF_ONE, passkey_by_id, passkeys_of
from gardefou.people.roles import Power
from gardefou.people.sessions import end_sessions
from gardefou.speech import gettext as _
from gardefou.speech import listed
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

ENROL, REVOKE, RESET = "enrol", "revoke", "reset"
#: A first passkey within so long of a person's first sign-in belongs to their arrival.
ARRIVAL = timedelta(hours=24)


def about_passkeys(staff_id: str) -> str:
    """Return what events about a person's passkeys are about: few enough to be read at every approval."""
    return f"passkeys/{staff_id}"


class PasskeyChange(Handler):
    """Enrol a passkey of one's own, end one, or end all that somebody signs in with who lost it."""

    power = Power.READ

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``do``; to enrol ``id, public_key, rp_id, origin, transports``, to revoke ``id``, to reset ``staff``."""
        do = text(payload, "do")
        if do == ENROL:
            return self._enrol(uow, config, actor, payload)
        if do == REVOKE:
            passkey = passkey_by_id(uow.connection, text(payload, "id", most=2048))
            if passkey is None or passkey.revoked_at is not None:
                raise NotFound("passkey/not_found", "There is no such passkey any more.")
            if passkey.staff_id != actor.id and Power.STAFF not in actor.powers:
                raise Denied("auth/forbidden", "Only its owner or an admin ends a passkey.")
            return {"do": do, "staff": passkey.staff_id, "id": passkey.id}
        if do == RESET:
            person = still_here(find_staff(uow, text(payload, "staff")))
            if Power.STAFF not in actor.powers:
                raise Denied("auth/forbidden", "Only an admin proposes to end all that somebody signs in with.")
            if not person.enrolled:
                raise NotFound(
                    "passkey/not_found", "They never signed in and have nothing that could end; invite them."
                )
            return {"do": do, "staff": person.id}
        raise InvalidInput(
            "change/invalid", _("do is %(words)s.", words=listed((ENROL, REVOKE, RESET), "or")), field="do"
        )

    def _enrol(self, uow: UnitOfWork, config: Config, actor: Actor, payload: Payload) -> Payload:
        if actor.staff is None:
            raise Denied("passkey/not_human", "Only people have passkeys.")
        credential = text(payload, "id", most=2048)
        if passkey_by_id(uow.connection, credential) is not None:
            raise Conflict("passkey/known", "This passkey is enrolled already, or was.")
        held = passkeys_of(uow.connection, actor.id)
        if sum(one.revoked_at is None for one in held) >= MOST_OF_ONE:
            raise Conflict(
                "passkey/many", _("A person has at most %(most)s passkeys; end one first.", most=MOST_OF_ONE)
            )
        # What somebody else ended, by a change that people agreed to, is as if it had not been.
        further = any(one.revoked_by in {"", actor.id} for one in held)
        arrival = not held and (not config.rules.setup_finished or _has_just_arrived(uow, actor.staff))
        return {
            "do": ENROL,
            "staff": actor.id,
            "id": credential,
            "public_key": text(payload, "public_key", most=4096),
            "rp_id": text(payload, "rp_id"),
            "origin": text(payload, "origin"),
            "transports": list(texts(payload, "transports")),
            "further": further and config.rules.setup_finished,
            "arrival": arrival,
        }

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """One more does, and so does ending all of somebody else's: whoever is in their place enrols the next."""
        return payload["do"] == RESET or bool(payload.get("further"))

    def person(self, payload: Payload) -> str:
        """Whose passkeys."""
        return str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `passkey.enrolled` or `passkey.revoked`, and tell people unless somebody arrives."""
        if payload["do"] == ENROL:
            self._write_new(uow, config, payload, by=by)
            return
        staff_id = str(payload["staff"])
        ended = [
            replace(one, revoked_at=uow.now, revoked_by=by, version=one.version + 1)
            for one in passkeys_of(uow.connection, staff_id)
            if (one.revoked_at is None and payload["do"] == RESET) or one.id == payload.get("id")
        ]
        uow.record(
            "passkey.revoked",
            by=by,
            about=about_passkeys(staff_id),
            puts=ended,
            detail={"reset": payload["do"] == RESET},
        )
        if payload["do"] == RESET:
            end_signin_keys(uow, staff_id, by=by)
            end_sessions(uow, staff_id, by=by)
            end_halves_of(uow.connection, staff_id)
            lapse_against(
                uow,
                lambda change: change["kind"] == "passkey" and change["do"] == ENROL,
                named=("staff", staff_id),
                why="All that they sign in with was ended meanwhile; enrol it anew.",
                by=by,
                but=about,
            )
        if by != staff_id:
            _tell(uow, staff_id, "A colleague's passkeys were ended by somebody else.")

    def _write_new(self, uow: UnitOfWork, config: Config, payload: Payload, *, by: str) -> None:
        if passkey_by_id(uow.connection, payload["id"]) is not None:
            raise Conflict("passkey/known", "This passkey is enrolled already, or was.")
        wait = timedelta(0) if payload["arrival"] else timedelta(seconds=config.rules.passkey_counts_after_seconds)
        enrol(
            uow,
            Passkey(
                id=payload["id"],
                staff_id=payload["staff"],
                public_key=payload["public_key"],
                rp_id=payload["rp_id"],
                origin=payload["origin"],
                transports=tuple(payload["transports"]),
                enrolled_at=uow.now,
                counts_from=uow.now + wait,
            ),
            by=by,
        )
        if not payload["arrival"]:
            _tell(uow, payload["staff"], "A passkey was enrolled, by somebody who is here already.")


def enrol(uow: UnitOfWork, passkey: Passkey, *, by: str) -> None:
    """Write a new passkey. Writes `passkey.enrolled`."""
    uow.record("passkey.enrolled", by=by, about=about_passkeys(passkey.staff_id), puts=(passkey,))


def _tell(uow: UnitOfWork, staff_id: str, says: str) -> None:
    alert(uow, "passkey", platform=ORGANISATION, about=staff_id, says=says)


def _has_just_arrived(uow: UnitOfWork, staff: Staff) -> bool:
    """Whether this person signed in for the first time within a day."""
    event = tables.event.c
    found = uow.connection.execute(
        sa.select(event.at)
        .where(
            tables.event_has_about,
            event.platform == ORGANISATION,
            event.about == staff.id,
            event.kind == "staff.enrolled",
        )
        .order_by(event.id.desc())
        .limit(1)
    ).first()
    return found is not None and found.at > uow.now - ARRIVAL
