"""`gardefou report import`: a file of reports, one a line."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gardefou.cli.common import Cli, cli_command, examples, fail
from gardefou.errors import InvalidInput

_PART = 1 << 20
_GZIP = b"\x1f\x8b"
_SHOWN = 20


@click.group("report")
def report() -> None:
    """Take reports."""


@report.command(
    "import",
    epilog=examples(
        "gardefou report import reports.ndjson",
        "gardefou report import reports.ndjson.gz --json > results.json",
        "zcat old/*.gz | gardefou report import -",
    ),
)
@click.argument("file", metavar="FILE.ndjson")
@cli_command
def import_(ctx: Cli, file: str) -> None:
    """Take a file of reports, one JSON object a line; - is standard input, gzip is recognised.

    A bad line never spoils the others. Prints how many were taken, merged and
    rejected, and each rejected line with its number. Exits 1 when some were.
    """
    from gardefou.flow.intake import Progress, lines_of, take_lines

    app = ctx.app
    actor = ctx.actor()
    steps = 0

    def tell(at: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps % 10 == 0:
            ctx.out.note(f"line {at.lines}: {at.taken} taken, {at.rejected} rejected")

    taken = merged = rejected = 0
    results: list[dict[str, Any]] = []
    for result in take_lines(app, actor, lines_of(_parts(file)), on_progress=tell):
        if result.taken is not None:
            taken += 1
            merged += result.taken.merged
        else:
            assert result.error is not None
            rejected += 1
            if rejected <= _SHOWN or ctx.out.as_json is False:
                field = f"{result.error.field}: " if result.error.field else ""
                ctx.out.note(f"line {result.line}: {field}{result.error.message}  [{result.error.code}]")
        if ctx.out.as_json:
            results.append(result.to_json())
    ctx.out.data(
        {"taken": taken, "merged": merged, "rejected": rejected, "results": results},
        f"{taken} taken, {merged} of them merged into open cases, {rejected} rejected.",
    )
    if rejected:
        fail()


def _parts(file: str) -> Iterator[bytes]:
    """Yield the bytes of a file, of standard input, unpacked where they are gzip.

    Raises:
        InvalidInput: it cannot be read (`report/file`), or the gzip is broken (`report/gzip`).
    """
    try:
        source: Any = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidInput("report/file", f"{file}: {error.strerror}.", field="file") from error
    with source:
        # A pipe and a file can be peeked into as they are; anything else is wrapped.
        buffered: Any = source if hasattr(source, "peek") else io.BufferedReader(source)
        packed = buffered.peek(2)[:2] == _GZIP
        plain: Any = gzip.GzipFile(fileobj=buffered) if packed else buffered
        try:
            while part := plain.read(_PART):
                yield part
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InvalidInput("report/gzip", f"{file}: the gzip is broken or cut: {error}.", field="file") from error
        except OSError as error:
            raise InvalidInput("report/file", f"{file}: {error.strerror or error}.", field="file") from error
