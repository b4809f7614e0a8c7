"""Replaying a scenario: steps at their moment, and between them everything that is due, when it is due.

Time jumps from one thing to the next. Due work, the sequencer and the watch run
as the worker runs them; a tick of the watch that could only repeat what the one
before saw is left out, as nothing on the platform changed and nobody's tier did.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.flow.due import next_due, run_due
from gardefou.flow.rules import Rules
from gardefou.flow.watch import watch
from gardefou.nets.net import NetSet
from gardefou.scenario.model import Scenario, Step
from gardefou.scenario.steps import Outcome, Player
from gardefou.scenario.world import World, make_world
from gardefou.storage import tables

#: The watch refreshes its readings at least this often even when nothing changed.
_REFRESH = timedelta(hours=3)
#: Rounds at one moment after which something goes round in circles.
_MANY = 10_000

_a = tables.account.c
_WATCHED_STAMP = sa.select(sa.func.count(), sa.func.sum(_a.version)).where(tables.account_watched)


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was done, and what became of it at once."""

    step: Step
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Replay:
    """A scenario that was replayed to its end; the world is still open to be looked at."""

    world: World
    done: tuple[Done, ...]
    ended_at: datetime
    elapsed_ms: float


def replay(scenario: Scenario, *, nets: NetSet | None = None, no_nets: bool = False) -> Replay:
    """Replay a scenario under the shipped default nets, given ones, or none; close its world afterwards.

    ``elapsed_ms`` is real time; everything else is the same at every replay.
    """
    started = time.perf_counter()
    world = make_world(scenario, nets=nets, no_nets=no_nets)
    try:
        player, passing = Player(world), Passing(world)
        done: list[Done] = []
        passing.settle()
        for step in scenario.steps:
            passing.until(step.at)
            done.append(Done(step, player.play(step)))
            passing.settle()
        passing.until(scenario.ends_at)
        world.app.sequencer.integrate_all()
    except BaseException:
        world.close()
        raise
    elapsed = (time.perf_counter() - started) * 1000
    return Replay(world, tuple(done), max(scenario.ends_at, world.clock.now()), elapsed)


class Passing:
    """Lets time pass in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = world.app
        self.every = timedelta(seconds=Rules().watch_seconds)
        self.watched_at = world.clock.now()
        self.watched: Any = None

    def until(self, moment: datetime) -> None:
        """Do everything that is due up to a moment, each at its time, and stand there."""
        clock = self.world.clock
        while True:
            tick = self._next_tick()
            due = next_due(self.app)
            following = min((one for one in (tick, due) if one is not None), default=None)
            if following is None or following > moment:
                break
            clock.advance_to(following)
            if tick is not None and tick <= clock.now():
                self._watch()
            self.settle()
        clock.advance_to(moment)
        self.settle()

    def settle(self) -> None:
        """Do what is due at this moment, until nothing more is, as a round of the worker does."""
        for _ in range(_MANY):
            self._integrate()
            if not run_due(self.app):
                return
        msg = f"work at {self.world.clock.now()} goes round in circles"
        raise RuntimeError(msg)

    def _integrate(self) -> None:
        self.app.sequencer.integrate()

    def _next_tick(self) -> datetime | None:
        """Return when the watch looks next and may see something new; None when it never will."""
        stamp = self._stamp()
        now = self.world.clock.now()
        if stamp[-1] == 0:
            self.watched = stamp
            return None
        if stamp == self.watched:
            refresh = self.watched_at + _REFRESH
            return None if self._blind() else max(refresh, now)
        begin = self.world.scenario.starts_at
        return begin + ((now - begin) // self.every + 1) * self.every

    def _watch(self) -> None:
        self.world.sleeper.beside = True
        try:
            watch(self.app)
        finally:
            self.world.sleeper.beside = False
        self.watched_at = self.world.clock.now()
        self.watched = self._stamp()

    def _blind(self) -> bool:
        """Whether no platform can be read."""
        states = [desk.switches() for desk in self.world.platforms.values()]
        return all(state.down or state.drops_answers for state in states)

    def _stamp(self) -> tuple[int, ...]:
        """Return numbers that differ whenever the watch could see something new; the last is how many it watches."""
        with self.app.works.read() as connection:
            count, versions = connection.execute(_WATCHED_STAMP).one()
        revisions = [desk.revision() for desk in self.world.platforms.values()] if count else []
        return (*revisions, int(versions or 0), int(count))
