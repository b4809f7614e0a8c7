"""One transaction's worth of work: every change of state is written together with its ledger event.

`UnitOfWork.record` is the only way the flow writes a state table, so no change
is without an event, and no event without its change.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from gardefou.clock import Clock
from gardefou.domain import records as r
from gardefou.domain.states import State, check_transition
from gardefou.errors import NotFound
from gardefou.ids import Ids
from gardefou.storage.bulk import Noted, event_rows
from gardefou.storage.engine import Store
from gardefou.storage.fast import UNWRITTEN, Fast
from gardefou.storage.records import MAPPED, fetch, fetch_all, get
from gardefou.storage.unwritten import Read, Unwritten, key_of

T = TypeVar("T")
E = TypeVar("E")

#: Returns that many random bytes.
Salts = Callable[[int], bytes]

#: Called in the first transaction that records anything, before it commits; see `noting_first`.
_FIRST: ContextVar[Callable[[sa.Connection], None] | None] = ContextVar("first", default=None)


@contextmanager
def noting_first(note: Callable[[sa.Connection], None]) -> Iterator[None]:
    """Have the first transaction of this block that records anything note so, and commit with that note or not at all.

    For whoever must know afterwards whether something was done, even where the answer to the COMMIT was lost.
    """
    before = _FIRST.set(note)
    try:
        yield
    finally:
        _FIRST.reset(before)


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

    def __init__(
        self, connection: sa.Connection, unwritten: Unwritten, *, now: datetime, ids: Ids, salts: Salts
    ) -> None:
        self.connection = connection
        self.now = now
        self.ids = ids
        self._salts = salts
        self._unwritten = unwritten
        self._postgres = connection.dialect.name == "postgresql"
        #: Rows read by key in this transaction: held on PostgreSQL, alone on SQLite, so they cannot change.
        self._held: dict[tuple[type[Any], str, str], Any] = {}
        self._recorded: dict[tuple[str, str], dict[str, r.Enforcement]] = {}
        #: What `serialise` has taken.
        self._keys: set[str] = set()
        #: Whether anything was recorded.
        self.wrote = False
        #: What whoever reads keeps for the rest of this transaction.
        self.kept: dict[Hashable, Any] = {}

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

    def recorded_on(self, platform: str, account: str) -> Mapping[str, r.Enforcement]:
        """Return the enforcements on an account that were recorded in this transaction, by id, as they are now."""
        return self._recorded.get((platform, account), {})

    def serialise(self, *keys: str, ahead: Callable[[], Iterable[Read]] = tuple, first: bool = True) -> None:
        """Hold each key until the transaction ends, so that what is counted stays true.

        On SQLite every write transaction is alone already. Keys are taken in
        sorted sequence, so that two transactions never wait for each other.
        ``ahead`` names what will be read next: it comes back in the same
        exchange, and costs nothing where there is none to save. ``first`` False
        says that what was read already is held by other keys, and still true.
        """
        if first:
            self.kept.clear()
        if not self._postgres:
            return
        wanted, reads = sorted({*keys} - self._keys), list(ahead())
        if wanted or reads:
            self._unwritten.look_ahead(wanted, reads)
            self._keys.update(wanted)

    def ahead(self, reads: Iterable[Read]) -> None:
        """Read in one exchange what will be read next, where that saves any (PostgreSQL)."""
        if self._postgres:
            self._unwritten.look_ahead((), list(reads))

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
        """Record many events and their records; return the events' ids in sequence.

        What is recorded is read back by whatever reads on this connection, and
        is in the database when the unit of work ends (`gardefou.storage.unwritten`).
        """
        self.wrote = True
        for entry in entries:
            for record in entry.puts:
                self._unwritten.put(record)
                self._held[type(record), record.platform, key_of(record)] = record
                if isinstance(record, r.Enforcement):
                    self._recorded.setdefault((record.platform, record.account), {})[record.id] = record
        rows = event_rows([noted(entry) for entry in entries], now=self.now, ids=self.ids, salts=self._salts)
        self._unwritten.note(rows)
        return [row[1] for row in rows]

    def work(self, table: sa.Table, insert: Fast, values: Mapping[str, Any]) -> None:
        """Insert a row of work in hand: not part of the record, and committed with what it follows from."""
        self._unwritten.work(table.name, insert, values)

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


def noted(entry: Entry) -> Noted:
    """Return an entry with the images of its records."""
    return Noted(
        kind=entry.kind,
        by=entry.by,
        platform=entry.platform,
        account=entry.account,
        about=entry.about,
        detail=dict(entry.detail or {}),
        rows=[[MAPPED[type(record)].table.name, MAPPED[type(record)].image(record)] for record in entry.puts],
    )


class Works:
    """Opens units of work on a store: the flow's only door to writing."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, salts: Salts = secrets.token_bytes) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.salts = salts

    @contextmanager
    def begin(self, *, keep: bool = True) -> Iterator[UnitOfWork]:
        """Open a unit of work that commits whole when the block ends, or leaves nothing.

        ``keep`` False leaves nothing in any case, for trying something out.
        """
        first = _FIRST.get() if keep else None
        with self.store.begin(keep=keep) as connection:
            unwritten = Unwritten(connection)
            about = connection.info
            about[UNWRITTEN] = unwritten
            uow = UnitOfWork(connection, unwritten, now=self.clock.now(), ids=self.ids, salts=self.salts)
            try:
                yield uow
                if keep:
                    unwritten.write()
                if first is not None and uow.wrote:
                    first(connection)
            finally:
                del about[UNWRITTEN]
        if first is not None and uow.wrote:
            _FIRST.set(None)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection for reading only."""
        with self.store.read() as connection:
            yield connection
