"""What nets ask of a restore: nothing by default, another person beyond the limits of one person alone (R12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.actions import Action
from gardefou.domain.records import Account, Enforcement
from gardefou.flow import facts as facts_of
from gardefou.flow.app import Config
from gardefou.flow.lift import ROLLBACK
from gardefou.flow.observe import tier_memory
from gardefou.nets.facts import Facts
from gardefou.nets.judge import judge
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_HOUR = timedelta(hours=1)
_table = tables.enforcement.c
_RESTORES_OF = Fast(
    sa.select(sa.func.count()).where(
        _table.placed_by == sa.bindparam("by"),
        _table.action == Action.RESTORE.value,
        _table.placed_at > sa.bindparam("since", type_=_table.placed_at.type),
        _table.state.not_in(("refused", "waiting")),
        _table.policy != ROLLBACK,
    )
)


def restores_ahead(actor: Actor, now: datetime) -> Read:
    """Return what counting a person's restores of the last hour will read."""
    return _RESTORES_OF, {"by": actor.id, "since": now - _HOUR}


def judge_restore(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    account: Account,
    harms: Sequence[Enforcement],
    *,
    kind: str,
    exempt: bool,
) -> tuple[Facts, Verdict]:
    """Let the nets speak on a restore: nothing by default, one other beyond R12's limits, legal where M11 bars."""
    change_kind = ""
    if kind == "restore_legal":
        change_kind = kind
    elif not actor.is_system and not exempt and beyond_limits(uow.connection, config, actor, harms, uow.now):
        change_kind = "restore"
    known = facts_of.neutral_act(uow, actor, account.platform, Action.RESTORE.value) | {
        "account.tier": account.tier,
        "account.tier_memory": tier_memory(account, uow.now).value,
        "account.reach": account.reach or 0,
        "account.labels": account.labels,
        "change.kind": change_kind,
    }
    facts = Facts.of(known)
    if actor.is_system or config.no_nets:
        return facts, Verdict()
    verdict = replace(judge(config.nets, facts), refusals=(), hold_seconds=0)
    # Whoever may not lift was turned away already; no net that someone adds makes a restore wait (promise 2, I12).
    return facts, verdict if change_kind else replace(verdict, approvals=(), fresh_auth_minutes=None, confirm=())


def beyond_limits(
    connection: sa.Connection, config: Config, actor: Actor, harms: Sequence[Enforcement], now: datetime
) -> bool:
    """Whether restoring these takes another person: they have stood for long, or this person restored many (R12)."""
    if any(is_old(config, harm, now) for harm in harms):
        return True
    return restored_lately(connection, actor, now) >= config.rules.restores_per_hour


def restored_lately(connection: sa.Connection, actor: Actor, now: datetime) -> int:
    """Return how many restores a person placed within the hour, those counted that a limit counts (R12)."""
    statement, values = restores_ahead(actor, now)
    return int(statement.first(connection, values)[0])


def is_old(config: Config, harm: Enforcement, now: datetime) -> bool:
    """Whether a measure has stood for so long that lifting it takes another person; a warning is no measure."""
    long = timedelta(days=config.rules.restore_old_days)
    return bool(harm.measures) and harm.in_force_at is not None and now - harm.in_force_at > long
