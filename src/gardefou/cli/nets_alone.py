"""`gardefou nets alone`: what one of us can do alone, proved."""

from __future__ import annotations

import click

from gardefou.cli.common import Cli, cli_command, examples


@click.command(
    "alone",
    epilog=examples("gardefou nets alone", "gardefou nets alone --nets small-team", "gardefou nets alone --json"),
)
@click.option(
    "--nets", "named", metavar="FILE|NAME", help="These nets, or default, small-team or solo; not those in force."
)
@cli_command
def alone(ctx: Cli, named: str | None) -> None:
    """Say what one person can do alone under the nets: at once, after a wait, with others, or not at all.

    For each kind of person, tier and act, proved over every other fact; the promises that follow, and those that do
    not hold; budgets; what one can do alone to the rules themselves, and to give back.
    """
    from gardefou.cli.nets import set_of
    from gardefou.nets.alone_page import alone as work_out
    from gardefou.nets.alone_page import columns

    page = work_out(set_of(ctx, named))
    ctx.out.data(page.to_json())
    ctx.out.line("What nobody can do alone")
    for promise in page.promises:
        ctx.out.line(f"  {'kept    ' if promise.kept else 'NOT KEPT'}  {promise.says}")
        if promise.how:
            ctx.out.line(f"            {promise.how}.")
    for tier, groups in columns(page):
        ctx.out.line(f"\nOn a {tier} account")
        for who, cells in groups:
            ctx.out.line(f"  {who}")
            for act, cell in cells:
                ctx.out.line(f"    {act:<14}  {cell.says}")
                if cell.loosest:
                    ctx.out.line(f"    {'':<14}  the least: {cell.loosest}.")
    ctx.out.line("\nBefore anyone is asked")
    for budget in page.budgets:
        ctx.out.line(f"  {budget.who}: {'; '.join(budget.limits)}. Beyond that: {budget.beyond}.")
    for heading, rules in (("To the rules themselves", page.rules), ("To stop and to give back", page.back)):
        ctx.out.line(f"\n{heading}")
        for rule in rules:
            ctx.out.line(f"  {rule.says} ({', '.join(rule.roles)}): {rule.needs}")
