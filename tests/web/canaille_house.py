"""A real OpenID provider on this machine: canaille, in memory, with a client and two people."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from socket import socket
from typing import Any

CLIENT = "gardefou"
SECRET = "known-to-both"
PASSWORD = "correct horse battery"


@dataclass
class Canaille:
    """Where it is."""

    issuer: str
    server: Any


@contextmanager
def canaille(redirect_uris: tuple[str, ...], back_to: str) -> Iterator[Canaille]:
    """Run a provider that knows this client, and ada and eve by name and password."""
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import RSAKey
    from werkzeug.serving import make_server

    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    config = {
        "SECRET_KEY": "for a test",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "TESTING": True,
        "WTF_CSRF_ENABLED": True,
        "CANAILLE": {
            "DATABASE": "memory",
            # Its scripts watch each field and put forms anew under one's hands: a slow machine loses what was typed.
            "JAVASCRIPT": False,
            "LOGGING": {"version": 1, "disable_existing_loggers": False},
        },
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)]},
    }
    app = create_app(config)
    with app.app_context():
        # Put there when the application is made, so no checker knows them.
        make_user: Any = models.User
        make_client: Any = models.Client
        for name in ("ada", "eve"):
            Backend.instance.save(
                make_user(
                    formatted_name=name,
                    family_name=name,
                    user_name=name,
                    emails=[f"{name}@example.org"],
                    password=PASSWORD,
                )
            )
        client = make_client(
            client_id=CLIENT,
            client_secret=SECRET,
            client_name="Gardefou",
            client_id_issued_at=datetime.now(UTC),
            client_uri="http://127.0.0.1",
            redirect_uris=list(redirect_uris),
            post_logout_redirect_uris=[back_to],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid"],
            token_endpoint_auth_method="client_secret_basic",
        )
        Backend.instance.save(client)
        # As its own page for a new client does: tokens for it are for it.
        client.audience = [client]
        Backend.instance.save(client)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Canaille(f"http://127.0.0.1:{port}", server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
