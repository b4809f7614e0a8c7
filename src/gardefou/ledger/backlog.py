"""The backlog: events that are pending, read piece by piece and forgotten once they are leaves.

On PostgreSQL the server reads the next piece while this one is hashed: what
both do takes as long as the slower of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from gardefou.storage import bulk
from gardefou.storage.fast import driver, translating

#: Events that PostgreSQL reads at a time. What it finds must fit between server and socket, or it waits for its reader.
PIECE = 500

#: A pending event: platform, id, micros since 1970, salt, body, kind, and on PostgreSQL where it stands.
Row = Sequence[Any]


class Backlog:
    """The oldest pending events of each log, at most so many: `read` and `forget` them within one transaction.

    Made and used within `gardefou.storage.fast.together`.
    """

    def __init__(self, connection: sa.Connection, most: int) -> None:
        self._connection = connection
        self._most = most
        self._begun = False

    def read(self) -> bulk.Asked:
        """Have the next piece read; return what gives its rows: none, once there are no more."""
        connection = self._connection
        if connection.dialect.name != "postgresql":
            # In this process nothing is won by pieces.
            most, self._most = self._most, 0
            return bulk.ask(connection, pending(connection), (most,))
        if not self._begun:
            self._begun = True
            # Whatever the planner thinks of a table that it has not counted, all is found by its key or its place.
            bulk.ask(connection, "SET LOCAL enable_seqscan = off", ())
            bulk.ask(connection, f"DECLARE backlog NO SCROLL CURSOR FOR {pending(connection, str(self._most))}", ())
        return bulk.ask(connection, f"FETCH FORWARD {PIECE} FROM backlog", (), binary=True)

    def forget(self, rows: Sequence[Row]) -> None:
        """Note that events which were read are pending no more."""
        if self._connection.dialect.name == "postgresql":
            # Nobody else moves or deletes them, and a place is found without the key's index.
            statement = "DELETE FROM event_pending WHERE ctid = ANY($1::tid[])"
            bulk.send_rows(self._connection, statement, ("tid",), [row[6:] for row in rows])
            return
        statement = "DELETE FROM event_pending WHERE platform = ? AND id = ?"
        with translating(self._connection), closing(driver(self._connection).cursor()) as cursor:
            cursor.executemany(statement, [row[:2] for row in rows])


def pending(connection: sa.Connection, most: str = "?") -> str:
    """Return the statement that reads the first so many pending events."""
    key = "event.platform = event_pending.platform AND event.id = event_pending.id"
    event = bulk.its_own(connection, "event", key, required=True)
    place = ", event_pending.ctid" if connection.dialect.name == "postgresql" else ""
    return (
        f"SELECT event.platform, event.id, event.at, event.salt, event.body, event.kind{place}"  # noqa: S608 - own clauses
        f" FROM event_pending {event} ORDER BY event_pending.platform, event_pending.id LIMIT {most}"
    )
