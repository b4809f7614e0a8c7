"""Confirming roles on the console and over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gardefou.flow.decide import enforce
from gardefou.flow.recertify import note_grants
from gardefou.flow.spec import Wanted
from tests.web.console_scene import PLATFORM, Scene, make_scene


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


def test_the_page_shows_what_lapses_soon_or_was_not_used_and_a_lead_confirms_what_is_ticked(scene: Scene):
    enforce(scene.app, scene.actor("ada"), Wanted(platform=PLATFORM, account="3001", action="suspend", policy="spam"))
    note_grants(scene.app)
    ada, dee, eve = (scene.staff[name].pseudonym for name in ("ada", "dee", "eve"))
    assert "nothing of it was used" not in scene.client("eve").get("/recertification"), "nobody can tell yet"
    scene.later(timedelta(days=31))
    page = scene.client("eve").get("/recertification")
    assert f'value="{ada}/reviewer"' not in page, "used, and confirmed until long"
    assert f'value="{dee}/reviewer"' in page
    assert "nothing of it was used" in page
    assert f'value="{eve}/' not in page, "one's own cannot be ticked"
    scene.later(timedelta(days=49))
    browser = scene.client("eve")
    page = browser.get("/recertification")
    assert f'value="{ada}/reviewer"' in page
    done = browser.follow("/recertification", answer="confirm", grant=[f"{ada}/reviewer", f"{dee}/reviewer"])
    assert "2 roles are confirmed" in done
    every = browser.get("/recertification?show=all")
    assert f"by {eve}" in every
    assert "Tick at least one" in browser.post("/recertification", 400, answer="confirm")
    assert "somebody else" in browser.post("/recertification", 403, answer="confirm", grant=f"{eve}/lead")


def test_one_click_takes_what_nobody_used_and_only_an_admin_has_it(scene: Scene):
    note_grants(scene.app)
    dee = scene.staff["dee"].pseudonym
    page = scene.client("eve").get("/recertification")
    assert "Take away what is ticked" not in page
    assert "power" in scene.client("eve").post("/recertification", 403, answer="take", grant=f"{dee}/reviewer")
    admin = scene.client("zoe")
    done = admin.follow("/recertification", answer="take", grant=f"{dee}/reviewer")
    assert "1 role was taken away" in done
    assert f'value="{dee}/reviewer"' not in done


def test_a_reviewer_reads_the_page_and_confirms_nothing(scene: Scene):
    note_grants(scene.app)
    browser = scene.client("ada")
    page = browser.get("/recertification?show=all")
    assert 'name="grant"' not in page
    ben = scene.staff["ben"].pseudonym
    browser.post("/recertification", 403, answer="confirm", grant=f"{ben}/lead")


def test_over_http_roles_are_listed_and_confirmed_by_pseudonym(house):
    note_grants(house.app)
    listed = house.get("/recertification", by="ona").json()["items"]
    assert {"staff": "pseudo-rea", "role": "reviewer"}.items() <= next(
        one for one in listed if one["staff"] == "pseudo-rea"
    ).items()
    body = {"grants": [{"staff": "pseudo-rea", "role": "reviewer"}], "because": "Still here."}
    done = house.post("/recertification", body, by="lea")
    assert done.status_code == 200, done.text
    assert done.json()["items"][0]["confirmed_by"] == "pseudo-lea"
    own = house.post("/recertification", {"grants": [{"staff": "pseudo-lea", "role": "lead"}]}, by="lea")
    assert (own.status_code, own.json()["code"]) == (403, "certify/own")
