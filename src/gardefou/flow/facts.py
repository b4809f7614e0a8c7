"""What the nets are told: the facts of `CONTRACT` gathered inside the placing transaction.

An unknown fact is left out; the nets take it at its most protective value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import state_name
from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Account, Case
from gardefou.flow.app import Config
from gardefou.flow.observe import Seen, tier_memory
from gardefou.flow.spec import Checked
from gardefou.flow.stops import paused_for, pauses_ahead
from gardefou.people.actor import NEVER_MINUTES, Actor
from gardefou.people.standing import NO_LAST_DAY_HOURS, standing_now
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MONTH = timedelta(days=30)
#: Reach that stands for "very many" where it is unknown but must be counted.
_FAR = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What of the act itself the nets are told: how many at once, and on which case."""

    bulk: int = 1
    case: Case | None = None
    automated: bool = False
    #: What was judged before it in the same call on the same account: items, or one for an action.
    beside: int = 0


def gather(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    checked: Checked,
    account: Account | None,
    seen: Seen,
    moment: Moment,
) -> dict[str, Any]:
    """Return every known fact about one wish, for `gardefou.nets.judge`."""
    wanted = checked.wanted
    now = uow.now
    facts: dict[str, Any] = {}
    facts.update(_account_facts(uow, config, actor, checked, account, seen))
    facts["account.enforced_24h"] += moment.beside
    facts.update(
        {
            "action.name": checked.action.value,
            "action.severity": checked.severity,
            "action.reversibility": checked.reversibility.value,
            "action.on_content": bool(wanted.content),
            "action.bulk": moment.bulk,
            "action.duration_hours": _duration(wanted.until, wanted.execute_at or now),
            "action.scheduled": wanted.execute_at is not None,
            "action.automated": moment.automated or not actor.human,
            "action.legal": wanted.legal_basis is not None,
            "action.label": wanted.label or "",
        }
    )
    facts.update(actor_facts(actor, now))
    facts.update(_case_facts(uow, wanted.platform, wanted.content, wanted.policy, actor, moment.case))
    facts.update(_recent_facts(uow, actor, wanted.platform, config))
    facts.update({"change.kind": "", "change.weakens": False, "change.person": ""})
    facts.update(moment_facts(uow, actor, wanted.platform))
    return facts


def _duration(until: datetime | None, start: datetime) -> float:
    return NO_LAST_DAY_HOURS if until is None else (until - start) / _HOUR


def moment_facts(uow: UnitOfWork, actor: Actor, platform: str) -> dict[str, Any]:
    """Return the facts named ``now``."""
    team = actor.staff.team if actor.staff else ""
    return {
        "now.hour": uow.now.hour,
        "now.weekday": uow.now.weekday(),
        "now.paused": paused_for(uow.connection, staff=actor.id, team=team, platform=platform) is not None,
        "now.raid": False,
    }


def actor_facts(actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the facts named ``actor``, but for involvement, as of now."""
    staff = actor.staff
    if staff is None:
        return {
            "actor.roles": (),
            "actor.team": actor.service or "",
            "actor.employer": "",
            "actor.standing": "active",
            "actor.tenure_days": _FAR.days,
            "actor.hours_to_last_day_end": NO_LAST_DAY_HOURS,
            "actor.fresh_minutes": NEVER_MINUTES,
            "actor.human": False,
            "actor.in_shift": True,
            "actor.via": actor.via,
        }
    standing = standing_now(staff, now)
    return {
        "actor.roles": staff.roles,
        "actor.team": staff.team,
        "actor.employer": staff.employer,
        "actor.standing": standing.standing.value,
        "actor.tenure_days": max(0, (now - staff.started_at).days),
        "actor.hours_to_last_day_end": standing.hours_left,
        "actor.fresh_minutes": actor.fresh_minutes(now),
        "actor.human": True,
        "actor.in_shift": True,
        "actor.via": actor.via,
    }


def tier_facts(account: Account | None, config: Config, now: datetime, *, fresh: bool) -> dict[str, Any]:
    """Return the facts of an account's tier and reach; unread or stale ones are left out (R9)."""
    if account is None or account.read_at is None:
        return {}
    stale = timedelta(seconds=config.rules.reading_stale_seconds)
    if not fresh and now - account.read_at > stale:
        return {}
    return {
        "account.tier": account.tier,
        "account.tier_memory": tier_memory(account, now).value,
        "account.reach": account.reach,
        "account.labels": account.labels,
    }


def _account_facts(
    uow: UnitOfWork, config: Config, actor: Actor, checked: Checked, account: Account | None, seen: Seen
) -> dict[str, Any]:
    now = uow.now
    wanted = checked.wanted
    fresh = seen.reading is not None
    facts = {name: value for name, value in tier_facts(account, config, now, fresh=fresh).items() if value is not None}
    if account is not None and facts:
        facts["account.state"] = state_name(frozenset(account.measures))
        if account.born_at is not None:
            facts["account.age_days"] = max(0, (now - account.born_at).days)
        facts["account.lookalike"] = account.lookalike_of is not None and not account.marked_fake
    history = lately(uow, wanted.platform, wanted.account)
    effects = sum(max(1, len(one.content)) for one in history if one.severity > 0 and one.counts_as_effect(now))
    facts["account.enforced_24h"] = effects + max(0, len(wanted.content) - 1)
    facts["account.restored_30d"] = sum(1 for one in history if one.counts_as_restore())
    facts["actor.involved_30d"] = bool(
        history and involved(uow, wanted.platform, wanted.account, actor.humans or (actor.id,))
    )
    return facts


@dataclass(frozen=True, slots=True)
class Lately:
    """One enforcement of the last 30 days on an account, as far as facts need it."""

    action: str
    state: str
    severity: int
    content: tuple[str, ...]
    placed_by: str
    placed_at: datetime

    def counts_as_effect(self, now: datetime) -> bool:
        """Whether it may yet have an effect, or was placed in the last 24 hours and had one."""
        if self.state in {"waiting", "ready", "executing", "unknown"}:
            return True
        return self.placed_at > now - _DAY and self.state not in {"refused", "cancelled", "lapsed", "failed"}

    def counts_as_restore(self) -> bool:
        """Whether a person restored the account with it."""
        withdrawn = {"refused", "cancelled", "lapsed", "waiting", "failed"}
        return self.action == Action.RESTORE and self.placed_by != "system" and self.state not in withdrawn


def lately(uow: UnitOfWork, platform: str, account: str) -> list[Lately]:
    """Return the account's enforcements of the last 30 days."""
    statement, values = _lately_ahead(uow, platform, account)
    return [Lately(*row) for row in statement.all(uow.connection, values)]


def ahead(uow: UnitOfWork, actor: Actor, platform: str, account: str) -> list[Read]:
    """Return what `gather` will read for an act without content, of someone whose budget was not topped up."""
    hour = uow.now - _HOUR
    return [
        _lately_ahead(uow, platform, account),
        (_TOPPED, {"who": actor.id, "since": hour}),
        *(statement for scopes, statement in _counts(uow, actor, platform, hour) if scopes != _PLATFORM),
        pauses_ahead(),
    ]


def _lately_ahead(uow: UnitOfWork, platform: str, account: str) -> Read:
    return _LATELY, {"platform": platform, "account": account, "since": uow.now - _MONTH}


def involved(uow: UnitOfWork, platform: str, account: str, people: tuple[str, ...]) -> set[str]:
    """Return who of these placed, approved or restored on the account in 30 days, with effect (R16)."""
    table = tables.enforcement.c
    since = uow.now - _MONTH
    done = (
        table.platform == platform,
        table.account == account,
        # What was placed long ago and undone lately counts from when it was undone.
        sa.or_(table.placed_at > since, table.ended_at > since),
        table.state.in_(("executing", "unknown", "in_force", "restoring", "restored")),
    )
    found: set[str] = set()
    for row in uow.connection.execute(sa.select(table.humans, table.placed_by).where(*done)):
        found |= {row.placed_by, *row.humans} & set(people)
    approval = tables.approval.c
    rows = uow.connection.execute(
        sa.select(approval.by)
        .join(tables.enforcement, sa.and_(approval.platform == table.platform, approval.enforcement_id == table.id))
        .where(*done, approval.by.in_(people), approval.answer == "yes")
    )
    return found | {row.by for row in rows}


def _case_facts(
    uow: UnitOfWork, platform: str, content: tuple[str, ...], policy: str, actor: Actor, case: Case | None
) -> dict[str, Any]:
    facts = neutral_case()
    facts["case.policy"] = policy
    if case is not None:
        facts.update(
            {
                "case.reports": case.reports,
                "case.reporters": case.reporters,
                "case.burst": case.burst,
                "case.category": case.category,
                "case.trusted_flagger": case.trusted_flagger,
                "case.evidence_seen": actor.id in case.evidence_seen_by,
            }
        )
    if content:
        facts["case.reports"] = _fewest_reports(uow, platform, content)
    return facts


def neutral_case() -> dict[str, Any]:
    """Return the facts of an act that has no case."""
    return {
        "case.reports": 0,
        "case.reporters": 0,
        "case.burst": False,
        "case.category": "",
        "case.policy": "",
        "case.trusted_flagger": False,
        "case.evidence_seen": True,
        "case.language": "",
        "case.harm": 0,
    }


def neutral_act(uow: UnitOfWork, actor: Actor, platform: str, name: str) -> dict[str, Any]:
    """Return every fact of an act that harms no account: a restore, a guarded change. Callers say what differs."""
    return {
        "action.name": name,
        "action.severity": 0,
        "action.reversibility": Reversibility.EXACT.value,
        "action.on_content": False,
        "action.bulk": 1,
        "action.duration_hours": 0.0,
        "action.scheduled": False,
        "action.automated": not actor.human,
        "action.legal": False,
        "action.label": "",
        "account.tier": "standard",
        "account.tier_memory": "standard",
        "account.reach": 0,
        "account.labels": (),
        "account.state": "active",
        "account.age_days": 365,
        "account.lookalike": False,
        "account.enforced_24h": 0,
        "account.restored_30d": 0,
        "actor.involved_30d": False,
        "change.kind": "",
        "change.weakens": False,
        "change.person": "",
        **neutral_case(),
        **neutral_recent(),
        **actor_facts(actor, uow.now),
        **moment_facts(uow, actor, platform),
    }


def neutral_recent() -> dict[str, Any]:
    """Return the facts of counts where nothing is counted: restores and guarded changes have no budget."""
    counts = {
        f"recent.{scope}.{name}": 0
        for scope in ("actor_1h", "actor_24h", "team_1h", "platform_1h")
        for name in ("all", "severity3", "severity4", "reach")
    }
    return {**counts, "recent.actor_reversed_7d": 0}


def _fewest_reports(uow: UnitOfWork, platform: str, content: tuple[str, ...]) -> int:
    """Return how many open reports the least reported of the items has."""
    table = tables.case.c
    rows = uow.connection.execute(
        sa.select(table.content, sa.func.sum(table.reports))
        .where(table.platform == platform, tables.case_open, table.content.in_(content))
        .group_by(table.content)
    )
    counts = {row[0]: int(row[1]) for row in rows}
    return min((counts.get(item, 0) for item in content), default=0)


_table = tables.enforcement.c
_LATELY = Fast(
    sa.select(_table.action, _table.state, _table.severity, _table.content, _table.placed_by, _table.placed_at).where(
        _table.platform == sa.bindparam("platform"),
        _table.account == sa.bindparam("account"),
        _table.placed_at > sa.bindparam("since", type_=_table.placed_at.type),
    )
)
_COUNTED = (_table.severity > 0, _table.state != "refused")
_SINCE_HOUR = sa.bindparam("hour", type_=_table.placed_at.type)
_SINCE_DAY = sa.bindparam("day", type_=_table.placed_at.type)


def _sums(since: sa.BindParameter[Any]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the four counts of a scope: all, severity 3, severity 4, reach."""

    def total(*where: sa.ColumnElement[bool], of: sa.ColumnElement[Any] | int = 1) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(_table.placed_at > since, *where), of), else_=0)), 0)

    return (
        total(),
        total(_table.severity >= 3),
        total(_table.severity >= 4),
        total(_table.severity >= 3, of=_table.reach),
    )


# A person's budget is for what they do alone: what another person answers for is not counted.
_BY_PERSON = Fast(
    sa.select(*_sums(_SINCE_HOUR), *_sums(_SINCE_DAY)).where(
        _table.placed_by == sa.bindparam("who"),
        _table.placed_at > _SINCE_DAY,
        _table.approve_by.is_(None),
        *_COUNTED,
    )
)
_BY_TEAM = Fast(
    sa.select(*_sums(_SINCE_HOUR)).where(
        _table.platform == sa.bindparam("platform"),
        _table.team == sa.bindparam("who"),
        _table.placed_at > _SINCE_HOUR,
        *_COUNTED,
    )
)
# Whole platforms are counted from severity 3 on: the milder ones have no budget there.
_BY_PLATFORM = Fast(
    sa.select(*_sums(_SINCE_HOUR)).where(
        _table.platform == sa.bindparam("platform"),
        _table.severity.in_((3, 4, 5)),
        _table.placed_at > _SINCE_HOUR,
        _table.state != "refused",
    )
)
_by_topped = tables.top_up.c
_TOPPED = Fast(
    sa.select(_by_topped.at)
    .where(_by_topped.staff_id == sa.bindparam("who"), _by_topped.at > sa.bindparam("since", type_=_by_topped.at.type))
    .limit(1)
)
_PLATFORM = ("platform_1h",)
_COUNTS = ("all", "severity3", "severity4", "reach")


def _counts(uow: UnitOfWork, actor: Actor, platform: str, hour: datetime) -> list[tuple[tuple[str, ...], Read]]:
    """Return the scopes that are counted, each with its statement; ``hour`` is where the person's own hour begins."""
    now = uow.now
    team = actor.staff.team if actor.staff else ""
    by_person = (_BY_PERSON, {"who": actor.id, "hour": hour, "day": now - _DAY})
    by_team = (_BY_TEAM, {"platform": platform, "who": team, "hour": now - _HOUR})
    return [
        (("actor_1h", "actor_24h"), by_person),
        *([(("team_1h",), by_team)] if team else []),
        (_PLATFORM, platform_ahead(uow, platform)),
    ]


def platform_ahead(uow: UnitOfWork, platform: str) -> Read:
    """Return what `gather` will read of the whole platform: hold it first where it counts."""
    return _BY_PLATFORM, {"platform": platform, "hour": uow.now - _HOUR}


def _recent_facts(uow: UnitOfWork, actor: Actor, platform: str, config: Config) -> dict[str, Any]:
    now = uow.now
    read = config.facts_read
    who = actor.id
    topped = _TOPPED.first(uow.connection, {"who": who, "since": now - _HOUR})
    hour = max(now - _HOUR, topped.at) if topped else now - _HOUR
    facts: dict[str, Any] = {f"recent.team_1h.{name}": 0 for name in _COUNTS}
    for scopes, (statement, values) in _counts(uow, actor, platform, hour):
        names = [f"recent.{scope}.{name}" for scope in scopes for name in _COUNTS]
        if not read.isdisjoint(names):
            row = statement.first(uow.connection, values)
            facts.update({name: int(value) for name, value in zip(names, row, strict=True)})
    if "recent.actor_reversed_7d" in read:
        facts["recent.actor_reversed_7d"] = uow.connection.execute(
            sa.select(sa.func.count()).where(
                _table.placed_by == who,
                _table.placed_at > now - timedelta(days=7),
                _table.state.in_(("restoring", "restored")),
            )
        ).scalar_one()
    return facts
