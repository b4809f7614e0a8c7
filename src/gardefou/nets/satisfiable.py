"""Whether the people there are can meet what a set of nets asks (R21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gardefou.nets import tree
from gardefou.nets.contradiction import never_holds
from gardefou.nets.facts import ROLES, SCHEMA
from gardefou.nets.net import Net, NetSet
from gardefou.nets.seats import Person, seats_filled


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A net whose approvals nobody could give when this person proposes."""

    net: str
    proposer: str
    message: str


#: Roles that place anything a net judges; an auditor changes nothing.
_PROPOSING = frozenset(ROLES) - {"auditor"}


def unsatisfiable(nets: NetSet, staff: Sequence[Person], *, organisation: str) -> list[Unsatisfiable]:
    """Return each enforcing net that some member of staff could meet and the others never satisfy.

    One finding a net: the first proposer for whom it is out of reach. Nets that
    refuse ask for nobody, and a net that can never speak for a proposer's roles
    is no matter for them.
    """
    found: list[Unsatisfiable] = []
    for net in nets:
        if net.shadow or net.asks.refused or not net.asks.approvals:
            continue
        for proposer in staff:
            if not proposer.roles & _PROPOSING or not _can_speak(net, proposer):
                continue
            missing = seats_filled(net.asks.approvals, staff, proposer=proposer, organisation=organisation)
            if missing:
                asked = " and ".join(requirement.in_words() for requirement in net.asks.approvals)
                lacking = sum(requirement.approvals for requirement in missing)
                message = (
                    f"Net {net.id} asks for {asked}; when {proposer.id} proposes, {lacking} of them cannot be found "
                    "among the staff. Add people, or ask for fewer."
                )
                found.append(Unsatisfiable(net.id, proposer.id, message))
                break
    return found


def _can_speak(net: Net, proposer: Person) -> bool:
    roles = tree.Fact(SCHEMA["actor.roles"], 0)
    known = tuple(
        tree.Compare((tree.Literal(role, 0), roles), ("in" if role in proposer.roles else "not in",), 0)
        for role in ROLES
    )
    return not never_holds(tree.Bool("and", (net.condition.node, *known), 0))
