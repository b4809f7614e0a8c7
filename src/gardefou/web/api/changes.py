"""What a guarded change is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.domain.records import Enforcement
from gardefou.domain.states import State
from gardefou.web.answers import Answer
from gardefou.web.api.enforcements import shown
from gardefou.web.node import Caller
from gardefou.web.posts import forget


def proposed(caller: Caller, change: Enforcement, *, made: int = 200, once: Mapping[str, Any] | None = None) -> Answer:
    """Answer with a change: ``made`` (201 for something new) when it is in force or refused, 202 while it waits."""
    forget(caller.node)
    ended = change.state in {State.IN_FORCE.value, State.REFUSED.value}
    return Answer(document=shown(caller, change), status=made if ended else 202, once=once or {})
