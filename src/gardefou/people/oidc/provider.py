"""The identity provider: where it is, what keys it signs with, and what it answers to a code.

Found by discovery, which names its own issuer; keys are read anew every hour,
and at once when a token names one that is not known, at most every ten seconds.
Nothing in a token says where its key comes from (``jku``, ``x5u`` and ``jwk``
are not looked at), and only asymmetric signatures are taken.
"""

from __future__ import annotations

import base64
import json
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
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gardefou.errors import Denied, NotFound, Unavailable
from gardefou.people.keys import KeyStore
from gardefou.people.oidc.claims import wrong
from gardefou.people.oidc.client_key import loaded
from gardefou.speech import gettext as _

#: Signatures that are taken. None of them is made with what is public, or with what the client knows.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
_FAMILY = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_FRESH = 3600.0
_AGAIN = 10.0
_TIMEOUT = 5.0
_LARGEST = 1_000_000
_LONGEST_TOKEN = 16_384
#: 2048 bits in base64url.
_SHORTEST_MODULUS = 342
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature is the provider's: header and claims, as yet unjudged."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


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
        # No connection outlives its answer: sign-ins are far between.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, limits=limits, transport=transport)
        self._lock = threading.Lock()
        self._metadata = _Held()
        self._jwks = _Held()

    def close(self) -> None:
        """Let go of the network."""
        self._http.close()

    # what the provider is

    def metadata(self) -> Mapping[str, Any]:
        """Return the provider's description of itself.

        Raises:
            Unavailable: it does not answer (`oidc/unavailable`), or not as a provider does (`oidc/provider`).
        """
        with self._lock:
            return self._metadata_held()

    def _metadata_held(self) -> Mapping[str, Any]:
        if self._ticks() - self._metadata.at < _FRESH:
            return self._metadata.document
        found = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise _strange(
                _(
                    "it calls itself %(issuer)s; oidc_issuer must be just that",
                    issuer=repr(str(found.get("issuer"))[:200]),
                )
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _safe(found.get(name), name)
        if found.get("end_session_endpoint") is not None:
            _safe(found["end_session_endpoint"], "end_session_endpoint")
        methods: Any = found.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise _strange(_("it does not know PKCE with S256"))
        self._metadata = _Held(self._ticks(), found)
        return found

    def _key_dicts(self, *, anew: bool) -> list[dict[str, Any]]:
        with self._lock:
            age = self._ticks() - self._jwks.at
            if age >= _FRESH or (anew and age >= _AGAIN):
                found = self._get(str(self._metadata_held()["jwks_uri"]))
                if not isinstance(found.get("keys"), list):
                    raise _strange(_("its keys are no JSON Web Key Set"))
                self._jwks = _Held(self._ticks(), found)
            return [one for one in cast("list[Any]", self._jwks.document["keys"]) if isinstance(one, dict)]

    def _get(self, url: str) -> dict[str, Any]:
        return self._json(lambda: self._http.build_request("GET", url, headers={"Accept": "application/json"}))[1]

    def _json(self, build: Callable[[], httpx.Request]) -> tuple[int, dict[str, Any]]:
        try:
            request = build()
            answer = self._http.send(request, stream=True)
            try:
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise _strange(_("its answer is too large"))
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable("oidc/unavailable", "The identity provider does not answer; try again soon.") from error
        if answer.status_code >= 500:
            raise Unavailable("oidc/unavailable", "The identity provider does not answer; try again soon.")
        try:
            document: Any = json.loads(bytes(body))
        except (ValueError, RecursionError) as error:
            raise _strange(
                _("%(path)s answers %(status)s and no JSON", path=request.url.path, status=answer.status_code)
            ) from error
        if not isinstance(document, dict) or answer.is_redirect:
            raise _strange(
                _("%(path)s answers %(status)s and no JSON object", path=request.url.path, status=answer.status_code)
            )
        if request.method == "GET" and answer.status_code != 200:
            raise _strange(_("%(path)s answers %(status)s", path=request.url.path, status=answer.status_code))
        return answer.status_code, cast("dict[str, Any]", document)

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
        headers = {"Accept": "application/json"}
        self._prove_client(form, headers, metadata, now)
        status, document = self._json(lambda: self._http.build_request("POST", endpoint, data=form, headers=headers))
        if status != 200:
            if document.get("error") in {"invalid_client", "unauthorized_client"}:
                raise _strange(_("it does not take this client's secret or key; see `gardefou oidc check`"))
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

    def count_keys(self) -> int:
        """Return how many of the provider's keys sign in a way that counts.

        Raises:
            Unavailable: `oidc/unavailable`, `oidc/provider`.
        """
        return sum(any(_fits(one, alg, None) for alg in ALGORITHMS) for one in self._key_dicts(anew=False))

    def signed(self, token: object, *, types: tuple[str, ...]) -> Signed:
        """Return what a token says, once its signature is found to be this provider's.

        ``types`` are the header's ``typ`` that are taken, in lower case; a
        token that says none is taken where ``jwt`` is.

        Raises:
            Denied: not signed by the provider, or no such token (`oidc/token`).
            Unavailable: its keys cannot be read (`oidc/unavailable`, `oidc/provider`).
        """
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
            raise wrong(_("it is no signed token"))
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise wrong(_("it is not signed in a way that counts"))
        if "crit" in header or not isinstance(kid, str | None):
            raise wrong(_("its header is not understood"))
        if str(header.get("typ", "jwt")).lower().removeprefix("application/") not in types:
            raise wrong(_("it is a token for something else"))
        found = self._key_for(algorithm, kid)
        try:
            key = jwk.import_key(found)
            decoded = jwt.decode(token, key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise wrong(_("its signature is not the provider's")) from error
        return Signed(header=decoded.header, claims=decoded.claims)

    def _key_for(self, algorithm: str, kid: str | None) -> Any:
        for anew in (False, True):
            fitting = [one for one in self._key_dicts(anew=anew) if _fits(one, algorithm, kid)]
            if len(fitting) == 1:
                return fitting[0]
            if len(fitting) > 1:
                break
        raise wrong(_("its key is not one of the provider's"))


def _header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    try:
        header: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise wrong(_("it is no signed token")) from error
    if not isinstance(header, dict):
        raise wrong(_("it is no signed token"))
    return cast("dict[str, Any]", header)


def _fits(key: Mapping[str, Any], algorithm: str, kid: str | None) -> bool:
    """Whether a published key is one for signatures of this kind; one that gives its private half away is none."""
    return (
        key.get("kty") == _FAMILY[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and "d" not in key
        and (key.get("kty") != "RSA" or len(str(key.get("n", ""))) >= _SHORTEST_MODULUS)
        and (kid is None or key.get("kid") == kid)
    )


def _safe(url: object, name: str) -> None:
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise _strange(_("%(name)s is no https address", name=name))


def _strange(why: str) -> Unavailable:
    return Unavailable("oidc/provider", _("The identity provider cannot be used as it is: %(why)s.", why=why))
