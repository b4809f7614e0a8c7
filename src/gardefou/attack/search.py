"""The search: every sequence of moves up to a depth, each folded state once, and the shortest way there is.

Within a depth one kind of attacker after the other. A move
is undone by returning to a savepoint of the store. Sequences are left out that
cannot be the shortest way to anything: where a move builds on none of what the
moves before left to be built on, and there are already two such.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gardefou.attack import scene as s
from gardefou.attack.effects import Effects
from gardefou.attack.fold import Fold, Parts, changed
from gardefou.attack.goals import Goals
from gardefou.attack.moves import Move, Situation, attacks
from gardefou.attack.others import between, work
from gardefou.attack.rows import rows
from gardefou.attack.watched import Found
from gardefou.nets.net import NetSet
from gardefou.scenario import model as m

#: So many moves may lie there that nothing has built on yet.
_HANGING = 2
#: So many moves of a sequence may begin something.
_OPENINGS = 2
#: What a second one counts more.
_FURTHER = 2
_OVER = frozenset({"refused", "cancelled", "lapsed", "failed", "restored"})
#: Up to here depth by depth; then at once to the full depth, as every depth tries again what those before it tried.
_SHALLOW = 2
#: Objects after which cycles among them are looked for.
_COLLECT_AFTER = 200_000
#: What so many moves were tried after, progress is told.
_TELL = 500


@dataclass(slots=True)
class Way:
    """A sequence of moves that reached a goal."""

    attacker: s.Attacker
    found: Found
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the contract's ``{goal, steps}``, with what happened and who it was."""
        return {
            "goal": self.found.goal,
            "says": self.found.says,
            "attacker": self.attacker.name,
            "steps": list(self.steps),
        }


@dataclass(slots=True)
class Result:
    """What the search saw."""

    depth: int
    states: int = 0
    moves: int = 0
    seconds: float = 0.0
    found: Way | None = None
    #: States by attacker and depth.
    by_attacker: dict[str, int] = field(default_factory=dict[str, int])

    def to_json(self) -> dict[str, Any]:
        """Return the contract's ``{depth, states, seconds, found}``, and the number of moves tried."""
        return {
            "depth": self.depth,
            "states": self.states,
            "moves": self.moves,
            "seconds": round(self.seconds, 2),
            "found": None if self.found is None else self.found.to_json(),
        }


#: Told while it runs: the attacker, the depth, states and moves so far.
Progress = Callable[[str, int, int, int], None]


def _quiet(_attacker: str, _depth: int, _states: int, _moves: int) -> None:
    """Tell nobody."""


def search(
    depth: int = 5,
    *,
    nets: NetSet | None = None,
    attackers: Sequence[s.Attacker] = s.ATTACKERS,
    progress: Progress = _quiet,
    hunts: Iterable[Hunt] | None = None,
) -> Result:
    """Search every kind of attacker's sequences up to a depth; stop at the shortest way to a goal.

    ``nets`` None are the shipped default set. The same every time.
    """
    started = time.perf_counter()
    result = Result(depth=depth)
    own = hunts is None
    # What is there now stays; and what a search makes has few cycles.
    gc.freeze()
    patience = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *patience[1:])
    prepared = [Hunt(attacker, nets) for attacker in attackers] if hunts is None else list(hunts)
    try:
        # Whatever is found at the full depth is then looked for at every one before it.
        first = (*range(1, min(depth, _SHALLOW) + 1), *range(max(depth, _SHALLOW + 1), depth + 1))
        for limit in first:
            found = _all_to(limit, prepared, progress)
            if found is None:
                continue
            shorter = range(_SHALLOW + 1, limit)
            known = ((less, way) for less in shorter if (way := _all_to(less, prepared, progress)) is not None)
            result.depth, result.found = next(known, (limit, found))
            break
        return result
    finally:
        result.states = sum(len(one.states) for one in prepared)
        result.moves = sum(one.moves for one in prepared)
        result.by_attacker = {one.attacker.name: len(one.states) for one in prepared}
        result.seconds = time.perf_counter() - started
        gc.set_threshold(*patience)
        gc.unfreeze()
        if own:
            for hunt in prepared:
                hunt.close()


def _all_to(limit: int, hunts: Sequence[Hunt], progress: Progress) -> Way | None:
    """Search every attacker's sequences up to a depth; return the first way."""
    return next((way for hunt in hunts if (way := hunt.search(limit, progress)) is not None), None)


def _may_follow(move: Move, hanging: tuple[frozenset[str], ...], unused: tuple[frozenset[str], ...]) -> bool:
    """Whether a move may come now: it builds on all but one of what hangs, and is no mere variant of what was done."""
    if len(unused) >= _HANGING or (unused and any(part[:2] == "E:" for part in move.reads)):
        return False
    if not move.variant or not hanging:
        return True
    accounts = {part for part in move.reads if part[:2] == "E:"}
    return not any(accounts & one for one in hanging)


def _beside(unused: tuple[frozenset[str], ...], different: frozenset[str]) -> bool:
    """Whether something may hang beside what nothing has built on yet.

    What waits on one account has nothing to do with what waits on another;
    but a guard can change, or the platform fail, while it waits.
    """
    return _waits(unused) and not any(part[:2] in {"E:", "P:"} for part in different)


def _waits(unused: tuple[frozenset[str], ...]) -> bool:
    """Whether an account is among what nothing has built on yet."""
    return any(part[:2] == "E:" for one in unused for part in one)


@dataclass(slots=True)
class _Kept:
    """What lies outside the store and goes back with it."""

    clock: datetime
    config: Any
    edges: dict[str, Any]
    newest: tuple[Any, Any]
    watched: tuple[Any, datetime]
    merged: dict[str, str]
    armed: tuple[tuple[str, str], ...]
    secrets: dict[str, str]


class Hunt:
    """The search for one kind of attacker, in a scene of its own."""

    def __init__(self, attacker: s.Attacker, nets: NetSet | None = None) -> None:
        self.attacker = attacker
        self.scene = s.make_scene(attacker, nets)
        self.fold = Fold(self.scene)
        self.goals = Goals(self.scene, self.fold)
        self.scene.desk.look = Effects(self.scene).look
        self.scene.desk.between = lambda what, account: between(self.scene, what, account)
        self.states: set[int] = set()
        self.moves = 0
        self._seen: dict[Any, int] = {}
        self._fruitless: set[Any] = set()
        #: Moves of this search with what they depend on: as the last of a sequence each shows the same.
        self._judged: set[Any] = set()
        self._progress: Progress = _quiet
        self._limit = 0
        self._nets: Any = None

    def close(self) -> None:
        """Let go of the scene."""
        self.scene.close()

    def forget(self) -> None:
        """Begin anew: what was seen is not remembered."""
        self.states.clear()
        self._seen.clear()
        self._fruitless.clear()
        self._judged.clear()
        self.goals.forget()
        self.moves = 0

    def search(self, limit: int, progress: Progress) -> Way | None:
        """Search sequences of up to ``limit`` moves; return the first way to a goal."""
        self._progress, self._limit = progress, limit
        self._seen.clear()
        self._judged.clear()
        parts = self.fold.parts()
        self._nets = parts["nets"]
        self.states.add(hash(frozenset(parts.items())))
        found = self._probed(parts)
        if found is not None:
            return Way(self.attacker, found, ())
        way = self._visit(limit, parts, (), _OPENINGS)
        progress(self.attacker.name, limit, len(self.states), self.moves)
        return way

    def _visit(self, left: int, parts: Parts, hanging: tuple[frozenset[str], ...], openings: int) -> Way | None:
        scene, desk = self.scene, self.scene.desk
        further = _FURTHER if openings < _OPENINGS else 0
        now = self._situation(parts, opens=bool(openings) and left > further)
        kept = self._keep()
        mark = scene.past.mark()
        try:
            for move in self._moves(now):
                cost = move.cost + (further if move.opens else 0)
                if cost > left:
                    continue
                last = left == cost
                if last and (move.prepares or any(not (one & move.reads) for one in hanging)):
                    continue
                unused = tuple(one for one in hanging if not (one & move.reads))
                if not _may_follow(move, hanging, unused) or (unused and not _waits(unused)):
                    continue
                read = (move.key, parts["fresh"], tuple(sorted((name, parts.get(name)) for name in move.reads)))
                if read in self._fruitless or (last and read in self._judged):
                    continue
                self._judged.add(read)
                self.moves += 1
                if self.moves % _TELL == 0:
                    self._progress(self.attacker.name, self._limit, len(self.states), self.moves)
                desk.found.clear()
                done = move.do(scene)
                after = self.fold.parts() if done or desk.found else parts
                different = changed(parts, after)
                if not different and not desk.found:
                    self._fruitless.add(read)
                else:
                    way = self._after(left - cost, move, after, different, unused, openings - move.opens)
                    if way is not None:
                        return way
                scene.past.back_to(mark)
                self._put_back(kept)
            return None
        finally:
            scene.past.forget(mark)
            self._put_back(kept)

    def _after(
        self,
        left: int,
        move: Move,
        after: Parts,
        different: frozenset[str],
        unused: tuple[frozenset[str], ...],
        openings: int,
    ) -> Way | None:
        """Judge the state that a move led to, and go on from there."""
        desk = self.scene.desk
        self.states.add(hash(frozenset(after.items())))
        if not desk.found:
            self.goals.check(different)
        found = desk.found[0] if desk.found else self._probed(after)
        if found is not None:
            return Way(self.attacker, found, (move.says,))
        if left == 0:
            return None
        if unused and not _beside(unused, different):
            return None
        hanging = (*unused, different)
        key = (frozenset(after.items()), frozenset(hanging), openings)
        if self._seen.get(key, 0) >= left:
            return None
        self._seen[key] = left
        way = self._visit(left, after, hanging, openings)
        if way is not None:
            way.steps = (move.says, *way.steps)
        return way

    def _moves(self, now: Situation) -> Iterator[Move]:
        yield from attacks(self.scene, now)
        yield from work(self.scene, now)

    def _situation(self, parts: Parts, *, opens: bool) -> Situation:
        open_rows: dict[str, Any] = {}
        touched: set[str] = set()
        standing: set[str] = set()
        known: set[str] = set()
        # Of a list one account stands for all.
        long = {*s.small_list()[1:], *s.long_list()[1:]}
        for row in self.fold.enforcements():
            change, account = row["change"], row["account"]
            if change is None and account not in {s.VICTIM, s.OLD} and account not in long:
                known.add(account)
                if row["action"] != "restore" and row["state"] not in _OVER:
                    touched.add(account)
                    standing.add(row["placed_by"])
            over = row["state"] in _OVER or (row["state"] == "in_force" and row["via"] != "break_glass")
            if over or account in {s.VICTIM, s.OLD} or account in long:
                continue
            name = f"the {change['kind']} change" if change is not None else f"the {row['action']} on {account}"
            name += "" if row["placed_by"] == s.ATTACKER else f" by {row['placed_by']}"
            if name in open_rows:
                name += f" ({sum(1 for one in open_rows if one.startswith(name)) + 1})"
            open_rows[name] = row
        staff = {row["id"]: row for row in rows(self.scene.past.driver, "select * from staff")}
        return Situation(
            open=open_rows,
            staff=staff,
            parts=parts,
            nets=self._nets,
            touched=frozenset(touched),
            known=frozenset(known),
            standing=frozenset(standing),
            opens=opens,
        )

    # can it be lifted? -------------------------------------------------------------------

    def _probed(self, parts: Parts) -> Found | None:
        """Try in a copy of this state whether each colleague on duty can lift what is down (I12)."""
        wanted = self.goals.probe(parts)
        if not wanted:
            return None
        scene = self.scene
        kept, mark = self._keep(), scene.past.mark()
        try:
            for ref in wanted:
                for who in self.goals.on_duty(parts):
                    step = s.step(who, "restore", m.Restore(account=m.Ref(s.PLATFORM, ref)))
                    outcome = scene.play(step)
                    if self.goals.is_down(ref):
                        why = f": {outcome.error.message}" if outcome.error is not None else ""
                        return Found("I12", f"{who} restores {ref}, and it stays down{why}")
                    scene.past.back_to(mark)
                    self._put_back(kept)
        finally:
            scene.past.forget(mark)
            self._put_back(kept)
        return None

    # what goes back with the store ----------------------------------------------------------

    def _keep(self) -> _Kept:
        scene = self.scene
        app: Any = scene.world.app
        sequencer, passing, desk = app.sequencer, scene.passing, scene.desk
        return _Kept(
            clock=scene.clock.now(),
            config=app._config,  # noqa: SLF001 - goes back with the store
            edges=dict(sequencer._edges),  # noqa: SLF001 - goes back with the store
            newest=(sequencer._newest, sequencer._newest_read),  # noqa: SLF001 - goes back with the store
            watched=(passing.watched, passing.watched_at),
            merged=desk.merged,
            armed=desk.armed,
            secrets=dict(scene.world.secrets),
        )

    def _put_back(self, kept: _Kept) -> None:
        scene = self.scene
        app: Any = scene.world.app
        sequencer, passing, desk = app.sequencer, scene.passing, scene.desk
        scene.clock.set_to(kept.clock)
        app._config = kept.config  # noqa: SLF001
        app._lookalikes.clear()  # noqa: SLF001
        sequencer._edges = dict(kept.edges)  # noqa: SLF001
        sequencer._newest, sequencer._newest_read = kept.newest  # noqa: SLF001
        passing.watched, passing.watched_at = kept.watched
        desk.merged, desk.armed = kept.merged, kept.armed
        desk.found.clear()
        scene.world.secrets.clear()
        scene.world.secrets.update(kept.secrets)
