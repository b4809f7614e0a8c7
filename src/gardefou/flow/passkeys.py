"""Using passkeys: signing in, once more before a grave act, and enrolling or ending one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gardefou.domain.records import ORGANISATION, Enforcement, Passkey
from gardefou.errors import GardefouError, InvalidInput, StepUpRequired
from gardefou.flow.app import App
from gardefou.flow.change import propose
from gardefou.flow.changes.passkeys import ENROL, RESET, REVOKE
from gardefou.flow.signed import cloned
from gardefou.people import assertions, passkeys
from gardefou.people.actor import Actor
from gardefou.people.authenticate import NEW_KEY_MINUTES, by_staff
from gardefou.people.passkeys import Purpose, Site
from gardefou.speech import gettext as _


def draw(app: App, purpose: Purpose, *, whose: str = "") -> bytes:
    """Draw something for a passkey to sign; ``whose`` is the hash of the session's secret, where there is one.

    Raises:
        Unavailable: too many wait (`passkey/busy`).
    """
    with app.works.begin() as uow:
        return passkeys.draw(uow.connection, purpose, whose=whose, now=uow.now)


def use(app: App, credential: Mapping[str, Any], purpose: Purpose, *, whose: str = "") -> str:
    """Return whose passkey signed what was drawn for this; a strong sign-in, as its owner was verified.

    What was drawn is used up in any case. Whether a passkey is unknown, ended or
    another one than signed is not told apart.

    Raises:
        InvalidInput: it is no answer of a passkey (`passkey/malformed`).
        Denied: `passkey/challenge`, `passkey/invalid`, `passkey/cloned`, or its person is off duty (`staff/…`).
    """
    assertion = assertions.assertion_of(credential)
    challenge = assertions.challenge_in(assertion)
    with app.works.begin() as uow:
        passkeys.spend(uow.connection, challenge, purpose, whose=whose, now=uow.now)
    with app.works.read() as connection:
        found = passkeys.passkey_by_id(connection, assertion["id"])
    if found is None or found.revoked_at is not None:
        raise assertions.refused()
    count = assertions.verify(passkeys.key_of(found), assertion, challenge)
    with app.works.begin() as uow:
        went_up = passkeys.note_use(uow.connection, found.id, sign_count=count, at=uow.now)
        # Read anew where it is written: it may have been ended meanwhile.
        still = uow.need(Passkey, ORGANISATION, found.id)
        if went_up:
            if still.revoked_at is not None:
                raise assertions.refused()
            return by_staff(uow.connection, found.staff_id, now=uow.now, via="console").id
    raise cloned(app, found.staff_id)


def enrol(
    app: App, actor: Actor, credential: Mapping[str, Any], site: Site, *, whose: str, label: str = ""
) -> Enforcement:
    """Enrol a passkey that the signed-in person's authenticator has just made.

    It is `in_force` when this returns, or one more `waiting` for people.

    Writes what `gardefou.flow.change.propose` does, and `passkey.enrolled`.

    Raises:
        InvalidInput: `passkey/malformed`, `passkey/not_made`, `passkey/label`.
        Denied: `passkey/challenge`, `passkey/not_human`.
        StepUpRequired: by token, or the strong sign-in is older than ten minutes (`auth/step_up`).
        Conflict: `passkey/known`, `passkey/many`.
    """
    if len(label) > passkeys.MAX_LABEL or not label.isprintable():
        raise InvalidInput(
            "passkey/label",
            _("A passkey's name has at most %(most)s characters.", most=passkeys.MAX_LABEL),
            field="label",
        )
    require_fresh(app, actor)
    challenge = passkeys.challenge_made_for(credential)
    with app.works.begin() as uow:
        passkeys.spend(uow.connection, challenge, Purpose.ENROL, whose=whose, now=uow.now)
    made = passkeys.check_made(credential, challenge, site)
    change = propose(
        app,
        actor,
        "passkey",
        {
            "do": ENROL,
            "id": made.id,
            "public_key": made.public_key,
            "rp_id": site.rp_id,
            "origin": site.origin,
            "transports": list(made.transports),
        },
    )
    with app.works.begin() as uow:
        passkeys.note_new(uow.connection, made.id, label=label, sign_count=made.sign_count)
    return change


def require_fresh(app: App, actor: Actor) -> None:
    """Raise unless a person acts by a strong sign-in of the last minutes, and by no token.

    Raises:
        StepUpRequired: `auth/step_up`.
    """
    if actor.staff is None or actor.token_id is not None or actor.fresh_minutes(app.now()) > NEW_KEY_MINUTES:
        raise StepUpRequired(NEW_KEY_MINUTES)


def revoke(app: App, actor: Actor, credential: str) -> Enforcement:
    """End a passkey, at once: one's own, or any as an admin. Writes `passkey.revoked`.

    Raises:
        NotFound: there is no such passkey (`passkey/not_found`).
    """
    return propose(app, actor, "passkey", {"do": REVOKE, "id": credential})


def reset(app: App, actor: Actor, staff: str, because: str) -> Enforcement:
    """Propose to end all that a person signs in with who lost it; it waits for people.

    Passkeys, sign-in key and sessions end. Two colleagues invite them back
    (`gardefou.flow.invitations`). The next passkey that they enrol is taken at
    once, and counts for approvals on notable and protected accounts after the
    usual wait.

    Writes `passkey.revoked` once it is in force, and `token.revoked` and `session.ended` where there were any.

    Raises:
        Denied: no admin (`auth/forbidden`).
        NotFound: no such person (`staff/not_found`), or they never signed in (`passkey/not_found`).
    """
    return propose(app, actor, "passkey", {"do": RESET, "staff": staff}, because)


def signed_in_passkey(app: App, text: str, purpose: Purpose, *, whose: str = "") -> str:
    """As `use`, from the JSON text that a form brings."""
    return use(app, assertions.read_json(text), purpose, whose=whose)


def tried(text: str) -> str:
    """Return what a try with a passkey names: its id, or what there is of one."""
    try:
        return str(assertions.read_json(text).get("id", ""))[:2048]
    except GardefouError:
        return text[:64]
