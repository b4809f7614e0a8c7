"""The breaker and the budgets' alarms: what stops a runaway before people notice it.

The breaker counts enforcements that ended `failed` or were reversed, never
attempts (M6). It stops the person, then the team, then the platform (R13):
those already stopped no longer count towards the wider stop.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import SYSTEM, Enforcement, Pause
from gardefou.flow.app import Config
from gardefou.flow.incidents import open_incident
from gardefou.flow.stops import open_pauses
from gardefou.nets.verdict import Verdict
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_HOUR = timedelta(hours=1)
_table = tables.enforcement.c
_EXECUTED = ("in_force", "restoring", "restored", "failed")
_FEWEST_FAILURES = 5


def note_budget(uow: UnitOfWork, config: Config, made: Enforcement, verdict: Verdict) -> None:
    """Open (or add to) the incident of a spent budget, naming every account of the burst (M8)."""
    spoke = {reason.net for reason in verdict.reasons}
    spent = [
        net
        for net in config.nets
        if net.id in spoke and any(fact.name.startswith("recent.") for fact in net.condition.reads)
    ]
    if not spent:
        return
    rows = uow.connection.execute(
        sa.select(_table.account)
        .where(
            _table.placed_by == made.placed_by,
            _table.platform == made.platform,
            _table.placed_at > uow.now - _HOUR,
            _table.severity > 0,
            _table.state != "refused",
        )
        .order_by(_table.placed_at, _table.id)
    )
    burst = tuple(dict.fromkeys([*(row.account for row in rows), made.account]))
    open_incident(
        uow,
        platform=made.platform,
        kind="budget",
        accounts=burst,
        enforcements=(made.id,),
        about=made.placed_by,
        summary=f"A budget was spent: {spent[0].title}.",
    )


def consider(uow: UnitOfWork, config: Config, enforcement: Enforcement) -> None:
    """After a reversal or failure, stop the person, else the team, else the platform, if it is too many.

    Writes `breaker.tripped` and opens an incident.
    """
    rules = config.rules
    stopped = {(pause.scope, pause.target) for pause in open_pauses(uow.connection)}
    scopes = (
        ("staff", enforcement.placed_by, (_table.placed_by == enforcement.placed_by,)),
        ("team", enforcement.team, (_table.team == enforcement.team, _not_in(_table.placed_by, stopped, "staff"))),
        (
            "platform",
            enforcement.platform,
            (_not_in(_table.placed_by, stopped, "staff"), _not_in(_table.team, stopped, "team")),
        ),
    )
    for scope, target, where in scopes:
        if not target or target == SYSTEM or (scope, target) in stopped:
            continue
        rows = uow.connection.execute(
            sa.select(_table.state, _table.because, _table.account)
            .where(
                _table.platform == enforcement.platform,
                _table.severity > 0,
                _table.state.in_(_EXECUTED),
                _table.legal_basis.is_(None),
                _table.placed_at > uow.now - timedelta(days=7),
                *where,
            )
            .order_by(_table.placed_at.desc())
            .limit(rules.breaker_window)
        ).all()
        reversed_ = [row for row in rows if row.state in {"restoring", "restored"} and row.because != "expired"]
        last = rows[: rules.breaker_failure_window]
        failed = [row for row in last if row.state == "failed"]
        too_many_reversed = len(reversed_) >= rules.breaker_reversals and len(
            reversed_
        ) >= rules.breaker_reversal_share * len(rows)
        too_many_failed = len(failed) >= _FEWEST_FAILURES and len(failed) >= rules.breaker_failure_share * len(last)
        if not (too_many_reversed or too_many_failed):
            continue
        why = (
            f"{len(reversed_)} of the last {len(rows)} were reversed"
            if too_many_reversed
            else f"{len(failed)} of the last {len(last)} failed"
        )
        pause = Pause(
            id=uow.ids.new(), scope=scope, target=target, by=SYSTEM, at=uow.now, because=f"The breaker: {why}."
        )
        uow.record("breaker.tripped", by=SYSTEM, platform=enforcement.platform, about=pause.id, puts=(pause,))
        accounts = tuple(dict.fromkeys(row.account for row in [*reversed_, *failed]))
        open_incident(
            uow,
            platform=enforcement.platform,
            kind="breaker",
            accounts=accounts,
            enforcements=(enforcement.id,),
            about=target if scope == "staff" else "",
            summary=f"The breaker stopped one {scope}: {why}.",
        )
        return


def _not_in(column: sa.ColumnElement[str], stopped: set[tuple[str, str]], scope: str) -> sa.ColumnElement[bool]:
    names = [target for kind, target in stopped if kind == scope]
    return column.not_in(names) if names else sa.true()
