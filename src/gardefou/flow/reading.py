"""Reading enforcements for the flow's own use: by id, what stands on an account, what a restore concerns."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.domain.records import Enforcement, Staff
from gardefou.people.actor import Actor
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_all, fetch_fast, key_ahead
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_table = tables.enforcement.c
_STANDING = frozenset({"in_force", "restoring"})
#: Of an enforcement whose measures stand at the platform, or may by now.
IMPOSING = _STANDING | {"executing", "unknown"}
_LIVE = ("waiting", "ready", "executing", "unknown", "in_force", "restoring")
_by_id = sa.select(tables.enforcement).where(_table.id == sa.bindparam("id")).limit(1)
_BY_ID = Fast(_by_id)
_BY_ID_HELD = Fast(_by_id.with_for_update())
_live_on = (
    sa.select(tables.enforcement)
    .where(
        _table.platform == sa.bindparam("platform"),
        _table.account == sa.bindparam("account"),
        _table.state.in_(_LIVE),
        # A restore that was seen has nothing more to do.
        sa.or_(_table.severity > 0, _table.state != "in_force"),
    )
    .order_by(_table.id)
)
_LIVE_ON = Fast(_live_on)
_LIVE_ON_HELD = Fast(_live_on.with_for_update())


def live_on(uow: UnitOfWork, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements that have not ended, oldest first, as this transaction leaves them.

    Restores are among them until the platform was seen to follow. The database
    is asked once a transaction: hold the account first (`UnitOfWork.serialise`).
    """
    place = ("live_on", platform, account)
    if place not in uow.kept:
        _keep_live(uow, platform, account, _LIVE_ON)
    now = uow.kept[place] | uow.recorded_on(platform, account)
    return [now[key] for key in sorted(now) if now[key].state in _LIVE]


def hold_live(uow: UnitOfWork, platform: str, account: str) -> None:
    """Read what `live_on` returns and hold it: for whoever withdraws it, before anything of it is read.

    Whoever answers or withdraws one of them holds no account; they wait, and find what became of it.
    """
    _keep_live(uow, platform, account, _LIVE_ON_HELD)


def _keep_live(uow: UnitOfWork, platform: str, account: str, statement: Fast) -> None:
    values = {"platform": platform, "account": account}
    found = fetch_fast(uow.connection, Enforcement, statement, values)
    uow.kept["live_on", platform, account] = {one.id: one for one in found}


def live_as_stored(connection: sa.Connection, platform: str, account: str) -> list[Enforcement]:
    """Return what `live_on` returns, outside any transaction of one's own."""
    return fetch_fast(connection, Enforcement, _LIVE_ON, {"platform": platform, "account": account})


def live_ahead(platform: str, account: str) -> Read:
    """Return what `live_on` will read."""
    return _LIVE_ON, {"platform": platform, "account": account}


def held_live_ahead(platform: str, account: str) -> Read:
    """Return what `hold_live` will read."""
    return _LIVE_ON_HELD, {"platform": platform, "account": account}


def person_ahead(actor: Actor) -> list[Read]:
    """Return what will be read of whoever acts, as the store knows them now."""
    return [] if actor.staff is None else [key_ahead(Staff, actor.staff.platform, actor.staff.id)]


def held_ahead(enforcement_id: str) -> Read:
    """Return what `held_enforcement` will read."""
    return _BY_ID_HELD, {"id": enforcement_id}


def enforcement_by_id(connection: sa.Connection, enforcement_id: str) -> Enforcement | None:
    """Return an enforcement by its id, or None."""
    found = fetch_fast(connection, Enforcement, _BY_ID, {"id": enforcement_id})
    return found[0] if found else None


def held_enforcement(connection: sa.Connection, enforcement_id: str) -> Enforcement | None:
    """Return an enforcement by its id, or None; its row is held."""
    found = fetch_fast(connection, Enforcement, _BY_ID_HELD, {"id": enforcement_id})
    return found[0] if found else None


def standing_harms(uow: UnitOfWork, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform, oldest first."""
    return [one for one in live_on(uow, platform, account) if one.severity > 0 and one.state in _STANDING]


def imposing_harms(uow: UnitOfWork, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements whose measures stand at the platform or may by now, oldest first."""
    return [one for one in live_on(uow, platform, account) if one.severity > 0 and one.state in IMPOSING]


def lifted(uow: UnitOfWork, restore: Enforcement) -> list[Enforcement]:
    """Return the enforcements that a restore withdraws, ended or not, oldest first."""
    if not restore.lifts:
        return []
    known = {one.id: one for one in live_on(uow, restore.platform, restore.account)}
    known |= uow.recorded_on(restore.platform, restore.account)
    missing = [one for one in restore.lifts if one not in known]
    if missing:
        found = uow.all(Enforcement, _table.platform == restore.platform, _table.id.in_(missing))
        known |= {one.id: one for one in found}
    return [known[one] for one in sorted(restore.lifts) if one in known]


def lifted_as_stored(connection: sa.Connection, restore: Enforcement) -> list[Enforcement]:
    """Return what `lifted` returns, outside any transaction of one's own."""
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
    items = [item for one in lifted_as_stored(connection, restore) for item in one.content]
    items += [measure.removeprefix("removed:") for measure in restore.measures if measure.startswith("removed:")]
    return tuple(dict.fromkeys(items))
