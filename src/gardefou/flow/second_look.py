"""A blind second look (M3): until it is given, nobody who might give it may know the first verdict.

Every surface that shows enforcements, decisions, events or proofs asks here
what it must leave out for whoever is looking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Approval, Decision, Enforcement
from gardefou.domain.states import State
from gardefou.errors import Denied
from gardefou.flow.case_reading import CaseView
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

#: All that any surface says until then.
SAYS = "A second look is needed."

_e = tables.enforcement.c
#: In SQL: it waits for people and asks for a blind look.
OUTSTANDING = sa.and_(
    _e.state == State.WAITING.value,
    _e.approved_at.is_(None),
    sa.type_coerce(_e.verdict, sa.Text).contains('"blind":true', autoescape=True),
)


def is_outstanding(one: Enforcement) -> bool:
    """Whether a second look is asked for that must not know the first, and may be given still."""
    if one.state != State.WAITING.value or one.approved_at is not None:
        return False
    return is_blind(one.verdict)


def is_blind(verdict: Mapping[str, Any]) -> bool:
    """Whether a verdict asks for a look that must not know the first."""
    asked: Sequence[Mapping[str, Any]] = verdict.get("approvals", ())
    return any(need.get("blind") for need in asked)


def is_hidden(one: Enforcement, approvals: Iterable[Approval], viewer: str) -> bool:
    """Whether this viewer must not see what it is: they are not behind it and have not answered."""
    if not is_outstanding(one):
        return False
    return viewer not in {one.placed_by, *one.humans} and all(given.by != viewer for given in approvals)


def hidden_among(connection: sa.Connection, enforcements: Iterable[Enforcement], viewer: str) -> frozenset[str]:
    """Return those of several enforcements that this viewer must not see, by id."""
    waiting = [one for one in enforcements if is_hidden(one, (), viewer)]
    if not waiting:
        return frozenset()
    table = tables.approval
    spoken = fetch_all(
        connection,
        Approval,
        sa.select(table).where(table.c.enforcement_id.in_([one.id for one in waiting]), table.c.by == viewer),
    )
    return frozenset({one.id for one in waiting} - {one.enforcement_id for one in spoken})


def hidden_on(
    connection: sa.Connection, platform: str | None, viewer: str, *where: sa.ColumnElement[bool]
) -> frozenset[str]:
    """Return the enforcements of a platform that this viewer must not see, with their decisions and cases, by id.

    ``platform`` None is all of them. ``where`` narrows it down: to an account, or to some enforcements.
    """
    statement = sa.select(tables.enforcement).where(tables.enforcement_active, OUTSTANDING, *where)
    if platform is not None:
        statement = statement.where(_e.platform == platform)
    found = {one.id: one for one in fetch_all(connection, Enforcement, statement)}
    hidden = hidden_among(connection, found.values(), viewer)
    beside = {about for one in hidden for about in (found[one].decision_id, found[one].case_id)}
    return hidden | {about for about in beside if about is not None}


def seen_by(connection: sa.Connection, view: CaseView, viewer: str) -> CaseView:
    """Return a case as this viewer may see it: without the decisions whose second look is theirs to give."""
    hidden = hidden_among(connection, view.enforcements, viewer)
    return replace(view, decisions=tuple(visible(view.decisions, view.enforcements, hidden)))


def visible(
    decisions: Iterable[Decision], enforcements: Iterable[Enforcement], hidden: Collection[str]
) -> list[Decision]:
    """Return the decisions that say nothing of the hidden ones among their enforcements."""
    silent = {one.decision_id for one in enforcements if one.id in hidden}
    return [one for one in decisions if one.id not in silent]


def require_seen(connection: sa.Connection, one: Enforcement, viewer: str) -> None:
    """Raise where this viewer must not see it yet, for what cannot leave parts out, such as a proof.

    Raises:
        Denied: answer on the case first (`enforcement/second_look`).
    """
    if hidden_among(connection, [one], viewer):
        raise Denied(
            "enforcement/second_look", "A second look is needed. Answer on the case first; it is shown after that."
        )
