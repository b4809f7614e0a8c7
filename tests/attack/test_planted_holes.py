"""Every check that is taken out is found by the search: the proof that it can see."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gardefou.attack.scene import ATTACKERS
from gardefou.attack.search import Hunt, Result, search
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from tests.attack.holes import DEEP, HOLES, Hole, dig

#: Moves that the search may try for one hole.
_MOVES = 2_500


@pytest.fixture(scope="module")
def hunts() -> Iterator[dict[str, Hunt]]:
    """One scene for each kind of attacker, begun anew for every hole."""
    made: dict[str, Hunt] = {}
    yield made
    for hunt in made.values():
        hunt.close()


def _hunt(hunts: dict[str, Hunt], hole: Hole, most: int = _MOVES) -> Result:
    def enough(_attacker: str, _depth: int, _states: int, moves: int) -> None:
        if moves > most:
            pytest.fail(f"not found within {moves} moves")

    attacker = next(one for one in ATTACKERS if one.name == hole.attacker)
    if hole.without_nets:
        nets = NetSet(tuple(net for net in load_shipped("default") if net.id not in hole.without_nets))
        return search(hole.depth, nets=nets, attackers=[attacker], progress=enough)
    if hole.attacker not in hunts:
        hunts[hole.attacker] = Hunt(attacker)
    hunt = hunts[hole.attacker]
    hunt.forget()
    return search(hole.depth, hunts=[hunt], progress=enough)


_QUICK = [hole for hole in HOLES if hole.id not in DEEP]
_DEEP = [hole for hole in HOLES if hole.id in DEEP]


@pytest.mark.skipif(
    "GARDEFOU_ATTACK_DEEP" not in os.environ, reason="minutes each; set GARDEFOU_ATTACK_DEEP to run them"
)
@pytest.mark.parametrize("hole", _DEEP, ids=[hole.id for hole in _DEEP])
def test_a_check_that_is_taken_out_is_found_in_a_long_search(
    hole: Hole, hunts: dict[str, Hunt], monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole)
    found = _hunt(hunts, hole, most=200_000).found
    assert found is not None
    assert found.found.goal in hole.goals, f"{found.found}: {found.steps}"


@pytest.mark.parametrize("hole", _QUICK, ids=[hole.id for hole in _QUICK])
def test_a_check_that_is_taken_out_is_found(
    hole: Hole, hunts: dict[str, Hunt], monkeypatch: pytest.MonkeyPatch
) -> None:
    dig(monkeypatch, hole)
    result = _hunt(hunts, hole)
    found = result.found
    assert found is not None, f"nothing found within depth {hole.depth}, {result.states} states"
    assert found.found.goal in hole.goals, f"{found.found}: {found.steps}"
