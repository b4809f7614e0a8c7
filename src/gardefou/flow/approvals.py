"""Whose yes counts: the approvals of an enforcement that are valid now, and the seats they leave open (M2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import sqlalchemy as sa

from gardefou.domain.records import Approval, Enforcement, Staff
from gardefou.flow.app import App, Config
from gardefou.flow.signed import asks_signature, stands
from gardefou.nets.seats import Person, seats_filled
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.leaving import M9, Loss, Table, leaving_of
from gardefou.people.standing import standing_now
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork


def as_person(staff: Staff) -> Person:
    """Return what of a person counts when seats are filled (M2)."""
    return Person(id=staff.id, roles=frozenset(staff.roles), team=staff.team, employer=staff.employer)


def valid_approvals(
    uow: UnitOfWork, app: App, config: Config, enforcement: Enforcement, tier: str = "standard"
) -> tuple[list[Approval], list[Staff]]:
    """Return the yeses that count at this moment: from people in good standing, outside those behind it.

    Where they must be signed, only those whose signature holds; ``tier`` is the account's as of now.
    """
    given = uow.all(Approval, *_of(enforcement), order=tables.approval.c.id)
    if not given:
        return [], []
    if asks_signature(config, enforcement, tier):
        given = [one for one in given if one.answer != "yes" or stands(uow, app, config, enforcement, one)]
    return counted(
        given, lambda who: uow.get(Staff, "gardefou", who, lock=False), enforcement, uow.now, leaving_of(uow.connection)
    )


def is_forged(uow: UnitOfWork, app: App, config: Config, enforcement: Enforcement, tier: str = "standard") -> bool:
    """Whether a yes on record is not signed by whoever is said to have given it."""
    if not asks_signature(config, enforcement, tier):
        return False
    given = uow.all(Approval, *_of(enforcement))
    return any(one.answer == "yes" and not stands(uow, app, config, enforcement, one) for one in given)


def _of(enforcement: Enforcement) -> tuple[sa.ColumnElement[bool], ...]:
    table = tables.approval.c
    return table.platform == enforcement.platform, table.enforcement_id == enforcement.id


def counted(
    given: Iterable[Approval],
    staff_of: Callable[[str], Staff | None],
    enforcement: Enforcement,
    now: datetime,
    table: Table = M9,
) -> tuple[list[Approval], list[Staff]]:
    """Return those answers that are yeses and count at a moment, with whose they are; each person once."""
    valid: list[Approval] = []
    people: list[Staff] = []
    for approval in given:
        if approval.answer != "yes" or approval.by in enforcement.humans or approval.digest != enforcement.digest:
            continue
        staff = staff_of(approval.by)
        if staff is None or not standing_now(staff, now, table).has(Loss.APPROVALS):
            continue
        if any(person.id == staff.id for person in people):
            continue
        valid.append(approval)
        people.append(staff)
    return valid, people


def proposer_of(uow: UnitOfWork, enforcement: Enforcement) -> Person:
    """Return whoever placed it, as seats see them; for a service, the person whose token it is."""
    for human in (enforcement.placed_by, *enforcement.humans):
        staff = uow.get(Staff, "gardefou", human, lock=False)
        if staff is not None:
            return as_person(staff)
    return Person(id=enforcement.placed_by, roles=frozenset(), team="", employer="")


def outstanding(
    uow: UnitOfWork, app: App, config: Config, enforcement: Enforcement, verdict: Verdict, tier: str = "standard"
) -> tuple[Requirement, ...]:
    """Return the requirements that the valid approvals do not fill yet; ``tier`` is the account's as of now."""
    if not verdict.approvals:
        return ()
    _, people = valid_approvals(uow, app, config, enforcement, tier)
    return seats_filled(
        verdict.approvals,
        [as_person(person) for person in people],
        proposer=proposer_of(uow, enforcement),
        organisation=config.rules.organisation,
    )
