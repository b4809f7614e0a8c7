"""The identity provider: where it is, what keys it signs with, and what it answers to a code.

Found by discovery, which names its own issuer. When its keys are read, and
what it signs with them, is the same as for anybody who signs
(`gardefou.people.published_keys`, `gardefou.people.signed_tokens`).
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7523 import private_key_jwt_sign  # pyright: ignore[reportUnknownVariableType]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # pyright: ignore[reportUnknownVariableType]

from gardefou.errors import Denied, InvalidInput, NotFound, Unavailable
from gardefou.people.keys import KeyStore
from gardefou.people.oidc.claims import wrong
from gardefou.people.oidc.client_key import loaded
from gardefou.people.published_keys import PublishedKeys, UnusableAnswer, ask, check_address, new_client
from gardefou.people.signed_tokens import Signed, verify
from gardefou.speech import gettext as _

_FRESH = 3600.0


@dataclass(slots=True)
class _Held:
    """What was fetched, and when."""

    at: float = float("-inf")
    document: dict[str, Any] = field(default_factory=dict[str, Any])


class Provider:
    """One identity provider, spoken to as one client. Safe for threads."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        redirect_uri: str,
        keys: KeyStore,
        *,
        transport: httpx.BaseTransport | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self._keys = keys
        self._ticks = ticks
        self._http = new_client(transport)
        self._lock = threading.Lock()
        self._metadata = _Held()
        self.published = PublishedKeys(self._key_set, _unavailable, ticks=ticks)

    def close(self) -> None:
        """Let go of the network."""
        self._http.close()

    # what the provider is

    def metadata(self) -> Mapping[str, Any]:
        """Return the provider's description of itself.

        Raises:
            Unavailable: it does not answer (`oidc/unavailable`), or not as a provider does (`oidc/provider`).
        """
        try:
            return self._described()
        except UnusableAnswer as error:
            raise _unavailable(error) from error

    def _described(self) -> Mapping[str, Any]:
        with self._lock:
            if self._ticks() - self._metadata.at < _FRESH:
                return self._metadata.document
            found = ask(self._http, "GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")[1]
            if found.get("issuer") != self.issuer:
                raise UnusableAnswer(
                    _(
                        "it calls itself %(issuer)s; oidc_issuer must be just that",
                        issuer=repr(str(found.get("issuer"))[:200]),
                    )
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _check_address(found.get(name), name)
            if found.get("end_session_endpoint") is not None:
                _check_address(found["end_session_endpoint"], "end_session_endpoint")
            methods: Any = found.get("code_challenge_methods_supported")
            if isinstance(methods, list) and "S256" not in methods:
                raise UnusableAnswer(_("it does not know PKCE with S256"))
            self._metadata = _Held(self._ticks(), found)
            return found

    def _key_set(self) -> Mapping[str, Any]:
        return ask(self._http, "GET", str(self._described()["jwks_uri"]))[1]

    # signing in

    def authorization_url(self, *, state: str, nonce: str, verifier: str, acr: tuple[str, ...], anew: bool) -> str:
        """Return where the browser goes to sign in; ``anew`` asks the person to prove it again now.

        Raises:
            Unavailable: `oidc/unavailable`, `oidc/provider`.
        """
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": str(cast("Any", create_s256_code_challenge)(verifier)),
            "code_challenge_method": "S256",
        }
        if anew:
            # Not an age of 0, with which some providers ask without end; when it was is judged when it comes back.
            query |= {"prompt": "login", "max_age": "60"}
            if acr:
                query["acr_values"] = " ".join(acr)
        endpoint = str(self.metadata()["authorization_endpoint"])
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def check_response_issuer(self, given: str | None) -> None:
        """Check that an authorization response is this provider's (RFC 9207).

        Raises:
            Denied: it is another's, or does not say so although this one always does (`oidc/token`).
        """
        always = self.metadata().get("authorization_response_iss_parameter_supported") is True
        if (given is None and always) or (given is not None and given != self.issuer):
            raise wrong(_("the answer is of another issuer"))

    def exchange(self, code: str, *, verifier: str, now: datetime) -> tuple[Signed, str]:
        """Return the ID token that a code stands for, and the access token beside it.

        Raises:
            Denied: the provider does not take the code (`oidc/refused`), or the token is not its own (`oidc/token`).
            NotFound: this machine has no secret for it (`oidc/secret`).
            Unavailable: `oidc/unavailable`, `oidc/provider`.
        """
        metadata = self.metadata()
        endpoint = str(metadata["token_endpoint"])
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        self._prove_client(form, headers, metadata, now)
        try:
            status, document = ask(self._http, "POST", endpoint, data=form, headers=headers)
        except UnusableAnswer as error:
            raise _unavailable(error) from error
        if status != 200:
            if document.get("error") in {"invalid_client", "unauthorized_client"}:
                raise _unavailable(
                    UnusableAnswer(_("it does not take this client's secret or key; see `gardefou oidc check`"))
                )
            raise Denied("oidc/refused", "The identity provider did not take this sign-in; begin again.")
        access = document.get("access_token")
        return self.signed(document.get("id_token"), types=("jwt",)), access if isinstance(access, str) else ""

    def _prove_client(
        self, form: dict[str, str], headers: dict[str, str], metadata: Mapping[str, Any], now: datetime
    ) -> None:
        held = self._keys.oidc_client()
        if held is None:
            raise NotFound(
                "oidc/secret",
                "This machine has no secret for the identity provider; an admin runs `gardefou oidc secret`.",
            )
        offered: Any = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "private_key" in held:
            form |= {
                "client_id": self.client_id,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self._assertion(held["private_key"], str(metadata["token_endpoint"]), now),
            }
        elif "client_secret_basic" not in offered and "client_secret_post" in offered:
            form |= {"client_id": self.client_id, "client_secret": held["client_secret"]}
        else:
            pair = f"{quote(self.client_id, safe='')}:{quote(held['client_secret'], safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _assertion(self, private_key: str, audience: str, now: datetime) -> str:
        key = loaded(private_key)
        sign = cast("Any", private_key_jwt_sign)
        issued = int(now.timestamp())
        return str(
            sign(
                key,
                self.client_id,
                audience,
                alg="ES256",
                header={"alg": "ES256", "kid": key.kid},
                issued_at=issued,
                expires_at=issued + 60,
            )
        )

    def logout_url(self, back: str) -> str | None:
        """Return where the browser signs out at the provider itself, or None where it has no such place.

        Raises:
            Unavailable: `oidc/unavailable`, `oidc/provider`.
        """
        endpoint = str(self.metadata().get("end_session_endpoint") or "")
        if not endpoint:
            return None
        query = urlencode({"client_id": self.client_id, "post_logout_redirect_uri": back})
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    # signatures

    def signed(self, token: object, *, types: tuple[str, ...]) -> Signed:
        """Return what a token says, once its signature is found to be this provider's.

        ``types`` are those of `gardefou.people.signed_tokens.verify`.

        Raises:
            Denied: not signed by the provider, or no such token (`oidc/token`).
            Unavailable: its keys cannot be read (`oidc/unavailable`, `oidc/provider`).
        """
        return verify(token, self.published, types=types, refuse=lambda _part, why: wrong(why))


def _check_address(url: object, name: str) -> None:
    try:
        check_address(url if isinstance(url, str) else "")
    except InvalidInput as error:
        raise UnusableAnswer(_("%(name)s is no https address", name=name)) from error


def _unavailable(error: UnusableAnswer) -> Unavailable:
    if not error.why:
        return Unavailable("oidc/unavailable", "The identity provider does not answer; try again soon.")
    return Unavailable("oidc/provider", _("The identity provider cannot be used as it is: %(why)s.", why=error.why))
