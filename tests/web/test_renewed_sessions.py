"""Proving once more who one is gives the session a new secret: the old one opens nothing, and nobody's work is lost."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.testclient import TestClient

from gardefou.people.assertions import decoded
from gardefou.web.console import signing
from gardefou.web.console.frame import Console
from tests.web.console_scene import Scene, make_scene
from tests.web.listening import PATIENCE, listening
from tests.web.test_enforcement_pages import digest, place
from tests.web.test_signing_in import LOCAL, Person


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Scene:
    return make_scene(database_url, tmp_path)


def copy_of(person: Person) -> TestClient:
    """Return the browser of somebody who got hold of this person's cookie."""
    return TestClient(person.client.app, base_url=LOCAL, follow_redirects=False, cookies=dict(person.client.cookies))


def stepped_up(person: Person, path: str = "/signin-key", **fields: str):
    """Send a form with a sign-in key of now along, as the page that asks once more does."""
    return person.post(path, step_up=person.scene.key(person.name), **fields)


def test_a_fresh_sign_in_gives_the_session_a_new_secret_and_the_old_one_opens_nothing(both: Scene):
    ada = Person(both, "ada").with_link()
    stolen = copy_of(ada)
    assert stolen.get("/queue").status_code == 200
    both.later(timedelta(minutes=30))
    answer = stepped_up(ada)
    assert "Your sign-in key" in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert ada.is_in()
    assert stolen.get("/queue").headers["location"].startswith("/signin")
    # It is one session still, and ends when it would have.
    # (The scene made another.)
    assert ada.client.get("/me").text.count('name="session"') == 2
    both.later(timedelta(hours=7))
    assert ada.is_in()
    both.later(timedelta(hours=4, minutes=30))
    assert not ada.is_in()


def test_a_wrong_key_renews_nothing(scene: Scene):
    ada = Person(scene, "ada").with_link()
    before = ada.client.cookies["gardefou"]
    scene.later(timedelta(minutes=30))
    assert "set-cookie" not in ada.post("/signin-key", step_up="gf_wrong").headers
    assert ada.client.cookies["gardefou"] == before
    assert ada.is_in()


def test_forms_and_a_passkeys_prompt_that_were_open_in_other_tabs_go_on(scene: Scene):
    ada = Person(scene, "ada").with_link()
    ada.enrols()
    scene.later(timedelta(minutes=30))
    # One tab shows a form, one the browser's own question for the passkey.
    page = ada.client.get("/me").text
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    asked = ada.challenge("/passkey/asked")
    assert "Your sign-in key" in stepped_up(ada).text
    saved = ada.client.post("/me/passkeys/end", data={"csrf": csrf, "passkey": "none"})
    assert saved.status_code == 404
    scene.later(timedelta(minutes=1))
    touched = ada.post("/signin-key", step_up=json.dumps(ada.key.use(asked)))
    assert "Your sign-in key" in touched.text


def test_open_pages_go_on_listening_and_end_with_the_session(scene: Scene):
    ada = Person(scene, "ada").with_link()
    scene.later(timedelta(minutes=30))

    async def listens() -> None:
        # Another node than the one where she signs in once more.
        web = scene.web()
        async with listening(web, ada.client.cookies["gardefou"]) as page:
            await page.until(lambda name, _: name == "counts")
            assert "Your sign-in key" in (await asyncio.to_thread(stepped_up, ada)).text
            await asyncio.to_thread(scene.report, "3001")
            await page.until(lambda name, data: name == "changed" and "cases" in data["own"])
            assert "ended" not in [name for name, _ in page.events]
            await asyncio.to_thread(ada.post, "/signout")
            await page.until(lambda name, _: name == "ended")

    asyncio.run(asyncio.wait_for(listens(), 6 * PATIENCE))


def test_a_store_that_gives_no_answer_after_the_sign_in_signs_nobody_out(scene: Scene, monkeypatch):
    ada = Person(scene, "ada").with_link()
    scene.later(timedelta(minutes=30))

    def busy(*_: object) -> None:
        raise PoolTimeout

    with monkeypatch.context() as patched:
        patched.setattr(signing, "new_signin_key", busy)
        answer = stepped_up(ada)
    assert (answer.status_code, answer.json()["code"]) == (503, "store/unavailable")
    assert ada.is_in()


def test_two_requests_that_prove_it_at_once_leave_one_secret(scene: Scene, monkeypatch):
    ada = Person(scene, "ada").with_link()
    other = copy_of(ada)
    csrf = ada.client.get("/me").text.split('name="csrf" value="')[1].split('"')[0]
    scene.later(timedelta(minutes=30))
    key = scene.key("ada")
    first: list[int] = []
    proved = Console._signed_by

    def meanwhile(self: Console, *given: str) -> None:
        proved(self, *given)
        if not first:
            first.append(0)
            first[0] = other.post("/signin-key", data={"csrf": csrf, "step_up": key}).status_code

    monkeypatch.setattr(Console, "_signed_by", meanwhile)
    late = ada.client.post("/signin-key", data={"csrf": csrf, "step_up": key})
    assert first == [200]
    assert late.headers["location"].startswith("/signin")
    assert other.get("/queue").status_code == 200
    assert not ada.is_in()


def test_signing_out_by_a_form_that_was_waiting_signs_out(scene: Scene):
    ada = Person(scene, "ada").with_link()
    scene.later(timedelta(minutes=30))
    answer = stepped_up(ada, "/signout")
    assert answer.headers["location"] == "/signin"
    assert "gardefou" not in ada.client.cookies
    assert not ada.is_in()


def test_a_yes_that_is_signed_renews_the_session_too(scene: Scene):
    ben = Person(scene, "ben").with_link()
    ben.enrols()
    scene.later(timedelta(days=3))
    ben.with_link()
    Person(scene, "ada").with_link()
    made = place(scene, "ada", "1001", rationale="It is not him.", confirm={"handle": "president"})
    stolen = copy_of(ben)
    seen = digest(ben.client.get(f"/enforcements/{made.id}").text)
    asked = ben.post(f"/passkey/asked/{made.id}", digest=seen).json()
    signed = json.dumps({**ben.key.use(decoded(asked["challenge"])), "nonce": asked["nonce"]})
    answer = ben.post(f"/enforcements/{made.id}/answer", digest=seen, answer="yes", note="Seen.", assertion=signed)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"/enforcements/{made.id}?done=yes"
    assert ben.is_in()
    assert stolen.get("/queue").headers["location"].startswith("/signin")
