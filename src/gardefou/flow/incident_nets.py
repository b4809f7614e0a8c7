"""The nets of an incident: which spoke, and which guard accounts like these and stayed silent.

A net is *silent* here only when it could have mattered: it is in force, asks
for something, spoke on none of the incident's acts, and speaks on the very same
facts once the account is of a higher tier or the act of severity 3, 4 or 5.
Nets that would stay silent even then (budgets that were far from spent, nets on
guarded changes) say nothing about the incident and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.records import Enforcement, NetsVersion
from gardefou.errors import InvalidInput
from gardefou.flow.app import read_nets
from gardefou.nets.facts import Facts
from gardefou.nets.judge import explain
from gardefou.nets.net import Net, NetSet
from gardefou.storage import tables
from gardefou.storage.records import fetch

#: Acts of one incident whose facts are judged again to find who stayed silent.
_MOST = 25
_GRAVE = (3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSaid:
    """A net and its part in an incident.

    ``mode``: enforce, or shadow where it was recorded and asked for nothing.
    ``facts``: for a silent net, the parts of its condition that kept it silent
    at the first of the acts.
    """

    net: str
    title: str
    because: str
    mode: str = "enforce"
    facts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "net": self.net,
            "title": self.title,
            "because": self.because,
            "mode": self.mode,
            "facts": list(self.facts),
        }


def nets_of(connection: sa.Connection, acts: Sequence[Enforcement]) -> tuple[tuple[NetSaid, ...], tuple[NetSaid, ...]]:
    """Return the nets that spoke on these acts, from their recorded verdicts, and those that stayed silent."""
    harms = [one for one in acts if one.severity > 0 and one.action != "change"]
    spoke: dict[str, NetSaid] = {}
    for one in harms:
        for mode, reasons in (("enforce", "reasons"), ("shadow", "shadow")):
            for reason in one.verdict.get(reasons, ()):
                said = NetSaid(net=reason["net"], title=reason["title"], because=reason["because"], mode=mode)
                spoke.setdefault(said.net, said)
    silent: dict[str, NetSaid] = {}
    sets: dict[str, NetSet] = {}
    for one in harms[:_MOST]:
        nets = _in_force(connection, one.placed_at, sets)
        if nets is None or not one.facts:
            continue
        try:
            facts = Facts.from_json(one.facts)
        except InvalidInput:
            # Recorded under facts that there are no more: nothing honest can be said of it.
            continue
        probes = _probes(facts)
        for net in nets:
            if net.id in spoke or net.id in silent or not _guards(net, facts, probes):
                continue
            [why] = explain(NetSet([net]), facts)
            silent[net.id] = NetSaid(net=net.id, title=net.title, because=net.because, facts=why.words)
    return _sorted(spoke), _sorted(silent)


def _sorted(said: dict[str, NetSaid]) -> tuple[NetSaid, ...]:
    return tuple(said[net] for net in sorted(said))


def _probes(facts: Facts) -> list[Facts]:
    """Return the same facts for graver acts and for accounts of this tier and every higher one."""
    tier = Tier(str(facts.get("account.tier_memory", Tier.STANDARD.value)))
    return [
        facts.but({"account.tier": higher.value, "account.tier_memory": higher.value, "action.severity": severity})
        for higher in Tier
        if higher.rank >= tier.rank
        for severity in _GRAVE
    ]


def _guards(net: Net, facts: Facts, probes: Sequence[Facts]) -> bool:
    """Whether a net that asks for something is silent on the facts, and speaks on one of the probes."""
    if net.shadow or net.asks.asks_nothing or any(fact.name.startswith("change.") for fact in net.condition.reads):
        return False
    return not net.condition.evaluate(facts).speaks and any(net.condition.evaluate(one).speaks for one in probes)


def _in_force(connection: sa.Connection, at: datetime, sets: dict[str, NetSet]) -> NetSet | None:
    """Return the set that was in force at a moment; None where none was."""
    version = tables.nets_version.c
    newest = connection.execute(
        sa.select(version.id).where(version.at <= at).order_by(version.at.desc(), version.id.desc()).limit(1)
    ).scalar()
    if newest is None:
        return None
    if newest not in sets:
        found = fetch(connection, NetsVersion, version.id == newest)
        assert found is not None
        sets[newest] = read_nets(found.toml, found.name)
    return sets[newest]
