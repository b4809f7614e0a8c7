"""Signing in by a one-time link or a personal token, both strong; and signing out."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.errors import GardefouError
from gardefou.people.authenticate import by_token, end_session, start_session, use_link
from gardefou.web.console.frame import (
    Console,
    Visit,
    drop_cookie,
    go,
    local,
    open_cookie,
    require_safe_way,
    status_of,
    strong_token,
)


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of signing in and out."""
    return [
        console.get("/signin", show_form, anyone=True),
        console.post("/signin", with_token, anyone=True),
        console.get("/signin/{secret}", show_link, anyone=True),
        console.post("/signin/{secret}", with_link, anyone=True),
        console.post("/signout", sign_out),
    ]


def show_form(visit: Visit) -> Response:
    """Show the form for a personal token."""
    return visit.page("signin.html", next=local(visit.query("next") or "/"))


def with_token(visit: Visit) -> Response:
    """Sign in with a personal token."""
    next_path = local(visit.form.one("next") or "/")
    try:
        require_safe_way(visit.request)
        with visit.app.works.begin() as uow:
            actor = by_token(uow.connection, visit.form.one("token"), now=uow.now, via="console")
            secret, _ = start_session(uow, strong_token(actor), strong=True)
    except GardefouError as error:
        return visit.page("signin.html", status=status_of(error), error=error, next=next_path)
    return open_cookie(go(next_path), visit.request, secret)


def show_link(visit: Visit) -> Response:
    """Show the button behind a one-time link: opening the link alone, as previews do, does not use it up."""
    return visit.page("signin_link.html", action=visit.request.url.path)


def with_link(visit: Visit) -> Response:
    """Sign in with a one-time link, which is used up by it."""
    require_safe_way(visit.request)
    with visit.app.works.begin() as uow:
        staff_id = use_link(uow.connection, visit.path("secret"), now=uow.now)
        secret, _ = start_session(uow, staff_id, strong=True)
    return open_cookie(go("/"), visit.request, secret)


def sign_out(visit: Visit) -> Response:
    """End the session, on every node at once."""
    with visit.app.works.begin() as uow:
        end_session(uow.connection, visit.secret, uow.now)
    return drop_cookie(go("/signin"), visit.request)
