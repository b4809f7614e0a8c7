"""Proving what a set of nets guarantees: each invariant proved, or shown false by a situation in words.

Each invariant is turned into the situations that would break it; a solver says
that there is none, or gives one. What it gives is brought as near to an
ordinary day as it goes, judged once more by evaluation, and said in a sentence.

Where a condition cannot be expressed as a formula, claims that at least
something is asked take its net as silent, claims that at most something is
asked take it as speaking; I4 and I5 compare two situations and take it both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gardefou.nets.facts import SCHEMA, Facts, Kind
from gardefou.nets.floor import ORDINARY
from gardefou.nets.invariants import INVARIANTS, Invariant, Question, Room
from gardefou.nets.judge import judge
from gardefou.nets.nearest import facts_of
from gardefou.nets.net import NetSet
from gardefou.nets.sentence import in_words
from gardefou.nets.solver import Situation, z3
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _

#: Milliseconds for one question; what is not answered then is not proved.
_MOST_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """An invariant and what came of proving it.

    ``facts`` are a situation that breaks it, for machines, and ``asked`` what
    is asked there; of I4 and I5 the one that is asked less than ``compares``.
    """

    id: str
    says: str
    holds: bool
    facts: dict[str, Any] | None = None
    asked: Verdict | None = None
    compares: str = ""

    @property
    def counterexample(self) -> str | None:
        """How it is broken, in a sentence; None where it holds."""
        if self.holds:
            return None
        if self.facts is None or self.asked is None:
            return _("The solver found no answer in time: make the conditions simpler.")
        return in_words(self.facts, self.asked, compares=self.compares)

    def to_json(self) -> dict[str, Any]:
        """Return the contract's shape."""
        found: dict[str, Any] = {"id": self.id, "says": self.says, "holds": self.holds}
        if not self.holds:
            found |= {"counterexample": self.counterexample, "facts": self.facts}
        return found


@one_at_a_time
def prove(nets: NetSet, invariants: Sequence[Invariant] = INVARIANTS) -> list[Proved]:
    """Prove each invariant of a set of nets, or find a situation that breaks it.

    Raises:
        Unavailable: the solver is not installed (`nets/solver`).
    """
    room = Room(nets)
    return [_prove(room, one) for one in invariants]


def _prove(room: Room, invariant: Invariant) -> Proved:
    for question in invariant.questions(room):
        solver = room.z3.Solver()
        for one in question.situations:
            solver.add(one.bounds())
        solver.add(question.constraints)
        solver.set("timeout", _MOST_MS)
        answer = solver.check()
        if answer == room.z3.unknown:
            return Proved(id=invariant.id, says=invariant.says, holds=False)
        if answer == room.z3.sat:
            model_of = _nearest(solver, question)
            facts = [facts_of(solver.model(), one) for one in model_of]
            last = facts[-1]
            return Proved(
                id=invariant.id,
                says=invariant.says,
                holds=False,
                facts=last,
                asked=judge(room.nets, Facts.of(last)),
                compares=question.compares,
            )
    return Proved(id=invariant.id, says=invariant.says, holds=True)


def _nearest(solver: Any, question: Question) -> tuple[Situation, ...]:
    """Bring the situation as near to an ordinary day as it goes: one fact after the other, where it still breaks."""
    first = question.situations[0]
    for name, usual in ORDINARY.items():
        spec = SCHEMA[name]
        if spec.kind is Kind.TEXTS:
            members = first.members.get(name, {})
            wish = [*(one == (word in usual) for word, one in members.items()), first.length(spec) == len(usual)]
        else:
            wish = [first.fact(name) == first.constant(usual)]
        solver.push()
        solver.add(wish)
        if solver.check() == z3().sat:
            continue
        solver.pop()
    solver.check()
    return question.situations
