"""Every check that is taken out is found by the search: the proof that it can see."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gardefou.attack.moves import Move, Situation
from gardefou.attack.scene import ATTACKERS
from gardefou.attack.search import Hunt, Way
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from tests.attack.holes import DEEP, HOLES, Hole, dig

#: Moves that the search may try for one hole.
_MOVES = 2_500


class Narrowed(Hunt):
    """A search of the sequences that begin with one move, or of all of them."""

    begins = ""

    def _moves(self, now: Situation) -> Iterator[Move]:
        first = bool(self.begins) and now.parts == self.start
        for move in super()._moves(now):
            if not first or move.says == self.begins:
                yield move

    def begin(self, begins: str) -> None:
        """Forget what was seen, and search what begins so."""
        self.forget()
        self.begins, self.start = begins, self.fold.parts()


@pytest.fixture(scope="module")
def hunts() -> Iterator[dict[str, Narrowed]]:
    """One scene for each kind of attacker, begun anew for every hole."""
    made: dict[str, Narrowed] = {}
    yield made
    for hunt in made.values():
        hunt.close()


def _hunt(hunts: dict[str, Narrowed], hole: Hole, most: int = _MOVES) -> Way | None:
    """Search depth by depth, or where the hole says how to begin, at its depth at once."""

    def enough(_attacker: str, _depth: int, _states: int, moves: int) -> None:
        if moves > most:
            pytest.fail(f"not found within {moves} moves")

    attacker = next(one for one in ATTACKERS if one.name == hole.attacker)
    nets = NetSet(tuple(net for net in load_shipped("default") if net.id not in hole.without_nets))
    key = f"{hole.attacker} {hole.without_nets}"
    if key not in hunts:
        hunts[key] = Narrowed(attacker, nets if hole.without_nets else None)
    hunt = hunts[key]
    hunt.begin(hole.begins)
    depths = range(hole.depth if hole.begins else 1, hole.depth + 1)
    return next((way for depth in depths if (way := hunt.search(depth, enough)) is not None), None)


_QUICK = [hole for hole in HOLES if hole.id not in DEEP]
_DEEP = [hole for hole in HOLES if hole.id in DEEP]


@pytest.mark.skipif(
    "GARDEFOU_ATTACK_DEEP" not in os.environ, reason="minutes each; set GARDEFOU_ATTACK_DEEP to run them"
)
@pytest.mark.parametrize("hole", _DEEP, ids=[hole.id for hole in _DEEP])
def test_a_check_that_is_taken_out_is_found_in_a_long_search(
    hole: Hole, hunts: dict[str, Narrowed], monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole)
    found = _hunt(hunts, hole, most=200_000)
    assert found is not None
    assert found.found.goal in hole.goals, f"{found.found}: {found.steps}"


@pytest.mark.parametrize("hole", _QUICK, ids=[hole.id for hole in _QUICK])
def test_a_check_that_is_taken_out_is_found(
    hole: Hole, hunts: dict[str, Narrowed], monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole)
    found = _hunt(hunts, hole)
    assert found is not None, f"nothing found within depth {hole.depth}"
    assert found.found.goal in hole.goals, f"{found.found}: {found.steps}"
