"""The search itself: what it finds in sets with a hole, that it finds nothing shallow in the shipped set, and its command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gardefou.attack.scene import ATTACKERS
from gardefou.attack.search import search
from gardefou.cli import cli
from gardefou.nets.load import read_net
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped

_ADMINISTRATOR = ATTACKERS[:1]
_PROTECTING = "protected-two-more-people"


def _without(*ids: str, put: tuple[dict[str, object], ...] = ()) -> NetSet:
    return load_shipped("default").changed(remove=ids, put=[read_net(one) for one in put])


def _weaker(**differs: object) -> dict[str, object]:
    net = load_shipped("default").get(_PROTECTING)
    assert net is not None
    table = net.to_table()
    require = {key: value for key, value in {**table["require"], **differs}.items() if key != "when"}
    return {**table, "when": differs.get("when", table["when"]), "require": require}


@pytest.mark.parametrize(
    ("nets", "goal"),
    [
        (_without(_PROTECTING), "I10"),
        (
            _without(
                put=(
                    _weaker(when='account.tier_memory == "protected" and action.severity >= 3 and actor.via != "api"'),
                )
            ),
            "I10",
        ),
        (_without(put=(_weaker(approvals=1, **{"from": ["lead"]}),)), "I10"),
    ],
    ids=["missing", "by-token", "one-lead"],
)
def test_a_set_with_a_hole_is_seen_through(nets: NetSet, goal: str) -> None:
    found = search(3, nets=nets, attackers=_ADMINISTRATOR).found
    assert found is not None
    assert found.found.goal == goal
    assert len(found.steps) <= 3


@pytest.mark.parametrize("depth", [2, pytest.param(3, marks=pytest.mark.long)])
def test_nothing_is_found_in_the_shipped_set_by_anybody(depth: int) -> None:
    result = search(depth)
    assert result.found is None
    assert result.by_attacker.keys() == {one.name for one in ATTACKERS}


def test_a_search_is_the_same_every_time() -> None:
    first, second = (search(2, attackers=_ADMINISTRATOR) for _ in range(2))
    assert (first.states, first.moves) == (second.states, second.moves)


def test_the_command_prints_one_document_and_exits_1_where_something_is_found(tmp_path: Path) -> None:
    file = tmp_path / "nets.toml"
    file.write_text(_without(_PROTECTING).to_toml())
    told = CliRunner().invoke(cli, ["nets", "attack", "--depth", "1", "--nets", str(file), "--json"])
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert set(document) >= {"depth", "states", "seconds", "found"}
    assert document["found"]["steps"]
