"""Judging: all nets over one enforcement's facts, joined; and the explanation in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gardefou.nets import tree
from gardefou.nets.evaluate import Outcome, from_tree
from gardefou.nets.facts import Facts
from gardefou.nets.net import NetSet
from gardefou.nets.phrase import condition_in_words, fact_in_words, meaning
from gardefou.nets.verdict import NOTHING, Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later


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
    read, such as ``account.tier_memory == "protected"``; ``plain``: the same
    parts in the reader's language. ``refuses``: whether it refuses where it speaks.
    """

    net: str
    title: str
    because: str
    shadow: bool
    outcome: Outcome
    words: tuple[str, ...]
    plain: tuple[str, ...] = ()
    refuses: bool = False

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
            "plain": list(self.plain),
        }


_CAME_OUT = {
    Outcome.MATCHED: later("%(condition)s holds"),
    Outcome.NOT_MATCHED: later("%(condition)s does not hold"),
    Outcome.ERRED: later("%(condition)s could not be read"),
}


def explain(nets: NetSet, facts: Facts) -> tuple[Explanation, ...]:
    """Return for each net whether it spoke or was silent, and what decided."""
    told: list[Explanation] = []
    for net in nets:
        parts = _deciding(net.condition.node, facts)
        told.append(
            Explanation(
                net.id,
                net.title,
                net.because,
                net.shadow,
                net.condition.evaluate(facts),
                tuple(dict.fromkeys(_in_words(node, outcome, facts) for node, outcome in parts)),
                tuple(dict.fromkeys(_in_plain_words(node, outcome, facts) for node, outcome in parts)),
                net.asks.refused,
            )
        )
    return tuple(told)


def _outcome(node: tree.Node, facts: Facts) -> Outcome:
    return from_tree("", node).evaluate(facts)


def _deciding(node: tree.Node, facts: Facts) -> list[tuple[tree.Node, Outcome]]:
    """Return the parts that made the node come out as it did."""
    outcome = _outcome(node, facts)
    match node:
        case tree.Not(inner=inner) if isinstance(inner, tree.Bool | tree.Not):
            return _deciding(inner, facts)
        case tree.Bool(op=op, parts=parts):
            # One false part decides an "and", one true part an "or"; otherwise all of them do.
            words: list[tuple[tree.Node, Outcome]] = []
            for part in parts:
                one = _outcome(part, facts)
                if one is outcome or one is Outcome.ERRED:
                    words += _deciding(part, facts)
                    if one is Outcome.ERRED or (op == "and") != (outcome is Outcome.MATCHED):
                        break
            return words
        case _:
            return [(node, outcome)]


def _in_words(node: tree.Node, outcome: Outcome, facts: Facts) -> str:
    reads = tree.facts_read(node)
    values: list[str] = []
    for spec in reads:
        if spec.name in facts:
            values.append(_("%(fact)s is %(value)s", fact=spec.name, value=_say(facts[spec.name])))
        elif spec.most_protective is None:
            values.append(_("%(fact)s is unknown", fact=spec.name))
        else:
            taken = _say(spec.most_protective)
            values.append(_("%(fact)s is unknown, taken as %(value)s", fact=spec.name, value=taken))
    said = _(_CAME_OUT[outcome], condition=tree.render(node))
    return _("%(what)s: %(more)s", what=said, more=", ".join(values)) if values else said


def _in_plain_words(node: tree.Node, outcome: Outcome, facts: Facts) -> str:
    """Say a part as it came out, with the number it was where that is not said yet."""
    if outcome is Outcome.ERRED:
        unread = [meaning(spec) for spec in tree.facts_read(node) if spec.name not in facts]
        if unread:
            return _("it is not known: %(what)s", what=", ".join(unread))
        return _("%(what)s, or it could not be read", what=condition_in_words(node))
    said = condition_in_words(node, holds=outcome is Outcome.MATCHED)
    values: list[str] = []
    for spec in tree.facts_read(node):
        if spec.name not in facts:
            values.append(_("%(what)s is not known, and is taken at its most protective", what=meaning(spec)))
        elif spec.is_number:
            told = fact_in_words(spec.name, facts[spec.name])
            values += [told] if told != said else []
    return f"{said} ({'; '.join(values)})" if values else said


def _say(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(str(one) for one in value) or _("empty")  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case str():
            return value or _("empty")
        case _:
            return f"{value:,}" if isinstance(value, int) else str(value)
