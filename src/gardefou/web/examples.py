"""What calls answer, by example, for the reference: built from a few shapes that are shared by many.

`ANSWERS` holds them by call and status; the reference puts them into the
OpenAPI document. That the shapes are those of real answers is tested.
"""

from __future__ import annotations

from typing import Any

import orjson

from gardefou.domain.states import SAYS, State
from gardefou.web.examples_nets import ALONE, EXPLANATION, WARNING

Document = dict[str, Any]

_CASE_ID = "019cadc6-9a80-7025-b869-135cede26c2e"
_REPORT_ID = "019cadc6-9a80-7026-919b-4fe5fa285a0d"
_NOTE_ID = "019cadc6-9a80-7028-aad8-1dcd365fdcd6"
_DECISION_ID = "019cadc6-9a80-702c-a3ed-cb04f2650b71"
_HARM_ID = "019cadc6-9a80-702e-8571-3dc6089632e3"
_WAITING_ID = "019cadc6-9a80-7037-baef-ce2e05b4d756"
_RESTORE_ID = "019cadc6-9a80-703d-a269-435436d51bff"
_CHANGE_ID = "019cadc6-9a80-7047-b55d-ad765e6203e3"
_TOKEN_ID = "019cadc6-9a80-7055-ad89-f4a1d708b232"  # noqa: S105 - an id, and of no token
_INCIDENT_ID = "019cadc6-9a80-7044-b46f-e5b967ba7848"
_DIGEST = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
_NINE = "2026-03-02T09:00:00Z"
_REVIEWER, _LEAD, _POLICY, _ADMIN = "velor-tami", "plentrom-lalre", "bronbos-plaissor", "dromal-vesti"

# what nets ask ------------------------------------------------------------------

_VERDICT: Document = {
    "refused": False,
    "refusals": [],
    "approvals": [],
    "fresh_auth_minutes": None,
    "hold_seconds": 0,
    "confirm": [],
    "notify": [],
    "reasons": [],
    "shadow": [],
}
_TWO_MORE: Document = {
    **_VERDICT,
    "approvals": [
        {
            "approvals": 2,
            "from": ["lead", "policy"],
            "distinct_teams": True,
            "fresh_auth_minutes": 10,
            "blind": False,
        }
    ],
    "fresh_auth_minutes": 10,
    "hold_seconds": 600,
    "notify": ["oncall"],
    "reasons": [
        {
            "net": "protected-two-more-people",
            "title": "Two more people for a protected account",
            "because": "2017: one click by one person took a head of state's account down",
        }
    ],
}
_WEAKENS: Document = {
    **_TWO_MORE,
    "approvals": [{**_TWO_MORE["approvals"][0], "fresh_auth_minutes": 5}],
    "fresh_auth_minutes": 5,
    "hold_seconds": 1800,
    "reasons": [
        {
            "net": "change-weakens",
            "title": "Weakening protection asks what deactivating a protected account asks",
            "because": "R3: otherwise the way around a net is to change the net",
        }
    ],
}

# enforcements -------------------------------------------------------------------

#: In force: placed by a reviewer's decision, with what the platform was seen to be.
ENFORCEMENT: Document = {
    "id": _HARM_ID,
    "platform": "sandbox",
    "account": "1001",
    "content": [],
    "action": "suspend",
    "label": None,
    "severity": 3,
    "reversibility": "exact",
    "state": "in_force",
    "says": SAYS[State.IN_FORCE],
    "because": "",
    "policy": "spam",
    "rationale": "Sells followers.",
    "placed_by": _REVIEWER,
    "placed_at": _NINE,
    "via": "api",
    "tier": "standard",
    "reach": 50,
    "case": None,
    "decision": None,
    "group": None,
    "until": None,
    "execute_at": None,
    "legal_basis": None,
    "verdict": _VERDICT,
    "approvals": [],
    "digest": _DIGEST,
    "approve_by": None,
    "hold_until": None,
    "execute_by": "2026-03-05T09:00:00Z",
    "lifts": [],
    "change": None,
    "receipt": {
        "asked": {"action": "suspend", "measures": ["suspended"]},
        "before": [],
        "sent_at": _NINE,
        "answer": {"changed": True, "measures": ["suspended"]},
        "kept": {},
        "losses": [],
        "answered_ms": 41,
        "after": ["suspended"],
    },
    "in_force_at": _NINE,
    "ended_at": None,
    "incident": None,
    "ratified_by": None,
}
_NOT_DONE: Document = {"execute_by": None, "receipt": {}, "in_force_at": None}
#: Waiting for two more people, one of whom has said yes.
WAITING: Document = {
    **ENFORCEMENT,
    **_NOT_DONE,
    "id": _WAITING_ID,
    "account": "9001",
    "state": "waiting",
    "says": SAYS[State.WAITING],
    "policy": "impersonation",
    "rationale": "The photograph and the name are another person's.",
    "tier": "protected",
    "reach": 41_000_000,
    "verdict": _TWO_MORE,
    "approvals": [
        {
            "by": _POLICY,
            "answer": "yes",
            "own_answer": "",
            "note": "Looked at the papers.",
            "digest": _DIGEST,
            "at": "2026-03-02T09:12:00Z",
            "via": "api",
            "signed": False,
        }
    ],
    "approve_by": "2026-03-02T13:00:00Z",
}
_CANCELLED: Document = {
    **WAITING,
    "state": "cancelled",
    "says": SAYS[State.CANCELLED],
    "because": "It is the real one.",
    "ended_at": "2026-03-02T09:20:00Z",
}
_GLASS: Document = {
    **ENFORCEMENT,
    "action": "lock",
    "severity": 2,
    "via": "break_glass",
    "policy": "hacked",
    "rationale": "Its owner rang: someone else is posting.",
}
_GLASS_WAITING: Document = {
    **_GLASS,
    **_NOT_DONE,
    "state": "waiting",
    "says": SAYS[State.WAITING],
    "verdict": {
        **_VERDICT,
        "approvals": [
            {
                "approvals": 1,
                "from": ["lead", "oncall", "policy", "reviewer"],
                "distinct_teams": False,
                "fresh_auth_minutes": 10,
                "blind": False,
            }
        ],
        "fresh_auth_minutes": 10,
        "notify": ["everyone"],
    },
    "approve_by": "2026-03-02T13:00:00Z",
}
_LIFTED: Document = {
    **ENFORCEMENT,
    "id": _RESTORE_ID,
    "action": "restore",
    "severity": 0,
    "policy": "",
    "rationale": "It is the real one.",
    "placed_by": _LEAD,
    "lifts": [_HARM_ID],
    "receipt": {
        **ENFORCEMENT["receipt"],
        "asked": {"action": "restore", "measures": []},
        "asked_at": _NINE,
        "before": ["suspended"],
        "answer": {"changed": True, "measures": []},
        "after": [],
    },
}
#: What a restore answers once the platform was seen to be so.
RESTORED: Document = {
    "restored": [_HARM_ID],
    "restores": [_LIFTED],
    "barred": [],
    "losses": [],
    "confirmed_ms": 212.4,
}
_SAYS = (
    "Waits for two more people (lead or policy) from other teams and 10 minutes; 41 million followers; "
    "nothing happens on your click alone."
)
#: What a preview answers for an action on a protected account.
PREVIEW: Document = {
    "verdict": _TWO_MORE,
    "actions": [
        {
            "action": "suspend",
            "account": "9001",
            "severity": 3,
            "reversibility": "exact",
            "losses": [],
            "tier": "protected",
            "verdict": _TWO_MORE,
            "joins": None,
        }
    ],
    "says": [_SAYS],
}

# reports and cases --------------------------------------------------------------

#: What a report is answered with.
REPORT: Document = {"report": _REPORT_ID, "case": _CASE_ID, "merged": False}
_MISSING: Document = {"code": "report/missing", "message": "subject is missing.", "field": "subject"}
_BATCH = [{"line": 1, **REPORT}, {"line": 2, "error": _MISSING}]
#: An open case, as lists show it.
LISTED_CASE: Document = {
    "id": _CASE_ID,
    "platform": "sandbox",
    "subject": {"kind": "account", "account": "1001", "content": None},
    "queue": "spam",
    "state": "open",
    "category": "spam",
    "priority": 110,
    "opened_at": _NINE,
    "due_at": "2026-03-03T09:00:00Z",
    "last_report_at": _NINE,
    "reports": 1,
    "reporters": 1,
    "burst": False,
    "trusted_flagger": False,
    "escalated": False,
    "claimed_by": None,
    "claimed_until": None,
    "claim_renewed": False,
    "closed_at": None,
    "decision": None,
}
_NOTE: Document = {
    "id": _NOTE_ID,
    "case": _CASE_ID,
    "by": _LEAD,
    "at": _NINE,
    "text": "The handle changed yesterday.",
}
_CLAIM: Document = {"claimed_by": _REVIEWER, "claimed_until": "2026-03-02T09:15:00Z"}
_CLAIMED: Document = {**LISTED_CASE, **_CLAIM}
#: A case with all that belongs to it, claimed.
CASE: Document = {
    **_CLAIMED,
    "latest_reports": [
        {
            "id": _REPORT_ID,
            "case": _CASE_ID,
            "subject": {"kind": "account", "account": "1001", "content": None},
            "reporter": "member-77",
            "category": "spam",
            "text": "Sells followers.",
            "evidence": [{"url": "post/1"}],
            "at": None,
            "received_at": _NINE,
            "source": "user",
        }
    ],
    "notes": [_NOTE],
    "decisions": [],
    "enforcements": [],
}
_CLOSED: Document = {**LISTED_CASE, "state": "closed", "closed_at": _NINE, "decision": _DECISION_ID}
#: A decision, its enforcements as they stand by then, and its case.
DECISION: Document = {
    "decision": {
        "id": _DECISION_ID,
        "case": _CASE_ID,
        "platform": "sandbox",
        "account": "1001",
        "outcome": "violation",
        "policy": "spam",
        "rationale": "Sells followers.",
        "evidence": [],
        "by": _REVIEWER,
        "at": _NINE,
    },
    "enforcements": [{**ENFORCEMENT, "case": _CASE_ID, "decision": _DECISION_ID}],
    "case": _CLOSED,
}

# people, tokens, nets, platforms ------------------------------------------------


def _changed(kind: str, *, says: str = "", **payload: Any) -> Document:
    """Return a guarded change that took effect at once."""
    return {
        **ENFORCEMENT,
        "id": _CHANGE_ID,
        "platform": "gardefou",
        "account": "",
        "action": "change",
        "severity": 0,
        "policy": "",
        "rationale": says,
        "placed_by": _ADMIN,
        "reach": 0,
        "receipt": {},
        "change": {"kind": kind, "weakens": False, "person": "", **payload},
    }


def _waits(change: Document) -> Document:
    """Return the same change while it waits for people."""
    return {
        **change,
        **_NOT_DONE,
        "state": "waiting",
        "says": SAYS[State.WAITING],
        "tier": "protected",
        "verdict": _WEAKENS,
        "approve_by": "2026-03-02T13:00:00Z",
        "change": {**change["change"], "weakens": True},
    }


def _both(done: int, change: Document) -> dict[int, Any]:
    return {done: change, 202: _waits(change)}


def _page(*items: Document) -> dict[int, Any]:
    return {200: {"items": list(items), "next": None}}


_STAFF: Document = {
    "id": _REVIEWER,
    "roles": ["reviewer"],
    "team": "reports",
    "employer": "organisation",
    "standing": "active",
    "started_at": "2025-01-26T09:00:00Z",
    "last_day_end": None,
    "enrolled": True,
    "founding": False,
}
_ME: Document = {
    "kind": "person",
    **_STAFF,
    "scope": None,
    "platforms": None,
    "powers": ["break_glass", "enforce", "lift", "read", "report", "work_cases"],
    "signed_in_strongly_at": _NINE,
    "name_revealed": [
        {
            "by": _POLICY,
            "because": "A court asks.",
            "since": "2026-03-02T09:00:00Z",
            "until": "2026-03-03T09:00:00Z",
            "reads": 1,
        }
    ],
}
_ERASED = _changed("erase", says="Left a year ago.", person=_REVIEWER, staff=_REVIEWER)
_ARRIVES = _changed(
    "staff_add",
    person=_POLICY,
    staff=_POLICY,
    roles=["reviewer"],
    team="reports",
    employer="organisation",
    started=_NINE,
    last_day=None,
    pseudonym=_POLICY,
    founding=False,
)
_PROMOTED = _changed(
    "role", says="Takes over the late shift.", person=_REVIEWER, staff=_REVIEWER, add=["lead"], remove=[], team=""
)
_LEAVES = _changed("leave", says="Gave notice.", person=_REVIEWER, staff=_REVIEWER, last_day="2026-05-31T23:59:00Z")
_SUSPENDED = _changed("suspend", says="Their laptop was stolen.", person="", staff=_REVIEWER, suspended=True)
_REVEALED = _changed("reveal", says="A court asks.", person=_REVIEWER, staff=_REVIEWER, because="A court asks.")
_TIERED = _changed(
    "tier",
    says="Head of state.",
    platform="sandbox",
    account="9001",
    tier="protected",
    handle="",
    because="Head of state.",
    until="2030-01-01T00:00:00Z",
)
_IN_NINETY_DAYS = "2026-05-31T09:00:00Z"
_TOKEN: Document = {
    "id": _TOKEN_ID,
    "service": "forms",
    "owner": _ADMIN,
    "scope": ["reports:write"],
    "source": "user",
    "issued_by": _ADMIN,
    "issued_at": _NINE,
    "expires_at": _IN_NINETY_DAYS,
    "revoked_at": None,
    "purpose": "The report form.",
    "client": None,
    "platforms": [],
    "last_used_at": _NINE,
}
_SECRET: Document = {"token": _TOKEN_ID, "secret": "gf_shown-once-and-never-again"}
_ISSUED = _changed(
    "token",
    says="The report form.",
    id=_TOKEN_ID,
    scopes=["reports:write"],
    service="forms",
    staff=None,
    source="user",
    expires=_IN_NINETY_DAYS,
    purpose="The report form.",
    client="",
    platforms=[],
)
_NET: Document = {
    "id": "protected-two-more-people",
    "title": "Two more people for a protected account",
    "because": "2017: one click by one person took a head of state's account down",
    "when": 'account.tier_memory == "protected" and action.severity >= 3',
    "mode": "enforce",
    "require": {
        "approvals": 2,
        "from": ["lead", "policy"],
        "distinct_teams": True,
        "fresh_auth_minutes": 10,
        "hold": "10m",
        "notify": ["oncall"],
    },
}
_TOML = '[[net]]\nid = "protected-two-more-people"\n'
_NETS_ID = "019cadc6-9a80-7001-8f44-dd3f89e7d15f"
_NETS: Document = {
    "id": _NETS_ID,
    "name": "default",
    "digest": _DIGEST,
    "toml": _TOML,
    "at": _NINE,
    "by": "system",
    "items": [_NET],
}
_NETS_CHANGED: Document = {
    **_changed("nets", says="The newcomers of spring have learnt it.", toml=_TOML, name="changed", over=_NETS_ID),
    "warnings": [WARNING],
}
_PLATFORM: Document = {
    "name": "sandbox",
    "kind": "sandbox",
    "endpoint": "sandbox:sandbox",
    "config": {},
    "sandbox": True,
    "active": True,
    "added_at": _NINE,
}
_REGISTERED = _changed(
    "platform",
    says="To practise on.",
    name="chirp",
    connector="sandbox",
    config={},
    endpoint="sandbox:chirp",
    active=True,
)
_PAUSE: Document = {
    "id": _CHANGE_ID,
    "scope": "all",
    "target": None,
    "by": _LEAD,
    "at": _NINE,
    "because": "Something is off.",
    "ended_at": None,
    "ended_by": [],
}
_RAID: Document = {
    "id": _CHANGE_ID,
    "by": _LEAD,
    "at": _NINE,
    "because": "New accounts, all with the same link.",
    "until": "2026-03-02T10:00:00Z",
    "ended_at": None,
    "ended_by": None,
}
_TOPPED_UP: Document = {
    "id": _CHANGE_ID,
    "staff": _REVIEWER,
    "by": _LEAD,
    "at": _NINE,
    "until": "2026-03-02T10:00:00Z",
}
_GROUP: Document = {
    "kind": "budget",
    "group": None,
    "placed_by": _REVIEWER,
    "actions": ["suspend"],
    "accounts": ["sandbox/1001"],
    "reach": 50,
    "nets": ["person-severity-3-hour"],
    "approve_by": "2026-03-03T09:00:00Z",
    "enforcements": [{"enforcement": _WAITING_ID, "digest": _DIGEST}],
}
_PAUSED = _changed("pause", says="Something is off.", because="Something is off.")
_RESUMED = _changed("resume", says="Mended.", pauses=[_PAUSE["id"]])
_INCIDENT: Document = {
    "id": _INCIDENT_ID,
    "platform": "sandbox",
    "kind": "reversal",
    "accounts": ["1001"],
    "enforcements": [_HARM_ID],
    "about": None,
    "opened_at": _NINE,
    "last_at": _NINE,
    "summary": "suspend was undone within a day.",
    "detail": {},
}
_HAPPENED: Document = {
    "at": _NINE,
    "lane": "person",
    "words": "asks to suspend the account",
    "kind": "enforcement.placed",
    "by": _REVIEWER,
    "account": "1001",
    "about": _HARM_ID,
}
#: What a story tells of an incident: eleven minutes of an account of fifty followers.
_TOLD: Document = {
    "near_miss": False,
    "minutes_down": 11.0,
    "reach_minutes": 550,
    "still_down": False,
    "down": [
        {
            "account": "1001",
            "reach": 50,
            "minutes": 11.0,
            "spans": [{"from": _NINE, "to": "2026-03-02T09:11:00Z"}],
        }
    ],
    "nets": {
        "spoke": [],
        "silent": [
            {
                "net": _NET["id"],
                "title": _NET["title"],
                "because": _NET["because"],
                "mode": "enforce",
                "facts": [
                    'account.tier_memory == "protected" does not hold: account.tier_memory is standard',
                ],
            }
        ],
    },
    "timeline": [_HAPPENED],
    "timeline_cut": False,
}
#: What is known of an account, with what was placed on it.
ACCOUNT: Document = {
    "platform": "sandbox",
    "ref": "1001",
    "handle": "user1001",
    "display_name": "",
    "reach": 50,
    "labels": [],
    "state": "suspended",
    "measures": ["suspended"],
    "read_at": _NINE,
    "tier": "standard",
    "counts_as": "standard",
    "registry": None,
    "tier_memory": {"tier": "standard", "until": None},
    "lookalike_of": None,
    "marked_fake": False,
    "changed_behind_our_back": False,
    "history": {"items": [ENFORCEMENT], "next": None},
}
_ROLLBACK: Document = {
    "dry_run": True,
    "accounts": ["1001"],
    "enforcements": [_HARM_ID],
    "restores": [],
    "barred": [],
    "reach": 50,
    "actions": {"suspend": 1},
    "waits": 0,
    "conflicts": [],
    "running": None,
}
_ROLLBACK_COUNTS: Document = {
    "back": 0,
    "withdrawn": 0,
    "nothing": 0,
    "waits": 0,
    "moving": 0,
    "left": 1,
    "failed": 0,
}
_ROLLBACK_HEAD: Document = {
    "id": "0195d2f4-1111-7aaa-8aaa-aaaaaaaaaaaa",
    "by": _REVIEWER,
    "since": "2026-03-02T09:00:00Z",
    "until": "2026-03-02T09:30:00Z",
    "asked_by": _REVIEWER,
    "asked_at": "2026-03-02T09:30:00Z",
    "state": "running",
    "because": "",
    "ended_at": None,
    "over": False,
    "counts": _ROLLBACK_COUNTS,
}
_ROLLBACK_BEGUN: Document = {
    "dry_run": False,
    "accounts": ["1001"],
    "enforcements": [_HARM_ID],
    "restores": [],
    "barred": [],
    "reach": 50,
    **_ROLLBACK_HEAD,
}
_ROLLBACK_REPORT: Document = {
    **_ROLLBACK_HEAD,
    "state": "done",
    "ended_at": "2026-03-02T09:30:01Z",
    "over": True,
    "counts": {**_ROLLBACK_COUNTS, "back": 1, "left": 0},
    "accounts": 1,
    "reach": 50,
    "barred": [],
    "items": [
        {
            "platform": "sandbox",
            "account": "1001",
            "outcome": "back",
            "milliseconds": 240,
            "because": "",
            "reach": 50,
            "enforcements": [_HARM_ID],
            "restore": "0195d2f4-2222-7aaa-8aaa-aaaaaaaaaaaa",
            "losses": [],
        }
    ],
    "next": None,
}

_GRANT: Document = {
    "staff": _REVIEWER,
    "role": "lead",
    "since": "2026-01-05T08:00:00Z",
    "confirmed_at": "2026-03-02T09:30:00Z",
    "confirmed_by": _REVIEWER,
}
_HELD_ROLE: Document = {
    **_GRANT,
    "lapses_at": "2026-06-01T09:30:00Z",
    "unused": False,
    "used": {"approve": "2026-03-01T17:02:11Z"},
}

NDJSON = "application/x-ndjson"
#: By call, its path without the prefix and as OpenAPI writes it; then by status.
ANSWERS: dict[str, dict[int, Any]] = {
    "POST /reports": {202: REPORT},
    "POST /reports/batch": {200: "".join(orjson.dumps(line).decode() + "\n" for line in _BATCH)},
    "GET /cases": _page(LISTED_CASE),
    "GET /cases/{id}": {200: CASE},
    "POST /cases/next": {200: CASE},
    "POST /cases/{id}/claim": {200: CASE},
    "POST /cases/{id}/renew": {200: {**_CLAIMED, "claimed_until": "2026-03-02T09:30:00Z", "claim_renewed": True}},
    "POST /cases/{id}/release": {200: LISTED_CASE},
    "POST /cases/{id}/skip": {200: LISTED_CASE},
    "POST /cases/{id}/move": {200: LISTED_CASE},
    "POST /cases/{id}/escalate": {200: {**LISTED_CASE, "escalated": True}},
    "POST /cases/{id}/notes": {201: _NOTE},
    "POST /cases/{id}/decisions": {201: DECISION},
    "GET /enforcements": _page(WAITING, ENFORCEMENT),
    "GET /enforcements/groups": {200: {"items": [_GROUP]}},
    "GET /enforcements/{id}": {200: WAITING},
    "POST /enforcements": {201: ENFORCEMENT},
    "POST /enforcements/preview": {200: PREVIEW},
    "POST /enforcements/bulk": {201: {"enforcements": [ENFORCEMENT], "errors": []}},
    "POST /enforcements/approvals": {
        200: {"items": [{"enforcement": _WAITING_ID, "result": WAITING, "error": None}]},
    },
    "POST /enforcements/{id}/approvals": {201: WAITING},
    "POST /enforcements/{id}/cancel": {200: _CANCELLED},
    "POST /enforcements/{id}/ratify": {200: {**_GLASS, "ratified_by": _POLICY}},
    "GET /accounts/{platform}/{ref}": {200: ACCOUNT},
    "POST /accounts/{platform}/{ref}/restore": {
        200: RESTORED,
        202: {
            **RESTORED,
            "restored": [],
            "restores": [{**_LIFTED, **_NOT_DONE, "state": "executing", "says": SAYS[State.EXECUTING]}],
            "confirmed_ms": None,
        },
    },
    "POST /accounts/{platform}/{ref}/tier": _both(200, _TIERED),
    "POST /accounts/{platform}/{ref}/break-glass": {201: _GLASS, 202: _GLASS_WAITING},
    "POST /rollbacks": {200: _ROLLBACK, 202: _ROLLBACK_BEGUN},
    "GET /rollbacks/{id}": {200: _ROLLBACK_REPORT},
    "GET /pause": {200: {"paused": True, "items": [_PAUSE]}},
    "POST /pause": _both(200, _PAUSED),
    "POST /resume": _both(200, _RESUMED),
    "GET /raid": {200: {"raid": True, "until": _RAID["until"], "items": [_RAID]}},
    "POST /raid": {201: _RAID},
    "POST /raid/end": {200: {"items": [{**_RAID, "ended_at": "2026-03-02T09:30:00Z", "ended_by": _REVIEWER}]}},
    "GET /recertification": {200: {"items": [_HELD_ROLE]}},
    "POST /recertification": {200: {"items": [_GRANT]}},
    "GET /me": {200: _ME},
    "GET /staff": _page(_STAFF),
    "POST /staff": _both(201, _ARRIVES),
    "GET /staff/{id}": {200: _STAFF},
    "GET /staff/{id}/name": {200: {"id": _REVIEWER, "name": "Ada Example", "email": "ada@example.org"}},
    "POST /staff/{id}/roles": _both(200, _PROMOTED),
    "POST /staff/{id}/leave": _both(200, _LEAVES),
    "POST /staff/{id}/off": {200: _changed("off", person=_REVIEWER, staff=_REVIEWER)},
    "POST /staff/{id}/suspend": _both(200, _SUSPENDED),
    "POST /staff/{id}/top-up": {201: _TOPPED_UP},
    "POST /staff/{id}/reveal": _both(200, _REVEALED),
    "POST /staff/{id}/erase": _both(200, _ERASED),
    "POST /staff/search": {200: {"found": _STAFF}},
    "GET /tokens": _page(_TOKEN),
    "POST /tokens": {201: {**_ISSUED, **_SECRET}, 202: {**_waits(_ISSUED), **_SECRET}},
    "POST /tokens/revoke-leaked": {202: {"taken": True}},
    "DELETE /tokens/{id}": {200: _changed("token_revoke", token=_TOKEN_ID)},
    "GET /nets": {200: _NETS},
    "GET /nets/alone": {200: ALONE},
    "GET /enforcements/{id}/explanation": {200: EXPLANATION},
    "POST /nets/proposals": _both(201, _NETS_CHANGED),
    "GET /platforms": _page(_PLATFORM),
    "POST /platforms": _both(201, _REGISTERED),
    "GET /incidents": _page(_INCIDENT),
    "GET /incidents/{id}": {200: {**_INCIDENT, **_TOLD}},
    "GET /healthz": {200: {"status": "ok"}},
    "GET /readyz": {200: {"status": "ready", "setup_finished": True}},
}


#: What a call answers with besides, where there is nothing to show.
OTHERWISE: dict[str, Document] = {"POST /cases/next": {"case": None}}


def content_of(example: Any, otherwise: Document | None = None) -> Document:
    """Return what OpenAPI says of an answer: JSON, or lines of JSON where it is text."""
    if isinstance(example, str):
        return {NDJSON: {"schema": {"type": "string"}, "example": example}}
    schema = _schema_of(example)
    if otherwise is not None:
        empty = {"type": "object", "properties": {name: {"type": "null"} for name in otherwise}}
        schema = {"anyOf": [schema, {**empty, "required": sorted(otherwise), "additionalProperties": False}]}
    return {"application/json": {"schema": schema, "example": example}}


def _schema_of(example: Document) -> Document:
    """Return the schema of an answer: which fields it always has, and of which kind what is in them."""
    if set(example) == {"items", "next"}:
        items = [_schema_of(one) for one in example["items"][:1]]
        kind: Document = {"type": "array", **({"items": items[0]} if items else {})}
        return {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": kind, "next": {"type": ["string", "null"]}},
        }
    return {
        "type": "object",
        "required": sorted(example),
        "properties": {name: _kind_of(value) for name, value in example.items() if value is not None},
    }


def _kind_of(value: Any) -> Document:
    match value:
        case bool():
            return {"type": ["boolean", "null"]}
        case int() | float():
            return {"type": ["number", "null"]}
        case str():
            return {"type": ["string", "null"]}
        case list():
            return {"type": ["array", "null"]}
        case _:
            return {"type": ["object", "null"]}
