"""Finding people and groups: by filter, in a sequence, page by page.

What clients ask for all day (``userName eq``, ``externalId eq``) is looked up;
every other filter reads the client's people one by one, up to a bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Union, cast

import sqlalchemy as sa
from scim2_models import Context, InvalidFilterException, ListResponse, SearchRequest, TooManyException
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator

from gardefou.people import provisioned
from gardefou.people.provisioned import Provisioned
from gardefou.web.scim import groups, people
from gardefou.web.scim.calls import Call, Model, Sent
from gardefou.web.scim.models import MOST, POLICY, Group, Person

#: People that one search reads at most.
BOUND = 20_000
_PIECE = 500
_LONGEST = 4_000
_DEEPEST = 50
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_CORE = "urn:ietf:params:scim:schemas:core:2.0:user"


def request_of(given: dict[str, Any], *kinds: type[Model]) -> Any:
    """Return what a client asks for, read against these kinds of resource.

    Raises:
        InvalidFilterException: it is too long or nested too deeply.
        ValidationError: it cannot be read.
    """
    text = given.get("filter")
    if isinstance(text, str):
        bare = _STRINGS.sub("", text)
        if len(text) > _LONGEST or bare.count("(") + bare.count("[") + bare.lower().count("not") > _DEEPEST:
            raise InvalidFilterException(detail=f"A filter has at most {_LONGEST} characters and {_DEEPEST} brackets.")
    return cast("Any", SearchRequest)[_all(kinds)].model_validate(
        given, scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY
    )


def search(call: Call, request: Any, *kinds: type[Model], posted: bool = False) -> Sent:
    """Answer a search over these kinds of resource."""
    with call.app.works.read() as connection:
        if kinds == (Person,) and request.filter is None and request.sort_by is None:
            total = provisioned.count(connection, call.client)
            found: Sequence[Any] = people.shown(call, connection, _page(call, connection, request))
        else:
            every = request.sort(_matching(call, connection, request, kinds))
            total, first = len(every), request.start_index_0 or 0
            found = every[first : first + _size(request)]
    answer = cast("Any", ListResponse)[_all(kinds)](
        total_results=total, start_index=request.start_index or 1, items_per_page=len(found), resources=list(found)
    )
    context = Context.SEARCH_RESPONSE if posted else Context.RESOURCE_QUERY_RESPONSE
    return Sent(answer.model_dump(scim_ctx=context, response_parameters=request, scim_policy=POLICY))


def _all(kinds: Sequence[type[Model]]) -> Any:
    union: Any = Union  # `kinds` is known only now
    return union[tuple(kinds)]


def _size(request: Any) -> int:
    return MOST if request.count is None else min(request.count, MOST)


def _page(call: Call, connection: sa.Connection, request: Any) -> list[Provisioned]:
    first = min(request.start_index_0 or 0, BOUND * 1_000)
    return provisioned.page(connection, call.client, first=first, most=_size(request))


def _matching(call: Call, connection: sa.Connection, request: Any, kinds: Sequence[type[Model]]) -> list[Any]:
    found: list[Any] = []
    if Person in kinds:
        known = None if request.filter is None else _looked_up(call, connection, request.filter.ast)
        if known is None and provisioned.count(connection, call.client) > BOUND:
            raise TooManyException(detail="Ask by id, userName or externalId; this would read everybody.")
        places = range(0, BOUND, _PIECE) if known is None else (0,)
        for first in places:
            some = provisioned.page(connection, call.client, first=first, most=_PIECE) if known is None else known
            if not some:
                break
            found += people.shown(call, connection, some)
    if Group in kinds:
        found += groups.shown(call, connection, provisioned.groups(connection, call.client))
    return found if request.filter is None else [one for one in found if request.filter.match(one)]


def _looked_up(call: Call, connection: sa.Connection, node: Any) -> list[Provisioned] | None:
    """Return the only people that a filter can match, or None where it takes reading them all."""
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        for term in node.terms:
            known = _looked_up(call, connection, term)
            if known is not None:
                return known
        return None
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq or not isinstance(node.value, str):
        return None
    if node.attr_path.sub_attr or (node.attr_path.uri or _CORE).lower() != _CORE:
        return None
    directory, name = call.app.directory, node.attr_path.attr.lower()
    if name == "id":
        one = provisioned.get(connection, call.client, node.value)
        return [] if one is None else [one]
    if name == "username":
        return _mine(call, connection, directory.by_user_name(connection, node.value))
    if name == "externalid":
        # None may also mean that two clients have the same.
        return _mine(call, connection, directory.by_external_id(connection, node.value)) or None
    return None


def _mine(call: Call, connection: sa.Connection, staff_id: str | None) -> list[Provisioned]:
    one = None if staff_id is None else provisioned.of_staff(connection, staff_id)
    return [] if one is None or one.client != call.client else [one]
