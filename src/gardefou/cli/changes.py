"""Proposing a guarded change, and saying what became of it: in force, or waiting for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.cli.common import Cli
from gardefou.cli.people_names import Pseudonyms
from gardefou.cli.shapes import approvals_of, enforcement, waits_for
from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.people.actor import Actor


def change(ctx: Cli, actor: Actor, kind: str, payload: Mapping[str, Any], because: str = "") -> Enforcement:
    """Propose a guarded change through the flow.

    Raises:
        GardefouError: all of `gardefou.flow.change.propose`.
    """
    from gardefou.flow.change import propose

    return propose(ctx.app, actor, kind, payload, because)


def outcome(ctx: Cli, made: Enforcement) -> tuple[str, dict[str, Any]]:
    """Return what became of a change, in words and for machines."""
    with ctx.app.works.read() as connection:
        given = approvals_of(connection, [made])[made.id]
        shape = enforcement(made, Pseudonyms(connection), given, blind=False)
    if made.state == State.IN_FORCE.value:
        return "In force.", shape
    if made.state == State.WAITING.value:
        asked = waits_for(made, given)
        return f"Waits for {asked} (`gardefou enforcement approve {made.id}`).", shape
    return f"{made.state}: {made.because}", shape


def tell(ctx: Cli, made: Enforcement, **more: Any) -> None:
    """Print what became of a change; ``more`` goes into the JSON document beside it."""
    says, shape = outcome(ctx, made)
    ctx.out.data({"state": made.state, "says": says, "change": shape, **more}, says)
    end(made)


def end(made: Enforcement) -> None:
    """End with status 1 where what was asked for was refused, lapsed or failed."""
    from gardefou.cli.common import fail

    if made.state in {State.REFUSED.value, State.LAPSED.value, State.FAILED.value, State.CANCELLED.value}:
        fail()
