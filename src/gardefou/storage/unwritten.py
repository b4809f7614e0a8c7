"""What a unit of work has recorded and the database does not have yet.

Records and events wait until something reads their tables, or until the unit
of work ends; then they go out together, in one exchange on PostgreSQL. A
record that changes several times in between is written once, as it was last;
every change still has its event.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gardefou.domain import records as r
from gardefou.errors import Stale
from gardefou.storage import tables
from gardefou.storage.bulk import insert_events
from gardefou.storage.fast import Fast, together
from gardefou.storage.records import MAPPED

_EVENT_TABLES = frozenset({tables.event.name, tables.event_pending.name})


_LOCK = Fast(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("key", type_=sa.Text), 0))))

#: A statement and its values.
Read = tuple[Fast, Mapping[str, Any]]


class Unwritten:
    """The records and events that wait; one for each unit of work."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        #: By type and key: the version that the database has (0: none), and the newest record.
        self._records: dict[tuple[Any, str, str], tuple[int, Any]] = {}
        self._events: list[tuple[Any, ...]] = []
        self._work: list[Read] = []
        self._tables: set[str] = set()
        self.ahead: dict[Hashable, list[Any]] = {}

    @property
    def tables(self) -> Collection[str]:
        """The tables that something waits for."""
        return self._tables

    def put(self, record: Any) -> None:
        """Let a record wait: version 1 is new, any other replaces the version before it.

        Raises:
            Stale: it does not follow the one that waits already (`<table>/stale`).
        """
        kind: Any = record.__class__
        place = (kind, record.platform, key_of(record))
        table = MAPPED[kind].table.name
        earlier = self._records.get(place)
        if earlier is not None and record.version != earlier[1].version + 1:
            raise _stale(table)
        self._records[place] = (record.version - 1 if earlier is None else earlier[0], record)
        self._tables.add(table)

    def note(self, events: Sequence[tuple[Any, ...]]) -> None:
        """Let the rows of events wait, in the sequence of `gardefou.storage.bulk.EVENT_COLUMNS`."""
        self._events += events
        self._tables |= _EVENT_TABLES

    def work(self, table: str, statement: Fast, values: Mapping[str, Any]) -> None:
        """Let a row of work in hand wait, to go out with what it belongs to."""
        self._work.append((statement, values))
        self._tables.add(table)

    def look_ahead(self, locks: Sequence[str], reads: Sequence[Read]) -> None:
        """Take advisory locks, in this sequence, and read, all in one exchange; PostgreSQL only.

        What was read is handed out when the same statement is run with the same
        values, and forgotten when anything is written.
        """
        with together(self._connection):
            for name in locks:
                _LOCK.start(self._connection, {"key": name})
            started = [(statement, values, statement.start(self._connection, values)) for statement, values in reads]
        for statement, values, cursor in started:
            self.ahead[statement.key(values)] = statement.rows(self._connection, cursor)

    def write(self) -> None:
        """Write everything that waits.

        Raises:
            Stale: somebody else changed a record first (`<table>/stale`).
        """
        if not self._tables:
            return
        records, self._records = list(self._records.values()), {}
        events, self._events = self._events, []
        work, self._work = self._work, []
        self._tables = set()
        self.ahead.clear()
        table = ""
        done: list[tuple[str, Any]] = []
        try:
            with together(self._connection):
                for had, record in records:
                    mapped = MAPPED[type(record)]
                    table = mapped.table.name
                    values = mapped.values(record)
                    if had == 0:
                        mapped.insert.start(self._connection, values)
                        continue
                    for name in mapped.key:
                        values[f"k_{name}"] = values.pop(name)
                    values["k_version"] = had
                    done.append((table, mapped.update.start(self._connection, values)))
                for statement, given in work:
                    statement.start(self._connection, given)
                if events:
                    table = tables.event.name
                    insert_events(self._connection, events)
        except IntegrityError as error:
            # PostgreSQL says it when all were sent, and names the table.
            named = getattr(getattr(error.orig, "diag", None), "table_name", None)
            raise _stale(named or table) from error
        for name, cursor in done:
            if cursor.rowcount != 1:
                raise _stale(name)


def key_of(record: Any) -> str:
    """Return what a record is called on its platform."""
    key: str = record.ref if isinstance(record, r.Account) else record.id
    return key


def _stale(table: str) -> Stale:
    return Stale(f"{table}/stale", "Someone else changed it first; read it again and decide anew.")
