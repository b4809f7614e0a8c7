"""Watching notable and protected accounts: what the platform is *seen* to be (M7)."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from gardefou.flow.app import App
from gardefou.flow.observe import look, take_in
from gardefou.platforms.protocol import PlatformError
from gardefou.storage import tables

_log = logging.getLogger("gardefou.worker")

#: Of each platform, the accounts for which it gave no answer last, the one that was asked for longest ago first.
#: Keys alone, as a set that keeps its sequence: a platform that is away for a day makes them many.
Silent = dict[str, dict[str, None]]

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


def watch(app: App, silent: Silent | None = None) -> int:
    """Read every watched account once; return how many could be read.

    ``silent`` is kept from round to round: an account for which a platform gave
    no answer is asked for last, and keeps no other unwatched.

    Writes `account.drifted` and opens an incident for a change that nobody here made.
    """
    silent = {} if silent is None else silent
    return sum(_watch(app, platform, silent.setdefault(platform, {})) for platform in app.platform_names())


def _watch(app: App, platform: str, silent: dict[str, None]) -> int:
    refs = watched(app, platform)
    if not refs:
        return 0
    connector = app.connector(platform)
    known = set(refs)
    last = [ref for ref in silent if ref in known]
    read = 0
    for ref in (*(ref for ref in refs if ref not in silent), *last):
        try:
            seen = look(app, connector, ref)
        except PlatformError:
            continue
        except Exception:  # noqa: BLE001 - a connector's surprise at one account must leave no other unwatched
            _log.exception("account %s of %s could not be read", ref, platform)
            continue
        silent.pop(ref, None)
        if seen.reading is None:
            # Unreachable: the next round asks again, and the rest of this one would wait as long.
            silent[ref] = None
            break
        take_in(app, seen)
        read += 1
    return read
