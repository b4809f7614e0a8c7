"""Passkeys: made, used and ended; what is not one is not taken, and nothing is told of why."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gardefou.errors import Conflict, Denied, InvalidInput, StepUpRequired, Unavailable
from gardefou.flow import passkeys as flow
from gardefou.flow.change import propose
from gardefou.people import passkeys
from gardefou.people.assertions import decoded, encoded
from gardefou.people.passkeys import Purpose, Site, passkeys_of, site_of
from gardefou.people.software_authenticator import ATTESTED, PRESENT, VERIFIED, SoftwareAuthenticator
from tests.flow.world import MINUTE, World

SITE = Site("gardefou.example", "https://gardefou.example")
WHOSE = "0" * 64


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.people()
    yield made
    made.close()


@pytest.fixture
def one_world():
    made = World()
    made.people()
    yield made
    made.close()


def device(name: str = "laptop", *, site: Site = SITE, counting: bool = True) -> SoftwareAuthenticator:
    return SoftwareAuthenticator(name.encode().ljust(32, b"-"), site, counting=counting)


def enrols(world: World, who: str, key: SoftwareAuthenticator):
    drawn = flow.draw(world.app, Purpose.ENROL, whose=WHOSE)
    return flow.enrol(world.app, world.fresh(who), key.make(drawn), SITE, whose=WHOSE, label="laptop")


def signs_in(world: World, key: SoftwareAuthenticator, **said) -> str:
    return flow.use(world.app, key.use(flow.draw(world.app, Purpose.SIGN_IN), **said), Purpose.SIGN_IN)


def held(world: World, who: str):
    with world.store.read() as connection:
        return passkeys_of(connection, who)


def test_a_passkey_is_enrolled_and_signs_its_owner_in(world):
    key = device()
    made = enrols(world, "lead", key)
    assert made.state == "in_force"
    assert signs_in(world, key) == "lead"
    assert signs_in(world, key) == "lead"
    with world.store.read() as connection:
        used = passkeys.use_of(connection, key.id)
    assert (used.label, used.sign_count, used.used_at) == ("laptop", 2, world.now)
    world.assert_sound()


def test_what_a_passkey_is_called_is_not_on_the_record(one_world):
    drawn = flow.draw(one_world.app, Purpose.ENROL, whose=WHOSE)
    flow.enrol(
        one_world.app, one_world.fresh("lead"), device().make(drawn), SITE, whose=WHOSE, label="Planted Canary's phone"
    )
    assert not any(b"Canary" in event.body for event in one_world.events())


def test_a_first_passkey_on_arrival_counts_at_once_and_a_later_one_after_three_days(world):
    enrols(world, "lead", device())
    (late,) = held(world, "lead")
    assert late.counts_from == world.now + timedelta(hours=72)
    assert [event.kind for event in world.events(about="lead")].count("alert.raised") == 1

    with world.app.works.begin() as uow:
        uow.record("staff.enrolled", by="policy", about="policy")
    world.run(23 * 60 * MINUTE)
    enrols(world, "policy", device("first day"))
    (first,) = held(world, "policy")
    assert first.counts_from == world.now
    assert [event.kind for event in world.events(about="policy")].count("alert.raised") == 0


def test_during_setup_the_first_counts_at_once_and_the_next_does_not_wait_for_people():
    world = World(setup_finished=False)
    world.people()
    enrols(world, "lead", device())
    assert enrols(world, "lead", device("phone")).state == "in_force"
    assert [one.counts_from == world.now for one in sorted(held(world, "lead"), key=lambda one: one.counts_from)] == [
        True,
        False,
    ]


def test_one_more_passkey_waits_for_two_others(world):
    enrols(world, "lead", device())
    more = enrols(world, "lead", phone := device("phone"))
    assert more.state == "waiting"
    with pytest.raises(Denied) as refused:
        signs_in(world, phone)
    assert refused.value.code == "passkey/invalid"
    for who in ("lead2", "policy"):
        world.approve(who, more)
    world.run(31 * MINUTE)
    assert world.read(more).state == "in_force"
    assert signs_in(world, phone) == "lead"
    world.assert_sound()


def test_ending_ones_own_is_at_once_and_does_not_free_the_way_for_the_next(one_world):
    key = device()
    enrols(one_world, "lead", key)
    flow.revoke(one_world.app, one_world.fresh("lead"), key.id)
    with pytest.raises(Denied) as refused:
        signs_in(one_world, key)
    assert refused.value.code == "passkey/invalid"
    assert enrols(one_world, "lead", device("next")).state == "waiting"
    with pytest.raises(Conflict) as known:
        enrols(one_world, "lead", key)
    assert known.value.code == "passkey/known"


def test_nobody_ends_anothers_but_an_admin(one_world):
    key = device()
    enrols(one_world, "lead", key)
    with pytest.raises(Denied):
        flow.revoke(one_world.app, one_world.fresh("lead2"), key.id)
    flow.revoke(one_world.app, one_world.fresh("admin"), key.id)
    assert held(one_world, "lead")[0].revoked_by == "admin"


def test_a_reset_by_others_waits_for_people_and_what_follows_counts_late(world):
    key = device()
    enrols(world, "lead", key)
    with pytest.raises(Denied):
        flow.reset(world.app, world.fresh("lead2"), "lead", "lost")
    asked = flow.reset(world.app, world.fresh("admin"), "lead", "lost")
    assert asked.state == "waiting"
    with pytest.raises(Denied) as own:
        world.approve("lead", asked)
    assert own.value.code == "approval/own"
    for who in ("lead2", "policy"):
        world.approve(who, asked)
    world.run(31 * MINUTE)
    with pytest.raises(Denied):
        signs_in(world, key)
    assert enrols(world, "lead", device("new phone")).state == "in_force"
    newest = next(one for one in held(world, "lead") if one.revoked_at is None)
    assert newest.counts_from == world.now + timedelta(hours=72)
    world.assert_sound()


def test_enrolling_takes_a_fresh_sign_in_and_no_token(one_world):
    drawn = flow.draw(one_world.app, Purpose.ENROL, whose=WHOSE)
    credential = device().make(drawn)
    actor = one_world.fresh("lead")
    one_world.run(11 * MINUTE)
    with pytest.raises(StepUpRequired):
        flow.enrol(one_world.app, actor, credential, SITE, whose=WHOSE)
    with pytest.raises(StepUpRequired):
        flow.enrol(one_world.app, one_world.service("robot"), credential, SITE, whose=WHOSE)


def _refusal(call) -> str:
    with pytest.raises((Denied, InvalidInput)) as refused:
        call()
    return refused.value.code


def test_what_is_not_signed_rightly_is_refused_without_saying_why(one_world):
    world, key = one_world, device()
    enrols(world, "lead", key)
    stranger = device("a stranger's")
    elsewhere = device(site=Site("evil.example", "https://evil.example"))
    forged = device("another key")
    forged.id = key.id
    codes = {
        "a stranger's": _refusal(lambda: signs_in(world, stranger)),
        "another key under its name": _refusal(lambda: signs_in(world, forged)),
        "for another site": _refusal(lambda: signs_in(world, elsewhere)),
        "by another page": _refusal(lambda: signs_in(world, key, origin="https://gardefou.example.evil.com")),
        "over plain http": _refusal(lambda: signs_in(world, key, origin="http://gardefou.example")),
        "as if it were made": _refusal(lambda: signs_in(world, key, type="webauthn.create")),
        "with nobody verified": _refusal(lambda: signs_in(world, key, flags=PRESENT)),
        "with nobody present": _refusal(lambda: signs_in(world, key, flags=VERIFIED)),
    }
    assert set(codes.values()) == {"passkey/invalid"}, codes
    assert signs_in(world, key) == "lead"


def test_a_page_within_anothers_page_signs_nothing(one_world):
    key = device()
    enrols(one_world, "lead", key)
    assert _refusal(lambda: signs_in(one_world, key, crossOrigin=True)) == "passkey/malformed"


def test_what_was_drawn_is_good_once_for_one_purpose_one_session_and_two_minutes(world):
    key = device()
    enrols(world, "lead", key)
    drawn = flow.draw(world.app, Purpose.SIGN_IN)
    signed = key.use(drawn)
    assert flow.use(world.app, signed, Purpose.SIGN_IN) == "lead"
    again = _refusal(lambda: flow.use(world.app, signed, Purpose.SIGN_IN))
    for_another = flow.draw(world.app, Purpose.STEP_UP, whose=WHOSE)
    purpose = _refusal(lambda: flow.use(world.app, key.use(for_another), Purpose.SIGN_IN, whose=WHOSE))
    others = flow.draw(world.app, Purpose.STEP_UP, whose=WHOSE)
    session = _refusal(lambda: flow.use(world.app, key.use(others), Purpose.STEP_UP, whose="1" * 64))
    late = flow.draw(world.app, Purpose.SIGN_IN)
    world.clock.advance(timedelta(minutes=2))
    too_late = _refusal(lambda: flow.use(world.app, key.use(late), Purpose.SIGN_IN))
    made_up = _refusal(lambda: flow.use(world.app, key.use(b"\0" * 32), Purpose.SIGN_IN))
    assert {again, purpose, session, too_late, made_up} == {"passkey/challenge"}


def test_a_try_that_fails_uses_up_what_was_drawn(one_world):
    key = device()
    enrols(one_world, "lead", key)
    drawn = flow.draw(one_world.app, Purpose.SIGN_IN)
    _refusal(lambda: flow.use(one_world.app, key.use(drawn, flags=PRESENT), Purpose.SIGN_IN))
    assert _refusal(lambda: flow.use(one_world.app, key.use(drawn), Purpose.SIGN_IN)) == "passkey/challenge"


def test_a_copy_is_found_by_its_count_and_people_are_told(world):
    key = device()
    enrols(world, "lead", key)
    copy = device()
    signs_in(world, key)
    signs_in(world, key)
    assert _refusal(lambda: signs_in(world, copy)) == "passkey/cloned"
    alerts = [json.loads(event.body)["detail"] for event in world.events("alert.raised", about="lead")]
    assert [one["kind"] for one in alerts] == ["passkey", "passkey"]
    assert "backwards" in alerts[-1]["says"]
    assert signs_in(world, key) == "lead"


def test_authenticators_that_do_not_count_are_taken(one_world):
    key = device(counting=False)
    enrols(one_world, "lead", key)
    assert [signs_in(one_world, key) for _ in range(3)] == ["lead"] * 3


def test_whoever_is_off_duty_does_not_sign_in(one_world):
    key = device()
    enrols(one_world, "lead", key)
    propose(one_world.app, one_world.fresh("admin"), "off", {"staff": "lead"})
    assert _refusal(lambda: signs_in(one_world, key)) == "staff/left"


def test_a_passkey_made_without_its_owner_or_elsewhere_is_not_enrolled(one_world):
    world, key = one_world, device()

    def enrol(**said):
        drawn = flow.draw(world.app, Purpose.ENROL, whose=WHOSE)
        return flow.enrol(world.app, world.fresh("lead"), key.make(drawn, **said), SITE, whose=WHOSE)

    assert _refusal(lambda: enrol(flags=PRESENT | ATTESTED)) == "passkey/not_made"
    assert _refusal(lambda: enrol(origin="https://evil.example")) == "passkey/not_made"
    assert _refusal(lambda: enrol(type="webauthn.get")) == "passkey/not_made"
    assert _refusal(lambda: enrol(flags=PRESENT | VERIFIED)) == "passkey/not_made"
    assert held(world, "lead") == []


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": "AA", "response": None},
        {"id": "AA", "response": {}},
        {"id": 3, "response": {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA"}},
        {"id": "AA", "response": {"clientDataJSON": "*", "authenticatorData": "AA", "signature": "AA"}},
        {"id": "AA", "response": {"clientDataJSON": encoded(b"[]"), "authenticatorData": "AA", "signature": "AA"}},
        {"id": "AA", "response": {"clientDataJSON": encoded(b"{}"), "authenticatorData": "AA", "signature": "AA"}},
        {"id": "AA", "response": {"clientDataJSON": "A" * 20_000, "authenticatorData": "AA", "signature": "AA"}},
        {
            "id": "AA",
            "response": {
                "clientDataJSON": encoded(b'{"challenge": 3, "origin": "https://gardefou.example"}'),
                "authenticatorData": "AA",
                "signature": "AA",
            },
        },
    ],
)
def test_what_no_browser_answers_is_an_error_that_says_so(one_world, credential):
    assert _refusal(lambda: flow.use(one_world.app, credential, Purpose.SIGN_IN)) == "passkey/malformed"


def test_parts_of_an_answer_that_are_cut_or_turned_are_refused(one_world):
    key = device()
    enrols(one_world, "lead", key)
    for name in ("authenticatorData", "signature"):
        for wrong in (lambda raw: raw[:-1], lambda raw: raw[:20], lambda raw: bytes([raw[0] ^ 1]) + raw[1:]):
            signed = key.use(flow.draw(one_world.app, Purpose.SIGN_IN))
            signed["response"][name] = encoded(wrong(decoded(signed["response"][name])))
            code = _refusal(lambda signed=signed: flow.use(one_world.app, signed, Purpose.SIGN_IN))
            assert code == "passkey/invalid", name


def test_nobody_fills_the_store_by_asking(one_world, monkeypatch):
    monkeypatch.setattr(passkeys, "MOST_WAITING", 3)
    for _ in range(3):
        flow.draw(one_world.app, Purpose.SIGN_IN)
    with pytest.raises(Unavailable):
        flow.draw(one_world.app, Purpose.SIGN_IN)
    one_world.clock.advance(timedelta(minutes=2))
    flow.draw(one_world.app, Purpose.SIGN_IN)


@pytest.mark.parametrize(
    ("public", "asked", "site"),
    [
        ("https://gardefou.example/", "http://127.0.0.1:8700", Site("gardefou.example", "https://gardefou.example")),
        ("https://g.example:8443", "https://other", Site("g.example", "https://g.example:8443")),
        ("", "http://localhost:8700", Site("localhost", "http://localhost:8700")),
        ("", "http://127.0.0.1:8700", None),
        ("", "https://evil.example", None),
        ("http://gardefou.example", "http://gardefou.example", None),
        ("https://10.0.0.7", "https://10.0.0.7", None),
        ("https://[::1]", "https://[::1]", None),
    ],
)
def test_the_site_is_the_public_address_or_this_machine_by_name(public, asked, site):
    assert site_of(public, asked) == site
