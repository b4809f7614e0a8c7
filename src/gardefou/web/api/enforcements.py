"""Enforcements: preview, place, look up, answer, withdraw, prove."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from gardefou.domain.actions import Action
from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.errors import GardefouError, InvalidInput, NotFound
from gardefou.flow import approve as flow
from gardefou.flow.break_glass import ratify
from gardefou.flow.bulk_enforce import INLINE, enforce_bulk
from gardefou.flow.decide import Previewed, carry_out, enforce, preview_decision, preview_wanted
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.second_look import hidden_among, require_seen
from gardefou.flow.spec import Wanted
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.ledger.audit import proof
from gardefou.nets.verdict import NOTHING, join_all
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging, views
from gardefou.web.answers import Answer, Json
from gardefou.web.api.bodies import Because, NewAnswer, NewAnswers, NewBulk, NewEnforcement, Preview
from gardefou.web.api.cases import wish_of
from gardefou.web.node import Caller, Reader
from gardefou.web.posts import Nothing, forget, post
from gardefou.web.problems import document_of

router = APIRouter(tags=["enforcements"])
TAG = "enforcements"
_e = tables.enforcement.c


class EnforcementsQuery(BaseModel):
    """Which enforcements, and which page of them."""

    model_config = ConfigDict(extra="forbid")
    state: str = ""
    platform: str = ""
    account: str = ""
    action: str = ""
    cursor: str = ""
    limit: Annotated[int, Field(ge=1, le=paging.MOST)] = paging.DEFAULT


@router.get("/enforcements", response_class=Json)
def list_enforcements(caller: Reader, query: Annotated[EnforcementsQuery, Query()]) -> Json:
    """List enforcements, newest first; guarded changes have the action ``change``."""
    where: list[sa.ColumnElement[bool]] = []
    if caller.actor.platforms:
        where.append(_e.platform.in_(caller.actor.platforms))
    if query.state:
        if query.state not in {state.value for state in State}:
            known = ", ".join(state.value for state in State)
            raise InvalidInput(
                "enforcement/state_unknown", f"There is no state {query.state!r}; use one of {known}.", field="state"
            )
        where.append(_e.state == query.state)
    if query.action and query.action not in {action.value for action in Action}:
        known = ", ".join(action.value for action in Action)
        raise InvalidInput(
            "enforcement/action", f"There is no action {query.action!r}; use one of {known}.", field="action"
        )
    for column, value in ((_e.platform, query.platform), (_e.account, query.account), (_e.action, query.action)):
        if value:
            where.append(column == value)
    place = paging.decode(query.cursor, str)
    if place is not None:
        where.append(_e.id < place[0])
    statement = sa.select(tables.enforcement).where(*where).order_by(_e.id.desc()).limit(query.limit + 1)
    with caller.node.reading() as (connection, names):
        found = fetch_all(connection, Enforcement, statement)
        shown, following = paging.page(found, query.limit, lambda one: paging.encode(one.id))
        if query.action:
            # What is found by its action is known by it.
            hidden = hidden_among(connection, shown, caller.actor.id)
            shown = [one for one in shown if one.id not in hidden]
        items = views.enforcements(connection, names, shown, viewer=caller.actor.id)
    return Json({"items": items, "next": following})


@router.get("/enforcements/groups", response_class=Json)
def list_groups(caller: Reader) -> Json:
    """List what waits for one answer as a group: a person's burst beyond a budget, or a bulk.

    Answer with ``POST /enforcements/approvals``, which takes 500 at a time.
    """
    with caller.node.reading() as (connection, names):
        groups = waiting_groups(connection, caller.app.config(connection))
        items = [views.waiting_group(names, one) for one in groups]
    return Json({"items": items})


@router.get("/enforcements/{id}", response_class=Json)
def show_enforcement(caller: Reader, id: str) -> Json:  # noqa: A002 - the contract's name
    """Show an enforcement: what it is, what the nets ask, who answered, what the platform was seen to be."""
    return Json(shown(caller, _need(caller, id)))


def _need(caller: Caller, enforcement_id: str) -> Enforcement:
    with caller.app.works.read() as connection:
        found = enforcement_by_id(connection, enforcement_id)
    if found is None or not caller.actor.sees(found.platform):
        raise NotFound("enforcement/not_found", f"There is no enforcement {enforcement_id!r}; check the id.")
    return found


def shown(caller: Caller, one: Enforcement) -> views.Document:
    """Return one enforcement as JSON, with the answers given to it."""
    with caller.node.reading() as (connection, names):
        return views.enforcements(connection, names, [one], viewer=caller.actor.id)[0]


@router.get("/enforcements/{id}/proof", response_class=Json)
def prove(caller: Reader, id: str) -> Json:  # noqa: A002
    """Return a bundle that proves offline what happened, with ``gardefou ledger verify`` or any RFC 6962 verifier.

    It holds the events' stored bytes, in which people are their ids and nobody has a name.
    """
    found = _need(caller, id)
    caller.app.sequencer.integrate()
    with caller.app.works.read() as connection:
        require_seen(connection, found, caller.actor.id)
        verifier = caller.app.sequencer.signer(found.platform).verifier
        return Json(proof(connection, found.platform, verifier, found.id))


@post(router, "/enforcements/preview", Preview, tag=TAG, answers={200: "What would happen."}, delegable=True)
def preview(caller: Caller, body: Preview) -> Answer:
    """Say what nets would ask and what would happen, and change nothing.

    Takes a decision's body (``actions``) or an enforcement's (``action``).
    ``verdict`` is what the nets ask of all actions together, ``actions`` what
    they ask of each, ``says`` in words what will happen.
    """
    try:
        return Answer(document=_preview(caller, body))
    except InvalidInput as error:
        if body.action and error.field:
            # There the one action stands in the body itself.
            error.field = error.field.removeprefix("actions.0.")
        raise


def _preview(caller: Caller, body: Preview) -> views.Document:
    asked = body.wished()
    confirm = body.confirm.given() if body.confirm else {}
    if body.case:
        previewed = preview_decision(
            caller.app,
            caller.actor,
            body.case,
            outcome=body.outcome,
            policy=body.policy,
            rationale=body.rationale,
            evidence=body.evidence,
            actions=[wish_of(wish) for wish in asked],
            confirm=confirm,
        )
        return _previewed(previewed)
    if body.outcome == "no_violation" and not asked:
        says = ["Nothing happens to the account."]
        return {"verdict": NOTHING.to_json(), "actions": [], "says": says}
    if not body.platform or not body.account or not asked:
        raise InvalidInput("input/invalid", "Name platform, account and actions, or a case.", field="actions")
    wishes = [
        Wanted(
            platform=body.platform,
            account=body.account,
            action=wish.action,
            content=tuple(wish.content),
            label=wish.label,
            policy=body.policy,
            rationale=body.rationale,
            until=wish.until,
            execute_at=wish.execute_at,
            legal_basis=wish.legal_basis,
            confirm=confirm,
            evidence=tuple(body.evidence),
        )
        for wish in asked
    ]
    return _previewed(preview_wanted(caller.app, caller.actor, wishes))


def _previewed(previewed: Previewed) -> views.Document:
    actions = [
        {
            "action": one.checked.action.value,
            "account": one.checked.wanted.account,
            "severity": one.checked.severity,
            "reversibility": one.checked.reversibility.value,
            "losses": list(one.checked.capability.losses),
            "tier": one.tier.value,
            "verdict": one.verdict.to_json(),
            "joins": None if one.joins is None else one.joins.id,
        }
        for one in previewed.judged
    ]
    verdict = join_all(one.verdict for one in previewed.judged)
    return {"verdict": verdict.to_json(), "actions": actions, "says": list(previewed.says)}


def _wanted(body: NewEnforcement | NewBulk, account: str) -> Wanted:
    return Wanted(
        platform=body.platform,
        account=account,
        action=body.action,
        content=tuple(body.content),
        label=body.label,
        policy=body.policy,
        rationale=body.rationale,
        until=body.until,
        execute_at=body.execute_at,
        legal_basis=body.legal_basis,
        confirm=body.confirm.given() if body.confirm else {},
        evidence=tuple(body.evidence),
    )


@post(
    router, "/enforcements", NewEnforcement, tag=TAG, answers={201: "The enforcement as it stands now."}, delegable=True
)
def place(caller: Caller, body: NewEnforcement) -> Answer:
    """Place one action on one account, without a case; the same nets speak."""
    made = enforce(caller.app, caller.actor, _wanted(body, body.account))
    caller.node.metrics.count([made])
    return Answer(document=shown(caller, made), status=201)


@post(
    router, "/enforcements/bulk", NewBulk, tag=TAG, answers={201: "What was placed, and what was not."}, delegable=True
)
def place_bulk(caller: Caller, body: NewBulk) -> Answer:
    """Place the same action on many accounts, counted together; notable and protected ones are judged singly."""
    placed = enforce_bulk(caller.app, caller.actor, body.accounts, _wanted(body, ""))
    caller.node.metrics.count(placed.enforcements)
    with caller.node.reading() as (connection, names):
        document = {
            "enforcements": views.enforcements(connection, names, placed.enforcements, viewer=caller.actor.id),
            "errors": [{"account": one.account, **document_of(one.error)} for one in placed.errors],
        }
    return Answer(document=document, status=201)


@post(router, "/enforcements/approvals", NewAnswers, tag=TAG, answers={200: "What became of each answer."})
def answer_group(caller: Caller, body: NewAnswers) -> Answer:
    """Answer for a whole group at once; each answer stands by itself."""
    given = [
        flow.Answer(
            enforcement=one.enforcement,
            digest=one.digest,
            answer=one.answer,
            note=one.note,
            own_answer=one.own_answer,
            assertion=one.assertion,
        )
        for one in body.approvals
    ]
    results = flow.approve_group(caller.app, caller.actor, given)
    answered = [one.result for one in results if one.result is not None]
    # As with a bulk: the first are carried out now, the rest by the worker.
    after = (*carry_out(caller.app, answered[:INLINE]), *answered[INLINE:])
    forget(caller.node)
    with caller.node.reading() as (connection, names):
        shown_as = {
            document["id"]: document
            for document in views.enforcements(connection, names, after, viewer=caller.actor.id)
        }
        items = [
            {
                "enforcement": one.enforcement,
                "result": None if one.result is None else shown_as[one.result.id],
                "error": None if one.error is None else _error(one.error),
            }
            for one in results
        ]
    return Answer(document={"items": items})


def _error(error: GardefouError) -> views.Document:
    return document_of(error)


@post(router, "/enforcements/{id}/approvals", NewAnswer, tag=TAG, answers={201: "The enforcement as it stands now."})
def answer(caller: Caller, body: NewAnswer, id: str) -> Answer:  # noqa: A002
    """Say yes or no to exactly what you saw, named by its digest.

    With the last yes that is needed the hold begins, or it is carried out. A no ends it. On notable and protected
    accounts a token is not enough for a yes: it brings an ``assertion`` of its owner's passkey.
    """
    given = flow.Answer(
        enforcement=id,
        digest=body.digest,
        answer=body.answer,
        note=body.note,
        own_answer=body.own_answer,
        assertion=body.assertion,
    )
    after = carry_out(caller.app, [flow.approve(caller.app, caller.actor, given)])[0]
    forget(caller.node)
    return Answer(document=shown(caller, after), status=201)


@post(
    router, "/enforcements/{id}/cancel", Because, tag=TAG, answers={200: "The enforcement, cancelled."}, delegable=True
)
def cancel(caller: Caller, body: Because, id: str) -> Answer:  # noqa: A002
    """Withdraw an enforcement before anything is done; anyone on duty can."""
    return Answer(document=shown(caller, flow.cancel(caller.app, caller.actor, id, body.because)))


@post(router, "/enforcements/{id}/ratify", Nothing, tag=TAG, answers={200: "The enforcement, ratified."})
def let_stand(caller: Caller, _body: Nothing, id: str) -> Answer:  # noqa: A002
    """Let a break-glass stand: a third person, of another team than the first two."""
    return Answer(document=shown(caller, ratify(caller.app, caller.actor, id)))
