"""Between the records of `gardefou.domain` and their tables: reading, writing, images.

Column for field, by name; a test holds the two together. Statements are built
once per record type and reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa

from gardefou.domain import records as r
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.types import Plain, plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mapped(Generic[T]):
    """One record type and its table."""

    kind: type[T]
    table: sa.Table
    names: tuple[str, ...]
    #: The same, each with whether its values stand in an image as they are.
    image_columns: tuple[tuple[str, bool], ...]
    #: The names in the table's own sequence.
    columns: tuple[str, ...]
    key: tuple[str, ...]
    insert: Fast
    update: Fast
    #: Selects one row by its key; ``locked`` holds it on PostgreSQL.
    one: Fast
    locked: Fast

    def from_row(self, row: Any) -> T:
        """Return the record that a row of a select over the whole table holds."""
        values: dict[str, Any] = dict(zip(self.columns, row, strict=True))
        if "evidence" in values:
            values["evidence"] = tuple(values["evidence"])
        return self.kind(**values)

    def values(self, record: T) -> dict[str, Any]:
        """Return the row's values."""
        return {name: getattr(record, name) for name in self.names}

    def image(self, record: T) -> dict[str, Any]:
        """Return the row as a ledger body carries it."""
        return {
            name: getattr(record, name) if simple else plain(getattr(record, name))
            for name, simple in self.image_columns
        }


def _mapped(kind: type[T], table: sa.Table) -> Mapped[T]:
    names = tuple(field.name for field in fields(cast("Any", kind)))
    key = tuple(column.name for column in table.primary_key.columns)
    where = [table.c[name] == sa.bindparam(f"k_{name}") for name in key]
    update = (
        table.update()
        .where(*where, table.c.version == sa.bindparam("k_version"))
        .values({name: sa.bindparam(name) for name in names if name not in key})
    )
    one = sa.select(table).where(*where)
    return Mapped(
        kind=kind,
        table=table,
        names=names,
        image_columns=tuple((name, not isinstance(table.c[name].type, Plain)) for name in names),
        columns=tuple(str(column.name) for column in table.columns),
        key=key,
        insert=Fast(table.insert(), names),
        update=Fast(update),
        one=Fast(one),
        locked=Fast(one.with_for_update()),
    )


MAPPED: dict[type[Any], Mapped[Any]] = {
    kind: _mapped(kind, table)
    for kind, table in (
        (r.Report, tables.report),
        (r.Case, tables.case),
        (r.CaseNote, tables.case_note),
        (r.Decision, tables.decision),
        (r.Enforcement, tables.enforcement),
        (r.Approval, tables.approval),
        (r.Account, tables.account),
        (r.Staff, tables.staff),
        (r.Token, tables.token),
        (r.Passkey, tables.passkey),
        (r.PlatformEntry, tables.platform_entry),
        (r.NetsVersion, tables.nets_version),
        (r.Setting, tables.setting),
        (r.Pause, tables.pause),
        (r.Raid, tables.raid),
        (r.Incident, tables.incident),
        (r.TopUp, tables.top_up),
        (r.Channel, tables.channel),
        (r.Rollback, tables.rollback),
        (r.RollbackPart, tables.rollback_part),
        (r.RoleGrant, tables.role_grant),
    )
}


def fetch(connection: sa.Connection, kind: type[T], *where: sa.ColumnElement[bool], lock: bool = False) -> T | None:
    """Return the one record that matches, or None. ``lock`` holds its row on PostgreSQL."""
    mapped: Mapped[T] = MAPPED[kind]
    statement = sa.select(mapped.table).where(*where).limit(1)
    if lock:
        statement = statement.with_for_update()
    row = connection.execute(statement).first()
    return None if row is None else mapped.from_row(row)


def fetch_fast(connection: sa.Connection, kind: type[T], statement: Fast, values: Mapping[str, Any]) -> list[T]:
    """Return the records that a prepared select over the whole table finds."""
    mapped: Mapped[T] = MAPPED[kind]
    return [mapped.from_row(row) for row in statement.all(connection, values)]


def fetch_all(connection: sa.Connection, kind: type[T], statement: sa.Select[Any]) -> list[T]:
    """Return the records that a select over the whole table finds."""
    mapped: Mapped[T] = MAPPED[kind]
    return [mapped.from_row(row) for row in connection.execute(statement)]


def get(connection: sa.Connection, kind: type[T], platform: str, key: str, *, lock: bool = False) -> T | None:
    """Return the record of a platform by its id (for an account: its ref), or None."""
    mapped: Mapped[T] = MAPPED[kind]
    statement = mapped.locked if lock else mapped.one
    row = statement.first(connection, _key_values(mapped, platform, key))
    return None if row is None else mapped.from_row(row)


def key_ahead(kind: type[Any], platform: str, key: str) -> tuple[Fast, Mapping[str, Any]]:
    """Return what `get` will read of a record that it holds."""
    mapped = MAPPED[kind]
    return mapped.locked, _key_values(mapped, platform, key)


def _key_values(mapped: Mapped[Any], platform: str, key: str) -> dict[str, str]:
    return {f"k_{mapped.key[0]}": platform, f"k_{mapped.key[1]}": key}
