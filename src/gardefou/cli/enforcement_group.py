"""Answering for many at once: `gardefou enforcement approve` and `refuse` with several ids, a bulk, or a burst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from gardefou.cli.common import Cli, confirmed, fail
from gardefou.cli.people_names import Pseudonyms, person
from gardefou.domain.records import Enforcement
from gardefou.errors import GardefouError, InvalidInput, NotFound
from gardefou.flow.approve import Answer, GroupAnswer, approve_group
from gardefou.flow.bulk_enforce import INLINE
from gardefou.flow.decide import carry_out
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.waiting_groups import WaitingGroup, waiting_groups

F = TypeVar("F", bound=Callable[..., Any])


def group_options(function: F) -> F:
    """Add what names a whole group."""
    for option in (
        click.option("--by", "by", metavar="STAFF", help="Whose burst, with --waiting budget."),
        click.option("--waiting", type=click.Choice(["budget"]), help="What waits because of that person's budget."),
        click.option("--group", metavar="GROUP", help="All of one bulk that waits, by its group."),
    ):
        function = option(function)
    return function


def answer_many(
    ctx: Cli,
    answer: str,
    ids: Sequence[str],
    *,
    group: str | None,
    by: str | None,
    waiting: str | None,
    note: str,
    yes: bool,
) -> None:
    """Say yes or no to many; each stands by itself, and what could not be answered is named. Exits 1 where any is."""
    app = ctx.app
    actor = ctx.actor()
    found = _named(ctx, ids) if ids else list(_group(ctx, group=group, by=by, waiting=waiting).enforcements)
    accounts = len({(one.platform, one.account) for one in found})
    confirmed(f"Say {answer} to {len(found)} enforcements on {accounts} accounts?", yes=yes)
    given = [Answer(enforcement=one.id, digest=one.digest, answer=answer, note=note) for one in found]
    results = approve_group(app, actor, given)
    answered = [one.result for one in results if one.result is not None]
    after = {one.id: one for one in (*carry_out(app, answered[:INLINE]), *answered[INLINE:])}
    _tell(ctx, answer, results, after)


def _named(ctx: Cli, ids: Sequence[str]) -> list[Enforcement]:
    found: list[Enforcement] = []
    with ctx.app.works.read() as connection:
        for one in ids:
            enforcement = enforcement_by_id(connection, one)
            if enforcement is None:
                raise NotFound(
                    "enforcement/not_found", f"There is no enforcement {one!r}; see `gardefou enforcement list`."
                )
            found.append(enforcement)
    return found


def _group(ctx: Cli, *, group: str | None, by: str | None, waiting: str | None) -> WaitingGroup:
    if (group is None) == (by is None) or (by is None) != (waiting is None):
        raise InvalidInput(
            "cli/group", "Name enforcements by id, or one --group, or --by STAFF --waiting budget.", field="group"
        )
    with ctx.app.works.read() as connection:
        kind, key = ("bulk", group) if by is None else ("budget", _whose(ctx, by))
        for one in waiting_groups(connection, ctx.app.config(connection)):
            if one.key == key and (one.kind == kind or (kind == "bulk" and one.kind == "rollback")):
                return one
    raise NotFound("enforcement/no_group", "Nothing waits there as a group; see `gardefou enforcement groups`.")


def _whose(ctx: Cli, who: str) -> str:
    """Return the staff id behind a pseudonym, or a service's name as it is."""
    with ctx.app.works.read() as connection:
        try:
            return person(connection, who).id
        except NotFound:
            return who


def _tell(ctx: Cli, answer: str, results: Sequence[GroupAnswer], after: dict[str, Enforcement]) -> None:
    items: list[dict[str, Any]] = [
        {
            "enforcement": one.enforcement,
            "account": None if one.result is None else f"{one.result.platform}/{one.result.account}",
            "state": None if one.result is None else after[one.result.id].state,
            "error": _error(one.error),
        }
        for one in results
    ]
    errors = [item for item in items if item["error"] is not None]
    ctx.out.data({"answer": answer, "answered": len(items) - len(errors), "errors": len(errors), "items": items})
    states: dict[str, int] = {}
    for item in items:
        if item["error"] is None:
            states[item["state"]] = states.get(item["state"], 0) + 1
    became = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    ctx.out.line(f"{len(items) - len(errors)} answered with {answer}{f': {became}' if became else ''}.")
    for item in errors:
        ctx.out.line(f"  {item['enforcement']}: {item['error']['message']} ({item['error']['code']})")
    if errors:
        fail()


def _error(error: GardefouError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}


def tell_groups(ctx: Cli) -> None:
    """List what waits for one answer as a group."""
    with ctx.app.works.read() as connection:
        groups = waiting_groups(connection, ctx.app.config(connection))
        names = Pseudonyms(connection)
    ctx.out.data(
        {
            "groups": [
                {
                    "kind": one.kind,
                    "group": None if one.kind == "budget" else one.key,
                    "placed_by": names.of(one.placed_by),
                    "actions": list(one.actions),
                    "accounts": list(one.accounts),
                    "enforcements": [each.id for each in one.enforcements],
                    "reach": one.reach,
                    "nets": list(one.nets),
                }
                for one in groups
            ]
        }
    )
    ctx.out.table(
        ("group", "by", "what", "accounts", "reach", "nets"),
        [
            (
                one.key if one.kind != "budget" else f"--by {names.of(one.placed_by)} --waiting budget",
                names.of(one.placed_by),
                ", ".join(one.actions),
                len(one.accounts),
                f"{one.reach:,}",
                ", ".join(one.nets),
            )
            for one in groups
        ],
        empty="Nothing waits for one answer as a group.",
    )
