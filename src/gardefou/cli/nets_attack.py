"""`gardefou nets attack`: a program tries to get around the nets."""

from __future__ import annotations

from pathlib import Path

import click

from gardefou.cli.common import Cli, cli_command, examples, fail


@click.command(
    "attack",
    epilog=examples(
        "gardefou nets attack",
        "gardefou nets attack --depth 4",
        "gardefou nets attack --nets nets.toml --json",
    ),
)
@click.option(
    "--depth",
    type=click.IntRange(1, 12),
    default=5,
    show_default=True,
    help="Steps in a sequence at most; what is unusual counts two or three.",
)
@click.option("--nets", "file", metavar="FILE", type=click.Path(path_type=Path), help="These nets, not those in force.")
@cli_command
def attack(ctx: Cli, depth: int, file: Path | None) -> None:
    """Search the sequences of actions of one person for a way around the nets; exit 1 when there is one.

    It plays in a store in memory, on the real flow: an administrator with every
    role, a lead, a reviewer, a leaver and somebody with stolen tokens, while
    the others do their work. Your own store is only read for its nets.
    """
    from gardefou.attack.search import search
    from gardefou.cli.nets import set_of

    def told(attacker: str, limit: int, states: int, moves: int) -> None:
        ctx.out.note(f"depth {limit}, {attacker}: {states:,} states, {moves:,} moves tried")

    result = search(depth, nets=set_of(ctx, file), progress=told)
    ctx.out.data(result.to_json())
    ctx.out.line(
        f"Depth {result.depth}: {result.states:,} states, {result.moves:,} moves tried, {result.seconds:.0f} seconds."
    )
    way = result.found
    if way is None:
        ctx.out.line("No way around was found.")
        return
    ctx.out.line(f"FOUND, by {way.attacker.says} ({way.found.goal}): {way.found.says}")
    for number, step in enumerate(way.steps, start=1):
        ctx.out.line(f"  {number}. {step}")
    fail()
