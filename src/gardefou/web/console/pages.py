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
    invitations,
    leavers,
    live,
    me,
    names,
    nets,
    notices,
    overview,
    passkeys,
    pauses,
    people,
    person,
    queue,
    recertification,
    record,
    registry,
    restoring,
    rollbacks,
    services,
    signing,
)
from gardefou.web.console.frame import Assets, Console
from gardefou.web.console.streams import Live
from gardefou.web.openid import OpenId
from gardefou.web.pace import Pace

_STATIC = Path(__file__).resolve().parents[1] / "static"
_GROUPS = (
    signing,
    overview,
    queue,
    case,
    enforcements,
    restoring,
    accounts,
    registry,
    hacked,
    pauses,
    incidents,
    people,
    names,
    leavers,
    recertification,
    person,
    invitations,
    services,
    rollbacks,
    nets,
    record,
    notices,
    me,
    passkeys,
    live,
)


def routes(app: App, settings: Settings, live_pages: Live, provider: OpenId, pace: Pace) -> list[BaseRoute]:
    """Return the console's routes, to be mounted at the root: pages, forms and ``/static``."""
    console = Console(app, settings, live_pages, provider, pace)
    pages = [route for group in _GROUPS for route in group.routes(console)]
    if provider.on:
        from gardefou.web.console import openid  # noqa: PLC0415 - loads much that is needed nowhere else

        pages += openid.routes(console)
    return [*pages, Mount("/static", Assets(directory=_STATIC), name="static")]
