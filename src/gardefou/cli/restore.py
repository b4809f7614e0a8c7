"""`gardefou restore` and `rollback`: undoing, at once."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli import shapes
from gardefou.cli.arguments import past
from gardefou.cli.common import Cli, cli_command, examples, fail, split_account
from gardefou.cli.people_names import Pseudonyms, person
from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.errors import NotFound
from gardefou.flow.rollback_preview import ForeseenRollback, said
from gardefou.flow.rollback_report import (
    BACK,
    FAILED,
    LEFT,
    Outcome,
    documented,
    head,
    outcomes_of,
    rollback_of,
    standing_of,
)
from gardefou.storage import tables

_NOT_DONE = (State.FAILED.value, State.REFUSED.value, State.LAPSED.value)


@click.command(
    "restore",
    epilog=examples(
        "gardefou restore sandbox/1001 --because 'this is the real one'",
        "gardefou restore matrix/@bob:example.org --because 'appeal upheld' --json",
    ),
)
@click.argument("account", metavar="PLATFORM/REF")
@click.option("--because", required=True, help="Why, in a line.")
@cli_command
def restore(ctx: Cli, account: str, because: str) -> None:
    """Withdraw every enforcement on an account and lift those in force. Anyone on duty can, at any time.

    Beyond 20 an hour, for what is over 30 days old and for what the law
    required it waits for others. Exits 1 when the platform would not undo it.
    """
    from gardefou.flow.restore import restore as lift

    app = ctx.app
    actor = ctx.actor()
    platform, ref = split_account(account)
    begun = app.now()
    done = lift(app, actor, platform, ref, because)
    milliseconds = round((app.now() - begun).total_seconds() * 1000)
    document: dict[str, Any] = {
        "account": f"{platform}/{ref}",
        "restores": _shapes(ctx, done.restores),
        "barred": list(done.barred),
        "losses": list(done.losses),
        "elapsed_ms": milliseconds,
    }
    ctx.out.data(document)
    if not done.restores:
        ctx.out.line(f"There is nothing to lift on {platform}/{ref}.")
    for one in done.restores:
        _line(ctx, one, milliseconds)
    for loss in done.losses:
        ctx.out.line(f"  not brought back: {loss}")
    if done.barred:
        ctx.out.line(f"  required by law, and waiting for two people of whom one is legal: {', '.join(done.barred)}")
    if any(one.state in _NOT_DONE for one in done.restores):
        fail()


@click.command(
    "rollback",
    epilog=examples(
        "gardefou rollback --by velor-tami --since 2h --dry-run",
        "gardefou rollback --by velor-tami --since 2017-11-02T21:45:00Z --until 2017-11-02T22:00:00Z",
        "gardefou rollback --by spam-bot --since 1h        (a service, by its name)",
    ),
)
@click.option("--by", required=True, metavar="STAFF", help="Whose enforcements: a pseudonym, staff id or service.")
@click.option("--since", required=True, help="From when: a moment, or a length back such as 2h.")
@click.option("--until", help="To when; left out, now.")
@click.option("--dry-run", is_flag=True, help="Say what would be undone, and change nothing.")
@cli_command
def rollback(ctx: Cli, by: str, since: str, until: str | None, dry_run: bool) -> None:
    """Withdraw one person's enforcements of a span of time, and nothing else of theirs.

    It is on record from the first moment: killed half-way, the worker goes on,
    and asking again joins it. Exits 1 when something could not be undone.
    """
    from gardefou.flow.rollback import begin_rollback, carry, so_far
    from gardefou.flow.rollback_preview import foresee

    app = ctx.app
    actor = ctx.actor()
    begun = app.now()
    with app.works.read() as connection:
        who = _whose(connection, by)
    start = past(since, now=begun, field="--since")
    end = None if until is None else past(until, now=begun, field="--until")
    if dry_run:
        _foresee(ctx, foresee(app, actor, by=who, since=start, until=end), begun)
        return
    done = begin_rollback(app, actor, by=who, since=start, until=end)
    if done.record is not None:
        # Whatever is shown while it runs goes to standard error: standard output is the answer's.
        with click.progressbar(length=len(done.accounts), label="Rolling back", file=sys.stderr) as bar:
            carry(app, done.record.id, told=lambda at, _all: bar.update(at - bar.pos))
        done = so_far(app, done)
    milliseconds = round((app.now() - begun).total_seconds() * 1000)
    lifted = sum(one.state == State.IN_FORCE.value for one in done.restores)
    document: dict[str, Any] = {
        "dry_run": False,
        "accounts": list(done.accounts),
        "enforcements": list(done.enforcements),
        "barred": list(done.barred),
        "reach": done.reach,
        "restores": _shapes(ctx, done.restores),
        "restored": lifted,
        "elapsed_ms": milliseconds,
    }
    outcomes: list[Outcome] = []
    if done.record is not None:
        with app.works.read() as connection:
            standing = standing_of(connection, rollback_of(connection, done.record.id))
            outcomes = [one for _, one in outcomes_of(connection, standing.record)]
            names = Pseudonyms(connection)
        document |= {name: value for name, value in head(standing, names.of).items() if name not in document}
        document["report"] = [documented(one) for one in outcomes]
    ctx.out.data(document)
    if not done.enforcements and done.record is None:
        ctx.out.line("There is nothing of theirs to undo in that time.")
    else:
        ctx.out.line(f"{lifted} of {len(outcomes)} accounts are back, in {milliseconds} ms.")
        for one in outcomes:
            if one.outcome != BACK:
                ctx.out.line(f"  {one.platform}/{one.account}: {one.because or one.outcome}")
    _barred(ctx, done.barred)
    if any(one.outcome in {FAILED, LEFT} for one in outcomes):
        fail()


def _foresee(ctx: Cli, would: ForeseenRollback, begun: datetime) -> None:
    barred = tuple(one.id for one in would.barred)
    ctx.out.data(
        {
            "dry_run": True,
            "accounts": [ref for _, ref in would.accounts],
            "enforcements": [one.id for one in would.harms],
            "barred": list(barred),
            "reach": would.reach,
            "restores": [],
            "restored": 0,
            "elapsed_ms": round((ctx.app.now() - begun).total_seconds() * 1000),
            "actions": dict(would.actions),
            "waits": would.waits,
            "conflicts": [said(one) for one in would.conflicts],
            "running": None if would.running is None else would.running.id,
        }
    )
    if not would.harms:
        ctx.out.line("There is nothing of theirs to undo in that time.")
    else:
        actions = ", ".join(f"{number} {action}" for action, number in would.actions.items())
        ctx.out.line(
            f"Would undo {len(would.harms)} enforcements on {len(would.accounts)} accounts, reach {would.reach:,}:"
            f" {actions}."
        )
        for ref in (ref for _, ref in would.accounts):
            ctx.out.line(f"  {ref}")
        for one in would.conflicts:
            more = f" ({', '.join(one.losses)})" if one.losses else ""
            ctx.out.line(f"  know of {one.platform}/{one.account}: {one.says}{more}")
        if would.waits:
            ctx.out.line(f"  {would.waits} of the accounts wait for one other person.")
    _barred(ctx, barred)


def _barred(ctx: Cli, barred: tuple[str, ...]) -> None:
    if barred:
        ctx.out.line(f"Required by law, and left: {', '.join(barred)}")


def _whose(connection: sa.Connection, who: str) -> str:
    """Return the staff id behind a pseudonym or id, or a service's name as it is."""
    try:
        return person(connection, who).id
    except NotFound:
        known = connection.execute(sa.select(tables.token.c.id).where(tables.token.c.service == who).limit(1)).first()
        if known is None:
            raise NotFound(
                "staff/not_found", f"There is no person or service {who!r}; see `gardefou staff list`.", field="by"
            ) from None
        return who


def _shapes(ctx: Cli, restores: tuple[Enforcement, ...]) -> list[dict[str, Any]]:
    with ctx.app.works.read() as connection:
        names = Pseudonyms(connection)
        given = shapes.approvals_of(connection, restores)
    return [shapes.enforcement(one, names, given[one.id], blind=False) for one in restores]


def _line(ctx: Cli, one: Enforcement, milliseconds: int) -> None:
    account = f"{one.platform}/{one.account}"
    match one.state:
        case State.IN_FORCE.value:
            ctx.out.line(f"{account} is restored, seen at the platform after {milliseconds} ms.")
        case State.WAITING.value:
            ctx.out.line(f"{account} waits for {shapes.waits_for(one, [])} (`gardefou enforcement approve {one.id}`).")
        case State.EXECUTING.value | State.UNKNOWN.value | State.READY.value:
            ctx.out.line(f"{account} is being restored; the platform has not shown it yet ({one.id}).")
        case state:
            ctx.out.line(f"{account}: {state}. {one.because}")
