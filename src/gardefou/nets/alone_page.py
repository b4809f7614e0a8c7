"""The page "What can one of us do alone?": the table, the promises, the budgets, and the rules themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gardefou.nets.alone import GLASS, Asked, Cell, Line, Prover, asked_of, loosest_in_words, others, table
from gardefou.nets.alone_people import BACK, CHANGES, PEOPLE, TIERS, Change
from gardefou.nets.budgets import first_number, most_before
from gardefou.nets.facts import SCHEMA, Facts
from gardefou.nets.floor import ORDINARY
from gardefou.nets.judge import judge
from gardefou.nets.net import NetSet
from gardefou.nets.phrasebook import count, duration
from gardefou.nets.thinking import one_at_a_time
from gardefou.nets.verdict import Verdict
from gardefou.speech import gettext as _
from gardefou.speech import later, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What nobody can do alone, or how they can."""

    what: str
    asked: Asked
    #: The situation that asks least, where the promise is not kept.
    loosest_facts: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def kept(self) -> bool:
        """Whether it takes others, or is refused."""
        return self.asked.kind in {"refused", "with_others"}

    @property
    def how(self) -> str:
        """The situation that asks least, in words, where the promise is not kept."""
        return "" if self.kept else loosest_in_words(self.loosest_facts)

    @property
    def says(self) -> str:
        """The promise in a sentence."""
        if self.asked.glass:
            return _(
                "Nobody alone can break the glass: another person must say yes, nothing graver than a suspension is "
                "done, and it is undone by itself within half an hour unless a third lets it stand. Gardefou sees to "
                "that under every set."
            )
        what, people, time = _(self.what), others(self.asked.people), duration(self.asked.seconds)
        match self.asked.kind:
            case "refused":
                return _("Nobody can %(what)s. Proved.", what=what)
            case "with_others" if self.asked.seconds:
                return _(
                    "Nobody alone can %(what)s: it needs the yes of %(people)s and a wait of %(time)s at least. "
                    "Proved.",
                    what=what,
                    people=people,
                    time=time,
                )
            case "with_others":
                return _(
                    "Nobody alone can %(what)s: it needs the yes of %(people)s at least. Proved.",
                    what=what,
                    people=people,
                )
            case "after_wait":
                return _(
                    "One person alone can %(what)s, after a wait of %(time)s at least in which anyone on duty can "
                    "cancel. Proved that it is no less.",
                    what=what,
                    time=time,
                )
            case "at_once":
                return _("One person alone can %(what)s, at once.", what=what)
            case _unproved:
                return _(
                    "Whether one person alone can %(what)s is not proved: the solver found no answer in time.",
                    what=what,
                )

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**self.asked.to_json(), "says": self.says, "kept": self.kept, "how": self.how or None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one kind of person does before anyone is asked, and what is asked then."""

    who: str
    #: What is counted, and how many of it in which window.
    numbers: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    #: What is asked beyond each.
    then: tuple[Verdict, ...]

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits in words, each a phrase."""
        return tuple(_limit(measure, numbers) for measure, numbers in self.numbers)

    @property
    def beyond(self) -> str:
        """What is asked beyond them, in words."""
        told = (_beyond(one) for one in self.then)
        return listed(list(dict.fromkeys(one for one in told if one)), "or")

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"who": self.who, "limits": list(self.limits), "beyond": self.beyond}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one person can do to the rules themselves, or to give back: who may, and what they need."""

    says: str
    roles: tuple[str, ...]
    weakens: bool
    asked: Asked

    @property
    def needs(self) -> str:
        """What is asked of them, in words."""
        return self.asked.says

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**self.asked.to_json(), "says": self.says, "roles": list(self.roles), "weakens": self.weakens}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The whole page."""

    digest: str
    lines: tuple[Line, ...]
    promises: tuple[Promise, ...]
    budgets: tuple[Budget, ...]
    rules: tuple[Rule, ...]
    back: tuple[Rule, ...]

    @property
    def broken(self) -> tuple[Promise, ...]:
        """The promises that this set does not keep."""
        return tuple(one for one in self.promises if not one.kept)

    def of_tier(self, tier: str) -> list[Line]:
        """Return the lines about accounts of one tier."""
        return [line for line in self.lines if line.tier == tier]

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "digest": self.digest,
            "people": [{"id": kind.id, "says": kind.says} for kind in PEOPLE],
            "table": [line.to_json() for line in self.lines],
            "promises": [one.to_json() for one in self.promises],
            "budgets": [one.to_json() for one in self.budgets],
            "rules": [one.to_json() for one in self.rules],
            "back": [one.to_json() for one in self.back],
        }


@lru_cache(maxsize=8)
@one_at_a_time
def alone(nets: NetSet) -> Alone:
    """Return what one person can do alone under these nets; worked out once for each digest.

    Raises:
        Unavailable: the solver is not installed (`nets/solver`).
    """
    prover = Prover(nets)
    return Alone(
        digest=nets.digest,
        lines=table(nets),
        promises=tuple(_promises(prover)),
        budgets=tuple(_budgets(nets)),
        rules=tuple(_rule(prover, change) for change in CHANGES),
        back=tuple(_rule(prover, change) for change in BACK),
    )


Column = tuple[str, list[tuple[str, Cell]]]


def columns(page: Alone) -> list[tuple[str, list[Column]]]:
    """Return by tier the kinds of people who may place at all, those together for whom everything is the same."""
    told: list[tuple[str, list[Column]]] = []
    for tier in TIERS:
        lines = page.of_tier(tier)
        alike: dict[tuple[Cell, ...], list[str]] = {}
        for index, kind in enumerate(PEOPLE):
            if kind.may_place:
                # Who it is does not make a difference; what is asked does.
                answers = tuple(replace(line.cells[index], who="") for line in lines)
                alike.setdefault(answers, []).append(kind.id)
        groups: list[Column] = []
        for kinds in alike.values():
            first = next(index for index, kind in enumerate(PEOPLE) if kind.id == kinds[0])
            who = listed([_(kind.says) for kind in PEOPLE if kind.id in kinds], "or")
            groups.append((f"{who[0].upper()}{who[1:]}", [(_(line.act), line.cells[first]) for line in lines]))
        told.append((tier, groups))
    return told


# promises ---------------------------------------------------------------------------------

_Where = Callable[[Prover], list[Any]]


def _promises(prover: Prover) -> Iterator[Promise]:
    for what, where in _CLAIMS:
        asked, loosest = prover.least(where(prover))
        yield Promise(what=what, asked=asked, loosest_facts=loosest)
    yield Promise(what="break the glass", asked=GLASS)


def _harm(*tiers: str, severity: tuple[int, int] = (3, 5)) -> _Where:
    """Return the situations that harm accounts of these tiers."""

    def where(prover: Prover) -> list[Any]:
        at, solver = prover.at, prover.z3
        size, via = at.fact("action.severity"), at.fact("actor.via")
        memory, now = at.fact("account.tier_memory"), at.fact("account.tier")
        rank = {tier: place for place, tier in enumerate(TIERS)}
        tier = solver.Or(
            [
                solver.And(
                    memory == at.words.number(one),
                    solver.Or([now == at.words.number(other) for other in TIERS if rank[other] <= rank[one]]),
                )
                for one in tiers
            ]
        )
        return [tier, size >= severity[0], size <= severity[1], via != at.words.number("break_glass")]

    return where


def _also(where: _Where, more: _Where) -> _Where:
    return lambda prover: [*where(prover), *more(prover)]


def _is(**facts: Any) -> _Where:
    return lambda prover: [
        prover.at.fact(name.replace("__", ".")) == prover.at.constant(value) for name, value in facts.items()
    ]


def _not_removing(prover: Prover) -> list[Any]:
    return [prover.at.fact("action.name") != prover.at.words.number("remove_content")]


def _last_day(prover: Prover) -> list[Any]:
    return [prover.at.fact("actor.hours_to_last_day_end") <= 24]


def _gone(prover: Prover) -> list[Any]:
    standing = prover.at.fact("actor.standing")
    return [prover.z3.Or([standing == prover.at.words.number(word) for word in ("suspended", "left")])]


def _change(kind: str = "", *, weakens: bool = False) -> _Where:
    def where(prover: Prover) -> list[Any]:
        at, solver = prover.at, prover.z3
        asked = at.fact("change.kind")
        free = [asked != at.words.number(one) for one in ("", "restore", "restore_legal", "pause")]
        return [
            at.fact("action.name") == at.words.number("change"),
            at.fact("action.severity") == 0,
            at.fact("actor.human"),
            at.fact("change.weakens") if weakens else solver.Not(at.fact("change.weakens")),
            *([asked == at.words.number(kind)] if kind else free),
        ]

    return where


_CLAIMS: tuple[tuple[str, _Where], ...] = (
    (later("suspend, deactivate or delete a protected account"), _harm("protected")),
    (later("suspend, deactivate or delete a notable account"), _harm("notable")),
    (later("limit or lock a protected account"), _also(_harm("protected", severity=(2, 2)), _not_removing)),
    (
        later("do what cannot be undone to any account"),
        _also(_harm(*TIERS, severity=(1, 5)), _is(action__reversibility="none")),
    ),
    (
        later("do what cannot be undone to a protected account"),
        _also(_harm("protected", severity=(1, 5)), _is(action__reversibility="none")),
    ),
    (
        later("let a service harm a notable or protected account"),
        _also(
            _harm("notable", "protected", severity=(1, 5)),
            lambda prover: [
                *_is(actor__human=False)(prover),
                prover.at.fact("actor.via") != prover.at.words.number("system"),
            ],
        ),
    ),
    (
        later("harm a notable or protected account in the last 24 hours before leaving"),
        _also(_harm("notable", "protected", severity=(1, 5)), _last_day),
    ),
    (later("do anything at all once suspended or gone"), _gone),
    (later("weaken the rules: tiers, nets, people, tokens, platforms or settings"), _change(weakens=True)),
    (later("resume what someone paused"), _change("resume")),
    (later("bring back what the law took down"), _change("restore_legal")),
    (later("learn who is behind a pseudonym"), _change("reveal")),
)


# budgets ----------------------------------------------------------------------------------


#: What budgets count, and that none of it goes at once.
_MEASURES = {
    "mild": (later("mild measures: %(numbers)s"), later("no mild measures at once")),
    "suspensions": (later("suspensions: %(numbers)s"), later("no suspensions at once")),
    "deactivations": (later("deactivations: %(numbers)s"), later("no deactivations at once")),
    "reach": (later("followers touched: %(numbers)s"), ""),
    "bulk": (later("accounts at once: %(numbers)s"), ""),
}
_WINDOWS = {"actor_1h": later("%(number)s an hour"), "actor_24h": later("%(number)s a day"), "": "%(number)s"}
_WHO: tuple[tuple[str, dict[str, Any]], ...] = (
    (later("A reviewer"), {}),
    (later("A reviewer by token"), {"actor.via": "api"}),
    (later("A newcomer"), {"actor.tenure_days": 7}),
    (
        later("A service, on small accounts of a few days"),
        {
            "actor.human": False,
            "actor.via": "api",
            "actor.roles": [],
            "action.automated": True,
            "account.age_days": 5,
            "action.duration_hours": 24,
        },
    ),
)


def _budgets(nets: NetSet) -> Iterator[Budget]:
    for who, facts in _WHO:
        numbers: list[tuple[str, tuple[tuple[int, str], ...]]] = []
        beyond: list[Verdict] = []
        for measure, severity, name in (
            ("mild", 1, "all"),
            ("suspensions", 3, "severity3"),
            ("deactivations", 4, "severity4"),
        ):
            act = {"action.severity": severity, "action.name": {1: "warn", 3: "suspend", 4: "deactivate"}[severity]}
            found: list[tuple[int, str]] = []
            for window in ("actor_1h", "actor_24h"):
                most, then = most_before(nets, {**ORDINARY, **facts, **act}, window, name)
                if most is not None:
                    found.append((most, window))
                    beyond.append(then)
            if found:
                numbers.append((measure, tuple(found)))
        reach: list[tuple[int, str]] = []
        for window in ("actor_1h", "actor_24h"):
            most, then = most_before(nets, {**ORDINARY, **facts}, window, "reach")
            if most:
                reach.append((most, window))
                beyond.append(then)
        if reach:
            numbers.append(("reach", tuple(reach)))
        bulk, then = _at_once(nets, {**ORDINARY, **facts})
        if bulk is not None:
            numbers.append(("bulk", ((bulk, ""),)))
            beyond.append(then)
        if numbers:
            yield Budget(who=who, numbers=tuple(numbers), then=tuple(dict.fromkeys(beyond)))


def _limit(measure: str, numbers: tuple[tuple[int, str], ...]) -> str:
    some, none = _MEASURES[measure]
    if none and [number for number, _window in numbers] == [0, 0]:
        return _(none)
    said = [_(_WINDOWS[window], number=count(number)) for number, window in numbers]
    return _(some, numbers=_(" and ").join(said))


def _beyond(verdict: Verdict) -> str:
    asked = asked_of(verdict)
    match asked.kind:
        case "at_once":
            minutes = verdict.fresh_auth_minutes
            return _("a sign-in of the last %(minutes)s minutes", minutes=minutes) if minutes else ""
        case "after_wait":
            return _("a wait of %(time)s", time=duration(asked.seconds))
        case "refused":
            return _("it is refused")
        case _others:
            return asked.who


def _at_once(nets: NetSet, facts: dict[str, Any]) -> tuple[int | None, Verdict]:
    def at(number: int) -> Verdict:
        return judge(nets, Facts.of({**facts, "action.name": "warn", "action.severity": 1, "action.bulk": number}))

    found = first_number(lambda number: not at(max(1, number)).asks_nothing)
    return (None, Verdict()) if found is None else (max(0, found - 1), at(max(1, found)))


# the rules themselves ------------------------------------------------------------------------


def _rule(prover: Prover, change: Change) -> Rule:
    """Return the least that is asked of someone who may, active and signed in."""
    at = prover.at
    roles = SCHEMA["actor.roles"]
    where = [
        *_is(
            action__name="change",
            action__severity=0,
            action__reversibility="exact",
            change__kind=change.kind,
            change__weakens=change.weakens,
            actor__human=True,
            actor__standing="active",
        )(prover),
        prover.z3.Or([at.has(roles, role) for role in change.roles]),
        at.fact("actor.hours_to_last_day_end") > 336,
    ]
    usual = asked_of(judge(prover.nets, Facts.of(_ordinary_change(change))))
    asked, _loosest = prover.least(where, usual)
    return Rule(says=change.says, roles=change.roles, weakens=change.weakens, asked=asked)


def _ordinary_change(change: Change) -> dict[str, Any]:
    return {
        **ORDINARY,
        "action.name": "change",
        "action.severity": 0,
        "change.kind": change.kind,
        "change.weakens": change.weakens,
        "actor.roles": [change.roles[0]],
    }
