"""An incident as a story: minutes down, reach times minutes, who acted and which nets spoke (M8)."""

from __future__ import annotations

import json

import pytest

from gardefou.domain.records import Enforcement
from gardefou.errors import NotFound
from gardefou.flow.break_glass import break_glass
from gardefou.flow.incident_story import read_story
from gardefou.flow.incident_words import minutes_in_words
from gardefou.flow.incidents import open_incident
from gardefou.flow.watch import watch
from tests.flow.world import HOUR, MINUTE

WAITS = (
    "it waits for 2 further people (lead or policy), of different teams and 30 minutes; nothing happens on one click"
)


def story(world, kind, *, viewer=""):
    [incident] = world.incidents(kind)
    with world.store.read() as connection:
        return read_story(connection, incident.id, now=world.now, viewer=viewer)


def eleven_minutes(world):
    """The head of state's account, taken down by three people and back after eleven minutes."""
    made = world.enforce("rev", "president", "deactivate")
    world.approve("lead", made)
    world.approve("policy", made)
    world.run(31 * MINUTE)
    down_since = world.read(made).in_force_at
    world.run_until(down_since + 11 * MINUTE)
    world.restore("oncall", "president")
    return made


def test_m8_eleven_minutes_down_and_reach_times_minutes(world):
    made = eleven_minutes(world)
    told = story(world, "reversal")
    assert told.minutes_down == 11
    assert told.reach_minutes == 11 * 41_000_000
    assert not told.still_down
    assert not told.near_miss
    [account] = told.accounts
    assert (account.account, account.handle, account.reach) == ("president", "president", 41_000_000)
    assert [(span.since, span.until) for span in account.spans] == [(world.read(made).in_force_at, world.now)]


def test_m8_later_time_adds_nothing_to_what_is_over(world):
    eleven_minutes(world)
    world.run(5 * HOUR)
    assert story(world, "reversal").minutes_down == 11


def test_m8_the_timeline_is_in_sequence_in_three_lanes_and_by_pseudonym(world):
    eleven_minutes(world)
    told = story(world, "reversal")
    assert [(one.lane, one.who, one.words) for one in told.timeline] == [
        ("person", "p-rev", "asks to deactivate the account"),
        (
            "net",
            "",
            WAITS,
        ),
        ("person", "p-lead", "says yes"),
        ("person", "p-policy", "says yes"),
        ("net", "", "it waits for another 30 minutes, in which anyone can stop it"),
        ("net", "", "all that was asked is there: it may go ahead"),
        ("platform", "", "shows the account deactivated"),
        ("person", "p-oncall", "restores the account"),
        ("platform", "", "shows it undone"),
        ("net", "", "this incident opens by itself, and those on duty are told"),
    ]
    assert [one.at for one in told.timeline] == sorted(one.at for one in told.timeline)


def test_m8_nets_that_spoke_and_nets_that_guard_accounts_like_this_and_stayed_silent(world):
    eleven_minutes(world)
    told = story(world, "reversal")
    assert "protected-two-more-people" in {net.net for net in told.spoke}
    assert "irreversible-not-on-protected" in {net.net for net in told.silent}
    assert not {net.net for net in told.spoke} & {net.net for net in told.silent}
    [silent] = [net for net in told.silent if net.net == "irreversible-not-on-protected"]
    assert any("action.severity" in words for words in silent.facts)


def test_m8_an_account_without_a_tier_shows_the_nets_that_would_have_guarded_a_higher_one(world):
    world.enforce("rev", "small", "suspend")
    world.run(2 * MINUTE)
    world.restore("oncall", "small")
    told = story(world, "reversal")
    assert told.spoke == ()
    assert "protected-two-more-people" in {net.net for net in told.silent}
    assert (told.minutes_down, told.reach_minutes) == (2, 20)


def test_m8_a_near_miss_took_nobody_down(world):
    made = world.enforce("rev", "president", "deactivate")
    world.approve("lead", made, "no")
    told = story(world, "near_miss")
    assert told.near_miss
    assert (told.minutes_down, told.reach_minutes, told.still_down) == (0, 0, False)
    assert [(one.who, one.words) for one in told.timeline if one.lane == "person"] == [
        ("p-rev", "asks to deactivate the account"),
        ("p-lead", "says no; nothing happens"),
    ]
    assert not [one for one in told.timeline if one.lane == "platform"]


def test_m8_what_is_still_down_counts_to_now(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.set_measures_out_of_band("president", ["deactivated"])
    watch(world.app)
    world.clock.advance(4 * MINUTE)
    told = story(world, "drift")
    assert told.still_down
    assert (told.minutes_down, told.reach_minutes) == (4, 164_000_000)
    assert told.accounts[0].spans[0].until is None
    assert told.to_json()["down"][0]["spans"][0]["to"] is None
    world.clock.advance(MINUTE)
    world.restore("oncall", "president")
    world.run(HOUR)
    told = story(world, "drift")
    assert (told.still_down, told.minutes_down) == (False, 5)
    assert [one.words for one in told.timeline if one.lane == "platform"] == [
        "shows a change that did not come through here: now deactivated",
        "shows the account restored",
    ]


def test_m8_a_change_that_ends_by_itself_ends_the_time_down(world):
    world.enforce("rev", "president", "warn")
    world.sandbox.set_measures_out_of_band("president", ["suspended"])
    watch(world.app)
    world.clock.advance(3 * MINUTE)
    world.sandbox.set_measures_out_of_band("president", [])
    watch(world.app)
    world.clock.advance(HOUR)
    told = story(world, "drift")
    assert (told.still_down, told.minutes_down) == (False, 3)


def test_m8_two_measures_at_once_are_not_counted_twice(world):
    world.enforce("rev", "small", "suspend")
    world.run(MINUTE)
    world.enforce("rev2", "small", "deactivate")
    world.run(2 * MINUTE)
    world.restore("oncall", "small")
    assert story(world, "reversal").minutes_down == 3


def test_m8_a_spent_budget_tells_of_every_account_of_the_burst(world):
    for number in range(61):
        world.sandbox.put_account(f"b{number}", handle=f"b{number}", reach=1)
        world.enforce("rev", f"b{number}", "suspend")
    world.clock.advance(MINUTE)
    told = story(world, "budget")
    assert len(told.accounts) == 61
    assert sum(one.still for one in told.accounts) == 60
    assert (told.minutes_down, told.reach_minutes) == (60, 60)


def test_m8_nothing_that_leaves_holds_a_staff_id_or_what_was_typed(world):
    planted = world.person("0190f3a2-aaaa-7bbb-8ccc-0123456789ab", "lead")
    made = world.enforce("rev", "president", "deactivate", rationale="Planted Rationale")
    world.approve(planted, made, "no", note=f"ask {planted.id}")
    told = json.dumps(story(world, "near_miss").document())
    assert planted.id not in told.replace(f"p-{planted.id}", "")
    assert "Planted Rationale" not in told
    for event in world.events():
        if event.by in {"rev", "lead", "policy"}:
            assert f'"{event.by}"' not in told


def test_m3_a_blind_second_look_is_told_nothing(world):
    made = world.enforce("rev", "president", "suspend")
    blind = {**made.verdict, "approvals": [{**made.verdict["approvals"][0], "blind": True}]}
    with world.app.works.begin() as uow:
        held = uow.need(Enforcement, "sandbox", made.id)
        uow.rewrite(held, "enforcement.held_back", by="system", verdict=blind)
        open_incident(
            uow, platform="sandbox", kind="budget", accounts=("president",), enforcements=(made.id,), summary="x"
        )
    for viewer, seen in (("rev", True), ("lead", False)):
        told = story(world, "budget", viewer=viewer)
        assert ("asks to suspend the account" in [one.words for one in told.timeline]) is seen
        assert bool(told.spoke) is seen
        assert ("a second look is needed" in [one.words for one in told.timeline]) is not seen


def test_m8_broken_glass_that_stands_is_still_down(world):
    break_glass(world.app, world.fresh("oncall"), "sandbox", "president", "suspend", "it spreads a threat")
    world.clock.advance(MINUTE)
    told = story(world, "break_glass")
    assert told.timeline[0].words == "breaks the glass to suspend the account"


def test_an_unknown_incident_is_said_to_be_unknown(world):
    with world.store.read() as connection, pytest.raises(NotFound) as missing:
        read_story(connection, "nope", now=world.now)
    assert missing.value.code == "incident/not_found"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0.4, "24 seconds"),
        (1, "1 minute"),
        (11.5, "11 minutes 30 s"),
        (180, "3 h"),
        (200.5, "3 h 20 min"),
        (2 * 1440, "2 days"),
        (3130, "2 days 4 h"),
    ],
)
def test_minutes_are_said_as_people_say_them(minutes, said):
    assert minutes_in_words(minutes) == said
