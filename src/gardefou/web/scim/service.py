"""Which call does what: the resource types, their operations, and what describes the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from scim2_models import (
    Context,
    ForbiddenException,
    ListResponse,
    NotFoundException,
    NotImplementedException,
    ResourceType,
    Schema,
)
from scim2_models.exceptions import SCIMException

from gardefou.web.scim import groups, people
from gardefou.web.scim.calls import Call, Model, Sent
from gardefou.web.scim.models import CONFIG, POLICY, PROVIDER, Group, Person
from gardefou.web.scim.search import request_of, search

_KINDS: dict[str, tuple[ModuleType, type[Model]]] = {"Users": (people, Person), "Groups": (groups, Group)}


class WrongMethod(SCIMException):
    """The address does not take this method."""

    status = 405
    _default_detail = "This address does not take this method."


def serve(call: Call, method: str, path: Sequence[str], query: dict[str, Any], body: Any) -> Sent:
    """Answer one call.

    Raises:
        SCIMException: what is wrong, in SCIM's own terms.
    """
    method = "GET" if method == "HEAD" else method
    match path:
        case ["ServiceProviderConfig" | "ResourceTypes" | "Schemas", *_]:
            if method != "GET":
                raise WrongMethod
            if "filter" in query:
                # As RFC 7644, 4, has it.
                raise ForbiddenException(detail="What describes the service is not filtered.")
            return _discovery(call, path)
        case [".search"]:
            if method != "POST":
                raise WrongMethod
            return search(call, request_of(body, Person, Group), Person, Group, posted=True)
        case ["Users" | "Groups" as name]:
            return _collection(call, method, name, query, body)
        case ["Users" | "Groups" as name, ".search"]:
            if method != "POST":
                raise WrongMethod
            kind = _KINDS[name][1]
            return search(call, request_of(body, kind), kind, posted=True)
        case ["Users" | "Groups" as name, key]:
            return _resource(call, method, name, key, query, body)
        case ["Bulk"] | ["Me"]:
            raise NotImplementedException
        case _:
            raise NotFoundException(detail="There is nothing at this address.")


def _collection(call: Call, method: str, name: str, query: dict[str, Any], body: Any) -> Sent:
    module, kind = _KINDS[name]
    if method == "GET":
        return search(call, request_of(query, kind), kind)
    if method != "POST":
        raise WrongMethod
    asked = request_of(_shape(query), kind)
    made = module.create(call, body)
    return _sent(made, asked, Context.RESOURCE_CREATION_RESPONSE, status=201)


def _resource(call: Call, method: str, name: str, key: str, query: dict[str, Any], body: Any) -> Sent:
    module, kind = _KINDS[name]
    asked = request_of(_shape(query), kind)
    match method:
        case "GET":
            same, model = module.read(call, key)
            return same or _sent(model, asked, Context.RESOURCE_QUERY_RESPONSE)
        case "PUT":
            return _sent(module.put(call, key, body), asked, Context.RESOURCE_REPLACEMENT_RESPONSE)
        case "PATCH":
            return _sent(module.patch(call, key, body), asked, Context.RESOURCE_PATCH_RESPONSE)
        case "DELETE":
            module.delete(call, key)
            return Sent(None, 204)
        case _:
            raise WrongMethod


def _shape(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if name in {"attributes", "excludedAttributes"}}


def _sent(model: Any, asked: Any, context: Context, *, status: int = 200) -> Sent:
    document = model.model_dump(scim_ctx=context, response_parameters=asked, scim_policy=POLICY)
    return Sent(document, status, model.meta.version, model.meta.location if status == 201 else "")


def _discovery(call: Call, path: Sequence[str]) -> Sent:
    """Describe the service; every description says where it is."""
    name, keys = path[0], path[1:]
    if name == "ServiceProviderConfig" and not keys:
        return Sent(_described(CONFIG, call, name, "ServiceProviderConfig"))
    found: dict[str, dict[str, Any]] = {}
    kind: Any = ResourceType
    if name == "ResourceTypes":
        found = {
            str(one.id): _described(one, call, f"{name}/{one.id}", "ResourceType") for one in PROVIDER.resource_types
        }
    elif name == "Schemas":
        kind = Schema
        found = {str(one.id): _described(one, call, f"{name}/{one.id}", "Schema") for one in PROVIDER.schemas}
    if len(keys) == 1 and keys[0] in found:
        return Sent(found[keys[0]])
    if keys or not found:
        raise NotFoundException(detail="There is nothing at this address.")
    every = [kind.model_validate(one) for one in found.values()]
    answer = ListResponse[kind](total_results=len(every), start_index=1, items_per_page=len(every), resources=every)
    return Sent(answer.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))


def _described(one: Any, call: Call, place: str, kind: str) -> dict[str, Any]:
    document: dict[str, Any] = one.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    document["meta"] = {"resourceType": kind, "location": f"{call.base}/{place}"}
    return document
