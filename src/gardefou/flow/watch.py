"""Watching notable and protected accounts: what the platform is *seen* to be (M7)."""

from __future__ import annotations

import sqlalchemy as sa

from gardefou.flow.app import App
from gardefou.flow.observe import look, observe
from gardefou.platforms.protocol import PlatformError
from gardefou.storage import tables

_account = tables.account.c
_WATCHED = (
    sa.select(_account.ref)
    .where(
        _account.platform == sa.bindparam("platform"),
        tables.account_watched,
    )
    .order_by(_account.ref)
)


def watched(app: App, platform: str) -> list[str]:
    """Return the accounts of a platform that are watched: notable and protected, now or lately."""
    with app.works.read() as connection:
        return [row.ref for row in connection.execute(_WATCHED, {"platform": platform})]


def watch(app: App) -> int:
    """Read every watched account once; return how many could be read.

    Writes `account.drifted` and opens an incident for a change that nobody here made.
    """
    read = 0
    for platform in app.platform_names():
        refs = watched(app, platform)
        if not refs:
            continue
        connector = app.connector(platform)
        for ref in refs:
            try:
                seen = look(app, connector, ref)
            except PlatformError:
                continue
            if seen.reading is None:
                # Unreachable: the next round asks again, and the rest of this one would wait as long.
                break
            with app.works.begin() as uow:
                observe(uow, app, app.config(uow.connection), seen)
            read += 1
    return read
