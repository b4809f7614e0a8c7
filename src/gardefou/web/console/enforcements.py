"""Enforcements: the list by state, and what people do with one: answer, withdraw, let stand."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import URL
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Enforcement
from gardefou.domain.states import State
from gardefou.errors import GardefouError
from gardefou.flow.approve import Answer, cancel
from gardefou.flow.break_glass import ratify
from gardefou.flow.execute import advance
from gardefou.people.authenticate import hash_secret
from gardefou.web.console import enforcement_page, groups
from gardefou.web.console.aside import local
from gardefou.web.console.enforcement_reads import MOST_COUNTED, TABS, counts, filter_of, listed, page_of, tab_of
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.passkeys import answered, signed_in


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of enforcements."""
    return [
        console.get("/enforcements", show_list),
        *groups.routes(console),
        console.post("/enforcements/{id}/answer", answer),
        console.post("/enforcements/{id}/cancel", withdraw),
        console.post("/enforcements/{id}/ratify", let_stand),
        *enforcement_page.routes(console),
    ]


def show_list(visit: Visit) -> Response:
    """Show enforcements by state, newest first, with what can be done about each."""
    key, chosen, cursor = tab_of(visit), filter_of(visit), visit.query("cursor")
    tab = TABS[key]
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        platforms = [*sorted(config.platforms), ORGANISATION]
        found, following = page_of(connection, visit.actor.id, tab, chosen, cursor, platforms)
        first = key == "waiting" and not cursor and not chosen.any
        shown_groups = groups.groups_shown(connection, visit, config) if first else []
        in_groups = {one.id for shown in shown_groups for one in shown.group.enforcements}
        found = [one for one in found if one.id not in in_groups]
        items = listed(connection, visit, found, config.rules.organisation)
        counted = counts(connection, visit.actor.id, chosen, platforms)
    return visit.page(
        "enforcements.html",
        tab=key,
        tabs=TABS,
        counted=counted,
        most=MOST_COUNTED,
        items=items,
        older=following,
        cursor=cursor,
        groups=shown_groups,
        chosen=chosen,
        platforms=platforms,
        actions=[action.value for action in Action],
        here_again=_again(visit),
        answered=visit.query("answered"),
        errors=visit.query("errors"),
        done=visit.query("done"),
    )


def _again(visit: Visit) -> str:
    """Return the address of this list, for forms that come back to it."""
    query = visit.request.url.query
    return visit.request.url.path + (f"?{query}" if query else "")


def answer(visit: Visit) -> Response:
    """Take another person's yes or no; with the last yes needed it goes on."""
    form = visit.form
    given = Answer(
        enforcement=visit.path("id"),
        digest=form.one("digest"),
        answer=form.one("answer"),
        note=form.one("note"),
        own_answer=form.one("own_answer"),
        assertion=signed_in(visit),
        whose=hash_secret(visit.secret),
    )
    after = answered(visit, given)
    _go_on(visit, after)
    return go(f"/enforcements/{after.id}", done=given.answer)


def _go_on(visit: Visit, one: Enforcement) -> None:
    """Carry out what is cleared; what does not go through now, the worker does. The answer itself stands."""
    if one.state == State.READY.value:
        with suppress(GardefouError):
            advance(visit.app, one.id)
    visit.app.wake()


def withdraw(visit: Visit) -> Response:
    """Withdraw an enforcement before anything is done, from its page or from a list."""
    back = local(visit.form.one("back") or "/")
    from_list = urlsplit(back).path == "/enforcements"
    because = visit.form.one("because") or ("Withdrawn from the list." if from_list else "")
    ended = cancel(visit.app, visit.actor, visit.path("id"), because)
    if from_list:
        return go(str(URL(back).include_query_params(done="cancelled")))
    return go(f"/enforcements/{ended.id}", done="cancelled")


def let_stand(visit: Visit) -> Response:
    """Ratify a break-glass as the third person."""
    ratified = ratify(visit.app, visit.actor, visit.path("id"))
    return go(f"/enforcements/{ratified.id}", done="ratified")
