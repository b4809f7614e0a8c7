"""How much one token, or one session, may ask of this node in a minute.

What makes milder, stops, or takes power away is never counted: it goes
through however much else was asked for just now. Reports are counted apart,
as a platform brings them by the thousand, and batches of them by the call.
"""

from __future__ import annotations

from starlette.requests import Request

from gardefou.people.actor import Actor
from gardefou.settings import Settings
from gardefou.web.throttle import Throttle

_PREFIX = "/api/v1"
#: Of the API, by route without the prefix and by method; of the console, by route.
ALWAYS = frozenset(
    {
        ("POST", "/accounts/{platform}/{ref:path}/restore"),
        ("POST", "/enforcements/{id}/cancel"),
        ("POST", "/pause"),
        ("POST", "/raid/end"),
        ("POST", "/rollbacks"),
        ("POST", "/staff/{id}/off"),
        ("POST", "/staff/{id}/suspend"),
        ("DELETE", "/tokens/{id}"),
    }
)
ALWAYS_IN_CONSOLE = frozenset(
    {
        "/cases/{id}/take-back",
        "/enforcements/{id}/cancel",
        "/hacked/{platform}/{ref:path}/undo",
        "/me/passkeys/end",
        "/me/sessions/end",
        "/pause",
        "/people/{pseudonym}/off",
        "/people/{pseudonym}/revoke",
        "/people/{pseudonym}/rollback",
        "/people/{pseudonym}/sessions",
        "/people/{pseudonym}/suspend",
        "/raid/end",
        "/restore",
        "/restore/{platform}/{ref:path}",
        "/rollbacks/{id}",
        "/services/revoke",
        "/signout",
    }
)
_REPORTS = f"{_PREFIX}/reports"


class Pace:
    """Counts what tokens and sessions ask of one node."""

    def __init__(self, settings: Settings) -> None:
        self._calls = Throttle(settings.max_calls_each)
        self._reports = Throttle(settings.max_reports_each)

    def call(self, request: Request, actor: Actor) -> None:
        """Count a call of the API.

        Raises:
            TooOften: its token had enough for now (`http/too_many`).
        """
        who = actor.token_id or actor.id
        route: str = getattr(request.scope.get("route"), "path", "")
        if route == _REPORTS:
            self._reports.take(who)
        elif (request.method, route.removeprefix(_PREFIX)) not in ALWAYS:
            self._calls.take(who)

    def page(self, path: str, session: str) -> None:
        """Count a page or form of the console, by its route and what stays of the session.

        Raises:
            TooOften: the session had enough for now (`http/too_many`).
        """
        if path not in ALWAYS_IN_CONSOLE:
            self._calls.take(session)
