"""The same action on many accounts: counted together, judged together, approved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from gardefou.domain.accounts import Tier
from gardefou.domain.records import Account, Enforcement
from gardefou.errors import GardefouError, InvalidInput
from gardefou.flow.app import App, Config
from gardefou.flow.decide import carry_out
from gardefou.flow.observe import retier, tier_memory
from gardefou.flow.place import place
from gardefou.flow.prepare import Prepared, prepare
from gardefou.flow.spec import Wanted
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.storage.records import get

#: Enforcements placed in one transaction, and carried out before the call returns.
CHUNK = 500
INLINE = 25


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """An account of a bulk on which nothing was placed, and why."""

    account: str
    error: GardefouError


@dataclass(frozen=True, slots=True)
class BulkPlaced:
    """What a bulk placed, in the sequence of its accounts, and what it could not."""

    enforcements: tuple[Enforcement, ...]
    errors: tuple[NotPlaced, ...]


def enforce_bulk(
    app: App,
    actor: Actor,
    accounts: Sequence[str],
    wanted: Wanted,
    *,
    confirms: Mapping[str, Mapping[str, str]] | None = None,
) -> BulkPlaced:
    """Place the same action on many accounts; ``wanted.account`` is not used.

    Standard accounts are one group, whose whole number the nets are told.
    Notable and protected ones, and those that could not be read (R9), are split
    out and judged one by one. An account that is named twice, or by two of its
    names, is one. `INLINE` are carried out at once, the rest by the worker.

    ``confirms`` are confirmations by account, as no single one can be right for many.

    Raises:
        InvalidInput: none, or more than `Rules.bulk_max` (`enforcement/bulk_max`);
            content named (`enforcement/content`).
        NotFound: there is no such platform (`platform/not_found`).
        GardefouError: whatever `place` raises for the whole group, before
            anything was placed; later and single ones are listed in the answer.
    """
    actor.require(Power.ENFORCE, app.now())
    actor.require_platform(wanted.platform)
    with app.works.read() as connection:
        config = app.config(connection)
    config.active(wanted.platform)
    names = list(dict.fromkeys(accounts))
    if not names or len(names) > config.rules.bulk_max:
        raise InvalidInput(
            "enforcement/bulk_max",
            _("A bulk names 1 to %(most)s accounts.", most=config.rules.bulk_max),
            field="accounts",
        )
    if wanted.content:
        raise InvalidInput("enforcement/content", "A bulk acts on accounts, not on items.", field="content")
    errors: list[NotPlaced] = []
    by_ref: dict[str, Prepared] = {}
    for name in names:
        try:
            prepared = prepare(app, replace(wanted, account=name, confirm=(confirms or {}).get(name, wanted.confirm)))
        except InvalidInput as error:
            if error.field != "account":
                # It is the wish that is wrong, and it is the same for all.
                raise
            errors.append(NotPlaced(name, error))
        except GardefouError as error:
            errors.append(NotPlaced(name, error))
        else:
            by_ref.setdefault(prepared.checked.wanted.account, prepared)
    with app.works.read() as connection:
        standard = [one for one in by_ref.values() if _tier(app, connection, config, one) is Tier.STANDARD]
    together = {one.checked.wanted.account for one in standard}
    placed = _group(app, actor, standard, errors)
    for ref, one in by_ref.items():
        if ref not in together:
            placed.update(_place(app, actor, [one], errors))
    in_sequence = [placed[ref] for ref in by_ref if ref in placed]
    now = carry_out(app, in_sequence[:INLINE])
    return BulkPlaced((*now, *in_sequence[INLINE:]), tuple(errors))


def _group(app: App, actor: Actor, standard: list[Prepared], errors: list[NotPlaced]) -> dict[str, Enforcement]:
    """Place the standard accounts as one group, in transactions of a bearable size."""
    group = app.ids.new() if len(standard) > 1 else None
    placed: dict[str, Enforcement] = {}
    for first in range(0, len(standard), CHUNK):
        chunk = standard[first : first + CHUNK]
        if not placed:
            made = place(app, actor, chunk, bulk=len(standard), group=group, first_index=0)
            placed.update(zip((one.checked.wanted.account for one in chunk), made, strict=True))
        else:
            own = sum(one.group_id == group for one in placed.values())
            placed.update(_place(app, actor, chunk, errors, bulk=len(standard), group=group, first_index=own))
    return placed


def _place(
    app: App,
    actor: Actor,
    wishes: list[Prepared],
    errors: list[NotPlaced],
    *,
    bulk: int = 1,
    group: str | None = None,
    first_index: int = 0,
) -> dict[str, Enforcement]:
    accounts = [one.checked.wanted.account for one in wishes]
    try:
        made = place(app, actor, wishes, bulk=bulk, group=group, first_index=first_index)
    except GardefouError as error:
        errors.extend(NotPlaced(account, error) for account in accounts)
        return {}
    return dict(zip(accounts, made, strict=True))


def _tier(app: App, connection: sa.Connection, config: Config, prepared: Prepared) -> Tier:
    """Return the tier that will count for an account; protected where it cannot be told (R9)."""
    reading = prepared.seen.reading
    if reading is None:
        return Tier.PROTECTED
    wanted = prepared.checked.wanted
    known = get(connection, Account, wanted.platform, wanted.account) or Account(
        platform=wanted.platform, ref=wanted.account
    )
    read = replace(known, labels=reading.labels, reach=reading.reach, verified_org=reading.verified_org)
    now = app.now()
    return tier_memory(retier(read, config.rules, now), now)
