"""Where notices go, how the last ones got through, and a button that sends a real test. For leads and admins."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.errors import Denied
from gardefou.flow.notices import channels, health, last_deliveries, unheard
from gardefou.flow.try_channel import may_see_channels, try_channel
from gardefou.notices.words import page_of
from gardefou.people.roles import Power
from gardefou.web.console import notice_words
from gardefou.web.console.frame import Console, Visit
from gardefou.web.console.reading import PAGE


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the page."""
    return [console.get("/notices", show), console.post("/notices/{name}/test", test)]


def show(visit: Visit) -> Response:
    """Show the channels, never an address, and how the last notices got through."""
    return _page(visit)


def test(visit: Visit) -> Response:
    """Send a test through a channel, and say on the same page what came back."""
    name = visit.path("name")
    sent = try_channel(visit.app, visit.actor, name, address=visit.console.settings.address)
    return _page(visit, tried=(name, sent.ok, notice_words.answer(sent.answer)))


def _page(visit: Visit, tried: tuple[str, bool, str] | None = None) -> Response:
    visit.actor.require(Power.READ, visit.now)
    if not may_see_channels(visit.actor):
        raise Denied("auth/forbidden", "Leads and admins see where notices go; ask one of them.")
    with visit.app.works.read() as connection:
        found = channels(connection)
        healths = health(connection)
        last = last_deliveries(connection, PAGE + 1, before=visit.query("before"))
    return visit.page(
        "notices.html",
        channels=found,
        healths=healths,
        on_hand={one.id: visit.app.post.has(one.key) for one in found},
        unheard=[notice_words.reached(name) for name in unheard(found)],
        deliveries=last[:PAGE],
        older=last[PAGE - 1].notice_id if len(last) > PAGE else None,
        tried=tried,
        words=notice_words,
        page_of=page_of,
    )
