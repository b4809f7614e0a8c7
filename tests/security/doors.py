"""An installation with something of everything on two platforms, and what to send to each route of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from httpx2 import Response

from gardefou.domain.records import ORGANISATION, Channel, Enforcement, PlatformEntry, Staff, Token
from gardefou.flow.break_glass import break_glass
from gardefou.flow.bulk_enforce import enforce_bulk
from gardefou.flow.change import propose
from gardefou.flow.decide import enforce
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.flow.waiting_groups import waiting_groups
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_staff, forget_strong, note_strong, start_session
from gardefou.people.directory import Entry
from gardefou.people.roles import ROLES, SCOPES
from gardefou.platforms.sandbox import Sandbox
from gardefou.storage import tables
from gardefou.web.app import PREFIX
from gardefou.web.console.groups import _digest
from gardefou.web.console.hacked import newest
from tests.web.house import House, open_house
from tools.authorisation import ISSUER

#: Nobody may, whatever they have: these are what a shut door says.
SHUT = frozenset(
    {
        "auth/missing",
        "auth/invalid",
        "auth/forbidden",
        "auth/signed_out",
        "auth/revoked",
        "auth/platform",
        "auth/not_human",
        "staff/search_person",
        "approval/not_human",
        "token/by_service",
        "session/not_human",
        "staff/left",
        "staff/suspended",
        "staff/read_only",
        "staff/leaving",
    }
)
ALL_ROLES = tuple(role for role in ROLES if role != "auditor")
OTHER = "chirp"


@dataclass
class Doors:
    """The house, whoever knocks, and the ids of what there is."""

    house: House
    ids: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: What the next call is about, instead of what there is anyway.
    about: dict[str, str] = field(default_factory=dict)

    def signs_in(self, *names: str) -> None:
        """Open a session each; their strong sign-in stays as fresh as it was."""
        with self.house.app.works.begin() as uow:
            for name in names:
                self.sessions[name] = start_session(uow, self.house.people[name].id, strong=False)

    def actor(self, name: str) -> Actor:
        with self.house.app.works.read() as connection:
            staff = self.house.people[name]
            return by_staff(connection, staff.id, now=self.house.app.now(), via="console")

    def session(self, name: str) -> tuple[str, str]:
        """Open a session of somebody, whatever their standing; return its secret and CSRF token."""
        self.signs_in(name)
        return self.sessions[name]

    def events(self) -> int:
        with self.house.app.works.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(tables.event)).scalar_one())

    def fresh(self, *names: str) -> None:
        with self.house.app.works.begin() as uow:
            for name in names:
                note_strong(uow.connection, self.house.people[name].id, uow.now)
        self._read_anew()

    def stale(self, *names: str) -> None:
        with self.house.app.works.begin() as uow:
            for name in names:
                forget_strong(uow.connection, self.house.people[name].id)
        self._read_anew()

    def _read_anew(self) -> None:
        """Let tokens count as they are at once, not within half a second."""
        node: Any = self.house.client.app
        node.state.node.bearer.forget()

    def path(self, line: str) -> str:
        """Return a route's address with what there is on the first platform."""
        head = line.partition(" ")[2].removeprefix(PREFIX).split("/")
        ids = self.ids | {"id": self.ids.get(":".join(head[1:3]), self.ids.get(head[1], "none"))}
        for end, whom in (("/off", "spare"), ("/erase", "spare"), ("/suspend", "spent")):
            if line.endswith(end):
                ids |= dict.fromkeys(("id", "pseudonym"), self.house.people[whom].pseudonym)
        ids |= self.about
        path = re.sub(r"{(\w+)(?::\w+)?}", lambda match: ids[match[1]], line.partition(" ")[2])
        return path + ids.get("query", "")

    def ask(
        self,
        line: str,
        who: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> Response:
        """Call a route of the API, or beside it, as the bearer of somebody's token."""
        method = line.partition(" ")[0]
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.house.tokens[who]}"
        options: dict[str, Any] = {}
        if line == f"POST {PREFIX}/reports/batch":
            options = {"content": b'{"platform":"sandbox"}\n'}
            sent["Content-Type"] = "application/x-ndjson"
        elif method in {"POST", "PUT", "PATCH"}:
            options = {"json": self.body(line, fields)}
        return self.house.client.request(method, self.path(line), headers=sent, **options)

    def visit(
        self,
        line: str,
        who: str | None,
        *,
        fields: Mapping[str, Any] | None = None,
        cookies: Mapping[str, str] | None = None,
        host: str = "http://testserver",
    ) -> Response:
        """Open a page of the console, or send its form, in somebody's session."""
        method = line.partition(" ")[0]
        client, path = self.house.client, host + self.path(line)
        sent = {"Origin": host}
        secret, csrf = ("", "") if who is None else self.sessions[who]
        held = ({"gardefou": secret} if secret else {}) | dict(cookies or {})
        if held:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in held.items())
        if method == "GET":
            return client.get(path, headers=sent, follow_redirects=False)
        given = {"csrf": csrf, **self.form(line), **(fields or {})}
        return client.post(path, data=given, headers=sent, follow_redirects=False)

    def body(self, line: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what a call of the API takes, so that nothing but the door stands in its way."""
        given, about = dict(fields or {}), self.ids | self.about
        because = {"because": "A test."}
        act = {"platform": "sandbox", "action": "warn", "policy": "spam", "rationale": "Sells watches."}
        answer = {"digest": about["digest"], "answer": "yes", "note": "I looked."}
        bodies: dict[str, dict[str, Any]] = {
            "/reports": {
                "platform": "sandbox",
                "subject": {"kind": "account", "account": "1001"},
                "reporter": "r9",
                "category": "spam",
            },
            "/cases/{id}/move": {"queue": "other"},
            "/cases/{id}/escalate": because,
            "/cases/{id}/notes": {"text": "A note."},
            "/cases/{id}/decisions": {"outcome": "no_violation"},
            "/enforcements/preview": {**act, "account": "1001"},
            "/enforcements": {**act, "account": "1001"},
            "/enforcements/bulk": {**act, "accounts": ["1001", "1002"]},
            "/enforcements/approvals": {"approvals": [{"enforcement": about["enforcements"], **answer, **given}]},
            "/enforcements/{id}/approvals": answer,
            "/enforcements/{id}/cancel": because,
            "/accounts/{platform}/{ref:path}/restore": because,
            "/accounts/{platform}/{ref:path}/tier": {"tier": "notable", **because},
            "/accounts/{platform}/{ref:path}/break-glass": {"action": "lock", **because},
            "/rollbacks": {"by": about["pseudonym"], "since": "2026-03-01T00:00:00Z", "dry_run": True},
            "/pause": because,
            "/resume": because,
            "/raid": because,
            "/staff/search": {"name": "Planted Rea Name"},
            "/staff": {"roles": ["reviewer"], "team": "reports", "name": "New Colleague"},
            "/staff/{id}/roles": {"remove": ["nothing"], "add": ["lead"], **because},
            "/staff/{id}/leave": {"last_day": "2026-05-31", **because},
            "/staff/{id}/suspend": because,
            "/staff/{id}/reveal": because,
            "/staff/{id}/erase": because,
            "/recertification": {"grants": [{"staff": self.ids["pseudonym"], "role": "reviewer"}], **because},
            "/tokens": {"scope": ["read"]},
            "/tokens/revoke-leaked": {"token": "gf_nothing"},
            "/nets/proposals": {"remove": ["newcomer-bulk"], **because},
            "/platforms": {"name": "third", "kind": "sandbox", **because},
        }
        body = bodies.get(line.partition(" ")[2].removeprefix(PREFIX), {})
        return body if "approvals" in body else body | given

    def form(self, line: str) -> dict[str, str | list[str]]:
        """Return the fields of a form of the console."""
        because: dict[str, str | list[str]] = {"because": "A test."}
        tier: dict[str, str | list[str]] = {"tier": "notable", "account": "1001", "platform": "sandbox", **because}
        given: dict[str, str | list[str]] = {
            "digest": (self.ids | self.about)["digest"],
            "answer": "yes",
            "note": "I looked.",
        }
        with self.house.app.works.read() as connection:
            broken = newest(connection, "sandbox", "1003")
        assert broken is not None
        glass: dict[str, str | list[str]] = {"enforcement": broken.id, "digest": broken.digest}
        kinds: dict[str, str | list[str]] = {"kind": "bulk", "key": self.ids["group"], "answer": "yes", "note": "Seen."}
        forms: dict[str, dict[str, str | list[str]]] = {
            "/cases/{id}/decide": {"outcome": "no_violation"},
            "/cases/{id}/take-back": {"decision": "none"},
            "/cases/{id}/move": {"queue": "other"},
            "/cases/{id}/escalate": because,
            "/cases/{id}/note": {"text": "A note."},
            "/enforcements/group": {**kinds, "digest": self.ids["group_digest"]},
            "/enforcements/top-up": {"staff": self.ids["pseudonym"]},
            "/enforcements/{id}/answer": given,
            "/enforcements/{id}/cancel": because,
            "/restore/{platform}/{ref:path}": because,
            "/accounts/{platform}/{ref:path}/tier": tier,
            "/accounts/{platform}/{ref:path}/fake": because,
            "/registry": tier,
            "/registry/import": {"list": "platform,account,tier\nsandbox,1001,notable\n", "step": "import", **because},
            "/hacked/{platform}/{ref:path}/break": {"action": "lock", **because},
            "/hacked/{platform}/{ref:path}/answer": {**given, **glass},
            "/hacked/{platform}/{ref:path}/ratify": glass,
            "/hacked/{platform}/{ref:path}/undo": {**glass, **because},
            "/pause": because,
            "/resume": because,
            "/raid": because,
            "/people/search": {"who": "Planted Rea Name"},
            "/people/{pseudonym}/reveal": because,
            "/people/{pseudonym}/erase": {"sure": "yes", **because},
            "/recertification": {"grant": [f"{self.ids['pseudonym']}/reviewer"], "answer": "confirm", **because},
            "/people/{pseudonym}/roles": {"role": ["reviewer", "lead"], **because},
            "/people/{pseudonym}/leave": {"last_day": "2026-05-31", **because},
            "/people/{pseudonym}/off": {"sure": "yes", **because},
            "/people/{pseudonym}/suspend": {"sure": "yes", **because},
            "/people/{pseudonym}/revoke": {"token": self.ids["tokens"]},
            "/people/{pseudonym}/rollback": {"hours": "24"},
            "/services/revoke": {"token": self.ids["tokens"]},
            "/nets/proposal": {"toml": self.ids["toml"], "do": "propose", **because},
            "/record/verify": {"log": "sandbox"},
            "/me": {"language": "", "zone": "", "theme": "", "media": ""},
            "/me/passkeys": {"credential": "{}"},
            "/me/passkeys/end": {"passkey": "none"},
            "/me/sessions/end": {"session": "none"},
            "/passkey/asked/{id}": {"digest": self.ids["digest"]},
        }
        return forms.get(line.partition(" ")[2], {})


def denied(answer: Response) -> str:
    """Return the code with which a door was shut; empty where it was open."""
    if answer.status_code in {302, 303} and answer.headers.get("location", "").startswith("/signin"):
        return "auth/signed_out"
    if answer.url.path.endswith("/enforcements/approvals") and answer.status_code == 200:
        # Each answer of a group stands by itself.
        (one,) = answer.json()["items"]
        return str(one["error"]["code"]) if one["error"] and one["error"]["code"] in SHUT else ""
    code = answer.headers.get("gardefou-problem", "")
    if not code and "problem+json" in answer.headers.get("content-type", ""):
        code = str(answer.json()["code"])
    if not code and answer.status_code in {401, 403}:
        code = "auth/forbidden"
    return code if code in SHUT else ""


def wants_step_up(answer: Response) -> bool:
    """Whether a fresh sign-in was asked for."""
    if "problem+json" in answer.headers.get("content-type", ""):
        return str(answer.json()["code"]) == "auth/step_up"
    return 'name="step_up"' in answer.text and "/oidc/step-up" not in str(answer.url)


@contextmanager
def open_doors(url: str, folder: Path) -> Iterator[Doors]:
    """Open the installation, with everything in it that a route can be about."""
    with open_house(
        url,
        folder,
        oidc_issuer=ISSUER,
        oidc_client_id="gardefou",
        signals_issuer=ISSUER,
        signals_audience="gardefou",
        signals_jwks_url=f"{ISSUER}/keys",
    ) as house:
        doors = Doors(house)
        _people(doors)
        _happenings(doors)
        web: Any = house.client.app
        web.state.node.openid.transport = httpx.MockTransport(_away)
        yield doors


def _away(request: httpx.Request) -> httpx.Response:
    """The identity provider of this installation is never there."""
    raise httpx.ConnectError("away", request=request)


def _people(doors: Doors) -> None:
    house = doors.house
    for scope in SCOPES:
        house.service(f"svc-{scope}", scope)
    house.service("svc-scim", "scim")
    # Whoever things are done to: nobody whose role is tried.
    house.hire("sac", "reviewer", team="spare")
    house.hire("spare", "reviewer", team="spare")
    house.hire("spent", "reviewer", team="spare")
    for name in ("left", "suspended", "erased", "last"):
        house.hire(name, *ALL_ROLES, team=f"team-{name}")
        doors.session(name)
    now = house.clock.now()
    with house.app.works.begin() as uow:
        for name, fields in {
            "left": {
                "standing": "left",
                "last_day_end": now - timedelta(days=1),
                "notice_at": now - timedelta(days=20),
            },
            "erased": {
                "standing": "left",
                "last_day_end": now - timedelta(days=1),
                "notice_at": now - timedelta(days=9),
            },
            "suspended": {"standing": "suspended"},
            "last": {"last_day_end": now + timedelta(minutes=30), "notice_at": now - timedelta(days=20)},
        }.items():
            staff = uow.need(Staff, ORGANISATION, house.people[name].id)
            uow.record(
                "staff.notice",
                by="system",
                about=staff.id,
                puts=(replace(staff, version=staff.version + 1, **fields),),  # type: ignore[arg-type]
            )
        house.app.directory.put(uow.connection, Entry(staff_id=house.people["erased"].id))
    for name in ("rea", "lea", "pol", "ona", "ada", "leg", "aud", "sac"):
        doors.session(name)


def _happenings(doors: Doors) -> None:
    house, ids, app = doors.house, doors.ids, doors.house.app
    entry = PlatformEntry(
        id=OTHER, kind="sandbox", endpoint=f"sandbox:{OTHER}", config={}, sandbox=True, added_at=app.now()
    )
    channel = Channel(id="chat", key="k", service="json", to=("everyone",), added_at=app.now())
    with app.works.begin() as uow:
        uow.record("platform.registered", by="system", about=OTHER, puts=(entry,))
        uow.record("channel.set", by="system", about="chat", puts=(channel,))
    other = app.connector(OTHER)
    assert isinstance(other, Sandbox)
    for number in range(1, 5):
        other.put_account(f"20{number:02}", handle=f"bird{number}", reach=50, age_days=365)
    for number in range(30):
        house.sandbox.put_account(f"wave{number}", handle=f"wave{number}", reach=40, age_days=365)
    case = house.report("1001").json()["case"]
    house.post(f"/cases/{case}/claim", by="rea")
    house.post(f"/cases/{case}/release", by="rea")
    wanted = Wanted(
        platform="sandbox",
        account="9001",
        action="suspend",
        policy="impersonation",
        rationale="A fake.",
        confirm={"handle": "president"},
    )
    sac = doors.actor("sac")
    waits = enforce(app, sac, wanted)
    enforce(app, sac, replace(wanted, account="1002", confirm={}))
    undone = rollback(app, doors.actor("ona"), by=sac.id, since=app.now() - timedelta(minutes=1)).record
    waits = _again(doors, wanted) or waits
    break_glass(app, sac, "sandbox", "1003", "lock", "Its owner rang.")
    bulk = Wanted(platform="sandbox", account="", action="suspend", policy="spam", rationale="A wave.")
    placed = enforce_bulk(app, sac, [f"wave{number}" for number in range(30)], bulk).enforcements
    softened = propose(app, doors.actor("pol"), "nets", {"remove": ["newcomer-bulk"]})
    app.sequencer.integrate_all()
    with app.works.read() as connection:
        incident = connection.execute(sa.select(tables.incident.c.id).limit(1)).scalar_one()
        event = connection.execute(sa.select(tables.event.c.id).where(tables.event.c.platform == "sandbox").limit(1))
        toml = connection.execute(sa.select(tables.nets_version.c.toml).limit(1)).scalar_one()
        ids["event"] = str(event.scalar_one())
    assert undone is not None
    pseudonym = house.people["sac"].pseudonym
    spare = Token(
        id=app.ids.new(), hash="spare", staff_id=house.people["sac"].id, issued_by=house.people["sac"].id,
        issued_at=app.now(), scopes=("read",),
    )  # fmt: skip
    with app.works.begin() as uow:
        uow.record("token.issued", by="system", about=spare.id, puts=(spare,))
    ids.update(
        {
            "cases": case,
            "enforcements": waits.id,
            "digest": waits.digest,
            "incidents": str(incident),
            "rollbacks": undone.id,
            "proposal": softened.id,
            "nets:proposals": softened.id,
            "passkey:asked": waits.id,
            "staff": pseudonym,
            "tokens": spare.id,
            "pseudonym": pseudonym,
            "platform": "sandbox",
            "ref": "1003",
            "log": "sandbox",
            "report": "none",
            "item": "0",
            "name": "chat",
            "secret": "gf_nothing",
            "path": "console.css",
            "group": str(placed[0].group_id),
            "group_digest": _group_digest(doors, str(placed[0].group_id)),
            "toml": str(toml),
        }
    )


def _again(doors: Doors, wanted: Wanted) -> Enforcement | None:
    """Place anew what was rolled back, as somebody else who may."""
    made = enforce(doors.house.app, doors.actor("lea"), replace(wanted, action="lock", rationale="Still a fake."))
    return made if made.state == "waiting" else None


def _group_digest(doors: Doors, key: str) -> str:
    with doors.house.app.works.read() as connection:
        groups = waiting_groups(connection, doors.house.app.config(connection))
    return _digest(next(one for one in groups if one.key == key))
