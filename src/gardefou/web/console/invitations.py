"""Invitations: drawing and withdrawing a half on somebody's page, and coming in by two of them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Staff
from gardefou.errors import GardefouError
from gardefou.flow.invitations import can_be_invited, come_in, draw_half, may_invite, withdraw_half
from gardefou.flow.tries import trying
from gardefou.people.authenticate import KEEP_KEY
from gardefou.people.invitations import Half, halves_of
from gardefou.web.console.between import later_again, status_of
from gardefou.web.console.browser import require_safe_way
from gardefou.web.console.frame import Console, Visit, begin_session, go
from gardefou.web.console.whose import path_of, person_of


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of invitations."""
    return [
        console.post("/people/{pseudonym}/invite", draw),
        console.post("/people/{pseudonym}/invite/withdraw", withdraw),
        console.get("/welcome", show_form, anyone=True),
        console.post("/welcome", with_halves, anyone=True),
    ]


@dataclass(frozen=True, slots=True)
class Inviting:
    """What somebody's page shows of invitations to them."""

    halves: list[Half]
    #: Whether the viewer may draw a half for them now.
    may_draw: bool
    may_withdraw: bool


def inviting_on(connection: sa.Connection, visit: Visit, person: Staff) -> Inviting:
    """Return what halves are out for somebody, and what the viewer may do about it."""
    inviter = may_invite(visit.staff, visit.now)
    others = inviter and person.id != visit.actor.id
    return Inviting(
        halves=halves_of(connection, person.id, now=visit.now),
        may_draw=others and can_be_invited(connection, visit.app, person, now=visit.now),
        may_withdraw=inviter,
    )


def draw(visit: Visit) -> Response:
    """Draw half of an invitation, after a fresh sign-in, and show it."""
    person = person_of(visit)
    half, secret = draw_half(visit.app, visit.actor, person.id)
    with visit.app.works.read() as connection:
        out = halves_of(connection, person.id, now=visit.now)
    url = visit.request.url
    welcome = f"{visit.console.settings.public_url.rstrip('/') or f'{url.scheme}://{url.netloc}'}/welcome"
    # In the answer to the form itself, so that no address leads to it a second time.
    return visit.page(
        "invited.html", person=person, half=half, secret=secret, out=out, path=path_of(person), welcome=welcome
    )


def withdraw(visit: Visit) -> Response:
    """Withdraw a half that is out."""
    person = person_of(visit)
    withdraw_half(visit.app, visit.actor, person.id, visit.form.one("half"))
    return go(path_of(person), done="changed")


def show_form(visit: Visit) -> Response:
    """Show where both halves are given."""
    return visit.page("welcome.html")


def with_halves(visit: Visit) -> Response:
    """Sign in with both halves of an invitation, which are used up by it; show a sign-in key, and lead to a passkey."""
    first, second = visit.form.one("first"), visit.form.one("second")
    try:
        require_safe_way(visit.request)
        with trying(visit.app, address=visit.address, what=" ".join(sorted((first, second)))):
            staff_id, key = come_in(visit.app, first, second)
    except GardefouError as error:
        return later_again(visit.page("welcome.html", status=status_of(error), error=error), error)
    return begin_session(visit, staff_id, visit.page("signin_key.html", key=key, keep=KEEP_KEY))
