"""What is wrong with a set beyond its text: conditions that never or always hold, nets that others cover.

The text is checked by `load`, without a solver. Here the meanings of facts
count too: ``recent.actor_1h.severity4 > recent.actor_1h.severity3`` never holds,
as the graver are among the milder. What a solver cannot read, or does not
answer in time, gives no finding; without a solver there are none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gardefou.errors import Unavailable
from gardefou.nets import tree
from gardefou.nets.contradiction import never_holds
from gardefou.nets.facts import Kind
from gardefou.nets.nearest import acts
from gardefou.nets.net import Net
from gardefou.nets.solver import InexpressibleError, Reader, Situation, Words, z3
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import join_all
from gardefou.speech import gettext as _
from gardefou.speech import listed

#: Milliseconds for one question, and seconds for all of them.
_MOST_MS = 500
_MOST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a net: ``never``, ``always`` or ``covered``, and in words; ``by`` names covering nets."""

    kind: str
    net: str
    message: str
    by: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the set should not be used so: a net that never speaks is a mistake, one too many is not."""
        return self.kind == "never"

    @property
    def suggestion(self) -> str:
        """What to do about it."""
        match self.kind:
            case "never":
                return _("mend the condition, or take the net out")
            case "always":
                return _("narrow the condition, or make sure that everything is meant")
            case _:
                return _(
                    "take %(net)s out, or make it ask for more than %(others)s",
                    net=self.net,
                    others=listed(list(self.by), "and"),
                )


@one_at_a_time
def review(nets: Iterable[Net]) -> list[Finding]:
    """Return what is found in the nets, in their sequence; without a solver only what plainly always holds."""
    listed_nets = list(nets)
    try:
        return _Review(listed_nets).findings()
    except Unavailable:
        return [
            _always(net.id) for net in listed_nets if never_holds(tree.Not(net.condition.node, net.condition.node.at))
        ]


class _Review:
    """One look at a set: the formula of every net in one situation, and one solver over it."""

    def __init__(self, nets: Sequence[Net]) -> None:
        self._z3 = z3()
        at = Situation("a", Words())
        reader = Reader(at)
        self._speaks: dict[str, Any] = {}
        for net in nets:
            try:
                self._speaks[net.id] = reader.speaks(net.condition.node)
            except InexpressibleError:
                continue
        self._nets = [net for net in nets if net.id in self._speaks]
        self._solver = self._z3.Solver()
        self._solver.set("timeout", _MOST_MS)
        self._solver.add(at.bounds())
        self._solver.add(acts(at))
        self._until = time.monotonic() + _MOST_SECONDS

    def findings(self) -> list[Finding]:
        found: list[Finding] = []
        for net in self._nets:
            if _rounds(net.condition.node):
                continue
            speaks = self._speaks[net.id]
            if self._never(speaks):
                found.append(
                    Finding("never", net.id, _("Net %(id)s can never speak: its condition never holds.", id=net.id))
                )
            elif self._never(self._z3.Not(speaks)):
                found.append(_always(net.id))
            elif covered := self._covered(net):
                found.append(covered)
        return found

    def _never(self, *formulas: Any) -> bool:
        """Whether this is proved never to hold; no answer is no proof."""
        if time.monotonic() > self._until:
            return False
        return bool(self._solver.check(*formulas) == self._z3.unsat)

    def _covered(self, net: Net) -> Finding | None:
        """Whether others ask all that this net asks, wherever it speaks."""
        if net.shadow or net.asks.asks_nothing:
            return None
        others = [one for one in self._nets if one.id != net.id and not one.shadow]
        # Of two nets alike the later one is the one too many.
        place = {one.id: index for index, one in enumerate(self._nets)}
        speaks = self._speaks[net.id]
        strong = [one for one in others if one.asks.covers(net.asks) and set(one.asks.notify) >= set(net.asks.notify)]
        if strong and self._never(speaks, self._z3.Not(self._z3.Or([self._speaks[one.id] for one in strong]))):
            by = self._fewest(speaks, strong)
            twin = len(by) == 1 and self._never(self._speaks[by[0].id], self._z3.Not(speaks))
            if not (twin and net.asks.covers(by[0].asks) and place[by[0].id] > place[net.id]):
                return _covering(net, by, together=False)
        weaker = [one for one in others if not one.asks.asks_nothing and one not in strong and self._helps(one, net)]
        always = [one for one in weaker if self._never(speaks, self._z3.Not(self._speaks[one.id]))]
        joined = join_all(one.asks for one in always)
        if always and joined.covers(net.asks) and set(joined.notify) >= set(net.asks.notify):
            return _covering(net, always, together=True)
        return None

    def _helps(self, one: Net, net: Net) -> bool:
        """Whether a net asks any of what another does: people, an hour, a sign-in or a confirmation."""
        asks, wanted = one.asks, net.asks
        return bool(
            (wanted.approvals and asks.approvals)
            or (wanted.hold_seconds and asks.hold_seconds >= wanted.hold_seconds)
            or (wanted.fresh_auth_minutes is not None and asks.fresh_auth_minutes is not None)
            or set(wanted.confirm) & set(asks.confirm)
        )

    def _fewest(self, speaks: Any, strong: list[Net]) -> list[Net]:
        """Leave out covering nets that are not needed; one alone where one alone does."""
        for one in strong:
            if self._never(speaks, self._z3.Not(self._speaks[one.id])):
                return [one]
        needed = list(strong)
        for one in strong:
            left = [other for other in needed if other is not one]
            if left and self._never(speaks, self._z3.Not(self._z3.Or([self._speaks[other.id] for other in left]))):
                needed = left
        return needed


def _always(net: str) -> Finding:
    return Finding("always", net, _("Net %(id)s always speaks: its condition holds whatever happens.", id=net))


def _covering(net: Net, by: Sequence[Net], *, together: bool) -> Finding:
    ids = tuple(one.id for one in by)
    if len(by) == 1:
        how = _("%(net)s speaks wherever it does, and asks at least as much", net=ids[0])
    elif together:
        how = _("%(nets)s speak wherever it does, and together ask at least as much", nets=listed(list(ids), "and"))
    else:
        how = _("wherever it speaks, one of %(nets)s does, and asks at least as much", nets=listed(list(ids), "and"))
    return Finding("covered", net.id, _("Net %(id)s adds nothing: %(how)s.", id=net.id, how=how), ids)


def _rounds(node: tree.Node) -> bool:
    """Whether evaluation rounds where formulas are exact: there a proof says nothing of evaluation."""
    for one in tree.walk(node):
        match one:
            case tree.Arith(op="/"):
                return True
            case tree.Arith() | tree.Call(function="min" | "max"):
                if any(_is_float(part) for part in tree.walk(one)):
                    return True
            case _:
                continue
    return False


def _is_float(node: tree.Node) -> bool:
    match node:
        case tree.Fact(spec=spec):
            return spec.kind is Kind.FLOAT
        case tree.Literal(value=value):
            return isinstance(value, float)
        case _:
            return False
