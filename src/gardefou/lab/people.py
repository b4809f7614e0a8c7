"""The people of the throw-away homeserver, and what they do on it before anything is tested."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

CLIENT = "/_matrix/client/v3"
ADMIN = "/_synapse/admin"


def _client(base_url: str, **more: Any) -> httpx.Client:
    """Return a client for this machine's own plain HTTP: without that, it reads the certificates of every authority."""
    return httpx.Client(base_url=base_url, timeout=30, trust_env=False, verify=False, **more)  # noqa: S501 - no TLS here


class LabUser:
    """One signed-in account; speaks to the homeserver in its own name."""

    def __init__(self, base_url: str, user_id: str, token: str, password: str) -> None:
        self.user_id = user_id
        self.token = token
        self.password = password
        self._http = _client(base_url, headers={"Authorization": f"Bearer {token}"})
        self._count = itertools.count()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send one request and return the answer, whatever its status."""
        return self._http.request(method, path, json=body)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request that must succeed, and return its JSON."""
        answer = self.ask(method, path, body)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()
        return data

    def create_room(self, name: str, *, public: bool = True, invite: tuple[str, ...] = (), **more: Any) -> str:
        """Create a room and return its id."""
        preset = "public_chat" if public else "private_chat"
        made = self.call("POST", f"{CLIENT}/createRoom", {"preset": preset, "name": name, "invite": invite, **more})
        return str(made["room_id"])

    def join(self, room: str) -> None:
        """Join a public room, or one this account is invited to."""
        self.call("POST", f"{CLIENT}/join/{quote(room, safe='')}", {})

    def send(self, room: str, text: str, **more: Any) -> str:
        """Send a text message and return the event's id."""
        key = f"{self.token[-6:]}.{next(self._count)}"
        path = f"{CLIENT}/rooms/{quote(room, safe='')}/send/m.room.message/{quote(key, safe='')}"
        return str(self.call("PUT", path, {"msgtype": "m.text", "body": text, **more})["event_id"])

    def fetch(self, room: str, event: str) -> dict[str, Any]:
        """Return an event as this account sees it."""
        return self.call("GET", f"{CLIENT}/rooms/{quote(room, safe='')}/event/{quote(event, safe='')}")

    def report_event(self, room: str, event: str, reason: str) -> None:
        """Report a message to the server's administrators."""
        path = f"{CLIENT}/rooms/{quote(room, safe='')}/report/{quote(event, safe='')}"
        self.call("POST", path, {"reason": reason, "score": -100})

    def report_user(self, user_id: str, reason: str) -> None:
        """Report an account to the server's administrators."""
        self.call("POST", f"{CLIENT}/users/{quote(user_id, safe='')}/report", {"reason": reason})

    def upload(self, content: bytes, kind: str = "text/plain") -> str:
        """Upload a file and return its ``mxc://`` address."""
        answer = self._http.post("/_matrix/media/v3/upload", content=content, headers={"Content-Type": kind})
        answer.raise_for_status()
        return str(answer.json()["content_uri"])

    def download(self, address: str) -> int:
        """Return the status that fetching a file answers with."""
        return self.ask("GET", f"/_matrix/client/v1/media/download/{address.removeprefix('mxc://')}").status_code

    def close(self) -> None:
        """Close the connection; the account stays signed in."""
        self._http.close()


def enrol(base_url: str, secret: str, name: str, *, admin: bool = False) -> LabUser:
    """Register an account by the shared secret, or sign it in when it exists."""
    password = f"lab-{name}"
    with _client(base_url) as http:
        nonce = str(http.get(f"{ADMIN}/v1/register").raise_for_status().json()["nonce"])
        # The code that Synapse's manual asks for, "Shared-Secret Registration".
        parts = (nonce, name, password, "admin" if admin else "notadmin")
        code = hmac.new(secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
        body: dict[str, Any] = {
            "nonce": nonce,
            "username": name,
            "password": password,
            "displayname": name.title(),
            "admin": admin,
            "mac": code,
        }
        answer = http.post(f"{ADMIN}/v1/register", json=body)
        if answer.status_code == 400 and answer.json().get("errcode") == "M_USER_IN_USE":
            who = {"type": "m.id.user", "user": name}
            answer = http.post(
                f"{CLIENT}/login", json={"type": "m.login.password", "identifier": who, "password": password}
            )
        data = answer.raise_for_status().json()
    return LabUser(base_url, str(data["user_id"]), str(data["access_token"]), password)


def seed(people: Mapping[str, LabUser]) -> dict[str, Any]:
    """Make the room, the messages and the two reports that every test may count on."""
    alice, bob, carol = people["alice"], people["bob"], people["carol"]
    room = alice.create_room("Lab")
    bob.join(room)
    carol.join(room)
    events = [bob.send(room, f"Buy now, offer {number}") for number in range(1, 6)]
    carol.report_event(room, events[0], "spam")
    carol.report_user(bob.user_id, "abusive account")
    return {"room": room, "events": events}
