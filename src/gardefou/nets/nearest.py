"""The situation nearest to an ordinary click: as few facts otherwise as there can be, and those by as little.

What is counted are facts that differ from `floor.ORDINARY`. What belongs
together counts once: the tier and its memory, an action and its usual severity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import count, islice
from math import ceil, floor
from typing import Any

from gardefou.domain.actions import SEVERITY, Action
from gardefou.nets.facts import SCHEMA, FactSpec, Kind
from gardefou.nets.floor import ORDINARY
from gardefou.nets.solver import Situation, z3

#: Milliseconds for one question.
MOST_MS = 5_000
#: Kinds of change that make a situation easy to picture, best first; none comes before all.
KINDS = ("", "tier", "nets", "role", "setting")
#: Facts that say most about a situation: of two situations equally near, the one that differs in these.
_TELLING = (
    "account.tier_memory",
    "account.tier",
    "action.name",
    "action.severity",
    "change.kind",
    "change.weakens",
    "account.reach",
    "actor.roles",
    "actor.human",
    "actor.via",
)


#: Facts that are lists.
_LISTS = tuple(name for name, spec in SCHEMA.items() if spec.kind is Kind.TEXTS)
#: Facts that go with others: the usual one is what goes with those.
_TOGETHER = frozenset(
    {"account.tier", "action.severity", "action.reversibility", "action.on_content", "change.weakens"}
)


class UnansweredError(Exception):
    """The solver found no answer in time; never leaves this package."""


def nearest(
    at: Situation, constraints: Sequence[Any], *, base: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the facts of the nearest situation within the constraints; None where there is none at all.

    Nearest to an ordinary click, or to ``base``: a situation that another one should differ from by least.

    Raises:
        UnansweredError: the solver found no answer in time.
    """
    solver = z3().Solver()
    solver.set("timeout", MOST_MS)
    around = dict(ORDINARY if base is None else base)
    for name in _LISTS:
        for word in around[name]:
            at.has(SCHEMA[name], word)  # before the bounds, which count the words that are known
    solver.add(at.bounds())
    solver.add(constraints)
    if not possible(solver):
        return None
    differs = list(_differences(at, around, ordinary=base is None))
    for most in range(len(differs) + 1):
        solver.push()
        solver.add(z3().PbLe([(one, 1) for _, one in differs], most))
        if possible(solver):
            break
        solver.pop()
    if base is None:
        _belonging(solver, [one for name, one in differs if name in _TOGETHER])
    _prefer(solver, at, around, _least_telling(at) if base is None else _words_first(at))
    _tighten(solver, at, around)
    _fewest(solver, at, around)
    if not possible(solver):  # pragma: no cover  (every step kept it possible)
        return None
    return facts_of(solver.model(), at)


def possible(solver: Any) -> bool:
    """Return whether what is asserted can be.

    Raises:
        UnansweredError: the solver found no answer in time.
    """
    answer = solver.check()
    if answer == z3().unknown:
        raise UnansweredError
    return bool(answer == z3().sat)


def _differences(at: Situation, around: Mapping[str, Any], *, ordinary: bool) -> Iterator[tuple[str, Any]]:
    """Yield what is counted: a name, and the formula that it is not as usual."""
    solver = z3()
    if not ordinary:
        for name in around:
            yield name, solver.Not(usual(at, name, around))
        return
    for name in ORDINARY:
        if name not in _TOGETHER and name not in at.unknown:
            yield name, solver.Not(usual(at, name, around))
    tier, memory = at.fact("account.tier"), at.fact("account.tier_memory")
    yield "account.tier", tier != memory
    name, severity = at.fact("action.name"), at.fact("action.severity")

    def is_(action: Action) -> Any:
        return name == at.words.number(action.value)

    ordinary = solver.Or([solver.And(is_(action), severity == size) for action, size in SEVERITY.items()])
    yield "action.severity", solver.Not(ordinary)
    none = at.fact("action.reversibility") == at.words.number("none")
    exact = at.fact("action.reversibility") == at.words.number("exact")
    yield "action.reversibility", solver.Not(solver.If(is_(Action.DELETE), none, exact))
    yield "action.on_content", at.fact("action.on_content") != is_(Action.REMOVE_CONTENT)
    # A change that weakens is the ordinary one: those that do not are asked nothing.
    yield (
        "change.weakens",
        solver.And(at.fact("change.kind") != at.words.number(""), solver.Not(at.fact("change.weakens"))),
    )
    yield "change.weakens", is_(Action.CHANGE) != (at.fact("change.kind") != at.words.number(""))


def usual(at: Situation, name: str, around: Mapping[str, Any] = ORDINARY) -> Any:
    """Return the formula that a fact is as on an ordinary click."""
    spec, value = SCHEMA[name], around[name]
    if spec.kind is Kind.TEXTS:
        held = [one == (word in value) for word, one in at.members.get(name, {}).items()]
        return z3().And(*held, at.length(spec) == len(value))
    return at.fact(name) == at.constant(value)


def _belonging(solver: Any, differences: Sequence[Any]) -> None:
    """Rather a deactivation than a suspension as severe as one: what belongs together stays so where it can."""
    for one in differences:
        solver.push()
        solver.add(z3().Not(one))
        if not possible(solver):
            solver.pop()


def _least_telling(at: Situation) -> list[str]:
    strange = [name for name in reversed(list(ORDINARY)) if name not in _TELLING]
    return [name for name in (*strange, *reversed(_TELLING)) if name not in at.unknown]


def _words_first(at: Situation) -> list[str]:
    """Return the facts with the numbers last: beside another situation, a number just over the edge says most."""
    names = sorted(ORDINARY, key=lambda name: (SCHEMA[name].is_number, name in {"account.reach", "action.bulk"}))
    return [name for name in names if name not in at.unknown]


def _prefer(solver: Any, at: Situation, around: Mapping[str, Any], names: Sequence[str]) -> None:
    """Leave as usual, one after the other, what can be: where there is a choice the first stay as they are."""
    for name in names:
        solver.push()
        solver.add(usual(at, name, around))
        if possible(solver):
            continue
        solver.pop()
    if "change.kind" not in at.unknown:
        # A kind that everyone knows, rather than one that no condition names.
        for kind in KINDS:
            solver.push()
            solver.add(at.fact("change.kind") == at.constant(kind))
            if possible(solver):
                break
            solver.pop()


def _tighten(solver: Any, at: Situation, around: Mapping[str, Any]) -> None:
    """Bring every number that differs as near to its usual value as it goes."""
    for name, spec in SCHEMA.items():
        if not spec.is_number or name in at.unknown:
            continue
        solver.check()
        value = solver.model().eval(at.fact(name), model_completion=True)
        now, wanted = _number(spec, value), around[name]
        if now != wanted:
            _bisect(solver, at.fact(name), ceil(abs(now - wanted)), wanted)


def _bisect(solver: Any, fact: Any, far: int, wanted: float) -> None:
    """Assert the value nearest to the one wanted, on either side of it; one no further off than ``far`` is possible."""
    below, above = floor(wanted), ceil(wanted)

    def within(distance: int) -> Any:
        return z3().And(fact >= below - distance, fact <= above + distance)

    near = -1
    while far - near > 1:
        middle = (far + near) // 2
        solver.push()
        solver.add(within(middle))
        fits = possible(solver)
        solver.pop()
        far, near = (middle, near) if fits else (far, middle)
    solver.add(within(far))
    # A whole number where one is possible; of two the greater.
    for value in (above + far, below - far):
        solver.push()
        solver.add(fact == value)
        if possible(solver):
            return
        solver.pop()


def _fewest(solver: Any, at: Situation, around: Mapping[str, Any]) -> None:
    """Leave in every list what it usually holds, and nothing else, as far as that goes."""
    if not possible(solver):  # pragma: no cover  (every step kept it possible)
        return
    model = solver.model()
    strange: list[Any] = []
    for name, members in at.members.items():
        for word, one in members.items():
            held = word in around[name]
            if _true(model, one) == held:
                solver.add(one == held)
            else:
                strange.append(one == held)
    for wish in strange:
        solver.push()
        solver.add(wish)
        if not possible(solver):
            solver.pop()
    for name in _LISTS:
        if name in at.unknown:
            continue
        # What is counted and has no name: all that it usually holds has one.
        named = [z3().If(one, 1, 0) for one in at.members.get(name, {}).values()]
        unnamed = at.length(SCHEMA[name]) - z3().Sum(named)
        possible(solver)
        if most := solver.model().eval(unnamed, model_completion=True).as_long():
            _bisect(solver, unnamed, most, 0)


def facts_of(model: Any, at: Situation) -> dict[str, Any]:
    """Return the facts of a situation as a model has them."""
    found: dict[str, Any] = {}
    for name, spec in SCHEMA.items():
        if name in at.unknown:
            continue
        if spec.kind is Kind.TEXTS:
            members = at.members.get(name, {})
            held = [word for word, one in members.items() if _true(model, one)]
            length = model.eval(at.length(spec), model_completion=True).as_long()
            # Texts that no condition names, where one counts them.
            other = (word for place in count(1) if (word := f"something else {place}") not in members)
            found[name] = sorted([*held, *islice(other, length - len(held))])
            continue
        value = model.eval(at.fact(name), model_completion=True)
        match spec.kind:
            case Kind.BOOL:
                found[name] = bool(z3().is_true(value))
            case Kind.INT | Kind.FLOAT:
                found[name] = _number(spec, value)
            case _:
                found[name] = at.words.word(value.as_long())
    return found


def _number(spec: FactSpec, value: Any) -> int | float:
    if spec.kind is Kind.INT:
        return int(value.as_long())
    exact = Fraction(str(value.as_fraction()))
    return int(exact) if exact.denominator == 1 else float(exact)


def _true(model: Any, formula: Any) -> bool:
    return bool(z3().is_true(model.eval(formula, model_completion=True)))


def acts(at: Situation) -> list[Any]:
    """Return what every act is: a guarded change, or an enforcement with its usual severity or a greater one."""
    solver = z3()
    name, severity, kind = at.fact("action.name"), at.fact("action.severity"), at.fact("change.kind")
    change = name == at.words.number(Action.CHANGE.value)
    each = [
        solver.Implies(name == at.words.number(action.value), severity >= least)
        for action, least in SEVERITY.items()
        if least
    ]
    none = solver.Or([name == at.words.number(action) for action in ("restore", "change")])
    return [
        change == (kind != at.words.number("")),
        solver.Implies(none, severity == 0),
        *each,
        at.fact("action.bulk") >= 1,
    ]
