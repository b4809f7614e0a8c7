"""A back office acts for its signed-in moderator: the human is judged, for one call, once, within both their powers."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from gardefou.domain.records import Enforcement
from gardefou.people.directory import Entry
from gardefou.storage import tables
from gardefou.storage.records import fetch
from tests.web.forged import ISSUER, Forged
from tests.web.house import House, open_house

HERE = "https://gardefou.example.org"
SETTINGS = {"oidc_issuer": ISSUER, "oidc_client_id": "gardefou", "public_url": HERE}
SUSPEND = {"platform": "sandbox", "account": "1001", "action": "suspend", "policy": "spam"}


class Office:
    """A back office with a token, and the provider that signs for its moderators."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.forged = Forged(house.clock.now, subject="u-rea")
        web: Any = house.client.app
        web.state.node.openid.transport = httpx.MockTransport(self.forged)
        house.service("office", "enforcements:write", "cases:write", "delegate", client="back-office", owned_by="ada")
        with house.app.works.begin() as uow:
            for name in ("rea", "lea", "pol", "aud"):
                entry = Entry(staff_id=house.people[name].id, issuer=ISSUER, subject=f"u-{name}")
                house.app.directory.put(uow.connection, entry)

    def assertion(self, path: str, body: bytes, **claims: Any) -> str:
        at = int(self.house.clock.now().timestamp())
        detail = {
            "type": "gardefou_call",
            "method": "POST",
            "url": f"{HERE}/api/v1{path}",
            "body_sha256": base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode(),
        }
        honest = {
            "aud": HERE,
            "jti": self.house.app.ids.new(),
            "exp": at + 60,
            "auth_time": at - 60,
            "amr": ["mfa"],
            "act": {"sub": "back-office"},
            "authorization_details": [{**detail, **claims.pop("detail", {})}],
            **claims,
        }
        return self.forged.token(**{name: value for name, value in honest.items() if value is not None})

    def send(
        self,
        path: str,
        body: Any,
        assertion: str | None = None,
        *,
        by: str = "office",
        key: str | None = None,
        **claims: Any,
    ):
        raw = orjson.dumps(body)
        given = self.assertion(path, raw, **claims) if assertion is None else assertion
        headers = {"Gardefou-On-Behalf-Of": given, "Content-Type": "application/json"}
        return self.house.call("POST", path, by=by, content=raw, headers=headers, key=key)

    def events(self) -> list[dict[str, Any]]:
        with self.house.app.works.read() as connection:
            return [json.loads(row.body) for row in connection.execute(sa.select(tables.event.c.body))]


def make(url, folder):
    return open_house(url, folder, **SETTINGS)


@pytest.fixture
def both(database_url, tmp_path):
    with make(database_url, tmp_path) as house:
        yield Office(house)


@pytest.fixture(scope="module")
def kept(databases, tmp_path_factory):
    with databases.fresh("sqlite") as url, make(url, tmp_path_factory.mktemp("kept")) as house:
        yield Office(house)


@pytest.fixture
def office(kept):
    kept.forged.subject, kept.forged.twist, kept.forged.more = "u-rea", None, {}
    return kept


def is_problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_r6_what_a_back_office_places_for_a_person_is_theirs_and_the_owner_stands_behind_it_too(both):
    answer = both.send("/enforcements", SUSPEND)
    assert answer.status_code == 201, answer.text
    placed = answer.json()
    assert (placed["placed_by"], placed["via"], placed["state"]) == ("pseudo-rea", "api", "in_force")
    people = both.house.people
    with both.house.app.works.read() as connection:
        found = fetch(connection, Enforcement, tables.enforcement.c.id == placed["id"])
    assert found is not None
    assert found.humans == (people["rea"].id, people["ada"].id)
    assert found.facts["actor.human"] is True
    assert found.facts["actor.roles"] == ["reviewer"]
    body = next(one for one in both.events() if one["kind"] == "enforcement.placed" and one["about"] == placed["id"])
    assert body["detail"] == {"through": "office"}
    assert "u-rea" not in json.dumps(both.events())


def test_the_human_is_judged_and_none_of_those_behind_it_approves(both):
    protected = {**SUSPEND, "account": "9001", "policy": "impersonation", "confirm": {"handle": "president"}}
    both.forged.subject = "u-lea"
    answer = both.send("/enforcements", protected)
    assert (answer.status_code, answer.json()["state"]) == (201, "waiting"), answer.text
    yes = {"digest": answer.json()["digest"], "answer": "yes", "note": "x"}
    path = f"/enforcements/{answer.json()['id']}/approvals"
    is_problem(both.house.post(path, yes, by="lea"), 403, "approval/own")
    # An auditor has no power, whatever the service's scopes; a leaver none by token.
    both.forged.subject = "u-aud"
    is_problem(both.send("/enforcements", SUSPEND), 403, "auth/forbidden")
    both.forged.subject = "u-rea"
    both.house.post("/staff/pseudo-rea/leave", {"last_day": "2026-03-10"}, by="ada")
    assert both.send("/enforcements", SUSPEND).json()["state"] == "refused"
    both.house.post("/staff/pseudo-rea/off", by="ada")
    is_problem(both.send("/enforcements", SUSPEND), 403, "staff/left")


def test_a_service_lends_no_more_than_its_own_scopes(both):
    both.house.service("narrow", "cases:write", "delegate", client="back-office", owned_by="ada")
    is_problem(both.send("/enforcements", SUSPEND, by="narrow"), 403, "auth/forbidden")
    both.house.report("1002")
    case = both.house.get("/cases").json()["items"][0]["id"]
    taken = both.send(f"/cases/{case}/claim", {}, by="narrow")
    assert taken.json()["claimed_by"] == "pseudo-rea", taken.text


def test_without_an_assertion_a_service_that_acts_for_people_only_reads(office):
    assert office.house.get("/cases", by="office").status_code == 200
    is_problem(office.house.post("/enforcements", SUSPEND, by="office"), 403, "auth/forbidden")
    is_problem(office.house.post("/pause", {"because": "x"}, by="office"), 403, "auth/forbidden")


def test_an_ordinary_token_acts_for_nobody(office):
    office.house.service("robot", "enforcements:write")
    for by in ("robot", "rea"):
        is_problem(office.send("/enforcements", SUSPEND, by=by), 403, "delegation/scope")


@pytest.mark.parametrize(("path", "body"), [("/pause", {"because": "x"}), ("/staff", {"roles": ["lead"]}), ("/tokens", {"scope": ["read"]}), ("/enforcements/x/approvals", {"digest": "0" * 8, "answer": "yes"}), ("/enforcements/x/ratify", {}), ("/accounts/sandbox/1001/break-glass", {"action": "lock", "because": "x"}), ("/nets/proposals", {"remove": ["x"]})])  # fmt: skip
def test_what_is_done_in_person_no_service_does_for_anybody(office, path, body):
    is_problem(office.send(path, body), 403, "delegation/not_here")


WRONG = {
    "for another body": {"detail": {"body_sha256": "x"}},
    "for another method": {"detail": {"method": "DELETE"}},
    "for another call": {"detail": {"url": f"{HERE}/api/v1/enforcements/bulk"}},
    "for another Gardefou's call": {"detail": {"url": "https://evil.example/api/v1/enforcements"}},
    "of another kind": {"detail": {"type": "payment"}},
    "with more in it": {"detail": {"also": "x"}},
    "for any call": {"authorization_details": None},
    "for several calls": {"authorization_details": []},
    "for another audience": {"aud": "gardefou"},
    "for nobody in particular": {"aud": None},
    "of another service": {"act": {"sub": "other-office"}},
    "of another service, though act is right": {"azp": "other-office"},
    "of no service": {"act": None},
    "of a chain that begins with it": {"act": {"sub": "other-office", "act": {"sub": "back-office"}}},
    "of no object": {"act": "back-office"},
    "of another issuer": {"iss": "https://evil.example"},
    "without an id": {"jti": None},
    "with a number for an id": {"jti": 5},
    "an ID token": {"nonce": "n"},
    "a logout": {"events": {}},
    "expired": {"exp": 1_000},
    "long ago": {"iat": 1_000, "exp": 1_050},
    "of the future": {"iat": 4_000_000_000, "exp": 4_000_000_030},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
def test_an_assertion_that_says_anything_else_does_nothing(office, claims):
    is_problem(office.send("/enforcements", SUSPEND, **claims), 403, "oidc/token")


def test_an_assertion_lives_for_a_minute_at_most(office):
    at = int(office.house.clock.now().timestamp())
    is_problem(office.send("/enforcements", SUSPEND, exp=at + 61), 403, "oidc/token")


@pytest.mark.parametrize("given", ["", "x", "a.b.c", "e30.e30.", "é.é.é".encode()])
def test_what_is_no_assertion_does_nothing(office, given):
    is_problem(office.send("/enforcements", SUSPEND, given), 403, "oidc/token")


def test_two_assertions_in_one_call_are_refused(office):
    raw = orjson.dumps(SUSPEND)
    headers = [
        ("Authorization", f"Bearer {office.house.tokens['office']}"),
        ("Content-Type", "application/json"),
        *(("Gardefou-On-Behalf-Of", office.assertion("/enforcements", raw)) for _ in range(2)),
    ]
    answer = office.house.client.post("/api/v1/enforcements", content=raw, headers=headers)
    is_problem(answer, 400, "delegation/header")


def test_an_assertion_counts_once_also_of_two_calls_at_once(both):
    raw = orjson.dumps(SUSPEND)
    given = both.assertion("/enforcements", raw)
    with ThreadPoolExecutor(4) as many:
        answers = list(many.map(lambda _: both.send("/enforcements", SUSPEND, given), range(4)))
    assert sorted(one.status_code for one in answers) == [201, 403, 403, 403]
    assert {one.json()["code"] for one in answers if one.status_code == 403} == {"oidc/replayed"}
    # Once it is too old to be taken, it need not be remembered; but for two days, as the clock may be set back.
    both.house.clock.advance(timedelta(minutes=3))
    is_problem(both.send("/enforcements", SUSPEND, given), 403, "oidc/token")
    both.house.clock.advance(timedelta(days=2))
    assert both.send("/enforcements", {**SUSPEND, "account": "1002"}).status_code == 201
    with both.house.app.works.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.spent)).scalar_one() == 1


def test_the_body_that_was_signed_for_is_the_body_that_is_taken(office):
    given = office.assertion("/enforcements", orjson.dumps(SUSPEND))
    is_problem(office.send("/enforcements", {**SUSPEND, "account": "1003"}, given), 403, "oidc/token")
    is_problem(office.send("/enforcements", {**SUSPEND, "action": "deactivate"}, given), 403, "oidc/token")


def test_a_subject_that_nobody_here_is_known_by_does_nothing(office):
    office.forged.subject = "u-nobody"
    is_problem(office.send("/enforcements", SUSPEND), 403, "oidc/unknown")


def test_m3_freshness_is_what_the_provider_says_and_not_that_of_the_console(both):
    grave = {**SUSPEND, "action": "deactivate"}
    at = both.house.clock.now()
    for claims in ({"auth_time": int((at - timedelta(minutes=9)).timestamp())}, {"amr": ["pwd"]}, {"auth_time": None}):
        is_problem(both.send("/enforcements", grave, **claims), 403, "auth/step_up")
    assert both.send("/enforcements", grave).status_code == 201


def test_a_repeated_call_with_its_key_and_a_new_assertion_is_answered_again(both):
    first = both.send("/enforcements", SUSPEND, key="k-1")
    again = both.send("/enforcements", SUSPEND, key="k-1")
    assert first.status_code == again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    # The person's own key of that name is another.
    own = both.house.post("/enforcements", {**SUSPEND, "account": "1002"}, by="rea", key="k-1")
    assert own.status_code == 201


def test_r6_once_the_owner_has_left_the_service_acts_for_nobody(both):
    both.house.post("/staff/pseudo-ada/off", by="ada")
    both.house.client.app.state.node.bearer.forget()
    is_problem(both.send("/enforcements", SUSPEND), 403, "delegation/scope")


def test_a_revoked_service_acts_for_nobody_at_once(both):
    shown = both.house.get("/tokens", by="ada").json()["items"]
    token = next(one["id"] for one in shown if one["service"] == "office")
    assert both.house.call("DELETE", f"/tokens/{token}", by="ada").status_code == 200
    is_problem(both.send("/enforcements", SUSPEND), 401, "auth/invalid")


def test_without_an_identity_provider_nobody_is_acted_for(one_house):
    one_house.service("office", "enforcements:write", "delegate", client="back-office")
    headers = {"Gardefou-On-Behalf-Of": "a.b.c"}
    is_problem(one_house.post("/enforcements", SUSPEND, by="office", headers=headers), 404, "oidc/off")
