"""Every check that is taken out is found by the search: the proof that it can see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gardefou.attack.moves import Move, Situation
from gardefou.attack.scene import ATTACKERS
from gardefou.attack.search import Hunt, Way
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from tests.attack.holes import HOLES, Hole, dig

#: Moves that the search may try for one hole.
_MOVES = 6_000


class Narrowed(Hunt):
    """A search of the sequences that begin with one move, or two, or of all of them."""

    begins: tuple[str, ...] = ()
    made = 0

    def _moves(self, now: Situation) -> Iterator[Move]:
        made = self.made
        only = self.begins[made] if made < len(self.begins) else ""
        self.made += 1
        try:
            for move in super()._moves(now):
                if not only or move.says == only:
                    yield move
        finally:
            self.made = made

    def begin(self, *begins: str) -> None:
        """Forget what was seen, and search what begins so."""
        self.forget()
        self.begins, self.made = tuple(one for one in begins if one), 0


@pytest.fixture(scope="module")
def hunts() -> Iterator[dict[str, Narrowed]]:
    """One scene for each kind of attacker, begun anew for every hole."""
    made: dict[str, Narrowed] = {}
    yield made
    for hunt in made.values():
        hunt.close()


def _hunt(hunts: dict[str, Narrowed], hole: Hole) -> Way | None:
    """Search depth by depth, or where the hole says how to begin, at its depth at once."""

    def enough(_attacker: str, _depth: int, _states: int, moves: int) -> None:
        if moves > _MOVES:
            pytest.fail(f"not found within {moves} moves")

    attacker = next(one for one in ATTACKERS if one.name == hole.attacker)
    nets = NetSet(tuple(net for net in load_shipped("default") if net.id not in hole.without_nets))
    key = f"{hole.attacker} {hole.without_nets}"
    if key not in hunts:
        hunts[key] = Narrowed(attacker, nets if hole.without_nets else None)
    hunt = hunts[key]
    hunt.begin(hole.begins, hole.then)
    depths = range(hole.depth if hole.begins else 1, hole.depth + 1)
    return next((way for depth in depths if (way := hunt.search(depth, enough)) is not None), None)


@pytest.mark.parametrize(
    "hole",
    [
        pytest.param(hole, id=hole.id, marks=pytest.mark.xdist_group(f"{hole.attacker} {hole.without_nets}"))
        for hole in HOLES
    ],
)
def test_a_check_that_is_taken_out_is_found(
    hole: Hole, hunts: dict[str, Narrowed], monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole)
    found = _hunt(hunts, hole)
    assert found is not None, f"nothing found within depth {hole.depth}"
    assert found.found.goal in hole.goals, f"{found.found}: {found.steps}"
