"""Doing a step: each deed calls the same function of the flow as API, console and command line do.

What a person at a console would do of themselves is done here too: they sign in
again where a net wants it, open the case before they decide it, and confirm the
account rightly unless the step says what they confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, TypeVar

import sqlalchemy as sa

from gardefou.domain.accounts import measures_of_state
from gardefou.domain.records import Case, Enforcement
from gardefou.domain.states import State
from gardefou.errors import Denied, GardefouError, NotFound, StepUpRequired, Unavailable
from gardefou.flow import change
from gardefou.flow.approve import Answer, approve, cancel
from gardefou.flow.break_glass import break_glass, ratify
from gardefou.flow.bulk_enforce import BulkPlaced, enforce_bulk
from gardefou.flow.cases import claim, see_evidence
from gardefou.flow.change_apply import KINDS
from gardefou.flow.decide import ActionWish, decide, enforce
from gardefou.flow.execute import advance
from gardefou.flow.place import preview
from gardefou.flow.prepare import prepare
from gardefou.flow.reading import enforcement_by_id
from gardefou.flow.report_input import NewReport
from gardefou.flow.reports import take_many
from gardefou.flow.restore import restore
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.authenticate import hash_secret
from gardefou.platforms.protocol import PlatformError
from gardefou.scenario import model as m
from gardefou.scenario.world import World
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

T = TypeVar("T")

#: What a step gives as its reason where the flow wants one.
BECAUSE = "scenario"
#: Reports taken in one transaction.
_REPORTS = 1_000


class _Said(TypedDict):
    """What nets said, as `Outcome` keeps it."""

    nets: tuple[str, ...]
    refused_by: tuple[str, ...]
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step, at once.

    ``placed`` are the enforcements it placed or joined; ``nets`` those that
    spoke on them (or would have, where it was answered with an error);
    ``refused_by`` those of them that refused; ``asked`` whether any enforcing
    net asked for anything. ``partly`` are errors on single accounts of many.
    """

    placed: tuple[str, ...] = ()
    error: GardefouError | None = None
    refused: bool = False
    nets: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()
    asked: bool = False
    partly: tuple[GardefouError, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it was answered with an error, or what it placed ended `refused` at once."""
        return self.error is not None or self.refused


class Player:
    """Does steps in a world, and remembers what each placed, for ``of``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = world.app
        self.placed: dict[str, tuple[str, ...]] = {}

    def play(self, step: m.Step) -> Outcome:
        """Do one step; an error is its outcome, not an exception."""
        try:
            outcome = self._do(step)
        except PlatformError as error:
            # As the outer surfaces answer what a platform says where the flow lets it through.
            outcome = Outcome(error=Unavailable("platform/unavailable", str(error)))
        except GardefouError as error:
            nets, refusing, asked = self._would_have_said(step)
            outcome = Outcome(error=error, nets=nets, refused_by=refusing, asked=asked)
        self.placed[step.key] = outcome.placed
        return outcome

    # who ----------------------------------------------------------------------------

    def _as(self, step: m.Step, call: Callable[[Actor], T]) -> T:
        """Call as the step's actor; in the console, sign in again where it is wanted and call once more."""
        assert step.by is not None
        actor = self.world.actor(step.by, step.via)
        try:
            return call(actor)
        except StepUpRequired:
            if step.via != "console" or actor.staff is None:
                raise
            self.world.sign_in(step.by)
            return call(self.world.actor(step.by, step.via))

    # what ---------------------------------------------------------------------------

    def _do(self, step: m.Step) -> Outcome:
        match step.deed:
            case m.Report() as deed:
                self._report(step, deed)
            case m.Claim() as deed:
                self._claim(step, deed.account, deed.content)
            case m.Act() as deed:
                return self._judged(self._act(step, deed))
            case m.Bulk() as deed:
                return self._bulk(step, deed)
            case m.Respond() as deed:
                return self._respond(step, deed)
            case m.Restore() as deed:
                return self._judged(self._restore(step, deed.account))
            case m.Rollback() as deed:
                return self._judged(self._rollback(step, deed))
            case m.BreakGlass() as deed:
                return self._judged([self._break_glass(step, deed.account, deed.action)])
            case m.Change() as deed:
                return self._judged([self._propose(step, deed.kind, deed.payload)])
            case m.IssueToken() as deed:
                return self._judged([self._token(step, deed)])
            case m.Pause():
                return self._judged([self._as(step, lambda actor: change.pause(self.app, actor, BECAUSE))])
            case m.Resume():
                return self._judged([self._as(step, lambda actor: change.resume(self.app, actor, BECAUSE))])
            case m.Reauth():
                self._reauth(step)
            case m.Switch() as deed:
                self._switch(deed)
            case m.OutOfBand() as deed:
                desk = self.world.platforms[deed.account.platform]
                desk.set_measures_out_of_band(deed.account.ref, measures_of_state(deed.state))
            case m.Tick():
                pass
        return Outcome()

    def _restore(self, step: m.Step, at: m.Ref) -> Sequence[Enforcement]:
        return self._as(step, lambda actor: restore(self.app, actor, at.platform, at.ref, BECAUSE)).restores

    def _rollback(self, step: m.Step, deed: m.Rollback) -> Sequence[Enforcement]:
        return self._as(
            step, lambda actor: rollback(self.app, actor, by=deed.of, since=deed.since, until=deed.until)
        ).restores

    def _break_glass(self, step: m.Step, at: m.Ref, action: str) -> Enforcement:
        return self._as(step, lambda actor: break_glass(self.app, actor, at.platform, at.ref, action, BECAUSE))

    def _propose(self, step: m.Step, kind: str, payload: Mapping[str, Any]) -> Enforcement:
        return self._as(step, lambda actor: change.propose(self.app, actor, kind, payload, BECAUSE))

    def _switch(self, deed: m.Switch) -> None:
        for name in deed.platforms:
            self.world.platforms[name].switch(
                down=deed.down, slow_seconds=deed.slow_seconds, drops_answers=deed.drops_answers
            )

    def _report(self, step: m.Step, deed: m.Report) -> None:
        reports = [
            NewReport(
                platform=deed.account.platform,
                kind="account" if deed.content is None else "content",
                account=deed.account.ref,
                content=deed.content,
                reporter=reporter,
                category=deed.category,
                text=deed.text,
            )
            for reporter in deed.reporters
        ]
        for first in range(0, len(reports), _REPORTS):
            self._take(step, reports[first : first + _REPORTS])

    def _take(self, step: m.Step, reports: Sequence[NewReport]) -> None:
        if step.by is None:
            take_many(self.app, self.world.users(), reports)
        else:
            self._as(step, lambda actor: take_many(self.app, actor, reports))

    def _case(self, at: m.Ref, content: Sequence[str]) -> Case:
        """Return the open case of one of the items, or of the account, or of any item of it."""
        c = tables.case.c
        with self.app.works.read() as connection:
            found = fetch_all(
                connection,
                Case,
                sa.select(tables.case)
                .where(c.platform == at.platform, c.account == at.ref, c.state == "open")
                .order_by(c.priority.desc(), c.due_at, c.id),
            )
        by_fit = sorted(found, key=lambda case: (case.content not in content, case.content != ""))
        if not by_fit:
            raise NotFound("case/not_found", f"There is no open case about {at.ref!r}; report it first.")
        return by_fit[0]

    def _claim(self, step: m.Step, at: m.Ref, content: Sequence[str]) -> Case:
        case = self._case(at, content)
        return self._as(step, lambda actor: claim(self.app, actor, case.id))

    def _wanted(self, deed: m.Act) -> Wanted:
        return Wanted(
            platform=deed.account.platform,
            account=deed.account.ref,
            action=deed.action,
            content=deed.content,
            label=deed.label,
            policy=deed.policy,
            rationale=deed.rationale,
            until=deed.until,
            execute_at=deed.execute_at,
            legal_basis=deed.legal_basis,
            confirm=self._confirm(deed),
        )

    def _confirm(self, deed: m.Act) -> dict[str, str]:
        if deed.confirm is not None:
            return dict(deed.confirm)
        return self._right(deed.account)

    def _right(self, at: m.Ref) -> dict[str, str]:
        """Return the right answers where a net asks to confirm the account."""
        return {"handle": self.world.handles.get((at.platform, at.ref), ""), "identity": at.ref}

    def _act(self, step: m.Step, deed: m.Act) -> tuple[Enforcement, ...]:
        if not deed.on_case:
            return (self._as(step, lambda actor: enforce(self.app, actor, self._wanted(deed))),)
        case = self._claim(step, deed.account, deed.content)
        self._as(step, lambda actor: see_evidence(self.app, actor, case.id))
        if deed.action == "no_violation":
            return self._as(
                step,
                lambda actor: decide(self.app, actor, case.id, outcome="no_violation", rationale=deed.rationale),
            ).enforcements
        wish = ActionWish(
            action=deed.action,
            content=deed.content,
            label=deed.label,
            until=deed.until,
            execute_at=deed.execute_at,
            legal_basis=deed.legal_basis,
        )
        return self._as(
            step,
            lambda actor: decide(
                self.app,
                actor,
                case.id,
                policy=deed.policy,
                rationale=deed.rationale,
                actions=[wish],
                confirm=self._confirm(deed),
            ),
        ).enforcements

    def _bulk(self, step: m.Step, deed: m.Bulk) -> Outcome:
        placed: list[Enforcement] = []
        errors: list[GardefouError] = []
        for platform in dict.fromkeys(at.platform for at in deed.accounts):
            refs = [at.ref for at in deed.accounts if at.platform == platform]
            wanted = Wanted(
                platform=platform, account=refs[0], action=deed.action, policy=deed.policy, rationale=BECAUSE
            )
            done = self._on_many(step, refs, wanted)
            placed.extend(done.enforcements)
            errors.extend(one.error for one in done.errors)
        if errors and not placed:
            raise errors[0]
        return replace(self._judged(placed), partly=tuple(errors))

    def _on_many(self, step: m.Step, refs: Sequence[str], wanted: Wanted) -> BulkPlaced:
        right = {ref: self._right(m.Ref(wanted.platform, ref)) for ref in refs}
        return self._as(step, lambda actor: enforce_bulk(self.app, actor, refs, wanted, confirms=right))

    def _token(self, step: m.Step, deed: m.IssueToken) -> Enforcement:
        secret = self.world.new_secret()
        payload: dict[str, Any] = {
            "id": self.app.ids.new(),
            "hash": hash_secret(secret),
            "scopes": list(deed.scopes),
            **({"staff": deed.staff} if deed.staff is not None else {"service": deed.service}),
        }
        made = self._propose(step, "token", payload)
        # It works once it is in force; until then whoever brings it is unknown.
        self.world.secrets.setdefault(deed.staff or f"service:{deed.service}", secret)
        return made

    def _reauth(self, step: m.Step) -> None:
        def sign_in(actor: Actor) -> None:
            if actor.staff is None:
                raise Denied("auth/not_human", "Only people sign in.")
            self.world.sign_in(actor.staff.id)

        self._as(step, sign_in)

    # answering ----------------------------------------------------------------------

    def _respond(self, step: m.Step, deed: m.Respond) -> Outcome:
        """Answer for all that a step placed and that an answer is open for; if for none, for the first, which errs."""
        found = [one for one in map(self._enforcement, self.placed.get(deed.of, ())) if one is not None]
        if not found:
            raise NotFound("enforcement/not_found", f"Step {deed.of!r} placed nothing.")
        waiting = [one for one in found if _open_for(deed.how, one)] or found[:1]
        errors: list[GardefouError] = []
        for one in waiting:
            try:
                self._answer(step, deed.how, one)
            except GardefouError as error:
                errors.append(error)
        if len(errors) == len(waiting):
            raise errors[0]
        return Outcome(partly=tuple(errors))

    def _answer(self, step: m.Step, how: str, one: Enforcement) -> None:
        if how == "cancel":
            self._as(step, lambda actor: cancel(self.app, actor, one.id, BECAUSE))
            return
        if how == "ratify":
            self._as(step, lambda actor: ratify(self.app, actor, one.id))
            return
        given = Answer(
            enforcement=one.id,
            digest=one.digest,
            answer="yes" if how == "approve" else "no",
            note=BECAUSE,
            own_answer=one.action,
            assertion=self.world.signs(step.by, one) if how == "approve" else None,
        )
        self._as(step, lambda actor: approve(self.app, actor, given))
        advance(self.app, one.id)

    def _enforcement(self, enforcement_id: str) -> Enforcement | None:
        with self.app.works.read() as connection:
            return enforcement_by_id(connection, enforcement_id)

    # what nets said -----------------------------------------------------------------

    def _judged(self, placed: Sequence[Enforcement]) -> Outcome:
        verdicts = [Verdict.from_json(one.verdict) for one in placed]
        return Outcome(
            placed=tuple(one.id for one in placed),
            refused=bool(placed) and all(one.state == State.REFUSED.value for one in placed),
            **self._said(verdicts),
        )

    def _said(self, verdicts: Sequence[Verdict]) -> _Said:
        spoke = dict.fromkeys(reason.net for verdict in verdicts for reason in verdict.reasons)
        with self.app.works.read() as connection:
            nets = self.app.config(connection).nets
        refusing = [name for name in spoke if (net := nets.get(name)) is not None and net.asks.refused]
        return {
            "nets": tuple(spoke),
            "refused_by": tuple(refusing),
            "asked": any(not verdict.asks_nothing for verdict in verdicts),
        }

    def _would_have_said(self, step: m.Step) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
        """Return what nets would say of a step that was answered with an error; nothing where it cannot be told."""
        try:
            said = self._said(self._preview(step))
        except (GardefouError, PlatformError):
            return (), (), False
        return said["nets"], said["refused_by"], said["asked"]

    def _preview(self, step: m.Step) -> list[Verdict]:
        if step.by is None:
            return []
        wishes: list[Wanted] = []
        case: Case | None = None
        actor = self.world.actor(step.by, step.via)
        match step.deed:
            case m.Change() as deed:
                person = str(deed.payload.get("staff", ""))
                return [change.preview_change(self.app, actor, deed.kind, weakens=self._weakens(deed), person=person)]
            case m.IssueToken() as deed:
                harmless = deed.service is None or set(deed.scopes) <= {"read", "reports:write"}
                return [change.preview_change(self.app, actor, "token", weakens=not harmless)]
            case m.Act() as deed if deed.action != "no_violation":
                wishes = [self._wanted(deed)]
                case = self._case(deed.account, deed.content) if deed.on_case else None
            case m.Bulk() as deed:
                wishes = [
                    Wanted(platform=at.platform, account=at.ref, action=deed.action, policy=deed.policy)
                    for at in deed.accounts
                ]
            case m.BreakGlass() as deed:
                at = deed.account
                wishes = [Wanted(platform=at.platform, account=at.ref, action=deed.action, policy=BECAUSE)]
                actor = replace(actor, via="break_glass")
            case _:
                return []
        prepared = [prepare(self.app, wanted) for wanted in wishes]
        return [one.verdict for one in preview(self.app, actor, prepared, case=case, bulk=len(prepared))]

    def _weakens(self, deed: m.Change) -> bool:
        """Whether a change weakens protection; where it cannot be told, it does."""
        handler = KINDS[deed.kind]
        try:
            with self.app.works.begin() as uow:
                return handler.weakens(uow, self.app.config(uow.connection), dict(deed.payload))
        except (GardefouError, KeyError):
            return True


def _open_for(how: str, one: Enforcement) -> bool:
    if how == "cancel":
        return one.state in {State.WAITING.value, State.READY.value}
    if how == "ratify":
        return one.state == State.IN_FORCE.value
    return one.state == State.WAITING.value and one.approved_at is None
