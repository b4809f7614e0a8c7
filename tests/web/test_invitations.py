"""Invitations over HTTP: a half is shown once, both come in at /welcome; off duty for now, and a yes that is signed."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from gardefou.domain.records import Staff
from gardefou.flow.change import propose
from gardefou.people.invitations import new_half
from gardefou.storage import tables
from tests.web.console_scene import HOST, Browser, Scene, make_scene


@pytest.fixture
def scene(sqlite_url, tmp_path):
    made = make_scene(sqlite_url, tmp_path)
    newcomer(made)
    return made


def newcomer(scene: Scene) -> None:
    person = Staff(
        id="staff-new", pseudonym="new-comer", roles=("lead",), team="late", employer="x", started_at=scene.app.now()
    )
    with scene.app.works.begin() as uow:
        uow.record("staff.added", by="system", puts=(person,))
    scene.staff["new"] = person


def draws(browser: Browser, status: int = 200) -> str:
    page = browser.post("/people/new-comer/invite", status)
    found = re.search(r'id="half" class="mono" value="([^"]+)"', page)
    return found[1] if found else page


def comes_in(browser: Browser, first: str, second: str, status: int = 200, origin: str = HOST) -> str:
    answer = browser.client.post("/welcome", data={"first": first, "second": second}, headers={"Origin": origin})
    assert answer.status_code == status, answer.text[-2000:]
    return answer.text


def test_two_colleagues_draw_a_half_each_and_the_newcomer_comes_in_by_both(scene: Scene):
    zoe, ben, new = scene.client("zoe"), scene.client("ben"), scene.client()
    assert "Draw half an invitation" in zoe.get("/people/new-comer")
    first = draws(zoe)
    page = ben.get("/people/new-comer")
    assert f"Half of it, drawn by {scene.staff['zoe'].pseudonym}" in html.unescape(page)
    assert first not in page
    second = draws(ben)
    assert "/welcome" in new.get("/signin")
    shown = comes_in(new, second.lower().replace("-", " "), first)
    assert re.search(r"gf_\S{40}", shown)
    assert 'href="/me#passkeys"' in shown
    assert "new-comer" in new.get("/me")
    page = zoe.get("/people/new-comer")
    assert "Draw half an invitation" not in page
    assert "Half of it" not in page
    assert "came in by invitation" in page
    comes_in(scene.client(), first, second, 403)


def test_drawing_a_half_asks_for_a_fresh_sign_in_and_goes_on_from_there(scene: Scene):
    zoe, key = scene.client("zoe"), scene.key("zoe")
    scene.later(timedelta(minutes=11))
    asked = draws(zoe)
    assert "Once more, it is you?" in asked
    page = zoe.post("/people/new-comer/invite", 200, step_up=key)
    assert 'id="half"' in page


def test_i13_a_token_and_whoever_may_not_invite_draw_nothing(scene: Scene):
    ada, zoe = scene.client("ada"), scene.client("zoe")
    assert "Draw half an invitation" not in ada.get("/people/new-comer")
    draws(ada, 403)
    first, again = draws(zoe), draws(zoe)
    assert "Half of it" in ada.get("/people/new-comer")
    comes_in(scene.client(), first, again, 403)
    # There is no such call of the API at all, whatever a token may.
    token = {"Authorization": f"Bearer {scene.token('zoe')}"}
    assert scene.client().client.post("/api/v1/staff/new-comer/invite", json={}, headers=token).status_code == 404
    by_token = scene.client().client.post("/people/new-comer/invite", headers={**token, "Origin": HOST})
    assert by_token.headers["location"].startswith("/signin")


def test_a_half_is_withdrawn_on_the_persons_page(scene: Scene):
    zoe, ben = scene.client("zoe"), scene.client("ben")
    first, second = draws(zoe), draws(ben)
    found = re.search(r'name="half" value="([^"]+)"', ben.get("/people/new-comer"))
    assert found is not None
    assert ben.post("/people/new-comer/invite/withdraw", half=found[1]) == "/people/new-comer?done=changed"
    comes_in(scene.client(), first, second, 403)


def test_a_form_of_another_site_brings_nobody_in(scene: Scene):
    first, second = draws(scene.client("zoe")), draws(scene.client("ben"))
    stranger = scene.client()
    comes_in(stranger, first, second, 403, origin="http://evil.example")
    assert stranger.client.post("/welcome", data={"first": first, "second": second}).status_code == 403
    # In a browser where somebody is signed in it needs that session's own form.
    ada = scene.client("ada")
    assert ada.client.post("/welcome", data={"first": first, "second": second}).status_code == 403
    page = ada.post("/welcome", 200, first=first, second=second)
    assert "gf_" in page
    assert "new-comer" in ada.get("/me")


def test_a_session_of_whoever_comes_in_is_their_own_and_the_one_before_ends(scene: Scene):
    first, second = draws(scene.client("zoe")), draws(scene.client("ben"))
    ada = scene.client("ada")
    before = dict(ada.client.cookies)
    ada.post("/welcome", 200, first=first, second=second)
    assert dict(ada.client.cookies) != before
    old = scene.client()
    old.client.cookies.update(before)
    assert old.client.get("/queue").status_code == 303


def test_guessing_is_slowed_down(scene: Scene):
    first, second = draws(scene.client("zoe")), draws(scene.client("ben"))
    guesser = scene.client()
    statuses = [
        guesser.client.post(
            "/welcome", data={"first": first, "second": new_half()}, headers={"Origin": HOST}
        ).status_code
        for _ in range(8)
    ]
    assert statuses[0] == 403
    assert statuses[-1] == 429
    scene.later(timedelta(minutes=2))
    comes_in(guesser, first, second)


@pytest.mark.parametrize("typed", ["", "x" * 9000, "<script>alert(1)</script>", "\u202e" * 28])
def test_what_is_no_half_is_told_and_not_shown_again(scene: Scene, typed: str):
    page = comes_in(scene.client(), typed, new_half(), 400)
    assert "no half of an invitation" in page
    assert "<script>alert" not in page


def test_what_is_wrong_with_a_half_is_said_once(scene: Scene):
    page = comes_in(scene.client(), "abcd", "efgh", 400)
    assert page.count('role="alert"') == 1


def test_halves_are_kept_off_addresses_and_caches(scene: Scene):
    zoe = scene.client("zoe")
    answer = zoe.client.post("/people/new-comer/invite", data={"csrf": zoe.csrf}, headers={"Origin": HOST})
    assert answer.headers["cache-control"] == "no-store"
    assert zoe.client.get("/people/new-comer/invite").status_code == 405


def test_a_colleague_is_taken_off_duty_for_now_and_back_on_the_page(scene: Scene):
    zoe = scene.client("zoe")
    path = f"/people/{scene.staff['dee'].pseudonym}"
    assert "Off duty for now" in zoe.get(path)
    zoe.post(f"{path}/suspend", 400, because="x")
    assert zoe.post(f"{path}/suspend", because="A stolen laptop.", sure="yes") == f"{path}?done=changed"
    page = zoe.get(path)
    assert "Bring them back on duty" in page
    assert zoe.post(f"{path}/suspend", end="yes", because="It was found.").startswith("/enforcements/")
    assert scene.client("ben").post(f"{path}/suspend", 403, sure="yes")


def test_a_colleague_is_taken_off_duty_for_now_and_back_by_the_api(scene: Scene):
    client = scene.client().client
    token = {"Authorization": f"Bearer {scene.token('zoe')}", "Idempotency-Key": "one"}
    path = f"/api/v1/staff/{scene.staff['dee'].pseudonym}/suspend"
    off = client.post(path, json={"because": "A stolen laptop."}, headers=token)
    assert (off.status_code, off.json()["change"]["suspended"]) == (200, True)
    assert client.get(path.removesuffix("/suspend"), headers=token).json()["standing"] == "suspended"
    back = client.post(path, json={"end": True}, headers={**token, "Idempotency-Key": "two"})
    assert back.status_code == 202, back.text
    again = client.post(path, json={"end": "perhaps"}, headers={**token, "Idempotency-Key": "three"})
    assert again.status_code == 400


def test_an_answer_says_whether_it_is_signed_with_a_passkey(scene: Scene):
    made = propose(scene.app, scene.actor("zoe"), "role", {"staff": scene.staff["dee"].id, "add": ["lead"]})
    assert made.state == "waiting"
    cyd, ben = scene.client("cyd"), scene.client("ben")
    cyd.post(f"/enforcements/{made.id}/answer", answer="yes", digest=made.digest)
    page = ben.get(f"/enforcements/{made.id}")
    assert "signed with their passkey" not in page
    token = {"Authorization": f"Bearer {scene.token('ben')}"}
    shown = ben.client.get(f"/api/v1/enforcements/{made.id}", headers=token).json()
    assert [one["signed"] for one in shown["approvals"]] == [False]
    with scene.app.works.begin() as uow:
        uow.connection.execute(tables.approval.update().values(assertion={"id": "x"}))
    assert "signed with their passkey" in ben.get(f"/enforcements/{made.id}")
    shown = ben.client.get(f"/api/v1/enforcements/{made.id}", headers=token).json()
    assert [one["signed"] for one in shown["approvals"]] == [True]
