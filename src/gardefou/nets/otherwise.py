"""Which single fact would have to be otherwise for a net to be silent: found by judging again, not by guessing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from gardefou.nets import tree
from gardefou.nets.facts import Facts, FactSpec, Kind, Value
from gardefou.nets.net import Net
from gardefou.nets.phrase import amount_in_words, fact_in_words

#: Facts about the account and the act come first: they are what a colleague looks at.
_ORDER = ("account.", "action.", "case.", "actor.", "recent.", "now.", "change.")
#: Nobody is helped by hearing that a person should have been a service.
_IDLE = frozenset({"actor.human", "action.automated", "change.kind", "change.weakens", "account.tier"})
#: A border is found this exactly.
_STEP = 0.001
#: In words, no more than this many.
_MOST = 3


def otherwise(net: Net, facts: Facts) -> list[str]:
    """Return, for a net that speaks, what single facts would silence it: ``the account has fewer than 100,000 …``."""
    said: list[tuple[int, str]] = []
    for spec in net.condition.reads:
        if spec.name in _IDLE:
            continue
        words = _about(net, facts, spec)
        if words is not None:
            group = next(index for index, start in enumerate(_ORDER) if spec.name.startswith(start))
            said.append((group, words))
    return list(dict.fromkeys(words for _, words in sorted(said, key=lambda one: one[0])))[:_MOST]


def _silent(net: Net, facts: Facts, spec: FactSpec, value: Value) -> bool:
    return not net.condition.evaluate(facts.but({spec.name: value})).speaks


def _about(net: Net, facts: Facts, spec: FactSpec) -> str | None:
    match spec.kind:
        case Kind.INT | Kind.FLOAT:
            return _number(net, facts, spec)
        case Kind.BOOL:
            flipped = not facts.get(spec.name, spec.most_protective)
            return fact_in_words(spec.name, flipped) if _silent(net, facts, spec, flipped) else None
        case Kind.ENUM:
            for word in spec.choices:
                if _silent(net, facts, spec, word):
                    return fact_in_words(spec.name, word)
        case Kind.TEXTS:
            held = facts.get(spec.name)
            words = held if isinstance(held, tuple) else ()
            for other in chain(_without(words), ((*words, word) for word in _looked_for(net, spec))):
                if _silent(net, facts, spec, other):
                    return fact_in_words(spec.name, other)
        case Kind.TEXT:
            for word in ("", *_looked_for(net, spec)):
                if _silent(net, facts, spec, word):
                    return fact_in_words(spec.name, word)
    return None


def _without(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (tuple(one for one in words if one != gone) for gone in words)


def _looked_for(net: Net, spec: FactSpec) -> list[str]:
    """Return the texts that the condition compares this fact with."""
    return [
        literal.value
        for node in tree.walk(net.condition.node)
        if isinstance(node, tree.Compare) and any(one.name == spec.name for one in tree.facts_read(node))
        for literal in tree.walk(node)
        if isinstance(literal, tree.Literal) and isinstance(literal.value, str)
    ]


def _number(net: Net, facts: Facts, spec: FactSpec) -> str | None:
    """Find the value nearest to the one there is at which the net is silent."""
    given = facts.get(spec.name, spec.most_protective)
    now = given if isinstance(given, int | float) else 0
    for end in (0, spec.maximum):
        if end != now and _silent(net, facts, spec, end):
            low = _border(net, facts, spec, float(now), float(end))
            edge = int(low) if spec.kind is Kind.INT else round(low, 2)
            return amount_in_words(spec.name, "<" if end < now else ">", edge)
    return None


def _border(net: Net, facts: Facts, spec: FactSpec, speaks: float, silent: float) -> float:
    """Halve between a value at which it speaks and one at which it is silent; return the last that speaks."""
    while abs(silent - speaks) > _STEP:
        middle = (speaks + silent) / 2
        if spec.kind is Kind.INT:
            middle = int(middle)
        if middle in (speaks, silent):  # there is nothing between them: whole numbers, or floats that lie further apart
            break
        if _silent(net, facts, spec, middle):
            silent = middle
        else:
            speaks = middle
    return speaks
