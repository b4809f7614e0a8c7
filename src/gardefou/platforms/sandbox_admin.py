"""What stands behind the sandbox's own desk: its accounts, content, switches and log of effects.

Used by the demo, the tests and the scenario runner to set a scene, to make the
platform misbehave, and to see what was really done to an account. None of it
passes the switches: it is not a call of the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.clock import Clock
from gardefou.domain.accounts import Measures
from gardefou.platforms import sandbox_tables as tables
from gardefou.platforms.protocol import NoSuchAccount
from gardefou.storage.fast import Fast

_REMOVED = "removed:"

#: Verbs of the log that are no effects of the connector.
_OWN_VERBS = ("put", "out_of_band")


def removed(item: str) -> str:
    """Return the measure that says a content item is removed."""
    return f"{_REMOVED}{item}"


def item_of(measure: str) -> str | None:
    """Return the content item a measure is about, or None where it is about the account."""
    return measure.removeprefix(_REMOVED) if measure.startswith(_REMOVED) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One change the platform applied to an account, or one warning it sent."""

    key: str
    account: str
    #: ``apply`` or ``undo``.
    verb: str
    action: str
    at: datetime
    before: Measures
    after: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the platform misbehaves at present."""

    down: bool = False
    slow_seconds: float = 0.0
    drops_answers: bool = False


_account = sa.select(tables.account).where(
    tables.account.c.platform == sa.bindparam("platform"), tables.account.c.ref == sa.bindparam("ref")
)
#: On PostgreSQL the row is locked; SQLite has one writer at a time and ignores it.
ACCOUNT_LOCKED = Fast(_account.with_for_update())
_ACCOUNT = Fast(_account)
_ITEMS = sa.select(tables.content.c.id, tables.content.c.account, tables.content.c.removed).where(
    tables.content.c.platform == sa.bindparam("platform"),
    tables.content.c.id.in_(sa.bindparam("ids", expanding=True)),
)
SET_REMOVED = (
    sa.update(tables.content)
    .where(
        tables.content.c.platform == sa.bindparam("of_platform"),
        tables.content.c.id.in_(sa.bindparam("ids", expanding=True)),
    )
    .values(removed=sa.bindparam("now_removed"))
)
_switch = tables.switch.c
#: An account and the switches at once; either half may be missing.
_SEEN = Fast(
    sa.select(tables.account, _switch.down, _switch.slow_seconds, _switch.drops_answers).select_from(
        sa.select(sa.literal_column("1", sa.Integer).label("one"))
        .subquery("one")
        .outerjoin(tables.switch, _switch.platform == sa.bindparam("platform"))
        .outerjoin(
            tables.account,
            sa.and_(tables.account.c.platform == sa.bindparam("platform"), tables.account.c.ref == sa.bindparam("ref")),
        )
    )
)
SWITCH = Fast(sa.select(tables.switch).where(tables.switch.c.platform == sa.bindparam("platform")))
_LOG = (
    sa.select(tables.effect)
    .where(
        tables.effect.c.platform == sa.bindparam("platform"),
        tables.effect.c.account == sa.bindparam("ref"),
        tables.effect.c.changed,
    )
    .order_by(tables.effect.c.revision)
)
_REVISION = sa.select(
    sa.select(sa.func.coalesce(sa.func.sum(tables.account.c.revision), 0))
    .where(tables.account.c.platform == sa.bindparam("platform"))
    .scalar_subquery()
    + sa.select(sa.func.coalesce(sa.func.sum(tables.switch.c.revision), 0))
    .where(tables.switch.c.platform == sa.bindparam("platform"))
    .scalar_subquery()
)


class SandboxAdmin:
    """The sandbox's own administration; `gardefou.platforms.sandbox.Sandbox` adds the connector."""

    def __init__(
        self,
        name: str,
        begin: Callable[[], AbstractContextManager[sa.Connection]],
        read: Callable[[], AbstractContextManager[sa.Connection]],
        clock: Clock,
    ) -> None:
        self.name = name
        self._begin = begin
        self._read = read
        self._clock = clock

    # --- setting a scene ----------------------------------------------------------------

    def put_account(
        self,
        ref: str,
        *,
        handle: str,
        display_name: str = "",
        reach: int | None = 0,
        labels: Sequence[str] = (),
        age_days: int = 365,
        verified_org: bool = False,
        measures: Iterable[str] = (),
        only_new: bool = False,
    ) -> None:
        """Create an account, or replace what it is called and who it is; its history stays.

        ``only_new`` leaves one that is there as it is.
        ``labels`` are the platform's own (``head_of_state``), not those that
        actions put. ``measures`` are account-wide ones it has from the start.
        """
        now = self._clock.now()
        values: dict[str, Any] = {
            "handle": handle,
            "display_name": display_name,
            "reach": reach,
            "labels": tuple(labels),
            "created_at": now - timedelta(days=age_days),
            "verified_org": verified_org,
            "measures": sorted(measures),
        }
        with self._begin() as connection:
            row = self._find(connection, ref, lock=True)
            if row is not None and only_new:
                return
            revision = 1 if row is None else row.revision + 1
            if row is None:
                values |= {"platform": self.name, "ref": ref, "fence": 0, "revision": revision}
                connection.execute(sa.insert(tables.account), values)
            else:
                connection.execute(self._update_account(ref).values(**values, revision=revision))
            before = frozenset[str]() if row is None else frozenset(row.measures)
            self._note(connection, ref, "put", revision, before, frozenset(values["measures"]))

    def put_content(self, item: str, *, account: str, text: str = "") -> None:
        """Create a content item of an account, or replace its text; it is not removed by that.

        Raises `NoSuchAccount` where the account is unknown.
        """
        table = tables.content
        key = (table.c.platform == self.name, table.c.id == item)
        with self._begin() as connection:
            row = self._account(connection, account, lock=True)
            if connection.execute(sa.select(table.c.id).where(*key)).one_or_none() is None:
                values = {"platform": self.name, "id": item, "account": account, "text": text, "removed": False}
                connection.execute(sa.insert(table), values)
            else:
                connection.execute(sa.update(table).where(*key).values(account=account, text=text))
            connection.execute(self._update_account(account).values(revision=row.revision + 1))

    def set_measures_out_of_band(self, ref: str, measures: Iterable[str]) -> None:
        """Change an account behind Gardefou's back, to exactly these account-wide measures and labels.

        Content items named by ``removed:`` are taken down besides; others stay
        as they are. Raises `NoSuchAccount`.
        """
        wanted = frozenset(measures)
        items = [item for item in map(item_of, wanted) if item is not None]
        own = sorted(measure for measure in wanted if item_of(measure) is None)
        with self._begin() as connection:
            row = self._account(connection, ref, lock=True)
            found = self._items(connection, items)
            gone = frozenset(removed(item) for item, (_, taken) in found.items() if taken)
            revision = row.revision + 1
            connection.execute(self._update_account(ref).values(measures=own, revision=revision))
            if items:
                connection.execute(SET_REMOVED, {"of_platform": self.name, "ids": items, "now_removed": True})
            self._note(connection, ref, "out_of_band", revision, frozenset(row.measures) | gone, wanted)

    def switch(
        self, *, down: bool | None = None, slow_seconds: float | None = None, drops_answers: bool | None = None
    ) -> None:
        """Make the platform misbehave, or stop it; what is left out stays as it is.

        Down: refuses connections and does nothing. Slow: takes that many
        seconds over every call. Dropping: does what is asked, and every answer,
        readings included, is lost.
        """
        table = tables.switch
        given = {"down": down, "slow_seconds": slow_seconds, "drops_answers": drops_answers}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        with self._begin() as connection:
            changed = connection.execute(
                sa.update(table).where(table.c.platform == self.name).values(**values, revision=table.c.revision + 1)
            )
            if changed.rowcount == 0:
                usual: dict[str, Any] = {"down": False, "slow_seconds": 0.0, "drops_answers": False}
                connection.execute(sa.insert(table), {"platform": self.name, **usual, **values, "revision": 1})

    # --- seeing what was done -----------------------------------------------------------

    def switches(self) -> Switches:
        """Return how the platform misbehaves at present."""
        with self._read() as connection:
            row = SWITCH.first(connection, {"platform": self.name})
        return as_switches(row)

    def find(self, handle: str) -> str | None:
        """Return the id of the account with that handle (the first of several), or None."""
        table = tables.account
        with self._read() as connection:
            return connection.execute(
                sa.select(table.c.ref)
                .where(table.c.platform == self.name, table.c.handle == handle)
                .order_by(table.c.ref)
                .limit(1)
            ).scalar_one_or_none()

    def effects(self, ref: str) -> list[Effect]:
        """Return every change the connector made to an account and every warning it sent, oldest first."""
        return [
            Effect(
                key=row.key,
                account=row.account,
                verb=row.verb,
                action=row.action,
                at=row.at,
                before=frozenset(row.measures_before),
                after=frozenset(row.measures_after),
            )
            for row in self._log(ref)
            if row.verb not in _OWN_VERBS
        ]

    def timeline(self, ref: str) -> list[tuple[datetime, Measures]]:
        """Return the account-wide measures and labels of an account through time, oldest first.

        The first entry is its creation; one follows per change, whoever made it.
        """
        moments: list[tuple[datetime, Measures]] = []
        for row in self._log(ref):
            measures = frozenset(measure for measure in row.measures_after if item_of(measure) is None)
            if not moments or moments[-1][1] != measures:
                moments.append((row.at, measures))
        return moments

    def revision(self) -> int:
        """Return a number that rises with every change, operation or switch on this platform."""
        with self._read() as connection:
            return int(connection.execute(_REVISION, {"platform": self.name}).scalar_one())

    # --- rows ---------------------------------------------------------------------------

    def _seen(self, connection: sa.Connection, ref: str) -> tuple[Any, Switches]:
        """Return an account's row, or None, and how the platform misbehaves."""
        row = _SEEN.first(connection, {"platform": self.name, "ref": ref})
        return (None if row.ref is None else row), as_switches(row)

    def _log(self, ref: str) -> Sequence[Any]:
        with self._read() as connection:
            return connection.execute(_LOG, {"platform": self.name, "ref": ref}).all()

    def _find(self, connection: sa.Connection, ref: str, *, lock: bool = False) -> Any:
        statement = ACCOUNT_LOCKED if lock else _ACCOUNT
        return statement.first(connection, {"platform": self.name, "ref": ref})

    def _account(self, connection: sa.Connection, ref: str, *, lock: bool = False) -> Any:
        row = self._find(connection, ref, lock=lock)
        if row is None:
            raise NoSuchAccount(f"{self.name} knows no account {ref!r}.")
        return row

    def _known_items(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Return owner and removal of each item that there is."""
        if not ids:
            return {}
        rows = connection.execute(_ITEMS, {"platform": self.name, "ids": list(ids)}).all()
        return {row.id: (row.account, row.removed) for row in rows}

    def _items(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Return owner and removal of each item; `NoSuchAccount` where one is unknown."""
        items = self._known_items(connection, ids)
        for item in ids:
            if item not in items:
                raise NoSuchAccount(f"{self.name} knows no content {item!r}.")
        return items

    def _update_account(self, ref: str) -> sa.Update:
        table = tables.account
        return sa.update(table).where(table.c.platform == self.name, table.c.ref == ref)

    def _note(
        self, connection: sa.Connection, ref: str, verb: str, revision: int, before: Measures, after: Measures
    ) -> None:
        """Write into the log what was done at the platform's own desk."""
        connection.execute(
            sa.insert(tables.effect),
            {
                "platform": self.name,
                "key": f"{verb}/{ref}/{revision}",
                "account": ref,
                "verb": verb,
                "action": verb,
                "at": self._clock.now(),
                "changed": verb == "put" or before != after,
                "measures_before": sorted(before),
                "measures_after": sorted(after),
                "said": {},
                "revision": revision,
            },
        )


def as_switches(row: Any) -> Switches:
    """Return the switches that a row holds; without one, the platform does not misbehave."""
    if row is None or row.down is None:
        return Switches()
    return Switches(down=row.down, slow_seconds=row.slow_seconds, drops_answers=row.drops_answers)
