"""Restoring from a link: what is said beforehand, one button, what is said afterwards; it never waits."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gardefou.clock import SimulatedClock
from gardefou.flow.change import pause, propose
from gardefou.flow.watch import watch
from gardefou.people.authenticate import start_session
from gardefou.platforms.protocol import PlatformRefused, PlatformUnreachable
from tests.web.console_scene import HOST, Scene, make_scene
from tests.web.test_enforcement_pages import place

LINK = "/restore/sandbox/3001"


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Iterator[Scene]:
    made = make_scene(sqlite_url, tmp_path)
    yield made
    made.app.works.store.close()


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_link_says_who_it_is_what_comes_back_and_what_is_lost(scene: Scene):
    place(scene, "ada", "3001")
    place(scene, "ada", "3001", "deactivate")
    page = scene.client("dee").get(LINK)
    assert page.count("<h1") == 1
    assert page.count('class="first big"') == 1
    assert "Restore @cheap_watches_1 now" in page
    said = text(page)
    assert "12 followers" in said
    assert "Suspend @cheap_watches_1" in said
    assert "Lifted. Everything comes back as it was." in said
    assert "Deactivate @cheap_watches_1" in said


def test_what_is_lost_what_waits_and_what_the_law_demands_is_said_before_and_after(scene: Scene):
    with scene.app.works.begin() as uow:
        lawyer = replace(scene.staff["ada"], id="staff-lex", pseudonym="lex", roles=("legal",), version=1)
        uow.record("staff.added", by="system", about=lawyer.id, puts=(lawyer,))
        start_session(uow, lawyer.id, strong=True)
    scene.staff["lex"] = lawyer
    place(scene, "ada", "3001")
    demanded = place(scene, "lex", "3001", "limit", legal_basis="court_order")
    assert demanded.state == "in_force", demanded.because
    page = scene.client("dee").get(LINK)
    assert "Demanded by law: stays until two people agree, one of them legal." in page
    done = scene.client("dee").follow(LINK, because="A mistake.")
    assert "This waits for another person" in done
    assert "The platform showed it at" in done
    assert "The platform shows still" in done
    assert scene.state("3001") == {"limited"}


def test_right_after_signing_in_by_key_the_link_opens(scene: Scene):
    place(scene, "ada", "3001")
    browser = scene.client()
    sent = browser.client.get(f"{LINK}?incident=x").headers["location"]
    assert sent.startswith("/signin?next=%2Frestore%2Fsandbox%2F3001")
    carried = re.search(r'name="next" value="([^"]+)"', browser.get(sent))
    assert carried is not None
    answer = browser.client.post(
        "/signin", data={"key": scene.key("dee"), "next": carried[1]}, headers={"Origin": HOST}
    )
    assert answer.headers["location"] == f"{LINK}?incident=x"
    assert "Restore @cheap_watches_1 now" in browser.get(answer.headers["location"])


def test_afterwards_the_second_and_the_milliseconds_are_on_record(scene: Scene):
    place(scene, "ada", "3001")
    done = scene.client("dee").follow(LINK)
    assert re.search(r"The platform showed it at \d\d:\d\d:\d\d, [\d,]+ ms after your click\.", done)
    assert "Nothing is missing." in done
    assert "Undone." in text(done)
    assert scene.state("3001") == frozenset()
    colleague = scene.client("ada").get(done_at(scene))
    assert f"after the click of {scene.staff['dee'].pseudonym}" in colleague


def done_at(scene: Scene) -> str:
    page = scene.client("ada").get(LINK)
    found = re.search(rf'href="({LINK}\?did=[0-9a-f-]+)"', page)
    assert found is not None
    return found[1]


def test_the_milliseconds_count_the_reading_of_the_platform_before_it_is_placed(scene: Scene, monkeypatch: Any):
    place(scene, "ada", "3001")
    read, clock = scene.sandbox.read_state, scene.clock
    assert isinstance(clock, SimulatedClock)

    def slowly(*given: Any, **more: Any) -> Any:
        clock.advance(timedelta(milliseconds=150))
        return read(*given, **more)

    monkeypatch.setattr(scene.sandbox, "read_state", slowly)
    done = scene.client("dee").follow(LINK)
    took = re.search(r"([\d,]+) ms after your click", done)
    assert took is not None
    assert int(took[1].replace(",", "")) >= 300


# it never waits ----------------------------------------------------------------------------


def test_a_pause_does_not_hold_it_up(scene: Scene):
    place(scene, "ada", "3001")
    pause(scene.app, scene.actor("eve"), "A script runs wild.")
    assert "The platform showed it at" in scene.client("dee").follow(LINK)
    assert scene.state("3001") == frozenset()


def test_an_old_sign_in_is_no_reason_to_ask_again(scene: Scene):
    place(scene, "ada", "3001")
    browser = scene.client("dee")
    scene.later(timedelta(hours=2))
    assert "The platform showed it at" in browser.follow(LINK)


def test_a_page_that_is_behind_does_what_can_be_done_now(scene: Scene):
    held = place(scene, "ada", "1001")
    browser = scene.client("dee")
    assert "Withdrawn. Nothing was done yet, and nothing will be." in browser.get("/restore/sandbox/1001")
    for name in ("ben", "cyd"):
        scene.client(name).post(f"/enforcements/{held.id}/answer", digest=held.digest, answer="yes")
    scene.later(timedelta(minutes=31))
    assert scene.state("1001") == {"suspended"}
    assert "The platform showed it at" in browser.follow("/restore/sandbox/1001")
    assert scene.state("1001") == frozenset()


def test_two_clicks_at_once_show_one_restore(scene: Scene):
    place(scene, "ada", "3001")
    browsers = [scene.client("dee"), scene.client("ben")]
    tokens = [browser.csrf for browser in browsers]
    went: list[str] = []

    def click(browser: Any, csrf: str) -> None:
        answer = browser.client.post(LINK, data={"csrf": csrf}, headers={"Origin": HOST})
        went.append(answer.headers["location"])

    threads = [threading.Thread(target=click, args=given) for given in zip(browsers, tokens, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(went) == 2
    assert len({one.split("did=")[1].split("&")[0] for one in went}) == 1
    again = scene.client("dee").follow(LINK)
    assert "It was restored already" in again
    assert "The platform showed it at" in again


def test_where_nothing_stands_it_says_so(scene: Scene):
    browser = scene.client("dee")
    page = browser.get("/restore/sandbox/3003")
    assert "Nothing of ours stands on it." in page
    assert "Restore all the same" in page
    assert "There was nothing to lift" in browser.follow("/restore/sandbox/3003")
    assert "knows no account" in browser.get("/restore/sandbox/0", 404)


def test_a_change_behind_our_back_is_taken_back_by_the_same_button(scene: Scene):
    scene.sandbox.put_account("1001", handle="president", reach=41_000_000, measures=("suspended",))
    watch(scene.app)
    page = scene.client("dee").get("/restore/sandbox/1001")
    assert "Changed without us; it goes off." in page
    scene.client("dee").follow("/restore/sandbox/1001")
    assert scene.state("1001") == frozenset()


def test_a_platform_that_is_down_keeps_trying_and_the_page_says_so(scene: Scene, monkeypatch: Any):
    place(scene, "ada", "3001")

    def down(_operation: object) -> None:
        raise PlatformUnreachable("connection refused")

    monkeypatch.setattr(scene.sandbox, "undo", down)
    done = scene.client("dee").follow(LINK)
    assert "On its way: @cheap_watches_1" in done
    assert "data-moving" in done
    monkeypatch.undo()
    scene.later(timedelta(seconds=30))
    assert scene.state("3001") == frozenset()
    assert "after your click" in scene.client("dee").get(done_at(scene))


def test_a_refusal_of_the_platform_is_said_and_the_button_stays(scene: Scene, monkeypatch: Any):
    place(scene, "ada", "3001")

    def refuse(_operation: object) -> None:
        raise PlatformRefused("not this one")

    monkeypatch.setattr(scene.sandbox, "undo", refuse)
    done = scene.client("dee").follow(LINK)
    assert "Not restored: @cheap_watches_1" in done
    assert "not this one" in done
    assert 'class="first big"' in done


def test_over_the_hours_number_the_page_says_beforehand_that_another_must_agree(scene: Scene):
    for number in range(21):
        scene.sandbox.put_account(f"r{number}", handle=f"r{number}", reach=1)
        place(scene, "ada", f"r{number}")
    browser = scene.client("dee")
    for number in range(20):
        browser.post(f"/restore/sandbox/r{number}")
    assert "one other person must agree first" in browser.get("/restore/sandbox/r20")
    assert "one other person must agree first" not in scene.client("ben").get("/restore/sandbox/r20")
    waits = browser.follow("/restore/sandbox/r20")
    assert "This waits for another person" in waits
    assert "It takes 1 further person" in waits


def test_whoever_may_only_read_is_told_whom_to_ask(scene: Scene):
    place(scene, "ada", "3001")
    browser = scene.client("dee")
    propose(scene.app, scene.actor("zoe"), "role", {"staff": "staff-dee", "remove": ["reviewer"]})
    page = browser.get(LINK)
    assert "Ask anyone on duty." in page
    assert 'class="first big"' not in page
    browser.post(LINK, 403)
    assert scene.state("3001") == {"suspended"}


def test_an_alert_may_name_the_incident(scene: Scene):
    place(scene, "ada", "3001")
    scene.client("dee").follow(LINK)
    incident = re.search(r"/incidents/([0-9a-f-]{36})", scene.client("dee").get("/incidents"))
    assert incident is not None
    place(scene, "ben", "3001", "limit")
    page = scene.client("dee").get(f"{LINK}?incident={incident[1]}")
    assert f'name="incident" value="{incident[1]}"' in page
    assert f"/incidents/{incident[1]}" in page
    done = scene.client("dee").follow(LINK, incident=incident[1])
    assert f"/incidents/{incident[1]}" in done
    assert "From an incident" not in scene.client("dee").get("/restore/sandbox/3002?incident=" + incident[1])
