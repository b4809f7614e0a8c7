"""Invariants I1 to I9 as questions to a solver: which situations would break each.

The premises say no more than the invariants do, but for what the flow sees to:
lists are split at their largest size, notable and protected accounts are split
out of them, and what is protected is no lookalike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from gardefou.nets.facts import NO_LAST_DAY_HOURS, SCHEMA, Kind
from gardefou.nets.net import Net, NetSet
from gardefou.nets.solver import Formulas, Situation, Words, z3
from gardefou.speech import later

_DAY = 86_400
_TIERS = ("standard", "notable", "protected")


@dataclass(frozen=True, slots=True)
class Question:
    """What would break an invariant: the constraints, and the situations in them (the last one is asked less)."""

    situations: tuple[Situation, ...]
    constraints: list[Any]
    #: What differs between the two situations, in words.
    compares: str = ""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant: its number, what it says, and the questions whose answers would break it."""

    id: str
    says: str
    questions: Callable[[Room], Iterator[Question]]


class Room:
    """Where the invariants of a set are worked on: its nets, and situations to speak about.

    A situation of nothing but variables is the same whichever invariant speaks about it, and so is what the
    set asks in it: turning a set into formulas takes longer than most questions take to answer.
    """

    def __init__(self, nets: NetSet) -> None:
        """Work on this set."""
        self.nets = nets
        self.z3 = z3()
        self.words = Words()
        # Numbered here, whatever is asked first: what the solver finds does not depend on it.
        for spec in SCHEMA.values():
            for word in spec.choices:
                self.words.number(word)
        self._plain: dict[str, Situation] = {}
        self._asked: dict[tuple[str, bool], Formulas] = {}

    def situation(self, name: str = "a", **more: Any) -> Situation:
        """Return a situation with a variable for every fact."""
        if more:
            return Situation(name, self.words, **more)
        return self._plain.setdefault(name, Situation(name, self.words))

    def asks(self, at: Situation, *, inexpressible: bool = False) -> Formulas:
        """Return what the set asks in a situation."""
        if self._plain.get(at.name) is not at:
            return Formulas(self.nets, at, inexpressible=inexpressible)
        key = (at.name, inexpressible)
        if key not in self._asked:
            self._asked[key] = Formulas(self.nets, at, inexpressible=inexpressible)
        return self._asked[key]

    def number(self, word: str) -> int:
        """Return a text as formulas have it."""
        return self.words.number(word)

    def enforces(self, at: Situation) -> list[Any]:
        """It is an enforcement: no restore and no guarded change."""
        action = at.fact("action.name")
        return [
            action != self.number("restore"),
            action != self.number("change"),
            *self.is_(at, change__kind="", change__weakens=False),
            at.fact("action.severity") >= 1,
        ]

    def tier(self, at: Situation, *tiers: str) -> Any:
        """The highest tier of the last days is one of these, and the tier now is none above it."""
        memory, now = at.fact("account.tier_memory"), at.fact("account.tier")
        rank = {name: place for place, name in enumerate(_TIERS)}
        return self.z3.Or(
            [
                self.z3.And(
                    memory == self.number(name),
                    self.z3.Or([now == self.number(other) for other in _TIERS if rank[other] <= rank[name]]),
                )
                for name in tiers
            ]
        )

    def is_(self, at: Situation, **facts: object) -> list[Any]:
        """Each fact, its dot written ``__``, has this value."""
        return [at.fact(name.replace("__", ".")) == at.constant(value) for name, value in facts.items()]

    def ordinary(self, at: Situation) -> list[Any]:
        """An active, tenured person in shift, signed in lately, with nothing paused and none of it automated."""
        return [
            *self.is_(at, actor__standing="active", actor__human=True, actor__in_shift=True, now__paused=False),
            *self.is_(at, action__automated=False, now__raid=False),
            at.fact("actor.tenure_days") >= 45,
            at.fact("actor.fresh_minutes") <= 5,
            at.fact("actor.hours_to_last_day_end") >= NO_LAST_DAY_HOURS,
            self.z3.Or([at.fact("actor.via") == self.number(via) for via in ("console", "api", "cli")]),
        ]


def _protected_harm(room: Room) -> Iterator[Question]:
    at = room.situation()
    asks = room.asks(at)
    yield Question(
        (at,),
        [
            *room.enforces(at),
            room.tier(at, "protected"),
            at.fact("action.severity") >= 3,
            at.fact("actor.via") != room.number("break_glass"),
            room.z3.Not(_what_i1_asks(room, asks)),
        ],
    )


def _what_i1_asks(room: Room, asks: Formulas) -> Any:
    return room.z3.Or(asks.refused, room.z3.And(asks.people(apart=True) >= 2, asks.fresh(10), asks.holds(600)))


def _notable_harm(room: Room) -> Iterator[Question]:
    for grave in (True, False):
        at = room.situation()
        asks = room.asks(at)
        severity = at.fact("action.severity")
        free = room.z3.And(
            *room.is_(at, action__name="remove_content", action__on_content=True),
            at.fact("case.reports") >= 1,
            at.fact("account.enforced_24h") < 3,
        )
        where = (
            [room.tier(at, "notable", "protected"), severity >= 3]
            if grave
            else [room.tier(at, "protected"), severity == 2, room.z3.Not(free)]
        )
        yield Question(
            (at,),
            [
                *room.enforces(at),
                *where,
                at.fact("actor.via") != room.number("break_glass"),
                room.z3.Not(room.z3.Or(asks.refused, asks.people() >= 1)),
            ],
        )


def _irreversible(room: Room) -> Iterator[Question]:
    for glass in (False, True):
        at = room.situation()
        asks = room.asks(at)
        via = at.fact("actor.via")
        broken = via == room.number("break_glass")
        enough = asks.refused if glass else room.z3.Or(asks.refused, asks.holds(_DAY))
        yield Question(
            (at,),
            [
                *room.enforces(at),
                *room.is_(at, action__reversibility="none"),
                broken if glass else room.z3.Not(broken),
                room.z3.Not(enough),
            ],
        )


def _grows(room: Room) -> Iterator[Question]:
    for name, says in (
        ("tier", later("a higher tier")),
        ("action.severity", later("more severity")),
        ("account.reach", later("more reach")),
        ("action.bulk", later("more accounts at once")),
    ):
        less = room.situation("less")
        same = {
            fact: less.fact(fact)
            for fact, spec in SCHEMA.items()
            if spec.kind is not Kind.TEXTS and fact not in {name, "account.tier", "account.tier_memory"}
        }
        raised = ("account.tier", "account.tier_memory") if name == "tier" else (name,)
        kept = {} if name == "tier" else {one: less.fact(one) for one in ("account.tier", "account.tier_memory")}
        more = room.situation("more", given={**same, **kept}, members=less.members, lengths=less.lengths)
        rises = (
            [_rises(room, less.fact(one), more.fact(one)) for one in raised]
            if name == "tier"
            else [more.fact(name) > less.fact(name)]
        )
        small, large = room.asks(less, inexpressible=True), room.asks(more)
        yield Question(
            (less, more),
            [
                *room.enforces(less),
                *room.enforces(more),
                room.tier(less, *_TIERS),
                room.tier(more, *_TIERS),
                *room.ordinary(less),
                *rises,
                # In lists, notable and protected accounts are split out and judged singly; neither is a lookalike.
                *(room.is_(less, action__bulk=1, account__lookalike=False) if name == "tier" else ()),
                # A cap on how often something mild is repeated (R7) is none on something grave.
                *([less.fact("account.enforced_24h") < 3] if name == "action.severity" else ()),
                room.z3.Not(_covers(room, large, small)),
            ],
            compares=says,
        )


def _rises(room: Room, less: Any, more: Any) -> Any:
    pairs = [(one, two) for place, one in enumerate(_TIERS) for two in _TIERS[place:]]
    return room.z3.Or([room.z3.And(less == room.number(one), more == room.number(two)) for one, two in pairs])


def _covers(room: Room, mine: Formulas, other: Formulas) -> Any:
    """Whether one asks at least what the other does: people, hours, sign-in and confirmations; not of which roles."""
    solver = room.z3
    holds, fresh, confirms = other.numbers()
    return solver.Or(
        mine.refused,
        solver.And(
            solver.Not(other.refused),
            mine.people() >= other.people(),
            *(solver.Implies(other.holds(seconds), mine.holds(seconds)) for seconds in sorted(holds)),
            *(solver.Implies(other.fresh(minutes), mine.fresh(minutes)) for minutes in sorted(fresh)),
            *(solver.Implies(other.confirms(what), mine.confirms(what)) for what in sorted(confirms)),
        ),
    )


def _unknown(room: Room) -> Iterator[Question]:
    suspects = list(_facts_that_silence(room))
    for name in suspects:
        known = room.situation("known")
        blind = _blind(room, known, name)
        small, large = room.asks(known, inexpressible=True), room.asks(blind)
        # An account of unknown tier counts as protected: it is split out of lists and judged singly, and what it
        # looks like is not known either, as both come of one reading.
        single = room.is_(known, action__bulk=1, account__lookalike=False) if name == "account.tier_memory" else []
        yield Question((known, blind), [*single, room.z3.Not(_covers(room, large, small))], compares=name)


def _blind(room: Room, known: Situation, name: str) -> Situation:
    """Return the same situation with one fact unknown."""
    same = {fact: known.fact(fact) for fact, spec in SCHEMA.items() if spec.kind is not Kind.TEXTS}
    return room.situation(
        "unknown", given=same, members=known.members, lengths=known.lengths, unknown=frozenset({name})
    )


def _facts_that_silence(room: Room) -> Iterator[str]:
    """Yield the facts that, unknown, keep some net silent that would speak: only those need the whole set."""
    known = room.situation("known")
    nets = [net for net in room.nets if not net.shadow]
    spoken = dict(zip((net.id for net in nets), room.asks(known, inexpressible=True).spoken, strict=True))
    solver = room.z3.Solver()
    solver.add(known.bounds())
    for name in sorted({spec.name for net in nets for spec in net.condition.reads}):
        reading = [net for net in nets if any(spec.name == name for spec in net.condition.reads)]
        blind = Formulas(reading, _blind(room, known, name), inexpressible=False)
        solver.push()
        solver.add(
            room.z3.Or(
                [
                    room.z3.And(spoken[net.id][1], room.z3.Not(silent))
                    for net, (_, silent) in zip(reading, blind.spoken, strict=True)
                ]
            )
        )
        if solver.check() != room.z3.unsat:
            yield name
        solver.pop()


def _standing(room: Room) -> Iterator[Question]:
    at = room.situation()
    standing = at.fact("actor.standing")
    gone = room.z3.Or([standing == room.number(word) for word in ("suspended", "left")])
    yield Question((at,), [gone, room.z3.Not(room.asks(at).refused)])
    at = room.situation()
    yield Question(
        (at,),
        [
            *room.enforces(at),
            room.tier(at, "notable", "protected"),
            at.fact("actor.hours_to_last_day_end") <= 24,
            room.z3.Not(room.asks(at).refused),
        ],
    )


def _weakens(room: Room) -> Iterator[Question]:
    at = room.situation()
    kind = at.fact("change.kind")
    yield Question(
        (at,),
        [
            *room.is_(at, action__name="change", action__severity=0, change__weakens=True, actor__human=True),
            room.z3.And([kind != room.number(free) for free in ("", "restore", "restore_legal", "pause")]),
            room.z3.Not(_what_i1_asks(room, room.asks(at))),
        ],
    )


def _free_day(room: Room) -> Iterator[Question]:
    at = room.situation()
    asks = room.asks(at, inexpressible=True)
    yield Question(
        (at,),
        [
            *room.enforces(at),
            *room.ordinary(at),
            room.tier(at, "standard"),
            *room.is_(at, account__lookalike=False, action__bulk=1, action__scheduled=False, action__legal=False),
            *room.is_(at, actor__involved_30d=False, account__state="active", change__weakens=False),
            at.fact("action.reversibility") != room.number("none"),
            at.fact("action.severity") <= 3,
            at.fact("account.reach") < 100_000,
            at.fact("account.enforced_24h") <= 1,
            at.fact("account.restored_30d") == 0,
            *_within_budget(at),
            asks.asks_something,
        ],
    )


def _within_budget(at: Situation) -> list[Any]:
    """Return what is within the tightest budgets that come with Gardefou, for a person and a token alike."""
    most = {"all": 90, "severity3": 9, "severity4": 4, "reach": 50_000}
    day = {"all": 500, "severity3": 29, "severity4": 9, "reach": 200_000}
    return [
        at.fact("recent.actor_reversed_7d") == 0,
        *(at.fact(f"recent.actor_1h.{name}") <= limit for name, limit in most.items()),
        *(at.fact(f"recent.actor_24h.{name}") <= limit for name, limit in day.items()),
        *(
            at.fact(f"recent.{scope}.{name}") <= limit
            for scope in ("team_1h", "platform_1h")
            for name, limit in most.items()
        ),
    ]


def _never_refused(room: Room) -> Iterator[Question]:
    at = room.situation()
    asks = room.asks(at, inexpressible=True)
    yield Question(
        (at,),
        [
            *room.enforces(at),
            *room.ordinary(at),
            room.tier(at, *_TIERS),
            at.fact("action.reversibility") != room.number("none"),
            at.fact("action.severity") <= 4,
            # Longer lists are split, and whoever was part of a restore leaves the account to others (R16).
            at.fact("action.bulk") <= 5_000,
            *room.is_(at, actor__involved_30d=False),
            room.z3.Or(asks.refused, asks.holds(_DAY + 1)),
        ],
    )


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "I1",
        "A protected account needs two more people of other teams, a fresh sign-in and ten minutes.",
        _protected_harm,
    ),
    Invariant("I2", "A notable or protected account needs at least one more person.", _notable_harm),
    Invariant("I3", "What cannot be undone waits a day at least, and never goes through broken glass.", _irreversible),
    Invariant("I4", "More tier, severity, reach or accounts never ask for less.", _grows),
    Invariant("I5", "What is not known never asks for less than any value it could have.", _unknown),
    Invariant(
        "I6",
        "Whoever is suspended or has left does nothing; in the last 24 hours nobody harms a notable or protected one.",
        _standing,
    ),
    Invariant("I7", "What weakens protection asks what harming a protected account asks.", _weakens),
    Invariant("I8", "An ordinary decision on an ordinary account meets no net.", _free_day),
    Invariant(
        "I9",
        "An active person who has just signed in is asked for more, never refused, and waits a day at most.",
        _never_refused,
    ),
)


def own(net: Net) -> Invariant:
    """Return the claim that wherever a net's condition holds at least its requirements are asked for.

    So a file of invariants is a file of nets: those that any set in force must make up for.
    """

    def questions(room: Room) -> Iterator[Question]:
        at = room.situation()
        asks = room.asks(at)
        # What a file of invariants says counts, in whatever mode it stands.
        wanted = Formulas([replace(net, shadow=False)], at, inexpressible=True)
        yield Question((at,), [wanted.spoken[0][1], room.z3.Not(_covers(room, asks, wanted))])

    return Invariant(net.id, net.title, questions)
