"""Rolling a person back over HTTP and on the console: the preview, what is answered at once, progress and the report."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest

from gardefou.flow.decide import enforce
from gardefou.flow.due import run_due
from gardefou.flow.spec import Wanted
from gardefou.web import paging
from gardefou.web.api import rollbacks as api
from gardefou.web.console import rollbacks as pages
from tests.web.console_scene import PLATFORM, Scene, make_scene


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Scene:
    return make_scene(sqlite_url, tmp_path)


SPAN = {"by": "pseudo-lea", "since": "2026-03-02T08:00:00Z"}


@pytest.fixture
def locked(house):
    """The house after lea locked two accounts."""
    body = {"platform": "sandbox", "accounts": ["1001", "1002"], "action": "lock", "policy": "spam"}
    assert house.post("/enforcements/bulk", body).status_code == 201
    house.clock.advance(timedelta(minutes=1))
    return house


def test_a_dry_run_counts_by_action_and_names_what_is_in_the_way(locked):
    body = {"platform": "sandbox", "account": "1001", "action": "limit", "policy": "spam"}
    assert locked.post("/enforcements", body, by="rea").status_code == 201
    dry = locked.post("/rollbacks", {**SPAN, "dry_run": True}, by="ona").json()
    assert dry["actions"] == {"lock": 2}
    assert [(one["kind"], one["account"]) for one in dry["conflicts"]] == [("others_stand", "1001")]
    assert (dry["waits"], dry["running"]) == (0, None)


def test_more_than_is_done_before_the_answer_is_202_and_the_worker_does_it(locked, monkeypatch):
    monkeypatch.setattr(api, "INLINE", 1)
    begun = locked.post("/rollbacks", SPAN, by="ona")
    assert begun.status_code == 202, begun.text
    there = f"/rollbacks/{begun.json()['id']}"
    assert locked.get(there, by="ona").json()["counts"]["left"] == 2
    assert locked.post("/rollbacks", SPAN, by="rea").json()["id"] == begun.json()["id"], "asking again joins it"
    while run_due(locked.app):
        pass
    report = locked.get(there, by="ona").json()
    assert (report["state"], report["over"], report["counts"]["back"], report["asked_by"]) == (
        "done",
        True,
        2,
        "pseudo-ona",
    )
    assert {one["outcome"] for one in report["items"]} == {"back"}
    first = locked.get(f"{there}?limit=1", by="ona").json()
    second = locked.get(f"{there}?limit=1&cursor={first['next']}", by="ona").json()
    assert [one["account"] for one in (*first["items"], *second["items"])] == ["1001", "1002"]


def test_a_rollback_that_is_not_there_is_404(house):
    assert house.get("/rollbacks/none", by="ona").json()["code"] == "rollback/not_found"


def limited(scene: Scene, number: int) -> str:
    """Let ada limit that many accounts; return the path of her rollback."""
    for one in range(number):
        wanted = Wanted(platform=PLATFORM, account=f"300{one + 1}", action="suspend", policy="spam")
        enforce(scene.app, scene.actor("ada"), wanted)
    return f"/people/{scene.staff['ada'].pseudonym}/rollback"


def test_the_page_shows_what_is_in_the_way_then_how_it_goes_then_the_report(scene: Scene, monkeypatch):
    monkeypatch.setattr(pages, "_INLINE", 1)
    path, browser = limited(scene, 3), scene.client("dee")
    would = browser.post(path, 200, hours="24")
    assert "Nothing was done yet" in would
    where = browser.post(path, hours="24", sure="yes")
    assert where.startswith("/rollbacks/")
    page = browser.get(where)
    assert "1 of 3 accounts are done" in page
    assert "<progress" in page
    assert "not begun" in page
    assert "is under way" in scene.client("ben").post(path, 200, hours="24")
    scene.settle()
    page = browser.get(where)
    assert "3 accounts are back" in page
    assert "<progress" not in page
    table = list(csv.DictReader(io.StringIO(browser.get(f"{where}/report.csv"))))
    assert [one["outcome"] for one in table] == ["back"] * 3
    assert where in browser.get(f"/people/{scene.staff['ada'].pseudonym}")


def test_m9_on_the_last_day_the_page_offers_no_rollback_of_others(scene: Scene):
    path = limited(scene, 1)
    admin = scene.client("zoe")
    day = scene.app.now().date().isoformat()
    admin.post(f"/people/{scene.staff['dee'].pseudonym}/leave", last_day=day, zone="UTC")
    page = scene.client("dee").post(path, 200, hours="24")
    assert "Ask a colleague" in page
    assert "Roll it back now" not in page


def test_the_cursor_of_a_report_is_checked(scene: Scene):
    path, browser = limited(scene, 1), scene.client("dee")
    where = browser.post(path, hours="24", sure="yes")
    assert "This cursor is none of ours" in browser.get(f"{where}?cursor=x", 400)
    assert "Every account" in browser.get(f"{where}?cursor={paging.encode('0')}")
