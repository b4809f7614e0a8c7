"""The verdict: what all nets together ask of one enforcement, and how asks are joined.

The join is commutative, associative and idempotent, and only ever adds: a
verdict joined with anything asks at least what it asked before. So there is no
order among nets, and adding a net can never weaken another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from gardefou.errors import InvalidInput
from gardefou.speech import gettext as _
from gardefou.speech import ngettext, plain


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why a net spoke: its id, its title, and the incident or rule that taught it."""

    net: str
    title: str
    because: str

    def to_json(self) -> dict[str, str]:
        """Return the contract's ``{net, title, because}``."""
        return {"net": self.net, "title": self.title, "because": self.because}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(str(document["net"]), str(document["title"]), str(document["because"]))


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """``approvals`` further people, each with one of ``roles``.

    ``distinct_teams``: they and the proposer differ pairwise in team, and no
    two are of the same vendor. ``blind``: each answers on the case first.
    Each person fills one seat in all, across all requirements (M2).
    """

    roles: tuple[str, ...]
    approvals: int
    distinct_teams: bool = False
    blind: bool = False

    def __post_init__(self) -> None:
        """Hold roles sorted, each once, so that equal asks are equal."""
        object.__setattr__(self, "roles", tuple(sorted(set(self.roles))))

    def joined(self, other: Requirement) -> Requirement:
        """Return the stricter of two requirements of the same roles."""
        return Requirement(
            self.roles,
            max(self.approvals, other.approvals),
            self.distinct_teams or other.distinct_teams,
            self.blind or other.blind,
        )

    def in_words(self) -> str:
        """Say it: ``2 further people (lead or policy), of different teams``."""
        said = ngettext(
            "%(num)s further person (%(roles)s)",
            "%(num)s further people (%(roles)s)",
            self.approvals,
            roles=_(" or ").join(plain(role) for role in self.roles),
        )
        return _("%(people)s, of different teams", people=said) if self.distinct_teams else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is asked, with the reason of each net that spoke.

    ``refusals``: why it is refused; empty when it is not. ``fresh_auth_minutes``:
    the most minutes since a strong sign-in, of the proposer and of each
    approver; ``None`` asks for none. ``hold_seconds`` count from the last
    approval. ``shadow``: nets that would have spoken. Equal asks are equal
    values: everything is held sorted.
    """

    refusals: tuple[str, ...] = ()
    approvals: tuple[Requirement, ...] = ()
    fresh_auth_minutes: int | None = None
    hold_seconds: int = 0
    confirm: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    shadow: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        """Hold everything sorted, each once, and requirements merged, so that equal asks are equal."""
        for name in ("refusals", "confirm", "notify", "reasons", "shadow"):
            held = getattr(self, name)
            if len(held) > 1:
                object.__setattr__(self, name, tuple(sorted(set(held))))
        if len(self.approvals) > 1:
            object.__setattr__(self, "approvals", merge(self.approvals))

    @property
    def refused(self) -> bool:
        """Whether some net refuses it."""
        return bool(self.refusals)

    @property
    def asks_nothing(self) -> bool:
        """Whether it goes ahead at once: notify and shadow ask for nothing."""
        return not (
            self.refusals or self.approvals or self.fresh_auth_minutes is not None or self.hold_seconds or self.confirm
        )

    @property
    def seats(self) -> int:
        """How many further people are asked for in all."""
        return sum(requirement.approvals for requirement in self.approvals)

    def join(self, other: Verdict) -> Verdict:
        """Return the verdict that asks for both: the strictest of each, the union of each."""
        if other is NOTHING or other == self:
            return self
        return Verdict(
            refusals=self.refusals + other.refusals,
            approvals=self.approvals + other.approvals,
            fresh_auth_minutes=_least(self.fresh_auth_minutes, other.fresh_auth_minutes),
            hold_seconds=max(self.hold_seconds, other.hold_seconds),
            confirm=self.confirm + other.confirm,
            notify=self.notify + other.notify,
            reasons=self.reasons + other.reasons,
            shadow=self.shadow + other.shadow,
        )

    def covers(self, other: Verdict) -> bool:
        """Return whether this asks at least what the other asks, component by component.

        A refusal covers everything, and only a refusal covers one. Otherwise:
        as few minutes since a sign-in or fewer, a hold as long or longer, all
        that the other wants confirmed, and for each seat that the other asks
        to fill a seat here of its own, of the same or fewer roles, of distinct
        teams and blind where the other's is. So whoever fills the seats here
        fills the other's too. Notify, reasons and shadow ask for nothing and do not count.
        """
        if other.refused and not self.refused:
            return False
        if self.refused:
            return True
        return (
            _least(self.fresh_auth_minutes, other.fresh_auth_minutes) == self.fresh_auth_minutes
            and self.hold_seconds >= other.hold_seconds
            and set(self.confirm) >= set(other.confirm)
            and _seats_cover(self.approvals, other.approvals)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the contract's shape of a verdict."""
        return {
            "refused": self.refused,
            "refusals": list(self.refusals),
            "approvals": [
                {
                    "approvals": requirement.approvals,
                    "from": list(requirement.roles),
                    "distinct_teams": requirement.distinct_teams,
                    "fresh_auth_minutes": self.fresh_auth_minutes,
                    "blind": requirement.blind,
                }
                for requirement in self.approvals
            ],
            "fresh_auth_minutes": self.fresh_auth_minutes,
            "hold_seconds": self.hold_seconds,
            "confirm": list(self.confirm),
            "notify": list(self.notify),
            "reasons": [reason.to_json() for reason in self.reasons],
            "shadow": [reason.to_json() for reason in self.shadow],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InvalidInput: something is missing or of another shape (`nets/verdict`).
        """
        try:
            fresh = document["fresh_auth_minutes"]
            return cls(
                refusals=tuple(str(one) for one in document["refusals"]),
                approvals=tuple(
                    Requirement(
                        tuple(str(role) for role in one["from"]),
                        int(one["approvals"]),
                        bool(one["distinct_teams"]),
                        bool(one["blind"]),
                    )
                    for one in document["approvals"]
                ),
                fresh_auth_minutes=None if fresh is None else int(fresh),
                hold_seconds=int(document["hold_seconds"]),
                confirm=tuple(str(one) for one in document["confirm"]),
                notify=tuple(str(one) for one in document["notify"]),
                reasons=tuple(Reason.from_json(one) for one in document["reasons"]),
                shadow=tuple(Reason.from_json(one) for one in document["shadow"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                "nets/verdict", f"This is not a verdict as Gardefou writes it: {error!r}.", field="verdict"
            ) from error


#: The verdict that asks for nothing; the neutral element of the join.
NOTHING = Verdict()


def join_all(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the join of all; `NOTHING` of none."""
    joined = NOTHING
    for verdict in verdicts:
        joined = joined.join(verdict)
    return joined


def merge(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """Merge requirements of the same roles to the stricter of each; sorted."""
    by_roles: dict[tuple[str, ...], Requirement] = {}
    for one in requirements:
        known = by_roles.get(one.roles)
        by_roles[one.roles] = one if known is None else known.joined(one)
    return tuple(sorted(by_roles.values()))


def _seats_cover(mine: tuple[Requirement, ...], asked: tuple[Requirement, ...]) -> bool:
    """Return whether each seat asked for has one of mine to itself that is at least as strict."""
    seats = [requirement for requirement in mine for _ in range(requirement.approvals)]
    given: dict[int, Requirement] = {}

    def place(one: Requirement, tried: set[int]) -> bool:
        """Give it a free seat, or one whose holder can move to another."""
        for index, seat in enumerate(seats):
            if index in tried or not _as_strict(seat, one):
                continue
            tried.add(index)
            if index not in given or place(given[index], tried):
                given[index] = one
                return True
        return False

    return all(place(one, set()) for one in asked for _ in range(one.approvals))


def _as_strict(mine: Requirement, asked: Requirement) -> bool:
    return (
        set(mine.roles) <= set(asked.roles)
        and mine.distinct_teams >= asked.distinct_teams
        and mine.blind >= asked.blind
    )


def _least(one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return min(one, two)
