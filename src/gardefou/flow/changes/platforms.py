"""Registering a platform, or taking one out of use. One endpoint is one platform (R9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gardefou.domain.records import ORGANISATION, PlatformEntry
from gardefou.errors import InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_others
from gardefou.flow.changes.base import Handler, Payload, text
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

_KINDS = ("sandbox", "webhook", "synapse")


class PlatformChange(Handler):
    """Register a platform by its kind and configuration; its credentials lie in the key store (R20)."""

    power = Power.PLATFORMS

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``name, kind, config, endpoint``, and ``active`` (false takes it out of use)."""
        name = text(payload, "name", most=64)
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or name == ORGANISATION:
            raise InvalidInput("platform/name", "A name has letters, digits, - and _.", field="name")
        known = uow.get(PlatformEntry, ORGANISATION, name)
        if payload.get("active") is False:
            if known is None:
                raise InvalidInput(
                    "platform/not_found", _("There is no platform %(name)s.", name=repr(name)), field="name"
                )
            return {"name": name, "active": False}
        kind = text(payload, "kind")
        if kind not in _KINDS:
            raise InvalidInput("platform/kind", _("kind is one of %(kinds)s.", kinds=", ".join(_KINDS)), field="kind")
        endpoint = text(payload, "endpoint", most=2000)
        other = _registered_as(uow, endpoint, but=name)
        if other is not None:
            raise InvalidInput(
                "platform/registered",
                _("That endpoint is registered as %(id)s already.", id=repr(other.id)),
                field="endpoint",
            )
        if known is not None and known.endpoint != endpoint:
            raise InvalidInput(
                "platform/endpoint", "A platform's endpoint never changes; register another.", field="name"
            )
        given: Any = payload.get("config", {})
        if not isinstance(given, dict):
            raise InvalidInput("change/invalid", "config is an object.", field="config")
        # Not "kind": that is what the stored change itself is called by.
        return {"name": name, "connector": kind, "config": given, "endpoint": endpoint, "active": True}

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """The endpoint was registered under another name meanwhile, or the name for another endpoint (R9)."""
        if not payload["active"]:
            return ""
        known = uow.get(PlatformEntry, ORGANISATION, payload["name"])
        if known is not None and known.endpoint != payload["endpoint"]:
            return "That name was registered for another endpoint meanwhile."
        other = _registered_as(uow, payload["endpoint"], but=payload["name"])
        return "" if other is None else "That endpoint was registered under another name meanwhile."

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `platform.registered` or `platform.retired`; `enforcement.lapsed` for what else waits to change it."""
        lapse_others(uow, "platform", payload["name"], by=by, but=about)
        known = uow.get(PlatformEntry, ORGANISATION, payload["name"])
        if not payload["active"]:
            assert known is not None
            retired = replace(known, active=False, version=known.version + 1)
            uow.record("platform.retired", by=by, about=about, puts=(retired,))
            return
        entry = PlatformEntry(
            id=payload["name"],
            kind=payload["connector"],
            endpoint=payload["endpoint"],
            config=payload["config"],
            sandbox=payload["connector"] == "sandbox",
            added_at=uow.now,
        )
        if known is not None:
            entry = replace(
                known, config=payload["config"], kind=payload["connector"], active=True, version=known.version + 1
            )
        uow.record("platform.registered", by=by, about=about, puts=(entry,))


def _registered_as(uow: UnitOfWork, endpoint: str, *, but: str) -> PlatformEntry | None:
    """Return what stands for an endpoint under any other name: one endpoint is one platform (R9)."""
    table = tables.platform_entry.c
    return uow.find(PlatformEntry, table.endpoint == endpoint, table.id != but)
