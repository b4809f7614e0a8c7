"""The console: server-rendered pages on which a reviewer works and a lead answers.

Every page is a plain function of one visit, run in a thread; every change goes
through `gardefou.flow`. The pages work without scripts; the scripts add keys,
countdowns and the line that says what a click will do.
"""

from __future__ import annotations

from pathlib import Path

from starlette.routing import BaseRoute, Mount

from gardefou.flow.app import App
from gardefou.settings import Settings
from gardefou.web.console import (
    accounts,
    case,
    enforcements,
    incidents,
    nets,
    overview,
    pauses,
    people,
    queue,
    record,
    signing,
)
from gardefou.web.console.frame import Assets, Console

__all__ = ["routes"]

_STATIC = Path(__file__).resolve().parents[1] / "static"
_GROUPS = (signing, overview, queue, case, enforcements, accounts, pauses, incidents, people, nets, record)


def routes(app: App, settings: Settings) -> list[BaseRoute]:
    """Return the console's routes, to be mounted at the root: pages, forms and ``/static``."""
    console = Console(app, settings)
    pages = [route for group in _GROUPS for route in group.routes(console)]
    return [*pages, Mount("/static", Assets(directory=_STATIC), name="static")]
