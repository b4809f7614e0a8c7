"""The sixty seconds, on the real engine: each scene does something and returns what came of it, measured.

Nothing here prints and nothing is pretended: reports, cases, decisions, nets,
platform, rollback and ledger are those of production, on the store of `Stage`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from itertools import pairwise

from gardefou.demo import stage as on
from gardefou.demo.founding import bearer
from gardefou.demo.stage import PLATFORM, PRESIDENT, SCRIPT_LENGTH, Stage
from gardefou.demo.timeline import Story, story_of
from gardefou.domain.accounts import severity_of, state_name
from gardefou.domain.records import Account, Enforcement
from gardefou.domain.states import State
from gardefou.errors import Unavailable
from gardefou.flow.cases import claim, next_case, release, see_evidence
from gardefou.flow.decide import ActionWish, decide, enforce, preview_decision
from gardefou.flow.observe import look, take_in
from gardefou.flow.rollback import rollback
from gardefou.flow.spec import Wanted
from gardefou.nets.verdict import Verdict
from gardefou.scenario.load import load_text
from gardefou.scenario.run import replay
from gardefou.storage.records import get

_SECOND = timedelta(seconds=1)
#: From this severity on an account is down.
_DOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A case that was closed: who it was about, what was decided, what came of it, and in how many milliseconds."""

    handle: str
    text: str
    foretold: str
    outcome: str
    milliseconds: float


def three_spam_cases(stage: Stage) -> list[Closed]:
    """Take three reports, and close their cases one after the other."""
    texts = {report.account: report.text for report in on.spam()}
    stage.report(*on.spam())
    verdicts: dict[str, tuple[ActionWish, ...]] = {
        "2001": (ActionWish(action="suspend"),),
        "2002": (),
        "2003": (ActionWish(action="remove_content"),),
    }
    closed: list[Closed] = []
    for _ in verdicts:
        reviewer = stage.person(stage.reviewer)
        case = next_case(stage.app, reviewer)
        assert case is not None
        see_evidence(stage.app, reviewer, case.id)
        wishes = verdicts[case.account]
        policy = "spam" if wishes else ""
        outcome = None if wishes else "no_violation"
        foretold = preview_decision(stage.app, reviewer, case.id, outcome=outcome, policy=policy, actions=wishes)
        started = time.perf_counter()
        done = decide(stage.app, reviewer, case.id, outcome=outcome, policy=policy, actions=wishes)
        elapsed = time.perf_counter() - started
        if done.case.state != "closed" or any(one.state != State.IN_FORCE.value for one in done.enforcements):
            raise Unavailable("demo/unexpected", "An ordinary decision did not go straight through; please report it.")
        closed.append(
            Closed(
                handle=stage.network.read_state(case.account).handle,
                text=texts[case.account],
                foretold=foretold.says[0],
                outcome=wishes[0].action if wishes else "no_violation",
                milliseconds=elapsed * 1000,
            )
        )
    return closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An attempt on the real account that came to nothing."""

    account: Account
    text: str
    state: str
    why: str
    #: What the platform says of the account afterwards, and how many changes it ever saw.
    platform_says: str
    effects: int
    otherwise: str


def the_real_one(stage: Stage) -> Stopped:
    """Let a colleague on the last day act on the head of state's account; and see what anyone else would be told."""
    app = stage.app
    report = on.impersonation()
    case_id = stage.report(report)[0].case
    leaver = stage.person(stage.leaver)
    claim(app, leaver, case_id)
    see_evidence(app, leaver, case_id)
    wish = (ActionWish(action="deactivate"),)
    done = decide(app, leaver, case_id, policy="impersonation", actions=wish, rationale="One of many fakes.")
    refused = done.enforcements[0]
    release(app, leaver, case_id)
    other = preview_decision(app, stage.person(stage.reviewer), case_id, policy="impersonation", actions=wish)
    return Stopped(
        account=_account(stage, PRESIDENT),
        text=report.text,
        state=refused.state,
        why=_plainest(Verdict.from_json(refused.verdict)),
        platform_says=_state(stage, PRESIDENT),
        effects=len(stage.network.effects(PRESIDENT)),
        otherwise=other.says[0],
    )


def _plainest(verdict: Verdict) -> str:
    """Return the one line that says why: the refusal that is about this person's last day, else the first."""
    return next((one for one in verdict.refusals if "last 24 hours" in one), verdict.refusals[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """What the same click did where no net stood."""

    handle: str
    reach: int
    seconds: int
    milliseconds: float


def the_same_click_without_nets() -> Down:
    """Replay the click without nets, in memory and on a simulated clock."""
    file = resources.files("gardefou.demo") / "without_nets.toml"
    scenario = load_text(file.read_text(encoding="utf-8"), "without_nets.toml")
    done = replay(scenario, no_nets=True)
    try:
        account = scenario.accounts[0]
        log = done.world.platforms[account.at.platform].timeline(account.at.ref)
    finally:
        done.world.close()
    ends = [*(moment for moment, _ in log[1:]), done.ended_at]
    down = sum(
        (until - since for (since, measures), until in zip(log, ends, strict=True) if severity_of(measures) >= _DOWN),
        timedelta(),
    )
    return Down(handle=account.handle, reach=account.reach, seconds=round(down / _SECOND), milliseconds=done.elapsed_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What a runaway script did and did not do, and how it was undone."""

    asked: int
    went_down: int
    waiting: int
    waits_for: str
    restored: int
    withdrawn: int
    still_down: int
    rollback_milliseconds: float


def runaway_script(stage: Stage, tell: Callable[[bool], None] = lambda _down: None) -> Burst:
    """Let a script run through a list by one person's token, and a colleague roll it back.

    ``tell`` hears of each account whether it went down.
    """
    app = stage.app
    since = app.now() - _SECOND
    placed: list[Enforcement] = []
    for number in range(SCRIPT_LENGTH):
        wanted = Wanted(platform=PLATFORM, account=f"{3001 + number}", action="deactivate", policy="clean-up")
        made = enforce(app, bearer(app, stage.script), wanted)
        placed.append(made)
        tell(made.state == State.IN_FORCE.value)
    went_down = [one for one in placed if _down(stage, one.account)]
    waiting = [one for one in placed if one.state == State.WAITING.value]
    if not waiting:
        raise Unavailable("demo/unexpected", "The script was not stopped; please report it.")
    asks = Verdict.from_json(waiting[0].verdict)
    colleague = stage.person(stage.policy)
    started = time.perf_counter()
    back = rollback(app, colleague, by=stage.scripter, since=since)
    rolled = time.perf_counter() - started
    confirmed = [one for one in back.restores if one.state == State.IN_FORCE.value]
    still = sum(_down(stage, one.account) for one in placed)
    return Burst(
        asked=len(placed),
        went_down=len(went_down),
        waiting=len(waiting),
        waits_for=asks.reasons[0].title,
        restored=sum(not _down(stage, one.account) for one in went_down),
        withdrawn=len(confirmed) - len(went_down),
        still_down=still,
        rollback_milliseconds=rolled * 1000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What wrote itself: the near miss and the burst, each with its timeline."""

    near_miss: Story
    burst: Story
    down_seconds: float
    reach: int


def told_by_itself(stage: Stage, *, since: datetime) -> Told:
    """Read the incidents that opened by themselves since a moment."""
    stage.app.sequencer.integrate_all()
    near_miss = story_of(stage.app, "near_miss", since=since)
    burst = story_of(stage.app, "budget", since=since)
    if near_miss is None or burst is None:
        raise Unavailable("demo/unexpected", "An incident was not opened; please report it.")
    accounts = [_account(stage, ref) for ref in burst.incident.accounts]
    return Told(
        near_miss=near_miss,
        burst=burst,
        down_seconds=max(_down_seconds(stage, ref) for ref in burst.incident.accounts),
        reach=sum(account.reach or 0 for account in accounts),
    )


def leave_work(stage: Stage) -> None:
    """Leave something to do for whoever opens the console: cases, and an enforcement that waits for a lead."""
    left = on.left_waiting()
    stage.report(*left)
    for ref in dict.fromkeys(report.account for report in left):
        # As the console does when a case is opened, so that lists show handles and lookalikes at once.
        take_in(stage.app, look(stage.app, stage.network, ref))
    case_id = stage.report(on.newsdesk())[0].case
    reviewer = stage.person(stage.reviewer)
    see_evidence(stage.app, reviewer, claim(stage.app, reviewer, case_id).id)
    wish = ActionWish(action="suspend", until=stage.app.now() + timedelta(days=1))
    decide(stage.app, reviewer, case_id, policy="scam", actions=(wish,), rationale="It looks taken over.")
    stage.app.sequencer.integrate_all()


def _account(stage: Stage, ref: str) -> Account:
    with stage.app.works.read() as connection:
        account = get(connection, Account, PLATFORM, ref)
    assert account is not None
    return account


def _state(stage: Stage, ref: str) -> str:
    return state_name(stage.network.read_state(ref).measures)


def _down(stage: Stage, ref: str) -> bool:
    return severity_of(stage.network.read_state(ref).measures) >= _DOWN


def _down_seconds(stage: Stage, ref: str) -> float:
    log = stage.network.timeline(ref)
    return sum(
        (until - since) / _SECOND for (since, measures), (until, _) in pairwise(log) if severity_of(measures) >= _DOWN
    )


def handles(stage: Stage, refs: Sequence[str]) -> list[str]:
    """Return the handles of accounts."""
    return [_account(stage, ref).handle for ref in refs]
