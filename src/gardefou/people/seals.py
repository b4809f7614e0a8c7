"""Seals: the cipher that people's names lie under, marks to look them up by, and the ring of keys for both.

A sealed document is AES-256-GCM, bound to what it is about; its length says
little, as it is padded. A mark is HMAC-SHA256 under a key of its own: equal for
equal text, and nothing to whoever has not the key. Both keys, and the one for
names outside the organisation, come from a ring of 32-byte secrets that never
lies in the database. How the ring is kept is `gardefou.people.seal_store`'s matter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gardefou.errors import Unavailable
from gardefou.speech import gettext as _

_SECRET = 32
_NONCE = 12
#: A sealed document is this many bytes long, or a multiple, so that it does not tell how long a name is.
_PADDED = 256
_FORMAT = b"\x01"


def _bound(about: str) -> bytes:
    return _FORMAT + about.encode()


def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_SECRET, salt=None, info=f"gardefou {purpose} v1".encode()).derive(secret)


@dataclass(frozen=True, slots=True)
class SealKey:
    """One key of the ring. Its id is the beginning of a hash of it, so that no two keys share one."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> SealKey:
        """Return a new key."""
        return cls(os.urandom(_SECRET))

    @property
    def id(self) -> str:
        """The key's name, which stands beside what it sealed."""
        return hashlib.sha256(b"gardefou seal key id\0" + self.secret).hexdigest()[:16]

    def seal(self, document: dict[str, str], about: str) -> bytes:
        """Return a document sealed under this key; it opens only for the same ``about``."""
        plain = json.dumps(document).encode()
        plain += b" " * (-len(plain) % _PADDED)
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(_derive(self.secret, "seal")).encrypt(nonce, plain, _bound(about))
        return _FORMAT + nonce + sealed

    def open(self, sealed: bytes, about: str) -> dict[str, str]:
        """Return what was sealed about this.

        Raises:
            Unavailable: it was changed, or is about something else (`seals/broken`).
        """
        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            plain = AESGCM(_derive(self.secret, "seal")).decrypt(nonce, rest, _bound(about))
        except (InvalidTag, ValueError) as error:
            raise Unavailable(
                "seals/broken", "A sealed entry of the directory does not open: somebody changed its row."
            ) from error
        document: dict[str, str] = json.loads(plain)
        return document

    def mark(self, kind: str, text: str) -> bytes:
        """Return the mark that a text of this kind is found by."""
        return hmac.digest(_derive(self.secret, "mark"), f"{kind}\0{text}".encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, slots=True)
class Ring:
    """Every key that something may be sealed under, the one that seals now, and one for names outside."""

    keys: tuple[SealKey, ...]
    sealing: SealKey
    #: Names outside the organisation are made with it; it is never replaced, as these names stay with an enforcement.
    outside: bytes = field(repr=False)

    @classmethod
    def new(cls, secret: bytes | None = None) -> Ring:
        """Return a ring of one key, made of randomness or, for worlds that are thrown away, of a given secret."""
        secret = os.urandom(_SECRET) if secret is None else secret
        key = SealKey(_derive(secret, "first seal"))
        return cls(keys=(key,), sealing=key, outside=_derive(secret, "outside"))

    def key(self, key_id: str) -> SealKey:
        """Return a key by its id.

        Raises:
            Unavailable: it is not on this ring (`seals/key`).
        """
        found = next((one for one in self.keys if one.id == key_id), None)
        if found is None:
            raise Unavailable(
                "seals/key",
                _(
                    "The directory is sealed under key %(key)s, which this machine has not; "
                    "copy seals.json from the key store that has it.",
                    key=key_id,
                ),
            )
        return found

    def marks(self, kind: str, text: str) -> list[bytes]:
        """Return what a text may be marked with, by whichever key."""
        return [one.mark(kind, text) for one in self.keys]

    def with_key(self, key: SealKey) -> Ring:
        """Return the ring with another key on it, which does not seal yet."""
        return replace(self, keys=(*self.keys, key))

    def sealing_with(self, key: SealKey) -> Ring:
        """Return the ring with this key of it sealing from now on."""
        return replace(self, sealing=self.key(key.id))

    def without(self, key_ids: Iterable[str]) -> Ring:
        """Return the ring without some keys."""
        gone = set(key_ids)
        return replace(self, keys=tuple(one for one in self.keys if one.id not in gone))

    def to_json(self) -> dict[str, Any]:
        """Return the ring as it is written down: secrets in base64."""
        return {
            "keys": [base64.b64encode(one.secret).decode() for one in self.keys],
            "sealing": self.sealing.id,
            "outside": base64.b64encode(self.outside).decode(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Ring:
        """Return the ring that was written down."""
        keys = tuple(SealKey(base64.b64decode(one)) for one in document["keys"])
        sealing = next(one for one in keys if one.id == document["sealing"])
        return cls(keys=keys, sealing=sealing, outside=base64.b64decode(document["outside"]))


class Seals(Protocol):
    """Where the ring comes from."""

    def ring(self) -> Ring | None:
        """Return the ring as it is now, or None where none was made yet.

        Raises:
            Unavailable: whoever keeps the key does not hand it out (`seals/command`, `seals/unreadable`).
        """
        ...

    def make(self) -> Ring:
        """Return the ring, made now where there is none; two who make it at once get the same."""
        ...


@dataclass(frozen=True, slots=True)
class DerivedSeals:
    """A ring made of another secret: for worlds in memory, which have no key store."""

    secret: bytes = field(repr=False)

    def ring(self) -> Ring:
        """Return the ring."""
        return Ring.new(self.secret)

    def make(self) -> Ring:
        """Return the ring."""
        return self.ring()
