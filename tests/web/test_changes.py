"""Guarded changes over HTTP: what strengthens is in force at once, what weakens waits."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gardefou.storage import tables

NET = {
    "id": "no-deletes-here",
    "title": "Nobody deletes",
    "because": "A test",
    "when": 'action.name == "delete"',
    "require": {"refuse": "Not here."},
}


def test_raising_a_tier_is_in_force_and_lowering_it_waits(house):
    raised = house.post("/accounts/sandbox/1001/tier", {"tier": "protected", "because": "A minister."})
    assert (raised.status_code, raised.json()["state"]) == (200, "in_force"), raised.text
    assert house.get("/accounts/sandbox/1001").json()["registry"]["tier"] == "protected"
    lowered = house.post("/accounts/sandbox/1001/tier", {"tier": "standard"})
    assert (lowered.status_code, lowered.json()["state"]) == (202, "waiting")
    mistyped = house.post("/accounts/sandbx/1001/tier", {"tier": "protected", "because": "A minister."})
    assert (mistyped.status_code, mistyped.json()["code"]) == (404, "platform/not_found"), mistyped.text


def test_a_token_is_shown_once_and_stored_nowhere(house):
    body = {"service": "intake", "scope": ["reports:write"]}
    first = house.post("/tokens", body, by="ada", key="t1")
    assert first.status_code == 201, first.text
    secret = first.json()["secret"]
    again = house.post("/tokens", body, by="ada", key="t1")
    assert "secret" not in again.json()
    assert again.json() == {name: value for name, value in first.json().items() if name != "secret"}
    with house.app.works.read() as connection:
        stored = connection.execute(sa.select(tables.idempotency.c.answer)).scalars().all()
        bodies = connection.execute(sa.select(tables.event.c.body)).scalars().all()
    assert not any(secret in text for text in stored)
    assert not any(secret.encode() in body for body in bodies)
    house.tokens["intake"] = secret
    report = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1"},
        "reporter": "r",
        "category": "spam",
    }
    assert house.post("/reports", report, by="intake").status_code == 202
    listed = house.get("/tokens", by="ada").json()["items"]
    assert first.json()["token"] in [one["id"] for one in listed]
    assert house.call("DELETE", f"/tokens/{first.json()['token']}", by="ada").status_code == 200
    assert house.post("/reports", report, by="intake").status_code == 401


def test_one_sees_ones_own_tokens_and_revokes_no_others(house):
    own = house.post("/tokens", {"scope": ["read"]}, by="rea")
    assert own.status_code == 201, own.text
    items = house.get("/tokens", by="rea").json()["items"]
    assert {one["owner"] for one in items} == {"pseudo-rea"} | {one["owner"] for one in items if one["service"]}
    refused = house.call("DELETE", f"/tokens/{own.json()['token']}", by="lea")
    assert (refused.status_code, refused.json()["code"]) == (403, "auth/forbidden")


def test_a_token_is_revoked_by_the_id_of_the_change_that_issued_it_too(house):
    issued = house.post("/tokens", {"service": "forms", "scope": "read, reports:write"}, by="ada").json()
    assert issued["change"]["scopes"] == ["read", "reports:write"]
    assert issued["id"] != issued["token"]
    refused = house.call("DELETE", f"/tokens/{issued['id']}", by="lea")
    assert (refused.status_code, refused.json()["code"]) == (403, "auth/forbidden")
    assert house.call("DELETE", f"/tokens/{issued['id']}", by="ada").status_code == 200
    house.tokens["forms"] = issued["secret"]
    assert house.get("/me", by="forms").status_code == 401
    waiting = house.post("/tokens", {"service": "bot", "scope": "enforcements:write"}, by="ada").json()
    unknown = house.call("DELETE", f"/tokens/{waiting['id']}", by="ada")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "token/not_found")
    wrong = house.post("/tokens", {"service": "forms", "scope": ""}, by="ada")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "scope.0")


def test_a_service_that_may_enforce_waits_for_people(house):
    answer = house.post("/tokens", {"service": "bot", "scope": ["enforcements:write"]}, by="ada")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert answer.json()["change"]["service"] == "bot"
    assert "hash" not in answer.json()["change"]


def test_nets_are_added_at_once_and_removed_by_more_than_one(house):
    added = house.post("/nets/proposals", {"put": [NET], "because": "Safer."}, by="pol")
    assert (added.status_code, added.json()["state"]) == (201, "in_force"), added.text
    assert "no-deletes-here" in [net["id"] for net in house.get("/nets").json()["items"]]
    removed = house.post("/nets/proposals", {"remove": ["no-deletes-here"]}, by="pol")
    assert (removed.status_code, removed.json()["state"]) == (202, "waiting")
    wrong = house.post("/nets/proposals", {"put": [{**NET, "when": "acount.reach > 1"}]}, by="pol")
    assert wrong.status_code == 400
    assert wrong.json()["code"].startswith("nets/")


def test_people_come_by_approval_and_go_at_once(house):
    added = house.post("/staff", {"roles": ["lead"], "team": "new", "name": "Planted Ann"}, by="ada")
    assert (added.status_code, added.json()["state"]) == (202, "waiting")
    assert house.get("/staff/" + added.json()["change"]["pseudonym"]).status_code == 404
    auditor = house.post("/staff", {"roles": ["auditor"]}, by="ada")
    assert auditor.status_code == 201, auditor.text
    assert house.get("/staff/" + auditor.json()["change"]["pseudonym"]).json()["roles"] == ["auditor"]
    assert house.post("/staff/pseudo-pol/roles", {"remove": ["policy"]}, by="ada").status_code == 200
    assert house.get("/staff/pseudo-pol").json()["roles"] == []
    left = house.post("/staff/pseudo-rea/leave", {"last_day": "2026-03-10"}, by="ada")
    assert left.status_code == 200
    assert house.get("/staff/pseudo-rea").json()["last_day_end"] == "2026-03-10T23:59:00Z"
    assert house.get("/staff/pseudo-rea").json()["standing"] == "leaving"
    assert house.post("/staff/pseudo-rea/leave", {"last_day": None}, by="ada").status_code == 202


def test_a_last_day_that_is_over_is_taken_for_a_slip(one_house):
    for path, body in (("/staff", {"roles": ["auditor"]}), ("/staff/pseudo-rea/leave", {})):
        answer = one_house.post(path, {**body, "last_day": "2020-01-01"}, by="ada")
        said = answer.json()
        assert (answer.status_code, said["code"], said["field"]) == (400, "staff/last_day_over", "last_day")
    assert one_house.get("/staff/pseudo-rea").json()["standing"] == "active"


def test_a_role_is_given_or_taken_and_not_both(one_house):
    answer = one_house.post("/staff/pseudo-pol/roles", {"add": ["policy"], "remove": ["policy"]}, by="ada")
    assert (answer.status_code, answer.json()["field"]) == (400, "remove")
    assert one_house.get("/staff/pseudo-pol").json()["roles"] == ["policy"]


def test_a_proposal_of_nets_is_a_whole_file_or_single_nets_and_not_both(one_house):
    whole = one_house.get("/nets").json()["toml"]
    for more in ({"put": [NET]}, {"remove": ["newcomer-bulk"]}):
        answer = one_house.post("/nets/proposals", {"toml": whole, **more}, by="pol")
        assert (answer.status_code, answer.json()["field"]) == (400, "toml"), answer.text


def test_a_service_has_a_name_that_can_be_shown(one_house):
    answer = one_house.post("/tokens", {"service": "a\x1b[2Jb", "scope": ["reports:write"]}, by="ada")
    assert (answer.status_code, answer.json()["code"]) == (400, "token/service")


def test_r4_no_service_is_called_as_a_colleague_appears(house):
    """Both stand in `placed_by`, services by their names and people by their pseudonyms."""
    for name in ("pseudo-rea", house.people["rea"].id):
        answer = house.post("/tokens", {"service": name, "scope": ["reports:write"]}, by="ada")
        assert (answer.status_code, answer.json()["code"]) == (400, "token/service")


def test_platforms_are_registered_by_what_they_prove_to_be(house):
    answer = house.post("/platforms", {"name": "chirp", "kind": "sandbox"}, by="ada")
    assert answer.status_code in {201, 202}, answer.text
    assert answer.json()["change"]["endpoint"] == "sandbox:chirp"
    wrong = house.post("/platforms", {"name": "hook", "kind": "webhook", "config": {}}, by="ada")
    assert wrong.status_code in {400, 404}
    odd = house.post("/platforms", {"name": "x", "kind": "odd"}, by="ada")
    assert (odd.status_code, odd.json()["field"]) == (400, "kind")
    assert "sandbox" in {one["name"] for one in house.get("/platforms").json()["items"]}


def test_me_says_who_one_is(house):
    me = house.get("/me", by="lea").json()
    assert (me["kind"], me["id"], me["roles"]) == ("person", "pseudo-lea", ["lead"])
    assert "approve" in me["powers"]


def test_r5_a_newcomer_is_known_by_issuer_and_subject_and_nobody_twice(house):
    who = {"roles": ["lead"], "issuer": "https://id.example.org", "subject": "u-1", "name": "Planted Ann"}
    added = house.post("/staff", who, by="ada")
    assert added.status_code == 202
    again = house.post("/staff", who, by="ada")
    assert (again.status_code, again.json()["code"]) == (409, "staff/identity")
    missing = house.post("/staff", {"roles": ["lead"], "subject": "u-2"}, by="ada")
    assert (missing.status_code, missing.json()["code"]) == (400, "staff/issuer")
    assert "u-1" not in added.text
    # Once that change is over, whoever never came gives way.
    cancelled = house.post(f"/enforcements/{added.json()['id']}/cancel", by="ada")
    assert cancelled.status_code == 200
    assert house.post("/staff", who, by="ada").status_code == 202


def test_a_person_has_at_least_one_role_and_an_empty_body_is_told_so(one_house):
    bodies: list[Any] = [{}, {"name": "Planted Ann"}, {"roles": []}]
    for body in bodies:
        answer = one_house.post("/staff", body, by="ada")
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "input/invalid", "roles")
    assert one_house.call("POST", "/staff", by="ada").json()["field"] == "roles"
