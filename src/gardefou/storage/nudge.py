"""A nudge between nodes: PostgreSQL tells whoever listens that something was committed, and nothing of what.

It is only a hint: whoever needs to know looks at the store, now and then
without having been nudged. SQLite has nothing like it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import sqlalchemy as sa

from gardefou.storage import servers
from gardefou.storage.engine import Store

_log = logging.getLogger("gardefou.store")

_CHANNEL = "gardefou"
#: Seconds until a connection that was lost is opened again.
_AFTER_LOSS = 1.0

#: Where others on this server have filled PostgreSQL's queue, a commit that says anything fails: then nothing is said.
_NUDGE = sa.text(f"SELECT pg_notify('{_CHANNEL}', '') WHERE pg_notification_queue_usage() < 0.5")


def nudge(connection: sa.Connection) -> None:
    """Nudge every node that listens, once this transaction has committed; nothing on SQLite.

    Transactions that do so wait for each other to commit: for one that is
    alone of its kind, as the sequencer's, never for those that many make.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_NUDGE)


async def listen(store: Store, nudged: Callable[[], None]) -> None:
    """Call ``nudged`` at each nudge, and whenever it begins to listen, as nudges may have passed; until cancelled.

    Over a connection of its own, which is opened again by itself when it is
    lost; a server that falls silent is given up as the store's are.
    Returns at once on SQLite.
    """
    if store.is_sqlite:
        return
    from psycopg import AsyncConnection, Error  # noqa: PLC0415 - needed only where there is a PostgreSQL

    url = store.writer.url
    given, named = store.writer.dialect.create_connect_args(url)
    well = True
    while True:
        try:
            async with await AsyncConnection.connect(
                *given, **{**servers.patience(url), **named}, autocommit=True
            ) as connection:
                await connection.execute(f"LISTEN {_CHANNEL}")
                well = True
                nudged()
                async for _ in connection.notifies():
                    nudged()
        except (Error, OSError) as error:
            if well:
                _log.warning("the store tells nothing by itself; it is looked at by the clock meanwhile: %s", error)
            well = False
        await asyncio.sleep(_AFTER_LOSS)
