"""Names on the console and over HTTP: revealed, read, found, erased; and told to whose they are (R19)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from gardefou.domain.records import Enforcement
from gardefou.flow.approve import Answer, approve
from gardefou.flow.change import propose
from gardefou.flow.execute import advance
from gardefou.people.authenticate import start_session
from gardefou.people.directory import Entry
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from tests.web.console_scene import Scene, make_scene

NAME, EMAIL = "Zoë <Canarybird>", "zoe@canary.example"


@pytest.fixture
def named(sqlite_url, tmp_path) -> Iterator[Scene]:
    scene = make_scene(sqlite_url, tmp_path)
    with scene.app.works.begin() as uow:
        legal = replace(
            scene.staff["eve"], id="staff-lex", pseudonym="lex-icon", roles=("legal",), team="law", version=1
        )
        uow.record("staff.added", by="system", about=legal.id, puts=(legal,))
        start_session(uow, legal.id, strong=True)
        scene.staff["lex"] = legal
        scene.app.directory.put(uow.connection, Entry(staff_id="staff-ada", name=NAME, email=EMAIL))
    yield scene
    scene.app.works.store.close()


def waiting(scene: Scene, which: str = "") -> Enforcement:
    table = tables.enforcement.c
    with scene.app.works.read() as connection:
        found = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement).where(table.state == "waiting", table.action == "change"),
        )
    chosen = [one for one in found if not which or one.id == which]
    assert len(chosen) == 1
    return chosen[0]


def agree(scene: Scene, name: str, which: str = "") -> None:
    change = waiting(scene, which)
    answered = approve(scene.app, scene.actor(name), Answer(enforcement=change.id, digest=change.digest, answer="yes"))
    advance(scene.app, answered.id)


def test_r19_a_name_is_asked_for_with_a_reason_shown_once_it_is_revealed_and_its_owner_told(named):
    ada = named.staff["ada"].pseudonym
    path = f"/people/{quote(ada)}"
    lex, ben, own = named.client("lex"), named.client("ben"), named.client("ada")
    assert "Ask for the name" in lex.get(path)
    assert "Ask for the name" not in ben.get(path)
    assert "revealed to nobody" in own.get("/me")
    lex.post(f"{path}/reveal", 400, because="")
    assert lex.post(f"{path}/reveal", because="A court asks.").startswith("/enforcements/")
    assert "sealed" in lex.post(f"{path}/name", 403)
    agree(named, "ben")
    assert "Show the name" in lex.get(path)
    shown = lex.post(f"{path}/name", 200)
    assert "Zoë &lt;Canarybird&gt;" in shown
    assert EMAIL in shown
    assert "anarybird" not in lex.get(path)
    assert "needs the power" in ben.post(f"{path}/name", 403)
    told = own.get("/me")
    assert "lex-icon" in told
    assert "A court asks." in told
    assert "read 1 time" in told
    named.later(timedelta(days=1, seconds=1))
    assert "sealed" in named.client("lex").post(f"{path}/name", 403)


def test_r19_the_page_that_shows_a_name_is_kept_by_no_browser(named):
    lex, path = named.client("lex"), f"/people/{quote(named.staff['ada'].pseudonym)}"
    lex.post(f"{path}/reveal", because="A court asks.")
    agree(named, "ben")
    good = lex.client.post(f"{path}/name", data={"csrf": lex.csrf}, headers={"Origin": str(lex.client.base_url)})
    assert good.headers["cache-control"] == "no-store"


def test_r19_who_adds_people_finds_one_by_whole_name_or_address_and_no_address_bar_holds_it(named):
    zoe, ben = named.client("zoe"), named.client("ben")
    ada = quote(named.staff["ada"].pseudonym)
    assert "Find by name or address" in zoe.get("/people")
    assert "Find by name or address" not in ben.get("/people")
    for text in ("zoë <canarybird>", "<CANARYBIRD> Zoe", EMAIL):
        assert zoe.post("/people/search", who=text) == f"/people/{ada}?done=found"
    for text in ("Zoë", "canary.example", "zoe@"):
        assert zoe.post("/people/search", who=text) == "/people?done=nobody"
    assert "anarybird" not in zoe.get(f"/people/{ada}?done=found") + zoe.get("/people?done=nobody")
    ben.post("/people/search", 403, who=EMAIL)


def test_r19_a_leavers_name_is_erased_from_their_page_by_three(named):
    zoe, path = named.client("zoe"), f"/people/{quote(named.staff['ada'].pseudonym)}"
    assert "Ask to erase" not in zoe.get(path)
    zoe.post(f"{path}/off", sure="yes")
    assert "Ask to erase" in zoe.get(path)
    assert "Tick that you are sure" in zoe.post(f"{path}/erase", 400)
    assert zoe.post(f"{path}/erase", sure="yes", because="Left.").startswith("/enforcements/")
    agree(named, "ben")
    agree(named, "cyd")
    named.later(timedelta(hours=1))
    with named.app.works.read() as connection:
        assert named.app.directory.get(connection, "staff-ada") is None
    assert zoe.post("/people/search", who=EMAIL) == "/people?done=nobody"


def test_over_http_a_person_is_found_and_one_is_told_that_ones_name_was_revealed(house):
    rea = house.people["rea"]
    found = house.post("/staff/search", {"name": "planted REA name"}, by="ada")
    assert found.json()["found"]["id"] == rea.pseudonym
    assert house.post("/staff/search", {"name": "Rea"}, by="leg").json() == {"found": None}
    assert house.post("/staff/search", {"name": "Rea"}, by="lea").status_code == 403
    assert house.post("/staff/search", {}, by="ada").json()["code"] == "staff/search"
    assert house.get("/me", by="rea").json()["name_revealed"] == []
    change = propose(house.app, _person(house, "leg"), "reveal", {"staff": rea.id, "because": "A court asks."})
    answer = Answer(enforcement=change.id, digest=change.digest, answer="yes")
    advance(house.app, approve(house.app, _person(house, "lea"), answer).id)
    house.get(f"/staff/{rea.pseudonym}/name", by="leg")
    (told,) = house.get("/me", by="rea").json()["name_revealed"]
    assert (told["by"], told["because"], told["reads"]) == ("pseudo-leg", "A court asks.", 1)


def test_over_http_only_who_has_left_is_erased(house):
    assert house.post("/staff/pseudo-rea/erase", {"because": "Left."}, by="ada").json()["code"] == "staff/here"
    house.post("/staff/pseudo-rea/off", by="ada")
    answer = house.post("/staff/pseudo-rea/erase", {"because": "Left."}, by="ada")
    assert answer.status_code in {202, 403}, answer.text


def _person(house, name):
    from gardefou.people.authenticate import by_staff

    with house.app.works.read() as connection:
        return by_staff(connection, house.people[name].id, now=house.app.now(), via="console")
