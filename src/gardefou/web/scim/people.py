"""People over SCIM: what a client states of them, what of it is in effect, and what comes of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from scim2_models import (
    Context,
    ForbiddenException,
    InvalidValueException,
    Meta,
    MutabilityException,
    NotFoundException,
    PatchOp,
    UniquenessException,
)

from gardefou.domain.records import Staff
from gardefou.domain.states import State
from gardefou.flow.provision import LastDay, Wish, align, arrive, depart, describe, free_identifiers
from gardefou.flow.rules import Rules
from gardefou.people import provisioned
from gardefou.people.directory import Entry
from gardefou.people.last_days import end_of_last_day, zone_of
from gardefou.people.provisioned import Provisioned
from gardefou.people.roles import ROLES
from gardefou.people.standing import standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all
from gardefou.storage.work import UnitOfWork
from gardefou.web.scim.calls import Call, Sent, check_match, unchanged, version_of, without_nulls
from gardefou.web.scim.models import POLICY, GardefouUser, Membership, Person

KIND = "Users"
_STATED = Context.RESOURCE_CREATION_REQUEST

# reading -----------------------------------------------------------------------


def shown(call: Call, connection: sa.Connection, found: Sequence[Provisioned]) -> list[Any]:
    """Return people as SCIM shows them: what the client states, and what of it is in effect."""
    ids = [one.staff_id for one in found]
    statement = sa.select(tables.staff).where(tables.staff.c.id.in_(ids))
    staff = {one.id: one for one in fetch_all(connection, Staff, statement)} if ids else {}
    groups = provisioned.groups_of(connection, [one.id for one in found])
    rules = call.app.config(connection).rules
    models: list[Any] = []
    for one in found:
        stated = stated_of(call.app.directory.get(connection, one.staff_id))
        models.append(_shown(call, one, stated, staff[one.staff_id], groups[one.id], rules))
    return models


def stated_of(entry: Entry | None) -> Any:
    """Return what a client has stated of a person."""
    return Person.model_validate(orjson.loads((entry and entry.document) or "{}"), scim_policy=POLICY)


def _shown(
    call: Call, one: Provisioned, stated: Any, staff: Staff, groups: Sequence[provisioned.Group], rules: Rules
) -> Any:
    model = stated
    on_duty = standing_now(staff, call.app.now()).on_duty
    missing = _not_in_effect(stated, staff, groups, rules, on_duty=on_duty)
    model.id = one.id
    if stated.active is not None:
        model.active = stated.active and on_duty
    model.groups = [
        Membership(value=group.id, ref=call.location("Groups", group.id), display=group.name, type="direct")
        for group in groups
    ] or None
    if missing:
        extra = _extra(model)
        extra.not_in_effect = missing
        model.GardefouUser = extra
    model.meta = Meta(resource_type="User", location=call.location(KIND, one.id), version=version_of(model))
    return model


def _not_in_effect(
    stated: Any, staff: Staff, groups: Sequence[provisioned.Group], rules: Rules, *, on_duty: bool
) -> list[str]:
    extra = _extra(stated)
    roles, teams = meant(rules, groups)
    differs = {
        "active": bool(stated.active) and not on_duty,
        "employmentEnd": extra.employment_end is not None and end_of(stated) != staff.last_day_end,
        "team": bool(extra.team) and extra.team != staff.team,
        "employer": bool(extra.employer) and extra.employer != staff.employer,
        "groups": not roles <= set(staff.roles) or (len(teams) == 1 and staff.team not in teams),
    }
    return [name for name, so in differs.items() if so]


def meant(rules: Rules, groups: Sequence[provisioned.Group]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the roles and the teams that groups stand for here."""
    pairs = [pair for group in groups for pair in rules.group_means(group.name)]
    roles = frozenset(value for kind, value in pairs if kind == "role" and value in ROLES)
    return roles, frozenset(value for kind, value in pairs if kind == "team")


def _extra(stated: Any) -> GardefouUser:
    """Return the extension of what is stated, empty where there is none."""
    return stated.GardefouUser or GardefouUser()


def end_of(stated: Any) -> datetime | None:
    """Return the end of the stated last day, or None where none is stated.

    Raises:
        InvalidValueException: it is no day.
    """
    text = stated.GardefouUser and stated.GardefouUser.employment_end
    if not text:
        return None
    end = end_of_last_day(text, zone_of(stated.timezone) if stated.timezone else None)
    if end is None:
        raise InvalidValueException(
            attribute="employmentEnd",
            detail="employmentEnd is a day such as 2026-12-31 or 2026-12-31[Europe/Paris], or a moment.",
        )
    return end


def read(call: Call, key: str) -> tuple[Sent | None, Any]:
    """Return one person, or (first) the answer that it is as the client has it."""
    with call.app.works.read() as connection:
        one = _need(call, connection, key)
        model = shown(call, connection, [one])[0]
    if unchanged(call, model.meta.version):
        return Sent(None, 304, model.meta.version), model
    return None, model


def _need(call: Call, connection: sa.Connection, key: str) -> Provisioned:
    found = provisioned.get(connection, call.client, key)
    if found is None:
        raise NotFoundException(detail="There is no such user.")
    return found


# changing ----------------------------------------------------------------------


def create(call: Call, body: Any) -> Any:
    """Add a person without any role, or take over one who is here already by identity."""
    stated: Any = Person.model_validate(body, scim_ctx=_STATED, scim_policy=POLICY)
    if stated.active is None:
        stated.active = True
    app = call.app
    with app.works.begin() as uow:
        uow.serialise("changes")
        extra, end = _extra(stated), end_of(stated)
        owner = _check_identity(call, uow, stated, None)
        because = call.because("a newcomer.")
        if owner is None:
            change = arrive(
                uow,
                app,
                call.actor,
                because,
                team=extra.team or "",
                employer=extra.employer or "",
                last_day=end,
            )
            if change.state != State.IN_FORCE.value:
                raise ForbiddenException(detail="The nets here ask people before anybody is added; add them by hand.")
            owner = str((change.change or {})["staff"])
        one = Provisioned(id=provisioned.new_id(app.random), client=call.client, staff_id=owner)
        provisioned.add(uow.connection, one)
        _keep(call, uow, one, stated)
        wish = Wish(
            active=None if stated.active else False,
            last_day=None if end is None else LastDay(end=end),
            team=extra.team or "",
            employer=extra.employer or "",
        )
        align(uow, app, call.actor, owner, wish, because)
        model = shown(call, uow.connection, [one])[0]
    app.wake()
    return model


def put(call: Call, key: str, body: Any) -> Any:
    """Replace what is stated of a person."""
    new = Person.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY)

    def replaced(old: Any) -> tuple[Any, frozenset[str]]:
        new.replace(old)
        return new, frozenset()

    return _change(call, key, replaced)


def patch(call: Call, key: str, body: Any) -> Any:
    """Change some of what is stated of a person."""
    patched = PatchOp[Person].model_validate(
        without_nulls(body), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
    )
    named: set[str] = set()
    for operation in patched.operations or ():
        value: Any = operation.value
        values: list[Any] = list(cast("Any", value)) if isinstance(value, dict) else []
        named |= {str(name).rpartition(":")[2].lower() for name in (operation.path or "", *values)}

    def applied(old: Any) -> tuple[Any, frozenset[str]]:
        new = old.model_copy(deep=True)
        patched.patch(new, POLICY)
        return new, frozenset(named)

    return _change(call, key, applied)


def _change(call: Call, key: str, change: Any) -> Any:
    app = call.app
    with app.works.begin() as uow:
        uow.serialise("changes")
        one = _need(call, uow.connection, key)
        if call.if_match or call.if_none_match:
            check_match(call, shown(call, uow.connection, [one])[0].meta.version)
        old = stated_of(app.directory.get(uow.connection, one.staff_id))
        # Okta repeats it in the values of a patch.
        old.id = one.id
        new, named = change(old)
        staff = uow.get(Staff, "gardefou", one.staff_id)
        assert staff is not None
        _check_identity(call, uow, new, staff)
        wish = _wish(old, new, named)
        if _statement(old) != _statement(new):
            _keep(call, uow, one, new)
        align(uow, app, call.actor, one.staff_id, wish, call.because("a change."))
        model = shown(call, uow.connection, [one])[0]
    app.wake()
    return model


def _wish(old: Any, new: Any, named: frozenset[str]) -> Wish:
    """Return what is stated anew: what differs, and what was named in so many words."""
    before, after = _extra(old), _extra(new)
    end = end_of(new)
    again = "employmentend" in named or end != end_of(old)
    return Wish(
        active=new.active if new.active != old.active or "active" in named else None,
        last_day=LastDay(end=end) if again else None,
        team=(after.team or "") if after.team != before.team or "team" in named else "",
        employer=(after.employer or "") if after.employer != before.employer or "employer" in named else "",
    )


def _identity(stated: Any) -> tuple[str, str]:
    """Return issuer and subject, where both are stated."""
    extra = _extra(stated)
    return (extra.issuer, extra.subject) if extra.issuer and extra.subject else ("", "")


def _check_identity(call: Call, uow: UnitOfWork, new: Any, staff: Staff | None) -> str | None:
    """Return whom this identity leads to that nobody provisions yet; raise where it is not to be had."""
    if not new.user_name:
        raise InvalidValueException(attribute="userName", detail="userName is not empty.")
    identity = _identity(new)
    if staff is not None and (staff.roles or staff.enrolled) and any(identity):
        entry = call.app.directory.get(uow.connection, staff.id)
        if entry is None or (entry.issuer, entry.subject) != identity:
            # Whoever has powers would get another door: an admin opens it, not a directory.
            raise MutabilityException(
                attribute="subject", detail="This person acts here already; their identity is settled."
            )
    owner = free_identifiers(uow, call.app, *identity, new.user_name)
    if owner is None or (staff is not None and owner == staff.id):
        return None
    waits = uow.get(Staff, "gardefou", owner, lock=False) is None
    if staff is not None or waits or provisioned.of_staff(uow.connection, owner) is not None:
        raise UniquenessException(attribute="subject", detail="Somebody else has this identity.")
    return owner


def _keep(call: Call, uow: UnitOfWork, one: Provisioned, stated: Any) -> None:
    """Seal what is stated of a person."""
    issuer, subject = _identity(stated)
    name = stated.name
    whole = " ".join(part for part in (name.given_name, name.middle_name, name.family_name) if part) if name else ""
    mails = [mail for mail in stated.emails or () if mail.value]
    first = next((mail.value for mail in mails if mail.primary), mails[0].value if mails else "")
    had = call.app.directory.get(uow.connection, one.staff_id) or Entry(staff_id=one.staff_id)
    before, document = orjson.loads(had.document or "{}"), _statement(stated)
    entry = replace(
        had,
        name=stated.display_name or (name and name.formatted) or whole or had.name,
        email=first or "",
        issuer=issuer or had.issuer,
        subject=subject or had.subject,
        user_name=stated.user_name,
        external_id=stated.external_id or "",
        document=orjson.dumps(document).decode(),
    )
    changed = sorted(name for name in {*before, *document} if before.get(name) != document.get(name))
    describe(uow, call.app, call.actor, entry, changed)


def _statement(stated: Any) -> dict[str, Any]:
    document: dict[str, Any] = stated.model_dump(scim_ctx=_STATED)
    return document


def delete(call: Call, key: str) -> None:
    """Put a person off for good. What they are called at the client may be anybody's again."""
    app = call.app
    with app.works.begin() as uow:
        uow.serialise("changes")
        one = _need(call, uow.connection, key)
        if call.if_match:
            check_match(call, shown(call, uow.connection, [one])[0].meta.version)
        depart(uow, app, call.actor, one.staff_id, call.because("deleted."))
        provisioned.remove(uow.connection, one)
        entry = app.directory.get(uow.connection, one.staff_id)
        if entry is not None:
            kept = replace(entry, user_name="", external_id="", document="")
            describe(uow, app, call.actor, kept, ["userName"])
    app.wake()
