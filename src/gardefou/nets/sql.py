"""Conditions as SQL: the third reading of the one tree, over columns that hold facts.

A column is named after its fact (`column_of`) and is NULL where the fact is
unknown. `speaks` gives an expression of sqlglot's that is true where the net
counts as matched, and `written` writes it in DuckDB's SQL or another dialect.
Expressions are built of nodes, never of text: nothing in a net becomes SQL.

SQL has three truth values and evaluation three outcomes, but they are not the
same three. So no NULL is ever calculated with: each value stands beside the
expression of whether reading it errs. Every number is a double, as it is a
float in evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gardefou.errors import InvalidInput, Unavailable
from gardefou.nets import tree
from gardefou.nets.facts import FactSpec, Kind
from gardefou.nets.net import NetSet

#: The types that columns have, as DuckDB names them.
TYPES = {
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.ENUM: "VARCHAR",
    Kind.TEXTS: "VARCHAR[]",
}
#: Dialects that have no lists, so none of a fact that is one; sqlglot writes them all the same.
_WITHOUT_LISTS = ("mysql", "sqlite", "tsql", "oracle")


def sqlglot() -> Any:
    """Return the module that builds and writes SQL.

    Raises:
        Unavailable: it is not installed (`nets/sql`).
    """
    try:
        return import_module("sqlglot")  # an extra: only who looks back needs it
    except ImportError as error:
        raise Unavailable("nets/sql", "Nets as SQL need a writer of SQL: install gardefou[backtest].") from error


def column_of(spec: FactSpec) -> str:
    """Return the column that holds a fact: ``account_tier_memory``."""
    return spec.name.replace(".", "_")


def speaks(node: tree.Node) -> Any:
    """Return the expression that is true where a condition matches or errs, and false elsewhere; never NULL.

    Raises:
        InvalidInput: a text in it is none that a database can hold (`nets/text`).
        Unavailable: sqlglot is not installed (`nets/sql`).
    """
    return Reader().speaks(node)


def written(expression: Any, dialect: str = "duckdb") -> str:
    """Write an expression in a dialect by its name: duckdb, postgres, spark, bigquery, ….

    Raises:
        InvalidInput: there is no such dialect, or it lacks something (`nets/dialect`).
    """
    glot = sqlglot()
    known = sorted(name.value for name in glot.Dialects if name.value)
    if dialect not in known:
        raise InvalidInput(
            "nets/dialect", f"There is no SQL dialect {dialect!r}; there are {', '.join(known)}.", field="dialect"
        )
    lists = (glot.exp.ArrayContains, glot.exp.ArraySize)
    if dialect in _WITHOUT_LISTS and expression.find(*lists):
        raise InvalidInput(
            "nets/dialect", f"{dialect} has no lists, and a net reads one: labels or roles.", field="dialect"
        )
    try:
        return str(expression.sql(dialect=dialect, unsupported_level=glot.ErrorLevel.RAISE))
    except glot.errors.UnsupportedError as error:
        raise InvalidInput("nets/dialect", f"This cannot be said in {dialect}: {error}.", field="dialect") from error


def query(nets: NetSet, table: str, dialect: str = "duckdb") -> str:
    """Write one SELECT over a table of history: each enforcement's platform and id, and a column a net of whether it
    speaks.

    Raises:
        InvalidInput: `nets/dialect`, `nets/text`.
    """
    exp = sqlglot().exp
    spoken = [exp.alias_(speaks(net.condition.node), net.id, quoted=True) for net in nets]
    return written(exp.select(exp.column("platform"), exp.column("id"), *spoken).from_(exp.to_table(table)), dialect)


@dataclass(frozen=True, slots=True)
class _Term:
    """A value, never NULL, and whether reading it errs: None where it cannot."""

    value: Any
    errs: Any = None


class Reader:
    """Turns conditions into expressions."""

    def __init__(self) -> None:
        self._exp = sqlglot().exp

    def speaks(self, node: tree.Node) -> Any:
        """Return the expression that is true where a condition matches or errs.

        Raises:
            InvalidInput: `nets/text`.
        """
        term = self._read(node)
        return self._either([term.errs, term.value])

    def _either(self, parts: Iterable[Any]) -> Any:
        """Return whether any holds; None of none."""
        left = [part for part in parts if part is not None]
        return self._exp.or_(*left) if left else None

    def _both(self, one: Any, two: Any) -> Any:
        return None if two is None else self._exp.and_(one, two)

    def _tight(self, value: Any) -> Any:
        """Return an operand, in brackets where it is not one word; always a node of its own."""
        exp = self._exp
        return exp.paren(value) if isinstance(value, (exp.Binary, exp.Unary)) else value.copy()

    def _not(self, value: Any) -> Any:
        return self._exp.Not(this=self._tight(value))

    def _double(self, value: Any) -> Any:
        """Return a number as one to calculate with: a constant would be a decimal in some dialects."""
        return self._exp.cast(value, "double") if isinstance(value, self._exp.Literal) else value

    def _read(self, node: tree.Node) -> _Term:
        exp = self._exp
        match node:
            case tree.Literal(value=value):
                return _Term(self._constant(value))
            case tree.Fact(spec=spec) if spec.kind is not Kind.TEXTS:
                return self._fact(spec)
            case tree.Not(inner=inner):
                term = self._read(inner)
                return _Term(self._not(term.value), term.errs)
            case tree.Bool(op=op, parts=parts):
                return self._bool(op, [self._read(part) for part in parts])
            case tree.Compare(items=(item, listed), ops=(("in" | "not in") as op,)):
                term = self._within(item, listed)
                return _Term(self._not(term.value), term.errs) if op == "not in" else term
            case tree.Compare(items=items, ops=ops):
                return self._compare([self._read(item) for item in items], ops)
            case tree.Arith(op=op, left=left, right=right):
                return self._arith(op, self._read(left), self._read(right))
            case tree.Negate(inner=inner):
                term = self._read(inner)
                return _Term(exp.Neg(this=exp.paren(self._double(term.value))), term.errs)
            case tree.Call(function=function, args=args):
                return self._call(function, args)
            case _:
                raise ValueError(node)  # checking left no other

    def _constant(self, value: object) -> Any:
        exp = self._exp
        match value:
            case bool():
                return exp.true() if value else exp.false()
            case int() | float():
                text = repr(float(value))
                # With an exponent most dialects read a double, without one a decimal.
                return exp.Literal.number(text if "e" in text else f"{text}e0")
            case _:
                text = str(value)
                try:
                    text.encode()
                except UnicodeEncodeError:
                    raise InvalidInput(
                        "nets/text", f"No database holds the text {text!r}; half a character is in it.", field="when"
                    ) from None
                return exp.Literal.string(text)

    def _fact(self, spec: FactSpec) -> _Term:
        exp = self._exp
        column = exp.column(column_of(spec))
        blank = {Kind.BOOL: False, Kind.INT: 0, Kind.FLOAT: 0}.get(spec.kind, "")
        unknown = self._constant(blank if spec.most_protective is None else spec.most_protective)
        value = exp.cast(column, "double") if spec.is_number else column
        errs = exp.Is(this=column.copy(), expression=exp.null()) if spec.most_protective is None else None
        return _Term(exp.Coalesce(this=value, expressions=[unknown]), errs)

    def _bool(self, op: str, terms: Sequence[_Term]) -> _Term:
        """Read from the left, stopping early: what is not reached cannot err."""
        errs: Any = None
        for term in reversed(terms):
            reached = term.value if op == "and" else self._not(term.value)
            errs = self._either([term.errs, self._both(reached, errs)])
        join = self._exp.and_ if op == "and" else self._exp.or_
        return _Term(join(*(term.value for term in terms)), errs)

    def _compare(self, terms: Sequence[_Term], ops: Sequence[str]) -> _Term:
        value = self._pair(ops[0], terms[0].value, terms[1].value)
        errs = self._either([terms[0].errs, terms[1].errs])
        for op, left, right in zip(ops[1:], terms[1:], terms[2:], strict=False):
            errs = self._either([errs, self._both(value, right.errs)])
            value = self._exp.and_(value, self._pair(op, left.value, right.value))
        return _Term(value, errs)

    def _pair(self, op: str, left: Any, right: Any) -> Any:
        exp = self._exp
        kind = {"==": exp.EQ, "!=": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}[op]
        return kind(this=self._tight(left), expression=self._tight(right))

    def _within(self, item: tree.Node, listed: tree.Node) -> _Term:
        wanted = self._read(item)
        if isinstance(listed, tree.ListOf):
            return self._first_equal(wanted, [self._read(one) for one in listed.items])
        assert isinstance(listed, tree.Fact)
        exp = self._exp
        spec = listed.spec
        column = exp.column(column_of(spec))
        # Nothing is most protective in a list but its being empty (see `SCHEMA`): then it holds no text.
        has = exp.ArrayContains(this=column, expression=wanted.value.copy())
        value = exp.Coalesce(this=has, expressions=[exp.false()])
        # A text that is unknown is compared with none where the list is empty.
        compared = self._pair(">", self._length(spec), self._constant(0))
        unknown = exp.Is(this=column.copy(), expression=exp.null()) if spec.most_protective is None else None
        return _Term(value, self._either([unknown, self._both(compared, wanted.errs)]))

    def _first_equal(self, wanted: _Term, others: Sequence[_Term]) -> _Term:
        """Compare with one after the other, stopping at the first that is equal."""
        errs: Any = None
        equal = [self._pair("==", wanted.value, one.value) for one in others]
        for one, same in zip(reversed(others), reversed(equal), strict=True):
            errs = self._either([one.errs, self._both(self._not(same), errs)])
        return _Term(self._exp.or_(*equal), self._either([wanted.errs, errs]))

    def _arith(self, op: str, left: _Term, right: _Term) -> _Term:
        exp = self._exp
        errs = [left.errs, right.errs]
        one, two = (self._tight(self._double(term.value)) for term in (left, right))
        if op in "+-":
            kind = exp.Add if op == "+" else exp.Sub
            return _Term(kind(this=one, expression=two), self._either(errs))
        if op == "*":
            value: Any = exp.Mul(this=one, expression=two)
        else:
            zero = self._constant(0)
            divisor = exp.Nullif(this=two, expression=zero.copy())
            value = exp.Coalesce(this=exp.Div(this=one, expression=divisor), expressions=[zero])
            errs.append(self._pair("==", right.value, zero))
        # Where it outgrows floats, as evaluation has it.
        errs.append(self._not(self._pair("<", exp.Abs(this=value.copy()), self._constant(1e300))))
        return _Term(value, self._either(errs))

    def _length(self, spec: FactSpec) -> Any:
        exp = self._exp
        size = exp.ArraySize(this=exp.column(column_of(spec)))
        return exp.Coalesce(this=exp.cast(size, "double"), expressions=[self._constant(0)])

    def _call(self, function: str, args: Sequence[tree.Node]) -> _Term:
        exp = self._exp
        first = args[0]
        if function == "len":
            if isinstance(first, tree.ListOf):
                return _Term(self._constant(len(first.items)))
            assert isinstance(first, tree.Fact)
            errs = None
            if first.spec.most_protective is None:
                errs = exp.Is(this=exp.column(column_of(first.spec)), expression=exp.null())
            return _Term(self._length(first.spec), errs)
        nodes = first.items if isinstance(first, tree.ListOf) else args
        # Every one is read, so that none that is unknown hides behind another.
        terms = [self._read(node) for node in nodes]
        errs = self._either([term.errs for term in terms])
        values = [term.value for term in terms]
        if function in ("any", "all"):
            return _Term((exp.or_ if function == "any" else exp.and_)(*values), errs)
        if len(values) == 1:
            return _Term(values[0], errs)
        kind = exp.Least if function == "min" else exp.Greatest
        # There are no NULLs to watch for.
        doubles = [self._double(value) for value in values]
        return _Term(kind(this=doubles[0], expressions=doubles[1:], ignore_nulls=True), errs)
