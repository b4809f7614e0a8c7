"""Finding out what can be done on a platform, without doing anything to anyone there.

A real platform is only read. On a sandbox a scratch account is limited for a
moment through the flow: the end is the system's own, so it counts as no
reversal and opens no incident.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from gardefou.domain.records import PlatformEntry
from gardefou.domain.states import State
from gardefou.errors import GardefouError, NotFound
from gardefou.flow.app import App
from gardefou.flow.spec import Wanted
from gardefou.people.actor import Actor
from gardefou.platforms.protocol import Connector, Description, NoSuchAccount, PlatformError
from gardefou.platforms.sandbox_admin import SandboxAdmin

_SCRATCH = "gardefou-check"
_MOMENT = timedelta(milliseconds=300)
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried."""

    what: str
    ok: bool
    says: str


@dataclass(frozen=True, slots=True)
class PlatformCheck:
    """What was found: each step, and what the platform describes."""

    name: str
    steps: tuple[Step, ...]
    description: Description

    @property
    def ok(self) -> bool:
        """Whether everything that was tried worked."""
        return all(step.ok for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "platform": self.name,
            "ok": self.ok,
            "endpoint": self.description.endpoint,
            "sandbox": self.description.sandbox,
            "steps": [asdict(step) for step in self.steps],
            "actions": [
                {
                    "action": one.action.value,
                    "word": one.word,
                    "says": one.says,
                    "severity": one.severity,
                    "reversibility": one.reversibility.value,
                    "losses": list(one.losses),
                }
                for one in self.description.capabilities.values()
            ],
        }


def check_platform(app: App, actor: Actor, name: str, account: str | None) -> PlatformCheck:
    """Describe and read a platform; on a sandbox also apply and undo on a scratch account.

    Raises:
        NotFound: there is no such platform in use (`platform/not_found`).
    """
    with app.works.read() as connection:
        entry = app.config(connection).platforms.get(name)
    if entry is None or not entry.active:
        raise NotFound("platform/not_found", f"There is no platform {name!r} in use; see `gardefou platform list`.")
    connector = app.connector(name)
    description = connector.describe()
    same = description.endpoint == entry.endpoint
    steps = [
        Step(
            "who it is",
            same,
            description.endpoint if same else f"it is {description.endpoint}, registered was {entry.endpoint}",
        )
    ]
    if entry.sandbox:
        _scratch(app, entry)
        steps.append(_read(connector, account or _SCRATCH))
        steps.extend(_try_out(app, actor, name))
    else:
        known = account or str(entry.config.get("admin", ""))
        steps.append(
            _read(connector, known)
            if known
            else Step("read", False, "name an account there with --account, to read it")
        )
        able = len(description.capabilities)
        steps.append(
            Step(
                "apply and undo",
                True,
                f"not tried on a real platform; {able} actions are described below, with their losses",
            )
        )
    return PlatformCheck(name, tuple(steps), description)


def _read(connector: Connector, account: str) -> Step:
    begun = time.monotonic()
    try:
        reading = connector.read_state(account)
        connector.resolve(account)
    except NoSuchAccount as error:
        return Step("read", False, f"it answers, and knows no such account: {error}")
    except PlatformError as error:
        return Step("read", False, str(error))
    milliseconds = round((time.monotonic() - begun) * 1000)
    return Step("read", True, f"{account} is {reading.handle or reading.ref}, read in {milliseconds} ms")


def _scratch(app: App, entry: PlatformEntry) -> None:
    store = app.works.store
    SandboxAdmin(entry.id, store.begin, store.read, app.clock).put_account(_SCRATCH, handle=_SCRATCH)


def _try_out(app: App, actor: Actor, name: str) -> list[Step]:
    """Limit the scratch account for a moment, and let it end by itself."""
    from gardefou.flow.decide import enforce
    from gardefou.flow.execute import advance
    from gardefou.flow.restore_some import expire

    until = app.now() + _MOMENT
    try:
        made = enforce(
            app,
            actor,
            Wanted(
                platform=name,
                account=_SCRATCH,
                action="limit",
                policy="gardefou-check",
                rationale="Checking the sandbox.",
                until=until,
            ),
        )
    except GardefouError as error:
        return [Step("apply", False, error.message)]
    if made.state != State.IN_FORCE.value:
        return [
            Step("apply", False, f"{made.id} is {made.state}: {made.because or 'the platform has not shown it yet'}")
        ]
    steps = [Step("apply", True, f"{_SCRATCH} was limited, and seen to be")]
    for _ in range(_TRIES):
        left = (until - app.now()).total_seconds()
        if left > 0:
            time.sleep(left)
        lifted = expire(app, made.id)
        if lifted is None:
            # A worker beside us was first, or the moment is not quite over.
            with app.works.read() as connection:
                from gardefou.flow.reading import enforcement_by_id

                now = enforcement_by_id(connection, made.id)
            if now is not None and now.state == State.RESTORED.value:
                return [*steps, Step("undo", True, "it is as it was")]
            time.sleep(0.01)
            continue
        done = advance(app, lifted.id)
        good = done.state == State.IN_FORCE.value
        return [*steps, Step("undo", good, "it is as it was" if good else f"{done.id} is {done.state}: {done.because}")]
    return [*steps, Step("undo", False, f"{made.id} did not end in time; see `gardefou enforcement show {made.id}`")]
