"""When each token was last used, to the minute. No part of the record: it would be one event for every call."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gardefou.storage import tables
from gardefou.storage.engine import Store

#: A use is written down at most this often.
EVERY = timedelta(minutes=1)

_table = tables.token_use


def note_used(store: Store, token_id: str, now: datetime) -> None:
    """Write down that a token was used now; two nodes may do so at once."""
    try:
        with store.begin() as connection:
            mine = _table.c.token_id == token_id
            if connection.execute(_table.update().where(mine).values(used_at=now)).rowcount == 0:
                connection.execute(_table.insert(), {"token_id": token_id, "used_at": now})
    except IntegrityError:
        # The other one wrote the same minute.
        pass


def last_used(connection: sa.Connection, ids: Collection[str]) -> dict[str, datetime]:
    """Return when each of these tokens was last used; one that never was is not in it."""
    if not ids:
        return {}
    found = connection.execute(sa.select(_table).where(_table.c.token_id.in_(sorted(ids))))
    return {row.token_id: row.used_at for row in found}
