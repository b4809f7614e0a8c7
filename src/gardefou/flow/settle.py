"""Settling what nobody knows the end of, by reading the platform: in force, or ready to be tried again.

Nothing is sent from here; what must be sent again goes back to `ready`, and so
through `gardefou.flow.execute`.
"""

from __future__ import annotations

from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Account, Enforcement
from gardefou.domain.states import State
from gardefou.flow.app import App
from gardefou.flow.approve import find_enforcement
from gardefou.flow.incidents import alert
from gardefou.flow.lift import plan_lifting
from gardefou.flow.observe import look, observe
from gardefou.flow.outcome import conclude, still_unknown, unknown
from gardefou.flow.reading import lifted_content
from gardefou.platforms.protocol import (
    PlatformRefused,
)


def content_to_read(app: App, enforcement: Enforcement) -> tuple[str, ...]:
    """Return the content items to be read with the account; a restore's are those of what it lifts."""
    if enforcement.action != Action.RESTORE:
        return enforcement.content
    with app.works.read() as connection:
        return lifted_content(connection, enforcement)


def lost(app: App, enforcement: Enforcement) -> Enforcement | None:
    """The lease ran out: whoever carried it out is gone, and what they did is unknown.

    Writes `enforcement.unknown`.
    """
    with app.works.begin() as uow:
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return found
        return unknown(uow, found, "Whoever was carrying it out stopped answering.", {})


def settle(app: App, enforcement: Enforcement) -> Enforcement | None:
    """Settle an `unknown` by reading the platform: in force, or ready to be tried again.

    What leaves no trace to be read (a warning) is sent again only where the
    platform takes a key, and lapses elsewhere: nothing is repeated blindly.

    Writes `enforcement.in_force`, `.ready`, `.lapsed` or `.unreadable`.
    """
    connector = app.connector(enforcement.platform)
    lifting_restore = enforcement.action == Action.RESTORE
    content = content_to_read(app, enforcement)
    try:
        seen = look(app, connector, enforcement.account, content)
    except PlatformRefused:
        seen = None
    with app.works.begin() as uow:
        uow.serialise(f"account:{enforcement.platform}/{enforcement.account}")
        config = app.config(uow.connection)
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return found
        if seen is None or seen.reading is None:
            return still_unknown(uow, config, found)
        if lifting_restore:
            account = observe(uow, app, config, seen) or Account(platform=found.platform, ref=found.account)
            lifting = plan_lifting(uow, found, account, seen.reading)
            if not (seen.reading.measures & lifting.remove):
                return conclude(uow, config, found, seen, {}, lifting)
            return uow.move(found, State.READY, "enforcement.ready", by=SYSTEM, next_attempt_at=uow.now)
        measures = frozenset(found.measures)
        if measures and measures <= frozenset(seen.reading.measures):
            return conclude(uow, config, found, seen, {}, None)
        if measures or connector.describe().takes_key:
            # Seen not to be so, or safe to send again under the same key.
            return uow.move(found, State.READY, "enforcement.ready", by=SYSTEM, next_attempt_at=uow.now)
        ended = uow.move(
            found,
            State.LAPSED,
            "enforcement.lapsed",
            by=SYSTEM,
            because="It was sent and no answer came; whether it arrived cannot be read, so it is not sent again.",
            ended_at=uow.now,
        )
        alert(
            uow,
            "unsettled",
            platform=found.platform,
            about=found.id,
            says=ended.because,
            accounts=(found.account,),
        )
        return ended
