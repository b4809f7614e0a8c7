"""A simulated ordinary week of a mid-size platform, judged by nets: how often are people asked for anything?

25,000 decisions a day, 175,000 in all. What each distribution is and why stands in
``docs/friction.md``; the numbers are the fields of `Platform`. Counts are kept
as the flow keeps them (`gardefou.flow.fact_reads`); a test holds the two together.

Run ``python -m tests.nets.week`` for the table.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gardefou.domain.accounts import Tier
from gardefou.domain.actions import SEVERITY, Action
from gardefou.nets.facts import NO_LAST_DAY_HOURS, Facts
from gardefou.nets.judge import judge
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from gardefou.nets.verdict import Verdict

HOUR, DAY = 3_600.0, 86_400.0
COUNTS = ("all", "severity3", "severity4", "reach")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What is assumed of the platform and of the people who look after it; see ``docs/friction.md``."""

    decisions_a_day: int = 25_000
    #: Decisions an experienced reviewer makes in an hour of a shift: the middle, and the spread between people (log).
    pace: float = 45.0
    pace_spread: float = 0.25
    reviewers: int = 110
    teams: int = 8
    #: Share of decisions by hour of the day, UTC: a valley at night, a hill in the evening.
    by_hour: tuple[float, ...] = (
        *(0.6, 0.5, 0.45, 0.45, 0.5, 0.6, 0.75, 0.9, 1.0, 1.1, 1.15, 1.2),
        *(1.2, 1.2, 1.2, 1.2, 1.25, 1.3, 1.35, 1.4, 1.4, 1.3, 1.1, 0.85),
    )
    weekend: float = 0.9
    no_violation: float = 0.55
    #: What is done where there is a violation.
    actions: tuple[tuple[Action, float], ...] = (
        (Action.REMOVE_CONTENT, 0.58),
        (Action.WARN, 0.12),
        (Action.LABEL, 0.06),
        (Action.LIMIT, 0.07),
        (Action.LOCK, 0.01),
        (Action.SUSPEND, 0.157),
        (Action.DEACTIVATE, 0.003),
    )
    #: Of removals: how often the account is suspended, too.
    also_suspended: float = 0.08
    more_items: float = 0.25
    #: Followers of a reported account: P(more than x) = (x / least) ** -tail.
    reach_least: float = 8.0
    reach_tail: float = 0.85
    reach_most: int = 60_000_000
    verified: float = 0.0006
    protected_label: float = 0.00002
    #: Reported for impersonation, and of those: like a protected account.
    impersonation: float = 0.03
    lookalike: float = 0.03
    young: float = 0.30
    #: Newcomers decide from the third week on, at half the pace.
    newcomers: int = 5
    newcomer_pace: float = 0.5
    leavers: int = 2
    last_days: int = 1
    token_share: float = 0.02
    #: Waves of spam in the week; accounts of each (middle, log spread); who works on them at what pace.
    waves: int = 4
    wave_accounts: float = 200.0
    wave_spread: float = 0.6
    wave_people: int = 5
    wave_pace: float = 50.0
    #: Suspensions of new accounts by machines, an hour.
    automatic: float = 150.0


@dataclass(slots=True)
class Counts:
    """What somebody, a team or everybody did: `COUNTS` of the last hour and of the last day."""

    acts: deque[tuple[float, int, int]] = field(default_factory=deque)
    hour: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    day: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    hourly: deque[tuple[float, int, int]] = field(default_factory=deque)

    def put(self, at: float, severity: int, reach: int) -> None:
        for kept, total in ((self.acts, self.day), (self.hourly, self.hour)):
            kept.append((at, severity, reach))
            _add(total, severity, reach, 1)

    def at(self, now: float) -> tuple[list[int], list[int]]:
        for kept, total, span in ((self.acts, self.day, DAY), (self.hourly, self.hour, HOUR)):
            while kept and kept[0][0] <= now - span:
                _, severity, reach = kept.popleft()
                _add(total, severity, reach, -1)
        return self.hour, self.day


def _add(total: list[int], severity: int, reach: int, one: int) -> None:
    total[0] += one
    if severity >= 3:
        total[1] += one
        total[3] += one * reach
    if severity >= 4:
        total[2] += one


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    team: str
    pace: float
    tenure_days: float = 400
    #: Hours from the beginning of the week to the end of the last day.
    last_day_end: float = NO_LAST_DAY_HOURS
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One action of one decision, as it comes to be judged."""

    at: float
    decision: int
    by: Person | None
    action: Action
    items: int
    reach: int
    tier: Tier
    age_days: int
    lookalike: bool
    via: str
    reports: int
    signed_in: float
    labels: tuple[str, ...] = ()
    #: Actions of the same decision on the same account that are judged before it.
    beside: int = 0

    @property
    def severity(self) -> int:
        return SEVERITY[self.action]


@dataclass(slots=True)
class Week:
    """What was decided, and what nets asked for."""

    decisions: int = 0
    with_action: int = 0
    #: Decisions in which anything was asked for.
    asked: int = 0
    machine: int = 0
    machine_asked: int = 0
    nets: Counter[str] = field(default_factory=Counter)

    @property
    def per_thousand(self) -> float:
        return 1000 * self.asked / self.decisions

    def table(self) -> str:
        lines = [f"{'net':<32} {'decisions':>9} {'per 1,000':>9}"]
        lines += [
            f"{net:<32} {count:>9,} {1000 * count / self.decisions:>9.3f}" for net, count in self.nets.most_common()
        ]
        lines.append(f"{'any of them':<32} {self.asked:>9,} {self.per_thousand:>9.3f}")
        lines.append(f"of {self.decisions:,} decisions, {self.with_action:,} with an action")
        lines.append(f"of {self.machine:,} suspensions by machines {self.machine_asked:,} were asked about")
        return "\n".join(lines)


class Judged:
    """Counts what was placed, and judges what comes next, as the flow does."""

    def __init__(self, nets: NetSet) -> None:
        self.nets = nets
        self.people: dict[str, Counts] = {}
        self.teams: dict[str, Counts] = {}
        self.platform = Counts()

    def facts(self, act: Act) -> dict[str, Any]:
        """Return every fact of an act at its moment."""
        who = act.by
        name, team = (who.name, who.team) if who is not None else ("machine", "")
        hour, day = self.people.setdefault(name, Counts()).at(act.at)
        by_team, _ = self.teams.setdefault(team, Counts()).at(act.at) if team else ([0, 0, 0, 0], None)
        everybody, _ = self.platform.at(act.at)
        facts: dict[str, Any] = {
            "account.tier": act.tier.value,
            "account.tier_memory": act.tier.value,
            "account.reach": act.reach,
            "account.labels": act.labels,
            "account.state": "active",
            "account.age_days": act.age_days,
            "account.lookalike": act.lookalike,
            "account.enforced_24h": act.beside + max(0, act.items - 1),
            "account.restored_30d": 0,
            "action.name": act.action.value,
            "action.severity": act.severity,
            "action.reversibility": "exact",
            "action.on_content": act.items > 0,
            "action.bulk": 1,
            "action.duration_hours": NO_LAST_DAY_HOURS,
            "action.scheduled": False,
            "action.automated": who is None,
            "action.legal": False,
            "action.label": "spam" if act.action is Action.LABEL else "",
            "actor.roles": ("reviewer",) if who is not None else (),
            "actor.team": team or name,
            "actor.employer": "organisation" if who is not None else "",
            "actor.standing": "active",
            "actor.tenure_days": who.tenure_days if who is not None else 36_500,
            "actor.hours_to_last_day_end": NO_LAST_DAY_HOURS,
            "actor.fresh_minutes": (act.at - act.signed_in) / 60 if who is not None else 1_000_000.0,
            "actor.human": who is not None,
            "actor.in_shift": True,
            "actor.via": act.via,
            "actor.involved_30d": False,
            "case.reports": act.reports,
            "case.reporters": act.reports,
            "case.burst": False,
            "case.category": "spam",
            "case.policy": "spam",
            "case.trusted_flagger": False,
            "case.evidence_seen": True,
            "case.language": "",
            "case.harm": 0,
            "recent.actor_reversed_7d": 0,
            "change.kind": "",
            "change.weakens": False,
            "change.person": "",
            "now.hour": int(act.at // HOUR) % 24,
            "now.weekday": int(act.at // DAY) % 7,
            "now.paused": False,
            "now.raid": False,
        }
        if who is not None and who.last_day_end < NO_LAST_DAY_HOURS:
            left = max(0.0, who.last_day_end - act.at / HOUR)
            facts["actor.hours_to_last_day_end"] = left
            facts["actor.standing"] = "leaving" if left <= 14 * 24 else "active"
        for scope, counts in (("actor_1h", hour), ("actor_24h", day), ("team_1h", by_team), ("platform_1h", everybody)):
            for word, count in zip(COUNTS, counts, strict=True):
                facts[f"recent.{scope}.{word}"] = count
        return facts

    def judge(self, act: Act) -> Verdict:
        """Judge an act, and count it as placed."""
        verdict = judge(self.nets, Facts.of(self.facts(act)))
        if verdict.refused:
            return verdict
        name, team = (act.by.name, act.by.team) if act.by is not None else ("machine", "")
        if not verdict.approvals:
            # A person's budget is for what they do alone.
            self.people.setdefault(name, Counts()).put(act.at, act.severity, act.reach)
        if act.severity >= 3:
            if team:
                self.teams.setdefault(team, Counts()).put(act.at, act.severity, act.reach)
            self.platform.put(act.at, act.severity, act.reach)
        return verdict


def people(platform: Platform, random: Random) -> list[Person]:
    """Return the reviewers: teams by turn, three shifts, a few newcomers and leavers."""
    made: list[Person] = []
    for number in range(platform.reviewers):
        pace = platform.pace * random.lognormvariate(0, platform.pace_spread)
        tenure, last_day = random.uniform(60, 1500), float(NO_LAST_DAY_HOURS)
        if number < platform.newcomers:
            tenure, pace = random.uniform(15, 38), pace * platform.newcomer_pace
        elif number < platform.newcomers + platform.leavers:
            last_day = random.uniform(8 * 24, 20 * 24)
        elif number < platform.newcomers + platform.leavers + platform.last_days:
            last_day = random.choice([2, 3, 4]) * 24.0
        made.append(
            Person(
                name=f"p{number}",
                team=f"team-{number % platform.teams}",
                pace=pace,
                tenure_days=tenure,
                last_day_end=last_day,
                shift=number % 3,
            )
        )
    return made


def week(platform: Platform, random: Random) -> Iterator[tuple[float, Act | None, int]]:
    """Yield what happens in the sequence of time: an act, or None for a decision without violation; its decision."""
    everyone = people(platform, random)
    happening: list[tuple[float, Act | None, int]] = []
    decision = 0
    for day in range(7):
        share = platform.weekend if day >= 5 else 1.0
        total = 7 * platform.decisions_a_day / (5 + 2 * platform.weekend) * share
        for hour in range(24):
            wanted = total * platform.by_hour[hour] / sum(platform.by_hour)
            on_duty = [one for one in everyone if _on_duty(one, day, hour) and one.last_day_end > day * 24 + hour + 2]
            paces = [one.pace for one in on_duty]
            begin = day * DAY + hour * HOUR
            for _ in range(round(wanted)):
                decision += 1
                by = random.choices(on_duty, paces)[0]
                at = begin + random.random() * HOUR
                acts = list(_acts(platform, random, at, decision, by))
                happening += [(at, act, decision) for act in acts] or [(at, None, decision)]
            happening += _machines(platform, random, begin)
    for _ in range(platform.waves):
        for at, act in _wave(platform, random, everyone):
            decision += 1
            happening.append((at, act(decision), decision))
    # Stable: actions of one decision stay in their sequence.
    happening.sort(key=lambda one: one[0])
    yield from happening


def _on_duty(one: Person, day: int, hour: int) -> bool:
    """Three shifts of ten hours that overlap, five days of seven."""
    number = int(one.name[1:])
    starts = (0, 7, 14)[one.shift]
    return (number + day) % 7 < 5 and 0 <= (hour - starts) % 24 < 10


def _signed_in(at: float, by: Person) -> float:
    """When the person signed in strongly: as the shift began."""
    starts = (0, 7, 14)[by.shift] * HOUR
    return at - ((at - starts) % DAY)


def _reach(platform: Platform, random: Random) -> int:
    return min(platform.reach_most, int(platform.reach_least * (1 - random.random()) ** (-1 / platform.reach_tail)))


def _who(platform: Platform, random: Random) -> dict[str, Any]:
    """Return an account as it is reported: reach, tier, age, whether it looks like a protected one."""
    reach = _reach(platform, random)
    drawn = random.random()
    tier = Tier.STANDARD
    if reach >= 5_000_000 or drawn < platform.protected_label:
        tier = Tier.PROTECTED
    elif reach >= 100_000 or drawn < platform.protected_label + platform.verified:
        tier = Tier.NOTABLE
    young = random.random() < platform.young
    impersonation = random.random() < platform.impersonation
    return {
        "reach": reach,
        "tier": tier,
        "age_days": random.randrange(7) if young else int(7 + random.expovariate(1 / 600)),
        "lookalike": impersonation and random.random() < platform.lookalike,
    }


def _acts(platform: Platform, random: Random, at: float, decision: int, by: Person) -> Iterator[Act]:
    """Yield the actions of one decision; none where there is no violation."""
    if random.random() < platform.no_violation:
        return
    leaving = by.last_day_end < NO_LAST_DAY_HOURS
    common: dict[str, Any] = {
        "at": at,
        "decision": decision,
        "by": by,
        # A leaver's tokens are gone.
        "via": "api" if not leaving and random.random() < platform.token_share else "console",
        "reports": 1 + int(random.expovariate(0.7)),
        "signed_in": _signed_in(at, by),
        **_who(platform, random),
    }
    action = random.choices([one for one, _ in platform.actions], [share for _, share in platform.actions])[0]
    items = 0
    if action is Action.REMOVE_CONTENT:
        items = 1
        while items < 20 and random.random() < platform.more_items:
            items += 1
    yield Act(action=action, items=items, **common)
    if action is Action.REMOVE_CONTENT and random.random() < platform.also_suspended:
        yield Act(action=Action.SUSPEND, items=0, beside=items, **common)


def _machines(platform: Platform, random: Random, begin: float) -> list[tuple[float, Act | None, int]]:
    """Return an hour of suspensions of new and small accounts by machines."""
    made: list[tuple[float, Act | None, int]] = []
    for _ in range(round(random.gauss(platform.automatic, platform.automatic**0.5))):
        at = begin + random.random() * HOUR
        act = Act(
            at=at,
            decision=0,
            by=None,
            action=Action.SUSPEND,
            items=0,
            reach=random.randrange(200),
            tier=Tier.STANDARD,
            age_days=random.randrange(30),
            lookalike=False,
            via="api",
            reports=0,
            signed_in=0.0,
        )
        made.append((at, act, 0))
    return made


def _wave(platform: Platform, random: Random, everyone: list[Person]) -> list[tuple[float, Any]]:
    """Return a wave of spam: many young accounts, suspended one after the other by a few people who see to nothing else."""
    day, hour = random.randrange(7), random.randrange(8, 21)
    on_duty = [one for one in everyone if _on_duty(one, day, hour) and one.last_day_end == NO_LAST_DAY_HOURS]
    hands = random.sample(on_duty, platform.wave_people)
    size = round(platform.wave_accounts * random.lognormvariate(0, platform.wave_spread))
    begin = day * DAY + hour * HOUR
    made: list[tuple[float, Any]] = []
    clocks = {one.name: begin for one in hands}
    for number in range(size):
        by = hands[number % len(hands)]
        clocks[by.name] += random.expovariate(platform.wave_pace / HOUR)
        at = clocks[by.name]

        def act(decision: int, by: Person = by, at: float = at) -> Act:
            return Act(
                at=at,
                decision=decision,
                by=by,
                action=Action.SUSPEND,
                items=0,
                reach=random.randrange(50),
                tier=Tier.STANDARD,
                age_days=random.randrange(7),
                lookalike=False,
                via="console",
                reports=1,
                signed_in=_signed_in(at, by),
            )

        made.append((at, act))
    return made


def run(platform: Platform, seed: int = 1, nets: NetSet | None = None) -> Week:
    """Judge a whole week."""
    nets = nets if nets is not None else load_shipped("default")
    asks = frozenset(net.id for net in nets if not net.asks.asks_nothing)
    judged = Judged(nets)
    found = Week()
    last, asked_of_this = 0, False
    spoke: set[str] = set()
    for _, act, decision in week(platform, Random(seed)):
        if act is not None and act.by is None:
            found.machine += 1
            found.machine_asked += not judged.judge(act).asks_nothing
            continue
        if decision != last:
            last, asked_of_this = decision, False
            spoke = set()
            found.decisions += 1
            found.with_action += act is not None
        if act is None:
            continue
        verdict = judged.judge(act)
        for reason in verdict.reasons:
            if reason.net in asks and reason.net not in spoke:
                spoke.add(reason.net)
                found.nets[reason.net] += 1
        if not verdict.asks_nothing and not asked_of_this:
            asked_of_this = True
            found.asked += 1
    return found


if __name__ == "__main__":
    print(run(Platform()).table())  # noqa: T201 - it is what it is run for
