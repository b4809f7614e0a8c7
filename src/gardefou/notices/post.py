"""The way out: an address of a channel, and sending one message to it, through Apprise.

An address is a secret. What comes back from a service is told in words of a
closed list, or as a bare status: a library's own text may quote the address.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from gardefou.errors import InvalidInput
from gardefou.speech import gettext as _

#: Seconds that one attempt may take before its answer is no longer waited for.
PATIENCE = 15.0
_MAX_ADDRESS = 2_000
#: They speak to whoever sits at this machine, and nobody does.
_HERE = frozenset({"dbus", "qt", "kde", "glib", "gio", "gnome", "macosx", "windows", "syslog"})
#: Services that are programs of people's own, which can tell by the id what they were sent already.
_PROGRAMS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
_ID = "Webhook-Id"
_log = logging.getLogger("apprise")
# Below this the library under it writes every address that it calls.
logging.getLogger("urllib3").setLevel(logging.INFO)
# Nor does it where somebody makes it louder again: what is called holds what only the channel may know.
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: record.levelno > logging.DEBUG)

_SAID = (
    (re.compile(r"error=(\d{3})\b"), "http {}"),
    (re.compile(r"\((\d{3}), b['\"]"), "smtp {}"),
)
_MEANS = (
    ("CERTIFICATE_VERIFY_FAILED", "certificate"),
    ("certificate verify failed", "certificate"),
    ("Name or service not known", "unknown_host"),
    ("NameResolutionError", "unknown_host"),
    ("nodename nor servname", "unknown_host"),
    ("Temporary failure in name resolution", "unknown_host"),
    ("No address associated", "unknown_host"),
    ("timed out", "too_slow"),
    ("Connection", "no_connection"),
    ("onnection error", "no_connection"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What an attempt came to. ``answer``: one of `gardefou.notices.kinds.ANSWERS`, or a status: ``http 403``."""

    ok: bool
    answer: str


class Post(Protocol):
    """Sends messages to channels whose addresses lie in this machine's key store."""

    def has(self, key: str) -> bool:
        """Whether the address kept under a key is here."""
        ...

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        """Send one message; never raises. ``notice`` is its id, the same however often it is sent."""
        ...


class Addresses(Protocol):
    """Where addresses are kept."""

    def address(self, key: str) -> str | None:
        """Return an address, or None where it is not here."""
        ...


class NoPost:
    """Has no address and sends nothing: for stores that are nobody's, such as a scenario's."""

    def has(self, key: str) -> bool:  # noqa: ARG002
        """It has none."""
        return False

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:  # noqa: ARG002
        """Say so."""
        return Sent(ok=False, answer="no_address")


class ApprisePost:
    """Sends through Apprise."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def has(self, key: str) -> bool:
        """Whether the address kept under a key is here."""
        return self._addresses.address(key) is not None

    def send(self, key: str, title: str, body: str, *, notice: str = "") -> Sent:
        """Send one message; never raises. What is sent to a program of one's own carries the notice's id."""
        url = self._addresses.address(key)
        if url is None:
            return Sent(ok=False, answer="no_address")
        with _ear.listening() as lines:
            try:
                found = _service(url)
                if found is None:
                    return Sent(ok=False, answer="bad_address")
                if notice and urlsplit(url).scheme.lower() in _PROGRAMS:
                    found[1].headers = {_ID: notice, **found[1].headers}
                if found[0].notify(body=body, title=title):
                    return Sent(ok=True, answer="sent")
            except Exception as error:  # noqa: BLE001 - whatever a service's code does, the notice is tried again
                lines.append(f"{type(error).__name__}: {error}")
                return Sent(ok=False, answer=_meaning(lines, "broken"))
            return Sent(ok=False, answer=_meaning(lines, "not_taken"))


def send_within(post: Post, key: str, title: str, body: str, *, seconds: float = PATIENCE) -> Sent:
    """Send one message and wait no longer than that for what comes of it; it may arrive still."""
    came: list[Sent] = []
    thread = threading.Thread(
        target=lambda: came.append(post.send(key, title, body)), name="gardefou-test", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return came[0] if came else Sent(ok=False, answer="too_slow")


def service_of(url: str) -> str:
    """Return what kind of service an address is of, such as ``mailtos`` or ``slack``, if it can be used.

    Raises:
        InvalidInput: it is none that Apprise knows, speaks to this machine's
            own screen, or leads to a link-local address (`channel/address`).
            The message never quotes it.
    """
    wrong = "That is no address of a service; see docs/notices.md for how each is written."
    if not url or len(url) > _MAX_ADDRESS or not url.isprintable():
        raise InvalidInput("channel/address", wrong, field="address")
    with _ear.listening():
        try:
            found = _service(url)
        except Exception:  # noqa: BLE001 - what the library says may quote the address
            found = None
    schema = urlsplit(url).scheme.lower()
    if found is None or not schema:
        raise InvalidInput("channel/address", wrong, field="address")
    if schema in _HERE:
        raise InvalidInput(
            "channel/address", _("%(schema)s speaks to this machine's own screen.", schema=schema), field="address"
        )
    if _link_local(str(getattr(found[1], "host", "") or "")):
        raise InvalidInput("channel/address", "A link-local address is nobody's chat, mail or pager.", field="address")
    return schema


def _link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_link_local
    except ValueError:
        return False


def _service(url: str) -> tuple[Any, Any] | None:
    """Return Apprise with one address, and its own object for that; None where it is no address."""
    # Loaded when it is needed: reading all its services takes a quarter of a second.
    from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode  # noqa: PLC0415

    asset = AppriseAsset(
        app_id="Gardefou",
        app_desc="Gardefou",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        body_format=NotifyFormat.TEXT,
        storage_mode=PersistentStoreMode.MEMORY,
        secure_logging=True,
        # A limit of its own would run all channels in one small pool of threads, where one that hangs holds up others.
        service_timeout=0,
        http_redirects=False,
        async_mode=False,
    )
    # Its own annotations leave the types of its dictionaries open.
    make: Any = Apprise
    one = make.instantiate(url, asset=asset, suppress_exceptions=True)
    if one is None:
        return None
    # Through the whole, not the one: it is what turns text into what the service wants.
    whole = make(asset=asset)
    whole.add(one)
    return whole, one


class _Ear(logging.Filter):
    """Keeps what the library says for whoever asked it, in their thread, and lets it go no further.

    Its lines may quote an address. A filter, for the library itself sets anew where its lines go when it is loaded.
    """

    def __init__(self) -> None:
        super().__init__()
        self._heard = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        lines: list[str] | None = getattr(self._heard, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())
        return False

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Collect what the library says in this thread meanwhile."""
        self._heard.lines = lines = list[str]()
        _log.setLevel(logging.DEBUG)
        try:
            yield lines
        finally:
            self._heard.lines = None


_ear = _Ear()
_log.addFilter(_ear)


def _meaning(lines: list[str], otherwise: str) -> str:
    """Return what the library's lines come to, in words of the closed list."""
    for line in reversed(lines):
        for pattern, answer in _SAID:
            found = pattern.search(line)
            if found is not None:
                return answer.format(found[1])
    for part, answer in _MEANS:
        if any(part in line for line in lines):
            return answer
    return otherwise
