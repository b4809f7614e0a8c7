"""Signing in by a sign-in key or a one-time link, both strong; a new key; and signing out."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import ORGANISATION, Staff
from gardefou.errors import GardefouError
from gardefou.flow.rules import load_rules
from gardefou.people.authenticate import (
    KEEP_KEY,
    by_signin_key,
    end_session,
    give_signin_key,
    new_signin_key,
    start_session,
    use_link,
)
from gardefou.web.console.frame import (
    Console,
    Visit,
    drop_cookie,
    go,
    local,
    open_cookie,
    require_safe_way,
    status_of,
)


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of signing in and out."""
    return [
        console.get("/signin", show_form, anyone=True),
        console.post("/signin", with_key, anyone=True),
        console.get("/signin/{secret}", show_link, anyone=True),
        console.post("/signin/{secret}", with_link, anyone=True),
        console.post("/signin-key", new_key),
        console.post("/signout", sign_out),
    ]


def show_form(visit: Visit) -> Response:
    """Show the form for a sign-in key."""
    out = visit.query("out") == "1" and visit.console.openid.on
    return visit.page("signin.html", next=local(visit.query("next") or "/"), out=out)


def with_key(visit: Visit) -> Response:
    """Sign in with a sign-in key."""
    next_path = local(visit.form.one("next") or "/")
    try:
        require_safe_way(visit.request)
        with visit.app.works.begin() as uow:
            staff_id = by_signin_key(uow.connection, visit.form.one("key"), now=uow.now)
            secret, _ = start_session(uow, staff_id, strong=True)
    except GardefouError as error:
        return visit.page("signin.html", status=status_of(error), error=error, next=next_path, out=False)
    return open_cookie(go(next_path), visit.request, secret)


def show_link(visit: Visit) -> Response:
    """Show the button behind a one-time link: opening the link alone, as previews do, does not use it up."""
    return visit.page("signin_link.html", action=visit.request.url.path)


def with_link(visit: Visit) -> Response:
    """Sign in with a one-time link, which is used up by it.

    Whoever enrols by it, or comes back by one while setup goes on, is shown a
    new sign-in key, once.
    """
    require_safe_way(visit.request)
    key = ""
    with visit.app.works.begin() as uow:
        staff_id = use_link(uow.connection, visit.path("secret"), now=uow.now)
        enrolled = uow.need(Staff, ORGANISATION, staff_id).enrolled
        secret, _ = start_session(uow, staff_id, strong=True)
        if not enrolled or not load_rules(uow.connection).setup_finished:
            key = give_signin_key(uow, staff_id)
    response = _show_key(visit, key) if key else go("/")
    return open_cookie(response, visit.request, secret)


def new_key(visit: Visit) -> Response:
    """Show a new sign-in key in place of the earlier one, after a fresh sign-in."""
    with visit.app.works.begin() as uow:
        key = new_signin_key(uow, visit.actor)
    return _show_key(visit, key)


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
