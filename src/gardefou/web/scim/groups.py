"""Groups over SCIM: what one stands for is a guarded setting; being put in proposes, being taken out takes away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from scim2_models import Context, InvalidValueException, Meta, NotFoundException, PatchOp, PayloadTooLargeException

from gardefou.flow.provision import Wish, align
from gardefou.people import provisioned
from gardefou.people.provisioned import Group as Kept
from gardefou.storage.work import UnitOfWork
from gardefou.web.scim.calls import Call, Sent, check_match, chunks, unchanged, version_of, without_nulls
from gardefou.web.scim.models import POLICY, Group, Member
from gardefou.web.scim.people import meant

KIND = "Groups"
#: People for whom one call may propose something: each proposal is judged, while all other changes wait.
MOST_AT_ONCE = 500


def shown(call: Call, connection: sa.Connection, found: Sequence[Kept]) -> list[Any]:
    """Return groups as SCIM shows them."""
    members = provisioned.members(connection, [one.id for one in found])
    return [_shown(call, one, members[one.id]) for one in found]


def _shown(call: Call, one: Kept, members: Sequence[str]) -> Any:
    model = Group(
        id=one.id,
        external_id=one.external_id or None,
        display_name=one.name,
        members=[Member(value=key, ref=call.location("Users", key), type="User") for key in members] or None,
    )
    model.meta = Meta(resource_type="Group", location=call.location(KIND, one.id), version=version_of(model))
    return model


def read(call: Call, key: str) -> tuple[Sent | None, Any]:
    """Return one group, or (first) the answer that it is as the client has it."""
    with call.app.works.read() as connection:
        model = shown(call, connection, [_need(call, connection, key)])[0]
    if unchanged(call, model.meta.version):
        return Sent(None, 304, model.meta.version), model
    return None, model


def _need(call: Call, connection: sa.Connection, key: str) -> Kept:
    found = provisioned.get_group(connection, call.client, key)
    if found is None:
        raise NotFoundException(detail="There is no such group.")
    return found


def create(call: Call, body: Any) -> Any:
    """Add a group."""
    stated = Group.model_validate(body, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=POLICY)
    with call.app.works.begin() as uow:
        uow.serialise("changes")
        one = Kept(id=provisioned.new_id(call.app.random), client=call.client, name="")
        provisioned.put_group(uow.connection, one)
        model = _state(call, uow, one, stated)
    call.app.wake()
    return model


def put(call: Call, key: str, body: Any) -> Any:
    """Replace a group."""
    new = Group.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY)

    def replaced(_old: Any) -> Any:
        return new

    return _change(call, key, replaced)


def patch(call: Call, key: str, body: Any) -> Any:
    """Change some of a group."""
    patched = PatchOp[Group].model_validate(
        without_nulls(body), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
    )

    def applied(old: Any) -> Any:
        patched.patch(old, POLICY)
        return old

    return _change(call, key, applied)


def _change(call: Call, key: str, change: Any) -> Any:
    with call.app.works.begin() as uow:
        uow.serialise("changes")
        one = _need(call, uow.connection, key)
        old = shown(call, uow.connection, [one])[0]
        if call.if_match or call.if_none_match:
            check_match(call, old.meta.version)
        model = _state(call, uow, one, change(old))
    call.app.wake()
    return model


def delete(call: Call, key: str) -> None:
    """Forget a group; what its members had through it is taken from them."""
    with call.app.works.begin() as uow:
        uow.serialise("changes")
        one = _need(call, uow.connection, key)
        if call.if_match:
            check_match(call, shown(call, uow.connection, [one])[0].meta.version)
        affected = provisioned.members(uow.connection, [one.id])[one.id]
        before = _groups(uow, affected)
        provisioned.remove_group(uow.connection, one)
        _follow(call, uow, affected, before)
    call.app.wake()


def _state(call: Call, uow: UnitOfWork, one: Kept, stated: Any) -> Any:
    """Let a group be as it is stated, and carry out what follows for those in it."""
    wanted = {member.value for member in stated.members or () if member.value}
    known = {key: found for some in chunks(sorted(wanted)) for key, found in _known(call, uow, some).items()}
    if len(known) != len(wanted):
        raise InvalidValueException(attribute="members", detail="A member is a user of this client, by its id.")
    had = provisioned.members(uow.connection, [one.id])[one.id]
    affected = sorted({*wanted, *had})
    before = _groups(uow, affected)
    made = replace(one, name=stated.display_name.strip(), external_id=stated.external_id or "")
    if not made.name:
        raise InvalidValueException(attribute="displayName", detail="A group has a name.")
    provisioned.put_group(uow.connection, made)
    provisioned.set_members(uow.connection, made, wanted)
    _follow(call, uow, affected, before)
    return shown(call, uow.connection, [made])[0]


def _known(call: Call, uow: UnitOfWork, keys: Iterable[str]) -> dict[str, provisioned.Provisioned]:
    return provisioned.known(uow.connection, call.client, keys)


def _groups(uow: UnitOfWork, people: Sequence[str]) -> dict[str, list[Kept]]:
    found: dict[str, list[Kept]] = {}
    for some in chunks(list(people)):
        found |= provisioned.groups_of(uow.connection, some)
    return found


def _follow(call: Call, uow: UnitOfWork, people: Sequence[str], before: dict[str, list[Kept]]) -> None:
    """Take from people at once what no group of theirs stands for any more, and propose what one stands for now."""
    rules, after = call.app.config(uow.connection).rules, _groups(uow, people)
    if not rules.scim_groups:
        return
    staff = {key: one for some in chunks(list(people)) for key, one in _known(call, uow, some).items()}
    wishes: dict[str, Wish] = {}
    for key in people:
        had, has = meant(rules, before[key]), meant(rules, after[key])
        moved = has[1] if len(has[1]) == 1 and has[1] != had[1] else frozenset[str]()
        wish = Wish(gives=has[0] - had[0], takes=had[0] - has[0], team=next(iter(moved), ""))
        if wish != Wish():
            wishes[key] = wish
    if sum(bool(wish.gives or wish.team) for wish in wishes.values()) > MOST_AT_ONCE:
        raise PayloadTooLargeException(detail=f"Put at most {MOST_AT_ONCE} people at a time into such a group.")
    for key, wish in wishes.items():
        align(uow, call.app, call.actor, staff[key].staff_id, wish, call.because("a group."))
