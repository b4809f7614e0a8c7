"""What came of a scenario, gathered from platforms and store, and compared with what its file expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gardefou.domain.accounts import severity_of, state_name
from gardefou.domain.records import Enforcement, Incident
from gardefou.flow.reading import enforcement_by_id
from gardefou.ledger.audit import audit
from gardefou.ledger.rebuild import differences
from gardefou.ledger.sequencer import logs
from gardefou.scenario import model as m
from gardefou.scenario.run import Done, Replay
from gardefou.storage import tables
from gardefou.storage.records import fetch_all

#: From this severity at the platform an account is down.
DOWN = 3
_DOWN_STATES = ("suspended", "deactivated", "deleted")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCame:
    """What an account went through: its states by second since the beginning, and how long it was down."""

    state: str
    down: bool
    was_down: bool
    down_seconds: float
    timeline: tuple[tuple[float, str], ...]
    effects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCame:
    """What a step placed, as it is at the end."""

    done: Done
    enforcements: tuple[Enforcement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """All that came of a scenario."""

    accounts: dict[m.Ref, AccountCame]
    steps: dict[str, StepCame]
    incidents: tuple[Incident, ...]
    #: When a change behind our back was noticed, by account.
    noticed: dict[m.Ref, tuple[datetime, ...]]
    #: What is wrong with the ledger; nothing, unless the engine is.
    ledger: tuple[str, ...]


def gather(replay: Replay) -> Came:
    """Read what came of a replay."""
    world = replay.world
    accounts = {one.at: _account(replay, one.at) for one in world.scenario.accounts}
    with world.app.works.read() as connection:
        steps = {
            done.step.key: StepCame(
                done=done,
                enforcements=tuple(
                    found for one in done.outcome.placed if (found := enforcement_by_id(connection, one)) is not None
                ),
            )
            for done in replay.done
        }
        incidents = tuple(
            fetch_all(
                connection,
                Incident,
                sa.select(tables.incident).order_by(tables.incident.c.opened_at, tables.incident.c.id),
            )
        )
        noticed = {at: _noticed(connection, at, incidents) for at in accounts}
        ledger = tuple(_ledger(replay, connection))
    return Came(accounts=accounts, steps=steps, incidents=incidents, noticed=noticed, ledger=ledger)


def _account(replay: Replay, at: m.Ref) -> AccountCame:
    world = replay.world
    desk = world.platforms[at.platform]
    log = desk.timeline(at.ref)
    begin = world.scenario.starts_at
    timeline: list[tuple[float, str]] = []
    down_seconds = 0.0
    down = was_down = False
    for place, (moment, measures) in enumerate(log):
        until = log[place + 1][0] if place + 1 < len(log) else replay.ended_at
        down = severity_of(measures) >= DOWN
        was_down = was_down or down
        if down:
            down_seconds += (until - moment).total_seconds()
        state = state_name(measures)
        if not timeline or timeline[-1][1] != state:
            timeline.append(((moment - begin).total_seconds(), state))
    return AccountCame(
        state=timeline[-1][1],
        down=down,
        was_down=was_down,
        down_seconds=down_seconds,
        timeline=tuple(timeline),
        effects=len(desk.effects(at.ref)),
    )


def _noticed(connection: sa.Connection, at: m.Ref, incidents: tuple[Incident, ...]) -> tuple[datetime, ...]:
    event = tables.event.c
    rows = connection.execute(
        sa.select(event.at).where(
            event.kind == "account.drifted", event.platform == at.platform, event.account == at.ref
        )
    )
    named = [
        one.opened_at
        for one in incidents
        if one.kind == "drift" and one.platform == at.platform and at.ref in one.accounts
    ]
    return tuple(sorted([*(row.at for row in rows), *named]))


def _ledger(replay: Replay, connection: sa.Connection) -> list[str]:
    sequencer = replay.world.app.sequencer
    wrong: list[str] = []
    for platform in logs(connection):
        found = audit(connection, platform, sequencer.signer(platform).verifier)
        if not found.ok or found.pending:
            wrong.append(f"ledger {platform}: {found.problem or f'{found.pending} events have no leaf'}")
    wrong.extend(f"ledger: {one}" for one in differences(connection)[:5])
    return wrong


def failures(scenario: m.Scenario, came: Came) -> list[str]:
    """Return, one line each, where what came is not what the scenario expects; empty when it passed.

    Steps that turned out otherwise come first, as the rest mostly follows from them; each names its line of the file.
    """
    return [
        *_step_failures(came),
        *_account_failures(scenario, came),
        *_enforcement_failures(scenario, came),
        *_incident_failures(scenario, came),
        *came.ledger,
    ]


def _step_failures(came: Came) -> list[str]:
    found: list[str] = []
    for key, one in came.steps.items():
        step, outcome = one.done.step, one.done.outcome
        fails = step.fails
        if fails is None:
            continue
        if fails is False:
            if outcome.failed:
                found.append(f"step {key} failed: {_why(one)} (line {step.line})")
        elif not outcome.failed:
            found.append(f"step {key} was to fail and did not (line {step.line})")
        elif isinstance(fails, str) and fails not in codes_of(one.done):
            found.append(f"step {key} was to fail with {fails} and failed with {_why(one)} (line {step.line})")
    return found


def codes_of(done: Done) -> tuple[str, ...]:
    """Return the codes that a failed step may be said to have failed with."""
    outcome = done.outcome
    if outcome.error is not None:
        return (outcome.error.code,)
    return ("enforcement/refused", *outcome.refused_by) if outcome.refused else ()


def _why(one: StepCame) -> str:
    error = one.done.outcome.error
    if error is not None:
        return str(error)
    by = ", ".join(one.done.outcome.refused_by)
    return f"refused by {by}" if by else "refused"


def _account_failures(scenario: m.Scenario, came: Came) -> list[str]:
    expect, accounts = scenario.expect, came.accounts
    found: list[str] = []

    def say(key: str, at: m.Ref, what: str) -> None:
        found.append(f"account {scenario.name_of(at)} {what} (line {expect.lines[key]})")

    for at in expect.never_down:
        if accounts[at].was_down:
            seconds = _number(accounts[at].down_seconds)
            say("never_down", at, f"was down for {seconds} s and was never to be{_by_whom(scenario, came, at)}")
    for at in expect.down:
        if not accounts[at].down:
            say("down", at, f"is {accounts[at].state} at the end and was to be down")
    for at in expect.up:
        if accounts[at].down:
            say(
                "up",
                at,
                f"is {accounts[at].state} at the end and was to be up{_by_whom(scenario, came, at, last=True)}",
            )
    for at, most in expect.max_down_seconds.items():
        if accounts[at].down_seconds > most:
            seconds = _number(accounts[at].down_seconds)
            say("max_down_seconds", at, f"was down for {seconds} s, more than {_number(most)}")
    for at, state in expect.state.items():
        if accounts[at].state != state:
            say("state", at, f"is {accounts[at].state} at the end and was to be {state}")
    for at, effects in expect.effects.items():
        if accounts[at].effects != effects:
            say("effects", at, f"had {accounts[at].effects} effects and was to have {effects}")
    return found


def _by_whom(scenario: m.Scenario, came: Came, at: m.Ref, *, last: bool = False) -> str:
    """Say which step first, or last, took an account down; nothing where none did."""
    did: list[tuple[datetime, m.Step]] = [
        (made.in_force_at, one.done.step)
        for one in came.steps.values()
        for made in one.enforcements
        if made.platform == at.platform
        and made.account == at.ref
        and made.severity >= DOWN
        and made.in_force_at is not None
    ]
    did += [
        (step.at, step)
        for step in scenario.steps
        if isinstance(step.deed, m.OutOfBand) and step.deed.account == at and step.deed.state in _DOWN_STATES
    ]
    if not did:
        return ""
    step = sorted(did, key=lambda one: one[0])[-1 if last else 0][1]
    return f": step {step.key} (line {step.line}) took it down"


def _enforcement_failures(scenario: m.Scenario, came: Came) -> list[str]:
    expect = scenario.expect
    found: list[str] = []

    def say(key: str, what: str) -> None:
        found.append(f"step {what} (line {expect.lines[key]})")

    for key, state in expect.enforcement_state.items():
        one = came.steps[key]
        states = sorted({made.state for made in one.enforcements})
        if states != [state]:
            what = " and ".join(states) if states else "nothing was placed"
            because = f" ({one.done.outcome.error})" if one.done.outcome.error else ""
            say("enforcement_state", f"{key} was to end {state}: {what}{because}")
    for key, nets in expect.stopped_by.items():
        spoke = came.steps[key].done.outcome.nets
        silent = [net for net in nets if net not in spoke]
        if silent:
            say("stopped_by", f"{key}: {', '.join(silent)} did not speak; {', '.join(spoke) or 'no net'} did")
    for key in expect.allowed:
        outcome = came.steps[key].done.outcome
        if outcome.failed:
            say("allowed", f"{key} was to be allowed: {_why(came.steps[key])}")
        elif outcome.asked:
            say("allowed", f"{key} was to be allowed and was asked for more by {', '.join(outcome.nets)}")
        elif outcome.partly:
            say("allowed", f"{key} was to be allowed: {outcome.partly[0]}")
    return found


def _incident_failures(scenario: m.Scenario, came: Came) -> list[str]:
    expect = scenario.expect
    found: list[str] = []

    def say(key: str, at: m.Ref, what: str) -> None:
        found.append(f"account {scenario.name_of(at)}: {what} (line {expect.lines[key]})")

    for at in expect.incident:
        if not any(one.platform == at.platform and at.ref in one.accounts for one in came.incidents):
            say("incident", at, "no incident names it")
    for at, within in expect.detected_within_seconds.items():
        took = _detection(scenario, came, at)
        if took is None:
            say("detected_within_seconds", at, "what was done behind our back was never noticed")
        elif took > within:
            late = f"noticed after {_number(took)} s, not within {_number(within)}"
            say("detected_within_seconds", at, late)
    return found


def _detection(scenario: m.Scenario, came: Came, at: m.Ref) -> float | None:
    """Return how long the slowest noticing of a change behind our back took; None where one was not noticed."""
    changes = [step.at for step in scenario.steps if isinstance(step.deed, m.OutOfBand) and step.deed.account == at]
    slowest: float | None = None
    for change in changes:
        noticed = next((moment for moment in came.noticed[at] if moment >= change), None)
        if noticed is None:
            return None
        slowest = max(slowest or 0.0, (noticed - change).total_seconds())
    return slowest


def _number(value: float) -> Any:
    return int(value) if float(value).is_integer() else round(value, 3)
