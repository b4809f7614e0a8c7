"""M9 as a timetable: a month of arrivals, notices, last days in several zones, extensions and early exits.

What `standing_now` says is held, minute by minute, against the rule as it is
written here again by hand; and at each boundary what the flow lets happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gardefou.cli.arguments import last_day_end
from gardefou.domain.records import Setting, Staff
from gardefou.errors import Denied, GardefouError, InvalidInput
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import pause, propose
from gardefou.flow.rules import Rules, load_rules
from gardefou.nets.facts import Facts
from gardefou.nets.judge import judge
from gardefou.nets.shipped import load_shipped
from gardefou.people.leaving import M9, Loss, checked, lost_at, lost_in, stage_at
from gardefou.people.standing import Standing, standing_now
from tests.flow.world import DAY, HOUR, MINUTE, World

# --- the rule, by hand: nothing below up to the first test comes from the code that is tested -----------------

#: Minutes before the end from which on it is lost.
BY_HAND = {
    "approvals": 20_160,
    "tokens": 20_160,
    "guarded_changes": 20_160,
    "bulk": 20_160,
    "notable": 20_160,
    "severity_4_alone": 20_160,
    "severity_4": 1_440,
    "reach": 1_440,
    "others_restores": 1_440,
    "acting": 60,
}
FROM_NOTICE = {"approvals", "tokens", "guarded_changes", "bulk", "notable", "severity_4_alone"}


def by_hand(end: datetime | None, notice: datetime | None, off: datetime | None, at: datetime) -> tuple[str, set[str]]:
    """Say what M9 says of a person at a moment: their standing, and what they have lost."""
    if off is not None and at >= off:
        return "left", {*BY_HAND, "reading"}
    if end is None:
        return "active", set()
    if at >= end:
        return "left", {*BY_HAND, "reading"}
    left = (end - at).total_seconds() / 60
    lost = {what for what, minutes in BY_HAND.items() if left <= minutes}
    if notice is not None and at >= notice:
        lost |= FROM_NOTICE
    return ("leaving" if lost else "active"), lost


@dataclass
class Life:
    """One person's month: what is written of them from which moment on."""

    name: str
    starts: datetime
    #: From when: last day's end, notice, put off.
    written: list[tuple[datetime, datetime | None, datetime | None, bool]] = field(default_factory=list)


#: End of day in each zone, worked out by hand for the days on which clocks change in 2026.
ENDS = {
    # Clocks go back at 03:00 on 25 October: the day has 25 hours, and its 23:59 is at UTC+1.
    ("Europe/Paris", date(2026, 10, 25)): datetime(2026, 10, 25, 22, 59, tzinfo=UTC),
    ("Europe/Paris", date(2026, 10, 24)): datetime(2026, 10, 24, 21, 59, tzinfo=UTC),
    # Back at 02:00 on 1 November, to UTC-5.
    ("America/New_York", date(2026, 11, 1)): datetime(2026, 11, 2, 4, 59, tzinfo=UTC),
    ("America/New_York", date(2026, 10, 31)): datetime(2026, 11, 1, 3, 59, tzinfo=UTC),
    # UTC+14: the first to see a day end.
    ("Pacific/Kiritimati", date(2026, 10, 30)): datetime(2026, 10, 30, 9, 59, tzinfo=UTC),
    # UTC+5:45.
    ("Asia/Kathmandu", date(2026, 10, 28)): datetime(2026, 10, 28, 18, 14, tzinfo=UTC),
}
MONTH = datetime(2026, 10, 5, 0, 0, tzinfo=UTC)
MINUTES = 43_200


def lives() -> list[Life]:
    """A month of people."""
    paris = ENDS["Europe/Paris", date(2026, 10, 25)]
    york = ENDS["America/New_York", date(2026, 11, 1)]
    line = ENDS["Pacific/Kiritimati", date(2026, 10, 30)]
    nepal = ENDS["Asia/Kathmandu", date(2026, 10, 28)]
    before = MONTH - 400 * DAY
    return [
        Life("stays", before, [(MONTH, None, None, False)]),
        Life("arrives", MONTH + 10 * DAY, [(MONTH, None, None, False)]),
        # Known from the first day, and no notice given.
        Life("paris", before, [(MONTH, paris, None, False)]),
        # Gives notice in the middle of a minute, long before.
        Life(
            "york", before, [(MONTH, None, None, False), (MONTH + 3 * DAY + timedelta(seconds=30), york, None, False)]
        ),
        # Extended before the fourteen days: free again until they come.
        Life("line", before, [(MONTH, MONTH + 16 * DAY, None, False), (MONTH + DAY, line, None, False)]),
        # Extended in the last 24 hours: what was lost comes back only as far as notice goes.
        Life(
            "nepal", before, [(MONTH, MONTH + 5 * DAY, MONTH, False), (MONTH + 4 * DAY + 7 * HOUR, nepal, MONTH, False)]
        ),
        # Leaves early: the last day is brought forward into the very hour.
        Life(
            "early",
            before,
            [(MONTH, MONTH + 20 * DAY, MONTH, False), (MONTH + 6 * DAY, MONTH + 6 * DAY + 40 * MINUTE, MONTH, False)],
        ),
        # Put off at once.
        Life("off", before, [(MONTH, None, None, False), (MONTH + 8 * DAY + 11 * MINUTE, None, None, True)]),
        # Takes the notice back, and two people agree.
        Life("back", before, [(MONTH, MONTH + 12 * DAY, MONTH, False), (MONTH + 9 * DAY, None, None, False)]),
    ]


def test_m9_a_month_of_leavers_minute_by_minute_is_as_the_rule_says():
    seen: set[tuple[str, int]] = set()
    for life in lives():
        for place, (since, end, notice, off) in enumerate(life.written):
            until = life.written[place + 1][0] if place + 1 < len(life.written) else MONTH + MINUTES * MINUTE
            person = Staff(
                id=life.name,
                pseudonym=life.name,
                team="t",
                started_at=life.starts,
                notice_at=notice,
                last_day_end=end,
                standing="left" if off else "active",
            )
            at = since
            while at < until:
                now = standing_now(person, at)
                standing, lost = by_hand(end, notice, since if off else None, at)
                if (now.standing.value, {one.value for one in now.lost}) != (standing, lost):
                    pytest.fail(f"{life.name} at {at}: {now} is not {standing}, {sorted(lost)}")
                seen.add((life.name, len(lost)))
                at += MINUTE
    # Every stage was lived through, in several zones.
    assert {number for name, number in seen if name == "paris"} == {0, 6, 9, 10, 11}
    assert {number for name, number in seen if name == "line"} == {0, 6, 9, 10, 11}
    assert {number for name, number in seen if name == "early"} == {6, 10, 11}
    assert {number for name, number in seen if name == "off"} == {0, 11}


@pytest.mark.parametrize(("zone", "day"), ENDS)
def test_m9_a_last_day_ends_at_2359_where_the_person_is_also_when_clocks_change(zone, day):
    assert last_day_end(day.isoformat(), zone) == ENDS[zone, day]
    assert ENDS[zone, day].astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == f"{day} 23:59"


# --- the boundaries, through the flow -------------------------------------------------------------------------


def outcome(call) -> str:
    """Say what came of an attempt: a state, or the code of an error."""
    try:
        made = call()
    except GardefouError as error:
        return error.code
    # Sent, and waiting for its checkpoint, is as good as done.
    return "in_force" if made.state == "executing" else made.state


def attempts(world: World, who: str) -> dict[str, str]:
    """Let a person try each thing that a leaver loses; say what came of each, and leave nothing behind."""
    for other in ("small", "small2", "big", "known"):
        world.restore("admin", other)
    waiting = world.enforce("rev2", "known", "suspend")
    with world.app.works.begin() as uow:
        name = uow.ids.new()
    at = {
        "approvals": outcome(lambda: world.approve(who, waiting)),
        "tokens": outcome(lambda: world.enforce(world.fresh(who, via="api"), "small2", "label")),
        "guarded_changes": outcome(
            lambda: propose(
                world.app,
                world.fresh(who),
                "tier",
                {"platform": "sandbox", "account": "small2", "tier": "notable", "because": name},
            )
        ),
        "bulk": outcome(
            lambda: enforce_bulk(
                world.app, world.fresh(who), ["small", "small2"], world.wanted("", "label")
            ).enforcements[0]
        ),
        "notable": outcome(lambda: world.enforce(who, "known", "limit")),
        "severity_4": outcome(lambda: world.enforce(who, "small3", "deactivate")),
        "reach": outcome(lambda: world.enforce(who, "big", "limit")),
    }
    world.enforce("rev2", "small2", "limit")
    at["others_restores"] = outcome(lambda: world.restore(who, "small2").restores[0])
    at["acting"] = outcome(lambda: world.enforce(who, "small", "limit"))
    at["pausing"] = outcome(lambda: pause(world.app, world.actor(who), "look"))
    return at


END = datetime(2017, 11, 30, 22, 59, tzinfo=UTC)
FREE = {
    "approvals": "in_force",
    "tokens": "in_force",
    "guarded_changes": "in_force",
    "bulk": "in_force",
    "notable": "in_force",
    "severity_4": "in_force",
    "reach": "in_force",
    "others_restores": "in_force",
    "acting": "in_force",
}
NOTICE = FREE | {
    "approvals": "staff/leaving",
    "tokens": "refused",
    "guarded_changes": "refused",
    "bulk": "refused",
    "notable": "refused",
    "severity_4": "waiting",
}
DAY_BEFORE = NOTICE | {"severity_4": "refused", "reach": "refused", "others_restores": "staff/last_day"}
READ_ONLY = dict.fromkeys(FREE, "staff/read_only") | {"approvals": "staff/leaving"}
GONE = dict.fromkeys(FREE, "staff/left")


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (20_161, FREE),
        (20_160, NOTICE),
        (1_441, NOTICE),
        (1_440, DAY_BEFORE),
        (61, DAY_BEFORE),
        (60, READ_ONLY),
        (1, READ_ONLY),
        (0, GONE),
    ],
)
def test_m9_what_the_flow_lets_a_leaver_do_one_minute_before_and_after_each_boundary(sqlite_url, minutes, expected):
    world = World(sqlite_url, at=END - (minutes + 1) * MINUTE)
    world.people()
    world.accounts()
    world.sandbox.put_account("big", handle="bigger", reach=1_000)
    world.sandbox.put_account("small3", handle="small3", reach=10)
    world.person("leaver", "lead", "policy", last_day=END)
    world.clock.advance(MINUTE)
    found: dict[str, str] = {}
    try:
        found = attempts(world, "leaver")
    finally:
        world.close()
    pausing = found.pop("pausing")
    # A yes is one of the two or three that are asked for, or the last.
    found["approvals"] = "in_force" if found["approvals"] in {"waiting", "ready", "in_force"} else found["approvals"]
    found["guarded_changes"] = "in_force" if found["guarded_changes"] == "waiting" else found["guarded_changes"]
    assert found == expected
    assert pausing == ("in_force" if minutes > 60 else expected["acting"])


def test_m9_an_extension_gives_nothing_back_before_two_others_agree_and_then_only_what_it_should(world):
    world.person("going", "lead", last_day=world.now + 50 * MINUTE)
    assert standing_now(world.staff("going"), world.now).read_only
    later = {"staff": "going", "last_day": (world.now + 20 * DAY).isoformat()}
    asked = propose(world.app, world.fresh("admin"), "leave", later)
    assert asked.state == "waiting"
    world.approve("lead", asked)
    assert standing_now(world.staff("going"), world.now).read_only
    world.approve("policy", asked)
    world.run(31 * MINUTE)
    assert world.read(asked).state == "in_force"
    now = standing_now(world.staff("going"), world.now)
    assert now.standing is Standing.LEAVING, "they gave notice: what that takes stays taken"
    assert not now.has(Loss.APPROVALS)
    assert now.has(Loss.ACTING)
    assert world.enforce("going", "small", "limit").state == "in_force"


# --- one table ------------------------------------------------------------------------------------------------


def test_m9_the_table_in_the_settings_is_the_rule():
    assert Rules().leaver_stages == M9
    for minutes in (20_161, 20_160, 1_441, 1_440, 61, 60, 1):
        expected = {what for what, at in BY_HAND.items() if minutes <= at}
        assert {one.value for one in lost_at(M9, minutes, noticed=False)} == expected
    assert lost_in(M9, "after") == frozenset(Loss)


TRIED: dict[Loss, dict[str, Any]] = {
    Loss.BULK: {"action.bulk": 2},
    Loss.TOKENS: {"actor.via": "api"},
    Loss.GUARDED_CHANGES: {"change.kind": "nets", "action.severity": 0, "action.name": "change"},
    Loss.NOTABLE: {"account.tier": "notable", "account.tier_memory": "notable"},
    Loss.SEVERITY_4: {"action.severity": 4, "action.name": "deactivate"},
    Loss.REACH: {"account.reach": 1_000},
    Loss.ACTING: {},
}
#: What the set for small teams leaves to people who know each other.
NOT_HELD = {"default": set[Loss](), "small-team": {Loss.TOKENS}}


@pytest.mark.parametrize("name", NOT_HELD)
@pytest.mark.parametrize("minutes", [20_161, 20_160, 1_441, 1_440, 61, 60])
def test_m9_the_shipped_nets_hold_what_the_table_takes_and_from_the_same_minute(name, minutes):
    from gardefou.nets.floor import ORDINARY

    nets = load_shipped(name)
    for loss, facts in TRIED.items():
        base = ORDINARY | {"actor.hours_to_last_day_end": minutes / 60}
        leaving = bool(stage_at(M9, minutes, noticed=False))
        base |= {"actor.standing": "leaving" if leaving else "active"}
        refused = judge(nets, Facts.of(base | facts)).refused
        stays = judge(
            nets, Facts.of(base | facts | {"actor.hours_to_last_day_end": 876_600, "actor.standing": "active"})
        )
        lost = lost_at(M9, minutes, noticed=False)
        expected = (loss in lost and loss not in NOT_HELD[name]) or Loss.ACTING in lost
        assert refused == (expected or stays.refused), (loss, minutes)


STRICTER: list[Any] = [
    ["notice", 30 * 1440, ["approvals", "tokens", "guarded_changes", "bulk", "notable", "severity_4_alone", "reach"]],
    ["last_24_hours", 2880, ["severity_4", "reach", "others_restores"]],
    ["last_hour", 180, ["acting"]],
    ["after", 0, ["reading"]],
]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("no table", "soon"),
        ("no rows", []),
        ("a stage left out", STRICTER[1:]),
        ("another sequence", STRICTER[::-1]),
        ("an unknown loss", [[*STRICTER[0][:2], [*STRICTER[0][2], "coffee"]], *STRICTER[1:]]),
        ("notice later than M9", [["notice", 20_159, STRICTER[0][2]], *STRICTER[1:]]),
        ("the last hour shorter", [*STRICTER[:2], ["last_hour", 59, ["acting"]], STRICTER[3]]),
        ("approvals kept", [["notice", 30 * 1440, STRICTER[0][2][1:]], *STRICTER[1:]]),
        ("a stage before the one before it", [STRICTER[0], ["last_24_hours", 90_000, STRICTER[1][2]], *STRICTER[2:]]),
        ("an end that is not the end", [*STRICTER[:3], ["after", 5, ["reading"]]]),
        ("minutes that are none", [["notice", True, STRICTER[0][2]], *STRICTER[1:]]),
        ("minutes beyond all bounds", [["notice", 10**9, STRICTER[0][2]], *STRICTER[1:]]),
        ("no list", [["notice", 30 * 1440, "approvals"], *STRICTER[1:]]),
    ],
)
def test_m9_a_table_that_takes_less_or_later_is_refused(what, value):
    with pytest.raises(InvalidInput) as refused:
        Rules().with_value("leaver_stages", value)
    assert refused.value.code == "setting/leaver_stages", what


def stricter(world: World) -> None:
    """Put a stricter table in force."""
    assert (
        propose(world.app, world.fresh("admin"), "setting", {"name": "leaver_stages", "value": STRICTER}).state
        == "waiting"
    )
    with world.app.works.begin() as uow:
        uow.record(
            "setting.changed",
            by="system",
            puts=(Setting(id="leaver_stages", value=STRICTER, at=uow.now, by="system"),),
        )
        assert load_rules(uow.connection).leaver_stages == checked(STRICTER)


def test_m9_a_stricter_table_is_a_guarded_change_and_holds_at_once_everywhere(world):
    world.sandbox.put_account("big", handle="bigger", reach=1_000)
    world.person("far", "lead", last_day=world.now + 20 * DAY)
    world.person("near", "reviewer", last_day=world.now + 40 * HOUR)
    world.person("now", "reviewer", last_day=world.now + 2 * HOUR)
    waiting = world.enforce("rev", "known", "suspend", execute_at=world.now + HOUR)
    world.approve("far", waiting)
    stricter(world)
    # Thirty days are notice: no approvals, and what was given counts no more.
    world.sandbox.put_account("known2", handle="unlike", reach=250_000)
    other = world.enforce("rev2", "known2", "suspend")
    assert outcome(lambda: world.approve("far", other)) == "staff/leaving"
    assert outcome(lambda: world.enforce("far", "known", "limit")) == "refused"
    assert outcome(lambda: world.enforce("far", "big", "limit")) == "refused", "reach goes with the notice here"
    # Two days are the last day.
    assert outcome(lambda: world.enforce("near", "small", "deactivate")) == "refused"
    world.enforce("rev2", "small2", "limit")
    assert outcome(lambda: world.restore("near", "small2").restores[0]) == "staff/last_day"
    assert outcome(lambda: world.enforce("near", "small", "limit")) == "in_force"
    # Three hours are the last.
    assert outcome(lambda: world.enforce("now", "small", "label")) == "staff/read_only"
    world.run(90 * MINUTE)
    assert world.read(waiting).state == "lapsed"


def test_m9_what_was_scheduled_before_is_judged_by_the_table_in_force_then(world):
    world.sandbox.put_account("big", handle="bigger", reach=1_000)
    world.person("far", "lead", last_day=world.now + 20 * DAY)
    made = world.enforce("far", "big", "limit", execute_at=world.now + HOUR)
    assert made.state == "waiting"
    stricter(world)
    world.run(2 * HOUR)
    assert world.read(made).state == "lapsed"


def test_m9_nobody_past_the_end_is_anybody(world):
    person = replace(world.staff("rev"), last_day_end=world.now)
    assert standing_now(person, world.now).standing is Standing.LEFT
    assert not standing_now(person, world.now).has(Loss.READING)
    with pytest.raises(Denied):
        replace(world.actor("rev"), staff=person).require(next(iter(world.actor("rev").powers)), world.now)
