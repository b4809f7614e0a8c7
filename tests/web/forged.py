"""An identity provider of our own, in memory, that signs whatever a test wants: also what no honest one would."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwk, jwt

ISSUER = "https://id.example.org"
CLIENT = "gardefou"
SECRET = "of-the-client"
KEY = jwk.ECKey.generate_key("P-256", {"use": "sig", "kid": "one"})
OTHER = jwk.ECKey.generate_key("P-256", {"use": "sig", "kid": "two"})


def unsigned(header: dict[str, Any], claims: Any, signature: bytes = b"") -> str:
    """Put a token together without joserfc's help, which signs nothing this bad."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class Forged:
    """Answers discovery, keys and codes; ``twist`` is what a test makes of an honest ID token."""

    now: Callable[[], datetime]
    subject: str = "u-ada"
    more: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    header: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: KEY)
    published: list[Any] = field(default_factory=lambda: [KEY])
    #: Makes the token from header and claims, in place of an honest signature.
    twist: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False

    def authorize(self, url: str) -> str:
        """Do what a person's browser does there: sign in, and come back; return the address to come back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?code={code}&state={query['state']}&iss={ISSUER}"

    def token(self, **claims: Any) -> str:
        at = int(self.now().timestamp())
        honest = {"iss": ISSUER, "sub": self.subject, "aud": CLIENT, "iat": at, "exp": at + 300, **claims, **self.more}
        for name in self.without:
            honest.pop(name, None)
        header = {"alg": "ES256", "kid": "one", **self.header}
        if self.twist is not None:
            return self.twist(header, honest)
        return jwt.encode(header, honest, self.key, algorithms=[header["alg"]])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if self.away:
            raise httpx.ConnectError("away")
        if path.endswith("openid-configuration"):
            document = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/jwks",
                "end_session_endpoint": f"{ISSUER}/logout",
                "authorization_response_iss_parameter_supported": True,
                "code_challenge_methods_supported": ["S256"],
            }
            return httpx.Response(200, json=document | self.metadata)
        if path == "/jwks":
            keys = [one if isinstance(one, dict) else one.as_dict(private=False) for one in self.published]
            return httpx.Response(200, json={"keys": keys})
        assert path == "/token", path
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        begun = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            begun is None
            or begun["code_challenge"] != challenge.decode()
            or begun["redirect_uri"] != form["redirect_uri"]
        ):
            return httpx.Response(400, json={"error": "invalid_grant"})
        assert begun["code_challenge_method"] == "S256"
        given = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {given}" and "client_assertion" not in form:
            return httpx.Response(401, json={"error": "invalid_client"})
        self.last = form
        token = self.token(nonce=begun["nonce"], auth_time=int(self.now().timestamp()), amr=["pwd", "mfa"], sid="s1")
        return httpx.Response(200, json={"access_token": "at", "token_type": "Bearer", "id_token": token})
