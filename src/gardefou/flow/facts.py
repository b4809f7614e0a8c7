"""What the nets are told: the facts of `CONTRACT` gathered inside the placing transaction.

An unknown fact is left out; the nets take it at its most protective value.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gardefou.domain.accounts import Tier, state_name
from gardefou.domain.actions import Reversibility
from gardefou.domain.records import Account, Case
from gardefou.flow import fact_reads
from gardefou.flow.app import Config
from gardefou.flow.fact_reads import COUNTS, GRAVE, HOUR, Own
from gardefou.flow.observe import Seen, tier_memory
from gardefou.flow.spec import Checked, Wanted
from gardefou.flow.stops import pauses_ahead
from gardefou.people.actor import NEVER_MINUTES, Actor
from gardefou.people.standing import NO_LAST_DAY_HOURS, standing_now
from gardefou.storage.unwritten import Read
from gardefou.storage.work import UnitOfWork

#: Tenure of whoever has none: a service.
_FAR = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What of the act itself the nets are told: how many at once, on which case, and what went before in it."""

    bulk: int = 1
    case: Case | None = None
    automated: bool = False
    #: What was judged before it in the same call on the same account: items, or one for an action.
    beside: int = 0
    #: `COUNTS` of what was judged before it in the same call, where a bulk says how many there are of its reach only;
    #: and of that what no other person answers for.
    before: tuple[int, ...] = (0, 0, 0, 0)
    alone: tuple[int, ...] = (0, 0, 0, 0)
    #: What was read already for another wish of the same call, before anything of it is recorded.
    kept: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    def counting(self, severity: int, reach: int, *, asked: bool, number: bool = True) -> Moment:
        """Return it with one more before the next, of this severity and reach; without ``number`` of its reach only."""
        grave = severity >= GRAVE
        counted = (severity > 0, grave, severity >= GRAVE + 1) if number else (0, 0, 0)
        more = (*counted, reach if grave else 0)

        def with_one(counts: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(a + int(b) for a, b in zip(counts, more, strict=True))

        return replace(self, before=with_one(self.before), alone=self.alone if asked else with_one(self.alone))


def gather(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    checked: Checked,
    account: Account | None,
    seen: Seen,
    moment: Moment,
) -> dict[str, Any]:
    """Return every known fact about one wish, for `gardefou.nets.judge`, with three statements at most.

    On notable and protected accounts two more say who reported the items.
    """
    wanted = checked.wanted
    now = uow.now
    done = _own(uow, config, actor, wanted, moment)
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
    facts.update(_case_facts(wanted, actor, moment.case, done))
    if wanted.content and checked.severity > 0 and facts.get("account.tier_memory") != Tier.STANDARD:
        # What somebody reported themselves is no reported item to them (R7, I13).
        subject = moment.case.account if moment.case is not None else wanted.account
        facts["case.reports"] = fact_reads.fewest_of_others(
            uow, actor, wanted.platform, (wanted.account, subject), wanted.content
        )
    facts.update(_recent_facts(uow, config, actor, wanted.platform, moment, done))
    facts.update({"change.kind": "", "change.weakens": False, "change.person": ""})
    facts.update(_now_facts(now, paused=done.paused, raid=done.raid))
    return facts


def _own(uow: UnitOfWork, config: Config, actor: Actor, wanted: Wanted, moment: Moment) -> Own:
    read = own_ahead(uow, config, actor, wanted, moment.case)
    key = read[0].key(read[1])
    if key not in moment.kept:
        moment.kept[key] = fact_reads.own(uow, read)
    done: Own = moment.kept[key]
    return done


def own_ahead(uow: UnitOfWork, config: Config, actor: Actor, wanted: Wanted, case: Case | None) -> Read:
    """Return what `gather` will read of whoever acts."""
    return fact_reads.own_ahead(
        uow,
        config,
        actor,
        wanted.platform,
        runs_at=wanted.execute_at,
        account=wanted.account,
        subject=case.account if case is not None else wanted.account,
        content=wanted.content,
    )


def _duration(until: datetime | None, start: datetime) -> float:
    return NO_LAST_DAY_HOURS if until is None else (until - start) / HOUR


def moment_facts(uow: UnitOfWork, actor: Actor, platform: str) -> dict[str, Any]:
    """Return the facts named ``now``."""
    paused, raid = fact_reads.moment(uow, actor, platform)
    return _now_facts(uow.now, paused=paused, raid=raid)


def _now_facts(now: datetime, *, paused: bool, raid: bool) -> dict[str, Any]:
    return {"now.hour": now.hour, "now.weekday": now.weekday(), "now.paused": paused, "now.raid": raid}


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
            "actor.via": _via(actor),
        }
    standing = standing_now(staff, now, actor.leaving)
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
        "actor.via": _via(actor),
    }


def _via(actor: Actor) -> str:
    """Return how somebody acts: by token is by token, also where it is used with the command line (M9, R13)."""
    return "api" if actor.via == "cli" and actor.token_id is not None else actor.via


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
    history = fact_reads.history(uow, wanted.platform, wanted.account)
    effects = sum(max(1, len(one.content)) for one in history if one.severity > 0 and one.counts_as_effect(now))
    facts["account.enforced_24h"] = effects + max(0, len(wanted.content) - 1)
    facts["account.restored_30d"] = sum(1 for one in history if one.counts_as_restore(now))
    # A service that placed it was part of it, whoever its token's people are by now.
    people = dict.fromkeys((actor.id, *actor.humans))
    facts["actor.involved_30d"] = any(one.involves(who) for one in history for who in people)
    return facts


def ahead(uow: UnitOfWork, config: Config, actor: Actor, wanted: Wanted, case: Case | None) -> list[Read]:
    """Return what `gather` will read before the platform is held, and what is read of pauses after it."""
    return [
        fact_reads.history_ahead(uow, wanted.platform, wanted.account),
        own_ahead(uow, config, actor, wanted, case),
        pauses_ahead(),
    ]


def everybody_ahead(uow: UnitOfWork, config: Config, actor: Actor, platform: str) -> list[Read]:
    """Return what `gather` will read of the team and the platform: hold the platform first where it counts."""
    read = fact_reads.everybody_ahead(uow, config, actor, platform)
    return [] if read is None else [read]


def involved(uow: UnitOfWork, platform: str, account: str, people: tuple[str, ...]) -> set[str]:
    """Return who of these placed, approved or restored on the account in 30 days, with effect (R16)."""
    past = fact_reads.history(uow, platform, account)
    return {who for who in people if any(one.involves(who) for one in past)}


def _case_facts(wanted: Wanted, actor: Actor, case: Case | None, done: Own) -> dict[str, Any]:
    facts = neutral_case()
    facts["case.policy"] = wanted.policy
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
    if wanted.content:
        facts["case.reports"] = done.fewest_reports
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


def _recent_facts(
    uow: UnitOfWork, config: Config, actor: Actor, platform: str, moment: Moment, done: Own
) -> dict[str, Any]:
    read = fact_reads.everybody_ahead(uow, config, actor, platform)
    key = None if read is None else read[0].key(read[1])
    if key not in moment.kept:
        moment.kept[key] = fact_reads.everybody(uow, read)
    by_platform, by_team = moment.kept[key]
    # Topped up, a person has twice the budget: counted by half, whatever the budget is.
    share = 2 if done.topped else 1
    hour, day = done.counts[: len(COUNTS)], done.counts[len(COUNTS) :]
    # Of teams and platforms only what is grave is counted, where no net asks for more.
    grave_only = fact_reads.counted_from(config) != 1
    before = (moment.before[1], *moment.before[1:]) if grave_only else moment.before
    facts: dict[str, Any] = {"recent.actor_reversed_7d": done.reversed_7d}
    for scope, counts, beside, divided in (
        ("actor_1h", hour, moment.alone, share),
        ("actor_24h", day, moment.alone, share),
        ("team_1h", by_team, before, 1),
        ("platform_1h", by_platform, before, 1),
    ):
        for name, count, more in zip(COUNTS, counts, beside, strict=True):
            facts[f"recent.{scope}.{name}"] = (count + more) // divided
    return facts
