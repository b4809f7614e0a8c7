"""A whole web application over a fresh store: people with tokens, a sandbox platform, setup finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from starlette.testclient import TestClient

from gardefou.bootstrap import Parts, first_person, initialise, make_app
from gardefou.clock import SimulatedClock
from gardefou.domain.records import Passkey, Staff, Token
from gardefou.flow.app import App
from gardefou.flow.changes.passkeys import enrol
from gardefou.flow.changes.settings import write_setting
from gardefou.ledger.note import Signer
from gardefou.people.assertions import approval_challenge
from gardefou.people.authenticate import hash_secret, note_strong
from gardefou.people.directory import Entry
from gardefou.people.keys import KeyStore
from gardefou.people.passkeys import Site
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.platforms.sandbox import Sandbox
from gardefou.settings import Settings
from gardefou.storage.engine import open_store
from gardefou.web.app import create_app
from tests.scenery import set_at_once

SITE = Site("gardefou.example", "https://gardefou.example")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class House:
    """An installation that is spoken to over HTTP."""

    def __init__(self, app: App, clock: SimulatedClock, client: TestClient) -> None:
        self.app = app
        self.clock = clock
        self.client = client
        self.tokens: dict[str, str] = {}
        self.people: dict[str, Staff] = {}
        self.devices: dict[str, SoftwareAuthenticator] = {}

    def hire(self, name: str, *roles: str, team: str | None = None) -> Staff:
        """Add a person with a token of their own, who signed in strongly just now."""
        staff = Staff(
            id=self.app.ids.new(),
            pseudonym=f"pseudo-{name}",
            roles=roles,
            team=team or f"team-{name}",
            employer="organisation",
            started_at=self.clock.now() - timedelta(days=400),
            enrolled=True,
        )
        token = self._token(name, staff_id=staff.id, issued_by=staff.id)
        with self.app.works.begin() as uow:
            uow.record("staff.added", by="system", about=staff.id, puts=(staff,))
            uow.record("token.issued", by=staff.id, about=token.id, puts=(token,))
            note_strong(uow.connection, staff.id, uow.now)
            self.app.directory.put(uow.connection, Entry(staff_id=staff.id, name=f"Planted {name.title()} Name"))
        self.people[name] = staff
        return staff

    def signs(self, name: str, one: dict[str, Any]) -> dict[str, str]:
        """Return the signature of a person's passkey over a yes; they arrive with one the first time."""
        if name not in self.devices:
            staff_id = self.people[name].id
            device = self.devices[name] = SoftwareAuthenticator(name.encode().ljust(32, b"."), SITE)
            passkey = Passkey(
                id=device.id,
                staff_id=staff_id,
                public_key=device.public_key,
                rp_id=SITE.rp_id,
                origin=SITE.origin,
                enrolled_at=self.clock.now(),
                counts_from=self.clock.now(),
            )
            with self.app.works.begin() as uow:
                uow.record("staff.enrolled", by=staff_id, about=staff_id)
                enrol(uow, passkey, by=staff_id)
            self.app.sequencer.integrate_all()
        asked = {"platform": one["platform"], "enforcement": one["id"], "digest": one["digest"]}
        return self.devices[name].sign(approval_challenge(answer="yes", **asked))

    def service(
        self, name: str, *scopes: str, source: str = "user", client: str = "", owned_by: str | None = None
    ) -> None:
        """Add a service with a token."""
        owner = self.people[owned_by] if owned_by else next(iter(self.people.values()))
        token = self._token(
            name, service=name, scopes=scopes, source=source, staff_id=owner.id, issued_by=owner.id, client=client
        )
        with self.app.works.begin() as uow:
            uow.record("token.issued", by=owner.id, about=token.id, puts=(token,))

    def _token(self, name: str, **fields: Any) -> Token:
        secret = f"gf_secret-of-{name}"
        self.tokens[name] = secret
        return Token(id=self.app.ids.new(), hash=hash_secret(secret), issued_at=self.clock.now(), **fields)

    def call(self, method: str, path: str, *, by: str | None = "lea", key: str | None = None, **options: Any):
        """Call the API as somebody."""
        headers = dict(options.pop("headers", {}))
        if by is not None:
            headers["Authorization"] = f"Bearer {self.tokens[by]}"
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, *, by: str | None = "lea", **options: Any):
        return self.call("GET", path, by=by, **options)

    def post(self, path: str, body: Any = None, *, by: str | None = "lea", key: str | None = None, **options: Any):
        return self.call("POST", path, by=by, key=key, json={} if body is None else body, **options)

    @property
    def sandbox(self) -> Sandbox:
        connector = self.app.connector("sandbox")
        assert isinstance(connector, Sandbox)
        return connector

    def report(self, account: str = "1001", *, reporter: str = "r1", key: str | None = None, **more: Any):
        body = {
            "platform": "sandbox",
            "subject": {"kind": "account", "account": account},
            "reporter": reporter,
            "category": "spam",
            **more,
        }
        return self.post("/reports", body, by="forms", key=key)


@contextmanager
def open_house(url: str, folder: Path, **settings: Any) -> Iterator[House]:
    """Open an installation on a migrated database, with the people that most tests need."""
    store = open_store(url)
    clock = SimulatedClock(START)
    random = Random(11)
    parts = Parts(clock=clock, random=random, salts=random.randbytes, sleep=lambda _: None)
    signer = Signer.generate("gardefou-test", random.randbytes)
    app = make_app(store, parts, signer=signer, keys=KeyStore(folder / "keys"))
    initialise(app, nets="default", person=first_person(app, roles=("admin",)))
    web = create_app(app, Settings(data=folder, database_url=url, **settings), worker=None)
    try:
        with TestClient(web, raise_server_exceptions=False) as client:
            house = House(app, clock, client)
            house.hire("rea", "reviewer", team="reports")
            house.hire("lea", "lead", team="leads")
            house.hire("pol", "policy", team="policy")
            house.hire("ona", "oncall", team="oncall")
            house.hire("ada", "admin", team="admins")
            house.hire("leg", "legal", team="legal")
            house.hire("aud", "auditor", team="audit")
            house.service("forms", "reports:write")
            with app.works.begin() as uow:
                write_setting(uow, "setup_finished", value=True, by="system")
            with set_at_once(house.sandbox, store) as desk:
                for ref in ("1001", "1002", "1003"):
                    desk.put_account(ref, handle=f"user{ref}", reach=50, age_days=365)
                desk.put_account("9001", handle="president", reach=41_000_000, labels=("head_of_state",), age_days=3000)
            yield house
    finally:
        store.close()
