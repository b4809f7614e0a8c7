"""The figures as tables: for people at a terminal, and as the page ``docs/benchmarks.md``."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gardefou.bench.databases import Databases
from gardefou.bench.measured import Figure, Skipped, number
from gardefou.errors import GardefouError

COLUMNS = ("what", "database", "measured", "times a plain INSERT", "aim", "how", "what bounds it")

_INTRO = """\
# Benchmarks

Written by `make bench-report`; `make bench` prints the same. Compare ratios, not figures: every ratio is to a plain
single-row `INSERT` (about 300 bytes, two indexes, one commit each) on the same database in the same run, by one
connection on SQLite and by 32 on PostgreSQL. Nothing is switched off for speed: SQLite runs with `synchronous=FULL`,
PostgreSQL with `fsync` and `synchronous_commit` on, and every answer is given after the commit.
Load generator, server and database share the machine's cores.
"""


def machine(databases: Databases) -> list[tuple[str, str]]:
    """Return what the figures depend on: cores, versions, and how the databases were set."""
    found = [
        ("cores", str(os.cpu_count() or 1)),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
        ("SQLite", f"{sqlite3.sqlite_version}, WAL, synchronous=FULL"),
    ]
    try:
        settings = databases.server_settings()
    except GardefouError as error:
        found.append(("PostgreSQL", f"not measured: {error.message}"))
    else:
        rest = ", ".join(f"{name}={value}" for name, value in settings.items() if name != "server_version")
        found.append(("PostgreSQL", f"{settings['server_version'].split()[0]}, {rest}"))
    return found


def row(figure: Figure) -> tuple[str, ...]:
    """Return a figure as a row of `COLUMNS`."""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    aim = "" if figure.aim is None else f"{number(figure.aim)} ({figure.value / figure.aim:.0%})"
    return (
        figure.name,
        figure.database,
        f"{number(figure.value)} {figure.unit}",
        ratio,
        aim,
        figure.note,
        figure.bound,
    )


def page(about: Sequence[tuple[str, str]], figures: Sequence[Figure], skipped: Sequence[Skipped], day: date) -> str:
    """Return the page ``docs/benchmarks.md``."""
    lines = [_INTRO, f"Measured on {day.isoformat()}, on one machine:", ""]
    lines += [f"- {name}: {value}" for name, value in about]
    lines += ["", f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row(figure))} |" for figure in figures]
    if skipped:
        lines += ["", "Not measured:", ""]
        lines += [f"- {one.name}: {one.why}" for one in skipped]
    return "\n".join(lines) + "\n"


def write_page(file: Path, text: str) -> None:
    """Write the page, whole or not at all."""
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
