"""Restoring an account from a link: who it is, what stands, what comes back, one button, and what became of it.

`/restore/{platform}/{account}` is what alerts and other pages link to. It asks
no platform before the click, so that it is there at once, whatever is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import Action
from gardefou.domain.records import Enforcement, Incident
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.incident_words import TITLES
from gardefou.flow.reading import lifted_as_stored
from gardefou.flow.restore import restore
from gardefou.flow.restore_preview import Foreseen, foresee_restore
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.roles import Power
from gardefou.speech import clock_second
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import Row, described, refreshed, rows
from gardefou.web.console.words import milliseconds

_e = tables.enforcement.c
#: A click that finds nothing to do shows the restore that was just made: a second click, or a colleague's.
_JUST_NOW = timedelta(minutes=10)
_MOVING = frozenset({State.READY.value, State.EXECUTING.value, State.UNKNOWN.value})


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of restoring. A ref may hold any character, slashes too."""
    one = "/restore/{platform}/{ref:path}"
    return [console.get("/restore", lead_on), console.get(one, show), console.post(one, lift)]


def path_of(platform: str, ref: str) -> str:
    """Return the address of an account's restore."""
    return f"/restore/{quote(platform, safe='')}/{quote(ref, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one restore, as the page says it."""

    one: Enforcement
    #: What it lifted or is to lift, as this viewer may see it.
    lifts: list[Row]
    #: When the platform showed it, and how long after the click; empty and None before it did.
    shown_at: str
    after_ms: int | None
    #: Measures that came off, and those that the platform shows still.
    off: tuple[str, ...]
    still: tuple[str, ...]
    #: What the platform did not bring back, as it declared or answered.
    losses: tuple[str, ...]
    #: Whose yes it waits for.
    needs: tuple[Requirement, ...]
    moving: bool


def show(visit: Visit) -> Response:
    """Show what a restore would do, or what became of one; one button either way."""
    platform, ref = visit.path("platform"), visit.path("ref")
    did = [one for one in visit.query("did").split(",") if one][:10]
    foreseen = _foreseen(visit, platform, ref)
    if foreseen.account is None and not foreseen.anything and not foreseen.under_way and not did:
        # Never read before: only now is the platform asked who it is.
        account, _readable = refreshed(visit.app, platform, ref)
        if account is None:
            raise NotFound(
                "account/not_found",
                _(
                    "%(platform)s knows no account %(ref)s, or gives no answer now; check platform and id.",
                    platform=platform,
                    ref=repr(ref),
                ),
            )
        if account.ref != ref:
            return go(path_of(platform, account.ref))
        foreseen = _foreseen(visit, platform, ref)
    standing = (
        *foreseen.lifted,
        *foreseen.withdrawn,
        *foreseen.old,
        *foreseen.barred,
        *foreseen.for_ever,
        *foreseen.under_way,
    )
    with visit.app.works.read() as connection:
        shown = {row.enforcement.id: row for row in rows(connection, standing, visit.actor.id)}
        outcomes = [_outcome(connection, visit, one) for one in _restores(connection, platform, ref, did)]
        latest = None if outcomes else _latest(connection, platform, ref)
        blind = [row for row in shown.values() if row.blind]
        # An incident may name an account only for what a second look must not know yet.
        incident = None if blind else _incident(connection, visit.query("incident"), ref)
    return visit.page(
        "restore.html",
        platform=platform,
        ref=ref,
        account=foreseen.account,
        foreseen=foreseen,
        shown={key: row for key, row in shown.items() if not row.blind},
        blind=blind,
        outcomes=outcomes,
        latest=latest,
        incident=incident,
        incident_says="" if incident is None else TITLES.get(incident.kind, incident.kind),
        path=path_of(platform, ref),
        may=visit.may(Power.LIFT) and not foreseen.not_own,
        done=visit.query("done"),
    )


def lead_on(visit: Visit) -> Response:
    """Lead from an account's id to its restore; without one, to where accounts are found. Reads nothing."""
    platform, ref = visit.query("platform").strip(), visit.query("account").strip()
    return go(path_of(platform, ref)) if platform and ref else go("/accounts")


def _foreseen(visit: Visit, platform: str, ref: str) -> Foreseen:
    description = described(visit.app, platform)
    with visit.app.works.read() as connection:
        return foresee_restore(
            connection,
            visit.app.config(connection),
            visit.actor,
            platform,
            ref,
            {} if description is None else description.capabilities,
            now=visit.now,
        )


def _restores(connection: sa.Connection, platform: str, ref: str, ids: list[str]) -> list[Enforcement]:
    if not ids:
        return []
    statement = (
        sa.select(tables.enforcement)
        .where(_e.platform == platform, _e.account == ref, _e.id.in_(ids), _e.action == Action.RESTORE.value)
        .order_by(_e.id)
    )
    return fetch_all(connection, Enforcement, statement)


def _latest(connection: sa.Connection, platform: str, ref: str) -> Enforcement | None:
    """Return the newest restore of an account that anybody asked for."""
    statement = (
        sa.select(tables.enforcement)
        .where(_e.platform == platform, _e.account == ref, _e.action == Action.RESTORE.value, _e.via != "system")
        .order_by(_e.id.desc())
        .limit(1)
    )
    found = fetch_all(connection, Enforcement, statement)
    return found[0] if found else None


def _incident(connection: sa.Connection, incident_id: str, ref: str) -> Incident | None:
    """Return the incident that an alert named, where it concerns this account."""
    found = None if not incident_id else fetch(connection, Incident, tables.incident.c.id == incident_id)
    return found if found is not None and ref in found.accounts else None


def _outcome(connection: sa.Connection, visit: Visit, one: Enforcement) -> Outcome:
    lifted = lifted_as_stored(connection, one)
    before, after = set(one.receipt.get("before", ())), set(one.receipt.get("after", ()))
    description = described(visit.app, one.platform)
    lost: list[str] = []
    for harm in lifted:
        capability = None if description is None else description.capabilities.get(Action(harm.action))
        if capability is not None and harm.in_force_at is not None:
            lost.extend(capability.losses)
    lost.extend(str(loss) for loss in one.receipt.get("losses", ()))
    seen = one.state == State.IN_FORCE.value and one.in_force_at is not None
    return Outcome(
        one=one,
        lifts=rows(connection, lifted, visit.actor.id),
        shown_at=clock_second(one.in_force_at) if seen and one.in_force_at is not None else "",
        after_ms=milliseconds(one) if seen else None,
        off=tuple(sorted(before - after)) if seen else (),
        still=tuple(sorted(after)) if seen else (),
        losses=tuple(dict.fromkeys(lost)),
        needs=Verdict.from_json(one.verdict).approvals if one.state == State.WAITING.value else (),
        moving=one.state in _MOVING,
    )


def lift(visit: Visit) -> Response:
    """Restore the account now: what is on its way is withdrawn, what is in force is lifted.

    A click on a page that is behind does what can be done now; where nothing
    is left to do, the restore that somebody just made is shown.
    """
    platform, ref = visit.path("platform"), visit.path("ref")
    incident = visit.form.one("incident")
    because = visit.form.one("because") or ("Restored from an incident." if incident else "Restored with one click.")
    done = restore(visit.app, visit.actor, platform, ref, because)
    carried = {"incident": incident} if incident else {}
    if done.restores:
        ref = done.restores[0].account
        return go(path_of(platform, ref), did=",".join(one.id for one in done.restores), **carried)
    with visit.app.works.read() as connection:
        latest = _latest(connection, platform, ref)
    if latest is not None and visit.now - latest.placed_at < _JUST_NOW:
        return go(path_of(platform, ref), did=latest.id, done="already", **carried)
    return go(path_of(platform, ref), done="nothing", **carried)
