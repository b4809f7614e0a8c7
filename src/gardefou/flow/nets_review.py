"""Another set of nets looked at before anyone is asked: what is wrong, what it changes, and what is proved of it.

Nothing here writes, and none of it runs in a transaction: a look takes a
second or two, a backtest as long as history is. What was worked out for the
same nets is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from gardefou.domain.records import Staff
from gardefou.errors import Unavailable
from gardefou.flow.app import App
from gardefou.flow.changes.nets import newly_broken
from gardefou.flow.history import export_history, history_folder
from gardefou.nets.backtest import backtest
from gardefou.nets.backtested import Backtest
from gardefou.nets.differ import Compared, Difference, differ
from gardefou.nets.examine import examine
from gardefou.nets.load import Problem, load
from gardefou.nets.net import NetSet
from gardefou.nets.prove import Proved, prove
from gardefou.nets.satisfiable import unsatisfiable
from gardefou.nets.seats import Person
from gardefou.nets.team import Team
from gardefou.people.standing import Standing, standing_now
from gardefou.speech import speech
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

#: Sets whose looks and proofs are remembered.
_KEPT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NetsReview:
    """What a look at a set found. Without ``nets`` it cannot be read, and ``problems`` say where.

    ``proofs`` are None where no solver is installed; ``now`` are those of the nets in force.
    """

    problems: tuple[Problem, ...]
    in_force: NetSet
    nets: NetSet | None = None
    compared: Compared | None = None
    proofs: tuple[Proved, ...] | None = None
    now: tuple[Proved, ...] | None = None
    #: What it breaks for which proposing it is refused (R3), in words.
    refusals: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps it from being used."""
        return tuple(one for one in self.problems if one.severity == "error")

    @property
    def same(self) -> bool:
        """Whether it is what is in force."""
        return self.nets == self.in_force

    @property
    def only_adds(self) -> bool:
        """Whether it takes effect at once: nets are added, and nothing else is touched (R3)."""
        return self.nets is not None and self.nets.only_adds(self.in_force)

    @property
    def weakens(self) -> tuple[Difference, ...]:
        """The situations in which less is asked than now."""
        return () if self.compared is None else tuple(one for one in self.compared.differences if one.less == "b")

    @property
    def strengthens(self) -> tuple[Difference, ...]:
        """The situations in which more is asked, or otherwise."""
        return () if self.compared is None else tuple(one for one in self.compared.differences if one.less != "b")

    @property
    def lost(self) -> tuple[Proved, ...]:
        """What is proved of the nets in force and does not hold of these."""
        held = {one.id for one in self.now or () if one.holds}
        return tuple(one for one in self.proofs or () if not one.holds and one.id in held)


def review_nets(app: App, text: str, *, names: tuple[str, str] = ("A", "B")) -> NetsReview:
    """Look at a file of nets: its problems by line, what it changes of the nets in force, and what is proved.

    ``names`` are what sentences call the nets in force and these.
    """
    with app.works.read() as connection:
        config = app.config(connection)
        people = fetch_all(connection, Staff, sa.select(tables.staff)) if config.rules.setup_finished else []
    team = tuple(
        Person(id=one.pseudonym, roles=frozenset(one.roles), team=one.team, employer=one.employer)
        for one in people
        if standing_now(one, app.now(), config.rules.leaver_stages).standing is Standing.ACTIVE
    )
    # What the people here cannot meet as it is refuses no change (R21): it is told, and no more.
    before = _unmet(config.nets, team, config.rules.organisation) if team else frozenset[str]()
    problems = tuple(
        replace(one, severity="warning") if one.code == "nets/unsatisfiable" and one.net in before else one
        for one in _examined(text, team, config.rules.organisation, speech().language)
    )
    if any(one.severity == "error" and one.code != "nets/unsatisfiable" for one in problems):
        return NetsReview(problems=problems, in_force=config.nets)
    nets = load(text, "nets.toml")
    return NetsReview(
        problems=problems,
        in_force=config.nets,
        nets=nets,
        compared=_compared(config.nets, nets, names, speech().language),
        proofs=proofs_of(nets),
        now=proofs_of(config.nets),
        refusals=tuple(one.says for one in newly_broken(config, nets)) if config.rules.setup_finished else (),
    )


def proofs_of(nets: NetSet) -> tuple[Proved, ...] | None:
    """Return which invariants hold of a set, proved once a process; None where no solver is installed."""
    try:
        return _proved(nets)
    except Unavailable:
        return None


def backtest_nets(app: App, data: Path, nets: NetSet) -> Backtest:
    """Judge all recorded history under these nets; brings the exported history below ``data`` up to date first.

    Raises:
        Unavailable: DuckDB or sqlglot is not installed (`nets/duckdb`, `nets/sql`), or files cannot be written or read.
        Conflict: another export is running (`history/busy`).
    """
    return backtest(nets, export_history(app, history_folder(data)).files)


@lru_cache(maxsize=_KEPT)
def _proved(nets: NetSet) -> tuple[Proved, ...]:
    return tuple(prove(nets))


@lru_cache(maxsize=_KEPT)
def _unmet(nets: NetSet, team: tuple[Person, ...], organisation: str) -> frozenset[str]:
    return frozenset(one.net for one in unsatisfiable(nets, team, organisation=organisation))


@lru_cache(maxsize=_KEPT)
def _compared(a: NetSet, b: NetSet, names: tuple[str, str], _language: str) -> Compared:
    return differ(a, b, names=names)


@lru_cache(maxsize=_KEPT)
def _examined(text: str, team: tuple[Person, ...], organisation: str, _language: str) -> tuple[Problem, ...]:
    return tuple(examine(text, "nets.toml", team=Team(team, organisation) if team else None))
