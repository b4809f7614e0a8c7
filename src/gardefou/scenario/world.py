"""The world that a scenario begins in: a fresh store, a clock that is told, sandbox platforms, people, accounts.

Everything is put in place through the doors that production uses; what differs
is the clock, the randomness and the store in memory. The tables are made once a
process and copied from then on.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from gardefou.bootstrap import Parts, make_app
from gardefou.clock import SimulatedClock
from gardefou.domain.accounts import Tier
from gardefou.domain.records import SYSTEM, Enforcement, Passkey, PlatformEntry, Staff, Token
from gardefou.flow.app import App
from gardefou.flow.change_apply import KINDS
from gardefou.flow.changes.nets import write_nets
from gardefou.flow.changes.passkeys import enrol
from gardefou.flow.changes.settings import write_setting
from gardefou.flow.observe import look, observe, ruled_tier
from gardefou.flow.rules import Rules
from gardefou.ledger.note import Signer
from gardefou.nets.net import NetSet
from gardefou.nets.shipped import load_shipped
from gardefou.people.actor import Actor
from gardefou.people.assertions import approval_challenge
from gardefou.people.authenticate import by_staff, by_token, hash_secret, note_strong, start_session
from gardefou.people.passkeys import Site
from gardefou.people.pseudonyms import pseudonym
from gardefou.people.roles import SCOPES
from gardefou.people.software_authenticator import SoftwareAuthenticator
from gardefou.platforms.sandbox import Sandbox
from gardefou.scenario.model import DeclaredAccount, IssueToken, Scenario, service_name
from gardefou.storage.engine import Store, open_store
from gardefou.storage.migrate import upgrade_store
from gardefou.storage.work import UnitOfWork

_NAME = "gardefou-scenario"
#: Who brings in the reports of a platform's users.
USERS = "platform-users"
#: Where the people of scenarios make their passkeys.
SITE = Site("gardefou.example", "https://gardefou.example")
_copying = threading.Lock()


class _Compiled(dict[Any, Any]):
    """Statements as compiled for SQLite, for every store in memory: all are of one shape.

    SQLAlchemy's keys begin with the dialect object, of which each engine has its own; it is left out.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_compiled = _Compiled()


@functools.cache
def _migrated() -> bytes:
    """Return an empty store of the newest shape, as SQLite writes it."""
    store = open_store("sqlite://")
    try:
        upgrade_store(store)
        raw: Any = store.writer.raw_connection()
        try:
            return bytes(raw.driver_connection.serialize())
        finally:
            raw.close()
    finally:
        store.close()


def fresh_store(store: Store | None = None) -> Store:
    """Return a new store in memory, migrated: made once a process, copied from then on. A given one is filled."""
    with _copying:
        image = _migrated()
    store = store or open_store("sqlite://")
    store.writer.update_execution_options(compiled_cache=_compiled)
    raw: Any = store.writer.raw_connection()
    try:
        raw.driver_connection.deserialize(image)
    finally:
        raw.close()
    return store


class Sleeper:
    """How a slow platform takes its time: the simulated clock moves on.

    While ``beside`` is set somebody else waits (the watch, which in production
    has a thread of its own), and time does not move.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.beside = False

    def __call__(self, seconds: float) -> None:
        """Take that many seconds."""
        if not self.beside:
            self._clock.advance(timedelta(seconds=seconds))


@dataclass(slots=True)
class World:
    """A scenario's store with an application node on it, and what stands behind the platforms' desks."""

    scenario: Scenario
    app: App
    clock: SimulatedClock
    sleeper: Sleeper
    random: Random
    platforms: dict[str, Sandbox]
    #: The bearer secrets of people and services, by staff id or ``service:NAME``.
    secrets: dict[str, str]
    handles: dict[tuple[str, str], str]
    #: The authenticators that people have at hand, by staff id.
    devices: dict[str, SoftwareAuthenticator]

    def close(self) -> None:
        """Let go of the store."""
        self.app.works.store.close()

    def sign_in(self, staff_id: str) -> None:
        """Note that a person signs in strongly now."""
        with self.app.works.begin() as uow:
            note_strong(uow.connection, staff_id, uow.now)

    def new_secret(self) -> str:
        """Return a bearer secret of this world's own randomness."""
        return f"gf_{self.random.randbytes(32).hex()}"

    def actor(self, by: str, via: str) -> Actor:
        """Return whoever acts, as the store knows them now: by their sign-in or by their token.

        Raises:
            Denied: off duty, unknown, or the token is revoked or was never issued.
        """
        service = service_name(by)
        now = self.app.now()
        if service is None and via == "api":
            self._own_token(by)
        with self.app.works.read() as connection:
            if service is not None:
                # A service has no console.
                return by_token(connection, self.secrets.get(by, ""), now=now, via="cli" if via == "cli" else "api")
            if via == "api":
                return by_token(connection, self.secrets.get(by, ""), now=now, via=via)
            return by_staff(connection, by, now=now, via=via)

    def signs(self, by: str | None, one: Enforcement) -> dict[str, str] | None:
        """Return a person's passkey's signature over a yes to what is waiting; None of whoever has none at hand.

        Whoever was added by a step signs in and makes their passkey the first time.
        """
        if by is None or service_name(by) is not None:
            return None
        if by not in self.devices:
            self._arrive(by)
        device = self.devices.get(by)
        if device is None:
            return None
        return device.sign(
            approval_challenge(platform=one.platform, enforcement=one.id, digest=one.digest, answer="yes")
        )

    def _arrive(self, staff_id: str) -> None:
        with self.app.works.begin() as uow:
            person = uow.get(Staff, "gardefou", staff_id)
            if person is None or person.enrolled:
                return
            start_session(uow, staff_id, strong=False)
            self.give_device(uow, staff_id)
        self.app.sequencer.integrate_all()

    def give_device(self, uow: UnitOfWork, staff_id: str) -> None:
        """Enrol a passkey of a person, as on arrival."""
        device = SoftwareAuthenticator(hashlib.sha256(f"{self.scenario.name}\0{staff_id}".encode()).digest(), SITE)
        passkey = Passkey(
            id=device.id,
            staff_id=staff_id,
            public_key=device.public_key,
            rp_id=SITE.rp_id,
            origin=SITE.origin,
            enrolled_at=uow.now,
            counts_from=uow.now,
        )
        enrol(uow, passkey, by=staff_id)
        self.devices[staff_id] = device

    def users(self) -> Actor:
        """Return the platform that passes its users' reports on."""
        with self.app.works.read() as connection:
            return by_token(connection, self.secrets[f"service:{USERS}"], now=self.app.now())

    def _own_token(self, staff_id: str) -> None:
        """Issue a person's own token the first time it is needed; whoever is not there has none."""
        if staff_id in self.secrets:
            return
        with self.app.works.begin() as uow:
            if uow.get(Staff, "gardefou", staff_id) is not None:
                self.issue(uow, staff=staff_id)

    def issue(self, uow: UnitOfWork, *, staff: str | None = None, service: str | None = None) -> None:
        """Write a token that was there before the scenario begins: a person's own, or a service's, issued by nobody."""
        secret = self.new_secret()
        token = Token(
            id=uow.ids.new(),
            hash=hash_secret(secret),
            staff_id=staff,
            service=service,
            scopes=tuple(SCOPES) if service != USERS else ("reports:write",),
            issued_by=staff or "",
            issued_at=uow.now,
        )
        uow.record("token.issued", by=staff or SYSTEM, about=token.id, puts=(token,))
        self.secrets[staff or f"service:{service}"] = secret


def make_world(
    scenario: Scenario,
    *,
    nets: NetSet | None = None,
    no_nets: bool = False,
    store: Store | None = None,
    clock: SimulatedClock | None = None,
) -> World:
    """Return the world at the scenario's beginning, setup finished, every declared account read once.

    ``nets`` None are those of the shipped default set; ``store`` is an empty
    one in memory, and ``clock`` one that stands at the beginning, where they
    are to be the caller's own.
    """
    clock = clock or SimulatedClock(scenario.starts_at)
    seed = hashlib.sha256(scenario.name.encode()).digest()
    random = Random(seed)  # noqa: S311 - a replay is the same each time
    sleeper = Sleeper(clock)
    store = fresh_store(store)
    parts = Parts(clock=clock, random=random, salts=random.randbytes, sleep=sleeper)
    app = make_app(store, parts, signer=Signer.generate(_NAME, random.randbytes), no_nets=no_nets)
    world = World(
        scenario=scenario,
        app=app,
        clock=clock,
        sleeper=sleeper,
        random=random,
        platforms={},
        secrets={},
        devices={},
        handles={(one.at.platform, one.at.ref): one.handle for one in scenario.accounts},
    )
    try:
        _organisation(world, nets if nets is not None else load_shipped("default"))
        _platforms(world)
        _read_accounts(world)
    except BaseException:
        store.close()
        raise
    return world


def _organisation(world: World, nets: NetSet) -> None:
    """Write nets, platforms, people and tokens, and end setup."""
    scenario, app = world.scenario, world.app
    taken: set[str] = set()
    with app.works.begin() as uow:
        write_nets(uow, nets, name="scenario", by=SYSTEM)
        for name in scenario.platforms:
            entry = PlatformEntry(
                id=name, kind="sandbox", endpoint=f"sandbox:{name}", config={}, sandbox=True, added_at=uow.now
            )
            uow.record("platform.registered", by=SYSTEM, about=name, puts=(entry,))
        for person in scenario.staff:
            name = pseudonym(world.random, taken)
            taken.add(name)
            staff = Staff(
                id=person.id,
                pseudonym=name,
                roles=person.roles,
                team=person.team,
                employer=person.employer or Rules().organisation,
                started_at=person.started,
                last_day_end=person.last_day_end,
                enrolled=True,
            )
            uow.record("staff.added", by=SYSTEM, about=staff.id, puts=(staff,))
            note_strong(uow.connection, staff.id, uow.now)
        for person in scenario.staff:
            world.give_device(uow, person.id)
        world.issue(uow, service=USERS)
        for token in _tokens_from_the_start(scenario):
            service = service_name(token)
            world.issue(uow, service=service, staff=None if service else token)
        write_setting(uow, "setup_finished", value=True, by=SYSTEM)
    app.sequencer.integrate_all()


def _tokens_from_the_start(scenario: Scenario) -> list[str]:
    """Return whose tokens are there from the start: people who act by API, and services that nobody issues one to."""
    declared = {person.id for person in scenario.staff}
    issued_here = {step.deed.service for step in scenario.steps if isinstance(step.deed, IssueToken)}
    wanted: dict[str, None] = {}
    for step in scenario.steps:
        if step.by is None:
            continue
        if step.service is not None:
            if step.service not in issued_here and step.service != USERS:
                wanted[step.by] = None
        elif step.via == "api" and step.by in declared:
            wanted[step.by] = None
    return list(wanted)


def _platforms(world: World) -> None:
    for name in world.scenario.platforms:
        connector = world.app.connector(name)
        assert isinstance(connector, Sandbox)
        world.platforms[name] = connector
    for account in world.scenario.accounts:
        world.platforms[account.at.platform].put_account(
            account.at.ref,
            handle=account.handle,
            reach=account.reach,
            labels=account.labels,
            age_days=account.age_days,
        )
    for item in world.scenario.contents:
        world.platforms[item.platform].put_content(item.id, account=item.account)


def _read_accounts(world: World) -> None:
    """Read every account once, protected ones first so that what looks like them is found; set declared tiers."""
    app = world.app

    def protection(account: DeclaredAccount) -> int:
        ruled = ruled_tier(Rules(), labels=account.labels, reach=account.reach, verified_org=False)
        return -Tier.highest(ruled, Tier(account.tier or Tier.STANDARD.value)).rank

    for account in sorted(world.scenario.accounts, key=protection):
        seen = look(app, world.platforms[account.at.platform], account.at.ref)
        with app.works.begin() as uow:
            config = app.config(uow.connection)
            observe(uow, app, config, seen)
            if account.tier not in (None, Tier.STANDARD.value):
                _register(uow, world, account)


def _register(uow: UnitOfWork, world: World, account: DeclaredAccount) -> None:
    """Write a declared tier into the registry, as the guarded change does when it takes effect."""
    config = world.app.config(uow.connection)
    handler = KINDS["tier"]
    payload = {"platform": account.at.platform, "account": account.at.ref, "tier": account.tier}
    checked = handler.check(uow, world.app, config, Actor(id=SYSTEM, via="system"), payload)
    handler.write(uow, world.app, config, checked, by=SYSTEM, about=account.at.ref)
