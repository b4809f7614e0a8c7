"""A node with a sandbox platform, a told clock and some people, for tests of intake, cases and decisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

from gardefou.bootstrap import Parts, first_person, initialise, make_app
from gardefou.clock import SimulatedClock
from gardefou.domain.records import PlatformEntry, Staff
from gardefou.flow.app import App
from gardefou.ledger.note import Signer
from gardefou.ledger.rebuild import differences
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import Connector
from gardefou.platforms.sandbox import Sandbox
from gardefou.storage.engine import open_store

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Desk:
    """An installation in which people work."""

    def __init__(self, app: App, clock: SimulatedClock) -> None:
        self.app = app
        self.clock = clock

    def person(self, *, roles: tuple[str, ...] = ("reviewer",), team: str = "reports", days: int = 365) -> Actor:
        """Hire someone who signed in strongly just now."""
        staff = Staff(
            id=self.app.ids.new(),
            pseudonym=f"person-{self.app.ids.new()}",
            roles=roles,
            team=team,
            employer="organisation",
            started_at=self.clock.now() - timedelta(days=days),
            enrolled=True,
        )
        with self.app.works.begin() as uow:
            uow.record("staff.added", by="system", about=staff.id, puts=(staff,))
        return Actor(id=staff.id, via="console", staff=staff, humans=(staff.id,), strong_at=self.clock.now())

    @property
    def sandbox(self) -> Sandbox:
        connector = self.app.connector("sandbox")
        assert isinstance(connector, Sandbox)
        return connector

    def register(self, entry: PlatformEntry, connector: Connector) -> None:
        """Register a platform with a connector of the test's own."""
        with self.app.works.begin() as uow:
            uow.record("platform.registered", by="system", about=entry.id, puts=(entry,))
        usual = self.app.make_connector
        self.app.make_connector = lambda one: connector if one.id == entry.id else usual(one)

    def assert_on_record(self) -> None:
        """The ledger tells the same as the tables."""
        self.app.sequencer.integrate_all()
        with self.app.works.read() as connection:
            assert differences(connection) == []


@contextmanager
def open_desk(url: str) -> Iterator[Desk]:
    """Open a new installation on a migrated database."""
    store = open_store(url)
    clock = SimulatedClock(START)
    random = Random(7)
    parts = Parts(clock=clock, random=random, salts=random.randbytes, sleep=lambda _: None)
    app = make_app(store, parts, signer=Signer.generate("gardefou-test", random.randbytes))
    initialise(app, nets="default", person=first_person(app, roles=("lead",)), open_sandbox=False)
    try:
        yield Desk(app, clock)
    finally:
        store.close()


def service(source: str = "user", name: str = "forms") -> Actor:
    """Return a service that may report, and nothing else."""
    return Actor(id=f"service:{name}", via="api", service=name, scopes=("reports:write",), source=source)
