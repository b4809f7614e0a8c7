"""What every kind of guarded change answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from gardefou.clock import rfc3339
from gardefou.errors import InvalidInput
from gardefou.flow.app import App, Config
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork

Payload = dict[str, Any]


class Handler(ABC):
    """One kind of guarded change. Subclasses say what differs."""

    power: Power = Power.SETTINGS

    def think_ahead(self, app: App, payload: Payload) -> None:  # noqa: B027 - most kinds have nothing to think about
        """Work out beforehand, while nobody waits, what `check` would take long over; it only has to be remembered."""

    def check(self, uow: UnitOfWork, app: App, config: Config, actor: Actor, payload: Payload) -> Payload:  # noqa: ARG002
        """Return the payload as it will be stored (JSON values), or raise `InvalidInput` naming the field."""
        return payload

    def weakens(self, uow: UnitOfWork, config: Config, payload: Payload) -> bool:  # noqa: ARG002
        """Whether it weakens protection: when in doubt, it does."""
        return True

    def person(self, payload: Payload) -> str:  # noqa: ARG002
        """Return the staff id of the person it concerns, or nothing."""
        return ""

    def asks_as(self, uow: UnitOfWork, config: Config, actor: Actor, payload: Payload) -> str:  # noqa: ARG002
        """Return the ``change.kind`` that nets are told where it is not the kind's own name."""
        return ""

    def outdated(self, uow: UnitOfWork, config: Config, payload: Payload) -> str:  # noqa: ARG002
        """Return why it cannot be carried out any more as people agreed to it, read when it is (M1); else nothing."""
        return ""

    @abstractmethod
    def write(self, uow: UnitOfWork, app: App, config: Config, payload: Payload, *, by: str, about: str) -> None:
        """Write it, with its event."""


def text(payload: Mapping[str, Any], name: str, *, optional: bool = False, most: int = 512) -> str:
    """Return a text of the payload.

    Raises:
        InvalidInput: it is missing, empty, too long or no text (`change/invalid`).
    """
    value = payload.get(name, "" if optional else None)
    if not isinstance(value, str) or len(value) > most or (not value and not optional):
        raise InvalidInput(
            "change/invalid", _("%(name)s is a text of 1 to %(most)s characters.", name=name, most=most), field=name
        )
    return value


def texts(payload: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts of the payload; left out is empty.

    Raises:
        InvalidInput: it is no list of texts (`change/invalid`).
    """
    value = payload.get(name, [])
    if not isinstance(value, list | tuple):
        raise InvalidInput("change/invalid", _("%(name)s is a list of texts.", name=name), field=name)
    items = list(cast("Sequence[Any]", value))
    if not all(isinstance(item, str) and item for item in items):
        raise InvalidInput("change/invalid", _("%(name)s is a list of texts.", name=name), field=name)
    return tuple(dict.fromkeys(items))


def instant(payload: Mapping[str, Any], name: str) -> datetime | None:
    """Return an RFC 3339 instant of the payload, or None where it is left out.

    Raises:
        InvalidInput: it is no instant with a time zone (`change/invalid`).
    """
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput(
            "change/invalid",
            _("%(name)s is an instant such as 2026-05-31T18:00:00Z, with its time zone.", name=name),
            field=name,
        )
    return at


def written(at: datetime | None) -> str | None:
    """Return an instant as a payload stores it."""
    return None if at is None else rfc3339(at)
