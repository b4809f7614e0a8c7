"""Founding an installation in one go: people who have long worked here, signed in, setup ended.

Only what a demo makes for itself is founded like this; `gardefou init` and
`gardefou staff add` do it for real, with each person signing in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gardefou.bootstrap import first_person, initialise
from gardefou.clock import rfc3339
from gardefou.flow.app import App
from gardefou.flow.change import propose
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_staff, by_token, hash_secret, new_secret, start_session
from gardefou.people.directory import Entry
from gardefou.people.roles import SCOPES

#: How long everyone has worked here: no newcomers.
_TENURE = timedelta(days=700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Someone who works here. ``name`` is sealed at once and printed by nothing."""

    name: str
    roles: tuple[str, ...]
    team: str
    #: From now to the end of their last day, where it is near.
    leaves_in: timedelta | None = None


def found(
    app: App, first: Colleague, others: Sequence[Colleague], *, platforms: Sequence[dict[str, Any]] = ()
) -> list[str]:
    """Found an installation on a migrated, empty store; return everyone's staff id, in the sequence given.

    Everyone is signed in strongly just now. ``platforms`` are registered beside
    the sandbox before setup ends.

    Raises:
        Conflict: the store is initialised already (`store/initialised`).
        GardefouError: a platform cannot be registered (`platform/…`).
    """
    person = first_person(app, roles=first.roles, team=first.team)
    initialise(app, nets="default", person=replace(person, started_at=app.now() - _TENURE))
    ids = [person.id]
    _seal(app, person.id, first.name)
    _sign_in(app, person.id)
    for colleague in others:
        leaves = None if colleague.leaves_in is None else rfc3339(app.now() + colleague.leaves_in)
        payload = {
            "roles": list(colleague.roles),
            "team": colleague.team,
            "started": rfc3339(app.now() - _TENURE),
            "last_day": leaves,
        }
        made = propose(app, person_now(app, person.id), "staff_add", payload)
        staff_id = str((made.change or {})["staff"])
        _seal(app, staff_id, colleague.name)
        _sign_in(app, staff_id)
        ids.append(staff_id)
    for platform in platforms:
        propose(app, person_now(app, person.id), "platform", platform)
    propose(app, person_now(app, person.id), "setup_finish", {})
    return ids


def person_now(app: App, staff_id: str) -> Actor:
    """Return a person at the console, as the store knows them now."""
    with app.works.read() as connection:
        return by_staff(connection, staff_id, now=app.now(), via="console")


def own_token(app: App, staff_id: str) -> str:
    """Issue a person's own token, of all scopes; return its secret."""
    secret = new_secret()
    payload = {"id": app.ids.new(), "hash": hash_secret(secret), "scopes": list(SCOPES), "staff": staff_id}
    propose(app, person_now(app, staff_id), "token", payload)
    return secret


def service_token(app: App, admin_id: str, service: str) -> str:
    """Issue a service's token that may report and nothing else; return its secret."""
    secret = new_secret()
    payload = {"id": app.ids.new(), "hash": hash_secret(secret), "scopes": ["reports:write"], "service": service}
    propose(app, person_now(app, admin_id), "token", payload)
    return secret


def bearer(app: App, secret: str) -> Actor:
    """Return whoever bears a token, as the API knows them."""
    with app.works.read() as connection:
        return by_token(connection, secret, now=app.now(), via="api")


def _seal(app: App, staff_id: str, name: str) -> None:
    with app.works.begin() as uow:
        app.directory.put(uow.connection, Entry(staff_id=staff_id, name=name))


def _sign_in(app: App, staff_id: str) -> None:
    with app.works.begin() as uow:
        start_session(uow, staff_id, strong=True)
