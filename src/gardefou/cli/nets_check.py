"""`gardefou nets check`: everything that is wrong, or likely meant otherwise, in a file of nets."""

from __future__ import annotations

from pathlib import Path

import click

from gardefou.cli.common import Cli, cli_command, examples, fail, is_initialised


@click.command(
    "check",
    epilog=examples(
        "gardefou nets check nets.toml",
        "gardefou nets check nets.toml --team team.toml",
        "gardefou nets check nets.toml --strict --json",
    ),
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--team",
    "team_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The people there will be, as [[staff]] tables with id, roles, team, employer: could they meet it?",
)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too.")
@cli_command
def check(ctx: Cli, file: Path, team_file: Path | None, strict: bool) -> None:
    """Check a file of nets; name file, line and column of everything found, and what to write instead.

    Errors, for which it exits 1, keep the file from being used: unknown facts, roles, keys and channels, conditions
    that can never hold, a set that the people there are could not meet (those of --team; where setup has ended, the
    staff). Warnings tell of conditions that always hold and of nets that others always cover.
    """
    from gardefou.cli.nets import config_of, read_text, staff_of
    from gardefou.nets.examine import examine
    from gardefou.nets.load import read_all
    from gardefou.nets.team import read_team

    text = read_text(file)
    team = None
    if team_file is not None:
        team = read_team(read_text(team_file), team_file.name)
    elif is_initialised(ctx.settings) and config_of(ctx).rules.setup_finished:
        team = staff_of(ctx)
    problems = examine(text, file.name, team=team)
    errors = [one for one in problems if one.severity == "error"]
    ok = not (problems if strict else errors)
    ctx.out.data({"ok": ok, "problems": [one.to_json() for one in problems]})
    for one in problems:
        word = "warning: " if one.severity == "warning" else ""
        ctx.out.line(f"{one.file}:{one.line}:{one.column}: {word}{one.message} [{one.code}]")
        if one.suggestion and one.suggestion not in one.message:
            ctx.out.line(f"    instead: {one.suggestion}")
    if not errors:
        count = len(read_all(text, file.name)[0])
        ctx.out.line(f"{file.name} is good: {count} nets.")
    if not ok:
        fail()
