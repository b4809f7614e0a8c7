"""Finding accounts: by handle or id, and the lists of those that are watched, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Account
from gardefou.flow.app import App
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web import paging
from gardefou.web.console.reading import PAGE, refreshed

_a = tables.account.c
#: Sorts after every other character.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of accounts, and the cursor of the next."""

    accounts: list[Account]
    more: str | None


def find(connection: sa.Connection, text: str, platforms: list[str], cursor: str | None) -> Found:
    """Return the accounts whose handle begins so, small letters or not; first of all those with just this id.

    ``platform/id`` finds one account.

    Raises:
        InvalidInput: the cursor is none of ours (`input/cursor`).
    """
    place = paging.decode(cursor, str, str, str)
    exact = [] if place else fetch_all(connection, Account, sa.select(tables.account).where(_is(text, platforms)))
    folded = _folded(connection)
    starts = [text, text[1:]] if text.startswith("@") and len(text) > 1 else [text]
    begins = sa.or_(
        *(sa.and_(folded >= sa.func.lower(start), folded < sa.func.lower(start + _LAST)) for start in starts)
    )
    statement = sa.select(tables.account).where(begins)
    if place is not None:
        handle, platform, ref = place
        statement = statement.where(
            folded >= sa.func.lower(handle),
            sa.or_(folded > sa.func.lower(handle), sa.tuple_(_a.platform, _a.ref) > sa.tuple_(platform, ref)),
        )
    statement = statement.order_by(folded, _a.platform, _a.ref).limit(PAGE + 1)
    found = fetch_all(connection, Account, statement)
    shown, more = paging.page(found, PAGE, lambda one: paging.encode(one.handle, one.platform, one.ref))
    first = {(one.platform, one.ref) for one in exact}
    return Found(accounts=[*exact, *(one for one in shown if (one.platform, one.ref) not in first)], more=more)


def ask(app: App, text: str) -> list[Account]:
    """Return the accounts that platforms know by this id, or by ``platform/id``, though nobody here has looked at them.

    Writes what `gardefou.flow.observe` does.
    """
    platforms = app.platform_names()
    wanted = [(platform, text) for platform in platforms]
    platform, _, ref = text.partition("/")
    if ref and platform in platforms:
        wanted.append((platform, ref))
    asked = [refreshed(app, *one)[0] for one in wanted]
    return [one for one in asked if one is not None]


def _is(text: str, platforms: list[str]) -> sa.ColumnElement[bool]:
    platform, _, ref = text.partition("/")
    named = sa.and_(_a.platform.in_(platforms), _a.ref == text)
    return sa.or_(named, sa.and_(_a.platform == platform, _a.ref == ref)) if ref else named


def _folded(connection: sa.Connection) -> Any:
    """Return the handle as its index has it: in small letters, compared byte by byte."""
    folded = sa.func.lower(_a.handle)
    return folded.collate("C") if connection.dialect.name == "postgresql" else folded


def same_handle(connection: sa.Connection, account: Account) -> list[Account]:
    """Return accounts of the same handle on other platforms, at most ten."""
    if not account.handle:
        return []
    statement = (
        sa.select(tables.account)
        .where(_folded(connection) == sa.func.lower(account.handle), _a.platform != account.platform)
        .order_by(_a.platform, _a.ref)
        .limit(10)
    )
    return fetch_all(connection, Account, statement)


def widest(connection: sa.Connection, cursor: str | None) -> Found:
    """Return the watched accounts whose reach is known, the widest first.

    Raises:
        InvalidInput: the cursor is none of ours (`input/cursor`).
    """
    place = paging.decode(cursor, int, str, str)
    statement = sa.select(tables.account).where(tables.account_watched, _a.reach.is_not(None))
    if place is not None:
        statement = statement.where(sa.tuple_(_a.reach, _a.platform, _a.ref) < sa.tuple_(*place))
    statement = statement.order_by(_a.reach.desc(), _a.platform.desc(), _a.ref.desc()).limit(PAGE + 1)
    found = fetch_all(connection, Account, statement)
    shown, more = paging.page(found, PAGE, lambda one: paging.encode(one.reach or 0, one.platform, one.ref))
    return Found(accounts=list(shown), more=more)
