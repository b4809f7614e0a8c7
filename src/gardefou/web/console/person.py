"""One person's page, by pseudonym: powers, what they hold and did, rolling it back, and changing what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from zoneinfo import available_timezones

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.clock import rfc3339
from gardefou.domain.records import Case, Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.errors import InvalidInput, NotFound
from gardefou.flow.app import Config
from gardefou.flow.change import propose
from gardefou.flow.restore import rollback
from gardefou.flow.second_look import hidden_on
from gardefou.flow.sessions import end, may_end_of_others, open_sessions
from gardefou.nets.verdict import Verdict
from gardefou.people.authenticate import SIGNIN
from gardefou.people.roles import ROLES, Power, powers_of
from gardefou.people.standing import Now, Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.people import NEWCOMER
from gardefou.web.console.reading import PAGE, Moment, Row, accounts_named, rows
from gardefou.web.console.reading_words import end_of_day
from gardefou.web.console.speech import gettext as _
from gardefou.web.console.speech import speech

_c = tables.case.c
_e = tables.enforcement.c
_DAYS = (1, 7, 30)
_HOURS = (1, 24, 7 * 24, 30 * 24)
_WAITING_MOST = 300
#: Entries of the record that the page shows; the record's own page has all.
_LATELY = 12
#: What only someone on full duty does; the flow asks for it, whatever the nets are.
_ACTIVE_ONLY = frozenset({Power.APPROVE, Power.TOP_UP, Power.TOKENS})
_LEAVER_FACTS = frozenset({"actor.standing", "actor.hours_to_last_day_end"})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of one person's page."""
    one = "/people/{pseudonym}"
    return [
        console.get(one, show),
        console.post(f"{one}/roles", change_roles),
        console.post(f"{one}/leave", give_notice),
        console.post(f"{one}/off", put_off),
        console.post(f"{one}/revoke", revoke),
        console.post(f"{one}/sessions", end_sessions),
        console.post(f"{one}/rollback", undo),
    ]


def path_of(person: Staff) -> str:
    """Return the address of a person's page."""
    return f"/people/{quote(person.pseudonym, safe='')}"


def _person(visit: Visit) -> Staff:
    """Return whose page it is; by pseudonym, as no page holds a staff id.

    Raises:
        NotFound: there is nobody of that pseudonym (`staff/not_found`).
    """
    wanted = visit.path("pseudonym")
    found = next((one for one in visit.names.people.values() if one.pseudonym == wanted), None)
    if found is None:
        raise NotFound("staff/not_found", f"There is nobody called {wanted!r} here; check the address.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a person still holds."""

    claims: list[Case]
    #: What they placed that is not at its end: waits, is on its way.
    open: list[Row]
    #: Yeses of theirs on what is not carried out: they do not count any more once they leave.
    yeses: list[Row]
    #: What waits for somebody of their roles.
    awaited: list[Row]
    tokens: list[Token]
    services: list[Token]
    #: Changes about them that wait.
    asked: list[Row]


def show(visit: Visit) -> Response:
    """Show a person: standing, powers, what they hold, what they did, and what can be done about it."""
    person, now = _person(visit), visit.now
    days = int(visit.query("days")) if visit.query("days") in map(str, _DAYS) else 7
    standing = standing_now(person, now)

    def may_revoke(token: Token) -> bool:
        return visit.actor.id in {token.staff_id, token.issued_by} or visit.may(Power.TOKENS)

    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        holding = _holding(connection, visit, person)
        sessions = open_sessions(visit.app, connection, person.id, now=now)
        did, undone = _did(connection, visit, person, days)
        story = _story(connection, visit, person)
        accounts = accounts_named(connection, ((one.platform, one.account) for one in holding.claims))
    return visit.page(
        "person.html",
        person=person,
        standing=standing,
        newcomer=now - person.started_at < NEWCOMER,
        powers=_powers(person, standing),
        nets=_nets_on(config, standing, newcomer=now - person.started_at < NEWCOMER),
        organisation=config.rules.organisation,
        holding=holding,
        accounts=accounts,
        did=did,
        undone=undone,
        days=days,
        all_days=_DAYS,
        hours=_HOURS,
        story=story,
        roles=ROLES,
        zones=sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
        zone=str(speech().zone),
        may_staff=visit.may(Power.STAFF),
        may_lift=visit.may(Power.LIFT),
        may_revoke=may_revoke,
        sessions=len(sessions),
        may_end=person.id == visit.actor.id or may_end_of_others(visit.actor),
        path=path_of(person),
        done=visit.query("done"),
        number=visit.query("number"),
    )


def _holding(connection: sa.Connection, visit: Visit, person: Staff) -> Holding:
    viewer = visit.actor.id
    claims = fetch_all(
        connection,
        Case,
        sa.select(tables.case)
        .where(tables.case_claimed, _c.claimed_by == person.id, _c.claimed_until > visit.now)
        .order_by(_c.claimed_until)
        .limit(PAGE),
    )
    active = sa.select(tables.enforcement).where(tables.enforcement_active)
    placed = fetch_all(connection, Enforcement, active.where(_e.placed_by == person.id).order_by(_e.id).limit(PAGE))
    approval = tables.approval.c
    given = fetch_all(
        connection,
        Enforcement,
        active.join(tables.approval, sa.and_(approval.platform == _e.platform, approval.enforcement_id == _e.id))
        .where(approval.by == person.id, approval.answer == "yes")
        .order_by(_e.id)
        .limit(PAGE),
    )
    waiting = fetch_all(
        connection,
        Enforcement,
        active.where(_e.state == State.WAITING.value, _e.approved_at.is_(None)).order_by(_e.id).limit(_WAITING_MOST),
    )
    spoken = {one.id for one in given}
    awaited = [one for one in waiting if one.id not in spoken and _could_answer(person, one)]
    about = [one for one in waiting if (one.change or {}).get("person") == person.id]
    tokens = fetch_all(
        connection,
        Token,
        sa.select(tables.token).where(
            tables.token.c.staff_id == person.id,
            tables.token.c.revoked_at.is_(None),
            sa.or_(tables.token.c.expires_at.is_(None), tables.token.c.expires_at > visit.now),
        ),
    )
    # A row that names nobody would still say whose it is on this page: what is blind is left out.
    lists = (placed, given, awaited, about)
    every = {one.id: one for some in lists for one in some}
    seen = {row.enforcement.id: row for row in rows(connection, list(every.values()), viewer) if not row.blind}
    shown = [[seen[one.id] for one in some if one.id in seen] for some in lists]
    return Holding(
        claims=claims,
        open=shown[0],
        yeses=shown[1],
        awaited=shown[2],
        asked=shown[3],
        tokens=[one for one in tokens if one.service is None and SIGNIN not in one.scopes],
        services=[one for one in tokens if one.service is not None],
    )


def _could_answer(person: Staff, one: Enforcement) -> bool:
    """Whether a seat is asked for that one of their roles fills, on what they are not behind."""
    if person.id in {one.placed_by, *one.humans}:
        return False
    return any(set(need.roles) & set(person.roles) for need in Verdict.from_json(one.verdict).approvals)


def _did(connection: sa.Connection, visit: Visit, person: Staff, days: int) -> tuple[list[Row], int]:
    """Return the newest that a person placed in some days, and how many of these were undone."""
    found = fetch_all(
        connection,
        Enforcement,
        sa.select(tables.enforcement)
        .where(_e.placed_by == person.id, _e.placed_at > visit.now - timedelta(days=days))
        .order_by(_e.placed_at.desc())
        .limit(PAGE),
    )
    shown = [row for row in rows(connection, found, visit.actor.id) if not row.blind]
    gone = {State.RESTORED.value, State.RESTORING.value}
    return shown, sum(row.enforcement.state in gone for row in shown)


def _story(connection: sa.Connection, visit: Visit, person: Staff) -> list[Moment]:
    """Return the newest that the record has of a person, reports left out."""
    table = tables.event.c
    found = connection.execute(
        sa.select(table.platform, table.id, table.at, table.kind, table.by, table.about, table.account)
        .where(tables.event_by_person, table.by == person.id)
        .order_by(table.id.desc())
        .limit(_LATELY)
    ).all()
    hidden = hidden_on(connection, None, visit.actor.id)
    return [
        Moment(
            at=row.at,
            kind=row.kind,
            by=row.by,
            about=row.about,
            account=row.account,
            detail={"id": row.id, "log": row.platform},
        )
        for row in found
        if row.about not in hidden
    ]


def _powers(person: Staff, standing: Now) -> list[tuple[Power, bool]]:
    """Return what a person's roles give, and whether their standing lets them use it now."""
    held = powers_of(person.roles)

    def now(power: Power) -> bool:
        if not standing.on_duty or (standing.read_only and power is not Power.READ):
            return False
        return standing.standing is Standing.ACTIVE or power not in _ACTIVE_ONLY

    return [(power, now(power)) for power in Power if power in held]


def _nets_on(config: Config, standing: Now, *, newcomer: bool) -> list[str]:
    """Return the titles of the nets in force that speak of leavers or of newcomers, for someone who is one."""
    facts = set(_LEAVER_FACTS if standing.standing is Standing.LEAVING else ())
    if newcomer:
        facts.add("actor.tenure_days")
    return [net.title for net in config.nets if any(fact.name in facts for fact in net.condition.reads)]


# Changes: each through the flow, at once where it takes power away.


def change_roles(visit: Visit) -> Response:
    """Make a person's roles and team those that were chosen: what is taken goes at once, what is given waits."""
    person, form = _person(visit), visit.form
    chosen, team = form.all("role"), form.one("team")
    take = [role for role in person.roles if role not in chosen]
    give = [role for role in chosen if role not in person.roles]
    made: Enforcement | None = None
    if take:
        made = propose(visit.app, visit.actor, "role", {"staff": person.id, "remove": take}, form.one("because"))
    if give or (team and team != person.team):
        payload = {"staff": person.id, "add": give, "team": team if team != person.team else ""}
        made = propose(visit.app, visit.actor, "role", payload, form.one("because"))
    if made is None:
        return go(path_of(person), done="same")
    return _after(person, made)


def give_notice(visit: Visit) -> Response:
    """Set a person's last day, or take the notice back."""
    person, form = _person(visit), visit.form
    last = None
    if form.one("stays") != "yes":
        last = end_of_day(form.one("last_day"), "last_day", form.one("zone"))
        if last is None:
            raise InvalidInput("console/day", _("Give the last day, or say that they stay."), field="last_day")
    payload = {"staff": person.id, "last_day": None if last is None else rfc3339(last)}
    return _after(person, propose(visit.app, visit.actor, "leave", payload, form.one("because")))


def put_off(visit: Visit) -> Response:
    """Take all powers from a person, at once."""
    person, form = _person(visit), visit.form
    if form.one("sure") != "yes":
        raise InvalidInput("console/sure", _("Tick that you are sure; nothing was done."), field="sure")
    return _after(person, propose(visit.app, visit.actor, "off", {"staff": person.id}, form.one("because")))


def revoke(visit: Visit) -> Response:
    """Revoke a token of theirs or of a service they own, at once."""
    person = _person(visit)
    return _after(person, propose(visit.app, visit.actor, "token_revoke", {"token": visit.form.one("token")}))


def end_sessions(visit: Visit) -> Response:
    """End all their sessions, at once and on every node."""
    person = _person(visit)
    end(visit.app, visit.actor, person.id)
    return go(path_of(person), done="changed")


def _after(person: Staff, made: Enforcement) -> Response:
    if made.state == State.IN_FORCE.value:
        return go(path_of(person), done="changed")
    return go(f"/enforcements/{made.id}", done="proposed")


def undo(visit: Visit) -> Response:
    """Show what rolling back a span of time would undo, or do it."""
    person, form = _person(visit), visit.form
    hours = int(form.one("hours")) if form.one("hours") in map(str, _HOURS) else 24
    sure = form.one("sure") == "yes"
    begun = visit.app.now()
    done = rollback(visit.app, visit.actor, by=person.id, since=begun - timedelta(hours=hours), dry_run=not sure)
    if sure:
        back = sum(one.state == State.IN_FORCE.value for one in done.restores)
        return go(path_of(person), done="rolled", number=f"{back}")
    with visit.app.works.read() as connection:
        found = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement).where(_e.id.in_(done.enforcements[:PAGE])).order_by(_e.id.desc()),
        )
        shown = [row for row in rows(connection, found, visit.actor.id) if not row.blind]
    return visit.page("rollback.html", person=person, path=path_of(person), hours=hours, would=done, rows=shown)
