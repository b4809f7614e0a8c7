"""The friction bar (RULES): an ordinary week asks for anything at most 3 times in 1,000 decisions; and is quiet.

What "ordinary" means is written down and defended in ``docs/friction.md``; the simulation is `tests.nets.week`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from gardefou.domain.accounts import Tier
from gardefou.domain.records import Enforcement
from gardefou.errors import StepUpRequired
from gardefou.flow.place import place
from gardefou.nets.facts import SCHEMA
from gardefou.nets.load import load
from gardefou.nets.shipped import load_shipped, shipped_text
from tests.flow.world import World
from tests.nets.week import Act, Judged, Platform, run, week

_BAR = 3.0
_SMALL = Platform(
    decisions_a_day=1_400,
    reviewers=9,
    teams=2,
    newcomers=3,
    newcomer_pace=1.0,
    leavers=0,
    last_days=0,
    waves=0,
    automatic=4,
    lookalike=0.0,
    verified=0.02,
    token_share=0.0,
)


def test_an_ordinary_week_asks_for_anything_at_most_three_times_in_a_thousand():
    found = run(Platform())
    assert found.decisions >= 175_000
    assert found.per_thousand <= _BAR, found.table()
    # It is no week in which nothing happens: the nets that are to speak on one do.
    assert {"severity-4-fresh", "newcomer-hour", "notable-one-lead", "lookalike-identity"} <= set(found.nets)
    assert found.machine_asked == 0


def test_a_net_that_is_too_eager_is_seen():
    text = shipped_text("default").replace(
        "recent.actor_1h.severity3 + action.bulk > 60", "recent.actor_1h.severity3 > 2"
    )
    eager = load(text, "eager")
    small = replace(Platform(), decisions_a_day=3_000, reviewers=14, newcomers=0, leavers=0, last_days=0, waves=0)
    assert run(small, nets=eager).per_thousand > _BAR


def test_every_fact_is_known_in_the_simulation():
    [act] = [act for _, act, _ in week(_SMALL, Random(3)) if act is not None][:1]
    assert set(Judged(load_shipped("default")).facts(act)) == set(SCHEMA)


class Replayed:
    """Puts the acts of a simulated morning through the real flow, each at its moment."""

    def __init__(self, platform: Platform, seed: int, most: int) -> None:
        self.world = World()
        self.world.person("lead", "lead")
        acts = [act for _, act, _ in week(platform, Random(seed)) if act is not None and act.at > 10 * 3_600]
        self.acts = acts[:most]
        #: Its clock stands at noon; the simulated week begins where that makes the first act's moment.
        self.begin = self.world.now - timedelta(seconds=self.acts[0].at)
        self.machine = self.world.service("machine")
        for name, person in {act.by.name: act.by for act in self.acts if act.by is not None}.items():
            self.world.person(name, "reviewer", team=person.team, days=int(person.tenure_days) + 1)

    def place(self, number: int, acts: list[Act]) -> list[Enforcement]:
        """Place the acts of one decision."""
        world, first = self.world, acts[0]
        world.clock.advance_to(max(world.now, self.begin + timedelta(seconds=first.at)))
        ref = f"s{number}"
        labels = {Tier.PROTECTED: ["government"], Tier.NOTABLE: ["moderator"]}.get(first.tier, [])
        world.sandbox.put_account(
            ref, handle=f"somebody {number}", reach=first.reach, labels=labels, age_days=first.age_days
        )
        wishes = []
        for act in acts:
            items = tuple(f"{ref}-{item}" for item in range(act.items))
            for item in items:
                world.sandbox.put_content(item, account=ref)
            wishes.append(world.prepare(ref, act.action.value, content=items))
        who = self.machine if first.by is None else world.actor(first.by.name)
        try:
            made = place(world.app, who, wishes)
        except StepUpRequired:
            assert first.by is not None
            made = place(world.app, world.fresh(first.by.name), wishes)
        world.settle(integrate=False)
        return made


def decisions(acts: list[Act]) -> list[list[Act]]:
    """Return the acts by decision; each of a machine's is one by itself."""
    found: list[list[Act]] = []
    for act in acts:
        if found and act.decision and found[-1][0].decision == act.decision:
            found[-1].append(act)
        else:
            found.append([act])
    return found


@pytest.fixture
def replayed():
    made: list[Replayed] = []

    def start(platform: Platform, seed: int, most: int) -> Replayed:
        made.append(Replayed(platform, seed, most))
        return made[-1]

    yield start
    for one in made:
        one.world.close()


@pytest.mark.long
def test_the_simulation_counts_and_judges_as_the_flow_does(replayed):
    day = replayed(_SMALL, 5, 330)
    judged = Judged(load_shipped("default"))
    compared = [name for name in SCHEMA if name.startswith(("recent.", "action.", "account.tier", "account.reach"))]
    asked = 0
    for number, acts in enumerate(decisions(day.acts)):
        for act, made in zip(acts, day.place(number, acts), strict=True):
            ours = judged.facts(act)
            theirs = made.facts
            assert {name: theirs[name] for name in compared} == {name: ours[name] for name in compared}
            assert theirs["account.enforced_24h"] == ours["account.enforced_24h"]
            verdict = judged.judge(act)
            spoke = {reason.net for reason in verdict.reasons} - {"severity-4-fresh"}
            assert day.world.nets_of(made) - {"severity-4-fresh"} == spoke
            asked += bool(spoke)
    assert asked, "the sample has acts that were asked about"


def test_an_ordinary_day_opens_no_incident_and_raises_no_alert(replayed):
    quiet = replace(_SMALL, newcomers=0, verified=0.0, reach_most=50_000, protected_label=0.0)
    day = replayed(quiet, 7, 300)
    for number, acts in enumerate(decisions(day.acts)):
        for made in day.place(number, acts):
            assert made.approve_by is None
    assert day.world.incidents() == []
    assert day.world.events("alert.raised") == []
    assert day.world.pauses() == []
    assert {one.state for one in day.world.enforcements()} == {"in_force"}
