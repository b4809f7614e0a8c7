"""Signing in over HTTP: by passkey and key, sessions that end, tries that are slowed down."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from gardefou.clock import SimulatedClock
from gardefou.people.passkeys import Site, passkeys_of
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.storage import tables
from tests.web.console_scene import HOST, Browser, Scene, make_scene
from tests.web.listening import listening

#: As browsers make passkeys for, on this machine.
LOCAL = "http://localhost"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"


@pytest.fixture
def scene(sqlite_url, tmp_path):
    return make_scene(sqlite_url, tmp_path)


@pytest.fixture
def both(database_url, tmp_path):
    return make_scene(database_url, tmp_path)


class Person:
    """A browser at this machine's own name, and somebody's authenticator."""

    def __init__(self, scene: Scene, name: str, *, agent: str = CHROME, seed: str = "") -> None:
        self.scene, self.name = scene, name
        self.client = TestClient(
            scene.web(), base_url=LOCAL, follow_redirects=False, headers={"Origin": LOCAL, "User-Agent": agent}
        )
        self.key = SoftwareAuthenticator((seed or name).encode().ljust(32, b"."), Site("localhost", LOCAL))

    def post(self, path: str, **fields: str):
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/people").text)
        return self.client.post(path, data={"csrf": found[1] if found else "", **fields})

    def with_link(self) -> Person:
        assert self.client.post(f"/signin/{self.scene.link(self.name)}").status_code == 303
        return self

    def challenge(self, path: str) -> bytes:
        from gardefou.people.assertions import decoded

        answer = self.post(path)
        assert answer.status_code == 200, answer.text
        return decoded(answer.json()["challenge"])

    def enrols(self):
        made = self.key.make(self.challenge("/me/passkeys/asked"))
        return self.post("/me/passkeys", credential=json.dumps(made), label="a laptop")

    def signs_in(self, **said: Any):
        signed = self.key.use(self.challenge("/signin/passkey/asked"), **said)
        return self.client.post("/signin/passkey", data={"credential": json.dumps(signed), "next": "/queue"})

    def is_in(self) -> bool:
        return self.client.get("/queue").status_code == 200

    @property
    def staff_id(self) -> str:
        return self.scene.staff[self.name].id


def test_a_passkey_is_made_on_ones_page_and_signs_one_in(both: Scene):
    ada = Person(both, "ada").with_link()
    assert ada.enrols().headers["location"] == "/me?done=passkey"
    assert "a laptop" in ada.client.get("/me").text
    ada.client.cookies.clear()
    assert not ada.is_in()
    answer = ada.signs_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert ada.is_in()


def test_over_https_the_cookie_is_for_this_host_alone(tmp_path, sqlite_url):
    scene = make_scene(sqlite_url, tmp_path)
    client = TestClient(scene.web(), base_url="https://gardefou.example", follow_redirects=False)
    answer = client.post(f"/signin/{scene.link('ada')}", headers={"Origin": "https://gardefou.example"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-gardefou=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "domain" not in cookie.lower()


def test_what_a_passkey_signs_is_asked_of_this_console_alone(scene: Scene):
    ada = Person(scene, "ada").with_link()
    ada.enrols()
    ada.client.cookies.clear()
    assert ada.signs_in(origin="http://evil.example").status_code == 403
    assert not ada.is_in()
    foreign = ada.client.post("/signin/passkey/asked", headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    mine = ada.key.use(b"\1" * 32)
    assert ada.client.post("/signin/passkey", data={"credential": json.dumps(mine)}).status_code == 403
    assert ada.client.post("/signin/passkey", data={"credential": "no passkey"}).status_code == 400


def test_a_passkey_made_in_one_session_is_not_taken_in_another(scene: Scene):
    ada, ben = Person(scene, "ada").with_link(), Person(scene, "ben").with_link()
    made = ada.key.make(ada.challenge("/me/passkeys/asked"))
    answer = ben.post("/me/passkeys", credential=json.dumps(made))
    assert answer.status_code == 403
    assert "passkey/challenge" in answer.text
    with scene.app.works.read() as connection:
        assert passkeys_of(connection, ben.staff_id) == []


def test_a_form_for_a_passkey_needs_the_sessions_own_token(scene: Scene):
    ada = Person(scene, "ada").with_link()
    for path in ("/me/passkeys", "/me/passkeys/asked", "/me/passkeys/end", "/me/sessions/end", "/passkey/asked"):
        assert ada.client.post(path, data={"csrf": "guessed"}).status_code == 403, path
    assert ada.is_in()


def test_one_touch_signs_in_once_more_where_a_grave_act_asks_for_it(both: Scene):
    ada = Person(both, "ada").with_link()
    ada.enrols()
    both.later(timedelta(minutes=30))
    page = ada.post("/signin-key")
    assert "Touch your passkey and go on" in page.text
    ben = Person(both, "ben").with_link()
    ben.enrols()
    of_ben = ben.key.use(ada.challenge("/passkey/asked"))
    wrong = ada.post("/signin-key", step_up=json.dumps(of_ben))
    assert "another person" in wrong.text
    signed = json.dumps(ada.key.use(ada.challenge("/passkey/asked")))
    assert "Your sign-in key" in ada.post("/signin-key", step_up=signed).text
    # Once is once.
    both.later(timedelta(minutes=30))
    assert "took too long, or was done already" in ada.post("/signin-key", step_up=signed).text


def test_whoever_has_a_passkey_may_do_without_a_key(scene: Scene):
    key = scene.key("ada")
    ada = Person(scene, "ada").with_link()
    assert ada.post("/signin-key/off").headers["location"] == "/me?done=key_kept"
    assert ada.post("/signin", key=key).status_code == 303
    ada.enrols()
    assert ada.post("/signin-key/off").headers["location"] == "/me?done=key_off"
    assert ada.post("/signin", key=key).status_code == 403
    ada.client.cookies.clear()
    assert ada.signs_in().status_code == 303


def test_where_browsers_make_no_passkeys_the_page_says_where_they_do(scene: Scene):
    browser = scene.client("ada")
    for path in ("/me", "/signin"):
        assert "http://localhost/" in browser.get(path), path
    assert "passkey/site" in browser.post("/me/passkeys/asked", 400)


# sessions ------------------------------------------------------------------------------


def test_each_sign_in_is_a_session_of_its_own_and_ends_the_one_before_it(both: Scene):
    ada = Person(both, "ada").with_link()
    before = ada.client.cookies["gardefou"]
    assert "csrf" in ada.client.get("/signin").text
    ada.post("/signin", key=both.key("ada"))
    after = ada.client.cookies["gardefou"]
    assert before != after
    old = TestClient(both.web(), base_url=LOCAL, follow_redirects=False, cookies={"gardefou": before})
    assert old.get("/queue").status_code == 303
    assert ada.is_in()


def test_a_session_that_was_put_into_the_browser_signs_nobody_in(scene: Scene):
    mallory = Person(scene, "ben").with_link()
    planted = mallory.client.cookies["gardefou"]
    ada = Person(scene, "ada")
    ada.client.cookies.set("gardefou", planted, domain="localhost.local")
    link = f"/signin/{scene.link('ada')}"
    assert ada.client.post(link).status_code == 403
    ada.post(link)
    assert ada.client.cookies["gardefou"] != planted
    assert scene.staff["ada"].pseudonym in ada.client.get("/me").text


def test_ones_sessions_are_listed_and_each_is_ended_within_a_second(both: Scene):
    here, there = Person(both, "ada").with_link(), Person(both, "ada", agent=FIREFOX).with_link()
    page = here.client.get("/me").text
    assert "Chrome, Linux" in page
    assert "Firefox, Windows" in page
    ids = re.findall(r'name="session" value="([0-9a-f]{16})"', page)
    # The one that the scene made, and these two.
    assert len(ids) == 3
    theirs = page.split("Firefox, Windows")[1].split('name="session" value="')[1][:16]

    async def listens() -> None:
        web = both.web()
        async with listening(web, there.client.cookies["gardefou"]) as open_page:
            await open_page.until(lambda name, _: name == "counts")
            await asyncio.to_thread(here.post, "/me/sessions/end", session=theirs)
            _, after = await open_page.until(lambda name, _: name == "ended")
            assert after < 1.5

    asyncio.run(asyncio.wait_for(listens(), 120))
    assert not there.is_in()
    assert here.is_in()
    assert here.post("/me/sessions/end").headers["location"] == "/signin"
    assert not here.is_in()
    ended = _events(both, "session.ended")
    assert [json.loads(row.body)["detail"] for row in ended] == [{"sessions": 1}, {"sessions": 2}]


def _events(scene: Scene, kind: str):
    with scene.app.works.read() as connection:
        found = tables.event.select().where(tables.event.c.kind == kind).order_by(tables.event.c.id)
        return connection.execute(found).all()


def test_nothing_of_where_somebody_sat_is_on_the_record(scene: Scene):
    Person(scene, "ada", agent=FIREFOX).with_link().enrols()
    with scene.app.works.read() as connection:
        bodies = [row.body for row in connection.execute(tables.event.select())]
        stored = [row for one in (tables.session, tables.signin_try) for row in connection.execute(one.select())]
    for canary in (b"Firefox", b"testclient", b"Mozilla", b"a laptop"):
        assert not any(canary in body for body in bodies), canary
    assert not any("testclient" in str(value) or "Mozilla" in str(value) for row in stored for value in row)


def test_nobody_ends_anothers_session_but_who_looks_after_people(scene: Scene):
    ada, dee, ben = (Person(scene, name).with_link() for name in ("ada", "dee", "ben"))
    page = ada.client.get("/me").text
    for one in re.findall(r'name="session" value="([0-9a-f]{16})"', page):
        assert dee.post("/me/sessions/end", session=one).status_code == 404
    path = f"/people/{scene.staff['ada'].pseudonym}"
    assert "Sign them out everywhere" not in dee.client.get(path).text
    assert dee.post(f"{path}/sessions").status_code == 403
    assert ada.is_in()
    assert "Sign them out everywhere" in ben.client.get(path).text
    assert ben.post(f"{path}/sessions").status_code == 303
    assert not ada.is_in()


def test_a_session_that_nobody_uses_is_over_after_eight_hours_and_any_after_twelve(both: Scene):
    ada, ben = Person(both, "ada").with_link(), Person(both, "ben").with_link()
    for _ in range(2):
        both.later(timedelta(hours=4))
        assert ben.is_in()
        # A page that looks by itself keeps nobody signed in.
        ada.client.get("/queue", headers={"Sec-Fetch-Dest": "empty"})
    assert not ada.is_in()
    both.later(timedelta(hours=3, minutes=59))
    assert ben.is_in()
    both.later(timedelta(minutes=1))
    assert not ben.is_in()


# tries ---------------------------------------------------------------------------------


def pass_time(scene: Scene, by: timedelta) -> None:
    """Let time pass in which nothing is done."""
    assert isinstance(scene.clock, SimulatedClock)
    scene.clock.advance(by)


def guesses(person: Person, key: str = "gf_wrong"):
    return person.client.post("/signin", data={"key": key})


def test_guessing_is_slowed_down_and_a_real_person_waits_a_minute_at_most(both: Scene):
    mallory = Person(both, "ada")
    answers = [guesses(mallory, f"gf_{number}") for number in range(7)]
    assert [one.status_code for one in answers] == [403] * 5 + [429] * 2
    waits = []
    for number in range(9):
        told = guesses(mallory, f"gf_more_{number}")
        assert told.status_code == 429
        waits.append(int(told.headers["retry-after"]))
        pass_time(both, timedelta(seconds=waits[-1]))
        assert guesses(mallory, f"gf_again_{number}").status_code == 403
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    pass_time(both, timedelta(seconds=60))
    assert guesses(mallory, both.key("ada")).status_code == 303


def test_unknown_wrong_and_ended_are_answered_alike(scene: Scene):
    ended = scene.key("ada")
    scene.key("ada")
    texts = {re.sub(r"\s+", " ", guesses(Person(scene, "ada"), key).text) for key in ("gf_none", ended, "", "x" * 300)}
    assert len(texts) == 1


def test_tries_count_for_every_node_and_every_way_in(scene: Scene):
    for number in range(2):
        guesses(Person(scene, "ada"), f"gf_{number}")
    stranger = Person(scene, "ada", seed="never enrolled")
    for _ in range(2):
        assert stranger.signs_in().status_code == 403
    assert stranger.client.post("/signin/gf_no_link").status_code == 404
    assert Person(scene, "ben").client.post("/signin/gf_no_link_either").status_code == 429


def test_signing_in_rightly_costs_nobody_a_wait(scene: Scene):
    key = scene.key("ada")
    assert [guesses(Person(scene, "ada"), key).status_code for _ in range(12)] == [303] * 12


def test_guessing_within_a_session_is_slowed_down_too(scene: Scene):
    ada = Person(scene, "ada").with_link()
    codes = [ada.post("/signin-key", step_up=f"gf_{number}").status_code for number in range(7)]
    assert codes == [200] * 5 + [429] * 2


def test_whoever_guesses_next_door_keeps_nobody_from_a_fresh_sign_in(scene: Scene):
    ada, key = Person(scene, "ada").with_link(), scene.key("ada")
    for number in range(7):
        guesses(Person(scene, "ben"), f"gf_{number}")
    assert guesses(Person(scene, "ben"), "gf_more").status_code == 429
    assert ada.post("/signin-key", step_up=key).status_code == 200


def test_many_guesses_at_once_are_not_tried_at_once(both: Scene):
    from concurrent.futures import ThreadPoolExecutor

    web = both.web()

    def guess(number: int) -> int:
        client = TestClient(web, base_url=HOST, follow_redirects=False)
        return client.post("/signin", data={"key": f"gf_{number}"}, headers={"Origin": HOST}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, range(24)))
    assert codes.count(403) <= 5
    assert set(codes) == {403, 429}


def test_tries_are_forgotten(scene: Scene):
    guesses(Person(scene, "ada"))
    pass_time(scene, timedelta(days=1, seconds=1))
    guesses(Person(scene, "ada"), "gf_other")
    with scene.app.works.read() as connection:
        assert len(connection.execute(tables.signin_try.select()).all()) == 2


def test_a_browser_that_is_signed_out_uses_a_page_as_ever(scene: Scene):
    assert isinstance(scene.client(), Browser)
    assert "Sign in with a passkey" in Person(scene, "ada").client.get("/signin").text
