"""What one person can do alone under a set of nets, proved: for each kind of person, tier and act.

Each cell has three answers. ``usual`` is what an ordinary day asks. ``least``
is the least that any situation asks of this person for this act on an account
of this tier, whatever every other fact is: the solver finds the loosest
situation, or proves that none asks less. ``most`` is the most within ordinary
circumstances: one account at a time, within budgets, no pause, no lookalike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gardefou.nets.alone_people import ACTS, PEOPLE, TIERS, Act, Kind, ordinary_facts
from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.judge import judge
from gardefou.nets.nearest import MOST_MS, UnansweredError, acts, nearest
from gardefou.nets.net import NetSet
from gardefou.nets.phrasebook import duration
from gardefou.nets.sentence import situation_in_words
from gardefou.nets.solver import Formulas, Situation, Words, z3
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later, listed, ngettext

_CONFIRMING = {"handle": later("confirming the handle"), "identity": later("confirming the identity")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of one person: ``kind`` is at_once, after_wait, with_others, refused, cannot or unknown.

    ``people``: how many others must say yes; ``seconds``: how long it waits;
    ``needs``: of which roles; ``confirm``: what is confirmed first. ``glass``:
    as broken glass asks it.
    """

    kind: str
    people: int = 0
    seconds: int = 0
    needs: tuple[Requirement, ...] = ()
    confirm: tuple[str, ...] = ()
    glass: bool = False

    @property
    def who(self) -> str:
        """Who must say yes, in words; nothing where no roles are known."""
        if self.glass:
            return _("1 further person, and ends by itself in half an hour")
        return _(" and ").join(need.in_words() for need in self.needs)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Order by how much is asked."""
        order = {"at_once": 0, "after_wait": 1, "with_others": 2, "refused": 3, "cannot": 4, "unknown": -1}
        return order[self.kind], self.people, self.seconds

    @property
    def says(self) -> str:
        """The answer in a few words."""
        match self.kind:
            case "at_once":
                if self.confirm:
                    first = listed([_(_CONFIRMING[what]) for what in self.confirm], "and")
                    return _("alone at once, after %(first)s", first=first)
                return _("alone at once")
            case "after_wait":
                return _("alone after a wait of %(time)s", time=duration(self.seconds))
            case "with_others":
                who = self.who or others(self.people)
                if self.seconds:
                    return _("needs %(who)s and a wait of %(time)s", who=who, time=duration(self.seconds))
                return _("needs %(who)s", who=who)
            case "refused":
                return _("refused")
            case "cannot":
                return _("not with these roles")
            case _unproved:
                return _("not proved: the solver found no answer in time")

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"kind": self.kind, "people": self.people, "hold_seconds": self.seconds, "says": self.says}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one kind of person can do: proved bounds, the ordinary day between them, and the loosest situation."""

    who: str
    least: Asked
    usual: Asked
    most: Asked
    #: The situation in which least is asked, where it is not the ordinary one.
    loosest_facts: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def loosest(self) -> str:
        """The situation in which least is asked, in words; nothing where it is the ordinary one."""
        return loosest_in_words(self.loosest_facts)

    @property
    def says(self) -> str:
        """The ordinary day's answer, and the bounds where they are others."""
        said = self.usual.says
        if self.least.rank < self.usual.rank:
            said += _("; in some cases %(what)s", what=self.least.says)
        if self.most.rank > self.usual.rank:
            said += _("; in some cases %(what)s", what=self.most.says)
        return said

    @property
    def tone(self) -> str:
        """How free it is, by the least that is asked: a word for colours."""
        return self.least.kind

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "who": self.who,
            "says": self.says,
            "least": self.least.to_json(),
            "usual": self.usual.to_json(),
            "most": self.most.to_json(),
            "loosest": self.loosest or None,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One act on accounts of one tier, and the cell of every kind of person."""

    tier: str
    act: str
    severity: int
    cells: tuple[Cell, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "tier": self.tier,
            "act": self.act,
            "severity": self.severity,
            "cells": [one.to_json() for one in self.cells],
        }


def others(number: int) -> str:
    """Say how many others: ``1 other person``, ``2 other people``."""
    return ngettext("%(num)s other person", "%(num)s other people", number)


def loosest_in_words(facts: Mapping[str, Any] | None) -> str:
    """Say a situation, as a sentence without its end; nothing where there is none."""
    if facts is None:
        return ""
    words = situation_in_words(facts)
    return f"{words[0].upper()}{words[1:]}"


def asked_of(verdict: Verdict) -> Asked:
    """Return what a verdict asks of whoever acts."""
    if verdict.refused:
        return Asked(kind="refused")
    if verdict.seats:
        return Asked(kind="with_others", people=verdict.seats, seconds=verdict.hold_seconds, needs=verdict.approvals)
    if verdict.hold_seconds:
        return Asked(kind="after_wait", seconds=verdict.hold_seconds)
    return Asked(kind="at_once", confirm=verdict.confirm)


#: What breaking the glass asks under every set: the flow sees to it, and undoes it by itself within half an hour.
GLASS = Asked(kind="with_others", people=1, glass=True)
MOST_BY_GLASS = 3


class Prover:
    """One set of nets in one situation, asked about again and again."""

    def __init__(self, nets: NetSet) -> None:
        """Read the set.

        Raises:
            Unavailable: the solver is not installed (`nets/solver`).
        """
        self.z3 = z3()
        self.nets = nets
        self.at = Situation("a", Words())
        at_least = Formulas(nets, self.at, inexpressible=False)
        at_most = Formulas(nets, self.at, inexpressible=True)
        self._solver = self.z3.Solver()
        self._solver.set("timeout", MOST_MS)
        self._holds = sorted({0, *at_least.numbers()[0]})
        # Formulas have names, so that one solver with what it has learnt serves every question.
        self._refused, self._people = self.z3.Bool("refused"), self.z3.Int("people")
        self._held, self._refused_most = self.z3.Int("held"), self.z3.Bool("refused most")
        self._people_most, self._held_most = self.z3.Int("people most"), self.z3.Int("held most")
        self._defined = [
            self._refused == at_least.refused,
            self._people == at_least.people(),
            self._held == self._longest(at_least),
            self._refused_most == at_most.refused,
            self._people_most == at_most.people(),
            self._held_most == self._longest(at_most),
            *acts(self.at),
        ]
        self._solver.add(self.at.bounds())
        self._solver.add(self._defined)

    def _longest(self, asks: Formulas) -> Any:
        longest: Any = self.z3.IntVal(0)
        for seconds in sorted(asks.numbers()[0]):
            longest = self.z3.If(asks.holds(seconds), seconds, longest)
        return longest

    def least(self, where: Sequence[Any], usual: Asked | None = None) -> tuple[Asked, dict[str, Any] | None]:
        """Return the least that any situation there asks, and the facts of the loosest one.

        Without facts where ``usual`` asks no more than that.
        """
        if usual is not None and usual.kind == "at_once":
            return usual, None
        try:
            free = [self.z3.Not(self._refused)]
            if not self._can(where, free):
                return Asked(kind="refused"), None
            people = next(number for number in range(100) if self._can(where, [*free, self._people <= number]))
            free.append(self._people <= people)
            held = next(seconds for seconds in self._holds if self._can(where, [*free, self._held <= seconds]))
            free.append(self._held <= held)
            bound = Asked(
                kind="with_others" if people else "after_wait" if held else "at_once", people=people, seconds=held
            )
            if usual is not None and usual.rank <= bound.rank:
                return usual, None
            facts = nearest(self.at, [*self._defined, *where, *free])
        except UnansweredError:
            return Asked(kind="unknown"), None
        if facts is None:  # pragma: no cover  (it was found possible)
            return Asked(kind="unknown"), None
        seen = asked_of(judge(self.nets, Facts.of(facts)))
        return (seen if seen.rank == bound.rank else bound), facts

    def most(self, where: Sequence[Any], usual: Asked) -> Asked:
        """Return the most that any situation there asks."""
        try:
            if usual.kind != "refused" and self._can(where, [self._refused_most]):
                return Asked(kind="refused")
            if usual.kind == "refused":
                return usual
            people = usual.people
            while self._can(where, [self._people_most > people]):
                people += 1
            held = usual.seconds
            for seconds in self._holds:
                if seconds > held and self._can(where, [self._held_most >= seconds]):
                    held = seconds
        except UnansweredError:
            return Asked(kind="unknown")
        if (people, held) == (usual.people, usual.seconds):
            return usual
        return Asked(kind="with_others" if people else "after_wait", people=people, seconds=held)

    def _can(self, where: Sequence[Any], more: Sequence[Any]) -> bool:
        answer = self._solver.check(*where, *more)
        if answer == self.z3.unknown:
            raise UnansweredError
        return bool(answer == self.z3.sat)


@lru_cache(maxsize=8)
@one_at_a_time
def table(nets: NetSet) -> tuple[Line, ...]:
    """Return every line of the table; worked out once for each digest.

    Raises:
        Unavailable: the solver is not installed (`nets/solver`).
    """
    return tuple(_lines(Prover(nets)))


def _lines(prover: Prover) -> Iterator[Line]:
    for tier in TIERS:
        for act in ACTS:
            yield Line(tier, act.says, act.severity, tuple(_cell(prover, tier, act, kind) for kind in PEOPLE))


def _cell(prover: Prover, tier: str, act: Act, kind: Kind) -> Cell:
    if not kind.may_place:
        none = Asked(kind="cannot")
        return Cell(who=kind.id, least=none, usual=none, most=none)
    facts = ordinary_facts(tier, act, kind)
    if kind.id == "break_glass":
        # The flow asks one other person and no wait of it, whatever nets ask; a net's refusal stands.
        refused = act.severity > MOST_BY_GLASS or judge(prover.nets, Facts.of(facts)).refused
        by_glass = Asked(kind="refused") if refused else GLASS
        return Cell(who=kind.id, least=by_glass, usual=by_glass, most=by_glass)
    usual = asked_of(judge(prover.nets, Facts.of(facts)))
    where = [*act.constraints(prover.at), *kind.constraints(prover.at), _tier(prover.at, tier)]
    least, loosest = prover.least(where, usual)
    most = prover.most([*where, *_ordinary(prover.at, tier)], usual)
    return Cell(who=kind.id, least=least, usual=usual, most=most, loosest_facts=loosest)


def _tier(at: Situation, tier: str) -> Any:
    """The account is of this tier, today or lately."""
    lower = [at.fact("account.tier") == at.words.number(one) for one in TIERS[: TIERS.index(tier) + 1]]
    return z3().And(at.fact("account.tier_memory") == at.words.number(tier), z3().Or(lower))


def _ordinary(at: Situation, tier: str) -> list[Any]:
    """Ordinary circumstances: one account, within budgets, nothing paused, nobody involved, no lookalike."""
    false = (
        "account.lookalike",
        "action.scheduled",
        "action.legal",
        "actor.involved_30d",
        "now.paused",
        "now.raid",
    )
    reach = {"standard": 100_000, "notable": 5_000_000}.get(tier, 10**12)
    return [
        *(z3().Not(at.fact(name)) for name in false),
        at.fact("action.bulk") == 1,
        at.fact("account.restored_30d") == 0,
        at.fact("account.enforced_24h") <= 1,
        at.fact("account.reach") < reach,
        at.fact("actor.fresh_minutes") <= 5,
        at.fact("actor.in_shift"),
        *(at.fact(name) <= 4 for name in SCHEMA if name.startswith("recent.") and not name.endswith(".reach")),
        *(at.fact(name) <= 10_000 for name in SCHEMA if name.endswith("h.reach")),
    ]
