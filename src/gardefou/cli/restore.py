"""`gardefou restore` and `rollback`: undoing, at once."""

from __future__ import annotations

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
    """Withdraw one person's enforcements of a span of time, and nothing else of theirs."""
    from gardefou.flow.restore import rollback as undo

    app = ctx.app
    actor = ctx.actor()
    begun = app.now()
    with app.works.read() as connection:
        who = _whose(connection, by)
    done = undo(
        app,
        actor,
        by=who,
        since=past(since, now=begun, field="--since"),
        until=None if until is None else past(until, now=begun, field="--until"),
        dry_run=dry_run,
    )
    milliseconds = round((app.now() - begun).total_seconds() * 1000)
    lifted = sum(one.state == State.IN_FORCE.value for one in done.restores)
    document: dict[str, Any] = {
        "dry_run": dry_run,
        "accounts": list(done.accounts),
        "enforcements": list(done.enforcements),
        "barred": list(done.barred),
        "reach": done.reach,
        "restores": _shapes(ctx, done.restores),
        "restored": lifted,
        "elapsed_ms": milliseconds,
    }
    ctx.out.data(document)
    if not done.enforcements:
        ctx.out.line("There is nothing of theirs to undo in that time.")
    elif dry_run:
        ctx.out.line(
            f"Would undo {len(done.enforcements)} enforcements on {len(done.accounts)} accounts, reach {done.reach:,}."
        )
        for ref in done.accounts:
            ctx.out.line(f"  {ref}")
    else:
        ctx.out.line(f"{lifted} of {len(done.accounts)} accounts are back, in {milliseconds} ms.")
        for one in done.restores:
            if one.state != State.IN_FORCE.value:
                _line(ctx, one, milliseconds)
    if done.barred:
        ctx.out.line(f"Required by law, and left: {', '.join(done.barred)}")
    if any(one.state in _NOT_DONE for one in done.restores):
        fail()


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
