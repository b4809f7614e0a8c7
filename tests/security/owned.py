"""Each thing that belongs to somebody, made once as one's own and once as somebody else's, with the call about it.

The names are those of `tools/ownership.py`. Each maker takes whether it is to
be one's own, and returns who calls about it and what the address and the body
need. Whoever calls is somebody whom the door lets in.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from httpx2 import Response

from gardefou.domain.records import Enforcement, Staff, Token
from gardefou.flow.approve import Answer, approve
from gardefou.flow.break_glass import break_glass
from gardefou.flow.cases import claim
from gardefou.flow.change import pause, propose
from gardefou.flow.decide import carry_out, decide, enforce
from gardefou.flow.invitations import draw_half
from gardefou.flow.raid import start_raid
from gardefou.flow.reports import NewReport, take_many
from gardefou.flow.restore import restore
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.people.authenticate import hash_secret, start_session
from gardefou.people.oidc.attempts import Purpose, begin, take
from gardefou.storage import tables
from gardefou.web.console.groups import _digest
from tests.security.doors import Doors
from tools.ownership import DONE

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
_EVENT = "urn:ietf:params:scim:schemas:core:2.0:User"


@dataclass(kw_only=True)
class Ask:
    """Who calls, and about what."""

    who: str | None
    #: What stands in the address and in bodies, by the names that `Doors` has for it.
    ids: dict[str, str] = field(default_factory=dict)
    #: What the body or the form has besides, or instead.
    fields: dict[str, Any] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    #: What was done, where the answer's status alone does not say it.
    told: Callable[[Response], str] | None = None


class Makers:
    """Makes things; each is on accounts and of people of its own, so that none stands in another's way."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.house = doors.house
        self.app = doors.house.app
        self._count = count()
        doors.signs_in("rea", "lea", "ada", "leg", "pol")

    # people and accounts ----------------------------------------------------------

    def hired(self, *roles: str) -> str:
        """Return the name of a new colleague, in a team of their own, signed in just now."""
        name = f"new{next(self._count)}"
        self.house.hire(name, *roles)
        self.doors.signs_in(name)
        return name

    def last(self, *roles: str) -> str:
        """Return the name of a new colleague who is in the last 24 hours, and not in the last hour."""
        name, now = self.hired(*roles), self.house.clock.now()
        self.becomes(name, last_day_end=now + timedelta(hours=9), notice_at=now - timedelta(days=20))
        return name

    def newcomer(self) -> str:
        """Return the name of a new colleague who was never here."""
        name = self.hired("reviewer")
        self.becomes(name, enrolled=False)
        return name

    def becomes(self, name: str, **fields: Any) -> None:
        staff = self.house.people[name]
        with self.app.works.begin() as uow:
            became = replace(uow.need(Staff, staff.platform, staff.id), version=staff.version + 1, **fields)
            uow.record("staff.roles_changed", by="system", about=staff.id, puts=(became,))

    def account(self, reach: int = 50) -> str:
        ref = f"own{next(self._count)}"
        self.house.sandbox.put_account(ref, handle=f"user_{ref}", reach=reach, age_days=365)
        return ref

    def case(self, **more: Any) -> str:
        report = NewReport(
            platform="sandbox", kind="account", account=self.account(), reporter="r1", category="spam", **more
        )
        return take_many(self.app, self.doors.actor("rea"), [report])[-1].case

    def placed(self, by: str, account: str, **more: Any) -> Enforcement:
        wanted = Wanted(
            platform="sandbox", account=account, action="suspend", policy="spam", rationale="Sells watches."
        )
        return enforce(self.app, self.doors.actor(by), replace(wanted, **more))

    def here(self, ref: str, **more: str) -> dict[str, str]:
        return {"platform": "sandbox", "ref": ref, **more}

    def about(self, one: Enforcement, **more: str) -> dict[str, str]:
        """Return how addresses and bodies name an enforcement."""
        named = {"id": one.id, "enforcements": one.id, "digest": one.digest, "passkey:asked": one.id}
        return named | self.here(one.account) | more

    # cases ------------------------------------------------------------------------

    def held_case(self, line: str, *, own: bool) -> Ask:
        picture = {"kind": "screenshot", "says": "x", "data": base64.b64encode(PNG).decode()}
        case = self.case(evidence=(picture,))
        claim(self.app, self.doors.actor("rea" if own else "lea"), case)
        with self.app.works.read() as connection:
            report = connection.execute(sa.select(tables.report.c.id).where(tables.report.c.case_id == case))
            ids = {"id": case, "report": str(report.scalar_one()), "item": "0"}
        about: dict[str, Any] = {}
        if line.endswith("/enforcements/preview"):
            with self.app.works.read() as connection:
                account = connection.execute(sa.select(tables.case.c.account).where(tables.case.c.id == case))
                about = {"case": case, "account": account.scalar_one()}
        if line.endswith("/move"):
            about = {"queue": "urgent"}
        if line.endswith("/preview") and not about:
            about = {"outcome": "no_violation"}
        return Ask(who="rea", ids=ids, fields=about)

    def decision(self, _line: str, *, own: bool) -> Ask:
        who, case = "rea" if own else "lea", self.case()
        claim(self.app, self.doors.actor(who), case)
        made = decide(self.app, self.doors.actor(who), case, outcome="no_violation")
        return Ask(who="rea", ids={"id": case}, fields={"decision": made.decision.id})

    # enforcements -----------------------------------------------------------------

    def waiting(self, line: str, *, own: bool) -> Ask:
        """What waits for one lead: a lead calls."""
        me, other = self.hired("lead"), self.hired("lead")
        one = self.placed(me if own else other, self.account(reach=200_000))
        assert one.state == "waiting"
        fields: dict[str, Any] = {}
        if "/api/" in line and "/approvals" in line and not own:
            assertion = self.house.signs(me, {"platform": one.platform, "id": one.id, "digest": one.digest})
            fields = {"assertion": assertion}
        return Ask(who=me, ids=self.about(one), fields=fields)

    def change(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("policy", "lead"), self.hired("policy")
        payload = {"platform": "sandbox", "account": self.account(), "tier": "notable"}
        propose(self.app, self.doors.actor(me), "tier", payload)
        one = propose(self.app, self.doors.actor(me if own else other), "tier", {**payload, "tier": "standard"})
        assert one.state == "waiting"
        return Ask(who=me, ids=self.about(one))

    def proposal(self, _line: str, *, own: bool) -> Ask:
        # The one there is: each is held against a whole team.
        return Ask(who="pol" if own else "lea", ids={"id": self.doors.ids["proposal"]})

    def end_of_measure(self, line: str, *, own: bool) -> Ask:
        """The restore of what the law demanded, which waits for two; whoever imposed it would stop it."""
        me, other = self.hired("lead", "legal"), self.hired("lead", "legal")
        ref = self.account()
        made = self.placed(me if own else other, ref, legal_basis="court_order")
        assert carry_out(self.app, [made])[0].state == "in_force"
        (one,) = restore(self.app, self.doors.actor("ona"), "sandbox", ref, "It was lifted.").restores
        assert one.state == "waiting"
        return Ask(who=me, ids=self.about(one), fields=self._no(line))

    def end_of_pause(self, line: str, *, own: bool) -> Ask:
        me, other = self.hired("lead"), self.hired("lead")
        self.go_on()
        pause(self.app, self.doors.actor(me if own else other), "A test.")
        one = propose(self.app, self.doors.actor(self.hired("lead")), "resume", {})
        assert one.state == "waiting"
        return Ask(who=me, ids=self.about(one), fields=self._no(line))

    def _no(self, line: str) -> dict[str, Any]:
        return {} if line.endswith("/cancel") else {"answer": "no"}

    def paused(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("lead"), self.hired("lead")
        self.go_on()
        pause(self.app, self.doors.actor(me if own else other), "A test.")
        return Ask(who=me)

    def go_on(self) -> None:
        """End every pause, and what waits to end one."""
        with self.app.works.begin() as uow:
            uow.connection.execute(tables.pause.update().values(ended_at=uow.now))
            change = tables.enforcement
            asked = sa.and_(change.c.action == "change", change.c.state == "waiting")
            for row in uow.connection.execute(sa.select(change.c.id, change.c.change).where(asked)).all():
                if row.change["kind"] == "resume":
                    uow.connection.execute(change.update().where(change.c.id == row.id).values(state="cancelled"))

    def raid(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("lead"), self.hired("lead")
        with self.app.works.begin() as uow:
            uow.connection.execute(tables.raid.delete())
        start_raid(self.app, self.doors.actor(me if own else other), "A wave.")
        return Ask(who=me)

    def harm(self, line: str, *, own: bool, me: str = "") -> Ask:
        me = me or self.hired("reviewer")
        ref = self.account()
        if "/hacked/" in line:
            return self.broken(line, own=own, me=me)
        made = self.placed("sac" if not own else me, ref, action="limit")
        assert carry_out(self.app, [made])[0].state == "in_force"
        return Ask(who=me, ids=self.here(ref))

    def harm_on_last_day(self, line: str, *, own: bool) -> Ask:
        return self.harm(line, own=own, me=self.last("reviewer"))

    def broken(self, line: str, *, own: bool, me: str = "") -> Ask:
        """A broken glass: waiting for its further person, or in force where it is to be ratified."""
        me = me or self.hired("lead")
        other, second = self.hired("lead"), self.hired("lead")
        ref = self.account()
        one = break_glass(self.app, self.doors.actor(me if own else other), "sandbox", ref, "lock", "The owner rang.")
        if line.endswith(("/ratify", "/undo")):
            given = Answer(enforcement=one.id, digest=one.digest, answer="yes")
            (one,) = carry_out(self.app, [approve(self.app, self.doors.actor(second), given)])
            assert one.state == "in_force"
        fields = {"enforcement": one.id, "digest": one.digest} if "/hacked/" in line else {}
        return Ask(who=me, ids=self.about(one), fields=fields)

    def acts(self, line: str, *, own: bool, me: str = "") -> Ask:
        me, other = me or self.hired("reviewer"), self.hired("reviewer")
        whose = me if own else other
        carry_out(self.app, [self.placed(whose, self.account(), action="limit")])
        pseudonym = self.house.people[whose].pseudonym
        since = (self.house.clock.now() - timedelta(hours=1)).isoformat()
        fields = (
            {"by": pseudonym, "since": since, "dry_run": False} if "/api/" in line else {"hours": "24", "sure": "yes"}
        )
        return Ask(who=me, ids={"pseudonym": pseudonym}, fields=fields)

    def acts_on_last_day(self, line: str, *, own: bool) -> Ask:
        return self.acts(line, own=own, me=self.last("reviewer"))

    def rolled_back(self, _line: str, *, own: bool) -> Ask:
        me, other, whose = self.hired("lead"), self.hired("lead"), self.hired("reviewer")
        carry_out(self.app, [self.placed(whose, self.account(), action="limit")])
        since = self.house.clock.now() - timedelta(hours=1)
        asks = self.doors.actor(me if own else other)
        record = rollback(self.app, asks, by=self.house.people[whose].id, since=since).record
        assert record is not None
        return Ask(who=me, ids={"id": record.id})

    def burst(self, line: str, *, own: bool) -> Ask:
        """A newcomer's acts beyond their budget, which wait for one lead; the newcomer is one."""
        me, other = self.hired("lead"), self.hired("lead")
        whose = me if own else other
        staff = self.house.people[whose]
        self.becomes(whose, started_at=self.house.clock.now() - timedelta(days=3))
        made = [self.placed(whose, self.account(), action="limit") for _ in range(22)]
        assert made[-1].state == "waiting"
        with self.app.works.read() as connection:
            groups = waiting_groups(connection, self.app.config(connection))
        group = next(one for one in groups if one.kind == "budget" and one.placed_by == staff.id)
        fields = {"kind": "budget", "key": staff.pseudonym, "digest": _digest(group)}
        query = f"?kind=budget&key={staff.pseudonym}" if line.startswith("GET ") else ""
        return Ask(who=me, ids={"query": query}, fields=fields)

    # people -----------------------------------------------------------------------

    def person(self, line: str, *, own: bool) -> Ask:
        role = "lead" if "top-up" in line else "admin"
        me = self.hired("legal" if line.endswith("/reveal") else role)
        whose = me if own else self.newcomer() if line.endswith("/invite") else self.hired("reviewer")
        if line.endswith("/erase") and not own:
            self.becomes(whose, standing="left")
        pseudonym = self.house.people[whose].pseudonym
        fields: dict[str, Any] = {}
        if line.endswith("/roles"):
            fields = {"add": [], "remove": ["auditor"]} if "/api/" in line else {"role": ["admin", "reviewer", "lead"]}
        if line.endswith("/enforcements/top-up"):
            fields = {"staff": pseudonym}
        return Ask(who=me, ids={"id": pseudonym, "pseudonym": pseudonym}, fields=fields)

    def roles(self, line: str, *, own: bool) -> Ask:
        me = self.hired("lead", "admin")
        pseudonym = self.house.people[me if own else self.hired("reviewer")].pseudonym
        role = "lead" if own else "reviewer"
        grant = [{"staff": pseudonym, "role": role}] if "/api/" in line else [f"{pseudonym}/{role}"]
        return Ask(who=me, fields={"grants" if "/api/" in line else "grant": grant})

    def name(self, _line: str, *, own: bool) -> Ask:
        """A name that was revealed to one who may reveal, and is asked for by them or by another who may."""
        me, other, whose = self.hired("legal"), self.hired("legal"), self.hired("reviewer")
        staff = self.house.people[whose]
        to = self.house.people[me if own else other]
        with self.app.works.begin() as uow:
            until = (uow.now + timedelta(days=1)).isoformat()
            uow.record("staff.revealed", by=to.id, about=uow.ids.new(), detail={"staff": staff.id, "until": until})
        return Ask(who=me, ids={"id": staff.pseudonym, "pseudonym": staff.pseudonym})

    def half(self, _line: str, *, own: bool) -> Ask:
        me, other, newcomer = self.hired("admin"), self.hired("admin"), self.newcomer()
        staff = self.house.people[newcomer]
        half, _ = draw_half(self.app, self.doors.actor(me if own else other), staff.id)
        return Ask(who=me, ids={"pseudonym": staff.pseudonym}, fields={"half": half.id})

    # tokens, passkeys, sessions -----------------------------------------------------

    def issued(self, whose: str, *, service: str | None = None) -> Token:
        staff, secret = self.house.people[whose], f"gf_own-{next(self._count)}"
        token = Token(
            id=self.app.ids.new(), hash=hash_secret(secret), staff_id=staff.id, issued_by=staff.id,
            issued_at=self.app.now(), scopes=("read",), service=service, purpose=secret,
        )  # fmt: skip
        with self.app.works.begin() as uow:
            uow.record("token.issued", by=staff.id, about=token.id, puts=(token,))
        return token

    def token(self, line: str, *, own: bool, role: str = "reviewer") -> Ask:
        me, other = self.hired(role), self.hired("reviewer")
        whose = me if own else other
        token = self.issued(whose, service=f"bot-{whose}" if "/services/" in line else None)

        def listed(answer: Response) -> str:
            return "listed" if token.id in answer.text else "not listed"

        told = listed if line.startswith("GET ") else None
        pseudonym = self.house.people[whose].pseudonym
        return Ask(who=me, ids={"id": token.id, "pseudonym": pseudonym}, fields={"token": token.id}, told=told)

    def any_token(self, line: str, *, own: bool) -> Ask:
        return self.token(line, own=own, role="admin")

    def token_for(self, _line: str, *, own: bool) -> Ask:
        other = self.house.people["lea"].pseudonym
        return Ask(who="rea", fields={} if own else {"staff": other})

    def secret(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("reviewer"), self.hired("reviewer")
        token = self.issued(me if own else other)

        def ended(answer: Response) -> str:
            with self.app.works.read() as connection:
                row = connection.execute(sa.select(tables.token.c.revoked_at).where(tables.token.c.id == token.id))
                return DONE if answer.status_code == 202 and row.scalar_one() is not None else "still good"

        return Ask(who=me, fields={"token": token.purpose}, told=ended)

    def passkey(self, _line: str, *, own: bool, role: str = "reviewer") -> Ask:
        me, other = self.hired(role), self.hired("reviewer")
        whose = me if own else other
        self.house.signs(whose, {"platform": "sandbox", "id": "x", "digest": "y"})
        return Ask(who=me, fields={"passkey": self.house.devices[whose].id})

    def any_passkey(self, line: str, *, own: bool) -> Ask:
        return self.passkey(line, own=own, role="admin")

    def session(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("reviewer"), self.hired("reviewer")
        with self.app.works.begin() as uow:
            secret, _ = start_session(uow, self.house.people[me if own else other].id, strong=False)
        return Ask(who=me, fields={"session": hash_secret(secret)[:16]})

    # the identity provider ----------------------------------------------------------

    def attempt(self, _line: str, *, own: bool) -> Ask:
        """A fresh sign-in under way; where its session is the one that comes back, the provider's no is heard."""
        me, other = self.hired("reviewer"), self.hired("reviewer")
        secret = self.doors.sessions[me if own else other][0]
        with self.app.works.begin() as uow:
            begun = begin(uow.connection, Purpose.STEP_UP, now=uow.now, session=secret)
        query = f"?state={begun.state}&error=access_denied&iss=https://idp.example"

        def heard(answer: Response) -> str:
            # The provider of this installation is away; that it was asked is what counts.
            code = answer.headers["gardefou-problem"]
            return "goes on" if code == "oidc/unavailable" else code

        return Ask(who=me, ids={"query": query}, cookies={"gardefou-oidc": begun.browser}, told=heard)

    def form(self, _line: str, *, own: bool) -> Ask:
        me, other = self.hired("reviewer"), self.hired("reviewer")
        secret = self.doors.sessions[me if own else other][0]
        with self.app.works.begin() as uow:
            begun = begin(uow.connection, Purpose.STEP_UP, now=uow.now, session=secret, next_path="/raid")
            take(uow.connection, begun.state, browser=begun.browser, now=uow.now)
        return Ask(who=me, ids={"query": f"?state={begun.state}"})

    # provisioning -------------------------------------------------------------------

    def provisioned(self, line: str, *, own: bool) -> Ask:
        me, other = f"idp{next(self._count)}", f"idp{next(self._count)}"
        for client in (me, other):
            self.house.service(client, "scim")
        document = {"schemas": [_EVENT], "userName": f"{me}.user"}
        sent = {"Authorization": f"Bearer {self.house.tokens[me if own else other]}"}
        made = self.house.client.post("/scim/v2/Users", json=document, headers=sent)
        assert made.status_code == 201, made.text
        user = made.json()["id"]
        group = {"schemas": [], "displayName": f"G{me}", "members": [{"value": user}]}
        bodies: dict[str, dict[str, Any]] = {
            "POST": {**group, "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"]},
            "PUT": {**document, "displayName": "New"},
            "PATCH": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "displayName", "value": "New"}],
            },
        }
        method = line.partition(" ")[0]
        path = "Groups" if method == "POST" else f"Users/{user}"

        def status(answer: Response) -> str:
            return DONE if answer.status_code < 400 else str(answer.status_code)

        return Ask(who=me, ids={"path": path}, fields=bodies.get(method, {}), told=status)
