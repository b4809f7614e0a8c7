"""What one of us can do alone, and why something was stopped: over the API and in the console."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gardefou.web import examples_nets
from tests.web.console_scene import Scene, make_scene
from tests.web.test_console import decide
from tests.web.test_examples import same_shape


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def test_what_one_can_do_alone_has_the_shape_of_its_example(one_house):
    page = one_house.get("/nets/alone")
    assert page.status_code == 200
    same_shape(examples_nets.ALONE, page.json())
    assert all(promise["kept"] for promise in page.json()["promises"])


def test_an_explanation_says_what_is_outstanding_and_names_nobody(one_house):
    body = {
        "platform": "sandbox",
        "account": "9001",
        "action": "suspend",
        "policy": "spam",
        "rationale": "it is",
        "confirm": {"handle": "president", "identity": "9001"},
    }
    made = one_house.post("/enforcements", body, by="rea").json()
    why = one_house.get(f"/enforcements/{made['id']}/explanation")
    assert why.status_code == 200
    same_shape(examples_nets.EXPLANATION, why.json())
    assert why.json()["outstanding"][0].startswith("2 further people (lead or policy)")
    assert "pseudo-" not in why.text
    assert "Planted" not in why.text
    assert one_house.get("/enforcements/nope/explanation").status_code == 404


def test_a_proposal_is_answered_with_warnings(one_house):
    always = {
        "id": "always",
        "title": "Always",
        "because": "a test",
        "when": "account.reach >= 0",
        "mode": "shadow",
        "require": {"hold": "1h"},
    }
    answer = one_house.post("/nets/proposals", {"put": [always], "because": "a trial"}, by="pol")
    assert answer.status_code == 201, answer.text
    [one] = answer.json()["warnings"]
    assert (one["code"], one["net"]) == ("nets/always_holds", "always")
    same_shape(examples_nets.WARNING, one)


def test_the_page_says_what_one_of_us_can_do_alone(scene: Scene):
    page = scene.client("ada").get("/nets/alone")
    assert "Nobody alone can suspend, deactivate or delete a protected account" in page
    assert "needs 2 further people (lead or policy), of different teams" in page
    assert "not kept" not in page
    assert "/nets/alone" in scene.client("ada").get("/nets")


def test_an_enforcements_page_says_why_and_what_is_outstanding(scene: Scene):
    shown = scene.client("ada").get(f"/enforcements/{decide(scene, 'ada', '1001', 'suspend')}")
    assert "Outstanding" in shown
    assert re.search(r"It spoke because the account is protected", shown)
    assert "It would be silent if" in shown
