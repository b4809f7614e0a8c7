"""``gardefou scenario``: replaying incidents from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from gardefou.nets.net import NetSet


@click.group()
def scenario() -> None:
    """Incidents as files that replay in moments on the real engine."""


@scenario.command("run")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--nets", "nets_file", metavar="FILE", type=click.Path(path_type=Path), help="Run under these nets.")
@click.option("--no-nets", is_flag=True, help="Let everything through: what would have happened.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def run(files: tuple[Path, ...], nets_file: Path | None, no_nets: bool, as_json: bool) -> None:
    """Replay scenarios; exit 1 when one does not come out as it expects, 2 when a file is wrong.

    Every file is read before the first one runs.
    """
    from gardefou.errors import GardefouError
    from gardefou.scenario.load import load_file
    from gardefou.scenario.report import as_text, run_scenario

    if nets_file is not None and no_nets:
        raise click.UsageError("Use one of --nets and --no-nets.")
    try:
        nets = None if nets_file is None else _nets(nets_file)
        scenarios = [load_file(path) for path in files]
        reports = [run_scenario(one, nets=nets, no_nets=no_nets) for one in scenarios]
    except GardefouError as error:
        click.echo(f"gardefou: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(orjson.dumps(reports, option=orjson.OPT_INDENT_2))
    else:
        click.echo(as_text(reports))
    sys.exit(0 if all(report["passed"] for report in reports) else 1)


def _nets(path: Path) -> NetSet:
    from gardefou.errors import InvalidInput
    from gardefou.nets.load import load

    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise InvalidInput("nets/file", f"{path}: {why}; name a file of nets.", field="nets") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("nets/toml", f"{path}: This is not UTF-8 text, as TOML is.", field="nets") from error
    return load(text, str(path))
