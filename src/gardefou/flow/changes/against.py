"""What waits ends where protection was raised or power taken since: a yes from before gives nothing back (M1, M10).

Whoever agreed to it agreed over what was so then. It is proposed anew, and people look anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement
from gardefou.domain.states import State
from gardefou.storage import tables
from gardefou.storage.types import dumps
from gardefou.storage.work import UnitOfWork


def naming(name: str, value: str) -> sa.ColumnElement[bool]:
    """Return a condition that every change with this value in its payload meets, so that few rows are read whole."""
    held = f"{dumps(name)}:{dumps(value)}"
    return tables.enforcement.c.change.cast(sa.Text).contains(held, autoescape=True)


def lapse_against(
    uow: UnitOfWork,
    which: Callable[[Mapping[str, Any]], bool],
    *,
    named: tuple[str, str],
    why: str,
    by: str,
    but: str,
) -> None:
    """Lapse every change that waits, holds what is ``named`` and is one of these, but for the one under way.

    Gardefou does it; ``by`` is whoever made it so, for the record. Writes `enforcement.lapsed` for each.
    """
    table = tables.enforcement.c
    waiting = (State.WAITING.value, State.READY.value)
    maybe = uow.all(
        Enforcement,
        tables.enforcement_active,
        table.state.in_(waiting),
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
        naming(*named),
        order=table.id,
    )
    for read in maybe:
        if read.id == but or not which(read.change or {}):
            continue
        one = uow.need(Enforcement, read.platform, read.id)
        if one.state not in waiting:
            continue
        uow.move(
            one,
            State.LAPSED,
            "enforcement.lapsed",
            by=SYSTEM,
            because=why,
            ended_at=uow.now,
            detail={"caused_by": [by]},
        )


def lapse_others(uow: UnitOfWork, kind: str, name: str, *, by: str, but: str) -> None:
    """Lapse every other change of this kind that waits and is of the same name: the last word is the newest one's."""
    lapse_against(
        uow,
        lambda change: change["kind"] == kind and change["name"] == name,
        named=("name", name),
        why="It was changed meanwhile; propose it anew.",
        by=by,
        but=but,
    )
