"""Taking one's own decision back, right after it: a slip of the finger is undone as quickly as it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import Case, Decision, Enforcement
from gardefou.errors import Conflict, Denied, NotFound
from gardefou.flow.app import App
from gardefou.flow.case_reading import case_by_id, need_case, seen_by
from gardefou.flow.cases import acting, claim_in
from gardefou.flow.restore_some import lift_some
from gardefou.flow.rules import load_rules
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.storage.work import UnitOfWork

#: How long a decision can be taken back; later, what it did is restored like any other measure.
TAKE_BACK = timedelta(hours=1)

_d = tables.decision.c
_e = tables.enforcement.c
_c = tables.case.c


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The decision, the case as it is now, and the restore where there was something to lift."""

    decision: Decision
    case: Case
    restore: Enforcement | None


def take_back(app: App, actor: Actor, case_id: str, decision_id: str) -> TakenBack:
    """Undo one's own decision: lift exactly what it placed, and open its case again.

    What colleagues imposed on the account stands. The decision itself stays on
    record. Where nothing had been placed (*no violation*) the case is the
    actor's again; else it is free, as whoever restored does not enforce there
    again (R16). A case whose subject has a new open one stays closed.

    Writes `case.reopened`, and for the restore what `gardefou.flow.restore` does.

    Raises:
        NotFound: no such case or decision (`case/not_found`, `decision/not_found`).
        Denied: it is another person's (`decision/not_yours`), or the actor may not (`auth/forbidden`, `staff/…`).
        Conflict: over an hour old (`decision/too_old`), or the law demanded it (`decision/legal`).
    """
    actor.require(Power.WORK_CASES, app.now())
    with app.works.read() as connection:
        case = seen_by(case_by_id(connection, case_id), actor)
        decision, placed = _read(connection, case, decision_id)
    if decision.by != actor.id:
        raise Denied(
            "decision/not_yours", "Only whoever decided takes a decision back; anyone on duty restores the account."
        )
    if app.now() - decision.at > TAKE_BACK:
        raise Conflict("decision/too_old", "A decision is taken back within an hour; restore the account instead.")
    if any(one.legal_basis is not None for one in placed):
        raise Conflict("decision/legal", "What the law demands is restored by two people, from the account's page.")
    lifted = None
    if placed:
        why = "The decision was taken back."
        lifted = lift_some(app, actor, case.platform, placed[0].account, placed, why)
    with app.works.begin() as uow:
        me = acting(uow, actor)
        now_case = need_case(uow, case_id)
        again = uow.find(Case, tables.case_open, _c.platform == case.platform, *_same_subject(case))
        if now_case.decision_id != decision.id or now_case.state == "open" or again is not None:
            return TakenBack(decision, now_case, lifted)
        opened = _reopen(uow, now_case, me, decision)
        if not placed:
            opened = claim_in(uow, load_rules(uow.connection), opened, me)
    return TakenBack(decision, opened, lifted)


def _read(connection: sa.Connection, case: Case, decision_id: str) -> tuple[Decision, list[Enforcement]]:
    found = fetch_all(
        connection,
        Decision,
        sa.select(tables.decision).where(_d.platform == case.platform, _d.id == decision_id, _d.case_id == case.id),
    )
    if not found:
        raise NotFound("decision/not_found", "There is no such decision on this case; reload the page.")
    placed = fetch_all(
        connection,
        Enforcement,
        sa.select(tables.enforcement)
        .where(_e.platform == case.platform, _e.case_id == case.id, _e.decision_id == decision_id)
        .order_by(_e.id),
    )
    return found[0], placed


def _same_subject(case: Case) -> tuple[sa.ColumnElement[bool], ...]:
    return (_c.account == case.account, _c.content == case.content)


def _reopen(uow: UnitOfWork, case: Case, actor: Actor, decision: Decision) -> Case:
    opened = replace(case, state="open", closed_at=None, decision_id=None, version=case.version + 1)
    uow.record(
        "case.reopened",
        by=actor.id,
        platform=case.platform,
        account=case.account,
        about=case.id,
        puts=(opened,),
        detail={"taken_back": decision.id},
    )
    return opened
