"""A small installation with people, accounts and reports, for the console's tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from gardefou.bootstrap import Parts, first_person, initialise, make_app
from gardefou.clock import Clock, SimulatedClock, SystemClock, rfc3339
from gardefou.domain.records import Staff
from gardefou.flow.app import App
from gardefou.flow.change import propose
from gardefou.flow.due import run_due
from gardefou.flow.reports import NewReport, take_many
from gardefou.flow.watch import watch
from gardefou.ledger.note import Signer
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_staff, give_signin_key, hash_secret, make_link, start_session
from gardefou.people.keys import KeyStore
from gardefou.platforms.sandbox import Sandbox
from gardefou.settings import Settings
from gardefou.storage.engine import open_store
from gardefou.web.app import create_app
from tests.scenery import set_at_once

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
PLATFORM = "sandbox"
HOST = "http://127.0.0.1"
#: Person, roles, team: enough for two others of different teams.
PEOPLE = {
    "ada": (("reviewer",), "reports"),
    "ben": (("lead",), "review"),
    "cyd": (("policy",), "policy"),
    "dee": (("reviewer",), "night"),
    "eve": (("lead", "oncall"), "night"),
}


@dataclass
class Scene:
    """The installation, its clock and its people by the names of `PEOPLE`."""

    app: App
    clock: Clock
    sandbox: Sandbox
    settings: Settings
    staff: dict[str, Staff] = field(default_factory=dict)
    _node: FastAPI | None = None

    def actor(self, name: str) -> Actor:
        with self.app.works.read() as connection:
            return by_staff(connection, self.staff[name].id, now=self.app.now(), via="console")

    def web(self) -> FastAPI:
        """Return a node of its own."""
        return create_app(self.app, self.settings, worker=None)

    def client(self, name: str | None = None) -> Browser:
        """Return a browser at the scene's node, with somebody signed in; all are at the same node."""
        if self._node is None:
            self._node = self.web()
        browser = Browser(TestClient(self._node, base_url=HOST, follow_redirects=False))
        if name is not None:
            browser.sign_in(self.link(name))
        return browser

    def link(self, name: str) -> str:
        with self.app.works.begin() as uow:
            return make_link(uow.connection, self.staff[name].id, now=uow.now)

    def key(self, name: str) -> str:
        """Give a person a sign-in key, as at their enrolment."""
        with self.app.works.begin() as uow:
            return give_signin_key(uow, self.staff[name].id)

    def token(self, name: str, *scopes: str) -> str:
        """Issue a personal token, as `gardefou token issue --mine` does."""
        secret = f"gf_{name}-{len(scopes)}"
        every = scopes or ("read", "reports:write", "cases:write", "enforcements:write", "admin:write")
        payload = {
            "id": self.app.ids.new(),
            "hash": hash_secret(secret),
            "staff": self.staff[name].id,
            "scopes": list(every),
        }
        propose(self.app, self.actor(name), "token", payload)
        return secret

    def report(
        self,
        account: str,
        category: str = "spam",
        *,
        text: str = "Please look.",
        content: str | None = None,
        count: int = 1,
    ) -> str:
        """Bring in reports of different people; return the case's id."""
        given = [
            NewReport(
                platform=PLATFORM,
                kind="account" if content is None else "content",
                account=account,
                content=content,
                reporter=f"reader-{number}",
                category=category,
                text=text,
                evidence=({"kind": "screenshot", "says": text},),
            )
            for number in range(count)
        ]
        return take_many(self.app, self.actor("ada"), given)[-1].case

    def settle(self) -> None:
        """Do all the work that is due now, as the worker does."""
        for _ in range(20):
            if not self.app.sequencer.integrate() + run_due(self.app):
                return

    def later(self, by: timedelta) -> None:
        assert isinstance(self.clock, SimulatedClock)
        self.clock.advance(by)
        self.settle()

    def state(self, ref: str) -> frozenset[str]:
        return self.sandbox.read_state(ref).measures


@dataclass
class Browser:
    """A test client that fills in forms as they stand on the page."""

    client: TestClient
    #: The token of each session, by its cookies: it stays the same as long as they do.
    _csrf: dict[tuple[tuple[str, str], ...], str] = field(default_factory=dict)

    def sign_in(self, secret: str) -> None:
        done = self.client.post(f"/signin/{secret}", headers={"Origin": HOST})
        assert done.status_code == 303, done.text

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, path, answer.text[:2000])
        return answer.text

    @property
    def csrf(self) -> str:
        session = tuple(sorted(self.client.cookies.items()))
        if session not in self._csrf:
            found = re.search(r'name="csrf" value="([^"]+)"', self.get("/people"))
            assert found is not None
            self._csrf[session] = found[1]
        return self._csrf[session]

    def post(self, path: str, status: int = 303, /, **fields: str | list[str]) -> str:
        """Post a form; return where it leads to, or the page where it leads nowhere."""
        answer = self.client.post(path, data={"csrf": self.csrf, **fields}, headers={"Origin": HOST})
        assert answer.status_code == status, (answer.status_code, path, answer.text[-3000:])
        return answer.headers["location"] if status == 303 else answer.text

    def follow(self, path: str, **fields: str | list[str]) -> str:
        return self.get(self.post(path, **fields))


def make_scene(
    url: str, folder: Path, *, real_time: bool = False, keys: KeyStore | None = None, **settings: Any
) -> Scene:
    """Make the installation: setup finished, people in teams, a president and a spammer on the sandbox."""
    random = Random(7)
    clock: Clock = SystemClock() if real_time else SimulatedClock(START)
    sleep: Callable[[float], None] = lambda _: None  # noqa: E731
    parts = Parts(clock=clock, random=random, salts=random.randbytes, sleep=sleep)
    signer = Signer.generate("gardefou.test", random.randbytes) if keys is None else keys.signer(random.randbytes)
    app = make_app(open_store(url), parts, signer=signer, keys=keys)
    first = initialise(app, nets="default", person=first_person(app, roles=("admin",)), open_sandbox=False)
    connector = app.connector(PLATFORM)
    assert isinstance(connector, Sandbox)
    scene = Scene(
        app=app, clock=clock, sandbox=connector, settings=Settings(data=folder, **settings), staff={"zoe": first}
    )
    started = rfc3339(app.now() - timedelta(days=400))
    for name, (roles, team) in PEOPLE.items():
        payload = {"staff": f"staff-{name}", "roles": list(roles), "team": team, "started": started}
        propose(app, scene.actor("zoe"), "staff_add", payload)
        with app.works.begin() as uow:
            start_session(uow, f"staff-{name}", strong=True)
            scene.staff[name] = uow.need(Staff, "gardefou", f"staff-{name}")
    with app.works.begin() as uow:
        start_session(uow, first.id, strong=True)
    propose(app, scene.actor("zoe"), "setup_finish", {})
    connector.put_account(
        "1001", handle="president", display_name="The President", reach=41_000_000, labels=("head_of_state",)
    )
    propose(
        app,
        scene.actor("ben"),
        "tier",
        {"platform": PLATFORM, "account": "1001", "tier": "protected", "handle": "president"},
    )
    watch(app)
    with set_at_once(connector, app.works.store) as desk:
        desk.put_account("2001", handle="presldent", display_name="The President", reach=4_100, age_days=3)
        for number in range(1, 8):
            desk.put_account(f"300{number}", handle=f"cheap_watches_{number}", reach=12 * number, age_days=9)
            desk.put_content(f"c{number}", account=f"300{number}", text="Buy now")
    scene.settle()
    return scene
