"""Speaks HTTP with a Matrix homeserver, and turns every kind of failure into the connector's own errors.

What a failure means depends on what was asked. A reading that fails changed
nothing, so all its failures are `PlatformUnreachable`. A change whose answer is
missing or broken may have happened: `PlatformAnswerLost`. A change that the
server declined, or that never left this machine, did not happen.

Endpoints follow Synapse's admin API manual and the Matrix client-server API.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast
from urllib.parse import quote

import httpx

from gardefou.clock import Clock
from gardefou.platforms.protocol import (
    NoSuchAccount,
    PlatformAnswerLost,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
)

ADMIN_V1 = "/_synapse/admin/v1"
ADMIN_V2 = "/_synapse/admin/v2"
CLIENT = "/_matrix/client/v3"

Json = dict[str, Any]

#: What an answer of another shape than the manual's makes of reading it.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)

#: Failures before anything was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def q(part: str) -> str:
    """Quote one part of a path: Matrix ids hold ``/``, ``:`` and ``$``."""
    return quote(part, safe="")


class SynapseApi:
    """A connection to one homeserver with one access token. Safe to use from several threads.

    ``timeout``: seconds to wait for a connection, and for each answer.
    ``transport`` replaces the network, for tests.
    """

    def __init__(
        self, base_url: str, token: str, *, timeout: float = 10.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            # Certificates are read for a connection that needs them, and for no other.
            verify=not base_url.startswith("http://"),
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def read(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        """Read something. Raises `NoSuchAccount` for 404, else `PlatformUnreachable`."""
        try:
            answer = self._http.get(path, params=query)
        except httpx.HTTPError as error:
            raise PlatformUnreachable(f"The homeserver could not be read ({_kind(error)}); try again.") from error
        if answer.status_code == 404:
            raise NoSuchAccount(f"The homeserver knows no such thing: {_words(answer)}.")
        if answer.status_code != 200:
            raise PlatformUnreachable(f"The homeserver would not be read: {_words(answer)}.")
        data = _json(answer)
        if data is None:
            raise PlatformUnreachable("The homeserver answered a reading with something other than JSON.")
        return data

    def change(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> Json:
        """Change something, with another ``token`` where one is given.

        Raises `NoSuchAccount` (404), `PlatformRefused` (any other 4xx),
        `PlatformUnreachable` (not sent, 429, or our own token is none any more),
        `PlatformAnswerLost` (no answer, a broken one, or a 5xx).
        """
        headers = {"Authorization": f"Bearer {token}"} if token else None
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except _NOT_SENT as error:
            raise PlatformUnreachable(
                f"The homeserver cannot be reached ({_kind(error)}); nothing was done."
            ) from error
        except httpx.HTTPError as error:
            raise PlatformAnswerLost(f"The homeserver did not answer ({_kind(error)}); read what it did.") from error
        status = answer.status_code
        if status == 429:
            raise PlatformUnreachable("The homeserver limits our rate; nothing was done. Exempt the admin account.")
        if status == 401 and token is None:
            # Of us, not of what was asked: with a token that counts it is done.
            raise PlatformUnreachable(f"The homeserver does not take our token ({_words(answer)}); nothing was done.")
        if status == 404:
            raise NoSuchAccount(f"The homeserver knows no such thing: {_words(answer)}.")
        if status >= 500:
            raise PlatformAnswerLost(f"The homeserver failed half-way: {_words(answer)}; read what it did.")
        if status not in {200, 201}:
            raise PlatformRefused(f"The homeserver refused: {_words(answer)}.")
        data = _json(answer)
        if data is None:
            raise PlatformAnswerLost("The homeserver answered with something other than JSON; read what it did.")
        return data


class Hand:
    """One operation's hand on the homeserver: knows whether anything was changed yet.

    Between the first change and the last, "nothing happened" is no longer true
    whatever the next call answers; see `careful`.
    """

    def __init__(self, api: SynapseApi, admin: str, clock: Clock) -> None:
        self.api = api
        self.admin = admin
        self.clock = clock
        self.touched = False

    def read(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        """Read, as `SynapseApi.read`."""
        return self.api.read(path, query)

    def change(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> Json:
        """Change, as `SynapseApi.change`, and remember that something was changed."""
        data = self.api.change(method, path, body, token=token)
        self.touched = True
        return data

    # --- notes of our own, in the admin account's private data -----------------------------

    def note(self, name: str, room: str | None = None) -> Json:
        """Return a note left earlier on the homeserver; empty where there is none."""
        try:
            return self.read(self._note_path(name, room))
        except NoSuchAccount:
            return {}

    def leave_note(self, name: str, note: Mapping[str, Any], room: str | None = None) -> None:
        """Leave a note on the homeserver, where only the admin account reads it; an empty one clears it.

        Raises `PlatformUnreachable` when it could not be left: the account itself is untouched.
        """
        try:
            self.api.change("PUT", self._note_path(name, room), note)
        except PlatformAnswerLost as error:
            raise PlatformUnreachable(f"A note could not be left on the homeserver: {error}") from error

    def _note_path(self, name: str, room: str | None) -> str:
        place = f"/rooms/{q(room)}" if room else ""
        return f"{CLIENT}/user/{q(self.admin)}{place}/account_data/{q('org.gardefou.' + name)}"

    # --- speaking in a user's name -----------------------------------------------------------

    @contextmanager
    def in_the_name_of(self, user: str) -> Generator[str, None, None]:
        """Yield a token of one minute that speaks as a local user, and end it afterwards.

        It makes no device, so the user's own sign-ins are not disturbed.
        """
        until = int(self.clock.now().timestamp() * 1000) + 60_000
        answer = self.api.change("POST", f"{ADMIN_V1}/users/{q(user)}/login", {"valid_until_ms": until})
        token = str(answer["access_token"])
        try:
            yield token
        finally:
            # Where this fails, the token ends by itself within the minute.
            with suppress(PlatformError):
                self.api.change("POST", f"{CLIENT}/logout", {}, token=token)


@contextmanager
def careful(hand: Hand) -> Generator[None, None, None]:
    """Tell a failure before the first change from one after it.

    After it, whatever the platform says, the operation may be done in part:
    that is `PlatformAnswerLost`, to be settled by reading. An answer in a form
    that the manual does not know counts as none.
    """
    try:
        yield
    except PlatformAnswerLost:
        raise
    except PlatformError as error:
        if not hand.touched:
            raise
        raise PlatformAnswerLost(f"Done in part, then: {error}") from error
    except _MALFORMED as error:
        what = f"The homeserver answered in an unknown form ({type(error).__name__}: {error})"
        if hand.touched:
            raise PlatformAnswerLost(f"{what}; read what it did.") from error
        raise PlatformUnreachable(f"{what}; nothing was done.") from error


def content_of(event: Mapping[str, Any]) -> Json:
    """Return an event's content; empty where it has none."""
    content: object = event.get("content")
    return cast("Json", content) if isinstance(content, dict) else {}


def _kind(error: httpx.HTTPError) -> str:
    return type(error).__name__


def _json(answer: httpx.Response) -> Json | None:
    try:
        data: object = answer.json()
    except ValueError:
        return None
    return cast("Json", data) if isinstance(data, dict) else None


def _words(answer: httpx.Response) -> str:
    data = _json(answer) or {}
    code, error = data.get("errcode"), data.get("error")
    said = " ".join(str(word) for word in (code, error) if word) or answer.reason_phrase
    return f"{answer.status_code} {said}"[:300]
