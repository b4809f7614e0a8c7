"""Ways around the rules that were looked for and found open: by a service, an answer, a report, a clock, a silence."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from gardefou.cli.common import actor_of
from gardefou.domain.records import Token
from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired
from gardefou.flow.approve import Answer, approve, cancel
from gardefou.flow.break_glass import break_glass, ratify
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import pause, propose, resume
from gardefou.flow.newcomers import keep_newcomer, newcomer
from gardefou.flow.reports import parse_report, take_many
from gardefou.flow.rollback import begin_rollback, carry
from gardefou.flow.watch import Silent, watch
from gardefou.people.authenticate import hash_secret, new_secret
from gardefou.platforms.protocol import PlatformUnreachable
from tests.flow.test_change import tier
from tests.flow.test_clock_steps import SetClock
from tests.flow.world import DAY, HOUR, MINUTE, START, World

# what waits -----------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
def test_i12_what_only_waits_to_be_done_by_law_keeps_no_wrong_in_place(world, later):
    """Otherwise whoever imposed it keeps it there, with a mark that nobody of legal has seen: and it counts as lifted."""
    world.enforce("rev", "small", "suspend")
    world.enforce("rev", "small", "remove_content", content=("c1",))
    at = world.now + 300 * DAY
    marks = [world.enforce("rev", "small", "suspend", legal_basis="court_order", execute_at=at if later else None)]
    if later:
        removal = {"content": ("c1",), "legal_basis": "csam", "execute_at": at}
        marks.append(world.enforce("rev", "small", "remove_content", **removal))
    assert {one.state for one in marks} == {"waiting"}
    restored = world.restore("oncall", "small")
    assert set(restored.barred) == {one.id for one in marks}
    assert world.measures("small", ("c1",)) == frozenset()


def test_m11_what_was_done_by_law_stays_beside_what_is_restored(world):
    world.enforce("rev", "small", "suspend")
    mark = world.enforce("rev", "small", "remove_content", content=("c1",), legal_basis="csam")
    assert mark.state == "in_force"
    world.restore("oncall", "small")
    assert world.measures("small", ("c1",)) == {"removed:c1"}


# who spoke ------------------------------------------------------------------------------


def test_r15_something_graver_is_not_let_through_by_who_spoke_on_the_no(world):
    first = world.enforce("lead", "known", "suspend")
    world.approve("lead2", first, "no")
    world.person("lead3", "lead")
    graver = world.enforce("rev", "known", "deactivate")
    with pytest.raises(Denied) as refused:
        world.approve("lead", graver)
    assert refused.value.code == "approval/spoken"
    assert world.approve("lead3", graver).approved_at is not None


def test_r15_something_milder_is_another_question(world):
    first = world.enforce("lead", "known", "deactivate")
    world.approve("lead2", first, "no")
    milder = world.enforce("rev", "known", "suspend")
    assert world.approve("lead", milder).state in {"executing", "in_force"}


def broken(world, account="president", other="oncall"):
    """Break the glass on an account, with one other's yes; return it in force."""
    made = break_glass(world.app, world.fresh("rev"), "sandbox", account, "suspend", "hacked")
    world.approve(other, made)
    world.settle()
    made = world.read(made)
    assert made.state == "in_force"
    return made


def test_r15_who_spoke_on_the_no_does_not_let_broken_glass_stand(world):
    first = world.enforce("lead", "known", "suspend")
    world.approve("lead2", first, "no")
    made = broken(world, "known")
    with pytest.raises(Denied) as refused:
        ratify(world.app, world.fresh("lead"), made.id)
    assert refused.value.code == "approval/spoken"
    assert ratify(world.app, world.fresh("policy"), made.id).ratified_by == "policy"


def test_m3_who_lets_broken_glass_stand_has_just_signed_in(world):
    made = broken(world)
    world.clock.advance(15 * MINUTE)
    with pytest.raises(StepUpRequired):
        ratify(world.app, world.actor("policy"), made.id)
    assert ratify(world.app, world.fresh("policy"), made.id).ratified_by == "policy"


def test_r14_no_token_lets_broken_glass_on_a_protected_account_stand(world):
    made = broken(world)
    with pytest.raises(Denied) as refused:
        ratify(world.app, replace(world.fresh("policy", via="api"), token_id="t"), made.id)
    assert refused.value.code == "approval/passkey"


# a service of one's own -----------------------------------------------------------------


def test_i12_a_service_of_whoever_imposed_it_does_not_stop_its_restore(world):
    world.enforce("rev", "small", "suspend")
    robot = world.service("robot", owner="rev")
    world.run(31 * DAY)
    [restore] = world.restore(world.fresh("rev2"), "small").restores
    assert restore.state == "waiting"
    with pytest.raises(Denied) as refused:
        cancel(world.app, robot, restore.id, "no")
    assert refused.value.code == "restore/own_harm"
    assert cancel(world.app, world.service("other", owner="lead"), restore.id, "twice").state == "cancelled"


def resumed(world):
    """Let two people resume."""
    resume(world.app, world.fresh("oncall"), "looked")
    assert resume(world.app, world.fresh("policy"), "looked too").state == "in_force"


@pytest.mark.parametrize("first", ["person", "service"])
def test_r13_a_second_pause_by_a_service_of_ones_own_takes_two(world, first):
    two = [world.actor("rev"), world.service("robot", owner="rev")]
    one, other = two if first == "person" else reversed(two)
    pause(world.app, one, "first")
    resumed(world)
    again = pause(world.app, other, "again")
    assert again.state == "waiting"
    assert pause(world.app, world.service("elsewhere", owner="lead"), "another's").state == "in_force"


def test_r13_the_breaker_stops_the_service_of_whom_it_stops(world):
    robot, other = world.service("robot", owner="rev"), world.service("other", owner="lead")
    began = world.enforce(robot, "small2", "limit", execute_at=world.now + HOUR)
    for number in range(5):
        world.sandbox.put_account(f"s{number}", handle=f"s{number}", reach=1)
        world.enforce("rev", f"s{number}", "suspend")
    for number in range(5):
        world.restore("oncall", f"s{number}")
    assert [(one.scope, one.target) for one in world.pauses()] == [("staff", "rev")]
    assert world.enforce(robot, "small", "limit").state == "refused"
    assert world.enforce(other, "small", "limit").state == "in_force"
    world.run(2 * HOUR)
    assert world.read(began).state == "ready"
    resumed(world)
    world.settle()
    assert world.read(began).state == "in_force"


@pytest.mark.parametrize("by", ["person", "service"])
def test_i12_whoever_paused_by_a_service_does_not_stop_the_resuming(world, by):
    robot = world.service("robot", owner="lead")
    pause(world.app, robot if by == "service" else world.actor("lead"), "stop")
    asked = resume(world.app, world.fresh("oncall"), "looked")
    no = Answer(enforcement=asked.id, digest=asked.digest, answer="no")
    stop = partial(approve, world.app, world.fresh("lead"), no) if by == "service" else None
    stop = stop or partial(cancel, world.app, robot, asked.id, "no")
    with pytest.raises(Denied) as refused:
        stop()
    assert refused.value.code == "pause/own"


def test_a_rollback_through_a_service_ends_with_its_persons_duty(world):
    for account in ("small", "small2"):
        world.enforce("rev", account, "suspend")
    office = world.service("office", owner="admin")
    scopes = ("delegate", "enforcements:write")
    with world.app.works.begin() as uow:
        token = uow.need(Token, "gardefou", office.token_id)
        lends = replace(token, scopes=scopes, client="office", version=token.version + 1)
        uow.record("token.issued", by="admin", about=token.id, puts=(lends,))
    person = replace(world.fresh("rev2", via="api"), token_id=office.token_id, through="office", scopes=scopes[1:])
    begun = begin_rollback(world.app, person, by="rev", since=world.now - HOUR).record
    assert begun is not None
    assert carry(world.app, begun.id, most=1) == 1
    propose(world.app, world.fresh("admin"), "off", {"staff": "rev2"})
    carry(world.app, begun.id)
    assert [one.account for one in world.enforcements() if one.action == "restore"] == ["small"]
    assert world.events("rollback.stopped")


def test_m9_a_leavers_token_does_no_more_on_the_command_line(world):
    world.person("gone", "reviewer", last_day=world.now + 5 * DAY)
    secret = new_secret()
    token = Token(id="mine", hash=hash_secret(secret), staff_id="gone", issued_by="gone", issued_at=world.now)
    with world.app.works.begin() as uow:
        uow.record("token.issued", by="gone", about=token.id, puts=(token,))
    made = world.enforce(actor_of(world.app, secret), "small", "limit")
    assert made.state == "refused"
    assert "leaver-no-token" in world.nets_of(made)


# a second self --------------------------------------------------------------------------


def newly(world, subject, **more):
    """Propose a newcomer under one name, with what the provider is to know them by."""
    who = newcomer(world.app, name="", email="", issuer="https://idp.example", subject=subject)
    made = propose(world.app, world.fresh("admin"), "staff_add", {"staff": "twin", "roles": ["lead"], **more})
    keep_newcomer(world.app, made, who)
    return made


def subject_of(world, staff):
    with world.store.read() as connection:
        entry = world.app.directory.get(connection, staff)
    return "" if entry is None else entry.subject


@pytest.mark.parametrize("subject", ["alice", ""])
def test_i13_who_a_newcomer_is_does_not_change_once_people_were_asked(world, subject):
    """Otherwise whoever proposed one person lets another in, as a second self of theirs."""
    first = newly(world, subject)
    for who in ("lead", "policy"):
        world.approve(who, first)
    with pytest.raises(Conflict) as refused:
        newly(world, "mallory")
    assert refused.value.code == "staff/identity"
    world.run(31 * MINUTE)
    assert world.read(first).state == "in_force"
    assert subject_of(world, "twin") == subject


def test_i13_nor_does_it_by_asking_for_the_very_same(world):
    same = {"started": world.now.isoformat(), "pseudonym": "p-twin"}
    first = newly(world, "alcie", **same)
    assert newly(world, "alice", **same).id == first.id
    assert subject_of(world, "twin") == "alice"
    world.approve("lead", first)
    with pytest.raises(Conflict):
        newly(world, "mallory", **same)
    assert subject_of(world, "twin") == "alice"


# what the nets are told -----------------------------------------------------------------


def report(world, actor, *items):
    """Report items of the president."""
    for item in items:
        body = {
            "platform": "sandbox",
            "subject": {"kind": "content", "account": "president", "content": item},
            "reporter": "someone",
            "category": "spam",
        }
        take_many(world.app, actor, [parse_report(body)])


def removed(world, by="rev"):
    return world.enforce(by, "president", "remove_content", content=("p1",))


def test_r7_what_one_reported_oneself_is_no_reported_item(world):
    report(world, world.actor("rev"), "p1", "p1")
    assert removed(world).state == "waiting"


def test_r7_what_somebody_else_reported_too_is_one(world):
    report(world, world.actor("rev"), "p1")
    report(world, world.actor("rev2"), "p1")
    assert removed(world).state == "executing"


def test_r10_marked_as_a_fake_of_one_is_not_marked_as_a_fake_of_another(world):
    desk = world.sandbox
    desk.put_account("minister", handle="minister", reach=9_000_000, labels=["government"])
    desk.put_account("fake", handle="presldent", reach=10)
    for one in ("president", "minister", "fake"):
        world.enforce("rev", one, "warn")
    assert world.account("fake").lookalike_of == "president"
    made = propose(world.app, world.fresh("rev"), "mark_fake", {"platform": "sandbox", "account": "fake"})
    for who in ("lead", "policy"):
        world.approve(who, made)
    world.run(31 * MINUTE)
    world.enforce("rev", "fake", "warn")
    assert world.account("fake").marked_fake
    desk.put_account("fake", handle="mlnister", reach=10)
    suspended = world.enforce("rev", "fake", "suspend", confirm={"identity": "fake"})
    assert world.account("fake").lookalike_of == "minister"
    assert suspended.state == "waiting"


def test_r10_a_mark_agreed_to_over_another_look_marks_nothing(world):
    desk = world.sandbox
    desk.put_account("minister", handle="minister", reach=9_000_000, labels=["government"])
    desk.put_account("fake", handle="presldent", reach=10)
    for one in ("president", "minister", "fake"):
        world.enforce("rev", one, "warn")
    made = propose(world.app, world.fresh("rev"), "mark_fake", {"platform": "sandbox", "account": "fake"})
    for who in ("lead", "policy"):
        world.approve(who, made)
    desk.put_account("fake", handle="mlnister", reach=10)
    world.enforce("rev", "fake", "warn")
    world.run(31 * MINUTE)
    assert world.read(made).state == "lapsed"
    assert not world.account("fake").marked_fake


def test_r9_no_action_writes_a_label_that_protects_whatever_the_list_says(world):
    more = propose(world.app, world.fresh("admin"), "setting", {"name": "labels", "value": ["spam", "government"]})
    for who in ("lead", "policy"):
        world.approve(who, more)
    world.run(31 * MINUTE)
    assert world.read(more).state == "in_force"
    with pytest.raises(InvalidInput) as refused:
        world.enforce("rev", "small", "label", label="government")
    assert refused.value.code == "enforcement/label"
    assert world.enforce("rev", "small", "label", label="spam").state == "in_force"


# canaries, the watch and the clock ------------------------------------------------------


@pytest.fixture
def many(world):
    names = [f"b{number}" for number in range(40)]
    for name in names:
        world.sandbox.put_account(name, handle=name, reach=1)
    return names


def test_a_bulk_whose_first_accounts_are_dealt_with_already_has_its_canaries(world, many):
    for name in many[:10]:
        world.enforce("rev", name, "limit")
    placed = enforce_bulk(world.app, world.fresh("rev"), many, world.wanted("", "limit")).enforcements
    fresh = [one for one in placed if one.group_id is not None]
    assert len(fresh) == 30
    for one in fresh:
        world.approve("lead", one)
    world.settle()
    canaries = [one for one in fresh if world.read(one).state == "in_force"]
    assert canaries == fresh[:10]
    world.restore("oncall", canaries[0].account)
    world.run(HOUR)
    assert {world.read(one).state for one in fresh[10:]} == {"lapsed"}


@pytest.mark.parametrize("error", [PlatformUnreachable("not for this one"), KeyError("a surprise")])
def test_m7_an_account_that_cannot_be_read_leaves_no_other_unwatched(world, error):
    for account in ("known", "president"):
        world.enforce("rev", account, "warn")
    world.settle()
    connector = world.app.connector("sandbox")
    real = connector.read_state

    def read(account, *, content=()):
        if account == "known":
            raise error
        return real(account, content=content)

    connector.read_state = read
    world.sandbox.set_measures_out_of_band("president", ["deactivated"])
    silent: Silent = {}
    assert sum(watch(world.app, silent) for _ in range(2)) >= 1
    assert [one.accounts for one in world.incidents("drift")] == [("president",)]
    connector.read_state = real
    assert watch(world.app, silent) == 2
    assert silent == {"sandbox": {}}


def test_r18_what_weakens_waits_while_the_clock_is_behind(database_url):
    clock = SetClock(START)
    world = World(database_url, clock=clock)
    world.people()
    world.accounts()
    propose(world.app, world.actor("lead"), "tier", tier("small", "protected"))
    lowered = propose(world.app, world.fresh("lead"), "tier", tier("small", "standard"))
    for who in ("lead2", "policy"):
        world.approve(who, lowered)
    clock.at += 2 * HOUR
    world.enforce("rev", "small2", "warn")
    world.app.sequencer.integrate_all()
    clock.at -= HOUR
    world.settle()
    assert world.read(lowered).state == "ready"
    clock.at += HOUR
    world.settle()
    assert world.read(lowered).state == "in_force"
    world.close()
