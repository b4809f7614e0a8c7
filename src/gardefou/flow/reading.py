"""Reading enforcements for the flow's own use: by id, what stands on an account, what a restore concerns."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.domain.records import Enforcement
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all

_table = tables.enforcement.c
_STANDING = ("in_force", "restoring")
_IMPOSING = (*_STANDING, "executing", "unknown")


def enforcement_by_id(connection: sa.Connection, enforcement_id: str) -> Enforcement | None:
    """Return an enforcement by its id, or None."""
    return fetch(connection, Enforcement, _table.id == enforcement_id)


def standing_harms(connection: sa.Connection, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform, oldest first."""
    statement = (
        sa.select(tables.enforcement)
        .where(_table.platform == platform, _table.account == account, _table.severity > 0, _table.state.in_(_STANDING))
        .order_by(_table.id)
    )
    return fetch_all(connection, Enforcement, statement)


def imposing_harms(connection: sa.Connection, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform or may by now, oldest first."""
    statement = (
        sa.select(tables.enforcement)
        .where(_table.platform == platform, _table.account == account, _table.severity > 0, _table.state.in_(_IMPOSING))
        .order_by(_table.id)
    )
    return fetch_all(connection, Enforcement, statement)


def lifted(connection: sa.Connection, restore: Enforcement) -> list[Enforcement]:
    """Return the enforcements that a restore withdraws, oldest first."""
    if not restore.lifts:
        return []
    statement = (
        sa.select(tables.enforcement)
        .where(_table.platform == restore.platform, _table.id.in_(restore.lifts))
        .order_by(_table.id)
    )
    return fetch_all(connection, Enforcement, statement)


def lifted_content(connection: sa.Connection, restore: Enforcement) -> tuple[str, ...]:
    """Return the content items that a restore concerns, to be read with the account."""
    items = [item for one in lifted(connection, restore) for item in one.content]
    items += [measure.removeprefix("removed:") for measure in restore.measures if measure.startswith("removed:")]
    return tuple(dict.fromkeys(items))
