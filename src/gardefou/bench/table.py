"""The figures as tables: for people at a terminal, and as the page ``docs/benchmarks.md`` with its plots."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from gardefou.bench.databases import Databases
from gardefou.bench.measured import Figure, Skipped, number
from gardefou.errors import GardefouError

COLUMNS = ("what", "database", "measured", "aim", "beside what the machine does", "how", "what bounds it")

_INTRO = """\
# Benchmarks

Written by `make bench-report`; `make bench` prints the same. Compare ratios, not figures: what the databases do by
themselves (a plain single-row `INSERT` of about 300 bytes with two indexes, one commit each, by one connection on
SQLite and by 32 on PostgreSQL; rows written a thousand a commit; a row read by its key), what a bare application
does under the same server, and hashing alone are measured in the same run, and say how far each figure is from what
bounds it. Nothing is switched off for speed: SQLite runs with `synchronous=FULL`, PostgreSQL with `fsync` and
`synchronous_commit` on, and every answer is given after the commit.
Load generator, server and database share the machine's cores.

What takes minutes or hours is asked for:
`make bench-report ARGS="--soak 30 --peers --cases 10000000 --events 10000000"`.
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
    return (
        figure.name,
        figure.database,
        f"{number(figure.value)} {figure.unit}",
        aim_text(figure),
        "; ".join(f"{_times(ratio)} {name}" for name, ratio in figure.ratios.items()),
        figure.note,
        figure.bound,
    )


def _times(ratio: float) -> str:
    """Return a ratio in words: a share below one, times from there on."""
    return f"{ratio:.0%} of" if ratio < 1 else f"{number(ratio)} times"


def aim_text(figure: Figure) -> str:
    """Return the aim and whether it is reached; empty where there is none."""
    if figure.aim is None:
        return ""
    aim = f"{'at most' if figure.less else 'at least'} {number(figure.aim)}"
    if figure.kept:
        return f"{aim}: kept"
    short = f"{number(figure.value / figure.aim)} times it" if figure.less else f"{figure.value / figure.aim:.0%} of it"
    return f"{aim}: missed, {short}"


def page(
    about: Sequence[tuple[str, str]],
    figures: Sequence[Figure],
    skipped: Sequence[Skipped],
    plots: Mapping[str, str],
    day: date,
) -> str:
    """Return the page ``docs/benchmarks.md``; ``plots`` are titles by the address of their picture."""
    lines = [_INTRO, f"Measured on {day.isoformat()}, on one machine:", ""]
    lines += [f"- {name}: {value}" for name, value in about]
    aimed = [one for one in figures if one.aim is not None]
    missed = [one for one in aimed if not one.kept]
    if aimed:
        lines += ["", f"{len(aimed) - len(missed)} of {len(aimed)} aims are kept."]
        lines += [f"Missed: {'; '.join(f'{one.name} ({one.database})' for one in missed)}."] if missed else []
    for address, title in plots.items():
        lines += ["", f"![{title}]({address})"]
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
