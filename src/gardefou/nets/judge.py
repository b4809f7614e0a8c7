"""Judging: all nets over one enforcement's facts, joined; and the explanation in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gardefou.nets import tree
from gardefou.nets.evaluate import Outcome, from_tree
from gardefou.nets.facts import Facts
from gardefou.nets.net import NetSet
from gardefou.nets.verdict import NOTHING, Verdict


def judge(nets: NetSet, facts: Facts, *, shadow_all: bool = False) -> Verdict:
    """Return what all nets together ask of an enforcement or guarded change.

    Never raises for a condition: a net that errs counts as matched. Shadow nets
    are recorded in ``shadow`` and ask for nothing; with ``shadow_all`` (an
    installation's trial time) every net is treated so.
    """
    row = facts.row
    verdict = NOTHING
    for test, spoken, shadowed in nets.compiled:
        try:
            speaks = bool(test(row))
        except Exception:  # noqa: BLE001  (whatever went wrong, the net fails closed)
            speaks = True
        if speaks:
            verdict = verdict.join(shadowed if shadow_all else spoken)
    return verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one net said of one enforcement, and the facts that made it, in words.

    ``words``: the parts of the condition that decided, each with the values it
    read, such as ``account.tier_memory == "protected"``.
    """

    net: str
    title: str
    because: str
    shadow: bool
    outcome: Outcome
    words: tuple[str, ...]

    @property
    def spoke(self) -> bool:
        """Whether the net counted as matched."""
        return self.outcome.speaks

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "net": self.net,
            "title": self.title,
            "because": self.because,
            "mode": "shadow" if self.shadow else "enforce",
            "spoke": self.spoke,
            "outcome": self.outcome.value,
            "words": list(self.words),
        }


def explain(nets: NetSet, facts: Facts) -> tuple[Explanation, ...]:
    """Return for each net whether it spoke or was silent, and what decided."""
    return tuple(
        Explanation(
            net.id,
            net.title,
            net.because,
            net.shadow,
            net.condition.evaluate(facts),
            tuple(dict.fromkeys(_deciding(net.condition.node, facts))),
        )
        for net in nets
    )


def _outcome(node: tree.Node, facts: Facts) -> Outcome:
    return from_tree("", node).evaluate(facts)


def _deciding(node: tree.Node, facts: Facts) -> list[str]:
    """Return the parts that made the node come out as it did."""
    outcome = _outcome(node, facts)
    match node:
        case tree.Not(inner=inner) if isinstance(inner, tree.Bool | tree.Not):
            return _deciding(inner, facts)
        case tree.Bool(op=op, parts=parts):
            # One false part decides an "and", one true part an "or"; otherwise all of them do.
            words: list[str] = []
            for part in parts:
                one = _outcome(part, facts)
                if one is outcome or one is Outcome.ERRED:
                    words += _deciding(part, facts)
                    if one is Outcome.ERRED or (op == "and") != (outcome is Outcome.MATCHED):
                        break
            return words
        case _:
            return [_in_words(node, outcome, facts)]


def _in_words(node: tree.Node, outcome: Outcome, facts: Facts) -> str:
    reads = tree.facts_read(node)
    values: list[str] = []
    for spec in reads:
        if spec.name in facts:
            values.append(f"{spec.name} is {_say(facts[spec.name])}")
        elif spec.most_protective is None:
            values.append(f"{spec.name} is unknown")
        else:
            values.append(f"{spec.name} is unknown, taken as {_say(spec.most_protective)}")
    verb = {Outcome.MATCHED: "holds", Outcome.NOT_MATCHED: "does not hold", Outcome.ERRED: "could not be read"}
    return f"{tree.render(node)} {verb[outcome]}" + (f": {', '.join(values)}" if values else "")


def _say(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(str(one) for one in value) or "empty"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case str():
            return value or "empty"
        case _:
            return f"{value:,}" if isinstance(value, int) else str(value)
