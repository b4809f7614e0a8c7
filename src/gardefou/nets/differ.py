"""Two sets of nets side by side: which nets were changed, and the smallest facts on which they differ.

`differ` asks a solver, for everything that can be asked and each way around,
for a situation in which one set asks less than the other; of those the one
nearest to an ordinary click. Where there is none at all, the sets are proved
to ask the same. Without a solver situations near an ordinary click are tried.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from gardefou.domain.actions import DECIDABLE, SEVERITY, Action
from gardefou.errors import Unavailable
from gardefou.nets import tree
from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.nearest import UnansweredError, acts, nearest
from gardefou.nets.net import Net, NetSet
from gardefou.nets.sentence import asks_in_words, situation_in_words
from gardefou.nets.solver import Formulas, Situation, Words, z3
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.speech import listed, plain

#: What can be asked for, in the sequence in which differences are told.
COMPONENTS = ("refusal", "people", "who", "hold", "sign-in", "confirm", "notify")


@dataclass(frozen=True, slots=True)
class NetChange:
    """One net that is not the same in both: ``added``, ``removed`` or ``changed``, and the words that changed.

    ``words``: per key of the net, what it was and what it is.
    """

    net: str
    title: str
    change: str
    words: tuple[tuple[str, str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "net": self.net,
            "title": self.title,
            "change": self.change,
            "words": [{"key": key, "was": was, "is": now} for key, was, now in self.words],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """A situation in which one set asks less: which, of what, and the facts that make it."""

    component: str
    #: ``a`` or ``b``: the set that asks less; empty where they ask otherwise, neither more nor less.
    less: str
    sentence: str
    facts: Mapping[str, Any]
    a: Verdict
    b: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return it for machines; ``differs_from_ordinary`` are the facts that make it."""
        return {
            "component": self.component,
            "asks_less": self.less or None,
            "says": self.sentence,
            "facts": dict(self.facts),
            "differs_from_ordinary": {name: value for name, value in self.facts.items() if value != ORDINARY[name]},
            "a": self.a.to_json(),
            "b": self.b.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of comparing two sets. ``how``: ``proved``, ``tried`` (on that many situations) or ``unanswered``."""

    nets: tuple[NetChange, ...]
    differences: tuple[Difference, ...]
    how: str
    tried: int = 0
    #: Questions that the solver did not answer in time, or that hang on a condition it cannot read.
    open: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both ask the same in every situation, as far as was found out."""
        return not self.differences and not self.open

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "same": self.same,
            "how": self.how,
            "tried": self.tried,
            "nets": [one.to_json() for one in self.nets],
            "differences": [one.to_json() for one in self.differences],
            "open": list(self.open),
        }


@one_at_a_time
def differ(a: NetSet, b: NetSet, *, names: tuple[str, str] = ("A", "B")) -> Compared:
    """Compare two sets of nets: word for word, and by what they ask."""
    nets = tuple(changed_nets(a, b))
    try:
        z3()
    except Unavailable:
        return _tried(a, b, names, nets)
    return _proved(a, b, names, nets)


def changed_nets(a: NetSet, b: NetSet) -> Iterator[NetChange]:
    """Yield the nets that are in one of the sets only, or not the same in both."""
    for net in a:
        if net.id not in b:
            yield NetChange(net.id, net.title, "removed")
    for net in b:
        before = a.get(net.id)
        if before is None:
            yield NetChange(net.id, net.title, "added")
        elif before != net:
            was, now = _keys(before), _keys(net)
            told = [(key, _value(was.get(key)), _value(now.get(key))) for key in was | now]
            yield NetChange(net.id, net.title, "changed", tuple(one for one in told if one[1] != one[2]))


def _keys(net: Net) -> dict[str, Any]:
    table = net.to_table()
    asks: dict[str, Any] = table.pop("require")
    return table | asks


def changed_parts(was: str, now: str) -> list[tuple[str, str]]:
    """Return a text in parts, word by word: each ``=`` (in both), ``-`` (taken out) or ``+`` (put in), and the part."""
    old, new = (re.findall(r"\s+|[\w.\"]+|[^\w\s]", text) for text in (was, now))
    said: list[tuple[str, str]] = []
    for op, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            said.append(("=", "".join(old[i:j])))
            continue
        if j > i:
            said.append(("-", "".join(old[i:j])))
        if m > k:
            said.append(("+", "".join(new[k:m])))
    return said


def changed_words(was: str, now: str) -> str:
    """Mark in a text what was taken out ``[-…-]`` and put in ``{+…+}``, word by word."""
    marks = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return "".join(marks[kind].format(part) for kind, part in changed_parts(was, now))


def _value(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return str(value)


# by the solver ----------------------------------------------------------------------------


def _proved(a: NetSet, b: NetSet, names: tuple[str, str], nets: tuple[NetChange, ...]) -> Compared:
    words = Words()
    at = Situation("a", words)
    mine = Formulas(a, at, inexpressible=None)
    theirs = Formulas(b, at, inexpressible=None)
    found: list[Difference] = []
    open_: list[str] = []
    for component, less, formula in _questions(mine, theirs):
        try:
            facts = nearest(at, [*acts(at), formula])
        except UnansweredError:
            open_.append(_("%(component)s: the solver found no answer in time", component=plain(component)))
            continue
        if facts is None:
            continue
        one = _told(a, b, names, component, less, facts)
        if one is None:
            open_.append(
                _("%(component)s: it hangs on a condition that the solver cannot read", component=plain(component))
            )
        else:
            found.append(one)
    return Compared(nets, tuple(found), "unanswered" if open_ else "proved", open=tuple(open_))


def _questions(a: Formulas, b: Formulas) -> Iterator[tuple[str, str, Any]]:
    """Yield what is compared, which set asks less there, and the formula of it."""
    solver = z3()
    go = solver.And(solver.Not(a.refused), solver.Not(b.refused))
    for less, small, large in (("b", b, a), ("a", a, b)):
        yield "refusal", less, solver.And(large.refused, solver.Not(small.refused))
        yield "people", less, solver.And(go, large.people() > small.people())
    yield "who", "", solver.And(go, a.people() == b.people(), _otherwise(a, b))
    for less, small, large in (("b", b, a), ("a", a, b)):
        holds, fresh, confirms = large.numbers()
        told = large.channels()
        for component, wants in (
            ("hold", [solver.And(large.holds(one), solver.Not(small.holds(one))) for one in sorted(holds)]),
            ("sign-in", [solver.And(large.fresh(one), solver.Not(small.fresh(one))) for one in sorted(fresh)]),
            ("confirm", [solver.And(large.confirms(one), solver.Not(small.confirms(one))) for one in sorted(confirms)]),
            ("notify", [solver.And(large.tells(one), solver.Not(small.tells(one))) for one in sorted(told)]),
        ):
            if wants:
                yield component, less, solver.And(go, solver.Or(wants))


def _otherwise(a: Formulas, b: Formulas) -> Any:
    """Whether as many people are asked for, but of other roles, or only one set wants them apart or blind."""
    solver = z3()
    roles = sorted({need.roles for one in (a, b) for asks, _ in one.spoken for need in asks.approvals})
    return solver.Or(
        [solver.Or([one != two for one, two in zip(a.seats(who), b.seats(who), strict=True)]) for who in roles]
    )


def _told(
    a: NetSet, b: NetSet, names: tuple[str, str], component: str, less: str, facts: dict[str, Any]
) -> Difference | None:
    """Judge the situation again by evaluation, and say it; None where evaluation finds no such difference."""
    one, two = (judge(nets, Facts.of(facts)) for nets in (a, b))
    if (component, less) not in _compared(one, two):
        return None
    act = situation_in_words(facts)
    act = f"{act[0].upper()}{act[1:]}"
    if component == "notify":
        said = _(
            "%(act)s: %(before)s tells %(one)s, %(after)s tells %(other)s.",
            act=act,
            before=names[0],
            one=_channels(one),
            after=names[1],
            other=_channels(two),
        )
    else:
        said = _(
            "%(act)s: %(before)s %(one)s, %(after)s %(other)s.",
            act=act,
            before=names[0],
            one=_asks(one),
            after=names[1],
            other=_asks(two),
        )
    return Difference(component, less, said, facts, one, two)


def _compared(a: Verdict, b: Verdict) -> Iterator[tuple[str, str]]:
    if a.refused != b.refused:
        yield "refusal", "b" if a.refused else "a"
    if a.refused or b.refused:
        return
    if a.seats != b.seats:
        yield "people", "b" if a.seats > b.seats else "a"
    elif a.approvals != b.approvals:
        yield "who", ""
    if a.hold_seconds != b.hold_seconds:
        yield "hold", "b" if a.hold_seconds > b.hold_seconds else "a"
    if a.fresh_auth_minutes != b.fresh_auth_minutes:
        strict = a.fresh_auth_minutes is not None and (
            b.fresh_auth_minutes is None or a.fresh_auth_minutes < b.fresh_auth_minutes
        )
        yield "sign-in", "b" if strict else "a"
    for component, mine, other in (("confirm", a.confirm, b.confirm), ("notify", a.notify, b.notify)):
        if set(mine) - set(other):
            yield component, "b"
        if set(other) - set(mine):
            yield component, "a"


def _asks(verdict: Verdict) -> str:
    if verdict.refused:
        return _("refuses (%(why)s)", why=_(verdict.refusals[0]).rstrip("."))
    parts = asks_in_words(verdict)
    return _("asks %(what)s", what=listed(parts, "and")) if parts else _("asks nothing")


def _channels(verdict: Verdict) -> str:
    return listed([plain(one) for one in verdict.notify], "and") if verdict.notify else _("nobody")


# without a solver -----------------------------------------------------------------------------


def _tried(a: NetSet, b: NetSet, names: tuple[str, str], nets: tuple[NetChange, ...]) -> Compared:
    found: dict[tuple[str, str], Difference] = {}
    tried = 0
    for facts in _near_ordinary(a, b):
        tried += 1
        known = Facts.of(facts)
        one, two = judge(a, known), judge(b, known)
        if replace(one, reasons=(), shadow=()) == replace(two, reasons=(), shadow=()):
            continue
        for component, less in _compared(one, two):
            if (component, less) not in found and (told := _told(a, b, names, component, less, facts)) is not None:
                found[component, less] = told
    ranked = sorted(found.values(), key=lambda one: COMPONENTS.index(one.component))
    return Compared(nets, tuple(ranked), "tried", tried)


def _near_ordinary(a: NetSet, b: NetSet) -> Iterator[dict[str, Any]]:
    """Yield ordinary acts on each tier, then each with one more fact as some condition looks for it."""
    kinds = sorted({word for nets in (a, b) for word in _looked_for(nets).get("change.kind", ()) if word})
    acts: list[dict[str, Any]] = [
        {"action.name": act.value, "action.severity": SEVERITY[act], "account.tier": tier, "account.tier_memory": tier}
        | ({"action.reversibility": "none"} if act is Action.DELETE else {})
        | ({"action.on_content": True} if act is Action.REMOVE_CONTENT else {})
        for tier, act in product(("standard", "notable", "protected"), DECIDABLE)
    ]
    acts += [
        {"action.name": "change", "action.severity": 0, "change.kind": kind, "change.weakens": weakens}
        for kind, weakens in product((*kinds, "tier"), (True, False))
    ]
    looked: dict[str, set[Any]] = {}
    for nets in (a, b):
        for name, values in _looked_for(nets).items():
            looked.setdefault(name, set()).update(values)
    one_off: list[dict[str, Any]] = [{}]
    one_off += [{name: value} for name in sorted(looked) for value in sorted(looked[name])]
    for more in one_off:
        for act in acts:
            if not more.keys() & act.keys():
                yield ORDINARY | act | more


def _looked_for(nets: NetSet) -> dict[str, set[Any]]:
    """Return, by fact, the values around which some condition changes its answer."""
    found: dict[str, set[Any]] = {}
    for net in nets:
        for node in tree.walk(net.condition.node):
            if isinstance(node, tree.Fact) and node.spec.kind is Kind.BOOL:
                found.setdefault(node.spec.name, set()).update((True, False))
            if not isinstance(node, tree.Compare):
                continue
            facts = [one.spec for item in node.items for one in tree.walk(item) if isinstance(one, tree.Fact)]
            given = [one.value for item in node.items for one in tree.walk(item) if isinstance(one, tree.Literal)]
            for spec, value in product(facts, given):
                if spec.is_number and isinstance(value, int | float):
                    around = {value, value - 1, value + 1}
                    found.setdefault(spec.name, set()).update(one for one in around if 0 <= one <= spec.maximum)
                elif isinstance(value, str) and spec.kind is not Kind.BOOL:
                    wanted: Any = (value,) if spec.kind is Kind.TEXTS else value
                    if spec.kind is not Kind.ENUM or value in spec.choices:
                        found.setdefault(spec.name, set()).add(wanted)
    return {name: values for name, values in found.items() if name in SCHEMA}
