"""`gardefou session`: where somebody is signed in, and ending that."""

from __future__ import annotations

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.people_names import person
from gardefou.errors import Denied, InvalidInput


@click.group("session")
def session() -> None:
    """Look at sign-ins that go on, and end them."""


@session.command("list", epilog=examples("gardefou session list", "gardefou session list --of velor-tami --json"))
@click.option("--of", "staff", default="", help="A colleague's, as an admin or a lead.")
@cli_command
def list_(ctx: Cli, staff: str) -> None:
    """List the sessions that go on: in which family of browsers, since when, last seen when."""
    from gardefou.flow.sessions import may_end_of_others, open_sessions

    actor = ctx.actor()
    with ctx.app.works.read() as connection:
        whose = person(connection, staff).id if staff else actor.id
        if actor.staff is None or (whose != actor.id and not may_end_of_others(actor)):
            raise Denied("auth/forbidden", "Only an admin or a lead sees a colleague's sessions.")
        found = open_sessions(ctx.app, connection, whose, now=ctx.app.now())
    ctx.out.data(
        {
            "sessions": [
                {
                    "id": one.id,
                    "browser": one.browser,
                    "began_at": one.began_at,
                    "seen_at": one.seen_at,
                    "ends_at": one.ends_at,
                }
                for one in found
            ]
        }
    )
    ctx.out.table(
        ("id", "where", "since", "last seen", "ends"),
        [(one.id, one.browser or "a browser", one.began_at, one.seen_at, one.ends_at) for one in found],
        empty="Nobody is signed in.",
    )


@session.command(
    "end",
    epilog=examples(
        "gardefou session end 3f9a1c2b4d5e6f70",
        "gardefou session end --all",
        "gardefou session end --all --of velor-tami",
    ),
)
@click.argument("session_id", metavar="[ID]", required=False, default="")
@click.option("--all", "every", is_flag=True, help="All of them, this machine's too.")
@click.option("--of", "staff", default="", help="A colleague's, as an admin or a lead.")
@cli_command
def end(ctx: Cli, session_id: str, every: bool, staff: str) -> None:
    """End a session, or all; within a second on every node."""
    from gardefou.flow.sessions import end as end_them

    if bool(session_id) == every:
        raise InvalidInput("cli/session", "Name one session by its id, or give --all.", field="session")
    whose = ""
    if staff:
        with ctx.app.works.read() as connection:
            whose = person(connection, staff).id
    ended = end_them(ctx.app, ctx.actor(), whose, only=session_id)
    ctx.out.data({"ended": ended}, f"{ended} ended.")
