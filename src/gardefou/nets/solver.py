"""Conditions as formulas: the second reading of the one tree, for a solver (z3).

A `Situation` has a variable for every fact, with the bounds of `SCHEMA` and
what is true of facts by their meaning. `Formulas` turns the nets of a set into
what they ask there: whether it is refused, how many people, how long a hold.

Texts are numbers here, one for each text that a condition names; any other
number is some other text. A list fact is a truth value for each text that a
condition looks for, and a length. Numbers are exact, where evaluation has floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from typing import Any

from gardefou.errors import Unavailable
from gardefou.nets import tree
from gardefou.nets.facts import MAX_TEXTS, SCHEMA, Facts, FactSpec, Kind
from gardefou.nets.net import Net
from gardefou.nets.verdict import Verdict

_SCOPES = ("actor_1h", "actor_24h", "team_1h", "platform_1h")
_AMONG = (
    *((f"recent.{scope}.severity4", f"recent.{scope}.severity3") for scope in _SCOPES),
    *((f"recent.{scope}.severity3", f"recent.{scope}.all") for scope in _SCOPES),
    *((f"recent.actor_1h.{name}", f"recent.actor_24h.{name}") for name in ("all", "severity3", "severity4", "reach")),
)


class InexpressibleError(Exception):
    """A condition has something that formulas here do not have; never leaves this package."""


def z3() -> Any:
    """Return the solver's module.

    Raises:
        Unavailable: it is not installed (`nets/solver`).
    """
    try:
        return import_module("z3")  # an extra: only who proves needs it
    except ImportError as error:
        raise Unavailable("nets/solver", "Proving needs a solver: install gardefou[prove].") from error


class Words:
    """The number of every text, the same in all situations of one proof."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        """Return the text's number."""
        return self._numbers.setdefault(word, len(self._numbers) + 1)

    def word(self, number: int) -> str:
        """Return the text of a number, or one that no condition names."""
        known = {value: key for key, value in self._numbers.items()}
        return known.get(number, f"something else {number}" if number else "")


@dataclass(slots=True)
class Situation:
    """A variable for every fact, under one name; ``unknown`` facts have none."""

    name: str
    words: Words
    unknown: frozenset[str] = frozenset()
    #: Values instead of variables, such as those of another situation.
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    members: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    #: How many texts lists hold; two situations with the same ``members`` have the same of these.
    lengths: dict[str, Any] = field(default_factory=dict[str, Any])
    #: The texts of lists, where they are values and no variables.
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    _made: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, facts: Facts) -> Situation:
        """Return the one situation that these facts are: formulas over it have nothing left to solve."""
        at = cls("of", Words(), unknown=facts.unknown)
        for name, value in facts.items():
            if isinstance(value, tuple):
                at.lists[name] = value
            else:
                at.given[name] = at.constant(value)
        return at

    def value(self, spec: FactSpec) -> Any:
        """Return the variable, or the value, of a fact that is no list; None where reading it errs."""
        if spec.name in self.unknown:
            return None if spec.most_protective is None else self.constant(spec.most_protective)
        if spec.name in self.given:
            return self.given[spec.name]
        if spec.name not in self._made:
            solver = z3()
            name = f"{self.name}:{spec.name}"
            make = {Kind.BOOL: solver.Bool, Kind.FLOAT: solver.Real}.get(spec.kind, solver.Int)
            self._made[spec.name] = make(name)
        return self._made[spec.name]

    def fact(self, name: str) -> Any:
        """Return the variable of a fact by its name."""
        return self.value(SCHEMA[name])

    def constant(self, value: object) -> Any:
        """Return a plain value as a formula has it."""
        solver = z3()
        match value:
            case bool():
                return solver.BoolVal(value)
            case int():
                return solver.IntVal(value)
            case float():
                exact = Fraction(value)
                return solver.Q(exact.numerator, exact.denominator)
            case _:
                return solver.IntVal(self.words.number(str(value)))

    def has(self, spec: FactSpec, word: str) -> Any:
        """Return whether a list fact holds a text; None where reading it errs."""
        solver = z3()
        if spec.name in self.unknown:
            # No list is most protective with anything in it.
            return None if spec.most_protective is None else solver.BoolVal(False)
        if spec.name in self.lists:
            return solver.BoolVal(word in self.lists[spec.name])
        held = self.members.setdefault(spec.name, {})
        if word not in held:
            held[word] = solver.Bool(f"{self.name}:{spec.name}:{word}")
        return held[word]

    def length(self, spec: FactSpec) -> Any:
        """Return how many texts a list fact holds; None where reading it errs."""
        solver = z3()
        if spec.name in self.unknown:
            return None if spec.most_protective is None else solver.IntVal(0)
        if spec.name in self.lists:
            return solver.IntVal(len(self.lists[spec.name]))
        if spec.name not in self.lengths:
            self.lengths[spec.name] = solver.Int(f"{self.name}:{spec.name}:length")
        return self.lengths[spec.name]

    def bounds(self) -> list[Any]:
        """Return what every situation keeps: the bounds of facts, and what their meanings say of each other."""
        solver = z3()
        found: list[Any] = []
        for spec in SCHEMA.values():
            if spec.name in self.unknown:
                continue
            if spec.kind is Kind.TEXTS:
                found += self._list_bounds(spec)
                continue
            value = self.value(spec)
            if spec.is_number:
                found += [value >= 0, value <= spec.maximum]
            elif spec.kind is Kind.ENUM:
                found.append(solver.Or([value == self.words.number(word) for word in spec.choices]))
            elif spec.kind is Kind.TEXT:
                found.append(value >= 1)
        return [*found, *self._counts()]

    def _counts(self) -> list[Any]:
        """Return what facts say of each other: the graver are among the milder, only a change
        weakens, and it harms nobody; what the law demands needs no broken glass.
        """
        found: list[Any] = []
        for fewer, more in _AMONG:
            if not {fewer, more} & self.unknown:
                found.append(self.fact(fewer) <= self.fact(more))
        if not {"actor.via", "action.legal"} & self.unknown:
            glass = self.fact("actor.via") == self.words.number("break_glass")
            found.append(z3().Not(z3().And(glass, self.fact("action.legal"))))
        if not {"change.kind", "change.weakens"} & self.unknown:
            is_change = self.fact("change.kind") != self.words.number("")
            found.append(z3().Implies(self.fact("change.weakens"), is_change))
            if "action.severity" not in self.unknown:
                found.append(z3().Implies(is_change, self.fact("action.severity") == 0))
        return found

    def _list_bounds(self, spec: FactSpec) -> list[Any]:
        solver = z3()
        for word in spec.choices:
            self.has(spec, word)
        members = list(self.members.get(spec.name, {}).values())
        length = self.length(spec)
        known = solver.Sum([solver.If(one, 1, 0) for one in members]) if members else 0
        return [length == known] if spec.choices else [length >= known, length <= MAX_TEXTS]


@dataclass(frozen=True, slots=True)
class _Term:
    """A value (a formula, or several for a list written out) and whether reading it errs."""

    value: Any
    errs: Any


class Reader:
    """Turns conditions into formulas over one situation."""

    def __init__(self, situation: Situation) -> None:
        self._at = situation
        self._z3 = z3()

    def speaks(self, node: tree.Node) -> Any:
        """Return the formula that holds where the condition matches or errs.

        Raises:
            InexpressibleError: it has something that formulas here do not have.
        """
        term = self._read(node)
        return self._either([term.errs, term.value])

    def _either(self, parts: Iterable[Any]) -> Any:
        """Return whether any holds; where all are plainly False it is so plainly, as most conditions cannot err."""
        left = [part for part in parts if part is not False]
        if not left:
            return False
        return left[0] if len(left) == 1 else self._z3.Or(left)

    def _read(self, node: tree.Node) -> _Term:
        match node:
            case tree.Literal(value=value):
                return _Term(self._at.constant(value), errs=False)
            case tree.Fact(spec=spec) if spec.kind is not Kind.TEXTS:
                found = self._at.value(spec)
                return self._known(found, like=spec)
            case tree.Not(inner=inner):
                term = self._read(inner)
                return _Term(self._z3.Not(term.value), term.errs)
            case tree.Bool(op=op, parts=parts):
                return self._bool(op, parts)
            case tree.Compare(items=items, ops=ops):
                return self._compare(items, ops)
            case tree.Arith(op=op, left=left, right=right):
                return self._arith(op, self._read(left), self._read(right))
            case tree.Negate(inner=inner):
                term = self._read(inner)
                return _Term(-term.value, term.errs)
            case tree.Call(function=function, args=args):
                return self._call(function, args)
            case _:
                raise InexpressibleError

    def _known(self, found: Any, *, like: FactSpec) -> _Term:
        if found is not None:
            return _Term(found, errs=False)
        blank = self._z3.BoolVal(False) if like.kind is Kind.BOOL else self._z3.IntVal(0)
        return _Term(blank, errs=self._z3.BoolVal(True))

    def _bool(self, op: str, parts: Sequence[tree.Node]) -> _Term:
        """Read from the left, stopping early: what is not reached cannot err."""
        terms = [self._read(part) for part in parts]
        errs: Any = False
        for term in reversed(terms):
            if errs is not False:
                errs = self._z3.And(term.value if op == "and" else self._z3.Not(term.value), errs)
            errs = self._either([term.errs, errs])
        join = self._z3.And if op == "and" else self._z3.Or
        return _Term(join([term.value for term in terms]), errs)

    def _compare(self, items: Sequence[tree.Node], ops: Sequence[str]) -> _Term:
        if ops[0] in ("in", "not in"):
            return self._within(items[0], items[1], negated=ops[0] == "not in")
        terms = [self._read(item) for item in items]
        value = self._pair(ops[0], terms[0].value, terms[1].value)
        errs = self._either([terms[0].errs, terms[1].errs])
        for op, left, right in zip(ops[1:], terms[1:], terms[2:], strict=False):
            if right.errs is not False:
                errs = self._either([errs, self._z3.And(value, right.errs)])
            value = self._z3.And(value, self._pair(op, left.value, right.value))
        return _Term(value, errs)

    def _pair(self, op: str, left: Any, right: Any) -> Any:
        match op:
            case "==":
                return left == right
            case "!=":
                return left != right
            case "<":
                return left < right
            case "<=":
                return left <= right
            case ">":
                return left > right
            case _:
                return left >= right

    def _within(self, item: tree.Node, listed: tree.Node, *, negated: bool) -> _Term:
        match listed:
            case tree.Fact(spec=spec):
                if not (isinstance(item, tree.Literal) and isinstance(item.value, str)):
                    raise InexpressibleError
                term = self._known(self._at.has(spec, item.value), like=SCHEMA["now.paused"])
            case tree.ListOf(items=items):
                wanted = self._read(item)
                term = self._first_equal(wanted, [self._read(one) for one in items])
            case _:
                raise InexpressibleError
        return _Term(self._z3.Not(term.value), term.errs) if negated else term

    def _first_equal(self, wanted: _Term, others: Sequence[_Term]) -> _Term:
        """Compare with one after the other, stopping at the first that is equal."""
        errs: Any = False
        for one in reversed(others):
            if errs is not False:
                errs = self._z3.And(self._z3.Not(wanted.value == one.value), errs)
            errs = self._either([wanted.errs, one.errs, errs])
        return _Term(self._z3.Or([wanted.value == one.value for one in others]), errs)

    def _arith(self, op: str, left: _Term, right: _Term) -> _Term:
        errs = self._either([left.errs, right.errs])
        match op:
            case "+":
                return _Term(left.value + right.value, errs)
            case "-":
                return _Term(left.value - right.value, errs)
            case "*" if self._is_number(left.value) or self._is_number(right.value):
                return _Term(left.value * right.value, errs)
            case "/" if self._is_number(right.value):
                whole = [self._z3.ToReal(one) if self._z3.is_int(one) else one for one in (left.value, right.value)]
                return _Term(whole[0] / whole[1], self._either([errs, right.value == 0]))

            case _:
                # Products of unknowns have no bound on how long a solver thinks.
                raise InexpressibleError

    def _is_number(self, value: Any) -> bool:
        simple = self._z3.simplify(value)
        return bool(self._z3.is_int_value(simple) or self._z3.is_rational_value(simple))

    def _call(self, function: str, args: Sequence[tree.Node]) -> _Term:
        first = args[0]
        if function == "len" and isinstance(first, tree.Fact):
            return self._known(self._at.length(first.spec), like=SCHEMA["action.bulk"])
        nodes = first.items if len(args) == 1 and isinstance(first, tree.ListOf) else args
        if len(args) == 1 and not isinstance(first, tree.ListOf):
            raise InexpressibleError
        if function == "len":
            # How many are written down is known, whatever they are.
            return _Term(self._z3.IntVal(len(nodes)), errs=False)
        terms = [self._read(node) for node in nodes]
        errs = self._either([term.errs for term in terms])
        values = [term.value for term in terms]
        match function:
            case "any":
                return _Term(self._z3.Or(values), errs)
            case "all":
                return _Term(self._z3.And(values), errs)
            case _:
                least = function == "min"
                best = values[0]
                for value in values[1:]:
                    best = self._z3.If(value < best if least else value > best, value, best)
                return _Term(best, errs)


class Formulas:
    """What a set of nets asks in one situation, as formulas.

    ``inexpressible`` is what a net counts as whose condition has no formula:
    False where a claim says that at least something is asked, True where at most.
    With None it may be either, alike for the same condition in the same situation.
    """

    def __init__(self, nets: Iterable[Net], situation: Situation, *, inexpressible: bool | None) -> None:
        self._z3 = z3()
        reader = Reader(situation)
        self.spoken: list[tuple[Verdict, Any]] = []
        for net in nets:
            if net.shadow:
                continue
            try:
                formula = reader.speaks(net.condition.node)
            except InexpressibleError:
                either = self._z3.Bool(f"{situation.name}?{net.when}")
                formula = either if inexpressible is None else self._z3.BoolVal(inexpressible)
            self.spoken.append((net.asks, formula))

    def _any(self, formulas: Iterable[Any]) -> Any:
        return self._z3.Or(list(formulas))

    @property
    def refused(self) -> Any:
        """Whether some net refuses."""
        return self._any(one for asks, one in self.spoken if asks.refused)

    @property
    def asks_something(self) -> Any:
        """Whether anything is asked for at all."""
        return self._any(one for asks, one in self.spoken if not asks.asks_nothing)

    def holds(self, seconds: int) -> Any:
        """Whether it is held at least so long."""
        return self._any(one for asks, one in self.spoken if asks.hold_seconds >= seconds)

    def fresh(self, minutes: int) -> Any:
        """Whether a sign-in no older than that is asked for."""
        wanted = (asks.fresh_auth_minutes is not None and asks.fresh_auth_minutes <= minutes for asks, _ in self.spoken)
        return self._any(one for (_, one), match in zip(self.spoken, wanted, strict=True) if match)

    def confirms(self, what: str) -> Any:
        """Whether that must be confirmed."""
        return self._any(one for asks, one in self.spoken if what in asks.confirm)

    def tells(self, channel: str) -> Any:
        """Whether that channel is told."""
        return self._any(one for asks, one in self.spoken if channel in asks.notify)

    def channels(self) -> set[str]:
        """Return every channel that some net tells."""
        return {channel for asks, _ in self.spoken for channel in asks.notify}

    def seats(self, roles: tuple[str, ...]) -> tuple[Any, Any, Any]:
        """Return how many people of exactly these roles are asked for, whether apart, and whether blind."""
        found = [(need, one) for asks, one in self.spoken for need in asks.approvals if need.roles == roles]
        most: Any = self._z3.IntVal(0)
        for number in sorted({need.approvals for need, _ in found}):
            most = self._z3.If(self._any(one for need, one in found if need.approvals >= number), number, most)
        apart = self._any(one for need, one in found if need.distinct_teams)
        return most, apart, self._any(one for need, one in found if need.blind)

    def people(self, *, apart: bool = False) -> Any:
        """Return how many further people are asked for; with ``apart`` only those of different teams."""
        groups: dict[tuple[str, ...], list[tuple[int, bool, Any]]] = {}
        for asks, one in self.spoken:
            for need in asks.approvals:
                groups.setdefault(need.roles, []).append((need.approvals, need.distinct_teams, one))
        total: list[Any] = []
        for group in groups.values():
            most: Any = self._z3.IntVal(0)
            for number in sorted({number for number, _, _ in group}):
                most = self._z3.If(self._any(one for count, _, one in group if count >= number), number, most)
            if apart:
                most = self._z3.If(self._any(one for _, distinct, one in group if distinct), most, 0)
            total.append(most)
        return self._z3.Sum(total) if total else self._z3.IntVal(0)

    def numbers(self) -> tuple[set[int], set[int], set[str]]:
        """Return every hold, every sign-in age and every confirmation that some net asks for."""
        return (
            {asks.hold_seconds for asks, _ in self.spoken if asks.hold_seconds},
            {asks.fresh_auth_minutes for asks, _ in self.spoken if asks.fresh_auth_minutes is not None},
            {what for asks, _ in self.spoken for what in asks.confirm},
        )
