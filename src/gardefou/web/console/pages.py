"""All routes of the console, put together from its groups of pages."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import BaseRoute, Mount

from gardefou.flow.app import App
from gardefou.settings import Settings
from gardefou.web.console import (
    accounts,
    case,
    enforcements,
    hacked,
    incidents,
    me,
    nets,
    overview,
    pauses,
    people,
    person,
    queue,
    record,
    registry,
    restoring,
    signing,
)
from gardefou.web.console.frame import Assets, Console

_STATIC = Path(__file__).resolve().parents[1] / "static"
_GROUPS = (
    signing,
    overview,
    queue,
    case,
    enforcements,
    restoring,
    accounts,
    pauses,
    incidents,
    people,
    registry,
    person,
    nets,
    record,
    me,
)
_GROUPS = (signing, overview, queue, case, enforcements, accounts, hacked, pauses, incidents, people, nets, record, me)


def routes(app: App, settings: Settings) -> list[BaseRoute]:
    """Return the console's routes, to be mounted at the root: pages, forms and ``/static``."""
    console = Console(app, settings)
    pages = [route for group in _GROUPS for route in group.routes(console)]
    return [*pages, Mount("/static", Assets(directory=_STATIC), name="static")]
