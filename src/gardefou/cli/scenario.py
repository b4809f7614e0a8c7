"""``gardefou scenario``: replaying incidents from files."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gardefou.nets.net import NetSet


@click.group()
def scenario() -> None:
    """Incidents as files that replay in moments on the real engine."""


@scenario.command("run")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--nets", "nets_file", metavar="FILE|NAME", help="Run under these nets: a file, or default, small-team or solo."
)
@click.option("--no-nets", is_flag=True, help="Let everything through: what would have happened.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def run(files: tuple[Path, ...], nets_file: str | None, no_nets: bool, as_json: bool) -> None:
    """Replay scenarios; exit 1 when one does not come out as it expects, 2 when a file is wrong.

    A folder stands for every *.toml in it and below, by name. Every file is read before the first one runs.
    """
    from gardefou.errors import GardefouError
    from gardefou.scenario.load import load_file
    from gardefou.scenario.many import run_many
    from gardefou.scenario.text import as_lines

    if nets_file is not None and no_nets:
        raise click.UsageError("Use one of --nets and --no-nets.")
    began = time.perf_counter()
    try:
        nets = None if nets_file is None else _nets(nets_file)
        scenarios = [load_file(path) for path in _found(files)]
        reports = run_many(scenarios, nets=nets, no_nets=no_nets)
    except GardefouError as error:
        click.echo(f"gardefou: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(orjson.dumps([report.document for report in reports], option=orjson.OPT_INDENT_2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in as_lines(reports, seconds=time.perf_counter() - began, width=width, style=_style):
            click.echo(line)
    sys.exit(0 if all(report.document["passed"] for report in reports) else 1)


def _style(text: str, good: bool) -> str:
    return click.style(text, fg="green" if good else "red", bold=not good)


def _found(files: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files, with those of a folder in its place.

    Raises:
        InvalidInput: a folder holds none (`scenario/file`).
    """
    from gardefou.errors import InvalidInput

    for path in files:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(path.rglob("*.toml"))
        if not inside:
            message = f"{path}: There is no *.toml in this folder; name scenario files or a folder of them."
            raise InvalidInput("scenario/file", message, field="file")
        yield from inside


def _nets(named: str) -> NetSet:
    """Return the nets of a file, or a shipped set by its name; a file that is called like one is read as ``./solo``."""
    from gardefou.errors import InvalidInput
    from gardefou.nets.load import load
    from gardefou.nets.shipped import SHIPPED, load_shipped

    if named in SHIPPED:
        return load_shipped(named)
    path = Path(named)
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise InvalidInput("nets/file", f"{path}: {why}; name a file of nets.", field="nets") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("nets/toml", f"{path}: This is not UTF-8 text, as TOML is.", field="nets") from error
    return load(text, str(path))
