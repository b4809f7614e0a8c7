"""What records look like in JSON and in words, with people by pseudonym.

An enforcement that wants a blind second look says nothing of itself to whoever
may still give it (M3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.cli.output import moment
from gardefou.cli.people_names import Pseudonyms
from gardefou.domain.accounts import state_name
from gardefou.domain.records import Account, Approval, Case, CaseNote, Decision, Enforcement, Report, Staff, Token
from gardefou.domain.states import SAYS, State
from gardefou.flow.approve import in_lone_hold
from gardefou.flow.observe import tier_memory
from gardefou.flow.second_look import SAYS as SECOND_LOOK
from gardefou.flow.second_look import is_hidden
from gardefou.nets.phrasebook import duration
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.standing import standing_now
from gardefou.storage import tables
from gardefou.storage.records import fetch_all


def approvals_of(connection: sa.Connection, enforcements: Sequence[Enforcement]) -> dict[str, list[Approval]]:
    """Return the answers that people gave to each enforcement, oldest first."""
    given: dict[str, list[Approval]] = {one.id: [] for one in enforcements}
    table = tables.approval.c
    statement = sa.select(tables.approval).where(table.enforcement_id.in_(list(given))).order_by(table.id)
    for approval in fetch_all(connection, Approval, statement):
        given[approval.enforcement_id].append(approval)
    return given


def is_blind_for(actor: Actor, one: Enforcement, given: Sequence[Approval]) -> bool:
    """Whether this person might still give a blind second look, and so may not see the first verdict yet."""
    return is_hidden(one, given, actor.id)


def enforcement(one: Enforcement, names: Pseudonyms, given: Sequence[Approval], *, blind: bool) -> dict[str, Any]:
    """Return an enforcement as the API shows it."""
    if blind:
        return {
            "id": one.id,
            "platform": one.platform,
            "account": one.account,
            "state": one.state,
            "says": SECOND_LOOK,
            "digest": one.digest,
        }
    return {
        "id": one.id,
        "platform": one.platform,
        "account": one.account,
        "content": list(one.content),
        "action": one.action,
        "label": one.label,
        "severity": one.severity,
        "reversibility": one.reversibility,
        "state": one.state,
        "says": SAYS[State(one.state)],
        "because": one.because,
        "policy": one.policy,
        "rationale": one.rationale,
        "placed_by": names.of(one.placed_by),
        "placed_at": one.placed_at,
        "via": one.via,
        "until": one.until,
        "execute_at": one.execute_at,
        "legal_basis": one.legal_basis,
        "tier": one.tier,
        "reach": one.reach,
        "verdict": dict(one.verdict),
        "approvals": [
            {
                "by": names.of(each.by),
                "answer": each.answer,
                "note": each.note,
                "at": each.at,
                "via": each.via,
                "signed": each.assertion is not None,
            }
            for each in given
        ],
        "approve_by": one.approve_by,
        "hold_until": one.hold_until,
        "execute_by": one.execute_by,
        "lifts": list(one.lifts),
        "change": names.within(one.change),
        "digest": one.digest,
        "receipt": dict(one.receipt),
        "in_force_at": one.in_force_at,
        "ended_at": one.ended_at,
        "incident": one.incident,
        "case": one.case_id,
        "group": one.group_id,
    }


def what(one: Enforcement) -> str:
    """Say what an enforcement does, in a word or three."""
    if one.change is not None:
        return f"change: {one.change.get('kind', '')}"
    return f"label {one.label}" if one.label else one.action


def waits_for(one: Enforcement, given: Sequence[Approval]) -> str:
    """Say what an enforcement waits for; empty when it waits for nothing."""
    if one.state != State.WAITING.value:
        return ""
    if one.approved_at is not None:
        until = max((at for at in (one.hold_until, one.execute_at) if at is not None), default=None)
        sooner = ", or another person's yes" if in_lone_hold(one) else ""
        return f"until {moment(until)}{sooner}" if until else ""
    verdict = Verdict.from_json(one.verdict)
    asked = " and ".join(need.in_words() for need in verdict.approvals)
    yes = sum(each.answer == "yes" for each in given)
    said = f"{asked}; {yes} answered yes" if yes else asked
    hold = f", then {duration(verdict.hold_seconds)}" if verdict.hold_seconds else ""
    return f"{said}{hold}"


def case(one: Case, names: Pseudonyms) -> dict[str, Any]:
    """Return a case as the API shows it."""
    return {
        "id": one.id,
        "platform": one.platform,
        "account": one.account,
        "content": one.content or None,
        "queue": one.queue,
        "state": one.state,
        "category": one.category,
        "priority": one.priority,
        "opened_at": one.opened_at,
        "due_at": one.due_at,
        "last_report_at": one.last_report_at,
        "reports": one.reports,
        "reporters": one.reporters,
        "burst": one.burst,
        "trusted_flagger": one.trusted_flagger,
        "escalated": one.escalated,
        "claimed_by": names.of(one.claimed_by),
        "claimed_until": one.claimed_until,
        "closed_at": one.closed_at,
        "decision": one.decision_id,
    }


def report(one: Report) -> dict[str, Any]:
    """Return a report."""
    return {
        "id": one.id,
        "reporter": one.reporter,
        "category": one.category,
        "text": one.text,
        "evidence": [dict(item) for item in one.evidence],
        "claimed_at": one.claimed_at,
        "received_at": one.received_at,
        "source": one.source,
    }


def note(one: CaseNote, names: Pseudonyms) -> dict[str, Any]:
    """Return a note on a case."""
    return {"by": names.of(one.by), "at": one.at, "text": one.text}


def decision(one: Decision, names: Pseudonyms) -> dict[str, Any]:
    """Return a decision."""
    return {
        "id": one.id,
        "outcome": one.outcome,
        "policy": one.policy,
        "rationale": one.rationale,
        "by": names.of(one.by),
        "at": one.at,
    }


def account(one: Account, now: datetime) -> dict[str, Any]:
    """Return what is on record of an account."""
    return {
        "platform": one.platform,
        "ref": one.ref,
        "handle": one.handle,
        "display_name": one.display_name,
        "state": state_name(frozenset(one.measures)),
        "measures": list(one.measures),
        "reach": one.reach,
        "labels": list(one.labels),
        "tier": one.tier,
        "tier_memory": tier_memory(one, now).value,
        "registry": None
        if one.explicit_tier is None
        else {"tier": one.explicit_tier, "because": one.explicit_because, "until": one.explicit_until},
        "lookalike_of": one.lookalike_of,
        "marked_fake": one.marked_fake,
        "read_at": one.read_at,
    }


def staff(one: Staff, now: datetime) -> dict[str, Any]:
    """Return a person, without a name."""
    return {
        "id": one.id,
        "pseudonym": one.pseudonym,
        "roles": list(one.roles),
        "team": one.team,
        "employer": one.employer,
        "standing": standing_now(one, now).standing.value,
        "started_at": one.started_at,
        "last_day_end": one.last_day_end,
        "enrolled": one.enrolled,
        "founding": one.founding,
    }


def token(one: Token, names: Pseudonyms, now: datetime, used_at: datetime | None = None) -> dict[str, Any]:
    """Return a token, without anything of its secret."""
    over = one.revoked_at is not None or (one.expires_at is not None and one.expires_at <= now)
    return {
        "id": one.id,
        "whose": one.service or names.of(one.staff_id),
        "service": one.service,
        "scopes": list(one.scopes),
        "source": one.source,
        "issued_by": names.of(one.issued_by),
        "issued_at": one.issued_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
        "purpose": one.purpose,
        "client": one.client or None,
        "platforms": list(one.platforms),
        "owner": names.of(one.staff_id),
        "last_used_at": used_at,
        "valid": not over,
    }
