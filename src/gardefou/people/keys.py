"""The key store: the ledger's key, the sealing keys, credentials, channels' addresses, the client's secret (R20).

All in files outside the database.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gardefou.errors import InvalidInput, NotFound
from gardefou.ledger.note import Signer
from gardefou.speech import gettext as _

_SIGNER = "ledger.key"
#: The sealing keys of the directory.
SEALS = "seals.json"
_OIDC = "oidc.json"


@dataclass(frozen=True, slots=True)
class KeyStore:
    """A folder that only its owner reads."""

    folder: Path

    def signer(self, randomness: Callable[[int], bytes] = secrets.token_bytes) -> Signer:
        """Return the ledger's key, made at the first call. Its name is the log's origin."""
        path = self.folder / _SIGNER
        if path.exists():
            return Signer.decode(path.read_text(encoding="ascii").strip())
        origin = f"gardefou-{randomness(6).hex()}"
        signer = Signer.generate(origin, randomness)
        self._write(path, signer.encoded + "\n", new=True)
        return Signer.decode(path.read_text(encoding="ascii").strip())

    def seals(self) -> str | None:
        """Return the sealing keys as they are written down (`gardefou.people.seal_store`), or None without any."""
        try:
            return (self.folder / SEALS).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def keep_seals(self, text: str, *, new: bool) -> None:
        """Write the sealing keys down; with ``new`` what is there already stays as it is."""
        self._write(self.folder / SEALS, text, new=new)

    def credentials(self, platform: str) -> dict[str, str]:
        """Return a platform's credentials.

        Raises:
            NotFound: there are none here (`keys/not_found`).
        """
        path = self._path(platform)
        if not path.exists():
            raise NotFound(
                "keys/not_found",
                _("This machine's key store has no credentials for %(platform)s.", platform=repr(platform)),
            )
        loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def keep(self, platform: str, credentials: Mapping[str, str]) -> None:
        """Keep a platform's credentials, replacing earlier ones."""
        self._write(self._path(platform), json.dumps(dict(credentials), indent=1) + "\n", new=False)

    def keep_address(self, key: str, url: str) -> None:
        """Keep the address of a channel for notices under a key of its own; it is never replaced.

        Raises:
            InvalidInput: the key is none (`channel/key`).
        """
        self._write(self._address_path(key), json.dumps({"url": url}) + "\n", new=True)

    def address(self, key: str) -> str | None:
        """Return the address of a channel, or None where this machine has it not."""
        path = self._address_path(key)
        if not path.exists():
            return None
        loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return loaded["url"]

    def oidc_client(self) -> dict[str, str] | None:
        """Return what proves this client to the identity provider: ``client_secret`` or ``private_key``; or None."""
        path = self.folder / _OIDC
        if not path.exists():
            return None
        loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def keep_oidc_client(self, secret: Mapping[str, str]) -> None:
        """Keep what proves this client to the identity provider, replacing what was kept."""
        self._write(self.folder / _OIDC, json.dumps(dict(secret)) + "\n", new=False)

    def _address_path(self, key: str) -> Path:
        if not key.replace("-", "").isalnum() or not key.isascii():
            raise InvalidInput("channel/key", "An address is kept under letters, digits and -.", field="key")
        return self.folder / f"channel-{key}.json"

    def _path(self, platform: str) -> Path:
        if not platform.replace("-", "").replace("_", "").isalnum():
            raise InvalidInput("platform/name", "A name has letters, digits, - and _.", field="name")
        return self.folder / f"platform-{platform}.json"

    def _write(self, path: Path, text: str, *, new: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not new:
            draft.replace(path)
            return
        # The first one made is the one: two processes that start at once agree.
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
