"""Cases: read the queue, work it, decide."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from gardefou.domain.records import Case
from gardefou.flow import cases as flow
from gardefou.flow.case_reading import seen_by
from gardefou.flow.decide import ActionWish, decide
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Escalate, Move, NewDecision, NewNote, Next, WishBody
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import Nothing, post

router = APIRouter(tags=["cases"])
TAG = "cases"


class CasesQuery(BaseModel):
    """Which cases, and which page of them."""

    model_config = ConfigDict(extra="forbid")
    queue: str = ""
    state: str = "open"
    cursor: str = ""
    limit: Annotated[int, Field(ge=1, le=paging.MOST)] = paging.DEFAULT


@router.get("/cases", response_class=Json)
def list_cases(caller: Reader, query: Annotated[CasesQuery, Query()]) -> Json:
    """List cases, most urgent first; ``state`` is open, closed or all."""
    with caller.node.reading() as (connection, names):
        found, following = flow.list_cases(
            connection,
            now=caller.app.now(),
            queue=query.queue or None,
            state=None if query.state == "all" else query.state or "open",
            cursor=query.cursor or None,
            limit=query.limit,
            platforms=caller.actor.platforms,
        )
        return Json({"items": [views.case(names, one) for one in found], "next": following})


@router.get("/cases/{id}", response_class=Json)
def show_case(caller: Reader, id: str) -> Json:  # noqa: A002 - the contract's name
    """Show a case with its newest reports, notes, decisions and enforcements."""
    return Json(_shown(caller, id))


def _shown(caller: Caller, case_id: str) -> views.Document:
    with caller.node.reading() as (connection, names):
        view = flow.case_view(connection, case_id, now=caller.app.now())
        seen_by(view.case, caller.actor)
        return views.case_view(connection, names, view, viewer=caller.actor.id)


def _case(caller: Caller, case: Case) -> Answer:
    with caller.node.reading() as (_, names):
        return Answer(document=views.case(names, case))


def _opened(caller: Caller, case: Case) -> Answer:
    """Answer with all of a case; whoever is shown it has seen its evidence."""
    flow.see_evidence(caller.app, caller.actor, case.id)
    return Answer(document=_shown(caller, case.id))


@post(
    router, "/cases/next", Next, tag=TAG, answers={200: "The case, claimed; null when there is none."}, delegable=True
)
def next_case(caller: Caller, body: Next) -> Answer:
    """Claim the most urgent case that nobody works on.

    Answers with the whole case, or with ``{"case": null}`` when the queue is empty.
    """
    found = flow.next_case(caller.app, caller.actor, body.queue or None)
    return Answer(document={"case": None}) if found is None else _opened(caller, found)


@post(router, "/cases/{id}/claim", Nothing, tag=TAG, answers={200: "The case, claimed."}, delegable=True)
def claim(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Claim a case; whoever holds it already keeps it."""
    return _opened(caller, flow.claim(caller.app, caller.actor, id))


@post(router, "/cases/{id}/renew", Nothing, tag=TAG, answers={200: "The case, held longer."}, delegable=True)
def renew(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Hold a case for one more claim's time; once a claim."""
    return _case(caller, flow.renew(caller.app, caller.actor, id))


@post(router, "/cases/{id}/release", Nothing, tag=TAG, answers={200: "The case, free again."}, delegable=True)
def release(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Give a case back to its queue."""
    return _case(caller, flow.release(caller.app, caller.actor, id))


@post(router, "/cases/{id}/skip", Nothing, tag=TAG, answers={200: "The case, left to others."}, delegable=True)
def skip(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Leave a case to others; it is not offered to you again."""
    return _case(caller, flow.skip(caller.app, caller.actor, id))


@post(router, "/cases/{id}/move", Move, tag=TAG, answers={200: "The case, in its new queue."}, delegable=True)
def move(caller: Caller, body: Move, id: str) -> Answer:  # noqa: A002
    """Move a case to another queue."""
    return _case(caller, flow.move(caller.app, caller.actor, id, body.queue))


@post(router, "/cases/{id}/escalate", Escalate, tag=TAG, answers={200: "The case, before all others."}, delegable=True)
def escalate(caller: Caller, body: Escalate, id: str) -> Answer:  # noqa: A002
    """Put a case before all others, for someone else."""
    return _case(caller, flow.escalate(caller.app, caller.actor, id, body.because))


@post(router, "/cases/{id}/notes", NewNote, tag=TAG, answers={201: "The note."}, delegable=True)
def note(caller: Caller, body: NewNote, id: str) -> Answer:  # noqa: A002
    """Write a note on a case for the next one."""
    written = flow.note(caller.app, caller.actor, id, body.text)
    with caller.node.reading() as (_, names):
        return Answer(document=views.note(names, written), status=201)


def wish_of(wish: WishBody) -> ActionWish:
    """Return one action of a decision as the flow takes it."""
    return ActionWish(
        action=wish.action,
        content=tuple(wish.content),
        label=wish.label,
        until=wish.until,
        execute_at=wish.execute_at,
        legal_basis=wish.legal_basis,
    )


@post(
    router,
    "/cases/{id}/decisions",
    NewDecision,
    tag=TAG,
    answers={201: "The decision and its enforcements."},
    delegable=True,
)
def make_decision(caller: Caller, body: NewDecision, id: str) -> Answer:  # noqa: A002
    """Decide a case: no violation, or a policy and what to do.

    All enforcements are placed or none. Each is answered as it stands by then:
    in force where nothing stands before it, waiting where nets ask for more,
    refused where a net refuses.
    """
    decided = decide(
        caller.app,
        caller.actor,
        id,
        outcome=body.outcome,
        policy=body.policy,
        rationale=body.rationale,
        evidence=body.evidence,
        actions=[wish_of(wish) for wish in body.actions],
        confirm=body.confirm.given() if body.confirm else None,
    )
    caller.node.metrics.decisions.labels(decided.decision.outcome).inc()
    caller.node.metrics.count(decided.enforcements)
    with caller.node.reading() as (connection, names):
        document = {
            "decision": views.decision(names, decided.decision),
            "enforcements": views.enforcements(connection, names, decided.enforcements, viewer=caller.actor.id),
            "case": views.case(names, decided.case),
        }
    return Answer(document=document, status=201)
