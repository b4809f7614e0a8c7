"""What is read anew before an enforcement touches the platform (M1), and what stands against it.

Standing, roles, tier, nets, pause and digest are read inside the executing
transaction. Facts of the moment (how fresh the sign-in was, how many at once,
recent counts, reports) stay as they were at the act.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gardefou.domain.actions import Action
from gardefou.domain.records import SYSTEM, Account, Enforcement, Staff, Token
from gardefou.domain.states import State
from gardefou.flow import facts as facts_of
from gardefou.flow.app import App, Config
from gardefou.flow.approvals import is_forged, outstanding, valid_approvals
from gardefou.flow.change_apply import KINDS, never_locked
from gardefou.flow.clear import digest_of
from gardefou.flow.judging import judge_act
from gardefou.flow.observe import Seen
from gardefou.flow.reading import lifted
from gardefou.flow.stops import paused_for
from gardefou.nets.facts import Facts
from gardefou.nets.verdict import Verdict
from gardefou.people.actor import Actor
from gardefou.people.roles import Power, powers_of, powers_of_scopes
from gardefou.people.standing import Standing, standing_now
from gardefou.storage import tables
from gardefou.storage.work import UnitOfWork

#: Changes to what somebody has or may: they came too late where that person's last day ended while they waited.
_OF_WHO_IS_HERE = frozenset({"leave", "role", "suspend", "passkey"})


#: The role of those who speak for the law.
LEGAL = "legal"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an enforcement cannot go on now; ``waits`` when it may later."""

    because: str
    waits: bool = False
    #: Seconds until it is worth looking again.
    look_again: int = 15
    #: A yes on record is not signed by whoever is said to have given it.
    forged: bool = False


def recheck(
    uow: UnitOfWork, app: App, config: Config, found: Enforcement, account: Account | None, seen: Seen | None
) -> Objection | None:
    """Return what stands against carrying this out now, or None. Restores are not asked this."""
    if digest_of(found) != found.digest:
        return Objection("What would be carried out is not what was approved.")
    if found.execute_by is not None and uow.now > found.execute_by:
        return Objection("The time for carrying it out is over.")
    person = _proposer(uow, found)
    objection = _people(uow, found, person)
    if objection is not None:
        return objection
    if seen is not None and seen.reading is not None and seen.reading.ref != found.account:
        return Objection("The account is another one now (moved or merged).")
    team = person.team if person else found.team
    people = (found.placed_by,) if person else (found.placed_by, *found.humans)
    pause = paused_for(uow.connection, staff=people, team=team, platform=found.platform)
    if pause is not None and found.legal_basis is None and found.action != Action.CHANGE and not app.no_nets:
        return Objection(f"Paused: {pause.because}", waits=True)
    if app.no_nets:
        return None
    objection = _canary(uow, config, found)
    if objection is not None:
        return objection
    over = (found.change or {}).get("over")
    if over is not None and over != config.nets_id:
        return Objection("The nets in force are others than those it was proposed over; propose it anew.")
    if found.change is not None:
        outdated = KINDS[str(found.change["kind"])].outdated(uow, config, dict(found.change))
        if outdated:
            return Objection(outdated)
    if found.action != Action.CHANGE and (seen is None or seen.reading is None):
        # Without a reading nothing is sent; the nets are asked again on the reading that comes before it.
        return None
    return _nets(uow, app, config, found, person, account, seen)


def recheck_restore(uow: UnitOfWork, app: App, config: Config, found: Enforcement) -> Objection | None:
    """Return what stands against a restore of what the law demanded, or None; any other restore is not asked (M11).

    Two people lift it, of whom one is of legal: as they are now, until the first thing is withdrawn.
    """
    harms = lifted(uow, found)
    begun = any(harm.state in {State.RESTORING.value, State.RESTORED.value} for harm in harms)
    if app.no_nets or begun or not found.verdict.get("approvals") or all(harm.legal_basis is None for harm in harms):
        return None
    person = _proposer(uow, found)
    _, people = valid_approvals(uow, app, config, found)
    behind = [*people, *((person,) if person is not None and standing_now(person, uow.now).on_duty else ())]
    if people and any(LEGAL in one.roles for one in behind):
        return None
    return Objection("Two people lift what the law demanded, and neither of these is of legal any more.")


def _proposer(uow: UnitOfWork, found: Enforcement) -> Staff | None:
    # Unlocked: whoever puts people off holds the person and then waits for what they placed.
    return uow.get(Staff, "gardefou", found.placed_by, lock=False)


def _people(uow: UnitOfWork, found: Enforcement, person: Staff | None) -> Objection | None:
    """Return an objection when someone behind it is no longer in standing, or lost the role."""
    if found.placed_by == SYSTEM:
        return None
    concerned = str((found.change or {}).get("person", ""))
    for human in dict.fromkeys((*((person.id,) if person else ()), *found.humans)):
        if human == concerned and human != found.placed_by:
            continue
        staff = uow.get(Staff, "gardefou", human, lock=False)
        if staff is None or not standing_now(staff, uow.now).on_duty:
            return Objection("Someone behind it is no longer on duty.")
    if person is not None and found.action != Action.CHANGE:
        held = powers_of(person.roles)
        needed = {Power.ENFORCE, Power.ENFORCE_LEGAL} if found.legal_basis else {Power.ENFORCE}
        if found.via == "break_glass":
            needed = {Power.BREAK_GLASS}
        if not held & needed:
            return Objection("Whoever placed it no longer has the role for it.")
    if found.action == Action.CHANGE and (found.change or {}).get("kind") in _OF_WHO_IS_HERE:
        whose = uow.get(Staff, "gardefou", concerned, lock=False)
        if whose is not None and standing_now(whose, uow.now).standing is Standing.LEFT:
            return Objection("Whom it concerns has left meanwhile; add them anew if they come back.")
    if person is not None and found.action == Action.CHANGE:
        handler = KINDS[str((found.change or {})["kind"])]
        if handler.power not in powers_of(person.roles):
            return Objection("Whoever proposed it no longer has the role for it.")
    if person is None:
        token = tables.token.c
        its = uow.all(Token, token.service == found.placed_by, token.revoked_at.is_(None))
        live = next((one for one in its if _still_may(one, found, uow.now)), None)
        if live is None:
            return Objection("The service that placed it has no token for it any more.")
    return None


def _still_may(token: Token, found: Enforcement, now: datetime) -> bool:
    """Whether a service's token lasts still, and is for what the service placed: one that only reads is not."""
    if token.expires_at is not None and token.expires_at <= now:
        return False
    if found.action == Action.CHANGE:
        return True
    needed = {Power.ENFORCE, Power.ENFORCE_LEGAL} if found.legal_basis else {Power.ENFORCE}
    return bool(powers_of_scopes(token.scopes) & needed) and found.platform in (token.platforms or (found.platform,))


def _canary(uow: UnitOfWork, config: Config, found: Enforcement) -> Objection | None:
    """Return an objection to the rest of a bulk until its canaries stood for a while, and where one went wrong."""
    bulk = found.facts.get("action.bulk", 1)
    if found.group_id is None or not isinstance(bulk, int | float) or bulk < config.rules.canary_from:
        return None
    if found.group_index < config.rules.canary_size:
        return None
    table = tables.enforcement.c
    first = uow.all(
        Enforcement,
        table.platform == found.platform,
        table.group_id == found.group_id,
        table.group_index < config.rules.canary_size,
    )
    if any(one.state in _WENT_WRONG for one in first):
        return Objection("One of the first of this bulk failed or was undone.")
    if any(one.state in _UNSETTLED for one in first):
        return Objection("The first of this bulk are not settled yet.", waits=True)
    seen = [one.in_force_at for one in first if one.in_force_at is not None]
    if first and not seen:
        return Objection("None of the first of this bulk took effect.")
    left = timedelta(seconds=config.rules.canary_seconds) - (uow.now - max(seen)) if seen else timedelta(0)
    if left > timedelta(0):
        # They came late: what there is to see of them takes its time all the same.
        return Objection("The first of this bulk have not stood for long enough.", waits=True, look_again=_whole(left))
    return None


_WENT_WRONG = frozenset({State.FAILED.value, State.RESTORING.value, State.RESTORED.value, State.CANCELLED.value})
_UNSETTLED = frozenset({State.WAITING.value, State.READY.value, State.EXECUTING.value, State.UNKNOWN.value})


def _whole(left: timedelta) -> int:
    return max(1, -(-left // timedelta(seconds=1)))


def _nets(
    uow: UnitOfWork,
    app: App,
    config: Config,
    found: Enforcement,
    person: Staff | None,
    account: Account | None,
    seen: Seen | None,
) -> Objection | None:
    """Return an objection when the nets in force now ask for more than is met."""
    stored = Verdict.from_json(found.verdict)
    facts = dict(found.facts)
    if person is not None:
        as_they_are = Actor(id=person.id, via=found.via, staff=person, leaving=config.rules.leaver_stages)
        again = facts_of.actor_facts(as_they_are, uow.now)
        for name in ("actor.roles", "actor.team", "actor.employer", "actor.standing", "actor.hours_to_last_day_end"):
            facts[name] = again[name]
    if found.action != Action.CHANGE:
        fresh = seen is not None and seen.reading is not None
        tiers = facts_of.tier_facts(account, config, uow.now, fresh=fresh)
        for name in ("account.tier", "account.tier_memory", "account.reach", "account.labels"):
            facts.pop(name, None)
            if tiers.get(name) is not None:
                facts[name] = tiers[name]
    verdict = judge_act(config, Facts.from_json(facts), shadow_all=config.rules.shadow)
    if found.change is not None:
        kind, weakens = str(found.change["kind"]), bool(found.change["weakens"])
        verdict = never_locked(verdict, kind, weakens=weakens, active=facts["actor.standing"] == "active")
    if verdict.refused:
        return Objection(" ".join(verdict.refusals) or "A net refuses it now.")
    tier = str(facts.get("account.tier_memory", "protected")) if found.action != Action.CHANGE else "standard"
    for asked in (stored, verdict):
        if found.via == "break_glass" and asked is verdict:
            return None
        missing = outstanding(uow, app, config, found, asked, tier)
        if missing and is_forged(uow, app, config, found, tier):
            return Objection("A yes is not signed with the passkey of whoever is said to have given it.", forged=True)
        if missing and found.via == "break_glass":
            return Objection("The other person's yes no longer counts.")
        if missing:
            _, people = valid_approvals(uow, app, config, found, tier)
            had = "Its approvals no longer count" if people or stored.approvals else "It needs approval now"
            return Objection(f"{had}: someone lost standing, or tier or nets changed.")
    cut = not stored.approvals and uow.now - found.placed_at < timedelta(seconds=stored.hold_seconds)
    if cut and not valid_approvals(uow, app, config, found, tier)[1]:
        # Somebody else's yes ended the hold (`gardefou.flow.approve.in_lone_hold`); theirs must count still (M9).
        return Objection("The yes that ended its hold no longer counts.")
    held = uow.now - (found.approved_at or found.placed_at)
    if verdict.hold_seconds > stored.hold_seconds and held < timedelta(seconds=verdict.hold_seconds):
        return Objection("The nets ask for a longer hold now than was kept.")
    return None
