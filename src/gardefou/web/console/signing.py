"""Signing in by a passkey, a sign-in key or a one-time link, all strong; a new key; and signing out."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import GardefouError
from gardefou.flow.passkeys import draw, require_fresh, signed_in_passkey, tried
from gardefou.flow.rules import load_rules
from gardefou.flow.tries import trying
from gardefou.people.authenticate import (
    KEEP_KEY,
    by_signin_key,
    end_session,
    end_signin_keys,
    give_signin_key,
    new_signin_key,
    use_link,
)
from gardefou.people.passkeys import Purpose, asked_of, passkeys_of
from gardefou.web.console.aside import local
from gardefou.web.console.between import later_again, status_of
from gardefou.web.console.browser import drop_cookie, require_safe_way
from gardefou.web.console.frame import Console, Visit, begin_session, go
from gardefou.web.console.passkeys import need_site


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of signing in and out."""
    return [
        console.get("/signin", show_form, anyone=True),
        console.post("/signin", with_key, anyone=True),
        # Before the link's, whose secret is any one word.
        console.post("/signin/passkey", with_passkey, anyone=True),
        console.post("/signin/passkey/asked", asked_to_sign_in, anyone=True),
        console.get("/signin/{secret}", show_link, anyone=True),
        console.post("/signin/{secret}", with_link, anyone=True),
        console.post("/signin-key", new_key),
        console.post("/signin-key/off", without_key),
        console.post("/signout", sign_out),
    ]


def show_form(visit: Visit) -> Response:
    """Show the ways to sign in."""
    out = visit.query("out") == "1" and visit.console.openid.on
    return visit.page("signin.html", next=local(visit.query("next") or "/"), out=out)


def _again(visit: Visit, error: GardefouError, next_path: str) -> Response:
    return later_again(
        visit.page("signin.html", status=status_of(error), error=error, next=next_path, out=False), error
    )


def with_key(visit: Visit) -> Response:
    """Sign in with a sign-in key."""
    next_path, key = local(visit.form.one("next") or "/"), visit.form.one("key")
    try:
        require_safe_way(visit.request)
        with trying(visit.app, address=visit.address, what=key), visit.app.works.begin() as uow:
            staff_id = by_signin_key(uow.connection, key, now=uow.now)
    except GardefouError as error:
        return _again(visit, error, next_path)
    return begin_session(visit, staff_id, go(next_path))


def asked_to_sign_in(visit: Visit) -> Response:
    """Give what a browser asks a passkey to sign, to sign in: any that it has for this site."""
    site = need_site(visit)
    return JSONResponse(asked_of(draw(visit.app, Purpose.SIGN_IN), site))


def with_passkey(visit: Visit) -> Response:
    """Sign in with a passkey."""
    next_path, given = local(visit.form.one("next") or "/"), visit.form.one("credential")
    try:
        require_safe_way(visit.request)
        with trying(visit.app, address=visit.address, what=tried(given)):
            staff_id = signed_in_passkey(visit.app, given, Purpose.SIGN_IN)
    except GardefouError as error:
        return _again(visit, error, next_path)
    return begin_session(visit, staff_id, go(next_path))


def show_link(visit: Visit) -> Response:
    """Show the button behind a one-time link: opening the link alone, as previews do, does not use it up."""
    return visit.page("signin_link.html", action=visit.request.url.path)


def with_link(visit: Visit) -> Response:
    """Sign in with a one-time link, which is used up by it.

    Whoever enrols by it, or comes back by one while setup goes on, is led to
    making a passkey, and shown a new sign-in key, once.
    """
    require_safe_way(visit.request)
    key, secret = "", visit.path("secret")
    with trying(visit.app, address=visit.address, what=secret), visit.app.works.begin() as uow:
        staff_id = use_link(uow.connection, secret, now=uow.now)
        enrolled = uow.need(Staff, ORGANISATION, staff_id).enrolled
        if not enrolled or not load_rules(uow.connection).setup_finished:
            key = give_signin_key(uow, staff_id)
    return begin_session(visit, staff_id, _show_key(visit, key) if key else go("/"))


def new_key(visit: Visit) -> Response:
    """Show a new sign-in key in place of the earlier one, after a fresh sign-in."""
    with visit.app.works.begin() as uow:
        key = new_signin_key(uow, visit.actor)
    return _show_key(visit, key)


def without_key(visit: Visit) -> Response:
    """End the sign-in key of somebody who signs in with a passkey."""
    require_fresh(visit.app, visit.actor)
    with visit.app.works.begin() as uow:
        if any(one.revoked_at is None for one in passkeys_of(uow.connection, visit.actor.id)):
            end_signin_keys(uow, visit.actor.id)
            return go("/me", done="key_off")
    return go("/me", done="key_kept")


def sign_out(visit: Visit) -> Response:
    """End the session, on every node at once."""
    with visit.app.works.begin() as uow:
        end_session(uow.connection, visit.secret, uow.now)
    # At the identity provider the person may be signed in still: the page offers to end that too.
    response = go("/signin", out="1") if visit.console.openid.on else go("/signin")
    return drop_cookie(response, visit.request)


def _show_key(visit: Visit, key: str) -> Response:
    # In the answer to the form itself, so that no address leads to it a second time.
    return visit.page("signin_key.html", key=key, keep=KEEP_KEY)
