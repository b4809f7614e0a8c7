"""Shut doors and failed sign-ins are logged, and what browsers are told about staying safe."""

from __future__ import annotations

import logging

import pytest
from starlette.testclient import TestClient

from tests.web.console_scene import HOST, make_scene

pytestmark = pytest.mark.network_loopback


@pytest.fixture
def scene(sqlite_url, tmp_path):
    made = make_scene(sqlite_url, tmp_path)
    yield made
    made.app.works.store.close()


def test_a_shut_door_is_logged_with_its_route_and_reason(scene, caplog):
    caplog.set_level(logging.WARNING)
    browser = scene.client("ada")
    browser.post("/raid", 403, because="A test.")
    browser.client.get("/api/v1/cases/secret-id")
    assert "denied: POST /raid (auth/forbidden)" in caplog.messages
    assert any(one.startswith("denied: GET ") and "(auth/missing)" in one for one in caplog.messages)
    assert "secret-id" not in caplog.text


def test_a_failed_sign_in_is_logged_without_what_was_tried(scene, caplog):
    caplog.set_level(logging.WARNING)
    scene.client().client.post("/signin", data={"key": "gf_guessed-at"}, headers={"Origin": HOST})
    assert "a sign-in failed (auth/invalid)" in caplog.messages
    assert "gf_guessed-at" not in caplog.text


def test_over_https_every_answer_says_that_it_is_to_stay_so(scene):
    for base, says in (("https://gardefou.example", "max-age=31536000; includeSubDomains"), (HOST, None)):
        client = TestClient(scene.web(), base_url=base, follow_redirects=False)
        for path in ("/signin", "/healthz", "/api/v1/me", "/static/console.css", "/nowhere"):
            assert client.get(path).headers.get("strict-transport-security") == says


def test_no_answer_invites_another_origin(scene):
    client = TestClient(scene.web(), base_url=HOST, follow_redirects=False)
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS", "TRACE"):
        for path in ("/api/v1/cases", "/signin", "/healthz"):
            answer = client.request(method, path, headers=asked)
            assert not [name for name in answer.headers if name.startswith("access-control")]
            if method == "TRACE":
                assert answer.status_code == 405


def test_a_fault_tells_the_caller_nothing(scene, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("the inside")

    monkeypatch.setattr("gardefou.web.api.staff.revealings_of", broken)
    client = TestClient(scene.web(), base_url=HOST, raise_server_exceptions=False)
    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {scene.token('ben')}"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal/error"
    assert "inside" not in answer.text
    # Not even this answer goes out without what every answer carries.
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
