"""Which people and groups a provisioning client looks after, under identifiers that lead nowhere else.

An identifier here is random: neither it nor its time leads from a name to a
pseudonym (R19). Names are in the directory. Each client sees only what is its
own. None of this is part of the record; what comes of it is, as guarded changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

import sqlalchemy as sa

from gardefou.storage import tables

_u = tables.scim_user.c
_g = tables.scim_group.c
_m = tables.scim_member.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A person as one client knows them."""

    id: str
    client: str
    staff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as one client knows it."""

    id: str
    client: str
    name: str
    external_id: str = ""


def new_id(random: Random) -> str:
    """Return an identifier that says nothing."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


# people ----------------------------------------------------------------------


def _person(row: sa.Row[tuple[str, str, str]]) -> Provisioned:
    return Provisioned(id=row.id, client=row.client, staff_id=row.staff_id)


def get(connection: sa.Connection, client: str, key: str) -> Provisioned | None:
    """Return a person of this client, or None."""
    row = connection.execute(sa.select(tables.scim_user).where(_u.id == key, _u.client == client)).first()
    return None if row is None else _person(row)


def by_id(connection: sa.Connection, key: str) -> Provisioned | None:
    """Return whoever has this identifier, whichever client's."""
    row = connection.execute(sa.select(tables.scim_user).where(_u.id == key)).first()
    return None if row is None else _person(row)


def of_staff(connection: sa.Connection, staff_id: str) -> Provisioned | None:
    """Return whoever provisions a person, or None where nobody does."""
    row = connection.execute(sa.select(tables.scim_user).where(_u.staff_id == staff_id)).first()
    return None if row is None else _person(row)


def add(connection: sa.Connection, made: Provisioned) -> None:
    """Let a client look after a person from now on."""
    values = {"id": made.id, "client": made.client, "staff_id": made.staff_id}
    connection.execute(tables.scim_user.insert(), values)


def remove(connection: sa.Connection, gone: Provisioned) -> None:
    """Let nobody look after a person any more."""
    connection.execute(tables.scim_member.delete().where(_m.user_id == gone.id))
    connection.execute(tables.scim_user.delete().where(_u.id == gone.id))


def count(connection: sa.Connection, client: str) -> int:
    """Return how many people a client looks after."""
    return int(connection.scalar(sa.select(sa.func.count()).where(_u.client == client)) or 0)


def page(connection: sa.Connection, client: str, *, first: int = 0, most: int) -> list[Provisioned]:
    """Return some people of a client, in a sequence that says nothing of when they came."""
    statement = sa.select(tables.scim_user).where(_u.client == client).order_by(_u.id).offset(first).limit(most)
    return [_person(row) for row in connection.execute(statement)]


# groups ----------------------------------------------------------------------


def _group(row: sa.Row[tuple[str, str, str, str]]) -> Group:
    return Group(id=row.id, client=row.client, name=row.name, external_id=row.external_id)


def get_group(connection: sa.Connection, client: str, key: str) -> Group | None:
    """Return a group of this client, or None."""
    row = connection.execute(sa.select(tables.scim_group).where(_g.id == key, _g.client == client)).first()
    return None if row is None else _group(row)


def put_group(connection: sa.Connection, group: Group) -> None:
    """Keep a group, replacing what was kept."""
    values = {"client": group.client, "name": group.name, "external_id": group.external_id}
    if connection.execute(tables.scim_group.update().where(_g.id == group.id).values(values)).rowcount == 0:
        connection.execute(tables.scim_group.insert(), {"id": group.id, **values})


def remove_group(connection: sa.Connection, group: Group) -> None:
    """Forget a group and who is in it."""
    connection.execute(tables.scim_member.delete().where(_m.group_id == group.id))
    connection.execute(tables.scim_group.delete().where(_g.id == group.id))


def groups(connection: sa.Connection, client: str) -> list[Group]:
    """Return every group of a client."""
    statement = sa.select(tables.scim_group).where(_g.client == client).order_by(_g.id)
    return [_group(row) for row in connection.execute(statement)]


def members(connection: sa.Connection, group_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the identifiers of the people in each of these groups."""
    found: dict[str, list[str]] = {one: [] for one in group_ids}
    statement = sa.select(_m.group_id, _m.user_id).where(_m.group_id.in_(group_ids)).order_by(_m.user_id)
    for row in connection.execute(statement) if group_ids else ():
        found[row.group_id].append(row.user_id)
    return found


def set_members(connection: sa.Connection, group: Group, wanted: Iterable[str]) -> tuple[set[str], set[str]]:
    """Let exactly these people be in a group; return who came and who went.

    Only people of the group's own client count.
    """
    wanted, had = set(wanted), set(members(connection, [group.id])[group.id])
    came, went = wanted - had, had - wanted
    if came:
        connection.execute(
            tables.scim_member.insert(), [{"group_id": group.id, "user_id": one} for one in sorted(came)]
        )
    if went:
        connection.execute(tables.scim_member.delete().where(_m.group_id == group.id, _m.user_id.in_(went)))
    return came, went


def known(connection: sa.Connection, client: str, keys: Iterable[str]) -> dict[str, Provisioned]:
    """Return those of these identifiers that are people of this client."""
    statement = sa.select(tables.scim_user).where(_u.client == client, _u.id.in_(sorted(set(keys))))
    return {row.id: _person(row) for row in connection.execute(statement)}


def groups_of(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, list[Group]]:
    """Return the groups that each of these people is in."""
    found: dict[str, list[Group]] = {one: [] for one in user_ids}
    if not user_ids:
        return found
    statement = (
        sa.select(_m.user_id, tables.scim_group)
        .join(tables.scim_group, _g.id == _m.group_id)
        .where(_m.user_id.in_(user_ids))
        .order_by(_g.name, _g.id)
    )
    for row in connection.execute(statement):
        found[row.user_id].append(Group(id=row.id, client=row.client, name=row.name, external_id=row.external_id))
    return found
