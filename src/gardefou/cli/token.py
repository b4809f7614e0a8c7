"""`gardefou token`: bearer tokens of one's own and of services."""

from __future__ import annotations

import sys

import click
import sqlalchemy as sa

from gardefou.cli import shapes
from gardefou.cli.arguments import future, words, written
from gardefou.cli.changes import change, end, outcome, tell
from gardefou.cli.common import Cli, cli_command, examples
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.records import Token
from gardefou.errors import Denied, InvalidInput
from gardefou.people.roles import CLIENT_SCOPES, DELEGATE, SCOPES, Power
from gardefou.people.token_use import last_used
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

_SCOPES = f"{', '.join((*SCOPES, DELEGATE))}; with commas or repeated."


@click.group("token")
def token() -> None:
    """Issue, list and revoke bearer tokens."""


@token.command(
    "issue",
    epilog=examples(
        "gardefou token issue --mine --scope read,cases:write",
        "gardefou token issue --service web-forms --scope reports:write --purpose 'The report form'",
        "gardefou token issue --service classifier --scope reports:write --source machine --expires 90d",
        "gardefou token issue --service chirp-form --scope reports:write --platform chirp",
    ),
)
@click.option("--mine", is_flag=True, help="A token of your own, bounded by your roles.")
@click.option("--service", metavar="NAME", help="A service's token; you are its owner.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help=f"{', '.join((*SCOPES, *CLIENT_SCOPES, DELEGATE))}; with commas or repeated.",
)
@click.option(
    "--source",
    default="user",
    show_default=True,
    help="Of a service's reports: user, trusted_flagger, machine, authority.",
)
@click.option("--purpose", default="", help="What the service is for, in a line.")
@click.option("--client", default="", help="What the identity provider calls a service with the scope delegate.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    help="The only platforms it is for, by name; such a token works over HTTP.",
)
@click.option("--expires", help="When it ends: a moment, or a length such as 30d; left out, after 90 days.")
@cli_command
def issue(
    ctx: Cli,
    mine: bool,
    service: str | None,
    scopes: tuple[str, ...],
    source: str,
    purpose: str,
    client: str,
    platforms: tuple[str, ...],
    expires: str | None,
) -> None:
    """Issue a token, and print its secret: once, now. Only its hash is kept.

    A service that may do more than report and read waits for people; its
    secret works from then on.
    """
    from gardefou.people.authenticate import hash_secret, new_secret

    if mine == (service is not None):
        raise click.UsageError("give either --mine or --service NAME")
    app = ctx.app
    actor = ctx.actor()
    if mine and actor.staff is None:
        raise Denied("token/by_service", "A service issues no tokens; sign in as a person.")
    secret = new_secret()
    token_id = app.ids.new()
    made = change(
        ctx,
        actor,
        "token",
        {
            "id": token_id,
            "hash": hash_secret(secret),
            "scopes": words(scopes),
            "service": service or "",
            "staff": actor.id if mine else "",
            "source": source,
            "purpose": purpose,
            "client": client,
            "platforms": words(platforms),
            "expires": written(future(expires, now=app.now(), field="--expires")),
        },
    )
    says, shape = outcome(ctx, made)
    ctx.out.data(
        {"state": made.state, "says": says, "id": token_id, "secret": secret, "change": shape},
        f"Token {token_id}: {says}",
        "Its secret, shown only now:",
        f"  {secret}",
    )
    end(made)


@token.command("list", epilog=examples("gardefou token list", "gardefou token list --all --json"))
@click.option("--all", "everything", is_flag=True, help="Also those that are revoked or expired.")
@cli_command
def list_(ctx: Cli, everything: bool) -> None:
    """List tokens: your own; all of them for an admin or auditor."""
    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    with app.works.read() as connection:
        found = fetch_all(connection, Token, sa.select(tables.token).order_by(tables.token.c.id))
        names = Pseudonyms(connection)
        used = last_used(connection, [one.id for one in found])
    auditor = actor.staff is not None and "auditor" in actor.staff.roles
    sees_all = Power.TOKENS in actor.powers or auditor
    mine = [one for one in found if sees_all or actor.id in {one.staff_id, one.issued_by}]
    shown = [shapes.token(one, names, app.now(), used.get(one.id)) for one in mine]
    shown = [one for one in shown if everything or one["valid"]]
    ctx.out.data({"tokens": shown})
    ctx.out.table(
        ("id", "whose", "for", "owner", "scopes", "source", "last used", "expires", "valid"),
        [
            (
                one["id"],
                one["whose"],
                one["purpose"],
                one["owner"] if one["service"] else "",
                one["scopes"],
                one["source"],
                one["last_used_at"],
                one["expires_at"],
                one["valid"],
            )
            for one in shown
        ],
        empty="There are no tokens.",
    )


@token.command("revoke", epilog=examples("gardefou token revoke 0197f3a2-…", "gardefou token revoke --leaked < secret"))
@click.argument("token_id", metavar="ID", required=False)
@click.option("--leaked", is_flag=True, help="End the secret on standard input; nobody need be signed in.")
@cli_command
def revoke(ctx: Cli, token_id: str | None, leaked: bool) -> None:
    """Revoke a token, at once and on every node: your own, or any as an admin; or any whose secret you found."""
    if leaked == (token_id is not None):
        raise click.UsageError("give either ID or --leaked")
    if token_id is not None:
        tell(ctx, change(ctx, ctx.actor(), "token_revoke", {"token": token_id}))
        return
    from gardefou.flow.leaked import revoke_leaked

    secret = sys.stdin.readline(1_000).strip()
    if not secret:
        raise InvalidInput("auth/token", "There was no secret on standard input.", field="token")
    revoke_leaked(ctx.app, secret)
    ctx.out.data({"taken": True}, "If it opened anything, it does not any more; people on duty are told.")
