"""A team written down in a file, to check a set of nets against before there is an installation (R21).

organisation = "organisation"        # whoever works for another is of a vendor; this is the default

[[staff]]
id = "ada"
roles = ["lead"]
team = "review"                      # left out: a team of their own
employer = "organisation"            # left out: the organisation itself
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any, cast

from gardefou.errors import InvalidInput
from gardefou.nets.facts import ROLES
from gardefou.nets.seats import Person
from gardefou.nets.suggest import suggestion

_KEYS = ("id", "roles", "team", "employer")
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Team:
    """The people there are, and the organisation that they are of."""

    people: tuple[Person, ...]
    organisation: str = "organisation"


def read_team(text: str, filename: str = "team.toml") -> Team:
    """Read a team from TOML.

    Raises:
        InvalidInput: the first thing wrong, with the person it stands at
            (`team/toml`, `team/unknown_key`, `team/invalid`, `team/unknown_role`).
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("team/toml", f"{filename} is not TOML: {error}.", field="team") from error
    for key in document:
        if key not in {"staff", "organisation"}:
            hint = suggestion(key, ("staff", "organisation"))
            raise InvalidInput("team/unknown_key", f"{filename}: a team has no {key}.{hint}", field=key)
    organisation = document.get("organisation", "organisation")
    listed = document.get("staff")
    if not isinstance(organisation, str) or not organisation:
        raise InvalidInput("team/invalid", f"{filename}: organisation is a text.", field="organisation")
    if not isinstance(listed, list) or not 1 <= len(cast("list[object]", listed)) <= _MOST:
        raise InvalidInput("team/invalid", f"{filename} has no [[staff]] tables; add the people.", field="staff")
    people: dict[str, Person] = {}
    for number, table in enumerate(cast("list[object]", listed), start=1):
        person = _person(table, f"{filename}, staff {number}", organisation)
        if person.id in people:
            raise InvalidInput("team/invalid", f"{filename}: two people have the id {person.id}.", field="id")
        people[person.id] = person
    return Team(tuple(people.values()), organisation)


def _person(table: object, where: str, organisation: str) -> Person:
    if not isinstance(table, dict):
        raise InvalidInput("team/invalid", f"{where}: write each person as a [[staff]] table.", field="staff")
    given = cast("dict[str, Any]", table)
    for key in given:
        if key not in _KEYS:
            raise InvalidInput(
                "team/unknown_key", f"{where}: there is no {key} here.{suggestion(key, _KEYS)}", field=key
            )
    name, roles = given.get("id"), given.get("roles")
    if not isinstance(name, str) or not name:
        raise InvalidInput("team/invalid", f"{where}: id is a text that is not empty.", field="id")
    if not isinstance(roles, list):
        raise InvalidInput("team/invalid", f'{where}: roles is a list, such as ["lead"].', field="roles")
    for role in cast("list[object]", roles):
        if role not in ROLES:
            hint = suggestion(str(role), ROLES) or f" Use some of {', '.join(ROLES)}."
            raise InvalidInput("team/unknown_role", f"{where}: there is no role {role!r}.{hint}", field="roles")
    team, employer = given.get("team", name), given.get("employer", organisation)
    if not isinstance(team, str) or not isinstance(employer, str):
        raise InvalidInput("team/invalid", f"{where}: team and employer are texts.", field="team")
    return Person(id=name, roles=frozenset(cast("list[str]", roles)), team=team, employer=employer)
