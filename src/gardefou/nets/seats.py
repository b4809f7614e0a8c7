"""Who fills which seat: one human fills one seat in all, however many roles match (M2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from gardefou.nets.verdict import Requirement
from gardefou.speech import gettext as _
from gardefou.speech import plain


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff as seats see them: id, roles, team, employer."""

    id: str
    roles: frozenset[str]
    team: str
    employer: str


def seats_filled(
    requirements: Sequence[Requirement],
    approvers: Sequence[Person],
    *,
    proposer: Person,
    organisation: str,
) -> tuple[Requirement, ...]:
    """Return what is still missing after these approvals; empty when all requirements are met.

    Seats are matched so that as many as possible are filled. The proposer and
    anyone who appears twice never fill a second seat. Where a requirement asks
    for ``distinct_teams``, those in its seats and the proposer are pairwise of
    different teams, and no two of them of the same vendor, which is an employer
    other than ``organisation``.
    """
    seats = [requirement for requirement in requirements for _ in range(requirement.approvals)]
    people = list({one.id: one for one in approvers if one.id != proposer.id}.values())
    best = _Matching(seats, people, proposer, organisation).best()
    return tuple(
        Requirement(requirement.roles, open_seats, requirement.distinct_teams, requirement.blind)
        for requirement in requirements
        if (open_seats := requirement.approvals - sum(seats[index] is requirement for index in best)) > 0
    )


def lacking_for(
    requirements: Sequence[Requirement], staff: Sequence[Person], *, organisation: str
) -> Callable[[Person], int]:
    """Return what tells of a proposer how many seats nobody of the staff could fill, as `seats_filled` counts them.

    For asking of many proposers: of hundreds of colleagues only so many are
    looked at as could make a difference, whoever proposes, and proposers who
    share nothing with these are all answered at once.
    """
    enough = _enough(requirements, staff)
    ids, teams, employers = ({each(one) for one in enough} for each in (_id, _team, _employer))
    known: dict[tuple[str | None, ...], int] = {}

    def lacking(proposer: Person) -> int:
        key = tuple(
            what if what in among else None
            for what, among in ((proposer.id, ids), (proposer.team, teams), (proposer.employer, employers))
        )
        if key not in known:
            known[key] = _count(seats_filled(requirements, enough, proposer=proposer, organisation=organisation))
        return known[key]

    return lacking


_id, _team, _employer = attrgetter("id"), attrgetter("team"), attrgetter("employer")


def _enough(requirements: Sequence[Requirement], staff: Sequence[Person]) -> list[Person]:
    """Return people who fill as many seats as all the staff would, whoever proposes.

    Others in seats, and the proposer, are as many as there are seats. So of
    people of one employer whose roles fill the same seats, one more of a team
    than that is enough, and of one more team than that: one whom none of the
    others is too close to is among them, and stands in for whoever was left out.
    """
    wanted = {role for one in requirements for role in one.roles}
    most = sum(one.approvals for one in requirements) + 1
    teams: dict[tuple[frozenset[str], str], dict[str, int]] = {}
    enough: list[Person] = []
    for one in {person.id: person for person in staff}.values():
        of_team = teams.setdefault((one.roles & wanted, one.employer), {})
        if not one.roles.isdisjoint(wanted) and (one.team in of_team or len(of_team) < most):
            of_team[one.team] = of_team.get(one.team, 0) + 1
            if of_team[one.team] <= most:
                enough.append(one)
    return enough


def could_count(
    requirements: Sequence[Requirement],
    approvers: Sequence[Person],
    candidate: Person,
    *,
    proposer: Person,
    organisation: str,
) -> str | None:
    """Return ``None`` when the candidate's yes would fill a seat, else the reason in words why it could not."""
    if candidate.id == proposer.id:
        return _("You placed it yourself; someone else must look.")
    if any(one.id == candidate.id for one in approvers):
        return _("You have approved it already; each person fills one seat.")
    remaining = seats_filled(requirements, approvers, proposer=proposer, organisation=organisation)
    if not remaining:
        return _("It has all the approvals that it needs.")
    then = seats_filled(requirements, [*approvers, candidate], proposer=proposer, organisation=organisation)
    if _count(then) < _count(remaining):
        return None
    fitting = [one for one in remaining if candidate.roles & set(one.roles)]
    if not fitting:
        roles = sorted({role for one in remaining for role in one.roles})
        return _(
            "It needs someone who is %(roles)s; your roles do not fill an open seat.",
            roles=_(" or ").join(plain(role) for role in roles),
        )
    for other, placed in ((proposer, True), *((one, False) for one in approvers)):
        if other.team == candidate.team:
            return (
                _("You are of the same team as whoever placed it; it needs people of different teams.")
                if placed
                else _("You are of the same team as someone who approved it; it needs people of different teams.")
            )
        if other.employer == candidate.employer != organisation:
            return (
                _("You work for the same vendor as whoever placed it; it needs people of different vendors.")
                if placed
                else _("You work for the same vendor as someone who approved it; it needs people of different vendors.")
            )
    return _("The seats that your roles fill are taken.")


def _count(requirements: Sequence[Requirement]) -> int:
    return sum(requirement.approvals for requirement in requirements)


class _Matching:
    """Finds the most seats that can be filled, by search with cut-offs; there are few seats."""

    def __init__(
        self, seats: Sequence[Requirement], people: Sequence[Person], proposer: Person, organisation: str
    ) -> None:
        wanted = {role for seat in seats for role in seat.roles}
        # People alike in all that matters are interchangeable: keep as many of each as there are seats.
        alike: dict[tuple[frozenset[str], str, str], int] = {}
        self._people: list[Person] = []
        for one in people:
            key = (one.roles & wanted, one.team, one.employer)
            alike[key] = alike.get(key, 0) + 1
            if key[0] and alike[key] <= len(seats):
                self._people.append(one)
        # The seats that fewest can fill come first, so that dead ends show early.
        self._order = sorted(
            range(len(seats)), key=lambda index: sum(bool(one.roles & set(seats[index].roles)) for one in self._people)
        )
        self._seats = seats
        self._proposer = proposer
        self._organisation = organisation
        self._best: tuple[int, ...] = ()

    def best(self) -> tuple[int, ...]:
        """Return the indices of the seats filled in a best matching."""
        self._search(0, (), frozenset(), (self._proposer,))
        return self._best

    def _search(self, depth: int, filled: tuple[int, ...], used: frozenset[str], apart: tuple[Person, ...]) -> None:
        if len(filled) > len(self._best):
            self._best = filled
        if depth == len(self._order) or len(filled) + len(self._order) - depth <= len(self._best):
            return
        index = self._order[depth]
        seat = self._seats[index]
        for one in self._people:
            if one.id in used or one.roles.isdisjoint(seat.roles):
                continue
            if seat.distinct_teams and any(self._too_close(one, other) for other in apart):
                continue
            together = (*apart, one) if seat.distinct_teams else apart
            self._search(depth + 1, (*filled, index), used | {one.id}, together)
            if len(self._best) == len(self._seats):
                return
        self._search(depth + 1, filled, used, apart)

    def _too_close(self, one: Person, other: Person) -> bool:
        return one.team == other.team or one.employer == other.employer != self._organisation
