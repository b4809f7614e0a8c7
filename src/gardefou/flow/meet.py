"""Meeting accounts that were just reported: each is read once, so that the queue says who waits in it.

A report names an account by its id. Nobody is recognised by that, and whether
the account is protected, or looks like one that is, nobody knows before it has
been read. Whoever opens the case reads it anew in any case; this is for those
who look at the list.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from gardefou.domain.records import Account
from gardefou.errors import Stale
from gardefou.flow.app import App
from gardefou.flow.observe import look, take_in
from gardefou.platforms.protocol import PlatformError
from gardefou.storage import bulk, tables
from gardefou.storage.records import get
from gardefou.storage.types import Instant

_log = logging.getLogger("gardefou.worker")

#: Accounts of one platform that are read in a round.
MOST = 20
#: Rows that are gone through for them.
_ROWS = 500
#: A process that begins looks back so far.
_BACK = timedelta(hours=1)
#: Reports commit in groups, by several nodes: a case may be older than one that was seen before.
_SLACK = timedelta(minutes=1)

_c = tables.case.c
_a = tables.account.c
_NEW = (
    sa.select(_c.account, _c.opened_at)
    .select_from(
        tables.case.outerjoin(tables.account, sa.and_(_a.platform == _c.platform, _a.ref == _c.account)),
    )
    .where(
        _c.platform == sa.bindparam("platform"),
        _c.opened_at >= sa.bindparam("since", type_=Instant),
        tables.case_open,
        _a.read_at.is_(None),
    )
    .order_by(_c.opened_at)
    .limit(_ROWS)
)


@dataclass(slots=True)
class _Platform:
    """How far one process is with a platform, and whom that does not know; those are not asked for again."""

    since: datetime
    unknown: dict[str, datetime] = field(default_factory=dict)


class Meeting:
    """One process's round of those who were just reported. What is overtaken is read when its case is opened."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._platforms: dict[str, _Platform] = {}

    def round(self) -> int:
        """Read up to `MOST` accounts of each platform that nobody has read yet; return how many could be.

        A platform that gives no answer is asked again in the next round, and
        keeps no other waiting. Writes what `gardefou.flow.observe` does.
        """
        return sum(self._round_of(platform) for platform in self._app.platform_names())

    def _round_of(self, platform: str) -> int:
        now = self._app.now()
        at = self._platforms.setdefault(platform, _Platform(now - _BACK))
        with self._app.works.read() as connection:
            rows = connection.execute(_NEW, {"platform": platform, "since": at.since - _SLACK}).all()
        waiting = list(_strangers([(row.account, row.opened_at) for row in rows], at.unknown))
        # Workers beside each other begin with different ones, and leave out whom another has read meanwhile.
        self._app.random.shuffle(waiting)
        met = 0
        for ref, opened_at in waiting:
            answered, known = self._meet(platform, ref)
            if not answered:
                return met
            met += known
            # One that it knows too: under an id that is not its own it would be found unread for ever.
            at.unknown[ref] = opened_at
        if len(waiting) == MOST:
            at.since = max(opened_at for _, opened_at in waiting)
        elif len(rows) == _ROWS:
            at.since = max(row.opened_at for row in rows) + _SLACK
        else:
            at.since = max(at.since, now)
        at.unknown = {ref: opened for ref, opened in at.unknown.items() if opened >= at.since - _SLACK}
        return met

    def _meet(self, platform: str, ref: str) -> tuple[bool, bool]:
        """Read one account; return whether the platform answered, and whether it is known by this."""
        with self._app.works.read() as connection:
            known = get(connection, Account, platform, ref)
        if known is not None and known.read_at is not None:
            return True, False
        try:
            seen = look(self._app, self._app.connector(platform), ref)
        except PlatformError:
            return True, False
        except Exception:  # noqa: BLE001 - a connector's surprise at one account must not keep all others waiting
            _log.exception("account %s of %s could not be read", ref, platform)
            return True, False
        if seen.reading is None:
            return False, False
        try:
            take_in(self._app, seen)
        except Exception as error:
            if not (isinstance(error, Stale) or bulk.lost_a_race(error)):
                raise
            # Another read it in this very moment.
            return True, False
        return True, True


def _strangers(rows: Sequence[tuple[str, datetime]], unknown: dict[str, datetime]) -> Iterator[tuple[str, datetime]]:
    """Pass on the first `MOST` accounts that were not asked for yet, each with its oldest case."""
    passed: set[str] = set()
    for ref, opened_at in rows:
        if ref not in unknown and ref not in passed:
            passed.add(ref)
            yield ref, opened_at
            if len(passed) == MOST:
                return
