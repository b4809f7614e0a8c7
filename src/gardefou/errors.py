"""Every error that Gardefou raises on purpose, typed once, each with a stable code.

    GardefouError
    ├── InvalidInput      the request itself is wrong; nothing was changed    (input/…)
    ├── NotFound          no such thing, or not for you to see                (…/not_found)
    ├── Denied            who you are does not allow it                       (auth/…, staff/…)
    │   ├── StepUpRequired    a fresher strong sign-in is needed              (auth/step_up)
    │   └── TooManyTries      it was tried too often just now                 (auth/too_many)
    ├── Conflict          the world changed, or stands against it             (…/stale, …)
    │   ├── Stale             another change came first                       (…/stale)
    │   └── Reused            an idempotency key with another body            (idempotency/reused)
    ├── TooOften          the same call may be made again in some seconds     (http/too_many)
    └── Unavailable       try again: a store or platform does not answer      (…/unavailable)

The code is the contract (``enforcement/stale``); the message says in one line
what is wrong and what to do. HTTP appears only in ``web/problems.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.speech import gettext as _


class GardefouError(Exception):
    """Base of every deliberate error: a stable code, one line, and what to do.

    ``code``: stable, ``area/what``. ``field``: the offending field's dotted
    name, where there is one. ``extra``: further facts for machines.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.extra: dict[str, Any] = dict(extra or {})

    def __str__(self) -> str:
        """One line: the message, with the code for whoever searches for it."""
        return f"{self.message} [{self.code}]"


class InvalidInput(GardefouError):
    """The request is malformed or out of bounds; nothing was changed."""


class NotFound(GardefouError):
    """There is no such thing, or the asker may not know of it."""


class Denied(GardefouError):
    """Who is asking may not do this; the message names the missing power."""


class StepUpRequired(Denied):
    """A net wants a fresher strong sign-in than the actor has (``auth/step_up``)."""

    def __init__(self, minutes: int) -> None:
        super().__init__(
            "auth/step_up",
            _(
                "This needs a strong sign-in not older than %(minutes)s minutes; sign in again and retry.",
                minutes=minutes,
            ),
            extra={"fresh_auth_minutes": minutes},
        )


class TooManyTries(Denied):
    """Signing in was tried too often just now, from here or with this (``auth/too_many``)."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "auth/too_many",
            _("That was tried too often; wait %(seconds)s seconds, then try again.", seconds=seconds),
            extra={"retry_after": seconds},
        )
        self.seconds = seconds


class Conflict(GardefouError):
    """The present state stands against it; read again and decide anew."""


class Stale(Conflict):
    """Another change came first (compare-and-set failed)."""


class Reused(Conflict):
    """An idempotency key came back with another body (``idempotency/reused``)."""


class TooOften(GardefouError):
    """Something was asked for too often just now (``http/too_many``)."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "http/too_many",
            _("That was often enough for now; go on in %(seconds)s seconds.", seconds=seconds),
            extra={"retry_after": seconds},
        )
        self.seconds = seconds


class Unavailable(GardefouError):
    """A store or platform does not answer now; the same call may succeed later."""
