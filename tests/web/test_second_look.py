"""M3: until a blind second look is given, no surface says what the first verdict was, or whose."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gardefou.flow.cases import claim
from gardefou.flow.decide import ActionWish, decide
from gardefou.nets.load import load
from gardefou.people.authenticate import by_staff
from tests.cli.conftest import Shell
from tests.web.console_scene import PLATFORM, Scene, make_scene
from tests.web.house import House

_NETS = """
[[net]]
id = "blind-look"
title = "A look that knows nothing of the first"
because = "two who see the same are asked twice"
when = 'action.severity >= 3'
[net.require]
approvals = 1
from = ["lead", "policy"]
blind = true
notify = ["oncall"]

[[net]]
id = "budget"
title = "A budget of none"
because = "so that there is an incident of a burst"
when = 'action.severity > 0 and recent.actor_1h.all + action.bulk > 0'
[net.require]
notify = ["oncall"]
"""
RATIONALE, POLICY = "because-of-the-first", "policy-of-the-first"


def put_nets(app: Any) -> None:
    from gardefou.domain.records import NetsVersion

    nets = load(_NETS, "test")
    with app.works.begin() as uow:
        made = NetsVersion(
            id=uow.ids.new(), name="test", digest=nets.digest, toml=nets.to_toml(), at=uow.now, by="system"
        )
        uow.record("nets.changed", by="system", about=made.id, puts=(made,))


def first_look(app: Any, staff_id: str, case: str) -> Any:
    """Decide a case as the first one does."""
    with app.works.read() as connection:
        actor = by_staff(connection, staff_id, now=app.now(), via="console")
    claim(app, actor, case)
    made = decide(
        app, actor, case, policy=POLICY, rationale=RATIONALE, actions=[ActionWish(action="suspend", until=None)]
    )
    assert made.enforcements[0].state == "waiting"
    return made.enforcements[0]


def says_nothing(text: str, proposer: str) -> None:
    for word in (RATIONALE, POLICY, proposer, "suspend"):
        assert word not in text, f"{word!r} in {text[:3000]}"


@pytest.fixture
def looked(one_house: House) -> tuple[House, Any]:
    put_nets(one_house.app)
    case = one_house.report("1002").json()["case"]
    return one_house, first_look(one_house.app, one_house.people["rea"].id, case)


def test_m3_no_answer_of_the_api_says_it(looked):
    house, made = looked
    house.app.sequencer.integrate_all()
    incidents = house.get("/incidents").json()["items"]
    assert incidents, "there is an incident to look at"
    shown = [
        "/enforcements",
        "/enforcements?state=waiting",
        "/enforcements?action=suspend",
        f"/enforcements/{made.id}",
        "/enforcements/groups",
        f"/cases/{made.case_id}",
        "/cases?state=closed",
        "/accounts/sandbox/1002",
        *(f"/incidents/{one['id']}" for one in incidents if made.account in one["accounts"]),
    ]
    for path in shown:
        answer = house.get(path)
        assert answer.status_code == 200, answer.text
        says_nothing(answer.text.replace("?action=suspend", ""), "pseudo-rea")
    assert house.get(f"/enforcements/{made.id}").json()["says"] == "A second look is needed."
    assert house.get("/enforcements?action=suspend").json()["items"] == []
    refused = house.get(f"/enforcements/{made.id}/proof")
    assert (refused.status_code, refused.json()["code"]) == (403, "enforcement/second_look")
    for one in incidents:
        assert made.account not in one["accounts"]


def test_m3_after_answering_all_of_it_is_shown_and_whoever_placed_it_always_saw_it(looked):
    house, made = looked
    assert house.get(f"/enforcements/{made.id}", by="rea").json()["rationale"] == RATIONALE
    wanting = house.post(f"/enforcements/{made.id}/approvals", {"digest": made.digest, "answer": "yes"})
    assert wanting.json()["code"] == "approval/own_answer"
    given = {"digest": made.digest, "answer": "yes", "own_answer": "I would suspend it."}
    after = house.post(f"/enforcements/{made.id}/approvals", given)
    assert after.status_code == 201
    assert after.json()["rationale"] == RATIONALE
    assert RATIONALE in house.get(f"/cases/{made.case_id}").text
    assert house.get(f"/enforcements/{made.id}/proof").status_code == 200


def test_m3_what_people_on_duty_are_told_does_not_say_it(looked):
    import sqlalchemy as sa

    from gardefou.storage import tables

    house, made = looked
    with house.app.works.read() as connection:
        told = connection.execute(
            sa.select(tables.event.c.body).where(tables.event.c.kind == "alert.raised", tables.event.c.about == made.id)
        ).all()
    assert told
    for row in told:
        says_nothing(row.body.decode(), house.people["rea"].id)


def test_m3_no_command_says_it(looked, tmp_path):
    house, made = looked
    url = str(house.app.works.store.url) if hasattr(house.app.works.store, "url") else ""
    shell = Shell(tmp_path, {"GARDEFOU_DATABASE_URL": url})
    token = house.tokens["lea"]
    commands = [
        ("enforcement", "list"),
        ("enforcement", "show", made.id),
        ("enforcement", "groups"),
        ("nets", "explain", made.id),
        ("case", "show", made.case_id),
        ("account", "show", "sandbox/1002"),
        ("incident", "list"),
    ]
    for words in commands:
        for more in ((), ("--json",)):
            says_nothing(shell.run(*words, *more, token=token).output, "pseudo-rea")
    assert "second_look" in shell.error("enforcement", "proof", made.id, token=token)


# the console ---------------------------------------------------------------------------


@pytest.fixture
def scene(sqlite_url, tmp_path):
    made = make_scene(sqlite_url, tmp_path)
    yield made
    made.app.works.store.close()


def test_m3_no_page_says_it_until_it_is_given(scene: Scene):
    put_nets(scene.app)
    case = scene.report("3001")
    made = first_look(scene.app, scene.staff["ada"].id, case)
    scene.settle()
    browser = scene.client("ben")
    proposer = scene.staff["ada"].pseudonym
    pages = [
        "/",
        "/enforcements",
        f"/enforcements/{made.id}",
        f"/cases/{case}",
        f"/accounts/{PLATFORM}/3001",
        "/incidents",
        *(f"/incidents/{found}" for found in re.findall(r"/incidents/([0-9a-f-]{36})", browser.get("/incidents"))),
    ]
    for page in pages:
        text = browser.get(page)
        for word in (RATIONALE, POLICY, "policy of the first"):
            assert word not in text, (word, page)
        if not page.startswith(("/incidents", "/accounts")):
            assert proposer not in text, page
        if "3001" in page:
            assert proposer not in text, page
    assert "A second look is needed" in browser.get(f"/enforcements/{made.id}")
    given = {"digest": made.digest, "answer": "yes", "own_answer": "I would stop it.", "note": ""}
    after = browser.follow(f"/enforcements/{made.id}/answer", **given)
    assert RATIONALE in after
    assert proposer in browser.get(f"/cases/{case}")
