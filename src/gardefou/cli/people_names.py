"""Pseudonyms for output: whoever acted is shown by pseudonym, never by name or staff id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Staff
from gardefou.errors import NotFound
from gardefou.storage import tables
from gardefou.storage.records import fetch


class Pseudonyms:
    """Staff ids to pseudonyms, as the store has them now."""

    def __init__(self, connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(tables.staff.c.id, tables.staff.c.pseudonym))
        self._known = {row.id: row.pseudonym for row in rows}

    def of(self, who: str | None) -> str | None:
        """Return the pseudonym of a person; services and the system keep their own names."""
        return None if who is None else self._known.get(who, who)

    def all(self, people: Iterable[str]) -> list[str]:
        """Return each one's pseudonym."""
        return [self._known.get(who, who) for who in people]

    def within(self, document: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return a guarded change's payload with people by pseudonym, and without a token's hash."""
        if document is None:
            return None
        return {
            name: self._known.get(value, value) if isinstance(value, str) else value
            for name, value in document.items()
            if name != "hash"
        }


def person(connection: sa.Connection, who: str) -> Staff:
    """Return a person by pseudonym or staff id.

    Raises:
        NotFound: there is none (`staff/not_found`).
    """
    table = tables.staff.c
    found = fetch(connection, Staff, table.pseudonym == who) or fetch(connection, Staff, table.id == who)
    if found is None:
        raise NotFound("staff/not_found", f"There is no person {who!r}; see `gardefou staff list`.")
    return found
