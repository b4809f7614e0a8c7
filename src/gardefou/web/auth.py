"""From the Authorization header to the actor: a bearer token, read from the store at most half a second ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from mmap import mmap

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request

from gardefou.errors import Denied
from gardefou.flow.app import App
from gardefou.people.actor import Actor
from gardefou.people.authenticate import by_token
from gardefou.people.token_use import EVERY, note_used

#: Seconds for which a token that was read counts: revoking is felt everywhere within one.
KEEP = 0.5
#: Of these the last ones, in which one call reads it anew while the others go by what is known: where all read it at
#: the moment at which it ends, each takes a thread and a connection, twice a second.
AHEAD = 0.2
#: Tokens remembered at a time.
MOST = 10_000
#: When everything was last to be forgotten, in nanoseconds: on a page that all processes of a node have, which are
#: forked from one that has it.
_FORGOTTEN = memoryview(mmap(-1, 8)).cast("Q")
#: Characters of a token that is worth looking up.
_LONGEST = 512


class Bearer:
    """Knows who is behind a token. What it remembers is half a second old at most.

    `forget` drops it all, in every process of this node, after a change to people or tokens made on it.
    """

    def __init__(self, app: App, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._ticks = ticks
        #: Until when, as of which moment of forgetting, and whom.
        self._held: dict[str, tuple[float, int, Actor]] = {}
        self._renewing: set[str] = set()
        self._noted: dict[str, float] = {}

    def remembered(self, secret: str) -> Actor | None:
        """Return the actor where the token was read a moment ago; asks nobody.

        None too for the one call that is to read it anew before that moment is over.
        """
        held = self._held.get(secret)
        if held is None:
            return None
        until, as_of, actor = held
        left = until - self._ticks()
        if left <= 0 or as_of != _FORGOTTEN[0]:
            return None
        if left < AHEAD and secret not in self._renewing:
            self._renewing.add(secret)
            return None
        return actor

    def actor(self, secret: str) -> Actor:
        """Return the actor behind a token.

        Raises:
            Denied: unknown, revoked or expired (`auth/invalid`), or off duty
                (`staff/left`, `staff/suspended`).
        """
        return self.remembered(secret) or self.read(secret)

    def read(self, secret: str) -> Actor:
        """Read the actor behind a token that is not remembered; raises as `actor` does."""
        as_of, until = _FORGOTTEN[0], self._ticks() + KEEP
        try:
            with self._app.works.read() as connection:
                actor = by_token(connection, secret, now=self._app.now(), via="api")
            self._note(actor)
            if len(self._held) >= MOST:
                self._held.clear()
            self._held[secret] = (until, as_of, actor)
        finally:
            self._renewing.discard(secret)
        return actor

    def _note(self, actor: Actor) -> None:
        """Write down that a token is in use, at most once a minute; a store that is busy may miss it."""
        token_id, ticks = actor.token_id, self._ticks()
        if token_id is None or ticks - self._noted.get(token_id, float("-inf")) < EVERY / timedelta(seconds=1):
            return
        if len(self._noted) >= MOST:
            self._noted.clear()
        self._noted[token_id] = ticks
        with suppress(OperationalError, PoolTimeout):
            note_used(self._app.works.store, token_id, self._app.now())

    def forget(self) -> None:
        """Read every token anew from the next call on."""
        # Another moment whenever it is written, whoever writes beside.
        _FORGOTTEN[0] = time.monotonic_ns()


def secret_of(request: Request) -> str:
    """Return the bearer token that a request brings.

    Raises:
        Denied: there is none (`auth/missing`).
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > _LONGEST or not secret.isascii():
        raise Denied("auth/missing", "Send a token: Authorization: Bearer …; `gardefou token issue` makes one.")
    return secret
