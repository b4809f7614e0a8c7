"""An authenticator in software: real ES256 keys and real assertions, for whoever acts without a hand to touch one.

Scenarios, the attacker and tests sign with it. It verifies nobody, and so is
for no person in earnest.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from gardefou.people.assertions import assertion_of, decoded, encoded
from gardefou.people.passkeys import Site

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: User present, user verified; and, where it makes a passkey, attested credential data.
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
_SIGNS = PRESENT | VERIFIED


class SoftwareAuthenticator:
    """One authenticator with one passkey. The same seed (32 bytes) makes the same key and the same signatures.

    ``counting`` lets each signature say how many there were, as some devices do; others say zero.
    """

    def __init__(self, seed: bytes, site: Site, *, counting: bool = False) -> None:
        # Takes a twentieth of a second to import.
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        number = int.from_bytes(hashlib.sha512(seed).digest(), "big") % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        self.site = site
        self.id = encoded(hashlib.sha256(b"credential" + seed).digest())
        self.count = 0
        self._counting = counting

    @property
    def public_key(self) -> str:
        """The public key as COSE has it, base64url."""
        import cbor2  # noqa: PLC0415

        point = self._key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        return encoded(cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y}))

    def make(self, challenge: bytes, *, flags: int = _SIGNS | ATTESTED, **said: Any) -> dict[str, Any]:
        """Return a new passkey as a browser gives it, ``PublicKeyCredential.toJSON()``."""
        import cbor2  # noqa: PLC0415

        raw, key = decoded(self.id), decoded(self.public_key)
        data = self._data(flags) + bytes(16) + len(raw).to_bytes(2, "big") + raw + key
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            {
                "clientDataJSON": encoded(self._client("webauthn.create", challenge, said)),
                "attestationObject": encoded(attestation),
                "transports": ["internal"],
            }
        )

    def use(self, challenge: bytes, *, flags: int = _SIGNS, **said: Any) -> dict[str, Any]:
        """Return a signature over a challenge as a browser gives it.

        ``said`` replaces what the browser says of itself, such as ``origin``.
        """
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        if self._counting:
            self.count += 1
        data, client = self._data(flags), self._client("webauthn.get", challenge, said)
        how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return self._credential(
            {
                "clientDataJSON": encoded(client),
                "authenticatorData": encoded(data),
                "signature": encoded(self._key.sign(data + hashlib.sha256(client).digest(), how)),
            }
        )

    def sign(self, challenge: bytes) -> dict[str, str]:
        """Return a signature over a challenge in the form that is kept with an approval."""
        return assertion_of(self.use(challenge))

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: bytes, said: dict[str, Any]) -> bytes:
        return orjson.dumps(
            {"type": kind, "challenge": encoded(challenge), "origin": self.site.origin, "crossOrigin": False} | said
        )

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.id, "rawId": self.id, "type": "public-key", "response": response}
