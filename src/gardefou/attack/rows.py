"""Reading the store past the flow: plain rows with the driver's own values, for goals that trust no function of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gardefou.attack.store import Nested

Row = dict[str, Any]
#: How JSON begins; a report's ``content`` is a plain id.
_BEGINS = frozenset("[{")
#: Columns that hold JSON.
_JSON = frozenset(
    {
        "content",
        "humans",
        "facts",
        "verdict",
        "measures",
        "base",
        "lifts",
        "change",
        "receipt",
        "roles",
        "labels",
        "scopes",
        "ended_by",
        "measures_before",
        "measures_after",
        "evidence_seen_by",
    }
)


def rows(driver: Nested, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """Return every row of a query, by column; JSON is read."""
    cursor = driver.execute(sql, values)
    names = [column[0] for column in cursor.description]
    written = [name for name in names if name in _JSON]
    found: list[Row] = []
    for cells in cursor.fetchall():
        row = dict(zip(names, cells, strict=True))
        for name in written:
            text = row[name]
            if isinstance(text, str) and text[:1] in _BEGINS:
                row[name] = orjson.loads(text)
        found.append(row)
    return found


def first(driver: Nested, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """Return the first row of a query, or None."""
    found = rows(driver, sql, values)
    return found[0] if found else None


def count(driver: Nested, sql: str, values: Sequence[Any] = ()) -> int:
    """Return the number that a query asks for."""
    return int(driver.execute(sql, values).fetchone()[0])
