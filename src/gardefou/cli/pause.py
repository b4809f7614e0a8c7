"""`gardefou pause`, `resume`, `break-glass`, `ratify`: the handles for bad minutes."""

from __future__ import annotations

import click

from gardefou.cli import shapes
from gardefou.cli.changes import end, tell
from gardefou.cli.common import Cli, cli_command, confirmed, examples, split_account
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.records import Enforcement


@click.command("pause", epilog=examples("gardefou pause --because 'a script is running wild'"))
@click.option("--because", required=True, help="Why, in a line.")
@cli_command
def pause(ctx: Cli, because: str) -> None:
    """Stop all enforcement. Anyone on duty can; restores and what the law demands go on.

    A second pause by the same person within 24 hours takes two people.
    """
    from gardefou.flow.change import pause as stop

    tell(ctx, stop(ctx.app, ctx.actor(), because))


@click.command("resume", epilog=examples("gardefou resume --because 'the script is stopped'"))
@click.option("--because", default="", help="Why, in a line.")
@cli_command
def resume(ctx: Cli, because: str) -> None:
    """Start again after a pause or the breaker. Two people do: the second one's call is the other's yes."""
    from gardefou.flow.change import resume as start

    tell(ctx, start(ctx.app, ctx.actor(), because))


@click.command(
    "break-glass", epilog=examples("gardefou break-glass sandbox/1001 suspend --because 'hacked, posting scams'")
)
@click.argument("account", metavar="PLATFORM/REF")
@click.argument("action")
@click.option("--because", required=True, help="What happened, in a line.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli_command
def break_glass(ctx: Cli, account: str, action: str, because: str, yes: bool) -> None:
    """Stop a hacked account now: lock, limit or suspend, with one other person's yes.

    Everyone is told. It undoes itself after 30 minutes unless a third person
    ratifies it. Once per account in 24 hours.
    """
    from gardefou.flow.break_glass import break_glass as smash

    platform, ref = split_account(account)
    actor = ctx.actor()
    confirmed(f"Break the glass for {account}? Everyone is told.", yes=yes)
    _tell(ctx, smash(ctx.app, actor, platform, ref, action, because))


@click.command("ratify", epilog=examples("gardefou ratify 0197f3a2-…"))
@click.argument("enforcement_id", metavar="ID")
@cli_command
def ratify(ctx: Cli, enforcement_id: str) -> None:
    """Let a broken glass stand: a third person, of another team than the first two."""
    from gardefou.flow.break_glass import ratify as stand

    _tell(ctx, stand(ctx.app, ctx.actor(), enforcement_id))


def _tell(ctx: Cli, made: Enforcement) -> None:
    with ctx.app.works.read() as connection:
        given = shapes.approvals_of(connection, [made])[made.id]
        shape = shapes.enforcement(made, Pseudonyms(connection), given, blind=False)
    waits = shapes.waits_for(made, given)
    said = f"{made.state}{f': waits for {waits}' if waits else ''}{f': {made.because}' if made.because else ''}"
    ctx.out.data(shape, f"{made.id}  {shapes.what(made)} on {made.platform}/{made.account}: {said}")
    end(made)
