"""One person's page, by pseudonym: powers, what they hold and did, rolling it back, and changing what they may do."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.clock import rfc3339
from gardefou.domain.records import Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.errors import InvalidInput
from gardefou.flow.app import Config
from gardefou.flow.change import propose, propose_all
from gardefou.flow.names import open_revealing
from gardefou.flow.rollback_report import rollbacks_of
from gardefou.flow.second_look import hidden_on
from gardefou.flow.sessions import end, may_end_of_others, open_sessions
from gardefou.people.last_days import refuse_over
from gardefou.people.leaving import Loss
from gardefou.people.preferences import zones
from gardefou.people.roles import ROLES, Power, powers_of
from gardefou.people.standing import Now, Standing, standing_now
from gardefou.speech import gettext as _
from gardefou.speech import speech
from gardefou.storage import tables
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.holdings import DAYS, did_lately, holding_of
from gardefou.web.console.invitations import inviting_on
from gardefou.web.console.leaver_words import LOSS_WORDS, TAKEN, ahead
from gardefou.web.console.people import NEWCOMER
from gardefou.web.console.reading import Moment, accounts_named
from gardefou.web.console.reading_words import end_of_day
from gardefou.web.console.whose import path_of, person_of

_c = tables.case.c
_e = tables.enforcement.c
#: Hours back that a rollback is offered for.
HOURS = (1, 24, 7 * 24, 30 * 24)
#: Entries of the record that the page shows; the record's own page has all.
_LATELY = 12
#: The losses of powers that the flow takes, whatever the nets are.
_BY_THE_FLOW = {power: losses for power, losses in TAKEN.items() if losses != (Loss.GUARDED_CHANGES,)}
_LEAVER_FACTS = frozenset({"actor.standing", "actor.hours_to_last_day_end"})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of one person's page."""
    one = "/people/{pseudonym}"
    return [
        console.get(one, show),
        console.post(f"{one}/roles", change_roles),
        console.post(f"{one}/leave", give_notice),
        console.post(f"{one}/off", put_off),
        console.post(f"{one}/suspend", suspend),
        console.post(f"{one}/revoke", revoke),
        console.post(f"{one}/sessions", end_sessions),
    ]


def show(visit: Visit) -> Response:
    """Show a person: standing, powers, what they hold, what they did, and what can be done about it."""
    person, now = person_of(visit), visit.now
    days = int(visit.query("days")) if visit.query("days") in map(str, DAYS) else 7

    def may_revoke(token: Token) -> bool:
        return visit.actor.id in {token.staff_id, token.issued_by} or visit.may(Power.TOKENS)

    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        table = config.rules.leaver_stages
        standing = standing_now(person, now, table)
        holding = holding_of(connection, visit, person)
        sessions = open_sessions(visit.app, connection, person.id, now=now)
        did, undone = did_lately(connection, visit, person, days)
        story = _story(connection, visit, person)
        rollbacks = rollbacks_of(connection, person.id)
        accounts = accounts_named(connection, ((one.platform, one.account) for one in holding.claims))
        name = _name_card(visit, connection, person)
        inviting = inviting_on(connection, visit, person)
    return visit.page(
        "person.html",
        person=person,
        name=name,
        inviting=inviting,
        standing=standing,
        newcomer=now - person.started_at < NEWCOMER,
        powers=_powers(config, person, standing),
        ahead=ahead(table, person, standing),
        loss_words=LOSS_WORDS,
        nets=_nets_on(config, standing, newcomer=now - person.started_at < NEWCOMER),
        organisation=config.rules.organisation,
        holding=holding,
        accounts=accounts,
        did=did,
        undone=undone,
        days=days,
        all_days=DAYS,
        hours=HOURS,
        story=story,
        rollbacks=rollbacks,
        roles=ROLES,
        zones=zones(),
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


def _name_card(visit: Visit, connection: sa.Connection, person: Staff) -> dict[str, bool]:
    """Return what of a person's name the viewer may do: have it revealed, read it, erase it."""
    revealing = visit.may(Power.REVEAL) and person.id != visit.actor.id
    is_open = revealing and open_revealing(connection, visit.actor.id, person.id, visit.now) is not None
    return {
        "may_reveal": revealing and not is_open,
        "may_read": is_open,
        "may_erase": visit.may(Power.STAFF) and person.standing == Standing.LEFT.value,
    }


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


def _powers(config: Config, person: Staff, standing: Now) -> list[tuple[Power, bool]]:
    """Return what a person's roles give, and whether their standing lets them use it now."""
    held = powers_of(person.roles)
    taken = TAKEN if config.nets.get("leaver-no-guarded-changes") is not None else _BY_THE_FLOW

    def now(power: Power) -> bool:
        if not standing.on_duty or (standing.read_only and power is not Power.READ):
            return False
        return all(standing.has(loss) for loss in taken.get(power, ()))

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
    person, form = person_of(visit), visit.form
    chosen, team = form.all("role"), "" if form.one("team") == person.team else form.one("team")
    take = [role for role in person.roles if role not in chosen]
    give = [role for role in chosen if role not in person.roles]
    waits: dict[str, Any] = {"add": give, "team": team} if give or team else {}
    left = powers_of(tuple(role for role in person.roles if role not in take))
    if waits and take and person.id == visit.actor.id and Power.STAFF not in left:
        # Whoever proposes it must still be able to when it takes effect: what one would lose it by waits with it.
        wanted: list[dict[str, Any]] = [{**waits, "remove": take}]
    else:
        wanted = [one for one in (waits, {"remove": take} if take else {}) if one]
    if not wanted:
        return go(path_of(person), done="same")
    changes = [("role", {"staff": person.id, **one}) for one in wanted]
    # The one that waits comes first.
    return _after(person, propose_all(visit.app, visit.actor, changes, form.one("because"))[0])


def give_notice(visit: Visit) -> Response:
    """Set a person's last day, or take the notice back."""
    person, form = person_of(visit), visit.form
    last = None
    if form.one("stays") != "yes":
        last = end_of_day(form.one("last_day"), "last_day", form.one("zone"))
        if last is None:
            raise InvalidInput("console/day", _("Give the last day, or say that they stay."), field="last_day")
    refuse_over(last, visit.app.now())
    payload = {"staff": person.id, "last_day": None if last is None else rfc3339(last)}
    return _after(person, propose(visit.app, visit.actor, "leave", payload, form.one("because")))


def put_off(visit: Visit) -> Response:
    """Take all powers from a person, at once."""
    person, form = person_of(visit), visit.form
    if form.one("sure") != "yes":
        raise InvalidInput("console/sure", _("Tick that you are sure; nothing was done."), field="sure")
    return _after(person, propose(visit.app, visit.actor, "off", {"staff": person.id}, form.one("because")))


def suspend(visit: Visit) -> Response:
    """Take a person off duty for now, at once; or bring them back, which waits for people."""
    person, form = person_of(visit), visit.form
    ends = form.one("end") == "yes"
    if not ends and form.one("sure") != "yes":
        raise InvalidInput("console/sure", _("Tick that you are sure; nothing was done."), field="sure")
    payload = {"staff": person.id, "suspended": not ends}
    return _after(person, propose(visit.app, visit.actor, "suspend", payload, form.one("because")))


def revoke(visit: Visit) -> Response:
    """Revoke a token of theirs or of a service they own, at once."""
    person = person_of(visit)
    return _after(person, propose(visit.app, visit.actor, "token_revoke", {"token": visit.form.one("token")}))


def end_sessions(visit: Visit) -> Response:
    """End all their sessions, at once and on every node."""
    person = person_of(visit)
    end(visit.app, visit.actor, person.id)
    return go(path_of(person), done="changed")


def _after(person: Staff, made: Enforcement) -> Response:
    if made.state == State.IN_FORCE.value:
        return go(path_of(person), done="changed")
    return go(f"/enforcements/{made.id}", done="proposed")
