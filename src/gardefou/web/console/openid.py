"""Signing in through the organisation's identity provider: out to it and back, a fresh sign-in for a form, a logout.

The browser takes one secret along (a cookie for this host alone), which each
sign-in is bound to; the session here is a new one each time.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from gardefou.errors import Denied, GardefouError, InvalidInput, Unavailable
from gardefou.flow import oidc as flow
from gardefou.flow.rules import load_rules
from gardefou.people.authenticate import hash_secret
from gardefou.people.oidc.attempts import Attempt, Purpose, begin, take, waiting_form
from gardefou.people.oidc.claims import Identity, id_token, logout_token
from gardefou.people.sessions import browser_family
from gardefou.web.console.aside import local
from gardefou.web.console.between import status_of
from gardefou.web.console.browser import cookie_of, open_cookie, require_safe_way, set_cookie
from gardefou.web.console.forms import read_form
from gardefou.web.console.frame import ELSEWHERE, Console, Visit, go
from gardefou.web.openid import CALLBACK

_log = logging.getLogger("gardefou.oidc")

COOKIE = "gardefou-oidc"
_COOKIE_LASTS = timedelta(minutes=15)
_LARGEST_LOGOUT = 32_768
_LONGEST_CODE = 4_096


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of signing in through a provider; where there is none there are none of them."""

    async def logout(request: Request) -> Response:
        try:
            form = await read_form(request, _LARGEST_LOGOUT)
        except InvalidInput as error:
            return _logout_refused(error)
        return await run_in_threadpool(_log_out, console, form.one("logout_token"))

    return [
        console.get("/oidc/signin", sign_in, anyone=True),
        console.get(CALLBACK, come_back, anyone=True),
        console.post(ELSEWHERE, step_up),
        console.get("/oidc/back", go_on),
        console.post("/oidc/link", link_account),
        console.get("/oidc/signout", sign_out_there, anyone=True),
        Route("/oidc/backchannel-logout", logout, methods=["POST"]),
    ]


def sign_in(visit: Visit) -> Response:
    """Send the browser to the provider."""
    provider = visit.console.openid.provider
    try:
        require_safe_way(visit.request)
        visit.console.openid.begun.take(visit.request.client.host if visit.request.client is not None else "")
        provider.metadata()
    except GardefouError as error:
        return _sign_in_page(visit, error)
    url, browser = _begin(visit, Purpose.SIGN_IN, next_path=local(visit.query("next") or "/"))
    return _with_browser(RedirectResponse(url, status_code=303), visit.request, browser)


def _begin(
    visit: Visit, purpose: Purpose, *, next_path: str, carried: list[tuple[str, str]] | None = None
) -> tuple[str, str]:
    """Begin an attempt; return where the browser goes, and the secret that it keeps."""
    provider = visit.console.openid.provider
    provider.metadata()
    with visit.app.works.begin() as uow:
        begun = begin(
            uow.connection,
            purpose,
            now=uow.now,
            browser=cookie_of(visit.request, COOKIE),
            session=visit.secret if visit.who is not None and purpose is not Purpose.SIGN_IN else "",
            next_path=next_path,
            carried=carried or (),
        )
        acr = load_rules(uow.connection).oidc_acr
    url = provider.authorization_url(
        state=begun.state,
        nonce=begun.nonce,
        verifier=begun.verifier,
        acr=acr,
        # Whoever binds an account shows that it is theirs, not that somebody is signed in there.
        anew=purpose is not Purpose.SIGN_IN,
    )
    return url, begun.browser


def _with_browser(response: Response, request: Request, browser: str) -> Response:
    return set_cookie(response, request, COOKIE, browser, lasts=_COOKIE_LASTS)


def come_back(visit: Visit) -> Response:
    """Take what the provider answered: sign in, go on with a form, or bind the account."""
    state = visit.query("state")
    try:
        with visit.app.works.begin() as uow:
            attempt = take(uow.connection, state, browser=cookie_of(visit.request, COOKIE), now=uow.now)
        who = _who_came_back(visit, attempt)
        if attempt.purpose is Purpose.STEP_UP:
            staff_id, since = visit.actor.id, attempt.created_at
            visit.has_anew(flow.signed_in_anew(visit.app, who, staff_id=staff_id, session=visit.secret, since=since))
            return go("/oidc/back", state=state)
        if attempt.purpose is Purpose.LINK:
            flow.link(visit.app, visit.actor, who, since=attempt.created_at)
            return go("/me", done="linked")
        family = browser_family(visit.request.headers.get("user-agent", ""))
        secret = flow.signed_in(visit.app, who, browser=family, instead_of=visit.secret)
    except (Denied, Unavailable) as error:
        _log.warning("a sign-in at the identity provider came to nothing: %s", error.code)
        if visit.who is None:
            return _sign_in_page(visit, error)
        raise
    return open_cookie(go(local(attempt.next)), visit.request, secret)


def _who_came_back(visit: Visit, attempt: Attempt) -> Identity:
    """Return who signed in there, for the attempt that this answers; its code is used up by it."""
    _check_session(visit, attempt)
    provider = visit.console.openid.provider
    provider.check_response_issuer(visit.request.query_params.get("iss"))
    code = visit.query("code")
    if visit.query("error") or not 1 <= len(code) <= _LONGEST_CODE:
        raise Denied("oidc/refused", "The identity provider did not sign you in; try again, or ask an admin.")
    signed, access = provider.exchange(code, verifier=attempt.verifier, now=visit.app.now())
    return id_token(
        signed,
        issuer=provider.issuer,
        client_id=provider.client_id,
        nonce=attempt.nonce,
        access_token=access,
        now=visit.app.now(),
    )


def _check_session(visit: Visit, attempt: Attempt) -> None:
    """Check that a fresh sign-in, or an account to bind, comes back to the session that asked for it."""
    if attempt.session and (visit.who is None or hash_secret(visit.secret) != attempt.session):
        raise Denied("oidc/attempt", "You were signed out, or signed in anew, in between; begin again.")


def step_up(visit: Visit) -> Response:
    """Keep a form for five minutes, and send the browser to the provider for a fresh sign-in."""
    action = local(visit.form.one("oidc_action"))
    url, browser = _begin(
        visit, Purpose.STEP_UP, next_path=action, carried=visit.form.carried(without=("oidc_action",))
    )
    return _with_browser(_to_provider(visit, url), visit.request, browser)


def go_on(visit: Visit) -> Response:
    """Show the one button with which a form goes on that waited for a fresh sign-in."""
    with visit.app.works.read() as connection:
        action, carried = waiting_form(connection, visit.query("state"), session=visit.secret, now=visit.now)
    return visit.page("oidc_back.html", action=local(action), carried=carried)


def link_account(visit: Visit) -> Response:
    """Send the browser to the provider, to bind the account there to whoever is signed in here."""
    with visit.app.works.read() as connection:
        flow.may_link(connection, visit.app, visit.actor.id, visit.now)
    url, browser = _begin(visit, Purpose.LINK, next_path="/me")
    return _with_browser(_to_provider(visit, url), visit.request, browser)


def _to_provider(visit: Visit, url: str) -> Response:
    # A page that leads on, as a form's answer may not send the browser to another site (form-action).
    return visit.page("oidc_go.html", url=url, name=visit.console.openid.name)


def sign_out_there(visit: Visit) -> Response:
    """Send the browser to where one signs out at the provider itself."""
    settings = visit.console.settings
    url = visit.console.openid.provider.logout_url(settings.address + "/signin")
    return go("/signin") if url is None else RedirectResponse(url, status_code=303)


def _sign_in_page(visit: Visit, error: GardefouError) -> Response:
    return visit.page("signin.html", status=status_of(error), error=error, next="/", out=False)


def _log_out(console: Console, token: str) -> Response:
    try:
        provider = console.openid.provider
        signed = provider.signed(token, types=("logout+jwt", "jwt"))
        logout = logout_token(signed, issuer=provider.issuer, client_id=provider.client_id, now=console.app.now())
        ended = flow.logged_out(console.app, logout)
    except GardefouError as error:
        _log.warning("a logout token was refused: %s", error.code)
        return _logout_refused(error)
    _log.info("the identity provider ended %d sessions", ended)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


def _logout_refused(error: GardefouError) -> Response:
    status = 503 if isinstance(error, Unavailable) else 400
    body = orjson.dumps({"error": "invalid_request", "error_description": error.message, "code": error.code})
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")
