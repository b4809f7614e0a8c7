"""What nets in shadow would have asked, from the verdicts on record: read before they are let ask.

A verdict keeps which shadow nets spoke; what they ask comes from the set that
judged it then. How long people would have taken to answer nobody knows: only
holds are delays here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

import sqlalchemy as sa

from gardefou.clock import rfc3339
from gardefou.domain.records import NetsVersion
from gardefou.flow.app import read_nets
from gardefou.flow.explain import shadow_asks
from gardefou.nets.net import NetSet
from gardefou.nets.phrasebook import duration
from gardefou.nets.verdict import NOTHING, Verdict
from gardefou.speech import decimal
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.records import fetch

_e = tables.enforcement.c
#: Verdicts that are read at once.
_CHUNK = 5_000


@dataclass(slots=True)
class ShadowNet:
    """One net in shadow: how often it spoke, and how often it alone would have made the difference."""

    net: str
    title: str
    spoke: int = 0
    alone: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"net": self.net, "title": self.title, "spoke": self.spoke, "alone": self.alone}


@dataclass(slots=True, kw_only=True)
class Shadow:
    """What would have been asked of the enforcements since then, beyond what was."""

    since: datetime
    judged: int = 0
    refused: int = 0
    #: Would have waited for people, for a hold, or both; and what else they would have been asked.
    people: int = 0
    held: int = 0
    signed_in: int = 0
    confirmed: int = 0
    delays: list[int] = field(default_factory=list[int])
    nets: dict[str, ShadowNet] = field(default_factory=dict[str, ShadowNet])
    examples: list[str] = field(default_factory=list[str])

    @property
    def delayed(self) -> int:
        """How many would have waited: for people or a hold."""
        return len(self.delays)

    @property
    def median_hold(self) -> int | None:
        """The median of the holds, in seconds; None where nothing would have been held."""
        holds = [one for one in self.delays if one]
        return round(median(holds)) if holds else None

    @property
    def says(self) -> str:
        """The whole in one sentence or three."""
        if not (self.refused or self.delays or self.signed_in or self.confirmed):
            return _(
                "Nothing in shadow would have asked anything of %(judged)s enforcements.", judged=decimal(self.judged)
            )
        said = _(
            "Of %(judged)s enforcements the nets in shadow would have delayed %(delayed)s",
            judged=decimal(self.judged),
            delayed=decimal(self.delayed),
        )
        if self.median_hold is not None:
            said += _(", median %(time)s", time=duration(self.median_hold))
        if self.refused:
            said += _(", and refused %(number)s", number=decimal(self.refused))
        parts = [f"{said}."]
        if self.people:
            parts.append(
                _(
                    "%(number)s would have waited for people; how long people take to answer is not known.",
                    number=decimal(self.people),
                )
            )
        if self.signed_in:
            parts.append(_("%(number)s would have been asked for a fresh sign-in.", number=decimal(self.signed_in)))
        if self.confirmed:
            parts.append(_("%(number)s would have been asked to confirm.", number=decimal(self.confirmed)))
        return " ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "since": rfc3339(self.since),
            "says": self.says,
            "judged": self.judged,
            "delayed": self.delayed,
            "median_hold_seconds": self.median_hold,
            "refused": self.refused,
            "people": self.people,
            "held": self.held,
            "fresh_sign_in": self.signed_in,
            "confirm": self.confirmed,
            "nets": [one.to_json() for one in self.ranked()],
            "examples": list(self.examples),
        }

    def ranked(self) -> list[ShadowNet]:
        """Return the nets that spoke, the most talkative first."""
        return sorted(self.nets.values(), key=lambda one: (-one.spoke, one.net))


def shadow_report(connection: sa.Connection, since: datetime, *, most: int | None = None) -> Shadow:
    """Return what shadow nets would have asked of what was placed since then, guarded changes and restores left out.

    With ``most`` only of the newest so many.
    """
    report = Shadow(since=since)
    sets: dict[str, NetSet | None] = {}
    last, left = "", most
    while left is None or left > 0:
        rows = _newest(connection, since, last, _CHUNK if left is None else min(_CHUNK, left))
        for row in rows:
            report.judged += 1
            if not row.verdict.get("shadow"):
                continue
            if row.nets not in sets:
                sets[row.nets] = _load(connection, row.nets)
            nets = sets[row.nets]
            if nets is not None:
                _count(report, row.id, Verdict.from_json(row.verdict), nets)
        if len(rows) < _CHUNK:
            break
        last, left = rows[-1].id, None if left is None else left - len(rows)
    return report


def _newest(connection: sa.Connection, since: datetime, before: str, most: int) -> Sequence[sa.Row[Any, Any, Any]]:
    """Return the newest so many, ids being in the sequence of time."""
    statement = sa.select(_e.id, _e.verdict, _e.nets).where(
        _e.placed_at >= since, _e.action != "change", _e.action != "restore"
    )
    if before:
        statement = statement.where(_e.id < before)
    return connection.execute(statement.order_by(_e.id.desc()).limit(most)).all()


def _load(connection: sa.Connection, digest: str) -> NetSet | None:
    stored = fetch(connection, NetsVersion, tables.nets_version.c.digest == digest)
    return None if stored is None else read_nets(stored.toml, stored.name)


def _count(report: Shadow, enforcement: str, verdict: Verdict, nets: NetSet) -> None:
    spoke = [net for reason in verdict.shadow if (net := nets.get(reason.net)) is not None]
    for net in spoke:
        report.nets.setdefault(net.id, ShadowNet(net.id, net.title)).spoke += 1
    if verdict.refused:
        return  # it was refused as it was
    asked = verdict.join(shadow_asks(nets, verdict))
    if verdict.covers(asked):
        return
    needed = [net for net in spoke if not _without(verdict, spoke, net.id).covers(asked)]
    for net in needed:
        report.nets[net.id].alone += 1
    if len(report.examples) < 5:
        report.examples.append(enforcement)
    if asked.refused:
        report.refused += 1
        return
    more_people = asked.seats > verdict.seats or (asked.approvals != verdict.approvals)
    more_hold = asked.hold_seconds - verdict.hold_seconds
    report.people += more_people
    report.held += more_hold > 0
    report.signed_in += asked.fresh_auth_minutes != verdict.fresh_auth_minutes
    report.confirmed += asked.confirm != verdict.confirm
    if more_people or more_hold > 0:
        report.delays.append(more_hold)


def _without(verdict: Verdict, spoke: Iterable[Any], left_out: str) -> Verdict:
    asked = NOTHING.join(verdict)
    for net in spoke:
        if net.id != left_out:
            asked = asked.join(net.asks)
    return asked
