"""A call that a service makes for a person: the header, and who acts then."""

from __future__ import annotations

from starlette.requests import Request

from gardefou.errors import Denied, InvalidInput
from gardefou.web.node import Caller

HEADER = "gardefou-on-behalf-of"


def assertion_of(request: Request) -> str | None:
    """Return the assertion that a call brings, or None.

    Raises:
        InvalidInput: it brings more than one (`delegation/header`).
    """
    given = request.headers.getlist(HEADER)
    if len(given) > 1:
        raise InvalidInput("delegation/header", "A call is made for one person.", field="Gardefou-On-Behalf-Of")
    return given[0].strip() if given else None


def address_of(request: Request, caller: Caller) -> str:
    """Return a call's address as it must stand in an assertion: the public one, the path as it was sent, no query."""
    raw: bytes | None = request.scope.get("raw_path")
    path = request.url.path if raw is None else raw.decode("latin-1").partition("?")[0]
    return caller.node.settings.address + path


def acting_for(caller: Caller, assertion: str, *, method: str, url: str, body: bytes) -> Caller:
    """Return the person that a service makes this call for, as the caller.

    Raises:
        Denied: the token acts for nobody (`delegation/scope`), the assertion does not count (`oidc/token`,
            `oidc/replayed`), or its person may not (`oidc/unknown`, `staff/…`).
        NotFound: there is no identity provider here (`oidc/off`).
        Unavailable: its keys cannot be read (`oidc/unavailable`, `oidc/provider`).
    """
    if caller.actor.lends is None:
        raise Denied("delegation/scope", "This token acts for nobody but itself; it needs the scope 'delegate'.")
    provider = caller.node.openid.provider
    # Loads much that is needed nowhere else.
    from gardefou.flow import oidc as flow  # noqa: PLC0415
    from gardefou.people.oidc import delegation  # noqa: PLC0415

    signed = provider.signed(assertion, types=("jwt", "at+jwt"))
    call = delegation.assertion(
        signed,
        issuer=provider.issuer,
        audience=caller.node.settings.address,
        client=caller.actor.client,
        call=delegation.Call(method, url, body),
        now=caller.app.now(),
    )
    return Caller(caller.node, flow.acting_for(caller.app, caller.actor, call))
