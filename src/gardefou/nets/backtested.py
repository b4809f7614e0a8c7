"""What came of a backtest, as values: counts, added delay, how often each net would have spoken, examples."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gardefou.nets.backtest_words import in_words, many
from gardefou.speech import decimal
from gardefou.speech import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds of several: how many, the median, what nine in ten did not exceed, and the most; None of none."""

    count: int
    median: float | None
    p90: float | None
    most: float | None


def spread_of(seconds: dict[float, int]) -> Spread:
    """Return the spread of values, each with how often it is there."""
    total = sum(seconds.values())
    if not total:
        return Spread(count=0, median=None, p90=None, most=None)

    def at(share: float) -> float:
        seen = 0
        for value in sorted(seconds):
            seen += seconds[value]
            if seen >= share * total:
                return value
        return max(seconds)

    return Spread(count=total, median=at(0.5), p90=at(0.9), most=max(seconds))


@dataclass(slots=True, kw_only=True)
class Spoke:
    """How often a net would have spoken: in all, and without any other enforcing net."""

    net: str
    title: str
    shadow: bool
    spoke: int = 0
    alone: int = 0

    @property
    def together(self) -> int:
        """How often another enforcing net spoke as well."""
        return self.spoke - self.alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One enforcement that would have gone otherwise: its id, the nets that speak, and a sentence."""

    enforcement: str
    change: str
    nets: tuple[str, ...]
    says: str


@dataclass(slots=True, kw_only=True)
class Backtest:
    """What came of judging past enforcements under other nets, against what was asked of each then.

    ``refused``, ``people``, ``held``, ``otherwise`` (a fresher sign-in, a
    confirmation) and ``weakened`` may be true of the same enforcement; the
    first three leave out what was refused then. ``delayed`` are those that
    would have waited longer: held longer, or for people where none were asked.
    """

    judged: int = 0
    refused: int = 0
    people: int = 0
    held: int = 0
    otherwise: int = 0
    weakened: int = 0
    unchanged: int = 0
    #: Seconds of hold that would have been added, where any would have been.
    added_hold: Spread = field(default_factory=lambda: spread_of({}))
    #: The median time that people took in this history, from placing to the last yes; None where none were waited for.
    answer_seconds: float | None = None
    answered: int = 0
    #: Seconds added by holds and, where people are asked for newly, by their time to answer.
    delayed: Spread = field(default_factory=lambda: spread_of({}))
    nets: list[Spoke] = field(default_factory=list[Spoke])
    #: How many enforcements lack a fact that these nets read, and how many each such fact.
    unknown: int = 0
    unknown_facts: dict[str, int] = field(default_factory=dict[str, int])
    examples: list[Example] = field(default_factory=list[Example])

    @property
    def headline(self) -> str:
        """What it comes to, in a sentence."""
        if not self.judged:
            return _("There is no history yet: nothing has been enforced in that time.")
        parts: list[str] = []
        if self.refused:
            parts.append(_("refused %(enforcements)s", enforcements=many(self.refused)))
        if self.delayed.count:
            late = many(self.delayed.count)
            if self.delayed.median is None:
                parts.append(_("delayed %(enforcements)s, for as long as people take to answer", enforcements=late))
            else:
                median = in_words(self.delayed.median)
                parts.append(_("delayed %(enforcements)s, median %(time)s", enforcements=late, time=median))
        if not parts:
            return _("Would have stopped and delayed nothing of %(enforcements)s.", enforcements=many(self.judged))
        what = _(" and ").join(parts)
        return _("Would have %(what)s, of %(number)s in all.", what=what, number=decimal(self.judged))

    def to_json(self) -> dict[str, Any]:
        """Return it for machines; times are seconds."""
        return {
            "headline": self.headline,
            "judged": self.judged,
            "refused_newly": self.refused,
            "asked_for_people_newly": self.people,
            "held_longer": self.held,
            "asked_otherwise_newly": self.otherwise,
            "asked_less": self.weakened,
            "unchanged": self.unchanged,
            "added_hold_seconds": asdict(self.added_hold),
            "people_answer_seconds": {"median": self.answer_seconds, "count": self.answered},
            "added_delay_seconds": asdict(self.delayed),
            "nets": [
                {
                    "net": one.net,
                    "title": one.title,
                    "mode": "shadow" if one.shadow else "enforce",
                    "spoke": one.spoke,
                    "alone": one.alone,
                    "together": one.together,
                }
                for one in self.nets
            ],
            "unknown": {"enforcements": self.unknown, "facts": self.unknown_facts},
            "examples": [asdict(one) for one in self.examples],
        }
