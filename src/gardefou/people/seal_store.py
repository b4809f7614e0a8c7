"""Where the ring of sealing keys lies: ``seals.json`` in the key store, as it is or wrapped by a command.

The command is the door to a key management service: it reads the ring on its
standard input and writes it wrapped to its standard output, and another undoes
that; ``age``, ``gcloud kms``, ``vault`` and their like can be put there. What
lies on the disk is then of no use without the service.

    {"kept": "file", "ring": {…}}
    {"kept": "command", "ring": "<base64 of what the command wrote>"}
"""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import threading
from dataclasses import dataclass
from typing import Any, Protocol

from gardefou.errors import InvalidInput, Unavailable
from gardefou.people.keys import KeyStore
from gardefou.people.seals import Ring
from gardefou.speech import gettext as _

_SECONDS = 30


class Wrap(Protocol):
    """A key management service, as seen from here: it wraps a few hundred bytes and unwraps them again."""

    def wrap(self, plain: bytes) -> bytes:
        """Return the bytes wrapped."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what was wrapped."""
        ...


@dataclass(frozen=True, slots=True)
class CommandWrap:
    """A wrap by two commands that read standard input and write standard output; no shell is between."""

    wrapping: str
    unwrapping: str

    def wrap(self, plain: bytes) -> bytes:
        """Run the wrapping command.

        Raises:
            Unavailable: it is not set, cannot be run, fails, or takes over half a minute (`seals/command`).
        """
        return self._run("seal_wrap", self.wrapping, plain)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Run the unwrapping command.

        Raises:
            Unavailable: as `wrap`.
        """
        return self._run("seal_unwrap", self.unwrapping, wrapped)

    def _run(self, setting: str, command: str, given: bytes) -> bytes:
        if not command.strip():
            raise Unavailable(
                "seals/command",
                _("The sealing keys are wrapped, and the setting %(setting)s is empty.", setting=setting),
            )
        try:
            done = subprocess.run(  # noqa: S603 - whoever runs this process names the command in its settings
                shlex.split(command), input=given, capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise Unavailable(
                "seals/command",
                _("The command of %(setting)s cannot be run: %(error)s.", setting=setting, error=type(error).__name__),
            ) from error
        if done.returncode or not done.stdout:
            # What it printed may hold the key, and is not repeated.
            raise Unavailable(
                "seals/command",
                _("The command of %(setting)s failed with status %(status)s.", setting=setting, status=done.returncode),
            )
        return done.stdout


class KeptSeals:
    """The ring in a key store. It is read again when its file changes, so another process may rotate it."""

    def __init__(self, keys: KeyStore, wrap: CommandWrap | None = None) -> None:
        self.keys = keys
        #: Without a wrapping command rings are written as they are, in a file that only its owner reads.
        self.wrap = wrap
        self._held: tuple[str, Ring] | None = None
        self._lock = threading.Lock()

    @property
    def kept(self) -> str:
        """How the ring lies there: ``file``, ``command``, or nothing where there is none."""
        text = self.keys.seals()
        return "" if text is None else str(self._document(text)["kept"])

    def ring(self) -> Ring | None:
        """Return the ring as it is now, or None where none was made yet.

        Raises:
            Unavailable: the command does not unwrap it (`seals/command`), or its file is none (`seals/unreadable`).
        """
        text = self.keys.seals()
        if text is None:
            return None
        with self._lock:
            if self._held is None or self._held[0] != text:
                self._held = (text, self._read(text))
            return self._held[1]

    def make(self) -> Ring:
        """Return the ring, made now where there is none; two who make it at once get the same."""
        there = self.ring()
        if there is None:
            self.keys.keep_seals(self._written(Ring.new()), new=True)
            there = self.ring()
        assert there is not None
        return there

    def keep(self, ring: Ring) -> None:
        """Put another ring in the place of the one there."""
        self.keys.keep_seals(self._written(ring), new=False)

    def _written(self, ring: Ring) -> str:
        if self.wrap is None or not self.wrap.wrapping:
            return json.dumps({"kept": "file", "ring": ring.to_json()}, indent=1) + "\n"
        wrapped = self.wrap.wrap(json.dumps(ring.to_json()).encode())
        if self.wrap.unwrap(wrapped) != json.dumps(ring.to_json()).encode():
            raise Unavailable(
                "seals/command", "What the command of seal_wrap wrote, that of seal_unwrap does not undo."
            )
        return json.dumps({"kept": "command", "ring": base64.b64encode(wrapped).decode()}, indent=1) + "\n"

    def _read(self, text: str) -> Ring:
        document = self._document(text)
        held: Any = document["ring"]
        if document["kept"] == "command":
            if self.wrap is None:
                raise Unavailable(
                    "seals/command", "The sealing keys are wrapped, and the setting seal_unwrap is empty."
                )
            held = self._parsed(self.wrap.unwrap(base64.b64decode(str(held))).decode("utf-8", "replace"))
        try:
            return Ring.from_json(held)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise self._unreadable() from error

    def _document(self, text: str) -> dict[str, Any]:
        document = self._parsed(text)
        if set(document) != {"kept", "ring"}:
            raise self._unreadable()
        return document

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            parsed: Any = json.loads(text)
        except ValueError as error:
            raise self._unreadable() from error
        if not isinstance(parsed, dict):
            raise self._unreadable()
        return dict(parsed)  # pyright: ignore[reportUnknownArgumentType]

    def _unreadable(self) -> Unavailable:
        return Unavailable(
            "seals/unreadable", "seals.json in the key store is not a ring of keys; put the old one back."
        )


def wrap_of(wrapping: str, unwrapping: str) -> CommandWrap | None:
    """Return the wrap that settings name, or None where they name none.

    Raises:
        InvalidInput: only the wrapping command is named (`settings/invalid`): nothing could be read again.
    """
    if wrapping and not unwrapping:
        raise InvalidInput(
            "settings/invalid", "seal_wrap without seal_unwrap: nothing could be read again.", field="seal_unwrap"
        )
    return CommandWrap(wrapping, unwrapping) if unwrapping else None
