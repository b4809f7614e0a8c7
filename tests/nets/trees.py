"""Conditions as trees, of the whole language and well typed, and facts to read them on; for tests that compare readings."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from gardefou.nets.evaluate import from_tree
from gardefou.nets.facts import SCHEMA, Facts, FactSpec, Kind, UnknownFactRead
from gardefou.nets.solver import InexpressibleError, Reader, Situation, z3
from gardefou.nets.tree import Arith, Bool, Call, Compare, Fact, ListOf, Literal, Negate, Node, Not, facts_read, walk
from tests.nets.cases import value_of

NUMBERS = [spec for spec in SCHEMA.values() if spec.is_number]
BOOLS = [spec for spec in SCHEMA.values() if spec.kind is Kind.BOOL]
WORDS = [spec for spec in SCHEMA.values() if spec.kind in (Kind.TEXT, Kind.ENUM)]
LISTS = [spec for spec in SCHEMA.values() if spec.kind is Kind.TEXTS]
SOME_WORDS = ("protected", "spam", "Spam", "console", "reviewer", "lead", "suspend", 'it\'s \\ "so" -- ; é', "")


def leaf(specs: list[FactSpec]) -> st.SearchStrategy[Node]:
    return st.sampled_from(specs).map(lambda spec: Fact(spec, 0))


def literals(values: Any) -> st.SearchStrategy[Node]:
    return st.sampled_from(values).map(lambda value: Literal(value, 0))


def compare(one: Any, two: Any, ops: list[str]) -> st.SearchStrategy[Node]:
    return st.builds(lambda left, right, op: Compare((left, right), (op,), 0), one, two, st.sampled_from(ops))


def chain(part: Any, ops: list[str]) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda items, given: Compare(tuple(items), tuple(given[: len(items) - 1]), 0),
        st.lists(part, min_size=2, max_size=3),
        st.lists(st.sampled_from(ops), min_size=2, max_size=2),
    )


def list_of(part: Any) -> st.SearchStrategy[Node]:
    return st.lists(part, min_size=1, max_size=3).map(lambda items: ListOf(tuple(items), 0))


def call(names: list[str], part: Any, least: int) -> st.SearchStrategy[Node]:
    """Both ways of writing it: over one list, and over several arguments."""
    many = st.lists(part, min_size=least, max_size=3).map(tuple)
    return st.builds(
        lambda name, items, listed: Call(
            name, (ListOf(items, 0),) if listed or name in ("any", "all") or len(items) == 1 else items, 0
        ),
        st.sampled_from(names),
        many,
        st.booleans(),
    )


def _bigger_number(inner: Any) -> st.SearchStrategy[Node]:
    return (
        st.builds(Arith, st.sampled_from("+-*/"), inner, inner, st.just(0))
        | st.builds(Negate, inner, st.just(0))
        | call(["min", "max"], inner, 1)
        | leaf(LISTS).map(lambda listed: Call("len", (listed,), 0))
        | list_of(inner).map(lambda listed: Call("len", (listed,), 0))
    )


_EQUAL = ["==", "!="]
_ORDER = ["<", "<=", ">", ">=", *_EQUAL]
_IN = ["in", "not in"]
words = leaf(WORDS) | literals(SOME_WORDS)


def _conditions(numbers: Any, sought: Any, bools: Any) -> st.SearchStrategy[Node]:
    comparisons = (
        chain(numbers, _ORDER)
        | compare(numbers, list_of(numbers), _IN)
        | chain(words, _EQUAL)
        | compare(words, list_of(words), _IN)
        | compare(sought, leaf(LISTS), _IN)
    )

    def bigger(inner: Any) -> st.SearchStrategy[Node]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return (
            st.builds(Not, inner, st.just(0))
            | st.builds(Bool, st.sampled_from(["and", "or"]), several, st.just(0))
            | call(["any", "all"], inner, 1)
            | compare(inner, inner, _EQUAL)
            | compare(inner, list_of(inner), _IN)
        )

    return st.recursive(comparisons | bools, bigger, max_leaves=5)


# Powers of two: exact as floats too, whatever is done with a few of them.
_exact = literals([0, 1, 2, 4, 64, 0.5])
#: Conditions that a solver has a formula for, with numbers that floats hold exactly.
conditions = _conditions(
    st.recursive(leaf(NUMBERS) | _exact, _bigger_number, max_leaves=4), literals(SOME_WORDS), leaf(BOOLS)
)
#: The whole language, with numbers at the bounds of what is counted, and where floats lose digits.
_odd = literals([0, 1, 3, 0.1, 0.3, 1e-300, 2**53 // 10, 10**15, 10**15 - 1, 999_999_999_999_999.9])
whole_language = _conditions(
    st.recursive(leaf(NUMBERS) | _odd, _bigger_number, max_leaves=6), words, leaf(BOOLS) | literals([True, False])
)


def simple_value(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Values that floats hold exactly; the rest as anywhere."""
    if spec.is_number:
        return st.sampled_from([0, 1, 2, 4] if spec.maximum < 64 else [0, 1, 2, 4, 64])
    return value_of(spec)


def odd_value(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Values at the bounds, those that conditions speak of, and any other."""
    match spec.kind:
        case Kind.INT:
            return st.sampled_from([0, 1, 3, spec.maximum, spec.maximum - 1]) | value_of(spec)
        case Kind.FLOAT:
            return st.sampled_from([0, 0.0, 0.1, 0.3, 1e-300, 5e-324, spec.maximum]) | value_of(spec)
        case Kind.TEXT:
            return st.sampled_from(SOME_WORDS) | value_of(spec)
        case Kind.TEXTS if not spec.choices:
            return st.lists(st.sampled_from(SOME_WORDS), max_size=3) | value_of(spec)
        case _:
            return value_of(spec)


def facts_for(*nodes: Node, values: Any = simple_value) -> st.SearchStrategy[Facts]:
    """Facts that these conditions read, some of them unknown."""
    read = {spec.name: spec for node in nodes for spec in facts_read(node)}
    return st.fixed_dictionaries({name: st.none() | values(spec) for name, spec in read.items()}).map(Facts.of)


def is_exact(node: Node, facts: Facts) -> bool:
    """Whether floats lose nothing in what the condition calculates: a solver's numbers are exact."""
    for one in walk(node):
        if isinstance(one, Arith):
            try:
                left, right, got = (
                    Fraction(from_tree("", part).test(facts.row)) for part in (one.left, one.right, one)
                )
                exact = {"+": left + right, "-": left - right, "*": left * right}.get(one.op)
                if got != (left / right if exact is None else exact):
                    return False
            except (ArithmeticError, TypeError, UnknownFactRead):
                continue  # it errs, and comes to no number
    return True


def by_solver(node: Node, facts: Facts) -> bool | None:
    """What the solver reads; None where it has no formula (a divisor that errs), or counts what floats round."""
    if not is_exact(node, facts):
        return None
    try:
        formula = z3().simplify(z3().Or(Reader(Situation.of(facts)).speaks(node), z3().BoolVal(False)))
    except InexpressibleError:
        return None
    assert z3().is_true(formula) or z3().is_false(formula)
    return bool(z3().is_true(formula))
