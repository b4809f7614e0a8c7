"""The records that the flow reads and writes, each a frozen value with the columns of its table.

Every record carries a ``version``: 1 when new, one more with each change, and
compared when it is written, so that two people never overwrite each other.
Instants are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: The log and the platform name of what concerns the organisation itself.
ORGANISATION = "gardefou"
#: Who acts when nobody does.
SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One notice about a subject, as it was taken. Never changed afterwards."""

    platform: str
    id: str
    case_id: str
    #: "account" or "content".
    kind: str
    account: str
    #: The content item's id; empty for an account.
    content: str = ""
    reporter: str
    category: str
    text: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    #: When the reporter says it happened; a claim (R17).
    claimed_at: datetime | None = None
    received_at: datetime
    #: Where it came from, by its token: user, trusted_flagger, machine, authority, platform (R17).
    source: str = "user"
    #: The platform's own key of a pulled report; empty otherwise.
    pulled_key: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All open reports about one subject, with a queue, a priority, a clock and at most one claim."""

    platform: str
    id: str
    account: str
    content: str = ""
    queue: str
    #: "open" or "closed".
    state: str = "open"
    category: str
    #: Higher comes first.
    priority: int = 0
    opened_at: datetime
    due_at: datetime
    last_report_at: datetime
    reports: int = 0
    reporters: int = 0
    #: Many different reporters in a short time.
    burst: bool = False
    trusted_flagger: bool = False
    escalated: bool = False
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    claim_renewed: bool = False
    #: Whoever opened the case page with its evidence, by staff id.
    evidence_seen_by: tuple[str, ...] = ()
    skipped_by: tuple[str, ...] = ()
    closed_at: datetime | None = None
    decision_id: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNote:
    """What a reviewer wrote on a case for the next one."""

    platform: str
    id: str
    case_id: str
    by: str
    at: datetime
    text: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A reviewer's judgement on a case."""

    platform: str
    id: str
    case_id: str
    account: str
    #: "no_violation" or "violation".
    outcome: str
    policy: str = ""
    rationale: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    by: str
    at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """One action on one target of one platform: the only thing that can reach a platform.

    A restore is one too (severity 0, ``lifts`` names what it withdraws), and so
    is a guarded change (``action`` "change", ``change`` says what).
    """

    platform: str
    id: str
    account: str
    content: tuple[str, ...] = ()
    action: str
    label: str | None = None
    severity: int
    reversibility: str
    state: str
    #: Why it ended as it did, in words; empty while it has not.
    because: str = ""
    policy: str = ""
    rationale: str = ""
    #: Staff id, service name, or "system".
    placed_by: str
    placed_at: datetime
    #: console, api, cli, system or break_glass.
    via: str
    #: The humans behind it (R6): proposer, owner and issuer of its token, cause of the automation.
    humans: tuple[str, ...] = ()
    team: str = ""
    case_id: str | None = None
    decision_id: str | None = None
    #: Enforcements placed together share it; ``group_index`` counts from 0.
    group_id: str | None = None
    group_index: int = 0
    until: datetime | None = None
    execute_at: datetime | None = None
    legal_basis: str | None = None
    #: Tier and reach of the account when it was placed.
    tier: str
    reach: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    verdict: Mapping[str, Any] = field(default_factory=dict[str, Any])
    nets: str = ""
    digest: str = ""
    approve_by: datetime | None = None
    #: When the last needed approval came (or, with none needed, when it was placed).
    approved_at: datetime | None = None
    hold_until: datetime | None = None
    execute_by: datetime | None = None
    #: The measures it turns on (or, for a restore of named enforcements, off).
    measures: tuple[str, ...] = ()
    #: The state on record before the harm: what remains when it is undone.
    base: tuple[str, ...] | None = None
    #: For a restore: the enforcements it withdraws.
    lifts: tuple[str, ...] = ()
    #: For a restore of the whole account: everything goes down to ``base``.
    whole: bool = False
    change: Mapping[str, Any] | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    lease_until: datetime | None = None
    fence: int = 0
    #: The event that must be in a checkpoint before anything happens.
    intent_event: str | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any])
    in_force_at: datetime | None = None
    ended_at: datetime | None = None
    incident: str | None = None
    ratified_by: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Another person's yes or no, bound to the digest of what they saw."""

    platform: str
    id: str
    enforcement_id: str
    by: str
    answer: str
    own_answer: str = ""
    note: str = ""
    digest: str
    at: datetime
    via: str
    #: A passkey's signature over exactly this answer (`gardefou.people.assertions`); None where none is asked for.
    assertion: Mapping[str, str] | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What Gardefou knows of an account: the last reading, its tier, and what should stand."""

    platform: str
    ref: str
    handle: str = ""
    display_name: str = ""
    reach: int | None = None
    labels: tuple[str, ...] = ()
    #: When the account was made, from its age at the last reading.
    born_at: datetime | None = None
    verified_org: bool = False
    #: Measures on at the last reading that Gardefou accounts for.
    measures: tuple[str, ...] = ()
    read_at: datetime | None = None
    #: By label and reach rules and the registry together.
    tier: str = "standard"
    explicit_tier: str | None = None
    explicit_because: str = ""
    explicit_until: datetime | None = None
    #: The highest tier it had before, remembered until ``memory_until``.
    memory_tier: str = "standard"
    memory_until: datetime | None = None
    #: The protected account this one looks like.
    lookalike_of: str | None = None
    marked_fake: bool = False
    #: The last state seen before a change behind our back; None when there is none.
    drift_base: tuple[str, ...] | None = None
    #: Rises with every intention on the account; older operations are fenced off.
    fence: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A person who acts, without a name: names live in the sealed ``person`` table only."""

    platform: str = ORGANISATION
    id: str
    pseudonym: str
    roles: tuple[str, ...] = ()
    team: str
    employer: str = ""
    #: active, leaving, suspended or left, as written; see `people.standing` for as of now.
    standing: str = "active"
    started_at: datetime
    notice_at: datetime | None = None
    last_day_end: datetime | None = None
    #: Has signed in at least once, which setup asks of the founding people.
    enrolled: bool = False
    founding: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token, kept as a hash. A person's own, or a service's with owner and purpose."""

    platform: str = ORGANISATION
    id: str
    #: SHA-256 of the secret, hex.
    hash: str
    #: Whose token it is; for a service, its owner.
    staff_id: str | None = None
    service: str | None = None
    scopes: tuple[str, ...] = ()
    #: What source its reports have: user, trusted_flagger, machine, authority.
    source: str = "user"
    issued_by: str
    issued_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: What a service is for, in a line.
    purpose: str = ""
    #: What the identity provider calls a service that acts for people (scope ``delegate``).
    client: str = ""
    #: The only platforms it reads and acts on; none named: all of them.
    platforms: tuple[str, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A person's passkey: its public half, for which site it was made, and from when on its yes counts."""

    platform: str = ORGANISATION
    #: The credential id, base64url.
    id: str
    staff_id: str
    #: The public key as COSE has it, base64url.
    public_key: str
    #: The site it was made for, and the origin of the page on which it was.
    rp_id: str
    origin: str
    transports: tuple[str, ...] = ()
    enrolled_at: datetime
    #: From when on it signs approvals on notable and protected accounts.
    counts_from: datetime
    revoked_at: datetime | None = None
    #: By whom, by staff id; empty while it is good.
    revoked_by: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformEntry:
    """A platform that is registered: its connector kind and configuration, never its credentials."""

    platform: str = ORGANISATION
    id: str
    kind: str
    endpoint: str
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sandbox: bool = False
    added_at: datetime
    active: bool = True
    #: How far its own reports have been fetched.
    pull_cursor: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NetsVersion:
    """A set of nets that is or was in force; the newest is the one."""

    platform: str = ORGANISATION
    id: str
    name: str
    digest: str
    toml: str
    at: datetime
    by: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting that differs from its default."""

    platform: str = ORGANISATION
    id: str
    value: Any
    at: datetime
    by: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A stop of all enforcement, or (by the breaker) of one person's, team's or platform's."""

    platform: str = ORGANISATION
    id: str
    #: all, staff, team or platform.
    scope: str
    target: str = ""
    by: str
    at: datetime
    because: str
    ended_at: datetime | None = None
    ended_by: tuple[str, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Raid:
    """A wave of new accounts, as someone called it: wider budgets on young accounts until it is over."""

    platform: str = ORGANISATION
    id: str
    by: str
    at: datetime
    because: str
    #: When it ends by itself.
    until: datetime
    #: When somebody ended it before that.
    ended_at: datetime | None = None
    ended_by: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something went wrong, or nearly did: opened by itself."""

    platform: str
    id: str
    #: drift, reversal, breaker, budget, near_miss, break_glass, undelivered or unsettled.
    kind: str
    accounts: tuple[str, ...] = ()
    enforcements: tuple[str, ...] = ()
    #: Whom it concerns, by staff id; empty for nobody.
    about: str = ""
    opened_at: datetime
    last_at: datetime
    summary: str
    #: What drift changed: measures before and after.
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way to tell people on duty: a chat, mail, a pager. Its address is a secret, and lies in the key store."""

    platform: str = ORGANISATION
    #: What it is called here.
    id: str
    #: What the key store keeps its address under.
    key: str
    #: What kind of service the address is of, such as ``mailto`` or ``slack``: all that is ever shown of it.
    service: str
    #: The names that nets notify (`gardefou.nets.net.CHANNELS`), or ``team:NAME``, that it listens to.
    to: tuple[str, ...]
    #: The kinds of notice that it takes; empty takes all.
    kinds: tuple[str, ...] = ()
    language: str = "en"
    active: bool = True
    added_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A lead's yes to twice the budget for one person, for sixty minutes."""

    platform: str = ORGANISATION
    id: str
    staff_id: str
    by: str
    at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """One person's work being rolled back: asked for once, carried to its end by whoever is there."""

    platform: str = ORGANISATION
    id: str
    #: Staff id or service whose enforcements are withdrawn.
    whose: str
    since: datetime
    until: datetime
    #: Who asked, and through what; each restore is theirs.
    asked_by: str
    asked_at: datetime
    via: str
    humans: tuple[str, ...] = ()
    token_id: str | None = None
    #: Within one person's last 24 hours no hourly limit holds (R12).
    exempt: bool = False
    #: Enforcements of theirs that the law demanded: they stay.
    barred: tuple[str, ...] = ()
    #: running, done or stopped.
    state: str = "running"
    because: str = ""
    ended_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPart:
    """One account of a rollback: what is withdrawn there, and the restore that does it."""

    platform: str
    id: str
    rollback_id: str
    account: str
    enforcements: tuple[str, ...]
    reach: int = 0
    #: left, placed, nothing (nobody needed to) or failed.
    state: str = "left"
    restore_id: str | None = None
    because: str = ""
    at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrant:
    """A role that a person holds, since when, and who last confirmed that they still need it."""

    platform: str = ORGANISATION
    #: Staff id, a slash, the role.
    id: str
    staff_id: str
    role: str
    since: datetime
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    #: From when the quarter counts: the last confirmation, or the grant.
    counts_from: datetime
    #: How many of the reminders ahead of its lapse were sent.
    reminded: int = 0
    #: When people were last told that it is overdue and kept all the same.
    kept_at: datetime | None = None
    #: When it was taken, or lapsed.
    ended_at: datetime | None = None
    version: int = 1
