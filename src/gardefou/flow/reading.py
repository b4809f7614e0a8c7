"""Reading enforcements for the flow's own use: by id, what stands on an account, what a restore concerns."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.domain.records import Enforcement
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all, fetch_fast

_table = tables.enforcement.c
_STANDING = ("in_force", "restoring")
_IMPOSING = (*_STANDING, "executing", "unknown")
_by_id = sa.select(tables.enforcement).where(_table.id == sa.bindparam("id")).limit(1)
_BY_ID = Fast(_by_id)
_BY_ID_HELD = Fast(_by_id.with_for_update())
_ONE_LIFTED = Fast(_by_id.where(_table.platform == sa.bindparam("platform")))


def _on_account(states: tuple[str, ...]) -> Fast:
    return Fast(
        sa.select(tables.enforcement)
        .where(
            _table.platform == sa.bindparam("platform"),
            _table.account == sa.bindparam("account"),
            _table.severity > 0,
            _table.state.in_(states),
        )
        .order_by(_table.id)
    )


_STANDING_ON = _on_account(_STANDING)
_IMPOSING_ON = _on_account(_IMPOSING)


def enforcement_by_id(connection: sa.Connection, enforcement_id: str) -> Enforcement | None:
    """Return an enforcement by its id, or None."""
    found = fetch_fast(connection, Enforcement, _BY_ID, {"id": enforcement_id})
    return found[0] if found else None


def held_enforcement(connection: sa.Connection, enforcement_id: str) -> Enforcement | None:
    """Return an enforcement by its id, or None; its row is held."""
    found = fetch_fast(connection, Enforcement, _BY_ID_HELD, {"id": enforcement_id})
    return found[0] if found else None


def standing_harms(connection: sa.Connection, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform, oldest first."""
    return fetch_fast(connection, Enforcement, _STANDING_ON, {"platform": platform, "account": account})


def imposing_harms(connection: sa.Connection, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform or may by now, oldest first."""
    return fetch_fast(connection, Enforcement, _IMPOSING_ON, {"platform": platform, "account": account})


def lifted(connection: sa.Connection, restore: Enforcement) -> list[Enforcement]:
    """Return the enforcements that a restore withdraws, oldest first."""
    if not restore.lifts:
        return []
    if len(restore.lifts) == 1:
        values = {"platform": restore.platform, "id": restore.lifts[0]}
        return fetch_fast(connection, Enforcement, _ONE_LIFTED, values)
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
