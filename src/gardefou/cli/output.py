"""Printing: tables for people (through rich on a terminal, aligned text otherwise), one JSON document for machines."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import orjson

from gardefou.clock import rfc3339


class Output:
    """Where a command's answer goes. Data on standard output, everything else on standard error."""

    def __init__(self) -> None:
        self.as_json = False

    def json(self, document: Any) -> None:
        """Print the one JSON document."""
        text = orjson.dumps(document, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATETIME)
        click.echo(text.decode())

    def data(self, document: Any, *lines: str) -> None:
        """Print the document where JSON was asked for, else the lines."""
        if self.as_json:
            self.json(document)
            return
        for line in lines:
            self.line(line)

    def line(self, text: str = "") -> None:
        """Print a line for people; nothing where JSON was asked for."""
        if not self.as_json:
            click.echo(printable(text))

    def note(self, text: str) -> None:
        """Say something beside the answer, on standard error."""
        click.echo(printable(text), err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
        """Print a table for people; ``empty`` says it when there are no rows."""
        if self.as_json:
            return
        if not rows:
            click.echo(empty)
            return
        cells = [[printable(_cell(value)) for value in row] for row in rows]
        if sys.stdout.isatty():
            _rich_table(columns, cells)
            return
        widths = [max(_width(row[place]) for row in [list(columns), *cells]) for place in range(len(columns))]
        for row in [list(columns), *cells]:
            click.echo("  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def pairs(self, rows: Sequence[tuple[str, Any]]) -> None:
        """Print names and values, one a line, leaving out what is empty."""
        shown = [(name, _cell(value)) for name, value in rows if value not in (None, "", (), [], {})]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.line(f"{name.ljust(width)}  {value}")


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return moment(value)
        case list() | tuple() | frozenset():
            items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
            return ", ".join(str(item) for item in items)
        case _:
            return str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def printable(text: str) -> str:
    """Return the text with control characters made visible: what others wrote must not steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else f"\\x{ord(each):02x}" for each in text)


def one_line(text: str) -> str:
    """Return the text as one printable line."""
    words = " ".join(text.replace("  [", "\0[").split())
    return printable(words.replace("\0[", "  ["))


def moment(at: datetime) -> str:
    """Write an instant for people: to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Write a length of time shortly: ``45 s``, ``10 min``, ``3.5 h``, ``2 days``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h".replace(".0 ", " ")
    return f"{seconds / 86_400:.0f} days"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return rfc3339(value)
        case timedelta():
            return value.total_seconds()
        case tuple() | frozenset() | set():
            items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
            return items
        case bytes():
            return value.hex()
        case _:
            return str(value)
