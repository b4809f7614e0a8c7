"""The key with which Gardefou proves to the identity provider which client it is (``private_key_jwt``)."""

from __future__ import annotations

import json
from typing import Any

from joserfc.jwk import ECKey


def new_key() -> tuple[str, dict[str, Any]]:
    """Return a new private key as the key store keeps it, and the public one that the provider is given."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    return json.dumps(key.as_dict(private=True)), dict(key.as_dict(private=False))


def loaded(text: str) -> ECKey:
    """Return a private key that the key store kept."""
    return ECKey.import_key(json.loads(text))


def public(text: str) -> dict[str, Any]:
    """Return the public half of a key that the key store kept."""
    return dict(loaded(text).as_dict(private=False))
