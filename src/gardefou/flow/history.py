"""Past enforcements as Parquet: one file for each day they were placed on, brought up to date by each export.

    DATA/exports/history/2026-11-02.parquet   the enforcements placed on that day (UTC), a row each
    DATA/exports/history/exported.json        how much of each platform's log has been looked at
    DATA/exports/history/lock                 held while an export runs

Columns are those of `COLUMNS` and one for each fact of `SCHEMA`, NULL where it
was unknown. Other tools may read the files at any time: each is written
beside its place and put there whole.

Restores and guarded changes are left out: they harm no account, the flow
takes back part of what nets ask of them, and a change's facts name a person.
Rationales, evidence and names are left out too; who placed it is a pseudonym.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import orjson
import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.errors import Conflict, Unavailable
from gardefou.flow.app import App
from gardefou.nets.backtest import asks_text
from gardefou.nets.duck import duck_error, duckdb, files, text
from gardefou.nets.facts import SCHEMA
from gardefou.nets.sql import TYPES, column_of
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.engine import Store

#: The columns beside the facts, with their types in DuckDB; docs/reference/history.md says what each means.
COLUMNS: Mapping[str, str] = {
    "platform": "VARCHAR",
    "id": "VARCHAR",
    "account": "VARCHAR",
    "items": "INTEGER",
    "action": "VARCHAR",
    "label": "VARCHAR",
    "severity": "INTEGER",
    "reversibility": "VARCHAR",
    "tier": "VARCHAR",
    "reach": "BIGINT",
    "policy": "VARCHAR",
    "legal_basis": "VARCHAR",
    "state": "VARCHAR",
    "placed_by": "VARCHAR",
    "via": "VARCHAR",
    "team": "VARCHAR",
    "placed_at": "TIMESTAMP",
    "approved_at": "TIMESTAMP",
    "hold_until": "TIMESTAMP",
    "in_force_at": "TIMESTAMP",
    "until": "TIMESTAMP",
    "ended_at": "TIMESTAMP",
    "nets": "VARCHAR",
    "spoke": "VARCHAR[]",
    "spoke_in_shadow": "VARCHAR[]",
    "refused": "BOOLEAN",
    "seats": "INTEGER",
    "hold_seconds": "BIGINT",
    "asks": "VARCHAR",
    "version": "BIGINT",
}
#: Every column in its sequence, with its type.
ALL_COLUMNS: Mapping[str, str] = {
    **COLUMNS,
    **{column_of(spec): TYPES[spec.kind] for spec in SCHEMA.values()},
}
_FORMAT = "gardefou-history/1"
_DAY = 86_400_000_000
_STATE, _LOCK = "exported.json", "lock"
#: Rows fetched at a time.
_BATCH = 2_000

#: Says how far it is, in a line.
Say = Callable[[str], None]

_table = tables.enforcement.c
_placed = sa.type_coerce(_table.placed_at, sa.BigInteger)
_MEASURES = _table.action.not_in((Action.RESTORE.value, Action.CHANGE.value))
_AS_THEY_ARE = (
    "platform",
    "id",
    "account",
    "action",
    "label",
    "severity",
    "reversibility",
    "tier",
    "reach",
    "policy",
    "legal_basis",
    "state",
    "via",
    "team",
    "nets",
    "version",
)
_INSTANTS = tuple(name for name, kind in COLUMNS.items() if kind == "TIMESTAMP")
_ROWS = sa.select(
    sa.type_coerce(_table.facts, sa.Text),
    sa.type_coerce(_table.verdict, sa.Text),
    _table.content,
    _table.placed_by,
    *(_table[name] for name in _AS_THEY_ARE),
    *(sa.type_coerce(_table[name], sa.BigInteger) for name in _INSTANTS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did: days written anew and the rows in them; ``files`` are all there are, the oldest day first."""

    folder: Path
    written: int
    rows: int
    files: tuple[Path, ...]


@dataclass(slots=True)
class _State:
    """How much of each platform's log is in the files, which days there are, and which are still to be written."""

    logs: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    days: set[int] = field(default_factory=set[int])
    todo: set[int] = field(default_factory=set[int])


def history_folder(data: Path) -> Path:
    """Return where history is exported to, below the folder with database and keys."""
    return data / "exports" / "history"


def export_history(app: App, folder: Path, *, say: Say | None = None) -> Exported:
    """Bring the exported history up to date: days with new or changed enforcements are written anew.

    What changed is read from the ledger, in which nothing changes without an
    event, so that an enforcement of long ago that is restored today is written
    again. Takes up where an export that was cut off ended; removes what is of
    another store, or of a later state of this one, and starts over. Changes
    nothing in the store.

    Raises:
        Conflict: another export into the folder is running (`history/busy`).
        Unavailable: DuckDB is not installed (`nets/duckdb`), or a file could not be written (`history/write`).
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = app.works.store
    with _alone(folder), duckdb(folder) as database:
        state = _outdated(app, folder)
        _keep(folder, state)
        with store.read() as connection:
            people = {
                row.id: row.pseudonym
                for row in connection.execute(sa.select(tables.staff.c.id, tables.staff.c.pseudonym))
            }
        rows = written = 0
        total = len(state.todo)
        for day in sorted(state.todo):
            rows += _write_day(store, database, folder, day, people)
            written += 1
            state.todo.discard(day)
            _keep(folder, state)
            if say is not None:
                say(f"history: {_name(day)}, {written} of {total} days, {rows:,} enforcements")
    names = tuple(folder / _name(day) for day in sorted(state.days))
    return Exported(folder=folder, written=written, rows=rows, files=names)


# what is out of date --------------------------------------------------------------------


def _outdated(app: App, folder: Path) -> _State:
    """Return the state to end in, with every day that must be written for it."""
    known = _kept(folder)
    with app.works.store.snapshot() as connection:
        platforms = sorted(app.config(connection).platforms)
        logs = {platform: mark for platform in platforms if (mark := _end_of_log(connection, platform)) is not None}
        if known is not None and not all(_same_log(connection, *one) for one in known.logs.items()):
            for day in known.days:
                (folder / _name(day)).unlink(missing_ok=True)
            known = None
        if known is None:
            days = _days(connection, platforms, None)
            return _State(logs, days, set(days))
        state = _State(logs, known.days, known.todo)
        for platform in platforms:
            first = known.logs[platform][0] if platform in known.logs else 0
            state.todo |= _days(connection, [platform], first)
    state.days |= state.todo
    state.todo |= {day for day in state.days if not (folder / _name(day)).exists()}
    return state


def _end_of_log(connection: sa.Connection, platform: str) -> tuple[int, str] | None:
    """Return how many events a platform's log has, and the last of them."""
    leaf = tables.leaf.c
    last = connection.execute(
        sa.select(leaf.seq, leaf.event_id).where(leaf.platform == platform).order_by(leaf.seq.desc()).limit(1)
    ).first()
    return None if last is None else (last.seq + 1, last.event_id)


def _same_log(connection: sa.Connection, platform: str, mark: tuple[int, str]) -> bool:
    """Whether the log still has that event there: another store's has not."""
    leaf = tables.leaf.c
    found = connection.execute(
        sa.select(leaf.event_id).where(leaf.platform == platform, leaf.seq == mark[0] - 1)
    ).scalar_one_or_none()
    return found == mark[1]


def _days(connection: sa.Connection, platforms: list[str], first: int | None) -> set[int]:
    """Return the days on which enforcements were placed that something was written of since; of all without ``first``.

    Events that are not in the log yet count as well, and once more when they are.
    """
    measured = sa.select((_placed // _DAY).label("day")).distinct()
    if first is None:
        statements = [measured.where(_table.platform.in_(platforms))]
    else:
        leaf, pending, event = tables.leaf.c, tables.event_pending.c, tables.event.c
        with_event = sa.and_(_table.platform == event.platform, _table.id == event.about)
        from_event = measured.join_from(tables.event, tables.enforcement, with_event)
        statements = [
            from_event.join(tables.leaf, sa.and_(leaf.platform == event.platform, leaf.event_id == event.id)).where(
                leaf.platform.in_(platforms), leaf.seq >= first
            ),
            from_event.join(
                tables.event_pending, sa.and_(pending.platform == event.platform, pending.id == event.id)
            ).where(pending.platform.in_(platforms)),
        ]
    return {int(row.day) for statement in statements for row in connection.execute(statement.where(_MEASURES))}


# one day --------------------------------------------------------------------------------


def _name(day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}.parquet"


def _write_day(store: Store, database: Any, folder: Path, day: int, people: Mapping[str, str]) -> int:
    """Write a day's file anew; return how many rows it has."""
    draft, lines = folder / f".{_name(day)}.new", folder / f".{_name(day)}.ndjson"
    try:
        count = 0
        with _private(lines) as file:
            for line in _lines(store, day, people):
                file.write(line)
                count += 1
        _to_parquet(database, lines, draft)
        draft.chmod(0o600)
        draft.replace(folder / _name(day))
    except (OSError, duck_error()) as error:
        said = str(error).strip().splitlines()[0]
        raise Unavailable(
            "history/write", _("%(what)s could not be written: %(said)s.", what=folder / _name(day), said=said)
        ) from error
    finally:
        lines.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
    return count


@contextmanager
def _private(path: Path) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 20) as file:
        yield file


def _lines(store: Store, day: int, people: Mapping[str, str]) -> Iterator[bytes]:
    """Read a day's enforcements, all of one moment's view, each as a line of JSON; its facts as they are stored."""
    found = _ROWS.where(_placed >= day * _DAY, _placed < (day + 1) * _DAY, _MEASURES)
    with store.snapshot() as connection:
        platforms = connection.execute(sa.select(tables.platform_entry.c.id)).scalars().all()
        # By platform, as the index is.
        for platform in sorted(platforms):
            statement = found.where(_table.platform == platform).order_by(_table.placed_at)
            for row in connection.execute(statement.execution_options(yield_per=_BATCH)):
                facts, verdict, content, placed_by, *rest = cast("tuple[Any, ...]", row)
                plain: dict[str, Any] = dict(zip((*_AS_THEY_ARE, *_INSTANTS), rest, strict=True))
                plain["placed_by"] = people.get(placed_by, placed_by)
                plain["items"] = len(content)
                known = str(facts)[1:-1]
                yield orjson.dumps(plain)[:-1] + _asked(verdict) + (f",{known}" if known else "").encode() + b"}\n"


@lru_cache(maxsize=4_096)
def _asked(verdict: str) -> bytes:
    """Return the part of a line that says what the nets asked then; few verdicts differ."""
    joined = Verdict.from_json(orjson.loads(verdict))
    asked: dict[str, Any] = {
        "spoke": [reason.net for reason in joined.reasons],
        "spoke_in_shadow": [reason.net for reason in joined.shadow],
        "refused": joined.refused,
        "seats": joined.seats,
        "hold_seconds": joined.hold_seconds,
        "asks": asks_text(joined),
    }
    return b"," + orjson.dumps(asked)[1:-1]


def _to_parquet(database: Any, lines: Path, draft: Path) -> None:
    given = {name: "BIGINT" if kind == "TIMESTAMP" else kind for name, kind in COLUMNS.items()}
    given |= {name: TYPES[spec.kind] for name, spec in SCHEMA.items()}
    columns = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in given.items())
    taken = [f'make_timestamp("{name}") AS "{name}"' if name in _INSTANTS else f'"{name}"' for name in COLUMNS]
    taken += [f'"{name}" AS {column_of(spec)}' for name, spec in SCHEMA.items()]
    source = f"read_json({files([lines])}, format = 'newline_delimited', columns = {{{columns}}})"
    statement = f"SELECT {', '.join(taken)} FROM {source}"  # noqa: S608 - names of our own columns
    write_parquet(database, statement, draft)


def write_parquet(database: Any, statement: str, path: Path) -> None:
    """Write the rows of a statement, which has `ALL_COLUMNS`, to a file."""
    database.execute(
        f"COPY ({statement}) TO {text(str(path))}"
        f" (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{format: {text(_FORMAT)}}})"
    )


# what is known of earlier exports -------------------------------------------------------


def _kept(folder: Path) -> _State | None:
    """Return what the last export left; None where there was none, or its columns were others."""
    try:
        found: Any = orjson.loads((folder / _STATE).read_bytes())
        if found["format"] != _FORMAT or found["columns"] != list(ALL_COLUMNS):
            return None
        logs = {str(name): (int(size), str(last)) for name, (size, last) in found["logs"].items()}
        return _State(logs, set(map(int, found["days"])), set(map(int, found["todo"])))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(folder: Path, state: _State) -> None:
    document = {
        "format": _FORMAT,
        "columns": list(ALL_COLUMNS),
        "logs": state.logs,
        "days": sorted(state.days),
        "todo": sorted(state.todo),
    }
    draft = folder / f".{_STATE}.new"
    with _private(draft) as file:
        file.write(orjson.dumps(document))
    draft.replace(folder / _STATE)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two exports at once could leave a day as the slower of them saw it.

    An empty SQLite file is a lock on every system, and nobody holds it whose process has ended.
    """
    with closing(sqlite3.connect(folder / _LOCK, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise Conflict(
                "history/busy", _("Another export to %(folder)s is running; wait for it to end.", folder=folder)
            ) from error
        yield
