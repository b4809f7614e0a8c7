"""Readings of accounts: what the platform says becomes what Gardefou knows.

Here a tier follows from labels, reach and registry (and is remembered for
`Rules.tier_memory_days` after it falls), lookalikes are found, and a change
that Gardefou did not make is noticed as drift (M7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gardefou.domain.accounts import AccountReading, Tier, severity_of
from gardefou.domain.records import SYSTEM, Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import App, Config
from gardefou.flow.incidents import open_incident
from gardefou.flow.reading import live_on
from gardefou.flow.rules import Rules
from gardefou.platforms.protocol import Connector, PlatformUnreachable, ReadsMeasures
from gardefou.storage.work import UnitOfWork

_REFRESH = timedelta(hours=6)
_AGE_SLACK = timedelta(days=2)
_REACH_SLACK = 0.05
_HARM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One reading and when it was begun; ``reading`` is None where the platform could not be read.

    ``measures_only``: reach and labels were not asked for; what is on record of them stands.
    ``asked``: the name it was asked for under, where that is not the account's own id: an alias, or what was
    merged into it.
    """

    platform: str
    account: str
    taken_at: datetime
    reading: AccountReading | None
    content: tuple[str, ...] = ()
    measures_only: bool = False
    asked: str = ""


def look(
    app: App, connector: Connector, account: str, content: Sequence[str] = (), *, measures_only: bool = False
) -> Seen:
    """Read an account at its platform, outside any transaction; an unreachable platform is no error here.

    ``measures_only``: nothing but what is imposed on it is asked for, where its platform reads that for less.
    Not for an account that was never read whole.
    """
    taken_at = app.now()
    read, less = connector.read_state, False
    if measures_only and isinstance(connector, ReadsMeasures):
        read, less = connector.read_measures, True
    try:
        reading = read(account, content=content)
    except PlatformUnreachable:
        reading = None
    ref = account if reading is None else reading.ref
    return Seen(
        platform=connector.name,
        account=ref,
        taken_at=taken_at,
        reading=reading,
        content=tuple(content),
        measures_only=less,
        asked="" if ref == account else account,
    )


def ruled_tier(rules: Rules, *, labels: Sequence[str], reach: int | None, verified_org: bool) -> Tier:
    """Return the tier that labels and reach give by themselves."""
    if set(labels) & set(rules.protected_labels) or (reach is not None and reach >= rules.protected_reach):
        return Tier.PROTECTED
    if verified_org or set(labels) & set(rules.notable_labels) or (reach is not None and reach >= rules.notable_reach):
        return Tier.NOTABLE
    return Tier.STANDARD


def tier_memory(account: Account, now: datetime) -> Tier:
    """Return the highest tier of the account in the days that are remembered."""
    remembered = account.memory_until is not None and account.memory_until > now
    return Tier.highest(Tier(account.tier), Tier(account.memory_tier) if remembered else Tier.STANDARD)


def retier(account: Account, rules: Rules, now: datetime) -> Account:
    """Return the account with its tier by rule and registry; a fall is remembered.

    Protection in the registry that has expired lasts until two people end it (R9).
    """
    ruled = ruled_tier(rules, labels=account.labels, reach=account.reach, verified_org=account.verified_org)
    explicit = Tier(account.explicit_tier) if account.explicit_tier else Tier.STANDARD
    tier = Tier.highest(ruled, explicit)
    old = Tier(account.tier)
    if tier.rank < old.rank:
        memory = Tier.highest(tier_memory(account, now), old)
        return replace(
            account,
            tier=tier.value,
            memory_tier=memory.value,
            memory_until=now + timedelta(days=rules.tier_memory_days),
        )
    return replace(account, tier=tier.value)


def observe(uow: UnitOfWork, app: App, config: Config, seen: Seen) -> Account | None:
    """Take a reading into the account's row, and notice what nobody here did.

    Returns the account, or None where it was never read and cannot be now.
    Writes `account.seen` when something that matters differs, and
    `account.drifted` with an incident when measures changed behind our back.
    """
    known = uow.get(Account, seen.platform, seen.account)
    reading = seen.reading
    if reading is None:
        return known
    fresh = known or Account(platform=seen.platform, ref=reading.ref)
    born = None if reading.age_days is None else seen.taken_at - timedelta(days=reading.age_days)
    if born is not None and fresh.born_at is not None and abs(born - fresh.born_at) < _AGE_SLACK:
        born = fresh.born_at
    reach = fresh.reach if seen.measures_only else reading.reach
    if reach is not None and fresh.reach is not None and abs(reach - fresh.reach) <= fresh.reach * _REACH_SLACK:
        crosses = any(
            (reach >= bar) != (fresh.reach >= bar) for bar in (config.rules.notable_reach, config.rules.protected_reach)
        )
        reach = reach if crosses else fresh.reach
    updated = replace(
        fresh,
        handle=reading.handle,
        display_name=reading.display_name,
        reach=reach,
        labels=fresh.labels if seen.measures_only else tuple(sorted(set(reading.labels))),
        born_at=born or fresh.born_at,
        verified_org=reading.verified_org,
    )
    updated = retier(_carried(uow, config.rules, seen, updated), config.rules, uow.now)
    updated = _lookalike(uow, app, updated)
    drifted: tuple[set[str], set[str]] | None = None
    if known is None or known.read_at is None:
        # The first reading: what is found there was there before us.
        updated = replace(updated, measures=tuple(sorted(reading.measures)), read_at=seen.taken_at)
    elif seen.taken_at >= known.read_at:
        # An older reading says nothing of the state: something was carried out since.
        updated, drifted = _drift(uow, updated, seen, reading)
    if known is not None and _same(known, updated):
        return replace(updated, version=known.version)
    updated = replace(updated, version=1 if known is None else known.version + 1)
    uow.record("account.seen", by=SYSTEM, platform=updated.platform, account=updated.ref, puts=(updated,))
    if drifted is not None:
        _report_drift(uow, updated, *drifted)
    return updated


def take_in(app: App, seen: Seen) -> Account | None:
    """Take a reading into the account's row as `observe` does, in a transaction of its own.

    The account stands still meanwhile: of two who read it at one moment neither
    is told that somebody else was first, and nobody who decides about it is.
    """
    with app.works.begin() as uow:
        uow.serialise(f"account:{seen.platform}/{seen.account}")
        return observe(uow, app, app.config(uow.connection), seen)


def _carried(uow: UnitOfWork, rules: Rules, seen: Seen, account: Account) -> Account:
    """Return the account with the tier of the name it was asked for under: aliases and merges carry the highest (R10).

    It is the registry's where it is higher there, and is remembered as any tier that fell.
    """
    other = uow.get(Account, account.platform, seen.asked, lock=False) if seen.asked else None
    if other is None:
        return account
    held = Tier(other.explicit_tier) if other.explicit_tier else Tier.STANDARD
    if held.rank > (Tier(account.explicit_tier).rank if account.explicit_tier else 0):
        account = replace(
            account,
            explicit_tier=held.value,
            explicit_because=other.explicit_because,
            explicit_until=other.explicit_until,
        )
    had = tier_memory(other, uow.now)
    if had.rank > tier_memory(retier(account, rules, uow.now), uow.now).rank:
        until = uow.now + timedelta(days=rules.tier_memory_days)
        account = replace(account, memory_tier=had.value, memory_until=until)
    return account


def _same(old: Account, new: Account) -> bool:
    assert new.read_at is not None
    stale = old.read_at is None or new.read_at - old.read_at >= _REFRESH
    return not stale and replace(old, read_at=None) == replace(new, read_at=None, version=old.version)


def _lookalike(uow: UnitOfWork, app: App, account: Account) -> Account:
    if account.tier == Tier.PROTECTED:
        return replace(account, lookalike_of=None)
    index = app.lookalikes(uow.connection, account.platform)
    found = [
        ref for name in (account.handle, account.display_name) for ref, _ in index.lookalikes(name, but=account.ref)
    ]
    before = account.lookalike_of
    of = before if before in found else next(iter(found), None)
    # Two people looked at whom it passed itself off as: now that it passes for another, nobody has (R10).
    return replace(account, lookalike_of=of, marked_fake=account.marked_fake and of in {None, before})


def in_flight(uow: UnitOfWork, platform: str, account: str) -> list[Enforcement]:
    """Return the account's enforcements that may be changing the platform at this moment."""
    states = {State.EXECUTING.value, State.UNKNOWN.value, State.RESTORING.value}
    return [one for one in live_on(uow, platform, account) if one.state in states]


def _drift(
    uow: UnitOfWork, account: Account, seen: Seen, reading: AccountReading
) -> tuple[Account, tuple[set[str], set[str]] | None]:
    asked = {f"removed:{item}" for item in seen.content}
    before = set(account.measures)
    elsewhere = {measure for measure in before if measure.startswith("removed:") and measure not in asked}
    after = set(reading.measures) | elsewhere
    account = replace(account, read_at=seen.taken_at)
    if after == before:
        return account, None
    if asked and not (after ^ before) - asked:
        # Items that were never asked about before are news, not drift.
        news = {m for m in (after ^ before) if m in after}
        if news == after ^ before:
            return replace(account, measures=tuple(sorted(after))), None
    moving: set[str] = set()
    restoring_all = False
    for enforcement in in_flight(uow, account.platform, account.ref):
        moving |= set(enforcement.measures)
        restoring_all = restoring_all or enforcement.whole
    changed = (after ^ before) - moving
    if restoring_all:
        changed -= before - after
    if not changed:
        return account, None
    added = {measure for measure in changed if measure in after}
    taken = changed - added
    base = account.drift_base if account.drift_base is not None else tuple(sorted(before))
    kept = tuple(sorted((before | added) - taken))
    # Gone again by itself: there is nothing left to restore.
    drift_base = None if set(kept) <= set(base) else base
    return replace(account, measures=kept, drift_base=drift_base), (added, taken)


def _report_drift(uow: UnitOfWork, account: Account, added: set[str], taken: set[str]) -> None:
    detail = {"added": sorted(added), "taken": sorted(taken)}
    uow.record(
        "account.drifted", by=SYSTEM, platform=account.platform, account=account.ref, about=account.ref, detail=detail
    )
    harmful = severity_of(frozenset(added)) >= _HARM
    if not (harmful or tier_memory(account, uow.now).rank > 0):
        return
    what = ", ".join([*(f"+{measure}" for measure in sorted(added)), *(f"-{measure}" for measure in sorted(taken))])
    open_incident(
        uow,
        platform=account.platform,
        kind="drift",
        accounts=(account.ref,),
        summary=f"The platform shows a change that did not come through Gardefou: {what}.",
        detail=detail,
    )
