"""`gardefou nets explain`: why an enforcement was stopped, and what would satisfy the nets."""

from __future__ import annotations

import click

from gardefou.cli.common import Cli, cli_command, examples
from gardefou.domain.records import Enforcement
from gardefou.errors import NotFound
from gardefou.people.roles import Power


@click.command(
    "explain", epilog=examples("gardefou nets explain 0197f3a2-…", "gardefou nets explain 0197f3a2-… --all --json")
)
@click.argument("enforcement_id", metavar="ENFORCEMENT")
@click.option("--all", "everything", is_flag=True, help="Also the nets that stayed silent.")
@cli_command
def explain(ctx: Cli, enforcement_id: str, everything: bool) -> None:
    """Say which nets spoke on an enforcement, the facts that made them, and what would satisfy them.

    The facts are those of then; who has said yes, who could still, and how long a hold runs are as of now. For a
    refusal: which fact would have to be otherwise. Roles, teams and counts, nobody's name.
    """
    from gardefou.cli import shapes
    from gardefou.flow.explain import explanation
    from gardefou.storage import tables
    from gardefou.storage.records import fetch

    app = ctx.app
    actor = ctx.actor()
    actor.require(Power.READ, app.now())
    with app.works.read() as connection:
        found = fetch(connection, Enforcement, tables.enforcement.c.id == enforcement_id)
        if found is None:
            raise NotFound("enforcement/not_found", f"There is no enforcement {enforcement_id!r}; check the id.")
        given = shapes.approvals_of(connection, [found])[found.id]
        told = explanation(
            connection,
            found,
            app.config(connection),
            now=app.now(),
            blind=shapes.is_blind_for(actor, found, given),
        )
    ctx.out.data(told.to_json(silent=everything))
    ctx.out.line(told.says)
    for one in told.met:
        ctx.out.line(f"  met: {one}")
    for one in told.outstanding:
        ctx.out.line(f"  outstanding: {one}")
    if told.in_shadow:
        ctx.out.line(f"  in shadow, nets {told.in_shadow}")
    for why in told.nets if everything else told.spoke:
        said = why.said
        mark = "spoke" if said.spoke else "silent"
        ctx.out.line(f"{said.net} ({mark}{', in shadow' if said.shadow else ''}): {said.title}. {said.because}")
        for plain, words in zip(said.plain, said.words, strict=False):
            ctx.out.line(f"    {plain}   [{words}]")
        if why.silent_if:
            ctx.out.line(f"    It would be silent if {', or if '.join(why.silent_if)}.")
