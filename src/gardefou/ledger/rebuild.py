"""Rebuilding the state tables from the ledger: the events' images give the same rows again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.ledger.sequencer import entries, logs
from gardefou.storage import tables
from gardefou.storage.types import plain, unplain


def images(connection: sa.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (table, row image) of every event in every log, in each log's sequence."""
    for platform in logs(connection):
        for row in entries(connection, platform):
            if not row.body:
                continue
            yield from ((name, image) for name, image in orjson.loads(row.body)["rows"])


def rebuild(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return each state table's rows as the ledger gives them: the newest version of each key.

    Rows are column name to value, sorted by key. Erased bodies give nothing.
    """
    newest: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in tables.PROJECTED}
    for name, image in images(connection):
        table = tables.PROJECTED[name]
        key = tuple(image[column.name] for column in table.primary_key.columns)
        held = newest[name].get(key)
        if held is None or held["version"] < image["version"]:
            newest[name][key] = image
    return {
        name: [
            {column.name: unplain(_value(image, column), column) for column in tables.PROJECTED[name].columns}
            for _, image in sorted(rows.items(), key=lambda item: item[0])
        ]
        for name, rows in newest.items()
    }


def _value(image: dict[str, Any], column: sa.Column[Any]) -> Any:
    """Return a column's value; in what was recorded before there was such a column it has its default."""
    default = column.server_default
    if column.name not in image and isinstance(default, sa.DefaultClause):
        return default.arg
    return image.get(column.name)


def stored(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return each state table's rows as they are, in the same shape as `rebuild`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, table in tables.PROJECTED.items():
        rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        found[name] = sorted(rows, key=lambda row: tuple(row[column.name] for column in table.primary_key.columns))
    return found


def differences(connection: sa.Connection) -> list[str]:
    """Return, in words, where the state tables differ from what the ledger gives; empty when nowhere."""
    from_ledger, as_stored = rebuild(connection), stored(connection)
    found: list[str] = []
    for name, rows in as_stored.items():
        key = [column.name for column in tables.PROJECTED[name].primary_key.columns]
        left = {tuple(row[part] for part in key): row for row in from_ledger[name]}
        right = {tuple(row[part] for part in key): row for row in rows}
        for which in sorted(left.keys() | right.keys()):
            one, other = left.get(which), right.get(which)
            if one is None or other is None:
                found.append(
                    f"{name} {'/'.join(map(str, which))}: only {'in the table' if one is None else 'in the ledger'}"
                )
                continue
            fields = [field for field in one if plain(one[field]) != plain(other[field])]
            if fields:
                found.append(f"{name} {'/'.join(map(str, which))}: {', '.join(fields)} differ")
    return found
