"""Where notices go: adding a channel, changing whom it reaches, taking it out of use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gardefou.domain.records import ORGANISATION, Channel
from gardefou.errors import InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_others
from gardefou.flow.changes.base import Handler, Payload, text, texts
from gardefou.nets.net import CHANNELS
from gardefou.notices.catalogue import LANGUAGES
from gardefou.notices.kinds import KINDS
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork


class ChannelChange(Handler):
    """Set where notices go. Its address lies in the key store; what stands here is the key it is kept under.

    Every change counts as a weakening: a new address is told of protected
    accounts, and one that is taken away hears of nothing.
    """

    power = Power.SETTINGS

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``name, key, service, to, kinds, language``, or ``name`` and ``active: false``."""
        name = text(payload, "name", most=40)
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise InvalidInput("channel/name", "A name has letters, digits, - and _.", field="name")
        known = uow.get(Channel, ORGANISATION, name)
        if payload.get("active") is False:
            if known is None or not known.active:
                raise InvalidInput(
                    "channel/not_found", _("There is no channel %(name)s.", name=repr(name)), field="name"
                )
            return {"name": name, "active": False}
        to, kinds = texts(payload, "to"), texts(payload, "kinds")
        named = [one for one in to if one not in CHANNELS and not (one.startswith("team:") and len(one) > len("team:"))]
        if not to or named:
            allowed = f"{', '.join(CHANNELS)} and team:NAME"
            raise InvalidInput(
                "channel/to", _("A channel reaches one or more of %(allowed)s.", allowed=allowed), field="to"
            )
        if any(kind not in KINDS for kind in kinds):
            raise InvalidInput(
                "channel/kinds", _("The kinds of notice are %(kinds)s.", kinds=", ".join(KINDS)), field="kinds"
            )
        language = text(payload, "language")
        if language not in LANGUAGES:
            raise InvalidInput(
                "channel/language",
                _("Notices are written in %(languages)s.", languages=", ".join(LANGUAGES)),
                field="language",
            )
        key, service = text(payload, "key", most=64), text(payload, "service", most=40)
        return {
            "name": name,
            "key": key,
            "service": service,
            "to": list(to),
            "kinds": list(kinds),
            "language": language,
            "active": True,
        }

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `channel.set` or `channel.retired`; and `enforcement.lapsed` for what else waits to change it."""
        lapse_others(uow, "channel", payload["name"], by=by, but=about)
        known = uow.get(Channel, ORGANISATION, payload["name"])
        if not payload["active"]:
            assert known is not None
            retired = replace(known, active=False, version=known.version + 1)
            uow.record("channel.retired", by=by, about=about, puts=(retired,))
            return
        values: dict[str, Any] = {
            "key": payload["key"],
            "service": payload["service"],
            "to": tuple(payload["to"]),
            "kinds": tuple(payload["kinds"]),
            "language": payload["language"],
        }
        if known is None:
            channel = Channel(id=payload["name"], added_at=uow.now, **values)
        else:
            channel = replace(known, active=True, version=known.version + 1, **values)
        uow.record("channel.set", by=by, about=about, puts=(channel,))
