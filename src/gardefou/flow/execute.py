"""The one choke point: the only code that calls a platform's `apply` and `undo`.

One call of `advance` takes an enforcement as far as it can go now:

    read      the platform, outside any transaction
    begin     in one transaction: everything that may have changed since it was
              placed is read anew (`recheck`), the intention and the state
              before are recorded, the lease is taken
    wait      on a notable or protected account, until that event stands in a
              signed checkpoint (a restore never waits)
    do        apply or undo, under a key that has at most one effect
    see       read again, after a refusal too: what the platform is *seen* to be decides
    end       record what was seen

Whatever dies in between, the lease runs out and the enforcement is `unknown`:
it is settled by reading, and tried again only where nothing was done, or where
the platform takes a key.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gardefou.clock import rfc3339
from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Account, Enforcement, PlatformEntry
from gardefou.domain.states import ENDED, State
from gardefou.errors import NotFound
from gardefou.flow.app import App, Config
from gardefou.flow.approve import find_enforcement
from gardefou.flow.change_apply import apply_change
from gardefou.flow.intend import as_recorded, intend, object_to
from gardefou.flow.lift import plan_lifting, start_lifting
from gardefou.flow.observe import Seen, look, observe
from gardefou.flow.outcome import failed, retry
from gardefou.flow.reading import enforcement_by_id, lifted
from gardefou.flow.recheck import Objection, recheck, recheck_restore
from gardefou.flow.record_outcome import Begun, record_refusal, record_seen, record_trouble
from gardefou.flow.settle import content_to_read, lost, settle
from gardefou.platforms.protocol import (
    Connector,
    Operation,
    PlatformAnswerLost,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
    Target,
)
from gardefou.speech import PLAIN, speaking
from gardefou.speech import gettext as _
from gardefou.storage.work import UnitOfWork

_MANY = 50
_RESTING = frozenset({State.IN_FORCE.value, State.REFUSED.value, *(state.value for state in ENDED)})


def advance(app: App, enforcement_id: str, *, known: Enforcement | None = None) -> Enforcement:
    """Take an enforcement as far as it can go at this moment; safe to call at any time, from anywhere.

    ``known`` is the enforcement as the caller has just written it.

    Called inline after placing, after the last approval, by a restore, and by
    the worker. Two callers at once do no harm: one takes the lease.

    Writes `enforcement.executing`, then `.in_force`, `.failed`, `.unknown`,
    `.lapsed` or `.retrying`; for a restore, what it lifts ends `restored`.
    """
    before = known or _read(app, enforcement_id)
    for _turn in range(_MANY):
        after = _step(app, before)
        if after is None:
            # Nothing to do, unless somebody else moved it on meanwhile.
            return _read(app, enforcement_id)
        if after.version == before.version or after.state in _RESTING:
            return after
        before = after
    return before


def start(uow: UnitOfWork, config: Config, ready: Enforcement, account: Account | None, seen: Seen) -> Enforcement:
    """Begin a cleared enforcement in the very transaction that placed it, where nothing need be read anew.

    Only on standard accounts, whose platform was just read: nets, tier, pause
    and standing were read in this transaction, and there is no checkpoint to
    wait for. Anything else is returned as it is. `finish` goes on after the commit.

    Writes `enforcement.executing`.
    """
    at_once = ready.state == State.READY.value and ready.tier == "standard" and ready.action != Action.CHANGE
    if not at_once or account is None or seen.reading is None:
        return ready
    entry = config.platforms.get(ready.platform)
    if entry is None or not entry.active or not (config.rules.setup_finished or entry.sandbox):
        return ready
    current = uow.get(Account, account.platform, account.ref) or account
    if _outdated(current, seen):
        return ready
    return intend(uow, config, ready, current, seen)


def finish(app: App, started: Enforcement) -> Enforcement:
    """Carry out what `start` began, or advance whatever else was placed."""
    leased = started.lease_until is not None and app.now() < started.lease_until
    if started.state == State.EXECUTING.value and started.attempts == 1 and leased:
        return _perform(app, app.connector(started.platform), Begun(started))
    return advance(app, started.id, known=started) if started.state not in _RESTING else started


def start_restore(uow: UnitOfWork, config: Config, ready: Enforcement, account: Account, seen: Seen) -> Begun | None:
    """Begin a restore in the very transaction that placed it; None where that cannot be.

    Writes `enforcement.executing`, and `.restoring` or `.cancelled` of what it withdraws.
    """
    if ready.state != State.READY.value or seen.reading is None:
        return None
    current = uow.get(Account, account.platform, account.ref) or account
    moved = any(harm.in_force_at is None or harm.in_force_at >= seen.taken_at for harm in lifted(uow, ready))
    if moved or _outdated(current, seen):
        # Something took effect, or may have, since it was read: read again before saying what is to be lifted.
        return None
    lifting = plan_lifting(uow, ready, current, seen.reading)
    executing = intend(uow, config, ready, current, seen)
    start_lifting(uow, executing, lease_seconds=config.rules.lease_seconds)
    return Begun(executing, lifting)


def _outdated(account: Account, seen: Seen) -> bool:
    """Whether something was carried out since this reading was begun."""
    return account.read_at is not None and seen.taken_at < account.read_at


def finish_restore(app: App, begun: Begun) -> Enforcement:
    """Carry out what `start_restore` began."""
    return _perform(app, app.connector(begun.enforcement.platform), begun)


def _read(app: App, enforcement_id: str) -> Enforcement:
    with app.works.read() as connection:
        found = enforcement_by_id(connection, enforcement_id)
    if found is None:
        raise NotFound(
            "enforcement/not_found",
            _("There is no enforcement %(enforcement_id)s; check the id.", enforcement_id=repr(enforcement_id)),
        )
    return found


@speaking(PLAIN)
def _step(app: App, enforcement: Enforcement) -> Enforcement | None:
    """Do the one thing that can be done now; None when there is nothing."""
    state = State(enforcement.state)
    now = app.now()
    due = enforcement.next_attempt_at is None or enforcement.next_attempt_at <= now
    leased = enforcement.lease_until is not None and enforcement.lease_until > now
    if state is State.WAITING and enforcement.approved_at is not None and due:
        return _end_wait(app, enforcement)
    if enforcement.action == Action.CHANGE:
        return _change(app, enforcement) if state is State.READY else None
    if state is State.READY and due:
        return _attempt(app, enforcement)
    if state is State.EXECUTING and enforcement.intent_event is not None and not leased:
        # Recorded, and waiting for its checkpoint: nothing was sent yet.
        return _after_checkpoint(app, enforcement)
    if state is State.EXECUTING and not leased and due:
        return _attempt(app, enforcement) if enforcement.lease_until is None else lost(app, enforcement)
    if state is State.UNKNOWN and due:
        return settle(app, enforcement)
    return None


def _end_wait(app: App, enforcement: Enforcement) -> Enforcement | None:
    """The hold is over and the hour has come: `waiting` becomes `ready`."""
    with app.works.begin() as uow:
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return found
        return uow.move(found, State.READY, "enforcement.ready", by=SYSTEM)


def _change(app: App, enforcement: Enforcement) -> Enforcement | None:
    """Carry out a guarded change: it and its record are one transaction."""
    with app.works.begin() as uow:
        # As proposals do: what is put in force at once must not come between the re-reading and the writing.
        uow.serialise("changes")
        config = app.config(uow.connection)
        found = find_enforcement(uow, enforcement.id)
        if found.state != State.READY.value:
            return found
        objection = recheck(uow, app, config, found, None, None)
        if objection is not None:
            return object_to(uow, found, objection)
        if (found.change or {}).get("weakens"):
            # By a clock that runs behind somebody who has left would be here still: what weakens waits as harm does.
            app.sequencer.check_clock(uow.connection, uow.now)
        apply_change(uow, app, config, found)
        done = uow.move(found, State.IN_FORCE, "enforcement.in_force", by=found.placed_by, in_force_at=uow.now)
    app.wake()
    return done


def _attempt(app: App, enforcement: Enforcement) -> Enforcement | None:
    """Read, begin, and go on to the platform unless a checkpoint must come first."""
    try:
        connector = app.connector(enforcement.platform)
    except NotFound:
        if enforcement.execute_by is None or app.now() <= enforcement.execute_by:
            raise
        return _too_late(app, enforcement)
    content = content_to_read(app, enforcement)
    trouble: PlatformError | None = None
    seen: Seen | None
    try:
        if enforcement.content:
            _check_owner(connector, enforcement)
        seen = look(app, connector, enforcement.account, content)
        if seen.reading is None:
            trouble = PlatformUnreachable("the platform could not be read")
    except PlatformUnreachable as error:
        seen = None
        trouble = error
    except PlatformRefused as error:
        seen = None
        trouble = error
    begun = _begin(app, enforcement, seen, trouble)
    if begun is None:
        return None
    if begun.enforcement.state == State.EXECUTING.value and begun.enforcement.lease_until is not None:
        return _perform(app, connector, begun)
    return begun.enforcement


def _too_late(app: App, enforcement: Enforcement) -> Enforcement | None:
    """End what its platform was out of use for until its time was over (M4)."""
    with app.works.begin() as uow:
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return found
        return object_to(uow, found, Objection("The time for carrying it out is over."))


def _check_owner(connector: Connector, enforcement: Enforcement) -> None:
    """Raise when an item is no longer the account's, as the platform resolves it now (R8)."""
    resolved = connector.resolve(enforcement.account, content=enforcement.content)
    for item in enforcement.content:
        if resolved.content_owner.get(item) != enforcement.account:
            msg = f"{item!r} does not belong to the account"
            raise PlatformRefused(msg)


def _begin(app: App, enforcement: Enforcement, seen: Seen | None, trouble: PlatformError | None) -> Begun | None:
    """Re-read everything, record the intention and take the lease, in one transaction."""
    with app.works.begin() as uow:
        uow.serialise(f"account:{enforcement.platform}/{enforcement.account}")
        config = app.config(uow.connection)
        # Asked for again in the transaction: what was taken out of use meanwhile is not acted on.
        app.connector_in(config, enforcement.platform)
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return None
        account = None if seen is None else observe(uow, app, config, seen)
        restoring = found.action == Action.RESTORE
        if not restoring:
            app.sequencer.check_clock(uow.connection, uow.now)
            objection = recheck(uow, app, config, found, account, seen)
            if objection is not None:
                ended = object_to(uow, found, objection)
                return None if ended is None else Begun(ended)
            entry = uow.get(PlatformEntry, "gardefou", found.platform, lock=False)
            if not config.rules.setup_finished and entry is not None and not entry.sandbox:
                return Begun(
                    _must(
                        object_to(uow, found, Objection("Until setup has ended only sandbox platforms are acted on."))
                    )
                )
        if isinstance(trouble, PlatformRefused):
            return Begun(failed(uow, config, found, f"The platform refuses: {trouble}"))
        account = account or uow.get(Account, found.platform, found.account)
        if trouble is not None and restoring and account is not None:
            # Restore fails open: what cannot be read is undone from the record, and read afterwards.
            seen = as_recorded(account, app.now())
        elif trouble is not None:
            return Begun(retry(uow, config, found, str(trouble)))
        assert seen is not None
        assert seen.reading is not None
        assert account is not None
        if restoring:
            objection = recheck_restore(uow, app, config, found)
            if objection is not None:
                ended = object_to(uow, found, objection)
                return None if ended is None else Begun(ended)
            lifting = plan_lifting(uow, found, account, seen.reading)
            executing = intend(uow, config, found, account, seen)
            start_lifting(uow, executing, lease_seconds=config.rules.lease_seconds)
            return Begun(executing, lifting)
        return Begun(intend(uow, config, found, account, seen))


def _must(enforcement: Enforcement | None) -> Enforcement:
    assert enforcement is not None
    return enforcement


def _after_checkpoint(app: App, enforcement: Enforcement) -> Enforcement | None:
    """Go to the platform once the intention stands in a signed checkpoint; take the lease again."""
    assert enforcement.intent_event is not None
    connector = app.connector(enforcement.platform)
    with app.works.read() as connection:
        if not app.sequencer.is_checkpointed(connection, enforcement.platform, enforcement.intent_event):
            return None
    trouble: PlatformRefused | None = None
    try:
        if enforcement.content:
            _check_owner(connector, enforcement)
        seen = look(app, connector, enforcement.account, enforcement.content)
    except PlatformUnreachable:
        seen = None
    except PlatformRefused as error:
        seen, trouble = None, error
    with app.works.begin() as uow:
        uow.serialise(f"account:{enforcement.platform}/{enforcement.account}")
        config = app.config(uow.connection)
        app.sequencer.check_clock(uow.connection, uow.now)
        found = find_enforcement(uow, enforcement.id)
        if found.version != enforcement.version:
            return found
        account = None if seen is None else observe(uow, app, config, seen)
        objection = recheck(uow, app, config, found, account, seen)
        if objection is not None:
            return object_to(uow, found, objection)
        if trouble is not None:
            return failed(uow, config, found, f"The platform refuses: {trouble}")
        if seen is None or seen.reading is None:
            return retry(uow, config, found, "the platform could not be read")
        lease = uow.now + timedelta(seconds=config.rules.lease_seconds)
        leased = uow.rewrite(
            found,
            "enforcement.sending",
            by=SYSTEM,
            intent_event=None,
            lease_until=lease,
            next_attempt_at=lease,
            receipt={**found.receipt, "before": sorted(seen.reading.measures), "sent_at": rfc3339(uow.now)},
        )
    return _perform(app, connector, Begun(leased))


def _operation(enforcement: Enforcement) -> Operation:
    return Operation(
        key=enforcement.id,
        action=Action(enforcement.action),
        target=Target(account=enforcement.account, content=enforcement.content, label=enforcement.label),
        measures=frozenset(enforcement.measures),
        fence=enforcement.fence,
        reason=enforcement.policy,
        kept={},
    )


def _perform(app: App, connector: Connector, begun: Begun) -> Enforcement:
    """Ask the platform, see what it is, and record both. Outside any transaction until the record."""
    enforcement = begun.enforcement
    kept: dict[str, Any] = {}
    said: dict[str, Any] = {}
    losses: list[str] = []
    started = app.now()
    try:
        if begun.lifting is not None:
            for operation in begun.lifting.operations:
                answer = connector.undo(operation)
                losses.extend(answer.losses)
                said.update(answer.said)
        else:
            answer = connector.apply(_operation(enforcement))
            kept, said, losses = dict(answer.kept), dict(answer.said), list(answer.losses)
    except PlatformUnreachable as error:
        return record_trouble(app, begun, error, State.EXECUTING)
    except PlatformAnswerLost as error:
        return record_trouble(app, begun, error, State.UNKNOWN)
    except PlatformRefused as error:
        return record_refusal(app, begun, error, _look_again(app, connector, begun))
    seen = _look_again(app, connector, begun)
    answer_receipt: dict[str, Any] = {
        "answer": said,
        "kept": kept,
        "losses": losses,
        "answered_ms": round((app.now() - started) / timedelta(milliseconds=1)),
    }
    if seen is None or seen.reading is None:
        return record_trouble(
            app, begun, PlatformAnswerLost("it answered, and then could not be read"), State.UNKNOWN, answer_receipt
        )
    return record_seen(app, begun, seen, answer_receipt)


def _look_again(app: App, connector: Connector, begun: Begun) -> Seen | None:
    """Read what the platform is after it was asked; None where it knows nothing of the account or an item."""
    try:
        return look(app, connector, begun.enforcement.account, _content_of(begun), measures_only=True)
    except PlatformRefused:
        return None


def _content_of(begun: Begun) -> tuple[str, ...]:
    if begun.lifting is not None:
        return begun.lifting.content
    return begun.enforcement.content
