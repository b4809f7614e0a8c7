"""Records as the contract's JSON. No staff id and no name leaves: people appear by their pseudonyms.

Services and "system" appear as they are called. What a second look must not
know before it is given (`blind`, M3) is left out until it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from gardefou.clock import rfc3339
from gardefou.domain.accounts import state_name
from gardefou.domain.records import (
    ORGANISATION,
    Account,
    Approval,
    Case,
    CaseNote,
    Decision,
    Enforcement,
    Incident,
    NetsVersion,
    Pause,
    PlatformEntry,
    Raid,
    Report,
    Staff,
    Token,
    TopUp,
)
from gardefou.domain.states import SAYS, State
from gardefou.flow.case_reading import CaseView
from gardefou.flow.fact_reads import TOPPED
from gardefou.flow.names import Revealing
from gardefou.flow.observe import tier_memory
from gardefou.flow.second_look import SAYS as SECOND_LOOK
from gardefou.flow.second_look import is_hidden, seen_by
from gardefou.flow.waiting_groups import WaitingGroup
from gardefou.people.standing import standing_now
from gardefou.storage import bulk, tables
from gardefou.storage.records import fetch_all

Document = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Whose verdict a second look must not know; all else stays visible.
_UNTIL_SECOND_LOOK = (
    "action",
    "label",
    "severity",
    "reversibility",
    "policy",
    "rationale",
    "until",
    "execute_at",
    "legal_basis",
    "placed_by",
    "via",
    "decision",
    "group",
    "verdict",
    "content",
    "lifts",
    "change",
    "incident",
)


class Names:
    """Pseudonyms by staff id, read once each: a pseudonym stays with its person for good."""

    def __init__(self, connection: sa.Connection, known: dict[str, str]) -> None:
        self._connection = connection
        self._known = known
        self._nobody: set[str] = set()

    def of(self, who: str | None) -> str | None:
        """Return a person's pseudonym; a service, the system or nobody as they are."""
        if who is None or not who:
            return who
        self.learn((who,))
        return self._known.get(who, who)

    def learn(self, ids: Iterable[str]) -> None:
        """Read several at once."""
        unknown = {who for who in ids if who and who not in self._known and who not in self._nobody}
        if not unknown:
            return
        source, values = bulk.texts_source(self._connection, sorted(unknown))
        where = "staff.platform = ? AND staff.id = given.a"
        statement = f"SELECT staff.id, staff.pseudonym FROM {bulk.each(self._connection, source, 'staff', where)}"  # noqa: S608 - own clauses
        for staff_id, pseudonym in bulk.select(self._connection, statement, (*values, ORGANISATION)):
            self._known[staff_id] = pseudonym
        self._nobody |= unknown - self._known.keys()

    def clean(self, value: Any) -> Any:
        """Return a JSON value of any shape in which every staff id is a pseudonym, within sentences too."""
        found: set[str] = set()
        _texts(value, found)
        self.learn(found)
        return self._clean(value)

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                if value in self._known:
                    return self._known[value]
                return _UUID.sub(lambda match: self._known.get(match[0], match[0]), value)
            case Mapping():
                items = cast("Mapping[str, Any]", value)
                return {self._clean(key): self._clean(item) for key, item in items.items()}
            case list() | tuple():
                return [self._clean(item) for item in cast("Sequence[Any]", value)]
            case _:
                return value


def _texts(value: Any, found: set[str]) -> None:
    match value:
        case str():
            found.update(_UUID.findall(value))
            if len(value) <= 128:
                found.add(value)
        case Mapping():
            for key, item in cast("Mapping[str, Any]", value).items():
                _texts(key, found)
                _texts(item, found)
        case list() | tuple():
            for item in cast("Sequence[Any]", value):
                _texts(item, found)
        case _:
            pass


def at(moment: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC."""
    return None if moment is None else rfc3339(moment)


def approvals_of(connection: sa.Connection, shown: Sequence[Enforcement]) -> dict[str, list[Approval]]:
    """Return the answers given to each of the enforcements, oldest first."""
    ids = [one.id for one in shown if one.verdict.get("approvals") or one.via == "break_glass"]
    by_id: dict[str, list[Approval]] = {}
    if ids:
        table = tables.approval
        platforms = sorted({one.platform for one in shown})
        statement = (
            sa.select(table)
            .where(table.c.platform.in_(platforms), table.c.enforcement_id.in_(ids))
            .order_by(table.c.id)
        )
        for approval in fetch_all(connection, Approval, statement):
            by_id.setdefault(approval.enforcement_id, []).append(approval)
    return by_id


def enforcements(
    connection: sa.Connection, names: Names, shown: Sequence[Enforcement], *, viewer: str = ""
) -> list[Document]:
    """Return enforcements as JSON, with the answers that people gave; ``viewer`` is whoever asks."""
    given = approvals_of(connection, shown)
    return [enforcement(names, one, given.get(one.id, ()), viewer=viewer) for one in shown]


def enforcement(names: Names, one: Enforcement, approvals: Sequence[Approval] = (), *, viewer: str = "") -> Document:
    """Return an enforcement as the contract has it, with more besides."""
    document: Document = {
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
        "because": names.clean(one.because),
        "policy": one.policy,
        "rationale": one.rationale,
        "placed_by": names.of(one.placed_by),
        "placed_at": at(one.placed_at),
        "via": one.via,
        "tier": one.tier,
        "reach": one.reach,
        "case": one.case_id,
        "decision": one.decision_id,
        "group": one.group_id,
        "until": at(one.until),
        "execute_at": at(one.execute_at),
        "legal_basis": one.legal_basis,
        "verdict": dict(one.verdict),
        "approvals": [approval(names, given) for given in approvals],
        "digest": one.digest,
        "approve_by": at(one.approve_by),
        "hold_until": at(one.hold_until),
        "execute_by": at(one.execute_by),
        "lifts": list(one.lifts),
        "change": change(names, one.change),
        "receipt": names.clean(dict(one.receipt)),
        "in_force_at": at(one.in_force_at),
        "ended_at": at(one.ended_at),
        "incident": one.incident,
        "ratified_by": names.of(one.ratified_by),
    }
    if is_hidden(one, approvals, viewer):
        for name in _UNTIL_SECOND_LOOK:
            document[name] = None
        document["says"] = SECOND_LOOK
        document["approvals"] = []
        document["receipt"] = {}
    return document


def waiting_group(names: Names, group: WaitingGroup) -> Document:
    """Return what waits for one answer, with the digest of each that the answer is bound to."""
    return {
        "kind": group.kind,
        "group": None if group.kind == "budget" else group.key,
        "placed_by": names.of(group.placed_by),
        "actions": list(group.actions),
        "accounts": list(group.accounts),
        "reach": group.reach,
        "nets": list(group.nets),
        "approve_by": at(min(one.approve_by for one in group.enforcements if one.approve_by is not None)),
        "enforcements": [{"enforcement": one.id, "digest": one.digest} for one in group.enforcements],
    }


def approval(names: Names, given: Approval) -> Document:
    """Return one person's answer."""
    return {
        "by": names.of(given.by),
        "answer": given.answer,
        "own_answer": given.own_answer,
        "note": given.note,
        "digest": given.digest,
        "at": at(given.at),
        "via": given.via,
        "signed": given.assertion is not None,
    }


def change(names: Names, payload: Mapping[str, Any] | None) -> Document | None:
    """Return what a guarded change does; hashes of secrets stay inside."""
    if payload is None:
        return None
    document = {name: value for name, value in payload.items() if name != "hash"}
    new = payload.get("pseudonym")
    if new:
        # The person is not on record before the change is in force.
        document |= {"staff": new, "person": new}
    return cast("Document", names.clean(document))


def case(names: Names, one: Case) -> Document:
    """Return a case as lists show it."""
    return {
        "id": one.id,
        "platform": one.platform,
        "subject": {
            "kind": "content" if one.content else "account",
            "account": one.account,
            "content": one.content or None,
        },
        "queue": one.queue,
        "state": one.state,
        "category": one.category,
        "priority": one.priority,
        "opened_at": at(one.opened_at),
        "due_at": at(one.due_at),
        "last_report_at": at(one.last_report_at),
        "reports": one.reports,
        "reporters": one.reporters,
        "burst": one.burst,
        "trusted_flagger": one.trusted_flagger,
        "escalated": one.escalated,
        "claimed_by": names.of(one.claimed_by),
        "claimed_until": at(one.claimed_until),
        "claim_renewed": one.claim_renewed,
        "closed_at": at(one.closed_at),
        "decision": one.decision_id,
    }


def case_view(connection: sa.Connection, names: Names, view: CaseView, *, viewer: str = "") -> Document:
    """Return a case with all that belongs to it, as this viewer may see it."""
    view = seen_by(connection, view, viewer)
    return {
        **case(names, view.case),
        "latest_reports": [report(one) for one in view.reports],
        "notes": [note(names, one) for one in view.notes],
        "decisions": [decision(names, one) for one in view.decisions],
        "enforcements": enforcements(connection, names, view.enforcements, viewer=viewer),
    }


def report(one: Report) -> Document:
    """Return a report as reviewers see it."""
    return {
        "id": one.id,
        "case": one.case_id,
        "subject": {"kind": one.kind, "account": one.account, "content": one.content or None},
        "reporter": one.reporter,
        "category": one.category,
        "text": one.text,
        "evidence": [dict(item) for item in one.evidence],
        "at": at(one.claimed_at),
        "received_at": at(one.received_at),
        "source": one.source,
    }


def note(names: Names, one: CaseNote) -> Document:
    """Return a note on a case."""
    return {"id": one.id, "case": one.case_id, "by": names.of(one.by), "at": at(one.at), "text": one.text}


def decision(names: Names, one: Decision) -> Document:
    """Return a decision."""
    return {
        "id": one.id,
        "case": one.case_id,
        "platform": one.platform,
        "account": one.account,
        "outcome": one.outcome,
        "policy": one.policy,
        "rationale": one.rationale,
        "evidence": [dict(item) for item in one.evidence],
        "by": names.of(one.by),
        "at": at(one.at),
    }


def account(one: Account, now: datetime) -> Document:
    """Return what is known of an account."""
    return {
        "platform": one.platform,
        "ref": one.ref,
        "handle": one.handle,
        "display_name": one.display_name,
        "reach": one.reach,
        "labels": list(one.labels),
        "state": state_name(frozenset(one.measures)),
        "measures": sorted(one.measures),
        "read_at": at(one.read_at),
        "tier": one.tier,
        "counts_as": tier_memory(one, now).value,
        "registry": None
        if one.explicit_tier is None
        else {"tier": one.explicit_tier, "because": one.explicit_because, "until": at(one.explicit_until)},
        "tier_memory": {"tier": one.memory_tier, "until": at(one.memory_until)},
        "lookalike_of": one.lookalike_of,
        "marked_fake": one.marked_fake,
        "changed_behind_our_back": one.drift_base is not None,
    }


def staff(one: Staff, now: datetime) -> Document:
    """Return a colleague, by pseudonym."""
    return {
        "id": one.pseudonym,
        "roles": list(one.roles),
        "team": one.team,
        "employer": one.employer,
        "standing": standing_now(one, now).standing.value,
        "started_at": at(one.started_at),
        "last_day_end": at(one.last_day_end),
        "enrolled": one.enrolled,
        "founding": one.founding,
    }


def revealing(names: Names, one: Revealing) -> Document:
    """Return what a person is told of their name being revealed."""
    return {
        "by": names.of(one.by),
        "because": one.because,
        "since": at(one.since),
        "until": at(one.until),
        "reads": one.reads,
    }


def token(names: Names, one: Token, used_at: datetime | None) -> Document:
    """Return a token without its secret, which nobody has any more."""
    return {
        "id": one.id,
        "service": one.service,
        "owner": names.of(one.staff_id),
        "scope": list(one.scopes),
        "source": one.source,
        "issued_by": names.of(one.issued_by),
        "issued_at": at(one.issued_at),
        "expires_at": at(one.expires_at),
        "revoked_at": at(one.revoked_at),
        "purpose": one.purpose,
        "client": one.client or None,
        "platforms": list(one.platforms),
        "last_used_at": at(used_at),
    }


def platform(one: PlatformEntry) -> Document:
    """Return a registered platform; credentials are not in it."""
    return {
        "name": one.id,
        "kind": one.kind,
        "endpoint": one.endpoint,
        "config": dict(one.config),
        "sandbox": one.sandbox,
        "active": one.active,
        "added_at": at(one.added_at),
    }


def nets(names: Names, one: NetsVersion) -> Document:
    """Return a set of nets."""
    return {
        "id": one.id,
        "name": one.name,
        "digest": one.digest,
        "toml": one.toml,
        "at": at(one.at),
        "by": names.of(one.by),
    }


def pause(names: Names, one: Pause) -> Document:
    """Return a stop: a person's pause, or the breaker's."""
    return {
        "id": one.id,
        "scope": one.scope,
        "target": names.clean(one.target) or None,
        "by": names.of(one.by),
        "at": at(one.at),
        "because": names.clean(one.because),
        "ended_at": at(one.ended_at),
        "ended_by": [names.of(who) for who in one.ended_by],
    }


def raid(names: Names, one: Raid) -> Document:
    """Return one hour of raid mode."""
    return {
        "id": one.id,
        "by": names.of(one.by),
        "at": at(one.at),
        "because": names.clean(one.because),
        "until": at(one.until),
        "ended_at": at(one.ended_at),
        "ended_by": names.of(one.ended_by),
    }


def top_up(names: Names, one: TopUp) -> Document:
    """Return a topped-up budget."""
    return {
        "id": one.id,
        "staff": names.of(one.staff_id),
        "by": names.of(one.by),
        "at": at(one.at),
        "until": at(one.at + TOPPED),
    }


def incident(names: Names, one: Incident) -> Document:
    """Return an incident."""
    return {
        "id": one.id,
        "platform": one.platform,
        "kind": one.kind,
        "accounts": list(one.accounts),
        "enforcements": list(one.enforcements),
        "about": names.clean(one.about) or None,
        "opened_at": at(one.opened_at),
        "last_at": at(one.last_at),
        "summary": names.clean(one.summary),
        "detail": names.clean(dict(one.detail)),
    }
