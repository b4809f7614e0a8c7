"""Another person's yes or no, bound to the digest of what they saw; and withdrawing before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gardefou.domain.actions import Action, Reversibility
from gardefou.domain.records import Approval, Enforcement, Staff
from gardefou.domain.states import ENDED, State
from gardefou.errors import Conflict, Denied, GardefouError, InvalidInput, NotFound, Stale
from gardefou.flow.app import App, Config
from gardefou.flow.approvals import as_person, proposer_of, valid_approvals
from gardefou.flow.clear import cleared
from gardefou.flow.incidents import near_miss
from gardefou.flow.may_speak import may_speak, not_own_harm
from gardefou.flow.reading import held_enforcement
from gardefou.flow.signed import ClonedPasskey, Signed, cloned
from gardefou.nets.seats import seats_filled
from gardefou.nets.verdict import Requirement, Verdict
from gardefou.people.actor import Actor
from gardefou.people.roles import Power
from gardefou.speech import gettext as _
from gardefou.speech import later, plain
from gardefou.storage.work import UnitOfWork

_MAX_NOTE = 4_000
#: Whose word counts where the nets ask for a hold and for nobody: any other person who judges accounts.
THE_OTHER = Requirement(("lead", "oncall", "policy", "reviewer"), 1, False, False)
_WORST_CUT = 3
#: Answers of a group that share a transaction.
CHUNK = 100


def find_enforcement(uow: UnitOfWork, enforcement_id: str, actor: Actor | None = None) -> Enforcement:
    """Return an enforcement by its id and hold its row.

    Raises:
        NotFound: there is none, or none that the actor's token is for (`enforcement/not_found`).
    """
    found = held_enforcement(uow.connection, enforcement_id)
    if found is None or (actor is not None and not actor.sees(found.platform)):
        raise NotFound(
            "enforcement/not_found",
            _("There is no enforcement %(enforcement_id)s; check the id.", enforcement_id=repr(enforcement_id)),
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One person's answer to one enforcement."""

    enforcement: str
    digest: str
    answer: str
    note: str = ""
    #: What a blind approver answered on the case before seeing the first verdict (M3).
    own_answer: str = ""
    #: A passkey's signature over this yes, in the form that is kept (`gardefou.people.assertions`).
    assertion: Mapping[str, str] | None = None
    #: The hash of the console's session in which it was signed, where it was.
    whose: str = ""


def approve(app: App, actor: Actor, given: Answer) -> Enforcement:
    """Record another person's yes or no; with the last needed yes the hold begins.

    Where the nets ask for a hold and for nobody, a yes ends the hold (`in_lone_hold`).
    A no ends the enforcement `refused`. A yes that could not count is refused
    with the reason and not recorded (M2).

    Writes `enforcement.approved`, then `.ready` or `.waiting` when nobody else
    is needed; or `enforcement.refused`.

    Raises:
        InvalidInput: `approval/answer`, `approval/own_answer`, `approval/too_long`.
        Denied: one of the humans behind it (`approval/own`), leaving
            (`staff/leaving`), involved in a restore (`approval/involved`), spoke
            before (`approval/spoken`), or no open seat (`approval/cannot_count`);
            it must be signed with a passkey (`approval/passkey`, `passkey/…`).
        StepUpRequired: the approver's sign-in is too old (`auth/step_up`).
        Conflict: it is not waiting for people (`enforcement/state`), or what they
            saw is not what it is (`enforcement/stale`).
    """
    _check_words(given)
    actor = _a_person(app, actor)
    try:
        with app.works.begin() as uow:
            config = app.config(uow.connection)
            actor = _reread(uow, actor)
            found, missing, signed = _hear(uow, app, config, actor, given)
            return _note(uow, config, actor, found, replace(given, assertion=signed.assertion), missing)
    except ClonedPasskey as error:
        raise cloned(app, error.staff_id) from error


def _check_words(given: Answer) -> None:
    if given.answer not in {"yes", "no"}:
        raise InvalidInput("approval/answer", "answer is yes or no.", field="answer")
    if len(given.note) > _MAX_NOTE or len(given.own_answer) > _MAX_NOTE:
        raise InvalidInput(
            "approval/too_long",
            _("%(name)s has at most %(most)s characters.", name="note", most=_MAX_NOTE),
            field="note",
        )


def _a_person(app: App, actor: Actor) -> Actor:
    actor.require(Power.READ, app.now())
    if actor.staff is None:
        raise Denied("approval/not_human", "Only people approve; a service is never one.")
    return actor


def _reread(uow: UnitOfWork, actor: Actor) -> Actor:
    assert actor.staff is not None
    actor = replace(actor, staff=uow.need(Staff, "gardefou", actor.staff.id))
    actor.require(Power.READ, uow.now)
    return actor


def _hear(
    uow: UnitOfWork, app: App, config: Config, actor: Actor, given: Answer
) -> tuple[Enforcement, tuple[Requirement, ...], Signed]:
    """Return what is answered and what is missing still after a yes; raise where this answer cannot stand."""
    staff = actor.staff
    assert staff is not None
    found = find_enforcement(uow, given.enforcement, actor)
    lone = in_lone_hold(found)
    if not lone and (found.state != State.WAITING.value or found.approved_at is not None):
        raise Conflict(
            "enforcement/state",
            _("It is %(state)s and waits for nobody; read it again.", state=plain(found.state)),
            extra={"state": found.state},
        )
    if not lone and found.approve_by is not None and uow.now >= found.approve_by:
        raise Conflict("enforcement/lapsed", "The time for approving it is over.")
    if given.digest != found.digest:
        raise Conflict("enforcement/stale", "What you saw is not what it is now; read it again and decide anew.")
    verdict = Verdict.from_json(found.verdict)
    if lone:
        verdict = replace(verdict, approvals=(THE_OTHER,))
    people = valid_approvals(uow, app, config, found)[1]
    proposer = proposer_of(uow, found)
    signed = may_speak(uow, app, config, actor, staff, found, verdict, given, people, proposer)
    missing = seats_filled(
        verdict.approvals,
        [*(as_person(person) for person in people), as_person(staff)],
        proposer=proposer,
        organisation=config.rules.organisation,
    )
    return found, missing, signed


def _note(
    uow: UnitOfWork,
    config: Config,
    actor: Actor,
    found: Enforcement,
    given: Answer,
    missing: tuple[Requirement, ...],
) -> Enforcement:
    """Record an answer that may stand, and what follows from it."""
    approval = Approval(
        platform=found.platform,
        id=uow.ids.new(),
        enforcement_id=found.id,
        by=actor.id,
        answer=given.answer,
        own_answer=given.own_answer,
        note=given.note,
        digest=given.digest,
        at=uow.now,
        via=actor.via,
        assertion=given.assertion,
    )
    uow.record(
        "enforcement.approved" if given.answer == "yes" else "enforcement.denied",
        by=actor.id,
        platform=found.platform,
        account=found.account,
        about=found.id,
        puts=(approval,),
    )
    if given.answer == "no":
        because = "A colleague said no." + (f" {given.note}" if given.note else "")
        ended = uow.move(
            found,
            State.REFUSED,
            "enforcement.refused",
            by=actor.id,
            because=because,
            ended_at=uow.now,
            # What waited for people and was refused by one is told by this from what nets refused (R15).
            approve_by=found.approve_by or uow.now,
        )
        near_miss(uow, ended, because)
        return ended
    if missing:
        return found
    # Where nothing but a hold stood before it, the other's word is what it waited for.
    hold = timedelta(0) if in_lone_hold(found) else timedelta(seconds=Verdict.from_json(found.verdict).hold_seconds)
    return cleared(uow, config, found, hold, by=actor.id)


def in_lone_hold(found: Enforcement) -> bool:
    """Whether nothing but a hold stands before it, at severity 3 at most and with a way back.

    Where people are missing the nets ask for time instead, and the other's word
    may come meanwhile: a yes ends the hold, a no the enforcement. What is graver
    keeps its whole hold, and so do guarded changes.
    """
    return (
        found.state == State.WAITING.value
        and found.hold_until is not None
        and found.action not in {Action.CHANGE, Action.RESTORE}
        and found.severity <= _WORST_CUT
        and found.reversibility != Reversibility.NONE
        and not found.verdict.get("approvals")
    )


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """What became of one answer of a group: the enforcement, or the error."""

    enforcement: str
    result: Enforcement | None
    error: GardefouError | None


def approve_group(app: App, actor: Actor, answers: Sequence[Answer]) -> list[GroupAnswer]:
    """Answer for a whole group at once; each stands by itself, and errors are listed, not hidden.

    `CHUNK` of them share a transaction; what somebody else changes meanwhile is answered singly.

    Raises:
        Denied: whoever answers is no person, or not on duty: then nothing is answered.
    """
    actor = _a_person(app, actor)
    if len({given.answer for given in answers}) > 1 or any(given.assertion is not None for given in answers):
        # A no may bar this person's yes to the next (R15), and each signature raises the passkey's count: such ones
        # are heard one after the other.
        return [_approve_one(app, actor, given) for given in answers]
    results: dict[int, GroupAnswer] = {}
    # In the sequence of their ids: two people who answer the same group never wait for each other.
    places = sorted(range(len(answers)), key=lambda place: answers[place].enforcement)
    for first in range(0, len(places), CHUNK):
        chunk = places[first : first + CHUNK]
        try:
            answered = _approve_together(app, actor, [answers[place] for place in chunk])
        except Stale:
            answered = [_approve_one(app, actor, answers[place]) for place in chunk]
        results.update(zip(chunk, answered, strict=True))
    return [results[place] for place in range(len(answers))]


def _approve_together(app: App, actor: Actor, answers: Sequence[Answer]) -> list[GroupAnswer]:
    """Answer several in one transaction: all are heard before any is recorded, so that reading stays reading."""
    heard: list[tuple[Enforcement, tuple[Requirement, ...], Signed] | GardefouError] = []
    seen: set[str] = set()
    with app.works.begin() as uow:
        config = app.config(uow.connection)
        actor = _reread(uow, actor)
        for given in answers:
            try:
                _check_words(given)
                one = _hear(uow, app, config, actor, given)
                if one[0].id in seen:
                    raise Conflict("approval/given", "You have answered already.")
            except GardefouError as error:
                heard.append(error)
                continue
            seen.add(one[0].id)
            heard.append(one)
        results: list[GroupAnswer] = []
        for given, outcome in zip(answers, heard, strict=True):
            if isinstance(outcome, GardefouError):
                results.append(GroupAnswer(given.enforcement, None, outcome))
                continue
            found, missing, signed = outcome
            given = replace(given, assertion=signed.assertion)  # noqa: PLW2901
            results.append(GroupAnswer(given.enforcement, _note(uow, config, actor, found, given, missing), None))
        return results


def _approve_one(app: App, actor: Actor, given: Answer) -> GroupAnswer:
    try:
        return GroupAnswer(given.enforcement, approve(app, actor, given), None)
    except GardefouError as error:
        return GroupAnswer(given.enforcement, None, error)


def cancel(app: App, actor: Actor, enforcement_id: str, because: str) -> Enforcement:
    """Withdraw an enforcement before anything is done. Anyone on duty can.

    Writes `enforcement.cancelled`, and a near miss for a grave one (M8).

    Raises:
        Denied: not on duty.
        Conflict: it is past cancelling (`enforcement/state`); restore instead.
    """
    actor.require(Power.LIFT, app.now())
    with app.works.begin() as uow:
        if actor.staff is not None:
            actor = replace(actor, staff=uow.need(Staff, "gardefou", actor.staff.id))
            actor.require(Power.LIFT, uow.now)
        found = find_enforcement(uow, enforcement_id, actor)
        not_own_harm(uow, found, actor)
        under_way = found.action == Action.RESTORE and found.state == State.READY.value
        if found.state not in {State.WAITING.value, State.READY.value} or under_way:
            # A restore that is ready has withdrawn its enforcements already: it goes on to its end.
            says = later("It is %(state)s; restore the account instead.")
            if State(found.state) in ENDED:
                says = later("It is %(state)s; it has ended.")
            elif under_way:
                says = later("It is %(state)s; it is being carried out.")
            raise Conflict(
                "enforcement/state",
                _(says, state=plain(found.state)),
                extra={"state": found.state},
            )
        why = because or "Withdrawn before it ran."
        ended = uow.move(found, State.CANCELLED, "enforcement.cancelled", by=actor.id, because=why, ended_at=uow.now)
        near_miss(uow, ended, why)
        return ended
