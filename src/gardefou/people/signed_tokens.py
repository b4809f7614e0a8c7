"""Tokens that somebody else signed (JWS, RFC 7515): who signed them, for whom, of when, and that each counts once.

Only signatures with public keys count. The key is the one that the issuer
publishes under the name in the header; a key, or the address of one, in the
token itself is never looked at. What a token of some kind must say besides is
judged where that kind is taken (`gardefou.people.oidc`, `gardefou.flow.signals`);
there too is what a refusal is called.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import orjson
import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from sqlalchemy.exc import IntegrityError

from gardefou.errors import Denied, GardefouError
from gardefou.people.authenticate import hash_secret
from gardefou.people.published_keys import ALGORITHMS, PublishedKeys
from gardefou.speech import gettext as _
from gardefou.storage import tables

#: How far two clocks may be apart.
LEEWAY = timedelta(seconds=30)
#: Bytes of a token.
LONGEST = 16_384
_LONGEST_WORD = 255

#: What of a token does not count: its signature, who issued it, whom it is for, or anything else.
Part = Literal["key", "issuer", "audience", "request"]
#: Makes the error for a token that does not count, of which part, and why ("it has expired").
Refuse = Callable[[Part, str], GardefouError]


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature is its issuer's: header and claims, as yet unjudged.

    Whatever reads a claim raises what ``refuse`` makes where it is not as it must be.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    refuse: Refuse = field(repr=False, compare=False)

    def has(self, name: str) -> bool:
        """Whether there is a claim of this name; null is none."""
        return self.claims.get(name) is not None

    def moment(self, name: str) -> datetime:
        """Return a claim that is a time."""
        value = self.claims.get(name)
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not 0 <= cast("float", value) < 1e11:
            raise self.refuse("request", _("%(name)s is no time", name=name))
        return datetime.fromtimestamp(cast("float", value), UTC)

    def word(self, name: str, *, optional: bool = False) -> str:
        """Return a claim that is a text; one that is left out, and may be, is empty."""
        value = self.claims.get(name)
        if value is None and optional:
            return ""
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_WORD or "\x00" in value:
            raise self.refuse(
                "request", _("%(name)s is no text of 1 to %(most)s characters", name=name, most=_LONGEST_WORD)
            )
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Return a claim that is a list of texts; left out is empty."""
        given: Any = [] if self.claims.get(name) is None else self.claims[name]
        if not isinstance(given, list) or not all(isinstance(one, str) for one in cast("Sequence[Any]", given)):
            raise self.refuse("request", _("%(name)s is no list of texts", name=name))
        return tuple(cast("list[str]", given))

    def check_frame(
        self, *, issuer: str, audience: str, now: datetime, leeway: timedelta = LEEWAY, ends: bool = True
    ) -> None:
        """Check who issued it, for whom, and that it is of now; ``ends`` says that it must say until when."""
        if self.claims.get("iss") != issuer:
            raise self.refuse("issuer", _("it is of another issuer"))
        given: Any = self.claims.get("aud")
        audiences: Sequence[Any] = cast("Sequence[Any]", given) if isinstance(given, list) else [given]
        if audience not in audiences or not all(isinstance(one, str) for one in audiences):
            raise self.refuse("audience", _("it is for somebody else"))
        issued = self.moment("iat")
        if (ends or self.has("exp")) and self.moment("exp") + leeway <= now:
            raise self.refuse("request", _("it has expired"))
        if max(issued, self.moment("nbf") if self.has("nbf") else issued) - leeway > now:
            raise self.refuse("request", _("it is of the future"))


def verify(token: object, keys: PublishedKeys, *, types: Collection[str], refuse: Refuse) -> Signed:
    """Return what a token says, once its signature is found to be its issuer's.

    ``types`` are the header's ``typ`` that are taken, in lower case and
    without ``application/``; a token that says none is taken where ``jwt`` is.

    Raises what ``refuse`` makes where it is no such token, or not its
    issuer's; and what ``keys`` raises where they cannot be had.
    """
    if not isinstance(token, str) or len(token) > LONGEST or token.count(".") != 2 or not token.isascii():
        raise refuse("request", _("it is no signed token"))
    try:
        header: dict[str, Any] = dict(jws.extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refuse("request", _("it is no signed token")) from error
    typ, algorithm, kid = header.get("typ", "jwt"), header.get("alg"), header.get("kid")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in types:
        raise refuse("request", _("it is a token for something else"))
    if "crit" in header:
        raise refuse("request", _("its header is not understood"))
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise refuse("key", _("it is not signed in a way that counts"))
    key = keys.find(kid, algorithm) if isinstance(kid, str | None) else None
    if key is None:
        raise refuse("key", _("its issuer publishes no such key"))
    try:
        payload = jws.deserialize_compact(token, key, algorithms=[algorithm]).payload
    except (JoseError, ValueError, TypeError) as error:
        raise refuse("key", _("its signature is not its issuer's")) from error
    try:
        claims: Any = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise refuse("request", _("it holds no claims")) from error
    if not isinstance(claims, dict):
        raise refuse("request", _("it holds no claims"))
    return Signed(header, cast("dict[str, Any]", claims), refuse)


_spent = tables.spent
#: So long after its end what was used up is kept: a clock that was set back would make it good once more.
_KEPT = timedelta(days=2)


def spend(connection: sa.Connection, what: str, *parts: str, until: datetime, now: datetime) -> None:
    """Use up what counts once, such as the id of a signed token; of two that come at once one gets through.

    Raises:
        Denied: it was used already (`oidc/replayed`); the transaction is of no more use.
    """
    digest = hash_secret(json.dumps([what, *parts]))
    connection.execute(_spent.delete().where(_spent.c.expires_at <= now - _KEPT))
    try:
        connection.execute(_spent.insert(), {"hash": digest, "expires_at": until})
    except IntegrityError as error:
        raise Denied("oidc/replayed", "This was used already; it counts once.") from error
