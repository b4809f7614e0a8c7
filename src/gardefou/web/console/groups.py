"""What waits for one answer as a group: a burst beyond a budget or a bulk; and the top-up beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import BaseRoute

from gardefou.domain.records import Account, Staff
from gardefou.errors import Conflict, InvalidInput, NotFound
from gardefou.flow.app import Config
from gardefou.flow.approve import Answer, approve_group
from gardefou.flow.budget import top_up
from gardefou.flow.bulk_enforce import INLINE
from gardefou.flow.decide import carry_out
from gardefou.flow.fact_reads import TOPPED
from gardefou.flow.waiting_groups import Member, WaitingGroup, waiting_groups
from gardefou.people.roles import Power
from gardefou.storage import tables
from gardefou.storage.records import fetch
from gardefou.web import paging
from gardefou.web.console.enforcement_reads import on_duty
from gardefou.web.console.frame import Console, Visit, go
from gardefou.web.console.reading import accounts_named

#: Members on a group's card, those of the greatest reach; its own page has all of them.
_ON_CARD = 12
_ON_PAGE = 100


def routes(console: Console) -> list[BaseRoute]:
    """Return the routes of groups. They stand before the page of one enforcement, whose address is any other word."""
    return [
        console.get("/enforcements/group", show_group),
        console.post("/enforcements/group", answer_group),
        console.post("/enforcements/top-up", top_up_budget),
    ]


@dataclass(frozen=True, slots=True)
class MemberShown:
    """One enforcement of a group, with the account it concerns as far as that is known."""

    one: Member
    account: Account | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShown:
    """What waits for one answer, as pages show it."""

    group: WaitingGroup
    #: Names it in a form and an address, without anybody's id.
    key: str
    #: Titles of the nets that hold it up, in the nets' own words.
    nets: list[str]
    members: list[MemberShown]
    #: How many of it are each action, by action.
    actions: dict[str, int]
    #: The highest reach of one account.
    greatest: int
    lapses_at: datetime | None
    #: Says exactly what is answered: a digest over those of all its enforcements.
    digest: str
    may_answer: bool
    #: Whether a budget holds it up that this viewer may top up, and until when it is topped up already.
    may_top_up: bool
    topped_until: datetime | None

    @property
    def path(self) -> str:
        """The address of its own page."""
        return f"/enforcements/group?{urlencode({'kind': self.group.kind, 'key': self.key})}"


def groups_shown(connection: sa.Connection, visit: Visit, config: Config) -> list[GroupShown]:
    """Return every group that waits, each with its members of the greatest reach."""
    groups = waiting_groups(connection, config)
    first = [sorted(group.enforcements, key=lambda one: (-one.reach, one.id))[:_ON_CARD] for group in groups]
    return _shown(connection, visit, config, list(zip(groups, first, strict=True)))


def _shown(
    connection: sa.Connection,
    visit: Visit,
    config: Config,
    groups: Sequence[tuple[WaitingGroup, Sequence[Member]]],
) -> list[GroupShown]:
    """Return groups with some of their members; accounts and top-ups of all of them are read at once."""
    known = accounts_named(connection, ((one.platform, one.account) for _, first in groups for one in first))
    topped: dict[str, datetime] = {}
    if groups:
        table = tables.top_up.c
        newest = sa.func.max(table.at, type_=table.at.type)
        topped = {
            row.staff_id: row.at
            for row in connection.execute(
                sa.select(table.staff_id, newest.label("at"))
                .where(
                    table.staff_id.in_(sorted({group.placed_by for group, _ in groups})),
                    table.at > visit.now - TOPPED,
                )
                .group_by(table.staff_id)
            )
        }
    return [_one_shown(visit, config, group, first, known, topped.get(group.placed_by)) for group, first in groups]


def _one_shown(
    visit: Visit,
    config: Config,
    group: WaitingGroup,
    first: Sequence[Member],
    known: dict[tuple[str, str], Account],
    topped: datetime | None,
) -> GroupShown:
    behind = {human for one in group.enforcements for human in (one.placed_by, *one.humans)}
    active = on_duty(visit, visit.now)
    person = group.placed_by in visit.names.people
    held_by = [net for net_id in group.nets if (net := config.nets.get(net_id)) is not None]
    counted = any(fact.name.startswith("recent.") for net in held_by for fact in net.condition.reads)
    actions: dict[str, int] = {}
    for one in group.enforcements:
        actions[one.action] = actions.get(one.action, 0) + 1
    return GroupShown(
        group=group,
        key=visit.names.of(group.placed_by) if group.kind == "budget" else group.key,
        nets=[net.title for net in held_by],
        members=[MemberShown(one, known.get((one.platform, one.account))) for one in first],
        actions=actions,
        greatest=max(one.reach for one in group.enforcements),
        lapses_at=min((one.approve_by for one in group.enforcements if one.approve_by is not None), default=None),
        digest=_digest(group),
        may_answer=active and visit.actor.id not in behind,
        may_top_up=counted and active and person and visit.may(Power.TOP_UP) and visit.actor.id != group.placed_by,
        topped_until=None if topped is None else topped + TOPPED,
    )


def _digest(group: WaitingGroup) -> str:
    return hashlib.sha256("\n".join(f"{one.id} {one.digest}" for one in group.enforcements).encode()).hexdigest()


def _found(visit: Visit, connection: sa.Connection, config: Config, kind: str, key: str) -> WaitingGroup:
    """Return the group that a form or an address names.

    Raises:
        NotFound: nothing waits so any more (`enforcement/no_group`).
    """
    for group in waiting_groups(connection, config):
        # By pseudonym: no page holds a staff id.
        if group.kind == kind and key == (visit.names.of(group.placed_by) if kind == "budget" else group.key):
            return group
    raise NotFound("enforcement/no_group", "Nothing waits there as a group any more; look at the list again.")


def show_group(visit: Visit) -> Response:
    """Show all members of a group, a page at a time, the greatest reach first; what was ticked is left out."""
    place = paging.decode(visit.query("cursor"), int)
    start = 0 if place is None else max(0, int(place[0]))
    with visit.app.works.read() as connection:
        config = visit.app.config(connection)
        group = _found(visit, connection, config, visit.query("kind"), visit.query("key"))
        members = sorted(group.enforcements, key=lambda one: (-one.reach, one.id))
        shown = _shown(connection, visit, config, [(group, members[start : start + _ON_PAGE])])[0]
    more = start + _ON_PAGE < len(members)
    return visit.page(
        "group.html",
        shown=shown,
        start=start,
        older=paging.encode(start + _ON_PAGE) if more else None,
        newer=paging.encode(start - _ON_PAGE) if start >= _ON_PAGE else None,
    )


def answer_group(visit: Visit) -> Response:
    """Answer for all of a group at once, exactly as it was seen; what could not be answered stays and is counted.

    Members that were ticked are left out: they wait on, for an answer of their own.
    """
    form = visit.form
    with visit.app.works.read() as connection:
        group = _found(visit, connection, visit.app.config(connection), form.one("kind"), form.one("key"))
    if _digest(group) != form.one("digest"):
        raise Conflict("enforcement/stale", "The group is not what you saw any more; look at it again and answer anew.")
    left_out = set(form.all("leave_out"))
    given = [
        Answer(enforcement=one.id, digest=one.digest, answer=form.one("answer"), note=form.one("note"))
        for one in group.enforcements
        if one.id not in left_out
    ]
    if not given:
        raise InvalidInput("enforcement/none_left", "Every one of the group was left out; untick some, or go back.")
    results = approve_group(visit.app, visit.actor, given)
    answered = [one.result for one in results if one.result is not None]
    errors = [one.error for one in results if one.error is not None]
    if errors and not answered:
        # Nothing was answered: whatever is asked for first (a fresh sign-in, say) is asked for in place.
        raise errors[0]
    carry_out(visit.app, answered[:INLINE])
    more = {"errors": str(len(errors))} if errors else {}
    return go("/enforcements", answered=str(len(answered)), **more)


def top_up_budget(visit: Visit) -> Response:
    """Give somebody twice their budgets for an hour, on the page that shows what waits because of them."""
    key = visit.form.one("staff")
    with visit.app.works.read() as connection:
        one = fetch(connection, Staff, tables.staff.c.pseudonym == key)
    if one is None:
        raise NotFound("staff/not_found", "There is no such colleague.")
    top_up(visit.app, visit.actor, one.id)
    return go("/enforcements", done="topped")
