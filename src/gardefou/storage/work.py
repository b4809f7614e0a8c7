"""One transaction's worth of work: every change of state is written together with its ledger event.

`UnitOfWork.record` is the only way the flow writes a state table, so no change
is without an event, and no event without its change.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from gardefou.clock import Clock
from gardefou.domain import records as r
from gardefou.domain.states import State, check_transition
from gardefou.errors import NotFound
from gardefou.ids import Ids
from gardefou.storage import tables
from gardefou.storage.engine import Store
from gardefou.storage.fast import Fast
from gardefou.storage.records import MAPPED, fetch, fetch_all, get, write

T = TypeVar("T")
E = TypeVar("E")

#: Returns that many random bytes.
Salts = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event on its way into the ledger."""

    kind: str
    by: str
    platform: str = r.ORGANISATION
    account: str = ""
    about: str = ""
    puts: Sequence[Any] = ()
    detail: Mapping[str, Any] | None = None


class UnitOfWork:
    """A write transaction with a clock, identifiers and the ledger's pen. Inner code never commits."""

    def __init__(self, connection: sa.Connection, *, now: datetime, ids: Ids, salts: Salts) -> None:
        self.connection = connection
        self.now = now
        self.ids = ids
        self._salts = salts
        self._postgres = connection.dialect.name == "postgresql"
        #: Rows read by key in this transaction: held on PostgreSQL, alone on SQLite, so they cannot change.
        self._held: dict[tuple[type[Any], str, str], Any] = {}

    # reading ---------------------------------------------------------------

    def get(self, kind: type[T], platform: str, key: str, *, lock: bool = True) -> T | None:
        """Return a record, holding its row until the transaction ends; None when there is none."""
        place = (kind, platform, key)
        if place in self._held:
            held: T = self._held[place]
            return held
        found = get(self.connection, kind, platform, key, lock=lock)
        if lock and found is not None:
            self._held[place] = found
        return found

    def need(self, kind: type[T], platform: str, key: str) -> T:
        """Return a record and hold its row.

        Raises:
            NotFound: there is none (`<kind>/not_found`).
        """
        found = self.get(kind, platform, key)
        if found is None:
            word = kind.__name__.lower()
            raise NotFound(f"{word}/not_found", f"There is no {word} {key!r}; check the id.")
        return found

    def find(self, kind: type[T], *where: sa.ColumnElement[bool], lock: bool = False) -> T | None:
        """Return the one record that matches, or None."""
        return fetch(self.connection, kind, *where, lock=lock)

    def all(
        self, kind: type[T], *where: sa.ColumnElement[bool], order: Any = None, limit: int | None = None
    ) -> list[T]:
        """Return every record that matches."""
        statement = sa.select(MAPPED[kind].table).where(*where)
        if order is not None:
            statement = statement.order_by(order)
        if limit is not None:
            statement = statement.limit(limit)
        return fetch_all(self.connection, kind, statement)

    def serialise(self, *keys: str) -> None:
        """Hold each key until the transaction ends, so that what is counted stays true.

        On SQLite every write transaction is alone already. Keys are taken in
        sorted sequence, so that two transactions never wait for each other.
        """
        if self._postgres:
            for key in sorted(set(keys)):
                self.connection.execute(_ADVISORY, {"key": key})

    # writing ---------------------------------------------------------------

    def record(
        self,
        kind: str,
        *,
        by: str,
        platform: str = r.ORGANISATION,
        account: str = "",
        about: str = "",
        puts: Sequence[Any] = (),
        detail: Mapping[str, Any] | None = None,
    ) -> str:
        """Write the records and the event that says so; return the event's id.

        ``puts`` are whole records: version 1 is inserted, any other replaces the
        version before it. Their images go into the event's body, from which the
        state tables can be rebuilt. An enforcement's change of state must stand
        in the state table of `gardefou.domain.states`.

        Raises:
            Stale: a record was changed by someone else first (`<table>/stale`).
        """
        return self.record_all(
            [Entry(kind=kind, by=by, platform=platform, account=account, about=about, puts=puts, detail=detail)]
        )[0]

    def record_all(self, entries: Sequence[Entry]) -> list[str]:
        """Write many events and their records at once; return the events' ids in sequence."""
        made = self.ids.many(len(entries))
        rows: list[dict[str, Any]] = []
        for event_id, entry in zip(made, entries, strict=True):
            for record in entry.puts:
                write(self.connection, record)
                self._held[type(record), record.platform, _key_of(record)] = record
            rows.append(event_row(event_id, entry, self.now, self._salts(32)))
        _INSERT_EVENT.run_many(self.connection, rows)
        _INSERT_PENDING.run_many(self.connection, rows)
        return made

    def move(
        self,
        enforcement: r.Enforcement,
        state: State,
        kind: str,
        *,
        by: str,
        detail: Mapping[str, Any] | None = None,
        also: Sequence[Any] = (),
        **changes: Any,
    ) -> r.Enforcement:
        """Move an enforcement to another state, on the record; return it as it is then.

        ``also`` are records written with it, under the same event.

        Raises:
            Conflict: the state table has no such transition (`enforcement/state`).
            Stale: someone else moved it first (`enforcement/stale`).
        """
        check_transition(State(enforcement.state), state)
        moved = replace(enforcement, state=state.value, version=enforcement.version + 1, **changes)
        self.record(
            kind,
            by=by,
            platform=moved.platform,
            account=moved.account,
            about=moved.id,
            puts=(moved, *also),
            detail=detail,
        )
        return moved

    def rewrite(
        self,
        enforcement: r.Enforcement,
        kind: str,
        *,
        by: str,
        detail: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> r.Enforcement:
        """Change an enforcement within its state, on the record; return it as it is then.

        Raises:
            Stale: someone else changed it first (`enforcement/stale`).
        """
        return self.move(enforcement, State(enforcement.state), kind, by=by, detail=detail, **changes)


def _key_of(record: Any) -> str:
    key: str = record.ref if isinstance(record, r.Account) else record.id
    return key


def event_row(event_id: str, entry: Entry, now: datetime, salt: bytes) -> dict[str, Any]:
    """Return the row of an event; its body is the JSON that the leaf commits to."""
    body = {
        "kind": entry.kind,
        "platform": entry.platform,
        "by": entry.by,
        "account": entry.account,
        "about": entry.about,
        "detail": entry.detail or {},
        "rows": [[MAPPED[type(record)].table.name, MAPPED[type(record)].image(record)] for record in entry.puts],
    }
    return {
        "platform": entry.platform,
        "id": event_id,
        "kind": entry.kind,
        "at": now,
        "by": entry.by,
        "account": entry.account,
        "about": entry.about,
        "salt": salt,
        "body": orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    }


_INSERT_EVENT = Fast(tables.event.insert())
_INSERT_PENDING = Fast(tables.event_pending.insert())
_ADVISORY = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


class Works:
    """Opens units of work on a store: the flow's only door to writing."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, salts: Salts = secrets.token_bytes) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.salts = salts

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """Open a unit of work that commits whole when the block ends, or leaves nothing."""
        with self.store.begin() as connection:
            yield UnitOfWork(connection, now=self.clock.now(), ids=self.ids, salts=self.salts)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection for reading only."""
        with self.store.read() as connection:
            yield connection
