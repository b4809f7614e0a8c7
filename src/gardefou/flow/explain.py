"""Why an enforcement was stopped, or was not, and what would satisfy the nets: in words, from the record.

One function for the command line, the API and the console. It names no person:
roles, teams and counts are all it says of people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gardefou.domain.records import Approval, Enforcement, NetsVersion, Staff
from gardefou.domain.states import ENDED, SAYS, State
from gardefou.errors import InvalidInput
from gardefou.flow.app import Config, read_nets
from gardefou.flow.approvals import as_person, counted
from gardefou.flow.second_look import SAYS as SECOND_LOOK
from gardefou.flow.signed import REQUIRED, asks_signature
from gardefou.nets.facts import Facts
from gardefou.nets.judge import Explanation, explain
from gardefou.nets.net import NetSet
from gardefou.nets.otherwise import otherwise
from gardefou.nets.phrasebook import duration
from gardefou.nets.seats import Person, could_count, seats_filled
from gardefou.nets.sentence import CONFIRMED, asks_in_words
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.leaving import Loss, leaving_of
from gardefou.people.standing import standing_now
from gardefou.speech import gettext as _
from gardefou.speech import listed, moment_in_full, ngettext, plain
from gardefou.storage import tables
from gardefou.storage.records import fetch, fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One net on one enforcement: whether it spoke, the facts that made it, and what would silence it."""

    said: Explanation
    asks: tuple[str, ...] = ()
    silent_if: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {**self.said.to_json(), "asks": list(self.asks), "silent_if": list(self.silent_if)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An enforcement explained. ``met`` and ``outstanding`` are what was asked, each in a phrase."""

    enforcement: str
    says: str
    nets: tuple[Why, ...] = ()
    met: tuple[str, ...] = ()
    outstanding: tuple[str, ...] = ()
    #: In shadow: what would have been asked, in words; empty where nothing.
    in_shadow: str = ""

    def to_json(self, *, silent: bool = False) -> dict[str, Any]:
        """Return it for machines; with ``silent`` also the nets that stayed silent."""
        return {
            "enforcement": self.enforcement,
            "says": self.says,
            "met": list(self.met),
            "outstanding": list(self.outstanding),
            "in_shadow": self.in_shadow or None,
            "nets": [one.to_json() for one in self.nets if silent or one.said.spoke],
        }

    @property
    def spoke(self) -> tuple[Why, ...]:
        """The nets that spoke, shadow ones among them."""
        return tuple(one for one in self.nets if one.said.spoke)


def nets_of(connection: sa.Connection, found: Enforcement) -> NetSet | None:
    """Return the set that judged an enforcement; None where none did."""
    stored = fetch(connection, NetsVersion, tables.nets_version.c.digest == found.nets)
    return None if stored is None else read_nets(stored.toml, stored.name)


def explanation(
    connection: sa.Connection, found: Enforcement, config: Config, *, now: datetime, blind: bool
) -> Explained:
    """Explain one enforcement as things stand now; ``blind``: for someone who must not see the first verdict yet."""
    if blind:
        return Explained(enforcement=found.id, says=_(SECOND_LOOK))
    nets = nets_of(connection, found)
    if nets is None or not found.facts:
        return Explained(enforcement=found.id, says=_("No net judged it."))
    verdict = Verdict.from_json(found.verdict)
    whys = _whys(nets, found)
    met, outstanding = _asked(connection, found, config, verdict, whys, now=now)
    return Explained(
        enforcement=found.id,
        says=_says(found, verdict, outstanding),
        nets=tuple(whys),
        met=tuple(met),
        outstanding=tuple(outstanding),
        in_shadow=shadow_ask(nets, verdict),
    )


def shadow_asks(nets: NetSet, verdict: Verdict) -> Verdict:
    """Return what the nets in a verdict's shadow would have asked together."""
    asked = Verdict()
    for reason in verdict.shadow:
        net = nets.get(reason.net)
        if net is not None:
            asked = asked.join(net.asks)
    return asked


def shadow_ask(nets: NetSet, verdict: Verdict) -> str:
    """Say what the nets in shadow would have asked; nothing where none spoke."""
    if not verdict.shadow:
        return ""
    asked = shadow_asks(nets, verdict)
    if asked.refused:
        return _("would have refused it: %(why)s", why=_(asked.refusals[0]).rstrip("."))
    parts = asks_in_words(asked)
    parts += (
        [_("word to %(whom)s", whom=listed([plain(one) for one in asked.notify], "and"))]
        if asked.notify and not parts
        else []
    )
    if not parts:
        return _("would have asked nothing")
    return _("would have asked %(what)s", what=listed(parts, "and"))


def _whys(nets: NetSet, found: Enforcement) -> list[Why]:
    try:
        facts = Facts.from_json(found.facts)
    except InvalidInput:
        # Recorded under facts that there are no more: nothing honest can be said of it.
        return []
    whys: list[Why] = []
    for said in explain(nets, facts):
        net = nets.get(said.net)
        if net is None or not said.spoke:
            whys.append(Why(said=said))
            continue
        asks = tuple(map(_, net.asks.refusals)) or tuple(asks_in_words(net.asks))
        whys.append(Why(said=said, asks=asks, silent_if=tuple(otherwise(net, facts))))
    return whys


def _says(found: Enforcement, verdict: Verdict, outstanding: Sequence[str]) -> str:
    state = State(found.state)
    if verdict.refused:
        return _("Refused: %(why)s. Nothing satisfies a refusal.", why=_(verdict.refusals[0]).rstrip("."))
    if state is State.WAITING:
        if not outstanding:
            return _("Everything asked is met.")
        return _("It waits for %(what)s.", what=listed(outstanding, "and"))
    if state in ENDED and found.because:
        return f"{_(SAYS[state])} {found.because}"
    if verdict.asks_nothing:
        return _("No net asked for anything.")
    if state in ENDED:
        return _(SAYS[state])
    return f"{_('Everything asked was met.')} {_(SAYS[state])}"


def _asked(
    connection: sa.Connection,
    found: Enforcement,
    config: Config,
    verdict: Verdict,
    whys: Sequence[Why],
    *,
    now: datetime,
) -> tuple[list[str], list[str]]:
    """Return what was asked and is met, and what is outstanding."""
    if verdict.refused:
        return [], _what_would_change(whys)
    waits = found.state == State.WAITING.value
    met = _at_the_act(found, verdict)
    outstanding: list[str] = []
    if verdict.approvals:
        given, missing = _people(connection, found, config, verdict, now=now)
        met += given
        if waits and found.approved_at is None:
            outstanding += missing
    if waits and found.approved_at is None and verdict.hold_seconds:
        outstanding.append(
            _("then a wait of %(time)s, in which anyone on duty can cancel", time=duration(verdict.hold_seconds))
        )
    elif verdict.hold_seconds and found.hold_until is not None:
        if waits and found.hold_until > now:
            left = duration(_rounded(found.hold_until - now))
            outstanding.append(_("the wait, which runs %(time)s more; anyone on duty can cancel until then", time=left))
        elif found.hold_until <= now:
            met.append(_("the wait of %(time)s is over", time=duration(verdict.hold_seconds)))
    if waits and found.execute_at is not None and found.execute_at > now:
        outstanding.append(_("its hour, %(moment)s", moment=moment_in_full(found.execute_at)))
    return met, outstanding


def _what_would_change(whys: Sequence[Why]) -> list[str]:
    """Say which fact would have to be otherwise, for each net that refuses."""
    told: list[str] = []
    for why in whys:
        if not why.said.spoke or why.said.shadow or not why.said.refuses:
            continue
        if why.silent_if:
            told.append(
                _("%(net)s would not speak if %(facts)s", net=why.said.net, facts=_(", or if ").join(why.silent_if))
            )
        else:
            told.append(_("%(net)s would speak whatever single fact were otherwise", net=why.said.net))
    return told


def _at_the_act(found: Enforcement, verdict: Verdict) -> list[str]:
    met: list[str] = []
    if verdict.fresh_auth_minutes is not None and not found.facts.get("actor.human", True):
        # What the organisation's directory asks for, and what Gardefou proposes itself.
        met.append(_("no person placed it, so nobody was asked to sign in for that"))
    elif verdict.fresh_auth_minutes is not None:
        met.append(_("whoever placed it had signed in within %(minutes)s minutes", minutes=verdict.fresh_auth_minutes))
    if verdict.confirm:
        met.append(_(CONFIRMED[verdict.confirm]))
    return met


def _people(
    connection: sa.Connection, found: Enforcement, config: Config, verdict: Verdict, *, now: datetime
) -> tuple[list[str], list[str]]:
    """Return how many said yes, and who is missing still: roles, counts and teams, nobody's name."""
    approval, organisation = tables.approval.c, config.rules.organisation
    given = fetch_all(
        connection,
        Approval,
        sa.select(tables.approval).where(approval.platform == found.platform, approval.enforcement_id == found.id),
    )
    staff = {one.id: one for one in fetch_all(connection, Staff, sa.select(tables.staff))}
    table = leaving_of(connection)
    active = {key for key, one in staff.items() if standing_now(one, now, table).has(Loss.APPROVALS)}
    yeses = [as_person(one) for one in counted(given, staff.get, found, now, table)[1]]
    human = next((who for who in (found.placed_by, *found.humans) if who in staff), None)
    nobody = Person(id=found.placed_by, roles=frozenset(), team="", employer="")
    proposer = nobody if human is None else as_person(staff[human])
    missing = seats_filled(verdict.approvals, yeses, proposer=proposer, organisation=organisation)
    wanted = verdict.seats
    filled = wanted - sum(need.approvals for need in missing)
    met = (
        [
            ngettext(
                "%(filled)s of %(num)s further person said yes",
                "%(filled)s of %(num)s further people said yes",
                wanted,
                filled=filled,
            )
        ]
        if filled
        else []
    )
    if not missing:
        return met, []
    answered = {one.by for one in given}
    could = [
        staff[key]
        for key in sorted(active - answered - set(found.humans))
        if could_count(verdict.approvals, yeses, as_person(staff[key]), proposer=proposer, organisation=organisation)
        is None
    ]
    fresh = verdict.fresh_auth_minutes
    signed = _(", signed in within %(minutes)s minutes", minutes=fresh) if fresh is not None else ""
    needs = listed([need.in_words() for need in missing], "and")
    return met, [f"{needs}{signed}{_by_passkey(config, found)} ({_who_could(could, missing)})"]


def _by_passkey(config: Config, found: Enforcement) -> str:
    """Say whose yes to it is signed with a passkey, after what else is asked of a yes."""
    if not asks_signature(config, found):
        return ""
    if config.rules.passkey_approvals == REQUIRED:
        return _(", each yes signed with a passkey")
    return _(", each yes signed with a passkey by whoever has one")


def _who_could(could: Sequence[Staff], missing: Sequence[Requirement]) -> str:
    wanted = {role for need in missing for role in need.roles}
    if not could:
        return _("nobody here can at present")
    roles = Counter(role for one in could for role in one.roles if role in wanted)
    said = listed(
        [_("%(number)s %(role)s", number=number, role=plain(role)) for role, number in sorted(roles.items())], "and"
    )
    teams = sorted({one.team for one in could if one.team})
    of = ""
    if teams:
        of = ngettext(", of the team %(teams)s", ", of the teams %(teams)s", len(teams), teams=listed(teams, "and"))
    return ngettext(
        "%(num)s person here could: %(roles)s%(of)s",
        "%(num)s people here could: %(roles)s%(of)s",
        len(could),
        roles=said,
        of=of,
    )


def _rounded(left: timedelta) -> int:
    """Round up to minutes, or to seconds below two of them."""
    seconds = max(1, round(left.total_seconds()))
    return seconds if seconds < 120 else -(-seconds // 60) * 60
