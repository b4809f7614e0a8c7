"""What waits for one answer as a group: one person's burst beyond a budget, one bulk (R13), or one rollback (R12).

Only what nothing but budgets and numbers holds up, on standard accounts:
whatever else is asked about an account is looked at by itself, and a blind
second look always is. The restores of one rollback are one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action
from gardefou.domain.states import State
from gardefou.flow.app import Config
from gardefou.flow.second_look import is_blind
from gardefou.storage import tables
from gardefou.storage.fast import Fast

#: Enforcements that are looked through for groups: two bulks of the largest size.
MOST = 10_000
_e = tables.enforcement.c
#: Read by the thousand for one page, so nothing that is not needed; verdicts as they are stored.
_WAITING = Fast(
    sa.select(
        _e.platform,
        _e.id,
        _e.account,
        _e.action,
        _e.policy,
        _e.rationale,
        _e.reach,
        _e.placed_by,
        _e.humans,
        _e.approve_by,
        _e.digest,
        _e.group_id,
        _e.via,
        sa.type_coerce(_e.verdict, sa.Text).label("verdict"),
        sa.case((_e.group_id.is_not(None), sa.type_coerce(_e.facts, sa.Text))).label("facts"),
    )
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
class Member:
    """One enforcement of a group: what an answer is bound to, and what is told of it."""

    platform: str
    id: str
    account: str
    action: str
    policy: str
    rationale: str
    reach: int
    placed_by: str
    humans: tuple[str, ...]
    approve_by: datetime | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """What one yes or no can answer: a bulk by its group, or a burst by whoever placed it."""

    #: "bulk", "budget" or "rollback".
    kind: str
    #: The bulk's group id, the rollback's id, or whoever placed the burst.
    key: str
    placed_by: str
    enforcements: tuple[Member, ...]
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
    asking = frozenset(net.id for net in config.nets if net.asks.approvals)
    crowd = frozenset(
        net.id
        for net in config.nets
        if any(fact.name.startswith("recent.") or fact.name == "action.bulk" for fact in net.condition.reads)
    )
    found: dict[tuple[str, str], list[Member]] = {}
    nets: dict[tuple[str, str], dict[str, None]] = {}
    for row in _WAITING.all(connection):
        spoke, blind = _spoke(row.verdict)
        holding = [net for net in spoke if net in asking]
        unknown = any(config.nets.get(net) is None for net in spoke)
        if row.action == Action.RESTORE and row.group_id is not None:
            # Beyond the limit of one person's restores (R12): one other answers for a whole rollback at once.
            found.setdefault(("rollback", row.group_id), []).append(_member(row))
            nets.setdefault(("rollback", row.group_id), {}).update(dict.fromkeys(holding))
            continue
        if blind or unknown or not holding or not crowd.issuperset(holding) or row.via == "break_glass":
            continue
        in_bulk = row.facts is not None and int(orjson.loads(row.facts).get("action.bulk", 1)) > 1
        key = ("bulk", str(row.group_id)) if in_bulk else ("budget", row.placed_by)
        found.setdefault(key, []).append(_member(row))
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


@lru_cache(maxsize=4_096)
def _spoke(verdict: str) -> tuple[tuple[str, ...], bool]:
    """Return the nets that spoke in a verdict as stored, and whether it asks for a blind look; a burst has few."""
    said: Mapping[str, Any] = orjson.loads(verdict)
    reasons: Sequence[Mapping[str, Any]] = said["reasons"]
    return tuple(str(reason["net"]) for reason in reasons), is_blind(said)


def _member(row: Any) -> Member:
    return Member(
        platform=row.platform,
        id=row.id,
        account=row.account,
        action=row.action,
        policy=row.policy,
        rationale=row.rationale,
        reach=row.reach,
        placed_by=row.placed_by,
        humans=row.humans,
        approve_by=row.approve_by,
        digest=row.digest,
    )
