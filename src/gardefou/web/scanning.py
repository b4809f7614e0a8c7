"""Asking a virus scanner about what a report brought, before anybody is shown it: clamd, or what speaks as it does.

The bytes go over a socket (``INSTREAM``) and are kept nowhere by us. What the
scanner does not pass is not shown; nor is anything while it gives no answer.
"""

from __future__ import annotations

import socket

from gardefou.errors import Denied, InvalidInput, Unavailable
from gardefou.speech import later

#: Seconds that one answer is waited for.
PATIENCE = 10.0
_PIECE = 65_536
_LONGEST = 4_096
_UNIX = "unix:"


def scan(address: str, body: bytes) -> None:
    """Return when the scanner at this address passed these bytes: ``unix:/path`` or ``host:port``.

    Raises:
        Denied: it found something (`media/infected`).
        Unavailable: it gives no answer, or none that is one (`media/unscanned`).
    """
    try:
        with _connected(address) as line:
            line.sendall(b"zINSTREAM\0")
            for at in range(0, len(body), _PIECE):
                piece = body[at : at + _PIECE]
                line.sendall(len(piece).to_bytes(4, "big") + piece)
            line.sendall(bytes(4))
            said = _answer(line)
    except OSError as error:
        raise _unscanned() from error
    if said == "stream: OK":
        return
    if said.startswith("stream: ") and said.endswith(" FOUND"):
        raise Denied("media/infected", later("The virus scanner found something in this picture; it is not shown."))
    raise _unscanned()


def check_address(address: str) -> None:
    """Check that an address of a scanner can be one, or is empty: then nothing is scanned.

    Raises:
        InvalidInput: it is none (`settings/invalid`).
    """
    host, _, port = address.rpartition(":")
    good = len(address) > len(_UNIX) if address.startswith(_UNIX) else bool(host) and port.isdecimal()
    if address and not good:
        raise InvalidInput("settings/invalid", "scanner is unix:/path or host:port.", field="scanner")


def _connected(address: str) -> socket.socket:
    if address.startswith(_UNIX):
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(PATIENCE)
        line.connect(address.removeprefix(_UNIX))
        return line
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)


def _answer(line: socket.socket) -> str:
    said = b""
    while b"\0" not in said and len(said) < _LONGEST and (more := line.recv(_LONGEST)):
        said += more
    return said.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _unscanned() -> Unavailable:
    return Unavailable("media/unscanned", later("The virus scanner gives no answer now; look again in a moment."))
