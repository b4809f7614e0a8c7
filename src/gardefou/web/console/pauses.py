"""Stopping all enforcement, resuming by two people, what the breaker has stopped; and raid mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import ORGANISATION, Enforcement, Pause
from gardefou.domain.states import State
from gardefou.flow.change import pause, resume
from gardefou.flow.raid import RENEWED_FROM, end_raid, open_raids, power_to_start, start_raid
from gardefou.flow.rules import load_rules
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go

_e = tables.enforcement.c
_p = tables.pause.c


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of pausing and resuming."""
    return [
        console.get("/pause", show),
        console.post("/pause", stop),
        console.post("/resume", go_on),
        console.post("/raid", call_raid),
        console.post("/raid/end", end_the_raid),
    ]


def show(visit: Visit) -> Response:
    """Show what is stopped and by whom, who has asked to resume, how near the breaker is, and raid mode."""
    with visit.app.works.read() as connection:
        earlier = fetch_all(
            connection,
            Pause,
            sa.select(tables.pause).where(_p.ended_at.is_not(None)).order_by(_p.id.desc()).limit(10),
        )
        waiting = fetch_all(
            connection,
            Enforcement,
            sa.select(tables.enforcement).where(
                _e.platform == ORGANISATION, _e.action == "change", _e.state == State.WAITING.value
            ),
        )
        rules = load_rules(connection)
        raids = open_raids(connection, visit.now)
        config = visit.app.config(connection)
        breaker = [_near(connection, name, visit, rules.breaker_window) for name in visit.app.platform_names()]
    asked = [one for one in waiting if (one.change or {}).get("kind") in {"pause", "resume"}]
    done = visit.query("done")
    return visit.page(
        "pause.html",
        earlier=earlier,
        asked=asked,
        breaker=breaker,
        rules=rules,
        done=done,
        raids=raids,
        may_call=visit.may(power_to_start(config)),
        renewable=not raids or raids[-1].until - visit.now <= RENEWED_FROM,
    )


def _near(connection: sa.Connection, platform: str, visit: Visit, window: int) -> dict[str, Any]:
    """Return how many of a platform's last enforcements were reversed or failed."""
    last = connection.execute(
        sa.select(_e.state, _e.because)
        .where(
            _e.platform == platform,
            _e.severity > 0,
            _e.state.in_(("in_force", "restoring", "restored", "failed")),
            _e.legal_basis.is_(None),
            _e.placed_at > visit.now - timedelta(days=7),
        )
        .order_by(_e.placed_at.desc())
        .limit(window)
    ).all()
    return {
        "platform": platform,
        "of": len(last),
        "reversed": sum(row.state in {"restoring", "restored"} and row.because != "expired" for row in last),
        "failed": sum(row.state == "failed" for row in last),
    }


def stop(visit: Visit) -> Response:
    """Stop all enforcement."""
    made = pause(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="paused" if made.state == State.IN_FORCE.value else "asked")


def go_on(visit: Visit) -> Response:
    """Ask to resume, or be the second person who does."""
    made = resume(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="resumed" if made.state == State.IN_FORCE.value else "asked")


def call_raid(visit: Visit) -> Response:
    """Turn raid mode on, or renew it."""
    start_raid(visit.app, visit.actor, visit.form.one("because"))
    return go("/pause", done="raid")


def end_the_raid(visit: Visit) -> Response:
    """Turn raid mode off before it ends by itself."""
    end_raid(visit.app, visit.actor)
    return go("/pause", done="raid_over")
