"""Recertification: every quarter somebody else confirms each role, or it lapses; never so that nobody could mend it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gardefou.domain.records import RoleGrant, Setting
from gardefou.errors import Denied, InvalidInput, NotFound, StepUpRequired
from gardefou.flow.change import propose
from gardefou.flow.recertify import certify, held_roles, lapse_due, note_grants, remind
from gardefou.flow.used_powers import is_unused, used_since
from gardefou.people.roles import Power
from gardefou.storage.records import get
from tests.flow.world import DAY, HOUR, START, World

QUARTER = 91 * DAY


def grant(world: World, who: str, role: str) -> RoleGrant:
    with world.store.read() as connection:
        found = get(connection, RoleGrant, "gardefou", f"{who}/{role}")
    assert found is not None
    return found


def roles(world: World) -> set[str]:
    with world.store.read() as connection:
        held = held_roles(connection, world.app.config(connection), world.now)
    return {f"{one.person.id}/{one.grant.role}" for one in held}


def confirm_all(world: World, *but: str) -> None:
    """Let lead2 confirm everyone else's roles, and lead those of lead2; but for some."""
    named = [(one.split("/")[0], one.split("/")[1]) for one in sorted(roles(world)) if one not in but]
    certify(world.app, world.fresh("lead"), [one for one in named if one[0] != "lead"])
    certify(world.app, world.fresh("lead2"), [one for one in named if one[0] == "lead"])


def test_every_role_is_noted_once_and_ends_with_being_taken_and_begins_anew_with_being_given(world):
    assert note_grants(world.app) == len(roles(world)) == 8
    assert note_grants(world.app) == 0
    first = grant(world, "rev", "reviewer")
    assert first.counts_from == world.now
    world.clock.advance(DAY)
    propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "remove": ["reviewer"]})
    assert note_grants(world.app) == 1
    assert grant(world, "rev", "reviewer").ended_at == world.now
    world.clock.advance(DAY)
    asked = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["reviewer"]})
    world.approve("lead", asked)
    world.approve("policy", asked)
    world.run(HOUR)
    note_grants(world.app)
    again = grant(world, "rev", "reviewer")
    assert again.ended_at is None
    assert again.counts_from > first.counts_from + DAY
    world.assert_sound()


def almost_a_quarter(world, left):
    """Let a quarter pass but for what is left of it, with both reminders on the way."""
    for ahead in (14 * DAY, 3 * DAY):
        world.clock.advance_to(START + QUARTER - ahead)
        remind(world.app)
    world.clock.advance_to(START + QUARTER - left)


def test_what_nobody_confirms_lapses_at_its_moment_with_its_event_and_what_is_confirmed_does_not(world):
    note_grants(world.app)
    almost_a_quarter(world, DAY)
    confirm_all(world, "rev/reviewer")
    world.clock.advance(DAY - timedelta(seconds=1))
    world.settle()
    assert world.staff("rev").roles == ("reviewer",)
    world.run(timedelta(seconds=1))
    assert world.staff("rev").roles == ()
    assert [one.about for one in world.events("grant.lapsed")] == ["rev"]
    assert roles(world) == {
        "admin/admin",
        "rev2/reviewer",
        "lead/lead",
        "lead2/lead",
        "policy/policy",
        "oncall/oncall",
        "legal/legal",
    }
    assert world.staff("rev2").roles == ("reviewer",)
    world.assert_sound()


def test_the_worker_wakes_for_the_next_lapse(world):
    from gardefou.flow.due import next_due

    note_grants(world.app)
    assert next_due(world.app) == world.now + QUARTER


def test_leads_are_told_fourteen_and_three_days_ahead_once_each(world):
    note_grants(world.app)
    told = []
    for days in (1, 76, 1, 1, 8, 2, 1, 1):
        world.clock.advance(days * DAY)
        told.append(remind(world.app))
    assert told == [0, 8, 0, 0, 0, 8, 0, 0]
    assert len([one for one in world.events("alert.raised") if one.about == "recertification"]) == 2
    confirm_all(world)
    assert remind(world.app) == 0
    assert grant(world, "rev", "reviewer").reminded == 0


def test_nobody_confirms_their_own_nor_a_leaver_nor_a_reviewer_nor_a_service_nor_without_a_fresh_sign_in(world):
    note_grants(world.app)
    before = world.events("grant.confirmed")

    def refused(who, grants=(("rev2", "reviewer"),)) -> str:
        with pytest.raises(Denied) as error:
            certify(world.app, who, list(grants))
        return error.value.code

    assert refused(world.fresh("lead"), [("rev", "reviewer"), ("lead", "lead")]) == "certify/own"
    assert refused(world.fresh("lead"), [("p-lead", "lead")]) == "certify/own"
    assert refused(world.fresh("rev")) == "auth/forbidden"
    assert refused(world.fresh("policy")) == "auth/forbidden"
    assert refused(world.service("robot", owner="lead")) == "auth/forbidden"
    world.person("going", "lead", last_day=world.now + 10 * DAY)
    assert refused(world.fresh("going")) == "staff/leaving"
    stale = world.fresh("lead")
    world.clock.advance(timedelta(minutes=16))
    with pytest.raises(StepUpRequired):
        certify(world.app, stale, [("rev", "reviewer")])
    assert world.events("grant.confirmed") == before, "all that is named, or none"
    assert certify(world.app, world.fresh("admin"), [("lead", "lead")])[0].confirmed_by == "admin"


def test_what_is_not_held_or_nobody_is_not_confirmed(world):
    lead = world.fresh("lead")
    for grants, error in (
        ([("rev", "lead")], NotFound),
        ([("rev", "no such")], NotFound),
        ([("nobody", "lead")], NotFound),
        ([], InvalidInput),
        ([("rev", "reviewer")] * 501, InvalidInput),
    ):
        with pytest.raises(error):
            certify(world.app, lead, grants)
    assert len(certify(world.app, lead, [("rev", "reviewer"), ("p-rev", "reviewer")])) == 1


def test_a_lapse_never_takes_what_without_which_nobody_could_give_it_back(world):
    """The last admin, and the last two who can agree to a change that weakens."""
    note_grants(world.app)
    almost_a_quarter(world, HOUR)
    world.run(2 * HOUR)
    assert world.staff("admin").roles == ("admin",)
    kept = {one for one in ("lead", "lead2", "policy") if world.staff(one).roles}
    assert len(kept) == 2, "two others are what a weakening change asks for"
    assert world.staff("rev").roles == ()
    told = len(world.events("grant.kept"))
    assert told == 3
    world.run(HOUR)
    assert len(world.events("grant.kept")) == told, "told once a day"
    world.run(DAY)
    assert len(world.events("grant.kept")) == 2 * told
    # It can be mended: one of them confirms the others, and the admin that one.
    certify(world.app, world.fresh("admin"), [(one, role) for one in kept for role in world.staff(one).roles])
    certify(world.app, world.fresh("lead2"), [("admin", "admin")])
    asked = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["reviewer"]})
    for one in sorted(kept):
        world.approve(one, asked)
    world.run(HOUR)
    assert world.staff("rev").roles == ("reviewer",)
    world.assert_sound()


def test_a_role_of_which_nobody_was_told_lapses_three_days_after_they_are(world):
    """No worker ran for a year, or the clock was set forward."""
    note_grants(world.app)
    world.clock.advance(4 * QUARTER)
    assert lapse_due(world.app) == len(roles(world)) == 8
    assert lapse_due(world.app) == 0
    assert len([one for one in world.events("alert.raised") if one.about == "recertification"]) == 1
    assert world.staff("rev").roles == ("reviewer",)
    confirm_all(world, "rev/reviewer")
    world.run(3 * DAY - timedelta(seconds=1))
    assert world.staff("rev").roles == ("reviewer",)
    world.run(timedelta(seconds=1))
    assert world.staff("rev").roles == ()
    assert world.staff("rev2").roles == ("reviewer",)
    world.assert_sound()


def test_two_nodes_let_a_role_lapse_once(world):
    note_grants(world.app)
    almost_a_quarter(world, 0 * HOUR)
    other = world.restarted()
    lapse_due(world.app)
    assert lapse_due(other.app) == 0
    assert len(world.events("grant.lapsed", about="rev")) == 1


def test_where_the_setting_is_zero_roles_do_not_lapse_and_a_huge_one_breaks_nothing(world):
    note_grants(world.app)
    for number, days in enumerate((0, 10**12)):
        with world.app.works.begin() as uow:
            uow.record(
                "setting.changed",
                by="system",
                puts=(Setting(id="recertify_days", value=days, at=uow.now, by="system", version=number + 1),),
            )
        world.clock.advance(2 * QUARTER)
        world.settle()
        assert remind(world.app) == 0
        assert world.staff("rev").roles == ("reviewer",)


def test_whoever_left_has_nothing_that_lapses(world):
    note_grants(world.app)
    propose(world.app, world.fresh("admin"), "off", {"staff": "rev"})
    world.run(QUARTER)
    assert world.events("grant.lapsed", about="rev") == []
    assert grant(world, "rev", "reviewer").ended_at is not None


def test_what_a_person_used_is_read_from_what_they_did_and_the_rest_is_proposed(world):
    made = world.enforce("rev", "known", "suspend")
    world.approve("lead", made)
    world.restore("rev2", "small2")
    world.run(DAY)
    with world.store.read() as connection:
        used = used_since(connection, ["rev", "rev2", "lead", "lead2"], world.now - QUARTER)
        assert set(used["rev"]) == {Power.ENFORCE}
        assert set(used["lead"]) == {Power.APPROVE}
        assert abs(used["lead"][Power.APPROVE] - (world.now - DAY)) < HOUR
        assert not is_unused("reviewer", used["rev"], QUARTER)
        assert is_unused("reviewer", used["rev2"], QUARTER), "a restore is everyone's"
        assert is_unused("lead", used["lead2"], QUARTER)
        assert not is_unused("lead", used["lead2"], 29 * DAY), "nobody can tell yet"
        assert not is_unused("auditor", {}, QUARTER), "reading leaves no trace"
        assert not is_unused("oncall", {}, QUARTER), "a fire that did not break out"
        world.clock.advance(QUARTER)
        assert used_since(connection, ["rev", "lead"], world.now - QUARTER) == {"rev": {}, "lead": {}}
