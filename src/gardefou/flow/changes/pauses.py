"""Stopping all enforcement, and starting again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, SYSTEM, Enforcement, Pause
from gardefou.domain.states import State
from gardefou.errors import Conflict
from gardefou.flow.app import App, Config
from gardefou.flow.changes.base import Handler, Payload, text
from gardefou.flow.incidents import alert
from gardefou.flow.stops import behind, open_pauses, paused_lately
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.storage.work import Entry, UnitOfWork

_DAY = timedelta(days=1)


class PauseChange(Handler):
    """Stop all enforcement. Restores, and removals the law demands, go on."""

    power = Power.LIFT

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``because``."""
        if any(pause.scope == "all" for pause in open_pauses(uow.connection)):
            raise Conflict("pause/already", "Everything is paused already.")
        return {"because": text(payload, "because", most=2000)}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Stopping harms nobody's account."""
        return False

    def asks_as(self, uow: UnitOfWork, config: Config, actor: Actor, payload: Payload) -> str:  # noqa: ARG002
        """A second pause by the same person within 24 hours takes two (R13), by a service of theirs too (R6)."""
        since = uow.now - _DAY
        before = any(actor.one_with & behind(uow, one) for one in paused_lately(uow, since) if one.in_force_at != since)
        return "second_pause" if before else ""

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `pause.started`."""
        pause = Pause(id=uow.ids.new(), scope="all", by=by, at=uow.now, because=payload["because"])
        uow.record("pause.started", by=by, about=about, puts=(pause,))
        alert(uow, "pause", platform=ORGANISATION, about=pause.id, says=f"All enforcement is paused: {pause.because}")


class ResumeChange(Handler):
    """Resume everything that is stopped, the breaker's stops too. Two people do.

    What was stopped later than it was proposed stays stopped: the first of the two never looked at that.
    """

    power = Power.RESUME

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take nothing; something must be stopped."""
        stopped = open_pauses(uow.connection)
        if not stopped:
            raise Conflict("pause/none", "Nothing is paused.")
        return {"pauses": [pause.id for pause in stopped]}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """It has its own rule of two people."""
        return False

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """What it was proposed for has ended; what was stopped since then is looked at anew."""
        left = resumed_by(payload, open_pauses(uow.connection))
        return "" if left else "What it would have resumed goes on already; propose it anew for what was stopped since."

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `pause.ended` for each, and `alert.raised`."""
        for pause in resumed_by(payload, open_pauses(uow.connection)):
            ended = replace(pause, ended_at=uow.now, ended_by=(*pause.ended_by, by), version=pause.version + 1)
            uow.record("pause.ended", by=by, about=about, puts=(ended,))
        alert(uow, "resumed", platform=ORGANISATION, about=about, says="Enforcement goes on: two people resumed.")
        _look_at_once(uow)


def resumed_by(change: Mapping[str, Any], stopped: Sequence[Pause]) -> list[Pause]:
    """Return what of all that is stopped now such a change resumes: what was stopped when it was proposed."""
    named = change.get("pauses")
    return [pause for pause in stopped if named is None or pause.id in named]


def _look_at_once(uow: UnitOfWork) -> None:
    """Let everything that the pause held back be looked at now. Writes `enforcement.let_go` for each."""
    table = tables.enforcement.c
    # Their rows are held: somebody who withdraws one of them meanwhile must not keep all of it stopped.
    statement = (
        sa.select(tables.enforcement)
        .where(
            table.state.in_((State.READY.value, State.EXECUTING.value)),
            table.lease_until.is_(None),
            table.next_attempt_at > uow.now,
            sa.or_(table.execute_at.is_(None), table.execute_at <= uow.now),
        )
        .order_by(table.id)
        .with_for_update()
    )
    held = fetch_all(uow.connection, Enforcement, statement)
    entries = [
        Entry(
            kind="enforcement.let_go",
            by=SYSTEM,
            platform=one.platform,
            account=one.account,
            about=one.id,
            puts=(replace(one, next_attempt_at=uow.now, version=one.version + 1),),
        )
        for one in held
    ]
    if entries:
        uow.record_all(entries)
