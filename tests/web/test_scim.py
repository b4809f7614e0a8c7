"""Provisioning over SCIM: the protocol whole, and that it only ever lowers (R5)."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from scim2_models import PreconditionFailedException

from gardefou.domain.records import ORGANISATION, Enforcement, Staff, Token
from gardefou.errors import Denied
from gardefou.flow.approve import Answer, approve
from gardefou.flow.cases import next_case
from gardefou.flow.change import propose
from gardefou.flow.changes.nets import write_nets
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.decide import enforce
from gardefou.flow.due import run_due
from gardefou.flow.spec import Wanted
from gardefou.nets.shipped import load_shipped
from gardefou.people import provisioned
from gardefou.people.actor import Actor
from gardefou.people.authenticate import (
    by_session,
    by_staff,
    by_token,
    hash_secret,
    new_secret,
    note_strong,
    start_session,
)
from gardefou.people.directory import Entry
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get
from gardefou.web.scim import groups, people
from gardefou.web.scim.calls import Call
from tests.web.house import open_house

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
EXTRA = "urn:ietf:params:scim:schemas:extension:gardefou:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Scim:
    """A provisioning client of a house."""

    def __init__(self, house: Any, name: str = "okta") -> None:
        self.house = house
        self.app = house.app
        self.name = name
        house.service(name, "scim")

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.house.tokens[self.name]}", "Content-Type": "application/scim+json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.house.client.request(method, f"/scim/v2{path}", json=body, headers=sent | named)

    def user(self, name: str = "ada.l", /, **more: Any) -> dict[str, Any]:
        answer = self.call("POST", "/Users", {"schemas": [USER], "userName": name, **more})
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def group(self, name: str, *users: dict[str, Any]) -> dict[str, Any]:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": one["id"]} for one in users]}
        answer = self.call("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def staff(self, user: dict[str, Any]) -> Staff:
        with self.app.works.read() as connection:
            one = provisioned.get(connection, self.name, user["id"])
            assert one is not None
            found = get(connection, Staff, ORGANISATION, one.staff_id)
        assert found is not None
        return found

    def changes(self, user: dict[str, Any] | None = None, state: str = "waiting") -> list[Enforcement]:
        table = tables.enforcement.c
        statement = sa.select(tables.enforcement).where(table.placed_by == self.name, table.state == state)
        with self.app.works.read() as connection:
            found = fetch_all(connection, Enforcement, statement.order_by(table.id))
        who = None if user is None else self.staff(user).id
        return [one for one in found if who is None or (one.change or {}).get("staff") == who]

    def actor(self, staff: Staff) -> Actor:
        with self.app.works.begin() as uow:
            note_strong(uow.connection, staff.id, uow.now)
            return by_staff(uow.connection, staff.id, now=uow.now, via="console")

    def agree(self, change: Enforcement) -> None:
        for name in ("lea", "pol"):
            given = Answer(enforcement=change.id, digest=change.digest, answer="yes")
            approve(self.app, self.actor(self.house.people[name]), given)
        self.house.clock.advance(timedelta(minutes=31))
        run_due(self.app)

    def groups_mean(self, *lines: str) -> None:
        with self.app.works.begin() as uow:
            write_setting(uow, "scim_groups", lines, by="system")


@pytest.fixture
def scim(house):
    return Scim(house)


@pytest.fixture
def okta(one_house):
    return Scim(one_house)


def test_the_whole_of_scims_tester_finds_nothing(okta):
    random.seed(7)
    client = okta.house.client
    client.base_url = "http://testserver/scim/v2/"
    client.headers["Authorization"] = f"Bearer {okta.house.tokens['okta']}"
    # Loaded here: it takes longer than most tests, and each process of a run collects them all.
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    results = check_server(SyncSCIMClient(client))
    assert [(one.title, one.resource_type, one.reason) for one in results if one.status is not Status.SUCCESS] == []
    assert len(results) > 80


# arriving ------------------------------------------------------------------------


def test_r5_a_newcomer_can_do_nothing_until_people_said_yes(scim):
    scim.groups_mean("Trust leads = role:lead", "Reports = team:reports")
    user = scim.user(active=True, displayName="Ada L.")
    assert user["active"] is True
    assert scim.staff(user).roles == ()
    scim.group("trust LEADS", user)
    assert scim.staff(user).roles == ()
    (grant,) = scim.changes(user)
    assert grant.change is not None
    assert (grant.placed_by, grant.change["kind"], grant.change["add"]) == ("okta", "role", ["lead"])
    shown = scim.call("GET", f"/Users/{user['id']}?attributes={EXTRA}:notInEffect").json()
    assert shown[EXTRA]["notInEffect"] == ["groups"]
    scim.agree(grant)
    assert scim.staff(user).roles == ("lead",)


def test_r5_whoever_leaves_a_group_loses_what_it_gave_at_once(scim):
    scim.groups_mean("Leads = role:lead", "Heads = role:lead", "Auditors = role:auditor")
    user = scim.user()
    leads = scim.group("Leads", user)
    scim.agree(scim.changes(user)[0])
    heads = scim.group("Heads", user)
    remove = {"op": "remove", "path": f'members[value eq "{user["id"]}"]'}
    assert scim.patch(f"/Groups/{leads['id']}", remove).status_code == 200
    assert scim.staff(user).roles == ("lead",), "the other group stands for it too"
    assert scim.call("DELETE", f"/Groups/{heads['id']}").status_code == 204
    assert scim.staff(user).roles == ()


def test_r5_a_grant_that_is_no_longer_asked_for_stops_waiting(okta):
    okta.groups_mean("Leads = role:lead")
    user = okta.user()
    leads = okta.group("Leads", user)
    (grant,) = okta.changes(user)
    okta.call("PUT", f"/Groups/{leads['id']}", {"schemas": [GROUP], "displayName": "Leads"})
    assert okta.changes(user) == []
    assert [one.id for one in okta.changes(user, "cancelled")] == [grant.id]


def test_r5_what_people_said_no_to_is_not_asked_for_again_for_a_day(okta):
    okta.groups_mean("Leads = role:lead")
    user = okta.user()
    leads = okta.group("Leads", user)
    (grant,) = okta.changes(user)
    no = Answer(enforcement=grant.id, digest=grant.digest, answer="no", note="Not her.")
    approve(okta.app, okta.actor(okta.house.people["lea"]), no)
    member = [{"value": user["id"]}]
    for operation in ({"op": "remove", "path": "members", "value": member}, {"op": "add", "path": "members"}):
        okta.patch(f"/Groups/{leads['id']}", {"value": member, **operation})
    assert okta.changes(user) == []


def test_r5_nobody_behind_the_token_and_not_the_person_approves_a_grant(okta):
    okta.groups_mean("Leads = role:lead")
    user = okta.user()
    okta.group("Leads", user)
    (grant,) = okta.changes(user)
    owner = okta.house.people["rea"]
    assert set(grant.humans) == {owner.id, okta.staff(user).id}
    given = Answer(enforcement=grant.id, digest=grant.digest, answer="yes")
    service = Actor(id="okta", via="api", service="okta", scopes=("scim",), humans=(owner.id,))
    for one in (service, okta.actor(owner)):
        with pytest.raises(Denied):
            approve(okta.app, one, given)


def test_tenure_counts_from_when_somebody_came_here(okta):
    """Else a directory could send somebody who is no newcomer."""
    user = okta.user(**{EXTRA: {"employmentStart": "2001-01-01", "employer": "vendor", "team": "night"}})
    staff = okta.staff(user)
    assert (staff.started_at, staff.employer, staff.team) == (okta.house.clock.now(), "vendor", "night")


# off duty ------------------------------------------------------------------------


def _works(scim: Scim, user: dict[str, Any], *roles: str) -> tuple[Staff, str, str]:
    """Let a provisioned person have roles, a session and a token; return them."""
    staff = scim.staff(user)
    with scim.app.works.begin() as uow:
        at_work = replace(
            staff, roles=roles, started_at=uow.now - timedelta(days=100), version=staff.version + 1, enrolled=True
        )
        secret = new_secret()
        token = Token(
            id=uow.ids.new(), hash=hash_secret(secret), staff_id=staff.id, issued_by=staff.id, issued_at=uow.now
        )
        uow.record("staff.roles_changed", by="system", about=staff.id, puts=(at_work,))
        uow.record("token.issued", by=staff.id, about=token.id, puts=(token,))
        session, _ = start_session(uow, staff.id, strong=True)
    return at_work, session, secret


def test_active_false_ends_sessions_tokens_and_claims_at_once_and_what_waited_lapses(scim):
    user = scim.user()
    staff, session, token = _works(scim, user, "reviewer")
    me = scim.actor(staff)
    assert scim.house.report().status_code == 202
    case = next_case(scim.app, me)
    assert case is not None
    wanted = Wanted(platform="sandbox", account="9001", action="suspend", policy="spam", rationale="x", confirm={})
    wanted = replace(wanted, confirm={"handle": "president", "identity": "9001"})
    placed = enforce(scim.app, me, wanted)
    assert placed.state == "waiting"
    assert scim.house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    answer = scim.patch(f"/Users/{user['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert answer.json()["active"] is False
    assert scim.house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    with scim.app.works.read() as connection:
        with pytest.raises(Denied):
            by_session(connection, session, now=scim.app.now())
        with pytest.raises(Denied):
            by_token(connection, token, now=scim.app.now())
        held = connection.execute(sa.select(tables.case.c.claimed_by).where(tables.case.c.id == case.id)).scalar()
        now = get(connection, Enforcement, "sandbox", placed.id)
    assert not held
    assert now is not None
    assert now.state == "lapsed"
    assert scim.staff(user).standing == "suspended"


def test_r5_coming_back_waits_for_people_and_brings_no_session_back(scim):
    user = scim.user()
    _, session, token = _works(scim, user, "reviewer")
    scim.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": False}})
    back = scim.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": True}}).json()
    assert back["active"] is False
    assert scim.staff(user).standing == "suspended"
    (change,) = scim.changes(user)
    assert change.change is not None
    assert (change.change["kind"], change.change["suspended"]) == ("suspend", False)
    scim.agree(change)
    assert scim.staff(user).standing == "active"
    assert scim.call("GET", f"/Users/{user['id']}").json()["active"] is True
    with scim.app.works.read() as connection:
        with pytest.raises(Denied):
            by_session(connection, session, now=scim.app.now())
        with pytest.raises(Denied):
            by_token(connection, token, now=scim.app.now())


def test_an_approval_by_someone_who_was_put_off_no_longer_counts(okta):
    user = okta.user()
    staff, _, _ = _works(okta, user, "lead")
    wanted = Wanted(platform="sandbox", account="9001", action="suspend", policy="spam", rationale="x", confirm={})
    wanted = replace(wanted, confirm={"handle": "president", "identity": "9001"})
    placed = enforce(okta.app, okta.actor(okta.house.people["rea"]), wanted)
    for one in (staff, okta.house.people["pol"]):
        yes = Answer(enforcement=placed.id, digest=placed.digest, answer="yes", own_answer="impersonation", note="x")
        approve(okta.app, okta.actor(one), yes)
    okta.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": False}})
    okta.house.clock.advance(timedelta(minutes=40))
    run_due(okta.app)
    with okta.app.works.read() as connection:
        now = get(connection, Enforcement, "sandbox", placed.id)
    assert now is not None
    assert now.state == "lapsed"
    assert "suspended" not in okta.house.sandbox.read_state("9001").measures


def test_deleting_puts_off_for_good_and_the_same_name_comes_back_as_somebody_without_powers(scim):
    user = scim.user("ada.l", **{EXTRA: {"issuer": "https://id.example", "subject": "s-1"}})
    old, _, _ = _works(scim, user, "lead")
    assert scim.call("DELETE", f"/Users/{user['id']}").status_code == 204
    assert scim.call("GET", f"/Users/{user['id']}").status_code == 404
    again = scim.user("ada.l", **{EXTRA: {"issuer": "https://id.example", "subject": "s-1"}})
    new = scim.staff(again)
    assert (new.id != old.id, new.roles, again["id"] != user["id"]) == (True, (), True)
    with scim.app.works.read() as connection:
        before = get(connection, Staff, ORGANISATION, old.id)
        assert scim.app.directory.by_identity(connection, "https://id.example", "s-1") == new.id
    assert before is not None
    assert before.standing == "left"


# last days -----------------------------------------------------------------------


LAST_DAYS: list[tuple[str, str | None, datetime]] = [
    ("2026-04-30", None, datetime(2026, 4, 30, 23, 59, tzinfo=UTC)),
    ("2026-04-30", "Europe/Paris", datetime(2026, 4, 30, 21, 59, tzinfo=UTC)),
    ("2026-04-30[Asia/Kathmandu]", "Europe/Paris", datetime(2026, 4, 30, 18, 14, tzinfo=UTC)),
    ("2026-04-30T17:00:00-04:00", None, datetime(2026, 4, 30, 21, 0, tzinfo=UTC)),
    ("2026-04-30", "Not/AZone", datetime(2026, 4, 30, 23, 59, tzinfo=UTC)),
]


def test_m9_a_last_day_ends_at_2359_where_the_person_works(okta):
    for number, (stated, zone, end) in enumerate(LAST_DAYS):
        more = {} if zone is None else {"timezone": zone}
        user = okta.user(f"u{number}", **more, **{EXTRA: {"employmentEnd": stated}})
        assert okta.staff(user).last_day_end == end


def test_r5_an_earlier_last_day_is_at_once_and_a_later_one_waits(scim):
    user = scim.user(**{EXTRA: {"employmentEnd": "2026-04-30"}})
    path = f"{EXTRA}:employmentEnd"
    scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": path, "value": "2026-05-31"})
    assert scim.staff(user).last_day_end == datetime(2026, 4, 30, 23, 59, tzinfo=UTC)
    assert len(scim.changes(user)) == 1
    scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": path, "value": "2026-06-30"})
    (later,) = scim.changes(user)
    assert later.change is not None
    assert later.change["last_day"] == "2026-06-30T23:59:00Z"
    scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": path, "value": "2026-03-31"})
    assert scim.staff(user).last_day_end == datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    assert scim.changes(user) == [], "the later one is no longer asked for"
    scim.patch(f"/Users/{user['id']}", {"op": "remove", "path": path})
    assert scim.staff(user).last_day_end == datetime(2026, 3, 31, 23, 59, tzinfo=UTC)


def test_a_last_day_that_is_none_changes_nothing(okta):
    user = okta.user()
    path = f"{EXTRA}:employmentEnd"
    answer = okta.patch(f"/Users/{user['id']}", {"op": "add", "path": path, "value": "soon"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert EXTRA not in okta.call("GET", f"/Users/{user['id']}").json()


# what directories really send ----------------------------------------------------


def test_entra_creates_patches_and_asks_as_it_does(okta):
    body = {
        "schemas": [USER, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User@example.com",
        "active": True,
        "displayName": "Test User",
        "emails": [{"primary": True, "type": "work", "value": "test@example.com"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Test User", "familyName": "User", "givenName": "Test"},
        "roles": [],
        ENTERPRISE: {"department": "Trust", "manager": "x"},
    }
    made = okta.call("POST", "/Users", body)
    assert made.status_code == 201
    user = made.json()
    assert made.headers["content-type"] == "application/scim+json"
    found = okta.call("GET", '/Users?filter=userName eq "test_user@EXAMPLE.com"').json()
    assert [one["id"] for one in found["Resources"]] == [user["id"]]
    found = okta.call("GET", '/Users?filter=externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"').json()
    assert found["totalResults"] == 1
    nobody = okta.call("GET", '/Users?filter=userName eq "non-existent"').json()
    assert (nobody["totalResults"], nobody["Resources"]) == (0, [])
    answer = okta.patch(
        f"/Users/{user['id']}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "updated@example.com"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 555"},
        {"op": "Replace", "path": "name.familyName", "value": "Updated"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Safety"},
        {"op": "Add", "path": 'addresses[type eq "work"].country', "value": "FR"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["emails"] == [{"primary": True, "type": "work", "value": "updated@example.com"}]
    off = okta.patch(f"/Users/{user['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert off.json()["active"] is False
    assert okta.staff(user).standing == "suspended"


def test_entra_fills_and_empties_groups_as_it_does(okta):
    user, other = okta.user("a"), okta.user("b")
    group = okta.group("Team A", user)
    bare = okta.call("GET", f"/Groups/{group['id']}?excludedAttributes=members").json()
    assert "members" not in bare
    found = okta.call("GET", '/Groups?excludedAttributes=members&filter=displayName eq "team a"').json()
    assert found["totalResults"] == 1
    path = f"/Groups/{group['id']}"
    okta.patch(path, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": other["id"]}]})
    okta.patch(path, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": user["id"]}]})
    members = okta.call("GET", path).json()["members"]
    assert [one["value"] for one in members] == [other["id"]]


def test_okta_asks_replaces_and_deactivates_as_it_does(okta):
    assert okta.call("GET", "/Users?startIndex=1&count=2").json()["totalResults"] == 0
    user = okta.user("o@example.com", active=True, password="1mz050nq", locale="en-US", groups=[])
    whole = {
        **user,
        "active": True,
        "name": {"givenName": "Ada", "familyName": "L"},
        "title": "Dr",
        "groups": [{"value": "x"}],
        "roles": ["admin"],
    }
    answer = okta.call("PUT", f"/Users/{user['id']}", whole)
    assert answer.status_code == 200, answer.text
    assert answer.json()["title"] == "Dr"
    assert "password" not in answer.text
    assert okta.staff(user).roles == ()
    answer = okta.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": False}})
    assert answer.json()["active"] is False
    group = okta.group("G")
    renamed = okta.patch(
        f"/Groups/{group['id']}", {"op": "replace", "value": {"id": group["id"], "displayName": "Renamed"}}
    )
    assert renamed.json()["displayName"] == "Renamed"
    filled = okta.patch(
        f"/Groups/{group['id']}",
        {"op": "add", "path": "members", "value": [{"value": user["id"], "display": "o@example.com"}]},
    )
    assert [one["value"] for one in filled.json()["members"]] == [user["id"]]


# versions, pages, filters --------------------------------------------------------


def test_only_the_first_of_two_changes_to_the_same_version_is_made(scim):
    user = scim.user(title="one")
    version = scim.call("GET", f"/Users/{user['id']}").headers["etag"]
    assert version == user["meta"]["version"]
    first = scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "two"}, If_Match=version)
    assert first.status_code == 200
    stale = scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False}, If_Match=version)
    assert (stale.status_code, stale.json()["status"]) == (412, "412")
    assert scim.staff(user).standing == "active"
    assert scim.call("DELETE", f"/Users/{user['id']}", If_Match=version).status_code == 412
    same = scim.call("GET", f"/Users/{user['id']}", If_None_Match=first.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")


def test_of_two_changes_at_the_same_moment_one_is_made_and_one_is_told(scim):
    user = scim.user(title="one")
    version = user["meta"]["version"]
    actor = Actor(id=scim.name, via="api", service=scim.name, scopes=("scim",), humans=(scim.house.people["rea"].id,))
    together = threading.Barrier(4)

    def change(number: int) -> bool:
        call = Call(app=scim.app, actor=actor, base="http://x", if_match=version)
        operation = {"op": "replace", "path": "title", "value": f"t{number}"}
        together.wait()
        try:
            people.patch(call, user["id"], {"schemas": [PATCH], "Operations": [operation]})
        except PreconditionFailedException:
            return False
        return True

    def arrive(number: int) -> int:
        together.wait()
        return scim.call(
            "POST", "/Users", {"schemas": [USER], "userName": "Twin" if number % 2 else "tWIN"}
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == [False, False, False, True]
        assert sorted(pool.map(arrive, range(4))) == [201, 409, 409, 409]


def test_a_version_moves_when_people_decide_otherwise(okta):
    user = okta.user()
    okta.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    version = okta.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": True}).headers["etag"]
    okta.agree(okta.changes(user)[0])
    assert okta.call("GET", f"/Users/{user['id']}").headers["etag"] != version


def test_pages_are_whole_and_in_one_sequence(okta):
    made = {okta.user(f"u{number}", title=f"t{number % 2}")["id"] for number in range(7)}
    seen: list[str] = []
    for first in (1, 4, 7):
        page = okta.call("GET", f"/Users?startIndex={first}&count=3").json()
        assert page["totalResults"] == 7
        seen += [one["id"] for one in page["Resources"]]
    assert (set(seen), len(seen)) == (made, 7)
    odd = okta.call("GET", '/Users?filter=title eq "t1" and userName sw "u"&sortBy=userName&sortOrder=descending')
    assert [one["userName"] for one in odd.json()["Resources"]] == ["u5", "u3", "u1"]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "title pr", "count": 2}
    found = okta.call("POST", "/.search", body).json()
    assert (found["totalResults"], found["itemsPerPage"]) == (7, 2)


# attacks -------------------------------------------------------------------------


TRICKS: list[dict[str, Any]] = [
    {"op": "add", "path": "roles", "value": [{"value": "admin"}]},
    {"op": "add", "path": "ROLES", "value": "admin"},
    {"op": "add", "path": f"{USER}:roles", "value": ["admin"]},
    {"op": "add", "path": 'roles[value eq "admin"].value', "value": "admin"},
    {"op": "add", "path": "entitlements", "value": [{"value": "admin"}]},
    {"op": "add", "path": "groups", "value": [{"value": "g"}]},
    {"op": "add", "path": "Groups.value", "value": "g"},
    {"op": "add", "path": f"{EXTRA}:roles", "value": ["admin"]},
    {"op": "add", "path": f"{EXTRA.upper()}:standing", "value": "active"},
    {"op": "add", "path": EXTRA, "value": {"roles": ["admin"], "notInEffect": []}},
    {"op": "add", "value": {"roles": ["admin"], "groups": [{"value": "g"}], "staff_id": "x", "id": "y"}},
    {"op": "replace", "path": "id", "value": "x"},
    {"op": "replace", "path": "meta.version", "value": "x"},
    {"op": "add", "path": "schemas", "value": ["urn:gardefou:admin"]},
    {"op": "add", "path": "__class__", "value": "x"},
    {"op": "add", "path": "model_config", "value": {}},
]


def test_no_path_of_a_patch_gives_power(okta):
    okta.groups_mean("g = role:admin")
    group = okta.group("g")
    user = okta.user()
    for operation in TRICKS:
        answer = okta.patch(f"/Users/{user['id']}", operation)
        assert answer.status_code in {200, 400}, operation
        assert (okta.staff(user).roles, okta.changes(user)) == ((), []), operation
    assert "members" not in okta.call("GET", f"/Groups/{group['id']}").json()
    assert okta.call("GET", f"/Users/{user['id']}").json()["id"] == user["id"]


def test_r5_two_people_never_have_one_identity_or_name(scim):
    who = {EXTRA: {"issuer": "https://id.example", "subject": "s-1"}}
    first = scim.user("ada", emails=[{"value": "a@example.com"}], **who)
    for more in ({"userName": "ADA"}, {"userName": "b", **who}):
        twice = scim.call("POST", "/Users", {"schemas": [USER], **more})
        assert (twice.status_code, twice.json()["scimType"]) == (409, "uniqueness")
    other = scim.user("b", emails=[{"value": "a@example.com"}])
    assert scim.staff(other).id != scim.staff(first).id, "an address is nobody's identity"
    for operation in ({"path": "userName", "value": "aDa"}, {"path": EXTRA, "value": who[EXTRA]}):
        moved = scim.patch(f"/Users/{other['id']}", {"op": "replace", **operation})
        assert (moved.status_code, moved.json()["scimType"]) == (409, "uniqueness")
        assert scim.staff(first).pseudonym not in moved.text


def test_r5_whoever_has_powers_gets_no_other_identity(okta):
    user = okta.user(**{EXTRA: {"issuer": "https://id.example", "subject": "s-1"}})
    staff, _, _ = _works(okta, user, "lead")
    for operation in (
        {"op": "replace", "path": f"{EXTRA}:subject", "value": "mallory"},
        {"op": "add", "path": EXTRA, "value": {"issuer": "https://evil.example", "subject": "s-1"}},
    ):
        answer = okta.patch(f"/Users/{user['id']}", operation)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")
    okta.patch(f"/Users/{user['id']}", {"op": "remove", "path": EXTRA})
    again = okta.patch(
        f"/Users/{user['id']}", {"op": "add", "path": EXTRA, "value": {"issuer": "https://e", "subject": "m"}}
    )
    assert again.status_code == 400
    with okta.app.works.read() as connection:
        assert okta.app.directory.by_identity(connection, "https://id.example", "s-1") == staff.id
        assert okta.app.directory.by_identity(connection, "https://e", "m") is None


def test_r5_nobody_becomes_somebody_else_while_people_decide(okta):
    """Else people say yes to one person, and the power goes to another."""
    okta.groups_mean("Leads = role:lead")
    user = okta.user(**{EXTRA: {"issuer": "https://i", "subject": "ada"}})
    leads = okta.group("Leads", user)
    (grant,) = okta.changes(user)
    lea = okta.actor(okta.house.people["lea"])
    approve(okta.app, lea, Answer(enforcement=grant.id, digest=grant.digest, answer="yes"))
    by_hand = {"staff": okta.staff(user).id, "add": ["policy"], "remove": []}
    other = propose(okta.app, okta.actor(okta.house.people["ada"]), "role", by_hand, "x")
    swap = {"op": "replace", "path": f"{EXTRA}:subject", "value": "mallory"}
    assert okta.patch(f"/Users/{user['id']}", swap).status_code == 200
    for gone in (grant, other):
        with okta.app.works.read() as connection:
            now = get(connection, Enforcement, ORGANISATION, gone.id)
        assert now is not None
        assert now.state == "cancelled"
    member = {"op": "remove", "path": f'members[value eq "{user["id"]}"]'}
    okta.patch(f"/Groups/{leads['id']}", member)
    okta.patch(f"/Groups/{leads['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]})
    (anew,) = okta.changes(user)
    assert anew.id != grant.id


def test_one_call_proposes_for_so_many_and_takes_from_any_number(okta, monkeypatch):
    monkeypatch.setattr(groups, "MOST_AT_ONCE", 1)
    okta.groups_mean("Leads = role:lead")
    one, two = okta.user("one"), okta.user("two")
    body = {"schemas": [GROUP], "displayName": "Leads", "members": [{"value": one["id"]}, {"value": two["id"]}]}
    assert okta.call("POST", "/Groups", body).status_code == 413
    assert okta.changes() == []
    leads = okta.group("Leads", one)
    okta.patch(f"/Groups/{leads['id']}", {"op": "add", "path": "members", "value": [{"value": two["id"]}]})
    assert len(okta.changes()) == 2
    assert okta.call("DELETE", f"/Groups/{leads['id']}").status_code == 204
    assert okta.changes() == []


def test_taking_power_away_works_whatever_becomes_of_whoever_stands_behind_the_token(okta):
    """Paused, and with the token's owner gone, a leaver's powers still end at once."""
    user = okta.user()
    _works(okta, user, "lead")
    for change, payload in (("off", {"staff": okta.house.people["rea"].id}), ("pause", {"because": "x"})):
        propose(okta.app, okta.actor(okta.house.people["ada"]), change, payload, "x")
    newcomer = okta.user("newcomer")
    assert okta.staff(newcomer).roles == ()
    okta.patch(f"/Users/{user['id']}", {"op": "replace", "value": {"active": False}})
    assert okta.staff(user).standing == "suspended"


@pytest.mark.parametrize("nets", ["default", "small-team", "solo"])
def test_under_every_shipped_set_newcomers_come_and_leavers_go(sqlite_url, tmp_path, nets):
    with open_house(sqlite_url, tmp_path) as house:
        with house.app.works.begin() as uow:
            write_nets(uow, load_shipped(nets), name=nets, by="system")
        client = Scim(house)
        client.groups_mean("Leads = role:lead")
        user = client.user()
        client.group("Leads", user)
        (grant,) = client.changes(user)
        assert grant.state == "waiting"
        assert client.call("DELETE", f"/Users/{user['id']}").status_code == 204


def test_somebody_who_is_here_already_is_taken_over_by_identity_and_keeps_what_they_have(okta):
    rea = okta.house.people["rea"]
    with okta.app.works.begin() as uow:
        okta.app.directory.put(uow.connection, Entry(staff_id=rea.id, name="R", issuer="https://i", subject="rea"))
    user = okta.user("rea", **{EXTRA: {"issuer": "https://i", "subject": "rea"}})
    assert okta.staff(user) == rea
    second = Scim(okta.house, "other")
    twice = second.call(
        "POST", "/Users", {"schemas": [USER], "userName": "r2", EXTRA: {"issuer": "https://i", "subject": "rea"}}
    )
    assert twice.status_code == 409


def test_a_client_sees_and_changes_only_its_own(okta):
    user = okta.user()
    group = okta.group("G", user)
    other = Scim(okta.house, "vendor")
    assert other.call("GET", "/Users").json()["totalResults"] == 0
    assert other.call("GET", '/Users?filter=userName eq "ada.l"').json()["totalResults"] == 0
    for method, path in (("GET", "Users"), ("DELETE", "Users")):
        assert other.call(method, f"/{path}/{user['id']}").status_code == 404
    assert other.call("DELETE", f"/Groups/{group['id']}").status_code == 404
    stolen = other.call("POST", "/Groups", {"schemas": [GROUP], "displayName": "X", "members": [{"value": user["id"]}]})
    assert stolen.status_code == 400


def test_tokens_are_good_for_what_they_are_for_and_nothing_else(okta):
    house = okta.house
    assert house.get("/staff", by="okta").status_code == 403
    assert house.post("/staff", {"roles": ["lead"]}, by="okta").status_code == 403
    assert house.post("/pause", {"because": "x"}, by="okta").status_code == 403
    house.service("bot", "admin:write", "enforcements:write", "read")
    for who in ("ada", "lea", "bot"):
        answer = house.client.get("/scim/v2/Users", headers={"Authorization": f"Bearer {house.tokens[who]}"})
        assert (answer.status_code, answer.json()["schemas"]) == (403, ["urn:ietf:params:scim:api:messages:2.0:Error"])
    assert house.client.get("/scim/v2/Users").status_code == 401
    assert house.client.get("/scim/v2/Users", headers={"Authorization": "Bearer gf_nobody"}).status_code == 401


def test_the_scope_of_provisioning_is_a_services_alone_and_waits_for_people(okta):
    house = okta.house
    mine = house.post("/tokens", {"scope": ["scim"], "because": "x"}, by="ada")
    assert (mine.status_code, mine.json()["code"]) == (400, "token/scope_alone")
    both = house.post("/tokens", {"service": "o", "scope": ["scim", "read"], "because": "x"}, by="ada")
    assert (both.status_code, both.json()["code"]) == (400, "token/scope_alone")
    alone = house.post("/tokens", {"service": "o", "scope": ["scim"], "because": "x"}, by="ada")
    assert alone.status_code == 202


FILTERS: list[tuple[str, int]] = [
    ('userName eq "x" or 1 eq 1', 400),
    ('userName eq "x\'; DROP TABLE staff; --"', 200),
    ('userName eq "\\" or userName pr or userName eq \\""', 200),
    ("(" * 60 + 'userName eq "x"' + ")" * 60, 400),
    (" and ".join(['userName eq "x"'] * 400), 400),
    ("not " * 40 + '(userName eq "x")', 400),
    ('nosuch eq "x"', 400),
    ('password eq "x"', 400),
    ('userName eq "%"', 200),
    ('userName co ""', 200),
    ('emails[type eq "work" and value co "@"]', 200),
    ("userName", 400),
    ("active gt true", 400),
]


def test_a_filter_finds_nobody_by_tricks(okta):
    okta.user("someone", emails=[{"value": "a@b", "type": "home"}])
    for query, status in FILTERS:
        answer = okta.call("GET", "/Users?" + urlencode({"filter": query}))
        assert answer.status_code == status, (query, answer.text)
        if status == 400:
            assert answer.json()["scimType"] == "invalidFilter", query
        else:
            assert answer.json()["totalResults"] == (query == 'userName co ""'), query


def test_deep_and_large_bodies_are_refused_in_scims_own_words(okta):
    deep: Any = "x"
    for _ in range(900):
        deep = {"name": deep}
    for body in (deep, [1], "text", {"schemas": [USER], "userName": {"a": 1}}, {"schemas": [USER]}):
        answer = okta.call("POST", "/Users", body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    large = okta.call("POST", "/Users", {"schemas": [USER], "userName": "x" * 300_000})
    assert large.status_code == 413
    assert okta.call("POST", "/Users", {"schemas": [USER], "userName": "x" * 2000}).status_code == 400
    assert okta.call("POST", "/Bulk", {}).status_code == 501
    assert okta.call("GET", "/Me").status_code == 501


def test_what_is_no_text_is_refused_on_every_database(scim):
    user = scim.user("ada.l")
    before = scim.call("GET", "/Users").json()["totalResults"]
    team = {"schemas": [USER, EXTRA], "userName": "grace.h", EXTRA: {"team": "a\0b"}}
    for method, path, body in (
        ("POST", "/Users", team),
        ("POST", "/Users", {"schemas": [USER], "userName": "gr\0ce"}),
        ("POST", "/Users", {"schemas": [USER], "userName": ""}),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": "Tr\0st"}),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": "Trust", "members": [{"value": "\0"}]}),
    ):
        answer = scim.call(method, path, body)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), answer.text
    emptied = scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "userName", "value": ""})
    assert emptied.status_code == 400
    assert scim.call("GET", "/Users").json()["totalResults"] == before
    assert scim.call("POST", "/Users", {"schemas": [USER], "userName": "back\\u0000slash"}).status_code == 201


def test_r19_no_answer_leads_from_a_name_to_a_pseudonym(okta):
    okta.groups_mean("Leads = role:lead")
    user = okta.user("canary-user", displayName="Canary Name", emails=[{"value": "canary@example.com"}])
    okta.group("Leads", user)
    staff = okta.staff(user)
    said = [okta.call("GET", path).text for path in ("/Users", f"/Users/{user['id']}", "/Groups")]
    said.append(okta.patch(f"/Users/{user['id']}", {"op": "replace", "path": "userName", "value": ""}).text)
    for text in said:
        assert staff.id not in text
        assert staff.pseudonym not in text
        assert "2026-" not in text, "nor does a moment"
    others = [okta.house.get(path, by="lea").text for path in ("/staff", f"/staff/{staff.pseudonym}", "/enforcements")]
    with okta.app.works.read() as connection:
        bodies = connection.execute(sa.select(tables.event.c.body)).scalars().all()
    for text in (*others, *(bytes(body or b"").decode() for body in bodies)):
        assert "anary" not in text
        assert user["id"] not in text


def test_who_waits_to_be_added_keeps_their_identity_and_who_never_came_gives_it_up(scim):
    newcomer = {"roles": ["lead"], "team": "x", "issuer": "https://id.example", "subject": "s-new", "because": "x"}
    waits = scim.house.post("/staff", newcomer, by="ada")
    assert waits.status_code == 202, waits.text
    stated = {"schemas": [USER, EXTRA], "userName": "new", EXTRA: {"issuer": "https://id.example", "subject": "s-new"}}
    refused = scim.call("POST", "/Users", stated)
    assert (refused.status_code, refused.json()["scimType"]) == (409, "uniqueness")
    cancelled = scim.house.post(f"/enforcements/{waits.json()['id']}/cancel", {"because": "x"}, by="ada")
    assert cancelled.status_code == 200, cancelled.text
    assert scim.call("POST", "/Users", stated).status_code == 201
