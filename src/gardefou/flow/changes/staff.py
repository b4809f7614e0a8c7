"""Changing people: arriving, roles, notice, leaving, and revealing a name.

Taking power away takes effect at once, with all that hangs on it: tokens,
sessions, claims, what waits in the person's name. Giving any waits for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.errors import Conflict, Denied, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.cases import release_all, reopen
from gardefou.flow.changes.against import lapse_against
from gardefou.flow.changes.base import Handler, Payload, instant, text, texts, written
from gardefou.flow.incidents import alert, near_miss
from gardefou.flow.names import REVEALED
from gardefou.flow.rules import load_rules
from gardefou.people.actor import Actor
from gardefou.people.invitations import end_halves_of
from gardefou.people.pseudonyms import pseudonym
from gardefou.people.roles import ROLES, UNATTENDED, Power
from gardefou.people.standing import Standing, standing_now
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: Whoever started this much earlier than they are added starts now.
_SINCE_TODAY = timedelta(days=1)


def _roles(payload: Payload, name: str) -> tuple[str, ...]:
    roles = texts(payload, name)
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise InvalidInput(
            "staff/role",
            _("There is no role %(unknown)s; there are %(roles)s.", unknown=repr(unknown[0]), roles=", ".join(ROLES)),
            field=name,
        )
    return roles


def find_staff(uow: UnitOfWork, who: str, *, lock: bool = True) -> Staff:
    """Return a person by staff id or pseudonym, and hold their row.

    Raises:
        NotFound: there is none (`staff/not_found`).
    """
    by_pseudonym = uow.find(Staff, tables.staff.c.pseudonym == who, lock=lock)
    known = by_pseudonym or uow.get(Staff, ORGANISATION, who, lock=lock)
    return known or uow.need(Staff, ORGANISATION, who)


def still_here(person: Staff) -> Staff:
    """Return the person, unless they have left.

    Raises:
        Conflict: they have (`staff/left`).
    """
    if person.standing == Standing.LEFT.value:
        raise Conflict("staff/left", "This person has left; add them anew if they come back.")
    return person


class StaffAdd(Handler):
    """Add a person, with roles and a team. After setup it waits for two others: it could be a second self (I13)."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff?, roles, team, employer?, started?, last_day?``; names stay out of it (they are sealed)."""
        staff_id = text(payload, "staff", optional=True, most=128) or uow.ids.new()
        if uow.get(Staff, ORGANISATION, staff_id) is not None:
            raise InvalidInput(
                "staff/exists", _("There is a person %(staff_id)s already.", staff_id=repr(staff_id)), field="staff"
            )
        service = uow.find(Token, tables.token.c.service == staff_id)
        called = text(payload, "pseudonym", optional=True)
        if staff_id in {SYSTEM, ORGANISATION} or service or (called and uow.get(Staff, ORGANISATION, called)):
            raise InvalidInput("staff/taken", "That names somebody or something else here.", field="staff")
        roles = _roles(payload, "roles")
        started = instant(payload, "started") or uow.now
        taken = {row.pseudonym for row in uow.connection.execute(sa.select(tables.staff.c.pseudonym))}
        return {
            "staff": staff_id,
            "roles": list(roles),
            "team": text(payload, "team", optional=True, most=128) or f"team-{staff_id}",
            "employer": text(payload, "employer", optional=True) or config.rules.organisation,
            "started": written(started),
            "last_day": written(instant(payload, "last_day")),
            "pseudonym": text(payload, "pseudonym", optional=True) or pseudonym(app.random, taken),
            "founding": not config.rules.setup_finished,
        }

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Any power given does, which an auditor gets none of; and tenure does: it ends what holds for newcomers."""
        started = instant(payload, "started")
        earlier = started is not None and started < uow.now - _SINCE_TODAY
        return earlier or bool(set(payload["roles"]) - {"auditor"})

    def person(self, payload: Payload) -> str:
        """The new person."""
        return str(payload["staff"])

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """Somebody or something else took the name meanwhile (R4)."""
        staff_id, called = payload["staff"], payload["pseudonym"]
        table = tables.staff.c
        someone = uow.find(Staff, sa.or_(table.id.in_([staff_id, called]), table.pseudonym.in_([staff_id, called])))
        service = uow.find(Token, tables.token.c.service == staff_id)
        return "That names somebody or something else here by now; propose it anew." if someone or service else ""

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.added`."""
        started = instant(payload, "started")
        assert started is not None
        person = Staff(
            id=payload["staff"],
            pseudonym=payload["pseudonym"],
            roles=tuple(payload["roles"]),
            team=payload["team"],
            employer=payload["employer"],
            started_at=started,
            last_day_end=instant(payload, "last_day"),
            founding=bool(payload["founding"]),
        )
        uow.record("staff.added", by=by, about=about, puts=(person,))


class RoleChange(Handler):
    """Add or remove roles. Removing takes effect at once."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff, add?, remove?, team?, employer?``."""
        person = still_here(find_staff(uow, text(payload, "staff")))
        team = text(payload, "team", optional=True, most=128)
        employer = text(payload, "employer", optional=True)
        add, remove = _roles(payload, "add"), _roles(payload, "remove")
        if not add and not remove and not team and not employer:
            raise InvalidInput("change/invalid", "Name roles to add or to remove, or a team.", field="add")
        if set(add) & set(remove):
            raise InvalidInput("change/invalid", "A role is given or taken, not both.", field="remove")
        given = {"staff": person.id, "add": list(add), "remove": list(remove), "team": team}
        return {**given, "employer": employer} if employer else given

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Any role given does, and so does another team or employer: they keep approvers apart."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        moved = any(payload.get(name) not in {None, "", getattr(person, name)} for name in ("team", "employer"))
        return moved or bool(set(payload["add"]) - set(person.roles) - {"auditor"})

    def person(self, payload: Payload) -> str:
        """Whose roles."""
        return str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.roles_changed`; and `enforcement.lapsed` for what waits to give back what this takes."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        roles = tuple(dict.fromkeys((*person.roles, *payload["add"])))
        kept = tuple(role for role in roles if role not in payload["remove"])
        changed = replace(
            person,
            roles=kept,
            team=payload["team"] or person.team,
            employer=payload.get("employer") or person.employer,
            version=person.version + 1,
        )
        uow.record("staff.roles_changed", by=by, about=about, puts=(changed,))
        taken = set(payload["remove"])
        if taken:
            lapse_against(
                uow,
                lambda change: change["kind"] == "role" and bool(taken & set(change["add"])),
                named=("staff", changed.id),
                why="The role was taken meanwhile; propose it anew.",
                by=by,
                but=about,
            )


class LeaveChange(Handler):
    """Give notice of a last day, or set an earlier one, at once; a later one or none waits for people."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff, last_day`` (an instant; None takes the notice back)."""
        person = still_here(find_staff(uow, text(payload, "staff")))
        return {"staff": person.id, "last_day": written(instant(payload, "last_day"))}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """A later last day does, and taking one back."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        if person.last_day_end is None:
            return False
        new = instant(payload, "last_day")
        return new is None or new > person.last_day_end

    def person(self, payload: Payload) -> str:
        """Who leaves."""
        return str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.notice`, and lapse what a leaver may no longer have waiting (M9), or would have longer."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        last = instant(payload, "last_day")
        changed = replace(
            person,
            last_day_end=last,
            notice_at=None if last is None else (person.notice_at or uow.now),
            standing=Standing.ACTIVE.value if person.standing == Standing.LEAVING.value else person.standing,
            version=person.version + 1,
        )
        uow.record("staff.notice", by=by, about=about, puts=(changed,))
        before = person.last_day_end
        if last is not None and before is not None and last < before:
            lapse_against(
                uow,
                lambda change: change["kind"] == "leave" and _later(instant(change, "last_day"), last),
                named=("staff", changed.id),
                why="An earlier last day was set meanwhile; propose it anew.",
                by=by,
                but=about,
            )
        standing = standing_now(changed, uow.now, config.rules.leaver_stages)
        if standing.standing is Standing.LEFT:
            strip(uow, changed, by=by, why="The last day is over.", but=about)
        elif standing.standing is Standing.LEAVING:
            why = "Whoever placed it is leaving."
            lapse_waiting(uow, changed.id, why, notable_only=True, but=about, cause=by)


def _later(day: datetime | None, than: datetime) -> bool:
    return day is None or day > than


class OffChange(Handler):
    """Take all powers away, now: tokens, sessions, claims, and what waits in the person's name."""

    power = Power.STAFF

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff``."""
        return {"staff": find_staff(uow, text(payload, "staff")).id}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """It takes power away."""
        return False

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.left` and what follows from it."""
        person = uow.need(Staff, ORGANISATION, payload["staff"])
        put_off(uow, person, by=by, about=about, why="Whoever placed it is no longer on duty.")


def put_off(uow: UnitOfWork, person: Staff, *, by: str, why: str, about: str = "") -> None:
    """Mark a person as left, and take away everything that hangs on it. Writes `staff.left`."""
    left = replace(person, standing=Standing.LEFT.value, version=person.version + 1)
    uow.record("staff.left", by=by, about=about or person.id, puts=(left,))
    strip(uow, left, by=by, why=why, but=about)


def strip(uow: UnitOfWork, person: Staff, *, by: str, why: str, but: str = "") -> None:
    """Revoke a person's tokens and sessions, end their invitations and claims, lapse what waits in their name.

    ``but`` is the change that does it, which may be their own.
    """
    _orphan(uow, person, by=by)
    table = tables.token.c
    for token in _good(uow, table.staff_id == person.id, table.service.is_(None)):
        revoked = replace(token, revoked_at=uow.now, version=token.version + 1)
        uow.record("token.revoked", by=by, about=token.id, puts=(revoked,))
    uow.connection.execute(
        tables.session.update()
        .where(tables.session.c.staff_id == person.id, tables.session.c.revoked_at.is_(None))
        .values(revoked_at=uow.now)
    )
    end_halves_of(uow.connection, person.id)
    release_all(uow, person.id, why)
    lapse_waiting(uow, person.id, why, but=but, cause=by)


def _orphan(uow: UnitOfWork, person: Staff, *, by: str) -> None:
    """Let the services that somebody answered for end soon, and tell whoever can take them over (R6).

    From now on they report and read (`gardefou.people.authenticate`); what only
    reports goes on to its own end, as nobody is harmed by it and reports would be lost.
    """
    table = tables.token.c
    behind = sa.or_(table.staff_id == person.id, table.issued_by == person.id)
    end = uow.now + timedelta(days=load_rules(uow.connection).token_orphan_days)
    for token in _good(uow, behind, table.service.is_not(None)):
        if token.expires_at is not None and token.expires_at <= uow.now:
            continue
        if set(token.scopes) - UNATTENDED and (token.expires_at is None or token.expires_at > end):
            ending = replace(token, expires_at=end, version=token.version + 1)
            uow.record("token.orphaned", by=by, about=token.id, puts=(ending,))
        alert(
            uow,
            "service_orphaned",
            platform=ORGANISATION,
            about=token.id,
            says=f"Nobody answers for the service {token.service} any more.",
        )


def _good(uow: UnitOfWork, *where: sa.ColumnElement[bool]) -> Iterator[Token]:
    """Return those tokens of these that are not revoked, and hold each: it may be ended by others at this moment."""
    table = tables.token.c
    for read in uow.all(Token, *where, table.revoked_at.is_(None), order=table.id):
        token = uow.need(Token, ORGANISATION, read.id)
        if token.revoked_at is None:
            yield token


def lapse_waiting(
    uow: UnitOfWork, staff_id: str, why: str, *, notable_only: bool = False, but: str = "", cause: str = ""
) -> None:
    """Lapse what waits in a person's name but one: it returns to the queue, and the lead is told (M9).

    Gardefou does it; ``cause`` is whoever made it so, for the record.
    """
    table = tables.enforcement.c
    pending = (State.WAITING.value, State.READY.value)
    # A first, wide net: an id may hold what LIKE takes for a wildcard.
    maybe = uow.all(
        Enforcement,
        table.state.in_(pending),
        sa.or_(table.placed_by == staff_id, table.humans.cast(sa.Text).like(f'%"{staff_id}"%')),
        order=table.id,
    )
    for read in maybe:
        one = uow.get(Enforcement, read.platform, read.id)
        if one is None or one.id == but or one.state not in pending or staff_id not in {one.placed_by, *one.humans}:
            continue
        if one.action == Action.RESTORE and one.state == State.READY.value:
            # It has withdrawn what it lifts: it goes on to its end, whoever began it.
            continue
        beneficiary = (one.change or {}).get("person") == staff_id and one.placed_by != staff_id
        if beneficiary or (notable_only and one.tier == "standard" and one.action != "change"):
            continue
        detail = {"caused_by": [cause or staff_id]}
        lapsed = uow.move(
            one, State.LAPSED, "enforcement.lapsed", by=SYSTEM, because=why, ended_at=uow.now, detail=detail
        )
        near_miss(uow, lapsed, why)
        reopen(uow, lapsed)
        alert(
            uow,
            "leaver",
            platform=one.platform,
            about=one.id,
            says=f"{one.action} waited in the name of someone who is leaving; it needs a new look.",
            accounts=(one.account,) if one.account else (),
            facts={"action": one.action},
        )


class RevealChange(Handler):
    """Reveal who is behind a pseudonym: legal plus one, for a day, and the person is told."""

    power = Power.REVEAL

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``staff, because``."""
        person = find_staff(uow, text(payload, "staff"))
        if person.id == actor.id:
            raise Denied("staff/own", "That is yourself.")
        return {"staff": person.id, "because": text(payload, "because", most=2000)}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """It has its own rule of two people."""
        return False

    def person(self, payload: Payload) -> str:
        """Whose name."""
        return str(payload["staff"])

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `staff.revealed`; the name itself is read from the sealed table within a day."""
        until: datetime = uow.now + REVEALED
        uow.record(
            "staff.revealed",
            by=by,
            about=about,
            detail={"staff": payload["staff"], "because": payload["because"], "until": written(until)},
        )
        alert(
            uow,
            "revealed",
            platform=ORGANISATION,
            about=payload["staff"],
            says="Your name was revealed; the record says why.",
        )
