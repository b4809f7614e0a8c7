"""What every SCIM call works with, what is sent back, and how errors are said.

No answer holds a staff id, a pseudonym or a time: nothing in one leads from a
name to what somebody did (R19).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import ValidationError
from scim2_models import (
    ConflictException,
    Error,
    ForbiddenException,
    InvalidSyntaxException,
    InvalidValueException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    SCIMException,
    UnauthorizedException,
    UniquenessException,
)
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, TooOften, Unavailable
from gardefou.flow.app import App
from gardefou.people.actor import Actor
from gardefou.web.problems import as_error

_log = logging.getLogger("gardefou.web")

MEDIA_TYPE = "application/scim+json"
_SHOWN = frozenset({"http/too_large", "http/content_type", "input/json", "auth/missing", "auth/invalid"})

Model = Resource[Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one client. ``base`` is the address of the service as the client reaches it."""

    app: App
    actor: Actor
    base: str
    if_match: str = ""
    if_none_match: str = ""

    @property
    def client(self) -> str:
        """Whose people and groups these are."""
        return self.actor.id

    def location(self, kind: str, key: str) -> Any:
        """Return the address of a resource, as a model takes it for a reference too."""
        return f"{self.base}/{kind}/{key}"

    def because(self, what: str) -> str:
        """Return what the record says of why."""
        return f"Provisioning by {self.client}: {what}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent back."""

    document: Mapping[str, Any] | None
    status: int = 200
    version: str = ""
    location: str = ""

    def response(self) -> Response:
        """Return it as an answer."""
        headers = {"ETag": self.version} if self.version else {}
        if self.location:
            headers["Location"] = self.location
        if self.document is None:
            return Response(None, self.status, headers)
        return Response(orjson.dumps(self.document), self.status, headers, MEDIA_TYPE)


def without_nulls(body: Any) -> Any:
    """Return a patch without the nulls in its values: Entra sends ``"$ref": null`` beside the member that it means."""
    if not isinstance(body, dict):
        return body
    document: dict[str, Any] = dict(cast("dict[str, Any]", body))
    for name, operations in document.items():
        if name.lower() == "operations" and isinstance(operations, list):
            document[name] = [_without_nulls(one) for one in cast("Sequence[Any]", operations)]
    return document


def _without_nulls(operation: Any) -> Any:
    if not isinstance(operation, dict):
        return operation
    kept: dict[str, Any] = dict(cast("dict[str, Any]", operation))
    for name, values in kept.items():
        if name.lower() == "value" and isinstance(values, list):
            kept[name] = [
                {key: item for key, item in cast("dict[str, Any]", one).items() if item is not None}
                if isinstance(one, dict)
                else one
                for one in cast("Sequence[Any]", values)
            ]
    return kept


def version_of(model: Model) -> str:
    """Return the entity tag of a representation: weak, as its lists have no sequence."""
    said = model.model_dump(exclude={"meta"})
    return f'W/"{hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def check_match(call: Call, version: str) -> None:
    """Raise where the client has seen another version (RFC 7644, 3.14)."""
    if call.if_match and not _named(call.if_match, version):
        raise PreconditionFailedException
    if call.if_none_match and _named(call.if_none_match, version):
        raise PreconditionFailedException


def unchanged(call: Call, version: str) -> bool:
    """Whether the client has this very version."""
    return bool(call.if_none_match) and _named(call.if_none_match, version)


def _named(header: str, version: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or version.removeprefix("W/") in tags


def failed(error: Exception) -> Response:
    """Return the answer to a call that failed."""
    made = _as_scim(error)
    if made is None:
        _log.error("a provisioning request failed", exc_info=error)
        made = Error(status=500, detail="This is a fault of Gardefou's; its log says more.")
    status = made.status or 500
    headers = {"WWW-Authenticate": 'Bearer realm="gardefou"'} if status == 401 else {}
    if status in {429, 503}:
        headers["Retry-After"] = str(error.seconds if isinstance(error, TooOften) else 1)
    return Response(orjson.dumps(made.model_dump()), status, headers, MEDIA_TYPE)


def _as_scim(error: Exception) -> Error | None:
    match error:
        case SCIMException():
            return error.to_error()
        case ValidationError():
            return Error.from_validation_errors(error)[0]
        case RecursionError():
            return InvalidSyntaxException(detail="This is nested too deeply.").to_error()
        case IntegrityError():
            # Two calls at the same moment: the other one was first.
            return UniquenessException().to_error()
        case _:
            known = as_error(error)
            return None if known is None else _of_ours(known)


def _of_ours(error: GardefouError) -> Error:
    """Return one of our own errors without its text, where that could name a person by pseudonym or id."""
    says = error.message if error.code in _SHOWN else None
    match error:
        case InvalidInput() if error.code == "http/too_large":
            return Error(status=413, detail=error.message)
        case InvalidInput() if error.code == "input/json":
            return InvalidSyntaxException(detail=says).to_error()
        case InvalidInput():
            return InvalidValueException(detail=says).to_error()
        case Denied() if error.code.startswith("auth/") and error.code not in {"auth/forbidden", "auth/step_up"}:
            return UnauthorizedException(detail=says).to_error()
        case Denied():
            return ForbiddenException(detail="This token does not provision; issue one of the scope scim.").to_error()
        case NotFound():
            return NotFoundException().to_error()
        case Conflict() if error.code.startswith("directory/"):
            return UniquenessException().to_error()
        case Conflict():
            return ConflictException().to_error()
        case TooOften():
            return Error(status=429, detail=error.message)
        case Unavailable():
            return Error(status=503, detail="Try again in a moment.")
        case _:
            return Error(status=500, detail="This is a fault of Gardefou's; its log says more.")


def chunks(keys: list[str], size: int = 500) -> Iterable[list[str]]:
    """Return the keys in pieces that one statement may ask for."""
    return (keys[first : first + size] for first in range(0, len(keys), size))
