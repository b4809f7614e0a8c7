"""`gardefou nets diff`: two sets of nets side by side, and the smallest facts on which they differ."""

from __future__ import annotations

import click

from gardefou.cli.common import Cli, cli_command, examples, fail


@click.command(
    "diff",
    epilog=examples(
        "gardefou nets diff current nets.toml",
        "gardefou nets diff default small-team --json",
    ),
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@cli_command
def diff(ctx: Cli, a: str, b: str) -> None:
    """Compare two sets of nets: files, default, small-team, solo, or current for those in force.

    Tells which nets were added, removed or changed, and for everything that can be asked a situation in which one
    set asks less than the other: the one nearest to an ordinary click. Exits 1 where they differ, 0 where both ask
    the same in every situation. Without the solver situations are tried, and it says so.
    """
    from gardefou.cli.nets import set_of
    from gardefou.nets.differ import changed_words, differ

    found = differ(set_of(ctx, a), set_of(ctx, b), names=(a, b))
    ctx.out.data({"a": a, "b": b, **found.to_json()})
    for net in found.nets:
        ctx.out.line(f"{ {'added': '+', 'removed': '-', 'changed': '~'}[net.change] } {net.net}: {net.title}")
        for key, was, now in net.words:
            ctx.out.line(f"    {key}: {changed_words(was, now)}")
    less = {"a": f"{a} asks less", "b": f"{b} asks less", "": "they ask otherwise"}
    told: dict[str, list[str]] = {}
    for one in found.differences:
        told.setdefault(one.sentence, []).append(f"{one.component}: {less[one.less]}")
    for sentence, what in told.items():
        ctx.out.line(f"{'; '.join(what)}\n    {sentence}")
    for said in found.open:
        ctx.out.line(f"Not settled: {said}.")
    if found.how == "tried":
        ctx.out.note(f"Tried on {found.tried:,} situations near an ordinary click, not proved: no solver is installed.")
    if found.same:
        how = "proved" if found.how == "proved" else "as far as was tried"
        ctx.out.line(f"{a} and {b} ask the same in every situation ({how}).")
    else:
        fail()
