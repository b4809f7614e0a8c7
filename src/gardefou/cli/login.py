"""`gardefou login` and `logout`: who acts on this machine."""

from __future__ import annotations

import sys

import click

from gardefou.cli.common import Cli, actor_of, cli_command, examples, forget_signin, keep_signin, read_signin
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.rules import load_rules
from gardefou.people.sessions import COMMAND_LINE


@click.command(
    "login",
    epilog=examples(
        "gardefou login --link gf_…",
        "gardefou login --key-stdin < key.txt",
        "gardefou login --invited",
        "gardefou login --new-key",
        "gardefou login --token-stdin < token.txt",
        "GARDEFOU_TOKEN=gf_… gardefou case list        (for one command, without signing in)",
    ),
)
@click.option("--link", metavar="SECRET", help="A one-time sign-in link's secret: a strong sign-in, for twelve hours.")
@click.option(
    "--key-stdin", is_flag=True, help="Read your sign-in key from standard input: a strong sign-in, for twelve hours."
)
@click.option(
    "--invited",
    is_flag=True,
    help="Read both halves of an invitation, a line each: a strong sign-in, for twelve hours.",
)
@click.option("--token-stdin", is_flag=True, help="Read a token from standard input, and act as its bearer.")
@click.option("--new-key", is_flag=True, help="Make a new sign-in key in place of yours, and print it once.")
@cli_command
def login(ctx: Cli, link: str | None, key_stdin: bool, invited: bool, token_stdin: bool, new_key: bool) -> None:
    """Sign in on this machine; every later command acts as you.

    A link, both halves of an invitation, or your sign-in key is a strong
    sign-in. A link or an invitation also prints your sign-in key, once: with it
    you sign in from then on, and again where a net wants a fresh sign-in. A token is no sign-in:
    there its bearer is refused. A new key needs a strong sign-in not older than
    10 minutes, and ends the earlier one. What is kept lies in DIR/signin,
    readable by you alone.
    """
    if sum((link is not None, key_stdin, invited, token_stdin, new_key)) != 1:
        raise click.UsageError("give one of --link SECRET, --key-stdin, --invited, --token-stdin and --new-key")
    if new_key:
        _new_key(ctx)
        return
    key = ""
    if link is not None:
        secret, key = _with_link(ctx, link)
    elif invited:
        secret, key = _with_halves(ctx)
    elif key_stdin:
        secret = _with_key(ctx)
    else:
        secret = _read_secret("token", "token")
    actor = actor_of(ctx.app, secret)
    keep_signin(ctx.settings, secret)
    whose = actor.staff.pseudonym if actor.staff else actor.id
    roles = list(actor.staff.roles) if actor.staff else []
    as_what = f" ({', '.join(roles)})" if roles else ""
    ctx.out.data(
        {
            "whose": whose,
            "roles": roles,
            "strong": not token_stdin,
            "service": actor.service,
            "signin_key": key or None,
        },
        f"Signed in as {whose}{as_what}.",
        *(key_lines(key) if key else ()),
    )


def key_lines(key: str) -> tuple[str, ...]:
    """Show a new sign-in key, and say what it is for."""
    from gardefou.people.authenticate import KEEP_KEY

    return ("", KEEP_KEY, f"  {key}")


def _with_link(ctx: Cli, link: str) -> tuple[str, str]:
    """Return a new session's secret, and the person's new sign-in key: they enrol, or setup still goes on."""
    from gardefou.people.authenticate import give_signin_key, start_session, use_link

    with ctx.app.works.begin() as uow:
        if load_rules(uow.connection).setup_finished:
            raise Conflict(
                "setup/finished", "Setup has ended, and sign-in links with it; sign in with your sign-in key."
            )
        staff_id = use_link(uow.connection, link.strip().rpartition("/")[2], now=uow.now)
        secret, _ = start_session(uow, staff_id, strong=True, browser=COMMAND_LINE)
        return secret, give_signin_key(uow, staff_id)


def _with_halves(ctx: Cli) -> tuple[str, str]:
    """Return a new session's secret, and the person's new sign-in key."""
    from gardefou.flow.invitations import come_in
    from gardefou.people.authenticate import start_session

    halves = [_read_secret(what, field) for what, field in (("one half", "first"), ("the other half", "second"))]
    staff_id, key = come_in(ctx.app, *halves)
    with ctx.app.works.begin() as uow:
        return start_session(uow, staff_id, strong=True, browser=COMMAND_LINE)[0], key


def _with_key(ctx: Cli) -> str:
    from gardefou.people.authenticate import by_signin_key, start_session

    key = _read_secret("sign-in key", "key")
    with ctx.app.works.begin() as uow:
        staff_id = by_signin_key(uow.connection, key, now=uow.now)
        secret, _ = start_session(uow, staff_id, strong=True, browser=COMMAND_LINE)
    return secret


def _new_key(ctx: Cli) -> None:
    from gardefou.people.authenticate import new_signin_key

    actor = ctx.actor()
    with ctx.app.works.begin() as uow:
        key = new_signin_key(uow, actor)
    ctx.out.data({"signin_key": key}, "Your earlier sign-in key has ended.", *key_lines(key))


def _read_secret(what: str, field: str) -> str:
    if sys.stdin.isatty():
        given = str(click.prompt(what.capitalize(), hide_input=True, err=True))
    else:
        given = sys.stdin.readline()
    secret = given.strip()
    if not secret:
        raise InvalidInput("auth/token", f"There was no {what} on standard input.", field=field)
    return secret


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
