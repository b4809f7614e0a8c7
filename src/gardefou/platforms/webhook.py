"""A platform of one's own, spoken to over HTTP: five signed JSON calls to one base URL.

Signatures are those of Standard Webhooks (standardwebhooks.com, version 1);
the wire format is documented in ``docs/platforms/webhook.md``. What went wrong
is told apart by what the platform may have done:

    it cannot have done anything   connection refused, name not found, connect timeout,
                                   429, 503 with Retry-After      → `PlatformUnreachable`
    it said no                     any other 4xx                  → `PlatformRefused`
    it may have done it            read timeout, broken connection, 5xx, a redirect,
                                   an answer of another form      → `PlatformAnswerLost`

A reading changes nothing, so a lost answer to one is `PlatformUnreachable` too.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import orjson
from standardwebhooks.webhooks import Webhook as Signer

from gardefou.clock import Clock, to_micros
from gardefou.domain.accounts import AccountReading, measures_of_action
from gardefou.domain.actions import Action, Reversibility
from gardefou.errors import InvalidInput
from gardefou.ids import Ids
from gardefou.platforms import webhook_wire as wire
from gardefou.platforms.pinned import Lookup, PinnedTransport, look_up
from gardefou.platforms.protocol import (
    Answer,
    Description,
    NoSuchAccount,
    Operation,
    PlatformAnswerLost,
    PlatformRefused,
    PlatformUnreachable,
    Resolved,
)

#: Answers longer than this many bytes are no answers.
MAX_ANSWER = 1024 * 1024

T = TypeVar("T")

_SECRET = "whsec_"  # noqa: S105 - the prefix of the format, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where the platform is and how it is spoken to; checked when it is made.

    ``base_url`` is https, unless its host stands in ``allow_private``, which
    names exactly those hosts that may be at a private address. ``secrets`` are
    ``whsec_…`` texts, newest first: each signs, so that they can be rotated.
    Times are in seconds: to connect, between two pieces of an answer, and for
    an answer as a whole.

    Raises `InvalidInput`: `platform/webhook_url`, `platform/webhook_secret`,
    `platform/webhook_timeout`.
    """

    base_url: str
    secrets: tuple[str, ...] = field(repr=False)
    allow_private: frozenset[str] = frozenset()
    connect_seconds: float = 3.0
    read_seconds: float = 10.0
    answer_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check every field."""
        self._check_url()
        if not self.secrets:
            raise InvalidInput("platform/webhook_secret", "Give at least one whsec_ secret.", field="secrets")
        for secret in self.secrets:
            _check_secret(secret)
        for name in ("connect_seconds", "read_seconds", "answer_seconds"):
            if not 0 < getattr(self, name) <= 300:
                raise InvalidInput("platform/webhook_timeout", "Use more than 0 and at most 300 seconds.", field=name)

    def _check_url(self) -> None:
        def wrong(why: str) -> InvalidInput:
            return InvalidInput("platform/webhook_url", why, field="base_url")

        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as error:
            raise wrong("Use a URL such as https://platform.example/gardefou.") from error
        if url.scheme not in {"https", "http"} or not url.host:
            raise wrong("Use a URL such as https://platform.example/gardefou.")
        if url.userinfo or url.query or url.fragment:
            raise wrong("Leave user, query and fragment out of the base URL; requests are signed instead.")
        if url.scheme == "http" and url.host not in self.allow_private:
            raise wrong(f"Use https, or name {url.host} in allow_private if it is on your own network.")

    @property
    def url(self) -> str:
        """The base URL as it is compared and called: lower-case host, no slash at its end."""
        return str(httpx.URL(self.base_url)).rstrip("/")

    @property
    def host(self) -> str:
        """The only host that is ever spoken to."""
        return httpx.URL(self.base_url).host


def _check_secret(secret: str) -> None:
    """A secret is whsec_ and the base64 of 24 to 64 bytes, as Standard Webhooks has it."""
    try:
        size = len(base64.b64decode(secret.removeprefix(_SECRET), validate=True)) if secret.startswith(_SECRET) else 0
    except binascii.Error:
        size = 0
    if not 24 <= size <= 64:
        raise InvalidInput(
            "platform/webhook_secret", "A secret is whsec_ and the base64 of 24 to 64 random bytes.", field="secrets"
        )


def described_in_settings(document: Mapping[str, Any], settings: WebhookSettings) -> Description:
    """Read a describe document that stands in the configuration.

    It cannot name a ``platform_id``: only the platform itself proves who it is
    (R9), so its endpoint is the base URL. Raises `InvalidInput` (`platform/describe`).
    """
    if "platform_id" in document:
        raise InvalidInput(
            "platform/describe", "Leave platform_id out: only the platform itself can name it.", field="platform_id"
        )
    try:
        return wire.description(document, url=settings.url)
    except wire.BadAnswer as error:
        raise InvalidInput("platform/describe", f"The description is not usable: {error}.") from error


class _Lost(Exception):
    """The question was sent, and what came back is no answer."""


class WebhookCalls:
    """Signed calls to one platform: makes the request, judges the status, returns the JSON object."""

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        clock: Clock,
        ids: Ids,
        lookup: Lookup = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._signers = [Signer(secret) for secret in settings.secrets]
        self._client = httpx.Client(
            transport=PinnedTransport(
                settings.host, private_allowed=settings.host in settings.allow_private, lookup=lookup, tls=tls
            ),
            timeout=httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds),
            follow_redirects=False,
            trust_env=False,
        )

    def describe(self) -> dict[str, Any]:
        """Ask the platform what it can do; for registration, which stores the document.

        Raises `PlatformRefused` and `PlatformUnreachable`; the latter also for a
        description that is not of the documented form.
        """

        def check(document: dict[str, Any]) -> dict[str, Any]:
            wire.description(document, url=self._settings.url)
            return document

        return self.read("describe", {}, check)

    def read(self, call: str, body: Mapping[str, Any], form: Callable[[dict[str, Any]], T]) -> T:
        """Make a call that changes nothing, and return its answer as ``form`` reads it."""
        try:
            return form(self._post(call, body, key=f"{call}-{self._ids.new()}"))
        except (_Lost, wire.BadAnswer) as error:
            raise PlatformUnreachable(f"{self._settings.host} could not be read: {error}.") from error

    def act(self, call: str, body: Mapping[str, Any], form: Callable[[dict[str, Any]], T], *, key: str) -> T:
        """Make a call that changes something; ``key`` is its identity however often it is sent."""
        try:
            return form(self._post(call, body, key=key))
        except (_Lost, wire.BadAnswer) as error:
            raise PlatformAnswerLost(
                f"{self._settings.host} was asked to {call} and gave no answer: {error}."
            ) from error

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _post(self, call: str, body: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        # The path is not signed, so the call stands in the body too: a signed
        # apply cannot be played back as an undo.
        raw = orjson.dumps({"call": call, **body}, option=orjson.OPT_SORT_KEYS)
        request = self._client.build_request(
            "POST", f"{self._settings.url}/{call}", content=raw, headers=self._headers(raw, key)
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                answer = self._bounded(response)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError) as error:
            raise PlatformUnreachable(f"{self._settings.host} cannot be reached: {error}.") from error
        except httpx.ReadTimeout as error:
            raise _Lost("it took too long") from error
        except httpx.HTTPError as error:
            raise _Lost(f"the connection broke ({error})") from error
        return self._judge(response, answer)

    def _headers(self, raw: bytes, key: str) -> dict[str, str]:
        now = self._clock.now()
        signatures = " ".join(signer.sign(msg_id=key, timestamp=now, data=raw.decode()) for signer in self._signers)
        return {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "gardefou",
            "webhook-id": key,
            "webhook-timestamp": str(to_micros(now) // 1_000_000),
            "webhook-signature": signatures,
        }

    def _bounded(self, response: httpx.Response) -> bytes:
        """Read an answer as it comes, and give up on one that is too long, in bytes or in time."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _Lost("its answer is compressed, which was not asked for")
        latest = self._clock.now() + timedelta(seconds=self._settings.answer_seconds)
        answer = bytearray()
        for piece in response.iter_raw():
            answer += piece
            if len(answer) > MAX_ANSWER:
                raise _Lost(f"its answer is longer than {MAX_ANSWER} bytes")
            if self._clock.now() > latest:
                raise _Lost("it took too long")
        return bytes(answer)

    def _judge(self, response: httpx.Response, answer: bytes) -> dict[str, Any]:
        status, host = response.status_code, self._settings.host
        if status == 200:
            return wire.parse(answer)
        if status in {408, 425, 429} or (status == 503 and "retry-after" in response.headers):
            raise PlatformUnreachable(f"{host} takes no requests now (HTTP {status}); try again later.")
        if 400 <= status < 500:
            code, words = wire.refusal(answer, status)
            if code == "no_such_account":
                raise NoSuchAccount(f"{host}: {words}")
            raise PlatformRefused(f"{host} refused: {words}")
        raise _Lost(f"HTTP {status}")


class Webhook:
    """The connector for one platform, with the description that was stored when it was registered.

    `gardefou.platforms.webhook_wire.description` reads one that the platform
    gave (`WebhookCalls.describe`), `described_in_settings` one from the configuration.
    """

    def __init__(self, name: str, description: Description, calls: WebhookCalls) -> None:
        self.name = name
        self._description = description
        self._calls = calls

    def describe(self) -> Description:
        """Return what was declared at registration; makes no call."""
        return self._description

    def read_state(self, account: str, *, content: Sequence[str] = ()) -> AccountReading:
        """Read an account; a measure, label or item that was not declared or asked about is refused."""
        return self._calls.read(
            "read_state",
            {"account": account, "content": list(content)},
            lambda answer: wire.reading(answer, account=account, content=content, labels=self._description.labels),
        )

    def resolve(self, account: str, *, content: Sequence[str] = ()) -> Resolved:
        """Ask for the canonical id and the owner of each item."""
        return self._calls.read(
            "resolve",
            {"account": account, "content": list(content)},
            lambda answer: wire.resolved(answer, account=account, content=content),
        )

    def apply(self, operation: Operation) -> Answer:
        """Ask the platform to turn measures on; what it does not declare is refused without asking."""
        action, target = operation.action, operation.target
        if action not in self._description.capabilities:
            raise PlatformRefused(f"{self.name} has no action {action}; choose one it describes.")
        if action is Action.LABEL and target.label not in self._description.labels:
            raise PlatformRefused(f"Label {target.label!r} is not on {self.name}'s list; choose one of it.")
        if not operation.measures <= measures_of_action(action, content=target.content, label=target.label):
            raise PlatformRefused(
                f"These measures are not what {action} does: {', '.join(sorted(operation.measures))}."
            )
        return self._operate("apply", operation)

    def undo(self, operation: Operation) -> Answer:
        """Ask the platform to turn measures off.

        `Action.RESTORE` may stand for the action where no single one is undone.
        """
        capability = self._description.capabilities.get(operation.action)
        if capability is None and operation.action is not Action.RESTORE:
            raise PlatformRefused(f"{self.name} has no action {operation.action}; choose one it describes.")
        if capability is not None and capability.reversibility is Reversibility.NONE:
            raise PlatformRefused(f"{self.name} cannot undo {operation.action}; nothing was changed.")
        return self._operate("undo", operation)

    def close(self) -> None:
        """Close idle connections."""
        self._calls.close()

    def _operate(self, call: str, operation: Operation) -> Answer:
        target = operation.target
        if not operation.key.isascii() or not operation.key.isprintable() or " " in operation.key:
            raise PlatformRefused("An operation key is printable ASCII without spaces; nothing was sent.")
        body = {
            "key": operation.key,
            "action": str(operation.action),
            "account": target.account,
            "content": list(target.content),
            "label": target.label,
            "measures": sorted(operation.measures),
            "fence": operation.fence,
            "reason": operation.reason,
            "kept": dict(operation.kept),
        }
        return self._calls.act(
            call,
            body,
            lambda answer: wire.done(answer, account=target.account, key=operation.key),
            key=operation.key,
        )
