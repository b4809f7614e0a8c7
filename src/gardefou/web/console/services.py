"""The services: what each is for, who answers for it, when it ends and when it was last there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Staff, Token
from gardefou.flow.change import propose
from gardefou.people.roles import Power
from gardefou.people.standing import standing_now
from gardefou.people.token_use import last_used
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.web.console.frame import Console, Visit, go

#: A service that was not there for this long is marked: nobody may need it any more.
UNUSED = timedelta(days=30)
_SOON = timedelta(days=14)
_MOST = 500
_t = tables.token.c


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of the services' page."""
    return [console.get("/services", show), console.post("/services/revoke", revoke)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service's token as the page shows it."""

    token: Token
    used_at: datetime | None
    unused: bool
    ends_soon: bool
    #: Its owner, or whoever issued it, is off duty: it does nothing but report and read.
    orphaned: bool
    mine: bool


def show(visit: Visit) -> Response:
    """Show every service's token that is good, the ones that need a look first."""
    now = visit.now
    with visit.app.works.read() as connection:
        tokens = fetch_all(
            connection,
            Token,
            sa.select(tables.token)
            .where(_t.service.is_not(None), _t.revoked_at.is_(None))
            .where(sa.or_(_t.expires_at.is_(None), _t.expires_at > now))
            .order_by(_t.service, _t.id)
            .limit(_MOST),
        )
        behind = {who for one in tokens for who in (one.staff_id, one.issued_by) if who}
        people = fetch_all(connection, Staff, sa.select(tables.staff).where(tables.staff.c.id.in_(sorted(behind))))
        used = last_used(connection, [one.id for one in tokens])
    on_duty = {one.id for one in people if standing_now(one, now).on_duty}
    services = [
        Service(
            token=one,
            used_at=used.get(one.id),
            unused=(used.get(one.id) or one.issued_at) < now - UNUSED,
            ends_soon=one.expires_at is not None and one.expires_at < now + _SOON,
            orphaned=not {who for who in (one.staff_id, one.issued_by) if who} <= on_duty,
            mine=visit.actor.id in {one.staff_id, one.issued_by} or visit.may(Power.TOKENS),
        )
        for one in tokens
    ]
    services.sort(key=lambda one: (not one.orphaned, not one.unused, not one.ends_soon))
    return visit.page("services.html", services=services, done=visit.query("done"))


def revoke(visit: Visit) -> Response:
    """Revoke a service's token, at once."""
    propose(visit.app, visit.actor, "token_revoke", {"token": visit.form.one("token")})
    return go("/services", done="revoked")
