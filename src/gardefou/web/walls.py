"""Which calls a token may make that is for some platforms only: those that look at the platform, and no others.

A call that is not listed is refused to such a token, so a new one is closed
until somebody has thought about it. What is listed asks `Actor.sees`: another
platform's case, account or enforcement is answered as if there were none.
"""

from __future__ import annotations

from starlette.requests import Request

from gardefou.people.actor import Actor

#: Calls by their route, without the prefix, that see to it that nothing of another platform is read or done.
WALLED = frozenset(
    {
        "/accounts/{platform}/{ref:path}",
        "/accounts/{platform}/{ref:path}/break-glass",
        "/accounts/{platform}/{ref:path}/restore",
        "/cases",
        "/cases/next",
        "/cases/{id}",
        "/cases/{id}/claim",
        "/cases/{id}/decisions",
        "/cases/{id}/escalate",
        "/cases/{id}/move",
        "/cases/{id}/notes",
        "/cases/{id}/release",
        "/cases/{id}/renew",
        "/cases/{id}/skip",
        "/enforcements",
        "/enforcements/approvals",
        "/enforcements/bulk",
        "/enforcements/preview",
        "/enforcements/{id}",
        "/enforcements/{id}/approvals",
        "/enforcements/{id}/cancel",
        "/enforcements/{id}/explanation",
        "/enforcements/{id}/proof",
        "/enforcements/{id}/ratify",
        "/ledger/{platform}/checkpoint",
        "/ledger/{platform}/tile/{path:path}",
        "/me",
        "/platforms",
        "/reports",
        "/reports/batch",
    }
)
_PREFIX = "/api/v1"


def keep_within(request: Request, actor: Actor) -> None:
    """Raise where this call knows nothing of platforms, and the token is for some of them only.

    Raises:
        Denied: so it is (`auth/platform`).
    """
    if not actor.platforms:
        return
    path: str = getattr(request.scope.get("route"), "path", "")
    if path.removeprefix(_PREFIX) not in WALLED:
        actor.require_everywhere()
