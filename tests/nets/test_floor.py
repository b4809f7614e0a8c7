"""The floor under every change of nets: what no set in force may fall below (R3)."""

from __future__ import annotations

import pytest

from gardefou.nets.floor import broken
from gardefou.nets.load import load
from gardefou.nets.shipped import load_shipped

_REFUSE_ALL = """
[[net]]
id = "stop"
title = "Stop everything"
because = "a test"
when = 'action.severity > 0'
[net.require]
refuse = "stop"
"""


@pytest.mark.parametrize("name", ["default", "small-team", "solo"])
def test_r3_the_shipped_sets_break_nothing(name):
    assert broken(load_shipped(name), shipped=name) == []


@pytest.mark.parametrize(
    ("net", "invariant"),
    [
        ("protected-two-more-people", "I1"),
        ("notable-one-lead", "I2"),
        ("leaver-last-24h", None),
        ("change-weakens", "I7"),
    ],
)
def test_r3_a_net_taken_out_is_noticed(net, invariant):
    found = {one.invariant for one in broken(load_shipped("default").changed(remove=[net]))}
    assert (invariant in found) if invariant else not found - {"I6"}


def test_r3_a_net_that_refuses_everyone_is_noticed():
    nets = load_shipped("default")
    stopped = nets.changed(put=list(load(_REFUSE_ALL)))
    assert {"I8", "I9"} <= {one.invariant for one in broken(stopped)}
