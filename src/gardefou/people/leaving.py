"""What whoever leaves loses, and when: one table, a guarded setting, whose default is M9 of the rules.

A stage begins so many minutes before the end of the last day and takes what it
names; what an earlier stage took stays taken. Notice begins the first one, at
the latest at its minutes. A table may take more, or sooner; one that leaves
anybody more than M9 does is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any, cast

import sqlalchemy as sa

from gardefou.errors import InvalidInput
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast


class Loss(StrEnum):
    """One thing that a leaver loses.

    Approvals, issuing tokens, others' restores, acting and reading the flow
    takes, whatever the nets are; the others the nets hold, and the flow where
    a table takes them sooner than M9.
    """

    #: Approving, ratifying, topping budgets up, calling a raid; yeses given before count no more.
    APPROVALS = "approvals"
    TOKENS = "tokens"
    #: Changes to tiers, nets, staff, platforms and settings.
    GUARDED_CHANGES = "guarded_changes"
    BULK = "bulk"
    #: Anything on notable and protected accounts.
    NOTABLE = "notable"
    #: Severity 4 without one other.
    SEVERITY_4_ALONE = "severity_4_alone"
    #: Severity 4 and above at all.
    SEVERITY_4 = "severity_4"
    #: Accounts with a reach of 1,000 and more.
    REACH = "reach"
    #: Lifting what others imposed.
    OTHERS_RESTORES = "others_restores"
    #: Everything but reading.
    ACTING = "acting"
    READING = "reading"


NOTICE, LAST_24_HOURS, LAST_HOUR, AFTER = "notice", "last_24_hours", "last_hour", "after"
STAGES = (NOTICE, LAST_24_HOURS, LAST_HOUR, AFTER)

#: Name of the stage, minutes before the end of the last day, what is lost.
Row = tuple[str, int, tuple[str, ...]]
Table = tuple[Row, ...]

M9: Table = (
    (
        NOTICE,
        14 * 24 * 60,
        ("approvals", "tokens", "guarded_changes", "bulk", "notable", "severity_4_alone"),
    ),
    (LAST_24_HOURS, 24 * 60, ("severity_4", "reach", "others_restores")),
    (LAST_HOUR, 60, ("acting",)),
    (AFTER, 0, ("reading",)),
)
EVERYTHING: frozenset[Loss] = frozenset(Loss)
#: From this reach on an account is great for somebody's last 24 hours.
REACH = 1_000


@lru_cache(maxsize=64)
def _cumulated(table: Table) -> tuple[tuple[str, int, frozenset[Loss]], ...]:
    lost: frozenset[Loss] = frozenset()
    rows: list[tuple[str, int, frozenset[Loss]]] = []
    for name, minutes, more in table:
        lost |= {Loss(one) for one in more}
        rows.append((name, minutes, EVERYTHING if name == AFTER else lost))
    return tuple(rows)


def stage_at(table: Table, minutes_left: float, *, noticed: bool) -> str:
    """Return the stage that somebody is in with so many minutes left; empty before the first."""
    found = NOTICE if noticed else ""
    for name, minutes, _lost in table:
        # After its last minute the day is over: that stage has no minutes of its own.
        if minutes_left <= minutes:
            found = name
    return found


def lost_in(table: Table, stage: str) -> frozenset[Loss]:
    """Return all that is lost in a stage, earlier ones' losses included."""
    return next((lost for name, _, lost in _cumulated(table) if name == stage), frozenset[Loss]())


def lost_at(table: Table, minutes_left: float, *, noticed: bool) -> frozenset[Loss]:
    """Return what somebody with so many minutes left has lost."""
    return lost_in(table, stage_at(table, minutes_left, noticed=noticed))


def minutes_of(table: Table, stage: str) -> int:
    """Return how many minutes before the end of the last day a stage begins."""
    return next(minutes for name, minutes, _ in table if name == stage)


def checked(value: Any) -> Table:
    """Return a table as written, or as stored.

    Raises:
        InvalidInput: it is no such table, or takes less or later than M9
            (`setting/leaver_stages`).
    """
    rows = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()
    table: list[Row] = []
    for row in rows:
        match row:
            case [str() as name, int() as minutes, list() | tuple()] if not isinstance(minutes, bool):
                table.append((name, minutes, tuple(map(str, cast("Sequence[object]", row[2])))))
            case _:
                raise _wrong(_("Each stage is a name, minutes and a list of what is lost."))
    if tuple(name for name, _, _ in table) != STAGES:
        raise _wrong(_("The stages are %(stages)s, in this sequence.", stages=", ".join(STAGES)))
    known = {loss.value for loss in Loss}
    for name, _minutes, lost in table:
        unknown = set(lost) - known
        if unknown:
            raise _wrong(
                _(
                    "%(stage)s: there is nothing called %(loss)s to be lost; there is %(losses)s.",
                    stage=name,
                    loss=repr(min(unknown)),
                    losses=", ".join(Loss),
                )
            )
    made = tuple(table)
    if any(earlier[1] < later[1] for earlier, later in pairwise(made)) or made[-1][1] != 0:
        raise _wrong(_("Each stage begins after the one before it, and the last at the end of the last day."))
    if any(minutes > _LONGEST for _, minutes, _ in made):
        raise _wrong(_("No stage begins more than %(most)s minutes before the end.", most=_LONGEST))
    for name, minutes, of_m9 in _cumulated(M9):
        kept = of_m9 - lost_at(made, minutes, noticed=True)
        if minutes_of(made, name) < minutes or kept:
            what = _("keeps %(what)s", what=", ".join(sorted(kept))) if kept else _("begins later")
            raise _wrong(_("%(stage)s %(what)s: a table takes no less than the rules do (M9).", stage=name, what=what))
    return made


_LONGEST = 366 * 24 * 60


def _wrong(why: str) -> InvalidInput:
    return InvalidInput("setting/leaver_stages", why, field="value")


def leaving_of(connection: sa.Connection) -> Table:
    """Return the table in force, for whoever has no settings at hand."""
    row = _STORED.first(connection, {})
    return M9 if row is None else _read(row.value)


def _read(value: Any) -> Table:
    return tuple((name, minutes, tuple(lost)) for name, minutes, lost in value)


def beyond_m9(table: Table, minutes_left: float, *, noticed: bool) -> frozenset[Loss]:
    """Return what a table has taken that M9, and so the shipped nets, had not taken yet."""
    if table == M9:
        return frozenset()
    # Nets read the standing, and that the table decides: notice is the same for both.
    return lost_at(table, minutes_left, noticed=noticed) - lost_at(M9, minutes_left, noticed=noticed)


_STORED = Fast(sa.select(tables.setting.c.value).where(tables.setting.c.id == "leaver_stages"))
