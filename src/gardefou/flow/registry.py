"""The registry: which accounts get more review, why, by whom, and what waits to change it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.rules import Rules
from gardefou.flow.second_look import hidden_among
from gardefou.storage import tables
from gardefou.storage.records import fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One reason for an account's tier.

    ``kind`` is `label`, `reach`, `verified` (an organisation), `registry` or
    `memory` (it had that tier until lately), ``value`` what is met, where one is.
    """

    kind: str
    tier: str
    value: str | int = ""


def criteria(account: Account, rules: Rules, now: datetime) -> tuple[Criterion, ...]:
    """Return why an account has the tier it has, by labels, reach, registry and memory; empty for an ordinary one."""
    protected, notable = Tier.PROTECTED.value, Tier.NOTABLE.value
    found = [
        Criterion(kind="label", tier=protected, value=one) for one in account.labels if one in rules.protected_labels
    ]
    found += [Criterion(kind="label", tier=notable, value=one) for one in account.labels if one in rules.notable_labels]
    if account.verified_org:
        found.append(Criterion(kind="verified", tier=notable))
    if account.reach is not None and account.reach >= rules.notable_reach:
        bar = rules.protected_reach if account.reach >= rules.protected_reach else rules.notable_reach
        found.append(Criterion(kind="reach", tier=protected if bar == rules.protected_reach else notable, value=bar))
    if account.explicit_tier is not None:
        found.append(Criterion(kind="registry", tier=account.explicit_tier))
    if account.memory_until is not None and account.memory_until > now and account.memory_tier != account.tier:
        found.append(Criterion(kind="memory", tier=account.memory_tier))
    return tuple(found)


def waiting_changes(connection: sa.Connection) -> dict[tuple[str, str], list[Enforcement]]:
    """Return the changes of tier that wait for people, by account."""
    table = tables.enforcement.c
    statement = sa.select(tables.enforcement).where(
        tables.enforcement_active,
        table.state == State.WAITING.value,
        table.platform == ORGANISATION,
        table.action == Action.CHANGE.value,
    )
    waiting: dict[tuple[str, str], list[Enforcement]] = {}
    for one in fetch_all(connection, Enforcement, statement.order_by(table.id)):
        change = one.change or {}
        if change.get("kind") == "tier":
            waiting.setdefault((str(change["platform"]), str(change["account"])), []).append(one)
    return waiting


def waiting_for(
    connection: sa.Connection, accounts: Collection[tuple[str, str]], viewer: str
) -> dict[tuple[str, str], list[Enforcement]]:
    """Return these accounts' changes of tier that wait for people, as this viewer may see them."""
    waiting = {key: found for key, found in waiting_changes(connection).items() if key in accounts}
    hidden = hidden_among(connection, [one for found in waiting.values() for one in found], viewer)
    return {key: [one for one in found if one.id not in hidden] for key, found in waiting.items()}


def tiers_set(
    connection: sa.Connection, accounts: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, datetime]]:
    """Return who set the registry's entry of each account last, and when."""
    table = tables.event.c
    platforms, refs = {platform for platform, _ in accounts}, {ref for _, ref in accounts}
    if not accounts:
        return {}
    statement = (
        sa.select(table.platform, table.account, table.by, table.at)
        .where(
            tables.event_of_account,
            table.kind == "account.tier_set",
            table.platform.in_(sorted(platforms)),
            table.account.in_(sorted(refs)),
        )
        .order_by(table.id)
    )
    return {(row.platform, row.account): (row.by, row.at) for row in connection.execute(statement)}
