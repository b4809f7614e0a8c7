"""The page of leavers and newcomers: what is lost now, what comes next and when, what they hold and did."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gardefou.domain.records import Staff
from gardefou.flow.change import propose
from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from tests.web.console_scene import PLATFORM, Scene, make_scene


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def row(page: str, who: str) -> str:
    """Return a person's row as text."""
    rows = [one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f">{who}<" in one]
    return " ".join(re.sub(r"<[^>]+>", " ", rows[0]).split()) if rows else ""


def leaves(scene: Scene, name: str, after: timedelta) -> str:
    last = (scene.app.now() + after).isoformat()
    propose(scene.app, scene.actor("zoe"), "leave", {"staff": scene.staff[name].id, "last_day": last})
    return scene.staff[name].pseudonym


def test_m9_a_leaver_stands_with_what_is_lost_now_and_next_what_they_hold_and_did(scene: Scene):
    for ref in ("3001", "3002"):
        enforce(scene.app, scene.actor("ada"), Wanted(platform=PLATFORM, account=ref, action="suspend", policy="spam"))
    case = scene.report("3003")
    scene.client("ada").post(f"/cases/{case}/claim")
    who = leaves(scene, "ada", timedelta(days=10))
    page = scene.client("dee").get("/leavers")
    seen = row(page, who)
    assert "notice given" in seen
    assert "approvals, tokens" in seen
    assert "everything but reading" in seen.partition("and then")[2]
    assert "1 claimed case" in seen
    assert "2 enforcements" in seen
    assert "Roll back" in seen
    assert "Roll back the last 7 days" in scene.client("dee").post(f"/people/{who}/rollback", 200, hours="168")
    assert "/leavers" in scene.client("dee").get("/people")


def test_m9_in_the_last_hour_the_page_says_reading_only_and_after_it_gone(scene: Scene):
    who = leaves(scene, "ada", timedelta(minutes=50))
    browser = scene.client("dee")
    seen = row(browser.get("/leavers"), who)
    assert "last hour" in seen
    assert "everything but reading" in seen
    scene.later(timedelta(minutes=51))
    scene.settle()
    page = browser.get("/leavers")
    assert row(page.partition("Gone in the last 30 days")[2], who)
    assert not row(page.partition("Gone in the last 30 days")[0], who)


def test_newcomers_stand_there_until_their_forty_five_days_are_over(scene: Scene):
    with scene.app.works.begin() as uow:
        eve = uow.need(Staff, "gardefou", scene.staff["eve"].id)
        fresh = replace(eve, started_at=uow.now - timedelta(days=44), version=eve.version + 1)
        uow.record("staff.roles_changed", by="system", puts=(fresh,))
    browser = scene.client("dee")
    assert row(browser.get("/leavers"), eve.pseudonym)
    scene.later(timedelta(days=2))
    assert not row(scene.client("dee").get("/leavers"), eve.pseudonym)


def test_m9_a_persons_page_says_what_goes_when(scene: Scene):
    who = leaves(scene, "ben", timedelta(days=10))
    page = scene.client("dee").get(f"/people/{who}")
    assert "What goes when" in page
    assert "everything but reading" in page
    powers = page.partition("What they may do")[2].partition("What goes when")[0]
    assert "not any more" in powers


def test_auditors_see_leavers_and_no_button(scene: Scene):
    enforce(scene.app, scene.actor("ada"), Wanted(platform=PLATFORM, account="3001", action="suspend", policy="spam"))
    who = leaves(scene, "ada", timedelta(days=3))
    with scene.app.works.begin() as uow:
        eve = uow.need(Staff, "gardefou", scene.staff["eve"].id)
        uow.record(
            "staff.roles_changed", by="system", puts=(replace(eve, roles=("auditor",), version=eve.version + 1),)
        )
    seen = row(scene.client("eve").get("/leavers"), who)
    assert "1 enforcement" in seen
    assert "Roll back" not in seen
