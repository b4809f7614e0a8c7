"""The whole check of a file of nets: its text, what its conditions mean, and whether the team can meet it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from gardefou.nets.load import Problem, read_all
from gardefou.nets.net import NetSet
from gardefou.nets.positions import positions
from gardefou.nets.review import Finding, review
from gardefou.nets.satisfiable import Unsatisfiable, together_unsatisfiable, unsatisfiable
from gardefou.nets.team import Team
from gardefou.speech import gettext as _

_CODES = {"never": "nets/never_holds", "always": "nets/always_holds", "covered": "nets/covered"}


def examine(text: str, filename: str = "nets.toml", *, team: Team | None = None) -> list[Problem]:
    """Return everything that is found in a file of nets, errors and warnings, by line.

    Codes: those of `load.check`; `nets/never_holds` also by the solver;
    `nets/unsatisfiable` with a team; as warnings `nets/always_holds`,
    `nets/covered`, and with a team `nets/unsatisfiable_together`.
    """
    nets, problems = read_all(text, filename)
    good = list({net.id: net for net in reversed(nets)}.values())[::-1]
    if not good:
        return problems
    where = _Where(text.replace("\r\n", "\n"), filename, [net.id for net in good])
    found = [*problems, *(where.finding(one) for one in review(good))]
    if team is not None and not problems:
        asked = NetSet(good)
        found += [where.lacking(one) for one in unsatisfiable(asked, team.people, organisation=team.organisation)]
        both = together_unsatisfiable(asked, team.people, organisation=team.organisation)
        found += [replace(where.lacking(one), code="nets/unsatisfiable_together", severity="warning") for one in both]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


@lru_cache(maxsize=8)
def warnings_of(nets: NetSet) -> tuple[Problem, ...]:
    """Return what is found in a set that can be used all the same; places are of the set as text."""
    return tuple(replace(one, severity="warning") for one in examine(nets.to_toml(), "proposal"))


class _Where:
    """Finds the place in the file of what is said about a net."""

    def __init__(self, text: str, filename: str, ids: Sequence[str]) -> None:
        self._positions = positions(text)
        self._file = filename
        self._index = {net_id: self._table(net_id) for net_id in ids}

    def _table(self, net_id: str) -> int:
        at = self._positions
        index = 0
        while f"net.{index}" in at.keys:
            start = at.values.get(f"net.{index}.id", -1)
            if start >= 0 and at.text.startswith((f'{net_id}"', f"{net_id}'"), start):
                return index
            index += 1
        return 0

    def finding(self, one: Finding) -> Problem:
        place = self._positions.key(f"net.{self._index[one.net]}.{'id' if one.kind == 'covered' else 'when'}")
        severity = "error" if one.is_error else "warning"
        code = _CODES[one.kind]
        return Problem(code, one.message, self._file, place.line, place.column, one.net, severity, one.suggestion)

    def lacking(self, one: Unsatisfiable) -> Problem:
        place = self._positions.key(f"net.{self._index[one.net]}.require.approvals")
        said = _("add people who can, or ask for fewer")
        return Problem(
            "nets/unsatisfiable", one.message, self._file, place.line, place.column, one.net, suggestion=said
        )
