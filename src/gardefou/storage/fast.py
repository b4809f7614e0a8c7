"""Statements that are compiled once and handed to the driver directly.

SQLAlchemy takes some thirty microseconds over each execution, several times
what SQLite takes for a row by its key; a step of the flow has dozens. A `Fast`
keeps the text, the parameters' sequence and both kinds of type conversion of
one Core statement, and leaves out the rest. It runs on the connection and in
the transaction that SQLAlchemy opened, and raises SQLAlchemy's errors.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors

from gardefou.storage.types import Plain

_Convert = Callable[[Any], Any]


#: Where a connection keeps what is to be written before anything reads it (see `gardefou.storage.unwritten`).
UNWRITTEN = "gardefou.unwritten"
#: PostgreSQL's word for a write on a replica.
READ_ONLY = "25006"


class Waiting(Protocol):
    """What a unit of work has recorded and the database does not have yet."""

    #: Rows that were read ahead, by statement and values (see `Fast.key`).
    ahead: dict[Hashable, list[Any]]

    @property
    def tables(self) -> Collection[str]:
        """The tables that it concerns."""
        ...

    def write(self) -> None:
        """Write it, all of it; afterwards there is none."""
        ...


#: As the driver's, with parameters by place.
_DOLLARS: sa.Dialect = cast("Any", PGDialect_psycopg)(paramstyle="numeric_dollar")


class _Made(NamedTuple):
    text: str
    #: Every parameter: its name, the value where none is given, its conversion; in sequence where it has one.
    parameters: tuple[tuple[str, Any, _Convert | None], ...]
    #: Whether it is PostgreSQL's own text, with ``$1`` for a parameter: the driver need not read it.
    raw: bool
    #: By place: the columns that need a conversion.
    results: tuple[tuple[int, _Convert], ...]
    row: Callable[[Sequence[Any]], Any]


class Fast:
    """One Core statement without parameters of varying number (an ``IN`` over given values is none).

    ``columns`` are an INSERT's, where they are not simply all.
    """

    def __init__(
        self,
        statement: sa.Select[*tuple[Any, ...]] | sa.Insert | sa.Update | sa.Delete,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._made: dict[str, _Made] = {}
        self._tables = frozenset(one.name for one in _parts(statement) if isinstance(one, sa.Table))

    def all(self, connection: sa.Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run it; return every row, as a named tuple. What was read ahead is not read again."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        waiting = self._settled(connection)
        if waiting is not None and waiting.ahead:
            ahead = waiting.ahead.pop(self.key(values or {}), None)
            if ahead is not None:
                return ahead
        return self.rows(connection, self._run(connection, made, _bound(made, values or {})))

    def key(self, values: Mapping[str, Any]) -> Hashable:
        """Return what this statement with these values is called among those read ahead."""
        return self, tuple(sorted(values.items()))

    def rows(self, connection: sa.Connection, cursor: Any) -> list[Any]:
        """Return every row that a cursor of this statement found, as a named tuple."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        found = cursor.fetchall()
        results = made.results
        if not results:
            return [made.row(row) for row in found]
        rows: list[Any] = []
        for row in found:
            cells = list(row)
            for place, convert in results:
                cells[place] = convert(cells[place])
            rows.append(made.row(cells))
        return rows

    def first(self, connection: sa.Connection, values: Mapping[str, Any] | None = None) -> Any:
        """Run it; return the first row, or None."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run a statement that writes; return how many rows it met."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        return int(self._run(connection, made, _bound(made, values)).rowcount)

    def start(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """Run it; return the driver's cursor, of which anything can be asked after `together`."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        return self._run(connection, made, _bound(made, values))

    def _run(self, connection: sa.Connection, made: _Made, bound: Any) -> Any:
        try:
            if made.raw:
                return self._raw(connection).execute(made.text, bound, prepare=True)
            return self._on(connection).execute(made.text, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _translated(connection, made.text, error) from error

    def _raw(self, connection: sa.Connection) -> Any:
        """Return a cursor for PostgreSQL's own text."""
        from psycopg import RawCursor  # noqa: PLC0415 - needed only where there is a PostgreSQL

        return RawCursor(self._on(connection))

    def _on(self, connection: sa.Connection) -> Any:
        """Return the driver's connection, once what waits to be written to these tables has been."""
        waiting = self._settled(connection)
        if waiting is not None and waiting.ahead and not isinstance(self._statement, sa.Select):
            waiting.ahead.clear()
        return opened(connection)

    def _settled(self, connection: sa.Connection) -> Waiting | None:
        """Write what waits for these tables; return what keeps it, in a unit of work."""
        waiting: Waiting | None = connection.info.get(UNWRITTEN)
        if waiting is not None and not self._tables.isdisjoint(waiting.tables):
            waiting.write()
        return waiting

    def _make(self, dialect: sa.Dialect) -> _Made:
        if dialect.name == "postgresql":
            dialect = _DOLLARS
        keys = None if self._columns is None else list(self._columns)
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=keys)
        needed = {name: None for name, parameter in compiled.binds.items() if parameter.required}
        # Writes an IN over fixed values out.
        state = compiled.construct_expanded_state(needed) if isinstance(self._statement, sa.Select) else None
        usual: Mapping[str, Any] = compiled.params if state is None else state.parameters
        sequence: Sequence[str] | None = compiled.positiontup if state is None else state.positiontup
        names = list(sequence or ())
        parameters = tuple((name, usual.get(name), _binding(compiled, dialect, name)) for name in names)
        columns: list[Any] = list(self._statement.selected_columns) if isinstance(self._statement, sa.Select) else []
        converts = [(place, _result(column.type, dialect)) for place, column in enumerate(columns)]
        made = self._made[dialect.name] = _Made(
            text=str(compiled) if state is None else state.statement,
            parameters=parameters,
            raw=dialect is _DOLLARS,
            results=tuple((place, convert) for place, convert in converts if convert is not None),
            row=_row_of([str(getattr(column, "key", "")) for column in columns]),
        )
        return made


def _row_of(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    made: Any = namedtuple("FastRow", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - names known at run time  # pyright: ignore[reportUntypedNamedTuple]
    make: Callable[[Sequence[Any]], Any] = made._make
    return make


def _binding(compiled: Any, dialect: sa.Dialect, name: str) -> _Convert | None:
    parameter = compiled.binds.get(name)
    if parameter is None:
        return None  # one of an IN's values: texts and numbers as they are
    known: _Convert | None = parameter.type.bind if isinstance(parameter.type, Plain) else None
    return known or parameter.type.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: Any, dialect: sa.Dialect) -> _Convert | None:
    if hasattr(kind, "asdecimal"):
        return None  # a fraction or a sum: the number that the driver gives
    known: _Convert | None = kind.read if isinstance(kind, Plain) else None
    return known or kind.dialect_impl(dialect).result_processor(dialect, None)


def _bound(made: _Made, values: Mapping[str, Any]) -> list[Any]:
    bound: list[Any] = []
    for name, usual, convert in made.parameters:
        value = values.get(name, usual)
        bound.append(value if convert is None else convert(value))
    return bound


@contextmanager
def together(connection: sa.Connection) -> Iterator[None]:
    """Send every statement that is started within in one exchange, where the driver can (PostgreSQL's pipeline)."""
    if connection.dialect.name != "postgresql":
        yield
        return
    with translating(connection), opened(connection).pipeline():
        yield


def at_once(connection: sa.Connection, *reads: tuple[Fast, Mapping[str, Any]]) -> list[list[Any]]:
    """Run several statements in one exchange; return the rows of each."""
    with together(connection):
        started = [(statement, statement.start(connection, values)) for statement, values in reads]
    return [statement.rows(connection, cursor) for statement, cursor in started]


def driver(connection: sa.Connection) -> Any:
    """Return the driver's own connection, once everything that waits to be written has been."""
    waiting: Waiting | None = connection.info.get(UNWRITTEN)
    if waiting is not None:
        waiting.write()
        waiting.ahead.clear()
    return opened(connection)


def _parts(statement: Any) -> Iterator[Any]:
    """Yield every part of a statement, whatever it is nested in."""
    if not isinstance(statement, sa.Select):
        yield statement.table
    yield from visitors.iterate(cast("sa.ClauseElement", statement))


def opened(connection: sa.Connection) -> Any:
    """Return the driver's own connection, in the transaction that the store opened."""
    return connection.connection.driver_connection


@contextmanager
def translating(connection: sa.Connection) -> Iterator[None]:
    """Let the driver's errors leave as SQLAlchemy's, by which callers know a store that is away or a lost race."""
    try:
        yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, "", error) from error


def _translated(connection: sa.Connection, text: str, error: Exception) -> BaseException:
    if lost_primary(connection, error):
        leave(connection)
        error = connection.dialect.loaded_dbapi.OperationalError(str(error))
    return DBAPIError.instance(text, [], error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect)


def lost_primary(connection: sa.Connection, error: BaseException) -> bool:
    """Tell whether an error says that this connection leads nowhere any more: broken, or to what is no primary now."""
    if connection.dialect.name != "postgresql" or connection.closed or connection.invalidated:
        return False
    if getattr(error, "sqlstate", None) == READ_ONLY:
        return True
    made = connection.connection.dbapi_connection
    return bool(getattr(made, "closed", False)) or connection.dialect.is_disconnect(cast("Any", error), made, None)


def leave(connection: sa.Connection) -> None:
    """Give a connection up, and whatever the pool has that was opened with it: what comes next connects anew."""
    connection.invalidate()
    connection.engine.dispose()
