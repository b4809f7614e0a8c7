"""What one attempt came to, recorded in one transaction, where nobody moved the enforcement on meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.approve import find_enforcement
from gardefou.flow.lift import Lifting
from gardefou.flow.observe import Seen
from gardefou.flow.outcome import conclude, overtaken, refused, retry, unknown
from gardefou.flow.reading import held_ahead, live_ahead
from gardefou.flow.stops import pauses_ahead
from gardefou.platforms.protocol import PlatformError
from gardefou.storage.records import key_ahead
from gardefou.storage.unwritten import Read


@dataclass(frozen=True, slots=True)
class Begun:
    """An enforcement under way: what was recorded, and what to ask of the platform."""

    enforcement: Enforcement
    lifting: Lifting | None = None


def record_seen(app: App, begun: Begun, seen: Seen, more: dict[str, Any]) -> Enforcement:
    """Record what the platform is seen to be after an answer: `in_force`, or something else is wrong."""
    config = app.recent_config()
    with app.works.begin() as uow:
        uow.serialise(f"account:{seen.platform}/{seen.account}", ahead=lambda: _seen_ahead(begun, seen))
        found = find_enforcement(uow, begun.enforcement.id)
        if found.version != begun.enforcement.version:
            return overtaken(uow, found, more)
        return conclude(uow, config, found, seen, more, begun.lifting)


def _seen_ahead(begun: Begun, seen: Seen) -> list[Read]:
    """Return what recording an ordinary outcome reads."""
    reads = [
        held_ahead(begun.enforcement.id),
        key_ahead(Account, seen.platform, seen.account),
    ]
    if begun.lifting is not None:
        reads += [live_ahead(seen.platform, seen.account), pauses_ahead()]
    return reads


def record_refusal(app: App, begun: Begun, error: PlatformError, seen: Seen | None) -> Enforcement:
    """Record that the platform said no; what it is seen to be decides what that comes to (M6, M7)."""
    with app.works.begin() as uow:
        uow.serialise(f"account:{begun.enforcement.platform}/{begun.enforcement.account}")
        config = app.config(uow.connection)
        found = find_enforcement(uow, begun.enforcement.id)
        if found.version != begun.enforcement.version:
            return overtaken(uow, found, {})
        account = uow.get(Account, found.platform, found.account)
        if account is not None and account.fence > found.fence:
            # A newer intention on the account came first, and nobody withdrew this one: that is no refusal.
            return retry(uow, config, found, str(error))
        return refused(uow, config, found, str(error), seen, begun.lifting)


def record_trouble(
    app: App, begun: Begun, error: PlatformError, state: State, more: dict[str, Any] | None = None
) -> Enforcement:
    """Record that the platform could not be reached, or gave no answer (M6)."""
    with app.works.begin() as uow:
        uow.serialise(f"account:{begun.enforcement.platform}/{begun.enforcement.account}")
        config = app.config(uow.connection)
        found = find_enforcement(uow, begun.enforcement.id)
        if found.version != begun.enforcement.version:
            return overtaken(uow, found, more or {})
        if state is State.UNKNOWN:
            return unknown(uow, found, str(error), more or {})
        return retry(uow, config, found, str(error))
