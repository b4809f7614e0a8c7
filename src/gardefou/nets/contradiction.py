"""Finds conditions that can never hold, by intervals and sets of words; it never errs on the side of refusing.

A condition is spread into alternatives of simple facts ("this and this").
It never holds when every alternative contradicts itself. What is too intricate
counts as possible: the full answer is the prover's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product

from gardefou.nets import tree
from gardefou.nets.facts import FactSpec, Kind

#: More alternatives than this are not spread out; the condition counts as possible.
_MOST_ALTERNATIVES = 512

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_FLIPPED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

_Atom = tuple[tree.Node, bool]


class _TooManyError(Exception):
    """Too many alternatives to look at."""


def never_holds(node: tree.Node) -> bool:
    """Return whether the checked condition is false (or errs) whatever the facts are."""
    try:
        return all(_contradicts(clause) for clause in _alternatives(node, holds=True))
    except _TooManyError:
        return False


def _alternatives(node: tree.Node, *, holds: bool) -> list[tuple[_Atom, ...]]:
    match node:
        case tree.Not(inner=inner):
            return _alternatives(inner, holds=not holds)
        case tree.Bool(op=op, parts=parts):
            each = [_alternatives(part, holds=holds) for part in parts]
            return _joined(each, together=(op == "and") == holds)
        case tree.Call(function="any" | "all" as name, args=(tree.ListOf(items=items),)):
            each = [_alternatives(item, holds=holds) for item in items]
            return _joined(each, together=(name == "all") == holds)
        case tree.Compare(items=items, ops=ops, at=at) if len(ops) > 1:
            pairs = [tree.Compare((a, b), (op,), at) for a, op, b in zip(items, ops, items[1:], strict=False)]
            return _joined([_alternatives(pair, holds=holds) for pair in pairs], together=holds)
        case _:
            return [((node, holds),)]


def _joined(each: list[list[tuple[_Atom, ...]]], *, together: bool) -> list[tuple[_Atom, ...]]:
    if not together:
        spread = [clause for clauses in each for clause in clauses]
    else:
        if math.prod(len(clauses) for clauses in each) > _MOST_ALTERNATIVES:
            raise _TooManyError
        spread = [tuple(atom for clause in chosen for atom in clause) for chosen in product(*each)]
    if len(spread) > _MOST_ALTERNATIVES:
        raise _TooManyError
    return spread


@dataclass(slots=True)
class _Possible:
    """What one fact can still be within an alternative."""

    spec: FactSpec
    low: float = 0
    high: float = math.inf
    words: frozenset[object] | None = None
    without: set[object] = field(default_factory=set[object])
    holding: set[object] = field(default_factory=set[object])

    def limit(self, op: str, value: float) -> None:
        whole = self.spec.kind is Kind.INT
        match op:
            case "==":
                self.low, self.high = max(self.low, value), min(self.high, value)
            case ">=":
                self.low = max(self.low, math.ceil(value) if whole else value)
            case "<=":
                self.high = min(self.high, math.floor(value) if whole else value)
            case ">":
                self.low = max(self.low, math.floor(value) + 1 if whole else math.nextafter(value, math.inf))
            case "<":
                self.high = min(self.high, math.ceil(value) - 1 if whole else math.nextafter(value, -math.inf))
            case _:
                self.without.add(value)

    def restrict(self, words: Iterable[object], *, keep: bool) -> None:
        given = frozenset(words)
        if not keep:
            self.without |= given
        else:
            self.words = given if self.words is None else self.words & given

    @property
    def empty(self) -> bool:
        if self.low > self.high or (self.low == self.high and self.low in self.without):
            return True
        if self.spec.kind is Kind.INT and self.low == self.high and not float(self.low).is_integer():
            return True
        if self.holding & self.without and self.spec.kind is Kind.TEXTS:
            return True
        return self.words is not None and not self.words - self.without


def _contradicts(clause: tuple[_Atom, ...]) -> bool:
    facts: dict[str, _Possible] = {}

    def of(spec: FactSpec) -> _Possible:
        if spec.name not in facts:
            words: frozenset[object] | None = None
            if spec.kind is Kind.ENUM:
                words = frozenset(spec.choices)
            elif spec.kind is Kind.BOOL:
                words = frozenset({True, False})
            facts[spec.name] = _Possible(spec, high=spec.maximum, words=words)
        return facts[spec.name]

    for node, holds in clause:
        match node:
            case tree.Literal(value=bool() as value):
                if value != holds:
                    return True
            case tree.Fact(spec=spec) if spec.kind is Kind.BOOL:
                of(spec).restrict({holds}, keep=True)
            case tree.Compare(items=(left, right), ops=(op,)):
                word = op if holds else _OPPOSITE[op]
                if isinstance(right, tree.Fact) and not isinstance(left, tree.Fact) and word in _FLIPPED:
                    left, right, word = right, left, _FLIPPED[word]
                if _apply(left, word, right, of):
                    return True
            case _:
                continue
    return any(possible.empty for possible in facts.values())


def _apply(left: tree.Node, op: str, right: tree.Node, of: Callable[[FactSpec], _Possible]) -> bool:
    """Note what the comparison leaves possible; return whether it is impossible by itself."""
    match left, op, right:
        case tree.Fact(spec=spec), _, tree.Literal(value=bool() | str() as value) if op in ("==", "!="):
            of(spec).restrict({value}, keep=op == "==")
        case tree.Fact(spec=spec), _, tree.Literal(value=int() | float() as value) if op in _FLIPPED:
            of(spec).limit(op, value)
        case tree.Fact(spec=spec), "in" | "not in", tree.ListOf(items=items) if not spec.is_number:
            if all(isinstance(item, tree.Literal) for item in items):
                of(spec).restrict({item.value for item in items if isinstance(item, tree.Literal)}, keep=op == "in")
        case tree.Literal(value=str() as value), "in" | "not in", tree.Fact(spec=spec):
            (of(spec).holding if op == "in" else of(spec).without).add(value)
        case _ if op in _FLIPPED:
            return _ranges_exclude(left, op, right)
        case _:
            pass  # too intricate: counts as possible
    return False


def _ranges_exclude(left: tree.Node, op: str, right: tree.Node) -> bool:
    one, two = value_range(left), value_range(right)
    if one is None or two is None:
        return False
    match op:
        case "<":
            return one[0] >= two[1]
        case "<=":
            return one[0] > two[1]
        case ">":
            return one[1] <= two[0]
        case ">=":
            return one[1] < two[0]
        case "==":
            return one[1] < two[0] or two[1] < one[0]
        case _:
            return False


def value_range(node: tree.Node) -> tuple[float, float] | None:
    """Return the least and greatest value of a number, or ``None`` where it is not known."""
    match node:
        case tree.Literal(value=int() | float() as value) if not isinstance(value, bool):
            return value, value
        case tree.Fact(spec=spec) if spec.is_number:
            return 0, spec.maximum
        case tree.Negate(inner=inner):
            inside = value_range(inner)
            return None if inside is None else (-inside[1], -inside[0])
        case tree.Call(function="len"):
            return 0, math.inf
        case tree.Arith(op=op, left=left, right=right):
            return _arith_range(op, value_range(left), value_range(right))
        case tree.Call(function="min" | "max" as name, args=args):
            items = args[0].items if len(args) == 1 and isinstance(args[0], tree.ListOf) else args
            ranges = [value_range(item) for item in items]
            known = [one for one in ranges if one is not None]
            pick = min if name == "min" else max
            if len(known) < len(ranges) or not known:
                return None
            return pick(low for low, _ in known), pick(high for _, high in known)
        case _:
            return None


def _arith_range(
    op: str, one: tuple[float, float] | None, two: tuple[float, float] | None
) -> tuple[float, float] | None:
    if one is None or two is None or op == "/":
        return None
    match op:
        case "+":
            return one[0] + two[0], one[1] + two[1]
        case "-":
            return one[0] - two[1], one[1] - two[0]
        case _:
            corners = [a * b for a in one for b in two]
            return min(corners), max(corners)
