"""Trying a channel: one real notice that says it is a test, and what came back."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from gardefou.domain.records import ORGANISATION, Channel
from gardefou.errors import Conflict, Denied, NotFound
from gardefou.flow.app import App
from gardefou.flow.notices import write_notice
from gardefou.notices.post import Sent, send_within
from gardefou.notices.words import Told, message
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables

#: Between two tests of one channel: a pager is no toy.
_APART = timedelta(seconds=10)
_n = tables.notice.c
_d = tables.delivery.c


def may_see_channels(actor: Actor) -> bool:
    """Whether this person may see and try where notices go: whoever sets them, and leads, who count on them."""
    return bool({Power.SETTINGS, Power.TOP_UP} & actor.powers)


def try_channel(app: App, actor: Actor, name: str, *, address: str) -> Sent:
    """Send one test through a channel now, from this machine, and return what came back. It is not tried again.

    ``address`` is the console's, for the link.

    Writes `notice.tested`.

    Raises:
        Denied: neither lead nor admin (`auth/forbidden`).
        NotFound: no such channel in use (`channel/not_found`).
        Conflict: tested less than ten seconds ago (`channel/tested`).
    """
    actor.require(Power.READ, app.now())
    if not may_see_channels(actor):
        raise Denied("auth/forbidden", "Leads and admins try the channels; ask one of them.")
    actor.require(Power.SETTINGS if Power.SETTINGS in actor.powers else Power.TOP_UP, app.now())
    with app.works.begin() as uow:
        uow.serialise("notices")
        found = uow.get(Channel, ORGANISATION, name, lock=False)
        if found is None or not found.active:
            raise NotFound(
                "channel/not_found", _("There is no channel %(name)s; see `gardefou notices list`.", name=repr(name))
            )
        before = uow.connection.execute(
            sa.select(_d.notice_id)
            .join(tables.notice, sa.and_(_n.platform == _d.platform, _n.id == _d.notice_id))
            .where(_d.channel == name, _d.at > uow.now - _APART, _n.kind == "test")
            .limit(1)
        ).first()
        if before is not None:
            raise Conflict("channel/tested", "It was tried a few seconds ago; wait ten seconds.")
        notice_id = write_notice(
            uow,
            "test",
            platform=ORGANISATION,
            about="",
            accounts=(),
            to=(),
            team="",
            facts={"channel": name},
            shared=True,
        )
        uow.connection.execute(
            tables.delivery.insert(),
            {
                "platform": ORGANISATION,
                "notice_id": notice_id,
                "channel": name,
                # Until it was taken it was not: no worker sends it, and nobody is told.
                "state": "undelivered",
                "at": uow.now,
                "attempts": 1,
                "next_attempt_at": None,
                "lease_until": None,
                "answer": "",
                "sent_at": None,
                "told_at": None,
            },
        )
    words = message(Told(kind="test", facts={"channel": name}), language=found.language, address=address, now=app.now())
    sent = send_within(app.post, found.key, words.title, words.body)
    with app.works.begin() as uow:
        uow.record("notice.tested", by=actor.id, about=notice_id, detail={"channel": name, "answer": sent.answer})
        uow.connection.execute(
            tables.delivery.update()
            .where(_d.platform == ORGANISATION, _d.notice_id == notice_id, _d.channel == name)
            .values(
                state="sent" if sent.ok else "undelivered",
                answer=sent.answer,
                sent_at=uow.now if sent.ok else None,
            )
        )
    return sent
