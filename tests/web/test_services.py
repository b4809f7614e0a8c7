"""Services: who answers for each, when it ends, when it was there; none of them is a human, and nobody says who they are."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gardefou.errors import TooOften
from gardefou.flow.due import run_due
from gardefou.people.authenticate import by_token, checksum, new_secret, note_strong
from gardefou.storage import tables
from gardefou.web.throttle import Throttle

SUSPEND = {"platform": "sandbox", "account": "1001", "action": "suspend", "policy": "spam"}


def is_problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def listed(house, service):
    shown = house.get("/tokens", by="ada").json()["items"]
    return next(one for one in shown if one["service"] == service)


def events(house, kind):
    with house.app.works.read() as connection:
        found = connection.execute(sa.select(tables.event.c.body).where(tables.event.c.kind == kind))
        return [json.loads(row.body) for row in found]


def test_a_services_token_says_what_it_is_for_and_ends_after_ninety_days(house):
    made = house.post("/tokens", {"service": "stats", "scope": ["read"], "purpose": "Weekly figures"}, by="ada")
    assert made.status_code == 201, made.text
    shown = listed(house, "stats")
    assert (shown["purpose"], shown["owner"], shown["last_used_at"]) == ("Weekly figures", "pseudo-ada", None)
    assert shown["expires_at"] == "2026-05-31T09:00:00Z"
    late = {"service": "other", "scope": ["read"], "expires": "2027-03-04T09:00:00Z"}
    is_problem(house.post("/tokens", late, by="ada"), 400, "token/expires")
    over = {"service": "other", "scope": ["read"], "expires": "2026-03-02T09:00:00Z"}
    is_problem(house.post("/tokens", over, by="ada"), 400, "token/expires")
    house.clock.advance(timedelta(days=91))
    house.tokens["stats"] = made.json()["secret"]
    is_problem(house.get("/cases", by="stats"), 401, "auth/invalid")


def test_when_a_token_was_last_used_is_kept_to_the_minute(house):
    bearer = house.client.app.state.node.bearer
    ticks = 1_000.0
    bearer._ticks = lambda: ticks
    assert house.report().status_code == 202
    first = listed(house, "forms")["last_used_at"]
    assert first == "2026-03-02T09:00:00Z"
    for seconds, seen in ((30, first), (31, "2026-03-02T09:01:01Z")):
        house.clock.advance(timedelta(seconds=seconds))
        ticks += seconds
        assert house.report("1002", reporter=f"r{seconds}").status_code == 202
        assert listed(house, "forms")["last_used_at"] == seen
    assert [one for one in events(house, "token.issued") if "used_at" in json.dumps(one)] == []


def test_a_token_is_read_anew_by_one_call_before_what_is_known_of_it_ends(one_house, monkeypatch):
    house = one_house
    bearer = house.client.app.state.node.bearer
    ticks = 1_000.0
    bearer._ticks = lambda: ticks
    reads: list[str] = []

    def counted(connection, secret, **known):
        reads.append(secret)
        return by_token(connection, secret, **known)

    monkeypatch.setattr("gardefou.web.auth.by_token", counted)
    secret = house.tokens["forms"]
    bearer.actor(secret)
    ticks += 0.2
    assert bearer.remembered(secret) is not None
    ticks += 0.2
    # The first is to read; the others are not, and what it reads counts for as long as ever.
    assert [bearer.remembered(secret) is None for _ in range(3)] == [True, False, False]
    bearer.read(secret)
    ticks += 0.2
    assert (bearer.remembered(secret) is not None, len(reads)) == (True, 2)
    ticks += 0.2
    assert bearer.remembered(secret) is None
    # Whoever was to read it may never come to it: half a second after the last reading it counts no more.
    ticks += 0.11
    assert bearer.remembered(secret) is None
    assert bearer.actor(secret).id == "forms"
    assert len(reads) == 3


@pytest.mark.parametrize(("scope", "client", "code"), [(["delegate"], None, "token/client"), (["read"], "x", "token/client"), (["read", "rule"], None, "token/scope")])  # fmt: skip
def test_only_a_service_that_is_known_to_the_provider_acts_for_people(one_house, scope, client, code):
    body = {"service": "office", "scope": scope, "client": client}
    is_problem(one_house.post("/tokens", body, by="ada"), 400, code)


def test_a_service_that_acts_for_people_waits_for_two_others(one_house):
    body = {"service": "office", "scope": ["enforcements:write", "delegate"], "client": "back-office"}
    assert one_house.post("/tokens", body, by="ada").status_code == 202
    mine = {"scope": ["read", "delegate"], "client": "x"}
    is_problem(one_house.post("/tokens", mine, by="ada"), 400, "token/client")


# never a human (R6) -------------------------------------------------------------


def test_r6_no_service_approves_and_none_fills_a_seat(house):
    house.service("robot", "enforcements:write")
    for _ in range(2):
        house.service(f"robot-{_}", "enforcements:write", "admin:write", owned_by="pol")
    asked = {**SUSPEND, "account": "9001", "policy": "impersonation", "confirm": {"handle": "president"}}
    placed = house.post("/enforcements", asked, by="rea").json()
    assert placed["state"] == "waiting", placed
    yes = {"digest": placed["digest"], "answer": "yes", "note": "x"}
    for robot in ("robot", "robot-0", "robot-1"):
        is_problem(house.post(f"/enforcements/{placed['id']}/approvals", yes, by=robot), 403, "approval/not_human")
        is_problem(house.post(f"/enforcements/{placed['id']}/ratify", by=robot), 403, "auth/not_human")
    assert house.get(f"/enforcements/{placed['id']}").json()["approvals"] == []


def test_r6_the_owner_of_a_service_does_not_approve_what_it_asks_for(house):
    house.service("robot", "enforcements:write", owned_by="lea")
    placed = house.post("/enforcements", {**SUSPEND, "until": "2026-03-03T09:00:00Z"}, by="robot").json()
    assert (placed["placed_by"], placed["state"]) == ("robot", "waiting"), placed
    yes = {"digest": placed["digest"], "answer": "yes", "note": "x"}
    is_problem(house.post(f"/enforcements/{placed['id']}/approvals", yes, by="lea"), 403, "approval/own")


AUTHORS = (
    "by",
    "createdBy",
    "created_by",
    "placed_by",
    "author",
    "actor",
    "moderator",
    "on_behalf_of",
    "via",
    "humans",
)


def test_r4_nobody_says_who_they_are(one_house):
    one_house.report()
    case = one_house.get("/cases").json()["items"][0]["id"]
    bodies: dict[str, dict[str, Any]] = {
        "/enforcements": SUSPEND,
        "/enforcements/preview": SUSPEND,
        "/enforcements/bulk": {"platform": "sandbox", "accounts": ["1001"], "action": "warn", "policy": "spam"},
        f"/cases/{case}/decisions": {"outcome": "no_violation"},
        f"/cases/{case}/notes": {"text": "x"},
        "/pause": {"because": "x"},
        "/accounts/sandbox/1001/restore": {"because": "x"},
        "/accounts/sandbox/1001/tier": {"tier": "protected", "because": "x"},
        "/staff": {"roles": ["lead"]},
        "/tokens": {"scope": ["read"]},
    }
    report = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1001"},
        "reporter": "r",
        "category": "spam",
    }
    for name in AUTHORS:
        for path, body in bodies.items():
            answer = one_house.post(path, {**body, name: "pseudo-ada"}, by="lea")
            is_problem(answer, 400, "input/invalid")
            assert answer.json()["field"] == name
        assert one_house.post("/reports", {**report, name: "pseudo-ada"}, by="forms").status_code == 400


def test_what_the_system_does_is_its_own_and_names_whose_act_it_ends(house):
    placed = house.post("/enforcements", {**SUSPEND, "until": "2026-03-02T10:00:00Z"}, by="rea").json()
    assert placed["state"] == "in_force"
    house.clock.advance(timedelta(hours=2))
    while house.app.sequencer.integrate() + run_due(house.app):
        pass
    expiry = next(one for one in events(house, "enforcement.placed") if one["by"] == "system")
    assert expiry["detail"] == {"caused_by": [house.people["rea"].id]}
    asked = {**SUSPEND, "account": "9001", "policy": "impersonation", "confirm": {"handle": "president"}}
    house.client.app.state.node.bearer.forget()
    with house.app.works.begin() as uow:
        note_strong(uow.connection, house.people["rea"].id, uow.now)
    assert house.post("/enforcements", asked, by="rea").json()["state"] == "waiting"
    house.post("/staff/pseudo-rea/off", by="ada")
    lapsed = events(house, "enforcement.lapsed")[-1]
    assert (lapsed["by"], lapsed["detail"]["caused_by"]) == ("system", [house.people["ada"].id])


# an owner who leaves ---------------------------------------------------------------


def test_r6_once_its_owner_has_left_a_service_reports_and_reads_and_the_rest_ends_soon(house):
    house.service("robot", "enforcements:write", "reports:write", owned_by="pol")
    house.service("intake", "reports:write", owned_by="pol")
    assert house.post("/staff/pseudo-pol/off", by="ada").status_code == 200
    house.client.app.state.node.bearer.forget()
    is_problem(house.post("/enforcements", SUSPEND, by="robot"), 403, "auth/forbidden")
    assert house.report(key="k").status_code == 202
    shown = listed(house, "robot")
    assert (shown["expires_at"], shown["revoked_at"]) == ("2026-03-16T09:00:00Z", None)
    assert listed(house, "intake")["expires_at"] is None
    told = [one["detail"]["kind"] for one in events(house, "alert.raised")]
    assert told.count("service_orphaned") == 2
    report = {
        "platform": "sandbox",
        "subject": {"kind": "account", "account": "1001"},
        "reporter": "r",
        "category": "spam",
    }
    assert house.post("/reports", report, by="robot").status_code == 202
    house.clock.advance(timedelta(days=15))
    house.client.app.state.node.bearer.forget()
    is_problem(house.post("/reports", report, by="robot"), 401, "auth/invalid")
    assert house.post("/reports", report, by="intake").status_code == 202


# secrets that came out ----------------------------------------------------------------


def test_whoever_holds_a_secret_may_end_it_and_learns_nothing(house):
    house.service("robot", "enforcements:write")
    answers = [
        house.post("/tokens/revoke-leaked", {"token": secret}, by=None)
        for secret in (house.tokens["robot"], house.tokens["robot"], "gf_unknown", new_secret())
    ]
    assert {(one.status_code, one.text) for one in answers} == {(202, '{"taken":true}')}
    is_problem(house.get("/cases", by="robot"), 401, "auth/invalid")
    revoked = events(house, "token.revoked")
    assert [one["by"] for one in revoked] == ["system"]
    assert [one["detail"]["kind"] for one in events(house, "alert.raised")] == ["token_leaked"]
    assert house.tokens["robot"] not in json.dumps(revoked)


def test_nonsense_ends_nothing(one_house):
    bodies: list[Any] = [{}, {"token": ""}, {"token": 5}, {"token": "x" * 513}, {"token": "x", "by": "y"}, []]
    for body in bodies:
        answer = one_house.call("POST", "/tokens/revoke-leaked", by=None, json=body)
        assert answer.status_code == 400, body


def test_one_address_brings_secrets_so_often_and_another_all_the_same():
    now = 0.0
    throttle = Throttle(60, ticks=lambda: now)
    for _ in range(60):
        throttle.take("one")
    with pytest.raises(TooOften) as refused:
        throttle.take("one")
    assert refused.value.code == "http/too_many"
    throttle.take("two")
    now = 1.5
    throttle.take("one")
    with pytest.raises(TooOften):
        throttle.take("one")


def test_a_secret_is_known_by_its_form():
    for _ in range(50):
        secret = new_secret()
        assert re.fullmatch(r"gf_[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}", secret)
        assert secret[46:] == checksum(secret[:46])


def test_r6_a_token_whose_issuer_is_gone_acts_no_more(house):
    house.service("robot", "enforcements:write", owned_by="pol")
    house.post("/staff/pseudo-pol/leave", {"last_day": "2026-03-02T10:00:00Z"}, by="ada")
    house.clock.advance(timedelta(hours=2))
    with house.app.works.read() as connection:
        # At once, before the worker has come round to it.
        actor = by_token(connection, house.tokens["robot"], now=house.app.now())
    assert actor.powers == frozenset()


def test_r4_a_token_issues_none_that_does_more_or_lasts_longer_than_itself(house):
    reads = house.post("/tokens", {"scope": ["read"], "expires": "2026-03-03T09:00:00Z"}, by="ada").json()
    house.tokens["reads"] = reads["secret"]
    for scope in (["admin:write"], ["read", "enforcements:write"], ["reports:write"]):
        is_problem(house.post("/tokens", {"scope": scope}, by="reads"), 403, "token/wider")
    again = house.post("/tokens", {"scope": ["read"], "expires": "2026-06-01T09:00:00Z"}, by="reads")
    assert again.status_code == 201, again.text
    shown = {one["id"]: one for one in house.get("/tokens", by="ada").json()["items"]}
    assert shown[again.json()["token"]]["expires_at"] == "2026-03-03T09:00:00Z"
    everything = house.post("/tokens", {"scope": ["admin:write"]}, by="ada").json()
    house.tokens["everything"] = everything["secret"]
    assert house.post("/tokens", {"scope": ["read"]}, by="everything").status_code == 201
