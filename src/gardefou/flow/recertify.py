"""Recertification: every quarter somebody else confirms each role that a person holds, or it lapses.

Grants are noted by the worker as it sees them, so that every way by which a
role comes counts; a role's quarter begins when it is noted or confirmed. A
lapse only takes: it never leaves the installation without an admin and the
people who could give the role back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, SYSTEM, RoleGrant, Staff
from gardefou.errors import Denied, InvalidInput, NotFound, StepUpRequired
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App, Config
from gardefou.flow.approvals import as_person
from gardefou.flow.changes.staff import find_staff
from gardefou.flow.incidents import alert
from gardefou.flow.judging import judge_act
from gardefou.nets.facts import Facts
from gardefou.nets.seats import seats_filled
from gardefou.people.actor import Actor
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.roles import Power
from gardefou.people.standing import Standing, standing_now
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all, fetch_fast
from gardefou.storage.types import Instant
from gardefou.storage.work import Entry, UnitOfWork

#: So long ahead of its lapse people are told of a role that nobody has confirmed.
REMINDERS = (timedelta(days=14), timedelta(days=3))
#: Minutes since the strong sign-in within which a person may confirm.
FRESH_MINUTES = 15
#: Grants that are confirmed at once.
MOST = 500
_DAILY = timedelta(days=1)
_LONGEST_DAYS = 36_500
#: Held by whoever writes what is noted of roles.
_LOCK = "recertification"
_g = tables.role_grant.c
_HELD = sa.select(tables.role_grant).where(tables.role_grant_held)
_OVERDUE = Fast(
    _HELD.where(
        _g.counts_from <= sa.bindparam("before", type_=Instant),
        sa.or_(_g.kept_at.is_(None), _g.kept_at <= sa.bindparam("yesterday", type_=Instant)),
    )
    .order_by(_g.counts_from, _g.id)
    .limit(200)
)
_NEXT = sa.select(sa.func.min(_g.counts_from, type_=Instant)).where(
    tables.role_grant_held, _g.counts_from > sa.bindparam("before", type_=Instant)
)


def quarter(config: Config) -> timedelta | None:
    """Return how long a confirmation lasts; None where roles do not lapse (`recertify_days` 0)."""
    days = min(config.rules.recertify_days, _LONGEST_DAYS)
    return timedelta(days=days) if days else None


def grant_id(staff_id: str, role: str) -> str:
    """Return the id of what says that a person holds a role."""
    return f"{staff_id}/{role}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A role that somebody on duty holds, and when it lapses unless it is confirmed."""

    person: Staff
    grant: RoleGrant
    lapses_at: datetime | None


def held_roles(connection: sa.Connection, config: Config, now: datetime) -> list[Held]:
    """Return every role that people on duty hold, the one that lapses first at the front. Two queries."""
    known = {one.id: one for one in fetch_all(connection, RoleGrant, _HELD)}
    lasts = quarter(config)
    found: list[Held] = []
    for person in fetch_all(connection, Staff, sa.select(tables.staff)):
        if not standing_now(person, now, config.rules.leaver_stages).on_duty:
            continue
        for role in person.roles:
            grant = known.get(grant_id(person.id, role)) or _new(person, role, now)
            at = None if lasts is None else grant.counts_from + lasts
            found.append(Held(person=person, grant=grant, lapses_at=at))
    return sorted(found, key=lambda one: (one.grant.counts_from, one.person.pseudonym, one.grant.role))


def _new(person: Staff, role: str, now: datetime) -> RoleGrant:
    return RoleGrant(id=grant_id(person.id, role), staff_id=person.id, role=role, since=now, counts_from=now)


def may_certify(actor: Actor, now: datetime) -> bool:
    """Whether this person confirms other people's roles: a lead, or whoever administers staff; no leaver."""
    if actor.staff is None or not {Power.STAFF, Power.TOP_UP} & actor.powers:
        return False
    standing = standing_now(actor.staff, now, actor.leaving)
    return standing.on_duty and standing.has(Loss.APPROVALS)


def certify(app: App, actor: Actor, grants: Sequence[tuple[str, str]], because: str = "") -> list[RoleGrant]:
    """Confirm that people still need roles they hold, for another quarter; all of them or none.

    ``grants`` are person (staff id or pseudonym) and role. By anyone on duty
    who is a lead or administers staff, in person and freshly signed in; never
    one's own.

    Writes `grant.confirmed` for each.

    Raises:
        InvalidInput: none, or more than `MOST` (`certify/grants`).
        Denied: no person, no power (`auth/forbidden`), off duty or leaving
            (`staff/leaving`), one's own role (`certify/own`).
        NotFound: no such person (`staff/not_found`), or the role is not
            theirs any more (`certify/not_held`).
        StepUpRequired: the sign-in is older than `FRESH_MINUTES`.
    """
    if not 1 <= len(grants) <= MOST:
        raise InvalidInput(
            "certify/grants", _("Name 1 to %(most)s roles of people to confirm.", most=MOST), field="grants"
        )
    with app.works.begin() as uow:
        # Whoever confirms holds the rows of several people, and so does whoever changes them: one after the other.
        uow.serialise("changes", _LOCK)
        actor = _certifier(uow, actor)
        entries: list[Entry] = []
        confirmed: list[RoleGrant] = []
        for who, role in dict.fromkeys(grants):
            person = find_staff(uow, who)
            if person.id in {actor.id, *actor.humans}:
                raise Denied("certify/own", "Your own roles are confirmed by somebody else.")
            if role not in person.roles or person.standing == Standing.LEFT.value:
                raise NotFound(
                    "certify/not_held",
                    _("%(who)s does not hold the role %(role)s any more.", who=person.pseudonym, role=repr(role)),
                )
            known = uow.get(RoleGrant, ORGANISATION, grant_id(person.id, role))
            grant = known or _new(person, role, uow.now)
            made = replace(
                grant,
                since=grant.since if grant.ended_at is None else uow.now,
                confirmed_at=uow.now,
                confirmed_by=actor.id,
                counts_from=uow.now,
                reminded=0,
                kept_at=None,
                ended_at=None,
                version=1 if known is None else known.version + 1,
            )
            if made in confirmed:
                continue
            confirmed.append(made)
            entries.append(
                Entry(
                    kind="grant.confirmed",
                    by=actor.id,
                    about=person.id,
                    puts=(made,),
                    detail={"role": role, "because": because[:2000]},
                )
            )
        uow.record_all(entries)
    return confirmed


def _certifier(uow: UnitOfWork, actor: Actor) -> Actor:
    if actor.staff is None:
        raise Denied("auth/forbidden", "Only a person confirms what people hold; no service does.")
    actor = replace(actor, staff=uow.need(Staff, ORGANISATION, actor.staff.id), leaving=leaving_of(uow.connection))
    actor.require(Power.STAFF if Power.STAFF in actor.powers else Power.TOP_UP, uow.now)
    if not may_certify(actor, uow.now):
        raise Denied("staff/leaving", "Whoever is leaving confirms nothing; ask a colleague.")
    if actor.fresh_minutes(uow.now) > FRESH_MINUTES:
        raise StepUpRequired(FRESH_MINUTES)
    return actor


# The worker's part.


def note_grants(app: App) -> int:
    """Note roles that were given since the last look, and end what is not held any more; return how many.

    Writes `grant.noted` and `grant.ended`.
    """
    with app.works.read() as connection:
        if not _unnoted(connection):
            return 0
    with app.works.begin() as uow:
        uow.serialise(_LOCK)
        entries = [
            Entry(kind="grant.ended" if one.ended_at else "grant.noted", by=SYSTEM, about=one.staff_id, puts=(one,))
            for one in _notes(uow)
        ]
        uow.record_all(entries)
    return len(entries)


def _unnoted(connection: sa.Connection) -> bool:
    held = {
        grant_id(row.id, role)
        for row in connection.execute(sa.select(tables.staff.c.id, tables.staff.c.roles, tables.staff.c.standing))
        if row.standing != Standing.LEFT.value
        for role in row.roles
    }
    known = {row.id for row in connection.execute(sa.select(_g.id).where(tables.role_grant_held))}
    return held != known


def _notes(uow: UnitOfWork) -> list[RoleGrant]:
    known = {one.id: one for one in uow.all(RoleGrant)}
    people = [one for one in uow.all(Staff) if one.standing != Standing.LEFT.value]
    held = {grant_id(person.id, role): (person, role) for person in people for role in person.roles}
    made: list[RoleGrant] = []
    for key, (person, role) in held.items():
        grant = known.get(key)
        if grant is None:
            made.append(_new(person, role, uow.now))
        elif grant.ended_at is not None:
            made.append(replace(_new(person, role, uow.now), version=grant.version + 1))
    made.extend(
        replace(grant, ended_at=uow.now, version=grant.version + 1)
        for key, grant in known.items()
        if key not in held and grant.ended_at is None
    )
    return made


def remind(app: App) -> int:
    """Tell leads once at each of `REMINDERS` of what lapses soon; return of how many roles.

    Writes `grant.reminded` for each, and one `alert.raised`.
    """
    with app.works.read() as connection:
        config = app.config(connection)
        lasts = quarter(config)
        if lasts is None or not _to_remind(fetch_all(connection, RoleGrant, _HELD), lasts, app.now()):
            return 0
    with app.works.begin() as uow:
        uow.serialise(_LOCK)
        soon = _to_remind(uow.all(RoleGrant, tables.role_grant_held, order=_g.id), lasts, uow.now)
        uow.record_all(
            [
                Entry(
                    kind="grant.reminded",
                    by=SYSTEM,
                    about=one.staff_id,
                    puts=(replace(one, reminded=stage, version=one.version + 1),),
                )
                for one, stage in soon
            ]
        )
        if soon:
            alert(
                uow,
                "recertify",
                platform=ORGANISATION,
                about="recertification",
                says=f"{len(soon)} roles lapse soon unless somebody else confirms them.",
            )
    return len(soon)


def _to_remind(grants: Iterable[RoleGrant], lasts: timedelta, now: datetime) -> list[tuple[RoleGrant, int]]:
    found: list[tuple[RoleGrant, int]] = []
    for one in grants:
        left = one.counts_from + lasts - now
        stage = sum(left <= ahead for ahead in REMINDERS)
        if stage > one.reminded and left > timedelta(0):
            found.append((one, stage))
    return found


def lapse_due(app: App) -> int:
    """Let every role lapse that nobody confirmed in time, but for what the installation cannot do without.

    One of which nobody was told, as no worker ran or the clock was set forward,
    is told of now and lapses in three days.

    Writes `grant.reminded` for such a one, `grant.lapsed` with the person's roles; or `grant.kept`, once a day,
    for a role without which nobody could give it back. Both alert the leads.
    """
    config = app.recent_config()
    lasts = quarter(config)
    if lasts is None:
        return 0
    now = app.now()
    with app.works.read() as connection:
        overdue = fetch_fast(connection, RoleGrant, _OVERDUE, {"before": now - lasts, "yesterday": now - _DAILY})
    done = 0
    untold: list[RoleGrant] = []
    for one in overdue:
        with app.works.begin() as uow:
            # One at a time: two that lapse together must not each count on the other.
            uow.serialise(_LOCK)
            done += _lapse(uow, app, one, untold)
    return done + (_tell_late(app, untold, lasts) if untold else 0)


def next_lapse(app: App, connection: sa.Connection) -> datetime | None:
    """Return when the next role lapses, after now; None where none does."""
    lasts = quarter(app.config(connection))
    if lasts is None:
        return None
    first = connection.execute(_NEXT, {"before": app.now() - lasts}).scalar_one()
    return None if first is None else first + lasts


def _lapse(uow: UnitOfWork, app: App, seen: RoleGrant, untold: list[RoleGrant]) -> int:
    """Let one lapse; one of which nobody was told is put among those instead."""
    config = app.config(uow.connection)
    lasts = quarter(config)
    person = uow.need(Staff, ORGANISATION, seen.staff_id)
    grant = uow.need(RoleGrant, ORGANISATION, seen.id)
    if lasts is None or grant.ended_at is not None or grant.counts_from + lasts > uow.now:
        return 0
    ended = replace(grant, ended_at=uow.now, version=grant.version + 1)
    if person.standing == Standing.LEFT.value or grant.role not in person.roles:
        uow.record("grant.ended", by=SYSTEM, about=person.id, puts=(ended,))
        return 1
    if _is_untold(grant):
        untold.append(grant)
        return 0
    without = replace(
        person, roles=tuple(role for role in person.roles if role != grant.role), version=person.version + 1
    )
    if not _could_be_given_back(uow, config, without):
        kept = replace(grant, kept_at=uow.now, version=grant.version + 1)
        uow.record("grant.kept", by=SYSTEM, about=person.id, puts=(kept,))
        alert(
            uow,
            "role_kept",
            platform=ORGANISATION,
            about="recertification",
            says=(
                f"Nobody confirmed {person.pseudonym}'s role {grant.role}; it is kept,"
                " as without it nobody could give it back."
            ),
        )
        return 1
    uow.record("grant.lapsed", by=SYSTEM, about=person.id, puts=(without, ended), detail={"role": grant.role})
    alert(
        uow,
        "role_lapsed",
        platform=ORGANISATION,
        about="recertification",
        says=f"Nobody confirmed {person.pseudonym}'s role {grant.role} in time; it lapsed.",
    )
    return 1


def _tell_late(app: App, untold: Sequence[RoleGrant], lasts: timedelta) -> int:
    """Tell people of what would lapse now without a word before; it has as long as after the last reminder."""
    with app.works.begin() as uow:
        uow.serialise(_LOCK)
        late = [uow.need(RoleGrant, ORGANISATION, one.id) for one in untold]
        late = [one for one in late if _is_untold(one) and one.ended_at is None and one.counts_from + lasts <= uow.now]
        begun = uow.now - lasts + REMINDERS[-1]
        uow.record_all(
            [
                Entry(
                    kind="grant.reminded",
                    by=SYSTEM,
                    about=one.staff_id,
                    puts=(replace(one, reminded=len(REMINDERS), counts_from=begun, version=one.version + 1),),
                )
                for one in late
            ]
        )
        if late:
            alert(
                uow,
                "recertify",
                platform=ORGANISATION,
                about="recertification",
                says=f"{len(late)} roles lapse in {REMINDERS[-1].days} days unless somebody else confirms them.",
            )
    return len(late)


def _is_untold(one: RoleGrant) -> bool:
    return one.reminded < len(REMINDERS)


def _could_be_given_back(uow: UnitOfWork, config: Config, changed: Staff) -> bool:
    """Whether with this person as they would be, an admin could still propose a role, and others agree to it."""
    active = [
        one
        for one in (changed if one.id == changed.id else one for one in uow.all(Staff))
        if standing_now(one, uow.now, config.rules.leaver_stages).standing is Standing.ACTIVE
    ]
    people = [as_person(one) for one in active]
    for admin in active:
        if "admin" not in admin.roles:
            continue
        actor = Actor(id=admin.id, via="console", staff=admin, humans=(admin.id,), strong_at=uow.now)
        known = facts_of.neutral_act(uow, actor, ORGANISATION, "change") | {
            "change.kind": "role",
            "change.weakens": True,
            "change.person": "",
        }
        asked = judge_act(config, Facts.of(known)).approvals
        if not seats_filled(
            asked,
            [one for one in people if one.id != admin.id],
            proposer=as_person(admin),
            organisation=config.rules.organisation,
        ):
            return True
    return False


def overdue_among(held: Collection[Held], now: datetime) -> int:
    """Return how many of these are past their time, and kept."""
    return sum(one.lapses_at is not None and one.lapses_at <= now for one in held)
