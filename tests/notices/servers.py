"""Small servers on this machine that notices are sent to: one for HTTP, one for mail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


@contextmanager
def http_server(status: int = 200) -> Iterator[tuple[int, list[dict]]]:
    """A server that keeps what it is sent."""
    got: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append({**sent, "id": self.headers["Webhook-Id"]})
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], got
        finally:
            server.shutdown()
            thread.join()


class MailServer(socketserver.TCPServer):
    """Keeps the mails that it was handed."""

    def __init__(self, auth: str) -> None:
        super().__init__(("127.0.0.1", 0), Mail)
        self.auth = auth
        self.mails: list[str] = []


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to be handed one mail."""

    def handle(self) -> None:
        def say(text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        server = self.server
        assert isinstance(server, MailServer)
        say("220 here")
        lines: list[str] = []
        inside = False
        while line := self.rfile.readline():
            text = line.decode().rstrip("\r\n")
            if inside:
                inside = text != "."
                if inside:
                    lines.append(text)
                else:
                    server.mails.append("\n".join(lines))
                    say("250 taken")
            elif text.upper().startswith("EHLO"):
                say("250-here")
                say("250 AUTH PLAIN")
            elif text.upper().startswith("AUTH"):
                say(server.auth)
            elif text.upper() == "DATA":
                inside = True
                say("354 go on")
            elif text.upper() == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


@contextmanager
def smtp_server(auth: str = "235 welcome") -> Iterator[tuple[int, list[str]]]:
    with MailServer(auth) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], server.mails
        finally:
            server.shutdown()
            thread.join()
