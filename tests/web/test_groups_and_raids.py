"""Raid mode, top-ups and answers for a group, through every door: API, console, command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gardefou.flow.decide import enforce
from gardefou.flow.spec import Wanted
from gardefou.people.authenticate import by_staff, note_strong
from gardefou.web import examples
from tests.cli.conftest import Shell
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.house import House
from tests.web.test_examples import same_shape

_BURST = 63


def burst(world: House | Scene, staff_id: str) -> list[str]:
    """Suspend more than a budget allows, as one person; return the ids of what waits."""
    app, waiting = world.app, []
    for number in range(_BURST):
        world.sandbox.put_account(f"b{number}", handle=f"burst {number}", reach=5)
        with app.works.read() as connection:
            actor = by_staff(connection, staff_id, now=app.now(), via="console")
        made = enforce(app, actor, Wanted(platform=PLATFORM, account=f"b{number}", action="suspend", policy="spam"))
        if made.state == "waiting":
            waiting.append(made.id)
    return waiting


# API -----------------------------------------------------------------------------------


def test_a_raid_is_called_renewed_and_ended_over_the_api(one_house: House):
    assert one_house.get("/raid").json() == {"raid": False, "until": None, "items": []}
    assert one_house.post("/raid", {"because": "a wave"}, by="rea").status_code == 403
    called = one_house.post("/raid", {"because": "a wave"})
    assert called.status_code == 201
    same_shape(examples.ANSWERS["POST /raid"][201], called.json())
    same_shape(examples.ANSWERS["GET /raid"][200], one_house.get("/raid").json())
    assert one_house.get("/raid").json()["items"][0]["by"] == "pseudo-lea"
    again = one_house.post("/raid", {"because": "a wave"})
    assert (again.status_code, again.json()["code"]) == (409, "raid/on")
    ended = one_house.post("/raid/end", by="ona")
    same_shape(examples.ANSWERS["POST /raid/end"][200], ended.json())
    assert one_house.post("/raid/end", by="ona").json()["code"] == "raid/off"


def test_a_group_is_listed_answered_at_once_and_the_budget_topped_up_over_the_api(one_house: House):
    waiting = burst(one_house, one_house.people["rea"].id)
    [group] = one_house.get("/enforcements/groups").json()["items"]
    same_shape(examples.ANSWERS["GET /enforcements/groups"][200]["items"][0], group)
    assert (group["kind"], group["placed_by"], group["reach"]) == ("budget", "pseudo-rea", 15)
    assert [one["enforcement"] for one in group["enforcements"]] == waiting
    assert one_house.post("/staff/pseudo-rea/top-up", by="rea").status_code == 403
    assert one_house.post("/staff/pseudo-lea/top-up").json()["code"] == "budget/own"
    topped = one_house.post("/staff/pseudo-rea/top-up")
    assert topped.status_code == 201
    same_shape(examples.ANSWERS["POST /staff/{id}/top-up"][201], topped.json())
    assert one_house.post("/staff/pseudo-rea/top-up").json()["code"] == "budget/topped"
    answers = [{**one, "answer": "yes"} for one in group["enforcements"]]
    answers.append({"enforcement": "nothing", "digest": "0", "answer": "yes"})
    items = one_house.post("/enforcements/approvals", {"approvals": answers}).json()["items"]
    assert [one["result"]["state"] if one["result"] else one["error"]["code"] for one in items] == [
        *["in_force"] * 3,
        "enforcement/not_found",
    ]
    assert one_house.get("/enforcements/groups").json()["items"] == []


# the command line ----------------------------------------------------------------------


@pytest.fixture
def told(one_house: House, tmp_path) -> tuple[House, Shell]:
    """An installation whose clock stands where the command line's does, and its command line."""
    one_house.clock.advance_to(datetime.now(UTC))
    return one_house, Shell(tmp_path, {"GARDEFOU_DATABASE_URL": one_house.app.works.store.url})


def sign_in(house: House, name: str) -> str:
    """Sign a person in strongly now; return their token."""
    with house.app.works.begin() as uow:
        note_strong(uow.connection, house.people[name].id, uow.now)
    return house.tokens[name]


def test_a_group_is_answered_by_ids_or_by_whose_budget_it_is(told):
    house, shell = told
    first, second, third = burst(house, house.people["rea"].id)
    token = sign_in(house, "lea")
    [group] = shell.json("enforcement", "groups", token=token)["groups"]
    assert group["enforcements"] == [first, second, third]
    assert "--by pseudo-rea --waiting budget" in shell.text("enforcement", "groups", token=token)
    assert shell.error("enforcement", "approve", first, "--group", "x", token=token).endswith("[cli/group]")
    assert shell.error("enforcement", "approve", "--by", "pseudo-rea", token=token).endswith("[cli/group]")
    assert shell.error("enforcement", "approve", token=token).endswith("[cli/group]")
    assert shell.error("enforcement", "approve", first, second, "--digest", "0" * 8, token=token).endswith(
        "[cli/group]"
    )
    assert shell.error("enforcement", "refuse", "--group", "none", token=token).endswith("[enforcement/no_group]")
    own = shell.run("enforcement", "approve", first, second, "--json", status=1, token=house.tokens["rea"])
    assert '"approval/own"' in own.stdout
    both = shell.json("enforcement", "approve", first, second, token=token)
    assert (both["answered"], both["errors"]) == (2, 0)
    assert {one["state"] for one in both["items"]} == {"in_force"}
    rest = shell.text("enforcement", "refuse", "--by", "pseudo-rea", "--waiting", "budget", token=token)
    assert "1 answered with no: 1 refused" in rest
    again = shell.run("enforcement", "approve", first, third, status=1, token=token)
    assert "0 answered with yes" in again.stdout
    assert "enforcement/state" in again.stdout


def test_raid_and_top_up_ask_for_a_fresh_sign_in_on_the_command_line(told):
    house, shell = told
    token = house.tokens["lea"]
    assert shell.json("raid", "show", token=token) == {"raid": False, "until": None, "items": []}
    assert shell.error("raid", "start", "--because", "a wave", token=token).endswith("[auth/step_up]")
    assert shell.error("raid", "end", token=token).endswith("[raid/off]")
    assert shell.error("staff", "top-up", "pseudo-rea", token=token).endswith("[auth/step_up]")
    assert shell.error("staff", "top-up", "nobody", token=token).endswith("[staff/not_found]")
    sign_in(house, "lea")
    assert shell.json("staff", "top-up", "pseudo-rea", token=token)["staff"] == "pseudo-rea"
    started = shell.json("raid", "start", "--because", "a wave", token=token)
    assert (started["raid"], started["items"][0]["by"]) == (True, "pseudo-lea")
    assert "a wave" in shell.text("raid", "show", token=token)
    assert shell.json("raid", "end", token=house.tokens["ona"])["raid"] is False
    assert "off" in shell.text("raid", "show", token=token)


# the console ---------------------------------------------------------------------------


@pytest.fixture
def scene(sqlite_url, tmp_path) -> Iterator[Scene]:
    made = make_scene(sqlite_url, tmp_path)
    yield made
    made.app.works.store.close()


def test_the_pause_page_turns_raid_mode_on_and_off(scene: Scene):
    assert "A lead turns it on" in scene.client("ada").get("/pause")
    browser = scene.client("ben")
    page = browser.follow("/raid", because="new accounts, one link")
    assert "Raid mode is on" in page
    assert "new accounts, one link" in page
    assert "Renew for 60 minutes" not in page
    assert scene.staff["ben"].pseudonym in page
    over = scene.client("ada").follow("/raid/end")
    assert "Raid mode is off" in over


def test_one_screen_answers_for_a_burst_and_tops_the_budget_up(scene: Scene):
    burst(scene, scene.staff["ada"].id)
    browser = scene.client("ben")
    page = browser.get("/enforcements")
    assert "Beyond a budget: 3 accounts" in page
    assert "Yes to all 3" in page
    assert "A lead beyond 60 suspensions an hour" in page
    pseudonym = scene.staff["ada"].pseudonym
    page = browser.follow("/enforcements/top-up", staff=pseudonym)
    assert "Twice the budget for 60 minutes" in page
    assert "has twice the budget until" in page
    fields = dict(re.findall(r'type="hidden" name="(kind|key|digest)" value="([^"]*)"', page))
    assert fields["key"] == pseudonym
    browser.post("/enforcements/group", 409, **{**fields, "digest": "0" * 64}, answer="yes")
    done = browser.follow("/enforcements/group", **fields, answer="yes", note="looked")
    assert "3 enforcements answered" in done
    assert "Beyond a budget" not in done
    assert all("suspended" in scene.state(f"b{number}") for number in range(60, 63))


def test_whoever_placed_the_burst_is_offered_neither(scene: Scene):
    burst(scene, scene.staff["ada"].id)
    page = scene.client("ada").get("/enforcements")
    assert "Beyond a budget" in page
    assert "Yes to all" not in page
    assert "Top up the budget" not in page
