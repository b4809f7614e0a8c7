"""The life of an enforcement: the transitions there are, written down a second time."""

from __future__ import annotations

from itertools import product

import pytest

from gardefou.domain.states import ENDED, LIVE, OPEN, State, check_transition
from gardefou.errors import Conflict
from tests.refusals import refused

#: Changing this table together with the program's takes two hands, which is what it is for.
FOLLOWING = {
    "placed": "refused waiting ready",
    "waiting": "refused ready cancelled lapsed",
    "ready": "executing cancelled lapsed in_force",
    "executing": "in_force failed unknown lapsed restoring ready",
    "unknown": "in_force ready restoring lapsed",
    "in_force": "restoring",
    "restoring": "restored in_force",
}


@pytest.mark.parametrize(("old", "new"), list(product(State, State)))
def test_no_enforcement_takes_a_way_that_is_not_in_the_table(old, new):
    if old is new or new.value in FOLLOWING.get(old.value, "").split():
        check_transition(old, new)
        return
    with refused("enforcement/state", None, by=Conflict) as caught:
        check_transition(old, new)
    assert caught.value.message == f"An enforcement that is {old.value} cannot become {new.value}."


def test_what_is_open_what_is_live_and_what_has_ended():
    assert {state.value for state in OPEN} == {"placed", "waiting", "ready", "executing", "unknown"}
    assert {"in_force", "restoring"} == LIVE - OPEN
    assert {"refused", "restored", "cancelled", "lapsed", "failed"} == ENDED
    assert set(State) == LIVE | ENDED
