"""What the pages read: pseudonyms, accounts and their lookalikes, lists of enforcements, events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import orjson
import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.records import ORGANISATION, SYSTEM, Account, Approval, Enforcement, Staff
from gardefou.errors import GardefouError
from gardefou.flow.app import App
from gardefou.flow.observe import look, take_in
from gardefou.flow.second_look import hidden_among, hidden_on
from gardefou.nets.verdict import Verdict
from gardefou.platforms.protocol import Description, PlatformError
from gardefou.storage import tables
from gardefou.storage.records import fetch_all, get

#: Rows of one page of a list.
PAGE = 50
_FRESH = timedelta(seconds=60)
_MOST_EVENTS = 400
_e = tables.enforcement.c
_a = tables.account.c


@dataclass(frozen=True, slots=True)
class Names:
    """Pseudonyms by staff id: no page shows an id of a person, and nowhere is there a name."""

    people: Mapping[str, Staff]
    services: frozenset[str]

    @classmethod
    def read(cls, connection: sa.Connection) -> Self:
        """Read everyone's pseudonym."""
        people = {one.id: one for one in fetch_all(connection, Staff, sa.select(tables.staff))}
        service = tables.token.c.service
        named = connection.execute(sa.select(service).where(service.is_not(None)).distinct())
        return cls(people, frozenset(str(row.service) for row in named))

    def of(self, actor_id: str | None) -> str:
        """Return what a person, a service or Gardefou itself is called on a page."""
        if not actor_id:
            return "nobody"
        if actor_id == SYSTEM:
            return "Gardefou"
        person = self.people.get(actor_id)
        if person is not None:
            return person.pseudonym
        return f"service {actor_id}" if actor_id in self.services else "someone unknown"

    def in_text(self, text: object) -> object:
        """Return a value as it is, or the pseudonym where it is somebody's id."""
        person = self.people.get(text) if isinstance(text, str) else None
        return text if person is None else person.pseudonym


def refreshed(app: App, platform: str, ref: str) -> tuple[Account | None, bool]:
    """Return what is known of an account, read anew when that is over a minute old; and whether it could be read.

    Who an account is must be true when someone decides about it. The platform
    is asked outside any transaction. Writes what `gardefou.flow.observe` does.
    """
    with app.works.read() as connection:
        known = get(connection, Account, platform, ref)
    if known is not None and known.read_at is not None and app.now() - known.read_at < _FRESH:
        return known, True
    try:
        seen = look(app, app.connector(platform), ref)
    except (PlatformError, GardefouError):
        return known, False
    if seen.reading is None:
        return known, False
    return take_in(app, seen), True


def lookalikes_of(connection: sa.Connection, platform: str, ref: str) -> tuple[Account | None, list[Account]]:
    """Return an account, and all that could be taken for each other with it, itself included."""
    account = get(connection, Account, platform, ref)
    if account is None:
        return None, []
    if account.lookalike_of is None and account.tier != Tier.PROTECTED:
        return account, [account]
    real = account.lookalike_of or account.ref
    statement = (
        sa.select(tables.account)
        .where(_a.platform == platform, sa.or_(_a.ref.in_((real, ref)), _a.lookalike_of == real))
        .order_by(_a.ref)
        .limit(20)
    )
    return account, fetch_all(connection, Account, statement)


def accounts_named(connection: sa.Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Account]:
    """Return the known ones of several accounts, by platform and ref."""
    wanted = sorted({key for key in keys if key[1]})
    if not wanted:
        return {}
    statement = sa.select(tables.account).where(
        _a.platform.in_({platform for platform, _ in wanted}), _a.ref.in_({ref for _, ref in wanted})
    )
    return {(one.platform, one.ref): one for one in fetch_all(connection, Account, statement)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An enforcement as a list shows it. ``blind``: this viewer answers on the case first (M3)."""

    enforcement: Enforcement
    account: Account | None
    verdict: Verdict
    blind: bool


def rows(connection: sa.Connection, found: Sequence[Enforcement], viewer: str) -> list[Row]:
    """Return enforcements with their accounts and verdicts, as this viewer may see them."""
    known = accounts_named(connection, ((one.platform, one.account) for one in found))
    hidden = hidden_among(connection, found, viewer)
    return [
        Row(
            enforcement=one,
            account=known.get((one.platform, one.account)),
            verdict=Verdict.from_json(one.verdict),
            blind=one.id in hidden,
        )
        for one in found
    ]


def approvals_of(connection: sa.Connection, one: Enforcement) -> list[Approval]:
    """Return the answers that people gave on an enforcement, oldest first."""
    table = tables.approval.c
    statement = (
        sa.select(tables.approval)
        .where(table.platform == one.platform, table.enforcement_id == one.id)
        .order_by(table.id)
    )
    return fetch_all(connection, Approval, statement)


def of_account(connection: sa.Connection, platform: str, ref: str, most: int = PAGE) -> list[Enforcement]:
    """Return an account's enforcements, newest first."""
    statement = (
        sa.select(tables.enforcement)
        .where(_e.platform == platform, _e.account == ref)
        .order_by(_e.id.desc())
        .limit(most)
    )
    return fetch_all(connection, Enforcement, statement)


def described(app: App, platform: str) -> Description | None:
    """Return what a platform can do, or None for one that is out of use (and for Gardefou itself)."""
    if platform == ORGANISATION:
        return None
    try:
        return app.connector(platform).describe()
    except GardefouError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One event of the ledger as a timeline shows it."""

    at: datetime
    kind: str
    by: str
    about: str
    account: str
    detail: Mapping[str, Any]


def events(
    connection: sa.Connection, platform: str, *where: sa.ColumnElement[bool], viewer: str, newest_first: bool = False
) -> list[Moment]:
    """Return events of one log, oldest first; readings that changed nothing are left out.

    So is what would say to this viewer what a second look must not know yet.
    """
    table = tables.event.c
    order = table.id.desc() if newest_first else table.id
    statement = (
        sa.select(tables.event)
        .where(table.platform == platform, table.kind != "account.seen", *where)
        .order_by(order)
        .limit(_MOST_EVENTS)
    )
    hidden = hidden_on(connection, platform, viewer)
    return [
        Moment(at=row.at, kind=row.kind, by=row.by, about=row.about, account=row.account, detail=_detail(row.body))
        for row in connection.execute(statement)
        if row.about not in hidden
    ]


def _detail(body: bytes) -> Mapping[str, Any]:
    """Return an event's detail; the body of one may have been erased."""
    if not body:
        return {}
    detail: Mapping[str, Any] = orjson.loads(body).get("detail", {})
    return detail
