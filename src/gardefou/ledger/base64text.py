"""Standard Base 64 (RFC 4648, section 4), read strictly: one text for each value.

A lenient decoder takes several texts for the same bytes (stray characters,
non-zero trailing bits), and a changed character would go unseen.
"""

from __future__ import annotations

import base64
import binascii

from gardefou.errors import InvalidInput


def encode(data: bytes) -> str:
    """Return the base64 text of ``data``, padded, in one line."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str, *, code: str, field: str) -> bytes:
    """Return the bytes of a base64 text, refusing any but the one canonical text.

    Raises:
        InvalidInput: with the given ``code`` and ``field``, when it is not canonical base64.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        data = None
    if data is None or encode(data) != text:
        raise InvalidInput(code, f"{field} is not canonical base64; copy it again, whole.", field=field)
    return data
