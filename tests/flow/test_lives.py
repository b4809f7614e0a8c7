"""Whole lives are told as they were before: who did what, what is on the record of it, and what reaches a platform.

Each life stands in ``lives/NAME.txt``. After a change that is meant, write them
anew with ``GARDEFOU_RENEW_LIVES=1`` and read what differs: it is what a user,
a platform or an auditor will see differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.flow import lives_acts, lives_bounds, lives_desk, lives_guard, lives_late, lives_people, lives_shaken
from tests.flow.chronicle import Chronicle, compare

LIVES: list[Callable[[Chronicle], None]] = [
    lives_desk.work,
    lives_desk.judged,
    lives_acts.asked,
    lives_acts.troubled,
    lives_acts.broken,
    lives_acts.rolled,
    lives_guard.stopped,
    lives_guard.ruled,
    lives_guard.noticed,
    lives_guard.shadowed,
    lives_people.provisioned,
    lives_people.signing,
    lives_people.keyed,
    lives_late.late,
    lives_late.signed,
    lives_late.fetched,
    lives_bounds.overlapped,
    lives_bounds.aliased,
    lives_bounds.bounded,
    lives_bounds.parted,
    lives_shaken.leaving,
    lives_shaken.shaken,
    lives_shaken.spent,
]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_a_life_is_told_as_it_was_before(life):
    told = Chronicle()
    life(told)
    compare(life.__name__, told.text(), renew="GARDEFOU_RENEW_LIVES" in os.environ)
    told.world.close()
