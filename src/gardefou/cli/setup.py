"""`gardefou setup`: how far the founding has come, and its end."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa

from gardefou.cli.changes import change, end, outcome
from gardefou.cli.common import Cli, cli_command, confirmed, examples
from gardefou.cli.people_names import person
from gardefou.domain.records import Staff
from gardefou.errors import Conflict, Denied
from gardefou.flow.app import App
from gardefou.flow.changes.nets import unlike_shipped
from gardefou.flow.changes.settings import FOUNDERS
from gardefou.flow.rules import load_rules
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all


@click.group("setup")
def setup() -> None:
    """Found an installation: who has enrolled, and when guarding begins."""


@setup.command("status", epilog=examples("gardefou setup status", "gardefou setup status --json"))
@cli_command
def status(ctx: Cli) -> None:
    """Say how many founding people have enrolled, and what comes next."""
    app = ctx.app
    ctx.actor().require(Power.READ, app.now())
    with app.works.read() as connection:
        config = app.config(connection)
        rules = config.rules
        people = fetch_all(connection, Staff, sa.select(tables.staff).order_by(tables.staff.c.id))
        keys = connection.execute(sa.select(tables.passkey.c.staff_id).where(tables.passkey.c.revoked_at.is_(None)))
        have_passkey = {row.staff_id for row in keys}
    needed = FOUNDERS[rules.shipped_nets]
    enrolled = sum(one.enrolled for one in people)
    left_open = [] if rules.setup_finished else [one.says for one in unlike_shipped(config)]
    document: dict[str, Any] = {
        "nets": rules.shipped_nets,
        "finished": rules.setup_finished,
        "founders_needed": needed,
        "enrolled": enrolled,
        "nets_leave_open": left_open,
        "people": [
            {
                "pseudonym": one.pseudonym,
                "roles": list(one.roles),
                "enrolled": one.enrolled,
                "passkey": one.id in have_passkey,
            }
            for one in people
        ],
    }
    if rules.setup_finished:
        ctx.out.data(document, "Setup has ended: guarded changes wait for people.")
        return
    ctx.out.data(
        document, f"{min(enrolled, needed)} of {needed} founding people have enrolled (nets {rules.shipped_nets!r})."
    )
    ctx.out.table(
        ("person", "roles", "enrolled", "passkey"),
        [(one.pseudonym, one.roles, one.enrolled, one.id in have_passkey) for one in people],
        empty="Nobody yet.",
    )
    if not have_passkey.issuperset(one.id for one in people if one.enrolled):
        ctx.out.line(
            "Whoever has no passkey makes one on their page of the console first: where all have one when setup ends, "
            "every yes on a notable or protected account is signed."
        )
    if enrolled < needed:
        ctx.out.line("Next: gardefou staff add …; each new person runs `gardefou login --link SECRET` once.")
    elif left_open:
        shipped = repr(rules.shipped_nets)
        ctx.out.line(f"Next: gardefou nets propose …, nets that protect as {shipped} does: {left_open[0]}")
    else:
        ctx.out.line("Next: gardefou setup finish")


@setup.command("link", epilog=examples("gardefou setup link velor-tami"))
@click.argument("staff")
@cli_command
def link(ctx: Cli, staff: str) -> None:
    """Make another one-time sign-in link for a person who has not enrolled yet, or for yourself.

    Good for 10 minutes, and only until setup has ended. Signing in by it shows
    a new sign-in key, which ends an earlier one.
    """
    from gardefou.people.authenticate import LINK

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.STAFF, app.now())
    with app.works.read() as connection:
        one = person(connection, staff)
    if one.enrolled and one.id != actor.id:
        raise Denied("setup/enrolled", "This person has enrolled already; nobody else signs in for them.")
    # Otherwise a stolen token would turn into its owner's strong sign-in.
    if one.id == actor.id and actor.token_id is not None:
        raise Denied("setup/token", "A token makes no sign-in link for its owner; sign in with your sign-in key.")
    secret = new_link(app, actor, one.id)
    minutes = int(LINK.total_seconds() // 60)
    ctx.out.data({"pseudonym": one.pseudonym, "link": secret, "minutes": minutes}, *link_lines(one.pseudonym, secret))


@setup.command("finish", epilog=examples("gardefou setup finish"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@cli_command
def finish(ctx: Cli, yes: bool) -> None:
    """End setup, one way: from then on guarded changes wait for people.

    Needs as many enrolled people as the nets ask for: 3 for default, 2 for
    small-team, 1 for solo. Where all who enrolled have a passkey, everyone's yes
    on notable and protected accounts is signed by passkey from then on.
    """
    actor = ctx.actor()
    confirmed("End setup? From then on changes to people, nets, tokens, platforms and settings are guarded.", yes=yes)
    made = change(ctx, actor, "setup_finish", {})
    says, shape = outcome(ctx, made)
    ctx.out.data(
        {"state": made.state, "says": says, "change": shape}, "Setup has ended." if says == "In force." else says
    )
    end(made)


def new_link(app: App, actor: Actor, staff_id: str) -> str:
    """Return the secret of a one-time sign-in link; only while setup has not ended (R11).

    Raises:
        Denied: the actor does not look after staff (`auth/forbidden`).
        Conflict: setup has ended (`setup/finished`).
    """
    from gardefou.people.authenticate import make_link

    actor.require(Power.STAFF, app.now())
    with app.works.begin() as uow:
        if load_rules(uow.connection).setup_finished:
            raise Conflict("setup/finished", "Setup has ended; there are no sign-in links any more.")
        return make_link(uow.connection, staff_id, now=uow.now)


def link_lines(pseudonym: str, secret: str) -> tuple[str, ...]:
    """Say what a new person does with a sign-in link."""
    return (
        f"{pseudonym} signs in once, within 10 minutes (shown only now):",
        f"  gardefou login --link {secret}",
    )
