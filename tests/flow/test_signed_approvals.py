"""Yeses signed by passkey: what somebody with a hand in the database writes there counts for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from gardefou.clock import to_micros
from gardefou.domain.records import Approval, Passkey
from gardefou.errors import Denied, GardefouError, InvalidInput
from gardefou.flow import passkeys as flow
from gardefou.flow import signed
from gardefou.flow.approve import Answer, approve, approve_group
from gardefou.flow.change import propose
from gardefou.flow.changes.passkeys import enrol
from gardefou.flow.execute import advance
from gardefou.flow.rules import load_rules
from gardefou.ledger.leaf import commit, leaf_data
from gardefou.ledger.sequencer import latest
from gardefou.people.actor import Actor
from gardefou.people.assertions import approval_challenge, assertion_of, encoded
from gardefou.people.passkeys import Purpose, Site
from gardefou.people.software_authenticator import PRESENT, SoftwareAuthenticator
from gardefou.storage import tables
from gardefou.storage.records import MAPPED
from tests.flow.world import MINUTE, SITE, World

WHOSE = "7" * 64


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.people()
    made.accounts()
    yield made
    made.close()


@pytest.fixture
def one_world():
    made = World()
    made.people()
    made.accounts()
    yield made
    made.close()


def challenge(one, answer: str = "yes", **other: str) -> bytes:
    said = {"platform": one.platform, "enforcement": one.id, "digest": one.digest, "answer": answer} | other
    return approval_challenge(**said)


def yes(world: World, who: str | Actor, one, assertion=None, **more):
    actor = world.fresh(who) if isinstance(who, str) else who
    given = Answer(enforcement=one.id, digest=one.digest, answer="yes", assertion=assertion, **more)
    advance(world.app, approve(world.app, actor, given).id)
    world.settle()
    return world.read(one)


def refusal(call) -> str:
    with pytest.raises(GardefouError) as refused:
        call()
    return refused.value.code


def by_token(world: World, who: str) -> Actor:
    return replace(world.fresh(who, via="api"), token_id="a-token", scopes=("enforcements:write",))


def test_a_signed_yes_is_kept_and_carries_it_out(world):
    devices = {who: world.give_device(who) for who in ("lead", "policy")}
    one = world.enforce("rev", "president", "suspend")
    for who, device in devices.items():
        yes(world, who, one, device.sign(challenge(one)))
    world.run(30 * MINUTE)
    assert world.read(one).state == "in_force"
    kept = world.approvals(one)
    assert [given.assertion["id"] for given in kept] == [devices["lead"].id, devices["policy"].id]
    body = json.loads(world.events("enforcement.approved")[0].body)
    assert body["rows"][0][1]["assertion"]["signature"] == kept[0].assertion["signature"]
    world.assert_sound()


def test_whoever_has_a_passkey_says_yes_with_it_or_not_at_all(world):
    world.give_device("lead")
    for account, action in (("president", "suspend"), ("president", "limit"), ("known", "suspend")):
        one = world.enforce("rev", account, action)
        assert refusal(lambda one=one: yes(world, "lead", one)) == "approval/passkey"
        assert refusal(lambda one=one: yes(world, by_token(world, "lead"), one)) == "approval/passkey"
        assert world.approvals(one) == []
        world.restore("oncall", account) if world.read(one).state == "in_force" else None


def test_a_token_is_not_enough_on_notable_and_protected_accounts(world):
    for account in ("president", "known"):
        one = world.enforce("rev", account, "suspend")
        assert refusal(lambda one=one: yes(world, by_token(world, "lead"), one)) == "approval/passkey"
    device = world.give_device("lead")
    one = world.enforce("rev2", "known", "suspend")
    assert yes(world, by_token(world, "lead"), one, device.sign(challenge(one))).state == "in_force"


def test_without_a_passkey_a_sign_in_of_ones_own_goes_on_until_it_is_asked_of_everyone(world):
    one = world.enforce("rev", "known", "suspend")
    assert yes(world, "lead", one).state == "in_force"
    asked = propose(
        world.app, world.person("boss", "admin"), "setting", {"name": "passkey_approvals", "value": "required"}
    )
    for who in ("lead", "policy"):
        world.approve(who, asked)
    world.run(31 * MINUTE)
    assert world.read(asked).state == "in_force"
    again = world.enforce("rev2", "president", "suspend")
    assert refusal(lambda: yes(world, "lead", again)) == "approval/passkey"
    # What waits when it begins is judged by it too.
    assert refusal(
        lambda: propose(world.app, world.actor("boss"), "setting", {"name": "passkey_approvals", "value": "off"})
    ) == ("setting/invalid")


def test_standard_accounts_and_a_no_ask_for_nothing(one_world):
    world = one_world
    world.give_device("lead")
    one = world.enforce("rev", "president", "suspend")
    assert world.approve("lead", one, "no").state == "refused"
    assert world.enforce("rev", "small", "suspend").state == "in_force"


def test_i12_restores_need_no_passkey(one_world):
    world = one_world
    devices = {who: world.give_device(who) for who in ("lead", "policy", "oncall")}
    one = world.enforce("rev", "president", "suspend")
    for who in ("lead", "policy"):
        yes(world, who, one, devices[who].sign(challenge(one)))
    world.run(30 * MINUTE)
    assert world.measures("president") == {"suspended"}
    world.restore("oncall", "president")
    assert world.measures("president") == frozenset()


def test_resuming_after_a_pause_needs_no_passkey(one_world):
    world = one_world
    world.give_device("lead")
    propose(world.app, world.fresh("rev"), "pause", {"because": "look"}, "look")
    asked = propose(world.app, world.fresh("oncall"), "resume", {})
    assert world.approve("lead", asked).state == "in_force"


def test_a_change_that_weakens_is_signed_by_those_who_have_a_passkey(world):
    device = world.give_device("lead")
    asked = propose(world.app, world.fresh("admin"), "role", {"staff": "rev2", "add": ["lead"]})
    assert refusal(lambda: yes(world, "lead", asked)) == "approval/passkey"
    yes(world, "lead", asked, device.sign(challenge(asked)))
    yes(world, by_token(world, "policy"), asked)
    world.run(31 * MINUTE)
    assert world.read(asked).state == "in_force"
    assert "lead" in world.staff("rev2").roles


def test_a_signature_is_for_this_enforcement_this_digest_and_this_answer(one_world):
    world, device = one_world, one_world.give_device("lead")
    one, other = world.enforce("rev", "president", "suspend"), world.enforce("rev", "president", "deactivate")
    wrong = {
        "another enforcement": challenge(other),
        "another digest": challenge(one, digest=other.digest),
        "the other answer": challenge(one, "no"),
        "another platform": challenge(one, platform="elsewhere"),
        "a sign-in": b"\0" * 32,
        "fields run together": approval_challenge(
            platform=one.platform, enforcement="", digest=one.id + "\0" + one.digest, answer="yes"
        ),
    }
    for what, signs in wrong.items():
        assert refusal(lambda signs=signs: yes(world, "lead", one, device.sign(signs))) == "passkey/invalid", what
    yes(world, "lead", one, device.sign(challenge(one)))


def test_nobody_signs_for_another(one_world):
    world = one_world
    lead, _ = world.give_device("lead"), world.give_device("policy")
    one = world.enforce("rev", "president", "suspend")
    assert refusal(lambda: yes(world, "policy", one, lead.sign(challenge(one)))) == "passkey/invalid"
    stranger = SoftwareAuthenticator(b"?" * 32, SITE)
    assert refusal(lambda: yes(world, "policy", one, stranger.sign(challenge(one)))) == "passkey/invalid"
    as_lead = SoftwareAuthenticator(b"?" * 32, SITE)
    as_lead.id = lead.id
    assert refusal(lambda: yes(world, "lead", one, as_lead.sign(challenge(one)))) == "passkey/invalid"


def test_a_signature_without_its_owner_or_from_another_page_counts_for_nothing(one_world):
    world, device = one_world, one_world.give_device("lead")
    one = world.enforce("rev", "president", "suspend")
    elsewhere = SoftwareAuthenticator(b"lead".ljust(32, b"."), Site("evil.example", SITE.origin))
    for assertion in (
        assertion_of(device.use(challenge(one), flags=PRESENT)),
        assertion_of(device.use(challenge(one), origin="https://evil.example")),
        assertion_of(device.use(challenge(one), type="webauthn.create")),
        elsewhere.sign(challenge(one)),
    ):
        assert refusal(lambda assertion=assertion: yes(world, "lead", one, assertion)) == "passkey/invalid"
    for broken in ({}, {"id": device.id}, {**device.sign(challenge(one)), "more": "AA"}):
        with pytest.raises(InvalidInput):
            yes(world, "lead", one, broken)


def test_a_key_of_ten_minutes_ago_signs_nothing_yet(world):
    young = SoftwareAuthenticator(b"young".ljust(32, b"."), SITE)
    drawn = flow.draw(world.app, Purpose.ENROL, whose=WHOSE)
    flow.enrol(world.app, world.fresh("lead"), young.make(drawn), SITE, whose=WHOSE)
    world.run(10 * MINUTE)
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one, young.sign(challenge(one)))) == "passkey/invalid"
    # Until it counts its owner says yes as before.
    assert yes(world, "lead", one).state == "in_force"
    world.run(timedelta(hours=72))
    later = world.enforce("rev2", "president", "suspend")
    assert refusal(lambda: yes(world, "lead", later)) == "approval/passkey"
    yes(world, "lead", later, young.sign(challenge(later)))


def test_a_key_that_no_checkpoint_takes_in_signs_nothing(one_world):
    world = one_world
    device = SoftwareAuthenticator(b"pending".ljust(32, b"."), SITE)
    with world.app.works.begin() as uow:
        uow.record("staff.enrolled", by="lead", about="lead")
        enrol(uow, _row(device, "lead", world), by="lead")
    one = world.enforce("rev", "known", "suspend")
    with world.app.works.begin() as uow:
        assert signed.held_by(uow, world.app, world.app.config(uow.connection), "lead").keys == ()
    world.app.sequencer.integrate_all()
    assert yes(world, "lead", one, device.sign(challenge(one))).state == "in_force"


def test_a_passkey_that_was_ended_signs_nothing_and_a_yes_of_its_counts_no_more(world):
    devices = {who: world.give_device(who) for who in ("lead", "policy")}
    one = world.enforce("rev", "president", "suspend")
    for who, device in devices.items():
        yes(world, who, one, device.sign(challenge(one)))
    flow.revoke(world.app, world.fresh("admin"), devices["policy"].id)
    world.run(30 * MINUTE)
    assert (world.read(one).state, world.measures("president")) == ("lapsed", frozenset())


def test_whoever_lost_their_passkey_says_no_unsigned_yes_until_another_counts(world):
    device = world.give_device("lead")
    flow.revoke(world.app, world.fresh("lead"), device.id)
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one)) == "approval/passkey"
    assert world.approvals(one) == []


def test_a_copy_is_found_at_an_approval_too(world):
    device = world.give_device("lead", counting=True)
    copy = SoftwareAuthenticator(b"lead".ljust(32, b"."), SITE, counting=True)
    first, second = world.enforce("rev", "president", "suspend"), world.enforce("rev2", "known", "suspend")
    yes(world, "lead", first, device.sign(challenge(first)))
    assert refusal(lambda: yes(world, "lead", second, copy.sign(challenge(second)))) == "passkey/cloned"
    assert any("backwards" in event.body.decode() for event in world.events("alert.raised", about="lead"))
    assert world.approvals(second) == []


def test_m3_what_is_signed_over_the_consoles_own_draw_is_a_fresh_sign_in(world):
    device = world.give_device("lead")
    one = world.enforce("rev", "president", "suspend")
    stale = world.fresh("lead")
    world.run(20 * MINUTE)
    assert refusal(lambda: yes(world, stale, one, device.sign(challenge(one)))) == "auth/step_up"
    nonce = encoded(flow.draw(world.app, Purpose.APPROVE, whose=WHOSE))
    assertion = assertion_of(device.use(challenge(one, nonce=nonce)), nonce=nonce)
    assert refusal(lambda: yes(world, stale, one, assertion, whose="8" * 64)) == "passkey/challenge"
    nonce = encoded(flow.draw(world.app, Purpose.APPROVE, whose=WHOSE))
    assertion = assertion_of(device.use(challenge(one, nonce=nonce)), nonce=nonce)
    yes(world, stale, one, assertion, whose=WHOSE)
    assert len(world.approvals(one)) == 1
    made_up = encoded(b"\1" * 32)
    policy = world.give_device("policy")
    assertion = assertion_of(policy.use(challenge(one, nonce=made_up)), nonce=made_up)
    assert refusal(lambda: yes(world, "policy", one, assertion, whose=WHOSE)) == "passkey/challenge"


def test_several_are_answered_at_once_each_with_its_own_signature(one_world):
    world, device = one_world, one_world.give_device("lead", counting=True)
    one, other = world.enforce("rev", "known", "suspend"), world.enforce("rev", "president", "suspend")
    given = [
        Answer(enforcement=each.id, digest=each.digest, answer="yes", assertion=assertion)
        for each, assertion in ((one, device.sign(challenge(one))), (other, None))
    ]
    answered = approve_group(world.app, world.fresh("lead"), given)
    assert [None if each.error is None else each.error.code for each in answered] == [None, "approval/passkey"]


# with a hand in the database ------------------------------------------------------------


def insert(world: World, record) -> None:
    with world.store.begin() as connection:
        mapped = MAPPED[type(record)]
        connection.execute(mapped.table.insert(), mapped.values(record))


def forge(world: World, one, who: str, assertion=None, **more) -> None:
    """Write a yes into the table, as whoever owns the database can."""
    insert(
        world,
        Approval(
            platform=one.platform,
            id=world.app.ids.new(),
            enforcement_id=one.id,
            by=who,
            answer="yes",
            digest=one.digest,
            at=world.now,
            via="console",
            assertion=assertion,
            **more,
        ),
    )


def _row(device: SoftwareAuthenticator, who: str, world: World) -> Passkey:
    return Passkey(
        id=device.id,
        staff_id=who,
        public_key=device.public_key,
        rp_id=SITE.rp_id,
        origin=SITE.origin,
        enrolled_at=world.now,
        counts_from=world.now,
    )


def clear(world: World, one) -> None:
    """Write that nobody is waited for any more."""
    with world.store.begin() as connection:
        connection.execute(
            tables.enforcement.update()
            .where(tables.enforcement.c.id == one.id)
            .values(
                state="ready",
                approved_at=world.now - timedelta(hours=2),
                hold_until=world.now - timedelta(hours=1),
                execute_by=world.now + timedelta(hours=9),
                next_attempt_at=None,
            )
        )
    world.settle()


@pytest.mark.parametrize(
    "how", ["unsigned", "another's signature", "of a key that was slipped in", "of another enforcement"]
)
def test_a_yes_that_was_written_into_the_database_counts_for_nothing(world, how):
    lead, policy = world.give_device("lead"), world.give_device("policy")
    one = world.enforce("rev", "president", "suspend")
    yes(world, "lead", one, lead.sign(challenge(one)))
    slipped = SoftwareAuthenticator(b"slipped in".ljust(32, b"."), SITE)
    assertion = None
    if how == "another's signature":
        assertion = lead.sign(challenge(one))
    elif how == "of a key that was slipped in":
        insert(world, _row(slipped, "policy", world))
        assertion = slipped.sign(challenge(one))
    elif how == "of another enforcement":
        other = world.enforce("rev", "president", "deactivate")
        assertion = policy.sign(challenge(other))
    forge(world, one, "policy", assertion)
    clear(world, one)
    assert world.read(one).state == "lapsed"
    assert world.measures("president") == frozenset()
    assert "not signed" in world.read(one).because
    assert world.incidents("near_miss")
    assert any(
        "written into the database" in event.body.decode() for event in world.events("alert.raised", about=one.id)
    )


def test_a_forged_yes_to_a_change_carries_nothing_out(world):
    world.give_device("lead")
    policy = world.give_device("policy")
    asked = propose(world.app, world.fresh("admin"), "role", {"staff": "rev", "add": ["lead"]})
    yes(world, "policy", asked, policy.sign(challenge(asked)))
    forge(world, asked, "lead")
    clear(world, asked)
    assert world.read(asked).state == "lapsed"
    assert world.staff("rev").roles == ("reviewer",)


def test_a_row_in_the_table_of_passkeys_is_no_key_and_a_row_that_is_gone_still_is_one(world):
    device, slipped = world.give_device("lead"), SoftwareAuthenticator(b"slipped in".ljust(32, b"."), SITE)
    insert(world, _row(slipped, "lead", world))
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one, slipped.sign(challenge(one)))) == "passkey/invalid"
    with world.store.begin() as connection:
        connection.execute(tables.passkey.delete())
    # As if its owner had none: they are asked for it all the same.
    assert refusal(lambda: yes(world, "lead", one)) == "approval/passkey"
    assert yes(world, "lead", one, device.sign(challenge(one))).state == "in_force"


def slip_event(world: World, who: str, device: SoftwareAuthenticator, at, event_id: str = "") -> None:
    """Write an enrolment into the ledger's own tables, as if it had happened at some time."""
    image = MAPPED[Passkey].image(replace(_row(device, who, world), enrolled_at=at, counts_from=at))
    body = {
        "about": f"passkeys/{who}",
        "account": "",
        "by": who,
        "detail": {},
        "kind": "passkey.enrolled",
        "platform": "gardefou",
        "rows": [["passkey", image]],
    }
    key = event_id or world.app.ids.new()
    with world.store.begin() as connection:
        connection.execute(
            tables.event.insert(),
            {
                "platform": "gardefou",
                "id": key,
                "kind": "passkey.enrolled",
                "at": at,
                "by": who,
                "account": "",
                "about": f"passkeys/{who}",
                "salt": b"\0" * 32,
                "body": json.dumps(body, sort_keys=True).encode(),
            },
        )
        connection.execute(tables.event_pending.insert(), {"platform": "gardefou", "id": key})


def test_an_enrolment_slipped_into_the_ledger_is_no_older_than_the_log(world):
    slipped = SoftwareAuthenticator(b"slipped in".ljust(32, b"."), SITE)
    world.app.sequencer.integrate_all()
    slip_event(world, "lead", slipped, world.now - timedelta(days=9))
    world.app.sequencer.integrate_all()
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one, slipped.sign(challenge(one)))) == "passkey/invalid"
    world.run(timedelta(hours=80))
    again = world.enforce("rev2", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", again, slipped.sign(challenge(again)))) == "passkey/invalid"


def test_an_enrolment_slipped_in_as_of_now_waits_as_any_other_does(world):
    slipped = SoftwareAuthenticator(b"slipped in".ljust(32, b"."), SITE)
    slip_event(world, "lead", slipped, world.now)
    world.app.sequencer.integrate_all()
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one, slipped.sign(challenge(one)))) == "passkey/invalid"


def rewrite(world: World, *, leaf: bool) -> SoftwareAuthenticator:
    """Put another key into the event that enrolled one, and where asked into its leaf; return whose it is."""
    other = SoftwareAuthenticator(b"another".ljust(32, b"."), SITE)
    with world.store.begin() as connection:
        row = connection.execute(sa.select(tables.event).where(tables.event.c.kind == "passkey.enrolled")).one()
        body = json.loads(row.body)
        body["rows"][0][1] |= {"id": other.id, "public_key": other.public_key}
        for trigger in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(sa.text(f'DROP TRIGGER "{trigger.name}"'))
        new = json.dumps(body, sort_keys=True).encode()
        connection.execute(tables.event.update().where(tables.event.c.id == row.id).values(body=new))
        if leaf:
            data = leaf_data(row.id, to_micros(row.at), commit(row.salt, new))
            connection.execute(tables.leaf.update().where(tables.leaf.c.event_id == row.id).values(data=data))
            assert latest(connection, "gardefou") is not None
    return other


@pytest.mark.parametrize("leaf", [False, True], ids=["its leaf stands against it", "no checkpoint has its leaf"])
def test_an_event_that_was_rewritten_is_no_key(one_world, leaf):
    world = one_world
    world.give_device("lead")
    other = rewrite(world, leaf=leaf)
    one = world.enforce("rev", "known", "suspend")
    assert refusal(lambda: yes(world, "lead", one, other.sign(challenge(one)))) == "passkey/invalid"


def test_m1_an_account_that_became_notable_meanwhile_asks_for_signed_yeses(one_world):
    world = one_world
    world.give_device("lead")
    one = world.enforce("rev", "small", "delete")
    assert one.tier == "standard"
    yes(world, "lead", one)
    world.sandbox.put_account("small", handle="small", reach=250_000)
    world.run(timedelta(hours=80))
    assert world.read(one).state == "lapsed"


def test_a_service_signs_nothing(one_world):
    world = one_world
    one = world.enforce("rev", "known", "suspend")
    with pytest.raises(Denied) as refused:
        yes(world, world.service("robot"), one)
    assert refused.value.code == "approval/not_human"


@pytest.mark.parametrize(("with_passkeys", "asked"), [(3, "required"), (2, "enrolled")])
def test_where_all_founders_have_a_passkey_everyones_yes_is_signed(with_passkeys, asked):
    world = World(setup_finished=False)
    world.people()
    with world.store.begin() as connection:
        connection.execute(
            tables.staff.update().where(tables.staff.c.id.not_in(("admin", "lead", "policy"))).values(enrolled=False)
        )
        connection.execute(tables.staff.update().where(tables.staff.c.id == "admin").values(enrolled=True))
    for who in ("admin", "lead", "policy")[:with_passkeys]:
        world.give_device(who)
    assert propose(world.app, world.fresh("admin"), "setup_finish", {}).state == "in_force"
    with world.store.read() as connection:
        assert load_rules(connection).passkey_approvals == asked
