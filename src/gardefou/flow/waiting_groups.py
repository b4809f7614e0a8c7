"""What waits for one answer as a group: one person's burst beyond a budget, one bulk (R13), or one rollback (R12).

Only what nothing but budgets and numbers holds up, on standard accounts:
whatever else is asked about an account is looked at by itself, and a blind
second look always is. The restores of one rollback are one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action
from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import Config
from gardefou.flow.second_look import is_outstanding
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.records import fetch_fast

#: Enforcements that are looked through for groups: two bulks of the largest size.
MOST = 10_000
_e = tables.enforcement.c
_WAITING = Fast(
    sa.select(tables.enforcement)
    .where(
        tables.enforcement_active,
        _e.state == State.WAITING.value,
        _e.approved_at.is_(None),
        _e.action != "change",
        _e.tier == Tier.STANDARD.value,
    )
    .order_by(_e.id)
    .limit(MOST)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """What one yes or no can answer: a bulk by its group, or a burst by whoever placed it."""

    #: "bulk", "budget" or "rollback".
    kind: str
    #: The bulk's group id, the rollback's id, or whoever placed the burst.
    key: str
    placed_by: str
    enforcements: tuple[Enforcement, ...]
    #: Ids of the nets that hold it up.
    nets: tuple[str, ...]

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts, each once, as platform and ref."""
        return tuple(dict.fromkeys(f"{one.platform}/{one.account}" for one in self.enforcements))

    @property
    def reach(self) -> int:
        """Return how many accounts these reach together."""
        return sum({(one.platform, one.account): one.reach for one in self.enforcements}.values())

    @property
    def actions(self) -> tuple[str, ...]:
        """Return what is to be done, each word once."""
        return tuple(dict.fromkeys(one.action for one in self.enforcements))


def waiting_groups(connection: sa.Connection, config: Config) -> list[WaitingGroup]:
    """Return every group that waits for people, the one that lapses first at the front."""
    return grouped(config, fetch_fast(connection, Enforcement, _WAITING, {}))


def grouped(config: Config, waiting: Sequence[Enforcement]) -> list[WaitingGroup]:
    """Return the groups among what waits; whatever is to be looked at by itself is in none."""
    asking = frozenset(net.id for net in config.nets if net.asks.approvals)
    crowd = frozenset(
        net.id
        for net in config.nets
        if any(fact.name.startswith("recent.") or fact.name == "action.bulk" for fact in net.condition.reads)
    )
    found: dict[tuple[str, str], list[Enforcement]] = {}
    nets: dict[tuple[str, str], dict[str, None]] = {}
    for one in waiting:
        spoke = [str(reason["net"]) for reason in one.verdict["reasons"]]
        holding = [net for net in spoke if net in asking]
        unknown = any(config.nets.get(net) is None for net in spoke)
        if one.action == Action.RESTORE and one.group_id is not None:
            # Beyond the limit of one person's restores (R12): one other answers for a whole rollback at once.
            found.setdefault(("rollback", one.group_id), []).append(one)
            nets.setdefault(("rollback", one.group_id), {}).update(dict.fromkeys(holding))
            continue
        if is_outstanding(one) or unknown or not holding or not crowd.issuperset(holding) or one.via == "break_glass":
            continue
        in_bulk = one.group_id is not None and int(one.facts.get("action.bulk", 1)) > 1
        key = ("bulk", str(one.group_id)) if in_bulk else ("budget", one.placed_by)
        found.setdefault(key, []).append(one)
        nets.setdefault(key, {}).update(dict.fromkeys(holding))
    groups = [
        WaitingGroup(
            kind=kind,
            key=key,
            placed_by=members[0].placed_by,
            enforcements=tuple(members),
            nets=tuple(nets[kind, key]),
        )
        for (kind, key), members in found.items()
    ]
    return sorted(groups, key=lambda group: min(str(one.approve_by) for one in group.enforcements))
