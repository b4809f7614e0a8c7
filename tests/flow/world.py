"""The flow's test kit: one store with a clock that is told, people, and a sandbox platform to act on.

`World` is one application node; `World.restarted` is another one on the same
store, as after a crash. What the platform really did stands in the sandbox's
own log, apart from everything that Gardefou believes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from gardefou.bootstrap import Parts, first_person, initialise, make_app
from gardefou.clock import SimulatedClock
from gardefou.domain.records import (
    Account,
    Approval,
    Enforcement,
    Incident,
    NetsVersion,
    Passkey,
    Pause,
    Staff,
    Token,
)
from gardefou.flow.app import App
from gardefou.flow.approve import Answer, approve
from gardefou.flow.changes.passkeys import enrol
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.decide import enforce
from gardefou.flow.due import next_due, run_due
from gardefou.flow.execute import advance
from gardefou.flow.prepare import prepare
from gardefou.flow.restore import Restored, restore
from gardefou.flow.spec import Wanted
from gardefou.ledger.audit import audit
from gardefou.ledger.note import Signer
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import logs
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_staff, note_strong
from gardefou.people.passkeys import Site
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.platforms.protocol import Answer as Said
from gardefou.platforms.protocol import Connector, Operation
from gardefou.platforms.sandbox import Sandbox
from gardefou.platforms.sandbox_admin import Effect
from gardefou.scenario.world import fresh_store
from gardefou.storage import tables
from gardefou.storage.engine import Store, open_store
from gardefou.storage.records import fetch, fetch_all, get
from tests.scenery import set_at_once

SITE = Site("gardefou.example", "https://gardefou.example")
START = datetime(2017, 11, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: The usual colleagues and their roles.
USUAL = {
    "rev": "reviewer",
    "rev2": "reviewer",
    "lead": "lead",
    "lead2": "lead",
    "policy": "policy",
    "oncall": "oncall",
    "legal": "legal",
}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_ROUNDS = 2_000


class Killed(BaseException):
    """The process is gone in this very line: nothing catches it, as nothing catches ``kill -9``."""


class Wire:
    """The line to the platform, which a test can cut, or fill with surprises, at the next call.

    ``before`` and ``after`` run once each, around the next `apply` or `undo`,
    and may raise.
    """

    def __init__(self) -> None:
        self.before: Callable[[Operation], None] | None = None
        self.after: Callable[[Operation], None] | None = None
        self.calls: list[str] = []

    def kill(self, when: str) -> None:
        """Let the process die at the next call: ``before`` it reaches the platform, or ``after``."""

        def die(_operation: Operation) -> None:
            raise Killed

        setattr(self, when, die)

    def clear(self) -> None:
        """Take back what has not happened."""
        self.before = self.after = None

    def carry(self, name: str, call: Callable[[Operation], Said], operation: Operation) -> Said:
        self.calls.append(f"{name} {operation.key}")
        before, self.before = self.before, None
        if before is not None:
            before(operation)
        said = call(operation)
        after, self.after = self.after, None
        if after is not None:
            after(operation)
        return said


class Wired:
    """A connector behind a `Wire`; everything else is the platform's own."""

    def __init__(self, inner: Connector, wire: Wire) -> None:
        self.inner = inner
        self.name = inner.name
        self._wire = wire
        self.describe = inner.describe
        self.read_state = inner.read_state
        self.resolve = inner.resolve

    def apply(self, operation: Operation) -> Said:
        return self._wire.carry("apply", self.inner.apply, operation)

    def undo(self, operation: Operation) -> Said:
        return self._wire.carry("undo", self.inner.undo, operation)


class World:
    """One node on one store. Setup is finished; `people` brings the usual colleagues."""

    def __init__(
        self,
        url: str = "sqlite://",
        *,
        at: datetime = START,
        seed: int = 1,
        nets: str = "default",
        store: Store | None = None,
        clock: Any = None,
        setup_finished: bool = True,
    ) -> None:
        self.url = url
        # In memory it is a copy of one that was migrated once: every migration takes longer than most tests.
        self.store = store or (fresh_store() if url == "sqlite://" else open_store(url))
        self.clock = clock or SimulatedClock(at)
        self.wire = Wire()
        self.seed = seed
        self.slept: list[float] = []
        random = Random(seed)
        parts = Parts(self.clock, random, random.randbytes, self.slept.append)
        signer = Signer.generate("gardefou-test", Random(0).randbytes)
        self.app: App = make_app(self.store, parts, signer=signer)
        inner = self.app.make_connector
        self.app.make_connector = lambda entry: Wired(inner(entry), self.wire)
        with self.store.read() as connection:
            fresh = connection.execute(sa.select(tables.nets_version.c.id).limit(1)).first() is None
        if fresh:
            founder = replace(
                first_person(self.app, roles=("admin",)), id="admin", started_at=self.now - timedelta(days=365)
            )
            initialise(self.app, nets=nets, person=founder, open_sandbox=False)
            if setup_finished:
                with self.app.works.begin() as uow:
                    write_setting(uow, "setup_finished", value=True, by="system")
            self.sign_in("admin")

    def close(self) -> None:
        """Close every connection."""
        self.store.close()

    def restarted(self) -> World:
        """Return another node on the same store, as after this one was killed."""
        return World(self.url, seed=self.seed + 7, store=self.store, clock=self.clock)

    # --- time ---------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()

    def settle(self, *, integrate: bool = True) -> None:
        """Do everything that is due at this moment, checkpoints included."""
        for _ in range(_ROUNDS):
            done = run_due(self.app)
            if integrate:
                done += self.app.sequencer.integrate_all()
            if not done:
                return
        msg = "there is no end of work at one moment"
        raise AssertionError(msg)

    def run_until(self, at: datetime) -> None:
        """Let time pass to ``at``, with each piece of work done when it is due."""
        for _ in range(_ROUNDS):
            self.settle()
            due = next_due(self.app)
            if due is None or due > at:
                break
            self.clock.advance_to(due)
        else:
            msg = "there is no end of work"
            raise AssertionError(msg)
        self.clock.advance_to(at)
        self.settle()

    def run(self, by: timedelta) -> None:
        """Let time pass by ``by``."""
        self.run_until(self.now + by)

    # --- people -------------------------------------------------------------------------

    def people(self) -> None:
        """Bring the usual colleagues: each in a team of their own, strongly signed in now."""
        usual = [self._staff(staff_id, role) for staff_id, role in USUAL.items()]
        with self.app.works.begin() as uow:
            for staff in usual:
                uow.record("staff.added", by="system", puts=(staff,))
            # New as they are, all at once: what `sign_in` asks of each first is known.
            uow.connection.execute(
                tables.presence.insert(),
                [{"staff_id": one.id, "strong_at": self.now, "seen_at": self.now} for one in usual],
            )

    def person(
        self,
        staff_id: str,
        *roles: str,
        team: str | None = None,
        employer: str = "organisation",
        days: int = 365,
        last_day: datetime | None = None,
    ) -> Actor:
        """Add a person, strongly signed in now; return them as an actor."""
        staff = self._staff(staff_id, *roles, team=team, employer=employer, days=days)
        with self.app.works.begin() as uow:
            uow.record("staff.added", by="system", puts=(replace(staff, last_day_end=last_day),))
        self.sign_in(staff_id)
        return self.actor(staff_id)

    def _staff(
        self, staff_id: str, *roles: str, team: str | None = None, employer: str = "organisation", days: int = 365
    ) -> Staff:
        return Staff(
            id=staff_id,
            pseudonym=f"p-{staff_id}",
            roles=roles,
            team=team or f"team-{staff_id}",
            employer=employer,
            started_at=self.now - timedelta(days=days),
            enrolled=True,
        )

    def sign_in(self, *staff_ids: str) -> None:
        """Note a strong sign-in now."""
        with self.app.works.begin() as uow:
            for staff_id in staff_ids:
                note_strong(uow.connection, staff_id, self.now)

    def actor(self, staff_id: str, *, via: str = "console") -> Actor:
        """Return a person as they act now."""
        with self.app.works.read() as connection:
            return by_staff(connection, staff_id, now=self.now, via=via)

    def give_device(self, staff_id: str, *, name: str = "", counting: bool = False) -> SoftwareAuthenticator:
        """Let a person arrive with a passkey that counts at once."""
        device = SoftwareAuthenticator((name or staff_id).encode().ljust(32, b"."), SITE, counting=counting)
        passkey = Passkey(
            id=device.id,
            staff_id=staff_id,
            public_key=device.public_key,
            rp_id=SITE.rp_id,
            origin=SITE.origin,
            enrolled_at=self.now,
            counts_from=self.now,
        )
        with self.app.works.begin() as uow:
            uow.record("staff.enrolled", by=staff_id, about=staff_id)
            enrol(uow, passkey, by=staff_id)
        self.app.sequencer.integrate_all()
        return device

    def fresh(self, staff_id: str, *, via: str = "console") -> Actor:
        """Return a person who has just signed in strongly."""
        self.sign_in(staff_id)
        return self.actor(staff_id, via=via)

    def service(self, name: str, *, owner: str = "admin", issued_by: str = "") -> Actor:
        """Add a service with a token that may enforce; return it as an actor."""
        issuer = issued_by or owner
        token = Token(
            id=f"token-{name}",
            hash=f"hash-{name}",
            staff_id=owner,
            service=name,
            scopes=("enforcements:write",),
            issued_by=issuer,
            issued_at=self.now,
        )
        with self.app.works.begin() as uow:
            uow.record("token.issued", by=issuer, about=token.id, puts=(token,))
        return Actor(
            id=name,
            via="api",
            service=name,
            scopes=token.scopes,
            humans=tuple(dict.fromkeys((owner, issuer))),
            token_id=token.id,
        )

    # --- the platform -------------------------------------------------------------------

    @property
    def sandbox(self) -> Sandbox:
        """The platform's own desk."""
        wired = self.app.connector("sandbox")
        assert isinstance(wired, Wired)
        assert isinstance(wired.inner, Sandbox)
        return wired.inner

    def accounts(self) -> None:
        """Open one account of each tier: ``small``, ``known``, ``president``; and two more small ones."""
        with set_at_once(self.sandbox, self.store) as desk:
            desk.put_account("small", handle="small", reach=10)
            desk.put_account("small2", handle="small2", reach=10)
            desk.put_account("known", handle="known", reach=250_000)
            desk.put_account("president", handle="president", reach=41_000_000, labels=["head_of_state"])
            for item in ("c1", "c2", "c3"):
                desk.put_content(item, account="small")
            desk.put_content("p1", account="president")

    def up(self) -> None:
        """End whatever the platform does wrong."""
        self.sandbox.switch(down=False, slow_seconds=0.0, drops_answers=False)

    def measures(self, ref: str, content: Sequence[str] = ()) -> frozenset[str]:
        """What stands on an account, as the platform itself has it (it answers even when down)."""
        with self.store.read() as connection:
            row = connection.execute(
                sa.text("SELECT measures FROM sandbox_account WHERE platform = 'sandbox' AND ref = :ref"), {"ref": ref}
            ).one()
            held = set(_json(row.measures))
            for item in content:
                taken = connection.execute(
                    sa.text("SELECT removed FROM sandbox_content WHERE platform = 'sandbox' AND id = :id"), {"id": item}
                ).scalar_one()
                if taken:
                    held.add(f"removed:{item}")
        return frozenset(held)

    def effects(self, ref: str) -> list[Effect]:
        """Every change that Gardefou made to an account, oldest first."""
        return self.sandbox.effects(ref)

    # --- acting -------------------------------------------------------------------------

    def wanted(self, account: str, action: str, **more: Any) -> Wanted:
        """Return a wish, with what it must say by itself said."""
        given: dict[str, Any] = {"policy": "spam", **more}
        if action == "label":
            given.setdefault("label", "spam")
        return Wanted(platform="sandbox", account=account, action=action, **given)

    def enforce(self, actor: Actor | str, account: str, action: str, **more: Any) -> Enforcement:
        """Place an enforcement and carry it out as far as it goes; a name signs in strongly first."""
        who = self.fresh(actor) if isinstance(actor, str) else actor
        return enforce(self.app, who, self.wanted(account, action, **more))

    def prepare(self, account: str, action: str, **more: Any) -> Any:
        """Check a wish and read its target."""
        return prepare(self.app, self.wanted(account, action, **more))

    def approve(self, actor: Actor | str, enforcement: Enforcement, answer: str = "yes", **more: Any) -> Enforcement:
        """Answer an enforcement and carry it on; a name signs in strongly first."""
        who = self.fresh(actor) if isinstance(actor, str) else actor
        given = Answer(enforcement=enforcement.id, digest=enforcement.digest, answer=answer, **more)
        answered = approve(self.app, who, given)
        return advance(self.app, answered.id)

    def restore(self, actor: Actor | str, account: str, because: str = "a mistake") -> Restored:
        """Restore an account."""
        who = self.actor(actor) if isinstance(actor, str) else actor
        return restore(self.app, who, "sandbox", account, because)

    # --- reading ------------------------------------------------------------------------

    def read(self, enforcement: Enforcement | str) -> Enforcement:
        """Return an enforcement as it is now."""
        key = enforcement if isinstance(enforcement, str) else enforcement.id
        with self.store.read() as connection:
            found = fetch(connection, Enforcement, tables.enforcement.c.id == key)
        assert found is not None
        return found

    def enforcements(self, *, account: str | None = None) -> list[Enforcement]:
        """Return every enforcement, oldest first."""
        statement = sa.select(tables.enforcement).order_by(tables.enforcement.c.id)
        if account is not None:
            statement = statement.where(tables.enforcement.c.account == account)
        with self.store.read() as connection:
            return fetch_all(connection, Enforcement, statement)

    def approvals(self, enforcement: Enforcement) -> list[Approval]:
        """Return who answered an enforcement, oldest first."""
        table = tables.approval
        with self.store.read() as connection:
            return fetch_all(
                connection,
                Approval,
                sa.select(table).where(table.c.enforcement_id == enforcement.id).order_by(table.c.id),
            )

    def account(self, ref: str) -> Account:
        """Return an account as Gardefou knows it."""
        with self.store.read() as connection:
            found = get(connection, Account, "sandbox", ref)
        assert found is not None
        return found

    def staff(self, staff_id: str) -> Staff:
        """Return a person as the store knows them."""
        with self.store.read() as connection:
            found = get(connection, Staff, "gardefou", staff_id)
        assert found is not None
        return found

    def incidents(self, kind: str | None = None) -> list[Incident]:
        """Return the incidents, oldest first."""
        statement = sa.select(tables.incident).order_by(tables.incident.c.id)
        if kind is not None:
            statement = statement.where(tables.incident.c.kind == kind)
        with self.store.read() as connection:
            return fetch_all(connection, Incident, statement)

    def pauses(self) -> list[Pause]:
        """Return every stop there ever was, oldest first."""
        with self.store.read() as connection:
            return fetch_all(connection, Pause, sa.select(tables.pause).order_by(tables.pause.c.id))

    def nets_toml(self) -> str:
        """Return the nets in force."""
        with self.store.read() as connection:
            rows = fetch_all(
                connection,
                NetsVersion,
                sa.select(tables.nets_version).order_by(tables.nets_version.c.id.desc()).limit(1),
            )
        return rows[0].toml

    def events(self, kind: str | None = None, *, about: str | None = None) -> list[Any]:
        """Return the ledger's events, in the sequence they were written."""
        statement = sa.select(tables.event).order_by(tables.event.c.id)
        if kind is not None:
            statement = statement.where(tables.event.c.kind == kind)
        if about is not None:
            statement = statement.where(tables.event.c.about == about)
        with self.store.read() as connection:
            return list(connection.execute(statement).all())

    def nets_of(self, enforcement: Enforcement) -> set[str]:
        """Return which nets spoke on an enforcement."""
        return {reason["net"] for reason in enforcement.verdict.get("reasons", ())}

    def assert_sound(self) -> None:
        """Hold the record to what it promises: it verifies, and gives the same state again."""
        self.app.sequencer.integrate_all()
        with self.store.read() as connection:
            for platform in logs(connection):
                found = audit(connection, platform, self.app.sequencer.signer(platform).verifier)
                assert found.ok, found
                assert found.pending == 0
            assert differences(connection) == []


def _json(text: str) -> list[str]:
    import json

    return json.loads(text)
