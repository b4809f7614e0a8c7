"""What a person sees in a browser where a call is turned away; and that programs get what they always got."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.responses import Response
from starlette.testclient import TestClient

from gardefou.web.console import queue
from gardefou.web.console.templates import PAGE_HEADERS
from tests.web.console_scene import HOST, Browser, Scene, make_scene
from tests.web.test_fit import statements

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Origin": HOST}
#: More than fit into a minute's allowance of one, however slow the machine is.
TRIES = 50
WROTE = "Sells watches.\nAgain & <again>."


def asked(browser: Browser, path: str, **headers: str) -> Any:
    return browser.client.get(path, headers={**BROWSER, **headers})


def until_too_often(browser: Browser, path: str, **headers: str) -> Any:
    for _ in range(TRIES):
        answer = asked(browser, path, **headers)
        if answer.status_code == 429:
            return answer
    raise AssertionError("it was never too often")


def fields(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {unescape(name): unescape(value) for name, value in found}


@pytest.fixture(scope="module")
def scene(databases, tmp_path_factory) -> Iterator[Scene]:
    with databases.fresh("sqlite") as url:
        yield make_scene(url, tmp_path_factory.mktemp("node"))


@pytest.fixture
def slow(sqlite_url, tmp_path) -> Scene:
    """An installation where each may ask for one page a minute."""
    return make_scene(sqlite_url, tmp_path, max_calls_each=1)


def test_a_page_too_many_says_when_and_leads_to_what_never_waits(slow: Scene):
    ada = slow.client("ada")
    answer = until_too_often(ada, "/accounts/sandbox/1001", Referer=f"{HOST}/queue")
    assert answer.headers["content-type"].startswith("text/html")
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert f"go on in {answer.headers['retry-after']} seconds" in answer.text
    links = set(re.findall(r'href="(/[^"]*)"', answer.text))
    assert {"/accounts/sandbox/1001", "/queue", "/restore/sandbox/1001", "/pause"} <= links
    for never_counted in ("/restore/sandbox/1001", "/pause"):
        assert asked(ada, never_counted).status_code == 200
    # Whoever was elsewhere finds an account's restore by its id.
    assert 'action="/restore"' in answer.text
    assert fields(answer.text)["platform"] == "sandbox"
    led = asked(ada, "/restore?platform=sandbox&account=30%2F01")
    assert (led.status_code, led.headers["location"]) == (303, "/restore/sandbox/30%2F01")
    assert asked(ada, "/restore").headers["location"] == "/accounts"
    # A page's own script is told in one line, as before.
    for script in ({"Sec-Fetch-Dest": "empty"}, {"HX-Request": "true"}):
        assert until_too_often(ada, "/queue", **script).headers["content-type"].startswith("text/plain")


def test_a_page_too_many_reads_who_asks_and_nothing_else(slow: Scene, monkeypatch: pytest.MonkeyPatch):
    ada = slow.client("ada")
    until_too_often(ada, "/queue")
    with statements(slow, monkeypatch) as made:
        until_too_often(ada, "/queue")
    reads = [one for one in made if one.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT"))]
    # The session, its person, that person's choices.
    assert len(reads) <= 6, reads


def test_a_form_too_many_is_kept_and_can_be_sent_again(slow: Scene):
    ada = slow.client("ada")
    csrf = ada.csrf
    wanted = {"key": "tone", "nets": "a b", "nothing": "", "because": WROTE}
    until_too_often(ada, "/queue")
    answers = (ada.client.post("/resume", data={"csrf": csrf, **wanted}, headers=BROWSER) for _ in range(TRIES))
    answer = next(one for one in answers if one.status_code == 429)
    assert 'action="/resume"' in answer.text
    assert {name: fields(answer.text).get(name) for name in wanted} == wanted
    assert fields(answer.text)["csrf"] == csrf
    # What would make the answer long is not carried.
    long = {"csrf": csrf, "because": "x" * 70_000}
    answers = (ada.client.post("/resume", data=long, headers=BROWSER) for _ in range(TRIES))
    answer = next(one for one in answers if one.status_code == 429)
    assert len(answer.content) < 10_000


def test_it_is_said_in_the_readers_language(slow: Scene):
    answer = until_too_often(slow.client("ada"), "/queue", **{"Accept-Language": "fr"})
    assert '<html lang="fr"' in answer.text
    assert "continuez dans" in answer.text
    assert "Ce qui n’attend jamais" in answer.text
    page = asked(slow.client(), "/nothing/here", **{"Accept-Language": "fr"}).text
    assert "Introuvable" in page
    assert "Il n’y a pas de page à cette adresse" in page


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing/here", 404, "http/not_found"),
        ("/static/nothing.css", 404, "http/not_found"),
        ("/signout", 405, "http/method"),
        ("/queue?queue=%00", 400, "input/invalid"),
    ],
)
def test_an_address_there_is_no_page_at_is_told_to_people_and_programs_each_in_their_way(
    scene: Scene, path: str, status: int, code: str
):
    browser = scene.client()
    page = asked(browser, path)
    assert (page.status_code, page.headers["gardefou-problem"]) == (status, code)
    assert {name: page.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert re.search(r"<h1>[A-Z].*</h1>", page.text)
    assert 'href="/"' in page.text
    said = browser.client.get(path)
    assert (said.status_code, said.headers["content-type"]) == (status, "application/problem+json")
    assert said.json()["code"] == code
    assert said.headers.get("allow") == page.headers.get("allow")


def test_the_api_speaks_json_to_browsers_too(scene: Scene):
    for path, status in (("/api/v1/nothing", 404), ("/api/v1/cases", 401)):
        answer = asked(scene.client(), path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_form_of_an_ended_session_shows_what_was_written_on_the_way_to_the_sign_in(scene: Scene):
    case = scene.report("3001")
    ada = scene.client("ada")
    sent = {"csrf": ada.csrf, "policy": "spam", "rationale": WROTE}
    ada.post("/signout")
    from_case = {**BROWSER, "Referer": f"{HOST}/cases/{case}"}
    answer = ada.client.post(f"/cases/{case}/decide", data=sent, headers=from_case)
    assert answer.status_code == 401
    assert "Sells watches.\nAgain &amp; &lt;again&gt;." in answer.text
    assert f'href="/signin?next=%2Fcases%2F{case}"' in answer.text
    assert sent["csrf"] not in answer.text
    # With nothing written there is nothing to keep; and another site's form is shown nowhere.
    bare = ada.client.post(f"/cases/{case}/decide", data={"csrf": "x", "policy": "spam"}, headers=from_case)
    assert (bare.status_code, bare.headers["location"]) == (303, f"/signin?next=%2Fcases%2F{case}")
    foreign = ada.client.post(
        f"/cases/{case}/decide", data=sent, headers={**from_case, "Origin": "https://elsewhere.example"}
    )
    assert foreign.status_code == 403
    assert "Sells watches" not in foreign.text


@pytest.mark.parametrize("signed_in", [True, False])
def test_while_the_store_does_not_answer_a_person_is_told_so_on_a_page(sqlite_url, tmp_path, monkeypatch, signed_in):
    def lost(*_: Any, **__: Any) -> Response:
        raise OperationalError("select", {}, Exception("gone"))

    def broken(*_: Any, **__: Any) -> Response:
        raise RuntimeError("a fault")

    monkeypatch.setattr(queue, "show", lost)
    scene = make_scene(sqlite_url, tmp_path)
    browser = Browser(TestClient(scene.web(), base_url=HOST, follow_redirects=False, raise_server_exceptions=False))
    if signed_in:
        browser.sign_in(scene.link("ada"))
    else:
        monkeypatch.setattr("gardefou.web.console.frame.by_session", lost)
        browser.client.cookies.set("gardefou", "a")
    page = asked(browser, "/queue")
    assert (page.status_code, page.headers["retry-after"]) == (503, "1")
    assert "The store does not answer now" in page.text
    assert 'href="/queue"' in page.text or not signed_in
    assert browser.client.get("/queue").json()["code"] == "store/unavailable"
    monkeypatch.setattr("gardefou.web.console.frame.by_session", broken)
    browser.client.cookies.set("gardefou", "a")
    page = asked(browser, "/pause")
    assert page.status_code == 500
    assert "Something is broken here" in page.text
    assert browser.client.get("/pause").json()["code"] == "internal/error"
