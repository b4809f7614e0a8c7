"""A token for one platform reads and acts on that one: every call is tried with what belongs to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gardefou.cli.common import actor_of
from gardefou.domain.records import Token
from gardefou.errors import Denied
from gardefou.flow.change import propose
from gardefou.people.authenticate import hash_secret
from gardefou.people.roles import SCOPES
from gardefou.web.app import PREFIX
from gardefou.web.walls import WALLED
from tests.security.doors import OTHER, Doors, denied, open_doors
from tools.authorisation import NEEDS

API = [line for line in NEEDS if line.partition(" ")[2].startswith(f"{PREFIX}/") and NEEDS[line].powers]
WHO = ("bird", "lea-there")


@pytest.fixture(scope="module")
def doors(databases, tmp_path_factory) -> Iterator[Doors]:
    with databases.fresh("sqlite") as url, open_doors(url, tmp_path_factory.mktemp("walls")) as opened:
        _bound(opened, "bird", service="bird", staff_id=opened.house.people["ada"].id, scopes=tuple(SCOPES))
        _bound(opened, "lea-there", staff_id=opened.house.people["lea"].id)
        yield opened


def _bound(doors: Doors, name: str, *, staff_id: str, **fields: Any) -> None:
    """Give somebody a token that is for the other platform only."""
    secret = doors.house.tokens[name] = f"gf_secret-of-{name}"
    token = Token(
        id=doors.house.app.ids.new(),
        hash=hash_secret(secret),
        staff_id=staff_id,
        issued_by=staff_id,
        issued_at=doors.house.clock.now(),
        platforms=(OTHER,),
        **fields,
    )
    with doors.house.app.works.begin() as uow:
        uow.record("token.issued", by="system", about=token.id, puts=(token,))


pytestmark = pytest.mark.xdist_group("walls")


def test_no_call_reads_or_changes_anything_of_another_platform(doors):
    foreign = [doors.ids[name] for name in ("cases", "enforcements", "incidents", "rollbacks", "event", "group")]
    wrong: list[str] = []
    for line in API:
        for who in WHO:
            before = doors.events()
            answer = doors.ask(line, who)
            told = answer.text
            if line.endswith("/enforcements/approvals"):
                # It says to which id an answer belongs: the one that was sent.
                told = told.replace(doors.ids["enforcements"], "") if '"result":null' in told else told
            if answer.status_code < 400 and any(one in told for one in (*foreign, '"platform":"sandbox"', '"1001"')):
                wrong.append(f"{line} told {who}: {told[:300]}")
            walled = line.partition(" ")[2].removeprefix(PREFIX) in WALLED
            if not walled and not denied(answer):
                wrong.append(f"{line} is not walled and open to {who}: {answer.status_code}")
            if doors.events() != before:
                wrong.append(f"{line} wrote something for {who}")
    assert wrong == [], "\n".join(wrong)
    assert len(API) > 60


def test_what_is_another_platforms_looks_as_if_it_were_not_there(doors):
    case, one = doors.ids["cases"], doors.ids["enforcements"]
    for who in WHO:
        assert doors.house.get(f"/cases/{case}", by=who).json()["code"] == "case/not_found"
        for path in ("", "/proof", "/explanation"):
            assert doors.house.get(f"/enforcements/{one}{path}", by=who).json()["code"] == "enforcement/not_found"
        assert doors.house.post(f"/enforcements/{one}/cancel", {"because": "x"}, by=who).status_code == 404
        assert [name["name"] for name in doors.house.get("/platforms", by=who).json()["items"]] == [OTHER]
    # The same ids are there for whoever's token is for all.
    assert doors.house.get(f"/cases/{case}").status_code == 200
    assert doors.house.get(f"/enforcements/{one}").status_code == 200


def test_on_its_own_platform_it_does_all_that_its_scopes_allow(doors):
    house = doors.house
    body = {
        "platform": OTHER,
        "subject": {"kind": "account", "account": "2001"},
        "reporter": "r1",
        "category": "spam",
    }
    taken = house.post("/reports", body, by="bird")
    assert taken.status_code == 202
    case = taken.json()["case"]
    assert [one["id"] for one in house.get("/cases?state=all", by="bird").json()["items"]] == [case]
    assert house.post("/cases/next", {}, by="lea-there").json()["id"] == case
    wish = {"policy": "spam", "rationale": "Sells watches.", "actions": [{"action": "suspend"}]}
    decided = house.post(f"/cases/{case}/decisions", wish, by="lea-there")
    assert decided.status_code == 201, decided.text
    (placed,) = decided.json()["enforcements"]
    assert [one["id"] for one in house.get("/enforcements", by="bird").json()["items"]] == [placed["id"]]
    assert house.post(f"/accounts/{OTHER}/2001/restore", {"because": "x"}, by="lea-there").status_code in {200, 202}
    assert house.get("/cases/next", by="bird").status_code in {404, 405}
    me = house.get("/me", by="lea-there").json()
    assert me["platforms"] == [OTHER]
    assert "staff" not in me["powers"]
    assert "top_up" not in me["powers"]


def test_a_line_about_another_platform_spoils_no_other_line_of_a_batch(doors):
    lines = b"".join(
        b'{"platform":"%s","subject":{"kind":"account","account":"2002"},"reporter":"r2","category":"spam"}\n' % name
        for name in (b"sandbox", OTHER.encode())
    )
    answer = doors.house.call("POST", "/reports/batch", by="bird", content=lines)
    first, second = answer.text.splitlines()
    assert "auth/platform" in first
    assert '"case"' in second


def test_an_answer_that_was_given_for_one_platform_is_none_for_another(doors):
    house = doors.house
    body = {"platform": "sandbox", "account": "1001", "action": "warn", "policy": "spam"}
    assert house.post("/enforcements/preview", body, by="lea", key="same").status_code == 200
    again = house.post("/enforcements/preview", body, by="lea-there", key="same")
    assert again.json()["code"] == "auth/platform"


def test_a_token_for_one_platform_issues_none_and_is_none_on_the_command_line(doors):
    assert denied(doors.house.post("/tokens", {"scope": ["read"]}, by="lea-there")) == "auth/platform"
    with pytest.raises(Denied, match=OTHER) as refused:
        actor_of(doors.house.app, doors.house.tokens["lea-there"])
    assert refused.value.code == "auth/platform"


def test_a_token_is_issued_for_platforms_that_are_there_and_scopes_that_are_good_for_something(doors):
    house = doors.house
    issued = house.post("/tokens", {"scope": ["read"], "platforms": [OTHER]}, by="lea")
    assert issued.status_code == 201, issued.text
    house.tokens["new"] = issued.json()["secret"]
    assert house.get("/me", by="new").json()["platforms"] == [OTHER]
    listed = house.get("/tokens", by="lea").json()["items"]
    assert [OTHER] in [one["platforms"] for one in listed]
    wrong = house.post("/tokens", {"scope": ["read"], "platforms": ["nowhere"]}, by="lea").json()
    assert wrong["code"] == "token/platforms"
    scim = {"service": "idp", "scope": ["scim"], "platforms": [OTHER]}
    assert house.post("/tokens", scim, by="ada").json()["code"] == "token/platforms"


def test_what_reaches_beyond_a_platform_is_refused_by_the_flow_itself(doors):
    actor = doors.house.client.app.state.node.bearer.actor(doors.house.tokens["lea-there"])
    for kind, payload in {"pause": {"because": "x"}, "token_revoke": {"token": doors.ids["tokens"]}}.items():
        with pytest.raises(Denied) as refused:
            propose(doors.house.app, actor, kind, payload)
        assert refused.value.code == "auth/platform"


def test_every_walled_call_is_a_call():
    assert {line.partition(" ")[2].removeprefix(PREFIX) for line in API} >= WALLED
