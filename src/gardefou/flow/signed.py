"""Yeses that are signed by passkey: whose must be, and whether one is, by the ledger and not by what the tables say.

Whoever can write the database can write a row that says yes. So on notable and
protected accounts, and for changes that weaken, a yes is an assertion over
exactly this answer to exactly this enforcement, kept with it and verified
again at execution; against keys that are read from events which a signed
checkpoint takes in, not from the table of passkeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from gardefou.clock import from_micros, to_micros
from gardefou.domain.actions import Action
from gardefou.domain.records import ORGANISATION, Approval, Enforcement
from gardefou.errors import Denied, GardefouError
from gardefou.flow.app import App, Config
from gardefou.flow.changes.passkeys import ARRIVAL, about_passkeys
from gardefou.flow.incidents import alert
from gardefou.ledger.checkpoint import open_checkpoint
from gardefou.ledger.leaf import commit, leaf_data, parse_leaf
from gardefou.ledger.nodes import read_nodes
from gardefou.ledger.sequencer import latest
from gardefou.ledger.tree import inclusion_proof, leaf_hash, verify_inclusion
from gardefou.people.actor import Actor
from gardefou.people.assertions import Key, approval_challenge, checked, decoded, refused, verify
from gardefou.people.authenticate import sign_in_again
from gardefou.people.passkeys import Purpose, note_use, spend
from gardefou.speech import gettext as _
from gardefou.storage import tables
from gardefou.storage.fast import Fast
from gardefou.storage.work import UnitOfWork

REQUIRED = "required"
#: What resumes after a pause changes no rule, and must be done from any phone.
_UNSIGNED_CHANGES = frozenset({"resume"})
#: How far an event's time may lie before that of the one before it in the log.
_OUT_OF_SEQUENCE = timedelta(minutes=5)
_MOST_PROVED = 20_000

_event, _leaf = tables.event.c, tables.leaf.c
_HISTORY = Fast(
    sa.select(_event.id, _event.kind, _event.at, _event.salt, _event.body, _leaf.seq, _leaf.data)
    .select_from(
        tables.event.outerjoin(tables.leaf, sa.and_(_leaf.platform == _event.platform, _leaf.event_id == _event.id))
    )
    .where(tables.event_has_about, _event.platform == ORGANISATION, _event.about == sa.bindparam("about"))
    .order_by(_event.id)
)
# What is added to the log later makes neither any earlier.
_ENROLLED = Fast(
    sa.select(sa.func.min(_event.at, type_=_event.at.type).label("at")).where(
        tables.event_has_about,
        _event.platform == ORGANISATION,
        _event.about == sa.bindparam("about"),
        _event.kind == "staff.enrolled",
    )
)
_SETUP_ENDED = Fast(
    sa.select(sa.func.min(_leaf.seq).label("seq"))
    .select_from(
        tables.event.outerjoin(tables.leaf, sa.and_(_leaf.platform == _event.platform, _leaf.event_id == _event.id))
    )
    .where(
        tables.event_has_about,
        _event.platform == ORGANISATION,
        _event.about == "setup_finished",
        _event.kind == "setting.changed",
    )
)
_LEAF = Fast(sa.select(_leaf.data).where(_leaf.platform == ORGANISATION, _leaf.seq == sa.bindparam("seq")))
#: Leaves that were proved to be in a log once, with its key: they are in it for good.
_proved: set[tuple[str, int, bytes]] = set()


class ClonedPasskey(Exception):
    """A passkey's count ran backwards; `cloned` says it to people, once what was begun is undone."""

    def __init__(self, staff_id: str) -> None:
        super().__init__(staff_id)
        self.staff_id = staff_id


@dataclass(frozen=True, slots=True)
class Signed:
    """A yes that may stand: its assertion as it is kept, None where none is asked for."""

    assertion: Mapping[str, str] | None = None
    #: Whether it was signed just now, over what this console drew: a strong sign-in (M3).
    fresh: bool = False


def asks_signature(config: Config, found: Enforcement, tier: str = "standard") -> bool:
    """Whether a yes to it is signed; ``tier`` is the account's as of now, where it is known.

    Restores are free of it: nothing that makes milder waits for a key.
    """
    if not config.rules.setup_finished or config.no_nets or found.action == Action.RESTORE:
        return False
    if found.action == Action.CHANGE:
        change = found.change or {}
        return bool(change.get("weakens")) and change.get("kind") not in _UNSIGNED_CHANGES
    return (found.tier, tier) != ("standard", "standard")


# giving ---------------------------------------------------------------------------------


def check_yes(
    uow: UnitOfWork,
    app: App,
    config: Config,
    actor: Actor,
    found: Enforcement,
    assertion: Mapping[str, str] | None,
    *,
    whose: str,
) -> Signed:
    """Return a yes as it may stand, its signature verified; ``whose`` is the hash of the console's session, if any.

    Raises:
        Denied: it must be signed, with a passkey that counts (`approval/passkey`), or is not signed rightly
            (`passkey/invalid`, `passkey/challenge`).
        InvalidInput: the assertion is none (`passkey/malformed`).
        ClonedPasskey: the passkey's count ran backwards.
    """
    if not asks_signature(config, found):
        return Signed()
    held = held_by(uow, app, config, actor.id)
    if assertion is None:
        why = _unsigned(config, found, held, by_token=actor.token_id is not None)
        if why:
            raise Denied("approval/passkey", why, extra={"enforcement": found.id, "digest": found.digest})
        return Signed()
    kept = checked(assertion)
    key = next((one for one in held.keys if one.id == kept["id"]), None)
    if key is None:
        raise refused()
    count = verify(key, kept, _challenge(found, "yes", kept))
    if "nonce" in kept:
        spend(uow.connection, decoded(kept["nonce"]), Purpose.APPROVE, whose=whose, now=uow.now)
        sign_in_again(uow, actor.id)
    if not note_use(uow.connection, key.id, sign_count=count, at=uow.now):
        raise ClonedPasskey(actor.id)
    return Signed(kept, fresh="nonce" in kept)


def _unsigned(config: Config, found: Enforcement, held: Held, *, by_token: bool) -> str:
    """Return why an unsigned yes does not stand; nothing where it does."""
    if held.keys:
        return _("A yes here is signed with your passkey: say it in the console, or send its assertion along.")
    if held.lost or config.rules.passkey_approvals == REQUIRED:
        return _("A yes here is signed with a passkey, and you have none that counts yet; make one on your page.")
    if by_token and found.action != Action.CHANGE:
        return _("A token is not enough for a yes here: sign in and say it in the console, best with a passkey.")
    return ""


def _challenge(found: Enforcement, answer: str, assertion: Mapping[str, str]) -> bytes:
    return approval_challenge(
        platform=found.platform,
        enforcement=found.id,
        digest=found.digest,
        answer=answer,
        nonce=assertion.get("nonce", ""),
    )


def cloned(app: App, staff_id: str) -> Denied:
    """Tell people of a passkey whose count ran backwards; return the error. Writes `alert.raised`."""
    with app.works.begin() as uow:
        alert(
            uow,
            "passkey",
            platform=ORGANISATION,
            about=staff_id,
            says="A passkey's count ran backwards: there may be two of it. It was not taken.",
        )
    return Denied(
        "passkey/cloned", "This passkey's count ran backwards, as a copy's would; use another, and tell your lead."
    )


# standing -------------------------------------------------------------------------------


def stands(uow: UnitOfWork, app: App, config: Config, found: Enforcement, given: Approval) -> bool:
    """Whether a yes on record is signed as it must be, by the ledger as it is now."""
    held = held_by(uow, app, config, given.by)
    if given.assertion is None:
        return not _unsigned(config, found, held, by_token=given.via == "api")
    try:
        kept = checked(given.assertion)
        key = next((one for one in held.keys if one.id == kept["id"]), None)
        if key is not None:
            verify(key, kept, _challenge(found, given.answer, kept))
    except GardefouError:
        return False
    return key is not None


# keys -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What of a person's passkeys the ledger bears out."""

    #: Those that sign approvals now.
    keys: tuple[Key, ...]
    #: Whether one that did was ended: until another counts, a yes of theirs stands no more without one.
    lost: bool


def held_by(uow: UnitOfWork, app: App, config: Config, staff_id: str) -> Held:
    """Return the passkeys that sign approvals of a person now, as the ledger has them.

    The table of passkeys is not asked. A key counts once a signed checkpoint
    takes its event in, and after the wait where it does not belong to an
    arrival; what ends one ends it at once.
    """
    place = ("keys", staff_id)
    if place not in uow.kept:
        uow.kept[place] = _held(uow.connection, app, config, staff_id, uow.now)
    found: Held = uow.kept[place]
    return found


def _held(connection: sa.Connection, app: App, config: Config, staff_id: str, now: datetime) -> Held:
    wait = timedelta(seconds=config.rules.passkey_counts_after_seconds)
    found: dict[str, Key] = {}
    first, lost = True, False
    for row in _HISTORY.all(connection, {"about": about_passkeys(staff_id)}):
        images = _passkeys_in(row.body, row.kind, staff_id)
        if row.kind == "passkey.revoked":
            for image in images:
                lost = found.pop(image["id"], None) is not None or lost
            continue
        if row.kind != "passkey.enrolled" or not _is_included(connection, app, row):
            continue
        for image in images:
            arrives = first and image["counts_from"] == image["enrolled_at"] and _arrives(connection, row, staff_id)
            first = False
            counts_from = max(from_micros(image["counts_from"]), row.at + (timedelta(0) if arrives else wait))
            if counts_from <= now:
                found[image["id"]] = Key(image["id"], image["public_key"], image["rp_id"], image["origin"])
    return Held(tuple(found.values()), lost and not found)


def _passkeys_in(body: bytes, kind: str, staff_id: str) -> list[dict[str, Any]]:
    """Return the images of a person's passkeys that an event carries; none of what is another's, or of another kind."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    if said.get("kind") != kind or said.get("about") != about_passkeys(staff_id):
        return []
    return [image for name, image in said["rows"] if name == tables.passkey.name and image["staff_id"] == staff_id]


def _arrives(connection: sa.Connection, row: Any, staff_id: str) -> bool:
    """Whether the ledger bears out that a first key belongs to an arrival: before setup ended, or on the first day."""
    ended = _SETUP_ENDED.first(connection)
    if ended.seq is None or row.seq < ended.seq:
        return True
    enrolled = _ENROLLED.first(connection, {"about": staff_id})
    return enrolled.at is not None and row.at - enrolled.at < ARRIVAL


def _is_included(connection: sa.Connection, app: App, row: Any) -> bool:
    """Whether an event is, byte by byte, in the log that a checkpoint was signed over; and was written in its time."""
    if row.seq is None:
        return False
    verifier = app.sequencer.signer(ORGANISATION).verifier
    place = (verifier.encoded, int(row.seq), bytes(row.data))
    try:
        if leaf_data(row.id, to_micros(row.at), commit(row.salt, row.body)) != row.data:
            return False
        if place in _proved:
            return True
        held = latest(connection, ORGANISATION)
        if held is None:
            return False
        signed = open_checkpoint(held.note, verifier)
        path = read_nodes(connection, ORGANISATION, lambda fetch: inclusion_proof(row.seq, signed.size, fetch))
        verify_inclusion(row.seq, signed.size, leaf_hash(row.data), path, signed.root)
    except (GardefouError, ValueError):
        return False
    if row.seq:
        before = _LEAF.first(connection, {"seq": row.seq - 1})
        # Whoever slips an event into the log cannot make it older than what stood there.
        if before is None or from_micros(parse_leaf(before.data).at) - row.at > _OUT_OF_SEQUENCE:
            return False
    if len(_proved) >= _MOST_PROVED:
        _proved.clear()
    _proved.add(place)
    return True
