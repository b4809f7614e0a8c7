"""Statements that are compiled once and handed to the driver directly.

SQLAlchemy takes some thirty microseconds over each execution, several times
what SQLite takes for a row by its key; a step of the flow has dozens. A `Fast`
keeps the text, the parameters' sequence and both kinds of type conversion of
one Core statement, and leaves out the rest. It runs on the connection and in
the transaction that SQLAlchemy opened, and raises SQLAlchemy's errors.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_Convert = Callable[[Any], Any]


class _Made(NamedTuple):
    text: str
    #: Every parameter: its name, the value where none is given, its conversion; in sequence where it has one.
    parameters: tuple[tuple[str, Any, _Convert | None], ...]
    positional: bool
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

    def all(self, connection: sa.Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run it; return every row, as a named tuple."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        found = self._run(connection, made, _bound(made, values or {})).fetchall()
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

    def run_many(self, connection: sa.Connection, values: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that writes once for each of the values."""
        made = self._made.get(connection.dialect.name) or self._make(connection.dialect)
        if len(values) == 1:
            self._run(connection, made, _bound(made, values[0]))
            return
        bound = [_bound(made, one) for one in values]
        cursor = _driver(connection).cursor()
        try:
            cursor.executemany(made.text, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _translated(connection, made.text, bound, error) from error
        finally:
            cursor.close()

    def _run(self, connection: sa.Connection, made: _Made, bound: Any) -> Any:
        try:
            return _driver(connection).execute(made.text, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _translated(connection, made.text, bound, error) from error

    def _make(self, dialect: sa.Dialect) -> _Made:
        keys = None if self._columns is None else list(self._columns)
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=keys)
        needed = {name: None for name, parameter in compiled.binds.items() if parameter.required}
        # Writes an IN over fixed values out.
        state = compiled.construct_expanded_state(needed) if isinstance(self._statement, sa.Select) else None
        usual: Mapping[str, Any] = compiled.params if state is None else state.parameters
        sequence: Sequence[str] | None = compiled.positiontup if state is None else state.positiontup
        positional = bool(compiled.positional)
        names = list(sequence or ()) if positional else list(usual)
        parameters = tuple((name, usual.get(name), _binding(compiled, dialect, name)) for name in names)
        columns: list[Any] = list(self._statement.selected_columns) if isinstance(self._statement, sa.Select) else []
        converts = [(place, _result(column.type, dialect)) for place, column in enumerate(columns)]
        made = self._made[dialect.name] = _Made(
            text=str(compiled) if state is None else state.statement,
            parameters=parameters,
            positional=positional,
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
    convert: _Convert | None = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _result(kind: Any, dialect: sa.Dialect) -> _Convert | None:
    if hasattr(kind, "asdecimal"):
        return None  # a fraction or a sum: the number that the driver gives
    convert: _Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return convert


def _bound(made: _Made, values: Mapping[str, Any]) -> Any:
    bound: list[Any] = []
    for name, usual, convert in made.parameters:
        value = values.get(name, usual)
        bound.append(value if convert is None else convert(value))
    if made.positional:
        return bound
    return {name: value for (name, _, _), value in zip(made.parameters, bound, strict=True)}


def _driver(connection: sa.Connection) -> Any:
    """Return the driver's own connection, in the transaction that SQLAlchemy opened."""
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.driver_connection


def _translated(connection: sa.Connection, text: str, bound: Any, error: Exception) -> BaseException:
    return DBAPIError.instance(text, bound, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect)
