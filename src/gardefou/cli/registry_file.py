"""Files of the registry: platform, ref, tier, because, until. All lines are checked before any is taken."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gardefou.cli.arguments import future, written
from gardefou.errors import GardefouError, InvalidInput
from gardefou.flow.app import App
from gardefou.people.actor import Actor

COLUMNS = ("platform", "ref", "tier", "because", "until")
_REQUIRED = ("platform", "ref", "tier")
_MOST = 100_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file as the guarded change takes it; ``weakens`` is known once it was checked."""

    line: int
    payload: dict[str, Any]
    weakens: bool = False


def read_file(file: Path, *, now: datetime) -> list[Line]:
    """Read a file and check what needs no store.

    Raises:
        InvalidInput: it cannot be read (`registry/file`), lacks a column
            (`registry/columns`), or has bad lines, each named (`registry/lines`).
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput("registry/file", f"{file}: {error.strerror}.", field="file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("registry/file", f"{file} is not UTF-8 text; save it as such.", field="file") from error
    no_header: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[Line] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        header = [name.strip().lower() for name in next(reader, no_header)]
        _check_header(file, header)
        for row in reader:
            number = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            try:
                line = _line(header, row, number, now)
            except InvalidInput as error:
                problems.append(f"line {number}: {error.message}")
                continue
            key = (line.payload["platform"], line.payload["account"])
            if key in seen:
                problems.append(f"line {number}: {'/'.join(key)} stands in line {seen[key]} already")
            seen.setdefault(key, number)
            lines.append(line)
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if problems:
        raise wrong_lines(file.name, problems)
    if not lines or len(lines) > _MOST:
        raise InvalidInput("registry/file", f"{file} has {len(lines)} accounts; a file has 1 to {_MOST}.", field="file")
    return lines


def _check_header(file: Path, header: list[str]) -> None:
    missing = [name for name in _REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        what = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown) or 'a column twice'}"
        raise InvalidInput(
            "registry/columns",
            f"{file}, line 1: the header {what}; the columns are {', '.join(COLUMNS)}.",
            field="file",
        )


def _line(header: list[str], row: list[str], number: int, now: datetime) -> Line:
    if len(row) != len(header):
        raise InvalidInput("registry/line", f"it has {len(row)} columns, the header {len(header)}")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    for name in _REQUIRED:
        if not cells[name]:
            raise InvalidInput("registry/line", f"{name} is missing")
    until = future(cells.get("until") or None, now=now, field="until")
    payload = {
        "platform": cells["platform"],
        "account": cells["ref"],
        "tier": cells["tier"],
        "because": cells.get("because", ""),
        "until": written(until),
    }
    return Line(number, payload)


def check_lines(app: App, actor: Actor, lines: list[Line]) -> list[Line]:
    """Check every line against the store as the change itself will, and change nothing.

    Raises:
        InvalidInput: bad lines, each named (`registry/lines`).
    """
    from gardefou.flow.change_apply import KINDS

    handler = KINDS["tier"]
    problems: list[str] = []
    checked: list[Line] = []
    with app.works.begin(keep=False) as uow:
        config = app.config(uow.connection)
        for line in lines:
            entry = config.platforms.get(line.payload["platform"])
            try:
                if entry is None or not entry.active:
                    raise InvalidInput("platform/not_found", f"there is no platform {line.payload['platform']!r}")
                payload = handler.check(uow, app, config, actor, line.payload)
            except GardefouError as error:
                problems.append(f"line {line.line}: {error.message}")
                continue
            checked.append(Line(line.line, line.payload, handler.weakens(uow, config, payload)))
    if problems:
        raise wrong_lines("the file", problems)
    return checked


def wrong_lines(name: str, problems: list[str]) -> InvalidInput:
    """Return the error that names every bad line, or the first of very many."""
    shown = "; ".join(problem.rstrip(".") for problem in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return InvalidInput("registry/lines", f"Nothing was changed: {name}: {shown}{more}.", extra={"problems": problems})
