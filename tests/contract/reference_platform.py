"""A small platform of one's own behind the webhook connector, for the tests: real HTTP on the loopback.

It verifies signatures as the documentation says, keeps its accounts in memory,
and misbehaves on request: `mode` names what it does with the next calls.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LABELS = ["spam", "misleading"]
SAYS = "As the word says."


def capability(action: str, severity: int, reversibility: str = "exact", **more: Any) -> dict[str, Any]:
    return {"action": action, "severity": severity, "reversibility": reversibility, "says": SAYS, **more}


DESCRIPTION: dict[str, Any] = {
    "platform_id": "reference-1",
    "takes_key": True,
    "labels": LABELS,
    "capabilities": [
        capability("warn", 1),
        capability("label", 1),
        capability("limit", 3, word="shadow-ban"),
        capability("remove_content", 2),
        capability("suspend", 3, word="ban"),
        capability("deactivate", 4, "lossy", losses=["sessions"]),
        capability("delete", 5, "none"),
    ],
}


@dataclass
class Account:
    handle: str
    measures: set[str] = field(default_factory=set)
    effects: int = 0


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class ReferencePlatform:
    """The platform and its server; `start` gives it a port, `stop` and `resume` take it away and back."""

    def __init__(self, secret: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.verifier = Webhook(secret)
        self.tls = tls
        self.accounts: dict[str, Account] = {}
        self.owners: dict[str, str] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.received: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        #: well | refuse | status:N | garbage | huge | slow | drop | redirect | raw:<JSON>
        self.mode = "well"
        self.hurry = threading.Event()
        self.lock = threading.Lock()
        self.port = 0
        self.server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                platform.handle(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.hurry.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    # --- one request --------------------------------------------------------------------

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        raw = request.rfile.read(int(request.headers["content-length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        # One connection per request: a stopped server then refuses at once, as a dead process would.
        request.close_connection = True
        try:
            self.verifier.verify(raw, headers)
            body = json.loads(raw)
            if request.path != f"/hooks/{body['call']}":
                raise Refused(401, "wrong_call", "the signed call is another one")
        except WebhookVerificationError as error:
            self.send(request, 401, {"error": {"code": "signature", "message": str(error)}})
            return
        self.received.append((body["call"], headers, body))
        kind, _, value = self.mode.partition(":")
        if kind == "refuse":
            self.send(request, int(value or 403), {"error": {"code": "no", "message": "not while\nyou are new here"}})
        elif kind == "status":
            self.send(request, int(value.partition("+")[0]), {}, retry_after=value.endswith("+retry"))
        elif kind == "redirect":
            self.send(request, 307, {}, location=f"/elsewhere/{body['call']}")
        elif kind == "before":  # the connection breaks before anything is done
            request.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(request, kind, value, body)

    def answer(self, request: BaseHTTPRequestHandler, kind: str, value: str, body: dict[str, Any]) -> None:
        try:
            with self.lock:
                answer = getattr(self, f"on_{body['call']}")(body)
        except Refused as refused:
            self.send(request, refused.status, {"error": {"code": refused.code, "message": refused.message}})
            return
        if kind == "drop":  # done, and the answer is lost
            request.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "slow":  # done, and the answer comes too late
            self.hurry.wait(10)
        elif kind == "garbage":
            self.send(request, 200, b"<html>all is well</html>")
        elif kind == "huge":
            self.send(request, 200, {**answer, "said": {"x": "y" * 1_100_000}})
        elif kind == "raw":
            self.send(request, 200, {**answer, **json.loads(value)})
        else:
            self.send(request, 200, answer)

    def send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: dict[str, Any] | bytes,
        *,
        retry_after: bool = False,
        location: str | None = None,
    ) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        request.send_header("content-length", str(len(raw)))
        request.send_header("connection", "close")
        if retry_after:
            request.send_header("retry-after", "30")
        if location:
            request.send_header("location", location)
        request.end_headers()
        with contextlib.suppress(OSError):  # the connector hangs up on an answer that is too long
            request.wfile.write(raw)

    # --- the five calls -----------------------------------------------------------------

    def account(self, ref: str) -> Account:
        if ref not in self.accounts:
            raise Refused(404, "no_such_account", f"no account {ref}")
        return self.accounts[ref]

    def owner(self, item: str) -> str:
        if item not in self.owners:
            raise Refused(404, "no_such_account", f"no item {item}")
        return self.owners[item]

    def on_describe(self, body: dict[str, Any]) -> dict[str, Any]:
        return DESCRIPTION

    def on_read_state(self, body: dict[str, Any]) -> dict[str, Any]:
        account = self.account(body["account"])
        asked = {f"removed:{item}" for item in body["content"]}
        shown = [each for each in sorted(account.measures) if not each.startswith("removed:") or each in asked]
        return {"account": body["account"], "handle": account.handle, "reach": 7, "age_days": 9, "measures": shown}

    def on_resolve(self, body: dict[str, Any]) -> dict[str, Any]:
        self.account(body["account"])
        owners = {item: self.owner(item) for item in body["content"]}
        return {"account": body["account"], "canonical": body["account"], "content_owner": owners}

    def on_apply(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.operate(body, on=True)

    def on_undo(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.operate(body, on=False)

    def operate(self, body: dict[str, Any], *, on: bool) -> dict[str, Any]:
        account = self.account(body["account"])
        if body["key"] not in self.answers:
            before = set(account.measures)
            account.measures = before | set(body["measures"]) if on else before - set(body["measures"])
            if account.measures != before or body["action"] == "warn":
                account.effects += 1
            kept = {"was": sorted(before)} if on else {}
            self.answers[body["key"]] = {
                "account": body["account"],
                "key": body["key"],
                "said": {"done": True},
                "kept": kept,
                "losses": [],
            }
        return self.answers[body["key"]]
