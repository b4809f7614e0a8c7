"""What nets in shadow would have asked: from the verdicts on record and the set that judged then."""

from __future__ import annotations

import pytest

from gardefou.flow.change import propose
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.explain import explanation
from gardefou.flow.shadow import Shadow, shadow_report
from tests.flow.world import DAY, World

HOLD = """
[[net]]
id = "suspensions-wait"
title = "Five minutes before a suspension"
because = "a trial"
when = 'action.severity >= 3'
mode = "shadow"
[net.require]
hold = "5m"

[[net]]
id = "suspensions-by-two"
title = "A lead for suspensions"
because = "a trial"
when = 'action.name == "suspend"'
mode = "shadow"
[net.require]
approvals = 1
from = ["lead"]
"""


def report(world: World) -> Shadow:
    with world.app.works.read() as connection:
        return shadow_report(connection, world.now - 7 * DAY)


@pytest.fixture
def tried(world: World) -> World:
    """The world with two nets more, in shadow."""
    propose(world.app, world.fresh("policy"), "nets", {"toml": world.nets_toml() + HOLD, "name": "trial"})
    return world


def test_delays_are_counted_with_their_median_and_peoples_time_is_said_to_be_unknown(tried):
    tried.enforce("rev", "small", "suspend")
    tried.enforce("rev", "small2", "deactivate")
    tried.enforce("rev", "known", "warn")
    told = report(tried)
    assert (told.judged, told.delayed, told.people, told.held, told.median_hold) == (3, 2, 1, 2, 300)
    assert told.says.startswith("Of 3 enforcements the nets in shadow would have delayed 2, median 5 minutes.")
    assert "how long people take to answer is not known" in told.says
    assert [(one.net, one.spoke, one.alone) for one in told.ranked()] == [
        ("suspensions-wait", 2, 2),
        ("suspensions-by-two", 1, 1),
    ]


def test_what_is_asked_anyway_is_no_difference(tried):
    # Two others and half an hour stand before it as it is: five minutes more in shadow change nothing.
    tried.enforce("rev", "president", "deactivate")
    told = report(tried)
    assert told.nets["suspensions-wait"].spoke == 1
    assert told.nets["suspensions-wait"].alone == 0
    assert (told.delayed, told.held, told.examples) == (0, 0, [])


def test_what_is_older_does_not_count(tried):
    tried.enforce("rev", "small", "suspend")
    tried.run(8 * DAY)
    assert report(tried).judged == 0
    assert report(tried).says == "Nothing in shadow would have asked anything of 0 enforcements."


def test_a_whole_installation_in_shadow_tells_what_its_nets_would_have_asked(world):
    with world.app.works.begin() as uow:
        write_setting(uow, "shadow", value=True, by="system")
    made = world.enforce("rev", "president", "suspend")
    assert made.verdict["approvals"] == []
    told = report(world)
    assert (told.delayed, told.people, told.median_hold) == (1, 1, 600)
    with world.app.works.read() as connection:
        why = explanation(connection, made, world.app.config(connection), now=world.now, blind=False)
    assert why.in_shadow.startswith("would have asked 2 further people (lead or policy), of different teams")
