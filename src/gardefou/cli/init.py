"""`gardefou init`: a new installation with its first person, signed in on this machine."""

from __future__ import annotations

from typing import Any

import click

from gardefou.cli.common import Cli, cli_command, examples, is_initialised, keep_signin
from gardefou.errors import Conflict
from gardefou.flow.changes.settings import FOUNDERS

_ROLES = ("admin", "lead", "reviewer")


@click.command(
    "init",
    epilog=examples(
        "gardefou init",
        "gardefou init --nets small-team --name 'Ada Example' --email ada@example.org",
        "gardefou --data /srv/gardefou init",
    ),
)
@click.option("--nets", default="default", metavar="SET", help="The shipped nets: default, small-team or solo.")
@click.option("--name", default="", help="Your name; kept sealed, and shown to nobody without revealing.")
@click.option("--email", default="", help="Your address; kept sealed too.")
@cli_command
def init(ctx: Cli, nets: str, name: str, email: str) -> None:
    """Make a new installation: store, keys, nets, and you as its first person.

    You are signed in on this machine, and shown your sign-in key, once. With the set solo you also hold the role
    policy. A store that is initialised already is left as it is.
    """
    from gardefou.bootstrap import first_person, initialise
    from gardefou.cli.login import key_lines
    from gardefou.people.authenticate import give_signin_key, start_session
    from gardefou.people.directory import Entry
    from gardefou.people.sessions import COMMAND_LINE

    if is_initialised(ctx.settings):
        raise Conflict(
            "store/initialised", "This store is initialised already; nothing was changed. See `gardefou doctor`."
        )
    if nets not in FOUNDERS:
        raise click.BadParameter(f"the shipped sets are {', '.join(FOUNDERS)}", param_hint="--nets")
    app = ctx.open(must_be_initialised=False)
    app.directory.seals.make()  # before anything else is: a key that cannot be had makes nothing
    roles = (*_ROLES, "policy") if nets == "solo" else _ROLES
    person = initialise(app, nets=nets, person=first_person(app, roles=roles))
    with app.works.begin() as uow:
        if name or email:
            app.directory.put(uow.connection, Entry(staff_id=person.id, name=name, email=email))
        secret, _ = start_session(uow, person.id, strong=True, browser=COMMAND_LINE)
        key = give_signin_key(uow, person.id)
    keep_signin(ctx.settings, secret)
    needed = FOUNDERS[nets]
    document: dict[str, Any] = {
        "data": str(ctx.settings.data),
        "nets": nets,
        "pseudonym": person.pseudonym,
        "roles": list(person.roles),
        "founders_needed": needed,
        "platforms": ["sandbox"],
        "signin_key": key,
    }
    others = needed - 1
    steps = [
        "gardefou serve   (console and API, on http://127.0.0.1:8700)",
        "gardefou login --key-stdin   (once this sign-in ends, and where a fresh one is asked for)",
        "gardefou platform add NAME --kind synapse|webhook …   (until then there is the sandbox)",
        "gardefou setup finish",
    ]
    if others:
        steps.insert(2, f"gardefou staff add --role lead --team NAME   ({others} more to found it; each signs in once)")
    ctx.out.data(
        document,
        f"Gardefou is ready in {ctx.settings.data}, with the nets {nets!r} and a sandbox platform.",
        f"You are {person.pseudonym} ({', '.join(person.roles)}), signed in on this machine for twelve hours.",
        *key_lines(key),
        "",
        "Next:",
        *(f"  {step}" for step in steps),
    )
