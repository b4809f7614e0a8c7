"""Writes ``docs/reference/cli.md`` from the commands themselves; ``--check`` only says whether it is current.

python tools/cli_reference.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gardefou.cli import cli

FILE = Path(__file__).parent.parent / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

Written by `python tools/cli_reference.py` from the commands themselves; change those.

**Exit status.** 0: success. 1: what a command checks does not hold, or what it asked for was refused or failed.
2: bad usage or bad input, said in one line on standard error as `gardefou: what is wrong and what to do  [code]`.

**Output.** Data on standard output, everything else on standard error. With `--json` standard output is exactly one
JSON document. Tables are aligned text; on a terminal they are drawn.

**Settings** come from `gardefou.toml`, then `GARDEFOU_*` variables, then flags: see [settings](settings.md). Every
command takes `--data DIR`, before or after its name.

**Who acts.** The bearer of `GARDEFOU_TOKEN`, else of `gardefou login`. Reach to the database file gives no rights.
People are named by pseudonym or staff id, and shown by pseudonym.

**Moments** are written `2026-05-31T18:00:00Z`, `2026-05-31` (its beginning, UTC), or as a length from now: `90s`,
`10m`, `2h`, `7d`, `1w`. `--since` counts back, all others forward.

**Guarded changes** say `In force.` or what they wait for, with the command that approves them; both exit 0.
"""


def reference() -> str:
    """Return the whole page."""
    context = click.Context(cli, info_name="gardefou")
    parts = [HEAD]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        parts.extend(_sections(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def _sections(command: click.Command, context: click.Context) -> list[str]:
    if isinstance(command, click.Group):
        parts = [f"## `{context.command_path}`\n\n{_text(command.help)}\n"]
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            parts.extend(_sections(one, click.Context(one, info_name=name, parent=context)))
        return parts
    depth = "###" if context.parent is not None and context.parent.parent is not None else "##"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{depth} `{context.command_path}`", "", "```", usage, "```", "", _text(command.help), ""]
    options = [item for item in command.get_params(context) if isinstance(item, click.Option)]
    shown = [
        record for option in options if (record := option.get_help_record(context)) and "--help" not in option.opts
    ]
    if shown:
        lines += ["| option | |", "| --- | --- |"]
        lines += [f"| `{_cell(names)}` | {_cell(says)} |" for names, says in shown]
        lines.append("")
    if command.epilog:
        lines += ["```", *(line.strip() for line in command.epilog.splitlines()[2:]), "```", ""]
    return ["\n".join(lines)]


def _text(text: str | None) -> str:
    paragraphs = (text or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Write the page, or compare it."""
    page = reference()
    if "--check" in sys.argv[1:]:
        current = FILE.exists() and FILE.read_text(encoding="utf-8") == page
        if not current:
            print(f"{FILE.name} is not current; run python tools/cli_reference.py", file=sys.stderr)
        return 0 if current else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
