"""Matrix identifiers as references: accounts, and the four kinds of content.

    @user:server               an account; never changes
    !room/$event               a message
    mxc://server/media         an uploaded file
    !room                      a whole room
    *                          all of the account's messages

Room ids carry a server name up to room version 11 and none from 12 on, so
nothing is read out of them. Forms: Matrix specification, "Identifier grammar".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gardefou.platforms.protocol import NoSuchAccount

#: All of an account's messages, as a content id.
EVERYTHING = "*"

_ACCOUNT = re.compile(r"@[^:\s\x00-\x1f/]{0,254}:(?P<server>[^\s/]{1,230})")
_EVENT = re.compile(r"(?P<room>![^\s/]{1,254})/(?P<event>\$[^\s]{1,254})")
_MEDIA = re.compile(r"mxc://(?P<server>[^\s/]{1,230})/(?P<media>[A-Za-z0-9_\-]{1,255})")
_ROOM = re.compile(r"![^\s/]{1,254}")


class Kind(StrEnum):
    """What a content id names."""

    MESSAGE = "message"
    MEDIA = "media"
    ROOM = "room"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A content id taken apart; the parts that its kind does not have are empty."""

    id: str
    kind: Kind
    room: str = ""
    event: str = ""
    server: str = ""
    media: str = ""


def server_of(account: str) -> str:
    """Return the homeserver of an account. Raises `NoSuchAccount` when it is no Matrix id."""
    match = _ACCOUNT.fullmatch(account)
    if match is None or len(account) > 255:
        raise NoSuchAccount(f"{account[:80]!r} is no Matrix account; write it in full, as @user:server.")
    return match["server"]


def parse_content(text: str) -> Content:
    """Take a content id apart. Raises `NoSuchAccount` when it is none."""
    if text == EVERYTHING:
        return Content(id=text, kind=Kind.EVERYTHING)
    if match := _MEDIA.fullmatch(text):
        return Content(id=text, kind=Kind.MEDIA, server=match["server"], media=match["media"])
    if match := _EVENT.fullmatch(text):
        return Content(id=text, kind=Kind.MESSAGE, room=match["room"], event=match["event"])
    if _ROOM.fullmatch(text):
        return Content(id=text, kind=Kind.ROOM, room=text)
    raise NoSuchAccount(
        f"{text[:80]!r} names no content here; use !room/$event, mxc://server/media, !room, or * for all messages."
    )


def message_id(room: str, event: str) -> str:
    """Return the content id of a message."""
    return f"{room}/{event}"
