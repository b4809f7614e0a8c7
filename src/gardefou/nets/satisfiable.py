"""Whether the people there are can meet what a set of nets asks (R21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gardefou.errors import Unavailable
from gardefou.nets import tree
from gardefou.nets.contradiction import never_holds
from gardefou.nets.facts import ROLES, SCHEMA
from gardefou.nets.nearest import MOST_MS, acts
from gardefou.nets.net import Net, NetSet
from gardefou.nets.seats import Person, lacking_for
from gardefou.nets.solver import Formulas, Situation, Words, z3
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import Requirement, merge
from gardefou.speech import gettext as _


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A net whose approvals nobody could give when this person proposes."""

    net: str
    proposer: str
    message: str


#: Kinds of change that the flow never calls weakening.
NEVER_WEAKEN = ("restore", "restore_legal", "pause", "second_pause", "resume", "reveal", "token_revoke", "off")
#: Roles that place anything a net judges; an auditor changes nothing.
_PROPOSING = frozenset(ROLES) - {"auditor"}


def unsatisfiable(nets: NetSet, staff: Sequence[Person], *, organisation: str) -> list[Unsatisfiable]:
    """Return each enforcing net that some member of staff could meet and the others never satisfy.

    One finding a net: the first proposer for whom it is out of reach. Nets that
    refuse ask for nobody, and a net that can never speak for a proposer's roles
    is no matter for them.
    """
    found: list[Unsatisfiable] = []
    proposers = _unlike(staff)
    for net in nets:
        if net.shadow or net.asks.refused or not net.asks.approvals:
            continue
        speaks = {roles: _can_speak(net, roles) for roles in {one.roles for one in proposers}}
        lacking_of = lacking_for(net.asks.approvals, staff, organisation=organisation)
        for proposer in proposers:
            if not speaks[proposer.roles]:
                continue
            if lacking := lacking_of(proposer):
                asked = _(" and ").join(requirement.in_words() for requirement in net.asks.approvals)
                message = _(
                    "Net %(net)s asks for %(asked)s; when %(who)s proposes, %(number)s of them cannot be found among "
                    "the staff. Add people, or ask for fewer.",
                    net=net.id,
                    asked=asked,
                    who=proposer.id,
                    number=lacking,
                )
                found.append(Unsatisfiable(net.id, proposer.id, message))
                break
    return found


@one_at_a_time
def together_unsatisfiable(nets: NetSet, staff: Sequence[Person], *, organisation: str) -> list[Unsatisfiable]:
    """Return pairs of nets that the others satisfy singly and never both, where both can speak of one act.

    One finding a pair of requirements. Whether both can speak is the solver's to say; without one there is none.
    """
    groups: dict[tuple[Requirement, ...], list[Net]] = {}
    for net in nets:
        if not net.shadow and not net.asks.refused and net.asks.approvals:
            groups.setdefault(net.asks.approvals, []).append(net)
    proposers = _unlike(staff)
    try:
        asking = _Together(nets)
    except Unavailable:
        return []
    found: list[Unsatisfiable] = []
    singly = {one: lacking_for(one, staff, organisation=organisation) for one in groups}
    for (one, first), (two, second) in combinations(groups.items(), 2):
        both = merge((*one, *two))
        of_both = lacking_for(both, staff, organisation=organisation)
        for proposer in proposers:
            if singly[one](proposer) or singly[two](proposer) or not (number := of_both(proposer)):
                continue
            pair = asking.pair(first, second, proposer)
            if pair is not None:
                asked = _(" and ").join(need.in_words() for need in both)
                message = _(
                    "Nets %(one)s and %(other)s can speak together, and then ask for %(asked)s; when %(who)s proposes, "
                    "%(number)s of them cannot be found among the staff.",
                    one=pair[0].id,
                    other=pair[1].id,
                    asked=asked,
                    who=proposer.id,
                    number=number,
                )
                found.append(Unsatisfiable(pair[1].id, proposer.id, message))
                break
    return found


class _Together:
    """Asks the solver which nets can speak of one act that no net refuses."""

    def __init__(self, nets: NetSet) -> None:
        self._z3 = z3()
        self._at = Situation("a", Words())
        enforcing = [net for net in nets if not net.shadow]
        formulas = Formulas(enforcing, self._at, inexpressible=True)
        self._speaks = {net.id: one for net, (_, one) in zip(enforcing, formulas.spoken, strict=True)}
        self._solver = self._z3.Solver()
        self._solver.set("timeout", MOST_MS)
        self._solver.add(self._at.bounds())
        self._solver.add(acts(self._at))
        self._solver.add(self._z3.Not(formulas.refused))
        # What gives back or stops, and what only tells a name, weakens no protection.
        kind, weakens = self._at.fact("change.kind"), self._at.fact("change.weakens")
        mild = [kind == self._at.words.number(word) for word in NEVER_WEAKEN]
        self._solver.add(self._z3.Implies(weakens, self._z3.Not(self._z3.Or(mild))))

    def pair(self, first: Sequence[Net], second: Sequence[Net], proposer: Person) -> tuple[Net, Net] | None:
        roles = SCHEMA["actor.roles"]
        who = [self._at.has(roles, role) == (role in proposer.roles) for role in ROLES]
        human = self._at.fact("actor.human")
        for one in first:
            for two in second:
                if self._solver.check(*who, human, self._speaks[one.id], self._speaks[two.id]) == self._z3.sat:
                    return one, two
        return None


def _unlike(staff: Sequence[Person]) -> list[Person]:
    """Return whoever proposes, the first of those who are alike: without either of them the same others are left."""
    once: dict[tuple[frozenset[str], str, str], Person] = {}
    for one in staff:
        if one.roles & _PROPOSING:
            once.setdefault((one.roles, one.team, one.employer), one)
    return list(once.values())


def _can_speak(net: Net, roles_of: frozenset[str]) -> bool:
    roles = tree.Fact(SCHEMA["actor.roles"], 0)
    known = tuple(
        tree.Compare((tree.Literal(role, 0), roles), ("in" if role in roles_of else "not in",), 0) for role in ROLES
    )
    return not never_holds(tree.Bool("and", (net.condition.node, *known), 0))
