"""`gardefou staff invite`: one half of an invitation, for somebody who has no way in."""

from __future__ import annotations

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.output import moment
from gardefou.cli.people_names import Pseudonyms, person


@click.command(
    "invite",
    epilog=examples(
        "gardefou staff invite velor-tami",
        "gardefou staff invite velor-tami --show",
        "gardefou staff invite velor-tami --withdraw",
    ),
)
@click.argument("staff", metavar="STAFF")
@click.option("--show", is_flag=True, help="Say which halves are out, by whom and until when; draw none.")
@click.option("--withdraw", is_flag=True, help="End every half that is out for them, at once.")
@cli_command
def invite(ctx: Cli, staff: str, show: bool, withdraw: bool) -> None:
    """Draw one half of an invitation for somebody who has no way in, and print it once.

    Two different people each draw one, signed in within the last 10 minutes
    and not by token: an admin, and another admin or one who may approve. Each
    gives theirs to that person alone, who gives both at /welcome in the
    console, or to `gardefou login --invited`. Good for 7 days, once; a third
    half ends the earliest. Whoever has signed in before is let in again only
    after people agreed: `gardefou staff reset-passkeys`, or the end of `suspend`.
    """
    from gardefou.flow.invitations import draw_half, withdraw_half
    from gardefou.people.invitations import halves_of

    if show and withdraw:
        raise click.UsageError("give one of --show and --withdraw")
    actor, secret = ctx.actor(), ""
    if withdraw:
        withdraw_half(ctx.app, actor, staff)
    elif not show:
        secret = draw_half(ctx.app, actor, staff)[1]
    with ctx.app.works.read() as connection:
        one = person(connection, staff)
        out = halves_of(connection, one.id, now=ctx.app.now())
        names = Pseudonyms(connection)
    halves = [{"by": names.of(half.by), "drawn_at": half.drawn_at, "ends_at": half.ends_at} for half in out]
    ctx.out.data({"staff": one.pseudonym, "half": secret or None, "out": halves})
    if secret:
        ctx.out.line(f"Your half for {one.pseudonym}, shown only now; give it to that person and to nobody else:")
        ctx.out.line(f"  {secret}")
    for half in out:
        ctx.out.line(f"Out: half of an invitation, drawn by {names.of(half.by)}, until {moment(half.ends_at)}.")
    if not out:
        ctx.out.line("No half is out.")
