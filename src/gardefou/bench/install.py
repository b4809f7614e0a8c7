"""An installation to measure: many people in many teams, so that nobody's budget speaks, and many accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gardefou.bootstrap import first_person, initialise, open_app
from gardefou.domain.records import Staff, Token
from gardefou.flow.app import App
from gardefou.flow.changes.settings import write_setting
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_staff, by_token, hash_secret, new_secret, note_strong
from gardefou.people.roles import SCOPES
from gardefou.platforms import sandbox_tables
from gardefou.settings import Settings

#: With so many people none comes near the 300 mild measures, 60 suspensions or 20 restores an hour of one.
PEOPLE = 240
TEAMS = 40
_TENURE = timedelta(days=700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An application node on a store of its own, setup finished, the shipped default nets in force."""

    app: App
    settings: Settings
    staff: tuple[str, ...]
    #: The secret of a service's token that may report.
    reporting: str

    def person(self, place: int) -> Actor:
        """Return one of the people as the store knows them now, signed in strongly."""
        app = self.app
        with app.works.read() as connection:
            return by_staff(connection, self.staff[place % len(self.staff)], now=app.now(), via="console")

    def reporter(self) -> Actor:
        """Return the service that reports."""
        with self.app.works.read() as connection:
            return by_token(connection, self.reporting, now=self.app.now())


@contextmanager
def installed(
    url: str, folder: Path, *, people: int = PEOPLE, accounts: int = 0, settings: dict[str, Any] | None = None
) -> Iterator[Installation]:
    """Found an installation on a migrated, empty database.

    ``accounts`` sandbox accounts are named ``a0``, ``a1``, …; ``settings`` are
    guarded settings that differ from the default.
    """
    process = Settings(data=folder, database_url=url, port=0)
    app = open_app(process)
    try:
        secret = new_secret()
        staff = _found(app, people, secret, settings or {})
        _put_accounts(app, accounts)
        yield Installation(app=app, settings=process, staff=staff, reporting=secret)
    finally:
        app.works.store.close()


def _found(app: App, people: int, secret: str, settings: dict[str, Any]) -> tuple[str, ...]:
    founder = replace(first_person(app, roles=("admin", "lead")), started_at=app.now() - _TENURE)
    initialise(app, nets="default", person=founder)
    made: list[str] = []
    with app.works.begin() as uow:
        note_strong(uow.connection, founder.id, uow.now)
        for place in range(people):
            person = Staff(
                id=uow.ids.new(),
                pseudonym=f"person-{place}",
                roles=("reviewer",),
                team=f"team-{place % TEAMS}",
                employer=founder.employer,
                started_at=uow.now - _TENURE,
                enrolled=True,
            )
            uow.record("staff.added", by=founder.id, about=person.id, puts=(person,))
            note_strong(uow.connection, person.id, uow.now)
            made.append(person.id)
        token = Token(
            id=uow.ids.new(),
            hash=hash_secret(secret),
            service="bench",
            scopes=tuple(scope for scope in SCOPES if scope.startswith("reports")),
            issued_by=founder.id,
            issued_at=uow.now,
        )
        uow.record("token.issued", by=founder.id, about=token.id, puts=(token,))
        write_setting(uow, "setup_finished", value=True, by=founder.id)
        for name, value in settings.items():
            write_setting(uow, name, value, by=founder.id)
    return tuple(made)


def _put_accounts(app: App, count: int) -> None:
    """Make sandbox accounts, many in one statement."""
    table = sandbox_tables.account
    now = app.now()
    rows: list[dict[str, Any]] = [
        {
            "platform": "sandbox",
            "ref": f"a{place}",
            "handle": f"member{place}",
            "display_name": "",
            "reach": 100,
            "labels": (),
            "created_at": now - timedelta(days=365),
            "verified_org": False,
            "measures": [],
            "fence": 0,
            "revision": 1,
        }
        for place in range(count)
    ]
    if rows:
        with app.works.store.begin() as connection:
            connection.execute(table.insert(), rows)
