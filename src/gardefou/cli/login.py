"""`gardefou login` and `logout`: who acts on this machine."""

from __future__ import annotations

import sys

import click

from gardefou.cli.common import Cli, actor_of, cli_command, examples, forget_signin, keep_signin, read_signin
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.rules import load_rules


@click.command(
    "login",
    epilog=examples(
        "gardefou login --link gf_…",
        "gardefou login --token-stdin < token.txt",
        "GARDEFOU_TOKEN=gf_… gardefou case list        (for one command, without signing in)",
    ),
)
@click.option("--link", metavar="SECRET", help="A one-time sign-in link's secret: a strong sign-in, for twelve hours.")
@click.option("--token-stdin", is_flag=True, help="Read a token from standard input, and act as its bearer.")
@cli_command
def login(ctx: Cli, link: str | None, token_stdin: bool) -> None:
    """Sign in on this machine; every later command acts as you.

    A link is a strong sign-in, and enrols you the first time. A token is none:
    where a net wants a fresh sign-in, its bearer is refused. What is kept lies
    in DIR/signin, readable by you alone.
    """
    from gardefou.people.authenticate import start_session, use_link

    if (link is None) == (not token_stdin):
        raise click.UsageError("give either --link SECRET or --token-stdin")
    app = ctx.app
    if link is not None:
        with app.works.begin() as uow:
            if load_rules(uow.connection).setup_finished:
                raise Conflict("setup/finished", "Setup has ended, and sign-in links with it; sign in with a token.")
            staff_id = use_link(uow.connection, link.strip().rpartition("/")[2], now=uow.now)
            secret, _ = start_session(uow, staff_id, strong=True)
    else:
        secret = sys.stdin.readline().strip()
        if not secret:
            raise InvalidInput("auth/token", "There was no token on standard input.", field="token")
    actor = actor_of(app, secret)
    keep_signin(ctx.settings, secret)
    whose = actor.staff.pseudonym if actor.staff else actor.id
    roles = list(actor.staff.roles) if actor.staff else []
    as_what = f" ({', '.join(roles)})" if roles else ""
    ctx.out.data(
        {"whose": whose, "roles": roles, "strong": link is not None, "service": actor.service},
        f"Signed in as {whose}{as_what}.",
    )


@click.command("logout", epilog=examples("gardefou logout"))
@cli_command
def logout(ctx: Cli) -> None:
    """Sign out on this machine. A session ends everywhere; a token stays good until it is revoked."""
    from gardefou.people.authenticate import end_session

    secret = read_signin(ctx.settings)
    if secret:
        with ctx.app.works.begin() as uow:
            end_session(uow.connection, secret, uow.now)
    there = forget_signin(ctx.settings)
    ctx.out.data({"signed_out": there}, "Signed out." if there else "Nobody was signed in here.")
