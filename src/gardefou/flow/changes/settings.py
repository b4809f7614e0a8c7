"""Changing a guarded setting, and ending setup."""

from __future__ import annotations

from typing import Any

from gardefou.domain.records import ORGANISATION, Setting, Staff
from gardefou.errors import Conflict, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.changes.against import lapse_others
from gardefou.flow.changes.base import Handler, Payload, text
from gardefou.flow.changes.nets import unlike_shipped
from gardefou.people.actor import Actor
from gardefou.people.passkeys import passkeys_of
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: How many people must have enrolled before setup can end, by shipped set.
FOUNDERS = {"default": 3, "small-team": 2, "solo": 1}
#: What no proposal reaches.
_CLOSED = frozenset({"setup_finished", "shipped_nets"})


def write_setting(uow: UnitOfWork, name: str, value: Any, *, by: str, about: str = "") -> None:
    """Write one setting, with `setting.changed`."""
    known = uow.get(Setting, ORGANISATION, name)
    stored: Any = [*value] if isinstance(value, tuple) else value
    setting = Setting(id=name, value=stored, at=uow.now, by=by, version=1 if known is None else known.version + 1)
    uow.record("setting.changed", by=by, about=about or name, puts=(setting,))


class SettingChange(Handler):
    """Change one of `gardefou.flow.rules.Rules`. Every change counts as a weakening: nobody need argue which way."""

    power = Power.SETTINGS

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take ``name, value``."""
        name = text(payload, "name")
        if name in _CLOSED:
            raise InvalidInput("setting/closed", _("%(name)s is not set by hand.", name=name), field="name")
        changed = config.rules.with_value(name, payload.get("value"))
        return {"name": name, "value": getattr(changed, name)}

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `setting.changed`; and `enforcement.lapsed` for what else waits to change it."""
        write_setting(uow, payload["name"], payload["value"], by=by, about=about)
        lapse_others(uow, "setting", payload["name"], by=by, but=about)


class FinishSetup(Handler):
    """End setup, one way: from then on guarded changes wait for people and real platforms are acted on."""

    power = Power.SETTINGS

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Take nothing; the founding people must have enrolled, and the nets keep what those keep that were shipped.

        Until then nets change at once, whatever they leave unguarded; then they are refused only what they kept.
        """
        if config.rules.setup_finished:
            raise Conflict("setup/finished", "Setup has ended already.")
        enrolled = len(uow.all(Staff, tables.staff.c.enrolled))
        needed = FOUNDERS[config.rules.shipped_nets]
        if enrolled < needed:
            raise Conflict(
                "setup/founders",
                _(
                    "%(enrolled)s of %(needed)s founding people have enrolled; the others sign in once first.",
                    enrolled=enrolled,
                    needed=needed,
                ),
                extra={"enrolled": enrolled, "needed": needed},
            )
        broken = unlike_shipped(config)
        if broken:
            raise Conflict(
                "setup/nets",
                _(
                    "Put nets in force first that protect as %(shipped)s does: %(says)s.",
                    shipped=repr(config.rules.shipped_nets),
                    says=broken[0].says,
                ),
                extra={"broken": [one.says for one in broken]},
            )
        return {}

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """From here on everything is guarded."""
        return False

    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:  # noqa: ARG002
        """Write `setup.finished`; where all who enrolled have a passkey, it is asked of everyone from here on."""
        write_setting(uow, "setup_finished", value=True, by=by)
        here = uow.all(Staff, tables.staff.c.enrolled)
        if all(any(one.revoked_at is None for one in passkeys_of(uow.connection, who.id)) for who in here):
            write_setting(uow, "passkey_approvals", "required", by=by)
        uow.record("setup.finished", by=by, about=about)
