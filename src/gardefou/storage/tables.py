"""Every table of Gardefou, once, for both databases.

``platform`` leads every primary key, so that platforms can be spread over
databases. `PROJECTED` are state tables: each row is the image that some ledger
event carries, and rebuilding them from the ledger gives the same rows. The
ledger's own tables take no update and no delete (see the migrations' triggers).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gardefou.storage.types import Instant, Json, Names

metadata = sa.MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=null)


def _state_table(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    """Return a projected table, keyed by platform and id."""
    return sa.Table(
        name,
        metadata,
        _text("platform", key=True),
        _text("id", key=True),
        *columns,
        sa.Column("version", sa.Integer, nullable=False),
    )


def _when(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, Instant, nullable=null)


def _names(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Names, nullable=null)


def _json(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Json, nullable=null)


def _int(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _bool(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _written(value: str) -> sa.ColumnElement[str]:
    """Return a constant that stands in the statement itself.

    A partial index is used only where its condition can be seen in a statement, not among what is bound to it:
    read with these very conditions.
    """
    return sa.literal_column(f"'{value}'", sa.Text)


report = _state_table(
    "report",
    _text("case_id"),
    _text("kind"),
    _text("account"),
    _text("content"),
    _text("reporter"),
    _text("category"),
    _text("text"),
    _json("evidence"),
    _when("claimed_at"),
    _when("received_at", null=False),
    _text("source"),
    _text("pulled_key"),
)
sa.Index("report_by_case", report.c.platform, report.c.case_id, report.c.reporter)
sa.Index(
    "report_by_pulled_key",
    report.c.platform,
    report.c.pulled_key,
    unique=True,
    sqlite_where=report.c.pulled_key != "",
    postgresql_where=report.c.pulled_key != "",
)
sa.Index("report_by_time", report.c.platform, report.c.received_at)

case = _state_table(
    "cases",
    _text("account"),
    _text("content"),
    _text("queue"),
    _text("state"),
    _text("category"),
    sa.Column("priority", sa.Integer, nullable=False),
    _when("opened_at", null=False),
    _when("due_at", null=False),
    _when("last_report_at", null=False),
    sa.Column("reports", sa.Integer, nullable=False),
    sa.Column("reporters", sa.Integer, nullable=False),
    _bool("burst"),
    _bool("trusted_flagger"),
    _bool("escalated"),
    _text("claimed_by", null=True),
    _when("claimed_until"),
    _bool("claim_renewed"),
    _names("evidence_seen_by"),
    _names("skipped_by"),
    _when("closed_at"),
    _text("decision_id", null=True),
)
case_open = case.c.state == _written("open")
sa.Index(
    "case_open_subject",
    case.c.platform,
    case.c.account,
    case.c.content,
    unique=True,
    sqlite_where=case_open,
    postgresql_where=case_open,
)
sa.Index(
    "case_queue",
    case.c.queue,
    case.c.priority.desc(),
    case.c.due_at,
    case.c.id,
    sqlite_where=case_open,
    postgresql_where=case_open,
)
case_not_open = case.c.state == _written("closed")
sa.Index(
    "case_closed_queue",
    case.c.queue,
    case.c.priority.desc(),
    case.c.due_at,
    case.c.id,
    sqlite_where=case_not_open,
    postgresql_where=case_not_open,
)
#: Within a queue by its clock: how many are late, and since when.
sa.Index("case_due", case.c.queue, case.c.due_at, sqlite_where=case_open, postgresql_where=case_open)
case_claimed = sa.and_(case_open, case.c.claimed_by.is_not(None))
sa.Index("case_claimed", case.c.claimed_until, case.c.queue, sqlite_where=case_claimed, postgresql_where=case_claimed)
sa.Index("case_by_account", case.c.platform, case.c.account)
sa.Index("case_by_opening", case.c.platform, case.c.opened_at)
case_closed = case.c.closed_at.is_not(None)
sa.Index(
    "case_by_closing",
    case.c.platform,
    case.c.closed_at,
    case.c.due_at,
    sqlite_where=case_closed,
    postgresql_where=case_closed,
)
sa.Index(
    "case_by_claimant",
    case.c.claimed_by,
    case.c.claimed_until,
    sqlite_where=case_claimed,
    postgresql_where=case_claimed,
)

case_note = _state_table("case_note", _text("case_id"), _text("by"), _when("at", null=False), _text("text"))
sa.Index("case_note_by_case", case_note.c.platform, case_note.c.case_id)

decision = _state_table(
    "decision",
    _text("case_id"),
    _text("account"),
    _text("outcome"),
    _text("policy"),
    _text("rationale"),
    _json("evidence"),
    _text("by"),
    _when("at", null=False),
)
sa.Index("decision_by_case", decision.c.platform, decision.c.case_id)
sa.Index("decision_by_account", decision.c.platform, decision.c.account)
sa.Index("decision_by_time", decision.c.platform, decision.c.at, decision.c.outcome)

enforcement = _state_table(
    "enforcement",
    _text("account"),
    _names("content"),
    _text("action"),
    _text("label", null=True),
    sa.Column("severity", sa.Integer, nullable=False),
    _text("reversibility"),
    _text("state"),
    _text("because"),
    _text("policy"),
    _text("rationale"),
    _text("placed_by"),
    _when("placed_at", null=False),
    _text("via"),
    _names("humans"),
    _text("team"),
    _text("case_id", null=True),
    _text("decision_id", null=True),
    _text("group_id", null=True),
    sa.Column("group_index", sa.Integer, nullable=False),
    _when("until"),
    _when("execute_at"),
    _text("legal_basis", null=True),
    _text("tier"),
    _int("reach"),
    _json("facts"),
    _json("verdict"),
    _text("nets"),
    _text("digest"),
    _when("approve_by"),
    _when("approved_at"),
    _when("hold_until"),
    _when("execute_by"),
    _names("measures"),
    _names("base", null=True),
    _names("lifts"),
    _bool("whole"),
    _json("change", null=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    _when("next_attempt_at"),
    _when("lease_until"),
    _int("fence"),
    _text("intent_event", null=True),
    _json("receipt"),
    _when("in_force_at"),
    _when("ended_at"),
    _text("incident", null=True),
    _text("ratified_by", null=True),
)
# By id, not by time, which is the same sequence: what stands on an account is read oldest first.
sa.Index("enforcement_by_account", enforcement.c.platform, enforcement.c.account, enforcement.c.id)
sa.Index("enforcement_by_id", enforcement.c.id)
sa.Index("enforcement_by_time", enforcement.c.platform, enforcement.c.placed_at)
sa.Index("enforcement_by_person", enforcement.c.placed_by, enforcement.c.placed_at)
# With all that a team's and a platform's budget count, so that SQLite counts within the index.
sa.Index(
    "enforcement_by_team",
    enforcement.c.platform,
    enforcement.c.team,
    enforcement.c.placed_at,
    enforcement.c.severity,
    enforcement.c.state,
    enforcement.c.reach,
)
sa.Index(
    "enforcement_by_severity",
    enforcement.c.platform,
    enforcement.c.severity,
    enforcement.c.placed_at,
    enforcement.c.state,
    enforcement.c.reach,
)
enforcement_scheduled = enforcement.c.execute_at.is_not(None)
sa.Index(
    "enforcement_scheduled",
    enforcement.c.placed_by,
    enforcement.c.execute_at,
    sqlite_where=enforcement_scheduled,
    postgresql_where=enforcement_scheduled,
)
sa.Index("enforcement_by_case", enforcement.c.platform, enforcement.c.case_id)
sa.Index("enforcement_by_group", enforcement.c.platform, enforcement.c.group_id)
enforcement_active = enforcement.c.state.in_(
    [_written(state) for state in ("placed", "waiting", "ready", "executing", "unknown", "restoring")]
)
sa.Index(
    "enforcement_active",
    enforcement.c.state,
    enforcement.c.next_attempt_at,
    sqlite_where=enforcement_active,
    postgresql_where=enforcement_active,
)
# What has come to rest, in lists by state and newest first: of a platform, of an action, of a person. What else a
# list may ask for stands behind, so that it is answered within the index.
enforcement_settled = enforcement.c.state.in_(
    [_written(state) for state in ("in_force", "failed", "restored", "cancelled", "lapsed", "refused")]
)
for _name, _columns in {
    "enforcement_settled": ("platform", "state", "id"),
    "enforcement_settled_by_action": ("action", "state", "id", "platform"),
    "enforcement_settled_by_person": ("placed_by", "state", "id", "action", "platform"),
}.items():
    sa.Index(
        _name,
        *(enforcement.c[column] for column in _columns),
        sqlite_where=enforcement_settled,
        postgresql_where=enforcement_settled,
    )
enforcement_ending = sa.and_(enforcement.c.state == _written("in_force"), enforcement.c.until.is_not(None))
sa.Index(
    "enforcement_ending",
    enforcement.c.until,
    sqlite_where=enforcement_ending,
    postgresql_where=enforcement_ending,
)

enforcement_went_wrong = sa.and_(
    enforcement.c.severity > sa.literal_column("0"),
    enforcement.c.state.in_([_written(state) for state in ("restoring", "restored", "failed")]),
)
sa.Index(
    "enforcement_went_wrong",
    enforcement.c.platform,
    enforcement.c.placed_at,
    enforcement.c.state,
    enforcement.c.because,
    sqlite_where=enforcement_went_wrong,
    postgresql_where=enforcement_went_wrong,
)
# The reasons of a verdict, and of its shadow: on most neither net spoke, and they are not in the index.
enforcement_spoke = sa.type_coerce(enforcement.c.verdict, sa.Text).not_like(
    sa.literal_column('\'%"reasons":[]%"shadow":[]%\'', sa.Text)
)
sa.Index(
    "enforcement_spoke",
    enforcement.c.platform,
    enforcement.c.placed_at,
    sqlite_where=enforcement_spoke,
    postgresql_where=enforcement_spoke,
)

approval = _state_table(
    "approval",
    _text("enforcement_id"),
    _text("by"),
    _text("answer"),
    _text("own_answer"),
    _text("note"),
    _text("digest"),
    _when("at", null=False),
    _text("via"),
    _json("assertion", null=True),
)
sa.Index("approval_by_enforcement", approval.c.platform, approval.c.enforcement_id)

account = sa.Table(
    "account",
    metadata,
    _text("platform", key=True),
    _text("ref", key=True),
    _text("handle"),
    _text("display_name"),
    _int("reach", null=True),
    _names("labels"),
    _when("born_at"),
    _bool("verified_org"),
    _names("measures"),
    _when("read_at"),
    _text("tier"),
    _text("explicit_tier", null=True),
    _text("explicit_because"),
    _when("explicit_until"),
    _text("memory_tier"),
    _when("memory_until"),
    _text("lookalike_of", null=True),
    _bool("marked_fake"),
    _names("drift_base", null=True),
    _int("fence"),
    sa.Column("version", sa.Integer, nullable=False),
)
account_watched = sa.or_(account.c.tier != _written("standard"), account.c.memory_tier != _written("standard"))
sa.Index(
    "account_watched",
    account.c.platform,
    account.c.read_at,
    sqlite_where=account_watched,
    postgresql_where=account_watched,
)
sa.Index(
    "account_by_tier",
    account.c.tier,
    account.c.platform,
    account.c.ref,
    sqlite_where=account_watched,
    postgresql_where=account_watched,
)
sa.Index(
    "account_by_reach",
    account.c.reach,
    account.c.platform,
    account.c.ref,
    sqlite_where=account_watched,
    postgresql_where=account_watched,
)
account_alike = account.c.lookalike_of.is_not(None)
sa.Index(
    "account_alike",
    account.c.platform,
    account.c.lookalike_of,
    sqlite_where=account_alike,
    postgresql_where=account_alike,
)
account_entered = account.c.explicit_tier.is_not(None)
sa.Index(
    "account_by_entry",
    account.c.explicit_until,
    account.c.platform,
    account.c.ref,
    sqlite_where=account_entered,
    postgresql_where=account_entered,
)
# What a handle begins with is found as a range, byte by byte: on PostgreSQL it is made with the collation C.
sa.Index("account_by_handle", sa.func.lower(account.c.handle))

staff = _state_table(
    "staff",
    _text("pseudonym"),
    _names("roles"),
    _text("team"),
    _text("employer"),
    _text("standing"),
    _when("started_at", null=False),
    _when("notice_at"),
    _when("last_day_end"),
    _bool("enrolled"),
    _bool("founding"),
)
sa.Index("staff_by_pseudonym", staff.c.pseudonym, unique=True)

token = _state_table(
    "token",
    _text("hash"),
    _text("staff_id", null=True),
    _text("service", null=True),
    _names("scopes"),
    _text("source"),
    _text("issued_by"),
    _when("issued_at", null=False),
    _when("expires_at"),
    _when("revoked_at"),
    # Came later: what was recorded before has the default.
    sa.Column("purpose", sa.Text, nullable=False, server_default=""),
    sa.Column("client", sa.Text, nullable=False, server_default=""),
    sa.Column("platforms", Names, nullable=False, server_default="[]"),
)
sa.Index("token_by_hash", token.c.hash, unique=True)

passkey = _state_table(
    "passkey",
    _text("staff_id"),
    _text("public_key"),
    _text("rp_id"),
    _text("origin"),
    _names("transports"),
    _when("enrolled_at", null=False),
    _when("counts_from", null=False),
    _when("revoked_at"),
    _text("revoked_by"),
)
sa.Index("passkey_by_staff", passkey.c.staff_id)

platform_entry = _state_table(
    "platform_entry",
    _text("kind"),
    _text("endpoint"),
    _json("config"),
    _bool("sandbox"),
    _when("added_at", null=False),
    _bool("active"),
    _text("pull_cursor"),
)

nets_version = _state_table(
    "nets_version",
    _text("name"),
    _text("digest"),
    _text("toml"),
    _when("at", null=False),
    _text("by"),
)

setting = _state_table("setting", _json("value", null=True), _when("at", null=False), _text("by"))

pause = _state_table(
    "pause",
    _text("scope"),
    _text("target"),
    _text("by"),
    _when("at", null=False),
    _text("because"),
    _when("ended_at"),
    _names("ended_by"),
)
pause_open = pause.c.ended_at.is_(None)
sa.Index("pause_open", pause.c.id, sqlite_where=pause_open, postgresql_where=pause_open)

raid = _state_table(
    "raid",
    _text("by"),
    _when("at", null=False),
    _text("because"),
    _when("until", null=False),
    _when("ended_at"),
    _text("ended_by", null=True),
)
sa.Index("raid_by_time", raid.c.until)

incident = _state_table(
    "incident",
    _text("kind"),
    _names("accounts"),
    _names("enforcements"),
    _text("about"),
    _when("opened_at", null=False),
    _when("last_at", null=False),
    _text("summary"),
    _json("detail"),
)
sa.Index("incident_by_time", incident.c.platform, incident.c.opened_at)
sa.Index("incident_by_id", incident.c.id)
sa.Index("incident_by_kind", incident.c.platform, incident.c.kind, incident.c.about, incident.c.opened_at)

top_up = _state_table("top_up", _text("staff_id"), _text("by"), _when("at", null=False))
sa.Index("top_up_by_staff", top_up.c.staff_id, top_up.c.at)

channel = _state_table(
    "channel",
    _text("key"),
    _text("service"),
    _names("to"),
    _names("kinds"),
    _text("language"),
    _bool("active"),
    _when("added_at", null=False),
)

# The ledger: append-only.

event = sa.Table(
    "event",
    metadata,
    _text("platform", key=True),
    _text("id", key=True),
    _text("kind"),
    _when("at", null=False),
    _text("by"),
    _text("account"),
    _text("about"),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
event_has_account = event.c.account != _written("")
sa.Index(
    "event_by_account",
    event.c.platform,
    event.c.account,
    event.c.id,
    sqlite_where=event_has_account,
    postgresql_where=event_has_account,
)
event_has_about = event.c.about != _written("")
sa.Index(
    "event_by_about",
    event.c.platform,
    event.c.about,
    event.c.id,
    sqlite_where=event_has_about,
    postgresql_where=event_has_about,
)
#: Who set an account's tier, and what happened to it behind our back.
event_of_account = event.c.kind.in_(
    [_written(kind) for kind in ("account.tier_set", "account.marked_fake", "account.drifted")]
)
sa.Index(
    "event_of_account",
    event.c.platform,
    event.c.account,
    event.c.id,
    sqlite_where=event_of_account,
    postgresql_where=event_of_account,
)
#: What people did; reports, which are most of a log, and Gardefou's own doing left out.
event_by_person = sa.and_(event.c.by != _written("system"), event.c.kind != _written("report.taken"))
sa.Index(
    "event_by_person",
    event.c.by,
    event.c.id,
    sqlite_where=event_by_person,
    postgresql_where=event_by_person,
)
#: When a person last did a thing: read at one end of the index, however much they did.
sa.Index(
    "event_by_deed",
    event.c.by,
    event.c.kind,
    event.c.id,
    sqlite_where=event_by_person,
    postgresql_where=event_by_person,
)

leaf = sa.Table(
    "leaf",
    metadata,
    _text("platform", key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("event_id"),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("leaf_by_event", leaf.c.platform, leaf.c.event_id, unique=True)

# Every fourth level above the leaves (`gardefou.ledger.nodes`).
tree_node = sa.Table(
    "tree_node",
    metadata,
    _text("platform", key=True),
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

checkpoint = sa.Table(
    "checkpoint",
    metadata,
    _text("platform", key=True),
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    _when("at", null=False),
    _text("note"),
)
sa.Index("checkpoint_by_time", checkpoint.c.at)

# Work in hand: not part of the record, and safe to lose with what it points to.

event_pending = sa.Table(
    "event_pending", metadata, _text("platform", key=True), _text("id", key=True), sqlite_with_rowid=False
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    _text("who", key=True),
    _text("key", key=True),
    _text("digest"),
    sa.Column("status", sa.Integer, nullable=False),
    _text("answer"),
    _when("at", null=False),
)
sa.Index("idempotency_by_time", idempotency.c.at)

#: What people on duty are to be told: written with the event that says so, sent later.
notice = sa.Table(
    "notice",
    metadata,
    _text("platform", key=True),
    _text("id", key=True),
    _text("kind"),
    _names("to"),
    _text("team"),
    _names("accounts"),
    _text("about"),
    _json("facts"),
    _when("at", null=False),
    # When it was shared out to channels; until then it waits for a worker.
    _when("shared_at"),
)
notice_waiting = notice.c.shared_at.is_(None)
sa.Index("notice_waiting", notice.c.platform, notice.c.id, sqlite_where=notice_waiting, postgresql_where=notice_waiting)
sa.Index("notice_by_time", notice.c.at)

#: One notice on its way through one channel. ``state``: waiting, sent or undelivered.
delivery = sa.Table(
    "delivery",
    metadata,
    _text("platform", key=True),
    _text("notice_id", key=True),
    _text("channel", key=True),
    _text("state"),
    _when("at", null=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    _when("next_attempt_at"),
    _when("lease_until"),
    # What the last attempt came to: a word of `gardefou.notices.post.ANSWERS`, or `http 403`.
    _text("answer"),
    _when("sent_at"),
    # When people were told that it did not get through.
    _when("told_at"),
)
delivery_waiting = delivery.c.state == _written("waiting")
sa.Index(
    "delivery_waiting",
    delivery.c.channel,
    delivery.c.next_attempt_at,
    sqlite_where=delivery_waiting,
    postgresql_where=delivery_waiting,
)
sa.Index("delivery_by_id", delivery.c.notice_id, delivery.c.channel)
sa.Index("delivery_by_time", delivery.c.at)
# The last of a channel: read at one end of the index, however much was sent.
sa.Index("delivery_by_sent", delivery.c.channel, delivery.c.sent_at)
sa.Index("delivery_by_told", delivery.c.channel, delivery.c.told_at)

# People: sealed, and never in the ledger.

person = sa.Table(
    "person",
    metadata,
    _text("staff_id", key=True),
    #: The id of the key that it is sealed under.
    _text("key"),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Index("person_by_key", person.c.key)

#: What people are found by, for whoever has the key.
person_mark = sa.Table(
    "person_mark",
    metadata,
    _text("staff_id", key=True),
    _text("kind", key=True),
    sa.Column("mark", sa.LargeBinary, nullable=False),
)
sa.Index("person_mark_found", person_mark.c.mark)
_found_once = person_mark.c.kind.in_([_written("identity"), _written("user_name")])
sa.Index(
    "person_mark_unique",
    person_mark.c.mark,
    unique=True,
    sqlite_where=_found_once,
    postgresql_where=_found_once,
)

#: When each person last signed in strongly, and what they hold of passwords: nothing.
presence = sa.Table("presence", metadata, _text("staff_id", key=True), _when("strong_at"), _when("seen_at"))

#: How each person likes the console; empty is as the browser says.
preference = sa.Table(
    "preference",
    metadata,
    _text("staff_id", key=True),
    _text("language"),
    _text("zone"),
    _text("theme"),
    _text("media"),
)

session = sa.Table(
    "session",
    metadata,
    _text("hash", key=True),
    _text("staff_id"),
    _text("csrf"),
    _when("created_at", null=False),
    _when("expires_at", null=False),
    _when("revoked_at"),
    # Hashes of the identity provider and of the session there that this one came from; empty for other ways in.
    sa.Column("issuer", sa.Text, nullable=False, server_default=""),
    sa.Column("sid", sa.Text, nullable=False, server_default=""),
    # Which family of browsers, in a word; nothing else of where it is.
    _text("browser"),
    _when("seen_at"),
)
sa.Index("session_by_staff", session.c.staff_id)
sa.Index("session_by_sid", session.c.sid)

#: How a passkey is called by its owner, how often it says it was used, and when it last was.
passkey_use = sa.Table(
    "passkey_use", metadata, _text("id", key=True), _text("label"), _int("sign_count"), _when("used_at")
)

#: What a passkey was asked to sign, until it did or two minutes are over: once, for one purpose, for one session.
ceremony = sa.Table(
    "ceremony",
    metadata,
    _text("hash", key=True),
    _text("purpose"),
    _text("whose"),
    _when("expires_at", null=False),
)
sa.Index("ceremony_by_time", ceremony.c.expires_at)

#: Tries to sign in, by address and by what was tried, each only as a keyed hash.
signin_try = sa.Table(
    "signin_try",
    metadata,
    _text("key", key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    _when("until", null=False),
    _when("at", null=False),
)
sa.Index("signin_try_by_time", signin_try.c.at)

signin_link = sa.Table(
    "signin_link",
    metadata,
    _text("hash", key=True),
    _text("staff_id"),
    _when("expires_at", null=False),
    _when("used_at"),
)

#: Halves of invitations that are out: two of them, drawn by two people, let somebody in who has no way in.
invitation = sa.Table(
    "invitation",
    metadata,
    _text("hash", key=True),
    _text("staff_id"),
    _text("by"),
    _when("drawn_at", null=False),
    _when("ends_at", null=False),
)
sa.Index("invitation_by_staff", invitation.c.staff_id)

#: Whom a provisioning client looks after, under an identifier that leads to no pseudonym.
scim_user = sa.Table(
    "scim_user", metadata, _text("id", key=True), _text("client"), _text("staff_id"), sqlite_with_rowid=False
)
sa.Index("scim_user_by_staff", scim_user.c.staff_id, unique=True)
sa.Index("scim_user_by_client", scim_user.c.client, scim_user.c.id)

scim_group = sa.Table(
    "scim_group",
    metadata,
    _text("id", key=True),
    _text("client"),
    _text("name"),
    _text("external_id"),
    sqlite_with_rowid=False,
)
sa.Index("scim_group_by_client", scim_group.c.client, scim_group.c.id)

scim_member = sa.Table(
    "scim_member", metadata, _text("group_id", key=True), _text("user_id", key=True), sqlite_with_rowid=False
)
sa.Index("scim_member_by_user", scim_member.c.user_id)

#: Sign-ins that are under way at the organisation's identity provider, by the hash of their state. What the browser
#: holds for each is here as a hash only; a form that waits for the sign-in is kept until it ends.
oidc_attempt = sa.Table(
    "oidc_attempt",
    metadata,
    _text("hash", key=True),
    _text("browser"),
    _text("purpose"),
    _text("session"),
    _text("next"),
    _text("carried"),
    _when("created_at", null=False),
    _when("expires_at", null=False),
    _when("used_at"),
)
sa.Index("oidc_attempt_by_end", oidc_attempt.c.expires_at)

#: When each token was last used, to the minute: no part of the record, as every call would be.
token_use = sa.Table("token_use", metadata, _text("token_id", key=True), _when("used_at", null=False))

#: Hashes of what counts once and was used, such as the id of a signed assertion, until it would be too old anyway.
spent = sa.Table("spent", metadata, _text("hash", key=True), _when("expires_at", null=False))
sa.Index("spent_by_end", spent.c.expires_at)

# Rolling a person back, and confirming what people hold.

rollback = _state_table(
    "rollback",
    _text("whose"),
    _when("since", null=False),
    _when("until", null=False),
    _text("asked_by"),
    _when("asked_at", null=False),
    _text("via"),
    _names("humans"),
    _text("token_id", null=True),
    _bool("exempt"),
    _names("barred"),
    _text("state"),
    _text("because"),
    _when("ended_at"),
)
rollback_running = rollback.c.state == _written("running")
sa.Index("rollback_running", rollback.c.id, sqlite_where=rollback_running, postgresql_where=rollback_running)
sa.Index("rollback_by_person", rollback.c.whose, rollback.c.id)

rollback_part = _state_table(
    "rollback_part",
    _text("rollback_id"),
    _text("account"),
    _names("enforcements"),
    _int("reach"),
    _text("state"),
    _text("restore_id", null=True),
    _text("because"),
    _when("at"),
)
sa.Index("rollback_part_by_rollback", rollback_part.c.rollback_id, rollback_part.c.state, rollback_part.c.id)

role_grant = _state_table(
    "role_grant",
    _text("staff_id"),
    _text("role"),
    _when("since", null=False),
    _when("confirmed_at"),
    _text("confirmed_by", null=True),
    _when("counts_from", null=False),
    sa.Column("reminded", sa.Integer, nullable=False),
    _when("kept_at"),
    _when("ended_at"),
)
role_grant_held = role_grant.c.ended_at.is_(None)
sa.Index("role_grant_due", role_grant.c.counts_from, sqlite_where=role_grant_held, postgresql_where=role_grant_held)

#: State tables: rows are images of ledger events.
PROJECTED: dict[str, sa.Table] = {
    table.name: table
    for table in (
        report,
        case,
        case_note,
        decision,
        enforcement,
        approval,
        account,
        staff,
        token,
        passkey,
        platform_entry,
        nets_version,
        setting,
        pause,
        raid,
        incident,
        top_up,
        channel,
        rollback,
        rollback_part,
        role_grant,
    )
}

#: Tables that take no update and no delete.
APPEND_ONLY = (event, leaf, tree_node, checkpoint)
