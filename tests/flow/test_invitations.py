"""Invitations in two halves: two colleagues let in somebody who has no way in, and no single one ever does (I13)."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gardefou.domain.records import Staff
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, StepUpRequired
from gardefou.flow import passkeys as flow
from gardefou.flow.change import propose
from gardefou.flow.invitations import can_be_invited, come_in, draw_half, withdraw_half
from gardefou.people.authenticate import by_signin_key, end_signin_keys, give_signin_key, start_session
from gardefou.people.directory import Entry
from gardefou.people.invitations import halves_of, new_half, read_half
from gardefou.people.passkeys import Purpose, Site, passkeys_of
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.storage import tables
from tests.flow.world import DAY, MINUTE, World

SITE = Site("gardefou.example", "https://gardefou.example")
WHOSE = "0" * 64


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.people()
    newcomer(made)
    yield made
    made.close()


@pytest.fixture
def one_world():
    made = World()
    made.people()
    newcomer(made)
    yield made
    made.close()


def newcomer(world: World, who: str = "new", *roles: str) -> None:
    """Put somebody on record who was added and never signed in."""
    person = Staff(
        id=who,
        pseudonym=f"p-{who}",
        roles=roles or ("lead",),
        team=f"team-{who}",
        employer="organisation",
        started_at=world.now,
    )
    with world.app.works.begin() as uow:
        uow.record("staff.added", by="system", puts=(person,))


def half(world: World, by: str, who: str = "new") -> str:
    world.clock.advance(timedelta(seconds=1))
    return draw_half(world.app, world.fresh(by), who)[1]


def pair(world: World, who: str = "new") -> tuple[str, str]:
    return half(world, "admin", who), half(world, "lead", who)


def comes_in(world: World, first: str, second: str) -> str:
    """Come in as the console does; return the sign-in key that is shown."""
    staff_id, key = come_in(world.app, first, second)
    with world.app.works.begin() as uow:
        start_session(uow, staff_id, strong=True)
    return key


def code(call: Any) -> str:
    with pytest.raises(GardefouError) as raised:
        call()
    return raised.value.code


def out(world: World, who: str = "new") -> list[str]:
    with world.store.read() as connection:
        return [one.by for one in halves_of(connection, who, now=world.now)]


def agreed(world: World, kind: str, payload: dict[str, Any]) -> None:
    """Let a guarded change be proposed by the admin, agreed to by two others, and take effect."""
    asked = propose(world.app, world.fresh("admin"), kind, payload, "lost")
    assert asked.state == "waiting"
    for who in ("lead2", "policy"):
        world.approve(who, asked)
    world.run(31 * MINUTE)
    assert world.read(asked).state == "in_force"


def makes_passkey(world: World, who: str) -> bool:
    """Let somebody make a passkey; return whether it counts at once."""
    device = SoftwareAuthenticator(f"{who} {world.now}".encode().ljust(64, b"-")[:32], SITE)
    drawn = flow.draw(world.app, Purpose.ENROL, whose=WHOSE)
    flow.enrol(world.app, world.fresh(who), device.make(drawn), SITE, whose=WHOSE)
    with world.store.read() as connection:
        (made,) = [one for one in passkeys_of(connection, who) if one.revoked_at is None]
    return made.counts_from == world.now


def test_two_halves_by_two_people_let_a_newcomer_in_once(world):
    first, second = pair(world)
    assert out(world) == ["admin", "lead"]
    key = comes_in(world, second, first)
    with world.store.read() as connection:
        assert by_signin_key(connection, key, now=world.now) == "new"
    assert world.staff("new").enrolled
    assert out(world) == []
    assert makes_passkey(world, "new")
    world.run(10 * MINUTE)
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    (welcomed,) = world.events("staff.welcomed", about="new")
    assert json.loads(welcomed.body)["detail"] == {"invited_by": ["admin", "lead"]}
    assert [json.loads(one.body)["by"] for one in world.events("staff.invited", about="new")] == ["admin", "lead"]
    told = [json.loads(one.body)["detail"]["kind"] for one in world.events("alert.raised", about="new")]
    assert told == ["invited"]
    world.assert_sound()


def test_no_half_stands_in_the_store_or_on_the_record(one_world):
    halves = pair(one_world)
    kept = [read_half(one, field="") for one in halves]
    with one_world.store.read() as connection:
        rows = str(connection.execute(tables.invitation.select()).all())
    assert not any(one in rows or one[:13] in rows for one in (*halves, *kept))
    assert not any(one.encode() in event.body for event in one_world.events() for one in (*halves, *kept))


def test_i13_one_person_never_has_both_halves(world):
    first, again = half(world, "admin"), half(world, "admin")
    assert out(world) == ["admin"]
    assert code(lambda: come_in(world.app, first, again)) == "invite/refused"
    assert code(lambda: come_in(world.app, again, again)) == "invite/refused"
    with world.app.works.begin() as uow:
        start_session(uow, "admin", strong=True)
        start_session(uow, "admin", strong=True, browser="cli")
    third = draw_half(world.app, world.fresh("admin", via="cli"), "p-new")[1]
    assert code(lambda: come_in(world.app, again, third)) == "invite/refused"
    agreed(world, "role", {"staff": "admin", "add": ["lead"]})
    fourth = half(world, "admin")
    assert code(lambda: come_in(world.app, third, fourth)) == "invite/refused"
    # The very rows, put into the store by whoever owns it, are still one person's.
    with world.app.works.begin() as uow:
        uow.connection.execute(tables.invitation.update().values(by="admin"))
    other = half(world, "lead")
    with world.app.works.begin() as uow:
        uow.connection.execute(tables.invitation.update().values(by="admin"))
    assert code(lambda: come_in(world.app, fourth, other)) == "invite/refused"
    assert not world.staff("new").enrolled


def test_i13_neither_token_nor_service_nor_an_old_sign_in_draws_a_half(one_world):
    world, app = one_world, one_world.app
    lead = world.fresh("lead")
    assert code(lambda: draw_half(app, replace(lead, token_id="t", scopes=("admin:write",)), "new")) == (
        "invite/in_person"
    )
    assert code(lambda: draw_half(app, replace(lead, via="api"), "new")) == "invite/in_person"
    assert code(lambda: draw_half(app, replace(lead, through="helper"), "new")) == "invite/in_person"
    assert code(lambda: draw_half(app, world.service("robot"), "new")) == "invite/in_person"
    world.run(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        draw_half(app, lead, "new")
    assert out(world) == []


def test_only_admins_and_those_who_may_approve_invite_and_never_themselves_or_when_leaving(one_world):
    world = one_world
    assert code(lambda: half(world, "rev")) == "auth/forbidden"
    newcomer(world, "other", "admin")
    assert code(lambda: draw_half(world.app, world.fresh("other"), "other")) == "staff/own"
    assert code(lambda: half(world, "admin", "nobody")) == "staff/not_found"
    propose(world.app, world.fresh("admin"), "leave", {"staff": "lead", "last_day": (world.now + 3 * DAY).isoformat()})
    assert code(lambda: half(world, "lead")) == "staff/leaving"


def test_one_of_the_two_is_an_admin(world):
    half(world, "lead")
    assert code(lambda: half(world, "policy")) == "invite/admin"
    assert out(world) == ["lead"]
    half(world, "admin")
    world.clock.advance(MINUTE)
    # A third half ends the earliest: the admin's stays, and so one may approve only.
    half(world, "policy")
    assert out(world) == ["admin", "policy"]


def test_a_third_half_ends_the_earliest(one_world):
    world = one_world
    world.person("admin2", "admin")
    first, second = half(world, "lead"), half(world, "admin")
    world.clock.advance(MINUTE)
    third = half(world, "admin2")
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    assert code(lambda: come_in(world.app, first, third)) == "invite/refused"
    assert come_in(world.app, second, third)[0] == "new"


def test_halves_of_two_peoples_invitations_let_nobody_in(one_world):
    newcomer(one_world, "other")
    mine, _ = pair(one_world)
    theirs, mate = half(one_world, "lead", "other"), half(one_world, "admin", "other")
    assert code(lambda: come_in(one_world.app, mine, theirs)) == "invite/refused"
    assert code(lambda: come_in(one_world.app, mine, mate)) == "invite/refused"
    assert come_in(one_world.app, theirs, mate)[0] == "other"


def test_a_half_and_a_guess_let_nobody_in_and_use_nothing_up(one_world):
    first, second = pair(one_world)
    for _ in range(3):
        assert code(lambda: come_in(one_world.app, first, new_half())) == "invite/refused"
    assert come_in(one_world.app, first, second)[0] == "new"


def test_a_half_is_good_for_seven_days(world):
    first = half(world, "admin")
    world.run(DAY)
    second = half(world, "lead")
    world.clock.advance(6 * DAY - timedelta(seconds=2))
    assert out(world) == ["admin", "lead"]
    world.clock.advance(timedelta(seconds=1))
    assert out(world) == ["lead"]
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    first = half(world, "admin")
    assert come_in(world.app, first, second)[0] == "new"


@pytest.mark.parametrize("ended", ["off", "suspend"])
def test_a_half_is_void_once_whoever_drew_it_is_put_off(world, ended):
    world.person("admin2", "admin")
    first, second = pair(world)
    propose(world.app, world.fresh("admin2"), ended, {"staff": "lead"})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    assert out(world) == ["admin"]
    if ended == "suspend":
        agreed(world, "suspend", {"staff": "lead", "suspended": False})
        assert code(lambda: come_in(world.app, first, second)) == "invite/refused"


def test_a_half_is_void_once_whoever_drew_it_leaves_or_may_not_any_more(one_world):
    world = one_world
    world.person("admin2", "admin")
    world.person("both", "admin", "lead")
    first, second = half(world, "both"), half(world, "lead")
    propose(world.app, world.fresh("admin2"), "role", {"staff": "lead", "remove": ["lead"]})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    second = half(world, "lead2")
    # They may still invite, but no admin is among them any more.
    propose(world.app, world.fresh("admin2"), "role", {"staff": "both", "remove": ["admin"]})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    first = half(world, "admin2")
    last_day = (world.now + DAY).isoformat()
    propose(world.app, world.fresh("admin2"), "leave", {"staff": "lead2", "last_day": last_day})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    assert come_in(world.app, first, half(world, "policy"))[0] == "new"


def test_a_half_is_void_once_what_whoever_drew_it_signs_in_with_is_reset(one_world):
    world = one_world
    first, second = pair(world)
    agreed(world, "passkey", {"do": "reset", "staff": "lead"})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"


def test_whoever_is_off_duty_is_let_in_by_nothing_drawn_before(world):
    first, second = pair(world)
    propose(world.app, world.fresh("admin"), "suspend", {"staff": "new"})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    assert code(lambda: half(world, "admin")) == "staff/suspended"
    agreed(world, "suspend", {"staff": "new", "suspended": False})
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    assert come_in(world.app, *pair(world))[0] == "new"


def test_the_end_of_a_last_day_ends_an_invitation_too(one_world):
    world = one_world
    propose(world.app, world.fresh("admin"), "leave", {"staff": "new", "last_day": (world.now + DAY).isoformat()})
    first, second = pair(world)
    world.clock.advance(DAY)
    assert code(lambda: come_in(world.app, first, second)) == "staff/left"


def test_whoever_has_a_way_in_is_not_invited(one_world):
    world = one_world
    world.person("keyed", "reviewer")
    with world.app.works.begin() as uow:
        give_signin_key(uow, "keyed")
    world.person("touched", "reviewer")
    world.give_device("touched")
    world.person("known", "reviewer")
    with world.app.works.begin() as uow:
        world.app.directory.put(uow.connection, Entry(staff_id="known", issuer="https://idp.example", subject="s"))
        # Known there, and never here.
        world.app.directory.put(uow.connection, Entry(staff_id="new", issuer="https://idp.example", subject="n"))
    for who in ("keyed", "touched", "known"):
        assert code(lambda who=who: half(world, "admin", who)) == "staff/has_a_way_in"
    assert half(world, "admin")


def test_whoever_found_a_way_in_meanwhile_needs_no_invitation_any_more(one_world):
    world = one_world
    first, second = pair(world)
    with world.app.works.begin() as uow:
        start_session(uow, "new", strong=True)
        give_signin_key(uow, "new")
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    with world.app.works.begin() as uow:
        end_signin_keys(uow, "new")
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"


def test_i13_an_admin_who_ends_a_colleagues_passkey_and_key_alone_does_not_open_the_way(world):
    device = world.give_device("lead2")
    with world.app.works.begin() as uow:
        start_session(uow, "lead2", strong=True)
        give_signin_key(uow, "lead2")
    world.run(MINUTE)
    flow.revoke(world.app, world.fresh("admin"), device.id)
    with world.app.works.begin() as uow:
        end_signin_keys(uow, "lead2", by="admin")
    assert code(lambda: half(world, "admin", "lead2")) == "invite/reset"
    with world.store.read() as connection:
        assert not can_be_invited(connection, world.app, world.staff("lead2"), now=world.now)


def test_a_reset_that_people_agreed_to_lets_somebody_back_once(world):
    device = world.give_device("lead")
    with world.app.works.begin() as uow:
        start_session(uow, "lead", strong=True)
        key = give_signin_key(uow, "lead")
    world.run(MINUTE)
    agreed(world, "passkey", {"do": "reset", "staff": "lead"})
    with world.store.read() as connection, pytest.raises(Denied):
        by_signin_key(connection, key, now=world.now)
    first, second = half(world, "admin", "lead"), half(world, "policy", "lead")
    comes_in(world, first, second)
    assert not makes_passkey(world, "lead")
    (made,) = [one for one in _held(world, "lead") if one.revoked_at is None]
    assert made.id != device.id
    assert made.counts_from == world.now + timedelta(hours=72)
    world.run(MINUTE)
    flow.revoke(world.app, world.fresh("admin"), made.id)
    with world.app.works.begin() as uow:
        end_signin_keys(uow, "lead")
    assert code(lambda: half(world, "admin", "lead")) == "invite/reset"
    world.assert_sound()


def _held(world: World, who: str):
    with world.store.read() as connection:
        return passkeys_of(connection, who)


def test_somebody_with_a_sign_in_key_alone_is_reset_too_and_whoever_never_came_is_not(one_world):
    world = one_world
    with world.app.works.begin() as uow:
        start_session(uow, "policy", strong=True)
        give_signin_key(uow, "policy")
    world.run(MINUTE)
    assert code(lambda: flow.reset(world.app, world.fresh("admin"), "new", "x")) == "passkey/not_found"
    asked = flow.reset(world.app, world.fresh("admin"), "policy", "lost")
    for who in ("lead2", "lead"):
        world.approve(who, asked)
    world.run(31 * MINUTE)
    assert half(world, "admin", "policy")


def test_whoever_came_back_on_duty_is_let_in(world):
    with world.app.works.begin() as uow:
        start_session(uow, "lead", strong=True)
        give_signin_key(uow, "lead")
    world.run(MINUTE)
    propose(world.app, world.fresh("admin"), "suspend", {"staff": "lead"})
    agreed(world, "suspend", {"staff": "lead", "suspended": False})
    comes_in(world, half(world, "admin", "lead"), half(world, "policy", "lead"))
    assert not makes_passkey(world, "lead")


def test_r11_until_setup_has_ended_there_are_links_and_no_invitations():
    world = World(setup_finished=False)
    world.people()
    newcomer(world)
    assert code(lambda: half(world, "admin")) == "invite/setup"


def test_a_half_is_withdrawn_by_whoever_may_invite(world):
    first, second = pair(world)
    with world.store.read() as connection:
        ids = {one.by: one.id for one in halves_of(connection, "new", now=world.now)}
    with pytest.raises(Denied):
        withdraw_half(world.app, world.fresh("rev"), "new")
    assert withdraw_half(world.app, world.fresh("policy"), "new", ids["admin"]) == 1
    assert out(world) == ["lead"]
    assert code(lambda: come_in(world.app, first, second)) == "invite/refused"
    with pytest.raises(NotFound):
        withdraw_half(world.app, world.fresh("lead"), "new", ids["admin"])
    (event,) = world.events("staff.uninvited", about="new")
    assert json.loads(event.body)["detail"] == {"drawn_by": "admin"}


def test_of_two_who_use_the_same_halves_at_once_one_comes_in(world):
    halves, came, refused = pair(world), [], []
    gate = threading.Barrier(2)

    def use() -> None:
        gate.wait()
        try:
            came.append(come_in(world.app, *halves))
        except (Denied, Conflict) as error:
            refused.append(error.code)

    both = [threading.Thread(target=use) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert (len(came), refused) == (1, ["invite/refused"])


def test_a_half_is_taken_as_people_type_it():
    half = new_half()
    kept = read_half(half, field="first")
    assert len(kept) == 28
    assert read_half(f"  {half.lower().replace('-', ' ')}\n", field="first") == kept
    assert read_half(half.replace("0", "o").replace("1", "l"), field="first") == kept


@pytest.mark.parametrize(
    "typed", ["", "x", "0" * 28, "é" * 28, "０" * 28, "0000-" * 7, "A" * 100_000, "' OR 1=1 --", "\0" * 28]
)
def test_what_is_no_half_is_told_before_anything_is_asked(one_world, typed):
    with pytest.raises(InvalidInput) as raised:
        come_in(one_world.app, typed, new_half())
    assert (raised.value.code, raised.value.field) == ("invite/half", "first")


def test_a_slip_in_typing_is_told(one_world):
    told = 0
    for _ in range(20):
        half = new_half()
        slipped = ("1" if half[0] != "1" else "2") + half[1:]
        told += code(lambda slipped=slipped: come_in(one_world.app, new_half(), slipped)) == "invite/half"
    assert told > 15
